"""Protocols: by which split a model is judged, the flattering ones beside the honest ones.

``random clips`` puts clips of one artist, even pieces of one song, on both sides; it is how most published figures
came about, and it is only ever shown beside an honest one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from classifier.errors import InvalidInput
from classifier.labels.training.dataset import NO_GROUP, Dataset
from classifier.labels.training.estimators import Candidate
from classifier.labels.training.figures import figures
from classifier.labels.training.folds import Split
from classifier.labels.training.selection import Judged, Problem, Tick, judge, outer_splits


@dataclass(frozen=True, slots=True)
class Protocol:
    """A way to judge.

    Parameters
    ----------
    name : str
        For a person.
    leaky : bool
        Whether clips that belong together lie on both sides.
    splits : list of (np.ndarray, np.ndarray)
        Folds.
    units : list of str, length n
        What stays together, within the folds by which a choice is made too.
    """

    name: str
    leaky: bool
    splits: list[Split]
    units: list[str]


def protocols(dataset: Dataset, seed: int) -> list[Protocol]:
    """Return the protocols that suit a data set: leaky ones first, then those by groups and by splits of others.

    Parameters
    ----------
    dataset : Dataset
        Clips with their groups, songs, splits and folds, as far as these are given.
    seed : int
        Of the folds.
    """
    targets = dataset.targets
    alone = [clip.name for clip in dataset.clips]
    songs = [clip.song or clip.name for clip in dataset.clips]
    found = [Protocol("random clips", True, outer_splits(targets, alone, seed), alone)]
    if len(set(songs)) < len(songs):
        found.append(Protocol("by song", True, outer_splits(targets, songs, seed), songs))
    if dataset.grouping != NO_GROUP:
        by_group = outer_splits(targets, dataset.groups, seed)
        found.append(Protocol(f"by {dataset.grouping}", False, by_group, dataset.groups))
    found += [Protocol(name, False, splits, dataset.groups) for name, splits in _given(dataset)]
    return [protocol for protocol in found if protocol.splits]


def _given(dataset: Dataset) -> list[tuple[str, list[Split]]]:
    split = np.array([clip.split for clip in dataset.clips])
    fold = np.array([clip.fold for clip in dataset.clips])
    found = []
    test = np.flatnonzero(split == "test")
    for name, parts in (
        ("given split", ("train",)),
        ("given split, trained on validation clips too", ("train", "valid")),
    ):
        train = np.flatnonzero(np.isin(split, parts))
        if len(train) and len(test) and (len(parts) == 1 or (split == "valid").any()):
            found.append((name, [(train, test)]))
    names = [name for name in np.unique(fold) if name]
    if len(names) > 1:
        splits = [(np.flatnonzero((fold != "") & (fold != name)), np.flatnonzero(fold == name)) for name in names]
        found.append((f"{len(names)} given folds", splits))
    return found


def most_honest(dataset: Dataset, seed: int) -> Protocol:
    """Return the last of the protocols: by splits of others if there are any, else by groups.

    Raises
    ------
    InvalidInput
        If the clips allow none.
    """
    found = protocols(dataset, seed)
    if not found:
        raise InvalidInput("nothing is left to judge by: a label occurs in one group only; add clips of other groups")
    return found[-1]


def run(
    protocol: Protocol,
    problem: Problem,
    tried: Sequence[Candidate],
    labels: Sequence[str],
    seed: int,
    tick: Tick = lambda: None,
) -> tuple[Judged, dict[str, Any]]:
    """Judge by a protocol, the choice of features and family made anew within every fold.

    Returns
    -------
    Judged
        Probabilities of the test clips.
    dict
        The JSON object: ``name``, ``leaky``, ``folds``, ``chosen`` in each fold, ``figures``.
    """
    judged = judge(problem, tried, protocol.splits, seed, tick, protocol.units)
    groups = [problem.groups[i] for i in judged.clips]
    values = figures(judged.p, problem.targets[judged.clips], groups, labels, problem.kind, seed)
    chosen = [f"{choice.view}: {choice.candidate}" for choice in judged.choices]
    return judged, {
        "name": protocol.name,
        "leaky": protocol.leaky,
        "folds": len(protocol.splits),
        "chosen": chosen,
        "figures": values,
    }
