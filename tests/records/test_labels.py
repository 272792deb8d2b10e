"""Labels of tracks over every store: kept, found, counted, moved, and gone with the track."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from classifier.errors import InvalidParameter
from classifier.records import labels, tracks
from classifier.records.archive import export_catalogue, import_catalogue
from classifier.records.catalogues import create_catalogue, revision
from classifier.store import Store, open_store
from tests.material import CONFIG, CONFIG_HASH, enroll

AT = "2027-01-15T08:00:00.000Z"


def said(*names: str, decision: str | None = "certain", model: str = "1") -> dict[str, Any]:
    return labels.entry(model, "a" * 64, decision, names, [(name, 1 / len(names)) for name in names], AT)


@pytest.fixture
def three(store: Store) -> list[str]:
    """Make three tracks, two of them labelled, and return their ids."""
    create_catalogue(store, "default", CONFIG, CONFIG_HASH)
    ids = [enroll(store, name, seed=number) for number, name in enumerate(("a", "b", "c"))]
    assert labels.put(store, ids[0], {"genre": said("jazz"), "mood": said("calm", decision="experimental")})
    assert labels.put(store, ids[1], {"genre": said("jazz", decision="uncertain"), "tags": said("jazz", "80s")})
    return ids


def found(store: Store, *wanted: str) -> set[str]:
    listed = {track.id for track in tracks.list_tracks(store, "default", label=wanted)}
    assert tracks.count_tracks(store, "default", label=wanted) == len(listed)
    return listed


def test_found_by_label_of_a_task_or_of_any(store: Store, three: list[str]) -> None:
    a, b, _ = three
    assert found(store) == set(three)
    assert found(store, "jazz") == {a, b}
    assert found(store, "genre:jazz") == {a}  # what is uncertain is not found
    assert found(store, " genre : jazz ") == {a}
    assert found(store, "jazz", "mood:calm") == {a}
    assert found(store, "tags:80s") == {b}
    assert found(store, "azz") == found(store, "genre:jaz") == set()


def test_a_name_with_a_colon_is_one_of_a_label_too(store: Store, three: list[str]) -> None:
    labels.put(store, three[2], {"style": said("Drum & Bass: liquid")})
    assert found(store, "style:Drum & Bass: liquid") == found(store, "Drum & Bass: liquid") == {three[2]}


def test_an_empty_label_is_refused(store: Store, three: list[str]) -> None:
    for wanted in (("",), ("genre:",), tuple("abcdefghijk")):
        with pytest.raises(InvalidParameter):
            tracks.list_tracks(store, "default", label=wanted)


def test_counted_among_the_tracks_that_match(store: Store, three: list[str]) -> None:
    every = [("tags:80s", 1), ("genre:jazz", 1), ("mood:calm", 1), ("tags:jazz", 1)]
    assert sorted(tracks.facet(store, "default", "label")) == sorted(every)
    assert tracks.facet(store, "default", "label", label=["mood:calm"]) == [("genre:jazz", 1), ("mood:calm", 1)]
    assert tracks.facet(store, "default", "label", limit=1) == [("genre:jazz", 1)]
    assert tracks.facet(store, "default", "artist", label=["tags:80s"])[0][1] == 1


def test_another_model_replaces_its_task_and_leaves_the_others(store: Store, three: list[str]) -> None:
    a = three[0]
    labels.put(store, a, {"genre": said("rock", model="2")})
    track = tracks.get_track(store, a)
    assert {task: (one["model"], one["labels"]) for task, one in track.labels.items()} == {
        "genre": ("2", ["rock"]),
        "mood": ("1", ["calm"]),
    }
    assert found(store, "genre:jazz") == set()
    assert found(store, "genre:rock", "mood:calm") == {a}


def test_they_are_no_edit_and_survive_one(store: Store, three: list[str]) -> None:
    a = three[0]
    before = revision(store, "default")
    labels.put(store, a, {"genre": said("pop")})
    assert revision(store, "default") == before
    assert tracks.edit(store, a, title="Anew").labels["genre"]["labels"] == ["pop"]
    assert enroll(store, "a", seed=9, replace=True) == a
    again = tracks.get_track(store, a)
    assert (again.id, again.version, again.labels["genre"]["labels"]) == (a, 2, ["pop"])


def test_they_go_with_the_track(store: Store, three: list[str]) -> None:
    a = three[0]
    tracks.remove(store, a)
    assert found(store, "mood:calm") == set()
    assert not labels.put(store, a, {"genre": said("jazz")})
    assert tracks.get_track(store, enroll(store, "a", seed=0)).labels == {}


def test_they_move_with_an_archive(store: Store, three: list[str], tmp_path: Path) -> None:
    path = tmp_path / "all.earmark"
    export_catalogue(store, "default", path)
    other = open_store(f"sqlite:///{tmp_path}/other.sqlite")
    try:
        import_catalogue(other, path)
        for track_id in three:
            assert tracks.get_track(other, track_id).labels == tracks.get_track(store, track_id).labels
        assert found(other, "genre:jazz") == {three[0]}
    finally:
        other.close()


@pytest.mark.parametrize(
    "bad",
    [
        [],
        {"Genre": said("jazz")},
        {"genre": "jazz"},
        {"genre": {**said("jazz"), "labels": [1]}},
        {"genre": {**said("jazz"), "decision": "sure"}},
        {"genre": {**said("jazz"), "distribution": [{"label": "jazz", "p": 2}]}},
        {"genre": {name: value for name, value in said("jazz").items() if name != "sha256"}},
    ],
)
def test_what_comes_from_outside_is_checked(bad: Any) -> None:
    with pytest.raises(ValueError, match="label"):
        labels.checked(bad)
    good = {"genre": said("jazz", "rock")}
    assert labels.checked(good) == good


def test_text_of_labels_cannot_break_out_of_its_line() -> None:
    keys = labels.keys_of({"genre": said("a\nmood\tb", "c")})
    assert keys == "\ngenre\ta mood b\ngenre\tc\n"
