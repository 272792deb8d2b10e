"""Comparisons: classifiers of an earlier genre service beside ours, and subsets of labels beside one another."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from classifier.errors import InvalidInput
from classifier.labels.sets import restricted
from classifier.labels.training.dataset import Dataset
from classifier.labels.training.estimators import Candidate, candidate
from classifier.labels.training.figures import bootstrap, top
from classifier.labels.training.protocols import Protocol, most_honest, protocols
from classifier.labels.training.selection import Judged, Problem, Tick, choose, inner_splits, judge, left_out_scores
from classifier.labels.training.train import Prepared

_HELD_OUT = 0.1

#: What an earlier genre service compared, on features as they are: name, candidate.
EARLIER = (
    ("kNN, 5 neighbours", candidate("neighbours", neighbours=5)),
    ("logistic regression", candidate("logistic", C=1.0)),
    ("SVM, linear", candidate("svm-linear", C=1.0)),
    ("SVM, RBF", candidate("svm-rbf", C=1.0)),
    ("SVM, polynomial", candidate("svm-poly", C=1.0, degree=3, coef0=0.0)),
)


def compare(
    dataset: Dataset, prepared: Prepared, view: str, seed: int, repeats: int = 5, tick: Tick = lambda: None
) -> list[dict[str, Any]]:
    """Return accuracies of the earlier service's classifiers, and of ours, by its protocol and by an honest one.

    Its protocol: a tenth of each label's clips drawn at random are tested, five times. Its classifiers take features as
    they are, of one view; gamma of both kernels is 1 over their number. Ours are chosen among all views and families.

    Parameters
    ----------
    dataset, prepared
        Clips, and as numbers; exclusive labels.
    view : str
        What the earlier classifiers hear: a view among the prepared ones.
    seed : int
        Of all chance.
    repeats : int
        Draws of the earlier protocol.
    tick : callable
        Called after each fit.
    """
    if dataset.kind != "exclusive":
        raise InvalidInput("the comparison is of labels that exclude each other: these clips have several")
    honest = [protocol for protocol in protocols(dataset, seed) if not protocol.leaky]
    tenths = draws(dataset.targets, seed, repeats)
    raw = Problem({view: prepared.problem.rows[view]}, dataset.targets, dataset.groups, "exclusive", standardise=False)
    gamma = 1.0 / raw.rows[view].shape[1]
    rows = []
    for name, chosen in EARLIER:
        if chosen.family in ("svm-rbf", "svm-poly"):
            chosen = candidate(chosen.family, **chosen.values, gamma=gamma)
        rows.append(_compared(f"{name}, {view} as it is", raw, [chosen], tenths, honest, seed, tick, nested=False))
    rows.append(
        _compared("chosen among all", prepared.problem, prepared.tried, tenths, honest, seed, tick, nested=True)
    )
    return rows


def n_compared(n_views: int, n_tried: int, n_honest: int, repeats: int = 5) -> int:
    """Return about how many fits :func:`compare` makes."""
    return (repeats + 5 * n_honest) * (len(EARLIER) + 4 * n_views * n_tried + 1)


def draws(targets: np.ndarray, seed: int, repeats: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return splits with a tenth of each label's clips, one at least, to test."""
    draw = np.random.default_rng(seed)
    labels = targets.argmax(axis=1)
    found = []
    for _ in range(repeats):
        parts = []
        for label in range(targets.shape[1]):
            own = draw.permutation(np.flatnonzero(labels == label))
            parts.append(own[: max(1, round(_HELD_OUT * len(own)))])
        test = np.sort(np.concatenate(parts))
        found.append((np.setdiff1d(np.arange(len(labels)), test), test))
    return found


