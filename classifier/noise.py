"""Synthesised noise and the noise twins: how a track's windows would look if heard in noise.

The noise is made here from a seed; no recording is involved. Mixing happens on short-time spectra,
|X + g N|^2, which equals mixing the samples, frame by frame, for a fraction of the cost.
"""

from __future__ import annotations

from functools import lru_cache

import numba
import numpy as np
import scipy.signal

from classifier.config import FeatureConfig, NoiseTwin
from classifier.features import mel_matrix, spectrum

#: Seconds of each noise; tracks take turns at different places of it.
NOISE_SECONDS = 97.0

_BLOCK_FRAMES = 4096


def pink(n: int, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """Noise whose power falls as 1/f above 20 Hz.

    Parameters
    ----------
    n : int > 0
        Samples.
    sample_rate : int
        Hz.
    rng : np.random.Generator
        Source of randomness.

    Returns
    -------
    np.ndarray, shape (n,), float32
        Unit rms.
    """
    shaped = np.fft.rfft(rng.standard_normal(n))
    frequency = np.fft.rfftfreq(n, 1 / sample_rate)
    shaped /= np.sqrt(np.maximum(frequency, 20.0))
    return _unit(np.fft.irfft(shaped, n))


def babble(n: int, sample_rate: int, rng: np.random.Generator, voices: int = 6) -> np.ndarray:
    """Noise with the long-term spectrum, voicing and syllable rhythm of several people talking.

    Each voice is a pulse train of wandering pitch through moving formants, cut into syllables of 3 to 6 a
    second with pauses between phrases, with unvoiced bursts; far from intelligible, near enough in
    modulation (spectrum: Byrne et al. 1994, long-term average speech spectrum, falling about 9 dB an octave
    above 500 Hz).

    Parameters
    ----------
    n : int > 0
        Samples.
    sample_rate : int
        Hz.
    rng : np.random.Generator
        Source of randomness.
    voices : int > 0
        Talkers mixed at equal level.

    Returns
    -------
    np.ndarray, shape (n,), float32
        Unit rms.
    """
    total = np.zeros(n)
    for _ in range(voices):
        total += _unit(_voice(n, sample_rate, rng))
    return _unit(total)


def _voice(n: int, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """Return one talker: syllables of voiced (harmonic) or unvoiced sound with vowel-like formants."""
    out = np.zeros(n)
    base = rng.uniform(90.0, 240.0)
    scale = rng.uniform(0.9, 1.2)
    at = 0
    while at < n:
        if rng.random() < 0.12:
            at += int(rng.uniform(0.2, 0.7) * sample_rate)
        length = int(rng.uniform(0.11, 0.32) * sample_rate)
        t = np.arange(length) / sample_rate
        pitch = base * 2 ** rng.normal(0, 0.18) * 2 ** (rng.normal(0, 0.6) * t)
        phase = np.cumsum(pitch) / sample_rate
        pulses = np.diff(np.floor(phase), prepend=0.0) + 0.02 * rng.standard_normal(length)
        voiced = rng.random() < 0.8
        source = pulses if voiced else rng.standard_normal(length) * 0.2
        formants = np.array([rng.uniform(280, 850), rng.uniform(850, 2300), rng.uniform(2300, 3300)]) * scale
        for frequency, bandwidth in zip(formants, (90.0, 140.0, 220.0), strict=True):
            radius = np.exp(-np.pi * bandwidth / sample_rate)
            angle = 2 * np.pi * (frequency if voiced else 1.6 * frequency) / sample_rate
            source = scipy.signal.lfilter([1 - radius], [1, -2 * radius * np.cos(angle), radius**2], source)
        syllable = _unit(source) * np.sin(np.pi * (t * sample_rate + 0.5) / length) ** 0.7
        syllable *= 10 ** (rng.normal(0 if voiced else -8, 3) / 20)
        stop = min(n, at + length)
        out[at:stop] += syllable[: max(0, stop - at)]  # a pause may reach beyond the end
        at += int(length * rng.uniform(0.75, 1.1))
    return out


def _unit(x: np.ndarray) -> np.ndarray:
    return (x / max(1e-12, float(np.sqrt(np.mean(np.square(x)))))).astype(np.float32)


_MAKERS = {"pink": pink, "babble": babble}


@lru_cache(maxsize=4)
def _noise_spectrum(kind: str, config: FeatureConfig) -> np.ndarray:
    """Short-time spectrum of unit-rms noise, shape (n_frames, n_fft/2 + 1), complex64."""
    rng = np.random.default_rng(sum(kind.encode()))
    return spectrum(_MAKERS[kind](int(NOISE_SECONDS * config.sample_rate), config.sample_rate, rng), config)


def _local_power(spectra: np.ndarray, config: FeatureConfig) -> np.ndarray:
    """Mean power of the samples over the window around each frame, shape (n_frames,), float64."""
    energy = np.square(spectra.real).sum(axis=1) + np.square(spectra.imag).sum(axis=1)
    half = min(len(energy), config.window_frames) // 2
    total = np.concatenate([[0.0], np.cumsum(energy, dtype=np.float64)])
    index = np.arange(len(energy))
    low, high = np.maximum(index - half, 0), np.minimum(index + half + 1, len(energy))
    return (total[high] - total[low]) / (high - low)


@numba.njit(cache=True, fastmath=True, nogil=True)
def _mixed_power(spectra, noise, gain, shift, out):  # pragma: no cover - compiled
    for i in range(spectra.shape[0]):
        j = (i + shift) % noise.shape[0]
        g = gain[i]
        for k in range(spectra.shape[1]):
            re = spectra[i, k].real + g * noise[j, k].real
            im = spectra[i, k].imag + g * noise[j, k].imag
            out[i, k] = re * re + im * im


def noisy_mel_power(spectra: np.ndarray, twin: NoiseTwin, config: FeatureConfig, seed: int) -> np.ndarray:
    """Mel power of a recording with noise mixed in.

    Parameters
    ----------
    spectra : np.ndarray, shape (n_frames, n_fft/2 + 1), complex64
        Of the clean recording.
    twin : NoiseTwin
        Kind and level; the level is that of the window around each frame over the noise.
    config : FeatureConfig
        Frame grid and bands.
    seed : int
        Chooses the stretch of noise; taken from the content hash, so that it is the same each time.

    Returns
    -------
    np.ndarray, shape (n_frames, n_mels), float32
    """
    noise = _noise_spectrum(twin.kind, config)
    reference = float(np.mean(np.square(noise.real).sum(axis=1) + np.square(noise.imag).sum(axis=1)))
    gain = np.sqrt(_local_power(spectra, config) / reference * 10 ** (-twin.snr_db / 10)).astype(np.float32)
    out = np.empty((len(spectra), config.n_mels), dtype=np.float32)
    matrix = mel_matrix(config)
    for start in range(0, len(spectra), _BLOCK_FRAMES):
        block = slice(start, start + _BLOCK_FRAMES)
        power = np.empty(spectra[block].shape, dtype=np.float32)
        _mixed_power(spectra[block], noise, gain[block], (seed + start) % len(noise), power)
        np.matmul(power, matrix, out=out[block])
    return out
