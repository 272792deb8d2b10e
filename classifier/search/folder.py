"""The index on disk: segments in folders, a manifest that names them, and how a snapshot follows the store.

The folder is a cache of the store: whatever is missing or damaged is built again. Segments are written aside,
synced and named by an atomically replaced manifest, by one leased builder at a time; small ones are merged as they
pile up, each track about log2(tracks) times in all. A process serves tracks that no segment on disk holds yet from
a segment in its own memory, so that a new track counts at once, whoever builds.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import threading
import uuid
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from classifier.errors import EarmarkError
from classifier.model import TrackModel
from classifier.search.index import FORMAT, Segment, Snapshot, write

log = logging.getLogger(__name__)

Load = Callable[[str, int], TrackModel]
Lease = Callable[[], AbstractContextManager[object] | None]

#: Tracks packed into memory at a time.
_BATCH = 64
_RETRIES = 5


class IndexFolder:
    """The index of one catalogue in this process.

    Parameters
    ----------
    folder : Path
        Where segments are kept; created when first written.
    load : callable
        Gives the model of a track by id and version; raises an EarmarkError if it is gone.
    lease : callable
        Gives the builder's lease, or None while another process builds.
    """

    def __init__(self, folder: Path, load: Load, lease: Lease) -> None:
        self.folder, self._load, self._lease = folder, load, lease
        self._mapped: dict[str, Segment] = {}
        self._manifest: tuple[str, ...] | None = None
        self._fresh: list[Segment] = []
        self._lock = threading.Lock()
        self._builder: threading.Thread | None = None

    def snapshot(self, ready: Mapping[str, int], progress: Callable[[int, int], None] | None = None) -> Snapshot:
        """Return a snapshot of exactly the tracks in ``ready`` (id to version) that can still be loaded.

        Parameters
        ----------
        ready : mapping of str to int
            What the store holds now.
        progress : callable, optional
            Told how many of the missing tracks are loaded, and how many there are.
        """
        with self._lock:
            live = set(ready.items())
            on_disk = self._read()
            covered = {e.key for segment in on_disk for e in segment.entries}
            fresh = [s for s in self._fresh if any(e.key in live and e.key not in covered for e in s.entries)]
            held = covered | {e.key for segment in fresh for e in segment.entries}
            missing = sorted(live - held)
            for start in range(0, len(missing), _BATCH):
                loaded = []
                for track_id, version in missing[start : start + _BATCH]:
                    try:
                        loaded.append((track_id, version, self._load(track_id, version)))
                    except EarmarkError as error:  # removed meanwhile, or damaged: the rest still counts
                        log.warning("track %s is left out of the index: %s", track_id, error)
                        live.discard((track_id, version))
                if loaded:
                    fresh.append(Segment.build(loaded))
                if progress:
                    progress(min(start + _BATCH, len(missing)), len(missing))
            self._fresh = fresh
            if fresh and (self._builder is None or not self._builder.is_alive()):
                self._builder = threading.Thread(target=self._build, args=(tuple(fresh), live), daemon=True)
                self._builder.start()
            return Snapshot((*on_disk, *fresh), frozenset(live))

    def close(self) -> None:
        """Wait for a segment that is being written."""
        if self._builder is not None:
            self._builder.join()

    # --- disk -----------------------------------------------------------------------------------------------

    def _names(self) -> tuple[str, ...]:
        try:
            values = json.loads((self.folder / "manifest.json").read_text())
            return tuple(values["segments"]) if values["format"] == FORMAT else ()
        except (OSError, ValueError, KeyError, TypeError):
            return ()

    def _read(self) -> tuple[Segment, ...]:
        """Map the segments that the manifest names; one that cannot be mapped is left out and built again."""
        for _ in range(_RETRIES):
            names = self._names()
            mapped = {}
            for name in names:
                try:
                    mapped[name] = self._mapped.get(name) or Segment.load(self.folder / name)
                except (OSError, ValueError, KeyError, TypeError) as error:
                    log.warning("index segment %s cannot be read and will be built again: %s", name, error)
            if len(mapped) == len(names) or names == self._names():
                break  # else a builder replaced them meanwhile: look again
        self._mapped = mapped
        return tuple(mapped.values())

    def _build(self, fresh: tuple[Segment, ...], live: set[tuple[str, int]]) -> None:
        """Write segments in memory to disk, merged with those on disk that are no larger than what is written."""
        try:
            lease = self._lease()
            if lease is None:
                return
            with lease:
                old = {name: self._load_or_none(name) for name in self._names()}
                whole = {name: segment for name, segment in old.items() if segment is not None}
                covered = {e.key for segment in whole.values() for e in segment.entries}
                parts = [s for s in fresh if any(e.key in live and e.key not in covered for e in s.entries)]
                if not parts:
                    return
                size = sum(s.n_windows for s in parts)
                merged = []
                for name, segment in sorted(whole.items(), key=lambda item: item[1].n_windows):
                    if segment.n_windows > 2 * size:
                        break
                    merged.append(name)
                    size += segment.n_windows
                fold = uuid.uuid4().hex
                write(self.folder / f".{fold}", [*(whole[name] for name in merged), *parts], live)
                os.rename(self.folder / f".{fold}", self.folder / fold)
                self._publish([*(name for name in whole if name not in merged), fold])
        except EarmarkError as error:
            log.warning("index not written: %s", error)
        except OSError as error:
            log.warning("index not written to disk, kept in memory: %s", error.strerror)

    def _load_or_none(self, name: str) -> Segment | None:
        try:
            return Segment.load(self.folder / name)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _publish(self, names: list[str]) -> None:
        draft = self.folder / ".manifest"
        with open(draft, "w") as file:
            json.dump({"format": FORMAT, "segments": names}, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, self.folder / "manifest.json")
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        for item in self.folder.iterdir():  # what a mapping still uses stays alive until it is let go
            if item.is_dir() and item.name not in names:
                shutil.rmtree(item, ignore_errors=True)
