"""What this process has of an index: segments mapped from disk, segments in memory, and the tracks it should have."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping, Sequence

from classifier.index.manifest import Manifest, Stamp
from classifier.index.segment import Fetch, Key, Segment
from classifier.index.snapshot import Snapshot

log = logging.getLogger("earmark.index")

#: Attempts to map what a manifest lists while other processes keep replacing it.
_RETRIES = 5


class Holdings:
    """The segments of one index in this process; except for :attr:`snapshot`, hold :attr:`lock` to use it.

    Parameters
    ----------
    manifest : Manifest
        Lists the segments on disk.
    fetch : callable, optional
        Of these segments (:class:`~classifier.index.segment.Segment`).

    Attributes
    ----------
    lock : threading.Condition
        Notified whenever something changes.
    snapshot : Snapshot
        What is loaded of the tracks in ``ready``; replaced as a whole whenever it changes.
    disk : mapping of str to Segment
        Mapped segments by name, as the manifest listed them at the last look.
    memory : list of Segment
        Further segments: in memory, or still mapped although the manifest no longer lists them.
    ready : mapping of str to int
        Version by track id: what the store holds.
    windows : mapping of str to int
        Number of windows of each of these tracks.
    dead : set of (str, int)
        Tracks on disk that the store no longer holds and that may be deleted.
    lost : set of (str, int)
        Tracks of mapped segments that were dropped because of damage.
    """

    def __init__(self, manifest: Manifest, fetch: Fetch | None = None) -> None:
        self._manifest, self._fetch = manifest, fetch
        self._stamp: Stamp = None
        self.lock = threading.Condition()
        self.snapshot = Snapshot((), frozenset())
        self.disk: Mapping[str, Segment] = {}
        self.memory: list[Segment] = []
        self.ready: Mapping[str, int] = {}
        self.windows: Mapping[str, int] = {}
        self.dead: set[Key] = set()
        self.lost: set[Key] = set()
        self._damaged: set[str] = set()

    def after_fork(self) -> None:
        """Continue without the parent's lock."""
        self.lock = threading.Condition()

    def is_behind(self) -> bool:
        """Return whether another process has published since the last :meth:`look`; needs no lock."""
        return self._manifest.stamp() != self._stamp

    def look(self) -> None:
        """Map the segments that the manifest lists now, except withdrawn ones; call :meth:`renew` next."""
        if not self.is_behind():
            return
        for _ in range(_RETRIES):
            stamp, names = self._manifest.stamp(), self._manifest.names()
            disk: dict[str, Segment] = {}
            faults: dict[str, Exception] = {}
            for name in names:
                try:
                    disk[name] = self._mapped(name)
                except (OSError, ValueError) as error:
                    faults[name] = error
            if not faults or names == self._manifest.names():
                break  # otherwise a builder replaced them meanwhile: look again
        for name, fault in faults.items():
            if name not in self._damaged:  # otherwise it has been logged already
                place = self._manifest.folder / name
                log.warning("index segment %s is not usable; its tracks are loaded again: %s", place, fault)
        self.lost |= keys(segment for name, segment in self.disk.items() if name in faults)
        self.memory += [segment for name, segment in self.disk.items() if name not in names]
        self.disk, self._stamp = disk, stamp

    def _mapped(self, name: str) -> Segment:
        if name in self._damaged:
            raise ValueError("it is damaged")
        segment = self.disk.get(name)
        if segment is None or self._manifest.is_withdrawn(name):
            segment = Segment.load(self._manifest.folder / name, self._manifest.profile, self._fetch)
        return segment

    def drop(self, name: str) -> None:
        """Drop a mapped segment that is damaged, and never map it again; call :meth:`renew` next."""
        self._damaged.add(name)
        self.lost |= keys([self.disk[name]])
        self.disk = {other: segment for other, segment in self.disk.items() if other != name}

    def renew(self) -> None:
        """Make a new snapshot if it would differ, and drop segments that it does not need."""
        covered = keys(self.disk.values())
        held = covered | keys(self.memory)
        live = self.ready.items() & held
        lacking = self.ready.keys() - {track_id for track_id, _ in live}
        if lacking:  # an earlier version stands in
            live |= {i: v for i, v in sorted(held) if i in lacking}.items()
        self.memory = [s for s in self.memory if any(e.key in live and e.key not in covered for e in s.entries)]
        segments = (*self.disk.values(), *self.memory)
        used = tuple(segment for segment in segments if any(e.key in live for e in segment.entries))
        if not _same(used, self.snapshot.segments) or live != self.snapshot.live:
            self.snapshot = Snapshot(used, frozenset(live))
        self.lock.notify_all()

    def held(self) -> set[Key]:
        """Return every track in the segments, whether the store still holds it or not."""
        return keys((*self.disk.values(), *self.memory))

    def keep(self, segment: Segment, *, join: bool) -> None:
        """Add a segment in memory; with ``join``, merge it with others of similar size, which would pile up."""
        memory = self.memory
        memory.append(segment)
        while join and len(memory) > 1 and self.size(memory[-2]) <= 2 * self.size(memory[-1]):
            memory[-2:] = [Segment.join(memory[-2:], self.dead)]

    def unwritten(self) -> list[Segment]:
        """Return the segments in memory that hold a ready track that is not on disk."""
        covered = keys(self.disk.values())
        ready = self.ready.items()
        return [s for s in self.memory if any(e.key in ready and e.key not in covered for e in s.entries)]

    def size(self, segment: Segment) -> int:
        """Return the number of windows of tracks that are not dead, plus one for each track, which may have none."""
        return sum(1 + len(e.rows["windows"]) for e in segment.entries if e.key not in self.dead)

    def is_wasteful(self, segment: Segment) -> bool:
        """Return whether more than half of a segment is dead."""
        return 2 * self.size(segment) < len(segment.entries) + segment.n_windows


def keys(segments: Iterable[Segment]) -> set[Key]:
    """Return the tracks of segments."""
    return {entry.key for segment in segments for entry in segment.entries}


def _same(a: Sequence[Segment], b: Sequence[Segment]) -> bool:
    return len(a) == len(b) and all(one is other for one, other in zip(a, b, strict=True))
