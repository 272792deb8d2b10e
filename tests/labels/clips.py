"""Labelled points from a seed: what the tests of models train on."""

from __future__ import annotations

import numpy as np

from classifier.labels.scoring.model import LabelModel
from classifier.labels.training.estimators import Candidate
from classifier.labels.training.selection import Problem, fit_arrays


def blobs(n: int, d: int, k: int, seed: int, apart: float = 1.5) -> tuple[np.ndarray, np.ndarray]:
    """Return n points in d dimensions about k centres, and their labels; every label occurs."""
    draw = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(k), draw.integers(0, k, n - k)])
    centres = apart * draw.standard_normal((k, d))
    return centres[labels] + draw.standard_normal((n, d)), labels


def one_hot(labels: np.ndarray, k: int) -> np.ndarray:
    """Return labels as (n, k) of bool."""
    return np.eye(k, dtype=bool)[labels]


def fitted(
    chosen: Candidate, n: int = 60, d: int = 5, k: int = 3, seed: int = 0, kind: str = "exclusive"
) -> LabelModel:
    """Return a model of points from a seed."""
    rows, labels = blobs(n, d, k, seed)
    targets = one_hot(labels, k)
    if kind == "multiple":
        targets |= one_hot(np.roll(labels, 1), k)
    problem = Problem({"table": rows}, targets, [str(i) for i in range(n)], kind)
    return LabelModel(
        task="toy",
        kind=kind,
        labels=tuple("abcdefghij"[:k]),
        family=chosen.family,
        view="table",
        extractors=(),
        columns=tuple(f"x{i}" for i in range(d)),
        arrays=fit_arrays(problem, "table", chosen, seed),
        card={"summary": "points"},
    )
