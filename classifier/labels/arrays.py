"""Named arrays in a file (npz), read without trusting it: nothing is unpickled, nothing is larger than it may be.

NumPy's own reader refuses pickles too, but believes what a file says of its sizes: a member of some kilobytes may
unpack to all of a machine's memory. Here, everything is checked against what the file could hold before it is read.
"""

from __future__ import annotations

import io
import math
import re
import warnings
import zipfile
import zlib
from collections.abc import Mapping

import numpy as np

from classifier.errors import InvalidModel

_MEMBER = re.compile(r"([A-Za-z][A-Za-z0-9_]{0,63})\.npy")
_KINDS = "biufU"
_MOST_HEADER = 10_000
_STORED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def write_arrays(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return arrays as the bytes of an npz file; the same arrays give the same bytes.

    Parameters
    ----------
    arrays : mapping of str to np.ndarray
        Names are identifiers of ASCII letters, digits and underscores; numbers, bools or text.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.asarray(array, order="C"), allow_pickle=False)
            # A date of its own would make every file another one.
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), member.getvalue(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def read_arrays(content: bytes, most_bytes: int) -> dict[str, np.ndarray]:
    """Return the arrays of an npz file.

    Parameters
    ----------
    content : bytes
        The file; anybody's.
    most_bytes : int
        Bytes that all arrays together may take.

    Returns
    -------
    dict of str to np.ndarray
        Bools, integers, finite floats or text; of their own, and writable.

    Raises
    ------
    InvalidModel
        If the file is no such archive, is damaged, is larger than ``most_bytes``, or holds anything else.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            _check_members(members, most_bytes)
            return {info.filename[:-4]: _array(info.filename, _read(archive, info)) for info in members}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        raise InvalidModel(f"the arrays cannot be read ({error}): the file is damaged, or another one") from None


def _check_members(members: list[zipfile.ZipInfo], most_bytes: int) -> None:
    names = [info.filename for info in members]
    for name in names:
        if not _MEMBER.fullmatch(name) or names.count(name) > 1:
            raise InvalidModel(f"the arrays hold a member {name[:100]!r}: names are unique identifiers ending in .npy")
    if any(info.compress_type not in _STORED or info.flag_bits & 1 for info in members):
        raise InvalidModel("the arrays are encrypted, or compressed by another method than deflate")
    total = sum(info.file_size for info in members)
    if total > most_bytes:
        raise InvalidModel(f"the arrays would take {total:,} bytes: at most {most_bytes:,} are allowed")


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    with archive.open(info) as member:
        content = member.read(info.file_size + 1)
    if len(content) != info.file_size:
        raise InvalidModel(f"array {info.filename!r} has another length than the archive says")
    return content


def _array(name: str, content: bytes) -> np.ndarray:
    file = io.BytesIO(content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            version = np.lib.format.read_magic(file)
            readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
            shape, fortran, dtype = readers[version](file, max_header_size=_MOST_HEADER)
    except (ValueError, KeyError, TypeError, SyntaxError, Warning, RecursionError, MemoryError):
        raise InvalidModel(f"array {name!r} has a header that cannot be read") from None
    if dtype.kind not in _KINDS or dtype.hasobject:
        raise InvalidModel(f"array {name!r} is of the type {dtype}: only numbers, bools and text are read")
    left = len(content) - file.tell()
    if any(size < 0 for size in shape) or dtype.itemsize * math.prod(shape) != left:
        raise InvalidModel(f"array {name!r} of the shape {shape} does not fit into its {left} bytes")
    if dtype.itemsize == 0:
        raise InvalidModel(f"array {name!r} holds texts without length")
    array = np.frombuffer(content, dtype, offset=file.tell()).reshape(shape, order="F" if fortran else "C").copy()
    if dtype.kind == "f" and not np.isfinite(array).all():
        raise InvalidModel(f"array {name!r} holds numbers that are not finite")
    return array
