"""States of listeners as files: NumPy archives of plain arrays, never pickles."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from classifier.errors import InvalidParameter

#: Version of what a state holds.
FORMAT = 1
#: Largest state that is read, bytes: that of a listener on its twelfth day is a tenth of it.
MAX_BYTES = 256 << 20


def to_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return a state, as ``Listener.state`` gives it, as the bytes of a file."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, format=np.array(FORMAT), **arrays)
    return buffer.getvalue()


def from_bytes(data: bytes) -> dict[str, np.ndarray]:
    """Return the state that :func:`to_bytes` turned into bytes.

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


def write(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write a state beside its place and move it there, so that a file is whole or absent."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        draft.write_bytes(to_bytes(arrays))
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def read(path: Path) -> dict[str, np.ndarray]:
    """Return the state that :func:`write` wrote; errors as :func:`from_bytes`."""
    if path.stat().st_size > MAX_BYTES:
        raise InvalidParameter(
            f"{path.name} has {path.stat().st_size:,} bytes and is no state to go on from: begin anew"
        )
    return from_bytes(path.read_bytes())
