"""Figures of answers to clips whose labels are known: right, nearly right, sure and rightly so.

Shares are fractions of 1; intervals cover 95 % and come from drawing whole groups with replacement, since clips of
one artist succeed and fail together (Efron and Tibshirani, "An introduction to the bootstrap", 1993). Rows of a
confusion matrix are the truth, columns the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from classifier.labels.training.temperature import log_loss
from classifier.metrics import calibration_error

DRAWS = 1000
#: Several labels are answered from this probability on.
YES = 0.5


@dataclass(frozen=True, slots=True)
class Figure:
    """A share with its 95 % interval."""

    value: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float]:
        """Return the JSON object, to four digits."""
        return {"value": round(self.value, 4), "low": round(self.low, 4), "high": round(self.high, 4)}

    def __str__(self) -> str:
        return f"{100 * self.value:.1f} % [{100 * self.low:.0f}-{100 * self.high:.0f}]"


def bootstrap(values: np.ndarray, groups: Sequence[str], seed: int, draws: int = DRAWS) -> Figure:
    """Return a mean with its 95 % interval, by drawing groups.

    Parameters
    ----------
    values : np.ndarray, shape (n,)
        Of each clip; at least one.
    groups : sequence of str, length n
        What each belongs to.
    seed : int
        Of the draws.
    draws : int
        How many.
    """
    _, group = np.unique(np.asarray(groups, str), return_inverse=True)
    sums, counts = np.bincount(group, values), np.bincount(group)
    drawn = np.random.default_rng(seed).integers(0, len(counts), (draws, len(counts)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    value = float(np.mean(values))
    return Figure(value, min(value, float(low)), max(value, float(high)))


def top(p: np.ndarray, targets: np.ndarray, count: int) -> np.ndarray:
    """Return whether a true label is among the ``count`` most probable, shape (n,), bool."""
    first = np.argsort(-p, axis=1, kind="stable")[:, :count]
    return np.asarray(np.take_along_axis(targets, first, axis=1).any(axis=1))


def confusion(p: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return counts of truth (row) and answer (column) of exclusive labels, shape (k, k)."""
    k = p.shape[1]
    return np.bincount(targets.argmax(axis=1) * k + p.argmax(axis=1), minlength=k * k).reshape(k, k)


def area(scores: np.ndarray, truth: np.ndarray) -> float:
    """Return the area under the ROC curve: the chance that a true clip scores above a false one, ties half.

    NaN if there are none of one kind.
    """
    true, false = scores[truth], scores[~truth]
    if not len(true) or not len(false):
        return float("nan")
    ranks = np.searchsorted(np.sort(false), true, "left") + np.searchsorted(np.sort(false), true, "right")
    return float(ranks.mean() / 2 / len(false))


def by_label(p: np.ndarray, targets: np.ndarray, labels: Sequence[str], kind: str) -> list[dict[str, Any]]:
    """Return precision, recall, F1 and count of each label; zero where there is nothing to divide by."""
    answered = np.eye(p.shape[1], dtype=bool)[p.argmax(axis=1)] if kind == "exclusive" else p >= YES
    rows = []
    for i, label in enumerate(labels):
        hits = int((answered[:, i] & targets[:, i]).sum())
        said, there = int(answered[:, i].sum()), int(targets[:, i].sum())
        precision, recall = hits / said if said else 0.0, hits / there if there else 0.0
        f1 = 2 * precision * recall / (precision + recall) if hits else 0.0
        row = {"label": label, "n": there, "precision": precision, "recall": recall, "f1": f1}
        if kind == "multiple":
            auc = area(p[:, i], targets[:, i])
            row["auc"] = None if np.isnan(auc) else auc
        rows.append({name: round(v, 4) if isinstance(v, float) else v for name, v in row.items()})
    return rows


def threshold_of(p: np.ndarray, targets: np.ndarray, precision: float = 0.9) -> tuple[float, float] | None:
    """Return the least probability from which answers are right as often as asked, and the share that it answers.

    None if no threshold below 1 reaches it with at least ten answers.
    """
    best, right = p.max(axis=1), top(p, targets, 1)
    order = np.argsort(-best, kind="stable")
    hits = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero((hits >= precision) & (np.arange(1, len(order) + 1) >= min(10, len(order))))
    if not len(enough):
        return None
    last = int(enough[-1])
    return float(best[order][last]), (last + 1) / len(order)


def figures(
    p: np.ndarray, targets: np.ndarray, groups: Sequence[str], labels: Sequence[str], kind: str, seed: int
) -> dict[str, Any]:
    """Return all figures of a protocol as a JSON object.

    Parameters
    ----------
    p : np.ndarray, shape (n, k)
        Probabilities.
    targets : np.ndarray, shape (n, k), bool
        Labels.
    groups : sequence of str, length n
        For the intervals.
    labels : sequence of str, length k
        Names.
    kind : {"exclusive", "multiple"}
        Of the labels.
    seed : int
        Of the intervals.

    Returns
    -------
    dict
        ``n``, ``groups``, ``log_loss``, ``by_label`` and ``calibration``; of exclusive labels ``accuracy``,
        ``balanced_accuracy``, ``top3``, ``majority``, ``confusion`` and ``answered_at_90``; of several ``macro_auc``,
        ``macro_f1`` and ``exact`` (all labels of a clip right).
    """
    found: dict[str, Any] = {"n": len(p), "groups": len(set(groups)), "log_loss": round(log_loss(p, targets, kind), 4)}
    rows = by_label(p, targets, labels, kind)
    interval: Callable[[np.ndarray], dict[str, float]] = lambda v: bootstrap(v, groups, seed).to_dict()  # noqa: E731
    if kind == "exclusive":
        right = top(p, targets, 1)
        error, bins = calibration_error(p.max(axis=1), right)
        at_90 = threshold_of(p, targets)
        found |= {
            "accuracy": interval(right.astype(float)),
            "top3": interval(top(p, targets, 3).astype(float)),
            "balanced_accuracy": round(float(np.mean([row["recall"] for row in rows if row["n"]])), 4),
            "majority": round(float(targets.mean(axis=0).max()), 4),
            "confusion": confusion(p, targets).tolist(),
            "answered_at_90": None if at_90 is None else {"from": round(at_90[0], 4), "share": round(at_90[1], 4)},
        }
    else:
        error, bins = calibration_error(p.ravel(), targets.ravel())
        areas = [row["auc"] for row in rows if row["auc"] is not None]
        found |= {
            "macro_auc": round(float(np.mean(areas)), 4) if areas else None,
            "macro_f1": round(float(np.mean([row["f1"] for row in rows])), 4),
            "exact": interval(((p >= YES) == targets).all(axis=1).astype(float)),
        }
    found["calibration"] = {"error": round(error, 4), "bins": [bin_.to_dict() for bin_ in bins]}
    return found | {"by_label": rows}
