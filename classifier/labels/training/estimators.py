"""Fitting the families with scikit-learn, and taking their numbers out of it.

Every fit is seeded and single-threaded where threads could change a sum, so that the same clips give the same bits.
Sources: scikit-learn 1.9's estimators of the names below; their attributes are translated into the arrays of
:mod:`classifier.labels.scoring.families`, and tests compare both answers.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from classifier.bounds import did_you_mean
from classifier.errors import InvalidParameter

Arrays = dict[str, np.ndarray]
#: Widths of the hidden layers, as the network of an earlier genre service had them.
HIDDEN = (512, 256, 128, 64)
#: Clips from which boosting and the network are tried unasked: with fewer they only cost time.
MANY = 100


@dataclass(frozen=True, slots=True)
class Candidate:
    """A family with its parameters, to be tried."""

    family: str
    parameters: tuple[tuple[str, float], ...]

    @property
    def values(self) -> dict[str, float]:
        """The parameters by name."""
        return dict(self.parameters)

    @property
    def needs_kin(self) -> bool:
        """Whether it is for labels that are named like features only (:mod:`classifier.labels.training.kin`)."""
        return "pull" in self.values

    def __str__(self) -> str:
        return f"{self.family}({', '.join(f'{name}={value:g}' for name, value in self.parameters)})"


def candidate(family: str, **parameters: float) -> Candidate:
    """Return a candidate."""
    return Candidate(family, tuple(parameters.items()))


#: What is tried of each family.
GRID: dict[str, tuple[Candidate, ...]] = {
    "logistic": (
        *(candidate("logistic", C=c) for c in (0.01, 0.03, 0.1, 0.3, 1.0)),
        *(candidate("logistic", C=c, pull=1) for c in (0.01, 0.03, 0.1)),
    ),
    "svm-linear": tuple(candidate("svm-linear", C=c) for c in (0.003, 0.03, 0.3)),
    "svm-poly": tuple(candidate("svm-poly", C=c, degree=3, coef0=1) for c in (0.1, 1.0)),
    "svm-rbf": tuple(candidate("svm-rbf", C=c) for c in (1.0, 3.0, 10.0)),
    "neighbours": tuple(candidate("neighbours", neighbours=n) for n in (3, 7, 15)),
    "boosting": tuple(candidate("boosting", iterations=n, depth=3) for n in (30, 100)),
    "mlp": (candidate("mlp", alpha=0.001),),
}
_LATE = ("boosting", "mlp")


def candidates(families: Iterable[str] | None, n_clips: int) -> list[Candidate]:
    """Return what to try: of the families named, or of all that suit so many clips.

    Raises
    ------
    InvalidParameter
        If a family is unknown.
    """
    chosen = list(families or (name for name in GRID if n_clips >= MANY or name not in _LATE))
    for name in chosen:
        if name not in GRID:
            raise InvalidParameter(f"no family {name!r}{did_you_mean(name, GRID)}; there are {', '.join(GRID)}")
    return [one for name in dict.fromkeys(chosen) for one in GRID[name]]


def fit(
    chosen: Candidate, rows: np.ndarray, labels: np.ndarray, k: int, seed: int, kin: np.ndarray | None = None
) -> Arrays:
    """Fit a classifier.

    Parameters
    ----------
    chosen : Candidate
        Family and parameters.
    rows : np.ndarray, shape (n, d), float64
        Standardised.
    labels : np.ndarray, shape (n,), int
        From 0 to k - 1; each occurs.
    k : int >= 2
        Labels.
    seed : int
        Of whatever is random.
    kin : np.ndarray, shape (d, k), optional
        What coefficients are pulled towards, times ``pull``, by a candidate that has one.

    Returns
    -------
    dict of str to np.ndarray
        The family's arrays, float64 and int64.
    """
    if chosen.needs_kin:
        own = np.zeros((rows.shape[1], k)) if kin is None else kin
        return _pulled(chosen.values, rows, labels, own)
    with warnings.catch_warnings():
        # Not to converge within the limit is no fault of the data, and the folds judge what comes of it.
        warnings.filterwarnings("ignore", message=".*(converge|iterations|max_iter|lbfgs).*")
        arrays = _FITS[chosen.family](chosen.values, rows, labels, k, seed)
    return {
        name: np.ascontiguousarray(a, np.int64 if a.dtype.kind in "iub" else np.float64) for name, a in arrays.items()
    }


Values = Mapping[str, float]


def _logistic(values: Values, rows: np.ndarray, labels: np.ndarray, k: int, seed: int) -> Arrays:
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=values["C"], max_iter=2000, tol=1e-6).fit(rows, labels)
    if k == 2:
        both = np.array([[-0.5], [0.5]])
        return {"coef": both * fitted.coef_, "intercept": (both * fitted.intercept_).ravel()}
    return {"coef": fitted.coef_, "intercept": fitted.intercept_}


def _pulled(values: Values, rows: np.ndarray, labels: np.ndarray, kin: np.ndarray) -> Arrays:
    """Return the W and b of least C · sum of -ln p(label) + |W - pull · kin|² / 2, of multinomial regression."""
    from scipy.optimize import minimize
    from scipy.special import log_softmax

    (d, k), truth = kin.shape, np.eye(kin.shape[1])[labels]
    towards = values["pull"] * kin

    def loss(point: np.ndarray) -> tuple[float, np.ndarray]:
        coef, intercept = point[: d * k].reshape(d, k), point[d * k :]
        log_p = log_softmax(rows @ coef + intercept, axis=1)
        beyond, error = coef - towards, values["C"] * (np.exp(log_p) - truth)
        slope = np.concatenate([(rows.T @ error + beyond).ravel(), error.sum(axis=0)])
        return float(0.5 * np.square(beyond).sum() - values["C"] * (truth * log_p).sum()), slope

    start = np.concatenate([towards.ravel(), np.zeros(k)])
    options = {"maxiter": 2000, "gtol": 1e-7, "ftol": 1e-14}
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options=options).x
    return {"coef": np.ascontiguousarray(found[: d * k].reshape(d, k).T), "intercept": found[d * k :]}


def _machine(values: Values, kernel: str, rows: np.ndarray, labels: np.ndarray) -> Any:
    from sklearn.svm import SVC

    return SVC(
        C=values["C"],
        kernel=kernel,
        degree=int(values.get("degree", 3)),
        coef0=values.get("coef0", 0.0),
        gamma=values.get("gamma", "scale"),
        cache_size=500,
    ).fit(rows, labels)


def _turned(fitted: Any, k: int) -> float:
    # Of two labels scikit-learn speaks for the second, of more for the first of each pair.
    return -1.0 if k == 2 else 1.0


def _svm_linear(values: Values, rows: np.ndarray, labels: np.ndarray, k: int, seed: int) -> Arrays:
    fitted = _machine(values, "linear", rows, labels)
    sign = _turned(fitted, k)
    return {"coef": sign * fitted.coef_, "intercept": sign * fitted.intercept_}


def _svm(values: Values, kernel: str, rows: np.ndarray, labels: np.ndarray, k: int) -> Arrays:
    fitted = _machine(values, kernel, rows, labels)
    sign, gamma = _turned(fitted, k), fitted._gamma
    parameters = [gamma] if kernel == "rbf" else [gamma, values.get("coef0", 0.0), values.get("degree", 3)]
    return {
        "support": fitted.support_vectors_,
        "dual": sign * fitted.dual_coef_,
        "support_counts": fitted.n_support_,
        "intercept": sign * fitted.intercept_,
        "kernel": np.array(parameters, float),
    }


def _svm_poly(values: Values, rows: np.ndarray, labels: np.ndarray, k: int, seed: int) -> Arrays:
    return _svm(values, "poly", rows, labels, k)


def _svm_rbf(values: Values, rows: np.ndarray, labels: np.ndarray, k: int, seed: int) -> Arrays:
    return _svm(values, "rbf", rows, labels, k)


def _neighbours(values: Values, rows: np.ndarray, labels: np.ndarray, k: int, seed: int) -> Arrays:
    count = min(int(values["neighbours"]), len(rows))  # nothing to fit
    return {"points": rows, "targets": labels, "neighbours": np.array([count])}


def _mlp(values: Values, rows: np.ndarray, labels: np.ndarray, k: int, seed: int) -> Arrays:
    from sklearn.neural_network import MLPClassifier

    fitted = MLPClassifier(HIDDEN, alpha=values["alpha"], max_iter=200, random_state=seed).fit(rows, labels)
    weights, biases = list(fitted.coefs_), list(fitted.intercepts_)
    if k == 2:
        weights[-1] = weights[-1] * np.array([[-0.5, 0.5]])
        biases[-1] = biases[-1] * np.array([-0.5, 0.5])
    found = {f"weight_{i}": weight for i, weight in enumerate(weights)}
    return found | {f"bias_{i}": bias for i, bias in enumerate(biases)}


def _boosting(values: Values, rows: np.ndarray, labels: np.ndarray, k: int, seed: int) -> Arrays:
    from sklearn.ensemble import HistGradientBoostingClassifier

    fitted = HistGradientBoostingClassifier(
        learning_rate=0.1,
        max_iter=int(values["iterations"]),
        max_depth=int(values["depth"]),
        min_samples_leaf=min(20, max(1, len(rows) // (5 * k))),
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed,
    ).fit(rows, labels)
    parts: dict[str, list[np.ndarray]] = {name: [] for name in ("feature", "threshold", "left", "right", "value")}
    roots: list[list[int]] = []
    at = 0
    for iteration in fitted._predictors:
        roots.append([])
        for tree in iteration:
            nodes = tree.nodes
            own = np.arange(len(nodes))
            leaf = nodes["is_leaf"].astype(bool)
            parts["feature"].append(np.where(leaf, 0, nodes["feature_idx"]))
            parts["threshold"].append(np.where(leaf, 0.0, nodes["num_threshold"]))
            parts["left"].append(at + np.where(leaf, own, nodes["left"]))
            parts["right"].append(at + np.where(leaf, own, nodes["right"]))
            parts["value"].append(np.where(leaf, nodes["value"], 0.0))
            roots[-1].append(at)
            at += len(nodes)
    arrays = {name: np.concatenate(part) for name, part in parts.items()}
    baseline = np.asarray(fitted._baseline_prediction, float).ravel()
    if k == 2:  # one tree for both: half of it for each side
        second = {name: arrays[name].copy() for name in arrays}
        second["left"], second["right"] = arrays["left"] + at, arrays["right"] + at
        half = {**arrays, "value": -0.5 * arrays["value"]}
        second["value"] = 0.5 * arrays["value"]
        arrays = {name: np.concatenate([half[name], second[name]]) for name in arrays}
        roots = [[root[0], root[0] + at] for root in roots]
        baseline = np.array([-0.5, 0.5]) * baseline
    return arrays | {"roots": np.array(roots), "baseline": baseline}


_FITS: dict[str, Callable[[Values, np.ndarray, np.ndarray, int, int], Arrays]] = {
    "logistic": _logistic,
    "svm-linear": _svm_linear,
    "svm-poly": _svm_poly,
    "svm-rbf": _svm_rbf,
    "neighbours": _neighbours,
    "boosting": _boosting,
    "mlp": _mlp,
}
