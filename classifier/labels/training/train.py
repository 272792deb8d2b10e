"""Training: from labelled clips to a model with its card."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from classifier.errors import EarmarkError, InvalidInput, WeightsMissing
from classifier.labels import views, weights
from classifier.labels.hearing import Ears
from classifier.labels.scoring.files import check_task
from classifier.labels.scoring.model import LabelModel, probabilities
from classifier.labels.training import card, extraction
from classifier.labels.training.dataset import Dataset, check_seed
from classifier.labels.training.estimators import Candidate, candidates
from classifier.labels.training.figures import figures, threshold_of
from classifier.labels.training.foreign import fit_foreign
from classifier.labels.training.kin import kin
from classifier.labels.training.protocols import protocols, run
from classifier.labels.training.selection import (
    INNER,
    Choice,
    Judged,
    Problem,
    final,
    fits_of,
    inner_splits,
    left_out_scores,
    outer_splits,
)

#: Below this probability an answer is "uncertain" where too few clips say better.
UNCERTAIN = 0.5
_MOST_CLIPS_KEPT = 20_000
_MOST_CLIPS_NAMED = 2000
_FOREIGN_VIEW = "tag-logits"
_FEWEST_FOR_THRESHOLD = 50

#: What a task hears unless told otherwise. Of mood, only tags and keys carried over from one synthesiser to another.
DEFAULT_VIEWS = {"mood": ("tag-logits", "tags-key-mode")}
_USUAL, _WITHOUT_WEIGHTS = ("penultimate", "tags"), ("mfcc-104-log",)

Progress = Callable[[str, int], Any]


@dataclass(frozen=True, slots=True)
class Prepared:
    """Clips as numbers, and what was made of them.

    Parameters
    ----------
    dataset : Dataset
        The clips that could be heard; copies of one sound are in one group.
    failed : dict of str to EarmarkError
        By name, the clips that could not be heard, and why.
    twins : list of list of int
        Clips that are the same sound.
    problem, tried, columns, extractors, foreign
        The problem, candidates to try, of each view columns and extractors, and by what foreign sound is told.
    """

    dataset: Dataset
    failed: dict[str, EarmarkError]
    twins: list[list[int]]
    problem: Problem
    tried: list[Candidate]
    columns: Mapping[str, tuple[str, ...]]
    extractors: Mapping[str, tuple[str, ...]]
    foreign: np.ndarray | None


def default_views(task: str, weights_dir: Path) -> tuple[tuple[str, ...], str]:
    """Return the features that a task hears unless told otherwise, and a remark if they are second best."""
    try:
        weights.manifest("musicnn-msd", weights_dir)
    except WeightsMissing as error:
        return _WITHOUT_WEIGHTS, f"training on {_WITHOUT_WEIGHTS[0]}, which is far worse than the network's: {error}"
    return DEFAULT_VIEWS.get(task, _USUAL), ""


def prepare(
    dataset: Dataset,
    chosen: Sequence[str],
    families: Iterable[str] | None,
    ears: Ears | None,
    done: extraction.Done = lambda _: None,
) -> Prepared:
    """Turn clips into numbers; those that cannot be heard are left out.

    Parameters
    ----------
    dataset : Dataset
        Clips or a table.
    chosen : sequence of str
        Views; of a table, those whose columns it has, or else the table as it is.
    families : iterable of str or None
        Families to try; None for those that suit the number of clips.
    ears : Ears or None
        Hears recordings; a table needs none.
    done : callable
        Told after each recording how many are done.

    Raises
    ------
    InvalidInput
        If too few clips can be heard.
    """
    logits = views.VIEWS[_FOREIGN_VIEW]
    foreign = None
    failed: dict[str, EarmarkError] = {}
    if dataset.columns:
        rows = _of_table(dataset, chosen)
        if _FOREIGN_VIEW in _matching(dataset):
            foreign = logits.of_columns(_sorted(dataset, logits.columns))
    else:
        found = [views.view(name) for name in chosen]
        needs = dict.fromkeys(name for view in found for name in view.needs)
        paths = [clip.path for clip in dataset.clips if clip.path is not None]
        assert ears is not None, "recordings need ears"
        vectors, faults = extraction.vectors(ears, paths, needs, done)
        failed = {dataset.clips[place].name: error for place, error in faults.items()}
        try:
            dataset = dataset.without(faults)
        except InvalidInput as error:
            name, fault = next(iter(failed.items()))
            raise InvalidInput(
                f"{len(failed)} clips cannot be heard ({name}: {fault}), and of the rest {error}"
            ) from None
        rows = {view.name: view.rows(vectors) for view in found}
        if set(logits.needs) <= set(vectors):
            foreign = logits.rows(vectors)
    known = {name: views.VIEWS[name] for name in rows if name in views.VIEWS}
    columns = {name: known[name].columns if name in known else dataset.columns for name in rows}
    named = {name: own for name in rows if (own := kin(columns[name], dataset.labels)) is not None}
    twins = _twins([rows[name] for name in known])
    dataset = dataset.together(twins)
    return Prepared(
        dataset,
        failed,
        twins,
        Problem(rows, dataset.targets, dataset.groups, dataset.kind, kin=named),
        candidates(families, len(dataset.clips)),
        columns,
        {name: known[name].extractors if name in known else () for name in rows},
        foreign,
    )


def _twins(rows: Sequence[np.ndarray]) -> list[list[int]]:
    """Return the clips whose features, known ones, are the same bit for bit: no two sounds have that."""
    if not rows:
        return []
    same: dict[bytes, list[int]] = {}
    for place in range(len(rows[0])):
        same.setdefault(b"".join(one[place].tobytes() for one in rows), []).append(place)
    return [places for places in same.values() if len(places) > 1]


def _matching(dataset: Dataset) -> list[str]:
    """Return the views whose columns a table has, and no others."""
    return [name for name, view in views.VIEWS.items() if set(view.columns) == set(dataset.columns)]


def _sorted(dataset: Dataset, columns: Sequence[str]) -> np.ndarray:
    return dataset.values[:, [dataset.columns.index(name) for name in columns]]


def _of_table(dataset: Dataset, chosen: Sequence[str]) -> dict[str, np.ndarray]:
    matching = _matching(dataset)
    wanted = [name for name in chosen if name in matching] or matching
    if not wanted:
        return {views.TABLE: dataset.values}
    return {name: views.VIEWS[name].of_columns(_sorted(dataset, views.VIEWS[name].columns)) for name in wanted}


def fits(prepared: Prepared) -> int:
    """Return about how many fits :func:`train` makes."""
    per_choice = len(prepared.problem.rows) * len(prepared.tried)
    return fits_of(len(prepared.problem.rows), len(prepared.tried), 5) + per_choice * INNER


def train(
    task: str, dataset: Dataset, prepared: Prepared, seed: int, tick: Callable[[], None] = lambda: None
) -> LabelModel:
    """Choose features and family, judge the choice, and fit it on all clips.

    Parameters
    ----------
    task : str
        Name of what the labels are of.
    dataset : Dataset
        Clips, those of ``prepared``.
    prepared : Prepared
        Of them.
    seed : int
        Of folds and fits: the same clips and seed give the same model, bit for bit.
    tick : callable
        Called after each fit.

    Returns
    -------
    LabelModel
        With its card.
    """
    check_task(task)
    check_seed(seed)
    problem, labels = prepared.problem, dataset.labels
    honest = [
        run(protocol, problem, prepared.tried, labels, seed, tick)
        for protocol in protocols(dataset, seed)
        if protocol.units == dataset.groups and len(protocol.splits) > 1 and "given" not in protocol.name
    ]
    chosen, fitted = final(problem, prepared.tried, seed, tick)
    arrays = dict(fitted.arrays)
    rows = problem.rows[chosen.view]
    keep = min(len(rows), _MOST_CLIPS_KEPT)
    splits = inner_splits(problem.targets, problem.groups, seed)
    foreign_view, foreign_rows = _foreign(prepared, chosen.view)
    foreign = {} if foreign_rows is None else fit_foreign(foreign_rows, problem.targets, splits)
    arrays |= foreign
    z = (rows - arrays["centre"]) / arrays["scale"]
    arrays["clips"] = z[:keep].astype(np.float32)
    described: dict[str, Any] = {
        "data": card.data_of(dataset),
        "seed": seed,
        "honest": [{**values, "clips": _answers(judged, dataset)} for judged, values in honest],
        "leaky": [_leaky(problem, chosen, labels, dataset, seed)] if honest else [],
        "choice": card.choice_of(chosen),
        "warnings": card.warnings_of(dataset, prepared.failed, prepared.twins),
        "uncertain_below": UNCERTAIN,
        "versions": card.versions(),
    }
    if not honest:
        described["warnings"].append("Nothing was left to judge by: a label occurs in one group only.")
    elif dataset.kind == "exclusive" and len(dataset.clips) >= _FEWEST_FOR_THRESHOLD:
        judged = honest[0][0]
        at_90 = threshold_of(judged.p, problem.targets[judged.clips])
        if at_90 is not None:
            described["uncertain_below"] = round(at_90[0], 4)
    return LabelModel(
        task=task,
        kind=dataset.kind,
        labels=labels,
        family=chosen.candidate.family,
        view=chosen.view,
        extractors=prepared.extractors[chosen.view],
        columns=prepared.columns[chosen.view],
        arrays=arrays,
        clips=tuple(clip.name for clip in dataset.clips[:keep]),
        clip_labels=tuple("|".join(clip.labels) for clip in dataset.clips[:keep]),
        foreign_view=foreign_view if foreign else "",
        card=described,
    )


def _answers(judged: Judged, dataset: Dataset) -> list[list[Any]]:
    """Return of clips that were judged name, label and answer, as places in ``labels``; none where labels are several.

    A cell of the matrix of confusion can then be followed to its clips.
    """
    if dataset.kind != "exclusive":
        return []
    truth = dataset.targets[judged.clips].argmax(axis=1).tolist()
    said = judged.p.argmax(axis=1).tolist()
    names = [dataset.clips[i].name for i in judged.clips]
    return [[*one] for one in zip(names, truth, said, strict=True)][:_MOST_CLIPS_NAMED]


def _foreign(prepared: Prepared, view: str) -> tuple[str, np.ndarray | None]:
    """Return by which features foreign sound is told: tags if the model hears the network, else its own."""
    if view not in views.VIEWS:
        return "", None
    if prepared.foreign is not None and set(views.VIEWS[_FOREIGN_VIEW].needs) <= set(views.VIEWS[view].needs):
        return _FOREIGN_VIEW, prepared.foreign
    return view, prepared.problem.rows[view]


def _leaky(problem: Problem, chosen: Choice, labels: Sequence[str], dataset: Dataset, seed: int) -> dict[str, Any]:
    """Return the figure that flatters: random clips, by what was chosen with all of them."""
    alone = [clip.name for clip in dataset.clips]
    splits = outer_splits(problem.targets, alone, seed)
    parts = [left_out_scores(problem, chosen.view, chosen.candidate, split, seed) for split in splits]
    clips = np.concatenate([test for _, test in splits])
    p = probabilities(np.concatenate(parts) / chosen.temperature, problem.kind)
    values = figures(p, problem.targets[clips], [alone[i] for i in clips], labels, problem.kind, seed)
    return {"name": "random clips", "leaky": True, "folds": len(splits), "figures": values}
