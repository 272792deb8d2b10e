"""The catalogue: enroll tracks, identify snippets. The sentence the whole program speaks."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from classifier.audio.decoder import Audio, Decoder
from classifier.config import FeatureConfig
from classifier.enrolling import Enrolled, Enroller
from classifier.errors import CatalogueNotFound, TrackNotFound
from classifier.identifying import Identifier
from classifier.index.follower import Follower, View
from classifier.models import signature
from classifier.models.background import BUILTIN, Background, builtin_background
from classifier.records import catalogues, tracks
from classifier.records.configurations import current_config, shipped_background
from classifier.records.fields import set_fields
from classifier.results import Tag, Track
from classifier.settings import Settings
from classifier.store import open_store
from classifier.store.base import Store
from classifier.store.forks import forget_after_fork
from classifier.text import clean


class Catalogue:
    """A named set of tracks, open for enrolling and identifying; safe to share between threads.

    Use :meth:`open`; close it, or use it in a ``with`` statement.

    Attributes
    ----------
    enroller : Enroller
        Its ``prepare`` says who decodes and models.
    identifier : Identifier
        Its ``passes`` says who compares snippets with the whole catalogue.

    Examples
    --------
    >>> from classifier.demo.phone import record, write_wav
    >>> from classifier.demo.songs import compose, write
    >>> song = compose(1, duration_s=20)
    >>> heard = record(song.samples, song.sample_rate, 8.0, 5.0, snr_db=10.0)
    >>> write_wav(Path("snippet.wav"), heard, song.sample_rate)
    >>> with Catalogue.open("sqlite:///music.sqlite") as catalogue:
    ...     enrolled = catalogue.enroll(write(song, Path("music")))
    ...     tag = catalogue.identify(Path("snippet.wav"))
    >>> tag.verdict, tag.matches[0].title == song.title, round(tag.matches[0].offset_s)
    ('identified', True, 8)
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
        self.config = current_config(record)
        self.decoder = decoder
        self._closing = closing or contextlib.ExitStack()  # what nobody else will close
        self.enroller = Enroller(store, record, self.config, settings, decoder, self.background)
        self._background: Background | None = None
        self._follower = Follower(store, record, Path(settings.data_dir), settings.refresh_seconds)
        self.identifier = Identifier(self.config, settings, decoder, self.background, self._follower)
        self.after_fork()
        forget_after_fork(self)

    def after_fork(self) -> None:
        """Begin anew with locks that no thread of a parent process holds."""
        self._lock = threading.Lock()

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
        CatalogueOutdated
            If an earlier release made it.
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
                record = catalogues.create_catalogue(
                    store, wanted, new.to_dict(), new.hash, background=shipped_background(new)
                )
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
        reread: bool = False,
    ) -> Enrolled:
        """Add a track, or find that its audio is enrolled already.

        Parameters
        ----------
        source : bytes or Path
            An audio file.
        title, artist, album, isrc : str, optional
            Set by hand; default: as the file's tags say, and without a title its name.
        source_name : str, optional
            What to call the source; default the file's name without extension.
        metadata : mapping of str to str, optional
            Free text by name, set by hand.
        replace : bool
            Model the track anew and take over the file's tags; fields set by hand stay unless they are given here.
        reread : bool
            Read the tags of a file that is known by its bytes, too: an earlier release may have kept less of them.

        Returns
        -------
        Enrolled

        Raises
        ------
        AudioError
            If the source is not usable audio.
        InvalidParameter
            If what is set by hand is not text, or no ISRC.
        TrackBusy
            If another process is writing the same audio at this moment.
        """
        given = {"title": title, "artist": artist, "album": album, "isrc": isrc}
        by_hand = set_fields({name: text for name, text in given.items() if text and clean(text)})
        if metadata:
            by_hand["metadata"] = metadata
        return self.enroller.enroll(source, by_hand, source_name=source_name, replace=replace, reread=reread)

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
            from classifier.models.fitting import fit_on_demo_songs  # with what only fitting needs

            fitted = fit_on_demo_songs(self.config)
            record = catalogues.set_background(self.store, self.name, fitted.id, fitted.to_arrays())
        arrays = catalogues.load_background(self.store, self.name)
        assert arrays is not None  # a named background that does not ship is stored
        return Background.from_arrays(record.background, self.config.front_end_hash, arrays)

    # --- identifying ----------------------------------------------------------------------------------------

    def identify(
        self, source: bytes | Path, *, method: str | None = None, top: int = 5, speeds: str | None = None
    ) -> Tag:
        """Say which track a recording is of, where in it, and how sure that is.

        Parameters
        ----------
        source : bytes or Path
            A recorded snippet, or its signature (:meth:`signature`).
        method : str, optional
            One of :data:`classifier.results.METHODS`; default that of the settings, else the catalogue's own.
        top : int in [1, 100]
            Candidates listed.
        speeds : str, optional
            One of :data:`classifier.results.SPEEDS`; default that of the settings.

        Returns
        -------
        Tag
            Its ``seconds`` name every stage, ``total`` among them.

        Raises
        ------
        SnippetTooShort, SnippetSilent
            If there is too little to go by.
        AudioError
            If the source is not usable audio.
        InvalidSignature, SignatureMismatch
            If the source is a signature that cannot be used.
        """
        return self.identifier.identify(source, method=method, top=top, speeds=speeds)

    def decode(self, source: bytes | Path) -> Audio:
        """Decode a recorded snippet at the catalogue's rate, within the limits of snippets.

        Parameters
        ----------
        source : bytes or Path
            A recorded snippet.

        Raises
        ------
        AudioError
            If the source is not usable audio.
        """
        return self.identifier.decode(source)

    def identify_audio(
        self,
        audio: Audio,
        *,
        method: str | None = None,
        top: int = 5,
        speeds: str | None = None,
        view: View | None = None,
        max_false_alarms: float | None = None,
    ) -> Tag:
        """Identify decoded audio; everything else as :meth:`identify`.

        Parameters
        ----------
        audio : Audio
            At the catalogue's rate: from :meth:`decode`, a piece of it, or :meth:`Audio.from_samples`.
        method, top, speeds
            See :meth:`identify`.
        view : View, optional
            What to search, from :meth:`view`; default what the store holds now.
        max_false_alarms : float > 0, optional
            E-value below which a match is identified; default that of the settings.

        Raises
        ------
        InvalidParameter
            If a parameter is out of bounds, or the audio has another rate.
        """
        return self.identifier.identify_audio(
            audio, method=method, top=top, speeds=speeds, view=view, max_false_alarms=max_false_alarms
        )

    def identify_signature(
        self,
        content: bytes,
        *,
        method: str | None = None,
        top: int = 5,
        speeds: str | None = None,
        max_false_alarms: float | None = None,
    ) -> Tag:
        """Identify a snippet by its signature; everything else as :meth:`identify_audio`.

        Only the snippet's own speed can be searched: ``searched.other_speeds`` and ``searched.wide`` are false where
        others would have been.

        Raises
        ------
        InvalidSignature, SignatureMismatch
            If it cannot be used.
        """
        return self.identifier.identify_signature(
            content, method=method, top=top, speeds=speeds, max_false_alarms=max_false_alarms
        )

    def signature(self, source: bytes | Path) -> bytes:
        """Return the signature of a recorded snippet: its models in a few kilobytes, from which no sound can be made.

        Raises
        ------
        SnippetTooShort, SnippetSilent
            If there is too little to go by.
        AudioError
            If the source is not usable audio.
        """
        return self.identifier.signature(source)

    def signature_seconds(self, content: bytes) -> float:
        """Return the seconds of sound that a signature says it is of; the rest of it is not read.

        Raises
        ------
        InvalidSignature, SignatureMismatch
            If it is damaged, or of another version.
        """
        return signature.n_samples(content) / self.config.sample_rate

    def view(self, progress: Callable[[int, int], None] | None = None) -> View:
        """Bring the index up to date with the store; return what it holds: a snapshot and its tracks by id.

        A view never changes. Hold one to ask many questions of the same tracks.

        The first call waits until all tracks are loaded; later ones load a few themselves and leave many to the
        background, and return what is there until then.

        Parameters
        ----------
        progress : callable, optional
            Called with (loaded, total) while the first call loads tracks that the index on disk lacks.

        Raises
        ------
        CatalogueNotFound
            If the catalogue was removed.
        StoreUnavailable
            If the store does not answer.
        """
        return self._follower.view(progress)

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

    def tracks(
        self, *, search: str | None = None, label: Sequence[str] = (), limit: int | None = None, skip: int = 0
    ) -> list[Track]:
        """List tracks by title; each word of ``search`` occurs in title, artist, album, identifiers or source.

        With ``label``, only those that have all these labels: ``genre:jazz``, or ``jazz`` of any task.
        """
        return tracks.list_tracks(self.store, self.name, search=search, label=label, limit=limit, skip=skip)

    def facet(
        self, field: str, *, search: str | None = None, label: Sequence[str] = ()
    ) -> list[tuple[str | None, int]]:
        """Return the most frequent values of artist, album or label among what :meth:`tracks` would list."""
        return tracks.facet(self.store, self.name, field, search=search, label=label)

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

    def ids_beginning(self, beginning: str, limit: int = 2) -> list[str]:
        """Return ids of at most ``limit`` tracks that begin like this."""
        return tracks.ids_beginning(self.store, self.name, beginning, limit)

    def edit(self, track_id: str, **fields: Any) -> Track:
        """Change title, artist, album, identifiers or metadata of a track by hand, for good; return it as it is."""
        self.track(track_id)
        return tracks.edit(self.store, track_id, **fields)

    def take_tags(self, track_id: str, tags: Mapping[str, str], *, source_name: str, file_hash: str) -> Track:
        """Take over a file's tags where they differ and nothing was set by hand; models stay as they are.

        Parameters
        ----------
        track_id : str
            A track of this catalogue.
        tags : mapping of str to str
            Such as :attr:`Enrolled.new_tags`.
        source_name, file_hash : str
            The file: its name without extension, and the SHA-256 of its bytes.
        """
        self.track(track_id)
        return tracks.take_tags(self.store, track_id, tags, source=source_name, file_hash=file_hash)

    def remove(self, track_id: str) -> None:
        """Remove a track; a query that runs now may still name it, the next one will not."""
        self.track(track_id)
        tracks.remove(self.store, track_id)
