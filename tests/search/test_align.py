"""Alignment: z against its definition, places found to a few milliseconds, at ends and beyond, and what matched."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.fingerprint import bits as sf
from classifier.fingerprint.agreement import agreement as agreements
from classifier.search import align
from tests.library import RATE, lively_noise
from tests.prints import unpack

#: An offset is found from frames 16 ms apart, by a parabola.
OFFSET_S = 0.004


@pytest.fixture(scope="module")
def track() -> tuple[np.ndarray, np.ndarray]:
    """Sound and sub-fingerprints of a track."""
    sound = lively_noise(40.0, seed=51)
    return sound, sf.reference_words(sound)


def heard(sound: np.ndarray, start_s: float, length_s: float, noise: float = 0.0) -> sf.Fingerprint:
    """What is recorded from ``start_s`` on, with foreign sound before the track's beginning and after its end."""
    foreign = lively_noise(20.0, seed=99)
    around = np.concatenate([foreign, sound, foreign])
    start = round((start_s + 20.0) * RATE)
    part = around[start : start + round(length_s * RATE)]
    return sf.fingerprint(part + noise * np.random.default_rng(7).standard_normal(len(part)).astype(np.float32))


def aligned(query: sf.Fingerprint, words: np.ndarray) -> align.Alignment:
    null = align.null_of(query)
    assert null is not None
    found = align.align(query, words, null)
    assert found is not None
    return found


# --- chance ---------------------------------------------------------------------------------------------------


def test_the_cohort_is_half_an_hour_of_lively_sound():
    words = align.cohort()
    assert words.dtype == np.uint64
    signs, valid = unpack(words)
    assert 15 * 60 < len(words) * sf.HOP_S < 120 * 60
    assert valid.mean() > 0.7
    assert abs(signs[valid].mean()) < 0.1


def test_chance_has_z_of_mean_nought_and_spread_one(track):
    query = heard(track[0], 12.0, 5.0)
    null = align.null_of(query)
    agreement, weight = agreements(query, align.cohort(), align.min_frames(query))
    z = null.z(agreement, weight)[weight > 0.9 * weight.max()]
    assert abs(z.mean()) < 0.1
    assert z.std() == pytest.approx(1, abs=0.1)


def test_z_counts_for_less_where_less_overlaps():
    null = align.Null(0.1, 0.02, 4000.0)
    z = null.z(np.array([0.2, 0.2, 0.2, 0.2]), np.array([4000, 1000, 8000, 0]))
    np.testing.assert_allclose(z, [5.0, 2.5, 5.0, 0.0], atol=1e-6)


def test_z_counts_for_less_in_a_track_that_agrees_unevenly(track):
    """Its own spread below the median, where wider than the cohort's, is met half-way; no match moves that."""
    query = heard(track[0], 12.0, 5.0)
    null = align.null_of(query)
    raw = null.z(*agreements(query, track[1], align.min_frames(query)))
    spread = np.subtract(*np.quantile(raw, [0.5, 0.1])) / 1.2816
    for factor in (0.1, 0.5, 1.0, 4.0):
        found = align.align(query, track[1], align.Null(null.mean, null.spread / factor, null.weight))
        assert found.widening == pytest.approx(max(1.0, factor * spread) ** 0.5, rel=0.05)
        assert found.z * found.widening == pytest.approx(factor * raw.max(), rel=1e-5)


def test_agreement_and_z_are_inverse():
    null = align.Null(0.1, 0.02, 4000.0)
    assert null.z(np.array([null.agreement(7.5)]), np.array([4000]))[0] == pytest.approx(7.5)


def test_too_little_that_is_valid_has_no_null():
    assert align.null_of(sf.fingerprint(np.zeros(5 * RATE, np.float32))) is None
    assert align.null_of(sf.fingerprint(lively_noise(0.3, 1))) is None
    mostly_silent = np.concatenate([lively_noise(0.8, 1), np.zeros(4 * RATE, np.float32)])
    assert align.null_of(sf.fingerprint(mostly_silent)) is None


