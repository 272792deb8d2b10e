"""Arrays as NumPy files: written in pieces, and mapped.

Files are written, not mapped for writing: a full disk then raises an error, where a mapping would kill the process.
"""

from __future__ import annotations

import contextlib
import io
import math
import mmap
import os
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from classifier.index.files import checksum, sync

#: Bytes copied from mapped arrays before their memory is given back.
_COPY_BYTES = 2**24


def write_array(path: Path, pieces: Sequence[np.ndarray]) -> dict[str, Any]:
    """Write arrays as one NumPy file and sync it; return its entry in the table."""
    dtype, shape = pieces[0].dtype, (sum(map(len, pieces)), *pieces[0].shape[1:])
    header = _header(dtype, shape)
    total = zlib.crc32(header)
    with open(path, "wb") as file:
        file.write(header)
        unseen = 0
        for piece in pieces:
            step = max(1, _COPY_BYTES * len(piece) // max(1, piece.nbytes))
            for first in range(0, len(piece), step):
                data = np.ascontiguousarray(piece[first : first + step], dtype).data
                file.write(data)
                total = zlib.crc32(data, total)
                unseen += data.nbytes
                if unseen >= _COPY_BYTES:
                    _let_go(piece)
                    unseen = 0
        sync(file)
    return {"shape": shape, "crc32": total}


class GrowingArrays:
    """Arrays that are written to a folder piece by piece, whose numbers of rows are known only at the end.

    Parameters
    ----------
    folder : Path
        Where to.
    dtypes : mapping of str to np.dtype
        The arrays.
    """

    def __init__(self, folder: Path, dtypes: Mapping[str, np.dtype[Any]]) -> None:
        self._folder, self._dtypes = folder, dtypes
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._files: dict[str, IO[bytes]] = {}
        self._closing = contextlib.ExitStack()

    def __enter__(self) -> GrowingArrays:
        with contextlib.ExitStack() as stack:
            for name in self._dtypes:
                self._files[name] = stack.enter_context(open(self._folder / f"{name}.npy", "w+b"))
            self._closing = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._closing.close()

    def append(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Write the next rows of each array."""
        for name, array in arrays.items():
            if name not in self._shapes:  # numpy leaves room in a header for as many rows as will come
                self._shapes[name] = (0, *array.shape[1:])
                self._files[name].write(_header(self._dtypes[name], self._shapes[name]))
            if array.size:
                self._files[name].write(np.ascontiguousarray(array, self._dtypes[name]).data)
            self._shapes[name] = (self._shapes[name][0] + len(array), *self._shapes[name][1:])

    def finish(self) -> dict[str, dict[str, Any]]:
        """Write the headers, sync the files to disk, and return their entries in a segment's table."""
        for name, file in self._files.items():
            file.seek(0)
            file.write(_header(self._dtypes[name], self._shapes[name]))
            sync(file)
        return {
            name: {"shape": shape, "crc32": checksum(self._folder / f"{name}.npy")}
            for name, shape in self._shapes.items()
        }


def map_array(path: Path, dtype: np.dtype[Any], shape: tuple[int, ...]) -> np.ndarray:
    """Memory-map an array; an empty one, which cannot be mapped, is made.

    The header is compared, not interpreted, because a damaged one may say anything.
    """
    header = _header(dtype, shape)
    with open(path, "rb") as file:
        start, size = file.read(len(header)), os.fstat(file.fileno()).st_size
    wanted = len(header) + dtype.itemsize * math.prod(shape)
    if start != header or size != wanted:
        raise ValueError(f"{path.name} does not hold {dtype} of shape {shape} in {wanted} bytes")
    if not math.prod(shape):
        return np.empty(shape, dtype)
    # A plain array on the mapped memory: slices of a memmap are made by Python code, and a query takes hundreds.
    return np.asarray(np.memmap(path, dtype, "r", len(header), shape))


def _header(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    """Return the header of the NumPy file of an array."""
    header = io.BytesIO()
    fields = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, fields)
    return header.getvalue()


def mapping_of(array: np.ndarray) -> mmap.mmap | None:
    """Return the mapped file that holds an array's numbers; None if they are in memory."""
    base: object = array
    while isinstance(base, np.ndarray):
        base = base.base
    return base if isinstance(base, mmap.mmap) else None


def _let_go(array: np.ndarray) -> None:
    """Give back the memory of a mapped array, which it takes again from the file when it is next read."""
    mapped = mapping_of(array)
    if mapped is not None:
        mapped.madvise(mmap.MADV_DONTNEED)
