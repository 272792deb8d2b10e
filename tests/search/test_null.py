"""What chance can do: tails, E-values on sound that matches nothing, and odds."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier.audio.decoder import Audio
from classifier.data import FOLDER
from classifier.demo.phone import NOISES
from classifier.search import null
from tests.library import RATE, lively_noise

TABLE = null.null_map()
#: Linear interpolation of a table and its inverse meet up to rounding.
ROUNDING = 1e-9

# --- from z to probability ------------------------------------------------------------------------------------


TAILS = {f"agreement {i}": tail for i, tail in enumerate(TABLE.tails)} | {
    f"slots {i}": tail for i, tail in enumerate(TABLE.slot_tails)
}


@pytest.fixture(params=TAILS.values(), ids=list(TAILS))
def tail(request) -> null.Tail:
    return request.param


def test_the_shipped_tables_are_tails(tail):
    assert (np.diff(tail.z) > 0).all()
    assert (np.diff(tail.log10_p) < 0).all()
    assert (tail.log10_p <= 0).all()
    assert tail.rate > 0
    assert 0 < tail.extremal_index <= 1
    assert 0 <= tail.least_share <= 1


def test_each_class_has_its_tail():
    assert len(TABLE.tails) == len(TABLE.bounds) + 1
    assert list(TABLE.bounds) == sorted(set(TABLE.bounds))
    edges = (0.0, *TABLE.bounds, 1.0)
    for i, own in enumerate(TABLE.tails):
        for expected in (edges[i], (edges[i] + edges[i + 1]) / 2, edges[i + 1] - 1e-9):
            assert TABLE.tail(expected) is own
    assert TABLE.tail(1.0) is TABLE.tails[-1]


def test_each_length_has_its_tail_of_divergence():
    assert len(TABLE.slot_tails) == len(TABLE.slot_bounds) + 1
    assert list(TABLE.slot_bounds) == sorted(set(TABLE.slot_bounds))
    edges = (0, *TABLE.slot_bounds, 10_000)
    for i, own in enumerate(TABLE.slot_tails):
        for n_slots in (edges[i], edges[i + 1] - 1):
            assert TABLE.slot_tail(n_slots) is own


def test_clear_snippets_need_more_than_noisy_ones():
    """Clear music meets other clear music more often than chance alone would have it."""
    thresholds = [tail.z_for(-12.0) for tail in TABLE.tails]
    assert thresholds[0] < thresholds[-1]


def test_the_tail_never_rises_and_is_continuous_where_the_table_ends(tail):
    z = np.linspace(-10, 80, 9001)
    p = np.array([tail.log10_tail(float(x)) for x in z])
    assert np.isfinite(p).all()
    assert (p <= 0).all()
    assert (np.diff(p) <= ROUNDING).all()
    assert (np.diff(p[z > tail.z[0] + 0.01]) < 0).all()
    end = float(tail.z[-1])
    assert tail.log10_tail(end + 1e-9) == pytest.approx(tail.log10_tail(end), abs=1e-6)


def test_the_tail_falls_no_slower_than_it_did_before_the_table_ends(tail):
    """Beyond what was measured, a probability may not be exaggerated downwards by a kink: slopes must meet."""
    end = float(tail.z[-1])
    inside = (tail.log10_tail(end) - tail.log10_tail(end - 0.25)) / 0.25
    outside = (tail.log10_tail(end + 0.25) - tail.log10_tail(end)) / 0.25
    assert 0.5 < outside / inside < 1.5


@given(st.floats(-400, -0.1), st.sampled_from(list(TAILS.values())))
@settings(max_examples=200, deadline=None)
def test_z_for_is_the_least_z_whose_e_value_over_one_trial_is_small_enough(log10_p, tail):
    z = tail.z_for(log10_p)
    if log10_p > tail.log10_e(float(tail.z[0]), 0.0):  # the table begins at its first z
        assert z == tail.z[0]
        return
    assert tail.log10_e(z, 0.0) == pytest.approx(log10_p, abs=1e-6)
    assert tail.log10_e(z - 1e-3, 0.0) > log10_p


def test_a_gaussian_table_gives_gaussian_tails():
    """With the Gaussian's own table and rate 1, extrapolation is exact up to its slowly varying factor."""
    z = np.linspace(0, 5, 101)
    exact = np.array([math.log10(0.5 * math.erfc(x / math.sqrt(2))) for x in z])
    table = null.Tail(z, exact, 1.0, 0.2, 0.0)
    assert table.log10_tail(2.5) == pytest.approx(math.log10(0.5 * math.erfc(2.5 / math.sqrt(2))), abs=1e-3)
    for x in (6.0, 8.0, 12.0):
        true = math.log10(0.5 * math.erfc(x / math.sqrt(2)))
        assert true <= table.log10_tail(x) <= true + 0.5  # a little too probable, never too improbable
        assert table.z_for(table.log10_e(x, 0.0)) == pytest.approx(x)


