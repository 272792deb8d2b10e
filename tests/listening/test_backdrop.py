"""What sounds where no track does."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.fingerprint.bits import SAMPLE_RATE
from classifier.listening.backdrop import Backdrop, music_log_odds, step_numbers, window_numbers
from classifier.listening.grid import STEP_S, STEPS
from classifier.listening.path import BACKGROUND
from classifier.listening.segments import Segment
from classifier.listening.spectra import Spectra
from tests.library import lively_noise
from tests.listening.test_lines import _BLOCK_SAMPLES, _SPAN


def backdrop_of(samples: np.ndarray) -> tuple[Backdrop, int]:
    """Return what was heard, and how many steps that is."""
    spectra, backdrop = Spectra(40), Backdrop()
    for at in range(0, len(samples) - _SPAN + 1, _BLOCK_SAMPLES):
        spectra.add(samples[at : at + _SPAN])
        backdrop.hear(spectra)
    return backdrop, spectra.stop // 16


def test_music_noise_and_silence_are_told_apart(strange):
    rng = np.random.default_rng(1)
    for sound, kind in (
        (strange[: 12 * SAMPLE_RATE], "unknown"),
        (0.1 * rng.standard_normal(12 * SAMPLE_RATE).astype(np.float32), "speech_noise"),
        (np.zeros(12 * SAMPLE_RATE, np.float32), "silence"),
    ):
        backdrop, steps = backdrop_of(sound)
        logs = backdrop.kinds(0, steps)
        found = logs.argmax(axis=0)[STEPS:]
        assert np.mean(found == BACKGROUND.index(kind)) > 0.8, kind


def test_what_is_between_tracks_is_filled_to_the_end():
    backdrop, steps = backdrop_of(lively_noise(20, 3))
    kinds = np.where(np.arange(steps) < steps // 2, 0, 2)
    track = Segment(id="1", start_s=5.0, end_s=8.0, kind="track", track_id="a")
    end_s = steps * STEP_S
    filled = backdrop.fill([track], 0, kinds, end_s)
    assert [s.kind for s in filled] == ["unknown", "track", "unknown", "silence"]
    assert [s.start_s for s in filled] == pytest.approx([0.0, 5.0, 8.0, steps // 2 * STEP_S])
    assert [s.end_s for s in filled] == pytest.approx([5.0, 8.0, steps // 2 * STEP_S, end_s])
    assert backdrop.fill([track], 0, kinds, end_s) == filled  # nothing was settled by asking


def test_short_gaps_and_short_stretches_are_not_told_of():
    backdrop, steps = backdrop_of(lively_noise(20, 3))
    kinds = np.zeros(steps, int)
    kinds[10:13] = 2
    end_s = steps * STEP_S
    times = ((8.0, 12.0), (13.0, 15.0))
    tracks = [Segment(id=str(i), start_s=a, end_s=b, kind="track") for i, (a, b) in enumerate(times)]
    filled = backdrop.fill(tracks, 0, kinds, end_s)
    assert [s.kind for s in filled] == ["unknown", "track", "track", "unknown"]


def test_what_is_saved_is_the_same():
    backdrop, steps = backdrop_of(lively_noise(20, 3))
    backdrop.settle(0, np.full(8, -1))
    other = Backdrop()
    other.restore({name: array.copy() for name, array in backdrop.arrays().items()})
    np.testing.assert_array_equal(other.kinds(8, steps - 8), backdrop.kinds(8, steps - 8))
    for name, array in backdrop.arrays().items():
        np.testing.assert_array_equal(other.arrays()[name], array)


def test_steady_noise_has_a_shape_that_does_not_last():
    rng = np.random.default_rng(2)
    energy = rng.normal(size=(8 + 8 * 20, 127)).astype(np.float32)
    numbers = step_numbers(energy, np.ones(len(energy), bool))
    assert numbers.shape == (20, 6)
    assert abs(numbers[:, 1].mean()) < 0.05
    held = step_numbers(np.repeat(energy[:1], 168, axis=0), np.ones(168, bool))
    np.testing.assert_allclose(held[:, 1], 1.0, atol=1e-2)
    np.testing.assert_allclose(held[:, 2], 0.0, atol=1e-6)
    assert window_numbers(numbers).shape == (20, 6)


def test_kinds_are_those_of_all_numbers_at_once():
    backdrop, steps = backdrop_of(lively_noise(20, 3))
    np.testing.assert_allclose(backdrop._music, music_log_odds(window_numbers(backdrop._numbers)), atol=1e-9)
    again = Backdrop()
    again.restore(backdrop.arrays())
    np.testing.assert_allclose(again.kinds(0, steps), backdrop.kinds(0, steps), atol=1e-9)
