"""Choosing features and family by cross-validation, and judging the choice by clips that took no part in it.

Nested: the folds by which a candidate is chosen lie within the clips that an outer fold trains on, so the outer folds'
figures flatter no choice (Varma and Simon, "Bias in error estimation when using cross-validation for model selection",
2006). Groups stay together in both. Candidates are compared by the log-loss of clips left out, which asks for right
answers and for honest probabilities.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from classifier.labels.scoring import families
from classifier.labels.scoring.model import probabilities
from classifier.labels.training.estimators import Arrays, Candidate, fit
from classifier.labels.training.folds import Split, grouped_folds, groups_of_each
from classifier.labels.training.temperature import fit_temperature, log_loss

INNER, OUTER = 4, 5
#: Clips from which logistic regression, calibrated by its training, gets a temperature too.
CALIBRATED_FROM = 200
#: Below so many groups of a label, a figure is no estimate.
FEWEST_GROUPS = 5
_ABSENT = -10.0


@dataclass(frozen=True, slots=True)
class Problem:
    """Clips as numbers.

    Parameters
    ----------
    rows : mapping of str to np.ndarray, shape (n, d)
        Features by view.
    targets : np.ndarray, shape (n, k), bool
        Labels; of exclusive ones, one a row.
    groups : sequence of str, length n
        What keeps clips together.
    kind : {"exclusive", "multiple"}
        Of the labels.
    standardise : bool
        Whether features are brought to mean 0 and variance 1 first.
    kin : mapping of str to np.ndarray, shape (d, k)
        By view, which features are named like which labels (:mod:`classifier.labels.training.kin`), if any are.
    """

    rows: Mapping[str, np.ndarray]
    targets: np.ndarray
    groups: Sequence[str]
    kind: str
    standardise: bool = True
    kin: Mapping[str, np.ndarray] = field(default_factory=dict)

    def part(self, indices: np.ndarray) -> Problem:
        """Return some of the clips."""
        rows = {view: values[indices] for view, values in self.rows.items()}
        groups = [self.groups[i] for i in indices]
        return replace(self, rows=rows, targets=self.targets[indices], groups=groups)


@dataclass(frozen=True, slots=True)
class Fitted:
    """A view, a candidate, and the arrays of a model of both (:mod:`classifier.labels.scoring.model`)."""

    view: str
    candidate: Candidate
    arrays: Arrays


@dataclass(frozen=True, slots=True)
class Choice:
    """What cross-validation chose, with the log-loss of its folds in nats and the losses of all that were tried."""

    view: str
    candidate: Candidate
    temperature: np.ndarray
    loss: float
    tried: tuple[tuple[str, str, float], ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """Probabilities of clips by models that did not hear them.

    Parameters
    ----------
    p : np.ndarray, shape (m, k)
        Probabilities.
    clips : np.ndarray, shape (m,)
        Indices of the clips.
    choices : tuple of Choice
        Of each fold.
    """

    p: np.ndarray
    clips: np.ndarray
    choices: tuple[Choice, ...]


Tick = Callable[[], None]


def fit_arrays(problem: Problem, view: str, chosen: Candidate, seed: int) -> Arrays:
    """Return the arrays of a model, with temperatures of 1."""
    rows = problem.rows[view]
    d, k = rows.shape[1], problem.targets.shape[1]
    arrays: Arrays = {"centre": np.zeros(d), "scale": np.ones(d)}
    if problem.standardise:
        spread = rows.std(axis=0)
        arrays = {"centre": rows.mean(axis=0), "scale": np.where(spread > 1e-12, spread, 1.0)}
    z, kin = (rows - arrays["centre"]) / arrays["scale"], problem.kin.get(view)
    if problem.kind == "exclusive":
        own = fit(chosen, z, problem.targets.argmax(axis=1), k, seed, kin)
        return {**arrays, "temperature": np.ones(1), **own}
    arrays["temperature"] = np.ones(k)
    for label in range(k):
        own = fit(chosen, z, problem.targets[:, label].astype(int), 2, seed, _of_pair(kin, label))
        arrays |= {f"label{label}_{name}": array for name, array in own.items()}
    return arrays


def left_out_scores(problem: Problem, view: str, chosen: Candidate, split: Split, seed: int) -> np.ndarray:
    """Return scores (m, k) of the test clips of a split; a label that no training clip has scores least."""
    train, test = split
    z_train, z_test = problem.rows[view][train], problem.rows[view][test]
    if problem.standardise:
        centre, spread = z_train.mean(axis=0), z_train.std(axis=0)
        spread = np.where(spread > 1e-12, spread, 1.0)
        z_train, z_test = (z_train - centre) / spread, (z_test - centre) / spread
    targets, kin = problem.targets[train], problem.kin.get(view)
    if problem.kind == "exclusive":
        return _scores(chosen, z_train, targets.argmax(axis=1), z_test, targets.shape[1], seed, kin)
    columns = []
    for label in range(targets.shape[1]):
        pair = _scores(chosen, z_train, targets[:, label].astype(int), z_test, 2, seed, _of_pair(kin, label))
        columns.append(pair[:, 1] - pair[:, 0])
    return np.stack(columns, axis=1)


def _of_pair(kin: np.ndarray | None, label: int) -> np.ndarray | None:
    """Return the features named like a label, half of it for yes and half against no: shape (d, 2)."""
    return None if kin is None else kin[:, [label]] * np.array([[-0.5, 0.5]])


def _scores(
    chosen: Candidate,
    rows: np.ndarray,
    labels: np.ndarray,
    test: np.ndarray,
    k: int,
    seed: int,
    kin: np.ndarray | None,
) -> np.ndarray:
    present, compact = np.unique(labels, return_inverse=True)
    if len(present) < 2:
        found = np.zeros((len(test), 1))
    else:
        arrays = fit(chosen, rows, compact, len(present), seed, None if kin is None else kin[:, present])
        found = families.score(chosen.family, arrays, test, len(present))
    scores = np.tile(found.min(axis=1, keepdims=True) + _ABSENT, (1, k))
    scores[:, present] = found
    return scores


def choose(
    problem: Problem, tried: Sequence[Candidate], splits: Sequence[Split], seed: int, tick: Tick = lambda: None
) -> Choice:
    """Return the view and candidate of least log-loss over some folds, the earlier one of a tie.

    Parameters
    ----------
    problem : Problem
        Clips; all its views are tried.
    tried : sequence of Candidate
        At least one.
    splits : sequence of (np.ndarray, np.ndarray)
        Folds.
    seed : int
        Of the fits.
    tick : callable
        Called after every fit.
    """
    truth = problem.targets[np.concatenate([test for _, test in splits])]
    best: Choice | None = None
    losses = []
    for view in problem.rows:
        for one in tried:
            if one.needs_kin and view not in problem.kin:
                continue  # it would be the same as without
            parts = []
            for split in splits:
                parts.append(left_out_scores(problem, view, one, split, seed))
                tick()
            scores = np.concatenate(parts)
            temperature = np.ones(1 if problem.kind == "exclusive" else truth.shape[1])
            if one.family != "logistic" or one.needs_kin or len(truth) >= CALIBRATED_FROM:
                temperature = fit_temperature(scores, truth, problem.kind)
            loss = log_loss(probabilities(scores / temperature, problem.kind), truth, problem.kind)
            losses.append((view, str(one), loss))
            if best is None or loss < best.loss - 1e-12:
                best = Choice(view, one, temperature, loss, ())
    assert best is not None, "there is always a view and a candidate"
    return replace(best, tried=tuple(sorted(losses, key=lambda item: item[2])))


def judge(
    problem: Problem,
    tried: Sequence[Candidate],
    outer: Sequence[Split],
    seed: int,
    tick: Tick = lambda: None,
    inner_groups: Sequence[str] | None = None,
) -> Judged:
    """Return probabilities of the outer folds' test clips, the choice made anew within each one's training clips.

    Parameters
    ----------
    problem, tried, seed, tick
        As :func:`choose` takes them.
    outer : sequence of (np.ndarray, np.ndarray)
        Folds; a split of others is one.
    inner_groups : sequence of str, optional
        What keeps clips together within the inner folds, if not the problem's groups.
    """
    parts, choices = [], []
    for number, (train, test) in enumerate(outer):
        inner = problem.part(train)
        groups = inner.groups if inner_groups is None else [inner_groups[i] for i in train]
        splits = inner_splits(inner.targets, groups, seed + number)
        chosen = choose(inner, tried, splits, seed, tick)
        scores = left_out_scores(problem, chosen.view, chosen.candidate, (train, test), seed)
        parts.append(probabilities(scores / chosen.temperature, problem.kind))
        choices.append(chosen)
        tick()
    return Judged(np.concatenate(parts), np.concatenate([test for _, test in outer]), tuple(choices))


def fits_of(n_views: int, n_tried: int, n_outer: int) -> int:
    """Return about how many fits :func:`judge` makes."""
    return n_outer * (n_views * n_tried * INNER + 1)


def inner_splits(targets: np.ndarray, groups: Sequence[str], seed: int) -> list[Split]:
    """Return folds to choose by: four, fewer if labels occur in fewer groups, and at least two."""
    fewest = int(groups_of_each(targets, groups).min())
    return grouped_folds(targets, groups, max(2, min(INNER, fewest)), seed)


def outer_splits(targets: np.ndarray, groups: Sequence[str], seed: int, n_folds: int = OUTER) -> list[Split]:
    """Return folds to judge by: five, fewer if labels occur in fewer groups; none if one occurs in a single group."""
    fewest = int(groups_of_each(targets, groups).min())
    return [] if fewest < 2 else grouped_folds(targets, groups, min(n_folds, fewest), seed)


def final(problem: Problem, tried: Sequence[Candidate], seed: int, tick: Tick = lambda: None) -> tuple[Choice, Fitted]:
    """Choose by folds over all clips, and fit what was chosen on all of them."""
    chosen = choose(problem, tried, inner_splits(problem.targets, problem.groups, seed), seed, tick)
    arrays = fit_arrays(problem, chosen.view, chosen.candidate, seed)
    arrays["temperature"] = chosen.temperature
    return chosen, Fitted(chosen.view, chosen.candidate, arrays)
