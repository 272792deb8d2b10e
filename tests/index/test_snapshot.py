"""Snapshots: each live track once, from the first segment that holds it, in an order of its own."""

from __future__ import annotations

import numpy as np

from classifier.index.segment import Segment
from classifier.index.snapshot import Snapshot
from tests.search import toys


def built(*seeds: int) -> Segment:
    return Segment.build([(f"t{seed}", 1, toys.model(seed, n_windows=2, n_frames=5)) for seed in seeds])


def test_a_snapshot_shows_live_tracks_once():
    first, second = built(1, 2), built(2, 3)
    snapshot = Snapshot((first, second), frozenset({("t1", 1), ("t2", 1), ("t3", 1)}))
    assert [(segment is first, entry.track_id) for segment, entry in snapshot] == [
        (True, "t1"),
        (True, "t2"),
        (False, "t3"),
    ]
    assert (len(snapshot), snapshot.n_windows, snapshot.n_frames) == (3, 6, 15)
    some = Snapshot((first, second), frozenset({("t2", 1)}))
    assert [entry.track_id for _, entry in some] == ["t2"]
    assert (len(some), some.n_windows, some.n_frames) == (1, 2, 5)


def test_another_version_is_another_track():
    old, new = Segment.build([("t", 1, toys.model(1))]), Segment.build([("t", 2, toys.model(2))])
    snapshot = Snapshot((old, new), frozenset({("t", 2)}))
    toys.assert_same(toys.content(snapshot), toys.expected({("t", 2): toys.model(2)}))


def test_nothing_is_a_snapshot_too():
    snapshot = Snapshot((), frozenset())
    assert (len(snapshot), snapshot.n_windows, snapshot.n_rows("slots"), snapshot.n_frames) == (0, 0, 0, 0)
    assert list(snapshot) == list(snapshot.shelves) == []


def test_tracks_have_one_order_however_they_are_cut():
    """By key; numbers and items say the same."""
    keys = [(f"t{seed}", 1) for seed in (1, 2, 3, 4)]
    for cut in ([[1, 2, 3, 4]], [[4, 2], [3], [1]], [[3], [2, 1, 3], [4, 1]]):
        snapshot = Snapshot(tuple(built(*part) for part in cut), frozenset(keys))
        assert [entry.key for _, entry in snapshot.items] == keys
        assert snapshot.numbers == {key: i for i, key in enumerate(keys)}


def test_shelves_are_the_same_tracks_by_segment():
    """Each live track stands on one shelf, with its own rows of every kind."""
    first, second, dead = built(3, 1, 4), built(2, 3), built(5)
    snapshot = Snapshot((first, second, dead), frozenset((f"t{seed}", 1) for seed in (1, 2, 3)))
    assert [shelf.segment for shelf in snapshot.shelves] == [first, second]
    found = {}
    for shelf in snapshot.shelves:
        for i, number in enumerate(shelf.numbers):
            segment, entry = snapshot.items[number]
            assert segment is shelf.segment
            for kind, rows in entry.rows.items():
                assert shelf.bounds[kind][i].tolist() == [rows.start, rows.stop]
            found[int(number)] = entry.track_id
    assert found == {0: "t1", 1: "t2", 2: "t3"}
    assert snapshot.n_rows("slots") == sum(len(entry.rows["slots"]) for _, entry in snapshot)
    assert all(bounds.dtype == np.int64 for shelf in snapshot.shelves for bounds in shelf.bounds.values())
