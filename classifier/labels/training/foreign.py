"""How foreign a recording is to those that a model was trained on: its distance from the nearest label's clips.

The distance is Mahalanobis', to the mean of each label with one covariance for all, shrunk (Ledoit and Wolf 2004; Lee
et al., "A simple unified framework for detecting out-of-distribution samples", 2018); the least counts. The limit is
a quantile of distances of clips that were left out when means and covariance were estimated.
"""

from __future__ import annotations

import numpy as np

from classifier.labels.training.folds import Split

#: Share of the training clips that the limit would call foreign.
LOST = 0.01
_FEWEST = 30


def distances(rows: np.ndarray, means: np.ndarray, precision: np.ndarray) -> np.ndarray:
    """Return squared Mahalanobis distances to the nearest mean.

    Parameters
    ----------
    rows : np.ndarray, shape (n, d)
        Standardised features.
    means : np.ndarray, shape (c, d)
        Of the labels.
    precision : np.ndarray, shape (d, d)
        Inverse of the covariance.

    Returns
    -------
    np.ndarray, shape (n,)
    """
    gaps = rows[:, None] - means[None]
    return np.einsum("ncd,de,nce->nc", gaps, precision, gaps, optimize=True).min(axis=1)


def estimate(rows: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the means of the labels that occur (c, d), and the inverse of the shrunk covariance about them (d, d)."""
    from sklearn.covariance import LedoitWolf

    means = np.stack([rows[targets[:, i]].mean(axis=0) for i in range(targets.shape[1]) if targets[:, i].any()])
    nearest = np.square(rows[:, None] - means[None]).sum(axis=2).argmin(axis=1)
    return means, LedoitWolf(assume_centered=True).fit(rows - means[nearest]).precision_


def fit_foreign(rows: np.ndarray, targets: np.ndarray, splits: list[Split]) -> dict[str, np.ndarray]:
    """Return ``foreign_means``, ``foreign_precision`` and ``foreign_limit`` of a model; nothing of under 30 clips.

    Parameters
    ----------
    rows : np.ndarray, shape (n, d)
        Standardised features.
    targets : np.ndarray, shape (n, k), bool
        Labels.
    splits : list of (np.ndarray, np.ndarray)
        Folds of the clips.
    """
    if len(rows) < _FEWEST:
        return {}
    left_out = np.zeros(len(rows))
    for train, test in splits:
        left_out[test] = distances(rows[test], *estimate(rows[train], targets[train]))
    means, precision = estimate(rows, targets)
    limit = np.quantile(left_out, 1 - LOST)
    return {"foreign_means": means, "foreign_precision": precision, "foreign_limit": np.array([limit])}
