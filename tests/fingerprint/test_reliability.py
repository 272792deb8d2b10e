"""Weights of bits: what the network sees against its definition, and what becomes of its odds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from classifier.fingerprint import bits as sf
from classifier.fingerprint import reliability
from tests.library import lively_noise

LAG = sf.LAG // sf.QUERY_HOP
#: Single precision.
ROUNDING = 1e-4


@pytest.fixture(scope="module")
def snippet() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Energies of a noisy snippet, its loud frames, and differences."""
    samples = lively_noise(3.0, seed=41) + 0.03 * np.random.default_rng(1).standard_normal(48000).astype(np.float32)
    energy, loud = sf.band_energies(samples, sf.QUERY_HOP)
    return energy, loud, sf.differences(energy, loud, sf.QUERY_HOP)[0]


def test_facts_are_what_they_are_described_as(snippet):
    """Each of the ten, written out cell by cell."""
    energy, loud, d = snippet
    seen = reliability.facts(energy, loud, d, sf.BANDS, LAG)
    assert seen.shape == (*d.shape, 10)
    background = [np.quantile(energy[:, b], reliability.BACKGROUND_QUANTILE) for b in range(energy.shape[1])]
    rng = np.random.default_rng(2)
    for t in rng.integers(0, len(d), 6):
        bit = band = 0
        for resolution, count in enumerate(sf.BANDS):
            for b in {0, int(rng.integers(0, count - 1)), count - 2}:
                cells = [(t, band + b), (t, band + b + 1), (t + LAG, band + b), (t + LAG, band + b + 1)]
                above = [energy[at] - background[at[1]] for at in cells]
                frame = {at: np.log(np.mean(np.exp(energy[at, -sf.BANDS[-1] :].astype(float)))) for at in (t, t + LAG)}
                slopes = [abs(energy[at, band + b + 1] - energy[at, band + b]) for at in (t + LAG, t)]
                expected = [
                    np.log1p(abs(d[t, bit + b])),
                    max(above),
                    min(above),
                    np.mean(above),
                    max(energy[at] - frame[at[0]] for at in cells),
                    *np.log1p(slopes),
                    -1 + 2 * b / (count - 2),
                    float(resolution == 0),
                    float(resolution == 1),
                ]
                np.testing.assert_allclose(seen[t, bit + b], expected, atol=ROUNDING, err_msg=str((resolution, b)))
            bit, band = bit + count - 1, band + count


def test_loudness_is_no_fact(snippet):
    """A gain adds a constant to all log energies; only differences are looked at."""
    energy, loud, d = snippet
    np.testing.assert_allclose(
        reliability.facts(energy + 3.0, loud, d, sf.BANDS, LAG),
        reliability.facts(energy, loud, d, sf.BANDS, LAG),
        atol=10 * ROUNDING,
    )


def test_odds_are_finite_for_any_sound(snippet):
    energy, loud, d = snippet
    odds = reliability.log_odds(reliability.facts(energy, loud, d, sf.BANDS, LAG))
    assert odds.shape == d.shape
    assert np.isfinite(odds).all()
    extreme = np.full((1, 1, 10), 40.0, np.float32)
    assert np.isfinite(reliability.log_odds(np.concatenate([extreme, -extreme]))).all()


@given(st.data(), st.integers(1, 30))
@settings(max_examples=60, deadline=None)
def test_levels_grow_with_the_odds_and_stay_in_bounds(data, n):
    odds = data.draw(arrays.arrays(np.float64, (n, 4), elements=st.floats(-5, 8)))
    counts = data.draw(arrays.arrays(bool, (n, 4)))
    levels = reliability.levels(odds, counts)
    assert levels.shape == odds.shape
    assert levels.dtype == np.uint8
    assert levels.max(initial=0) <= reliability.LEVELS
    assert not levels[~counts].any()
    assert not levels[odds <= 0].any()
    order = np.argsort(odds[counts])
    assert (np.diff(levels[counts][order].astype(int)) >= 0).all()


def test_a_twentieth_of_the_bits_weighs_most_and_the_rest_by_expected_agreement():
    odds = np.linspace(0.001, 3, 1000).reshape(10, 100)
    levels = reliability.levels(odds, np.ones(odds.shape, bool))
    assert (levels.reshape(-1)[-50:] == 3).all()
    right = 1 / (1 + np.exp(-odds))
    expected = 2 * right - 1
    np.testing.assert_array_equal(levels, np.minimum(3, np.rint(3 * expected / np.quantile(expected, 0.95))))


def test_bits_all_alike_all_count_and_none_is_nothing():
    everything = np.ones((5, 7), bool)
    assert (reliability.levels(np.full((5, 7), 0.3), everything) == reliability.LEVELS).all()
    assert not reliability.levels(np.full((5, 7), 2.0), ~everything).any()
    assert reliability.levels(np.zeros((0, 7)), np.zeros((0, 7), bool)).shape == (0, 7)


def test_expected_agreement_is_that_of_bits_as_reliable_as_said(rng):
    """Bits drawn with their odds agree, on average and by weight, as much as was expected."""
    odds = rng.normal(0.8, 1.0, (4000, 20))
    weights = reliability.levels(odds, np.ones(odds.shape, bool))
    right = rng.random(odds.shape) < 1 / (1 + np.exp(-np.maximum(odds, 0)))
    agreement = (weights * np.where(right, 1, -1)).sum() / weights.sum()
    assert reliability.expected_agreement(odds, weights) == pytest.approx(agreement, abs=0.02)
    assert reliability.expected_agreement(odds, np.zeros(odds.shape, np.uint8)) == 0.0


def test_noise_lowers_what_is_expected():
    samples = lively_noise(4.0, seed=41)
    noise = np.random.default_rng(1).standard_normal(len(samples)).astype(np.float32)
    levels = [sf.fingerprint(samples + gain * noise).expected for gain in (0.0, 0.02, 0.1, 0.5)]
    assert levels == sorted(levels, reverse=True)
    assert 0 < levels[-1] < levels[0] < 1


@pytest.mark.parametrize("silent_s", [0.5, 1.5, 4.0])
def test_digital_silence_is_no_background(silent_s):
    """A recorder that is muted at first tells nothing about the room: the rest is weighed as it is by itself."""
    samples = lively_noise(4.0, seed=41) + 0.05 * np.random.default_rng(1).standard_normal(64000).astype(np.float32)
    silence = np.zeros(round(silent_s * 16000), np.float32)
    alone, muted = sf.fingerprint(samples), sf.fingerprint(np.concatenate([silence, samples]))
    assert muted.expected == pytest.approx(alone.expected, abs=0.01)
    assert muted.frame_weight.sum() == pytest.approx(alone.frame_weight.sum(), rel=0.05)
    assert sf.fingerprint(silence).expected == 0.0
