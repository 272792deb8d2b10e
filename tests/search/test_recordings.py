"""Which matches are one recording: what two places explain, groups, and how copies share a probability."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier.search.null import probability
from classifier.search.recordings import COPY_MARGIN, explained_equally, group, posterior

#: Sums of a few exponentials.
ROUNDING = 1e-9


def agreeing(n: int, start: int, stop: int, level: float = 1.0) -> np.ndarray:
    """Agreement of frames that match from start to stop, and by chance elsewhere: nought."""
    frames = np.zeros(n)
    frames[start:stop] = level
    return frames


def correlated(rng: np.random.Generator, n: int) -> np.ndarray:
    """Agreement of frames that share samples with their neighbours."""
    return 0.4 + 0.1 * np.convolve(rng.standard_normal(n + 11), np.ones(12) / 12**0.5, mode="valid")


# --- two places -----------------------------------------------------------------------------------------------


def test_a_place_explains_what_it_explains(rng):
    for frames in (correlated(rng, 150), np.zeros(50), np.array([0.3])):
        assert explained_equally(frames, frames)


@pytest.mark.parametrize(("short", "alike"), [(0.0, True), (0.2, True), (0.24, True), (0.26, False), (0.5, False)])
def test_a_copy_may_fall_short_by_a_quarter(rng, short, alike):
    """Nothing but its own noise tells a compressed copy from the original."""
    frames = 0.8 + 0.001 * rng.standard_normal(150)
    assert explained_equally(frames, (1 - short) * frames) == alike
    assert explained_equally((1 - short) * frames, frames) == alike


@pytest.mark.parametrize(("shared", "alike"), [(40, False), (74, False), (76, True), (100, True)])
def test_what_shares_a_part_explains_as_much_as_it_shares(shared, alike):
    whole, part = agreeing(100, 0, 100), agreeing(100, 0, shared)
    assert explained_equally(whole, part) == alike


def test_a_frame_compared_at_one_place_only_agrees_with_nothing_at_the_other():
    whole, cut_off = np.full(100, 0.8), np.full(100, 0.8)
    cut_off[50:] = np.nan  # the track ends
    assert not explained_equally(whole, cut_off)
    cut_off[50:90] = 0.8
    assert explained_equally(whole, cut_off)
    both = np.where(np.arange(100) < 30, np.nan, 0.8)  # compared at neither
    assert explained_equally(both, both)


def test_halves_that_do_not_meet_are_not_alike_if_unequal_and_never_one_recording():
    """Means alone would call two songs of equal length one; that they share no stretch tells them apart."""
    first, second = agreeing(100, 0, 50), agreeing(100, 50, 100)
    assert group([first, second], [(0, 50), (50, 100)]) == [0, 1]


def test_nothing_compared_is_nothing_alike():
    assert not explained_equally(np.full(60, np.nan), np.full(60, np.nan))
    assert not explained_equally(np.zeros(0), np.zeros(0))


@given(st.integers(1, 40), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_it_is_symmetric_and_by_hand(n, seed):
    rng = np.random.default_rng(seed)
    a, b = (np.where(rng.random(n) < 0.2, np.nan, rng.uniform(-0.2, 1, n)) for _ in range(2))
    either = [i for i in range(n) if not (np.isnan(a[i]) and np.isnan(b[i]))]
    means = [sum(0.0 if np.isnan(x[i]) else x[i] for i in either) / max(len(either), 1) for x in (a, b)]
    margin = COPY_MARGIN * max(means) - abs(means[0] - means[1])
    if abs(margin) > 1e-6:
        assert explained_equally(a, b) == (bool(either) and margin > 0)
    assert explained_equally(a, b) == explained_equally(b, a)


# --- groups ---------------------------------------------------------------------------------------------------


def test_copies_have_the_number_of_the_best_and_parts_their_own():
    whole, copy, weak = agreeing(100, 0, 100), agreeing(100, 0, 100, 0.9), agreeing(100, 0, 100, 0.5)
    part, other = agreeing(100, 20, 50), agreeing(100, 60, 100)
    frames = [whole, copy, part, weak, other, part]
    stretches = [(0, 100), (0, 100), (20, 50), (0, 100), (60, 100), (20, 50)]
    assert group(frames, stretches) == [0, 0, 1, 2, 3, 1]
    assert group([], []) == []
    assert group([part], [(20, 50)]) == [0]


@pytest.mark.parametrize(("b", "alike"), [((0, 100), True), ((0, 50), True), ((0, 49), False), ((60, 160), False)])
def test_one_recording_is_matched_in_the_same_stretch(b, alike):
    """Half of the longer one at least, or it is by chance that as much is explained."""
    frames = np.full(160, 0.5)
    assert (group([frames, frames], [(0, 100), b]) == [0, 0]) == alike


# --- shares ---------------------------------------------------------------------------------------------------

some_odds = st.lists(st.floats(-30, 60), min_size=1, max_size=8)


@given(some_odds, st.data())
@settings(max_examples=100, deadline=None)
def test_shares_are_a_distribution(odds, data):
    """Of all recordings and none of them: by hand, and never more than one."""
    numbers = data.draw(st.lists(st.integers(0, 3), min_size=len(odds), max_size=len(odds)))
    shares = posterior(odds, numbers)
    assert all(0 <= share <= 1 for share in shares)
    assert sum(shares) <= 1 + ROUNDING
    best = {n: max(o for o, m in zip(odds, numbers, strict=True) if m == n) for n in numbers}
    everything = 1 + sum(map(math.exp, best.values()))
    for share, number in zip(shares, numbers, strict=True):
        assert share == pytest.approx(math.exp(best[number]) / everything / numbers.count(number), rel=1e-6)


@given(st.floats(-600, 600))
def test_a_single_candidate_has_the_calibrated_probability(odds):
    assert posterior([odds], [0])[0] == pytest.approx(probability(odds), abs=ROUNDING)


@pytest.mark.parametrize("n", [2, 3, 5])
def test_copies_share_what_one_would_have(n):
    alone = posterior([7.0], [0])[0]
    shares = posterior([7.0, *np.linspace(6.9, 3.0, n - 1)], [0] * n)
    assert shares == pytest.approx([alone / n] * n)


def test_two_songs_that_are_both_there_cannot_both_be_the_answer():
    assert posterior([50.0, 50.0], [0, 1]) == pytest.approx([0.5, 0.5])
    assert posterior([900.0, 100.0, -5.0], [0, 1, 2]) == pytest.approx([1, 0, 0])
    assert posterior([], []) == []