def test_a_null_is_never_narrower_than_coin_tosses(track):
    """Even if what it was measured on happens to agree everywhere alike."""
    query = heard(track[0], 12.0, 5.0)
    constant = np.tile(sf.pack(np.ones((1, sf.N_BITS)), np.array([True])), (2000, 1))
    null = align.null_of(query, constant)
    assert null.spread >= (query.n_frames * sf.N_BITS) ** -0.5


# --- places ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("start_s", [0.0, 7.7777, 12.008, 21.5001, 35.0])
@pytest.mark.parametrize("length_s", [2.0, 5.0])
def test_an_excerpt_is_found_where_it_was_cut(track, start_s, length_s):
    found = aligned(heard(track[0], start_s, length_s), track[1])
    assert found.offset_s == pytest.approx(start_s, abs=OFFSET_S)
    assert found.agreement > 0.7
    assert found.z > 10


@pytest.mark.parametrize("start_s", [-3.5, -1.203, 36.4, 38.0])
def test_a_snippet_may_begin_before_the_track_or_run_past_its_end(track, start_s):
    found = aligned(heard(track[0], start_s, 5.0), track[1])
    assert found.offset_s == pytest.approx(start_s, abs=OFFSET_S)
    assert found.agreement > 0.7


def test_less_than_a_second_of_overlap_does_not_count(track):
    found = aligned(heard(track[0], -4.5, 5.0), track[1])
    assert found.agreement < 0.5
    overlap_s = min(found.offset_s, 0) + 5.0 - sf.FRAME / RATE - sf.LAG / RATE
    assert overlap_s > 0.9 * align.MIN_OVERLAP_S


def test_noise_lowers_z_but_not_the_place(track):
    clean, noisy = (aligned(heard(track[0], 15.55, 5.0, level), track[1]) for level in (0.0, 0.1))
    assert noisy.z < clean.z
    assert noisy.offset_s == pytest.approx(15.55, abs=0.016)


def test_a_foreign_track_gets_a_low_z(track):
    other = sf.reference_words(lively_noise(40.0, seed=52))
    assert aligned(heard(track[0], 12.0, 5.0), other).z < 6.5


def test_the_curve_is_z_at_every_16_ms(track):
    query = heard(track[0], 12.0, 5.0)
    null = align.null_of(query)
    found = align.align(query, track[1], null)
    agreement, weight = agreements(query, track[1], align.min_frames(query))
    assert len(found.curve) == agreement.size
    first_lag = align.min_frames(query) - query.n_frames
    for i in (0, 1, 501, len(found.curve) - 1):
        offset_s = found.first_s + i * sf.QUERY_HOP_S
        phase = round(-offset_s / sf.QUERY_HOP_S) % 2
        lag = round((offset_s + phase * sf.QUERY_HOP_S) / sf.HOP_S)
        expected = null.z(agreement[phase], weight[phase])[lag - first_lag] / found.widening
        if weight[phase, lag - first_lag]:
            assert found.curve[i] == pytest.approx(expected, rel=1e-5)
        else:
            assert found.curve[i] == -np.inf
    best = int(np.argmax(found.curve))
    assert found.z == found.curve[best]
    assert abs(found.first_s + best * sf.QUERY_HOP_S - found.offset_s) <= sf.QUERY_HOP_S / 2


def test_nothing_to_align_with_is_no_alignment(track):
    query = heard(track[0], 12.0, 5.0)
    null = align.null_of(query)
    assert align.align(query, np.zeros((0, 2), np.uint64), null) is None
    assert align.align(query, np.zeros((500, 2), np.uint64), null) is None  # silence
    assert align.align(query, track[1][:10], null) is None  # a third of a second


# --- several places -------------------------------------------------------------------------------------------