def _compared(
    name: str,
    problem: Problem,
    tried: Sequence[Candidate],
    draws: list[tuple[np.ndarray, np.ndarray]],
    honest: Sequence[Protocol],
    seed: int,
    tick: Tick,
    *,
    nested: bool,
) -> dict[str, Any]:
    def right(splits: list[tuple[np.ndarray, np.ndarray]], units: list[str]) -> list[np.ndarray]:
        found = []
        for number, split in enumerate(splits):
            view, chosen = next(iter(problem.rows)), tried[0]
            if nested:
                inner = problem.part(split[0])
                folds = inner_splits(inner.targets, [units[i] for i in split[0]], seed + number)
                choice = choose(inner, tried, folds, seed, tick)
                view, chosen = choice.view, choice.candidate
            scores = left_out_scores(problem, view, chosen, split, seed)
            tick()
            found.append(top(scores, problem.targets[split[1]], 1))
        return found

    alone = [str(i) for i in range(len(problem.targets))]
    each = [float(hits.mean()) for hits in right(draws, alone)]
    row: dict[str, Any] = {"name": name, "random_90_10": {"mean": float(np.mean(each)), "sd": float(np.std(each))}}
    for protocol in honest:
        hits = np.concatenate(right(protocol.splits, protocol.units))
        clips = np.concatenate([test for _, test in protocol.splits])
        figure = bootstrap(hits.astype(float), [problem.groups[i] for i in clips], seed)
        row.setdefault("honest", []).append({"name": protocol.name, "accuracy": figure.to_dict()})
    return row


# --- subsets ------------------------------------------------------------------------------------------------


def subsets(
    dataset: Dataset, prepared: Prepared, size: int, seed: int, most: int = 10, tick: Tick = lambda: None
) -> dict[str, Any]:
    """Find the labels that are told apart best, and what that choice is worth.

    A model of all labels is restricted to a subset: the most probable of its labels is the answer. The best subset of
    many is best by luck too, so the figure that counts comes from folds whose clips took no part in choosing it.

    Parameters
    ----------
    dataset, prepared
        Clips, and as numbers; exclusive labels.
    size : int
        Labels of a subset, at least 2 and less than there are.
    seed : int
        Of all chance.
    most : int
        Subsets listed.
    tick : callable
        Called after each fit.

    Returns
    -------
    dict
        ``best``: subsets with the accuracy by which they were found; ``nested``: the accuracy of subsets chosen on
        other clips, and which were; ``median`` over all subsets.
    """
    labels, k = dataset.labels, len(dataset.labels)
    if dataset.kind != "exclusive":
        raise InvalidInput("subsets are of labels that exclude each other: these clips have several")
    if not 2 <= size < k:
        raise InvalidInput(f"a subset of {size} of {k} labels: choose from 2 to {k - 1}")
    every = list(combinations(range(k), size))
    honest = most_honest(dataset, seed)
    problem = prepared.problem
    whole = _left_out(problem, prepared, honest.splits, honest.units, seed, tick)
    found = [_subset_accuracy(whole.p, problem.targets[whole.clips], subset) for subset in every]
    hits, chosen = [], []
    for number, (train, test) in enumerate(honest.splits):
        inner = problem.part(train)
        units = [honest.units[i] for i in train]
        judged = _left_out(inner, prepared, inner_splits(inner.targets, units, seed + number), units, seed, tick)
        inside = [_subset_accuracy(judged.p, inner.targets[judged.clips], subset) for subset in every]
        best = every[int(np.argmax(inside))]
        chosen.append([labels[i] for i in best])
        hits.append(
            _subset_hits(
                whole.p[np.isin(whole.clips, test)], problem.targets[whole.clips[np.isin(whole.clips, test)]], best
            )
        )
    right = np.concatenate(hits)
    order = np.argsort(-np.array(found), kind="stable")[:most]
    return {
        "size": size,
        "subsets": len(every),
        "protocol": honest.name,
        "best": [{"labels": [labels[i] for i in every[j]], "accuracy": round(found[j], 4)} for j in order],
        "median": round(float(np.median(found)), 4),
        "nested": {
            "accuracy": bootstrap(right.astype(float), [str(i) for i in range(len(right))], seed).to_dict(),
            "chosen": chosen,
        },
    }


def _left_out(problem: Problem, prepared: Prepared, splits: Any, units: Sequence[str], seed: int, tick: Tick) -> Judged:
    return judge(problem, prepared.tried, splits, seed, tick, units)


def _subset_hits(p: np.ndarray, targets: np.ndarray, subset: tuple[int, ...]) -> np.ndarray:
    inside = targets[:, list(subset)].any(axis=1)
    names = tuple(str(i) for i in range(p.shape[1]))
    part, _ = restricted(p[inside], names, tuple(str(i) for i in subset))
    return top(part, targets[inside][:, list(subset)], 1)


def _subset_accuracy(p: np.ndarray, targets: np.ndarray, subset: tuple[int, ...]) -> float:
    hits = _subset_hits(p, targets, subset)
    return float(hits.mean()) if len(hits) else 0.0
