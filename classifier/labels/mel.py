"""Mel power of sound as librosa computes it, without librosa, whose import alone takes longer than a clip.

Conventions
-----------
- Frames are Hann windows, the first centred on sample 0, with zeros beyond both ends of the sound.
- Bands lie on Slaney's mel scale from 0 to half the sampling rate: linear below 1 kHz, logarithmic above. Each is a
  triangle of unit area.

Source: Slaney, "Auditory Toolbox", 1998.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

_BLOCK = 2048
#: 3 mel to every 200 Hz below the knee; above it, 27 to a factor of 6.4.
_MEL_HZ, _KNEE_HZ, _STEP = 200 / 3, 1000.0, np.log(6.4) / 27
_KNEE = _KNEE_HZ / _MEL_HZ


def mel_power(samples: np.ndarray, sample_rate: int, n_fft: int, hop: int, n_mels: int) -> np.ndarray:
    """Return power in each mel band over time.

    Parameters
    ----------
    samples : np.ndarray, shape (n,), float32
        Mono.
    sample_rate : int
        Hz.
    n_fft, hop : int
        Length and distance of the frames, samples; ``n_fft`` is even.
    n_mels : int
        Bands.

    Returns
    -------
    np.ndarray, shape (1 + n // hop, n_mels), float32, >= 0
    """
    return mel_of_frames(np.pad(samples, n_fft // 2), sample_rate, n_fft, hop, n_mels)


def mel_of_frames(samples: np.ndarray, sample_rate: int, n_fft: int, hop: int, n_mels: int) -> np.ndarray:
    """Return mel power of whole frames, the first beginning with the first sample: shape (k, n_mels), k >= 0."""
    if len(samples) < n_fft:
        return np.zeros((0, n_mels), np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(samples, n_fft)[::hop]
    out = np.empty((len(frames), n_mels), np.float32)
    window, matrix = np.hanning(n_fft + 1)[:-1].astype(np.float32), mel_matrix(sample_rate, n_fft, n_mels)
    for start in range(0, len(frames), _BLOCK):
        spectrum = np.fft.rfft(frames[start : start + _BLOCK] * window, axis=1)
        out[start : start + len(spectrum)] = (np.square(spectrum.real) + np.square(spectrum.imag)) @ matrix
    return out


@lru_cache(maxsize=4)
def mel_matrix(sample_rate: int, n_fft: int, n_mels: int) -> np.ndarray:
    """Return the filter bank: shape (n_fft / 2 + 1, n_mels), float32; a power spectrum times it is mel power."""
    edges = mel_to_hz(np.linspace(0.0, float(hz_to_mel(np.array(sample_rate / 2))), n_mels + 2))
    frequency = np.arange(n_fft // 2 + 1)[:, None] * sample_rate / n_fft
    rising = (frequency - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - frequency) / (edges[2:] - edges[1:-1])
    area = 2 / (edges[2:] - edges[:-2])
    return np.ascontiguousarray((np.clip(np.minimum(rising, falling), 0, None) * area).astype(np.float32))


def hz_to_mel(hertz: np.ndarray) -> np.ndarray:
    """Return frequencies on Slaney's scale."""
    above = _KNEE + np.log(np.maximum(hertz, _KNEE_HZ) / _KNEE_HZ) / _STEP
    return np.where(hertz < _KNEE_HZ, hertz / _MEL_HZ, above)


def mel_to_hz(mel: np.ndarray) -> np.ndarray:
    """Return the frequencies of places on Slaney's scale."""
    return np.where(mel < _KNEE, mel * _MEL_HZ, _KNEE_HZ * np.exp(_STEP * (mel - _KNEE)))
