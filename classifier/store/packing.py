"""Named arrays to one string of bytes and back: the only form in which numbers are stored in bulk.

Conventions
-----------
- Every array is C-ordered and little-endian on any machine. Its first byte lies on a multiple of 8, after zero
  padding, so that a view of it is aligned.
- The layout is a flat list with one string for each array: ``"weights <f4 256,6"`` is name, dtype and shape; the shape
  of a scalar array is ``-``. It is flat because nested lists are not portable between stores.
- Nothing is ever pickled: a layout can name only the dtypes in :data:`DTYPES`, and lengths must add up exactly.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

import numpy as np

from classifier.errors import InvalidParameter, StoreCorrupt

#: Dtypes that may be stored.
DTYPES = ("<f4", "<f8", "<i2", "<i4", "<i8", "|i1", "|u1", "<u2", "<u4", "<u8", "|b1")
ALIGNMENT = 8

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_SHAPE = re.compile(r"-|[0-9]{1,15}(,[0-9]{1,15}){0,7}")


def pack(arrays: Mapping[str, np.ndarray]) -> tuple[bytes, list[str]]:
    """Join arrays into one string of bytes.

    Parameters
    ----------
    arrays : mapping of str to np.ndarray
        Names are identifiers. Any shape, including empty, and any byte order. Floats must be finite.

    Returns
    -------
    data : bytes
        The arrays one after another.
    layout : list of str
        Name, dtype and shape of each, in the same order.

    Raises
    ------
    InvalidParameter
        For a name that is not an identifier, a dtype not in :data:`DTYPES`, NaN or infinity.
    """
    parts: list[bytes] = []
    layout: list[str] = []
    length = 0
    for name, values in arrays.items():
        if not _NAME.fullmatch(name):
            raise InvalidParameter(
                f"array name {name!r} is not an identifier of at most 64 letters, digits and underscores"
            )
        array = np.asarray(values)
        dtype = array.dtype.newbyteorder("<")
        if dtype.str not in DTYPES:
            raise InvalidParameter(f"array {name!r} has dtype {array.dtype}: convert it to one of {', '.join(DTYPES)}")
        if array.ndim > 8:
            raise InvalidParameter(f"array {name!r} has {array.ndim} axes: at most 8 can be stored")
        if dtype.kind == "f" and not np.isfinite(array).all():
            raise InvalidParameter(f"array {name!r} holds NaN or infinity: only finite numbers are stored")
        packed = array.astype(dtype, order="C", copy=False).tobytes()
        padding = -length % ALIGNMENT
        parts += [bytes(padding), packed]
        length += padding + len(packed)
        layout.append(f"{name} {dtype.str} {','.join(map(str, array.shape)) or '-'}")
    return b"".join(parts), layout


def unpack(data: bytes, layout: Sequence[str]) -> dict[str, np.ndarray]:
    """Return read-only views of the arrays in ``data``.

    Parameters
    ----------
    data : bytes
        From :func:`pack`.
    layout : sequence of str
        The layout that belongs to it.

    Returns
    -------
    dict of str to np.ndarray
        In the layout's order. The views keep ``data`` alive and cannot be written to.

    Raises
    ------
    StoreCorrupt
        If the layout is malformed, names another dtype, or does not account for exactly these bytes.
    """
    arrays: dict[str, np.ndarray] = {}
    position = 0
    for entry in layout:
        name, dtype, shape = _parse(entry)
        if name in arrays:
            raise StoreCorrupt(f"packed data names the array {name!r} twice")
        start = position + -position % ALIGNMENT
        n_items = math.prod(shape)
        end = start + n_items * dtype.itemsize
        if end > len(data):
            raise StoreCorrupt(f"packed data has {len(data)} bytes, but {entry!r} would end at byte {end}")
        if any(data[position:start]):
            raise StoreCorrupt(f"packed data has stray bytes before {entry!r}")
        try:
            array = np.frombuffer(data, dtype=dtype, count=n_items, offset=start) if n_items else np.empty(0, dtype)
            array = array.reshape(shape)
        except ValueError:
            raise StoreCorrupt(f"packed data names an impossible shape: {entry!r}") from None
        if dtype.kind == "b" and (array.view(np.uint8) > 1).any():
            raise StoreCorrupt(f"packed data holds bytes other than 0 and 1 in {entry!r}")
        array.flags.writeable = False
        arrays[name] = array
        position = end
    if position != len(data):
        raise StoreCorrupt(f"packed data has {len(data)} bytes, but its layout describes {position}")
    return arrays


def _parse(entry: object) -> tuple[str, np.dtype, tuple[int, ...]]:
    parts = entry.split(" ") if isinstance(entry, str) else []
    if len(parts) != 3 or parts[1] not in DTYPES or not _NAME.fullmatch(parts[0]) or not _SHAPE.fullmatch(parts[2]):
        raise StoreCorrupt(f"packed data has a malformed layout: {str(entry)[:80]!r}")
    name, dtype, shape = parts
    return name, np.dtype(dtype), () if shape == "-" else tuple(int(n) for n in shape.split(","))
