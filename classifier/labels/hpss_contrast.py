"""The extractor ``hpss-contrast-212``: MFCC of the harmonic and of the percussive part, spectral contrast of both.

Sound of thirty seconds at 22,050 Hz is divided by its peak, and separated by median filters (librosa's ``hpss``:
spectra of 2048 samples 512 apart, kernels of 31). Of each row over time: mean, deviation, mean and deviation of its
gradient, and of the gradient's gradient. Columns: 13 MFCC of the harmonic part (78), of the percussive part (78), seven
rows of contrast (42), their skewness (7) and excess kurtosis (7); the statistic comes first, then the row.
"""

from __future__ import annotations

import numpy as np

from classifier.labels.features import Features, opening

SAMPLE_RATE = 22050
MOST_S = 30.0
_N_MFCC, _N_CONTRAST = 13, 7
_STATISTICS = ("mean", "std", "gradient_mean", "gradient_std", "gradient2_mean", "gradient2_std")
NAMES = (
    *(f"harmonic.{s}.{i}" for s in _STATISTICS for i in range(_N_MFCC)),
    *(f"percussive.{s}.{i}" for s in _STATISTICS for i in range(_N_MFCC)),
    *(f"contrast.{s}.{i}" for s in (*_STATISTICS, "skewness", "kurtosis") for i in range(_N_CONTRAST)),
)


def statistics(rows: np.ndarray) -> np.ndarray:
    """Return six statistics of rows over time.

    Parameters
    ----------
    rows : np.ndarray, shape (k, t), t >= 2

    Returns
    -------
    np.ndarray, shape (6 k,), float64
        Deviations have the divisor t; gradients are central differences.
    """
    first = np.gradient(np.asarray(rows, np.float64), axis=1)
    parts = (rows, first, np.gradient(first, axis=1))
    values = [(part.mean(axis=1, dtype=np.float64), part.std(axis=1, dtype=np.float64)) for part in parts]
    return np.concatenate([value for pair in values for value in pair])


def _of(samples: np.ndarray) -> Features:
    """Return the 212 features of sound at 22,050 Hz."""
    from librosa import effects, feature

    samples = np.pad(samples, (0, max(0, 2048 - len(samples))))
    samples = samples / max(float(np.abs(samples).max()), np.finfo(np.float32).tiny)
    mfcc = [
        feature.mfcc(y=part, sr=SAMPLE_RATE, n_mfcc=_N_MFCC, n_mels=40, n_fft=2048, hop_length=512)
        for part in effects.hpss(samples)
    ]
    contrast = feature.spectral_contrast(y=samples, sr=SAMPLE_RATE, n_fft=2048, hop_length=512)
    vector = np.concatenate([*map(statistics, mfcc), statistics(contrast), *_shape(contrast)])
    return vector[None].astype(np.float32), np.zeros(1), vector


def _shape(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return skewness and excess kurtosis of rows, both biased; 0 for a row that never changes."""
    centred = rows - rows.mean(axis=1, keepdims=True, dtype=np.float64)
    variance = np.square(centred).mean(axis=1)
    scaled = centred / np.sqrt(np.where(variance > 0, variance, 1.0))[:, None]
    return (scaled**3).mean(axis=1), np.where(variance > 0, (scaled**4).mean(axis=1) - 3, 0.0)


load = opening(_of, int(MOST_S * SAMPLE_RATE))
