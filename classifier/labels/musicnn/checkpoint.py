"""Tensors out of a TensorFlow checkpoint ("tensor bundle"), without TensorFlow and without running anything.

A bundle has an index and data. The index is a sorted string table in LevelDB's format: blocks of prefix-compressed
keys, each followed by a byte for its compression and a masked CRC-32C, and a footer of 48 bytes that ends in a magic
number. A value is a protocol buffer that says of a tensor: type, shape, place and length in the data, masked CRC-32C.

Whatever comes from the file is checked before it is used: every offset and length against the bytes there are, every
checksum, every shape against the length. The file may be anybody's.

Sources: LevelDB's ``doc/table_format.md``; TensorFlow's ``tensor_bundle.proto`` and ``tensor_shape.proto``; RFC 3720,
appendix B.4 (CRC-32C and its test values).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from classifier.errors import InvalidModel

_MAGIC = 0xDB4775248B80FB57
_FOOTER, _TRAILER = 48, 5
_FLOAT = 1
_MOST_DIMENSIONS = 8


def read_bundle(index: bytes, data: bytes, names: list[str]) -> dict[str, np.ndarray]:
    """Return some float32 tensors of a checkpoint by their names.

    Parameters
    ----------
    index, data : bytes
        Contents of the ``.index`` file and of its only data file.
    names : list of str
        Tensors wanted.

    Returns
    -------
    dict of str to np.ndarray, float32
        In the order of ``names``.

    Raises
    ------
    InvalidModel
        If a name is missing, or anything in the files contradicts the format, a bound or a checksum.
    """
    values = dict(_table(index))
    header = _fields(values.pop(b"", b""))
    if header.get(1) != 1 or header.get(2, 0) != 0:
        raise InvalidModel("the checkpoint is not one little-endian data file: take the pinned package")
    found = {}
    for name in names:
        if name.encode() not in values:
            raise InvalidModel(f"the checkpoint holds no tensor {name!r}: take the pinned package")
        found[name] = _tensor(name, _entry(name, values[name.encode()]), data)
    return found


# --- the table ----------------------------------------------------------------------------------------------


def _table(index: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield keys and values of a sorted string table."""
    if len(index) < _FOOTER or struct.unpack("<Q", index[-8:])[0] != _MAGIC:
        raise InvalidModel("the checkpoint's index does not end as such a file must: it is cut off, or another file")
    footer = index[-_FOOTER:-8]
    at = 0
    for _ in range(2):  # the meta index, which holds nothing
        _, at = _varint(footer, at)
    handle = footer[at:]
    for _, place in _entries(_block(index, handle)):
        yield from _entries(_block(index, place))


def _block(index: bytes, handle: bytes) -> bytes:
    """Return the block at a handle (offset and length), its checksum tested."""
    offset, at = _varint(handle, 0)
    size, _ = _varint(handle, at)
    end = offset + size
    if end + _TRAILER > len(index) - _FOOTER:
        raise InvalidModel(f"a block of the checkpoint's index ends at byte {end}, beyond its {len(index)}")
    if index[end] != 0:
        raise InvalidModel(f"a block of the checkpoint's index is compressed (kind {index[end]}): it must not be")
    _check_crc("a block of the checkpoint's index", index[offset : end + 1], _fixed32(index, end + 1))
    return index[offset:end]


