"""``earmark identify``: the contract's JSON, the table for people, exit codes."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

from tests.library import RATE, as_wav, clean_snippet, lively_noise, phone_snippet

#: The command line's contract: exactly these keys, in this order.
ANSWER = ["file", "verdict", "method", "matches", "nearest", "searched", "seconds"]
MATCH = [
    "track_id",
    "title",
    "artist",
    "album",
    "source",
    "offset_s",
    "query_start_s",
    "query_end_s",
    "speed",
    "agreement",
    "z",
    "log10_e_value",
    "confidence",
    "divergence",
    "divergence_variational",
    "other_offsets_s",
]
NEAR = ["track_id", "title", "artist", "source", "divergence", "window_start_s"]
SEARCHED = ["windows", "aligned_tracks", "complete"]
ALIGNED = ["query_start_s", "query_end_s", "speed", "agreement", "z", "log10_e_value"]


@pytest.fixture
def snippet(tmp_path, enrolled_songs):
    """Return a file with five seconds of the fourth song, from 12.3 s on."""
    path = tmp_path / "snippet.wav"
    path.write_bytes(clean_snippet(enrolled_songs[3], 12.3, 5))
    return path


def test_json_has_exactly_the_keys_of_the_contract(stocked, snippet, enrolled_songs, music_files):
    done = stocked("identify", snippet, "--json")
    assert (done.code, done.err) == (0, "")
    assert len(done.out.splitlines()) == 1
    answer = done.objects[0]
    assert list(answer) == ANSWER
    assert (answer["file"], answer["verdict"], answer["method"]) == (str(snippet), "identified", "auto")
    assert all(list(match) == MATCH for match in answer["matches"])
    assert all(list(near) == NEAR for near in answer["nearest"])
    assert list(answer["searched"]) == SEARCHED
    assert answer["searched"] == {"windows": 12 * 36, "aligned_tracks": 12, "complete": True}
    assert {"decode", "align", "total"} <= set(answer["seconds"])
    best = answer["matches"][0]
    song = enrolled_songs[3]
    assert (best["title"], best["artist"], best["album"]) == (song.title, song.artist, song.album)
    assert best["source"] == music_files[3].stem
    assert best["offset_s"] == pytest.approx(12.3, abs=0.05)
    assert answer["nearest"][0]["track_id"] == best["track_id"]
    assert len(answer["matches"]) == 5


def test_divergence_alone_leaves_alignment_null(stocked, snippet, enrolled_songs):
    answer = stocked("identify", snippet, "--json", "--method", "kl", "--top", 3).objects[0]
    assert list(answer) == ANSWER
    assert answer["method"] == "kl"
    assert len(answer["matches"]) == 3
    assert all(list(match) == MATCH for match in answer["matches"])
    assert all(match[name] is None for match in answer["matches"] for name in ALIGNED)
    assert answer["matches"][0]["title"] == enrolled_songs[3].title
    assert answer["matches"][0]["divergence"] == answer["nearest"][0]["divergence"]
    assert abs(answer["matches"][0]["offset_s"] - 12.3) < 1.0


def test_method_may_come_from_the_environment(stocked, snippet):
    assert stocked("identify", snippet, "--json", EARMARK_METHOD="kl").objects[0]["method"] == "kl"
    one = stocked("identify", snippet, "--json", "--method", "auto", EARMARK_METHOD="kl").objects[0]
    assert one["method"] == "auto"


def test_the_table_tells_people_what_and_where(stocked, tmp_path, enrolled_songs):
    song = enrolled_songs[3]
    path = tmp_path / "bar.wav"
    path.write_bytes(phone_snippet(song, 12.3, 5, noise="pink", snr_db=5.0, seed=3))
    done = stocked("identify", path)
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == f"{path}: identified"
    row = next(line for line in lines if song.title in line)
    assert song.artist in row
    assert "0:12.3" in row
    assert "sounds alike, by symmetric KL divergence in nats" in done.out
    assert "432 windows compared, 12 tracks aligned (all)" in done.out
    kl = stocked("identify", path, "--method", "kl").out
    assert "log10 E" not in kl
    assert song.title in kl


def test_no_match_is_an_answer_and_no_failure(stocked, tmp_path):
    path = tmp_path / "noise.wav"
    path.write_bytes(as_wav(0.1 * np.random.default_rng(1).standard_normal(5 * RATE), RATE))
    assert stocked("identify", path).out.startswith(f"{path}: no match\n")
    done = stocked("identify", path, "--json")
    assert (done.code, done.objects[0]["verdict"]) == (0, "no_match")
    assert done.objects[0]["matches"]


def test_several_files_are_several_lines_and_a_bad_one_fails_by_itself(stocked, snippet, tmp_path):
    (tmp_path / "quiet.wav").write_bytes(as_wav(np.zeros(5 * RATE), RATE))
    (tmp_path / "short.wav").write_bytes(as_wav(lively_noise(0.3, 1), RATE))
    (tmp_path / "text.mp3").write_text("a letter" * 100)
    bad = [tmp_path / "quiet.wav", tmp_path / "short.wav", tmp_path / "text.mp3", tmp_path / "missing.wav", tmp_path]
    done = stocked("identify", *bad, snippet, "--json")
    assert done.code == 1
    *failed, good = done.objects
    assert good["verdict"] == "identified"
    assert [f["error"] for f in failed] == [
        "snippet_silent",
        "snippet_too_short",
        "audio_unreadable",
        "file_missing",
        "file_missing",
    ]
    assert all(set(f) == {"file", "error", "detail"} for f in failed)
    lines = done.err.splitlines()
    assert [line.split(": ")[1] for line in lines] == [str(path) for path in bad]
    assert all(line.startswith("failed: ") for line in lines)
    for_people = stocked("identify", *bad, snippet)
    assert for_people.code == 1
    assert for_people.err == done.err
    assert "identified" in for_people.out


def test_an_empty_catalogue_says_what_to_do(earmark, snippet):
    done = earmark("identify", snippet)
    assert done.code == 0
    assert "no match" in done.out
    assert "enroll some music first" in done.out
    assert earmark("identify", snippet, "--json").objects[0]["matches"] == []


def test_a_mistyped_catalogue_is_not_created(earmark, snippet):
    done = earmark("identify", snippet, "--catalogue", "radio")
    assert done.code == 1
    assert done.err == (
        "Error: there is no catalogue 'radio': enroll into it first, or see 'earmark catalogues list'\n"
    )
    assert earmark("catalogues", "list", "--json").objects == []


@pytest.mark.parametrize(
    "arguments", [[], ["x", "--method", "magic"], ["x", "--top", "0"], ["x", "--top", "101"], ["--jsn", "x"]]
)
def test_wrong_usage_is_2(earmark, arguments):
    done = earmark("identify", *arguments)
    assert (done.code, done.out) == (2, "")
    assert not earmark.data_dir.exists()


def test_names_that_are_no_text_stay_valid_json(stocked, snippet):
    odd = snippet.with_name(os.fsdecode(b"caf\xe9.wav"))
    snippet.rename(odd)
    done = stocked("identify", odd, "--json")
    done.out.encode()
    assert json.loads(done.out)["file"] == str(odd)


def test_a_process_of_its_own_gives_the_same_answer(stocked, snippet):
    """``python -m classifier``: nothing but the object on standard output, nothing on standard error."""
    done = stocked.process("identify", snippet, "--json")
    assert (done.code, done.err) == (0, "")
    answer, here = done.objects[0], stocked("identify", snippet, "--json").objects[0]
    for one in (answer, here):
        del one["seconds"]
    assert answer == here
