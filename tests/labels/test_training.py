"""Folds, temperatures, figures and selection: invariants, closed forms and independent implementations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss as sklearn_log_loss
from sklearn.metrics import precision_recall_fscore_support, roc_auc_score

from classifier.labels.scoring.model import probabilities
from classifier.labels.training.estimators import GRID, candidate, candidates
from classifier.labels.training.figures import area, bootstrap, by_label, confusion, figures, threshold_of, top
from classifier.labels.training.folds import grouped_folds, groups_of_each
from classifier.labels.training.foreign import fit_foreign
from classifier.labels.training.kin import kin
from classifier.labels.training.selection import Problem, choose, inner_splits, judge, left_out_scores, outer_splits
from classifier.labels.training.temperature import fit_temperature, log_loss
from tests.labels.clips import blobs, one_hot


@settings(max_examples=60, deadline=None)
@given(
    groups=st.lists(st.integers(0, 12), min_size=4, max_size=60),
    k=st.integers(1, 4),
    n_folds=st.integers(2, 6),
    seed=st.integers(0, 5),
)
def test_folds_keep_groups_together(groups, k, n_folds, seed):
    names = [f"g{g}" for g in groups]
    targets = one_hot(np.arange(len(groups)) % k, k)
    splits = grouped_folds(targets, names, n_folds, seed)
    if len(set(names)) < 2:
        assert splits == []
        return
    tested = np.concatenate([test for _, test in splits])
    assert sorted(tested) == list(range(len(groups)))
    for train, test in splits:
        assert not {names[i] for i in train} & {names[i] for i in test}
        assert len(train) + len(test) == len(groups)
    assert len(splits) == min(n_folds, len(set(names)))
    again = grouped_folds(targets, names, n_folds, seed)
    assert all(np.array_equal(a[1], b[1]) for a, b in zip(splits, again, strict=True))


def test_folds_are_stratified_and_seeds_differ():
    targets = one_hot(np.repeat(np.arange(3), 40), 3)
    names = [str(i // 2) for i in range(120)]
    for _, test in grouped_folds(targets, names, 5, 0):
        assert targets[test].sum(axis=0).tolist() == [8, 8, 8]
    first, second = (grouped_folds(targets, names, 5, seed)[0][1] for seed in (0, 1))
    assert not np.array_equal(first, second)
    # Few large groups too are put together anew, where scikit-learn's folds stay the same.
    few = [str(i // 10) for i in range(120)]
    assert len({tuple(grouped_folds(targets, few, 4, seed)[0][1]) for seed in range(8)}) > 3
    sizes = np.repeat(np.arange(13), np.arange(2, 15))  # 13 series, each of another size
    labels = one_hot(np.arange(len(sizes)) % 2, 2)
    made = {frozenset(map(tuple, (test for _, test in grouped_folds(labels, sizes, 5, seed)))) for seed in range(8)}
    assert len(made) == 8


def test_a_label_in_one_group_cannot_be_judged():
    targets = one_hot(np.array([0, 0, 1, 1]), 2)
    assert outer_splits(targets, ["a", "b", "c", "c"], 0) == []
    assert groups_of_each(targets, ["a", "b", "c", "c"]).tolist() == [2, 1]


def test_log_loss_is_scikit_learns():
    draw = np.random.default_rng(0)
    p = draw.dirichlet(np.ones(4), 50)
    labels = draw.integers(0, 4, 50)
    expected = sklearn_log_loss(labels, p, labels=range(4))
    assert log_loss(p, one_hot(labels, 4), "exclusive") == pytest.approx(expected)


@pytest.mark.parametrize("true", [0.3, 1.0, 4.0])
def test_a_temperature_is_found_again(true):
    draw = np.random.default_rng(1)
    scores = 2 * draw.standard_normal((4000, 3))
    p = probabilities(scores, "exclusive")
    labels = (draw.random((4000, 1)) > p.cumsum(axis=1)).sum(axis=1)
    found = fit_temperature(scores * true, one_hot(labels, 3), "exclusive")
    assert found[0] == pytest.approx(true, rel=0.1)
    losses = [
        log_loss(probabilities(scores * true / t, "exclusive"), one_hot(labels, 3), "exclusive")
        for t in (found[0] * 0.98, found[0], found[0] * 1.02)
    ]
    assert losses[1] == min(losses)


def test_several_labels_have_temperatures_of_their_own():
    draw = np.random.default_rng(2)
    scores = draw.standard_normal((3000, 2))
    targets = draw.random((3000, 2)) < probabilities(scores, "multiple")
    found = fit_temperature(scores * [1.0, 5.0], targets, "multiple")
    assert found == pytest.approx([1.0, 5.0], rel=0.15)


def test_figures_by_label_are_scikit_learns():
    draw = np.random.default_rng(3)
    p, labels = draw.dirichlet(np.ones(3), 80), draw.integers(0, 3, 80)
    targets = one_hot(labels, 3)
    rows = by_label(p, targets, "abc", "exclusive")
    precision, recall, f1, _ = precision_recall_fscore_support(labels, p.argmax(axis=1), zero_division=0)
    for i, row in enumerate(rows):
        assert [row["precision"], row["recall"], row["f1"]] == pytest.approx([precision[i], recall[i], f1[i]], abs=1e-4)
    counts = confusion(p, targets)
    assert counts.sum() == 80
    assert np.trace(counts) == top(p, targets, 1).sum()
    assert counts[1].sum() == (labels == 1).sum()


def test_area_is_scikit_learns_with_ties():
    draw = np.random.default_rng(4)
    scores, truth = draw.integers(0, 5, 100).astype(float), draw.random(100) < 0.4
    assert area(scores, truth) == pytest.approx(roc_auc_score(truth, scores))
    assert np.isnan(area(scores, np.ones(100, bool)))


def test_intervals_cover_and_grow_with_groups():
    hits = np.tile([1.0, 1.0, 1.0, 0.0], 50)
    alone = bootstrap(hits, [str(i) for i in range(200)], 0)
    assert alone.value == 0.75
    assert alone.high - alone.low == pytest.approx(2 * 1.96 * np.sqrt(0.75 * 0.25 / 200), rel=0.15)
    clumped = np.repeat([1.0, 1.0, 1.0, 0.0], 50)
    together = bootstrap(clumped, [str(i // 10) for i in range(200)], 0)
    assert together.high - together.low > 2 * (alone.high - alone.low)


def test_the_threshold_of_a_precision():
    p = np.array([[0.95, 0.05]] * 18 + [[0.7, 0.3]] * 20)
    targets = one_hot(np.array([0] * 18 + [0, 1] * 10), 2)
    least, share = threshold_of(p, targets, 0.9)
    assert least == pytest.approx(0.7) or least == pytest.approx(0.95)
    said = p.max(axis=1) >= 0.95
    assert top(p, targets, 1)[said].mean() >= 0.9
    assert 0 < share <= 1
    assert threshold_of(p, one_hot(np.ones(38, int), 2)) is None


def toy(n: int = 60, kind: str = "exclusive") -> Problem:
    rows, labels = blobs(n, 4, 3, seed=6, apart=2.0)
    targets = one_hot(labels, 3)
    if kind == "multiple":
        targets |= one_hot((labels + 1) % 3, 3)
    noise = np.random.default_rng(7).standard_normal((n, 4))
    return Problem({"noise": noise, "rows": rows}, targets, [str(i // 2) for i in range(n)], kind)


@pytest.mark.parametrize("kind", ["exclusive", "multiple"])
def test_the_better_features_are_chosen(kind):
    problem = toy(kind=kind)
    tried = candidates(["logistic", "neighbours"], 60)
    chosen = choose(problem, tried, inner_splits(problem.targets, problem.groups, 0), 0)
    assert chosen.view == "rows"
    assert len(chosen.tried) == 2 * sum(not one.needs_kin for one in tried)
    assert chosen.loss == min(loss for _, _, loss in chosen.tried)


def test_labels_named_like_tags_are_kin_to_them():
    columns = ("tag.Hip-Hop", "tag.jazz", "penultimate.0", "jazzy")
    assert kin(columns, ("hiphop", "JAZZ", "polka")).tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, 0]]
    assert kin(columns, ("polka", "jazzy")) is None
    assert kin((), ("jazz",)) is None


@pytest.mark.parametrize("kind", ["exclusive", "multiple"])
def test_kinship_helps_where_clips_are_few_and_is_left_where_it_misleads(kind):
    """Each label raises the feature of its name; of three clips a label, other features seem to matter as much."""
    draw = np.random.default_rng(8)
    n, d, k = 300, 40, 4
    truth = np.arange(n) % k
    rows = draw.standard_normal((n, d))
    rows[np.arange(n), truth] += 2.0
    split = (np.arange(3 * k), np.arange(3 * k, n))
    right = {}
    for name, shift in (("true", 0), ("false", 1)):
        own = np.zeros((d, k))
        own[(np.arange(k) + shift) % k, np.arange(k)] = 1
        problem = Problem({"rows": rows}, one_hot(truth, k), [str(i) for i in range(n)], kind, kin={"rows": own})
        for pull in ({}, {"pull": 1}):
            scores = left_out_scores(problem, "rows", candidate("logistic", C=0.1, **pull), split, 0)
            right[name, bool(pull)] = top(scores, problem.targets[split[1]], 1).mean()
        inner = inner_splits(problem.targets, problem.groups, 0)
        right[name, "chosen"] = choose(problem, GRID["logistic"], inner, 0).candidate.needs_kin
    assert right["true", True] > right["true", False] + 0.1
    assert right["true", "chosen"]
    assert not right["false", "chosen"]


def test_nothing_is_learnt_from_chance():
    """Labels without any relation to the features are answered no better than by chance, however many are tried."""
    draw = np.random.default_rng(11)
    n = 90
    views = {f"v{i}": draw.standard_normal((n, 6)) for i in range(4)}
    problem = Problem(views, one_hot(np.arange(n) % 3, 3), [str(i) for i in range(n)], "exclusive")
    judged = judge(problem, GRID["logistic"], outer_splits(problem.targets, problem.groups, 0), 0)
    right = top(judged.p, problem.targets[judged.clips], 1).mean()
    assert abs(right - 1 / 3) < 3 * np.sqrt(2 / 9 / n)


def test_a_label_that_no_training_clip_has_scores_least():
    problem = toy()
    with_label = np.flatnonzero(problem.targets[:, 2])
    split = (np.setdiff1d(np.arange(60), with_label), with_label)
    scores = left_out_scores(problem, "rows", candidate("logistic", C=1.0), split, 0)
    assert (scores.argmin(axis=1) == 2).all()


def test_features_that_never_change_do_no_harm():
    problem = toy()
    rows = np.hstack([problem.rows["rows"], np.full((60, 1), 7.0)])
    same = Problem({"rows": rows}, problem.targets, problem.groups, "exclusive")
    split = outer_splits(problem.targets, problem.groups, 0)[0]
    scores = left_out_scores(same, "rows", candidate("logistic", C=1.0), split, 0)
    assert np.allclose(scores, left_out_scores(problem, "rows", candidate("logistic", C=1.0), split, 0), atol=1e-4)


def test_foreign_points_are_far():
    problem = toy(90)
    splits = inner_splits(problem.targets, problem.groups, 0)
    arrays = fit_foreign(problem.rows["rows"], problem.targets, splits)
    z = (problem.rows["rows"] - arrays["foreign_centre"]) / arrays["foreign_scale"]
    from classifier.labels.scoring.model import distances

    found = distances(z, arrays["foreign_means"], arrays["foreign_precision"])
    assert (found > arrays["foreign_limit"]).mean() <= 0.05
    assert distances(z + 20, arrays["foreign_means"], arrays["foreign_precision"]).min() > arrays["foreign_limit"]
    # Mahalanobis' distance by hand.
    gap = z[0] - arrays["foreign_means"]
    by_hand = min(float(row @ arrays["foreign_precision"] @ row) for row in gap)
    assert found[0] == pytest.approx(by_hand)
    assert fit_foreign(problem.rows["rows"][:20], problem.targets[:20], splits) == {}


def test_all_figures_of_an_empty_label_are_finite_json():
    import json

    p = np.array([[0.6, 0.3, 0.1]] * 12)
    targets = one_hot(np.zeros(12, int), 3)
    for kind in ("exclusive", "multiple"):
        found = figures(p, targets, [str(i) for i in range(12)], "abc", kind, 0)
        assert json.loads(json.dumps(found, allow_nan=False)) == found
