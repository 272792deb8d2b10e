"""The map: the same for the same tracks, alike ones side by side, and later ones placed where they belong."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.likeness import layout
from classifier.likeness.sounds import take
from tests.likeness.made import library


def test_alike_tracks_lie_side_by_side_and_the_map_is_always_the_same() -> None:
    sounds, group = library(150, 5)
    places = layout.lay_out(sounds)
    np.testing.assert_array_equal(places, layout.lay_out(sounds))
    assert places.shape == (150, 2)
    assert (places.min(), places.max()) == (0.0, 1.0)
    apart = ((places[:, None] - places[None]) ** 2).sum(axis=-1) + 9 * np.eye(150)
    nearest = np.argsort(apart, axis=1)[:, :8]
    assert (group[nearest] == group[:, None]).mean() > 0.9


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 7])
def test_small_libraries_have_maps_too(n: int) -> None:
    sounds, _ = library(n, 2)
    places = layout.lay_out(sounds)
    assert places.shape == (n, 2)
    assert np.isfinite(places).all()
    assert ((places >= 0) & (places <= 1)).all()
    assert len({tuple(place) for place in places.round(6)}) == n


def test_copies_share_a_place() -> None:
    sounds, _ = library(40, 4)
    rows = np.r_[np.arange(40), 3, 3]
    copies = type(sounds)(
        tuple((f"{i}", 1) for i in range(42)), sounds.statistics[rows], take(sounds.gaussians, rows), sounds.d
    )
    places = layout.lay_out(copies)
    assert np.isfinite(places).all()
    apart = np.sqrt(((places - places[3]) ** 2).sum(axis=1))
    assert set(np.argsort(apart)[:3]) == {3, 40, 41}


def test_a_later_track_is_placed_among_its_like() -> None:
    sounds, group = library(160, 4)
    known = np.arange(120)
    first = type(sounds)(sounds.keys[:120], sounds.statistics[:120], take(sounds.gaussians, known), sounds.d)
    places = layout.lay_out(first)
    new = np.arange(120, 160)
    placed = layout.place(take(sounds.gaussians, new), first.gaussians, places)
    centres = np.stack([places[group[:120] == g].mean(axis=0) for g in range(4)])
    apart = ((placed[:, None] - centres[None]) ** 2).sum(axis=-1)
    assert (apart.argmin(axis=1) == group[120:]).mean() > 0.9
    # What is on the map already comes to lie where it is, with so little weight left for others.
    again = layout.place(take(sounds.gaussians, np.array([5])), take(sounds.gaussians, np.array([5])), places[5:6])
    np.testing.assert_allclose(again, places[5:6])
