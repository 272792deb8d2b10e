"""A fitted model of labels: what it was fitted on, its arrays, and the probabilities that it gives.

Conventions
-----------
- ``exclusive``: a recording has one label, and the probabilities sum to 1. ``multiple``: each label is a question of
  its own, with a probability of its own.
- Rows are standardised, (x - centre) / scale, scored by the family, divided by a temperature and turned into
  probabilities: a softmax, or of each label of several its logistic function.
- Of several labels, each has a classifier of its own for "not" and "yes", whose arrays are named ``label3_...``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from classifier.errors import InvalidModel
from classifier.labels.scoring import families

KINDS = ("exclusive", "multiple")
_SHARED = ("centre", "scale", "temperature")
_FOREIGN = ("foreign_centre", "foreign_scale", "foreign_means", "foreign_precision", "foreign_limit")
#: Least probability that is told from nothing, so that logarithms stay finite.
FLOOR = 1e-9


@dataclass(frozen=True, slots=True)
class LabelModel:
    """A fitted classifier.

    Parameters
    ----------
    task : str
        What it names: ``genre``, ``mood``, or a name of the user's.
    kind : {"exclusive", "multiple"}
        Whether a recording has one label or several.
    labels : tuple of str, length k
        In the order of the scores.
    family : str
        A name of :data:`classifier.labels.scoring.families.FAMILIES`.
    view : str
        The set of features that it hears (:mod:`classifier.labels.views`); ``table`` for those of a table.
    extractors : tuple of str
        Name and version of each extractor of the view.
    columns : tuple of str, length d
        Names of the features.
    arrays : dict of str to np.ndarray
        ``centre`` (d,), ``scale`` (d,), ``temperature`` (1,) or of several labels (k,); those of the family; where
        foreign sound can be told, ``foreign_centre`` (e,), ``foreign_scale`` (e,), ``foreign_means``
        (c, e), ``foreign_precision`` (e, e) and ``foreign_limit`` (1,); where training clips are kept,
        ``clips`` (n, d), standardised, float32.
    clips : tuple of str, length n
        Names of the training clips.
    clip_labels : tuple of str, length n
        Their labels, several of them joined by ``|``.
    foreign_view : str
        The view by which foreign sound is told; empty if it is not.
    card : dict
        What a reader should know (:mod:`classifier.labels.training.card`).
    """

    task: str
    kind: str
    labels: tuple[str, ...]
    family: str
    view: str
    extractors: tuple[str, ...]
    columns: tuple[str, ...]
    arrays: dict[str, np.ndarray]
    clips: tuple[str, ...] = ()
    clip_labels: tuple[str, ...] = ()
    foreign_view: str = ""
    card: dict[str, Any] = field(default_factory=dict)

    def standardised(self, rows: np.ndarray) -> np.ndarray:
        """Return rows (n, d) as the classifier takes them."""
        return (np.asarray(rows, np.float64) - self.arrays["centre"]) / self.arrays["scale"]

    def scores(self, rows: np.ndarray) -> np.ndarray:
        """Return scores over temperature, shape (n, k): logits up to a constant a row, or a label's own logits.

        Parameters
        ----------
        rows : np.ndarray, shape (n, d), float
            Features, not standardised.
        """
        z = self.standardised(rows)
        if self.kind == "exclusive":
            scores = families.score(self.family, self.own(), z, len(self.labels))
        else:
            pairs = [families.score(self.family, self.own(i), z, 2) for i in range(len(self.labels))]
            scores = np.stack([pair[:, 1] - pair[:, 0] for pair in pairs], axis=1)
        return scores / self.arrays["temperature"]

    def probabilities(self, rows: np.ndarray) -> np.ndarray:
        """Return probabilities of the labels, shape (n, k); see :meth:`scores`."""
        return probabilities(self.scores(rows), self.kind)

    def strangeness(self, rows: np.ndarray) -> np.ndarray:
        """Return how far rows of the foreign view (n, e) are from the training clips, over the limit: 1 is too far."""
        z = (rows - self.arrays["foreign_centre"]) / self.arrays["foreign_scale"]
        found = distances(z, self.arrays["foreign_means"], self.arrays["foreign_precision"])
        return found / self.arrays["foreign_limit"]

    def own(self, label: int | None = None) -> dict[str, np.ndarray]:
        """Return the arrays of the family, or of the classifier of one label, under the family's names."""
        start = "" if label is None else f"label{label}_"
        others = (*_SHARED, *_FOREIGN, "clips")
        return {
            name.removeprefix(start): a
            for name, a in self.arrays.items()
            if name.startswith(start) and name not in others
        }

    def check(self) -> None:
        """Check that the arrays fit the labels, the columns, the family and one another.

        Raises
        ------
        InvalidModel
            If they do not.
        """
        d, k = len(self.columns), len(self.labels)
        if self.kind not in KINDS:
            raise InvalidModel(f"the model is of the kind {self.kind!r}: choose one of {', '.join(KINDS)}")
        if k < (2 if self.kind == "exclusive" else 1) or len(set(self.labels)) < k:
            raise InvalidModel(f"the model has {k} labels: at least two, each once, are needed")
        shapes: dict[str, tuple[int, ...]] = {
            "centre": (d,),
            "scale": (d,),
            "temperature": (1 if self.kind == "exclusive" else k,),
        }
        if self.clips or self.clip_labels or "clips" in self.arrays:
            shapes["clips"] = (len(self.clips), d)
            if len(self.clip_labels) != len(self.clips):
                raise InvalidModel(
                    f"the model names {len(self.clips)} clips and {len(self.clip_labels)} labels of them"
                )
        if any(name in self.arrays for name in _FOREIGN):
            means = self.arrays.get("foreign_means", np.zeros((0, 0)))
            c, e = means.shape if means.ndim == 2 else (0, 0)
            shapes |= {"foreign_centre": (e,), "foreign_scale": (e,), "foreign_means": (c, e)}
            shapes |= {"foreign_precision": (e, e), "foreign_limit": (1,)}
        for name, shape in shapes.items():
            if name not in self.arrays or self.arrays[name].shape != shape:
                found = self.arrays[name].shape if name in self.arrays else "no shape: it is missing"
                raise InvalidModel(f"array {name!r} of the model has {found}; its labels and columns ask for {shape}")
        for name in ("scale", "temperature", "foreign_scale"):
            if name in self.arrays and not (self.arrays[name] > 0).all():
                raise InvalidModel(f"array {name!r} of the model holds {self.arrays[name].min()}: it must be above 0")
        if self.kind == "exclusive":
            families.check(self.family, self.own(), d, k)
            return
        owners = {name.partition("_")[0] for name in self.own() if name.startswith("label")}
        if owners != {f"label{i}" for i in range(k)} or any(not name.startswith("label") for name in self.own()):
            raise InvalidModel(f"the model has classifiers for {sorted(owners)}: one for each of {k} labels is needed")
        for i in range(k):
            families.check(self.family, self.own(i), d, 2)


