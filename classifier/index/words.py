"""Sub-fingerprints that a compact index leaves in the store: read when they are compared, and kept for a while."""

from __future__ import annotations

import threading
from collections import OrderedDict

import numpy as np

from classifier.errors import StoreCorrupt, TrackNotFound
from classifier.index.segment import Fetch, Key
from classifier.store.forks import forget_after_fork

#: Bytes remembered: those of 70 hours.
_REMEMBERED = 64 * 2**20


class StoredWords:
    """Gives the sub-fingerprints of tracks; safe to share between threads.

    Parameters
    ----------
    read : callable
        Returns those that the store has of a track by id and version; may raise TrackNotFound and StoreCorrupt.
    """

    def __init__(self, read: Fetch) -> None:
        self._read = read
        self._kept: OrderedDict[Key, np.ndarray] = OrderedDict()
        self._bytes = 0
        self.after_fork()
        forget_after_fork(self)

    def after_fork(self) -> None:
        """Continue with a lock that no thread of a parent process holds."""
        self._lock = threading.Lock()

    def __call__(self, track_id: str, version: int) -> np.ndarray:
        """Return the sub-fingerprints of a track, shape (n, 2), uint64; none if it was removed or is damaged.

        Raises
        ------
        EarmarkError
            If the store does not answer.
        """
        key = track_id, version
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        try:
            words = np.ascontiguousarray(self._read(track_id, version), np.uint64)
        except (TrackNotFound, StoreCorrupt):  # a query's snapshot may be older than the removal
            words = np.zeros((0, 2), np.uint64)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = words
                self._bytes += words.nbytes
            while self._bytes > _REMEMBERED and len(self._kept) > 1:
                self._bytes -= self._kept.popitem(last=False)[1].nbytes
        return words
