"""How loud a recording is, whether that is silence, and the gain that brings a quiet one to a working level.

Levels are root mean squares of 100 ms about their own mean (a sound card's constant is no sound), full scale 1.
Silence is what the recording's own digits cannot hold: nothing, or the dither that stands for nothing, which has
half a quantisation step (with triangular dither, 1/6 + 1/12 of its square is the variance). So it is judged against
that step: a 16-bit recording is silent below -90 dBFS, one of 24 bits below -138 dBFS.

Gains are powers of two: a quiet recording is moved without rounding a single sample, and one that is loud enough
is not touched.
"""

from __future__ import annotations

import numpy as np

#: Seconds of a level.
BLOCK_S = 0.1
_PART = 600
#: Quantisation step of 16 bits: that of most recordings, and of what lossy codecs were made from.
STEP_16_BITS = 2.0**-15
#: A recording whose loudest 100 ms are below this (-48 dBFS) is doubled until they are not.
WORKING_LEVEL = 2.0**-8


def levels(samples: np.ndarray, sample_rate: int) -> np.ndarray:
    """Return the level of each whole 100 ms, or of all if there is less.

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
    # In parts, for a deviation takes doubles of all that it is given.
    return np.concatenate([blocks[at : at + _PART].std(axis=1, dtype=np.float64) for at in range(0, n, _PART)])


def loudest(samples: np.ndarray, sample_rate: int) -> float:
    """Return the level of the loudest 100 ms, 0 if there are no samples; see :func:`levels`."""
    return float(levels(samples, sample_rate).max(initial=0.0))


def is_silent(level: float, step: float = STEP_16_BITS) -> bool:
    """Tell whether a recording holds nothing above its own quantisation.

    Parameters
    ----------
    level : float
        Of the loudest 100 ms.
    step : float
        The recording's quantisation step, full scale 1; see :attr:`classifier.audio.decoder.AudioInfo.step`.
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
    """The level of the loudest 100 ms of samples that come in blocks; as :func:`loudest` of all of them."""

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
        """What it is so far; 0 before the first sample."""
        return loudest(self._rest, self._rate) if self._level is None else self._level