def test_every_place_of_a_repeated_section_is_found():
    chorus = lively_noise(6.0, seed=53)
    verses = [lively_noise(9.0, seed=54 + i) for i in range(3)]
    sound = np.concatenate([verses[0], chorus, verses[1], chorus, verses[2], chorus])
    words = sf.reference_words(sound)
    query = sf.fingerprint(chorus[: 4 * RATE])
    found = aligned(query, words)
    others = align.other_places(found, 8.0)
    places = [offset_s for offset_s, _, _ in others]
    assert sorted([found.offset_s, *places]) == pytest.approx([9.0, 24.0, 39.0], abs=OFFSET_S)
    for offset_s, lag, phase in others:
        assert lag * sf.HOP_S - phase * sf.QUERY_HOP_S == pytest.approx(offset_s, abs=sf.QUERY_HOP_S / 2)
        assert np.nanmean(align.frame_agreement(query, words, lag, phase)) > 0.8 * found.agreement
    assert align.other_places(found, 8.0, limit=1) == others[:1]
    assert align.other_places(found, 1e6) == []


# --- frames ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lag", [-30, 0, 17, 60])
def test_frame_agreement_is_the_agreement_frame_by_frame(lag):
    sound = np.concatenate([lively_noise(1.5, 1), np.zeros(RATE // 2, np.float32), lively_noise(1.5, 2)])
    words = sf.reference_words(sound)
    query = sf.fingerprint(lively_noise(3.0, 3) + 0.5 * lively_noise(3.0, 1))
    there, live = unpack(words)
    for phase in (0, 1):
        found = align.frame_agreement(query, words, lag, phase)
        assert found.shape == (query.n_frames,)
        here, valid = unpack(query.words[phase])
        flag = np.array([0, sf.VALID], np.uint64)
        bits = [(unpack(query.planes[phase, :, i] | flag)[0] > 0).astype(int) for i in (0, 1)]
        weights = bits[0] + 2 * bits[1]
        for t in range(query.n_frames):
            inside = 0 <= lag + t < len(words) and live[lag + t] and valid[t] and weights[t].any()
            if not inside:
                assert np.isnan(found[t])
                continue
            expected = (weights[t] * here[t] * there[lag + t]).sum() / weights[t].sum()
            assert found[t] == pytest.approx(expected)


@pytest.mark.parametrize("lag", [-95, -30, 17, 90])
def test_places_beside_each_other_are_compared_as_each_by_itself(track, lag):
    query = heard(track[0], 2.0, 3.0, 0.1)
    beside = align.frame_agreements(query, track[1], lag, 1, 4)
    assert beside.shape == (9, query.n_frames)
    for i, found in enumerate(beside):
        np.testing.assert_array_equal(found, align.frame_agreement(query, track[1], lag - 4 + i, 1))


def test_frames_add_up_to_the_whole(track):
    query = heard(track[0], -2.0, 5.0, 0.1)
    found = aligned(query, track[1])
    frames = align.frame_agreement(query, track[1], found.lag, found.phase)
    weights = query.frame_weight[found.phase] * np.isfinite(frames)
    assert (weights * np.nan_to_num(frames)).sum() / weights.sum() == pytest.approx(found.agreement, abs=1e-5)


@pytest.mark.parametrize(("start", "stop"), [(0, 150), (40, 150), (0, 90), (30, 100)])
def test_the_matched_stretch_is_where_agreement_is(rng, start, stop):
    frames = 0.05 * rng.standard_normal(150)
    frames[start:stop] += 0.5
    found = align.matched_stretch(frames, 0.5 * (stop - start) / 150)
    assert found[0] == pytest.approx(start, abs=3)
    assert found[1] == pytest.approx(stop, abs=3)


def test_a_matched_stretch_bridges_gaps_and_is_never_empty(rng):
    frames = 0.5 + 0.1 * rng.standard_normal(150)
    frames[60:70] = np.nan
    frames[:5] = np.nan
    start, stop = align.matched_stretch(frames, 0.5)
    assert (start, stop) == (pytest.approx(5, abs=2), pytest.approx(150, abs=2))
    for nothing in (np.full(20, np.nan), np.full(20, -0.3)):
        start, stop = align.matched_stretch(nothing, 0.2)
        assert 0 <= start < stop <= 20
