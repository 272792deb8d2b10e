"""Judging features and families on labelled clips: by every protocol they allow, and under worse conditions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from classifier.audio.decoder import Decoder
from classifier.demo.phone import mix_at_snr
from classifier.errors import InvalidInput
from classifier.labels import views
from classifier.labels.scoring import families
from classifier.labels.scoring.model import probabilities
from classifier.labels.sets import restricted
from classifier.labels.training import extraction
from classifier.labels.training.dataset import Dataset
from classifier.labels.training.estimators import Candidate, candidate
from classifier.labels.training.figures import bootstrap, figures, top
from classifier.labels.training.protocols import Protocol, protocols, run
from classifier.labels.training.selection import (
    Judged,
    Problem,
    Tick,
    choose,
    fit_arrays,
    inner_splits,
    judge,
    left_out_scores,
)
from classifier.labels.training.train import Prepared
from classifier.noise.babble import babble
from classifier.settings import Settings

#: Lengths, seconds, and levels of music over a talking crowd, dB, at which a model is tried.
LENGTHS_S, SNR_DB = (3.0, 5.0, 10.0), (20.0, 10.0, 5.0)
_CROWDS, _CROWD_S = 4, 31
_HELD_OUT = 0.1


def evaluate(dataset: Dataset, prepared: Prepared, seed: int, tick: Tick = lambda: None) -> list[dict[str, Any]]:
    """Return the figures of every protocol, leaky ones first.

    Parameters
    ----------
    dataset, prepared
        Clips, and as numbers.
    seed : int
        Of folds, fits and intervals.
    tick : callable
        Called after each fit.
    """
    return [
        run(protocol, prepared.problem, prepared.tried, dataset.labels, seed, tick)[1]
        for protocol in protocols(dataset, seed)
    ]


# --- worse conditions ---------------------------------------------------------------------------------------


def conditions(
    settings: Settings,
    decoder: Decoder,
    dataset: Dataset,
    prepared: Prepared,
    done: extraction.Done,
    lengths_s: Sequence[float] = LENGTHS_S,
    snr_db: Sequence[float] = SNR_DB,
) -> dict[str, dict[str, np.ndarray]]:
    """Return the features of all clips, shortened and under talk: by condition and view, shape (n, d).

    Parameters
    ----------
    settings, decoder
        For the recordings.
    dataset, prepared
        Clips, and as numbers; a table has no conditions.
    done : callable
        Told how many recordings of all conditions are done.
    lengths_s, snr_db : sequence of float
        Seconds from the middle; level over a talking crowd, dB.
    """
    paths = [clip.path for clip in dataset.clips if clip.path is not None]
    if not paths:
        return {}
    chosen = [views.VIEWS[name] for name in prepared.problem.rows]
    needs = list(dict.fromkeys(name for view in chosen for name in view.needs))
    changes: dict[str, extraction.Change] = {f"{length:g} s": _middle(length) for length in lengths_s}
    crowds = _Crowds(seed=7)
    changes |= {f"talk at {level:g} dB": crowds.over(level) for level in snr_db}
    found = {}
    for number, (name, change) in enumerate(changes.items()):
        told = _after(done, number * len(paths))
        vectors = extraction.changed_vectors(settings, decoder, paths, needs, change, told)
        found[name] = {view.name: view.rows(vectors) for view in chosen}
    return found


def _after(done: extraction.Done, before: int) -> extraction.Done:
    return lambda count: done(before + count)


def n_conditions() -> int:
    """Return how many conditions there are."""
    return len(LENGTHS_S) + len(SNR_DB)


def _middle(length_s: float) -> extraction.Change:
    def change(samples: np.ndarray, rate: int) -> np.ndarray:
        size = round(length_s * rate)
        start = max(0, (len(samples) - size) // 2)
        return samples[start : start + size]

    return change


class _Crowds:
    """A few talking crowds, made when first needed; clip after clip gets the next one."""

    def __init__(self, seed: int) -> None:
        self._seed, self._count = seed, 0
        self._made: dict[tuple[int, int], np.ndarray] = {}

    def over(self, snr_db: float) -> extraction.Change:
        """Return what puts music above a crowd by so many dB."""

        def change(samples: np.ndarray, rate: int) -> np.ndarray:
            key = (rate, self._count % _CROWDS)
            self._count += 1
            if key not in self._made:
                self._made[key] = babble(_CROWD_S * rate, rate, self._seed + key[1])
            return mix_at_snr(samples, np.resize(self._made[key], len(samples)), snr_db)

        return change


def under_conditions(
    dataset: Dataset,
    prepared: Prepared,
    changed: dict[str, dict[str, np.ndarray]],
    seed: int,
    tick: Tick = lambda: None,
) -> list[dict[str, Any]]:
    """Return figures under each condition, by the most honest protocol, of models trained on the clips as they are."""
    protocol = protocols(dataset, seed)[-1]
    problem = prepared.problem
    scores: dict[str, list[np.ndarray]] = {name: [] for name in changed}
    for number, (train, test) in enumerate(protocol.splits):
        inner = problem.part(train)
        splits = inner_splits(inner.targets, [protocol.units[i] for i in train], seed + number)
        chosen = choose(inner, prepared.tried, splits, seed, tick)
        arrays = fit_arrays(inner, chosen.view, chosen.candidate, seed)
        tick()
        for name, rows in changed.items():
            z = (rows[chosen.view][test] - arrays["centre"]) / arrays["scale"]
            scores[name].append(_score(arrays, chosen.candidate.family, z, problem) / chosen.temperature)
    clips = np.concatenate([test for _, test in protocol.splits])
    groups = [problem.groups[i] for i in clips]
    found = []
    for name, parts in scores.items():
        p = probabilities(np.concatenate(parts), problem.kind)
        values = figures(p, problem.targets[clips], groups, dataset.labels, problem.kind, seed)
        found.append({"name": name, "protocol": protocol.name, "figures": values})
    return found


def _score(arrays: dict[str, np.ndarray], family: str, z: np.ndarray, problem: Problem) -> np.ndarray:
    k = problem.targets.shape[1]
    if problem.kind == "exclusive":
        own = {name: array for name, array in arrays.items() if name not in ("centre", "scale", "temperature")}
        return families.score(family, own, z, k)
    columns = []
    for label in range(k):
        start = f"label{label}_"
        own = {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}
        pair = families.score(family, own, z, 2)
        columns.append(pair[:, 1] - pair[:, 0])
    return np.stack(columns, axis=1)


# --- comparing ----------------------------------------------------------------------------------------------

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
    draws = _draws(dataset.targets, seed, repeats)
    raw = Problem({view: prepared.problem.rows[view]}, dataset.targets, dataset.groups, "exclusive", standardise=False)
    gamma = 1.0 / raw.rows[view].shape[1]
    rows = []
    for name, chosen in EARLIER:
        if chosen.family in ("svm-rbf", "svm-poly"):
            chosen = candidate(chosen.family, **chosen.values, gamma=gamma)
        rows.append(_compared(f"{name}, {view} as it is", raw, [chosen], draws, honest, seed, tick, nested=False))
    rows.append(_compared("chosen among all", prepared.problem, prepared.tried, draws, honest, seed, tick, nested=True))
    return rows


def n_compared(n_views: int, n_tried: int, n_honest: int, repeats: int = 5) -> int:
    """Return about how many fits :func:`compare` makes."""
    return (repeats + 5 * n_honest) * (len(EARLIER) + 4 * n_views * n_tried + 1)


def _draws(targets: np.ndarray, seed: int, repeats: int) -> list[tuple[np.ndarray, np.ndarray]]:
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
    honest = protocols(dataset, seed)[-1]
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


def write_charts(
    found: list[dict[str, Any]], labels: Sequence[str], folder: Path, what: Callable[[str], str]
) -> list[Path]:
    """Write a confusion matrix and a reliability diagram of each protocol into a folder; returns the files."""
    from classifier.labels.svg import confusion_svg, reliability_svg

    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for number, one in enumerate(found, start=1):
        values = one["figures"]
        charts = {
            "reliability": reliability_svg(
                values["calibration"]["bins"], values["calibration"]["error"], what(one["name"])
            )
        }
        if "confusion" in values:
            charts["confusion"] = confusion_svg(np.array(values["confusion"]), labels, what(one["name"]))
        for kind, text in charts.items():
            path = folder / f"{number}-{kind}.svg"
            path.write_text(text, "utf-8")
            written.append(path)
    return written