def test_an_e_value_is_the_tail_times_the_independent_trials(tail):
    for z in (2.0, 5.0, 9.0):
        assert tail.log10_e(z, 7.0) == pytest.approx(tail.log10_tail(z) + 7 + math.log10(tail.extremal_index))


def doubted(tail: null.Tail, z: float, share: float, seconds: float = null.SHARE_S) -> float:
    return tail.doubted_log10_e(z, 6.0, share, seconds)


def test_what_shows_too_little_is_doubted():
    """E grows as the share falls short, never below what z says and never above what has been measured."""
    tail = null.Tail(np.array([0.0, 4.0]), np.array([-0.3, -4.5]), 1.0, 1.0, 0.5)
    plain = tail.log10_e(9.0, 6.0)
    assert plain < -6
    assert doubted(tail, 9.0, 0.5) == doubted(tail, 9.0, 1.3) == plain
    assert doubted(tail, 9.0, 0.45) == pytest.approx(tail.log10_e(9.0 * 0.9, 6.0))
    assert doubted(tail, 9.0, 0.2) == doubted(tail, 9.0, -0.1) == null.DOUBT
    shares = [doubted(tail, 9.0, share) for share in np.linspace(0, 1, 50)]
    assert shares == sorted(shares, reverse=True)
    assert doubted(tail, 4.5, 0.1) == tail.log10_e(4.5, 6.0) > null.DOUBT
    noisy = replace(tail, least_share=0.0)
    assert doubted(noisy, 9.0, 0.0) == plain


def test_the_longer_a_place_the_less_of_a_share_is_asked_for():
    """Of four times the time, half the share; beyond ten seconds nothing was measured."""
    tail = null.Tail(np.array([0.0, 4.0]), np.array([-0.3, -4.5]), 1.0, 1.0, 0.5)
    plain = tail.log10_e(9.0, 6.0)
    assert doubted(tail, 9.0, 0.99, 0.75) > plain == doubted(tail, 9.0, 1.0, 0.75)
    longest = 0.5 * 0.3**0.5
    assert doubted(tail, 9.0, longest - 0.01, 10.0) > plain == doubted(tail, 9.0, longest + 1e-9, 10.0)
    assert doubted(tail, 9.0, longest - 0.01, 60.0) == doubted(tail, 9.0, longest - 0.01, 10.0)


# --- E-values on sound that matches nothing -------------------------------------------------------------------


@pytest.fixture(scope="module", params=["auto", "kl"])
def chance(request, library) -> np.ndarray:
    """Best log10 E of noises of four kinds against the library."""
    found = []
    for seed in range(40):
        kind = ("babble", "pink", "white", "lively")[seed % 4]
        sound = 0.1 * NOISES[kind](3 * RATE, RATE, seed) if kind != "lively" else lively_noise(3.0, 1000 + seed)
        tag = library.identify_audio(Audio.from_samples(sound, RATE), top=1, method=request.param)
        assert tag.verdict == "no_match", (kind, seed)
        found.append(tag.matches[0].log10_e_value if tag.matches else np.inf)
    return np.array(found)


def test_chance_gives_no_small_e_values(chance):
    """The smallest of 40 has a chance of 1 in 250 to fall below 1e-4 if E-values are what they say."""
    assert chance.min() > -4.0


