"""Tracklists and monitors over every store: what is found, what people set, and that the second outlives the first."""

from __future__ import annotations

import time
from typing import Any

import pytest

from classifier.errors import (
    InvalidParameter,
    MonitorBusy,
    MonitorNotFound,
    TracklistNotFound,
    TrackNotFound,
)
from classifier.records import corrections, monitors, tracklists
from classifier.records.corrections import carried
from classifier.records.tracklist_writing import Writer
from classifier.store import Store
from tests.material import Crash, DyingStore, catalogue, enroll

HASH = "f" * 64


def found(number: int, start_s: float, end_s: float, *, title: str | None = None, **more: Any) -> dict[str, Any]:
    """Return a segment as a listener gives it."""
    nothing = dict.fromkeys(("track_id", "artist", "album", "isrc", "source", "offset_s", "speed"))
    kind = "track" if title else "unknown"
    certain = {"kind": kind, "title": title, "confidence": 0.9, "state": "closed", "by_hand": False, "labels": {}}
    borders = {"start_uncertainty_s": 0.1, "end_uncertainty_s": 0.1}
    return {"id": str(number), "start_s": start_s, "end_s": end_s, **nothing, **certain, **borders, **more}


def listed(store: Store, *segments: dict[str, Any], file_hash: str = HASH) -> str:
    """Store a finished tracklist of 600 s; return its id."""
    tracklist_id = tracklists.create(store, "default", file="mix.mp3", file_hash=file_hash)
    writer = Writer(store, tracklist_id)
    writer.sync(segments, 600.0)
    writer.finish(seconds={"total": 1.0})
    return tracklist_id


def spans(store: Store, tracklist_id: str) -> list[tuple[float, float, str | None, bool]]:
    kept = tracklists.segments(store, tracklist_id)
    return [(s["start_s"], s["end_s"], s["title"], s["by_hand"]) for s in kept]


# --- what is found ------------------------------------------------------------------------------------------


def test_a_tracklist_is_what_was_found(store: Store) -> None:
    segments = [found(1, 0, 100, title="a"), found(2, 100, 200), found(3, 200, 300, title="b")]
    tracklist_id = listed(store, *segments)
    kept = tracklists.get(store, tracklist_id)
    assert kept["segments"] == segments
    assert (kept["file"], kept["status"], kept["duration_s"], kept["corrected"]) == ("mix.mp3", "done", 600.0, 0)
    assert [s["id"] for s in tracklists.segments(store, tracklist_id, 100.0, 1)] == ["2"]
    assert tracklists.history(store) == [{name: kept[name] for name in kept if name != "segments"}]
    tracklists.delete(store, tracklist_id)
    assert list(store.find("segments")) == []
    for act in (tracklists.get, tracklists.delete):
        with pytest.raises(TracklistNotFound, match=tracklist_id):
            act(store, tracklist_id)


def test_pages_of_the_history_follow_each_other(store: Store) -> None:
    ids = []
    for n in range(3):
        ids.append(tracklists.create(store, "default" if n else "other", file=str(n), monitor="m" if n == 2 else ""))
        time.sleep(0.002)
    page = tracklists.history(store, limit=2)
    rest = tracklists.history(store, limit=2, after=(page[-1]["created"], page[-1]["id"]))
    assert [each["id"] for each in page + rest] == ids[::-1]
    assert [each["id"] for each in tracklists.history(store, catalogue="other")] == ids[:1]
    assert [each["id"] for each in tracklists.history(store, monitor="m")] == ids[2:]


def test_tracklists_in_every_order_one_by_one(store: Store) -> None:
    for file, heard_s in (("b.flac", 60.0), ("a.flac", 60.0), ("c.flac", 20.0), ("a.flac", 90.0)):
        Writer(store, tracklists.create(store, "default", file=file)).heard(heard_s)
    for sort in (sign + field for field in tracklists.SORTS for sign in ("", "-")):
        field = sort.removeprefix("-")
        whole = tracklists.history(store, sort=sort)
        rows = [(each[field], each["id"]) for each in whole]
        assert len(rows) == 4
        assert rows == sorted(rows, reverse=sort.startswith("-"))
        after, paged = None, []
        while page := tracklists.history(store, sort=sort, after=after, limit=1):
            paged += page
            after = (page[0][field], page[0]["id"])
        assert paged == whole
    with pytest.raises(InvalidParameter, match="created, file, duration_s"):
        tracklists.history(store, sort="seconds")


