"""A catalogue of songs composed in code, to try Earmark without anyone's recordings.

``compose`` turns a seed into a song: ``names`` writes the label, ``score`` writes the notes, ``mix`` plays them. The
same seed gives the same samples in every run; two seeds share neither notes nor sounds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from classifier.demo import names
from classifier.demo.mix import render
from classifier.demo.score import write_score
from classifier.demo.styles import STYLES
from classifier.demo.synth import SAMPLE_RATE
from classifier.errors import InvalidParameter

_MOST_SONGS = 1000


@dataclass(frozen=True, slots=True, eq=False)
class Song:
    """One finished recording.

    Parameters
    ----------
    title, artist, album : str
        Invented.
    isrc : None
        Invented songs are not registered.
    tempo_bpm : float
        Beats a minute; in 6/8 a beat is a dotted quarter.
    key, meter, style : str
        As in ``"D dorian"``, ``"6/8"``, ``"harvest jig"``.
    samples : np.ndarray, shape (n,), float32
        Mono, magnitude below 1.
    sample_rate : int
        Samples a second.
    """

    title: str
    artist: str
    album: str
    isrc: None
    tempo_bpm: float
    key: str
    meter: str
    style: str
    samples: np.ndarray
    sample_rate: int = SAMPLE_RATE

    @property
    def duration_s(self) -> float:
        """Return the length in seconds."""
        return len(self.samples) / self.sample_rate


def label(seed: int) -> names.Names:
    """Return title, artist and album of a seed's song, without composing it."""
    return names.draw(np.random.default_rng([seed, 0]))


def compose(seed: int, *, duration_s: float | None = None) -> Song:
    """Compose and play one song; neighbouring seeds are in different styles.

    Parameters
    ----------
    seed : int >= 0
        Decides everything.
    duration_s : float in [0.05, 14400], optional
        Exact length in seconds, cut without an ending; default: a whole song of 60 to 90 s.

    Returns
    -------
    Song

    Raises
    ------
    InvalidParameter
        If a value is out of bounds.
    """
    if seed < 0:
        raise InvalidParameter(f"seed is {seed}: it must be 0 or more")
    if duration_s is not None and not 0.05 <= duration_s <= 14_400:
        raise InvalidParameter(f"duration_s is {duration_s}: it must be from 0.05 to 14400")
    style = STYLES[seed % len(STYLES)]
    score = write_score(np.random.default_rng([seed, 1]), style, duration_s)
    samples = render(score, np.random.default_rng([seed, 2]))
    return Song(*label(seed), None, score.tempo_bpm, str(score.key), style.meter.name, style.name, samples)


def catalogue_seeds(n: int = 32, seed: int = 2026) -> Iterator[int]:
    """Seeds of a catalogue's songs: styles take turns, and no title, artist or album comes twice.

    Parameters
    ----------
    n : int in [1, 1000]
        Number of songs. A longer catalogue begins with the shorter one.
    seed : int >= 0
        Decides everything.

    Yields
    ------
    int
        For ``compose``, in any order or process.

    Raises
    ------
    InvalidParameter
        If a value is out of bounds.
    """
    if not 1 <= n <= _MOST_SONGS:
        raise InvalidParameter(f"n is {n}: it must be from 1 to {_MOST_SONGS}")
    if seed < 0:
        raise InvalidParameter(f"seed is {seed}: it must be 0 or more")
    taken: set[str] = set()
    for index in range(n):
        candidate = seed * _MOST_SONGS * len(STYLES) + index
        while not taken.isdisjoint(label(candidate)):
            candidate += 1_000_000_007 * len(STYLES)  # same style, far from other catalogues' seeds
        taken.update(label(candidate))
        yield candidate


def compose_catalogue(n: int = 32, seed: int = 2026) -> Iterator[Song]:
    """Compose the songs of ``catalogue_seeds`` one after another.

    Parameters
    ----------
    n, seed : int
        As in :func:`catalogue_seeds`.

    Yields
    ------
    Song
    """
    return (compose(song_seed) for song_seed in catalogue_seeds(n, seed))


def write(song: Song, folder: Path) -> Path:
    """Write a song as ``Artist - Title.flac`` (16 bits, mono) with title, artist and album in its tags.

    Parameters
    ----------
    song : Song
    folder : pathlib.Path
        Created if missing; a file of that name is replaced once the new one is complete.

    Returns
    -------
    pathlib.Path
        The file.
    """
    import av  # here, because composing needs no codecs

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (re.sub(r'[\\/:*?"<>|]+', "_", f"{song.artist} - {song.title}") + ".flac")
    pcm = np.round(song.samples * 32767.0).astype(np.int16)
    unfinished = path.with_name(path.name + ".part")
    with av.open(str(unfinished), "w", format="flac") as container:
        container.metadata.update(title=song.title, artist=song.artist, album=song.album)
        stream = container.add_stream("flac", rate=song.sample_rate, layout="mono")
        for start in range(0, len(pcm), song.sample_rate):
            frame = av.AudioFrame.from_ndarray(pcm[None, start : start + song.sample_rate], format="s16", layout="mono")
            frame.sample_rate = song.sample_rate
            frame.pts = start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return unfinished.replace(path)
