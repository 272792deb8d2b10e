"""The extractor ``mfcc-stats-104``: means and covariances of 13 MFCC, as a published table of GTZAN has them.

The recipe is the table's, oddities included: frames of 25 ms are cut to their first 512 samples; bands are triangles
between whole FFT bins; coefficient 0 is the logarithm of the frame's energy. Samples count in units of int16.

Columns: 13 means, then the diagonals 0 to 12 of the covariance matrix (13 + 12 + ... + 1). ``mfcc-stats-104-log`` is
the same with logarithms of the variances and correlations in place of covariances, which generalises better.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from classifier.labels.features import Features, opening

SAMPLE_RATE = 22050
MOST_S = 30.0
N = 13
_PAIRS = tuple((i, i + step) for step in range(N) for i in range(N - step))
NAMES = (*(f"mean.{i}" for i in range(N)), *(f"covariance.{i}.{j}" for i, j in _PAIRS))
LOG_NAMES = (
    *(f"mean.{i}" for i in range(N)),
    *(f"log_variance.{i}" for i in range(N)),
    *(f"correlation.{i}.{j}" for i, j in _PAIRS[N:]),
)

_FRAME = math.floor(0.025 * SAMPLE_RATE + 0.5)
_HOP = math.floor(0.010 * SAMPLE_RATE + 0.5)
_FFT, _BANDS = 512, 26
_EMPHASIS, _LIFTER = 0.97, 22
_FULL_SCALE = 32768.0
_LEAST = float(np.finfo(np.float64).eps)
#: Under the logarithm of a variance: that of coefficients that never change.
_LEAST_VARIANCE = 1e-12


def mfcc(samples: np.ndarray) -> np.ndarray:
    """Return MFCC of sound.

    Parameters
    ----------
    samples : np.ndarray, shape (n,), float
        Mono at 22,050 Hz, full scale +-1, n >= 1.

    Returns
    -------
    np.ndarray, shape (n_frames, 13), float64
        Natural logarithms, liftered; coefficient 0 is the logarithm of the energy.
    """
    x = np.asarray(samples, np.float64) * _FULL_SCALE
    x = np.append(x[:1], x[1:] - _EMPHASIS * x[:-1])
    n_frames = 1 if len(x) <= _FRAME else 1 + math.ceil((len(x) - _FRAME) / _HOP)
    padded = np.pad(x, (0, (n_frames - 1) * _HOP + _FRAME - len(x)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FRAME)[::_HOP, :_FFT]
    spectrum = np.fft.rfft(frames, axis=1)
    power = (np.square(spectrum.real) + np.square(spectrum.imag)) / _FFT
    energy, bands = power.sum(axis=1), power @ _filters()
    logarithms = np.log(np.where(bands == 0, _LEAST, bands))
    coefficients = logarithms @ _cosines()
    coefficients *= 1 + _LIFTER / 2 * np.sin(np.pi * np.arange(N) / _LIFTER)
    coefficients[:, 0] = np.log(np.where(energy == 0, _LEAST, energy))
    return coefficients


def statistics(coefficients: np.ndarray) -> np.ndarray:
    """Return means and diagonals of the covariance (divisor n - 1; of a single frame 0): shape (104,), float64."""
    mean = coefficients.mean(axis=0)
    centred = coefficients - mean
    covariance = centred.T @ centred / max(1, len(coefficients) - 1)
    return np.concatenate([mean, [covariance[i, j] for i, j in _PAIRS]])


def log_form(vectors: np.ndarray) -> np.ndarray:
    """Return vectors of ``mfcc-stats-104`` in the form of ``mfcc-stats-104-log``.

    Parameters
    ----------
    vectors : np.ndarray, shape (..., 104), float64
        As :func:`statistics` gives them.

    Returns
    -------
    np.ndarray, shape (..., 104), float64
        Means; natural logarithms of the variances; covariances over the product of both standard deviations, in
        [-1, 1].
    """
    variance = np.maximum(vectors[..., N : 2 * N], _LEAST_VARIANCE)
    first, second = np.array(_PAIRS[N:]).T
    correlation = vectors[..., 2 * N :] / np.sqrt(variance[..., first] * variance[..., second])
    return np.concatenate([vectors[..., :N], np.log(variance), correlation], axis=-1)


def _whole(vector: np.ndarray) -> Features:
    return vector[None].astype(np.float32), np.zeros(1), vector


_MOST = int(MOST_S * SAMPLE_RATE)
load = opening(lambda samples: _whole(statistics(mfcc(samples))), _MOST)
load_log = opening(lambda samples: _whole(log_form(statistics(mfcc(samples)))), _MOST)


@lru_cache(maxsize=1)
def _cosines() -> np.ndarray:
    """Return the orthonormal DCT-II of the bands as a matrix of its first 13 columns: shape (26, 13), float64."""
    angle = np.pi / _BANDS * np.outer(np.arange(_BANDS) + 0.5, np.arange(N))
    return np.sqrt(2 / _BANDS) * np.cos(angle) / np.where(np.arange(N) == 0, np.sqrt(2), 1)


@lru_cache(maxsize=1)
def _filters() -> np.ndarray:
    """Return 26 triangles of unit height between whole bins: shape (257, 26), float64."""
    mel = np.linspace(0, 2595 * np.log10(1 + SAMPLE_RATE / 2 / 700), _BANDS + 2)
    hertz = 700 * (10 ** (mel / 2595) - 1)
    edges = np.floor((_FFT + 1) * hertz / SAMPLE_RATE).astype(int)
    filters = np.zeros((_FFT // 2 + 1, _BANDS))
    for band, (low, centre, high) in enumerate(zip(edges, edges[1:], edges[2:], strict=False)):
        filters[low:centre, band] = (np.arange(low, centre) - low) / (centre - low)
        filters[centre:high, band] = (high - np.arange(centre, high)) / (high - centre)
    return filters
