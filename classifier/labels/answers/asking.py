"""Asking a model about recordings: which model answers, what it hears, and the whole answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from classifier.errors import (
    InvalidModel,
    InvalidParameter,
    ModelNotFound,
    SnippetSilent,
    SnippetTooShort,
    WeightsMissing,
)
from classifier.labels import sets, views, weights
from classifier.labels.answers.answer import Answer, distribution_of, doubts, ranked, refused, said
from classifier.labels.answers.explain import explain, nearest
from classifier.labels.extractors import DEFAULT
from classifier.labels.hearing import Ears, Heard, Source, check_stretch, stretches
from classifier.labels.scoring.model import LabelModel
from classifier.labels.scoring.registry import Registry, Stored

#: A person's words for what only a model trained on labelled recordings can say.
NO_VALENCE = (
    "whether music is happy or sad is not said: no tag tells it better than chance; 'earmark train mood FOLDER' makes "
    "a model of your own recordings, by tags and by the mode of the key"
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A model that answers, where it stands in the registry, its view, and a remark if a better one is to be had."""

    stored: Stored
    model: LabelModel
    view: views.View
    remark: str = ""

    @property
    def needs(self) -> list[str]:
        """The extractors that it hears by."""
        return list(dict.fromkeys([*self.view.needs, *_foreign_needs(self.model)]))


def choose(registry: Registry, task: str, version: str | None, weights_dir: Path) -> Chosen:
    """Return the model that answers for a task.

    If the model needs weights that are not there, and no version was asked for, the best other model that needs none
    answers, with a remark.

    Raises
    ------
    ModelNotFound, InvalidModel
        If there is none, it is damaged, or it cannot hear recordings.
    WeightsMissing
        If all models of the task need weights that are not there; the message says how to get them.
    """
    stored = registry.find(task, version)
    model = registry.load(task, stored.version)
    view = views.check_served(model.view, model.extractors, model.columns)
    missing = _missing(view, weights_dir)
    if missing is None:
        return Chosen(stored, model, view)
    if version is None:
        for other in registry.listed(task)[::-1]:
            found = None if other.manifest is None else views.VIEWS.get(other.manifest["view"])
            if found is None or _missing(found, weights_dir) is not None:
                continue
            model = registry.load(task, other.version)
            try:
                view = views.check_served(model.view, model.extractors, model.columns)
            except InvalidModel:
                continue
            return Chosen(other, model, view, f"{other.version} answers, for {stored.version} cannot: {missing}")
    raise WeightsMissing(
        f"{missing}; without them, only a model of your own on other features answers: "
        f"'earmark train {task} FOLDER --features mfcc-104-log'"
    )


def _missing(view: views.View, weights_dir: Path) -> str | None:
    """Return what is missing to hear with a view, as a sentence; None if nothing is."""
    if DEFAULT not in view.needs:
        return None
    try:
        weights.manifest(DEFAULT, weights_dir)
    except WeightsMissing as error:
        return str(error)
    return None


@dataclass(frozen=True, slots=True)
class Question:
    """How to answer: up to three labels or one, of which set, with the series of so many seconds each or none."""

    several: bool = False
    labels: str | None = None
    every_s: float | None = None


def ask(chosen: Chosen, ears: Ears, source: Source, question: Question = Question()) -> Answer:
    """Return the answer of a model to a recording.

    Parameters
    ----------
    chosen : Chosen
        From :func:`choose`.
    ears : Ears
        Hears the recording.
    source : bytes, Path, Remembered or Stretch
        The recording.
    question : Question
        How to answer.

    Raises
    ------
    EarmarkError
        If the recording cannot be read. One in which there is nothing to hear gets the answer "uncertain".
    """
    model, version = chosen.model, chosen.stored.version
    try:
        heard = {name: ears.hear(source, name) for name in chosen.needs}
    except (SnippetSilent, SnippetTooShort) as error:
        return refused(model.task, version, model.kind, error)
    row = chosen.view.row({name: one.extracted for name, one in heard.items()})
    answer = answer_of(model, version, row, _strangeness(model, heard), next(iter(heard.values())), question)
    if question.every_s is not None:
        answer = replace(answer, series=list(series(chosen, ears, source, question)))
    return replace(answer, remarks=[*answer.remarks, *([chosen.remark] if chosen.remark else [])])


