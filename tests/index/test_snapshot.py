"""Snapshots: each live track once, from the first segment that holds it."""

from __future__ import annotations

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
    assert (len(snapshot), snapshot.n_windows, snapshot.n_frames) == (0, 0, 0)
    assert list(snapshot) == []
