"""Measures of answers against analytic values, other implementations and counting by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binomtest

from classifier import metrics


@pytest.mark.parametrize(("hits", "n"), [(7, 10), (0, 5), (5, 5), (399, 400)])
def test_interval_of_independent_queries_is_wilsons(hits, n):
    share, low, high = metrics.interval([i < hits for i in range(n)], [str(i) for i in range(n)])
    exact = binomtest(hits, n).proportion_ci(method="wilson")
    assert (share, low, high) == pytest.approx((hits / n, exact.low, exact.high), abs=1e-6)


def test_saying_everything_three_times_makes_nothing_surer():
    hits, clusters = [True, False, True, True, False, True, True], list("abcdefg")
    once = metrics.interval(hits, clusters)
    assert metrics.interval(hits * 3, clusters * 3) == pytest.approx(once, abs=1e-12)
    own = metrics.interval(hits * 3, [str(i) for i in range(21)])
    assert own[2] - own[1] < once[2] - once[1]


def test_det_equals_counting():
    rng = np.random.default_rng(440)
    right = [*rng.normal(2, 1, 40).round(1).tolist(), -math.inf, -math.inf]
    strangers = [*rng.normal(0, 1, 30).round(1).tolist(), -math.inf]
    points = metrics.det(right, strangers)
    assert len(points) > 10
    for threshold, falses, misses in points:
        assert falses == pytest.approx(np.mean([s >= threshold for s in strangers]))
        assert misses == pytest.approx(np.mean([r < threshold for r in right]))
    assert [t for t, _, _ in points] == sorted((t for t, _, _ in points), reverse=True)
    assert metrics.det([-math.inf], [-math.inf]) == []


def test_calibration_error_counts_weighted_distance():
    confidence, right = np.array([0.05, 0.95, 0.95, 0.95]), np.array([False, True, True, False])
    error, bins = metrics.calibration_error(confidence, right)
    assert error == pytest.approx(0.25 * 0.05 + 0.75 * (0.95 - 2 / 3))
    assert [b.queries for b in bins] == [1, 3]
    assert metrics.calibration_error(np.array([1.0, 0.0]), np.array([True, False]))[0] == 0.0
