"""Delta-MFCC features: samples -> mel power -> floored logarithm -> MFCC -> spline derivative.

Conventions
-----------
- Samples are mono float32, full scale +-1, at ``config.sample_rate``; time is axis 0 or, batched, axis 1.
- Frame i covers samples [i * frame_step, i * frame_step + frame_length): no centring, no padding.
- Window k starts at frame round(k * window_step * sample_rate / frame_step).
- Logarithms are natural. Derivatives are per frame, before standardisation.

Sources: Davis & Mermelstein 1980 (MFCC); Unser, Aldroubi & Eden 1993, "B-spline signal processing: part II"
(the smoothing spline as a digital filter). Why the floor: docs/mathematics.md, "Noise and the floor".
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import scipy.fft

from classifier.config import FeatureConfig
from classifier.frames import frame_starts

#: Least power under the logarithm: about -105 dBFS of white noise in one band.
EPSILON = 1e-7

_BLOCK_FRAMES = 4096


def window_starts(n_frames: int, config: FeatureConfig, step_s: float | None = None) -> np.ndarray:
    """First frame of every full window; anything shorter than a window is one window of its own length.

    Parameters
    ----------
    n_frames : int >= 0
        MFCC frames of the recording.
    config : FeatureConfig
        Frame grid and window length.
    step_s : float > 0, optional
        Seconds between windows; default ``config.window_step``.

    Returns
    -------
    np.ndarray, shape (n_windows,), int64
        Empty when there are too few frames for a single derivative.

    Examples
    --------
    >>> window_starts(620, FeatureConfig())
    array([  0,  67, 133, 200, 267])
    """
    if n_frames < config.window_frames:
        return np.zeros(1 if n_frames > 2 * config.delta_half_length + 1 else 0, dtype=np.int64)
    step = (config.window_step if step_s is None else step_s) * config.sample_rate / config.frame_step
    last = n_frames - config.window_frames
    starts = np.rint(np.arange(int(last / step) + 2) * step).astype(np.int64)
    return starts[starts <= last]


@lru_cache(maxsize=8)
def mel_matrix(config: FeatureConfig) -> np.ndarray:
    """Mel filter bank: triangles of unit height, equally spaced on the mel scale 2595 log10(1 + f/700).

    Returns
    -------
    np.ndarray, shape (n_fft/2 + 1, n_mels), float32
        A power spectrum times this matrix gives mel power.

    Examples
    --------
    >>> config = FeatureConfig()
    >>> mel_matrix(config).shape == (config.n_fft // 2 + 1, config.n_mels)
    True
    """
    low, high = (2595 * np.log10(1 + f / 700) for f in (config.f_min, config.f_max))
    edges = 700 * (10 ** (np.linspace(low, high, config.n_mels + 2) / 2595) - 1)
    frequency = np.arange(config.n_fft // 2 + 1)[:, None] * config.sample_rate / config.n_fft
    rising = (frequency - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - frequency) / (edges[2:] - edges[1:-1])
    return np.ascontiguousarray(np.clip(np.minimum(rising, falling), 0, None).astype(np.float32))


@lru_cache(maxsize=8)
def _hann(length: int) -> np.ndarray:
    return np.hanning(length + 1)[:-1].astype(np.float32)


def spectrum(samples: np.ndarray, config: FeatureConfig, stretch: float = 1.0) -> np.ndarray:
    """Short-time spectrum on the frame grid.

    Parameters
    ----------
    samples : np.ndarray, shape (n,), float32
        Mono samples.
    config : FeatureConfig
        Frame grid.
    stretch : float > 0
        How much longer the samples last than what they are compared with (``classifier/frames.py``).

    Returns
    -------
    np.ndarray, shape (n_frames, n_fft/2 + 1), complex64
        Hann-windowed, zero-padded to ``config.n_fft``; empty if ``samples`` is shorter than one frame.

    Examples
    --------
    >>> import numpy as np
    >>> config = FeatureConfig()
    >>> tone = np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000).astype(np.float32)
    >>> strongest = np.abs(spectrum(tone, config)).mean(axis=0).argmax()
    >>> float(strongest * config.sample_rate / config.n_fft)
    1000.0
    """
    starts = frame_starts(len(samples), config.frame_length, config.frame_step, stretch)
    out = np.empty((len(starts), config.n_fft // 2 + 1), dtype=np.complex64)
    if not len(starts):
        return out
    frames = np.lib.stride_tricks.sliding_window_view(samples, config.frame_length)
    window = _hann(config.frame_length)
    for start in range(0, len(starts), _BLOCK_FRAMES):
        block = frames[starts[start : start + _BLOCK_FRAMES]] * window
        out[start : start + len(block)] = scipy.fft.rfft(block, config.n_fft, axis=1)
    return out


def mel_power(spectra: np.ndarray, config: FeatureConfig) -> np.ndarray:
    """Power in each mel band.

    Parameters
    ----------
    spectra : np.ndarray, shape (n_frames, n_fft/2 + 1), complex64
        From :func:`spectrum`.
    config : FeatureConfig
        Bands.

    Returns
    -------
    np.ndarray, shape (n_frames, n_mels), float32, >= 0

    Examples
    --------
    >>> import numpy as np
    >>> config = FeatureConfig()
    >>> noise = np.random.default_rng(1).normal(0, 0.1, 16000).astype(np.float32)
    >>> mel = mel_power(spectrum(noise, config), config)
    >>> mel.shape[1] == config.n_mels, bool((mel >= 0).all())
    (True, True)
    """
    out = np.empty((len(spectra), config.n_mels), dtype=np.float32)
    matrix = mel_matrix(config)
    for start in range(0, len(spectra), _BLOCK_FRAMES):
        block = spectra[start : start + _BLOCK_FRAMES]
        np.matmul(block.real**2 + block.imag**2, matrix, out=out[start : start + len(block)])
    return out


@lru_cache(maxsize=8)
def spline_derivative_kernel(half_length: int) -> np.ndarray:
    """Weights of the smoothing spline's first derivative, as one antisymmetric FIR kernel.

    A cubic smoothing spline on unit spacing has B-spline coefficients c = s * h with
    H(z) = 1 / ((z + 4 + 1/z)/6 + lam (z - 2 + 1/z)^2) (Unser et al. 1993, part II, eq. 2.7); its derivative
    at an integer is (c[k+1] - c[k-1]) / 2. The kernel is that response cut off at ``half_length``, and scaled so
    that a ramp of slope one gives exactly one.

    Parameters
    ----------
    half_length : int >= 1
        Frames on either side.

    Returns
    -------
    np.ndarray, shape (half_length,), float32
        Weights of x[t + j] - x[t - j], j = 1 .. half_length.

    Examples
    --------
    >>> import numpy as np
    >>> weights = spline_derivative_kernel(9)
    >>> round(float(2 * (weights * np.arange(1, 10)).sum()), 5)  # of a ramp of slope 1
    1.0
    """
    smoothing = (half_length / 3.0) ** 4
    omega = 2 * np.pi * np.arange(4096) / 4096
    response = 1j * np.sin(omega) / ((2 + np.cos(omega)) / 3 + smoothing * (2 * np.cos(omega) - 2) ** 2)
    impulse = np.fft.ifft(response).real
    weights = -impulse[1 : half_length + 1]
    return (weights / (2 * np.sum(weights * np.arange(1, half_length + 1)))).astype(np.float32)


def spline_derivative(x: np.ndarray, half_length: int) -> np.ndarray:
    """First derivative of sequences over time, on the frames that have full support.

    Parameters
    ----------
    x : np.ndarray, shape (..., n, d)
        Sequences of n frames.
    half_length : int >= 1
        Frames on either side, as for :func:`spline_derivative_kernel`.

    Returns
    -------
    np.ndarray, shape (..., n - 2 * half_length, d), float32
        Per frame; entry 0 belongs to frame ``half_length``.

    Examples
    --------
    >>> import numpy as np
    >>> ramp = 3.0 * np.arange(30.0)[:, None]
    >>> np.round(spline_derivative(ramp, 9)[:2, 0], 4).tolist()
    [3.0, 3.0]
    """
    n = x.shape[-2] - 2 * half_length
    out = np.zeros((*x.shape[:-2], n, x.shape[-1]), dtype=np.float32)
    for j, weight in enumerate(spline_derivative_kernel(half_length), start=1):
        later, earlier = half_length + j, half_length - j
        out += weight * (x[..., later : later + n, :] - x[..., earlier : earlier + n, :])
    return out


@lru_cache(maxsize=8)
def dct_matrix(n_mels: int, n_mfcc: int) -> np.ndarray:
    """Orthonormal DCT-II, shape (n_mels, n_mfcc).

    Examples
    --------
    >>> import numpy as np
    >>> matrix = dct_matrix(40, 13)
    >>> bool(np.allclose(matrix.T @ matrix, np.eye(13), atol=1e-6))
    True
    """
    return scipy.fft.dct(np.eye(n_mels), type=2, norm="ortho", axis=0)[:n_mfcc].T.astype(np.float32)


def delta_mfcc(mel: np.ndarray, config: FeatureConfig) -> np.ndarray:
    """First time derivative of the MFCCs of several windows, each with its own floor in every band.

    L = log(M + phi * mean_t(M) + eps), with the mean taken per band over the window's own frames (eq. 3). A DCT gives
    the MFCCs, :func:`spline_derivative_kernel` their derivative on the frames that have full support.

    Parameters
    ----------
    mel : np.ndarray, shape (n_windows, n_frames, n_mels), float32
        Mel power of each window.
    config : FeatureConfig
        ``floor``, ``n_mfcc`` and ``delta_half_length``.

    Returns
    -------
    np.ndarray, shape (n_windows, n_frames - 2 * delta_half_length, n_mfcc), float32
        Per frame, not yet standardised.

    Examples
    --------
    >>> import numpy as np
    >>> steady = np.ones((1, 60, 40), np.float32)
    >>> float(np.abs(delta_mfcc(steady, FeatureConfig())).max()) < 1e-5  # nothing changes
    True
    """
    log_mel = np.log(mel + (config.floor * mel.mean(axis=1, keepdims=True) + EPSILON))
    return spline_derivative(log_mel @ dct_matrix(config.n_mels, config.n_mfcc), config.delta_half_length)


def gather_windows(frames: np.ndarray, starts: np.ndarray, n: int) -> np.ndarray:
    """Cut windows of ``n`` frames out of a sequence of frames.

    Parameters
    ----------
    frames : np.ndarray, shape (n_frames, p)
        The sequence.
    starts : np.ndarray, shape (n_windows,), int
        First frame of each window.
    n : int
        Frames in a window.

    Returns
    -------
    np.ndarray, shape (n_windows, n, p)
        A copy.

    Examples
    --------
    >>> import numpy as np
    >>> gather_windows(np.arange(6.0)[:, None], np.array([0, 3]), 2)[..., 0].tolist()
    [[0.0, 1.0], [3.0, 4.0]]
    """
    view = np.lib.stride_tricks.sliding_window_view(frames, n, axis=0)
    return np.ascontiguousarray(view[starts].transpose(0, 2, 1))
