"""From a file to features: decoded the same way whatever its format, rate and channels, and remembered.

Everything is decoded to mono at the extractor's rate before anything is measured; see :mod:`classifier.audio`.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from classifier.audio.decoder import AudioFacts, Decoder
from classifier.audio.hashing import file_hash
from classifier.audio.level import is_silent, loudest
from classifier.audio.limits import Limits
from classifier.errors import FileMissing, InvalidParameter, SnippetSilent, SnippetTooShort
from classifier.labels import weights
from classifier.labels.cache import FeatureCache
from classifier.labels.extractors import DEFAULT, extractor
from classifier.labels.features import Extracted, Extractor, Opened
from classifier.labels.musicnn.extract import Tagging
from classifier.labels.musicnn.logmel import HOP_S, MOST_PATCHES, PATCH_S, SAMPLE_RATE
from classifier.labels.musicnn.network import N_FRAMES
from classifier.labels.pieces import blocks
from classifier.labels.quality import Measuring, Quality
from classifier.settings import Settings

#: Recordings remembered in memory: several questions about one are asked in a row.
_REMEMBERED = 8


@dataclass(frozen=True, slots=True)
class Sound:
    """What is known of a recording that was heard, apart from its features.

    Parameters
    ----------
    duration_s : float
        Length, seconds.
    level_db : float
        Of the loudest 100 ms, dB below full scale.
    bandwidth_hz : float
        Highest frequency that the recording can hold, Hz.
    source_rate, channels : int
        Of the file.
    file_hash : str
        SHA-256 of the bytes.
    remarks : list of str
        What is worth knowing of the file; see :class:`~classifier.audio.decoder.AudioFacts`.
    quality : Quality or None
        What was measured of the sound; None where it was heard piece by piece.
    """

    duration_s: float
    level_db: float
    bandwidth_hz: float
    source_rate: int
    channels: int
    file_hash: str
    remarks: list[str]
    quality: Quality | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """Features of a recording, and what else is known of it."""

    sound: Sound
    extracted: Extracted


@dataclass(frozen=True, slots=True)
class Remembered:
    """A recording that was heard before, by the SHA-256 of its file; the file need not be there any more."""

    file_hash: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of a recording that was heard as a whole, by :meth:`Ears.series`: what the network said of it."""

    heard: Heard


#: A recording: the content of a file, where it lies, or what was heard before, as a whole or a stretch of it.
Source = bytes | Path | Remembered | Stretch
#: Called with seconds heard and seconds that the file promises (0 if it does not say).
Progress = Callable[[float, float], None]


