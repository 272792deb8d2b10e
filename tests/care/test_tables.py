"""Lists of tracks as files: what is written is read again, and what others write is understood."""

from __future__ import annotations

import json
from dataclasses import replace
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.care.tables import FIELDS, FORMATS, TableUnreadable, read_table, stem, write_table
from classifier.results import Track
from classifier.text import clean

UUID = "8f3471b5-7e6a-48da-86a9-c1c07a0f47ae"


def track(number: int, title: str, artist: str | None = None, **more: object) -> Track:
    return Track(
        f"id{number}", "default", title, artist, None, None, f"file {number}", 61.5, 57, "c", "f", "2026", **more
    )


texts = st.text(min_size=1, max_size=20).map(clean).filter(bool)


@given(title=texts, artist=texts, note=texts)
@pytest.mark.parametrize("kind", ["csv", "json"])
def test_tables_come_back_as_they_were(kind: str, title: str, artist: str, note: str) -> None:
    """Whatever the texts: delimiters, quotes, formulas, apostrophes."""
    made = track(1, title, artist, recording_mbid=UUID, metadata={"mood": note})
    (row,) = read_table(write_table([made], kind).encode(), kind).rows
    assert row.track_id == "id1"
    assert row.fields == {"title": title, "artist": artist, "recording_mbid": UUID}
    assert row.notes == {"mood": note}


@given(title=texts, artist=texts)
@pytest.mark.parametrize("kind", ["xspf", "jspf"])
def test_playlists_come_back_with_ids(kind: str, title: str, artist: str) -> None:
    made = track(1, title, artist, recording_mbid=UUID, acoustid=UUID)
    (row,) = read_table(write_table([made], kind).encode(), kind).rows
    assert (row.track_id, row.file) == ("id1", "file 1")
    wanted = {"title": title, "artist": artist}
    assert {name: row.fields[name].strip() for name in wanted} == wanted
    assert row.fields["recording_mbid"].endswith(UUID)
    assert row.fields["acoustid"].endswith(UUID)


@pytest.mark.parametrize("kind", ["xspf", "jspf"])
def test_playlists_say_where_files_are_as_addresses(kind: str) -> None:
    """Else a player takes what follows # or ? in a file's name for something else, and %20 for a space."""
    path = "/music/what? 100%20 #1/Wälz – 日本.flac"
    made = [track(1, "a"), replace(track(2, "b"), source="50 % #2: x/y")]
    text = write_table(made, kind, {"id1": path})
    if kind == "xspf":
        found = [element.text or "" for element in ElementTree.fromstring(text).iter("{http://xspf.org/ns/0/}location")]
    else:
        found = [entry["location"][0] for entry in json.loads(text)["playlist"]["track"]]
    first, second = map(urlsplit, found)
    assert (first.scheme, unquote(first.path), first.query, first.fragment) == ("file", path, "", "")
    assert (second.scheme, second.netloc, unquote(second.path), second.query, second.fragment) == (
        *("", "", "50 % #2: x/y", "", ""),
    )
    rows = read_table(text.encode(), kind).rows
    assert [row.file for row in rows] == ["Wälz – 日本", "y"]


def test_m3u_comes_back_with_names_and_files() -> None:
    made = [track(1, "Waltz", "Ann"), track(2, "Only a title")]
    text = write_table(made, "m3u", {"id1": "/music/some folder/waltz.flac"})
    assert text.splitlines()[:3] == ["#EXTM3U", "#EXTINF:62,Ann - Waltz", "/music/some folder/waltz.flac"]
    rows = read_table(text.encode(), "m3u").rows
    assert [(row.file, row.fields) for row in rows] == [
        ("waltz", {"artist": "Ann", "title": "Waltz"}),
        ("file 2", {"title": "Only a title"}),
    ]


