"""Lists taken over: which track a row means, what changes, and what a person has set."""

from __future__ import annotations

from functools import partial

import pytest

from classifier.care.metadata import Change, Matcher, apply, plan
from classifier.care.tables import Row
from classifier.errors import EarmarkError
from classifier.records import tracks
from classifier.results import Track
from classifier.store import Store
from tests.material import catalogue, enroll
from tests.places import ATOMIC

UUID = "8f3471b5-7e6a-48da-86a9-c1c07a0f47ae"
pytestmark = pytest.mark.stores(ATOMIC)


def row(place: str = "line 2", track_id: str = "", file: str = "", notes: dict | None = None, **fields: str) -> Row:
    return Row(place, track_id, file, fields, notes or {})


def run(store: Store, *rows: Row, over_hand: bool = False) -> list[tuple[Change, Track | EarmarkError | None]]:
    changes = plan(rows, tracks.list_tracks(store, "default"), over_hand=over_hand)
    done = apply(changes, partial(tracks.edit, store), partial(tracks.get_track, store), over_hand=over_hand)
    return list(done)


def test_a_row_means_one_track(store: Store) -> None:
    catalogue(store)
    ids = [enroll(store, name, title="Same", artist=name) for name in "ab"]
    tracks.edit(store, ids[0], isrc="GBAYE0601498")
    matcher = Matcher(tracks.list_tracks(store, "default"))

    def meant(**values: str) -> tuple[str | None, str, str]:
        track, way, reason = matcher.track(row(**values))
        return track.id if track else None, way, reason

    assert meant(track_id=ids[1]) == (ids[1], "id", "")
    assert meant(isrc="gb-aye-06-01498", file="b") == (ids[0], "isrc", "")
    assert meant(isrc="GBAYE0601499", file="b") == (ids[1], "file", "")
    assert meant(track_id="gone", title="same", artist="B") == (ids[1], "title", "")
    assert meant(title="Same") == (None, "", "no track is known by it")
    assert meant(artist="a") == (None, "", "no track is known by it")
    enroll(store, "c", title="Same", artist="b")
    matcher = Matcher(tracks.list_tracks(store, "default"))
    assert meant(title="Same", artist="b") == (None, "", "2 tracks have this title")


def test_files_are_found_by_escaped_names(store: Store) -> None:
    """VLC writes M3U with paths as in addresses; a file that is really called so comes first."""
    catalogue(store)
    names = ("Zwölf – 12", "100 %", "raw%20name", "raw name")
    ids = {name: enroll(store, name, title=name) for name in names}
    matcher = Matcher(tracks.list_tracks(store, "default"))
    for file, name in (
        ("Zw%C3%B6lf%20%E2%80%93%2012", "Zwölf – 12"),
        ("100%20%25", "100 %"),
        ("100 %", "100 %"),
        ("raw%20name", "raw%20name"),
        ("raw%2520name", "raw%20name"),
    ):
        track, way, _ = matcher.track(row(file=file))
        assert track is not None
        assert (track.id, way) == (ids[name], "file")
    assert matcher.track(row(file="%FF%00"))[0] is None


def test_values_are_taken_over_once(store: Store) -> None:
    catalogue(store)
    track_id = enroll(store, "a", artist="Old")
    new = row(file="a", title="New\x1b[2J", artist="Ann", recording_mbid=UUID.upper(), notes={"mood": "calm"})
    ((change, track),) = run(store, new)
    assert change.status == "changed"
    assert change.way == "file"
    assert isinstance(track, Track)
    assert (track.title, track.artist, track.recording_mbid) == ("New [2J", "Ann", UUID)
    assert track.metadata == {"mood": "calm"}
    assert track.by_hand == ["title", "artist", "recording_mbid", "metadata"]
    assert track == tracks.get_track(store, track_id)
    ((again, same),) = run(store, new)
    assert (again.status, same) == ("unchanged", track)


def test_what_was_set_by_hand_stays_unless_asked(store: Store) -> None:
    catalogue(store)
    track_id = enroll(store, "a", artist="Old")
    tracks.edit(store, track_id, title="Mine")
    new = row(track_id=track_id, title="Theirs", artist="Ann")
    ((change, track),) = run(store, new)
    assert (change.fields, change.kept) == ({"artist": "Ann"}, {"title": "Theirs"})
    assert (track.title, track.artist) == ("Mine", "Ann")
    ((change, track),) = run(store, row(track_id=track_id, title="Theirs"))
    assert change.status == "kept"
    ((change, track),) = run(store, new, over_hand=True)
    assert (track.title, change.kept) == ("Theirs", {})


def test_an_edit_between_plan_and_deed_is_kept(store: Store) -> None:
    catalogue(store)
    track_id = enroll(store, "a")
    changes = plan([row(track_id=track_id, title="Theirs", artist="Ann")], tracks.list_tracks(store, "default"))
    tracks.edit(store, track_id, title="Mine")
    ((change, track),) = apply(changes, partial(tracks.edit, store), partial(tracks.get_track, store))
    assert (track.title, track.artist) == ("Mine", "Ann")
    assert change.kept == {"title": "Theirs"}
    tracks.remove(store, track_id)
    ((_, outcome),) = apply(changes, partial(tracks.edit, store), partial(tracks.get_track, store))
    assert isinstance(outcome, EarmarkError)


def test_bad_values_and_second_rows_are_refused_and_nothing_else(store: Store) -> None:
    catalogue(store)
    track_id = enroll(store, "a")
    rows = [
        row("line 2", track_id=track_id, isrc="none", artist="Ann"),
        row("line 3", file="a", artist="Bea"),
        row("line 4", file="unknown"),
    ]
    outcomes = run(store, *rows)
    assert [change.status for change, _ in outcomes] == ["changed", "unmatched", "unmatched"]
    assert outcomes[0][0].refused == [
        "isrc is 'none': it must be two letters, three letters or digits and seven digits, such as GBAYE0601498"
    ]
    assert outcomes[1][0].refused == ["line 2 means the same track already"]
    track = tracks.get_track(store, track_id)
    assert (track.artist, track.isrc, track.by_hand) == ("Ann", None, ["artist"])
