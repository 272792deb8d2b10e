"""The catalogue: enroll tracks, identify snippets. The sentence the whole program speaks."""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType

import numpy as np

from classifier.audio.decoder import Audio, Decoder, Limits
from classifier.config import FeatureConfig
from classifier.errors import CatalogueNotFound, InvalidParameter, SnippetSilent, SnippetTooShort, TrackNotFound
from classifier.index.follower import Follower
from classifier.index.snapshot import Snapshot
from classifier.models import fitting as backgrounds
from classifier.models.track import BUILTIN, Background, TrackModel, builtin_background, model_query, model_track
from classifier.records import catalogues, tracks
from classifier.records.leases import new_owner
from classifier.records.writing import AlreadyEnrolled, TrackWriter
from classifier.results import METHODS, Tag, Track
from classifier.search import pipeline
from classifier.search.pipeline import Options
from classifier.settings import Settings
from classifier.store import open_store
from classifier.store.base import Store
from classifier.store.forks import forget_after_fork

#: A snippet whose loudest 100 ms stay below this rms (full scale 1) is silent: -66 dBFS.
_SILENT_RMS = 5e-4


@dataclass(frozen=True, slots=True)
class Enrolled:
    """Outcome of an enrollment: the track, and whether it is new (or was modelled anew)."""

    track: Track
    added: bool


