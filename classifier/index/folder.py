"""The index on disk and in this process: what is ready in the store, as segments that queries can search.

- The folder is a cache of the store: whatever is missing or damaged is built again from there. Segments are written
  aside, synced and named by an atomically replaced manifest, by one process at a time (a lock on a file, which dies
  with the process that holds it). Small segments are merged as they pile up, so that a track is written about
  log2(tracks) times in all, however many are enrolled one by one.
- Every process maps the segments that the manifest names. A few new tracks are loaded at once, by whoever asks, into
  segments of this process's own memory, so that they count immediately, whoever writes them. Many are loaded in the
  background by the process that holds the lock; the others map what it publishes. Until then queries search what
  there is already.
- Nothing that is searched is ever taken away before its replacement is there: a replaced track matches by its old
  version until the new one is loaded, and segments that another process merged stay mapped while they are needed.
- Where the folder cannot be written (read-only, disk full), segments stay in memory; writing is tried again later.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import IO

from classifier.errors import EarmarkError, NotFound, StoreCorrupt
from classifier.index.segment import FORMAT, Key, Segment, Snapshot, sync, sync_folder, write
from classifier.models.track import TrackModel

log = logging.getLogger("earmark.index")

Load = Callable[[str, int], TrackModel]

#: Windows that are loaded by whoever asks, at most; more would keep a query waiting. About 0.13 ms each.
AT_ONCE = 3000
#: Windows that are loaded and written at a time in the background: what a builder needs of memory, 12 kB each.
BATCH = 8192
#: Seconds between looks at what the process that builds has published.
_POLL_S = 0.1
#: Seconds until writing is tried again where it failed.
_RETRY_S = 60.0
#: Seconds between attempts to load from a store that does not answer, doubled up to the second value.
_BACKOFF_S = (0.5, 30.0)
_RETRIES = 5


class IndexFolder:
    """The index of one catalogue in this process; safe to share between threads.

    Parameters
    ----------
    folder : Path
        Where segments are kept; created when first written.
    load : callable
        Gives the model of a track by id and version. NotFound and StoreCorrupt leave the track out, any other
        EarmarkError means that it may work later.

    Attributes
    ----------
    snapshot : Snapshot
        What there is of the tracks that :meth:`follow` named last; replaced as a whole whenever it changes.
    """

    def __init__(self, folder: Path, load: Load) -> None:
        self.folder = folder
        self.snapshot = Snapshot((), frozenset())
        self._load = load
        self._ready: Mapping[str, int] = {}
        self._windows: Mapping[str, int] = {}
        self._dead: set[Key] = set()
        self._disk: dict[str, Segment] = {}
        self._memory: list[Segment] = []
        self._stamp: tuple[int, int] | None = None
        self._writable_at = 0.0
        self._lock_file: IO[str] | None = None
        self._begin()

    def _begin(self) -> None:
        self._lock = threading.Condition()
        self._stopping = threading.Event()
        self._builder: threading.Thread | None = None
        self._backlog: set[Key] = set()
        self._trouble: EarmarkError | None = None

    def after_fork(self) -> None:
        """Go on without the parent's thread, lock and file; what is mapped stays; call :meth:`follow` next."""
        if self._lock_file is not None:
            self._lock_file.close()  # the lock stays, for the parent has the same file open
            self._lock_file = None
        self._begin()

    def look(self) -> None:
        """Map what other processes have published meanwhile; does not wait for anybody."""
        if self._stat() != self._stamp and self._lock.acquire(blocking=False):
            try:
                self._look()
                self._renew()
            finally:
                self._lock.release()

    def on_disk(self) -> set[Key]:
        """Return what the segments on disk hold, dead or not."""
        with self._lock:
            return _keys(self._disk.values())

    def follow(self, ready: Mapping[str, int], windows: Mapping[str, int], seen: Collection[Key] = ()) -> None:
        """Make :attr:`snapshot` one of the tracks in ``ready``; at once if few are missing, else by and by.

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
        with self._lock:
            self._look()
            held = _keys((*self._disk.values(), *self._memory))
            missing = [key for key in ready.items() if key not in held and key not in self._backlog]
            room, now, later = AT_ONCE, [], set()
            for key in sorted(missing, key=lambda key: windows[key[0]]):
                room -= windows[key[0]]
                now.append(key) if room >= 0 else later.add(key)
            loaded = self._segment_of(now)
            if loaded is not None:
                self._remember(loaded)
            self._ready, self._windows = ready, windows
            self._dead = set(seen) - ready.items()
            self._backlog = {key for key in (*self._backlog, *later) if ready.get(key[0]) == key[1]}
            self._renew()
            self._start()

    def wait(self, progress: Callable[[int, int], None] | None = None) -> None:
        """Return when everything that :meth:`follow` left for later is there.

        Parameters
        ----------
        progress : callable, optional
            Told how many of these tracks are loaded, and how many there are.

        Raises
        ------
        EarmarkError
            If the store does not answer.
        """
        with self._lock:
            total = len(self._backlog)
            while self._backlog and not self._stopping.is_set():
                if self._trouble is not None:
                    raise self._trouble
                if progress:
                    progress(total - len(self._backlog), total)
                self._start()
                self._lock.wait(_POLL_S)
            if progress and total:
                progress(total, total)

    def close(self) -> None:
        """Write what is in memory only, unless another process writes, and stop."""
        self._stopping.set()
        builder = self._builder
        if builder is not None:
            builder.join()

    # --- what there is --------------------------------------------------------------------------------------

    def _segment_of(self, keys: Iterable[Key]) -> Segment | None:
        """Load tracks as one segment in memory, without those that cannot be loaded; None if none can."""
        parts = []
        for track_id, version in keys:
            try:
                parts.append(Segment.build([(track_id, version, self._load(track_id, version))]))
            except (NotFound, StoreCorrupt) as error:  # removed meanwhile, or damaged: the rest still counts
                log.warning("track %s is left out of the index: %s", track_id, error)
        return Segment.join(parts) if parts else None

    def _look(self) -> None:
        """Map the segments that the manifest names now; :meth:`_renew` sorts out what is needed besides."""
        if self._stat() == self._stamp:
            return
        for _ in range(_RETRIES):
            stamp, names = self._stat(), self._names()
            disk = {name: segment for name in names if (segment := self._disk.get(name) or self._mapped(name))}
            if len(disk) == len(names) or names == self._names():
                break  # else a builder replaced them meanwhile: look again
        for name in names:
            if name not in disk:
                log.warning("index segment %s is damaged: its tracks are loaded again", self.folder / name)
        old, self._disk, self._stamp = self._disk, disk, stamp
        self._memory += [segment for name, segment in old.items() if name not in disk]

    def _renew(self) -> None:
        """Make a new snapshot, if it would differ."""
        covered = _keys(self._disk.values())
        held = covered | _keys(self._memory)
        live = self._ready.items() & held
        lacking = self._ready.keys() - {track_id for track_id, _ in live}
        if lacking:  # the version before stands in
            live |= {i: v for i, v in sorted(held) if i in lacking}.items()
        self._memory = [s for s in self._memory if any(e.key in live and e.key not in covered for e in s.entries)]
        segments = (*self._disk.values(), *self._memory)
        used = tuple(segment for segment in segments if any(e.key in live for e in segment.entries))
        same = len(used) == len(self.snapshot.segments) and all(map(_is, used, self.snapshot.segments))
        if not same or live != self.snapshot.live:
            self.snapshot = Snapshot(used, frozenset(live))
        self._lock.notify_all()

    def _remember(self, segment: Segment) -> None:
        """Keep a segment in memory; where it will stay there, join small ones as they pile up."""
        memory = self._memory
        memory.append(segment)
        while (
            len(memory) > 1
            and time.monotonic() < self._writable_at
            and self._size(memory[-2]) <= 2 * self._size(memory[-1])
        ):
            memory[-2:] = [Segment.join(memory[-2:], self._dead)]

    def _unwritten(self) -> list[Segment]:
        """Segments of which something is in memory only."""
        covered = _keys(self._disk.values())
        ready = self._ready.items()
        return [s for s in self._memory if any(e.key in ready and e.key not in covered for e in s.entries)]

    # --- building -------------------------------------------------------------------------------------------

    def _start(self) -> None:
        if (self._builder is None or not self._builder.is_alive()) and not self._stopping.is_set() and self._is_work():
            self._builder = threading.Thread(target=self._build, name="index", daemon=True)
            self._builder.start()

    def _is_work(self) -> bool:
        if self._backlog and not self._stopping.is_set():
            return True
        can_write = time.monotonic() >= self._writable_at
        return can_write and (bool(self._unwritten()) or any(self._is_wasteful(s) for s in self._disk.values()))

    def _build(self) -> None:
        """Load what is missing and write what is in memory, until nothing is left to do."""
        pause = _BACKOFF_S[0]
        while True:
            with self._lock:
                if not self._is_work():
                    self._builder = None
                    self._lock.notify_all()
                    return
            try:
                mine = self._take_lock()
            except BlockingIOError:
                with self._lock:
                    self._look()
                    self._renew()
                    self._backlog -= self.snapshot.live
                if self._stopping.wait(_POLL_S):
                    return  # the other one writes it
                continue
            try:
                self._load_batch()
                if mine:
                    self._write()
                self._trouble, pause = None, _BACKOFF_S[0]
            except EarmarkError as error:
                log.warning("the index waits %.1f s: %s", pause, error)
                with self._lock:
                    self._trouble = error
                    self._lock.notify_all()
            except OSError as error:
                self._not_writable(error)
            except Exception:
                log.exception("the index could not be built")
                with self._lock:
                    self._trouble = EarmarkError("the index could not be built; the log has the reason")
                    self._lock.notify_all()
            finally:
                self._release_lock()
            if self._trouble is not None:
                self._stopping.wait(pause)
                pause = min(2 * pause, _BACKOFF_S[1])

    def _load_batch(self) -> None:
        """Load the next tracks that are missing into memory."""
        with self._lock:
            self._look()
            self._renew()
            self._backlog -= self.snapshot.live
            batch: list[Key] = []
            room = BATCH
            for key in sorted(self._backlog if not self._stopping.is_set() else ()):
                room -= self._windows[key[0]]
                if batch and room < 0:
                    break
                batch.append(key)
        loaded = self._segment_of(batch)
        with self._lock:
            self._backlog -= set(batch)
            if loaded is not None:
                self._remember(loaded)
                self._renew()

    def _write(self) -> None:
        """Write what is in memory only, joined with segments that are no larger or mostly dead; holds the lock."""
        with self._lock:
            self._look()
            whole, parts, dead = self._disk, self._unwritten(), self._dead
            joined = self._to_join(whole, parts)
        if not parts and not joined:
            return
        kept = [name for name in whole if name not in joined]
        parts = [*(whole[name] for name in joined), *parts]
        without = dead | _keys(whole[name] for name in kept)
        name = uuid.uuid4().hex
        try:
            if _keys(parts) - without:
                write(self.folder / f".{name}", parts, without)
                os.rename(self.folder / f".{name}", self.folder / name)
                kept.append(name)
            self._publish(kept)
        except BaseException:
            if name not in self._names():  # on a full disk, leftovers would keep it full
                for folder in (self.folder / f".{name}", self.folder / name):
                    shutil.rmtree(folder, ignore_errors=True)
            raise
        with self._lock:
            self._look()
            self._renew()

    def _to_join(self, whole: Mapping[str, Segment], parts: Collection[Segment]) -> list[str]:
        """Segments on disk to write again together with ``parts``: mostly dead ones, and small ones, least first."""
        joined = [name for name in whole if self._is_wasteful(whole[name])]
        size = sum(self._size(s) for s in (*parts, *(whole[name] for name in joined)))
        for name in sorted(whole.keys() - joined, key=lambda name: self._size(whole[name])):
            if not parts or self._size(whole[name]) > 2 * size:
                break
            joined.append(name)
            size += self._size(whole[name])
        return joined

    def _size(self, segment: Segment) -> int:
        """Windows of tracks that are not dead; a track without windows counts too."""
        return sum(1 + e.window_stop - e.window_start for e in segment.entries if e.key not in self._dead)

    def _is_wasteful(self, segment: Segment) -> bool:
        return 2 * self._size(segment) < len(segment.entries) + segment.n_windows

    def _not_writable(self, error: OSError) -> None:
        if time.monotonic() - self._writable_at > _RETRY_S:
            log.warning("index not written to %s (%s): it is kept in memory", self.folder, error.strerror)
        self._writable_at = time.monotonic() + _RETRY_S

    # --- disk -----------------------------------------------------------------------------------------------

    def _stat(self) -> tuple[int, int] | None:
        try:
            status = os.stat(self.folder / "manifest.json")
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns

    def _names(self) -> tuple[str, ...]:
        try:
            values = json.loads((self.folder / "manifest.json").read_text())
            return tuple(map(str, values["segments"])) if values["format"] == FORMAT else ()
        except (OSError, ValueError, KeyError, TypeError):
            return ()

    def _mapped(self, name: str) -> Segment | None:
        try:
            return Segment.load(self.folder / name)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _take_lock(self) -> bool:
        """Become the one process that writes; False where nobody can.

        Raises
        ------
        BlockingIOError
            If another process does.
        """
        if time.monotonic() < self._writable_at:
            return False
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            file = open(self.folder / "lock", "a")  # noqa: SIM115 - open as long as the lock is held
        except OSError as error:
            self._not_writable(error)
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise
        except OSError as error:
            file.close()
            self._not_writable(error)
            return False
        self._lock_file = file
        return True

    def _release_lock(self) -> None:
        if self._lock_file is not None:
            self._lock_file.close()
            self._lock_file = None

    def _publish(self, names: Collection[str]) -> None:
        draft = self.folder / ".manifest"
        with open(draft, "w") as file:
            json.dump({"format": FORMAT, "segments": list(names)}, file)
            sync(file)
        sync_folder(self.folder)
        os.replace(draft, self.folder / "manifest.json")
        sync_folder(self.folder)
        for item in self.folder.iterdir():  # what a mapping still uses stays alive until it is let go
            if item.is_dir() and item.name not in names:
                shutil.rmtree(item, ignore_errors=True)


def _keys(segments: Iterable[Segment]) -> set[Key]:
    return {e.key for segment in segments for e in segment.entries}


def _is(a: object, b: object) -> bool:
    return a is b
