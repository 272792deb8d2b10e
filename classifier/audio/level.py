"""How loud a recording is, whether it is silent, and the gain that brings a quiet one to a working level.

Levels are root mean squares of 100 ms about their own mean (a sound card's constant offset is not sound), full scale 1.
A recording is silent if it holds nothing above its own quantisation: zeros, or only dither, whose level is half a
quantisation step (the variance of triangular dither is 1/6 + 1/12 of the step's square). Silence is therefore judged
against that step: a 16-bit recording is silent below -90 dBFS, a 24-bit one below -138 dBFS.

Gains are powers of two: a quiet recording is scaled without rounding a single sample, and one that is loud enough
stays as it is.
"""

from __future__ import annotations

import numpy as np

#: Seconds of a level.
BLOCK_S = 0.1
_PART = 600
#: Quantisation step of 16 bits: that of most recordings, and of most originals of lossy files.
STEP_16_BITS = 2.0**-15
#: A recording whose loudest 100 ms are below this (-48 dBFS) is doubled until they reach it.
WORKING_LEVEL = 2.0**-8


def levels(samples: np.ndarray, sample_rate: int) -> np.ndarray:
    """Return the level of each whole 100 ms, or of everything if there is less.

    Parameters
    ----------
    samples : np.ndarray, shape (n,), float
        Mono.
    sample_rate : int
        Hz.

    Returns
    -------
    np.ndarray, shape (max(1, n // (sample_rate / 10)),), float64
        Root mean squares about the mean; empty if there are no samples.
    """
    size = round(BLOCK_S * sample_rate)
    n = len(samples) // size
    if n == 0:
        return samples[None].std(axis=1, dtype=np.float64) if len(samples) else np.zeros(0)
    blocks = samples[: n * size].reshape(n, size)
    # In parts, because std makes a float64 copy of all that it is given.
    return np.concatenate([blocks[at : at + _PART].std(axis=1, dtype=np.float64) for at in range(0, n, _PART)])


def loudest(samples: np.ndarray, sample_rate: int) -> float:
    """Return the level of the loudest 100 ms, 0 if there are no samples; see :func:`levels`."""
    return float(levels(samples, sample_rate).max(initial=0.0))


def is_silent(level: float, step: float = STEP_16_BITS) -> bool:
    """Return whether a recording holds nothing above its own quantisation.

    Parameters
    ----------
    level : float
        Of the loudest 100 ms.
    step : float
        The recording's quantisation step, full scale 1; see :attr:`classifier.audio.decoded.AudioInfo.step`.
    """
    return level < step


def gain(level: float) -> float:
    """Return the power of two, at least 1, that brings a level to :data:`WORKING_LEVEL`; 1 for silence."""
    if not 0 < level < WORKING_LEVEL:
        return 1.0
    return float(2.0 ** np.ceil(np.log2(WORKING_LEVEL / level)))


def levelled(samples: np.ndarray, loudest: float) -> np.ndarray:
    """Return samples at a working level: the same array if it is loud enough, else times :func:`gain`.

    Parameters
    ----------
    samples : np.ndarray, shape (n,), float32
        A recording, or a block of it.
    loudest : float
        Level of the recording's loudest 100 ms.
    """
    factor = gain(loudest)
    return samples if factor == 1.0 else samples * np.float32(factor)


class Loudest:
    """The level of the loudest 100 ms of samples that come in blocks: :func:`loudest` of all of them together."""

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._rest = np.zeros(0, np.float32)
        self._level: float | None = None

    def add(self, block: np.ndarray) -> None:
        """Take the next samples."""
        size = round(BLOCK_S * self._rate)
        samples = np.concatenate([self._rest, block])
        whole = len(samples) // size * size
        if whole:
            self._level = max(self._level or 0.0, loudest(samples[:whole], self._rate))
        self._rest = samples[whole:]

    @property
    def level(self) -> float:
        """The level so far; 0 before the first sample."""
        return loudest(self._rest, self._rate) if self._level is None else self._level
