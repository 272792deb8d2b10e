"""Noise twins: mixing spectra is mixing sound, at the level asked for; what the synthesised noises are like."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from classifier.config import FeatureConfig, NoiseTwin
from classifier.mixtures import features
from classifier.models import twins
from classifier.noise.babble import babble
from tests.library import RATE, lively_noise

CONFIG = FeatureConfig()
#: Complex float32 spectra against float64.
ROUNDING = 2e-4


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    return lively_noise(12.0, seed=21)


@cache
def noise_samples(kind: str) -> np.ndarray:
    """The very noise that twins use: the same maker, from the same seed, as samples."""
    n = int(twins.NOISE_SECONDS * RATE)
    if kind == "babble":
        return babble(n, RATE, twins.SEED).astype(np.float32)
    return twins.pink(n, RATE, np.random.default_rng(twins.SEED))


@cache
def noise_spectra(kind: str) -> np.ndarray:
    return features.spectrum(noise_samples(kind), CONFIG)


def test_pink_noise_has_unit_level_and_comes_from_its_seed():
    first, again, other = (twins.pink(5 * RATE, RATE, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.dtype == np.float32
    assert first.shape == (5 * RATE,)
    np.testing.assert_array_equal(first, again)
    assert np.sqrt(np.mean(np.square(first, dtype=np.float64))) == pytest.approx(1, abs=1e-4)
    assert abs(np.corrcoef(first, other)[0, 1]) < 0.05
    for n in (1, 100):
        assert len(twins.pink(n, RATE, np.random.default_rng(0))) == n


def octave_levels_db(samples: np.ndarray) -> np.ndarray:
    """Level of the octaves from 62.5 Hz up to 8 kHz."""
    power = np.abs(np.fft.rfft(samples)) ** 2
    hertz = np.fft.rfftfreq(len(samples), 1 / RATE)
    edges = 62.5 * 2.0 ** np.arange(8)
    return 10 * np.log10([power[(hertz >= low) & (hertz < high)].sum() for low, high in pairwise(edges)])


def test_pink_noise_has_the_same_level_in_every_octave():
    assert np.ptp(octave_levels_db(twins.pink(30 * RATE, RATE, np.random.default_rng(3)))) < 1.0


@pytest.mark.parametrize("kind", ["pink", "babble"])
@pytest.mark.parametrize("seed", [0, 12345])
def test_mixing_spectra_is_mixing_sound(sound, kind, seed):
    """A frame of X + g N is the spectrum of x + g n: compare with samples mixed frame by frame."""
    twin = NoiseTwin(kind, 3.0)
    spectra = features.spectrum(sound, CONFIG)
    ours = twins.noisy_mel_power(spectra, twin, CONFIG, seed)
    other = noise_samples(kind)
    n_noise = len(noise_spectra(kind))
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(CONFIG.frame_length) / CONFIG.frame_length)

    def frame(samples: np.ndarray, i: int) -> np.ndarray:
        return samples[i * CONFIG.frame_step :][: CONFIG.frame_length].astype(np.float64) * window

    def energy(samples: np.ndarray, i: int) -> float:
        return float(np.square(np.abs(np.fft.rfft(frame(samples, i), CONFIG.n_fft))).sum())

    mean_noise = np.mean(np.square(np.abs(noise_spectra(kind))).sum(axis=1))
    half = CONFIG.window_frames // 2
    for i in (0, 5, len(spectra) // 2, len(spectra) - 1):
        near = range(max(0, i - half), min(len(spectra), i + half + 1))
        gain = np.sqrt(np.mean([energy(sound, j) for j in near]) / mean_noise * 10 ** (-twin.snr_db / 10))
        mixed = frame(sound, i) + gain * frame(other, (i + seed) % n_noise)
        slow = np.square(np.abs(np.fft.rfft(mixed, CONFIG.n_fft))) @ features.mel_matrix(CONFIG)
        np.testing.assert_allclose(ours[i], slow, rtol=50 * ROUNDING, atol=ROUNDING * slow.max())


@pytest.mark.parametrize("kind", ["pink", "babble"])
@pytest.mark.parametrize("snr_db", [20.0, 3.0, -6.0])
def test_a_twin_has_the_level_it_is_named_for(sound, kind, snr_db):
    """Uncorrelated powers add up: the twin's mean power exceeds the clean one's by the noise."""
    spectra = features.spectrum(sound, CONFIG)
    every_bin = np.square(spectra.real).sum() + np.square(spectra.imag).sum()
    flat = FeatureConfig(n_mels=8, n_mfcc=8, f_min=0.0, f_max=8000.0)
    clean = features.mel_power(spectra, flat).sum()
    noisy = twins.noisy_mel_power(spectra, NoiseTwin(kind, snr_db), flat, seed=4)
    assert noisy.dtype == np.float32
    assert noisy.shape == (len(spectra), 8)
    in_bands = features.mel_power(noise_spectra(kind), flat).sum() / np.square(np.abs(noise_spectra(kind))).sum()
    expected = clean + in_bands * every_bin * 10 ** (-snr_db / 10)
    assert noisy.sum() == pytest.approx(expected, rel=0.15)  # cross terms and the stretch of noise do not average out


def test_much_quieter_noise_changes_nothing_and_twins_repeat(sound):
    spectra = features.spectrum(sound, CONFIG)
    clean = features.mel_power(spectra, CONFIG)
    np.testing.assert_allclose(
        twins.noisy_mel_power(spectra, NoiseTwin("pink", 40.0), CONFIG, 1).sum(), clean.sum(), rtol=0.02
    )
    one, again, other = (twins.noisy_mel_power(spectra, NoiseTwin("pink", 3.0), CONFIG, s) for s in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert not np.allclose(one, other, rtol=0.1)


def test_noise_follows_the_loudness_of_the_music():
    """The level is relative to the window around: a quiet passage gets quiet noise, so its windows stay alike."""
    loud = lively_noise(20.0, seed=5)
    loud[10 * RATE :] *= 0.01
    spectra = features.spectrum(loud, CONFIG)
    noisy = twins.noisy_mel_power(spectra, NoiseTwin("pink", 0.0), CONFIG, 3).sum(axis=1)
    clean = features.mel_power(spectra, CONFIG).sum(axis=1)
    start, end = slice(50, 350), slice(1030, 1300)
    ratios = [noisy[part].mean() / clean[part].mean() for part in (start, end)]
    assert ratios[1] == pytest.approx(ratios[0], rel=0.3)


def test_silence_gets_no_noise():
    spectra = features.spectrum(np.zeros(6 * RATE, np.float32), CONFIG)
    assert not twins.noisy_mel_power(spectra, NoiseTwin("pink", -20.0), CONFIG, 0).any()


def test_longer_than_the_noise_and_of_no_length():
    """The noise begins anew where it ends; no frame at all is no frame at all."""
    for n_frames in (0, 1, 7000):
        spectra = np.ones((n_frames, CONFIG.n_fft // 2 + 1), np.complex64)
        out = twins.noisy_mel_power(spectra, NoiseTwin("pink", 3.0), CONFIG, seed=99)
        assert out.shape == (n_frames, CONFIG.n_mels)
        assert np.isfinite(out).all()
