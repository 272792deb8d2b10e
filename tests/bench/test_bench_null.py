"""The null map's fits give back what made-up searches were made with."""

from __future__ import annotations

import numpy as np
import pytest

from bench.fit import null
from classifier.search.null import Tail
from classifier.search.significance import OWN_SPEED

#: Lags of all searches together.
LAGS = 1e9


def counts(rate: float) -> np.ndarray:
    """How many of ``LAGS`` lags lie between the edges, if a share of exp(-rate z^2 / 2) / 2 reaches z."""
    above = LAGS / 2 * np.exp(-rate * np.maximum(null.Z_EDGES, 0) ** 2 / 2)
    return np.round(-np.diff(np.concatenate([[LAGS], above, [0.0]]))).astype(np.int64)


@pytest.mark.parametrize("rate", [0.5, 1.0])
def test_a_tail_is_found_with_its_rate(rate):
    table = null.fit_tail(counts(rate))
    assert table["rate"] == pytest.approx(rate, rel=0.03)
    assert table["lags"] == pytest.approx(LAGS, rel=1e-6)
    z, log10_p = np.array(table["z"]), np.array(table["log10_p"])
    inside = z > 0.5
    assert log10_p[inside] == pytest.approx(np.log10(0.5 * np.exp(-rate * z[inside] ** 2 / 2)), abs=1e-3)
    beyond = counts(rate)[1:][z[-1] <= null.Z_EDGES].sum()
    assert null.TAIL_EXCEEDANCES <= beyond < 4 * null.TAIL_EXCEEDANCES


@pytest.mark.parametrize("theta", [0.3, 1.0])
def test_trials_that_go_together_are_counted_as_one(theta):
    """A share 1 - exp(-theta x) of searches reaches x expected matches, if theta of all trials are independent."""
    tail = Tail(np.array([0.0, 4.0]), np.array([-0.3, -4.5]), 1.0, 1.0, 0.0)
    ranks = (np.arange(4000) + 0.5) / 4000
    expected = -np.log1p(-ranks) / theta
    strangers = [
        null.Best(tail.z_for(np.log10(e) - 6), 6 - np.log10(OWN_SPEED), False, 0.3, 1.0, 5.0) for e in expected
    ]
    assert null.extremal_index(tail, strangers) == pytest.approx(theta, rel=0.02)


@pytest.mark.parametrize(("slope", "offset"), [(1.5, -4.5), (0.4, 0.0), (3.0, -9.0)])
def test_confidence_is_found_with_its_slope_and_offset(slope, offset):
    """Also where most answers are so sure that they say nothing about the slope."""
    rng = np.random.default_rng(5)
    log10_e = np.concatenate([rng.uniform(-8, 3, 30000), rng.uniform(-150, -20, 30000)])
    right = rng.random(len(log10_e)) < 1 / (1 + np.exp(slope * log10_e - offset))
    found = null.fit_confidence(log10_e, right.astype(float))
    assert found == pytest.approx((slope, offset), rel=0.05, abs=0.05)


def test_the_interval_of_a_rate_covers_it_and_narrows_with_more_excerpts():
    rng = np.random.default_rng(3)
    excerpts = [rng.poisson(counts(0.8) / 400) for _ in range(400)]
    few, many = null.rate_interval(excerpts[:100]), null.rate_interval(excerpts)
    assert many[0] < 0.8 * 1.03
    assert many[1] > 0.8 * 0.97
    assert many[1] - many[0] < few[1] - few[0]
