"""Metadata in and out on the command line, and edits of many tracks at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from classifier.care.tables import FORMATS
from tests.cli.conftest import Earmark
from tests.cli.test_retagging import listed, tagged


@pytest.fixture
def two(earmark: Earmark, tmp_path: Path) -> Earmark:
    tagged(tmp_path / "music" / "one.flac", 1, title="One", artist="Ann")
    tagged(tmp_path / "music" / "two.flac", 2, title="Two", artist="Ann")
    assert earmark("enroll", tmp_path / "music").code == 0
    return earmark


def test_a_corrected_table_is_taken_back(two: Earmark, tmp_path: Path) -> None:
    table = tmp_path / "library.csv"
    assert two("tracks", "export-metadata", table).err == "wrote 2 tracks\n"
    before = listed(two)
    table.write_text(table.read_text().replace("Two,Ann", '"Two, corrected",Ann'))
    dry = two("tracks", "import-metadata", table, "--dry-run")
    assert dry.code == 0
    assert dry.out == "line 3 (Two, by id): title: 'Two' -> 'Two, corrected'\n"
    assert listed(two) == before
    done = two("tracks", "import-metadata", table, "--json")
    assert [(o["status"], o["matched_by"]) for o in done.objects] == [("unchanged", "id"), ("changed", "id")]
    assert done.objects[1]["changes"] == {"title": {"from": "Two", "to": "Two, corrected"}}
    assert [track["title"] for track in listed(two)] == ["One", "Two, corrected"]
    assert two("tracks", "import-metadata", table).err.startswith("0 tracks changed, 2 are so already")
    refused = two("tracks", "export-metadata", table)
    assert refused.code == 1
    assert "already exists" in refused.err


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_finds_the_tracks_again(two: Earmark, tmp_path: Path, kind: str) -> None:
    list_file = tmp_path / f"list.{kind}"
    two("tracks", "export-metadata", list_file, "--files", tmp_path / "music")
    if kind not in ("csv", "json"):
        assert str(tmp_path / "music" / "one.flac") in list_file.read_text()
    done = two("tracks", "import-metadata", list_file, "--json")
    assert done.code == 0
    assert {o["status"] for o in done.objects} == {"unchanged"}


def test_rows_that_mean_nothing_are_named_and_the_others_done(two: Earmark, tmp_path: Path) -> None:
    table = tmp_path / "list.csv"
    table.write_text("source,album,mood\none,First,calm\nthree,Third,calm\n")
    done = two("tracks", "import-metadata", table)
    assert done.code == 1
    assert "line 3: not taken over: no track is known by it" in done.err
    assert "columns that mean nothing here: mood" in done.err
    assert [track["album"] for track in listed(two)] == ["First", None]


def test_several_tracks_are_edited_at_once(two: Earmark) -> None:
    before = listed(two)
    dry = two("tracks", "edit", "--search", "ann", "--artist", "Anna", "--dry-run")
    assert dry.err.splitlines()[-1] == "2 of 2 tracks would change"
    asked = two("tracks", "edit", "--search", "ann", "--artist", "Anna")
    assert asked.code == 1
    assert listed(two) == before
    done = two("tracks", "edit", "--search", "ann", "--artist", "Anna", "--yes", "--json")
    assert [o["artist"] for o in done.objects] == ["Anna", "Anna"]
    assert [track["by_hand"] for track in listed(two)] == [["artist"], ["artist"]]
    assert two("tracks", "edit", "--search", "ann", "--artist", "Anna", "--yes").err == "0 of 2 tracks change\n"
    for wrong in (["--artist", "x"], ["abc", "--search", "y", "--artist", "x"]):
        assert two("tracks", "edit", *wrong).code == 2


def test_standard_output_and_search(two: Earmark) -> None:
    done = two("tracks", "export-metadata", "-", "--format", "json", "--search", "two")
    assert [track["title"] for track in json.loads(done.out)] == ["Two"]
    assert two("tracks", "export-metadata", "-").code == 2
