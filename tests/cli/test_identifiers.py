"""Identifiers on the command line: read from files, shown, searched, edited, answered."""

from __future__ import annotations

from pathlib import Path

from classifier.identifiers import IDENTIFIERS
from tests.cli.conftest import Earmark
from tests.cli.test_retagging import listed, tagged

RECORDING, ARTIST = "8f3471b5-7e6a-48da-86a9-c1c07a0f47ae", "5441c29d-3602-4898-b1a1-b77fa23b8e50"
TAGS = {"ISRC": "GB-AYE-06-01498", "MUSICBRAINZ_TRACKID": RECORDING, "MUSICBRAINZ_ARTISTID": ARTIST}
IDS = {"isrc": "GBAYE0601498", "recording_mbid": RECORDING, "artist_mbids": ARTIST}


def test_ids_are_read_searched_and_answered(earmark: Earmark, tmp_path: Path) -> None:
    song = tagged(tmp_path / "song.flac", title="Song", **TAGS)
    earmark("enroll", song)
    (track,) = listed(earmark)
    assert {name: track[name] for name in IDENTIFIERS} == {**dict.fromkeys(IDENTIFIERS), **IDS}
    for word in ("gbaye06", RECORDING, ARTIST.upper()):
        assert earmark("tracks", "list", "--search", word).err == "1 track\n"
    (answer,) = earmark("identify", "--json", song).objects
    assert answer["matches"][0]["ids"] == IDS
    lines = earmark("identify", song).out.splitlines()
    assert f"ISRC GBAYE0601498, MusicBrainz recording {RECORDING}, MusicBrainz artist {ARTIST}" in " ".join(lines)


def test_ids_are_edited_in_their_form_only(earmark: Earmark, tmp_path: Path) -> None:
    earmark("enroll", tagged(tmp_path / "song.flac", **TAGS))
    (track,) = listed(earmark)
    done = earmark("tracks", "edit", track["id"], "--recording-mbid", "4711")
    assert done.code == 1
    assert "recording_mbid is '4711': it must be a UUID" in done.err
    assert listed(earmark) == [track]
    page = f"https://musicbrainz.org/recording/{ARTIST}"
    (edited,) = earmark("tracks", "edit", track["id"], "--json", "--recording-mbid", page, "--isrc", "").objects
    assert (edited["recording_mbid"], edited["isrc"]) == (ARTIST, None)
    assert edited["by_hand"] == ["isrc", "recording_mbid"]


def test_ids_that_an_earlier_release_left_out_are_taken_from_unchanged_files(earmark: Earmark, tmp_path: Path) -> None:
    song = tagged(tmp_path / "music" / "song.flac", title="Song", **TAGS)
    tagged(tmp_path / "music" / "copy.flac", title="Copy", **TAGS)
    earmark("enroll", song)
    store = earmark.store()
    store.update("tracks", {}, set=dict.fromkeys(IDENTIFIERS))
    store.close()
    (before,) = listed(earmark)
    assert earmark("enroll", tmp_path / "music").err == "0 enrolled, 2 already there, 0 failed\n"
    assert earmark("enroll", tmp_path / "music", "--update-tags").err.splitlines()[0] == "1 track with new tags"
    assert listed(earmark) == [{**before, **IDS}]
    assert earmark("enroll", tmp_path / "music", "--update-tags").err == "0 enrolled, 2 already there, 0 failed\n"
