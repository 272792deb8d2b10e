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
from pathlib import Path

import numpy as np

from classifier.bounds import did_you_mean
from classifier.errors import InvalidParameter


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


#: Samples to features of the patches (n, d), their starts in seconds (n,) and the vector of the clip (d,).
Compute = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]


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
    most_s : float
        Seconds of sound that it hears; what comes later changes nothing. Infinite for those that hear all.
    load : callable
        Given the folder of the user's models, returns the function that computes; whatever takes time or memory
        happens here.
    """

    name: str
    version: int
    sample_rate: int
    names: tuple[str, ...]
    most_s: float
    load: Callable[[Path], Compute]

    @property
    def id(self) -> str:
        """Name and version, as in ``musicnn-msd/1``."""
        return f"{self.name}/{self.version}"

    def open(self, models: Path) -> Callable[[np.ndarray], Extracted]:
        """Return the extractor, ready: a pure function of samples (mono, float32, at :attr:`sample_rate`).

        Parameters
        ----------
        models : Path
            The user's folder of models.

        Raises
        ------
        WeightsMissing
            If it needs weights that are not there; the message says how to get them.
        """
        compute = self.load(models)

        def extract(samples: np.ndarray) -> Extracted:
            patches, start_s, vector = compute(np.ascontiguousarray(samples, np.float32))
            return Extracted(self.id, self.names, patches, start_s, vector)

        return extract