def _entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield keys and values of a block."""
    if len(block) < 4:
        raise InvalidModel(f"a block of the checkpoint's index has {len(block)} bytes: at least 4 are needed")
    end = len(block) - 4 - 4 * _fixed32(block, len(block) - 4)
    if end < 0:
        raise InvalidModel("a block of the checkpoint's index has more restarts than bytes")
    at, key = 0, b""
    while at < end:
        shared, at = _varint(block, at)
        fresh, at = _varint(block, at)
        length, at = _varint(block, at)
        if shared > len(key) or at + fresh + length > end:
            raise InvalidModel("an entry of the checkpoint's index is longer than its block")
        key = key[:shared] + block[at : at + fresh]
        at += fresh + length
        yield key, block[at - length : at]


# --- tensors ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Entry:
    """Where a tensor lies: shape, bytes from and to, masked checksum."""

    shape: tuple[int, ...]
    start: int
    size: int
    crc: int


def _entry(name: str, value: bytes) -> _Entry:
    fields = _fields(value)
    if fields.get(1) != _FLOAT or fields.get(3, 0) != 0 or 7 in fields:
        raise InvalidModel(f"tensor {name!r} is not a whole array of float32 in the only data file")
    shape = fields.get(2, b"")
    sizes = []
    for number, dimension in _messages(shape if isinstance(shape, bytes) else b"\xff"):
        size = _fields(dimension).get(1, 0) if isinstance(dimension, bytes) else -1
        if number != 2 or not isinstance(size, int) or not 0 <= size < 2**31:
            raise InvalidModel(f"tensor {name!r} has a shape that cannot be read")
        sizes.append(size)
    place = [fields.get(key, 0) for key in (4, 5, 6)]
    if len(sizes) > _MOST_DIMENSIONS or not all(isinstance(number, int) for number in place):
        raise InvalidModel(f"tensor {name!r} has a place or shape that cannot be read")
    start, size, crc = (int(number) for number in place)
    return _Entry(tuple(sizes), start, size, crc)


def _tensor(name: str, entry: _Entry, data: bytes) -> np.ndarray:
    count = 1
    for size in entry.shape:
        count *= size  # Python's integers: no overflow
    if entry.size != 4 * count:
        raise InvalidModel(f"tensor {name!r} has {entry.size} bytes for the shape {entry.shape}: {4 * count} fit")
    if entry.start + entry.size > len(data):
        raise InvalidModel(f"tensor {name!r} ends at byte {entry.start + entry.size} of {len(data)}")
    raw = data[entry.start : entry.start + entry.size]
    _check_crc(f"tensor {name!r}", raw, entry.crc)
    array = np.frombuffer(raw, "<f4").reshape(entry.shape).astype(np.float32)
    if not np.isfinite(array).all():
        raise InvalidModel(f"tensor {name!r} holds numbers that are not finite")
    return array


# --- protocol buffers ---------------------------------------------------------------------------------------


def _fields(message: int | bytes) -> dict[int, int | bytes]:
    """Return the last value of each field; numbers of fixed and variable length as int, the others as bytes."""
    return dict(_messages(message if isinstance(message, bytes) else b""))


def _messages(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield field numbers and values in their order."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        if kind == 0:
            number, at = _varint(message, at)
            yield key >> 3, number
            continue
        if kind == 2:
            size, at = _varint(message, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise InvalidModel(f"the checkpoint's index holds a field of unknown kind {kind}")
        if at + size > len(message):
            raise InvalidModel("a field of the checkpoint's index is longer than its message")
        value = message[at : at + size]
        at += size
        yield key >> 3, value if kind == 2 else int.from_bytes(value, "little")


def _varint(text: bytes, at: int) -> tuple[int, int]:
    """Return a number of variable length (at most ten bytes) and the place after it."""
    number = 0
    for shift in range(0, 70, 7):
        if at >= len(text):
            break
        byte = text[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number & (2**64 - 1), at
    raise InvalidModel("a number in the checkpoint's index has no end")


def _fixed32(text: bytes, at: int) -> int:
    return int.from_bytes(text[at : at + 4], "little")


# --- checksums ----------------------------------------------------------------------------------------------


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return tuple(table)


_TABLE = _crc_table()


def crc32c(text: bytes) -> int:
    """Return the CRC-32C (Castagnoli) of bytes; ``crc32c(b"123456789") == 0xE3069283``."""
    crc = 0xFFFFFFFF
    table = _TABLE
    for byte in text:
        crc = crc >> 8 ^ table[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


def masked(crc: int) -> int:
    """Return a CRC as LevelDB stores it: rotated right by 15 bits, plus a constant, modulo 2^32."""
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _check_crc(what: str, text: bytes, stored: int) -> None:
    if masked(crc32c(text)) != stored:
        raise InvalidModel(f"{what} does not match its checksum: the file is damaged, fetch it again")
