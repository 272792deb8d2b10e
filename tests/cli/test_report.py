"""``earmark report``: plays of monitors and recordings, by the clock of a place."""

from __future__ import annotations

import csv
import io
from contextlib import closing
from typing import Any

import pytest

from classifier.records import monitors, tracklists
from classifier.records.tracklist_writing import Writer
from classifier.store import open_store
from classifier.store.base import Store
from tests.cli.conftest import Earmark


def segment(number: int, start_s: float, end_s: float, **more: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "id": str(number), "start_s": start_s, "end_s": end_s, "kind": "track", "track_id": "t",
        "title": f"Title {number}",
        "artist": "Anna", "album": None, "isrc": "GBAYE0601498", "source": "s", "offset_s": 0.0, "speed": 1.0,
        "confidence": 1.0, "state": "closed", "by_hand": False,
    }  # fmt: skip
    return {**values, **more}


def put(store: Store, tracklist_id: str, begun: str, *found: dict[str, Any]) -> None:
    Writer(store, tracklist_id).sync(found, max(one["end_s"] for one in found))
    store.update("tracklists", {"_id": tracklist_id}, set={"created": begun})


@pytest.fixture
def store(earmark: Earmark) -> Any:
    """Return a store with a monitor of two runs and a recording."""
    with closing(open_store(f"sqlite:///{earmark.data_dir}/earmark.sqlite")) as opened:
        for begun, numbers in (("2026-11-28T22:30:00.000Z", (1, 2)), ("2026-11-29T09:00:00.000Z", (3,))):
            monitor = monitors.begin(opened, "radio", catalogue="default", source="http://radio.example")
            put(opened, monitor.writer.id, begun, *(segment(n, 1000.0 * n, 1000.0 * n + 61.6) for n in numbers))
            monitor.end()
        yield opened


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_monitor_with_all_its_runs(earmark: Earmark, store: Store) -> None:
    done = earmark("report", "radio", "--zone", "Europe/Vienna")
    assert done.code == 0, done.err
    found = rows(done.out)
    assert list(found[0]) == ["date", "time", "duration", "isrc", "title", "artist", "album", "source"]
    # Vienna is an hour ahead of UTC in winter: the second play of the evening begins on the next day.
    assert [(r["date"], r["time"], r["duration"], r["title"], r["source"]) for r in found] == [
        ("2026-11-28", "23:46:40", "00:01:02", "Title 1", "radio"),
        ("2026-11-29", "00:03:20", "00:01:02", "Title 2", "radio"),
        ("2026-11-29", "10:50:00", "00:01:02", "Title 3", "radio"),
    ]
    day = earmark("report", "radio", "--zone", "Europe/Vienna", "--from", "2026-11-29", "--to", "2026-11-29T10:00")
    assert [r["title"] for r in rows(day.out)] == ["Title 2"]
    assert earmark("--json", "report", "radio", "--zone", "UTC").objects[0]["began"] == "2026-11-28T22:46:40+00:00"


def test_only_certain_tracks_and_no_formulas(earmark: Earmark, store: Store) -> None:
    one = tracklists.create(store, "default", file="set.mp3")
    put(
        store, one, "2026-01-01T00:00:00.000Z", segment(1, 0, 2), segment(2, 10, 20, title="=1+1"),
        segment(3, 30, 40, state="perhaps"), segment(4, 50, 60, kind="unknown", track_id=None, title=None),
    )  # fmt: skip
    refused = earmark("report", one)
    assert refused.code != 0
    assert "--begun" in refused.err
    done = earmark("report", one, "--begun", "2026-07-01T06:00", "--zone", "UTC", "--least", "5")
    assert [(r["date"], r["time"], r["title"], r["source"]) for r in rows(done.out)] == [
        ("2026-07-01", "06:00:10", "'=1+1", "set.mp3")
    ]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("radio", "--from", "yesterday"), "yesterday"),
        (("radio", "--zone", "Nowhere/Land"), "Nowhere/Land"),
        (("radio", "--begun", "2026-11-28"), "leave out"),
        (("nobody",), "nobody"),
    ],
)
def test_what_cannot_be_reported(earmark: Earmark, store: Store, arguments: tuple[str, ...], word: str) -> None:
    done = earmark("report", *arguments)
    assert done.code != 0
    assert word in done.err
