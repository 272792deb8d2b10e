"""Copies on the command line: found, merged, brought back; and identifiers that two recordings claim."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Earmark
from tests.cli.test_retagging import listed
from tests.data_audio import encode
from tests.library import lively_noise

RATE = 44100


def song(path: Path, seed: int, start_s: float = 0.0, end_s: float = 20.0, **tags: str) -> Path:
    pcm = np.round(lively_noise(20.0, seed, RATE) * 20000).astype(np.int16)[:, None]
    pcm = pcm[round(start_s * RATE) : round(end_s * RATE)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode(pcm, path.suffix[1:], tags=tags))
    return path


@pytest.fixture
def library(earmark: Earmark, tmp_path: Path) -> Earmark:
    music = tmp_path / "music"
    song(music / "one.flac", 1, title="One", artist="Ann", ISRC="GBAYE0601498")
    song(music / "one again.mp3", 1, title="One again", artist="Ann", TSRC="GBAYE0601498")
    song(music / "piece.flac", 1, 5.0, 12.0, title="Piece")
    song(music / "two.flac", 2, title="Two", ISRC="GBAYE0601498")
    assert earmark("enroll", music, "--quiet").code == 0
    return earmark


def test_pairs_are_told_with_their_stretches(library: Earmark) -> None:
    done = library("tracks", "duplicates", "--json")
    assert done.code == 0
    copy, *others = done.objects
    assert copy["relation"] == "copy"
    assert {copy["a"]["title"], copy["b"]["title"]} == {"One", "One again"}
    assert min(copy["a"]["share"], copy["b"]["share"]) > 0.9
    assert [(o["relation"], o["b"]["title"]) for o in others] == [("excerpt", "Piece")] * 2
    (stretch,) = others[0]["stretches"]
    assert abs(stretch["a_start_s"] - 5.0) < 0.6
    assert abs(stretch["length_s"] - 7.0) < 0.6
    lines = library("tracks", "duplicates", "--relation", "excerpt").out.splitlines()
    assert len(lines) == 4
    assert lines[0].startswith("excerpt: ")
    assert "a piece of it" in lines[0]
    (two,) = [track for track in listed(library) if track["title"] == "Two"]
    assert library("tracks", "duplicates", two["id"][:10]).err.startswith("0 pairs of tracks share sound")


def test_identifiers_that_two_recordings_claim_are_named(library: Earmark, tmp_path: Path) -> None:
    warning = "warning: isrc GBAYE0601498 is claimed by different recordings: "
    assert warning in library("tracks", "duplicates").err
    assert "Two" in library("tracks", "duplicates").err.partition(warning)[2]
    new = library("enroll", song(tmp_path / "three.flac", 3, title="Three", ISRC="GBAYE0601498"))
    assert "Three" in new.err.partition(warning)[2]
    assert warning not in library("enroll", song(tmp_path / "four.flac", 4, title="Four")).err


def test_copies_are_merged_and_brought_back(library: Earmark, tmp_path: Path) -> None:
    ids = {track["title"]: track["id"] for track in listed(library)}
    before = listed(library)
    library("tracks", "edit", ids["One again"], "--album", "By hand")
    (track,) = library("tracks", "merge", ids["One"][:10], ids["One again"][:10], "--json").objects
    assert (track["title"], track["album"], track["by_hand"]) == ("One", "By hand", ["album"])
    assert [t["title"] for t in listed(library)] == ["One", "Piece", "Two"]
    snippet = tmp_path / "music" / "one again.mp3"
    (answer,) = library("identify", snippet, "--json").objects
    assert (answer["verdict"], answer["matches"][0]["track_id"]) == ("identified", ids["One"])
    assert library("enroll", snippet).err.splitlines()[-1] == "0 enrolled, 1 already there, 0 failed"
    (merged,) = library("tracks", "unmerge", "--json").objects
    assert (merged["id"], merged["merged_into"]) == (ids["One again"], ids["One"])
    (back,) = library("tracks", "unmerge", ids["One again"][:8], "--json").objects
    assert (back["title"], back["album"]) == ("One again", "By hand")
    assert [t for t in listed(library) if t["title"] != "One again"] == [t for t in before if t["title"] != "One again"]
    (answer,) = library("identify", snippet, "--json").objects
    assert answer["tied"] == 2
    assert library("tracks", "unmerge", ids["Two"]).code == 1
