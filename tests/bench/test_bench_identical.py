"""Same audio is recognised under other music and after another mix; merely similar audio is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench import identical
from bench.corpus import SAMPLE_RATE, Reference
from bench.queries import Query


def _noise(seed: int, seconds: float) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(round(seconds * SAMPLE_RATE))).astype(np.float32)


@pytest.fixture(scope="module")
def album() -> dict[Reference, np.ndarray]:
    """A loop of 4 s: thrice in the first track, once in the second under louder other music, never in the third."""
    loop = _noise(1, 4)
    first = np.concatenate((loop, loop, _noise(2, 4), loop))
    second = 1.5 * _noise(3, 16)
    second[5 * SAMPLE_RATE : 9 * SAMPLE_RATE] += loop
    tracks = (first, second, _noise(4, 16))
    return {Reference(f"t{i}", Path("x"), "album", 16.0, True): audio for i, audio in enumerate(tracks)}


def test_likeness_of_equal_and_foreign_excerpts(album: dict[Reference, np.ndarray]) -> None:
    first, _, third = album.values()
    height, lag = identical.likeness(first[:32000], first[:32000], 100)
    assert height == pytest.approx(1.0, abs=1e-6)
    assert lag == 0
    assert identical.likeness(first[200:32200], first[:32000], 300)[1] == 200
    assert identical.likeness(first[:32000], first[200:32200], 300)[1] == -200
    assert identical.likeness(first[:32000], third[:32000], 1600)[0] < identical.threshold(2.0)
    assert identical.likeness(np.zeros(100), first[:100], 10) == (0.0, 0)


def test_hard_cuts_of_a_tone_are_not_taken_for_the_same_audio() -> None:
    t = np.arange(32000) / SAMPLE_RATE
    low, high = np.sin(2 * np.pi * 90 * t), np.sin(2 * np.pi * 140 * t)
    assert identical.likeness(low + 1e-4 * _noise(1, 2), high + 1e-4 * _noise(2, 2), 1600)[0] < identical.threshold(2.0)


def test_place_error(album: dict[Reference, np.ndarray]) -> None:
    first, second, third = album
    query = Query("q", "t0", 0.5, 3.0, "clean", 1, known=True)

    def error(named: Reference, offset_s: float) -> float | None:
        return identical.place_error(query, named, offset_s, source=first, samples=album.__getitem__)

    assert error(first, 0.53) == pytest.approx(0.03)  # its own place
    assert error(first, 4.48) == pytest.approx(0.02, abs=1e-4)  # the repetition
    assert error(second, 5.51) == pytest.approx(0.01, abs=1e-4)  # the other track's copy
    assert error(first, 8.5) is None
    assert error(first, 14.0) is None
    assert error(second, 0.5) is None
    assert error(third, 0.5) is None
    assert error(third, -100.0) is None


def test_two_seconds_of_the_same_audio_are_enough(album: dict[Reference, np.ndarray]) -> None:
    """From 2 s on the query has the end of the loop, then its beginning; the other track goes on differently."""
    first, second, third = album
    query = Query("q", "t0", 2.0, 9.0, "clean", 1, known=False)
    found = identical.place_error(query, second, 7.02, source=first, samples=album.__getitem__)
    assert found == pytest.approx(0.02, abs=1e-4)
    assert identical.place_error(query, third, 7.02, source=first, samples=album.__getitem__) is None


def test_music_free_queries_have_no_place(album: dict[Reference, np.ndarray]) -> None:
    query = Query("q", None, 0.0, 3.0, "only-pink", 1, known=False)
    assert identical.place_error(query, next(iter(album)), 0.0, samples=album.__getitem__) is None
