"""Channels to mono: their mean, unless they cancel each other.

The mean of a channel and its own negative is silence, or what a lossy coder made of it. Miswired cables, "karaoke"
files and some phones' pairs of microphones give such stereo. While the mean holds less than a twentieth of the
channels' energy, the loudest channel is taken instead. Unrelated channels keep 1/n of it, eight of them still an
eighth, so ordinary recordings stay well above that limit.

Energies are measured on the differences between means over a quarter of a millisecond, which is a band from about 0.2
to 2 kHz: at high frequencies lossy coders may invent different content for channels that are opposite by ear, and a
constant offset or mains hum (-22 dB at 50 Hz) may be common to them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

#: Energy of the mean, as a share of the channels' mean energy: below the first they count as cancelling each other,
#: above the second no longer.
_CANCELLED, _RECOVERED = 0.05, 0.1
#: Another channel must have this many times the energy before it replaces the one taken so far.
_LOUDER = 2.0
#: Seconds over which one signal is faded into the other.
_FADE_S = 0.01
#: Fewer seconds than this, at the end of a file, change nothing.
_LEAST_S = 0.25


def mean(columns: list[np.ndarray]) -> np.ndarray:
    """Return the mean over channels.

    FFmpeg's own mix to mono is not used: for floats it raises the level by 3 dB and leaves channels out.

    Parameters
    ----------
    columns : list of np.ndarray, shape (n,)
        One array of native samples a channel, all of one type: integers, unsigned bytes or floats.

    Returns
    -------
    np.ndarray, shape (n,), float32
        Full scale +-1.
    """
    kind = columns[0].dtype
    scale = full_scale(kind)
    # float32 holds 24 bits; wider samples are summed as doubles.
    total: Any = columns[0].astype(np.float64 if kind.itemsize > 2 and kind != np.float32 else np.float32)
    for column in columns[1:]:
        total += column
    if kind == np.uint8:
        total -= 128 * len(columns)
    if scale * len(columns) != 1.0:
        total *= 1.0 / (scale * len(columns))
    mixed: np.ndarray = total.astype(np.float32, copy=False)
    return mixed


def full_scale(kind: np.dtype[Any]) -> float:
    """Return the value of full scale in native samples of a type."""
    return 1.0 if kind.kind == "f" else 2.0 ** (8 * kind.itemsize - 1)


class Downmix:
    """Mixes one recording block by block, and remembers whether its channels cancel each other.

    Parameters
    ----------
    rate : int
        Native sampling rate, Hz.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._piece = max(1, rate // 4000)
        self._channel: int | None = None
        self._begun = False
        self.cancelled_s = 0.0
        """Seconds in which a single channel was taken."""

    def mix(self, columns: list[np.ndarray]) -> np.ndarray:
        """Return the next block as mono float32, full scale +-1.

        Parameters
        ----------
        columns : list of np.ndarray, shape (n,)
            As :func:`mean` takes them; a few seconds, except the last block.
        """
        mixed = mean(columns)
        if len(columns) == 1:
            return mixed
        before = self._channel
        if len(mixed) >= _LEAST_S * self._rate or before is None:
            self._channel = self._loudest(columns, mixed)
        if self._channel is not None:
            self.cancelled_s += len(mixed) / self._rate
        fades = self._begun and self._channel != before
        self._begun = True
        if not fades:
            return mixed if self._channel is None else mean([columns[self._channel]])
        return self._faded(
            *(mixed if channel is None else mean([columns[channel]]) for channel in (before, self._channel))
        )

    def _loudest(self, columns: list[np.ndarray], mixed: np.ndarray) -> int | None:
        """Return the channel to take, or None for the mean."""
        energies = [self._energy(column) for column in columns]
        share = _CANCELLED if self._channel is None else _RECOVERED
        if self._energy(mixed) >= share * sum(energies) / len(energies):
            return None
        loudest = int(np.argmax(energies))
        if self._channel is not None and energies[loudest] < _LOUDER * energies[self._channel]:
            return self._channel
        return loudest

    def _energy(self, samples: np.ndarray) -> float:
        n = len(samples) // self._piece
        means = samples[: n * self._piece].reshape(n, self._piece).mean(axis=1, dtype=np.float64)
        return float(np.square(np.diff(means)).sum()) / full_scale(samples.dtype) ** 2

    def _faded(self, old: np.ndarray, new: np.ndarray) -> np.ndarray:
        n = min(len(new), round(_FADE_S * self._rate))
        weight = np.linspace(0, 1, n, dtype=np.float32)
        new[:n] = weight * new[:n] + (1 - weight) * old[:n]
        return new
