"""The index on disk and in this process: what is ready in the store, as segments that queries can search.

- The folder is a cache of the store: whatever is missing or damaged is built again from there. Segments are written
  aside, synced, and named by an atomically replaced manifest. What is on disk is compared with its checksums in the
  background.
- Every process maps the segments that the manifest names. A few new tracks are loaded at once, by whoever asks, into
  segments of this process's own memory, so that they count immediately, whoever writes them. Many are loaded in the
  background by the process that holds the manifest's lock; the others map what it publishes. Until then queries search
  what there is already.
- Nothing that is searched is ever taken away before its replacement is there: a replaced track matches by its old
  version until the new one is loaded, and segments that another process merged stay mapped while they are needed.
- Where the folder cannot be written (read-only, disk full), segments stay in memory; writing is tried again later.
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
from classifier.index.segment import Key
from classifier.index.snapshot import Snapshot

#: Windows that are loaded by whoever asks, at most; more would keep a query waiting. About 0.13 ms each.
AT_ONCE = 3000
#: Seconds between looks at builder and checker while waiting for them.
_POLL_S = 0.1


class IndexFolder:
    """The index of one catalogue in this process; safe to share between threads.

    Parameters
    ----------
    folder : Path
        Where segments are kept; created when first written.
    load : callable
        Gives the models of a track by id and version, stretch by stretch. NotFound and StoreCorrupt leave the track
        out, any other EarmarkError means that it may work later.
    profile : Profile
        Which arrays are kept; a folder of another profile is built again.
    """

    def __init__(self, folder: Path, load: Load, profile: Profile = EXACT) -> None:
        self.folder = folder
        manifest = Manifest(folder, profile)
        self._holdings = Holdings(manifest)
        self._builder = Builder(self._holdings, manifest, load)
        self._checker = Checker(self._holdings, manifest, self._builder)

    def after_fork(self) -> None:
        """Continue without the parent's thread, lock and file; what is mapped stays; call :meth:`follow` next."""
        self._holdings.after_fork()
        self._builder.after_fork()
        self._checker.after_fork()

    @property
    def snapshot(self) -> Snapshot:
        """What there is of the tracks that :meth:`follow` named last; another object whenever it changes."""
        return self._holdings.snapshot

    @property
    def is_building(self) -> bool:
        """Whether tracks are being loaded, or segments written, by this process."""
        return self._builder.is_running

    @property
    def is_checking(self) -> bool:
        """Whether segments are being compared with their checksums by this process."""
        return self._checker.is_running

    def look(self) -> None:
        """Map what other processes have published meanwhile; does not wait for anybody."""
        holdings = self._holdings
        if holdings.is_behind() and holdings.lock.acquire(blocking=False):
            try:
                self._builder.catch_up()
                self._builder.start()
            finally:
                holdings.lock.release()

    def on_disk(self) -> set[Key]:
        """Return what the segments on disk hold, dead or not."""
        with self._holdings.lock:
            return keys(self._holdings.disk.values())

    def follow(self, ready: Mapping[str, int], windows: Mapping[str, int], seen: Collection[Key] = ()) -> None:
        """Make :attr:`snapshot` one of the tracks in ``ready``: at once if few are missing, else bit by bit.

        Parameters
        ----------
        ready : mapping of str to int
            Version by track id: what the store holds.
        windows : mapping of str to int
            Length of each of them.
        seen : collection of (str, int)
            What :meth:`on_disk` returned before the store was asked. Of these, what is not ready any more may be
            thrown away; what else is on disk may be there because another process was faster to take it in.

        Raises
        ------
        EarmarkError
            If the store does not answer; everything is as before then.
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
        """Check the segments on disk now: a search failed, and damage may be why."""
        with self._holdings.lock:
            self._checker.suspect()

    def wait(self, progress: Callable[[int, int], None] | None = None) -> None:
        """Return when everything that :meth:`follow` left for later is there, and is whole as far as one second shows.

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
        """Write what is in memory only, unless another process writes, and stop."""
        self._checker.stop()
        self._builder.stop()


def _shortest(tracks: Collection[Key], windows: Mapping[str, int]) -> tuple[list[Key], list[Key]]:
    """Divide tracks into the shortest, ``AT_ONCE`` windows in all, and the rest."""
    now: list[Key] = []
    later: list[Key] = []
    room = AT_ONCE
    for key in sorted(tracks, key=lambda key: (windows[key[0]], key)):
        room -= windows[key[0]]
        (now if room >= 0 else later).append(key)
    return now, later
