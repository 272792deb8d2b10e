"""A file to decode, as a descriptor: opened and measured before any child sees it."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from classifier.audio.limits import Limits
from classifier.errors import AudioEmpty, AudioTooLarge, FileMissing, InvalidParameter


@contextlib.contextmanager
def opened(source: bytes | Path, limits: Limits) -> Iterator[int | bytes]:
    """Yield the bytes, or a descriptor of the file, after checking that it exists and its size is allowed."""
    if isinstance(source, bytes | bytearray | memoryview):
        _check_size(memoryview(source).nbytes, limits)
        yield bytes(source)
        return
    if not isinstance(source, Path):
        raise InvalidParameter(f"source is a {type(source).__name__}: hand in bytes or a pathlib.Path")
    descriptor = _open_file(source)
    try:
        _check_size(os.fstat(descriptor).st_size, limits)
        yield descriptor
    finally:
        os.close(descriptor)


def _open_file(path: Path) -> int:
    # The message names the file as the caller did, not the folder, which may be a server's.
    name = repr((path.name or str(path))[:100])
    try:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode):
            # O_NONBLOCK: if it has become a pipe meanwhile, do not wait for a writer.
            return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise FileMissing(f"there is no file {name}: check its name and folder") from None
    except OSError as error:
        raise FileMissing(f"{name} cannot be opened ({error.strerror}): check its name and permissions") from None
    if stat.S_ISDIR(mode):
        raise FileMissing(f"{name} is a folder, not a file: name the files in it")
    raise FileMissing(f"{name} is a device or a pipe, not a file: copy its content to a file")


def _check_size(size: int, limits: Limits) -> None:
    if size == 0:
        raise AudioEmpty("the file has 0 bytes: record or export it again")
    if limits.max_bytes is not None and size > limits.max_bytes:
        raise AudioTooLarge(
            f"the file has {size:,} bytes; the limit is {limits.max_bytes:,}: cut it, or use a smaller format"
            + limits.remedy("bytes")
        )


@contextlib.contextmanager
def unnamed(content: bytes = b"") -> Iterator[int]:
    """Yield a descriptor of a file without a name, in memory if the system supports it."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("earmark", os.MFD_CLOEXEC)
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    try:
        left = memoryview(content)
        while left:
            left = left[os.write(descriptor, left) :]
        yield descriptor
    finally:
        os.close(descriptor)
