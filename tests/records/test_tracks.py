"""Tracks and catalogues over every store."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from classifier.errors import (
    CatalogueExists,
    CatalogueNotFound,
    InvalidParameter,
    StoreCorrupt,
    StoreUnavailable,
    TrackBusy,
    TrackNotFound,
)
from classifier.records import track_arrays, tracks
from classifier.records.catalogues import (
    create_catalogue,
    get_catalogue,
    list_catalogues,
    load_background,
    remove_catalogue,
    revision,
    set_background,
)
from classifier.records.orphans import remove_orphans
from classifier.records.writing import AlreadyEnrolled, TrackWriter
from classifier.results import Track
from classifier.store import Store
from tests.material import CONFIG, catalogue, enroll, facts, full_models, models, same_arrays, slots, words
from tests.places import KINDS, Clock, Place

BULK = ("models", "slots", "subfingerprints")


def leftovers(store: Store) -> list[str]:
    """Everything that belongs to no ready track."""
    known = tracks_of_all(store)
    found = [
        chunk["_id"]
        for kind in BULK
        for chunk in store.find(kind, fields=["version", "track_id"])
        if known.get(chunk["track_id"]) != chunk["version"]
    ]
    return found + [record["_id"] for record in store.find("tracks", {"status": {"$ne": "ready"}}, fields=[])]


def tracks_of_all(store: Store) -> dict[str, int]:
    return {t["_id"]: t["version"] for t in store.find("tracks", {"status": "ready"}, fields=["version"])}


# -------------------------------------------------------------------- catalogues


def test_catalogues(store: Store, clock: Clock) -> None:
    assert list_catalogues(store) == []
    made = create_catalogue(store, "default", CONFIG, "h1", background="builtin-1", now=clock)

    assert get_catalogue(store, "default") == made
    assert (made.name, made.config, made.config_hash) == ("default", CONFIG, "h1")
    assert (made.background, made.created, made.revision) == ("builtin-1", "2027-01-15T08:00:00.000Z", 0)
    assert {name: type(value) for name, value in made.config.items()} == {
        name: type(value) for name, value in CONFIG.items()
    }
    assert create_catalogue(store, "default", CONFIG, "h1") == made
    with pytest.raises(CatalogueExists, match="'default' exists with another configuration"):
        create_catalogue(store, "default", CONFIG, "h2")
    create_catalogue(store, "another", {}, "h2")
    assert [record.name for record in list_catalogues(store)] == ["another", "default"]


@pytest.mark.parametrize("name", ["", "x" * 101, "a\nb"])
def test_catalogue_names(store: Store, name: str) -> None:
    with pytest.raises(InvalidParameter, match="1 to 100 printable characters"):
        create_catalogue(store, name, {}, "h")


def test_what_is_not_there(store: Store) -> None:
    for missing in (
        lambda: get_catalogue(store, "x"),
        lambda: revision(store, "x"),
        lambda: remove_catalogue(store, "x"),
        lambda: tracks.list_tracks(store, "x"),
        lambda: tracks.ready(store, "x"),
        lambda: tracks.find(store, "x", content_hash="h"),
        lambda: TrackWriter.begin(store, facts("a", "x"), owner="me"),
    ):
        with pytest.raises(CatalogueNotFound, match="'x'"):
            missing()
    for missing in (
        lambda: tracks.get_track(store, "x"),
        lambda: tracks.remove(store, "x"),
        lambda: tracks.edit(store, "x", title="t"),
        lambda: track_arrays.load_models(store, "x", 1),
        lambda: track_arrays.load_slots(store, "x", 1),
        lambda: track_arrays.load_subfingerprints(store, "x", 1),
    ):
        with pytest.raises(TrackNotFound, match="'x'"):
            missing()


def test_background_is_set_once(store: Store) -> None:
    catalogue(store)
    assert load_background(store, "default") is None
    arrays = {"weights": np.ones(6, np.float32), "deviations": np.ones(13)}

    assert set_background(store, "default", "own-1", arrays).background == "own-1"
    assert set_background(store, "default", "own-2", {"weights": np.zeros(1)}).background == "own-1"
    found = load_background(store, "default")
    assert found is not None
    assert same_arrays(found, arrays)


def test_removing_a_catalogue_removes_its_tracks(store: Store) -> None:
    catalogue(store)
    catalogue(store, "other")
    enroll(store, "a")
    kept = enroll(store, "a", catalogue="other")
    writer = TrackWriter.begin(store, facts("b"), owner="me")
    writer.add_models(models(2))

    assert remove_catalogue(store, "default") == 2
    assert [record.name for record in list_catalogues(store)] == ["other"]
    assert list(tracks.ready(store, "other")) == [kept]
    assert leftovers(store) == []
    writer.add_models(models(2))  # does not look at each step
    with pytest.raises(CatalogueNotFound):
        writer.renew()
    assert leftovers(store) == []


@pytest.mark.parametrize("comes_back", [False, True])
def test_a_catalogue_that_goes_while_a_track_is_written(store: Store, comes_back: bool) -> None:
    catalogue(store)
    writer = TrackWriter.begin(store, facts("a"), owner="me")
    writer.add_models(models(2))
    remove_catalogue(store, "default")
    if comes_back:
        create_catalogue(store, "default", {}, "another configuration")

    with pytest.raises(CatalogueNotFound, match="'default'"):
        writer.commit()
    assert leftovers(store) == []
    if comes_back:
        assert tracks.ready(store, "default") == {}
        assert revision(store, "default") == 0


def test_a_catalogue_that_goes_at_the_very_end(store: Store) -> None:
    """Its removal has seen the track before it was there, and deletes the record just before the writer looks."""
    catalogue(store)
    writer = TrackWriter.begin(store, facts("a"), owner="me")
    writer.add_models(models(2))
    store.delete("catalogues", {"name": "default"})

    with pytest.raises(CatalogueNotFound, match="'default' was removed while a track was being written"):
        writer.commit()
    assert leftovers(store) == []
    assert store.count("tracks") == 0


def test_a_commit_whose_answer_is_lost(store: Store) -> None:
    """The store did what it was asked, but the writer never heard of it: giving up must not take the track back."""

    class Lossy:
        def __getattr__(self, name: str) -> Any:
            return getattr(store, name)

        def update(self, collection: str, where: Any, **change: Any) -> Any:
            answer = store.update(collection, where, **change)
            if (change.get("set") or {}).get("status") == "ready":
                raise StoreUnavailable("the answer is lost")
            return answer

    catalogue(store)
    for replace in (False, True):
        writer = TrackWriter.begin(Lossy(), facts("a"), owner="me", replace=replace)  # type: ignore[arg-type]
        writer.add_models(models(2, writer.version))
        with pytest.raises(StoreUnavailable), writer:
            writer.commit()
        assert same_arrays(track_arrays.load_models(store, writer.track_id, writer.version), models(2, writer.version))
    remove_orphans(store)
    assert leftovers(store) == []


def test_a_record_that_is_inserted_just_after_its_catalogue_went(store: Store) -> None:
    """The writer looked at the catalogue, then slept while it was removed and created again."""
    catalogue(store)
    old = get_catalogue(store, "default")
    remove_catalogue(store, "default")
    store.insert("tracks", [straggler(old.id)])
    create_catalogue(store, "default", {}, "another configuration")

    assert tracks.list_tracks(store, "default") == []
    track_id = enroll(store, "a")
    assert list(tracks.ready(store, "default")) == [track_id]
    assert store.count("tracks") == 1
    with pytest.raises(CatalogueNotFound):
        TrackWriter.begin(store, facts("b", catalogue_id=old.id), owner="me")


def straggler(catalogue_id: str) -> dict[str, Any]:
    return {
        "_id": "straggler",
        "catalogue": "default",
        "catalogue_id": catalogue_id,
        "content_hash": "a",
        "status": "ready",
        "version": 1,
        "version_token": "t",
        "attempts": 1,
        "edited": 0,
        "lease_token": "",
        "lease_expires": 0.0,
    }


# -------------------------------------------------------------------- writing and reading


def test_a_track(store: Store, clock: Clock) -> None:
    catalogue(store)
    arrays, means, bits = models(600, 1), slots(31_000, 1), words(20_000, 1)
    metadata = {"a.b": "1", "$c": "2", "": "x", 'q"': "y"}
    fields = facts("a", artist="Ärtist", isrc="DEA123", metadata=metadata)
    with TrackWriter.begin(store, fields, owner="me", now=clock) as writer:
        writer.add_models({name: array[:300] for name, array in arrays.items()})
        assert tracks.list_tracks(store, "default") == []
        writer.add_models({name: array[300:] for name, array in arrays.items()})
        writer.add_slots(means[:500])
        writer.add_slots(means[500:])
        writer.add_subfingerprints(bits)
        assert revision(store, "default") == 0
        track = writer.commit(duration_s=600.25)

    assert revision(store, "default") == 1
    assert tracks.get_track(store, track.id) == track
    assert tracks.list_tracks(store, "default") == [track]
    assert (track.title, track.artist, track.album, track.isrc) == ("Title of a", "Ärtist", None, "DEA123")
    assert (track.duration_s, track.n_windows, track.version, track.metadata) == (600.25, 600, 1, metadata)
    assert (track.created, track.content_hash, track.file_hash) == ("2027-01-15T08:00:00.000Z", "a", "file of a")
    assert tracks.ready(store, "default") == {track.id: 1}
    assert same_arrays(track_arrays.load_models(store, track.id, 1), arrays)
    np.testing.assert_array_equal(track_arrays.load_slots(store, track.id, 1), means, strict=True)
    np.testing.assert_array_equal(track_arrays.load_subfingerprints(store, track.id, 1), bits)
    assert store.count("models") == 4  # 256 + 44, twice
    assert store.count("slots") == 3  # 500, then 30,000 and what is left
    assert store.count("subfingerprints") == 2
    assert tracks.find(store, "default", content_hash="a") == track
    assert tracks.find(store, "default", file_hash="file of a") == track
    assert tracks.find(store, "default", content_hash="b") is None


def test_a_track_without_anything(store: Store) -> None:
    catalogue(store)
    with TrackWriter.begin(store, facts("a"), owner="me") as writer:
        track = writer.commit()

    assert track.n_windows == 0
    assert track_arrays.load_models(store, track.id, 1) == {}
    assert track_arrays.load_slots(store, track.id, 1).shape == (0, 0)
    assert track_arrays.load_slots(store, track.id, 1).dtype == np.int8
    assert track_arrays.load_subfingerprints(store, track.id, 1).shape == (0, 2)


def test_six_hours(place: Place) -> None:
    """21,600 windows of full-covariance mixtures, and 180,000 slots, stay far below 16 MB a document."""
    store = place.open()
    catalogue(store)
    n_windows = 21_600
    pattern = full_models(256)
    arrays = {name: np.resize(array, (n_windows, *array.shape[1:])) for name, array in pattern.items()}
    arrays["first_sample"] = np.arange(n_windows) * 16000
    means = np.resize(slots(10_000), (180_000, 24))
    bits = np.resize(words(10_000), (n_windows * 31, 2))
    with TrackWriter.begin(store, facts("a"), owner="me") as writer:
        writer.add_models(arrays)
        writer.add_slots(means)
        writer.add_subfingerprints(bits)
        track = writer.commit()

    largest = max(len(chunk["data"]) for kind in BULK for chunk in store.find(kind, limit=3))
    assert 500_000 < largest < 2_000_000
    assert store.count("models") == -(-n_windows // 256)
    assert store.count("slots") == 6
    assert same_arrays(track_arrays.load_models(store, track.id, 1), arrays)
    np.testing.assert_array_equal(track_arrays.load_slots(store, track.id, 1), means)
    np.testing.assert_array_equal(track_arrays.load_subfingerprints(store, track.id, 1), bits)


def test_large_rows_make_small_chunks(store: Store) -> None:
    catalogue(store)
    arrays = {"covariances": np.ones((70, 32, 40, 40), np.float32)}  # 200 kB a window
    with TrackWriter.begin(store, facts("a"), owner="me") as writer:
        writer.add_models(arrays)
        track = writer.commit()

    sizes = [len(chunk["data"]) for chunk in store.find("models")]
    assert len(sizes) == 2
    assert max(sizes) <= 8_000_000
    assert same_arrays(track_arrays.load_models(store, track.id, 1), arrays)


@pytest.mark.parametrize(
    "arrays",
    [
        {},
        {"a": np.float32(1)},
        {"a": np.zeros(3), "b": np.zeros(2)},
        {"a": np.array([np.nan])},
        {"a": np.array(["x"])},
        {"not a name": np.zeros(1)},
    ],
)
def test_arrays_that_cannot_be_a_tracks(store: Store, arrays: dict[str, Any]) -> None:
    catalogue(store)
    with pytest.raises(InvalidParameter), TrackWriter.begin(store, facts("a"), owner="me") as writer:
        writer.add_models(arrays)
    assert leftovers(store) == []


def test_arrays_keep_their_kind(store: Store) -> None:
    catalogue(store)
    writer = TrackWriter.begin(store, facts("a"), owner="me")
    writer.add_models({"a": np.zeros((2, 3), np.float32)})
    for other in ({"a": np.zeros((2, 4), np.float32)}, {"a": np.zeros((2, 3))}, {"b": np.zeros((2, 3), np.float32)}):
        with pytest.raises(InvalidParameter, match="must keep their names, dtypes and shapes"):
            writer.add_models(other)
    for bad in (np.zeros((3, 2), np.int64), np.zeros((3, 3), np.uint64), np.zeros(3, np.uint64)):
        with pytest.raises(InvalidParameter, match="must be uint64"):
            writer.add_subfingerprints(bad)
    for bad in (np.zeros((3, 24), np.int16), np.zeros((3, 24), np.uint16), np.zeros(24, np.int8)):
        with pytest.raises(InvalidParameter, match=r"must be int8 \(slots, coefficients\), or uint8 if packed"):
            writer.add_slots(bad)
    writer.add_slots(slots(3))
    with pytest.raises(InvalidParameter, match="must keep their names, dtypes and shapes"):
        writer.add_slots(slots(3)[:, :20])
    writer.abort()


@pytest.mark.parametrize(
    ("change", "words_"),
    [
        ({"title": None}, "needs title"),
        ({"title": "  "}, "title of a track must not be empty"),
        ({"artist": 3}, "artist is 3: it must be text"),
        ({"metadata": {"a": 1}}, "metadata is 1: it must be text"),
        ({"colour": "red"}, "no field 'colour'"),
        ({"duration_s": float("nan")}, "only finite"),
    ],
)
def test_fields_that_cannot_be_a_tracks(store: Store, change: dict[str, Any], words_: str) -> None:
    catalogue(store)
    with pytest.raises(InvalidParameter, match=words_):
        TrackWriter.begin(store, facts("a", **change), owner="me")
    assert store.count("tracks") == 0


def test_text_from_careless_files(store: Store) -> None:
    catalogue(store)
    metadata = {"k\0": "\udfffv\n"}
    fields = facts("a", title="T\0it\ud800l\x1b[31m" + "e" * 600, artist="\u202e", source="\udce9", metadata=metadata)
    with TrackWriter.begin(store, fields, owner="me") as writer:
        track = writer.commit()
    assert track.title[:20] == "T it\ufffdl [31meeeeeeeee"
    assert (len(track.title), track.title[-1]) == (500, "…")
    assert (track.artist, track.source, track.metadata) == (None, "é", {"k": "\ufffdv"})


def test_leaving_without_commit_takes_everything_back(store: Store) -> None:
    catalogue(store)
    with TrackWriter.begin(store, facts("a"), owner="me") as writer:
        writer.add_models(models(300))
    assert leftovers(store) == []
    assert store.count("tracks") == 0
    writer = TrackWriter.begin(store, facts("a"), owner="me")
    writer.add_subfingerprints(words(5))
    with pytest.raises(ZeroDivisionError), writer:
        raise ZeroDivisionError
    assert leftovers(store) == []
    assert revision(store, "default") == 0
    for use in (writer.renew, writer.commit, lambda: writer.add_models(models(1))):
        with pytest.raises(InvalidParameter, match="has ended: start a new one"):
            use()


# -------------------------------------------------------------------- the same audio again


def test_the_same_audio_again(store: Store) -> None:
    catalogue(store)
    catalogue(store, "other")
    track_id = enroll(store, "a")

    with pytest.raises(AlreadyEnrolled) as caught:
        enroll(store, "a")
    assert caught.value.track_id == track_id
    assert enroll(store, "a", catalogue="other") != track_id


def test_replacing(store: Store, clock: Clock) -> None:
    catalogue(store)
    track_id = enroll(store, "a", seed=1, n_windows=300, now=clock)
    clock.advance(1000)
    with TrackWriter.begin(store, facts("a", title="New"), owner="me", replace=True, now=clock) as writer:
        writer.add_models(models(5, 2))
        assert tracks.get_track(store, track_id).title == "Title of a"
        assert same_arrays(track_arrays.load_models(store, track_id, 1), models(300, 1))
        with pytest.raises(TrackBusy, match="being written by another process"):
            TrackWriter.begin(store, facts("a"), owner="you", replace=True, now=clock)
        with pytest.raises(AlreadyEnrolled):
            TrackWriter.begin(store, facts("a"), owner="you", now=clock)
        track = writer.commit()

    assert (track.id, track.version, track.title, track.n_windows) == (track_id, 2, "New", 5)
    assert track.created == "2027-01-15T08:00:00.000Z"
    assert tracks.ready(store, "default") == {track_id: 2}
    assert revision(store, "default") == 2
    assert same_arrays(track_arrays.load_models(store, track_id, 2), models(5, 2))
    with pytest.raises(TrackNotFound, match="no longer has version 1: read version 2"):
        track_arrays.load_models(store, track_id, 1)
    assert leftovers(store) == []


def test_giving_up_a_replacement(store: Store) -> None:
    catalogue(store)
    track_id = enroll(store, "a", seed=1)
    with TrackWriter.begin(store, facts("a", title="New"), owner="me", replace=True) as writer:
        writer.add_models(models(5, 2))

    assert tracks.get_track(store, track_id).title == "Title of a"
    assert same_arrays(track_arrays.load_models(store, track_id, 1), models(3, 1))
    assert leftovers(store) == []
    enroll(store, "a", seed=3, replace=True)
    assert same_arrays(track_arrays.load_models(store, track_id, 3), models(3, 3))
    assert leftovers(store) == []


def test_ids_and_versions_can_be_given(store: Store) -> None:
    catalogue(store)
    assert enroll(store, "a", track_id="mine", first_version=7) == "mine"
    assert tracks.ready(store, "default") == {"mine": 7}
    assert enroll(store, "b", track_id="mine") != "mine"  # taken
    assert store.count("tracks") == 2


# -------------------------------------------------------------------- writers that fall asleep


def test_a_live_writer_is_left_alone(store: Store, clock: Clock) -> None:
    catalogue(store)
    writer = TrackWriter.begin(store, facts("a"), owner="me", lease_seconds=10, now=clock)
    clock.advance(10)
    with pytest.raises(TrackBusy):
        TrackWriter.begin(store, facts("a"), owner="you", now=clock)
    assert remove_orphans(store, now=clock)["tracks"] == 0

    for _ in range(5):  # writing renews the lease
        clock.advance(9)
        writer.add_models(models(2))
        assert remove_orphans(store, now=clock)["tracks"] == 0
    clock.advance(9)
    writer.renew()
    clock.advance(9)
    assert writer.commit().n_windows == 10


@pytest.mark.parametrize("is_there_already", [False, True])
def test_takeover(store: Store, clock: Clock, is_there_already: bool) -> None:
    catalogue(store)
    if is_there_already:
        enroll(store, "a", seed=9)
    options = {"lease_seconds": 10, "replace": True, "now": clock}
    sleeper = TrackWriter.begin(store, facts("a", title="old"), owner="me", **options)
    sleeper.add_models(models(4, 1))
    clock.advance(11)
    taker = TrackWriter.begin(store, facts("a", title="new"), owner="you", **options)
    assert taker.track_id == sleeper.track_id
    assert taker.version == sleeper.version + 1
    taker.add_models(models(2, 2))

    with pytest.raises(TrackBusy, match="taken over by another process"):
        sleeper.add_models(models(4, 1))
    taker.add_models(models(2, 3))
    track = taker.commit()
    assert track.title == "new"
    expected = {name: np.concatenate([models(2, 2)[name], models(2, 3)[name]]) for name in models(1)}
    assert same_arrays(track_arrays.load_models(store, track.id, track.version), expected)
    assert leftovers(store) == []


def test_a_sleeper_that_wakes_at_the_last_moment(store: Store, clock: Clock) -> None:
    catalogue(store)
    sleeper = TrackWriter.begin(store, facts("a"), owner="me", lease_seconds=10, now=clock)
    clock.advance(11)

    class Meanwhile:
        """The store of somebody who wants to take over: as soon as he has seen the lease, it is renewed."""

        def __getattr__(self, name: str) -> Any:
            return getattr(store, name)

        def find(self, collection: str, *arguments: Any, **options: Any) -> Any:
            found = list(store.find(collection, *arguments, **options))
            if collection == "tracks":
                sleeper.renew()
            return iter(found)

    with pytest.raises(TrackBusy):
        TrackWriter.begin(Meanwhile(), facts("a"), owner="you", now=clock)  # type: ignore[arg-type]
    sleeper.commit()


def test_a_sleeper_cannot_commit(store: Store, clock: Clock) -> None:
    catalogue(store)
    sleeper = TrackWriter.begin(store, facts("a"), owner="me", lease_seconds=10, now=clock)
    sleeper.add_models(models(4, 1))
    clock.advance(11)
    track_id = enroll(store, "a", seed=2, now=clock)

    with pytest.raises(TrackBusy, match="taken over"):
        sleeper.commit()
    assert same_arrays(track_arrays.load_models(store, track_id, 2), models(3, 2))
    assert leftovers(store) == []


def test_a_sleeper_that_was_swept_cannot_commit(store: Store, clock: Clock) -> None:
    catalogue(store)
    sleeper = TrackWriter.begin(store, facts("a"), owner="me", lease_seconds=10, now=clock)
    sleeper.add_models(models(4, 1))
    clock.advance(11)
    assert remove_orphans(store, now=clock)["tracks"] == 1
    assert leftovers(store) == []

    with pytest.raises(TrackNotFound, match="removed while it was being written"):
        sleeper.commit()
    assert leftovers(store) == []


def test_a_sleeper_nobody_missed_can_commit(store: Store, clock: Clock) -> None:
    catalogue(store)
    sleeper = TrackWriter.begin(store, facts("a"), owner="me", lease_seconds=10, now=clock)
    sleeper.add_models(models(4, 1))
    clock.advance(100)
    assert sleeper.commit().n_windows == 4


def test_sweeping_a_replacement_leaves_the_track(store: Store, clock: Clock) -> None:
    catalogue(store)
    track_id = enroll(store, "a", seed=1)
    writer = TrackWriter.begin(store, facts("a"), owner="me", lease_seconds=10, replace=True, now=clock)
    writer.add_models(models(4, 2))
    clock.advance(11)

    assert remove_orphans(store, now=clock)["replacements"] == 1
    assert same_arrays(track_arrays.load_models(store, track_id, 1), models(3, 1))
    assert leftovers(store) == []
    with pytest.raises(TrackBusy):
        writer.commit()
    assert leftovers(store) == []


def test_sweeping_chunks_that_belong_to_nothing(store: Store, clock: Clock) -> None:
    catalogue(store)
    track_id = enroll(store, "a", seed=1)
    writer = TrackWriter.begin(store, facts("b"), owner="me", lease_seconds=10, now=clock)
    writer.add_models(models(4, 2))
    for number, stray in enumerate(["gone", track_id]):
        chunk = next(store.find("models", {"track_id": track_id}))
        chunk |= {"_id": f"{stray}/9/0000{number}", "track_id": stray, "version": 9, "token": "someone"}
        store.insert("models", [chunk])

    assert remove_orphans(store, now=clock, thorough=False)["chunks"] == 0
    assert remove_orphans(store, now=clock)["chunks"] == 2
    assert remove_orphans(store, now=clock) == dict.fromkeys(
        ("catalogues", "tracks", "replacements", "chunks", "leases"), 0
    )
    writer.commit()
    assert leftovers(store) == []
    assert same_arrays(track_arrays.load_models(store, track_id, 1), models(3, 1))


# -------------------------------------------------------------------- removing and editing


def test_removing(store: Store) -> None:
    catalogue(store)
    track_id, other = enroll(store, "a"), enroll(store, "b")
    tracks.remove(store, track_id)

    assert tracks.ready(store, "default") == {other: 1}
    assert revision(store, "default") == 3
    assert leftovers(store) == []
    with pytest.raises(TrackNotFound):
        tracks.remove(store, track_id)
    assert enroll(store, "a") != track_id


def test_removing_what_is_being_replaced(store: Store) -> None:
    catalogue(store)
    track_id = enroll(store, "a")
    writer = TrackWriter.begin(store, facts("a"), owner="me", replace=True)
    writer.add_models(models(4))
    tracks.remove(store, track_id)

    with pytest.raises(TrackNotFound, match="removed while it was being written"):
        writer.commit()
    assert leftovers(store) == []
    assert store.count("tracks") == 0


def test_a_removal_that_was_cut_short(store: Store) -> None:
    catalogue(store)
    track_id = enroll(store, "a", seed=1)
    store.update("tracks", {"_id": track_id}, set={"status": "removing"})
    store.delete("models", {"track_id": track_id})

    assert tracks.ready(store, "default") == {}
    assert enroll(store, "a", seed=2) != track_id  # finishes it on the way
    assert leftovers(store) == []


def test_removed_while_it_is_read(store: Store) -> None:
    catalogue(store)
    track_id = enroll(store, "a", n_windows=600)

    class Meanwhile:
        """The store of a reader who is slow: after his first chunk, others have removed the track."""

        def get(self, collection: str, document_id: str) -> Any:
            found = store.get(collection, document_id)
            if collection == "models" and document_id.endswith("00000"):
                tracks.remove(store, track_id)
            return found

    with pytest.raises(TrackNotFound):
        track_arrays.load_models(Meanwhile(), track_id, 1)  # type: ignore[arg-type]


def test_replaced_while_it_is_read(store: Store) -> None:
    catalogue(store)
    track_id = enroll(store, "a", n_windows=600)

    class Meanwhile:
        def get(self, collection: str, document_id: str) -> Any:
            found = store.get(collection, document_id)
            if collection == "models" and document_id.endswith("1/00000"):
                enroll(store, "a", seed=2, replace=True)
            return found

    with pytest.raises(TrackNotFound, match="read version 2"):
        track_arrays.load_models(Meanwhile(), track_id, 1)  # type: ignore[arg-type]
    assert same_arrays(track_arrays.load_models(store, track_id, 2), models(3, 2))


def test_editing(store: Store) -> None:
    catalogue(store)
    track_id = enroll(store, "a", seed=1)
    assert tracks.stamps(store, "default") == {track_id: (1, 0)}
    edited = tracks.edit(
        store, track_id, title="Neu", artist="X", album=None, isrc="gbaye0601498", metadata={"k.k": "v"}
    )

    assert (edited.title, edited.artist, edited.isrc, edited.metadata) == ("Neu", "X", "GBAYE0601498", {"k.k": "v"})
    assert tracks.get_track(store, track_id) == edited
    assert tracks.stamps(store, "default") == {track_id: (1, 1)}
    assert revision(store, "default") == 2
    assert tracks.edit(store, track_id) == edited
    assert revision(store, "default") == 2
    for bad in ({"title": None}, {"title": ""}, {"version": 3}, {"content_hash": "x"}, {"album": 3}):
        with pytest.raises(InvalidParameter):
            tracks.edit(store, track_id, **bad)


def test_listing(store: Store) -> None:
    catalogue(store)
    for content, title, artist in (
        ("1", "Straße", "Ärzte"),
        ("2", "beta", None),
        ("3", "Alpha", "Zoë B"),
        ("4", "zeta", "x"),
    ):
        enroll(store, content, title=title, artist=artist)

    def titles(**options: Any) -> list[str]:
        return [track.title for track in tracks.list_tracks(store, "default", **options)]

    assert titles() == ["Alpha", "Straße", "beta", "zeta"]
    assert titles(limit=2, skip=1) == ["Straße", "beta"]
    assert titles(search="ETA") == ["beta", "zeta"]
    assert titles(search="ETA", skip=1) == ["zeta"]
    assert titles(search="eta", limit=1) == ["beta"]
    assert titles(search="zoë alp") == ["Alpha"]
    assert titles(search="STRASSE") == ["Straße"]
    assert titles(search="none") == []
    assert tracks.count_tracks(store, "default") == 4
    assert tracks.count_tracks(store, "default", search="eta") == 2


# -------------------------------------------------------------------- damage


@pytest.mark.parametrize("kind", BULK)
@pytest.mark.parametrize("damage", ["missing", "checksum", "layout", "row", "rows"])
def test_damage_is_named(store: Store, kind: str, damage: str) -> None:
    catalogue(store)
    track_id = enroll(store, "a", n_windows=300)
    chunk = store.get(kind, f"{track_id}/1/00000")
    assert chunk is not None

    def change(**fields: Any) -> None:
        assert store.update(kind, {"_id": chunk["_id"]}, set=fields)

    if damage == "missing":
        store.delete(kind, {"_id": chunk["_id"]})
    elif damage == "checksum":
        change(data=bytes([chunk["data"][0] ^ 1]) + chunk["data"][1:])
    elif damage == "layout":
        change(layout=[entry.replace(" ", "x ", 1) for entry in chunk["layout"][1:]])
    elif damage == "row":
        change(start=1)
    else:
        store.update("tracks", {"_id": track_id}, set={"n_windows": 301, "n_slots": 1201, "n_frames": 2101})

    load = {
        "models": track_arrays.load_models,
        "slots": track_arrays.load_slots,
        "subfingerprints": track_arrays.load_subfingerprints,
    }[kind]
    with pytest.raises(StoreCorrupt, match=rf"track {track_id}: (chunk 0 of {kind}|{kind} have)"):
        load(store, track_id, 1)


@pytest.mark.stores([kind for kind in KINDS if kind != "nx-27017"])
def test_pages_in_every_order_are_the_whole(store: Store) -> None:
    catalogue(store)
    described = [("b", None), (None, "x"), ("a", "x"), (None, None), ("b", "y"), ("ä", "x")]
    for number, (artist, album) in enumerate(described):
        enroll(store, str(number), title=f"t{number % 4}", artist=artist, album=album)
    ids = {track.id for track in tracks.list_tracks(store, "default")}
    for sort in (sign + name for name in tracks.SORTS for sign in ("", "-")):
        field = sort.removeprefix("-")
        seen: list[Track] = []
        while found := tracks.list_tracks(
            store, "default", sort=sort, limit=2, after=(getattr(seen[-1], field), seen[-1].id) if seen else None
        ):
            seen += found
        assert [track.id for track in seen] == [track.id for track in tracks.list_tracks(store, "default", sort=sort)]
        assert {track.id for track in seen} == ids
        assert len(seen) == 6
        keys = [(getattr(track, field) is not None, getattr(track, field) or "", track.id) for track in seen]
        assert keys == sorted(keys, reverse=sort != field)
    with pytest.raises(InvalidParameter, match="not sorted"):
        tracks.list_tracks(store, "default", sort="isrc")


def test_facets(store: Store) -> None:
    catalogue(store)
    for number, artist in enumerate(["b", None, "a", "b"]):
        enroll(store, str(number), title=f"t{number}", artist=artist)
    assert tracks.facet(store, "default", "artist") == [("b", 2), (None, 1), ("a", 1)]
    assert tracks.facet(store, "default", "artist", search="t0") == [("b", 1)]
    assert tracks.facet(store, "default", "album", artist="b") == [(None, 2)]
    assert tracks.count_tracks(store, "default", artist="b") == 2
    assert [track.title for track in tracks.list_tracks(store, "default", artist="b")] == ["t0", "t3"]