class Ears:
    """Extracts features of files; safe to share between threads.

    Parameters
    ----------
    settings : Settings
        Where weights and the cache lie, and the shortest sound that is answered for.
    decoder : Decoder
        Decodes; the caller closes it.
    limits : Limits
        What a file may cost.
    cached : bool
        Whether features are remembered in the data folder; the last few are remembered in memory either way.
    """

    def __init__(self, settings: Settings, decoder: Decoder, limits: Limits, *, cached: bool = True) -> None:
        self._settings = settings
        self._decoder = decoder
        self._limits = limits
        self._cache = FeatureCache(Path(settings.data_dir) / "features") if cached else None
        self._weights = Path(settings.weights_dir)
        self._lock = threading.Lock()
        self._opened: dict[str, Opened] = {}
        self._last: OrderedDict[tuple[str, str], Heard] = OrderedDict()

    def hear(self, source: Source, name: str = DEFAULT) -> Heard:
        """Return features of a recording of any length, in memory that does not grow with it.

        Parameters
        ----------
        source : bytes, Path, Remembered or Stretch
            The file's content, or where it lies; or its hash, if it was heard before; or a stretch, of which there is
            only what :data:`~classifier.labels.extractors.DEFAULT` gives.
        name : str
            An extractor's.

        Raises
        ------
        SnippetSilent, SnippetTooShort
            If there is nothing to hear, or too little.
        AudioError, FileMissing, DecoderUnavailable
            As :meth:`classifier.audio.decoder.Decoder.stream` does.
        WeightsMissing, InvalidModel
            If the extractor needs weights that are not there, or damaged.
        InvalidParameter
            If there is no such extractor, or it does not hear stretches.
        """
        kind = extractor(name)
        if isinstance(source, Stretch):
            check_hears_stretches([name])
            return source.heard
        if isinstance(source, Remembered):
            known = self._known(source.file_hash, kind)
            if known is None:
                raise FileMissing("the recording was not heard before, or that is forgotten: give its file")
            return known
        extract = self._open(kind)
        known_by = file_hash(source, self._limits.max_bytes)
        if known_by and (known := self._known(known_by, kind)) is not None:
            return known
        listening, measuring = extract.begin(), Measuring(kind.sample_rate)
        with self._decoder.stream(source, self._limits, kind.sample_rate) as stream:
            for block in stream:
                listening.add(block)
                measuring.add(block)
            info = stream.info
        sound = replace(self._checked(info, info.duration_s, info.loudest), quality=measuring.quality())
        heard = Heard(sound, extract.extracted(listening))
        if self._cache is not None:
            self._cache.put(sound.file_hash, kind, heard.extracted, asdict(sound))
        self._remember(sound.file_hash, kind, heard)
        return heard

    def series(self, source: Source, progress: Progress | None = None) -> Heard:
        """Return features of all patches of a recording of any length, three seconds each, in little memory.

        Every minute is brought to its level by itself, so that a quiet passage is heard like a loud one; stretches that
        hold nothing are left out. The vector is the mean over all patches.

        Parameters
        ----------
        source : bytes or Path
            The file's content, or where it lies.
        progress : callable, optional
            Told how far it is.

        Raises
        ------
        SnippetSilent and others
            As :meth:`hear` does.
        """
        kind = extractor(DEFAULT)
        if isinstance(source, Remembered | Stretch):
            raise FileMissing("what a recording is over time needs its file")
        network = weights.load(DEFAULT, self._weights)
        parts: list[tuple[np.ndarray, np.ndarray]] = []
        with self._decoder.stream(source, self._limits, SAMPLE_RATE) as stream:
            for at, block in enumerate(blocks(stream, MOST_PATCHES * N_FRAMES * round(HOP_S * SAMPLE_RATE))):
                if progress is not None:
                    progress(at * MOST_PATCHES * PATCH_S, stream.promised_s)
                # Too little at the end of a long recording adds nothing to it.
                if is_silent(loudest(block, SAMPLE_RATE)) or (at and len(block) < PATCH_S / 2 * SAMPLE_RATE):
                    continue
                minute = Tagging(network, None)
                minute.add(block)
                patches, start_s, _ = minute.features()
                parts.append((patches, start_s + at * MOST_PATCHES * PATCH_S))
            info = stream.info
        sound = self._checked(info, info.duration_s, info.loudest)
        if not parts:
            raise SnippetSilent("the recording holds no sound: check the file, or the microphone's level")
        rows = np.concatenate([patches for patches, _ in parts])
        starts = np.concatenate([start_s for _, start_s in parts])
        return Heard(sound, Extracted(kind.id, kind.names, rows, starts, rows.mean(axis=0, dtype=np.float64)))

    def over_time(self, source: Source, name: str, every_s: float) -> tuple[Sound, dict[int, Extracted]]:
        """Return features of each stretch of a recording of any length, as if it were a recording by itself.

        Parameters
        ----------
        source : bytes or Path
            The file's content, or where it lies.
        name : str
            An extractor's.
        every_s : float > 0
            Seconds of a stretch.

        Returns
        -------
        Sound, dict of int to Extracted
            Stretch k begins ``k * every_s`` seconds in; those that hold nothing, and a rest too short, are left out.

        Raises
        ------
        SnippetSilent and others
            As :meth:`hear` does.
        """
        kind = extractor(name)
        if isinstance(source, Remembered | Stretch):
            raise FileMissing("what a recording is over time needs its file")
        extract, found = self._open(kind), {}
        with self._decoder.stream(source, self._limits, kind.sample_rate) as stream:
            for k, block in enumerate(blocks(stream, round(every_s * kind.sample_rate))):
                if is_silent(loudest(block, kind.sample_rate)) or (k and len(block) < PATCH_S / 2 * kind.sample_rate):
                    continue
                found[k] = extract(block)
            info = stream.info
        return self._checked(info, info.duration_s, info.loudest), found

    def _open(self, kind: Extractor) -> Opened:
        with self._lock:
            if kind.name not in self._opened:
                self._opened[kind.name] = kind.open(self._weights)
            return self._opened[kind.name]

    def _known(self, digest: str, kind: Extractor) -> Heard | None:
        """Return what is remembered of a file."""
        with self._lock:
            last = self._last.get((digest, kind.id))
        if last is not None or self._cache is None:
            return last
        found = self._cache.get(digest, kind)
        if found is None:
            return None
        try:
            facts = found[1]
            heard = Heard(Sound(**facts | {"quality": Quality(**facts["quality"])}), found[0])
        except (TypeError, KeyError):
            return None  # of a release that knew other facts
        self._remember(digest, kind, heard)
        return heard

    def _remember(self, digest: str, kind: Extractor, heard: Heard) -> None:
        with self._lock:
            self._last[digest, kind.id] = heard
            while len(self._last) > _REMEMBERED:
                self._last.popitem(last=False)

    def _checked(self, facts: AudioFacts, duration_s: float, level: float) -> Sound:
        """Return what is known of a decoded file, if there is anything to hear in it."""
        if is_silent(level, facts.step):
            raise SnippetSilent("the recording holds no sound: check the file, or the microphone's level")
        least = self._settings.min_snippet_seconds
        if duration_s < least:
            raise SnippetTooShort(f"the recording has {duration_s:.2f} s; at least {least:g} s are needed")
        return Sound(
            duration_s=duration_s,
            level_db=float(20 * np.log10(level)),
            bandwidth_hz=facts.bandwidth_hz,
            source_rate=facts.source_rate,
            channels=facts.channels,
            file_hash=facts.file_hash,
            remarks=facts.remarks,
        )


