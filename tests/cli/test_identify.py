"""``earmark identify``: the contract's JSON, the table for people, exit codes."""

from __future__ import annotations

import json
import os

import click
import numpy as np
import pytest
from click.testing import CliRunner
from rich.cells import cell_len

from classifier.cli.common import Shell, percent
from classifier.cli.identify import show
from classifier.results import Match, Searched, Tag
from classifier.settings import Settings
from tests.library import RATE, as_wav, clean_snippet, lively_noise, phone_snippet

#: The command line's contract: exactly these keys, in this order.
ANSWER = ["file", "verdict", "method", "matches", "nearest", "searched", "seconds", "tied", "remarks", "recordings"]
MATCH = [
    "track_id",
    "title",
    "artist",
    "album",
    "source",
    "role",
    "recording",
    "offset_s",
    "query_start_s",
    "query_end_s",
    "speed",
    "pitch",
    "agreement",
    "z",
    "log10_e_value",
    "confidence",
    "divergence",
    "divergence_variational",
    "other_offsets_s",
    "ids",
]
NEAR = ["track_id", "title", "artist", "source", "divergence", "window_start_s"]
SEARCHED = ["windows", "aligned_tracks", "complete", "other_speeds", "nearest_exact", "share", "wide"]
ALIGNED = ["query_start_s", "query_end_s", "agreement", "z"]


def a_match(**values) -> Match:
    known = {"track_id": "t", "title": "Copper Waltz", "artist": "Ida Varga", "album": None, "source": "copper"}
    place = {
        "role": "match",
        "recording": 0,
        "offset_s": 31.4,
        "query_start_s": 0.0,
        "query_end_s": 5.0,
        "speed": 1.0,
        "pitch": 0.0,
        "agreement": 0.401,
        "z": 17.8,
    }
    judged = {"log10_e_value": -54.8, "confidence": 1.0, "divergence": 9.62, "divergence_variational": 9.0}
    return Match(**{**known, "role": "match", "recording": 0, **place, **judged, **values})


def in_terminal(tag: Tag, columns: int) -> list[str]:
    """Return the lines that people see of a tag in a terminal of this width."""

    @click.command()
    def command() -> None:
        show(Shell(Settings(), as_json=False, quiet=False), "a.wav", tag)

    return CliRunner().invoke(command, env={"COLUMNS": str(columns)}, catch_exceptions=False).stdout.splitlines()


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
    searched = {"complete": True, "other_speeds": True, "nearest_exact": True, "share": 1.0, "wide": False}
    assert answer["searched"] == {"windows": 12 * 36, "aligned_tracks": 12, **searched}
    assert {"decode", "align", "total"} <= set(answer["seconds"])
    best = answer["matches"][0]
    song = enrolled_songs[3]
    assert (best["title"], best["artist"], best["album"]) == (song.title, song.artist, song.album)
    assert best["source"] == music_files[3].stem
    assert best["offset_s"] == pytest.approx(12.3, abs=0.05)
    assert answer["nearest"][0]["track_id"] == best["track_id"]
    assert len(answer["matches"]) == 5


def test_wide_is_asked_for_and_told(stocked, snippet):
    answer = stocked("identify", snippet, "--wide", "--json").objects[0]
    assert answer["searched"]["wide"] is True
    assert (answer["matches"][0]["speed"], answer["matches"][0]["pitch"]) == (1.0, 0.0)


def test_a_tempo_of_its_own_is_told_in_words():
    match = a_match(speed=1.1, pitch=-2.0)
    tag = Tag("identified", "auto", [match], [], Searched(1, 1, True), {"total": 0.1}, tied=1)
    assert ", at 110.0 % of its tempo and -2.0 semitones." in " ".join(in_terminal(tag, 200))
    together = Tag("identified", "auto", [a_match(speed=1.03, pitch=0.51)], [], Searched(1, 1, True), {"total": 0.1})
    assert "semitones" not in " ".join(in_terminal(together, 200))


def test_divergence_alone_leaves_alignment_null(stocked, snippet, enrolled_songs):
    answer = stocked("identify", snippet, "--json", "--method", "kl", "--top", 3).objects[0]
    assert list(answer) == ANSWER
    assert answer["method"] == "kl"
    assert len(answer["matches"]) == 3
    assert all(list(match) == MATCH for match in answer["matches"])
    assert all(match[name] is None for match in answer["matches"] for name in ALIGNED)
    assert answer["matches"][0]["title"] == enrolled_songs[3].title
    assert abs(answer["matches"][0]["offset_s"] - 12.3) < 0.06
    assert (answer["matches"][0]["speed"], answer["matches"][0]["role"]) == (1.0, "match")