class Catalogue:
    """A named set of tracks, open for enrolling and identifying; safe to share between threads.

    Use :meth:`open`; close it, or use it in a ``with`` statement.
    """

    def __init__(
        self,
        store: Store,
        record: catalogues.CatalogueRecord,
        settings: Settings,
        decoder: Decoder,
        *,
        closing: contextlib.ExitStack | None = None,
    ) -> None:
        self.store = store
        self.settings = settings
        self.name = record.name
        self.id = record.id
        self.config = FeatureConfig.from_dict(record.config)
        self.decoder = decoder
        self._closing = closing or contextlib.ExitStack()  # what nobody else will close
        self._owner = new_owner()
        self._background: Background | None = None
        self._follower = Follower(store, record, Path(settings.data_dir), settings.refresh_seconds)
        self.after_fork()
        forget_after_fork(self)

    def after_fork(self) -> None:
        """Begin anew with locks that no thread of a parent process holds."""
        self._lock = threading.Lock()
        self._turn = threading.Condition()
        self._in_work: set[str] = set()

    @classmethod
    def open(
        cls,
        url: str | None = None,
        name: str | None = None,
        config: FeatureConfig | None = None,
        *,
        settings: Settings | None = None,
        create: bool = True,
        store: Store | None = None,
        decoder: Decoder | None = None,
    ) -> Catalogue:
        """Open a catalogue, creating it if it does not exist.

        Parameters
        ----------
        url : str, optional
            Store, such as ``sqlite:///music.sqlite`` or ``mongodb://host/earmark``; default that of the settings.
        name : str, optional
            Catalogue; default that of the settings.
        config : FeatureConfig, optional
            Configuration of a new catalogue; an existing one must have the same.
        settings : Settings, optional
            Everything else.
        create : bool
            Whether a missing catalogue is created.
        store, decoder : optional
            Shared with other catalogues of this process; the caller closes them.

        Raises
        ------
        CatalogueExists
            If it exists with another configuration than ``config``.
        CatalogueNotFound
            If it does not exist and ``create`` is false.
        StoreUnavailable
            If the store does not answer.
        """
        settings = settings or Settings()
        if url is not None:
            settings = settings.replace(store=url)
        closing = contextlib.ExitStack()
        try:
            if store is None:
                store = open_store(settings.store)
                closing.callback(store.close)
            store.ensure_schema()
            wanted = name or settings.catalogue
            try:
                record = catalogues.get_catalogue(store, wanted)
                if config is not None and record.config_hash != config.hash:
                    record = catalogues.create_catalogue(store, wanted, config.to_dict(), config.hash)
            except CatalogueNotFound:
                if not create:
                    raise
                new = config or FeatureConfig()
                ships = BUILTIN if new.front_end_hash == builtin_background().front_end else ""
                record = catalogues.create_catalogue(store, wanted, new.to_dict(), new.hash, background=ships)
            if decoder is None:
                decoder = closing.enter_context(Decoder(settings))
            return cls(store, record, settings, decoder, closing=closing)
        except BaseException:
            closing.close()
            raise

    def close(self) -> None:
        """Finish writing the index and release what :meth:`open` opened."""
        self._follower.close()
        self._closing.close()

    def __enter__(self) -> Catalogue:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    # --- enrolling ------------------------------------------------------------------------------------------

    def enroll(
        self,
        source: bytes | Path,
        *,
        title: str | None = None,
        artist: str | None = None,
        album: str | None = None,
        isrc: str | None = None,
        source_name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        replace: bool = False,
    ) -> Enrolled:
        """Add a track, or find that its audio is enrolled already.

        Parameters
        ----------
        source : bytes or Path
            An audio file.
        title, artist, album, isrc : str, optional
            Default: as the file says; the title falls back to the file's name.
        source_name : str, optional
            What to call the source; default the file's name without extension.
        metadata : mapping of str to str, optional
            Free text by name.
        replace : bool
            Model the track anew and take over the file's and the given metadata.

        Returns
        -------
        Enrolled

        Raises
        ------
        AudioError
            If the source is no usable audio.
        TrackBusy
            If another process is writing the same audio at this moment.
        """
        if isinstance(source, Path) and not replace:
            known = self._find_file(source)
            if known is not None:
                return Enrolled(known, False)
        audio = self.decoder.decode(source, Limits.for_track(self.settings), self.config.sample_rate)
        source_name = _readable(source_name or (source.stem if isinstance(source, Path) else ""))
        source_name = source_name or audio.tags.get("title") or "upload"
        fields = {
            "catalogue": self.name,
            "catalogue_id": self.id,
            "title": title or audio.tags.get("title") or source_name,
            "artist": artist or audio.tags.get("artist"),
            "album": album or audio.tags.get("album"),
            "isrc": isrc or audio.tags.get("isrc"),
            "source": source_name,
            "duration_s": audio.duration_s,
            "content_hash": audio.content_hash,
            "file_hash": audio.file_hash,
            "metadata": dict(metadata or {}),
        }
        with self._alone_with(audio.content_hash):
            known = tracks.find(self.store, self.name, content_hash=audio.content_hash)
            if known is not None and not replace:
                return Enrolled(known, False)
            model = self._model(audio)
            lease_seconds = self.settings.lease_seconds
            try:
                writer = TrackWriter.begin(
                    self.store, fields, owner=self._owner, lease_seconds=lease_seconds, replace=replace
                )
            except AlreadyEnrolled as found:  # another process was faster
                return Enrolled(self.track(found.track_id), False)
            with writer:
                writer.add_models(model.to_arrays())
                writer.add_subfingerprints(model.words)
                return Enrolled(writer.commit(), True)

    @contextlib.contextmanager
    def _alone_with(self, content_hash: str) -> Iterator[None]:
        """Let one thread at a time work on the same audio: copies of a file are often enrolled side by side."""
        with self._turn:
            self._turn.wait_for(lambda: content_hash not in self._in_work)
            self._in_work.add(content_hash)
        try:
            yield
        finally:
            with self._turn:
                self._in_work.discard(content_hash)
                self._turn.notify_all()

    def _model(self, audio: Audio) -> TrackModel:
        if _loudest_rms(audio.samples, audio.sample_rate) < _SILENT_RMS:
            raise SnippetSilent(f"{audio.duration_s:.1f} s of silence: there is nothing to recognise in it")
        if audio.duration_s < self.settings.min_snippet_seconds:
            least = self.settings.min_snippet_seconds
            raise SnippetTooShort(f"track has {audio.duration_s:.2f} s of sound; at least {least:g} s are needed")
        return model_track(audio.samples, self.config, self.background(), seed=int(audio.content_hash[:8], 16))

    def _find_file(self, path: Path) -> Track | None:
        """Recognise an enrolled file by its bytes, before decoding it."""
        try:
            if not path.is_file() or path.stat().st_size > self.settings.track_bytes:
                return None  # a pipe would never end; the decoder says what is wrong with it
            with open(path, "rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except (OSError, ValueError):
            return None  # the decoder says what is wrong with it
        return tracks.find(self.store, self.name, file_hash=digest)

    def background(self) -> Background:
        """Return the catalogue's background mixture; fit and store it if its front end has none yet."""
        with self._lock:
            if self._background is None:
                if catalogues.get_catalogue(self.store, self.name).background == BUILTIN:
                    self._background = builtin_background()
                else:
                    self._background = self._own_background()
            return self._background

    def _own_background(self) -> Background:
        record = catalogues.get_catalogue(self.store, self.name)
        if not record.background:
            fitted = backgrounds.fit_on_demo_songs(self.config)
            record = catalogues.set_background(self.store, self.name, fitted.id, fitted.to_arrays())
        arrays = catalogues.load_background(self.store, self.name)
        assert arrays is not None  # a named background that does not ship is stored
        return Background.from_arrays(record.background, self.config.front_end_hash, arrays)

    # --- identifying ----------------------------------------------------------------------------------------

    def identify(self, source: bytes | Path, *, method: str | None = None, top: int = 5) -> Tag:
        """Say which track a recording is of, where in it, and how sure that is.

        Parameters
        ----------
        source : bytes or Path
            A recorded snippet.
        method : str, optional
            One of :data:`classifier.results.METHODS`; default that of the settings.
        top : int in [1, 100]
            Candidates listed.

        Returns
        -------
        Tag
            Its ``seconds`` name every stage, ``total`` among them.

        Raises
        ------
        SnippetTooShort, SnippetSilent
            If there is too little to go by.
        AudioError
            If the source is no usable audio.
        """
        started = time.perf_counter()
        audio = self.decoder.decode(source, Limits.for_snippet(self.settings), self.config.sample_rate)
        decoded = time.perf_counter()
        tag = self.identify_samples(audio.samples, method=method, top=top, bandwidth_hz=audio.bandwidth_hz)
        total = time.perf_counter() - started
        return replace(tag, seconds={"decode": decoded - started, **tag.seconds, "total": total})

    def identify_samples(
        self, samples: np.ndarray, *, method: str | None = None, top: int = 5, bandwidth_hz: float = 1e9
    ) -> Tag:
        """Identify decoded mono samples at the catalogue's rate; everything else as :meth:`identify`."""
        method = method or self.settings.method
        if method not in METHODS:
            raise InvalidParameter(f"method {method!r} is unknown: choose one of {', '.join(METHODS)}")
        if not 1 <= top <= 100:
            raise InvalidParameter(f"top is {top}: it must be from 1 to 100")
        duration_s = len(samples) / self.config.sample_rate
        if duration_s < self.settings.min_snippet_seconds:
            raise SnippetTooShort(
                f"snippet has {duration_s:.2f} s of sound; at least {self.settings.min_snippet_seconds:g} s are "
                "needed: record longer"
            )
        if _loudest_rms(samples, self.config.sample_rate) < _SILENT_RMS:
            raise SnippetSilent("the snippet is silent: check the microphone and move closer to the music")
        started = time.perf_counter()
        snapshot, known = self.refresh()
        refreshed = time.perf_counter()
        query = model_query(samples, self.config, self.background(), bandwidth_hz=bandwidth_hz)
        modelled = time.perf_counter()
        options = Options(
            method=method,
            top=top,
            max_false_alarms=self.settings.max_false_alarms,
            known_prior=self.settings.known_prior,
            sweep_seconds=self.settings.sweep_seconds,
        )
        tag = pipeline.identify(query, snapshot, known.__getitem__, self.config, options)
        return replace(tag, seconds={"index": refreshed - started, "model": modelled - refreshed, **tag.seconds})

    def refresh(self, progress: Callable[[int, int], None] | None = None) -> tuple[Snapshot, Mapping[str, Track]]:
        """Bring the index up to date with the store; return a snapshot and its tracks by id.

        The first call waits until all tracks are loaded; later ones load a few themselves and leave many to the
        background, searching what is there until then.

        Parameters
        ----------
        progress : callable, optional
            Called with (loaded, total) tracks while the first call loads what the index lacks.
        """
        view = self._follower.view(progress)
        return view.snapshot, view.tracks

    @property
    def has_index(self) -> bool:
        """Whether this machine keeps an index of the catalogue already."""
        return self._follower.has_index

    @property
    def n_missing(self) -> int:
        """How many of the catalogue's tracks no query can find: still being loaded, or damaged in the store."""
        return self._follower.n_missing

    # --- library --------------------------------------------------------------------------------------------

    @property
    def revision(self) -> int:
        """How often the set of tracks has changed."""
        return catalogues.revision(self.store, self.name)

    def tracks(self, *, search: str | None = None, limit: int | None = None, skip: int = 0) -> list[Track]:
        """List tracks by title; ``search`` finds words in title, artist, album or source."""
        return tracks.list_tracks(self.store, self.name, search=search, limit=limit, skip=skip)

    def track(self, track_id: str) -> Track:
        """Return one track.

        Raises
        ------
        TrackNotFound
            If it is not in this catalogue.
        """
        found = tracks.get_track(self.store, track_id)
        if found.catalogue != self.name:
            raise TrackNotFound(f"there is no track {track_id!r} in catalogue {self.name!r}")
        return found

    def edit(self, track_id: str, **fields: object) -> Track:
        """Change title, artist, album, isrc or metadata of a track; return it as it is then."""
        self.track(track_id)
        return tracks.edit(self.store, track_id, **fields)

    def remove(self, track_id: str) -> None:
        """Remove a track; a query that runs now may still name it, the next one will not."""
        self.track(track_id)
        tracks.remove(self.store, track_id)


def _readable(name: str) -> str:
    """Return a file's name as text: what is no UTF-8 becomes question marks, never nothing."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace").strip()


def _loudest_rms(samples: np.ndarray, sample_rate: int) -> float:
    """Root mean square of the loudest 100 ms."""
    block = sample_rate // 10
    n = len(samples) // block
    if n == 0:
        return float(np.sqrt(np.mean(np.square(samples)))) if len(samples) else 0.0
    squares = np.square(samples[: n * block].reshape(n, block)).mean(axis=1)
    return float(np.sqrt(squares.max()))
