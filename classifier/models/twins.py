"""Synthesised noise and the noise twins: how a track's windows would look if heard in noise.

The noise is made here from a seed; no recording is involved. Mixing happens on short-time spectra,
|X + g N|^2, which equals mixing the samples, frame by frame, for a fraction of the cost.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numba
import numpy as np

from classifier.config import FeatureConfig, NoiseTwin
from classifier.mixtures.features import mel_matrix, spectrum
from classifier.noise.babble import babble
from classifier.noise.talk import voices

#: Seconds of each noise; tracks take turns at different places of it.
NOISE_SECONDS = 31.0
SEED = 1903

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


def _unit(x: np.ndarray) -> np.ndarray:
    return (x / max(1e-12, float(np.sqrt(np.mean(np.square(x)))))).astype(np.float32)


def _made(kind: str, n: int, sample_rate: int) -> np.ndarray:
    match kind:
        case "pink":
            return pink(n, sample_rate, np.random.default_rng(SEED))
        case "voices":
            return voices(n, sample_rate, np.random.default_rng(SEED))
        case _:
            return babble(n, sample_rate, seed=SEED)


@lru_cache(maxsize=4)
def _noise_spectrum(kind: str, config: FeatureConfig) -> np.ndarray:
    """Short-time spectrum of unit-rms noise, shape (n_frames, n_fft/2 + 1), complex64."""
    n, rate = int(NOISE_SECONDS * config.sample_rate), config.sample_rate
    return spectrum(_unit(_made(kind, n, rate)), config)


def _local_power(spectra: np.ndarray, config: FeatureConfig) -> np.ndarray:
    """Mean power of the samples over the window around each frame, shape (n_frames,), float64."""
    energy = np.square(spectra.real).sum(axis=1) + np.square(spectra.imag).sum(axis=1)
    half = min(len(energy), config.window_frames) // 2
    total = np.concatenate([[0.0], np.cumsum(energy, dtype=np.float64)])
    index = np.arange(len(energy))
    low, high = np.maximum(index - half, 0), np.minimum(index + half + 1, len(energy))
    return (total[high] - total[low]) / (high - low)


@numba.njit(cache=True, fastmath=True, nogil=True)
def _mixed_power(spectra: Any, noise: Any, gain: Any, shift: int, out: Any) -> None:  # pragma: no cover - compiled
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
