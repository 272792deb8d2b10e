"""A file as the decoder reads it: by position and in windows; its name is unknown."""

from __future__ import annotations

import errno
import os


class Source:
    """A stretch of a read-only file, whose length is that at the beginning of the job.

    Reads by position, because the descriptor's own offset is shared with the process that handed it over.

    Parameters
    ----------
    descriptor : int
        Of the file.
    start, end : int, optional
        The stretch, in bytes of the file; default the whole file.
    """

    def __init__(self, descriptor: int, start: int = 0, end: int | None = None) -> None:
        self._descriptor = descriptor
        self._start = start
        self._at = 0
        self._blank = (0, 0)
        self.size = (os.fstat(descriptor).st_size if end is None else end) - start
        self.reached = 0
        """One past the last byte that was ever read."""

    def window(self, start: int, end: int) -> Source:
        """Return the stretch from ``start`` to ``end``, in bytes of this one."""
        return Source(self._descriptor, self._start + start, self._start + end)

    def blank(self, start: int, end: int) -> None:
        """Make the bytes from ``start`` to ``end`` read as zeros."""
        self._blank = (start, end)

    def read(self, count: int = -1) -> bytes:
        """Return up to ``count`` bytes, or all that is left if it is negative."""
        left = max(0, self.size - self._at)
        data = self.at(self._at, left if count < 0 else min(count, left))
        self._at += len(data)
        self.reached = max(self.reached, self._at)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a place and return it."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise OSError(errno.EINVAL, "negative position")
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        """Return the place of the next read."""
        return self._at

    def at(self, offset: int, count: int) -> bytes:
        """Return up to ``count`` bytes from ``offset`` without moving."""
        count = min(count, self.size - offset)
        if count <= 0 or offset < 0:
            return b""
        data = os.pread(self._descriptor, count, self._start + offset)
        low, high = (min(max(edge - offset, 0), len(data)) for edge in self._blank)
        return data if low == high else data[:low] + bytes(high - low) + data[high:]
