"""SHA-256 of whole files, by which a file is known again without decoding it."""

from __future__ import annotations

import hashlib
from pathlib import Path


def file_hash(source: bytes | Path, most: int | None) -> str:
    """Return the SHA-256 of a file's bytes, or nothing for whatever the decoder will refuse.

    Parameters
    ----------
    source : bytes or Path
        The file's content, or where it lies.
    most : int or None
        Most bytes that are read; None for any number.

    Returns
    -------
    str
        Hexadecimal digits; empty if it is no file, cannot be read, or has too many bytes.
    """
    try:
        if not isinstance(source, Path):
            return hashlib.sha256(source).hexdigest() if most is None or len(source) <= most else ""
        if not source.is_file() or (most is not None and source.stat().st_size > most):
            return ""  # a pipe would never end
        with open(source, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError, TypeError):
        return ""
