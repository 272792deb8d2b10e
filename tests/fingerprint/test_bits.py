"""Sub-fingerprints against a slow re-implementation, agreement against brute force, and what shifting audio does."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from classifier.fingerprint import bits as sf
from tests.library import lively_noise
from tests.prints import unpack

#: Band edges are rounded to 1/64 of an FFT bin there and exact here; a band may be half a bin wide, so D may differ
#: by this much, in nats, in the worst band.
EDGE_NATS = 0.12
#: Means over fewer terms than this differ in float32 rounding only.
ROUNDING = 1e-6


# --- bits -----------------------------------------------------------------------------------------------------


def band_edges(n: int) -> np.ndarray:
    """Edges in Hz of n bands of equal ratio."""
    return sf.F_LOW * (sf.F_HIGH / sf.F_LOW) ** (np.arange(n + 1) / n)


def slow_log_energies(frame: np.ndarray) -> np.ndarray:
    """Log mean power of every band: the power spectrum as straight lines between its bins, integrated exactly."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(sf.FRAME) / sf.FRAME)
    power = np.abs(np.fft.fft(frame.astype(np.float64) * window)[: sf.FRAME // 2 + 1]) ** 2
    hertz = np.arange(sf.FRAME // 2 + 1) * sf.SAMPLE_RATE / sf.FRAME
    bands = []
    for n in sf.BANDS:
        edges = band_edges(n)
        for low, high in pairwise(edges):
            at = np.concatenate([[low], hertz[(hertz > low) & (hertz < high)], [high]])
            bands.append(np.trapezoid(np.interp(at, hertz, power), at) / (high - low))
    energy = np.array(bands)
    return np.log(energy + 1e-4 * energy[-sf.BANDS[-1] :].mean() + 1e-12)


def slow_differences(samples: np.ndarray, hop: int) -> np.ndarray:
    """D(b, t) by its definition, frame by frame and band by band."""
    starts = range(0, len(samples) - sf.FRAME - sf.LAG + 1, hop)
    rows = []
    for start in starts:
        before = slow_log_energies(samples[start : start + sf.FRAME])
        after = slow_log_energies(samples[start + sf.LAG : start + sf.LAG + sf.FRAME])
        row, at = [], 0
        for n in sf.BANDS:
            for b in range(at, at + n - 1):
                row.append((after[b + 1] - after[b]) - (before[b + 1] - before[b]))
            at += n
        rows.append(row)
    return np.array(rows)


@pytest.mark.parametrize("hop", [sf.HOP, sf.QUERY_HOP])
def test_differences_equal_a_slow_implementation(hop):
    samples = lively_noise(1.0, seed=3)
    d, valid = sf.differences(*sf.band_energies(samples, hop), hop)
    slow = slow_differences(samples, hop)
    assert d.shape == slow.shape
    assert np.abs(d - slow).max() < EDGE_NATS
    assert np.abs(d - slow).mean() < 0.1 * EDGE_NATS
    assert valid.all()


def test_bits_are_the_signs_of_a_slow_implementation():
    samples = lively_noise(1.5, seed=4)
    signs, valid = unpack(sf.reference_words(samples))
    slow = slow_differences(samples, sf.HOP)
    clear = np.abs(slow) > EDGE_NATS
    assert valid.all()
    assert clear.mean() > 0.8
    np.testing.assert_array_equal(signs[clear], np.sign(slow[clear]).astype(np.int8))


def test_a_frame_has_one_bit_for_each_pair_of_neighbouring_bands():
    assert sf.N_BITS == sum(n - 1 for n in sf.BANDS) <= 127
    assert sf.band_matrix().shape == (sf.FRAME // 2 + 1, sum(sf.BANDS))
    np.testing.assert_allclose(sf.band_matrix().sum(axis=0), 1, atol=1e-5)
    tops = np.concatenate([band_edges(n)[2:] for n in sf.BANDS])
    np.testing.assert_allclose(sf.bit_top_hz(), tops)


def test_loudness_does_not_change_the_bits():
    samples = lively_noise(2.0, seed=5)
    np.testing.assert_array_equal(sf.reference_words(samples), sf.reference_words(samples * np.float32(0.25)))


# --- which frames count ---------------------------------------------------------------------------------------


def sine(hertz: float, seconds: float = 2.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * sf.SAMPLE_RATE)) / sf.SAMPLE_RATE)).astype(
        np.float32
    )


def hum(seconds: float = 2.0) -> np.ndarray:
    return np.mean([sine(50.0 * k, seconds) / k for k in range(1, 8)], axis=0).astype(np.float32)


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(32000, np.float32),
        np.full(32000, 0.3, np.float32),
        1e-5 * lively_noise(2.0, seed=1),
        sine(440.0),
        sine(1234.5),
        sine(697.0) + sine(1209.0),
        hum(),
    ],
    ids=["silence", "direct current", "noise of -120 dB", "tone", "tone between bins", "two tones", "hum"],
)
def test_what_never_changes_is_invalid(samples):
    words = sf.reference_words(samples)
    assert len(words)
    assert not words.any()
    query = sf.query_print(samples)
    assert not query.planes.any()
    assert not query.words.any()


