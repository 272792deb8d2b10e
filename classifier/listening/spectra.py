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

import numpy as np
import scipy.fft
from scipy.sparse import csc_array

from classifier.audio import level
from classifier.fingerprint import bits
from classifier.fingerprint.bits import FRAME, QUERY_HOP
from classifier.listening.grid import BLOCK

#: Bins that any band at any speed listened for can reach.
_BINS = 984
#: Blocks that the arrays hold beyond those kept, so that the rest is moved seldom.
_SLACK = 16


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
            for array in (self._power, self._levels):
                array[: self._keep] = array[held - self._keep :].copy()
            self._base, held = self.stop - self._keep, self._keep
        frames = np.lib.stride_tricks.sliding_window_view(samples, FRAME)[::QUERY_HOP] * self._window
        spectra = scipy.fft.rfft(frames, axis=1)[:, :_BINS]
        rows = slice(held, held + BLOCK)
        self._power[rows] = spectra.real**2 + spectra.imag**2
        self._levels[rows] = np.einsum("ij,ij->i", frames, frames) / np.square(self._window).sum()
        self.stop += BLOCK

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
        energy = np.asarray(self._power[rows] @ _bands(speed)) * square
        return bits.floored_log(energy), self._levels[rows] * square > bits.QUIET

    def _rows(self, frames: np.ndarray) -> np.ndarray:
        return np.clip(frames, self.start, self.stop - 1) - self._base


@lru_cache(maxsize=64)
def _bands(speed: float) -> csc_array:
    """Bands at a speed; a bin belongs to one or two of each resolution."""
    return csc_array(bits.band_matrix(speed)[:_BINS])
