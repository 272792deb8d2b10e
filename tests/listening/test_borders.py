"""Where a track is audible: by the power that it explains."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from classifier.fingerprint.bits import SAMPLE_RATE
from classifier.listening import borders
from classifier.listening.engine import Listener
from classifier.listening.lines import DESIGN
from classifier.listening.spectra import ZONES_HZ
from classifier.listening.traces import INSIDE, N_ROWS, ZONES_N, ZONES_R
from tests.listening.conftest import excerpt


def evidence_of(shares: np.ndarray) -> np.ndarray:
    """Return evidence in which a track has some share of the agreement in each zone, shape (n_zones, n)."""
    evidence = np.zeros((N_ROWS, shares.shape[1]))
    evidence[INSIDE] = 8
    evidence[ZONES_N] = 50_000  # so much that chance does nothing
    evidence[ZONES_R] = 50_000 * shares
    return evidence


def test_a_zone_counts_by_its_power():
    shares = np.ones((len(ZONES_HZ), 120))
    shares[1:, :60] = 0.8  # heard in all zones but the bass, which has nearly all of the power
    shares[0, :60] = 0
    powers = np.ones((len(ZONES_HZ), 120))
    powers[0] = 200
    x = borders.explained(evidence_of(shares), powers, 0, 120)
    assert np.all(x[5:55] < borders.AUDIBLE)
    np.testing.assert_allclose(x[65:115], 1, rtol=0.02)
    step, deviation = borders.begin(x, 10, 120)
    assert abs(step - 60) <= 2
    assert 0.28 < deviation < 4
    level = borders.explained(evidence_of(shares), np.ones_like(powers), 0, 120)
    assert borders.begin(level, 10, 120)[0] <= 10  # as loud in all zones, it is audible from the beginning


def test_the_end_is_the_beginning_backwards():
    rng = np.random.default_rng(4)
    x = np.r_[np.zeros(40), np.linspace(0, 1, 40), np.ones(100)] + rng.normal(0, 0.05, 180)
    step, deviation = borders.begin(x, 45, 180)
    assert borders.end(x[::-1], 0, 135, 180) == (180 - step, pytest.approx(deviation))
    assert abs(step - 44) < 6
    assert borders.begin(x, 45, 180, lowest=50)[0] >= 50


def test_a_border_within_a_second_of_the_evidences_stays():
    x = np.r_[np.zeros(50), np.ones(100)]
    assert [borders.begin(x, 50 + by, 150)[0] for by in (-4, -3, 0, 3, 4)] == [50, 47, 50, 53, 50]


def test_noise_that_never_stops_does_not_hide_a_track():
    shares = np.zeros((len(ZONES_HZ), 160))
    shares[:, 50:] = 0.4
    x = borders.explained(evidence_of(shares), np.ones_like(shares), 52, 160)
    assert x[100] == pytest.approx(0.4**1.5 / 0.3, rel=0.05)
    assert abs(borders.begin(x, 70, 160)[0] - 50) <= 2


def test_what_chance_may_do_explains_nothing():
    rng = np.random.default_rng(5)
    evidence = evidence_of(np.zeros((len(ZONES_HZ), 400)))
    evidence[ZONES_N] = 30
    evidence[ZONES_R] = rng.normal(0, (DESIGN * 30) ** 0.5, (len(ZONES_HZ), 400))
    assert borders.explained(evidence, np.ones((len(ZONES_HZ), 400)), 0, 400).mean() < borders.AUDIBLE


def test_a_track_begins_where_its_bass_comes_in(songs, view):
    """Two songs meet in 10 s, the treble of the second from the beginning, its bass 7 s later."""
    low = butter(4, 200, "lowpass", fs=SAMPLE_RATE, output="sos")
    high = butter(4, 200, "highpass", fs=SAMPLE_RATE, output="sos")
    first, second = (excerpt(songs[name], 2, 34).astype(np.float64) for name in ("song 0", "song 1"))
    meet, swap = 24 * SAMPLE_RATE, 31 * SAMPLE_RATE
    treble = 0.2 * sosfilt(high, second)
    bass = sosfilt(low, second)
    second_heard = np.where(np.arange(len(second)) < swap - meet, treble, second + 2 * bass)
    mix = np.zeros(meet + len(second))
    mix[: len(first)] += first + 2 * sosfilt(low, first)
    mix[swap : len(first)] = 0
    mix[meet:] += second_heard
    listener = Listener(view)
    listener.hear((0.5 * mix).astype(np.float32))
    listener.finish()
    named = {s.track_id: s for s in listener.segments() if s.kind == "track"}
    assert abs(named["song 0"].end_s - 31) < 1.5
    assert abs(named["song 1"].start_s - 31) < 1.5