def test_tracklists_are_found_by_what_was_heard_in_them(store: Store) -> None:
    def ids(search: str) -> list[str]:
        return [each["id"] for each in tracklists.history(store, search=search)]

    whole = listed(store, found(1, 0, 100, title="Ødger", artist="The Pair"), found(2, 100, 200))
    radio = tracklists.create(store, "default", file="http://radio.example/live", monitor="fm-1")
    writer = Writer(store, radio)
    assert ids("MIX odger pair") == [whole]
    assert ids("fm-1") == [radio] == ids("radio live")
    assert ids("odger fm") == []
    writer.take({"event": "opened", "at_s": 1.0, "segment": found(1, 0, 5, title="Lark")}, 5.0)
    assert ids("lark") == [radio]  # while it still runs
    writer.take({"event": "withdrawn", "at_s": 9.0, "segment": found(1, 0, 5, title="Lark")}, 9.0)
    assert ids("lark") == []
    corrections.correct(store, whole, "2", {"title": "Don’t"})
    assert ids("don't") == [whole] == ids("odger")
    corrections.correct(store, whole, "2", {"by_hand": False})
    assert ids("don't") == []
    assert all("folded" not in each for each in tracklists.history(store))


def test_only_what_is_new_is_written_and_what_is_not_found_any_more_goes(store: Store) -> None:
    tracklist_id = tracklists.create(store, "default", file="f")
    writer = Writer(store, tracklist_id)
    writer.sync([found(1, 0, 10, title="a", state="confirmed"), found(2, 10, 20)], 20.0)
    first = {doc["segment"]: doc["written"] for doc in tracklists.written_since(store, tracklist_id, 0)}
    time.sleep(0.01)
    writer.sync([found(1, 0, 10, title="a", state="confirmed"), found(3, 10, 30)], 30.0)
    second = {doc["segment"]: doc for doc in tracklists.written_since(store, tracklist_id, 0)}
    assert second["1"]["written"] == first["1"]
    assert second["2"]["written"] > first["2"]
    events = {name: tracklists.event_of(doc) for name, doc in second.items()}
    assert {name: event["event"] for name, event in events.items()} == {
        "1": "confirmed",
        "2": "withdrawn",
        "3": "closed",
    }
    assert events["3"] == {"event": "closed", "at_s": 30.0, "segment": found(3, 10, 30)}
    assert [s["id"] for s in tracklists.segments(store, tracklist_id)] == ["1", "3"]
    newest = max(doc["written"] for doc in second.values())
    assert {doc["segment"] for doc in tracklists.written_since(store, tracklist_id, newest - 0.005)} <= {"2", "3"}


def test_a_writer_goes_on_where_another_one_died(store: Store) -> None:
    tracklist_id = tracklists.create(store, "default", file="f")
    Writer(store, tracklist_id).sync([found(1, 0, 10, title="a"), found(2, 10, 20, state="perhaps")], 20.0)
    changes = tracklists.document(store, tracklist_id)["changes"]
    again = Writer(store, tracklist_id)
    again.sync([found(1, 0, 10, title="a"), found(2, 10, 25)], 25.0)
    assert [s["end_s"] for s in tracklists.segments(store, tracklist_id)] == [10, 25]
    assert tracklists.document(store, tracklist_id)["changes"] == changes + 1


def test_events_one_by_one(store: Store) -> None:
    tracklist_id = tracklists.create(store, "default", file="f")
    writer = Writer(store, tracklist_id)
    for kind, state in (("opened", "perhaps"), ("confirmed", "confirmed"), ("closed", "closed")):
        segment = found(1, 0, 10, title="a", state=state)
        writer.take({"event": kind, "at_s": 11.0, "segment": segment}, 12.0)
        (doc,) = tracklists.written_since(store, tracklist_id, 0)
        assert tracklists.event_of(doc) == {"event": kind, "at_s": 11.0, "segment": segment}
    writer.take({"event": "withdrawn", "at_s": 13.0, "segment": segment}, 13.0)
    assert tracklists.segments(store, tracklist_id) == []
    writer.take({"event": "withdrawn", "at_s": 13.0, "segment": found(9, 0, 1)}, 13.0)  # never told: nothing to do
    assert len(tracklists.written_since(store, tracklist_id, 0)) == 1


def test_what_a_store_that_was_away_missed_is_written_later(store: Store) -> None:
    tracklist_id = tracklists.create(store, "default", file="f")
    away = DyingStore(store, 0, after=False)
    writer = Writer(store, tracklist_id)
    writer._store = away  # type: ignore[assignment]
    with pytest.raises(Crash):
        writer.take({"event": "closed", "at_s": 9.0, "segment": found(1, 0, 9, title="a")}, 9.0)
    writer._store = store
    assert tracklists.segments(store, tracklist_id) == []
    writer.sync([found(1, 0, 9, title="a")], 10.0)
    assert tracklists.segments(store, tracklist_id) == [found(1, 0, 9, title="a")]


