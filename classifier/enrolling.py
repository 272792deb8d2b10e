"""How a file becomes a track: known already, or decoded, modelled and stored.

What is stored of a recording is made block by block, so that memory does not grow with its length. Its samples are kept
aside meanwhile (:mod:`classifier.audio.held`): whether it is known, and at which level, is clear only at its end.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from classifier.audio import chromaprint, hashing, level
from classifier.audio.decoder import AudioInfo, Decoder, Tagged
from classifier.audio.held import Held, hold
from classifier.audio.limits import Limits
from classifier.config import FeatureConfig
from classifier.errors import AudioError, SnippetSilent, SnippetTooShort
from classifier.models.background import Background
from classifier.models.track import TrackModel, TrackModeller
from classifier.records import chromaprints, tracks
from classifier.records.catalogues import CatalogueRecord
from classifier.records.leases import new_owner
from classifier.records.writing import AlreadyEnrolled, TrackWriter
from classifier.results import Track
from classifier.settings import Settings
from classifier.store.base import Store
from classifier.store.forks import forget_after_fork
from classifier.text import clean

#: Blocks of a recording whose models are written at once: 17 minutes. A shorter track is modelled before its record is
#: begun, so that a crash on the way leaves nothing of it.
_BLOCKS = 64


@dataclass(frozen=True, slots=True)
class Enrolled:
    """Outcome of an enrollment.

    Parameters
    ----------
    track : Track
        As it is stored.
    added : bool
        Whether it is new, or was modelled anew.
    file_hash : str
        SHA-256 of the file, if it was read; the track's own if it was made from this very file.
    new_tags : dict of str to str
        What the file's tags say otherwise than the track's fields, but for those set by hand. Nothing of it is stored:
        see :meth:`Catalogue.take_tags`.
    remarks : list of str
        On the file, as :attr:`classifier.audio.decoder.AudioFacts.remarks`; none if it was not decoded.
    """

    track: Track
    added: bool
    file_hash: str = ""
    new_tags: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


class Prepared(Protocol):
    """A file that was decoded, from which a track can be made."""

    @property
    def info(self) -> AudioInfo:
        """What is known of it."""
        ...

    def models(self) -> Iterator[TrackModel]:
        """Yield the models of its stretches, one after another."""
        ...

    def chromaprint(self) -> np.ndarray | None:
        """Return what clients of AcoustID ask by, shape (n,), uint32, where it can be made."""
        ...


#: Decodes a file within limits, for the length of a ``with`` block.
Preparing = Callable[[bytes | Path, Limits], contextlib.AbstractContextManager[Prepared]]


@dataclass(frozen=True, slots=True)
class HeldFile:
    """A file that this process decoded and models.

    Parameters
    ----------
    held : Held
        Its samples.
    config : FeatureConfig
        The catalogue's.
    background : callable
        Gives the catalogue's background mixture.
    """

    held: Held
    config: FeatureConfig
    background: Callable[[], Background]

    @property
    def info(self) -> AudioInfo:
        """What is known of it."""
        return self.held.info

    def models(self) -> Iterator[TrackModel]:
        """Yield the models of its stretches."""
        modeller = TrackModeller(self.config, self.background())
        yield from map(modeller.push, self.held.blocks())
        yield modeller.finish()

    def chromaprint(self) -> np.ndarray | None:
        """Return what clients of AcoustID ask by; a compact catalogue goes without."""
        if self.config.is_compact:
            return None
        return chromaprint.words_of(self.held.blocks(), self.config.sample_rate)


def check_sound(info: AudioInfo, settings: Settings) -> None:
    """Refuse a recording in which there is nothing to recognise, or too little.

    Raises
    ------
    SnippetSilent, SnippetTooShort
        Then.

    Examples
    --------
    >>> facts = {"sample_rate": 16000, "source_rate": 44100, "channels": 2, "codec": "flac"}
    >>> info = AudioInfo(**facts, content_hash="", file_hash="", n_samples=8000, loudest=0.5)
    >>> try:
    ...     check_sound(info, Settings(data_dir="data"))
    ... except SnippetTooShort as error:
    ...     print(error)
    track has 0.50 s of sound; at least 1 s are needed
    """
    if level.is_silent(info.loudest, info.step):
        raise SnippetSilent(f"{info.duration_s:.1f} s of silence: there is nothing to recognise in it")
    least = settings.min_snippet_seconds
    if info.duration_s < least:
        raise SnippetTooShort(f"track has {info.duration_s:.2f} s of sound; at least {least:g} s are needed")


class Enroller:
    """Enrolls files into one catalogue; safe to share between threads.

    Parameters
    ----------
    store : Store
        Where the catalogue is.
    record : CatalogueRecord
        The catalogue.
    config : FeatureConfig
        Its configuration.
    settings : Settings
        Limits; ``data_dir`` takes what is kept aside of long recordings.
    decoder : Decoder
        Decodes.
    background : callable
        Gives the catalogue's background mixture.

    Attributes
    ----------
    prepare : callable
        Decodes a file; by default in this process.
    """

    def __init__(
        self,
        store: Store,
        record: CatalogueRecord,
        config: FeatureConfig,
        settings: Settings,
        decoder: Decoder,
        background: Callable[[], Background],
    ) -> None:
        self._store, self._name, self._id = store, record.name, record.id
        self._config, self._settings, self._decoder = config, settings, decoder
        self._background = background
        self.prepare: Preparing = self.held
        self._owner = new_owner()
        self.after_fork()
        forget_after_fork(self)

    def after_fork(self) -> None:
        """Begin anew with a lock that no thread of a parent process holds."""
        self._turn = threading.Condition()
        self._in_work: set[str] = set()

    def enroll(
        self,
        source: bytes | Path,
        by_hand: Mapping[str, Any],
        *,
        source_name: str | None,
        replace: bool,
        reread: bool,
    ) -> Enrolled:
        """Add a track, or find that its audio is enrolled already.

        Parameters
        ----------
        source : bytes or Path
            An audio file.
        by_hand : mapping
            Fields that a person has set, by name.
        source_name, replace, reread
            As :meth:`classifier.catalogue.Catalogue.enroll` takes them, and what it raises.
        """
        limits = Limits.for_track(self._settings).of(source)
        file_hash = hashing.file_hash(source, limits.max_bytes)
        if not (replace or reread) and (known := self._find(file_hash=file_hash)):
            return Enrolled(known, False, file_hash)
        probed = self._probe(source, limits)
        if not replace and (known := self._find(packet_hash=probed.packet_hash)):
            return _known(known, file_hash, probed.tags)
        source_name = clean(source_name or (source.stem if isinstance(source, Path) else ""))
        with self.prepare(source, limits) as prepared:
            info = prepared.info
            fields = {**self._fields(info, by_hand, source_name), "packet_hash": probed.packet_hash}
            with self._alone_with(info.content_hash):
                known = self._find(content_hash=info.content_hash)
                if known is not None and not replace:
                    if probed.packet_hash:
                        tracks.set_packet_hash(self._store, known.id, probed.packet_hash)
                    if not chromaprints.has(self._store, known.id):
                        self._put_chromaprint(prepared, known.id)
                    return _known(known, info.file_hash, info.tags, info.remarks)
                check_sound(info, self._settings)
                try:
                    track = self._write(prepared, fields, replace=replace)
                except AlreadyEnrolled as found:  # another process was faster
                    return _known(
                        tracks.get_track(self._store, found.track_id), info.file_hash, info.tags, info.remarks
                    )
                return Enrolled(track, True, info.file_hash, remarks=info.remarks)

    @contextlib.contextmanager
    def held(self, source: bytes | Path, limits: Limits) -> Iterator[HeldFile]:
        """Decode a file in this process, for the length of a ``with`` block."""
        folder = Path(self._settings.data_dir)
        with hold(self._decoder, source, limits, self._config.sample_rate, folder) as held:
            yield HeldFile(held, self._config, self._background)

    def _put_chromaprint(self, prepared: Prepared, track_id: str) -> None:
        """Keep what clients of AcoustID ask by, where it can be made."""
        words = prepared.chromaprint()
        if words is not None:
            chromaprints.put(self._store, track_id, self._name, prepared.info.duration_s, words)

    def _fields(self, info: AudioInfo, by_hand: Mapping[str, Any], source_name: str) -> dict[str, Any]:
        """Return the fields of a new track's record."""
        source_name = source_name or info.tags.get("title") or "upload"
        tags = {name: info.tags.get(name) for name in tracks.TAGGED}
        return {
            "catalogue": self._name,
            "catalogue_id": self._id,
            **tags,
            "title": tags["title"] or source_name,
            **by_hand,
            "by_hand": list(by_hand),
            "source": source_name,
            "duration_s": info.duration_s,
            "content_hash": info.content_hash,
            "file_hash": info.file_hash,
            "remarks": info.remarks,
        }

    def _write(self, prepared: Prepared, fields: Mapping[str, Any], *, replace: bool) -> Track:
        """Model a recording and store it."""
        pieces = prepared.models()
        some = list(islice(pieces, _BLOCKS))
        # An earlier release's models are replaced; whoever is faster makes AlreadyEnrolled of it.
        old = tracks.find(self._store, self._name, content_hash=prepared.info.content_hash)
        stale = old is not None and tracks.is_outdated(self._store, old.id)
        lease_seconds = self._settings.lease_seconds
        writer = TrackWriter.begin(
            self._store, fields, owner=self._owner, lease_seconds=lease_seconds, replace=replace or stale
        )
        with writer:
            while some:
                model = TrackModel.join(some, self._config)
                writer.add_models(model.window_arrays())
                writer.add_slots(model.slots)
                writer.add_subfingerprints(model.words)
                some = []
                for piece in islice(pieces, _BLOCKS):
                    writer.renew()
                    some.append(piece)
            writer.renew()
            self._put_chromaprint(prepared, writer.track_id)
            return writer.commit()

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

    def _probe(self, source: bytes | Path, limits: Limits) -> Tagged:
        try:
            return self._decoder.probe(source, limits)
        except AudioError:
            return Tagged("")  # decoding says what is wrong

    def _find(self, **hashes: str) -> Track | None:
        """Return the track with this content, unless an earlier release modelled it."""
        found = tracks.find(self._store, self._name, **hashes)
        return None if found is None or tracks.is_outdated(self._store, found.id) else found


def _known(track: Track, file_hash: str, tags: Mapping[str, str], remarks: Sequence[str] = ()) -> Enrolled:
    return Enrolled(track, False, file_hash, tracks.new_tags(track, tags), list(remarks))
