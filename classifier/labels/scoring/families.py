"""The families of classifiers: which arrays a fitted one consists of, and how those score.

Conventions
-----------
- n rows, d columns, k labels. Rows are standardised already (:mod:`classifier.labels.scoring.model`).
- A score is a number a label that grows with its likelihood; a softmax of the scores over a temperature gives
  probabilities. Of two labels the scores are -f/2 and f/2, so that the softmax is the logistic function of f.
- Whatever the arrays hold may be anybody's: :func:`check` looks at every shape, index and parameter, so that scoring
  ends, and never reads outside of them.

Sources: Hastie, Tibshirani and Friedman, "The elements of statistical learning" (2009), chapters 4, 10 to 13; LIBSVM
(Chang and Lin 2011) for pairwise support vector machines; the scores that scikit-learn derives from pairwise votes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from classifier.errors import InvalidModel

Arrays = Mapping[str, np.ndarray]
Shape = tuple[int, ...]

_MOST_LAYERS, MOST_DEPTH = 16, 64
_CHUNK = 2**22  # numbers of an intermediate array


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of classifier.

    Parameters
    ----------
    name : str
        Such as ``svm-rbf``.
    check : callable
        Of (arrays, d, k): raises :class:`~classifier.errors.InvalidModel` if the arrays are not of this family.
    score : callable
        Of (arrays, rows of shape (n, d), k): scores of shape (n, k).
    """

    name: str
    check: Callable[[Arrays, int, int], None]
    score: Callable[[Arrays, np.ndarray, int], np.ndarray]


def _expect(arrays: Arrays, shapes: Mapping[str, Shape]) -> None:
    """Check that there are these arrays and no others; -1 stands for any length of at least 1."""
    if set(arrays) != set(shapes):
        raise InvalidModel(f"the model holds the arrays {sorted(arrays)}: its family has {sorted(shapes)}")
    for name, shape in shapes.items():
        found = arrays[name].shape
        fits = len(found) == len(shape) and all(
            a == b or (b == -1 and a >= 1) for a, b in zip(found, shape, strict=True)
        )
        if not fits:
            raise InvalidModel(f"array {name!r} of the model has the shape {found}: expected {shape}, -1 for any")


def _within(arrays: Arrays, name: str, low: float, high: float) -> None:
    values = arrays[name]
    if values.min() < low or values.max() > high:
        raise InvalidModel(
            f"array {name!r} of the model reaches from {values.min()} to {values.max()}: "
            f"it must stay in [{low}, {high}]"
        )


# --- logistic regression ------------------------------------------------------------------------------------


def _check_logistic(arrays: Arrays, d: int, k: int) -> None:
    _expect(arrays, {"coef": (k, d), "intercept": (k,)})


def _score_logistic(arrays: Arrays, rows: np.ndarray, k: int) -> np.ndarray:
    return rows @ arrays["coef"].T + arrays["intercept"]


# --- support vector machines, one against one ---------------------------------------------------------------


def votes(decisions: np.ndarray, k: int) -> np.ndarray:
    """Return a score a label from decisions of pairs.

    Parameters
    ----------
    decisions : np.ndarray, shape (n, k (k - 1) / 2)
        Of the pairs (0, 1), (0, 2) ... (k - 2, k - 1); above 0 where the first wins.
    k : int >= 2
        Labels.

    Returns
    -------
    np.ndarray, shape (n, k)
        Votes plus s / (3 (abs(s) + 1)), where s sums the decisions in favour of a label: less than half a vote. Of two
        labels, half the decision for each side.
    """
    if k == 2:
        return np.hstack([decisions, -decisions]) / 2
    won, favour = np.zeros((2, len(decisions), k))
    for pair, (i, j) in enumerate(_pairs(k)):
        decision = decisions[:, pair]
        won[:, i] += decision >= 0
        won[:, j] += decision < 0
        favour[:, i] += decision
        favour[:, j] -= decision
    return won + favour / (3 * (np.abs(favour) + 1))


def _pairs(k: int) -> list[tuple[int, int]]:
    return [(i, j) for i in range(k) for j in range(i + 1, k)]