@pytest.mark.parametrize("e", [1.0, 0.3, 0.1])
def test_e_values_are_nominal_within_a_factor_of_three(chance, e):
    """As many queries reach E as E says, or fewer; three standard errors of counting are allowed on top."""
    expected = min(1.0, 3 * e) * len(chance)
    assert (chance <= math.log10(e)).sum() <= expected + 3 * math.sqrt(expected)


def test_e_values_are_not_idle(chance):
    """E-values that were far too large would refuse what could be recognised."""
    assert np.median(chance) < math.log10(30)


# --- odds -----------------------------------------------------------------------------------------------------


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=3), st.floats(-10, 10), st.floats(0.001, 0.999))
@settings(max_examples=100, deadline=None)
def test_odds_are_facts_times_slopes_and_the_prior(facts, offset, prior):
    slopes = tuple(0.5 + i for i in range(len(facts)))
    odds = null.Odds(slopes, offset)
    by_hand = offset + sum((0.5 + i) * fact for i, fact in enumerate(facts))
    assert odds(*facts) == pytest.approx(by_hand)
    assert odds(*facts, known_prior=prior) - odds(*facts) == pytest.approx(math.log(prior / (1 - prior)))


@given(st.floats(-400, 10), st.floats(0, 50), st.floats(0.001, 0.999), st.sampled_from(["odds", "slot_odds"]))
@settings(max_examples=100, deadline=None)
def test_probability_falls_as_e_grows(log10_e, more, prior, name):
    odds = getattr(TABLE, name)
    high, low = (null.probability(odds(-e, known_prior=prior)) for e in (log10_e, log10_e + more))
    assert 0 <= low <= high <= 1
    assert null.probability(odds(-log10_e, known_prior=prior / 2)) <= high


@pytest.mark.parametrize("name", ["odds", "slot_odds"])
def test_probability_at_the_ends(name):
    odds = getattr(TABLE, name)
    assert null.probability(odds(1e6)) == pytest.approx(1)
    assert null.probability(odds(-1e6)) == pytest.approx(0)
    assert null.probability(odds(-math.inf)) == pytest.approx(0)
    assert null.probability(odds(-odds.offset / odds.slopes[0])) == pytest.approx(0.5)


@given(st.floats(-30, 30))
def test_probability_is_the_logistic_of_log_odds(x):
    p = null.probability(x)
    assert p == pytest.approx(math.exp(x) / (1 + math.exp(x)))
    assert null.probability(-x) == pytest.approx(1 - p, abs=1e-12)


def test_standing_out_is_distance_from_the_next_ones_in_their_spread():
    logs = np.array([1.0, 3.0, 4.0, 5.0])
    assert null.stands_out(logs) == (pytest.approx(3 / np.std([3, 4, 5])), 4.0)
    many = np.concatenate([logs, np.full(60, 5.0)])
    assert null.stands_out(many) == null.stands_out(many[:31])  # thirty strangers are enough


@given(st.lists(st.floats(-2, 6), min_size=4, max_size=60), st.floats(0, 3), st.floats(0.01, 0.99))
@settings(max_examples=100, deadline=None)
def test_mixtures_are_surer_the_more_the_best_stands_out(logs, gap, prior):
    logs = np.sort(logs)
    better = logs.copy()
    better[0] -= gap

    def sure(values: np.ndarray) -> float:
        return null.probability(TABLE.mixture_odds(*null.stands_out(values), known_prior=prior))

    assert 0 <= sure(logs) <= sure(better) + ROUNDING
    assert sure(better) <= 1


def test_equal_divergences_are_no_evidence():
    with np.errstate(all="raise"):
        facts = null.stands_out(np.zeros(10))
    assert facts[0] == 0


# --- the shipped file -----------------------------------------------------------------------------------------


def test_the_tables_were_measured_on_many_lags():
    """The last entry of a table is a count, not a guess."""
    values = json.loads((FOLDER / "null-3.json").read_text())
    for table in values["tails"] + values["slot_tails"]:
        assert table["lags"] * 10 ** table["log10_p"][-1] > 100


def test_a_map_is_built_from_its_file():
    assert null.NullMap.from_dict(json.loads((FOLDER / "null-3.json").read_text())).bounds == TABLE.bounds
    assert null.null_map() is TABLE
