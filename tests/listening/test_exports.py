"""Exports are re-read by parsers of others, or by a strict grammar where there is none."""

from __future__ import annotations

import csv
import io
import json
import re
from itertools import pairwise
from urllib.parse import urlsplit

import cuetools
import pylibcue
import pytest
import webvtt
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier.errors import InvalidParameter
from classifier.listening import exports
from classifier.listening.exports import FORMATS, Chapter, chapters, export
from classifier.listening.segments import KINDS, Segment, Tracklist
from classifier.text import clean

MBID = "8f3471b5-7e6a-48da-86a9-c1c07a0f47ae"
HOSTILE = (
    'say "when"',
    "two\nlines\r\nTRACK 07 AUDIO",
    "a --> b",
    "NOTE\n\n00:01.000 --> 00:02.000",
    "Verse, Chorus; & <b>bold</b> &amp;",
    '=HYPERLINK("http://evil.example","x")',
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "-1+2",
    "\t=1+1",
    "Ünïcödé 音楽 \u202egnip\u0000",
    "\\",
    '\\"',
)


def track(start_s: float, end_s: float, title: str = "T", artist: str | None = "A", **more: object) -> Segment:
    values = {"id": f"{start_s}", "kind": "track", "track_id": "t1", "confidence": 0.9, "offset_s": 0.0, "speed": 1.0}
    return Segment(start_s=start_s, end_s=end_s, title=title, artist=artist, **{**values, **more})


def of_kind(kind: str, start_s: float, end_s: float) -> Segment:
    return Segment(id=f"{kind}{start_s}", start_s=start_s, end_s=end_s, kind=kind)


def listed(*segments: Segment, file: str = "mix.flac") -> Tracklist:
    return Tracklist(file, 7200.0, segments, {"total": 1.0})


def spans(tracklist: Tracklist) -> list[tuple[float, float, str]]:
    return [(c.start_s, c.end_s, c.segment.title or c.segment.kind) for c in chapters(tracklist)]


# --- one name a moment --------------------------------------------------------------------------------------


def test_a_cross_fade_belongs_to_the_track_that_comes_in():
    assert spans(listed(track(0, 100, "one"), track(92, 200, "two"))) == [(0, 92, "one"), (92, 200, "two")]


def test_a_jingle_interrupts_the_track_around_it():
    mix = listed(track(0, 100, "around"), track(40, 45, "jingle"), of_kind("silence", 100, 110))
    assert spans(mix) == [(0, 40, "around"), (40, 45, "jingle"), (45, 100, "around")]


def test_what_is_left_of_a_track_for_a_moment_gets_no_line():
    mix = listed(track(0, 100.5, "one"), track(90, 100, "two"), track(100.5, 150, "three"))
    assert spans(mix) == [(0, 90, "one"), (90, 100.5, "two"), (100.5, 150, "three")]


def test_nothing_and_silence_have_no_chapters():
    assert chapters(listed()) == []
    assert chapters(listed(of_kind("silence", 0, 9))) == []


spans_of_time = st.tuples(st.floats(0, 500, allow_nan=False), st.floats(0, 60)).map(lambda p: (p[0], p[0] + p[1]))


@given(st.lists(st.tuples(spans_of_time, st.sampled_from(KINDS)), max_size=12))
def test_chapters_never_overlap_and_each_lies_where_something_is_heard(parts):
    segments = [Segment(id=str(n), start_s=start, end_s=end, kind=kind) for n, ((start, end), kind) in enumerate(parts)]
    found = chapters(listed(*segments))
    assert all(isinstance(c, Chapter) and c.start_s < c.end_s for c in found)
    assert all(a.end_s <= b.start_s for a, b in pairwise(found))
    heard = [s for s in segments if s.kind != "silence" and s.end_s > s.start_s]
    for moment in (s.start_s for s in heard):
        assert any(c.start_s <= moment < c.end_s for c in found)