def stretches(extracted: Extracted, every_s: float) -> Iterator[tuple[float, float, np.ndarray]]:
    """Yield start and end (seconds) and the mean patch, shape (d,), float64, of each stretch of a recording.

    Parameters
    ----------
    extracted : Extracted
        From :meth:`Ears.series`.
    every_s : float >= 3
        Length of a stretch, seconds; patches belong to that in which they begin.

    Raises
    ------
    InvalidParameter
        If a stretch is shorter than a patch.
    """
    check_stretch(every_s)
    place = (extracted.start_s / every_s).astype(int)
    for k in np.unique(place):
        rows = extracted.patches[place == k]
        yield float(k * every_s), float((k + 1) * every_s), rows.mean(axis=0, dtype=np.float64)


def stretch_of(heard: Heard, start_s: float, end_s: float) -> Stretch | None:
    """Return a stretch of a recording, as if it were a recording by itself; None if nothing was heard in it.

    Parameters
    ----------
    heard : Heard
        From :meth:`Ears.series`.
    start_s, end_s : float
        Seconds of the recording; patches belong to the stretch in which their middle lies.
    """
    whole = heard.extracted
    middle = whole.start_s + PATCH_S / 2
    inside = (middle >= start_s) & (middle < end_s)
    if not inside.any():
        return None
    rows = whole.patches[inside]
    vector = rows.mean(axis=0, dtype=np.float64)
    part = replace(whole, patches=rows, start_s=whole.start_s[inside] - start_s, vector=vector)
    return Stretch(Heard(replace(heard.sound, duration_s=end_s - start_s), part))


def check_hears_stretches(names: Iterable[str]) -> None:
    """Raise InvalidParameter if one of these extractors cannot hear stretches of a recording."""
    for name in names:
        if name != DEFAULT:
            raise InvalidParameter(
                f"a model that hears by {name!r} cannot answer for stretches of a recording: use one that hears by "
                f"{DEFAULT!r}"
            )


def check_stretch(every_s: float) -> None:
    """Raise InvalidParameter if a stretch of so many seconds is shorter than what is heard at once."""
    if every_s < PATCH_S:
        raise InvalidParameter(f"a stretch of {every_s:g} s is shorter than the {PATCH_S:.3f} s that are heard at once")
