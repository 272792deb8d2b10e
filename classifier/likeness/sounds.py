"""One Gaussian for each track: how its sound moves as a whole, whatever the order.

All audible windows of a track are taken together and collapsed to the Gaussian that has their mean and covariance
(Mandel & Ellis 2005 describe whole tracks so). Its symmetric KL divergence J from another is exact, and an inner
product (:mod:`classifier.mixtures.divergence`): whole libraries are compared by matrix products. Divergences below
:data:`LEAST` nats count as equal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from classifier.index.segment import Key, Segment
from classifier.index.snapshot import Snapshot
from classifier.mixtures.divergence import Packed, symmetric_kl_gaussian
from classifier.mixtures.gmm import Mixtures, add_floor, collapse, expected_statistics, unpack

#: Least divergence, nats, so that logarithms stay finite.
LEAST = 1e-3
#: Added to every variance: the index keeps statistics in sixteen bits, and what they lose must not decide.
_SOFTENING = 1e-3


@dataclass(frozen=True, slots=True)
class Sounds:
    """The Gaussians of a snapshot's tracks, of those that can be heard at all.

    Parameters
    ----------
    keys : tuple of (str, int)
        Track and version, in the snapshot's order.
    statistics : np.ndarray, shape (n, P)
        Mean of psi over each track's audible windows.
    gaussians : Packed
        n mixtures of one component.
    d : int
        Dimension of the features.
    """

    keys: tuple[Key, ...]
    statistics: np.ndarray
    gaussians: Packed
    d: int

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def ids(self) -> list[str]:
        """Ids of the tracks."""
        return [track_id for track_id, _ in self.keys]

    @classmethod
    def of(cls, snapshot: Snapshot, d: int, before: Sounds | None = None) -> Sounds:
        """Collect the Gaussians of a snapshot.

        Parameters
        ----------
        snapshot : Snapshot
            What is indexed.
        d : int
            Dimension of the features.
        before : Sounds, optional
            Of an earlier snapshot: what has not changed since is taken from there.
        """
        known = {} if before is None else dict(zip(before.keys, before.statistics, strict=True))
        rows: dict[Key, np.ndarray] = {}
        for segment, entry in snapshot:
            found = known.get(entry.key)
            if found is None:
                found = _statistics(segment, entry.rows["windows"])
            if found is not None:
                rows[entry.key] = found
        width = d + 1 + (d * (d + 1) // 2)
        statistics = np.array(list(rows.values())) if rows else np.zeros((0, width))
        return cls(tuple(rows), statistics, _gaussians(statistics, d), d)


def of_windows(mixtures: Mixtures, audible: np.ndarray) -> Packed | None:
    """Return the Gaussian of a recording's audible windows; None if there are none.

    Parameters
    ----------
    mixtures : Mixtures
        n windows.
    audible : np.ndarray, shape (n,), bool
        Which of them count.
    """
    if not audible.any():
        return None
    windows = collapse(mixtures)
    statistics = expected_statistics(windows.means[:, 0], windows.covariances[:, 0])[audible].mean(axis=0)
    return _gaussians(statistics[None], mixtures.means.shape[-1])


def log_divergence(a: Packed, b: Packed) -> np.ndarray:
    """Log of J, in nats, between every Gaussian of ``a`` and of ``b``; shape (len(a), len(b))."""
    return np.log(np.maximum(symmetric_kl_gaussian(a, b), LEAST))


def take(gaussians: Packed, rows: np.ndarray | slice) -> Packed:
    """Return some of the Gaussians."""
    return Packed(gaussians.weights[rows], gaussians.theta[rows], gaussians.s[rows], gaussians.own[rows])


def _gaussians(statistics: np.ndarray, d: int) -> Packed:
    means, covariances = unpack(statistics, d)
    covariances = add_floor(covariances, _SOFTENING, covariances.ndim == means.ndim)
    return Packed.of(Mixtures(np.ones((len(means), 1)), means[:, None], covariances[:, None]))


def _statistics(segment: Segment, rows: range) -> np.ndarray | None:
    """Mean of psi over the audible windows in some rows of a segment; None if there are none."""
    part = slice(rows.start, rows.stop)
    audible = ~segment.arrays["silent"][part].astype(bool)
    if not audible.any():
        return None
    packed = segment.arrays["gaussians"][part][audible]
    scale = segment.arrays["gaussian_terms"][part][audible, 2].astype(np.float64)
    half = packed.shape[1] // 2
    return np.append(scale @ packed[:, half:].astype(np.float64) / len(scale), 1.0)
