"""What the network hears: log-mel patches at a level of its own.

Conventions
-----------
- Sound is mono at 16 kHz. Frames of 512 samples (Hann) lie 256 apart, the first centred on sample 0, with zeros beyond
  both ends. 96 mel bands from 0 to 8 kHz on Slaney's scale (linear below 1 kHz, logarithmic above), each of unit area.
- The logarithm is log10(1 + 10000 · power), in float32: the network's own package rounds power to float16 first, which
  overflows on loud music.
- The network depends on level, so the root mean square of a recording is set to 0.1 (-20 dBFS) first.

Sources: Pons and Serra 2019 (front end); Slaney 1998, "Auditory Toolbox" (mel scale).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import scipy.fft

from classifier.labels.musicnn.network import N_FRAMES, N_MELS

SAMPLE_RATE = 16000
HOP_S = 256 / SAMPLE_RATE
#: Seconds of a patch.
PATCH_S = N_FRAMES * HOP_S
#: Root mean square that a recording is brought to.
LEVEL = 0.1
#: Patches that a clip's answer rests on at most, evenly spaced in it.
MOST_PATCHES = 20

_FFT, _HOP = 512, 256
_BLOCK = 2048


def logmel(samples: np.ndarray) -> np.ndarray:
    """Return the log-mel of sound.

    Parameters
    ----------
    samples : np.ndarray, shape (n,), float32
        Mono at 16 kHz.

    Returns
    -------
    np.ndarray, shape (1 + n // 256, 96), float32, >= 0
    """
    padded = np.pad(samples, _FFT // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FFT)[::_HOP]
    out = np.empty((len(frames), N_MELS), np.float32)
    window, matrix = _hann(), mel_matrix()
    for start in range(0, len(frames), _BLOCK):
        spectrum = scipy.fft.rfft(frames[start : start + _BLOCK] * window, axis=1)
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        out[start : start + len(spectrum)] = np.log10(1 + np.float32(10000) * (power @ matrix))
    return out


def levelled(samples: np.ndarray) -> np.ndarray:
    """Return sound whose root mean square is :data:`LEVEL`; nothing but zeros stays as it is."""
    power = float(np.mean(np.square(samples, dtype=np.float64))) if len(samples) else 0.0
    return samples if power == 0 else samples * np.float32(LEVEL / np.sqrt(power))


def patches(samples: np.ndarray, most: int | None = MOST_PATCHES) -> tuple[np.ndarray, np.ndarray]:
    """Cut levelled sound into patches of three seconds, side by side.

    What is left at the end is a patch of its own, with what comes before it, if it is at least half of one; sound that
    is shorter than a patch is repeated.

    Parameters
    ----------
    samples : np.ndarray, shape (n,), float32
        Mono at 16 kHz, n >= 1.
    most : int or None
        Most patches: if there are more, so many of them, evenly spaced. None: all.

    Returns
    -------
    patches : np.ndarray, shape (k, 187, 96), float32
        k >= 1.
    start_s : np.ndarray, shape (k,), float64
        Where each begins, seconds.
    """
    frames = logmel(samples)
    if len(frames) < N_FRAMES:
        repeated = np.resize(samples, (N_FRAMES - 1) * _HOP)
        return logmel(repeated)[None], np.zeros(1)
    starts = np.arange(0, len(frames) - N_FRAMES + 1, N_FRAMES)
    if len(frames) - (starts[-1] + N_FRAMES) >= N_FRAMES / 2:
        starts = np.append(starts, len(frames) - N_FRAMES)
    if most is not None and len(starts) > most:
        starts = starts[np.linspace(0, len(starts) - 1, most).round().astype(int)]
    return frames[starts[:, None] + np.arange(N_FRAMES)], starts * HOP_S


@lru_cache(maxsize=1)
def mel_matrix() -> np.ndarray:
    """Return the mel filter bank: shape (257, 96), float32; a power spectrum times it is mel power."""
    edges = _hertz(np.linspace(_mel(0.0), _mel(SAMPLE_RATE / 2), N_MELS + 2))
    frequency = np.arange(_FFT // 2 + 1)[:, None] * SAMPLE_RATE / _FFT
    rising = (frequency - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - frequency) / (edges[2:] - edges[1:-1])
    area = 2 / (edges[2:] - edges[:-2])
    return np.ascontiguousarray((np.clip(np.minimum(rising, falling), 0, None) * area).astype(np.float32))


#: Slaney's scale: 3 mel to every 200 Hz below 1 kHz, above it 27 to a factor of 6.4.
_LINEAR, _KNEE_HZ, _STEP = 200 / 3, 1000.0, np.log(6.4) / 27


def _mel(hertz: float) -> float:
    if hertz < _KNEE_HZ:
        return hertz / _LINEAR
    return float(_KNEE_HZ / _LINEAR + np.log(hertz / _KNEE_HZ) / _STEP)


def _hertz(mel: np.ndarray) -> np.ndarray:
    knee = _KNEE_HZ / _LINEAR
    return np.where(mel < knee, mel * _LINEAR, _KNEE_HZ * np.exp(_STEP * (mel - knee)))


@lru_cache(maxsize=1)
def _hann() -> np.ndarray:
    return np.hanning(_FFT + 1)[:-1].astype(np.float32)