def _check_linear(arrays: Arrays, d: int, k: int) -> None:
    _expect(arrays, {"coef": (k * (k - 1) // 2, d), "intercept": (k * (k - 1) // 2,)})


def _score_linear(arrays: Arrays, rows: np.ndarray, k: int) -> np.ndarray:
    return votes(rows @ arrays["coef"].T + arrays["intercept"], k)


def _check_svm(arrays: Arrays, d: int, k: int, parameters: int) -> None:
    _expect(
        arrays,
        {
            "support": (-1, d),
            "dual": (k - 1, -1),
            "support_counts": (k,),
            "intercept": (k * (k - 1) // 2,),
            "kernel": (parameters,),
        },
    )
    _within(arrays, "support_counts", 0, len(arrays["support"]))
    counted = int(arrays["support_counts"].sum())
    if not len(arrays["support"]) == arrays["dual"].shape[1] == counted:
        raise InvalidModel(f"the model counts {counted} support vectors and holds {len(arrays['support'])}")


def _check_rbf(arrays: Arrays, d: int, k: int) -> None:
    _check_svm(arrays, d, k, 1)
    _within(arrays, "kernel", 0, 1e6)


def _check_poly(arrays: Arrays, d: int, k: int) -> None:
    _check_svm(arrays, d, k, 3)
    _within(arrays, "kernel", 0, 1e6)
    if arrays["kernel"][2] not in range(1, 11):
        raise InvalidModel(f"the polynomial kernel of the model has degree {arrays['kernel'][2]}: 1 to 10 are known")


def _pair_decisions(arrays: Arrays, similar: np.ndarray) -> np.ndarray:
    """Return decisions of pairs from kernel values (n, support vectors); vectors are sorted by label."""
    dual, ends = arrays["dual"], np.cumsum(arrays["support_counts"])
    parts = [slice(end - count, end) for end, count in zip(ends, arrays["support_counts"], strict=True)]
    columns = [
        similar[:, parts[i]] @ dual[j - 1, parts[i]] + similar[:, parts[j]] @ dual[i, parts[j]]
        for i, j in _pairs(len(parts))
    ]
    return np.stack(columns, axis=1) + arrays["intercept"]


def _score_rbf(arrays: Arrays, rows: np.ndarray, k: int) -> np.ndarray:
    similar = np.exp(-arrays["kernel"][0] * squared_distances(rows, arrays["support"]))
    return votes(_pair_decisions(arrays, similar), k)


def _score_poly(arrays: Arrays, rows: np.ndarray, k: int) -> np.ndarray:
    gamma, constant, degree = arrays["kernel"]
    similar = (gamma * (rows @ arrays["support"].T) + constant) ** int(degree)
    return votes(_pair_decisions(arrays, similar), k)


def squared_distances(rows: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return squared Euclidean distances of rows (n, d) to points (m, d), shape (n, m), from differences: exact."""
    step = max(1, _CHUNK // max(1, points.size))
    parts = [
        np.square(rows[at : at + step, None] - points[None]).sum(axis=2) for at in range(0, max(1, len(rows)), step)
    ]
    return np.concatenate(parts)


# --- nearest neighbours -------------------------------------------------------------------------------------


def _check_neighbours(arrays: Arrays, d: int, k: int) -> None:
    _expect(arrays, {"points": (-1, d), "targets": (-1,), "neighbours": (1,)})
    if len(arrays["points"]) != len(arrays["targets"]):
        raise InvalidModel(f"the model has {len(arrays['points'])} points and {len(arrays['targets'])} targets")
    _within(arrays, "targets", 0, k - 1)
    _within(arrays, "neighbours", 1, len(arrays["points"]))


def shares(arrays: Arrays, rows: np.ndarray, k: int) -> np.ndarray:
    """Return the share of each label among the nearest points, the earlier point first where two are as near."""
    nearest = np.argsort(squared_distances(rows, arrays["points"]), axis=1, kind="stable")
    labels = arrays["targets"][nearest[:, : int(arrays["neighbours"][0])]]
    return (labels[:, :, None] == np.arange(k)).mean(axis=1)


def _score_neighbours(arrays: Arrays, rows: np.ndarray, k: int) -> np.ndarray:
    count = int(arrays["neighbours"][0])
    # One more neighbour, shared by all labels: none is ever impossible.
    return np.log((count * shares(arrays, rows, k) + 1 / k) / (count + 1))


# --- multi-layer perceptron ---------------------------------------------------------------------------------


def _check_mlp(arrays: Arrays, d: int, k: int) -> None:
    layers = len(arrays) // 2
    if not 1 <= layers <= _MOST_LAYERS:
        raise InvalidModel(f"the network of the model has {layers} layers: 1 to {_MOST_LAYERS} are known")
    widths = [d, *(len(arrays.get(f"bias_{layer}", np.zeros(0))) for layer in range(layers - 1)), k]
    shapes: dict[str, Shape] = {f"weight_{i}": (widths[i], widths[i + 1]) for i in range(layers)}
    _expect(arrays, shapes | {f"bias_{i}": (widths[i + 1],) for i in range(layers)})


def _score_mlp(arrays: Arrays, rows: np.ndarray, k: int) -> np.ndarray:
    last = len(arrays) // 2 - 1
    for layer in range(last):
        rows = np.maximum(rows @ arrays[f"weight_{layer}"] + arrays[f"bias_{layer}"], 0)
    return rows @ arrays[f"weight_{last}"] + arrays[f"bias_{last}"]


# --- gradient boosting --------------------------------------------------------------------------------------


def _check_boosting(arrays: Arrays, d: int, k: int) -> None:
    nodes = ("feature", "threshold", "left", "right", "value")
    _expect(arrays, {**dict.fromkeys(nodes, (-1,)), "roots": (-1, k), "baseline": (k,)})
    size = len(arrays["value"])
    if any(len(arrays[name]) != size for name in nodes):
        raise InvalidModel(f"the trees of the model have {[len(arrays[name]) for name in nodes]} nodes: not one number")
    _within(arrays, "feature", 0, d - 1)
    _within(arrays, "roots", 0, size - 1)
    left, right, own = arrays["left"], arrays["right"], np.arange(size)
    leaf = (left == own) & (right == own)
    # A branch leads on: so no path has a circle, and each ends.
    if not np.all(leaf | ((left > own) & (right > own) & (left < size) & (right < size))):
        raise InvalidModel("a tree of the model leads back or outside: its children must come after their parent")
    level = np.unique(arrays["roots"])
    for _ in range(MOST_DEPTH):
        level = np.unique(np.concatenate([left[level[~leaf[level]]], right[level[~leaf[level]]]]))
        if not len(level):
            return
    raise InvalidModel(f"a tree of the model is deeper than {MOST_DEPTH} branches")


def _score_boosting(arrays: Arrays, rows: np.ndarray, k: int) -> np.ndarray:
    roots, feature, threshold = arrays["roots"], arrays["feature"], arrays["threshold"]
    left, right = arrays["left"], arrays["right"]
    at = np.broadcast_to(roots.ravel(), (len(rows), roots.size))
    line = np.arange(len(rows))[:, None]
    while True:
        following = np.where(rows[line, feature[at]] <= threshold[at], left[at], right[at])
        if np.array_equal(following, at):  # a leaf leads to itself
            break
        at = following
    leaves = arrays["value"][at].reshape(len(rows), *roots.shape)
    return leaves.sum(axis=1) + arrays["baseline"]


FAMILIES = {
    family.name: family
    for family in (
        Family("logistic", _check_logistic, _score_logistic),
        Family("svm-linear", _check_linear, _score_linear),
        Family("svm-poly", _check_poly, _score_poly),
        Family("svm-rbf", _check_rbf, _score_rbf),
        Family("neighbours", _check_neighbours, _score_neighbours),
        Family("boosting", _check_boosting, _score_boosting),
        Family("mlp", _check_mlp, _score_mlp),
    )
}
"""Every family by its name."""


def check(family: str, arrays: Arrays, d: int, k: int) -> None:
    """Check that arrays are those of a family.

    Raises
    ------
    InvalidModel
        If the family is unknown, or the arrays have another shape, or lead outside of one another.
    """
    if family not in FAMILIES:
        raise InvalidModel(f"the model is of the family {family!r}: known are {', '.join(FAMILIES)}")
    FAMILIES[family].check(arrays, d, k)


def score(family: str, arrays: Arrays, rows: np.ndarray, k: int) -> np.ndarray:
    """Return scores of standardised rows.

    Parameters
    ----------
    family : str
        A name of :data:`FAMILIES`.
    arrays : mapping of str to np.ndarray
        As :func:`check` accepts them.
    rows : np.ndarray, shape (n, d), float64
        Standardised.
    k : int
        Labels.

    Returns
    -------
    np.ndarray, shape (n, k), float64
    """
    return FAMILIES[family].score(arrays, rows, k)
