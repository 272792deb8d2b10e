"""Cheaper weights: what they keep, how far they move, and what they save."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier.models.thinning import FACTORS, thinned


def weights(seed: int, frames: int = 60, bits: int = 20) -> np.ndarray:
    """Weights that change slowly, as those of sound do; some frames without any."""
    rng = np.random.default_rng(seed)
    walk = np.cumsum(rng.normal(0, 0.7, (frames, bits)), axis=0)
    levels = np.clip(np.rint(1.5 + walk - walk.mean(axis=0)), 0, 3).astype(np.uint8)
    levels[rng.random(frames) < 0.1] = 0
    return levels


def neighbours(levels: np.ndarray) -> np.ndarray:
    """Contexts by slices of the array: last, second and lower."""
    padded = np.pad(levels.astype(int), ((2, 0), (1, 0)))
    return padded[1:-1, 1:] + 4 * padded[:-2, 1:] + 16 * padded[2:, :-1]


def slow(levels: np.ndarray, factor: int) -> np.ndarray:
    """The same choice, without compiled loops and with fractions instead of whole numbers."""
    counts = np.ones((64, 4))
    heard = levels.any(axis=1)
    np.add.at(counts, (neighbours(levels)[heard], levels[heard]), 1)
    costs = np.rint(64 * -np.log2(counts / counts.sum(axis=1, keepdims=True))) / 64
    out = np.zeros_like(levels)
    for frame, bit in np.argwhere(levels):
        context = neighbours(out)[frame, bit]
        loss = (levels[frame, bit] - np.arange(4.0)) ** 2 + factor / FACTORS * costs[context]
        out[frame, bit] = 1 + np.argmin(np.round(loss[1:], 9))
    return out


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), factor=st.integers(1, FACTORS - 1))
def test_each_weight_has_the_least_error_and_cost(seed, factor):
    levels = weights(seed, 12, 8)
    np.testing.assert_array_equal(thinned(levels, factor), slow(levels, factor))


def test_the_factor_0_changes_nothing():
    np.testing.assert_array_equal(thinned(weights(1), 0), weights(1))


@pytest.mark.parametrize("seed", range(4))
def test_higher_factors_save_more_and_spoil_more(seed):
    """What counts keeps counting; entropy in contexts falls, and the error grows."""
    levels = weights(seed)

    def bits(chosen: np.ndarray) -> float:
        counts = np.zeros((64, 4))
        heard = chosen.any(axis=1)
        np.add.at(counts, (neighbours(chosen)[heard], chosen[heard]), 1)
        share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        return float(-(counts * np.log2(np.where(share > 0, share, 1))).sum())

    every = [thinned(levels, factor) for factor in (0, 112, 176, 255)]
    for chosen in every:
        np.testing.assert_array_equal(chosen > 0, levels > 0)
    sizes = [bits(chosen) for chosen in every]
    errors = [int(np.square(chosen.astype(int) - levels).sum()) for chosen in every]
    assert sizes[0] > sizes[1] > sizes[2] > sizes[3]
    assert 0 == errors[0] <= errors[1] < errors[2] < errors[3]


def test_nothing_is_nothing():
    assert thinned(np.zeros((0, 124), np.uint8), 9).shape == (0, 124)
    assert not thinned(np.zeros((5, 124), np.uint8), 9).any()
