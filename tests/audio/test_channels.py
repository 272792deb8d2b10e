"""Channels to mono: the mean, and what is heard where the channels cancel each other."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.audio.decoder import Audio, Decoder
from classifier.audio.downmix import Downmix, mean
from classifier.audio.limits import Limits
from classifier.demo.songs import compose
from classifier.demo.synth import SAMPLE_RATE
from tests import data_audio
from tests.data_audio import FORMATS, encode, wav

#: Correlation with the original that a lossy codec keeps at 128 kbit/s and 16 kHz.
ALIKE = 0.97
#: Lossless and lossy, with and without joint stereo.
KINDS = ("wav", "wav24", "wav32f", "flac", "mp3", "m4a", "ogg", "opus", "webm", "wma", "ac3", "dts")


@pytest.fixture(scope="module")
def music() -> np.ndarray:
    """Return six seconds of a song at 48 kHz and half of full scale, int16 of shape (n, 1)."""
    song = compose(3, duration_s=6.0)
    assert song.sample_rate == SAMPLE_RATE
    place = np.arange(6 * 48000) * SAMPLE_RATE / 48000
    samples = np.interp(place, np.arange(len(song.samples)), song.samples)
    return np.round(0.5 * 32767 * samples / np.abs(samples).max()).astype(np.int16)[:, None]


def at_rate(samples: np.ndarray, rate: int) -> np.ndarray:
    place = np.arange(len(samples) * rate // 48000) * 48000 / rate
    return np.round(np.interp(place, np.arange(len(samples)), samples[:, 0])).astype(np.int16)[:, None]


def likeness(audio: Audio, expected: Audio) -> float:
    """Return the greatest correlation, up to sign, within the padding of a codec."""
    a, b = audio.samples, expected.samples
    n = 1 << 18
    cross = np.fft.irfft(np.fft.rfft(a, n) * np.conj(np.fft.rfft(b, n)), n)
    return float(np.abs(cross).max() / np.sqrt(np.dot(a, a) * np.dot(b, b)))


@pytest.mark.parametrize("gain", [-1.0, -0.98])
@pytest.mark.parametrize("kind", KINDS)
def test_channels_that_cancel(kind: str, gain: float, music: np.ndarray, decoder: Decoder, limits: Limits) -> None:
    rate = FORMATS[kind].rate
    left = at_rate(music, rate)
    opposite = np.hstack([left, np.round(gain * left).astype(np.int16)])
    audio = decoder.decode(encode(opposite, kind, bit_rate=128_000), limits)
    expected = decoder.decode(wav(left, rate), limits)
    assert likeness(audio, expected) > ALIKE
    assert audio.cancelled_s == pytest.approx(6.0, abs=0.1)
    assert [remark.partition(":")[0] for remark in audio.remarks] == ["channels_cancel"]
    assert expected.cancelled_s == 0
    assert expected.remarks == []


def test_a_constant_or_hum_in_both_does_not_hide_it(music: np.ndarray, decoder: Decoder, limits: Limits) -> None:
    hum = np.round(2000 + 1500 * np.sin(2 * np.pi * 50 * np.arange(len(music)) / 48000)).astype(np.int16)[:, None]
    audio = decoder.decode(wav(np.hstack([music + hum, hum - music]), 48000), limits)
    assert audio.cancelled_s == pytest.approx(6.0, abs=1e-3)


def test_only_where_they_cancel(music: np.ndarray, decoder: Decoder, limits: Limits) -> None:
    half = len(music) // 3
    right = np.concatenate([music[:half], -music[half : 2 * half], music[2 * half :]])
    audio = decoder.decode(wav(np.hstack([music, right]), 48000), limits)
    expected = decoder.decode(wav(music, 48000), limits)
    assert audio.cancelled_s == pytest.approx(2.0, abs=1e-3)
    # As if it were mono throughout, but for the 10 ms in which one is faded into the other, and the resampler's reach.
    difference = np.abs(audio.samples - expected.samples)
    for join_s in (2.0, 4.0):
        difference[round((join_s - 0.005) * 16000) : round((join_s + 0.015) * 16000)] = 0
    assert difference.max() < 1e-4


def test_hash_is_of_the_file_all_the_same(music: np.ndarray, decoder: Decoder, limits: Limits) -> None:
    opposite = np.hstack([music, -music])
    hashes = {decoder.decode(encode(opposite, kind), limits).content_hash for kind in ("wav", "flac", "caf")}
    assert len(hashes) == 1
    assert decoder.decode(wav(np.hstack([music, music]), 48000), limits).content_hash not in hashes


@pytest.mark.parametrize(
    ("channels", "correlation"),
    [*((n, value) for n in (2, 3, 6, 8) for value in (1.0, 0.5, 0.0, -0.5)), (2, -0.8)],
)
def test_ordinary_channels_are_averaged_to_the_bit(channels: int, correlation: float) -> None:
    random = np.random.default_rng(channels)
    common, own = random.normal(0, 3000, 88200), random.normal(0, 3000, (channels, 88200))
    weight = np.sqrt(abs(correlation))
    signs = np.where(np.arange(channels) % 2, np.sign(correlation) or 1.0, 1.0)
    columns = [
        np.round(weight * sign * common + np.sqrt(1 - weight**2) * noise).astype(np.int16)
        for sign, noise in zip(signs, own, strict=True)
    ]
    downmix = Downmix(44100)
    for start in range(0, 88200, 44100):
        blocks = [column[start : start + 44100] for column in columns]
        np.testing.assert_array_equal(downmix.mix(blocks), mean(blocks))
    assert downmix.cancelled_s == 0


def test_the_ear_keeps_to_a_channel() -> None:
    """Two channels as loud as each other, give or take a little: no change from one to its negative."""
    random = np.random.default_rng(7)
    downmix = Downmix(16000)
    for loudness in (1.0, 1.01, 0.99, 1.2):
        left = random.normal(0, 0.1, 32000).astype(np.float32)
        np.testing.assert_array_equal(downmix.mix([left, np.float32(-loudness) * left]), left)
    assert downmix.cancelled_s == 8.0


def test_silence_and_digital_noise_are_averaged(decoder: Decoder, limits: Limits) -> None:
    for samples in (np.zeros((32000, 2), np.int16), data_audio.noise(2.0, 16000, level=1 / 32767)):
        audio = decoder.decode(wav(samples, 16000), limits)
        np.testing.assert_allclose(audio.samples, samples.mean(axis=1) / 32768, rtol=0, atol=1e-7)
        assert audio.cancelled_s == 0
