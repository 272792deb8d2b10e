"""Listening to files: from bytes to a tracklist, piece by piece, with a state to go on from.

A recording of any length takes the memory of a listener: it is decoded as it is heard.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from classifier.audio.decoder import Decoder, Stream
from classifier.audio.limits import Limits
from classifier.catalogue import Catalogue
from classifier.config import FeatureConfig
from classifier.fingerprint import bits
from classifier.index.follower import View
from classifier.index.segment import Segment as Packed
from classifier.index.snapshot import Snapshot
from classifier.listening.engine import Listener
from classifier.listening.indexed import Lists
from classifier.listening.options import RECORDED, ListenOptions
from classifier.listening.segments import Segment, Tracklist
from classifier.models.track import TrackModel
from classifier.results import Track
from classifier.settings import Settings

#: Seconds of sound between two states that are handed out.
CHECKPOINT_S = 120.0


class Stopped(Exception):
    """Listening was stopped between two pieces, as was asked."""


def tracklist(
    catalogue: Catalogue,
    source: bytes | Path,
    *,
    name: str | None = None,
    options: ListenOptions | None = None,
    state: bytes | None = None,
    progress: Callable[[float, float], None] | None = None,
    checkpoint: Callable[[bytes], None] | None = None,
    stopping: Callable[[], bool] | None = None,
) -> Tracklist:
    """Say who plays what when in a recording.

    Parameters
    ----------
    catalogue : Catalogue
        The tracks to listen for.
    source : bytes or Path
        A recording, of any length if it is a file.
    name : str, optional
        What to call it; default the path.
    options : ListenOptions, optional
        How to listen, ``RECORDED`` by default; those of the state count if there is one.
    state : bytes, optional
        To go on from: of ``checkpoint``, for the same recording and catalogue.
    progress : callable, optional
        Called with seconds heard and seconds that the file promises (0 if it does not say).
    checkpoint : callable, optional
        Called with a state now and then, and with the last one if it is stopped.
    stopping : callable, optional
        Asked between pieces of some seconds whether to stop.

    Returns
    -------
    Tracklist

    Raises
    ------
    AudioError
        If the source is not usable audio.
    InvalidParameter
        If the state is not one of this release.
    Stopped
        If it was stopped.

    Examples
    --------
    >>> from classifier import Catalogue
    >>> from classifier.demo.songs import compose, write
    >>> song = write(compose(1, duration_s=12), Path("music"))
    >>> with Catalogue.open("sqlite:///music.sqlite") as catalogue:
    ...     enrolled = catalogue.enroll(song)
    ...     heard = tracklist(catalogue, song)
    >>> [(part.kind, part.title == enrolled.track.title) for part in heard.segments]
    [('track', True)]
    """
    rate, view, lists = catalogue.config.sample_rate, catalogue.view(), lists_of(catalogue)
    if state is None:
        listener = Listener(view, rate, options or RECORDED, lists)
    else:
        listener = Listener.restore(view, state, rate, lists)
    limits = _limits(source, catalogue.settings)
    seconds = _hear(listener, catalogue.decoder, source, limits, rate, progress, checkpoint, stopping)
    segments = listener.segments()
    return Tracklist(str(source) if name is None else name, listener.heard_s, segments, seconds)


def lists_of(catalogue: Catalogue) -> Lists:
    """Return what a listener needs to read a catalogue, once it is large, through its lists of patches.

    Examples
    --------
    >>> with Catalogue.open("sqlite:///music.sqlite") as catalogue:
    ...     lists_of(catalogue).least_windows
    50000
    """
    return Lists(catalogue.config, catalogue.background(), catalogue.settings.indexed_windows)


def words_view(tracks: Mapping[str, np.ndarray]) -> View:
    """Return tracks, of which only the sub-fingerprints are known, as all that there is to listen for.

    Parameters
    ----------
    tracks : mapping of str to np.ndarray, shape (n_frames, 2), uint64
        Sub-fingerprints by title; one track at least.

    Examples
    --------
    >>> import numpy as np
    >>> from classifier import stages
    >>> noise = np.random.default_rng(1).normal(0, 0.1, 16000).astype(np.float32)
    >>> len(words_view({"Song": stages.reference(noise)}).snapshot)
    1
    """
    none = TrackModel.empty(FeatureConfig())
    packed = Packed.build((name, 1, replace(none, words=words)) for name, words in tracks.items())
    known = {}
    for name, words in tracks.items():
        seconds = len(words) * bits.HOP_S + bits.SPAN_S - bits.HOP_S if len(words) else 0.0
        known[name] = Track(name, "", name, None, None, None, name, seconds, 0, "", "", "")
    return View(Snapshot((packed,), frozenset(entry.key for entry in packed.entries)), known)


def clip_view(samples: np.ndarray, name: str) -> View:
    """Return a clip as all that there is to listen for, without enrolling it.

    Parameters
    ----------
    samples : np.ndarray, shape (n,), float32
        The clip, mono at 16 kHz.
    name : str
        Its title.

    Examples
    --------
    >>> import numpy as np
    >>> noise = np.random.default_rng(1).normal(0, 0.1, 16000).astype(np.float32)
    >>> clip_view(noise, "Jingle").snapshot.n_frames > 0
    True
    """
    return words_view({name: bits.reference_words(samples)})


def places(
    view: View,
    decoder: Decoder,
    source: bytes | Path,
    settings: Settings,
    *,
    options: ListenOptions | None = None,
    progress: Callable[[float, float], None] | None = None,
) -> tuple[list[Segment], float]:
    """Find every place where a clip occurs in a recording.

    Parameters
    ----------
    view : View
        The clip, as :func:`clip_view` gives it.
    decoder : Decoder
        Decodes the recording.
    source : bytes or Path
        The recording.
    settings : Settings
        Its limits.
    options : ListenOptions, optional
        How to listen.
    progress : callable, optional
        As for :func:`tracklist`.

    Returns
    -------
    segments : list of Segment
        By start, all of kind ``track``.
    duration_s : float
        Length of the recording.

    Examples
    --------
    >>> from classifier.audio.resample import at_rate
    >>> from classifier.demo.songs import compose, write
    >>> song = compose(1, duration_s=20)
    >>> file, rate = write(song, Path("music")), song.sample_rate
    >>> clip = at_rate(song.samples[8 * rate : 14 * rate], rate, 16000)
    >>> with Decoder(Settings()) as decoder:
    ...     found, _ = places(clip_view(clip, "Clip"), decoder, file, Settings())
    >>> found[0].title, round(found[0].start_s)
    ('Clip', 8)
    """
    listener = Listener(view, bits.SAMPLE_RATE, options)
    _hear(listener, decoder, source, _limits(source, settings), bits.SAMPLE_RATE, progress)
    return [segment for segment in listener.segments() if segment.kind == "track"], listener.heard_s


def _hear(
    listener: Listener,
    decoder: Decoder,
    source: bytes | Path,
    limits: Limits,
    rate: int,
    progress: Callable[[float, float], None] | None = None,
    checkpoint: Callable[[bytes], None] | None = None,
    stopping: Callable[[], bool] | None = None,
) -> dict[str, float]:
    """Hand a recording to a listener, from where it is; return seconds for each stage."""
    begun, listening = time.perf_counter(), 0.0
    due_s = listener.heard_s + CHECKPOINT_S
    with decoder.stream(source, limits, rate) as stream:
        for block in after(stream, listener.n_samples):
            started = time.perf_counter()
            listener.hear(block)
            listening += time.perf_counter() - started
            if progress is not None:
                progress(listener.heard_s, stream.promised_s)
            stopped = stopping is not None and stopping()
            if checkpoint is not None and (stopped or listener.heard_s >= due_s):
                checkpoint(listener.save())
                due_s = listener.heard_s + CHECKPOINT_S
            if stopped:
                raise Stopped
    listener.finish()
    return {"listen": round(listening, 3), "total": round(time.perf_counter() - begun, 3)}


def after(stream: Stream, n_samples: int) -> Iterator[np.ndarray]:
    """Yield what follows the first samples of a stream.

    Examples
    --------
    >>> import numpy as np
    >>> [block.tolist() for block in after([np.zeros(3), np.arange(4.0)], 5)]
    [[2.0, 3.0]]
    """
    for block in stream:
        if n_samples >= len(block):
            n_samples -= len(block)
        else:
            yield block[n_samples:]
            n_samples = 0


def _limits(source: bytes | Path, settings: Settings) -> Limits:
    """Limits of a recording: the size of a file on this machine is its owner's affair."""
    limits = Limits.for_recording(settings)
    return limits.of(source)
