"""The last stretch of a recording as power spectra, from which bits can be read at any playback speed.

A recording at another speed has the track's spectrum stretched by that factor, and the track's time shrunk by it. So it
need not be resampled for each speed in question: its frames are transformed once, and each speed has its own bands
(:func:`classifier.fingerprint.bits.band_matrix`) and takes the frames that lie nearest to its own grid. The frames'
length does not change with the speed: up to 8 % of it is less than what a room does to them.

Conventions: frame f spans samples [256 f, 256 f + 2048) at 16 kHz of the recording; it is named by that number however
long ago it was.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numba
import numpy as np
import scipy.fft

from classifier.audio import level
from classifier.fingerprint import bits
from classifier.fingerprint.bits import FRAME, QUERY_HOP
from classifier.listening.grid import BLOCK, STEP

#: Bins that any band at any speed listened for can reach.
_BINS = 984
#: Upper edges of the zones in which power is told, Hz: bass, low middle, high middle, and the rest.
ZONES_HZ = (200.0, 500.0, 1500.0, 8000.0)
#: Blocks that the arrays hold beyond those kept, so that the rest is moved seldom.
_SLACK = 16
#: First bin of each zone.
_ZONE_BINS = [0, *(int(np.ceil(edge * FRAME / bits.SAMPLE_RATE)) for edge in ZONES_HZ[:-1])]


class Spectra:
    """Power spectra of the last blocks of a recording; memory does not grow with its length.

    Parameters
    ----------
    n_blocks : int
        Blocks of ``BLOCK`` frames kept.
    first : int
        Number of the first frame that will be added.
    """

    def __init__(self, n_blocks: int, first: int = 0) -> None:
        self._keep = n_blocks * BLOCK
        capacity = self._keep + _SLACK * BLOCK
        self._power = np.zeros((capacity, _BINS), np.float32)
        self._levels = np.zeros(capacity, np.float32)
        self._zones = np.zeros((capacity, len(ZONES_HZ)), np.float32)
        self._window = np.hanning(FRAME + 1)[:-1].astype(np.float32)
        #: Frames that there are so far, and the one that the arrays begin with.
        self.stop = self._base = self._first = first

    @property
    def start(self) -> int:
        """First frame that is kept."""
        return max(self._first, self.stop - self._keep)

    def add(self, samples: np.ndarray) -> None:
        """Take the next block: samples [256 f, 256 (f + BLOCK - 1) + 2048), where f is ``stop``."""
        held = self.stop - self._base
        if held == len(self._levels):
            for array in (self._power, self._levels, self._zones):
                array[: self._keep] = array[held - self._keep :].copy()
            self._base, held = self.stop - self._keep, self._keep
        frames = np.lib.stride_tricks.sliding_window_view(samples, FRAME)[::QUERY_HOP] * self._window
        spectra = scipy.fft.rfft(frames, axis=1)[:, :_BINS]
        rows = slice(held, held + BLOCK)
        self._power[rows] = spectra.real**2 + spectra.imag**2
        self._levels[rows] = np.einsum("ij,ij->i", frames, frames) / np.square(self._window).sum()
        self._zones[rows] = np.add.reduceat(self._power[rows], _ZONE_BINS, axis=1)
        self.stop += BLOCK

    def powers(self, first_step: int, stop_step: int) -> np.ndarray:
        """Power of each zone in some steps, in one unit for all, shape (len(ZONES_HZ), stop_step - first_step)."""
        # A frame belongs to the step in which its middle lies.
        frames = np.arange(first_step * STEP, stop_step * STEP) - FRAME // QUERY_HOP // 2
        return np.asarray(self._zones[self._rows(frames)].reshape(-1, STEP, len(ZONES_HZ)).sum(axis=1).T)

    def levels(self, frames: np.ndarray) -> np.ndarray:
        """Mean square of some frames, full scale 1; a frame that is not kept counts as the nearest that is."""
        return np.asarray(self._levels[self._rows(frames)])

    def energies(self, frames: np.ndarray, speed: float) -> tuple[np.ndarray, np.ndarray]:
        """Log energies of all bands in some frames, and whether these are loud, as ``bits.band_energies`` gives them.

        Parameters
        ----------
        frames : np.ndarray, shape (n,), int
            Numbers of frames; one that is not kept counts as the nearest that is.
        speed : float
            Playback speed that is assumed.
        """
        rows = self._rows(frames)
        kept = self._levels[self.start - self._base : self.stop - self._base]
        square = np.float32(level.gain(float(kept.max(initial=0.0)) ** 0.5) ** 2)
        low, high, weight = _bands(speed)
        energy = np.empty((len(rows), len(low)), np.float32)
        _sums(self._power, rows, low, high, weight, square, energy)
        return bits.floored_log(energy), self._levels[rows] * square > bits.QUIET

    def _rows(self, frames: np.ndarray) -> np.ndarray:
        return np.clip(frames, self.start, self.stop - 1) - self._base


@lru_cache(maxsize=64)
def _bands(speed: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bands at a speed: first bin, the one behind the last, and the weights of those, shape (bands, most bins)."""
    matrix = bits.band_matrix(speed)[:_BINS]
    low = (matrix > 0).argmax(axis=0)
    high = _BINS - (matrix[::-1] > 0).argmax(axis=0)
    weight = np.zeros((matrix.shape[1], int((high - low).max())), np.float32)
    for band, (first, stop) in enumerate(zip(low, high, strict=True)):
        weight[band, : stop - first] = matrix[first:stop, band]
    return low, high, weight


@numba.njit(cache=True, nogil=True, boundscheck=False, fastmath={"reassoc", "contract", "nsz"})
def _sums(
    power: Any, rows: Any, low: Any, high: Any, weight: Any, factor: Any, out: Any
) -> None:  # pragma: no cover - compiled
    """Weighted sums of the bins of each band, times a factor."""
    for i in range(rows.shape[0]):
        for band in range(low.shape[0]):
            bins, weights = power[rows[i], low[band] : high[band]], weight[band]
            total = np.float32(0)
            for k in range(bins.shape[0]):
                total += bins[k] * weights[k]
            out[i, band] = total * factor
