"""Measures that benchmarks, label models and experiments share: intervals, calibration, error trade-offs.

Pure functions of arrays. Shares are fractions of 1, intervals cover 95 %.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

DET_POINTS = 80
_Z95 = 1.959964


def interval(hits: Sequence[bool], clusters: Sequence[str]) -> tuple[float, float, float]:
    """Share of successes with Wilson's 95 % interval (1927), its n deflated by the design effect of the clusters.

    Parameters
    ----------
    hits : sequence of bool
        Success of each query; at least one query.
    clusters : sequence of str
        The cluster each query belongs to; successes within a cluster are correlated.

    Returns
    -------
    share, low, high : float

    Notes
    -----
    The design effect is the variance of the share between clusters, divided by that of independent queries; at least 1.
    If all succeed or all fail there is no variance to measure, and the queries count as independent.

    Examples
    --------
    >>> share, low, high = interval([True] * 9 + [False], [str(n) for n in range(10)])
    >>> round(share, 2), round(low, 2), round(high, 2)
    (0.9, 0.6, 0.98)
    """
    values = np.asarray(hits, float)
    n, share = len(values), float(values.mean())
    sums: dict[str, float] = defaultdict(float)
    for value, cluster in zip(values, clusters, strict=True):
        sums[cluster] += value - share
    spread = share * (1 - share)
    effect = sum(s * s for s in sums.values()) / n / spread if spread > 0 else 1.0
    effective = n / max(1.0, effect)
    z2 = _Z95**2
    centre = (share + z2 / (2 * effective)) / (1 + z2 / effective)
    half = _Z95 * np.sqrt(spread / effective + z2 / (4 * effective**2)) / (1 + z2 / effective)
    # At shares of 0 and 1 the limit is the share itself, which rounding must not miss.
    return share, max(0.0, min(share, float(centre - half))), min(1.0, max(share, float(centre + half)))


def det(right: Sequence[float], strangers: Sequence[float]) -> list[tuple[float, float, float]]:
    """Misses against false alarms as the threshold moves: the detection error trade-off (Martin et al. 1997).

    Parameters
    ----------
    right : sequence of float
        Score of each known query's right answer; minus infinity if the answer is wrong or missing.
    strangers : sequence of float
        Score of the answer to each query whose track is not in the catalogue.

    Returns
    -------
    list of (float, float, float)
        Threshold, share of strangers at or above it, share of known queries without a right answer at or above it; by
        falling threshold, thinned to about ``DET_POINTS``.

    Examples
    --------
    >>> det([9.0, 8.0], [1.0, 8.5])
    [(9.0, 0.0, 0.5), (8.5, 0.5, 0.5), (8.0, 0.5, 0.0), (1.0, 1.0, 0.0)]
    """
    hits, alarms = np.sort(np.asarray(right, float)), np.sort(np.asarray(strangers, float))
    thresholds = np.unique(np.concatenate([hits, alarms]))[::-1]
    thresholds = thresholds[np.isfinite(thresholds)]
    falses = 1 - np.searchsorted(alarms, thresholds, side="left") / len(alarms)
    misses = np.searchsorted(hits, thresholds, side="left") / len(hits)
    step = max(1, -(-len(thresholds) // DET_POINTS))
    # While false alarms are few, each change in their number is a corner worth keeping.
    first = np.flatnonzero(np.diff(falses, prepend=0.0) > 0)[: DET_POINTS // 2]
    keep = sorted(
        {*range(0, len(thresholds), step), *first.tolist(), *([len(thresholds) - 1] if len(thresholds) else [])}
    )
    return [(float(thresholds[i]), float(falses[i]), float(misses[i])) for i in keep]


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Answers of similar confidence.

    Parameters
    ----------
    share : float
        Fraction of the total weight.
    queries : int
        Answers in the bin.
    said, found : float
        Weighted mean confidence, and weighted share of right answers.
    """

    share: float
    queries: int
    said: float
    found: float

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return asdict(self)


def calibration_error(
    confidence: np.ndarray, right: np.ndarray, weight: np.ndarray | None = None, bins: int = 10
) -> tuple[float, list[CalibrationBin]]:
    """Expected calibration error (Naeini, Cooper & Hauskrecht 2015) and the bins it sums over.

    Parameters
    ----------
    confidence : np.ndarray, shape (n,)
        Stated probabilities that the answers are right, in [0, 1]; at least one.
    right : np.ndarray, shape (n,), bool
        Whether each answer is right.
    weight : np.ndarray, shape (n,), optional
        Weight of each answer, summing to 1; default equal weights.
    bins : int > 0
        Number of bins of equal width.

    Returns
    -------
    float
        Sum over bins of weight times the distance between mean confidence and share of right answers.
    list of CalibrationBin
        The bins that are not empty, by rising confidence.

    Examples
    --------
    >>> import numpy as np
    >>> error, bins = calibration_error(np.array([0.75, 0.75, 0.75, 0.75]), np.array([True, True, True, False]))
    >>> error, bins[0].said, bins[0].found
    (0.0, 0.75, 0.75)
    """
    confidence, right = np.asarray(confidence, float), np.asarray(right, float)
    weight = np.full(len(right), 1 / len(right)) if weight is None else weight
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    rows = []
    for b in np.unique(place):
        inside = place == b
        share = float(weight[inside].sum())
        said, found = (float((weight[inside] * v[inside]).sum() / share) for v in (confidence, right))
        rows.append(CalibrationBin(share, int(inside.sum()), said, found))
    return sum(row.share * abs(row.said - row.found) for row in rows), rows