def test_frames_are_invalid_just_where_silence_reaches_into_them():
    samples = np.concatenate([lively_noise(2.0, 1), np.zeros(32000, np.float32), lively_noise(2.0, 2)])
    _, valid = unpack(sf.reference_words(samples))
    start = np.arange(len(valid)) * sf.HOP
    clean = ((start + sf.LAG + sf.FRAME) <= 32000) | (start >= 64000)
    silent = np.zeros(len(valid), bool)
    for part in (0, sf.LAG):  # either of the two spectra that a difference is taken of
        silent |= (start + part >= 32000) & (start + part + sf.FRAME <= 64000)
    assert valid[clean].all()
    assert not valid[silent].any()


@pytest.mark.parametrize(
    ("samples", "frames"),
    [
        (0, 0),
        (1, 0),
        (sf.FRAME - 1, 0),
        (sf.FRAME, 0),
        (sf.FRAME + sf.LAG - 1, 0),
        (sf.FRAME + sf.LAG, 1),
        (sf.FRAME + sf.LAG + sf.HOP - 1, 1),
        (sf.FRAME + sf.LAG + sf.HOP, 2),
    ],
)
def test_short_input(samples, frames):
    sound = lively_noise(1.0, seed=2)[:samples]
    assert sf.reference_words(sound).shape == (frames, 2)
    query = sf.query_print(sound)
    assert query.words.shape == (2, query.n_frames, 2)
    assert query.planes.shape == (2, query.n_frames, 2, 2)
    assert query.frame_weight.shape == (2, query.n_frames)
    assert query.n_frames in (frames, frames - 1, 0)  # the second phase starts 16 ms later
    reference = sf.reference_words(lively_noise(1.0, seed=3))
    agreement, bits = sf.agreement(query, reference, 1)
    n_lags = max(0, len(reference) + query.n_frames - 1) if query.n_frames else 0
    assert agreement.shape == bits.shape == (2, n_lags)


# --- packing --------------------------------------------------------------------------------------------------


@given(st.data(), st.integers(0, 40))
@settings(max_examples=50, deadline=None)
def test_pack_and_unpack_are_inverse(data, n):
    elements = st.floats(-10, 10, width=32, allow_nan=False)
    d = data.draw(arrays.arrays(np.float32, (n, sf.N_BITS), elements=elements))
    valid = data.draw(arrays.arrays(bool, n))
    words = sf.pack(d, valid)
    assert words.shape == (n, 2)
    assert words.dtype == np.uint64
    signs, live = unpack(words)
    np.testing.assert_array_equal(live, valid)
    np.testing.assert_array_equal(signs, np.where(d > 0, 1, -1) * valid[:, None])
    assert not words[~valid].any()
    np.testing.assert_array_equal(sf.pack(signs, live), words)


def test_the_layout_is_bits_in_order_three_zeros_and_the_flag():
    """Stored words outlive the code: bit i of the first word is difference i, bit 127 says that the frame counts."""
    for i in (0, 1, 63, 64, sf.N_BITS - 1):
        d = np.full((1, sf.N_BITS), -1.0, np.float32)
        d[0, i] = 1.0
        low, high = (int(word) for word in sf.pack(d, np.array([True]))[0])
        assert (high << 64 | low) == (1 << i) | (1 << 127)


# --- agreement ------------------------------------------------------------------------------------------------


def random_words(rng: np.random.Generator, n: int, live: float) -> np.ndarray:
    valid = rng.random(n) < live
    return sf.pack(rng.standard_normal((n, sf.N_BITS)), valid)


def weights_of(query: sf.QueryPrint) -> np.ndarray:
    """Weight of every bit, shape (2, n, N_BITS), read off the planes bit by bit."""
    flag = np.array([0, sf.VALID], np.uint64)
    planes = [[(unpack(query.planes[p, :, i] | flag)[0] > 0).astype(int) for i in (0, 1)] for p in (0, 1)]
    return np.stack([ones + 2 * twos for ones, twos in planes])


