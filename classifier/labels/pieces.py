"""Sound that comes in pieces: cut into frames, or into blocks; a long row of things thinned; the beginning alone.

Whatever is gathered here is the same for any cut of the sound into pieces, in memory that the length does not change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np


class Framed:
    """Cuts sound into stretches of whole frames, each frame in one of them.

    Parameters
    ----------
    size, hop : int > 0
        Length and distance of frames, samples.
    before : int >= 0
        Zeros before the first sample.
    """

    def __init__(self, size: int, hop: int, before: int = 0) -> None:
        self.size, self._hop = size, hop
        self._rest = np.zeros(before, np.float32)

    def add(self, piece: np.ndarray) -> np.ndarray:
        """Take samples, float32, and return the stretch of all frames that are whole now and were not before.

        It begins with the first of them and ends with the last: shape (size + k hop,), or (0,) if there is none.
        """
        samples = np.concatenate([self._rest, piece])
        more = (len(samples) - self.size) // self._hop
        if more < 0:
            self._rest = samples
            return samples[:0]
        self._rest = samples[(more + 1) * self._hop :].copy()
        return samples[: self.size + more * self._hop]


class Thinned:
    """Every row of few; of many every second, every fourth and so on: evenly spaced whatever their number.

    Parameters
    ----------
    most : int > 1
        Rows that are held.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._count = 0
        self.step = 1
        """Of so many rows one is held, from the first on."""
        self.rows: list[np.ndarray] = []

    def add(self, row: np.ndarray) -> None:
        """Take the next row; it is copied if it is held."""
        if self._count % self.step == 0:
            self.rows.append(row.copy())
        self._count += 1
        if len(self.rows) > self._most:
            del self.rows[1::2]
            self.step *= 2


class Beginning:
    """The beginning of sound.

    Parameters
    ----------
    most : int > 0
        Samples that are held.
    """

    def __init__(self, most: int) -> None:
        self._left = most
        self._held: list[np.ndarray] = []

    def add(self, piece: np.ndarray) -> None:
        """Take the next samples."""
        if self._left > 0:
            self._held.append(piece[: self._left].copy())
            self._left -= len(self._held[-1])

    def samples(self) -> np.ndarray:
        """Return what is held."""
        return np.concatenate(self._held)


def blocks(pieces: Iterable[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """Yield samples that come in pieces of any length in blocks of ``size``, the last one shorter."""
    held: list[np.ndarray] = []
    n = 0
    for piece in pieces:
        held.append(piece)
        n += len(piece)
        while n >= size:
            joined = np.concatenate(held)
            yield joined[:size]
            held, n = [joined[size:]], n - size
    if n:
        yield np.concatenate(held)
