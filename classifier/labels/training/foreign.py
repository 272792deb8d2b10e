"""How foreign a recording is to those that a model was trained on: its distance from the nearest label's clips.

The distance is Mahalanobis', to the mean of each label with one covariance for all, shrunk (Ledoit and Wolf 2004; Lee
et al., "A simple unified framework for detecting out-of-distribution samples", 2018); the least counts. The limit is
a quantile of distances of clips that were left out when means and covariance were estimated.
"""

from __future__ import annotations

import numpy as np

from classifier.labels.scoring.model import distances
from classifier.labels.training.folds import Split

#: Share of the training clips that the limit would call foreign.
LOST = 0.01
_FEWEST = 30


def estimate(rows: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the means of the labels that occur (c, d), and the inverse of the shrunk covariance about them (d, d)."""
    from sklearn.covariance import LedoitWolf

    means = np.stack([rows[targets[:, i]].mean(axis=0) for i in range(targets.shape[1]) if targets[:, i].any()])
    nearest = np.square(rows[:, None] - means[None]).sum(axis=2).argmin(axis=1)
    return means, LedoitWolf(assume_centered=True).fit(rows - means[nearest]).precision_


def fit_foreign(rows: np.ndarray, targets: np.ndarray, splits: list[Split]) -> dict[str, np.ndarray]:
    """Return the arrays of a model that tell foreign sound; nothing of under 30 clips or without folds.

    Parameters
    ----------
    rows : np.ndarray, shape (n, e)
        Features.
    targets : np.ndarray, shape (n, k), bool
        Labels.
    splits : list of (np.ndarray, np.ndarray)
        Folds of the clips.
    """
    if len(rows) < _FEWEST or not splits:
        return {}
    spread = rows.std(axis=0)
    centre, scale = rows.mean(axis=0), np.where(spread > 1e-12, spread, 1.0)
    z = (rows - centre) / scale
    left_out = np.concatenate([distances(z[test], *estimate(z[train], targets[train])) for train, test in splits])
    means, precision = estimate(z, targets)
    limit = np.array([np.quantile(left_out, 1 - LOST)])
    found = {"centre": centre, "scale": scale, "means": means, "precision": precision, "limit": limit}
    return {f"foreign_{name}": array for name, array in found.items()}
