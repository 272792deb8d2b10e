"""Calibration by one number: a temperature, fitted on scores of clips that the classifier was not trained on.

Dividing scores by a temperature before the softmax changes no ranking (Guo et al., "On calibration of modern neural
networks", 2017). Of several labels, each has a temperature of its own.
"""

from __future__ import annotations

import numpy as np

from classifier.labels.scoring.model import FLOOR, probabilities

_LOW, _HIGH = np.log(0.01), np.log(100.0)
_STEPS = 60  # of the golden section: to 10^-11 of the interval
_GOLDEN = (5**0.5 - 1) / 2


def log_loss(p: np.ndarray, targets: np.ndarray, kind: str) -> float:
    """Return the mean negative log-likelihood a clip, nats; of several labels, the mean over them too.

    Parameters
    ----------
    p : np.ndarray, shape (n, k)
        Probabilities.
    targets : np.ndarray, shape (n, k), bool
        Labels.
    kind : {"exclusive", "multiple"}
        Of the labels.
    """
    p = np.clip(p, FLOOR, 1 - FLOOR)
    if kind == "exclusive":
        return float(-np.log(p[targets]).sum() / len(p))
    return float(-np.where(targets, np.log(p), np.log(1 - p)).mean())


def fit_temperature(scores: np.ndarray, targets: np.ndarray, kind: str) -> np.ndarray:
    """Return the temperatures of least log-loss, between 0.01 and 100, shape (1,), or of several labels (k,)."""
    if kind == "exclusive":
        return np.array([_best(scores, targets, kind)])
    return np.array([_best(scores[:, [i]], targets[:, [i]], kind) for i in range(scores.shape[1])])


def _best(scores: np.ndarray, targets: np.ndarray, kind: str) -> float:
    """Golden section over the logarithm: log-loss has one minimum in 1 / T, in which it is convex."""

    def loss(log_t: float) -> float:
        return log_loss(probabilities(scores / np.exp(log_t), kind), targets, kind)

    low, high = float(_LOW), float(_HIGH)
    a, b = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_a, at_b = loss(a), loss(b)
    for _ in range(_STEPS):
        if at_a <= at_b:
            high, b, at_b = b, a, at_a
            a = high - _GOLDEN * (high - low)
            at_a = loss(a)
        else:
            low, a, at_a = a, b, at_b
            b = low + _GOLDEN * (high - low)
            at_b = loss(b)
    return float(np.exp((low + high) / 2))