def test_a_signature_gets_the_verdict_of_its_sound(stocked, snippet, enrolled_songs):
    written = snippet.with_suffix(".sig")
    done = stocked("signature", snippet, written, "--json")
    assert (done.code, done.err) == (0, "")
    assert done.objects == [{"file": str(snippet), "signature": str(written), "bytes": written.stat().st_size}]
    assert written.stat().st_size <= 8000
    heard, read = (stocked("identify", path, "--json").objects[0] for path in (snippet, written))
    assert list(read) == ANSWER
    assert (read["verdict"], read["matches"][0]["title"]) == ("identified", enrolled_songs[3].title)
    assert read["matches"][0]["offset_s"] == pytest.approx(heard["matches"][0]["offset_s"], abs=0.01)
    assert [near["title"] for near in read["nearest"][:3]] == [near["title"] for near in heard["nearest"][:3]]
    again = stocked("signature", snippet, written)
    assert again.code != 0
    assert "is there already" in again.err
    assert f"bytes in {written}" in stocked("signature", snippet, written, "--replace").out


def test_a_signature_that_is_certain_of_nothing_says_that_other_speeds_were_left_out(stocked, tmp_path):
    noise = tmp_path / "noise.wav"
    noise.write_bytes(as_wav(lively_noise(5.0, seed=77), RATE))
    assert stocked("signature", noise, tmp_path / "noise.sig").code == 0
    heard, read = (stocked("identify", tmp_path / name, "--json").objects[0] for name in ("noise.wav", "noise.sig"))
    assert (heard["verdict"], read["verdict"]) == ("no_match", "no_match")
    assert (heard["searched"]["other_speeds"], read["searched"]["other_speeds"]) == (True, False)


def test_a_damaged_signature_is_no_sound(stocked, snippet):
    written = snippet.with_suffix(".sig")
    stocked("signature", snippet, written)
    written.write_bytes(written.read_bytes()[:-9])
    done = stocked("identify", written, "--json")
    assert done.code == 1
    assert done.objects[0]["error"] == "invalid_signature"


def test_method_may_come_from_the_environment(stocked, snippet):
    assert stocked("identify", snippet, "--json", EARMARK_METHOD="kl").objects[0]["method"] == "kl"
    one = stocked("identify", snippet, "--json", "--method", "auto", EARMARK_METHOD="kl").objects[0]
    assert one["method"] == "auto"


def test_people_are_told_what_and_where(stocked, tmp_path, enrolled_songs):
    song = enrolled_songs[3]
    path = tmp_path / "bar.wav"
    path.write_bytes(phone_snippet(song, 12.3, 5, noise="pink", snr_db=5.0, seed=3))
    done = stocked("identify", path)
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == f"{path}: identified"
    assert lines[1].startswith(f"Identified: {song.title} by {song.artist}, 0:12.3 into the track.")
    first = next(i for i, line in enumerate(lines) if line.startswith("1 "))
    assert lines[first].rstrip() == f"1 {song.title} by {song.artist}"
    assert "0:12.3" in lines[first + 1]
    assert "> 99.9 %" in lines[first + 1]
    assert "100" not in lines[first + 1]
    assert "sounds alike, by symmetric KL divergence in nats" in done.out
    assert "432 windows compared, 12 tracks aligned (all)" in done.out
    kl = stocked("identify", path, "--method", "kl").out
    assert "log10 E" not in kl
    assert song.title in kl


@pytest.mark.parametrize("columns", [62, 80])
def test_the_evidence_fits_the_terminal(columns):
    """However long a title is; figures stay under their headings."""
    long = "A title of very many words " * 8
    matches = [a_match(title=long, artist=None), a_match(title="交響曲" * 30)]
    tag = Tag("identified", "auto", matches, [], Searched(1, 1, True), {"total": 0.1}, 5.0, {}, 1)
    shown = in_terminal(tag, columns)
    evidence = shown[shown.index("") + 1 :]
    assert max(cell_len(line.rstrip()) for line in evidence) <= columns
    heading, row = evidence[0], next(line for line in evidence if "17.8" in line)
    assert heading.index("  z") + 3 == row.index("17.8") + 4
    assert "".join("".join(evidence).split()).count("交響曲") == 30


