"""An answer: labels by probability, which of them to say, whether to say any, and why.

An answer is "uncertain" if there is a reason to doubt it, and the reason is part of it. The labels that would have been
said stand beside it all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from classifier.errors import EarmarkError, SnippetSilent
from classifier.labels.hearing import Sound
from classifier.labels.scoring.model import LabelModel

#: Several labels are said from this probability on, but not more than so many (an earlier service's rule).
SEVERAL_FROM, SEVERAL_MOST = 0.15, 3
#: Of labels that are questions of their own, those are said that are more likely than not.
YES = 0.5
#: Seconds of sound below which an answer is doubted: a patch of the network.
SHORT_S = 3.0
#: Without what lies above, genres are mistaken (Hz).
NARROW_HZ = 4100.0
#: Loudest 100 ms, dB below full scale, below which a recording is as good as silent.
SILENT_DB = -60.0


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an answer is doubted: a stable name, and a sentence."""

    name: str
    text: str

    def to_dict(self) -> dict[str, str]:
        """Return the JSON object."""
        return {"name": self.name, "text": self.text}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model says of a recording.

    Parameters
    ----------
    task, model : str
        What is named, and the version of the model.
    kind : {"exclusive", "multiple"}
        Of the labels.
    decision : {"certain", "uncertain"}
        Whether nothing speaks against it.
    labels : list of str
        What is said, or would be.
    distribution : list of (str, float)
        All labels with their probabilities, by falling probability.
    reasons : list of Reason
        Why it is uncertain.
    explanation : list of dict
        See :mod:`classifier.labels.answers.explain`.
    nearest : list of dict
        Training clips that sound most alike.
    series : list of dict
        The distribution over time.
    remarks : list of str
        Of the file.
    """

    task: str
    model: str
    kind: str
    decision: str
    labels: list[str]
    distribution: list[tuple[str, float]]
    reasons: list[Reason]
    explanation: list[dict[str, Any]] = field(default_factory=list)
    nearest: list[dict[str, Any]] = field(default_factory=list)
    series: list[dict[str, Any]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {
            "task": self.task,
            "model": self.model,
            "decision": self.decision,
            "labels": self.labels,
            "distribution": distribution_of(self.distribution),
            "reasons": [reason.to_dict() for reason in self.reasons],
            "explanation": self.explanation,
            "nearest": self.nearest,
            "series": self.series,
            "remarks": self.remarks,
        }


def distribution_of(ranked: Sequence[tuple[str, float]]) -> list[dict[str, Any]]:
    """Return labels and probabilities as JSON."""
    return [{"label": label, "p": round(p, 6)} for label, p in ranked]


def ranked(p: np.ndarray, labels: Sequence[str]) -> list[tuple[str, float]]:
    """Return labels with their probabilities, the most probable first, ties by name.

    Parameters
    ----------
    p : np.ndarray, shape (k,)
        Probabilities.
    labels : sequence of str, length k
        Names.
    """
    return sorted(zip(labels, p.tolist(), strict=True), key=lambda item: (-item[1], item[0]))


def said(ranking: Sequence[tuple[str, float]], kind: str, *, several: bool) -> list[str]:
    """Return which labels an answer says.

    Parameters
    ----------
    ranking : sequence of (str, float)
        From :func:`ranked`.
    kind : {"exclusive", "multiple"}
        Of the labels.
    several : bool
        Of exclusive labels: whether up to three are said, each above .15; else the most probable.
    """
    if kind == "multiple":
        return [label for label, p in ranking if p >= YES]
    if not several:
        return [ranking[0][0]]
    return [label for label, p in ranking[:SEVERAL_MOST] if p > SEVERAL_FROM] or [ranking[0][0]]


def doubts(model: LabelModel, best: float, strangeness: float | None, sound: Sound) -> list[Reason]:
    """Return why an answer is uncertain; nothing if it is not.

    Parameters
    ----------
    model : LabelModel
        Its card says below which probability exclusive labels are doubted.
    best : float
        Probability of the most probable label.
    strangeness : float or None
        Distance from the training clips over its limit (:meth:`LabelModel.strangeness`); None if it is not known.
    sound : Sound
        What is known of the recording.
    """
    found = []
    least = threshold(model)
    if model.kind == "exclusive" and best < least:
        found.append(Reason("low_probability", f"no label reaches {100 * least:.0f} %: below it, too many are wrong"))
    if strangeness is not None and strangeness > 1:
        how_far = f"{strangeness:.1f} times the distance beyond which one training clip in a hundred lies"
        found.append(Reason("foreign", f"it is unlike what the model was trained on: {how_far}"))
    if sound.duration_s < SHORT_S:
        found.append(Reason("short", f"{sound.duration_s:.1f} s are little: {SHORT_S:g} s and more are surer"))
    if sound.level_db < SILENT_DB:
        found.append(Reason("silent", f"its loudest moment is at {sound.level_db:.0f} dB: it is as good as silent"))
    quality = sound.quality
    band_hz = sound.bandwidth_hz if quality is None else min(sound.bandwidth_hz, quality.occupied_hz)
    if band_hz < NARROW_HZ:
        left = f"nothing is left above {band_hz / 1000:.1f} kHz, as on a telephone"
        found.append(Reason("narrow_band", f"{left}: labels are often mistaken then"))
    if quality is not None and quality.steady:
        found.append(Reason("noisy", "it sounds the same throughout, as noise and hum do"))
    if quality is not None and quality.speech:
        found.append(Reason("speech", "its level rises and falls as that of somebody talking"))
    return found


def refused(task: str, model: str, kind: str, error: EarmarkError) -> Answer:
    """Return the answer to a recording in which there is nothing, or too little, to hear."""
    name = "silent" if isinstance(error, SnippetSilent) else "short"
    return Answer(task, model, kind, "uncertain", [], [], [Reason(name, str(error))])


def threshold(model: LabelModel) -> float:
    """Return below which probability a model's answers are doubted, as its card says; between 0 and 1."""
    value = model.card.get("uncertain_below", 0.5)
    return min(1.0, max(0.0, float(value))) if isinstance(value, int | float) else 0.5


def most_like(answers: Sequence[Sequence[tuple[str, float]]], label: str) -> int | None:
    """Return which of several recordings has a label most probably; None if it is nobody's most probable label.

    Parameters
    ----------
    answers : sequence of rankings
        Of each recording, from :func:`ranked`; at least one.
    label : str
        One of their labels.
    """
    found = [(dict(ranking)[label], -number) for number, ranking in enumerate(answers) if ranking[0][0] == label]
    return -max(found)[1] if found else None
