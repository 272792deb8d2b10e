"""Agreement against brute force, bit by bit and lag by lag, and what shifting audio does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier.fingerprint import agreement as ag
from classifier.fingerprint import bits as sf
from tests.library import lively_noise
from tests.prints import unpack, weights_of

#: Means over fewer terms than this differ in float32 rounding only.
ROUNDING = 1e-6


def random_words(rng: np.random.Generator, n: int, live: float) -> np.ndarray:
    valid = rng.random(n) < live
    return sf.pack(rng.standard_normal((n, sf.N_BITS)), valid)


def random_query(rng: np.random.Generator, n: int, live: float, top: int) -> sf.Fingerprint:
    """A query whose frames are partly invalid and whose bits weigh from 0 to ``top``."""
    phases, planes = [], []
    for _ in range(2):
        words = random_words(rng, n, live)
        _, valid = unpack(words)
        weights = rng.integers(0, top + 1, (n, sf.N_BITS)) * valid[:, None]
        packed = [sf.pack(np.where(weights & plane, 1.0, -1.0), np.ones(n, bool)) for plane in (1, 2)]
        for plane in packed:
            plane[:, 1] &= ~sf.VALID
        phases.append(words)
        planes.append(np.stack(packed, axis=1))
    return sf.Fingerprint(np.stack(phases), np.stack(planes), 0.5)


def brute_force(query: sf.Fingerprint, words: np.ndarray, least: int) -> tuple[np.ndarray, np.ndarray]:
    """Weight of mismatches and of everything compared at every lag, one pair of frames at a time."""
    n, n_words = query.n_frames, len(words)
    weights, (there, live) = weights_of(query), unpack(words)
    lags = range(least - n, n_words - least + 1)
    wrong, compared = np.zeros((2, len(lags)), int), np.zeros((2, len(lags)), int)
    for phase in range(2):
        here, _ = unpack(query.words[phase])
        for i, lag in enumerate(lags):
            for t in range(n):
                if 0 <= lag + t < n_words and live[lag + t]:
                    compared[phase, i] += weights[phase, t].sum()
                    wrong[phase, i] += weights[phase, t][here[t] != there[lag + t]].sum()
    return wrong, compared


def check(query: sf.Fingerprint, words: np.ndarray, least: int) -> None:
    agreement, weight = ag.agreement(query, words, least)
    wrong, compared = brute_force(query, words, least)
    assert agreement.shape == weight.shape == compared.shape
    counts = weight > 0
    np.testing.assert_array_equal(weight[counts], compared[counts])
    np.testing.assert_allclose(agreement[counts], 1 - 2 * wrong[counts] / compared[counts], atol=ROUNDING)
    assert not agreement[~counts].any()
    enough = np.maximum(1.0, least / query.n_frames * weights_of(query).sum(axis=(1, 2)))
    np.testing.assert_array_equal(counts, compared >= enough[:, None])


@given(
    st.integers(1, 14),
    st.integers(0, 30),
    st.integers(1, 14),
    st.sampled_from([1.0, 0.7, 0.0]),
    st.integers(0, 3),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=60, deadline=None)
def test_agreement_equals_brute_force_at_every_lag(n, n_words, least, live, top, seed):
    rng = np.random.default_rng(seed)
    check(random_query(rng, n, live, top), random_words(rng, n_words, live), min(least, n))


@pytest.mark.parametrize("samples", [0, sf.FRAME + sf.LAG - 1, sf.FRAME + sf.LAG, sf.FRAME + sf.LAG + sf.HOP])
def test_a_snippet_of_hardly_any_frames_has_as_many_lags_as_fit(samples):
    query = sf.fingerprint(lively_noise(1.0, seed=2)[:samples])
    reference = sf.reference_words(lively_noise(1.0, seed=3))
    agreement, weight = ag.agreement(query, reference, 1)
    n_lags = len(reference) + query.n_frames - 1 if query.n_frames else 0
    assert agreement.shape == weight.shape == (2, n_lags)


def test_agreement_over_more_lags_than_one_block_of_counters():
    """Lags are counted in blocks of 1,024: neither the seams nor the ends may show."""
    rng = np.random.default_rng(9)
    check(random_query(rng, 6, 0.9, 3), random_words(rng, 2500, 0.9), 2)


def test_agreement_reads_mapped_and_strided_words(tmp_path):
    rng = np.random.default_rng(10)
    query, words = random_query(rng, 6, 0.9, 3), random_words(rng, 50, 0.9)
    expected = ag.agreement(query, words, 3)
    np.save(tmp_path / "words.npy", np.concatenate([words, words]))
    mapped = np.load(tmp_path / "words.npy", mmap_mode="r")[50:]
    for found, wanted in zip(ag.agreement(query, mapped, 3), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_a_snippet_of_few_frames_may_match_in_either_phase():
    """All of a second's frames must overlap then, whichever of the phases weighs more."""
    samples = lively_noise(3.0, seed=27)
    words = sf.reference_words(samples)
    for start in range(0, 12 * sf.QUERY_HOP, sf.QUERY_HOP):
        query = sf.fingerprint(samples[start : start + sf.SAMPLE_RATE])
        agreement, _ = ag.agreement(query, words, query.n_frames)
        phase, lag = np.unravel_index(np.argmax(agreement), agreement.shape)
        assert lag * sf.HOP - phase * sf.QUERY_HOP == start
        assert agreement.max() == pytest.approx(1.0)


