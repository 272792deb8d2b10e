"""Resampling: pitch, level and length stay; piece by piece is the whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier.audio.resample import Resampler, at_rate

#: Pairs of rates that go up and down, by simple and by awkward ratios.
RATES = [(16000, 16000), (48000, 16000), (16000, 22050), (22050, 16000), (44100, 16000), (8000, 16000), (11025, 16000)]
#: The same sums of products in another order, single precision.
FLOAT32 = 1e-5


@pytest.mark.parametrize(("source", "target"), [(22050, 16000), (16000, 22050), (48000, 16000), (16000, 8000)])
def test_pitch_level_and_length_stay(source, target):
    t = np.arange(source) / source
    tone = np.sin(2 * np.pi * 440 * t).astype(np.float32)
    out = at_rate(tone, source, target)
    assert out.dtype == np.float32
    assert len(out) == target
    middle = slice(target // 10, -target // 10)
    np.testing.assert_allclose(out[middle], np.sin(2 * np.pi * 440 * np.arange(target) / target)[middle], atol=0.01)


def test_what_the_lower_rate_cannot_hold_is_gone():
    """A tone above half of the target rate must not come back as another one."""
    tone = np.sin(2 * np.pi * 7000 * np.arange(32000) / 16000).astype(np.float32)
    assert np.abs(at_rate(tone, 16000, 8000)[100:-100]).max() < 0.02


def test_the_same_rate_is_no_work():
    samples = np.ones(10, np.float32)
    assert at_rate(samples, 16000, 16000) is samples


def pushed(samples: np.ndarray, cuts: list[int], source: int, target: int, *, at_once: bool) -> np.ndarray:
    """Resample pieces, the last of which comes with the end or before it."""
    resampler = Resampler(source, target)
    pieces = np.split(samples, sorted(min(cut, len(samples)) for cut in cuts))
    last = pieces.pop() if at_once else np.zeros(0, np.float32)
    return np.concatenate([*(resampler.push(piece) for piece in pieces), resampler.finish(last)])


@given(
    st.sampled_from(RATES),
    st.integers(0, 30_000),
    st.lists(st.integers(0, 30_000), max_size=8),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=60, deadline=None)
def test_pieces_are_resampled_like_the_whole(rates, n, cuts, at_once, seed):
    samples = np.random.default_rng(seed).standard_normal(n).astype(np.float32)
    found, whole = pushed(samples, cuts, *rates, at_once=at_once), at_rate(samples, *rates)
    assert found.dtype == np.float32
    assert found.shape == whole.shape
    np.testing.assert_allclose(found, whole, atol=FLOAT32)


@pytest.mark.parametrize(("source", "target"), RATES)
def test_no_cut_changes_a_bit(source, target):
    samples = np.random.default_rng(1).standard_normal(20_000).astype(np.float32)
    wanted = pushed(samples, [], source, target, at_once=False)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        cuts = [*rng.integers(0, 20_000, 6), *(rng.integers(0, 20_000) + np.arange(4))]
        np.testing.assert_array_equal(pushed(samples, cuts, source, target, at_once=bool(seed % 2)), wanted)


@pytest.mark.parametrize(("source", "target"), RATES)
def test_little_is_held_back(source, target):
    """What comes out keeps up with what goes in, to a few periods of the filter."""
    resampler, n_in, n_out = Resampler(source, target), 0, 0
    for _ in range(200):
        n_in += 1000
        n_out += len(resampler.push(np.zeros(1000, np.float32)))
        assert 0 <= n_in * target / source - n_out <= 2000
