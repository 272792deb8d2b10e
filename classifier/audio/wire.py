"""How parent and decoder process talk: short JSON messages and blocks of samples over a Unix socket.

A message is four bytes of length (big-endian) and UTF-8 JSON. A child first sends ``{"ready": …}`` or
``{"failed": …}``. A job carries one file descriptor, the file to read. The child answers ``{"started": true}``; then
any number of ``{"samples": n}``, each followed by n native-endian float32, with an ``{"audio_s": seconds}`` from time
to time; finally either ``{"error": class name, "message": text}`` or the fields of
:class:`classifier.audio.decoded.AudioInfo`. For a job with ``probe`` set there are no samples, and the fields are those
of :class:`classifier.audio.decoded.Tagged`. The socket holds about 200 kB: a child that is ahead waits until its
samples are read.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

#: Most bytes of JSON: 200 tags of 2,000 characters, each six bytes at worst, and some to spare.
LARGEST = 1 << 22
#: Samples of a block.
MAX_BLOCK = 1 << 17


def send(channel: socket.socket, message: Mapping[str, Any], descriptors: Sequence[int] = ()) -> None:
    """Write one message, handing over ``descriptors`` with its first bytes."""
    body = json.dumps(message).encode()
    data = struct.pack(">I", len(body)) + body
    sent = socket.send_fds(channel, [data], descriptors) if descriptors else 0
    channel.sendall(data[sent:])


def send_samples(channel: socket.socket, samples: np.ndarray) -> None:
    """Write one block: at most :data:`MAX_BLOCK` float32."""
    send(channel, {"samples": len(samples)})
    channel.sendall(np.ascontiguousarray(samples).data.cast("B"))


def receive(channel: socket.socket) -> dict[str, Any]:
    """Read one message; descriptors sent along are dropped by the system.

    Raises
    ------
    EOFError
        If the other side has gone.
    ValueError
        If what arrived is not a message.
    """
    return _body(channel, _exactly(channel, 4))


def receive_samples(channel: socket.socket, count: int) -> np.ndarray:
    """Read a block of ``count`` float32, as its message announced it; raises as :func:`receive` does."""
    if not 0 < count <= MAX_BLOCK:
        raise ValueError(f"block of {count} samples")
    samples = np.empty(count, np.float32)
    left = samples.data.cast("B")
    while left:
        n = channel.recv_into(left)
        if n == 0:
            raise EOFError
        left = left[n:]
    return samples


def receive_job(channel: socket.socket) -> tuple[dict[str, Any], int]:
    """Read one message and the descriptor that comes with it; raises as :func:`receive` does."""
    head, descriptors, _, _ = socket.recv_fds(channel, 4, 1)
    if not head:
        raise EOFError
    return _body(channel, head + _exactly(channel, 4 - len(head))), descriptors[0]


def _body(channel: socket.socket, head: bytes) -> dict[str, Any]:
    (length,) = struct.unpack(">I", head)
    if length > LARGEST:
        raise ValueError(f"message of {length} bytes")
    message = json.loads(_exactly(channel, length))
    if not isinstance(message, dict):
        raise ValueError("the message is not an object")
    return message


def _exactly(channel: socket.socket, count: int) -> bytes:
    parts = []
    while count:
        part = channel.recv(min(count, 1 << 16))
        if not part:
            raise EOFError
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