@pytest.mark.parametrize(("hops", "phase"), [(0, 0), (7, 0), (31, 0), (7, 1), (31, 1)])
def test_shifting_audio_by_hops_shifts_the_best_lag(hops, phase):
    samples = lively_noise(5.0, seed=6)
    start = hops * sf.HOP - phase * sf.QUERY_HOP
    query = sf.fingerprint(samples[start : start + 2 * sf.SAMPLE_RATE])
    agreement, _ = ag.agreement(query, sf.reference_words(samples), query.n_frames)
    best = np.unravel_index(np.argmax(agreement), agreement.shape)
    assert best == (phase, hops)  # with all frames required, index i is lag i
    assert agreement[best] == pytest.approx(1.0)
    others = np.delete(agreement[phase], range(max(0, hops - 8), hops + 9))  # neighbours share samples
    assert others.max() < 0.3


def test_weights_find_a_noisy_excerpt_more_clearly():
    """Over places that chance offers, weighed agreement stands out further, in spreads, than plain agreement."""
    clean = lively_noise(30.0, seed=19)
    heard = clean[10 * sf.SAMPLE_RATE : 14 * sf.SAMPLE_RATE]
    heard = heard + 0.2 * np.random.default_rng(3).standard_normal(len(heard)).astype(np.float32)
    words, stands_out = sf.reference_words(clean), []
    weighed = sf.fingerprint(heard)
    alike = np.zeros_like(weighed.planes)
    alike[:, :, 0] = sf.pack(np.ones((1, sf.N_BITS)), np.ones(1, bool)) & ~np.array([0, sf.VALID], np.uint64)
    for query in (weighed, replace(weighed, planes=alike)):
        agreement, _ = ag.agreement(query, words, 100)
        stands_out.append((agreement.max() - agreement.mean()) / np.median(np.abs(agreement - agreement.mean())))
    assert stands_out[0] > stands_out[1]


def test_a_telephone_recording_agrees_better_without_the_bands_it_has_lost():
    samples = lively_noise(4.0, seed=8)
    spectrum = np.fft.rfft(samples)
    spectrum[round(3400 / 8000 * (len(spectrum) - 1)) :] = 0
    dull = np.fft.irfft(spectrum, len(samples)).astype(np.float32)
    dull += 1e-3 * np.random.default_rng(1).standard_normal(len(dull)).astype(np.float32)  # what codecs put there
    words = sf.reference_words(samples)
    all_bands, _ = ag.agreement(sf.fingerprint(dull), words, 30)
    heard_bands, _ = ag.agreement(sf.fingerprint(dull, 3400.0), words, 30)
    assert heard_bands.max() > all_bands.max() + 0.05


def test_rough_z_is_how_far_the_fewest_mismatches_stand_out():
    """Against bits counted one by one, ends included."""
    samples = lively_noise(4.0, seed=29)
    rough = sf.rough_fingerprint(samples[16000:40000])
    words = sf.reference_words(samples)[:, 0]
    pad = len(rough)
    padded = np.concatenate([np.zeros(pad, np.uint64), words, np.zeros(pad, np.uint64)])
    wrong = [
        sum(int((padded[lag + 2 * t] ^ word) & mask).bit_count() for t, (word, mask) in enumerate(rough))
        for lag in range(len(words))
    ]
    expected = (np.mean(wrong) - min(wrong)) / np.std(wrong)
    assert ag.rough_z(rough, np.ascontiguousarray(words)) == pytest.approx(expected)
    assert expected > 4
    assert int(np.argmin(wrong)) == pytest.approx(pad + 16000 / sf.HOP, abs=1)
    assert ag.rough_z(rough, np.zeros(0, np.uint64)) == 0.0
    assert ag.rough_z(rough, np.zeros(500, np.uint64)) == 0.0
    assert ag.rough_z(np.zeros((20, 2), np.uint64), words) == 0.0
