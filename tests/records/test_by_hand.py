"""What a person has set is known to be theirs, and outlives new tags and new models."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from classifier.errors import InvalidParameter, TrackNotFound
from classifier.records import tracks
from classifier.records.catalogues import get_catalogue
from classifier.records.writing import TrackWriter
from classifier.results import Track
from classifier.store import Store
from classifier.text import MAX_NAME
from tests.material import catalogue, enroll, facts, models
from tests.places import ATOMIC


def replace(store: Store, content: str, **fields: Any) -> Track:
    with TrackWriter.begin(store, facts(content, **fields), owner="me", replace=True) as writer:
        writer.add_models(models(2, 9))
        return writer.commit()


def test_edits_are_by_hand(store: Store) -> None:
    catalogue(store)
    track_id = enroll(store, "a", artist="A", album="B")
    assert tracks.get_track(store, track_id).by_hand == []
    assert tracks.edit(store, track_id, artist="X").by_hand == ["artist"]
    track = tracks.edit(store, track_id, title=" Y\n", album=None)
    assert (track.title, track.artist, track.album) == ("Y", "X", None)
    assert track.by_hand == ["title", "artist", "album"]
    assert tracks.get_track(store, track_id) == track
    assert tracks.edit(store, track_id, isrc="").isrc is None
    assert tracks.edit(store, track_id, metadata={"k": "v"}).by_hand == ["title", "artist", "album", "isrc", "metadata"]
    with pytest.raises(InvalidParameter, match=f"title has {MAX_NAME + 1} characters; the limit is {MAX_NAME}"):
        tracks.edit(store, track_id, title="x" * (MAX_NAME + 1))
    with pytest.raises(InvalidParameter, match="metadata has 9000 characters"):
        tracks.edit(store, track_id, metadata={"k": "x" * 9000})


def test_an_edit_is_undone_with_its_names(store: Store) -> None:
    """Values and names as they were before: what tags in files may change, they may change again."""
    catalogue(store)
    track_id = enroll(store, "a", artist="A", isrc="GBAAA8300001", by_hand=["isrc"])
    before = tracks.get_track(store, track_id)
    assert tracks.edit(store, track_id, title="Mine", artist="Me").by_hand == ["title", "artist", "isrc"]
    undone = tracks.edit(store, track_id, title=before.title, artist=before.artist, by_hand=before.by_hand)
    assert undone == before
    assert tracks.new_tags(undone, {"artist": "Tagged"}) == {"artist": "Tagged"}
    assert tracks.edit(store, track_id, by_hand=["artist", "title"]).by_hand == ["title", "artist"]
    assert tracks.edit(store, track_id, by_hand=[]).by_hand == []
    assert tracks.get_track(store, track_id).title == before.title
    with pytest.raises(InvalidParameter, match="'source' of a track cannot be edited"):
        tracks.edit(store, track_id, by_hand=["source"])


def test_replacing_keeps_what_was_set_by_hand(store: Store) -> None:
    catalogue(store)
    track_id = enroll(store, "a", artist="A", album="B")
    tracks.edit(store, track_id, title="Mine", metadata={"k": "v"})
    track = replace(store, "a", title="New", artist="New", album=None)
    assert (track.id, track.version) == (track_id, 2)
    assert (track.title, track.artist, track.album, track.metadata) == ("Mine", "New", None, {"k": "v"})
    assert track.by_hand == ["title", "metadata"]
    assert [t.id for t in tracks.list_tracks(store, "default", search="mine new")] == [track_id]
    assert tracks.list_tracks(store, "default", search="title") == []

    again = replace(store, "a", title="Given", by_hand=["title"])
    assert (again.title, again.by_hand) == ("Given", ["title", "metadata"])


def test_an_edit_while_a_track_is_replaced_is_kept(store: Store) -> None:
    catalogue(store)
    track_id = enroll(store, "a")
    with TrackWriter.begin(store, facts("a", title="New", artist="New"), owner="me", replace=True) as writer:
        tracks.edit(store, track_id, title="Mine")
        track = writer.commit()
    assert (track.title, track.artist, track.by_hand) == ("Mine", "New", ["title"])
    assert tracks.count_tracks(store, "default", search="mine new") == 1


def test_new_tags_are_those_that_differ_and_nobody_set(store: Store) -> None:
    catalogue(store)
    track_id = enroll(store, "a", title="T", artist="A", album="B")
    track = tracks.edit(store, track_id, artist="Mine")
    assert tracks.new_tags(track, {"title": "T", "artist": "other", "genre": "x"}) == {}
    assert tracks.new_tags(track, {}) == {}
    assert tracks.new_tags(track, {"title": "T2", "artist": "other", "isrc": "I"}) == {"title": "T2", "isrc": "I"}

    before = get_catalogue(store, "default").revision
    taken = tracks.take_tags(store, track_id, {"title": "T2\x1b", "artist": "o"}, source="new name", file_hash="f2")
    assert (taken.title, taken.artist, taken.album) == ("T2", "Mine", "B")
    assert (taken.source, taken.file_hash, taken.version, taken.by_hand) == ("new name", "f2", 1, ["artist"])
    assert tracks.get_track(store, track_id) == taken
    assert get_catalogue(store, "default").revision == before + 1
    assert tracks.count_tracks(store, "default", search="t2 mine name") == 1
    assert tracks.find(store, "default", file_hash="f2") == taken
    with pytest.raises(TrackNotFound):
        tracks.take_tags(store, "nothing", {"title": "x"}, source="s", file_hash="f")


def test_tracks_are_known_by_their_packets(store: Store) -> None:
    catalogue(store)
    track_id = enroll(store, "a", packet_hash="p")
    other = enroll(store, "b")
    assert tracks.find(store, "default", packet_hash="p") == tracks.get_track(store, track_id)
    assert tracks.find(store, "default", packet_hash="") is None
    tracks.set_packet_hash(store, track_id, "q")
    tracks.set_packet_hash(store, other, "r")
    assert [tracks.find(store, "default", packet_hash=h) is not None for h in "pqr"] == [True, False, True]


@pytest.mark.stores(ATOMIC)
def test_edits_at_the_same_time_are_all_kept_and_found(store: Store) -> None:
    """Each changes another field; what a track is searched by depends on all of them."""
    catalogue(store)
    track_id = enroll(store, "a")
    fields = {"title": "eins", "artist": "zwei", "album": "drei", "isrc": "GBAYE0601498"}
    threads = [
        threading.Thread(target=tracks.edit, args=(store, track_id), kwargs={name: value})
        for name, value in fields.items()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    track = tracks.get_track(store, track_id)
    assert {name: getattr(track, name) for name in fields} == fields
    assert set(track.by_hand) == set(fields)
    assert tracks.count_tracks(store, "default", search="EINS zwei drei gbaye06") == 1


def test_searching_folds(store: Store) -> None:
    catalogue(store)
    for content, title, artist in (
        ("1", "Ødger’s “Waltz”", "Wilhelmína"),
        ("2", "Don't", "A–ha"),
        ("3", "100 % [live]", "x_y"),
    ):
        enroll(store, content, title=title, artist=artist, source=f"file {content}")

    def titles(search: str) -> list[str]:
        found = [track.title for track in tracks.list_tracks(store, "default", search=search)]
        assert tracks.count_tracks(store, "default", search=search) == len(found)
        return found

    for search in ("odger", "wilhelmina WALTZ", "ødger's", "dger file"):
        assert titles(search) == ["Ødger’s “Waltz”"], search
    assert titles("don’t") == titles("DONT a-ha") == ["Don't"]
    assert titles("100 %") == titles("[live]") == titles("x_y") == ["100 % [live]"]
    assert titles(".") == titles("xxy") == titles("odger don't") == []
    assert len(titles("file")) == len(titles(" ")) == len(titles("“”")) == 3