def test_a_deleted_tracklist_is_written_no_more(store: Store) -> None:
    tracklist_id = tracklists.create(store, "default", file="f")
    writer = Writer(store, tracklist_id)
    tracklists.delete(store, tracklist_id)
    for act in (lambda: writer.heard(1.0), lambda: writer.sync([], 1.0), writer.finish):
        with pytest.raises(TracklistNotFound):
            act()


# --- corrections --------------------------------------------------------------------------------------------


def test_a_correction_is_known_as_a_persons_and_outlives_what_is_found_later(store: Store) -> None:
    catalogue(store)
    track = enroll(store, "x", title="Right", artist="R")
    tracklist_id = tracklists.create(store, "default", file="f")
    writer = Writer(store, tracklist_id)
    wrong = found(1, 0, 10, title="Wrong", track_id="t", offset_s=5.0, speed=1.0)
    writer.sync([wrong, found(2, 10, 20)], 20.0)
    made = corrections.correct(store, tracklist_id, "1", {"track_id": track})
    assert (made["title"], made["artist"], made["by_hand"], made["confidence"]) == ("Right", "R", True, 1.0)
    assert (made["offset_s"], made["source"]) == (None, "x")  # where in the track, nobody has said
    assert tracklists.segments(store, tracklist_id)[0] == made
    # The listener goes on: revises, withdraws, and ends.
    writer.sync([{**wrong, "end_s": 12.0}, found(2, 12, 20)], 20.0)
    assert tracklists.segments(store, tracklist_id)[0] == made
    Writer(store, tracklist_id).sync([found(2, 12, 20)], 20.0)
    writer.finish()
    assert tracklists.segments(store, tracklist_id)[0] == made
    assert tracklists.get(store, tracklist_id)["corrected"] == 1
    # Undone, it is what was found last.
    undone = corrections.correct(store, tracklist_id, "1", {"by_hand": False})
    assert (undone["title"], undone["by_hand"], undone["confidence"]) == ("Wrong", False, 0.9)
    assert tracklists.get(store, tracklist_id)["corrected"] == 0


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"title": " New\nname ", "artist": ""},
            {"kind": "track", "title": "New name", "artist": None, "track_id": None},
        ),
        ({"kind": "speech_noise"}, {"kind": "speech_noise", "title": None, "track_id": None, "offset_s": None}),
        ({"track_id": None}, {"kind": "unknown", "title": None, "artist": None}),
        ({"start_s": 12.5}, {"start_s": 12.5, "offset_s": 5.0 + 1.02 * 2.5, "title": "a"}),
        ({"end_s": 90}, {"end_s": 90.0, "offset_s": 5.0, "track_id": "t"}),
    ],
)
def test_what_a_correction_settles(store: Store, fields: dict[str, Any], expected: dict[str, Any]) -> None:
    tracklist_id = listed(store, found(1, 10.0, 100.0, title="a", artist="A", track_id="t", offset_s=5.0, speed=1.02))
    made = corrections.correct(store, tracklist_id, "1", fields)
    assert {name: made[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"kind": "noise"}, "choose one of track"),
        ({"kind": "silence", "title": "x"}, "has no title"),
        ({"kind": "track"}, "needs a track_id or a title"),
        ({"start_s": 50.0}, "from 50.0 to 20"),
        ({"start_s": -1.0}, "0 or later"),
        ({"end_s": float("nan")}, "nan"),
        ({"end_s": 900.0}, "900 s of a recording of 600 s"),
        ({"by_hand": False, "title": "x"}, "nothing else"),
    ],
)
def test_contradictions_are_refused_and_nothing_changes(store: Store, fields: dict[str, Any], match: str) -> None:
    tracklist_id = listed(store, found(1, 10, 20))
    before = tracklists.get(store, tracklist_id)
    with pytest.raises(InvalidParameter, match=match):
        corrections.correct(store, tracklist_id, "1", fields)
    assert tracklists.get(store, tracklist_id) == before


def test_what_is_not_there_cannot_be_corrected(store: Store) -> None:
    catalogue(store)
    tracklist_id = listed(store, found(1, 10, 20))
    with pytest.raises(TracklistNotFound, match="no segment '9'"):
        corrections.correct(store, tracklist_id, "9", {"title": "x"})
    with pytest.raises(TracklistNotFound):
        corrections.correct(store, "none", "1", {"title": "x"})
    with pytest.raises(TrackNotFound):
        corrections.correct(store, tracklist_id, "1", {"track_id": "none"})


# --- the same recording again -------------------------------------------------------------------------------


