"""Allowed false alarms are spent over the looks."""

from __future__ import annotations

import math

import pytest

from classifier.listening.grid import LOOK_S
from classifier.listening.looks import DAY_S, TESTS, Spending, confidence
from classifier.search.significance import Size


@pytest.mark.parametrize("per_day", [0.1, 1.0, 24.0])
def test_a_days_tests_use_up_what_a_day_allows(per_day):
    spending = Spending(Size(100, 500_000), per_day)
    assert DAY_S / LOOK_S * TESTS * 10**spending.limit == pytest.approx(per_day)


def test_every_place_at_every_speed_counts():
    size = Size(10, 10_000)
    spending = Spending(size)
    lags = 2 * (10_000 + 10 * 100)
    own, other = spending.log10_trials(100, 1.004), spending.log10_trials(100, 1.04)
    assert own == pytest.approx(math.log10(lags / 0.8))
    assert other == pytest.approx(math.log10(lags * 16 / 0.2))
    # The shares of the two classes add up to no more than one.
    assert lags / 10**own + 16 * lags / 10**other == pytest.approx(1.0)


def test_less_likely_by_chance_is_surer():
    assert confidence(-12, 0.5) > confidence(-6, 0.5) > confidence(-6, 0.01)
