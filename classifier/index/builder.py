"""The builder: a thread that loads the tracks that an index lacks and writes them to disk.

Of all processes, the one that locks the manifest loads and writes; the others wait for what it publishes. Segments that
are small compared with what is being written are merged into it, so that a track is written about log2(tracks) times,
even if tracks are enrolled one by one. If nothing can be written (a read-only folder, a nearly full disk), segments
stay in memory, and writing is tried again later.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import shutil
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from classifier.errors import EarmarkError, NotFound, StoreCorrupt
from classifier.index.files import room
from classifier.index.holdings import Holdings, keys
from classifier.index.integrity import check
from classifier.index.manifest import Manifest
from classifier.index.segment import Fetch, Key, Segment, n_bytes, write, write_track
from classifier.index.thread import WorkThread
from classifier.models.track import TrackModel

log = logging.getLogger("earmark.index")

#: Gives the models of a track by its id and version, stretch by stretch.
Load = Callable[[str, int], Iterable[TrackModel]]

#: Windows that are loaded and written at a time; a builder needs about 3 kB of memory for each. A longer track is
#: written while it is loaded.
BATCH = 8192
#: Seconds between checks of what the building process has published.
_POLL_S = 0.1
#: Seconds until writing is tried again after it failed.
_RETRY_S = 60.0
#: Seconds between attempts to load from a store that does not answer, doubled up to the second value.
_BACKOFF_S = (0.5, 30.0)


class Builder:
    """Builds one index. Methods that say "hold the lock" mean that of ``holdings``.

    Parameters
    ----------
    holdings : Holdings
        What this process has of the index.
    manifest : Manifest
        Of the folder to write to.
    load : callable
        Returns the models of a track by id and version, stretch by stretch.
    fetch : callable, optional
        Of the segments (:class:`~classifier.index.segment.Segment`).

    Attributes
    ----------
    backlog : set of (str, int)
        Tracks still to load; hold the lock to use it.
    trouble : EarmarkError or None
        Why the last attempt failed.
    """

    def __init__(self, holdings: Holdings, manifest: Manifest, load: Load, fetch: Fetch | None = None) -> None:
        self._holdings, self._manifest, self._load, self._fetch = holdings, manifest, load, fetch
        self._writable_at = 0.0
        self._thread = WorkThread("index", self._run)
        self.backlog: set[Key] = set()
        self.trouble: EarmarkError | None = None

    def after_fork(self) -> None:
        """Continue without the parent's thread, backlog and lock."""
        self._manifest.release()
        self._thread.after_fork()
        self.backlog, self.trouble = set(), None

    @property
    def is_running(self) -> bool:
        """Whether tracks are being loaded or written."""
        return self._thread.is_running

    @property
    def is_stopping(self) -> bool:
        """Whether :meth:`stop` was called."""
        return self._thread.stopping.is_set()

    def load(self, tracks: Iterable[Key]) -> None:
        """Load tracks into memory, except those that cannot be loaded; hold the lock.

        Raises
        ------
        EarmarkError
            If the store does not answer.
        """
        self._keep(self._loaded(tracks))

    def catch_up(self) -> None:
        """Map what other processes have published; note what is still missing or was lost; hold the lock."""
        holdings = self._holdings
        holdings.look()
        self.backlog |= (holdings.lost & holdings.ready.items()) - holdings.held()
        holdings.lost.clear()
        holdings.renew()
        self.backlog -= holdings.snapshot.live

    def replace(self, name: str, fault: Exception) -> None:
        """Withdraw a damaged segment from disk and put its tracks into the backlog; hold the lock."""
        place = self._manifest.folder / name
        log.warning("index segment %s is damaged; its tracks are loaded again: %s", place, fault)
        with contextlib.suppress(OSError):  # a read-only folder: each process has to find out for itself
            self._manifest.withdraw(name)
        self._holdings.drop(name)
        self.catch_up()

    def start(self) -> None:
        """Start the thread if there is work and it is not running; hold the lock."""
        if not self.is_running and self._is_work():
            self._thread.start()

    def stop(self) -> None:
        """Write what is only in memory, unless another process is writing, and end."""
        self._thread.stop()

    # --- the thread -----------------------------------------------------------------------------------------

    def _run(self) -> None:
        """Load what is missing and write what is only in memory, until no work is left."""
        holdings, pause = self._holdings, _BACKOFF_S[0]
        while True:
            with holdings.lock:
                if not self._is_work():
                    self._thread.ended()
                    holdings.lock.notify_all()
                    return
            try:
                can_write = self._acquire()
            except BlockingIOError:
                with holdings.lock:
                    self.catch_up()
                if self._thread.stopping.wait(_POLL_S):
                    return  # the other process will write it
                continue
            try:
                if can_write and (track := self._long_track()):
                    self._write_track(*track)
                else:
                    self._load_batch()
                if can_write:
                    self._write()
                self.trouble, pause = None, _BACKOFF_S[0]
            except EarmarkError as error:
                log.warning("the index waits %.1f s: %s", pause, error)
                self._report(error)
            except OSError as error:
                self._not_writable(error)
            except Exception:  # a damaged array can make any step fail; waiters are told, and it tries again
                log.exception("the index could not be built")
                self._report(EarmarkError("the index could not be built; the log has the reason"))
            finally:
                self._manifest.release()
            if self.trouble is not None:
                self._thread.stopping.wait(pause)
                pause = min(2 * pause, _BACKOFF_S[1])

    def _is_work(self) -> bool:
        if self.backlog and not self.is_stopping:
            return True
        holdings = self._holdings
        return self._can_write() and (
            bool(holdings.unwritten()) or any(holdings.is_wasteful(s) for s in holdings.disk.values())
        )

    def _report(self, trouble: EarmarkError) -> None:
        with self._holdings.lock:
            self.trouble = trouble
            self._holdings.lock.notify_all()

    # --- loading --------------------------------------------------------------------------------------------

    def _load_batch(self) -> None:
        """Load the next missing tracks into memory."""
        with self._holdings.lock:
            self.catch_up()
            batch = self._next_batch() if not self.is_stopping else []
        loaded = self._loaded(batch)
        with self._holdings.lock:
            self.backlog -= set(batch)
            self._keep(loaded)
            self._holdings.renew()

    def _long_track(self) -> Key | None:
        """Return the next track that is missing if it has too many windows to be loaded as a whole."""
        with self._holdings.lock:
            self.catch_up()
            batch = self._next_batch() if not self.is_stopping else []
            long = len(batch) == 1 and self._holdings.windows[batch[0][0]] > BATCH
        return batch[0] if long else None

    def _next_batch(self) -> list[Key]:
        batch: list[Key] = []
        left = BATCH
        for key in sorted(self.backlog):
            left -= self._holdings.windows[key[0]]
            if batch and left < 0:
                break
            batch.append(key)
        return batch

    def _loaded(self, tracks: Iterable[Key]) -> Segment | None:
        """Return tracks as one segment in memory, without those that cannot be loaded; None if none can."""
        parts = []
        for track_id, version in tracks:
            try:
                models = self._load(track_id, version)
                parts.append(Segment.single(track_id, version, models, self._manifest.profile, self._fetch))
            except (NotFound, StoreCorrupt) as error:  # removed meanwhile, or damaged; the others are still loaded
                log.warning("track %s is left out of the index: %s", track_id, error)
        return Segment.join(parts) if len(parts) > 1 else next(iter(parts), None)

    def _keep(self, segment: Segment | None) -> None:
        if segment is not None:
            self._holdings.keep(segment, join=not self._can_write())

    # --- writing --------------------------------------------------------------------------------------------

    def _can_write(self) -> bool:
        return time.monotonic() >= self._writable_at

    def _not_writable(self, error: OSError) -> None:
        if time.monotonic() - self._writable_at > _RETRY_S:
            folder, reason = self._manifest.folder, error.strerror
            log.warning("the index cannot be written to %s (%s): it is kept in memory", folder, reason)
        self._writable_at = time.monotonic() + _RETRY_S

    def _acquire(self) -> bool:
        """Become the one process that writes; return False if the folder cannot be written.

        Raises
        ------
        BlockingIOError
            If another process is writing.
        """
        if not self._can_write():
            return False
        try:
            self._manifest.acquire()
        except BlockingIOError:
            raise
        except OSError as error:
            self._not_writable(error)
            return False
        return True

    def _write(self) -> None:
        """Write what is only in memory, merged with segments that are small or mostly dead; takes the lock."""
        holdings = self._holdings
        with holdings.lock:
            self.catch_up()
            disk, new, dead = holdings.disk, holdings.unwritten(), holdings.dead
            joined = self._to_join(new)
        self._make_fit(joined, new, disk)
        if not new and not joined:
            return
        if not self._are_whole(joined):
            return  # there is more to load now
        kept = [name for name in disk if name not in joined]
        parts = [*(disk[name] for name in joined), *new]
        without = dead | keys(disk[name] for name in kept)
        if keys(parts) - without:
            self._publish(kept, lambda folder: write(folder, parts, without))
        else:
            self._manifest.publish(kept)
        with holdings.lock:
            self.catch_up()

    def _write_track(self, track_id: str, version: int) -> None:
        """Write a long track as a segment of its own while it is loaded."""
        profile = self._manifest.profile
        try:
            self._publish(
                list(self._holdings.disk),
                lambda folder: write_track(folder, track_id, version, self._while_it_fits(track_id, version), profile),
            )
        except (NotFound, StoreCorrupt) as error:
            log.warning("track %s is left out of the index: %s", track_id, error)
        with self._holdings.lock:
            self.backlog.discard((track_id, version))
            self.catch_up()

    def _while_it_fits(self, track_id: str, version: int) -> Iterator[TrackModel]:
        for model in self._load(track_id, version):
            if room(self._manifest.folder) <= 0:
                raise OSError(errno.ENOSPC, "no room for a long track")
            yield model

    def _publish(self, kept: Sequence[str], write_to: Callable[[Path], None]) -> None:
        """Write a segment, and let it count beside those that are kept."""
        folder, name = self._manifest.folder, uuid.uuid4().hex
        try:
            write_to(folder / f".{name}")
            os.rename(folder / f".{name}", folder / name)
            self._manifest.publish([*kept, name])
        except BaseException:
            if name not in self._manifest.names():  # leftovers would keep a full disk full
                for leftover in (folder / f".{name}", folder / name):
                    shutil.rmtree(leftover, ignore_errors=True)
            raise

    def _to_join(self, parts: Collection[Segment]) -> list[str]:
        """Names of segments on disk to merge with ``parts``: those mostly dead, and small ones, smallest first."""
        holdings, disk = self._holdings, self._holdings.disk
        joined = [name for name in disk if holdings.is_wasteful(disk[name])]
        size = sum(holdings.size(s) for s in (*parts, *(disk[name] for name in joined)))
        for name in sorted(disk.keys() - joined, key=lambda name: holdings.size(disk[name])):
            if not parts or holdings.size(disk[name]) > 2 * size:
                break
            joined.append(name)
            size += holdings.size(disk[name])
        return joined

    def _make_fit(self, joined: list[str], new: Sequence[Segment], disk: Mapping[str, Segment]) -> None:
        """Remove segments from ``joined`` until the disk has room for the rest.

        Raises
        ------
        OSError
            If there is no room even for ``new``, or for a single one of the others.
        """
        dead = self._holdings.dead
        while parts := [*(disk[name] for name in joined), *new]:
            size, free = n_bytes(parts, dead), max(0, room(self._manifest.folder))
            if size <= free:
                return
            if len(parts) == max(1, len(new)):
                raise OSError(errno.ENOSPC, f"{size:,} bytes to write, room for {free:,}")
            joined.pop()

    def _are_whole(self, names: Iterable[str]) -> bool:
        """Check segments before merging, which gives them new checksums; replace one that is damaged."""
        for name in names:
            try:
                check(self._manifest.folder / name, self._manifest.profile)
            except (ValueError, OSError) as fault:
                with self._holdings.lock:
                    self.replace(name, fault)
                return False
        return True
