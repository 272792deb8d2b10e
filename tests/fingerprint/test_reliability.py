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


def judged(energy: np.ndarray, loud: np.ndarray, d: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log-odds and weights of a snippet's bits."""
    context = reliability.context_of(energy, loud, d, sf.BANDS)
    frames = reliability.frame_facts(energy, LAG, sf.BANDS, context)
    return reliability.judge(reliability.facts(energy, d, sf.BANDS, LAG, context), frames, context)


def test_facts_are_what_they_are_described_as(snippet):
    """Each of the ten, written out cell by cell."""
    energy, loud, d = snippet
    seen = reliability.facts(energy, d, sf.BANDS, LAG, reliability.context_of(energy, loud, d, sf.BANDS))
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


def test_facts_of_frames_and_snippet_are_what_they_are_described_as(snippet):
    energy, loud, d = snippet
    context = reliability.context_of(energy, loud, d, sf.BANDS)
    fine = energy[:, -sf.BANDS[-1] :].astype(float)
    background = np.quantile(fine, reliability.BACKGROUND_QUANTILE, axis=0)
    level = np.log(np.exp(fine).mean(axis=1))
    assert context.level == pytest.approx(np.median(level), abs=ROUNDING)
    frames = reliability.frame_facts(energy, LAG, sf.BANDS, context)
    assert frames.shape == (len(d), 2)
    for t in (0, 17, len(d) - 1):
        sounding = [np.mean(fine[at] > background + reliability.SOUNDING) for at in (t, t + LAG)]
        loudest = max(level[t], level[t + LAG]) - np.median(level)
        np.testing.assert_allclose(frames[t], [loudest, np.mean(sounding)], atol=ROUNDING)
    centres = 80.0 * (7000 / 80) ** ((np.arange(89) + 0.5) / 89)
    for zone, (low, high) in enumerate([(0, 400), (400, 1200), (1200, 3000), (3000, 7000)]):
        inside = (centres >= low) & (centres < high)
        bits = np.log1p(np.abs(d[:, -88:].astype(float)))[:, inside[:88]]
        expected = [
            np.mean((fine - background)[:, inside]),
            bits.mean(),
            np.mean(fine[:, inside].std(axis=0)),
            np.median(fine[:, inside].mean(axis=1) - level),
        ]
        np.testing.assert_allclose(context.facts[4 * zone : 4 * zone + 4], expected, atol=10 * ROUNDING)


def test_loudness_is_no_fact(snippet):
    """A gain adds a constant to all log energies; only differences are looked at."""
    energy, loud, d = snippet
    for louder, plain in zip(judged(energy + 3.0, loud, d), judged(energy, loud, d), strict=True):
        np.testing.assert_allclose(louder, plain, atol=10 * ROUNDING)


def test_the_network_is_the_formula_of_its_arrays(snippet):
    """Written out for single bits, in double precision."""
    energy, loud, d = snippet
    context = reliability.context_of(energy, loud, d, sf.BANDS)
    seen = reliability.facts(energy, d, sf.BANDS, LAG, context)
    frames = reliability.frame_facts(energy, LAG, sf.BANDS, context)
    odds, weights = reliability.judge(seen, frames, context)
    net = {name: array.astype(float) for name, array in reliability.network().items()}
    for t, b in ((0, 0), (5, 40), (len(d) - 1, 123)):
        hidden = net["b_hidden"].copy()
        for name, x in (("w_bit", seen[t, b]), ("w_frame", frames[t]), ("w_snippet", context.facts)):
            hidden += x.astype(float) @ net[name]
        first, second = np.maximum(hidden, 0) @ net["w_out"] + net["b_out"]
        assert odds[t, b] == pytest.approx(first, abs=10 * ROUNDING)
        assert weights[t, b] == pytest.approx(np.log1p(np.exp(second)) * net["factor"][b], rel=10 * ROUNDING)


def test_odds_and_weights_are_finite_for_any_sound(snippet):
    energy, loud, d = snippet
    odds, weights = judged(energy, loud, d)
    assert odds.shape == weights.shape == d.shape
    assert np.isfinite(odds).all()
    assert (weights >= 0).all()
    context = reliability.context_of(energy, loud, d, sf.BANDS)
    extreme = np.full((1, d.shape[1], 10), 40.0, np.float32)
    for sign in (1, -1):
        for values in reliability.judge(sign * extreme, sign * np.full((1, 2), 40.0, np.float32), context):
            assert np.isfinite(values).all()
    nothing = np.full((LAG, energy.shape[1]), -20.0, np.float32)
    silent = reliability.context_of(nothing, np.zeros(LAG, bool), np.zeros((0, d.shape[1]), np.float32), sf.BANDS)
    assert np.isfinite(silent.facts).all()


@given(st.data(), st.integers(1, 30))
@settings(max_examples=60, deadline=None)
def test_levels_grow_with_the_weights_and_stay_in_bounds(data, n):
    weights = data.draw(arrays.arrays(np.float64, (n, 4), elements=st.floats(0, 8)))
    counts = data.draw(arrays.arrays(bool, (n, 4)))
    levels = reliability.levels(weights, counts)
    assert levels.shape == weights.shape
    assert levels.dtype == np.uint8
    assert levels.max(initial=0) <= reliability.LEVELS
    assert not levels[~counts].any()
    assert not levels[weights == 0].any()
    order = np.argsort(weights[counts])
    assert (np.diff(levels[counts][order].astype(int)) >= 0).all()


def test_a_twentieth_of_the_bits_weighs_most_and_the_rest_in_proportion():
    weights = np.linspace(0.001, 3, 1000).reshape(10, 100)
    levels = reliability.levels(weights, np.ones(weights.shape, bool))
    assert (levels.reshape(-1)[-50:] == 3).all()
    np.testing.assert_array_equal(levels, np.minimum(3, np.rint(3 * weights / np.quantile(weights, 0.95))))


def test_bits_all_alike_all_count_and_none_is_nothing():
    everything = np.ones((5, 7), bool)
    assert (reliability.levels(np.full((5, 7), 0.3), everything) == reliability.LEVELS).all()
    assert not reliability.levels(np.full((5, 7), 2.0), ~everything).any()
    assert reliability.levels(np.zeros((0, 7)), np.zeros((0, 7), bool)).shape == (0, 7)


def test_expected_agreement_is_that_of_bits_as_reliable_as_said(rng):
    """Bits drawn with their odds agree, on average and by weight, as much as was expected."""
    odds = rng.normal(0.8, 1.0, (4000, 20))
    weights = reliability.levels(np.tanh(np.maximum(odds, 0) / 2), np.ones(odds.shape, bool))
    right = rng.random(odds.shape) < 1 / (1 + np.exp(-np.maximum(odds, 0)))
    agreement = (weights * np.where(right, 1, -1)).sum() / weights.sum()
    assert reliability.expected_agreement(odds, weights) == pytest.approx(agreement, abs=0.02)
    assert reliability.expected_agreement(odds, np.zeros(odds.shape, np.uint8)) == 0.0


def test_noise_lowers_what_is_expected():
    samples = lively_noise(4.0, seed=41)
    noise = np.random.default_rng(1).standard_normal(len(samples)).astype(np.float32)
    levels = [sf.fingerprint(samples + gain * noise).expected for gain in (0.02, 0.1, 0.3, 1.0)]
    assert levels == sorted(levels, reverse=True)
    assert 0 < levels[-1] < levels[0] < 1


@pytest.mark.parametrize("silent_s", [0.5, 1.5, 4.0])
def test_digital_silence_is_no_background(silent_s):
    """A recorder that is muted at first tells nothing about the room: the rest is weighed as it is by itself."""
    samples = lively_noise(4.0, seed=41) + 0.05 * np.random.default_rng(1).standard_normal(64000).astype(np.float32)
    silence = np.zeros(round(silent_s * 16000), np.float32)
    alone, muted = sf.fingerprint(samples), sf.fingerprint(np.concatenate([silence, samples]))
    assert muted.expected == pytest.approx(alone.expected, abs=0.02)  # frames half in the silence
    assert muted.frame_weight.sum() == pytest.approx(alone.frame_weight.sum(), rel=0.05)
    assert sf.fingerprint(silence).expected == 0.0
