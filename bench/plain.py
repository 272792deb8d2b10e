"""Divergences as a textbook writes them: one loop over windows, one over components, an inverse for every pair.

Nothing here is packed, batched or shared with ``classifier/``. ``bench/measure/speed.py`` measures against
it, and the tests take it as an oracle.

Conventions
-----------
A mixture is (weights, means, covariances) with shapes (K,), (K, d) and (K, d, d). All divergences are in nats.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import numpy as np

Mixture = tuple[np.ndarray, np.ndarray, np.ndarray]
Divergence = Callable[[Mixture, Mixture], float]
W = TypeVar("W")


def kl_gaussian(mean_a: np.ndarray, cov_a: np.ndarray, mean_b: np.ndarray, cov_b: np.ndarray) -> float:
    """D(a || b) of two Gaussians, with an explicit inverse and two determinants."""
    precision = np.linalg.inv(cov_b)
    gap = mean_b - mean_a
    trace = np.trace(precision @ cov_a)
    log_ratio = np.linalg.slogdet(cov_b)[1] - np.linalg.slogdet(cov_a)[1]
    return 0.5 * float(trace + gap @ precision @ gap - len(gap) + log_ratio)


def kl_labelled(f: Mixture, g: Mixture) -> float:
    """D of mixtures whose components carry labels: component k against component k, then the weights."""
    total = 0.0
    for w, mean_f, cov_f, v, mean_g, cov_g in zip(*f, *g, strict=True):
        total += w * (math.log(w / v) + kl_gaussian(mean_f, cov_f, mean_g, cov_g))
    return total


def kl_variational(f: Mixture, g: Mixture) -> float:
    """D of mixtures by the variational approximation (Hershey & Olsen 2007, eq. 18)."""
    total = 0.0
    for w, mean, cov in zip(*f, strict=True):
        within = sum(v * math.exp(-kl_gaussian(mean, cov, m, c)) for v, m, c in zip(*f, strict=True))
        across = sum(v * math.exp(-kl_gaussian(mean, cov, m, c)) for v, m, c in zip(*g, strict=True))
        total += w * (math.log(within) - math.log(max(across, 1e-300)))
    return total


def symmetric(divergence: Divergence) -> Divergence:
    """Return the sum of a divergence's two directions."""
    return lambda f, g: divergence(f, g) + divergence(g, f)


def slot_divergence(query: np.ndarray, reference: np.ndarray, kappa2: float) -> float:
    """Symmetric divergence of mixtures labelled by time: a Gaussian of variance kappa2 a slot, compared one by one.

    Parameters
    ----------
    query, reference : np.ndarray, shape (M, d)
        Slot means of two stretches; each is divided by its own root mean square first.
    kappa2 : float
        Variance within a slot.
    """
    deviation = [math.sqrt(float(np.mean(np.square(x)))) for x in (query, reference)]
    covariance = kappa2 * np.eye(query.shape[1])
    total = 0.0
    for q, r in zip(query / deviation[0], reference / deviation[1], strict=True):
        total += kl_gaussian(q, covariance, r, covariance) + kl_gaussian(r, covariance, q, covariance)
    return total / len(query)


def nearest(queries: Sequence[W], references: Iterable[W], divergence: Callable[[W, W], float]) -> list[float]:
    """Go through all windows; return, for each reference, the mean over the query's windows of the log divergence."""
    scores = []
    for reference in references:
        total = 0.0
        for query in queries:
            total += math.log(max(divergence(query, reference), 1e-3))
        scores.append(total / len(queries))
    return scores
