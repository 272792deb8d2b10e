"""Our scorers, in NumPy alone, against the estimators that they were taken from."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC

from classifier.errors import InvalidModel
from classifier.labels.scoring import families
from classifier.labels.training import estimators
from classifier.labels.training.estimators import GRID, candidate, fit
from tests.labels.clips import blobs

#: Float64 sums in another order; distances to a thousand points and trees add nothing to it.
EQUAL = 1e-6
EVERY = [candidates[-1] for candidates in GRID.values()]
WIDTHS = (16, 8, 8, 4)


@pytest.fixture(autouse=True)
def small_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let networks be small, of as many layers: nothing here depends on their width."""
    monkeypatch.setattr(estimators, "HIDDEN", WIDTHS)


def softmax(scores: np.ndarray) -> np.ndarray:
    grown = np.exp(scores - scores.max(axis=1, keepdims=True))
    return grown / grown.sum(axis=1, keepdims=True)


@pytest.fixture(params=[2, 3, 7], ids=["two labels", "three labels", "seven labels"])
def points(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    k = request.param
    rows, labels = blobs(240, 6, k, seed=k)
    return rows[:160], labels[:160], rows[160:], k


def ours(chosen, points) -> np.ndarray:
    rows, labels, test, k = points
    arrays = fit(chosen, rows, labels, k, seed=3)
    families.check(chosen.family, arrays, rows.shape[1], k)
    return families.score(chosen.family, arrays, test, k)


def test_logistic_regression(points):
    rows, labels, test, _ = points
    theirs = LogisticRegression(C=0.3, max_iter=2000, tol=1e-6).fit(rows, labels).predict_proba(test)
    assert np.abs(softmax(ours(candidate("logistic", C=0.3), points)) - theirs).max() < EQUAL


def test_logistic_regression_pulled_to_nothing_is_logistic_regression(points):
    rows, labels, test, k = points
    arrays = fit(candidate("logistic", C=0.3, pull=0), rows, labels, k, 0, np.ones((rows.shape[1], k)))
    found = softmax(families.score("logistic", arrays, test, k))
    if k == 2:  # one vector there, two opposite ones here, which cost half as much
        theirs = LogisticRegression(C=0.6, max_iter=2000, tol=1e-8).fit(rows, labels).predict_proba(test)
    else:
        theirs = LogisticRegression(C=0.3, max_iter=2000, tol=1e-8).fit(rows, labels).predict_proba(test)
    assert np.abs(found - theirs).max() < 10 * EQUAL


def test_with_next_to_no_weight_on_the_clips_it_stays_where_it_is_pulled(points):
    rows, labels, _, k = points
    kin = np.random.default_rng(1).standard_normal((rows.shape[1], k))
    arrays = fit(candidate("logistic", C=1e-9, pull=2), rows, labels, k, 0, kin)
    assert np.allclose(arrays["coef"], 2 * kin.T, atol=1e-5)


@pytest.mark.parametrize(
    ("family", "options"),
    [
        ("svm-linear", {"kernel": "linear"}),
        ("svm-poly", {"kernel": "poly", "degree": 3, "coef0": 1.0}),
        ("svm-rbf", {"kernel": "rbf"}),
    ],
)
def test_support_vector_machines(points, family, options):
    rows, labels, test, k = points
    machine = SVC(C=2.0, **options).fit(rows, labels)
    theirs = machine.decision_function(test)
    parameters = {name: value for name, value in options.items() if name != "kernel"}
    scores = ours(candidate(family, C=2.0, **parameters), points)
    if k == 2:
        assert np.abs(scores[:, 1] - scores[:, 0] - theirs).max() < EQUAL
    else:
        assert np.abs(scores - theirs).max() < EQUAL
    assert np.array_equal(scores.argmax(axis=1) == machine.predict(test), np.ones(len(test), bool)) or k > 2


def test_nearest_neighbours(points):
    rows, labels, test, k = points
    theirs = KNeighborsClassifier(7).fit(rows, labels).predict_proba(test)
    arrays = fit(candidate("neighbours", neighbours=7), rows, labels, k, seed=0)
    assert np.abs(families.shares(arrays, test, k) - theirs).max() < EQUAL
    # Each label counts as one more neighbour's k-th part, so none is impossible.
    expected = (7 * theirs + 1 / k) / 8
    assert np.abs(softmax(ours(candidate("neighbours", neighbours=7), points)) - expected).max() < EQUAL


def test_neighbours_of_a_label_without_clips():
    arrays = {"points": np.zeros((2, 1)), "targets": np.zeros(2, np.int64), "neighbours": np.array([1])}
    assert families.shares(arrays, np.zeros((1, 1)), 3).tolist() == [[1.0, 0.0, 0.0]]


@pytest.mark.filterwarnings("ignore:.*converge.*")
def test_multi_layer_perceptron(points):
    rows, labels, test, _ = points
    network = MLPClassifier(WIDTHS, alpha=0.001, max_iter=200, random_state=3).fit(rows, labels)
    scores = ours(candidate("mlp", alpha=0.001), points)
    assert np.abs(softmax(scores) - network.predict_proba(test)).max() < EQUAL


def test_gradient_boosting(points):
    rows, labels, test, k = points
    trees = HistGradientBoostingClassifier(
        learning_rate=0.1,
        max_iter=40,
        max_depth=3,
        min_samples_leaf=min(20, 160 // (5 * k)),
        l2_regularization=1.0,
        early_stopping=False,
        random_state=3,
    ).fit(rows, labels)
    scores = ours(candidate("boosting", iterations=40, depth=3), points)
    assert np.abs(softmax(scores) - trees.predict_proba(test)).max() < EQUAL


@pytest.mark.parametrize("chosen", EVERY, ids=str)
def test_a_fit_is_the_same_bit_for_bit(chosen):
    rows, labels = blobs(60, 4, 3, seed=1)
    first, second = (fit(chosen, rows, labels, 3, seed=5) for _ in range(2))
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_votes_of_pairs():
    # 0 beats 1 and 2, 2 beats 1: two votes, none, one; the decisions tell by how much.
    votes = families.votes(np.array([[1.0, 2.0, -3.0]]), 3)[0]
    assert votes == pytest.approx([2 + 3 / 12, 0 - 4 / 15, 1 + 1 / 6])


def test_a_tree_by_hand():
    arrays = {
        "feature": np.array([1, 0, 0]),
        "threshold": np.array([0.5, 0.0, 0.0]),
        "left": np.array([1, 1, 2]),
        "right": np.array([2, 1, 2]),
        "value": np.array([0.0, -1.0, 2.0]),
        "roots": np.array([[0, 1]]),
        "baseline": np.array([0.25, 0.0]),
    }
    families.check("boosting", arrays, 2, 2)
    scores = families.score("boosting", arrays, np.array([[9.0, 0.5], [9.0, 0.6]]), 2)
    assert scores.tolist() == [[-0.75, -1.0], [2.25, -1.0]]


def deep(n: int) -> dict[str, np.ndarray]:
    """Return a tree that is a chain of n branches."""
    own = np.arange(n + 1)
    following = np.minimum(own + 1, n)
    return {
        "feature": np.zeros(n + 1, int),
        "threshold": np.zeros(n + 1),
        "left": following,
        "right": following,
        "value": np.zeros(n + 1),
        "roots": np.zeros((1, 2), int),
        "baseline": np.zeros(2),
    }


def spoiled(family: str, **changes) -> dict[str, np.ndarray]:
    rows, labels = blobs(30, 3, 3, seed=2)
    arrays = fit(GRID[family][0], rows, labels, 3, seed=0)
    return {name: changes[name](array) if name in changes else array for name, array in arrays.items()}


@pytest.mark.parametrize(
    ("family", "arrays"),
    [
        ("logistic", spoiled("logistic", coef=lambda a: a[:, :2])),
        ("logistic", {**spoiled("logistic"), "more": np.zeros(1)}),
        ("logistic", {"coef": np.zeros((3, 3))}),
        ("svm-linear", spoiled("svm-linear", intercept=lambda a: a[:1])),
        ("svm-rbf", spoiled("svm-rbf", support_counts=lambda a: a + 1)),
        ("svm-rbf", spoiled("svm-rbf", support_counts=lambda a: np.array([-5, a.sum() + 5, 0]))),
        ("svm-rbf", spoiled("svm-rbf", kernel=lambda a: -a)),
        ("svm-poly", spoiled("svm-poly", kernel=lambda a: np.array([1.0, 0.0, 1e9]))),
        ("neighbours", spoiled("neighbours", targets=lambda a: a + 1)),
        ("neighbours", spoiled("neighbours", neighbours=lambda a: a * 1000)),
        ("mlp", spoiled("mlp", weight_1=lambda a: a[:5])),
        ("mlp", {"weight_0": np.zeros((3, 3))}),
        ("boosting", spoiled("boosting", left=lambda a: a * 0)),
        ("boosting", spoiled("boosting", right=lambda a: a + 10**6)),
        ("boosting", spoiled("boosting", feature=lambda a: a + 3)),
        ("boosting", spoiled("boosting", roots=lambda a: a - 1)),
        ("boosting", deep(100)),
        ("forest", {}),
    ],
)
def test_arrays_that_contradict_each_other_are_refused(family, arrays):
    k = 2 if len(arrays.get("baseline", [])) == 2 else 3
    with pytest.raises(InvalidModel):
        families.check(family, arrays, 3, k)
