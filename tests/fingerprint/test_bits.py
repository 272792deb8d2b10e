"""Sub-fingerprints against a slow re-implementation: bits, which frames count, how bits are laid out and weighed."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from classifier.fingerprint import bits as sf
from tests.library import lively_noise
from tests.prints import unpack, weights_of

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
    query = sf.fingerprint(samples)
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
    query = sf.fingerprint(sound)
    assert query.words.shape == (2, query.n_frames, 2)
    assert query.planes.shape == (2, query.n_frames, 2, 2)
    assert query.frame_weight.shape == (2, query.n_frames)
    assert query.n_frames in (frames, frames - 1, 0)  # the second phase starts 16 ms later


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


# --- weights --------------------------------------------------------------------------------------------------


def test_a_rough_print_is_the_first_word_of_every_second_frame_and_its_trusted_bits():
    samples = lively_noise(2.0, seed=28)
    rough = sf.rough_fingerprint(samples)
    words = sf.reference_words(samples)[:: sf.ROUGH_STEP]
    np.testing.assert_array_equal(rough[:, 0], words[: len(rough), 0])
    share = np.bitwise_count(rough[:, 1]).mean() / 64
    assert 0.1 < share < 0.9
    narrow = sf.rough_fingerprint(samples, 500.0)
    top = np.flatnonzero(sf.bit_top_hz()[:64] > 500.0)
    mask = np.unpackbits(narrow[:, 1:].astype("<u8").view(np.uint8), axis=1, bitorder="little")
    assert not mask[:, top].any()
    assert mask.any()


def test_bits_above_the_bandwidth_weigh_nothing():
    """AMR-NB ends at 3.4 kHz: a band that reaches beyond holds nothing of the recording."""
    samples = lively_noise(2.0, seed=7)
    full, narrow = (sf.fingerprint(samples, hertz) for hertz in (48000.0, 3400.0))
    counts = np.concatenate([band_edges(n)[2:] for n in sf.BANDS]) <= 3400.0
    assert 0.5 < counts.mean() < 0.9
    assert not weights_of(narrow)[..., ~counts].any()
    assert weights_of(narrow)[..., counts].any(axis=(0, 1)).mean() > 0.95
    assert weights_of(full).any(axis=(0, 1)).mean() > 0.95
    np.testing.assert_array_equal(narrow.words, full.words)


def test_weights_go_from_nothing_to_three_and_planes_hold_them():
    samples = lively_noise(3.0, seed=17)
    samples += 0.05 * np.random.default_rng(1).standard_normal(len(samples)).astype(np.float32)
    query = sf.fingerprint(samples)
    weights = weights_of(query)
    assert set(np.unique(weights)) == {0, 1, 2, 3}
    np.testing.assert_array_equal(query.frame_weight, weights.sum(axis=2))


def test_trusted_bits_are_more_often_right():
    """In noise, the share of bits that equal the clean recording's grows with their weight."""
    clean = lively_noise(8.0, seed=18)
    noise = np.random.default_rng(2).standard_normal(len(clean)).astype(np.float32)
    noisy = clean + 0.1 * noise
    query, truth = sf.fingerprint(noisy), sf.fingerprint(clean)
    weights = weights_of(query)
    right = np.stack([unpack(query.words[p])[0] == unpack(truth.words[p])[0] for p in (0, 1)])
    share = [right[weights == level].mean() for level in range(4)]
    assert share == sorted(share)
    assert share[3] > share[0] + 0.1


def test_a_lone_tone_weighs_nothing_however_it_moves():
    """A whistle or a sweep is no recording of anything; with a second voice it is music again."""
    t = np.arange(3 * sf.SAMPLE_RATE) / sf.SAMPLE_RATE
    sweep = (0.3 * np.sin(2 * np.pi * (300 * t + 400 * t**2))).astype(np.float32)
    assert not sf.fingerprint(sweep).planes.any()
    assert not sf.rough_fingerprint(sweep)[:, 1].any()
    accompanied = sweep + lively_noise(3.0, seed=33)
    assert sf.fingerprint(accompanied).planes.any(axis=(2, 3)).mean() > 0.9
    assert unpack(sf.reference_words(sweep))[1].all()  # a track may hold what it likes
