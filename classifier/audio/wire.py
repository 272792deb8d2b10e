"""How the parent and its decoder processes talk: short JSON messages over a Unix socket.

A message is four bytes of length (big-endian) and UTF-8 JSON. A child says ``{"ready": …}`` or ``{"failed": …}``
once. A job carries two file descriptors, the file to read and an empty one for the samples; the child answers
``{"started": true}``, perhaps ``{"audio_s": seconds}`` now and then, and last either ``{"error": class name,
"message": text}`` or the facts of :class:`classifier.audio.decoder.Audio`; of a job with ``probe`` set, those of
:class:`classifier.audio.decoder.Tagged`.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Mapping, Sequence
from typing import Any

#: Bytes of JSON: 200 tags of 2,000 characters, six bytes each at worst, and some.
LARGEST = 1 << 22


def send(channel: socket.socket, message: Mapping[str, Any], descriptors: Sequence[int] = ()) -> None:
    """Write one message, handing over ``descriptors`` with its first bytes."""
    body = json.dumps(message).encode()
    data = struct.pack(">I", len(body)) + body
    sent = socket.send_fds(channel, [data], descriptors) if descriptors else 0
    channel.sendall(data[sent:])


def receive(channel: socket.socket) -> dict[str, Any]:
    """Read one message; descriptors sent along are dropped by the system.

    Raises
    ------
    EOFError
        If the other side is gone.
    ValueError
        If what came is no message.
    """
    return _body(channel, _exactly(channel, 4))


def receive_job(channel: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Read one message and up to two descriptors that come with it; raises as :func:`receive` does."""
    head, descriptors, _, _ = socket.recv_fds(channel, 4, 2)
    if not head:
        raise EOFError
    return _body(channel, head + _exactly(channel, 4 - len(head))), list(descriptors)


def _body(channel: socket.socket, head: bytes) -> dict[str, Any]:
    (length,) = struct.unpack(">I", head)
    if length > LARGEST:
        raise ValueError(f"message of {length} bytes")
    message = json.loads(_exactly(channel, length))
    if not isinstance(message, dict):
        raise ValueError("message is no object")
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


def or_raise(kind: str, snippet: str, track: str) -> str:
    """Return the end of a remedy that names the setting behind a snippet's or a track's limit, else nothing."""
    name = {"snippet": snippet, "track": track}.get(kind)
    return f", or raise the setting {name}" if name else ""
