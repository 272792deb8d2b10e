"""Nearest tracks, hubs and mutual proximity."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from classifier.likeness.nearest import Neighbourhood, name_of
from classifier.likeness.proximity import Surroundings, hubness, log_proximity
from classifier.likeness.sounds import Sounds, log_divergence, take
from tests.likeness.made import library


def part(sounds: Sounds, rows: np.ndarray) -> Sounds:
    keys = tuple(sounds.keys[row] for row in rows)
    return Sounds(keys, sounds.statistics[rows], take(sounds.gaussians, rows), sounds.d)


def test_the_nearest_are_of_the_same_kind_and_explained() -> None:
    sounds, group = library(120, 6)
    near = Neighbourhood.of(sounds)
    for row in (0, 7, 50):
        own = take(sounds.gaussians, np.array([row]))
        found = near.nearest(own, 8, leave_out=sounds.ids[row])
        assert len(found) == 8
        assert sounds.ids[row] not in [alike.track_id for alike in found]
        assert {group[sounds.ids.index(alike.track_id)] for alike in found} == {group[row]}
        for alike in found:
            other = take(sounds.gaussians, np.array([sounds.ids.index(alike.track_id)]))
            assert alike.divergence == pytest.approx(float(np.exp(log_divergence(own, other)[0, 0])), rel=1e-6)
            assert sum(c.nats for c in alike.coefficients) == pytest.approx(alike.divergence)
            assert sorted(c.coefficient for c in alike.coefficients) == list(range(sounds.d))
            assert alike.coefficients[0].nats == max(c.nats for c in alike.coefficients)
            assert alike.coefficients[0].name == name_of(alike.coefficients[0].coefficient)
        keys = [-(alike.proximity or 0) if near.corrected else alike.divergence for alike in found]
        assert keys == sorted(keys)


def test_small_libraries_are_ranked_by_divergence() -> None:
    sounds, _ = library(12, 3)
    near = Neighbourhood.of(sounds)
    assert (near.hubness, near.corrected) == (None, False)
    found = near.nearest(take(sounds.gaussians, np.array([3])), 99)
    assert found[0].track_id == sounds.ids[3]
    assert len(found) == 12
    assert [alike.divergence for alike in found] == sorted(alike.divergence for alike in found)
    assert {alike.proximity for alike in found} == {None}
    none, _ = library(0, 1)
    assert Neighbourhood.of(none).nearest(take(sounds.gaussians, np.array([3])), 5) == []


def test_proximity_is_the_probability_that_both_have_no_nearer_one(rng: np.random.Generator) -> None:
    far = rng.standard_normal((3, 4))
    a, b = Surroundings(rng.standard_normal(3), np.full(3, 1.5)), Surroundings(rng.standard_normal(4), np.full(4, 0.7))
    for i in range(3):
        for j in range(4):
            wanted = norm.sf(far[i, j], a.mean[i], 1.5) * norm.sf(far[i, j], b.mean[j], 0.7)
            assert np.exp(log_proximity(far, a, b)[i, j]) == pytest.approx(wanted)
    around = Surroundings.of(np.array([[np.nan, 1.0, 3.0], [2.0, np.nan, 2.0], [0.0, 4.0, np.nan]]))
    np.testing.assert_allclose(around.mean, [2, 2, 2])
    np.testing.assert_allclose(around.spread, [1, 1e-6, 2])


def test_hubs_are_seen_and_proximity_undoes_them(rng: np.random.Generator) -> None:
    """Points of many dimensions around a centre: those close to it are near to all the others."""
    points = rng.standard_normal((400, 60))
    far = np.log(((points[:, None] - points[None]) ** 2).sum(axis=-1) + np.eye(400))
    apart = np.where(np.eye(400, dtype=bool), np.nan, far)
    around = Surroundings.of(apart)
    raw, corrected = hubness(far), hubness(-log_proximity(far, around, around))
    assert raw > 2.0
    assert corrected < raw / 2
    ring = np.abs(np.subtract.outer(np.arange(50), np.arange(50)))
    ring = np.minimum(ring, 50 - ring).astype(float)
    assert hubness(ring, 2) == 0.0  # everybody has the same two neighbours


def test_the_way_of_ranking_follows_from_the_library() -> None:
    sounds, _ = library(300, 1, d=12, within=0.5)
    near = Neighbourhood.of(sounds)
    assert near.hubness is not None
    assert near.corrected == (near.hubness[1] < near.hubness[0])
    shuffled = part(sounds, np.random.default_rng(1).permutation(300))
    again = Neighbourhood.of(shuffled)
    own = take(sounds.gaussians, np.array([5]))
    one, two = (found.nearest(own, 10, sounds.ids[5]) for found in (near, again))
    assert [alike.track_id for alike in one] == [alike.track_id for alike in two]