# --- cue sheets ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("title", HOSTILE)
def test_a_cue_sheet_is_read_by_two_parsers(title: str):
    sheet = export(
        listed(track(1.0, 90.0, title, title, isrc="USRC17607839"), track(90.0, 200.04, "b"), file="m.flac"), "cue"
    )
    wanted = clean(title).replace('"', "''").replace("\\", "/")
    first, second = pylibcue.parse_str(sheet)
    assert (first.cdtext.title, first.cdtext.performer, first.isrc) == (wanted, wanted, "USRC17607839")
    assert (first.start, second.start, second.cdtext.title, first.filename) == ((0, 1, 0), (1, 30, 0), "b", "m.flac")
    read = cuetools.loads(sheet)
    assert [t.index01.seconds for t in read.tracks] == [1.0, 90.0]
    assert [t.title for t in read.tracks] == [wanted, "b"]


def test_a_cue_sheet_names_what_is_no_track_and_goes_beyond_99_minutes():
    mix = listed(track(0, 6000, "long"), of_kind("unknown", 6000, 7000), of_kind("speech_noise", 7000, 7100.5))
    read = cuetools.loads(export(mix, "cue"))
    assert [(t.title, t.index01.seconds) for t in read.tracks] == [
        ("long", 0.0),
        ("Unknown music", 6000.0),
        ("Speech or noise", 7000.0),
    ]


def test_indexes_of_a_cue_sheet_grow_where_starts_are_nearer_than_a_frame():
    mix = listed(track(10.0, 12.0, "a"), track(10.001, 12.0, "b"))
    assert [t.index01.frames for t in cuetools.loads(export(mix, "cue")).tracks] == [750, 751]


def test_more_tracks_than_a_cue_sheet_holds_are_refused():
    mix = listed(*(track(10.0 * n, 10.0 * n + 10, f"t{n}") for n in range(100)))
    with pytest.raises(InvalidParameter, match=r"99 tracks at most.* 100 stretches"):
        export(mix, "cue")
    assert len(webvtt.from_string(export(mix, "webvtt"))) == 100
    assert len(pylibcue.parse_str(export(listed(*mix.segments[:99]), "cue"))) == 99


def test_a_wrong_isrc_is_left_out():
    mix = listed(track(0, 9, isrc='US"x\nINDEX 01 00:00:00'))
    assert "ISRC" not in export(mix, "cue")
    assert "isrc" not in export(mix, "jspf")


# --- chapters -----------------------------------------------------------------------------------------------

TIMINGS = re.compile(r"\d{2,}:[0-5]\d:[0-5]\d\.\d{3} --> \d{2,}:[0-5]\d:[0-5]\d\.\d{3}")


@pytest.mark.parametrize("title", HOSTILE)
def test_chapters_are_read_by_another_parser(title: str):
    text = export(listed(track(0.5, 3723.25, title, None), track(3723.25, 40000.0)), "webvtt")
    first, second = webvtt.from_string(text)
    assert (first.start, first.end, second.end) == ("00:00:00.500", "01:02:03.250", "11:06:40.000")
    raw = first.raw_text
    assert not re.search(r"<|>|&(?!(amp|lt|gt);)", raw)
    shown = raw.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert shown == clean(title)
    # The grammar of the specification: a signature, then blocks with blank lines between.
    signature, *blocks = text.strip("\n").split("\n\n")
    assert signature == "WEBVTT"
    assert all(TIMINGS.fullmatch(block.split("\n")[1]) and len(block.split("\n")) == 3 for block in blocks)


def test_the_shortest_chapter_lasts_a_thousandth():
    (cue,) = webvtt.from_string(export(listed(track(5.0, 5.0001)), "webvtt"))
    assert (cue.start, cue.end) == ("00:00:05.000", "00:00:05.001")


def test_an_empty_tracklist_is_a_valid_file_in_every_format():
    assert len(webvtt.from_string(export(listed(), "webvtt"))) == 0
    assert export(listed(), "audacity") == ""
    assert json.loads(export(listed(), "jspf"))["playlist"]["track"] == []
    assert list(csv.reader(io.StringIO(export(listed(), "csv")))) == [list(exports.COLUMNS)]
    assert export(listed(), "cue").splitlines() == ['TITLE "mix.flac"', 'FILE "mix.flac" WAVE']


# --- tables -------------------------------------------------------------------------------------------------


def test_csv_shows_numbers_as_they_are_meant():
    text = export(listed(track(1015 * 0.256, 90.1 * 3, offset_s=0.1 + 0.2)), "csv")
    (row,) = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    assert (row["start_s"], row["end_s"], row["offset_s"]) == ("259.84", "270.3", "0.3")


