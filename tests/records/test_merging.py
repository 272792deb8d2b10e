"""Merging copies: one goes on, none is lost, hand edits count, and all of it can be undone, also after a crash."""

from __future__ import annotations

import pytest

from classifier.errors import InvalidParameter, TrackBusy, TrackNotFound
from classifier.records import doctor, merging, track_arrays, tracks
from classifier.records.catalogues import get_catalogue
from classifier.records.orphans import remove_orphans
from classifier.records.writing import AlreadyEnrolled, TrackWriter
from classifier.store import Store
from tests.material import Crash, DyingStore, catalogue, enroll, facts, models
from tests.places import ATOMIC

pytestmark = pytest.mark.stores(ATOMIC)


@pytest.fixture
def pair(store: Store) -> tuple[str, str]:
    catalogue(store)
    return enroll(store, "a", title="A", artist="Ann"), enroll(
        store, "b", title="B", album="First", isrc="GBAYE0601498"
    )


def test_one_goes_on_and_the_other_leads_to_it(store: Store, pair: tuple[str, str]) -> None:
    a, b = pair
    revision = get_catalogue(store, "default").revision
    track = merging.merge(store, a, b)
    assert (track.id, track.title, track.artist, track.album, track.isrc) == (a, "A", "Ann", "First", "GBAYE0601498")
    assert track.by_hand == []
    assert get_catalogue(store, "default").revision > revision
    assert [t.id for t in tracks.list_tracks(store, "default")] == [a]
    assert list(tracks.ready(store, "default")) == [a]
    assert tracks.get_track(store, b) == track
    assert tracks.find(store, "default", content_hash="b") == track
    assert tracks.count_tracks(store, "default", search="gbaye06") == 1
    assert merging.merge(store, a, b) == track
    with pytest.raises(TrackNotFound, match=f"was merged into {a!r}: name that one"):
        tracks.edit(store, b, title="x")
    with pytest.raises(AlreadyEnrolled) as caught:
        TrackWriter.begin(store, facts("b"), owner="me", replace=True)
    assert caught.value.track_id == a
    assert [f.what for f in doctor.examine(store)] == []
    assert sum(remove_orphans(store).values()) == 0


def test_undoing_brings_back_both_as_they_were(store: Store, pair: tuple[str, str]) -> None:
    a, b = pair
    tracks.edit(store, b, title="B by hand", metadata={"mood": "calm"})
    before = [tracks.get_track(store, track_id) for track_id in pair]
    merged = merging.merge(store, a, b)
    assert (merged.title, merged.metadata, merged.by_hand) == ("B by hand", {"mood": "calm"}, ["title", "metadata"])
    ((other, into, _),) = merging.merged(store, "default")
    assert (other, into) == (before[1], a)
    assert merging.undo(store, b) == before[1]
    assert [tracks.get_track(store, track_id) for track_id in pair] == before
    assert sorted(tracks.ready(store, "default")) == sorted(pair)
    assert len(track_arrays.load_subfingerprints(store, b, 1)) == 21
    assert merging.merged(store, "default") == []
    with pytest.raises(TrackNotFound, match="was merged"):
        merging.undo(store, b)


def test_own_hand_edits_stay_and_later_ones_too(store: Store, pair: tuple[str, str]) -> None:
    a, b = pair
    tracks.edit(store, a, title="Mine", isrc="")
    tracks.edit(store, b, title="Theirs", artist="Bea")
    track = merging.merge(store, a, b)
    assert (track.title, track.artist, track.isrc) == ("Mine", "Bea", None)
    assert track.by_hand == ["title", "artist", "isrc"]
    tracks.edit(store, a, artist="Cleo")
    merging.undo(store, b)
    track = tracks.get_track(store, a)
    assert (track.title, track.artist, track.album) == ("Mine", "Cleo", None)
    assert track.by_hand == ["title", "artist", "isrc"]


def test_merges_chain_and_go_with_the_track(store: Store, pair: tuple[str, str]) -> None:
    a, b = pair
    c = enroll(store, "c")
    merging.merge(store, b, c)
    merging.merge(store, a, b)
    assert tracks.get_track(store, c).id == a
    tracks.remove(store, a)
    for track_id in (a, b, c):
        with pytest.raises(TrackNotFound):
            tracks.get_track(store, track_id)
        assert store.get("tracks", track_id) is None
    assert store.count("models") == 0
    assert enroll(store, "c") is not None


def test_what_cannot_be_merged_is_refused(store: Store, pair: tuple[str, str]) -> None:
    a, b = pair
    catalogue(store, "other")
    elsewhere = enroll(store, "x", catalogue="other")
    with pytest.raises(InvalidParameter, match="into itself"):
        merging.merge(store, a, a)
    with pytest.raises(InvalidParameter, match="in two catalogues"):
        merging.merge(store, a, elsewhere)
    with pytest.raises(TrackNotFound):
        merging.merge(store, a, "nothing")
    with TrackWriter.begin(store, facts("b"), owner="me", replace=True) as writer:
        with pytest.raises(TrackBusy, match="being modelled anew"):
            merging.merge(store, a, b)
        writer.add_models(models(2))
        writer.commit()
    merging.merge(store, a, b)
    with pytest.raises(TrackNotFound, match="name that one"):
        merging.merge(store, b, a)
    assert tracks.get_track(store, a).id == a


def test_a_merge_that_was_cut_short_shows_both_and_is_finished(store: Store, pair: tuple[str, str]) -> None:
    """Whichever call to the store was the last: both tracks are there or one goes on, and undoing leads back."""
    a, b = pair
    tracks.edit(store, b, artist="Bea")
    before = [tracks.get_track(store, track_id) for track_id in pair]
    for alive in range(1, 20):
        try:
            merging.merge(DyingStore(store, alive, after=True), a, b)
            ended = True
        except Crash:
            ended = False
        assert set(tracks.ready(store, "default")) in ({a, b}, {a})
        track = merging.merge(store, a, b)
        assert (track.artist, track.album, track.by_hand) == ("Bea", "First", ["artist"])
        merging.undo(store, b)
        assert [tracks.get_track(store, track_id) for track_id in pair] == before
        if ended:
            return
    raise AssertionError("the merge never came to its end")


def test_what_was_merged_into_nothing_is_swept(store: Store, pair: tuple[str, str]) -> None:
    a, b = pair
    merging.merge(store, a, b)
    store.delete("tracks", {"_id": a})
    assert any("was merged into one that is gone" in f.what for f in doctor.examine(store))
    assert remove_orphans(store)["tracks"] == 1
    assert store.get("tracks", b) is None
    assert store.count("models", {"track_id": b}) == 0