def answer_of(
    model: LabelModel, version: str, row: np.ndarray, strangeness: float | None, heard: Heard, question: Question
) -> Answer:
    """Return the answer to features: pure, given the model.

    Parameters
    ----------
    model : LabelModel
        Any.
    version : str
        Its name.
    row : np.ndarray, shape (1, d)
        Features of the recording, in the order of the model's columns.
    strangeness : float or None
        Distance from the training clips over its limit.
    heard : Heard
        What else is known of the recording.
    question : Question
        How to answer.
    """
    ranking = _ranking(model, row, question.labels)
    reasons = doubts(model, ranking[0][1], strangeness, heard.sound)
    labels = said(ranking, model.kind, several=question.several)
    return Answer(
        task=model.task,
        model=version,
        kind=model.kind,
        decision="uncertain" if reasons else "certain",
        labels=labels,
        distribution=ranking,
        reasons=reasons,
        explanation=[{"label": label, "parts": parts} for label in labels if (parts := explain(model, row, label))],
        nearest=nearest(model, row),
        remarks=list(heard.sound.remarks),
    )


def _ranking(model: LabelModel, row: np.ndarray, wanted: str | None) -> list[tuple[str, float]]:
    p, labels = model.probabilities(row), model.labels
    if wanted is not None:
        if model.kind == "multiple":
            raise InvalidParameter("a set restricts labels that exclude each other: this model's do not")
        p, labels = sets.restricted(p, labels, wanted)
    return ranked(p[0], labels)


def _foreign_needs(model: LabelModel) -> tuple[str, ...]:
    return views.view(model.foreign_view).needs if model.foreign_view in views.VIEWS else ()


def _strangeness(model: LabelModel, heard: dict[str, Heard]) -> float | None:
    if model.foreign_view not in views.VIEWS:
        return None
    row = views.VIEWS[model.foreign_view].row({name: one.extracted for name, one in heard.items()})
    if row.shape[1] != len(model.arrays["foreign_centre"]):
        raise InvalidModel(
            f"the model tells foreign sound by {len(model.arrays['foreign_centre'])} features of "
            f"{model.foreign_view!r}, which has {row.shape[1]}: train it again"
        )
    return float(model.strangeness(row)[0])


def series(chosen: Chosen, ears: Ears, source: Source, question: Question) -> Iterator[dict[str, Any]]:
    """Yield the distribution of each stretch of a recording: ``start_s``, ``end_s``, ``labels``, ``distribution``.

    The network's tags come in patches of three seconds, which are averaged; other features are those of the stretch as
    if it were a recording by itself.

    Raises
    ------
    InvalidParameter
        If a stretch is shorter than the network's patch.
    """
    for start_s, end_s, row in _rows(chosen.view, ears, source, question.every_s or 10.0):
        ranking = _ranking(chosen.model, row, question.labels)
        yield {
            "start_s": start_s,
            "end_s": end_s,
            "labels": said(ranking, chosen.model.kind, several=question.several),
            "distribution": distribution_of(ranking),
        }


def _rows(view: views.View, ears: Ears, source: Source, every_s: float) -> Iterator[tuple[float, float, np.ndarray]]:
    """Yield begin, end (seconds) and features, shape (1, d), of each stretch of a recording that holds sound."""
    if view.needs == (DEFAULT,):
        heard = ears.series(source)
        for start_s, end_s, patch in stretches(heard.extracted, every_s):
            yield start_s, min(end_s, heard.sound.duration_s), view.rows({DEFAULT: patch[None]})
        return
    check_stretch(every_s)
    sounds, parts = zip(*(ears.over_time(source, name, every_s) for name in view.needs), strict=True)
    for k in sorted(set.intersection(*map(set, parts))):
        row = view.row({name: part[k] for name, part in zip(view.needs, parts, strict=True)})
        yield k * every_s, min((k + 1) * every_s, sounds[0].duration_s), row


def tasks_of(registry: Registry) -> list[str]:
    """Return the tasks of which a model answers, ``genre`` first."""
    found = [task for task in registry.tasks() if registry.active_version(task) is not None]
    if not found:
        raise ModelNotFound("no model of labels answers: train one, 'earmark train genre FOLDER --activate'")
    return sorted(found, key=lambda task: (task != "genre", task))
