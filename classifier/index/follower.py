"""Keeps each process's index in step with the store.

Every change to a catalogue's tracks increments its revision. Each query compares it, and so does a thread between
queries, so that little is left to do for the next one. A query gets a view: an index snapshot and its tracks, which
never change while the query runs.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import shutil
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from classifier.config import FeatureConfig
from classifier.errors import CatalogueNotFound, EarmarkError, StoreCorrupt, TrackNotFound
from classifier.index.folder import IndexFolder
from classifier.index.profile import PROFILES
from classifier.index.segment import FORMAT
from classifier.index.snapshot import Snapshot
from classifier.index.words import StoredWords
from classifier.models.track import TrackModel
from classifier.records import catalogues, track_arrays, tracks
from classifier.records.catalogues import CatalogueRecord
from classifier.records.chunks import MEANS, WORDS
from classifier.results import Track
from classifier.store.base import Store
from classifier.store.forks import forget_after_fork

log = logging.getLogger("earmark.follower")

#: Seconds after which the set of tracks is compared even if the revision is the same: a process that changed a track
#: may have died before it incremented the revision.
_RECHECK_S = 30.0
#: More changed tracks than this are read as one list instead of one by one.
_MANY = 100
#: Longest pause, in seconds, between attempts to reach a store that does not answer.
_MAX_PAUSE_S = 30.0
#: Seconds that closing waits for the thread.
_JOIN_S = 5.0


@dataclass(frozen=True, slots=True)
class View:
    """What one query sees.

    Parameters
    ----------
    snapshot : Snapshot
        The index to search.
    tracks : mapping of str to Track
        Every track of the snapshot, by id.
    """

    snapshot: Snapshot
    tracks: Mapping[str, Track]


@dataclass(frozen=True, slots=True)
class Part:
    """One of several disjoint parts of a catalogue, by its tracks' ids: a shard.

    Parameters
    ----------
    number, of : int
        Which, from 0, and how many there are.
    """

    number: int
    of: int

    def holds(self, track_id: str) -> bool:
        """Whether a track belongs to this part."""
        return zlib.crc32(track_id.encode()) % self.of == self.number


def index_folder(data_dir: Path, store: Store, catalogue_id: str, part: Part | None = None) -> Path:
    """Return where this machine keeps the index of a catalogue, or of a part of it.

    The format is in the name, so that two releases can run side by side.
    """
    of_store = hashlib.sha256(store.url.encode()).hexdigest()[:12]
    name = f"{of_store}-{catalogue_id}"
    return data_dir / "index" / f"v{FORMAT}" / (name if part is None else f"{name}-{part.number}of{part.of}")


class Follower:
    """Follows one catalogue; safe to share between threads.

    Parameters
    ----------
    store : Store
        Where the catalogue is.
    record : CatalogueRecord
        The catalogue.
    data_dir : Path
        Folder for indexes.
    seconds : float >= 0
        Pause between checks of the store while there are no queries; 0: only queries check it.
    part : Part, optional
        Which tracks are followed; default all.
    """

    def __init__(
        self, store: Store, record: CatalogueRecord, data_dir: Path, seconds: float, part: Part | None = None
    ) -> None:
        self._store, self._name, self._id, self._seconds = store, record.name, record.id, seconds
        self._config = FeatureConfig.from_dict(record.config)
        self._data_dir, self._part = data_dir, part
        profile = PROFILES[self._config.profile]
        self._index = IndexFolder(
            index_folder(data_dir, store, record.id, part), self._load, profile, StoredWords(self._words)
        )
        self._tracks: Mapping[str, Track] = {}
        self._stamps: Mapping[str, tuple[int, int]] = {}
        self._view: View | None = None
        self._begin()
        forget_after_fork(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()
        self._revision = -1
        self._checked = 0.0

    def after_fork(self) -> None:
        """Continue without the parent's threads."""
        self._index.after_fork()
        self._begin()

    def close(self) -> None:
        """Stop following; write what the index on disk lacks."""
        self._closing.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(_JOIN_S)  # it may be waiting for a store that does not answer
        self._index.close()

    def suspect(self) -> None:
        """Have the index on disk checked: a search failed, perhaps because of damage."""
        self._index.suspect()

    @property
    def n_missing(self) -> int:
        """How many of the store's tracks no query can find, as of the last view.

        They are still being loaded, or damaged.
        """
        view = self._view
        return 0 if view is None else max(0, len(view.tracks) - len(view.snapshot.live))

    @property
    def has_index(self) -> bool:
        """Whether there is an index on disk."""
        return (self._index.folder / "manifest.json").exists()

    def view(self, progress: Callable[[int, int], None] | None = None) -> View:
        """Return what the store holds now; if many tracks are new, only those that are already loaded.

        The first call waits until all are loaded.

        Parameters
        ----------
        progress : callable, optional
            Called with (loaded, total) while the first call waits.

        Raises
        ------
        CatalogueNotFound
            If the catalogue was removed.
        StoreUnavailable
            If the store does not answer.
        """
        record = catalogues.get_catalogue(self._store, self._name)
        if record.id != self._id:
            raise CatalogueNotFound(f"catalogue {self._name!r} was removed and created anew: open it again")
        if self._is_behind(record):
            with self._lock:
                if self._is_behind(record):
                    self._follow(progress)
                    self._revision, self._checked = record.revision, time.monotonic()
        self._index.look()
        view = self._view
        if view is None or view.snapshot is not self._index.snapshot:
            with self._lock:
                view = self._view = View(self._index.snapshot, self._tracks)
        if self._thread is None and self._seconds > 0:
            self._start()
        return view

    def _is_behind(self, record: CatalogueRecord) -> bool:
        return record.revision != self._revision or time.monotonic() - self._checked > _RECHECK_S

    def _follow(self, progress: Callable[[int, int], None] | None) -> None:
        """Bring the index and the table of tracks into step with the store; read only what has changed."""
        self._index.look()
        seen = self._index.on_disk()
        stamps = tracks.stamps(self._store, self._name)
        if self._part is not None:
            stamps = {track_id: stamp for track_id, stamp in stamps.items() if self._part.holds(track_id)}
        known = {i: self._tracks[i] for i in stamps if self._stamps.get(i) == stamps[i] and i in self._tracks}
        changed = stamps.keys() - known.keys()
        if len(changed) > _MANY:
            known |= {t.id: _without_labels(t) for t in tracks.list_tracks(self._store, self._name)}
        else:
            for track_id in changed:
                with contextlib.suppress(TrackNotFound):  # removed meanwhile
                    known[track_id] = _without_labels(tracks.get_track(self._store, track_id))
        known = {track_id: known[track_id] for track_id in stamps if track_id in known}
        self._index.follow(
            {track_id: stamps[track_id][0] for track_id in known},
            {track_id: track.n_windows for track_id, track in known.items()},
            seen,
        )
        self._tracks, self._stamps = known, stamps
        if self._view is None:
            self._index.wait(progress)
            self._forget_removed()
        self._view = View(self._index.snapshot, known)

    def _load(self, track_id: str, version: int) -> Iterator[TrackModel]:
        """Load a track's models chunk by chunk: its windows, then its slots, then its words."""
        nothing = TrackModel.empty(self._config)
        yield nothing  # a short track may have no chunks
        for arrays in track_arrays.each_chunk(self._store, "models", track_id, version):
            yield self._fitting(arrays, nothing.slots, nothing.words)
        for arrays in track_arrays.each_chunk(self._store, "slots", track_id, version):
            yield self._fitting(nothing.window_arrays(), arrays.get(MEANS, nothing.slots), nothing.words)
        for arrays in track_arrays.each_chunk(self._store, "subfingerprints", track_id, version):
            yield self._fitting(nothing.window_arrays(), nothing.slots, arrays.get(WORDS, nothing.words))

    def _fitting(self, arrays: Mapping[str, np.ndarray], slots: np.ndarray, words: np.ndarray) -> TrackModel:
        """Check that arrays fit the catalogue's configuration, for an archive may hold anything."""
        try:
            model = TrackModel.from_arrays(arrays, slots, words)
        except (KeyError, ValueError, IndexError) as error:
            raise StoreCorrupt(f"its arrays are not those of a track: {error}") from None
        wanted, n = TrackModel.empty(self._config), len(model.window_frame)
        if len(model.silent) != n or _widths(model) != _widths(wanted) or len(model.mixtures) != n:
            raise StoreCorrupt("its arrays do not fit the catalogue's configuration")
        return model

    def _words(self, track_id: str, version: int) -> np.ndarray:
        return track_arrays.load_subfingerprints(self._store, track_id, version)

    def _forget_removed(self) -> None:
        """Delete the index folders of catalogues that this store no longer has."""
        every = index_folder(self._data_dir, self._store, "*")
        unknown = set(
            every.parent.glob(every.name)
        )  # before reading the store: catalogues are older than their folders
        for record in catalogues.list_catalogues(self._store):
            whole = index_folder(self._data_dir, self._store, record.id)
            unknown = {folder for folder in unknown if folder != whole and not folder.name.startswith(f"{whole.name}-")}
        for folder in unknown:
            shutil.rmtree(folder, ignore_errors=True)

    # --- between queries ------------------------------------------------------------------------------------

    def _start(self) -> None:
        with self._lock:
            if self._thread is None and not self._closing.is_set():
                self._thread = threading.Thread(target=self._run, name=f"follow-{self._name}", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        pause = self._seconds
        while not self._closing.wait(pause):
            try:
                self.view()
                pause = self._seconds
            except CatalogueNotFound:
                self._thread = None  # if it comes back, the next query starts another thread
                return
            except EarmarkError as error:
                if pause == self._seconds:
                    log.warning("catalogue %r cannot be followed: %s", self._name, error)
                pause = min(2 * pause, _MAX_PAUSE_S)
            except Exception:  # whatever it is: without this thread, each query would have to catch up by itself
                log.exception("catalogue %r cannot be followed", self._name)
                pause = _MAX_PAUSE_S


def _widths(model: TrackModel) -> list[tuple[int, ...]]:
    """Shapes of one row of each array."""
    arrays = (model.mixtures.means, model.mixtures.covariances, model.slots, model.words)
    return [array.shape[1:] for array in arrays]


def _without_labels(track: Track) -> Track:
    """Return a track without its labels: searches need none of them, and an index holds millions of tracks."""
    return replace(track, labels={}) if track.labels else track
