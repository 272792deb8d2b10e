"""Why a model says what it says: exact parts of its score, and the training clips that lie nearest."""

from __future__ import annotations

from typing import Any

import numpy as np

from classifier.labels.scoring.model import LabelModel

#: Parts of an explanation, and nearest clips, that are shown.
PARTS, NEAREST = 5, 3


def contributions(model: LabelModel, row: np.ndarray, label: int) -> np.ndarray | None:
    """Return what each feature adds to a label's score against the mean of all labels' scores.

    Of a linear model, a score is a sum: coefficient times standardised feature, over the temperature. The mean over the
    labels is taken off, since a softmax does not see it. Of labels that are questions of their own it is the logit.

    Parameters
    ----------
    model : LabelModel
        Any; only logistic regression has parts.
    row : np.ndarray, shape (1, d)
        Features of a recording.
    label : int
        Which.

    Returns
    -------
    np.ndarray, shape (d,), or None
        The sum, with that of the intercepts, is the score less the mean score; None if the family has no such parts.
    """
    if model.family != "logistic":
        return None
    z, temperature = model.standardised(row)[0], model.arrays["temperature"]
    if model.kind == "multiple":
        coef = model.own(label)["coef"]
        return (coef[1] - coef[0]) * z / temperature[label]
    coef = model.own()["coef"]
    return (coef[label] - coef.mean(axis=0)) * z / temperature[0]


def explain(model: LabelModel, row: np.ndarray, label: str, most: int = PARTS) -> list[dict[str, Any]]:
    """Return the features that speak most for and against a label, and the sum of all others.

    Parameters
    ----------
    model, row
        As :func:`contributions` takes them.
    label : str
        One of the model's.
    most : int
        Features each way.

    Returns
    -------
    list of dict
        ``feature`` and ``adds``, by falling size; last the others together. Empty if the family has no parts.
    """
    adds = contributions(model, row, model.labels.index(label))
    if adds is None:
        return []
    order = np.argsort(-adds, kind="stable")
    shown = [i for i in order[:most] if adds[i] > 0] + [i for i in order[::-1][:most] if adds[i] < 0]
    shown.sort(key=lambda i: -abs(adds[i]))
    parts = [{"feature": model.columns[i], "adds": round(float(adds[i]), 4)} for i in shown]
    others = float(adds.sum() - adds[shown].sum())
    return [*parts, {"feature": "all others", "adds": round(others, 4)}]


def nearest(model: LabelModel, row: np.ndarray, most: int = NEAREST) -> list[dict[str, Any]]:
    """Return the training clips most alike, by the cosine of standardised features.

    Returns
    -------
    list of dict
        ``clip``, ``labels`` and ``alike`` in [-1, 1]; empty if the model keeps no clips.
    """
    if "clips" not in model.arrays:
        return []
    clips, z = model.arrays["clips"].astype(np.float64), model.standardised(row)[0]
    lengths = np.linalg.norm(clips, axis=1) * np.linalg.norm(z)
    alike = clips @ z / np.where(lengths > 0, lengths, 1)
    order = np.argsort(-alike, kind="stable")[:most]
    return [
        {"clip": model.clips[i], "labels": model.clip_labels[i].split("|"), "alike": round(float(alike[i]), 4)}
        for i in order
    ]