def random_query(rng: np.random.Generator, n: int, live: float, top: int) -> sf.QueryPrint:
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
    return sf.QueryPrint(np.stack(phases), np.stack(planes), 0.5)


def brute_force(query: sf.QueryPrint, words: np.ndarray, least: int) -> tuple[np.ndarray, np.ndarray]:
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


def check(query: sf.QueryPrint, words: np.ndarray, least: int) -> None:
    agreement, weight = sf.agreement(query, words, least)
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


def test_agreement_over_more_lags_than_one_block_of_counters():
    """Lags are counted in blocks of 1,024: neither the seams nor the ends may show."""
    rng = np.random.default_rng(9)
    check(random_query(rng, 6, 0.9, 3), random_words(rng, 2500, 0.9), 2)


def test_agreement_reads_mapped_and_strided_words(tmp_path):
    rng = np.random.default_rng(10)
    query, words = random_query(rng, 6, 0.9, 3), random_words(rng, 50, 0.9)
    expected = sf.agreement(query, words, 3)
    np.save(tmp_path / "words.npy", np.concatenate([words, words]))
    mapped = np.load(tmp_path / "words.npy", mmap_mode="r")[50:]
    for found, wanted in zip(sf.agreement(query, mapped, 3), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_a_snippet_of_few_frames_may_match_in_either_phase():
    """All of a second's frames must overlap then, whichever of the phases weighs more."""
    samples = lively_noise(3.0, seed=27)
    words = sf.reference_words(samples)
    for start in range(0, 12 * sf.QUERY_HOP, sf.QUERY_HOP):
        query = sf.query_print(samples[start : start + sf.SAMPLE_RATE])
        agreement, _ = sf.agreement(query, words, query.n_frames)
        phase, lag = np.unravel_index(np.argmax(agreement), agreement.shape)
        assert lag * sf.HOP - phase * sf.QUERY_HOP == start
        assert agreement.max() == pytest.approx(1.0)


def test_a_rough_print_is_the_first_word_of_every_second_frame_and_its_trusted_bits():
    samples = lively_noise(2.0, seed=28)
    rough = sf.rough_print(samples)
    words = sf.reference_words(samples)[:: sf.ROUGH_STEP]
    np.testing.assert_array_equal(rough[:, 0], words[: len(rough), 0])
    share = np.bitwise_count(rough[:, 1]).mean() / 64
    assert 0.1 < share < 0.9
    narrow = sf.rough_print(samples, 500.0)
    top = np.flatnonzero(sf.bit_top_hz()[:64] > 500.0)
    mask = np.unpackbits(narrow[:, 1:].astype("<u8").view(np.uint8), axis=1, bitorder="little")
    assert not mask[:, top].any()
    assert mask.any()


def test_rough_z_is_how_far_the_fewest_mismatches_stand_out():
    """Against bits counted one by one, ends included."""
    samples = lively_noise(4.0, seed=29)
    rough = sf.rough_print(samples[16000:40000])
    words = sf.reference_words(samples)[:, 0]
    pad = len(rough)
    padded = np.concatenate([np.zeros(pad, np.uint64), words, np.zeros(pad, np.uint64)])
    wrong = [
        sum(int((padded[lag + 2 * t] ^ word) & mask).bit_count() for t, (word, mask) in enumerate(rough))
        for lag in range(len(words))
    ]
    expected = (np.mean(wrong) - min(wrong)) / np.std(wrong)
    assert sf.rough_z(rough, np.ascontiguousarray(words)) == pytest.approx(expected)
    assert expected > 4
    assert int(np.argmin(wrong)) == pytest.approx(pad + 16000 / sf.HOP, abs=1)
    assert sf.rough_z(rough, np.zeros(0, np.uint64)) == 0.0
    assert sf.rough_z(rough, np.zeros(500, np.uint64)) == 0.0
    assert sf.rough_z(np.zeros((20, 2), np.uint64), words) == 0.0


@pytest.mark.parametrize(("hops", "phase"), [(0, 0), (7, 0), (31, 0), (7, 1), (31, 1)])
def test_shifting_audio_by_hops_shifts_the_best_lag(hops, phase):
    samples = lively_noise(5.0, seed=6)
    start = hops * sf.HOP - phase * sf.QUERY_HOP
    query = sf.query_print(samples[start : start + 2 * sf.SAMPLE_RATE])
    agreement, _ = sf.agreement(query, sf.reference_words(samples), query.n_frames)
    best = np.unravel_index(np.argmax(agreement), agreement.shape)
    assert best == (phase, hops)  # with all frames required, index i is lag i
    assert agreement[best] == pytest.approx(1.0)
    others = np.delete(agreement[phase], range(max(0, hops - 8), hops + 9))  # neighbours share samples
    assert others.max() < 0.3


def test_bits_above_the_bandwidth_weigh_nothing():
    """AMR-NB ends at 3.4 kHz: a band that reaches beyond holds nothing of the recording."""
    samples = lively_noise(2.0, seed=7)
    full, narrow = (sf.query_print(samples, hertz) for hertz in (48000.0, 3400.0))
    counts = np.concatenate([band_edges(n)[2:] for n in sf.BANDS]) <= 3400.0
    assert 0.5 < counts.mean() < 0.9
    assert not weights_of(narrow)[..., ~counts].any()
    assert weights_of(narrow)[..., counts].any(axis=(0, 1)).all()
    assert weights_of(full).any(axis=(0, 1)).all()
    np.testing.assert_array_equal(narrow.words, full.words)


def test_weights_go_from_nothing_to_three_and_planes_hold_them():
    samples = lively_noise(3.0, seed=17)
    samples += 0.05 * np.random.default_rng(1).standard_normal(len(samples)).astype(np.float32)
    query = sf.query_print(samples)
    weights = weights_of(query)
    assert set(np.unique(weights)) == {0, 1, 2, 3}
    np.testing.assert_array_equal(query.frame_weight, weights.sum(axis=2))


def test_trusted_bits_are_more_often_right():
    """In noise, the share of bits that equal the clean recording's grows with their weight."""
    clean = lively_noise(8.0, seed=18)
    noise = np.random.default_rng(2).standard_normal(len(clean)).astype(np.float32)
    noisy = clean + 0.1 * noise
    query, truth = sf.query_print(noisy), sf.query_print(clean)
    weights = weights_of(query)
    right = np.stack([unpack(query.words[p])[0] == unpack(truth.words[p])[0] for p in (0, 1)])
    share = [right[weights == level].mean() for level in range(4)]
    assert share == sorted(share)
    assert share[3] > share[0] + 0.1


def test_weights_find_a_noisy_excerpt_more_clearly():
    """Over places that chance offers, weighed agreement stands out further, in spreads, than plain agreement."""
    clean = lively_noise(30.0, seed=19)
    heard = clean[10 * sf.SAMPLE_RATE : 14 * sf.SAMPLE_RATE]
    heard = heard + 0.2 * np.random.default_rng(3).standard_normal(len(heard)).astype(np.float32)
    words, stands_out = sf.reference_words(clean), []
    weighed = sf.query_print(heard)
    alike = np.zeros_like(weighed.planes)
    alike[:, :, 0] = sf.pack(np.ones((1, sf.N_BITS)), np.ones(1, bool)) & ~np.array([0, sf.VALID], np.uint64)
    for query in (weighed, replace(weighed, planes=alike)):
        agreement, _ = sf.agreement(query, words, 100)
        stands_out.append((agreement.max() - agreement.mean()) / np.median(np.abs(agreement - agreement.mean())))
    assert stands_out[0] > stands_out[1]


def test_a_telephone_recording_agrees_better_without_the_bands_it_has_lost():
    samples = lively_noise(4.0, seed=8)
    spectrum = np.fft.rfft(samples)
    spectrum[round(3400 / 8000 * (len(spectrum) - 1)) :] = 0
    dull = np.fft.irfft(spectrum, len(samples)).astype(np.float32)
    dull += 1e-3 * np.random.default_rng(1).standard_normal(len(dull)).astype(np.float32)  # what codecs put there
    words = sf.reference_words(samples)
    all_bands, _ = sf.agreement(sf.query_print(dull), words, 30)
    heard_bands, _ = sf.agreement(sf.query_print(dull, 3400.0), words, 30)
    assert heard_bands.max() > all_bands.max() + 0.05


def test_a_lone_tone_weighs_nothing_however_it_moves():
    """A whistle or a sweep is no recording of anything; with a second voice it is music again."""
    t = np.arange(3 * sf.SAMPLE_RATE) / sf.SAMPLE_RATE
    sweep = (0.3 * np.sin(2 * np.pi * (300 * t + 400 * t**2))).astype(np.float32)
    assert not sf.query_print(sweep).planes.any()
    assert not sf.rough_print(sweep)[:, 1].any()
    accompanied = sweep + lively_noise(3.0, seed=33)
    assert sf.query_print(accompanied).planes.any(axis=(2, 3)).mean() > 0.9
    assert unpack(sf.reference_words(sweep))[1].all()  # a track may hold what it likes
