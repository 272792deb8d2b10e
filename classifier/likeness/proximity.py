"""Hubs, and mutual proximity, which undoes them.

In spaces of many dimensions some items are near to very many others without being like them: hubs. How often an item is
among the k nearest of the others, N_k, is then skewed, and this skewness is their measure (Radovanovic and others, JMLR
11, 2010). Mutual proximity replaces a divergence by the probability that, for both of two items, a random third one is
further away: P(D_x > d) P(D_y > d) (Schnitzer and others, JMLR 13, 2012, with independent normal distances). What is
taken as normal here is the logarithm of the divergence, which is positive and has a long tail.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr

#: Neighbours that are counted to measure hubs.
NEIGHBOURS = 10
_LEAST_SPREAD = 1e-6


@dataclass(frozen=True, slots=True)
class Surroundings:
    """How far the other tracks are from each of n tracks.

    Parameters
    ----------
    mean, spread : np.ndarray, shape (n,)
        Mean and standard deviation of the logarithm of the divergence from others.
    """

    mean: np.ndarray
    spread: np.ndarray

    @classmethod
    def of(cls, log_divergence: np.ndarray) -> Surroundings:
        """Measure from divergences, shape (n, m), in which nan stands for a track and itself."""
        mean, spread = np.nanmean(log_divergence, axis=1), np.nanstd(log_divergence, axis=1)
        return cls(mean, np.maximum(spread, _LEAST_SPREAD))

    def __getitem__(self, rows: np.ndarray | slice) -> Surroundings:
        return Surroundings(self.mean[rows], self.spread[rows])


def log_proximity(log_divergence: np.ndarray, a: Surroundings, b: Surroundings) -> np.ndarray:
    """Log of the mutual proximity.

    Parameters
    ----------
    log_divergence : np.ndarray, shape (m, n)
        Between m and n tracks.
    a, b : Surroundings
        Of the m and of the n.

    Returns
    -------
    np.ndarray, shape (m, n)
        At most 0; nearer is greater.
    """
    from_a = (log_divergence - a.mean[:, None]) / a.spread[:, None]
    from_b = (log_divergence - b.mean[None]) / b.spread[None]
    return log_ndtr(-from_a) + log_ndtr(-from_b)


def hubness(farness: np.ndarray, k: int = NEIGHBOURS) -> float:
    """Skewness of how often each of n items is among the k nearest of the others.

    Parameters
    ----------
    farness : np.ndarray, shape (n, n)
        Less is nearer, by rows; the diagonal does not count.
    k : int in [1, n)
        Neighbours.

    Returns
    -------
    float
        About 0 without hubs; several with.
    """
    n = len(farness)
    apart = farness + np.where(np.eye(n, dtype=bool), np.inf, 0.0)
    nearest = np.argpartition(apart, k - 1, axis=1)[:, :k]
    counts = np.bincount(nearest.ravel(), minlength=n).astype(np.float64)
    spread = counts.std()
    return float(((counts - counts.mean()) ** 3).mean() / spread**3) if spread > 0 else 0.0
