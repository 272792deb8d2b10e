"""States of listeners as files: NumPy archives of plain arrays, never pickles."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

import numpy as np

from classifier.errors import InvalidParameter

#: Version of what a state holds.
FORMAT = 2
#: Most bytes of arrays that are read: a listener has 10 MB of them, and gains 28 kB an hour.
MAX_BYTES = 256 << 20


def to_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return arrays as the bytes of a file."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, format=np.array(FORMAT), **arrays)
    return buffer.getvalue()


def from_bytes(data: bytes) -> dict[str, np.ndarray]:
    """Return the arrays that :func:`to_bytes` turned into bytes.

    Raises
    ------
    InvalidParameter
        If it is not one, or of another release.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(item.file_size for item in archive.infolist())
        if size > MAX_BYTES:
            raise ValueError(f"it holds {size:,} bytes")
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        if int(arrays.pop("format")) != FORMAT:
            raise ValueError("it was written by another release")
    except (ValueError, KeyError, TypeError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise InvalidParameter(f"this is no state to go on listening from ({error}): begin anew") from None
    return arrays
