"""What the network hears: log-mel patches at a level of its own.

Conventions
-----------
- Sound is mono at 16 kHz, in frames of 512 samples 256 apart; 96 mel bands (:mod:`classifier.labels.mel`).
- The logarithm is log10(1 + 10000 · power), in float32: the network's own package rounds power to float16 first, which
  overflows on loud music.
- The network depends on level, so the root mean square of a recording is set to 0.1 (-20 dBFS) first.

Source: Pons and Serra, "musicnn: pre-trained convolutional neural networks for music audio tagging", 2019.
"""

from __future__ import annotations

import numpy as np

from classifier.labels.mel import mel_power
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
    return np.log10(1 + np.float32(10000) * mel_power(samples, SAMPLE_RATE, _FFT, _HOP, N_MELS))


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
