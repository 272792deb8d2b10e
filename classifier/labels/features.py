"""What a recording is turned into before it is labelled: features, and what an extractor of them is.

Conventions
-----------
- Sound is mono float32, full scale +-1, at the extractor's own sampling rate.
- A column has a name; names that share what stands before the first dot are one block: ``tag.jazz``,
  ``penultimate.17``. A block is a set of features that may be trained on alone.
- A patch is a stretch of sound with features of its own; extractors that describe a clip as a whole have one patch.
- An extractor's version rises whenever its numbers may change; what was computed before is then computed again, and
  a model fitted on the earlier version is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np

from classifier.bounds import did_you_mean
from classifier.errors import InvalidParameter
from classifier.labels.pieces import Beginning


@dataclass(frozen=True, slots=True)
class Extracted:
    """Features of one recording.

    Parameters
    ----------
    extractor : str
        Name and version of what made them, such as ``musicnn-msd/1``.
    names : tuple of str, length d
        Of the columns.
    patches : np.ndarray, shape (n, d), float32
        One row a patch; n >= 1.
    start_s : np.ndarray, shape (n,), float64
        Where each patch begins, seconds.
    vector : np.ndarray, shape (d,), float64
        Of the whole clip.
    """

    extractor: str
    names: tuple[str, ...]
    patches: np.ndarray
    start_s: np.ndarray
    vector: np.ndarray

    def columns(self, blocks: Iterable[str]) -> np.ndarray:
        """Return the indices of the columns of some blocks, in the order of the columns.

        Raises
        ------
        InvalidParameter
            If there is no such block; the message names those that there are.
        """
        return columns_of(self.names, blocks)


def columns_of(names: tuple[str, ...], blocks: Iterable[str]) -> np.ndarray:
    """Return the indices of the columns of some blocks; see :meth:`Extracted.columns`."""
    own = [name.partition(".")[0] for name in names]
    wanted = set(blocks)
    for block in sorted(wanted - set(own)):
        known = list(dict.fromkeys(own))
        raise InvalidParameter(f"no block {block!r} among {', '.join(known)}{did_you_mean(block, known)}")
    return np.flatnonzero([block in wanted for block in own])


#: Features of the patches (n, d), their starts in seconds (n,) and the vector of the clip (d,).
Features = tuple[np.ndarray, np.ndarray, np.ndarray]


class Listening(Protocol):
    """One recording that is heard piece by piece, in memory that its length does not change."""

    def add(self, piece: np.ndarray) -> None:
        """Take the next samples, shape (n,), float32."""

    def features(self) -> Features:
        """Return the features of everything, at least one sample, once all of it was added."""


class Opening:
    """A recording of which the beginning alone is described, when it has ended.

    Parameters
    ----------
    compute : callable
        Samples to features.
    most : int > 0
        Samples that it takes; what comes later changes nothing.
    """

    def __init__(self, compute: Callable[[np.ndarray], Features], most: int) -> None:
        self._compute = compute
        self._beginning = Beginning(most)

    def add(self, piece: np.ndarray) -> None:
        """As :meth:`Listening.add`."""
        self._beginning.add(piece)

    def features(self) -> Features:
        """As :meth:`Listening.features`."""
        return self._compute(self._beginning.samples())


def opening(compute: Callable[[np.ndarray], Features], most: int) -> Callable[[Path], Callable[[], Listening]]:
    """Return what loads an extractor that needs no files and describes beginnings; see :class:`Opening`."""
    return lambda _models: partial(Opening, compute, most)


@dataclass(frozen=True, slots=True)
class Opened:
    """An extractor that is ready; safe to share between threads.

    Parameters
    ----------
    extractor : Extractor
        Which it is.
    begin : callable
        Begins to hear a recording: mono, at :attr:`Extractor.sample_rate`.
    """

    extractor: Extractor
    begin: Callable[[], Listening]

    def __call__(self, samples: np.ndarray) -> Extracted:
        """Return the features of samples, shape (n,), n >= 1: a pure function."""
        listening = self.begin()
        listening.add(np.ascontiguousarray(samples, np.float32))
        return self.extracted(listening)

    def extracted(self, listening: Listening) -> Extracted:
        """Return the features of a recording that was heard."""
        patches, start_s, vector = listening.features()
        return Extracted(self.extractor.id, self.extractor.names, patches, start_s, vector)


@dataclass(frozen=True, slots=True)
class Extractor:
    """A way to describe sound.

    Parameters
    ----------
    name : str
        Such as ``mfcc-stats-104``.
    version : int >= 1
        Rises with every change of its numbers.
    sample_rate : int
        Of the samples that it takes, Hz.
    names : tuple of str
        Of the columns.
    load : callable
        Given the folder of the user's models, returns what begins to hear a recording; whatever takes time or memory
        happens here.
    """

    name: str
    version: int
    sample_rate: int
    names: tuple[str, ...]
    load: Callable[[Path], Callable[[], Listening]]

    @property
    def id(self) -> str:
        """Name and version, as in ``musicnn-msd/1``."""
        return f"{self.name}/{self.version}"

    def open(self, models: Path) -> Opened:
        """Return the extractor, ready.

        Parameters
        ----------
        models : Path
            The user's folder of models.

        Raises
        ------
        WeightsMissing
            If it needs weights that are not there; the message says how to get them.
        """
        return Opened(self, self.load(models))