def test_corrections_are_taken_over_when_the_recording_is_run_through_again(store: Store) -> None:
    first = listed(store, found(1, 0, 100, title="a"), found(2, 100, 200), found(3, 300, 400, title="c"))
    corrections.correct(store, first, "2", {"title": "Unreleased", "start_s": 95.0})
    corrections.correct(store, first, "3", {"kind": "speech_noise"})
    time.sleep(0.002)
    # The listener has learned, and cuts otherwise; of the third segment it finds nothing at all.
    second = listed(store, found(1, 0, 96, title="a"), found(2, 96, 150), found(3, 150, 200, title="w"))
    expected = [
        (0, 96, "a", False),
        (95.0, 200.0, "Unreleased", True),
        (300.0, 400.0, None, True),
    ]
    assert spans(store, second) == expected
    assert tracklists.get(store, second)["corrected"] == 2
    assert tracklists.segments(store, second)[2]["state"] == "closed"
    time.sleep(0.002)
    third = listed(store, found(1, 0, 200, title="all"))  # corrections of corrections
    assert [s for s in spans(store, third) if s[3]] == expected[1:]
    time.sleep(0.002)
    other = listed(store, found(1, 0, 200, title="all"), file_hash="0" * 64)
    assert spans(store, other) == [(0, 200, "all", False)]
    # What stands alone and is undone, is gone.
    corrections.correct(store, second, "hand-3", {"by_hand": False})
    assert [s[0] for s in spans(store, second)] == [0, 95.0]


def test_what_was_corrected_in_this_run_stays_as_it_is() -> None:
    def doc(name: str, start_s: float, end_s: float, *, by_hand: bool) -> dict[str, Any]:
        own = found(1, start_s, end_s, title=name)
        return {"_id": name, "segment": name, "by_hand": by_hand, "hand": own if by_hand else None, "found": own}

    mine = [doc("mine", 0, 100, by_hand=True), doc("free", 100, 200, by_hand=False)]
    theirs = [doc("old", 10, 90, by_hand=True), doc("old2", 120, 220, by_hand=True)]
    (change,) = carried(mine, theirs, "t")
    assert (change["_id"], change["hand"]["title"], change["start_s"]) == ("free", "old2", 120)
    assert carried([], [], "t") == []


# --- monitors -----------------------------------------------------------------------------------------------


def test_a_monitor_lives_as_long_as_it_says_so(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert monitors.every(store) == []
    monitor = monitors.begin(store, "bar", catalogue="default", source="http://h/x")
    monitor.writer.take(
        {"event": "confirmed", "at_s": 3.0, "segment": found(1, 0, 3, title="a", state="confirmed")}, 3.0
    )
    monitor.alive(4.0)
    (shown,) = monitors.every(store)
    assert (shown["id"], shown["running"], shown["heard_s"], shown["source"]) == ("bar", True, 4.0, "http://h/x")
    assert [s["title"] for s in shown["playing"]] == ["a"]
    with pytest.raises(MonitorBusy, match="'bar' runs already"):
        monitors.begin(store, "bar", catalogue="default", source="y")
    monitor.end()
    ended = monitors.to_dict(store, monitors.get(store, "bar"))
    assert (ended["running"], ended["playing"]) == (False, [])
    assert tracklists.get(store, ended["tracklist"])["status"] == "done"
    again = monitors.begin(store, "bar", catalogue="default", source="y")
    assert monitors.get(store, "bar")["tracklist"] == again.writer.id != ended["tracklist"]


def test_a_name_whose_listener_fell_silent_is_free_and_the_old_one_notices(store: Store) -> None:
    old = monitors.begin(store, "bar", catalogue="default", source="x")
    store.update("monitors", {"_id": "bar"}, set={"alive": time.time() - monitors.SILENT_S - 1})
    assert not monitors.every(store)[0]["running"]
    new = monitors.begin(store, "bar", catalogue="default", source="x")
    with pytest.raises(MonitorBusy, match="taken the name"):
        old.alive(1.0)
    new.alive(1.0)


def test_a_monitor_whose_tracklist_was_deleted(store: Store) -> None:
    monitor = monitors.begin(store, "bar", catalogue="default", source="x")
    tracklists.delete(store, monitor.writer.id)
    with pytest.raises(TracklistNotFound):
        monitor.alive(1.0)
    with pytest.raises(MonitorNotFound, match="--store-as bar"):
        monitors.get(store, "bar")
    assert monitors.every(store) == []


@pytest.mark.parametrize("name", ["", "a b", "../x", "x" * 65, "é"])
def test_names_of_monitors(store: Store, name: str) -> None:
    with pytest.raises(InvalidParameter, match="the name is"):
        monitors.begin(store, name, catalogue="default", source="x")
