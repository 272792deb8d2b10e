"""E-values of a search: by hand from the table, shared between speeds, and turned round for thresholds."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from classifier.search import null
from classifier.search.alignments import Candidate, SpeedHypothesis, align_many
from classifier.search.significance import OWN_SPEED, PAIRS, Significance, Size, allowed_at_look
from classifier.search.speed import SPEEDS
from tests.search.shelf import Shelf, cut, query_of

#: z at which the table is asked, against z that comes back: floats.
ROUNDING = 1e-6


@pytest.fixture(scope="module")
def shelf(songs) -> Shelf:
    return songs.only(*(f"song {i}" for i in range(4)))


def found(shelf: Shelf, samples: np.ndarray) -> tuple[Significance, list[Candidate]]:
    """Alignments of a snippet with every track, and what they are judged by."""
    hypothesis = SpeedHypothesis.of(query_of(samples).fingerprint)
    candidates, _ = align_many(hypothesis, shelf.snapshot)
    return Significance(hypothesis.fingerprint.n_frames, Size.of(shelf.snapshot)), candidates


@pytest.fixture(scope="module")
def clear(shelf, sounds) -> tuple[Significance, list[Candidate]]:
    return found(shelf, cut(sounds[2], 7, 5))


@pytest.fixture(scope="module")
def strange(shelf, strange_sounds) -> tuple[Significance, list[Candidate]]:
    return found(shelf, cut(strange_sounds[0], 11, 5))


def lags(shelf: Shelf, c: Candidate) -> int:
    """Places at which the snippet could lie in any track, in both of its phases."""
    return 2 * sum(len(e.rows["frames"]) + c.hypothesis.fingerprint.n_frames for _, e in shelf.snapshot)


def test_the_size_is_that_of_the_live_tracks(shelf):
    frames = [len(entry.rows["frames"]) for _, entry in shelf.snapshot]
    assert Size.of(shelf.snapshot) == Size(4, sum(frames))


def test_e_is_the_tail_times_the_places_by_hand(shelf, clear, strange):
    for significance, candidates in (clear, strange):
        assert len(candidates) == 4
        for c in candidates:
            tail = null.null_map().tail(c.hypothesis.fingerprint.expected)
            z, u = c.alignment.z, float(tail.z[-1])
            if z > u:
                log10_p = tail.log10_p[-1] - tail.rate * (z**2 - u**2) / 2 * np.log10(np.e)
            else:
                log10_p = np.interp(z, tail.z, tail.log10_p)
            plain = log10_p + np.log10(lags(shelf, c) / OWN_SPEED * tail.extremal_index)
            share = c.alignment.agreement / c.hypothesis.fingerprint.expected
            if share >= tail.share_needed(c.overlap_s):
                assert significance.log10_e(c) == pytest.approx(plain, abs=1e-9)
            else:
                assert significance.log10_e(c) >= plain - 1e-9


def test_the_right_track_is_beyond_chance_and_others_are_not(clear, strange):
    significance, candidates = clear
    assert candidates[0].entry.track_id == "song 2"
    assert significance.log10_e(candidates[0]) < -20
    for c in [*candidates[1:], *strange[1]]:
        assert significance.log10_e(c) > -4


def test_the_allowance_is_shared_between_speeds(shelf, clear):
    """What all speeds together may be wrong about is what the limit allows."""
    significance, (c, *_) = clear
    own, other = (10.0 ** -significance.log10_trials(speed) for speed in (1.0, 1.03))
    assert lags(shelf, c) * own == pytest.approx(OWN_SPEED)
    assert lags(shelf, c) * (own + len(SPEEDS) * other) == pytest.approx(1)
    for speed in (0.95, 0.985, 1.004, 1.06):
        assert significance.log10_trials(speed) == significance.log10_trials(1.03)
    elsewhere = replace(c, hypothesis=replace(c.hypothesis, speed=1.03))
    cost = np.log10(len(SPEEDS) * OWN_SPEED / (1 - OWN_SPEED))
    assert significance.log10_e(elsewhere) - significance.log10_e(c) == pytest.approx(cost)


def test_a_wide_search_shares_the_same_allowance():
    """The own speed keeps its share; what other speeds had, they and the pairs of tempo and pitch share."""
    narrow, wide = (Significance(150, Size(20, 20_000), wide) for wide in (False, True))
    assert wide.log10_trials(1.0) == narrow.log10_trials(1.0)
    lags = 2 * (20_000 + 20 * 150)
    own, other, pair = (10.0 ** -wide.log10_trials(*at) for at in ((1.0,), (1.03,), (1.0, True)))
    assert lags * (own + len(SPEEDS) * other + PAIRS * pair) == pytest.approx(1)
    assert wide.log10_trials(1.2, True) == wide.log10_trials(1.0, True)


def test_a_pair_of_tempo_and_pitch_needs_more(shelf, clear):
    significance, (c, *_) = clear
    pair = replace(c, hypothesis=replace(c.hypothesis, stretched=1.0))
    cost = significance.log10_trials(1.0, True) - significance.log10_trials(1.0)
    assert significance.log10_e(pair) - significance.log10_e(c) == pytest.approx(cost)
    assert significance.z_for(-5, pair.hypothesis) > significance.z_for(-5, c.hypothesis)


def test_trials_grow_with_the_catalogue_and_are_never_none():
    small, large = (Significance(150, Size(n, 1000 * n)) for n in (10, 10_000))
    assert large.log10_trials(1.0) - small.log10_trials(1.0) == pytest.approx(3)
    assert Significance(150, Size(0, 0)).log10_trials(1.0) == pytest.approx(-np.log10(OWN_SPEED))


def at(c: Candidate, z: float) -> Candidate:
    """The same place with another z, and the agreement that goes with it."""
    slope = (c.alignment.agreement - c.hypothesis.null.mean) / c.alignment.z
    agreement = c.hypothesis.null.mean + slope * z
    return replace(c, alignment=replace(c.alignment, z=z, agreement=agreement))


def test_e_falls_as_z_grows(clear, strange):
    for significance, candidates in (clear, strange):
        for c in candidates:
            values = [significance.log10_e(at(c, z)) for z in np.linspace(0.5, 40, 200)]
            assert (np.diff(values) <= ROUNDING).all()
            assert values[0] > values[-1]


@pytest.mark.parametrize("log10_e", [-30.0, -12.0, -5.0, -3.5, -2.0])
def test_a_threshold_is_the_least_z_that_passes(clear, strange, log10_e):
    """Also where doubt asks for more than chance does."""
    beyond = 0
    for significance, candidates in (clear, strange):
        for c in candidates:
            z = significance.threshold(c, log10_e)
            assert significance.log10_e(at(c, z + ROUNDING)) <= log10_e + ROUNDING
            assert significance.log10_e(at(c, z - 1e-3)) > log10_e
            assert (c.alignment.z >= z) == (significance.log10_e(c) <= log10_e)
            beyond += z > significance.z_for(log10_e, c.hypothesis) + ROUNDING
    assert beyond == 0 or log10_e < null.DOUBT


def test_doubt_asks_for_more(strange, monkeypatch):
    """A stranger shows little of what a true place would: it needs a higher z than chance alone asks for."""
    null_map = null.null_map()
    monkeypatch.setattr(
        null,
        "null_map",
        lambda: replace(null_map, tails=tuple(replace(tail, least_share=0.9) for tail in null_map.tails)),
    )
    significance = Significance(strange[1][0].hypothesis.fingerprint.n_frames, Size(4, 4000))
    for c in strange[1]:
        z = significance.threshold(c, -8.0)
        assert z > significance.z_for(-8.0, c.hypothesis)
        assert significance.log10_e(at(c, z + ROUNDING)) <= -8.0 + ROUNDING
        assert significance.log10_e(at(c, z - 1e-3)) > -8.0


def test_looks_at_a_growing_recording_share_what_a_snippet_may_have():
    spent = math.fsum(allowed_at_look(1e-5, look) for look in range(1, 100_000))
    assert spent <= 1e-5
    assert spent == pytest.approx(1e-5, rel=1e-4)
