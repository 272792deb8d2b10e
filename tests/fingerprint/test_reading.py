"""The compiled loops beside the pure functions that they repeat."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.fingerprint import bits, reading, reliability
from classifier.fingerprint.bits import QUERY_HOP, SAMPLE_RATE
from tests.library import lively_noise


def test_the_compiled_loops_say_what_the_network_says():
    """Of the same pairs of spectra, some of them too quiet, as of a snippet's."""
    quiet = lively_noise(8.0, seed=41)
    quiet[3 * SAMPLE_RATE : 4 * SAMPLE_RATE] *= 1e-6
    energy, loud = bits.band_energies(quiet, QUERY_HOP)
    lag = bits.LAG // QUERY_HOP
    d, _ = bits.spaced_differences(energy, loud, lag)
    around = reliability.context_of(energy, loud, d, bits.BANDS)
    here = reading.context(energy, loud, lag, bits.BANDS)
    np.testing.assert_allclose(here.background, around.background, rtol=1e-5)
    np.testing.assert_allclose(here.facts, around.facts, rtol=1e-4, atol=1e-4)
    assert here.level == pytest.approx(around.level, rel=1e-5)
    early = np.arange(len(d))
    late = early + lag
    frames = reliability.frame_facts(energy, lag, bits.BANDS, around)
    odds, weights = reliability.judge(reliability.facts(energy, d, bits.BANDS, lag, around), frames, around)
    np.testing.assert_allclose(reading.differences(energy, early, late, bits.BANDS), d, atol=1e-5)
    pairs = energy, early, late, around, bits.BANDS
    for both in (reading.judge(*pairs), (reading.odds(*pairs), reading.weights(*pairs))):
        np.testing.assert_allclose(both[0], odds, rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(both[1], weights, rtol=1e-3, atol=1e-3)
    counts = np.ones(d.shape, bool)
    counts[:20] = False
    upper = reliability.levels(weights, counts) >= 2
    assert (reading.trusted(energy, early, late, around, bits.BANDS, counts) == upper).mean() > 0.999
    assert not reading.trusted(energy, early, late, around, bits.BANDS, counts & False).any()
    trust, signs = np.abs(odds), d[::-1] > 0
    agreement = reading.agreement(energy, np.array([early]), np.array([late]), signs, trust, bits.BANDS)[0]
    np.testing.assert_allclose(agreement, np.where((d > 0) == signs, trust, -trust).sum(axis=1), rtol=1e-3, atol=1e-3)