def test_no_cell_is_a_formula() -> None:
    text = write_table([track(1, "=1+1", "@SUM(A1)"), track(2, "-x", "'=quoted")], "csv")
    assert "'=1+1" in text
    assert "'@SUM(A1)" in text
    assert "''=quoted" in text
    assert not any(cell[:1] in "=+-@" for line in text.splitlines() for cell in line.split(",") if cell)


@pytest.mark.parametrize(
    "data",
    [
        "Title;Artist;ISRC;Rating\nWälz;Ann;GB-AYE-06-01498;5\n".encode("cp1252"),
        "\ufeffTitle,Artist,ISRC,Rating\r\nWälz,Ann,GB-AYE-06-01498,5\r\n".encode(),
        "title\tcreator\tisrc\tRating\nWälz\tAnn\tGB-AYE-06-01498\t5\n\n".encode("utf-16"),
    ],
)
def test_spreadsheets_of_others(data: bytes) -> None:
    table = read_table(data, "csv")
    assert [row.fields for row in table.rows] == [{"title": "Wälz", "artist": "Ann", "isrc": "GB-AYE-06-01498"}]
    assert table.left_out == {"Rating": 1}


def test_json_of_the_service_and_lines() -> None:
    one = {"id": "x", "title": "T", "duration_s": 3.0, "metadata": {"k": "v"}, "artist": None}
    for text in (
        json.dumps([one]),
        json.dumps({"tracks": [one], "total": 1}),
        json.dumps(one),
        f"{json.dumps(one)}\n\n",
    ):
        (row,) = read_table(text.encode(), "json").rows
        assert (row.track_id, row.fields, row.notes) == ("x", {"title": "T"}, {"k": "v"})
    two = read_table(f"{json.dumps(one)}\n{json.dumps(one)}\n".encode(), "json")
    assert len(two.rows) == 2


@pytest.mark.parametrize(
    ("kind", "data", "words"),
    [
        ("csv", b"a,b\n1,2\n", "names no column that is known"),
        ("csv", b"", "names no column"),
        ("json", b"[1]", "no list of objects"),
        ("json", b'{"a": 1}\nx', "line 2 is no JSON"),
        ("json", b"[" * 100_000, "is no JSON"),
        ("jspf", b'{"playlist": {"track": 3}}', "no list of objects under 'track'"),
        ("xspf", b"<playlist>", "no XML"),
        ("xspf", b"<playlist/>", "holds no track"),
        ("xspf", b'<!DOCTYPE x [<!ENTITY a "b">]><playlist/>', "declares a document type"),
        ("doc", b"", "are not read: use one of csv"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(kind: str, data: bytes, words: str) -> None:
    with pytest.raises(TableUnreadable, match=words):
        read_table(data, kind)


@given(data=st.binary(max_size=200), kind=st.sampled_from(FORMATS))
def test_bytes_of_any_kind_are_read_or_refused(data: bytes, kind: str) -> None:
    try:
        table = read_table(data, kind)
    except TableUnreadable:
        return
    assert all(set(row.fields) <= set(FIELDS) and all(row.fields.values()) for row in table.rows)


@pytest.mark.parametrize(
    ("location", "name"),
    [
        ("/music/a b/Song.flac", "Song"),
        ("C:\\Music\\Song.MP3", "Song"),
        ("file:///music/A%20Song.ogg", "A Song"),
        ("Vol. 2", "Vol. 2"),
        ("Song", "Song"),
        (".hidden", ".hidden"),
    ],
)
def test_names_of_files(location: str, name: str) -> None:
    assert stem(location) == name


def test_xspf_is_the_format_that_it_says() -> None:
    root = ElementTree.fromstring(write_table([track(1, "A & B")], "xspf"))
    assert (root.tag, root.get("version")) == ("{http://xspf.org/ns/0/}playlist", "1")
    (entry,) = root.iter("{http://xspf.org/ns/0/}track")
    assert entry.findtext("{http://xspf.org/ns/0/}title") == "A & B"
    assert entry.findtext("{http://xspf.org/ns/0/}duration") == "61500"
