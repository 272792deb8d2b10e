"""What the index needs of a file system: durable writes, checksums, free space."""

from __future__ import annotations

import os
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

_BLOCK_BYTES = 2**22
#: This share of a disk is left free for others, but at most this many bytes.
_LEFT_SHARE, _LEFT_BYTES = 0.05, 500_000_000


def sync(file: IO[Any]) -> None:
    """Make sure that what was written to a file is on the disk."""
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make sure that the names in a folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def checksum(path: Path, pause: Callable[[], object] = lambda: None) -> int:
    """Return the CRC-32 of a file; ``pause`` is called after every 4 MiB.

    The file is read, not mapped: a failing disk then raises an error, where a mapping would kill the process.

    Raises
    ------
    OSError
        If the file is missing or cannot be read.
    """
    total, buffer = 0, memoryview(bytearray(_BLOCK_BYTES))
    with open(path, "rb", buffering=0) as file:
        while n := file.readinto(buffer):
            total = zlib.crc32(buffer[:n], total)
            pause()
    return total


def room(folder: Path) -> int:
    """Return how many bytes may be written so that some stay free for others; negative on a full disk."""
    disk = shutil.disk_usage(folder)
    return disk.free - min(int(_LEFT_SHARE * disk.total), _LEFT_BYTES)