def test_ties_are_counted_and_copies_told_apart():
    def tag(*matches):
        return Tag("ambiguous", "auto", list(matches), [], Searched(1, 1, True), {"total": 0.1}, 5.0, {}, len(matches))

    album = (None, "Waltzes", None, None, None)
    copies = in_terminal(
        tag(*(a_match(source=f"side {i}", album=album[i], offset_s=10.0 + i, confidence=0.1996) for i in range(5))), 80
    )
    assert copies[1] == "Copper Waltz by Ida Varga: 5 tracks are this recording, and fit equally well."
    numbered = [line.strip() for line in copies if line.strip()]
    assert numbered[3] == "1 Copper Waltz by Ida Varga, 5 tracks"
    assert "99.8 %" in numbered[4]
    assert numbered[5:10] == [
        "- file side 0, at 0:10.0",
        "- album Waltzes, file side 1, at 0:11.0",
        *(f"- file side {i}, at 0:{10 + i}.0" for i in (2, 3, 4)),
    ]
    assert not any(line.startswith("2 ") for line in numbered)
    others = in_terminal(tag(a_match(), a_match(title="Copper Waltz (live)")), 80)
    assert others[1].startswith("2 tracks hold what was heard: one recording under several names")
    assert "- Copper Waltz (live) by Ida Varga, file" in "\n".join(others)
    parts = in_terminal(tag(a_match(), a_match(title="A jingle", recording=1)), 80)
    assert [line.strip()[:9] for line in parts if line.strip()[:2] in ("1 ", "2 ")][1:3] == ["1 Copper ", "2 A jingl"]


def test_copies_of_a_part_are_named_once():
    jingle = {"role": "part", "recording": 1, "query_start_s": 0.0, "query_end_s": 2.5, "confidence": None}
    matches = [a_match(), *(a_match(title="A jingle", artist=None, source=f"side {i}", **jingle) for i in range(3))]
    tag = Tag("identified", "auto", matches, [], Searched(1, 1, True), {"total": 0.1}, 5.0, {}, 1)
    shown = in_terminal(tag, 200)
    assert "The recording also contains A jingle, 3 tracks (0:00.0 to 0:02.5)." in shown[1]
    assert [recording["track_ids"] for recording in tag.to_dict()["recordings"]] == [
        [match.track_id for match in matches[:1]],
        [match.track_id for match in matches[1:]],
    ]


def test_tags_of_files_do_not_control_the_terminal():
    tag = Tag("identified", "auto", [a_match(title="red \x1b[31mink")], [], Searched(1, 1, True), {"total": 0.1})
    assert "\x1b" not in "\n".join(in_terminal(tag, 80))


@pytest.mark.parametrize(
    ("probability", "text"),
    [(1.0, "> 99.9 %"), (0.9991, "> 99.9 %"), (0.999, "99.9 %"), (0.99899, "99.8 %"), (0.991, "99.1 %"),
     (0.99, "99 %"), (0.7251, "73 %"), (0.016, "2 %"), (0.0099, "0.9 %"), (0.001, "0.1 %"), (0.0009, "< 0.1 %"),
     (0.0, "< 0.1 %")],
)  # fmt: skip
def test_per_cent_never_reach_0_or_100(probability, text):
    assert percent(probability) == text


def test_no_match_is_an_answer_and_no_failure(stocked, tmp_path):
    path = tmp_path / "noise.wav"
    path.write_bytes(as_wav(0.1 * np.random.default_rng(1).standard_normal(5 * RATE), RATE))
    assert stocked("identify", path).out.startswith(f"{path}: no match\nNot in this catalogue.")
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


def test_remarks_are_shown(stocked, snippet, enrolled_songs):
    data = snippet.read_bytes()
    snippet.write_bytes(data[: len(data) * 4 // 5])
    done = stocked("identify", snippet)
    assert done.code == 0
    assert enrolled_songs[3].title in done.out
    assert "remark: the file is cut off or damaged: its header promises 5.0 s of audio, and 1.0 s" in done.out
    (remark,) = stocked("identify", snippet, "--json").objects[0]["remarks"]
    assert remark.startswith("cut_off: the file is cut off")
