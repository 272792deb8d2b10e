"""TensorFlow checkpoints, written from the format's description: for reading them, and for spoiling them."""

from __future__ import annotations

import struct
from collections.abc import Mapping

import numpy as np

from classifier.labels.musicnn.checkpoint import crc32c, masked
from classifier.labels.musicnn.convert import shapes


def varint(number: int) -> bytes:
    out = bytearray()
    while number >= 128:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def entry(shape: tuple[int, ...], offset: int, size: int, crc: int, kind: int = 1) -> bytes:
    """What the index says of a tensor."""
    dimensions = b"".join(field(2, field(1, n)) for n in shape)
    message = field(1, kind) + field(2, dimensions) + field(4, offset) + field(5, size)
    return message + varint(6 << 3 | 5) + struct.pack("<I", crc)


def block(items: list[tuple[bytes, bytes]], restart_every: int = 4) -> bytes:
    """A block of the table, with its compression byte and checksum."""
    out, restarts, before = bytearray(), [], b""
    for i, (key, value) in enumerate(items):
        shared = 0
        if i % restart_every == 0:
            restarts.append(len(out))
        else:
            while shared < min(len(key), len(before)) and key[shared] == before[shared]:
                shared += 1
        out += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        before = key
    out += b"".join(struct.pack("<I", at) for at in restarts or [0]) + struct.pack("<I", max(1, len(restarts)))
    out += b"\0"
    return bytes(out) + struct.pack("<I", masked(crc32c(bytes(out))))


def table(values: Mapping[bytes, bytes], per_block: int = 10) -> bytes:
    """A sorted string table."""
    items = sorted(values.items())
    out, index = bytearray(), []
    for start in range(0, len(items), per_block):
        part = items[start : start + per_block]
        content = block(part)
        index.append((part[-1][0], varint(len(out)) + varint(len(content) - 5)))
        out += content
    handles = b""
    for content in (block([]), block(index)):
        handles += varint(len(out)) + varint(len(content) - 5)
        out += content
    return bytes(out) + handles.ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)


def bundle(tensors: Mapping[str, np.ndarray]) -> tuple[bytes, bytes]:
    """Index and data of a checkpoint with these tensors, float32."""
    data, values = bytearray(), {b"": field(1, 1)}
    for name, tensor in tensors.items():
        raw = np.asarray(tensor, "<f4").tobytes()
        values[name.encode()] = entry(tensor.shape, len(data), len(raw), masked(crc32c(raw)))
        data += raw
    return table(values), bytes(data)


def network(seed: int) -> dict[str, np.ndarray]:
    """Tensors of a network of the published shape: some filters dead, some scales negative."""
    rng = np.random.default_rng(seed)
    tensors = {}
    for name, shape in shapes().items():
        kind = name.rpartition("/")[2]
        if kind == "kernel":
            fan_in = int(np.prod(shape[:-1]))
            tensors[name] = rng.standard_normal(shape) / np.sqrt(fan_in)
        elif kind == "moving_variance":
            tensors[name] = rng.uniform(0.3, 2.0, shape)
        elif kind == "gamma":
            tensors[name] = rng.uniform(0.3, 1.5, shape) * np.where(rng.random(shape) < 0.3, -1, 1)
        else:
            tensors[name] = 0.4 * rng.standard_normal(shape)
    for number in range(6):  # the front end and the first layer, as published
        kernel = tensors[f"conv2d_{number}/kernel" if number else "conv2d/kernel"]
        dead = rng.random(kernel.shape[-1]) < 0.8
        dead[:2] = True, False
        kernel[..., dead] = 1e-20
    return {name: tensor.astype(np.float32) for name, tensor in tensors.items()}
