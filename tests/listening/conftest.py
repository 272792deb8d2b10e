"""A mix of demo songs to listen to: what is played when is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytest
import soxr

from classifier.config import FeatureConfig
from classifier.demo.songs import Song
from classifier.fingerprint.bits import SAMPLE_RATE, reference_words
from classifier.index.follower import View
from classifier.index.segment import Segment as Packed
from classifier.index.snapshot import Snapshot
from classifier.models.track import TrackModel
from classifier.results import Track
from tests.library import decoded, lively_noise


def view_of(sounds: Mapping[str, np.ndarray]) -> View:
    """Return a catalogue of some sounds at 16 kHz; a listener needs their sub-fingerprints alone."""
    empty = TrackModel.empty(FeatureConfig())
    parts = [Packed.single(name, 1, [replace(empty, words=reference_words(s))]) for name, s in sounds.items()]
    tracks = {name: Track(name, "", name, None, None, None, name, 40.0, 0, "", "", "") for name in sounds}
    return View(Snapshot(tuple(parts), frozenset((name, 1) for name in sounds)), tracks)


@dataclass(frozen=True)
class Played:
    """What is played from when to when, where in it that begins, and at which speed."""

    name: str
    start_s: float
    end_s: float
    offset_s: float
    speed: float = 1.0


@dataclass(frozen=True)
class Mix:
    """Samples at 16 kHz, and what is played."""

    samples: np.ndarray
    played: tuple[Played, ...]


def excerpt(sound: np.ndarray, offset_s: float, length_s: float, speed: float = 1.0) -> np.ndarray:
    """Cut so many seconds of the result out of a sound, played at a speed."""
    start, n = round(offset_s * SAMPLE_RATE), round(length_s * speed * SAMPLE_RATE)
    some = sound[start : start + n]
    played = some if speed == 1.0 else soxr.resample(some, SAMPLE_RATE * speed, SAMPLE_RATE)
    return played[: round(length_s * SAMPLE_RATE)].astype(np.float32)


@pytest.fixture(scope="session")
def songs(enrolled_songs: list[Song]) -> dict[str, np.ndarray]:
    """Four songs at 16 kHz, 40 s each, equally loud."""
    made = {f"song {i}": decoded(song) for i, song in enumerate(enrolled_songs[:4])}
    return {name: (0.1 * s / np.sqrt(np.mean(s**2))).astype(np.float32) for name, s in made.items()}


@pytest.fixture(scope="session")
def strange(unknown_songs: list[Song]) -> np.ndarray:
    """A song that nothing knows."""
    s = decoded(unknown_songs[0])
    return (0.1 * s / np.sqrt(np.mean(s**2))).astype(np.float32)


@pytest.fixture(scope="session")
def view(songs: dict[str, np.ndarray]) -> View:
    """The songs as a catalogue."""
    return view_of(songs)


@pytest.fixture(scope="session")
def mix(songs: dict[str, np.ndarray], strange: np.ndarray) -> Mix:
    """A song that fades into one 4 % fast, an unknown one, silence, noise, and a song that is started anew."""
    fade = round(4 * SAMPLE_RATE)
    first, second = excerpt(songs["song 0"], 5, 30), excerpt(songs["song 1"], 3, 30, 1.04)
    down = np.cos(0.5 * np.pi * np.arange(fade) / fade).astype(np.float32)
    first[-fade:] *= down
    second[:fade] *= down[::-1]
    crossed = np.concatenate([first, np.zeros(len(second) - fade, np.float32)])
    crossed[len(first) - fade :] += second
    parts = [
        crossed,
        excerpt(strange, 2, 20),
        np.zeros(8 * SAMPLE_RATE, np.float32),
        lively_noise(10, 4),
        excerpt(songs["song 2"], 10, 18),
        excerpt(songs["song 2"], 2, 16),
        np.zeros(2 * SAMPLE_RATE, np.float32),
    ]
    played = (
        Played("song 0", 0, 28.8, 5),
        Played("song 1", 27.2, 56, 3 + 1.2 * 1.04, 1.04),
        Played("song 2", 94, 112, 10),
        Played("song 2", 112, 128, 2),
    )
    return Mix(np.concatenate(parts), played)
