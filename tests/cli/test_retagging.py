"""New tags of files that are enrolled already: told, taken over, and never over what a person has set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.conftest import Earmark
from tests.data_audio import encode
from tests.library import lively_noise

SUMMARY = "{} enrolled, {} already there, {} failed"
HINT = "{} with other tags than the file now: '--update-tags' takes them over"


def tagged(path: Path, seed: int = 1, **tags: str) -> Path:
    """Write three seconds of sound with tags; the kind of file is its ending."""
    pcm = np.round(lively_noise(3.0, seed, 44100) * 20000).astype(np.int16)[:, None]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode(pcm, path.suffix[1:], tags=tags))
    return path


@pytest.fixture
def music(tmp_path: Path) -> Path:
    return tmp_path / "music"


def listed(earmark: Earmark) -> list[dict[str, Any]]:
    return earmark("tracks", "list", "--json").objects


@pytest.mark.parametrize("kind", ["flac", "mp3", "m4a", "opus"])
def test_new_tags_are_told_and_taken_over(earmark: Earmark, music: Path, kind: str) -> None:
    song = tagged(music / f"song.{kind}", title="Old", artist="Ann")
    earmark("enroll", song)
    (before,) = listed(earmark)
    tagged(song, title="New", artist="Ann", album="First")

    plain = earmark("enroll", song)
    assert (plain.code, plain.err.splitlines()) == (0, [HINT.format("1 track"), SUMMARY.format(0, 1, 0)])
    (told,) = earmark("enroll", song, "--json").objects
    assert (told["status"], told["new_tags"]) == ("already_enrolled", {"title": "New", "album": "First"})
    assert listed(earmark) == [before]

    done = earmark("enroll", song, "--update-tags")
    assert (done.code, done.err.splitlines()) == (0, ["1 track with new tags", SUMMARY.format(0, 1, 0)])
    (after,) = listed(earmark)
    assert after["file_hash"] != before["file_hash"]
    assert after == before | {"title": "New", "album": "First", "file_hash": after["file_hash"]}
    assert earmark("enroll", song).err == SUMMARY.format(0, 1, 0) + "\n"
    assert earmark("tracks", "list", "--search", "old").err == "0 tracks\n"
    assert earmark("tracks", "list", "--search", "first").err == "1 track\n"


def test_nothing_is_decoded_for_it(earmark: Earmark, music: Path) -> None:
    """With a limit that lets no decoding through, a file with new tags is known and its tags are taken all the same."""
    song = tagged(music / "song.flac", title="Old")
    earmark("enroll", song)
    tagged(song, title="New")
    limits = {"EARMARK_TRACK_SECONDS": "1"}
    assert earmark("enroll", tagged(music / "other.flac", seed=2), **limits).code == 1
    assert earmark("enroll", song, "--update-tags", **limits).code == 0
    assert [track["title"] for track in listed(earmark)] == ["New"]


def test_what_was_set_by_hand_is_kept(earmark: Earmark, music: Path) -> None:
    song = tagged(music / "song.flac", title="Old", artist="Ann", album="First")
    earmark("enroll", song)
    (track,) = listed(earmark)
    assert track["by_hand"] == []
    earmark("tracks", "edit", track["id"], "--title", "Mine", "--album", "")
    tagged(song, title="New", artist="Bea", album="Second")

    assert earmark("enroll", song, "--update-tags").code == 0
    (track,) = listed(earmark)
    assert (track["title"], track["artist"], track["album"]) == ("Mine", "Bea", None)
    assert (track["by_hand"], track["version"]) == (["title", "album"], 1)
    tagged(song, title="Newer", artist="Cleo", album="Third")
    assert earmark("enroll", song, "--replace").code == 0
    (track,) = listed(earmark)
    assert (track["title"], track["artist"], track["album"]) == ("Mine", "Cleo", None)
    assert (track["by_hand"], track["version"]) == (["title", "album"], 2)
    shown = earmark("tracks", "show", track["id"]).out
    assert ["by_hand", "title,", "album"] in [line.split() for line in shown.splitlines()]


def test_tags_that_went_empty_nothing(earmark: Earmark, music: Path) -> None:
    song = tagged(music / "song.flac", title="Old", artist="Ann")
    earmark("enroll", song)
    tagged(song, artist="Bea")
    assert earmark("enroll", song, "--update-tags").code == 0
    assert [(track["title"], track["artist"]) for track in listed(earmark)] == [("Old", "Bea")]


def test_a_copy_with_other_tags_changes_nothing_while_the_file_is_there(earmark: Earmark, music: Path) -> None:
    """The same audio on an album and in a collection: no run after the first finds anything new, in either order."""
    tagged(music / "album" / "song.flac", title="Song", album="First")
    earmark("enroll", music)
    tagged(music / "a collection" / "07 song.flac", title="Song (best of)", album="Best of")
    for option in ([], ["--update-tags"], ["--update-tags", "--jobs", 1]):
        done = earmark("enroll", music, *option)
        assert (done.code, done.err) == (0, SUMMARY.format(0, 2, 0) + "\n")
    assert [track["album"] for track in listed(earmark)] == ["First"]


def test_of_several_copies_the_one_of_the_same_name_counts(earmark: Earmark, music: Path) -> None:
    song = tagged(music / "b" / "song.flac", title="Old")
    earmark("enroll", song)
    for folder, name in (("a", "other"), ("b", "song"), ("c", "third")):
        tagged(music / folder / f"{name}.flac", title=f"New in {folder}")
    in_json = earmark("enroll", music, "--update-tags", "--json")
    assert sorted(o["status"] for o in in_json.objects) == ["already_enrolled", "already_enrolled", "tags_updated"]
    assert [track["title"] for track in listed(earmark)] == ["New in b"]
    again = earmark("enroll", music, "--update-tags")
    assert again.err == SUMMARY.format(0, 3, 0) + "\n"

    song.unlink()
    earmark("enroll", music, "--update-tags")
    assert [(track["title"], track["source"]) for track in listed(earmark)] == [("New in a", "other")]


def test_new_files_are_enrolled_beside(earmark: Earmark, music: Path) -> None:
    tagged(music / "a.flac", 1, title="Old")
    earmark("enroll", music)
    tagged(music / "a.flac", 1, title="New")
    tagged(music / "b.flac", 2, title="Two")
    done = earmark("enroll", music, "--update-tags")
    assert done.err.splitlines() == ["1 track with new tags", SUMMARY.format(1, 1, 0)]
    assert [track["title"] for track in listed(earmark)] == ["New", "Two"]


def test_tracks_from_before_packets_were_hashed_are_known_by_their_sound(earmark: Earmark, music: Path) -> None:
    song = tagged(music / "song.flac", title="Old")
    earmark("enroll", song)
    store = earmark.store()
    store.update("tracks", {}, set={"packet_hash": ""})
    tagged(song, title="New")
    assert earmark("enroll", song).err.splitlines()[0] == HINT.format("1 track")
    known = [record["packet_hash"] for record in store.find("tracks")]
    store.close()
    assert [len(value) for value in known] == [64]


def test_updating_and_replacing_exclude_each_other(earmark: Earmark, music: Path) -> None:
    done = earmark("enroll", music, "--update-tags", "--replace")
    assert done.code == 2
    assert "give one of --update-tags and --replace" in done.err
