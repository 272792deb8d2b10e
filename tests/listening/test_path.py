"""The likeliest story: against trying all of them."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest

from classifier.listening import path
from classifier.listening.grid import STEP_S


@pytest.mark.parametrize("seed", range(5))
def test_the_best_path_is_the_best_of_all(seed):
    rng = np.random.default_rng(seed)
    emission, transition, start = rng.normal(size=(3, 6)), rng.normal(size=(3, 3)), rng.normal(size=3)

    def score(states: tuple[int, ...]) -> float:
        first = max(start[i] + transition[i, states[0]] for i in range(3))
        moves = sum(transition[a, b] for a, b in pairwise(states))
        return first + moves + sum(emission[s, t] for t, s in enumerate(states))

    found, scores = path.best(emission, transition, start)
    assert tuple(found) == max(product(range(3), repeat=6), key=score)
    assert scores.shape == (6, 3)
    np.testing.assert_allclose(scores.max(axis=1), 0, atol=1e-12)


def test_going_on_from_saved_scores_is_as_if_nothing_had_been_cut():
    rng = np.random.default_rng(3)
    emission, transition = rng.normal(size=(3, 12)), rng.normal(size=(3, 3))
    whole, scores = path.best(emission, transition, np.zeros(3))
    rest, _ = path.best(emission[:, 5:], transition, scores[4])
    np.testing.assert_array_equal(rest, whole[5:])


def test_states_and_what_it_costs_to_go_from_one_to_another():
    states = path.states(2, [(0, 1)])
    assert states == ((-1,), (-2,), (-3,), (0,), (1,), (0, 1))
    cost = path.transitions(states)
    leave, change = np.log(path.TRACK_S / STEP_S), np.log(path.BACKGROUND_S / STEP_S)
    assert np.all(np.diag(cost) == 0)
    assert cost[0, 1] == pytest.approx(-change)
    assert cost[0, 3] == pytest.approx(-leave - path.CHOICE)
    assert cost[3, 0] == pytest.approx(-leave)
    assert cost[3, 4] == pytest.approx(-2 * leave - path.CHOICE)
    assert cost[3, 5] == pytest.approx(-leave - path.CHOICE)
    assert cost[5, 3] == pytest.approx(-leave)


def test_two_at_once_must_be_worth_it():
    gains, kinds = np.array([[2.0, 2.0], [3.0, -1.0]]), np.log(np.array([[0.5, 0.9], [0.25, 0.1], [0.25, 0.0001]]))
    emission = path.emissions(gains, kinds, [gains.sum(axis=0)])
    assert emission.shape == (6, 2)
    assert emission[0, 0] == 0  # the likeliest kind is worth nothing, the others less
    assert emission[5, 0] == pytest.approx(5 - path.TWO_AT_ONCE)
    assert emission[5, 1] < emission[3, 1]
