"""The index of one catalogue, on disk and in this process: the store's tracks as segments that queries can search.

- The folder is a cache of the store: whatever is missing or damaged is rebuilt from the store. Segments are written
  under a temporary name, synced, and listed in an atomically replaced manifest. In the background, segments on disk are
  compared with their checksums.
- Every process maps the segments that the manifest lists. A few new tracks are loaded at once, by the calling thread,
  into segments in the process's own memory, so that they can match immediately. Many are loaded in the background by
  the process that holds the manifest's lock; the others map what it publishes. Until then queries search what is there.
- Nothing is taken away before its replacement is there: a replaced track matches by its old version until the new one
  is loaded, and segments that another process merged stay mapped while they are needed.
- If the folder cannot be written (read-only, disk full), segments stay in memory; writing is tried again later.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from classifier.index import checker
from classifier.index.builder import Builder, Load
from classifier.index.checker import Checker
from classifier.index.holdings import Holdings, keys
from classifier.index.manifest import Manifest
from classifier.index.profile import EXACT, Profile
from classifier.index.segment import Fetch, Key
from classifier.index.snapshot import Snapshot

#: Most windows that the calling thread loads; more would keep a query waiting. About 0.13 ms each.
AT_ONCE = 3000
#: Seconds between checks of builder and checker while waiting for them.
_POLL_S = 0.1


class IndexFolder:
    """The index of one catalogue in this process; safe to share between threads.

    Parameters
    ----------
    folder : Path
        Where segments are kept; created when first written.
    load : callable
        Returns the models of a track by id and version, stretch by stretch. NotFound and StoreCorrupt leave the track
        out; any other EarmarkError means that a later attempt may succeed.
    profile : Profile
        Which arrays are kept; a folder of another profile is rebuilt.
    fetch : callable, optional
        Returns the sub-fingerprints of a track by id and version, if the profile leaves them in the store.
    """

    def __init__(self, folder: Path, load: Load, profile: Profile = EXACT, fetch: Fetch | None = None) -> None:
        self.folder = folder
        manifest = Manifest(folder, profile)
        self._holdings = Holdings(manifest, fetch)
        self._builder = Builder(self._holdings, manifest, load, fetch)
        self._checker = Checker(self._holdings, manifest, self._builder)

    def after_fork(self) -> None:
        """Continue without the parent's threads, lock and file; mappings stay. Call :meth:`follow` next."""
        self._holdings.after_fork()
        self._builder.after_fork()
        self._checker.after_fork()

    @property
    def snapshot(self) -> Snapshot:
        """What is loaded of the tracks that :meth:`follow` named last; a new object whenever it changes."""
        return self._holdings.snapshot

    @property
    def is_building(self) -> bool:
        """Whether this process is loading tracks or writing segments."""
        return self._builder.is_running

    @property
    def is_checking(self) -> bool:
        """Whether this process is comparing segments with their checksums."""
        return self._checker.is_running

    def look(self) -> None:
        """Map what other processes have published; never waits."""
        holdings = self._holdings
        if holdings.is_behind() and holdings.lock.acquire(blocking=False):
            try:
                self._builder.catch_up()
                self._builder.start()
            finally:
                holdings.lock.release()

    def on_disk(self) -> set[Key]:
        """Return the tracks that the segments on disk hold, dead or not."""
        with self._holdings.lock:
            return keys(self._holdings.disk.values())

    def follow(self, ready: Mapping[str, int], windows: Mapping[str, int], seen: Collection[Key] = ()) -> None:
        """Make :attr:`snapshot` one of the tracks in ``ready``: at once if few are missing, else step by step.

        Parameters
        ----------
        ready : mapping of str to int
            Version by track id: what the store holds.
        windows : mapping of str to int
            Number of windows of each of them.
        seen : collection of (str, int)
            What :meth:`on_disk` returned before the store was read. Of these, tracks that are no longer ready may be
            deleted; other tracks on disk may be newer than what the store was read for.

        Raises
        ------
        EarmarkError
            If the store does not answer; nothing has changed then.
        """
        holdings, builder = self._holdings, self._builder
        with holdings.lock:
            builder.catch_up()
            missing = ready.items() - holdings.held() - builder.backlog
            now, later = _shortest(missing, windows)
            builder.load(now)
            holdings.ready, holdings.windows = ready, windows
            holdings.dead = set(seen) - ready.items()
            builder.backlog = {key for key in (*builder.backlog, *later) if ready.get(key[0]) == key[1]}
            holdings.renew()
            builder.start()
            self._checker.start()

    def suspect(self) -> None:
        """Check the segments on disk now: a search failed, perhaps because of damage."""
        with self._holdings.lock:
            self._checker.suspect()

    def wait(self, progress: Callable[[int, int], None] | None = None) -> None:
        """Wait until all that :meth:`follow` left for later is loaded, and for the first second of the check.

        Parameters
        ----------
        progress : callable, optional
            Called with (loaded, total) tracks while they are loaded.

        Raises
        ------
        EarmarkError
            If the store does not answer.
        """
        builder = self._builder
        eager_until = time.monotonic() + checker.EAGER_S
        total = 0
        with self._holdings.lock:
            while builder.backlog or (self.is_checking and time.monotonic() < eager_until):
                if builder.is_stopping:
                    return
                if builder.backlog and builder.trouble is not None:
                    raise builder.trouble
                total = max(total, len(builder.backlog))
                if progress and total:
                    progress(total - len(builder.backlog), total)
                builder.start()
                self._holdings.lock.wait(_POLL_S)
            if progress and total:
                progress(total, total)

    def close(self) -> None:
        """Write what is only in memory, unless another process is writing, and stop."""
        self._checker.stop()
        self._builder.stop()


def _shortest(tracks: Collection[Key], windows: Mapping[str, int]) -> tuple[list[Key], list[Key]]:
    """Divide tracks into the shortest, with at most ``AT_ONCE`` windows together, and the rest."""
    now: list[Key] = []
    later: list[Key] = []
    room = AT_ONCE
    for key in sorted(tracks, key=lambda key: (windows[key[0]], key)):
        room -= windows[key[0]]
        (now if room >= 0 else later).append(key)
    return now, later