def distances(rows: np.ndarray, means: np.ndarray, precision: np.ndarray) -> np.ndarray:
    """Return squared Mahalanobis distances to the nearest mean.

    Parameters
    ----------
    rows : np.ndarray, shape (n, e)
        Standardised features.
    means : np.ndarray, shape (c, e)
        Of the labels.
    precision : np.ndarray, shape (e, e)
        Inverse of the covariance.

    Returns
    -------
    np.ndarray, shape (n,)

    Examples
    --------
    >>> import numpy as np
    >>> distances(np.array([[0.0, 3.0]]), np.array([[0.0, 0.0], [0.0, 1.0]]), np.eye(2)).tolist()
    [4.0]
    """
    gaps = rows[:, None] - means[None]
    return np.einsum("ncd,de,nce->nc", gaps, precision, gaps, optimize=True).min(axis=1)


def probabilities(scores: np.ndarray, kind: str) -> np.ndarray:
    """Return probabilities from scores (n, k): a softmax over the labels, or of several labels each logistic.

    Examples
    --------
    >>> import numpy as np
    >>> probabilities(np.array([[1.0, 1.0]]), "exclusive").tolist()
    [[0.5, 0.5]]
    >>> probabilities(np.array([[0.0, -1000.0]]), "several").tolist()
    [[0.5, 0.0]]
    """
    if kind == "exclusive":
        grown = np.exp(scores - scores.max(axis=1, keepdims=True))
        return grown / grown.sum(axis=1, keepdims=True)
    return 0.5 * (1 + np.tanh(0.5 * scores))
