"""Resampling of mono samples: a whole recording, or one that comes piece by piece."""

from __future__ import annotations

import math

import numpy as np


def at_rate(samples: np.ndarray, source: int, target: int) -> np.ndarray:
    """Resample mono samples from ``source`` to ``target`` Hz; float32."""
    if source == target:
        return np.asarray(samples, np.float32)
    import scipy.signal  # 50 MB, and most processes that might resample never do

    divisor = math.gcd(source, target)
    return scipy.signal.resample_poly(samples, target // divisor, source // divisor).astype(np.float32)


class Resampler:
    """Resamples a recording piece by piece, to what :func:`at_rate` gives for all of it.

    Parameters
    ----------
    source, target : int
        Hz.
    """

    def __init__(self, source: int, target: int) -> None:
        divisor = math.gcd(source, target)
        self._source, self._target = source, target
        self._up, self._down = target // divisor, source // divisor
        # scipy's filter reaches ten periods of the lower rate to either side; rounded up to steps of the common grid.
        reach = math.ceil(10 * max(self._up, self._down) / self._up) + 1
        self._margin = -(-reach // self._down) * self._down
        self._held = np.zeros(0, np.float32)
        self._before = 0  # samples of ``_held`` that have already been resampled and only lead in

    def push(self, samples: np.ndarray) -> np.ndarray:
        """Take further samples; return the next resampled ones, float32."""
        if self._source == self._target:
            return np.asarray(samples, np.float32)
        self._held = np.concatenate([self._held, samples])
        ready = (len(self._held) - self._before - self._margin) // self._down * self._down
        return self._take(ready) if ready > 0 else np.zeros(0, np.float32)

    def finish(self, samples: np.ndarray) -> np.ndarray:
        """Take the last samples; return all that is left, float32."""
        if self._source == self._target:
            return np.asarray(samples, np.float32)
        self._held = np.concatenate([self._held, samples])
        return at_rate(self._held, self._source, self._target)[self._before * self._up // self._down :]

    def state(self) -> tuple[np.ndarray, int]:
        """Return what is needed to go on from here in another process: samples, and how many of them are done."""
        return self._held, self._before

    def restore(self, held: np.ndarray, before: int) -> None:
        """Go on from a :meth:`state`."""
        self._held, self._before = held, before

    def _take(self, n: int) -> np.ndarray:
        """Resample the next ``n`` samples, a whole number of grid steps."""
        stop = self._before + n
        out = at_rate(self._held[: stop + self._margin], self._source, self._target)
        start, end = (at * self._up // self._down for at in (self._before, stop))
        drop = max(0, stop - self._margin) // self._down * self._down
        self._held, self._before = self._held[drop:], stop - drop
        return out[start:end]