@pytest.mark.parametrize("title", HOSTILE)
def test_csv_round_trips_and_holds_no_formula(title: str):
    text = export(listed(track(61.5, 90.25, title, title, by_hand=True, offset_s=-3.0)), "csv")
    assert text.endswith("\r\n")
    (row,) = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    assert row["title"].removeprefix("'") == clean(title).removeprefix("'")
    assert row["title"][:1] not in ("=", "+", "-", "@", "\t", "\r")
    assert (row["start"], row["end_s"], row["by_hand"], row["offset_s"]) == ("00:01:01.500", "90.25", "True", "-3.0")
    assert row["album"] == ""


@given(st.text(max_size=40), st.text(max_size=40))
@settings(max_examples=60)
def test_any_text_stays_in_its_cell_and_on_its_line(title: str, artist: str):
    mix = listed(track(0, 10, title or "x", artist))
    (row,) = csv.DictReader(io.StringIO(export(mix, "csv"), newline=""), strict=True)
    assert set(row) == set(exports.COLUMNS)
    (line,) = export(mix, "audacity").splitlines()
    assert len(line.split("\t")) == 3
    assert len(pylibcue.parse_str(export(mix, "cue"))) == 1
    assert len(webvtt.from_string(export(mix, "webvtt"))) == 1


@pytest.mark.parametrize("title", HOSTILE)
def test_labels_are_three_fields_a_line(title: str):
    text = export(listed(track(1.5, 2.25, title), of_kind("silence", 3, 4), of_kind("speech_noise", 4, 5)), "audacity")
    number = r"\d+\.\d{6}"
    assert re.fullmatch(rf"(?:{number}\t{number}\t[^\t\n]+\n)*", text)
    assert text.splitlines() == [f"1.500000\t2.250000\tA - {clean(title)}", "4.000000\t5.000000\tSpeech or noise"]


# --- playlists ----------------------------------------------------------------------------------------------

#: What a playlist and a track of JSPF may hold, and of what kind.
PLAYLIST = {"title": str, "track": list}
TRACK = {"title": str, "creator": str, "album": str, "duration": int, "identifier": list, "annotation": str}


@pytest.mark.parametrize("title", HOSTILE)
def test_a_playlist_follows_jspf(title: str):
    mix = listed(track(0, 200.0, title, title, album=title, isrc="USRC17607839"), of_kind("unknown", 200, 300))
    document = json.loads(export(mix, "jspf", musicbrainz={"t1": MBID.upper()}))
    assert list(document) == ["playlist"]
    playlist = document["playlist"]
    assert all(isinstance(playlist[name], kind) for name, kind in PLAYLIST.items())
    (entry,) = playlist["track"]
    assert all(isinstance(value, TRACK[name]) for name, value in entry.items())
    assert (entry["title"], entry["duration"]) == (clean(title), 200_000)
    assert entry["identifier"] == [
        f"https://musicbrainz.org/recording/{MBID}",
        "https://musicbrainz.org/isrc/USRC17607839",
    ]
    assert all(urlsplit(uri).scheme == "https" for uri in entry["identifier"])


def test_what_is_no_musicbrainz_id_is_left_out():
    document = json.loads(export(listed(track(0, 9)), "jspf", musicbrainz={"t1": "../../evil"}))
    assert "identifier" not in document["playlist"]["track"][0]


def test_json_is_the_tracklist_itself():
    mix = listed(track(0, 9))
    assert json.loads(export(mix, "json")) == json.loads(json.dumps(mix.to_dict()))


def test_an_unknown_format_is_refused_with_the_known_ones():
    with pytest.raises(InvalidParameter, match=r"'xls'.*cue, audacity, csv, jspf, webvtt, json"):
        export(listed(), "xls")
    assert {form.ending for form in FORMATS.values()} == {"cue", "txt", "csv", "jspf", "vtt", "json"}


@pytest.mark.parametrize(("file", "kind"), [("a/m.mp3", "MP3"), ("m.AIFF", "AIFF"), ("m.wav", "WAVE"), ("-", "WAVE")])
def test_a_cue_sheet_names_the_file_and_its_kind(file: str, kind: str):
    sheet = export(listed(track(0, 9), file=file), "cue")
    assert sheet.splitlines()[1] == f'FILE "{file.rpartition("/")[2]}" {kind}'
    assert pylibcue.parse_str(sheet)[0].filename == file.rpartition("/")[2]
