"""Posting snippets: every format, every form, the answer and its keeping."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from api_client import Client, int16, piece, wav
from data_audio import FORMATS, encode
from scipy.signal import resample_poly

from classifier.demo.phone import record
from classifier.demo.songs import Song
from tests.rare_audio import RARE
from tests.tools import phone_formats

MIME = {"webm": "video/webm", "live": "audio/webm", "m4a": "audio/mp4", "fragmented": "video/mp4", "3gp": "video/3gpp"}


def phone(song: Song, start_s: float = 6.0, seconds: float = 6.0) -> bytes:
    """Return what a phone records of a song, as a wav file."""
    return wav(record(song.samples, song.sample_rate, start_s, seconds, snr_db=8.0, seed=3), song.sample_rate)


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_of_a_phone_is_identified(client: Client, songs: list[Song], kind: str) -> None:
    form = FORMATS[kind]
    samples = resample_poly(piece(songs[0], 5.0, 8.0), form.rate, songs[0].sample_rate)
    recorded = np.repeat(int16(samples), form.channels, axis=1)
    answer = client.tag_raw(encode(recorded, kind), MIME.get(kind, "application/octet-stream"))
    assert answer.status == 200, answer
    first = answer.json["matches"][0]
    assert (answer.json["verdict"], first["title"]) == ("identified", songs[0].title)
    assert first["offset_s"] == pytest.approx(5.0, abs=0.15)


@pytest.mark.parametrize("kind", RARE)
def test_what_phones_write_and_nothing_here_does(client: Client, songs: list[Song], kind: str) -> None:
    rare = RARE[kind]
    samples = resample_poly(piece(songs[0], 5.0, 8.0), rare.rate, songs[0].sample_rate)
    answer = client.tag_raw(rare.make(np.repeat(int16(samples), rare.channels, axis=1)), "audio/mp4")
    first = answer.json["matches"][0]
    assert (answer.json["verdict"], first["title"]) == ("identified", songs[0].title)
    assert first["offset_s"] == pytest.approx(5.0, abs=0.15)
    assert answer.json["duration_s"] == pytest.approx(8.0, abs=0.2)


def test_the_table_of_identified_files_is_current() -> None:
    text = phone_formats.DOCUMENT.read_text("utf-8")
    assert phone_formats.table() in text
    assert phone_formats.current(text) == text


def test_a_noisy_snippet_as_a_form(client: Client, songs: list[Song]) -> None:
    answer = client.tag(phone(songs[1]), "?top=2", file="phone/memo\x07 1.wav")
    assert answer.status == 200
    tag = answer.json
    assert (tag["verdict"], tag["matches"][0]["title"]) == ("identified", songs[1].title)
    assert tag["file"] == "memo 1.wav"
    assert tag["catalogue"] == "default"
    assert len(tag["matches"]) <= 2
    assert tag["duration_s"] == pytest.approx(6.0, abs=0.1)
    parts = ["decode", "queue", "index", "model", "divergence", "align", "decide"]
    assert list(tag["seconds"]) == [*parts, "total"]
    assert sum(tag["seconds"][name] for name in parts) <= tag["seconds"]["total"]
    assert client.get(f"/api/v1/tags/{tag['id']}").json == tag


def test_a_recording_that_was_kept_keeps_its_time(client: Client, songs: list[Song]) -> None:
    tag = client.tag(phone(songs[1]), "?recorded=2026-03-04T21:15:02.5%2B01:00").json
    assert tag["recorded"] == "2026-03-04T20:15:02.500Z"
    assert client.get(f"/api/v1/tags/{tag['id']}").json == tag
    assert client.tag(phone(songs[1])).json["recorded"] is None
    for wrong in ("yesterday", "2026-03-04T21:15:02"):
        client.tag(phone(songs[1]), f"?recorded={wrong}").problem(422, "invalid_parameter")


def test_unknown_music_is_no_match_and_200(client: Client, songs: list[Song]) -> None:
    answer = client.tag(phone(songs[2]))
    assert (answer.status, answer.json["verdict"]) == (200, "no_match")


def test_by_divergence_alone(client: Client, songs: list[Song]) -> None:
    answer = client.tag(wav(piece(songs[0], 4.0, 8.0), songs[0].sample_rate), "?method=kl")
    assert answer.status == 200
    assert answer.json["method"] == "kl"
    assert answer.json["nearest"][0]["title"] == songs[0].title


def test_charts(client: Client, songs: list[Song]) -> None:
    tag = client.tag(phone(songs[0])).json
    charts = client.get(f"/api/v1/tags/{tag['id']}/charts").json
    assert charts["tag_id"] == tag["id"]
    alignment = charts["alignment"]
    assert alignment["track_id"] == tag["matches"][0]["track_id"]
    assert len(alignment["lags_s"]) == len(alignment["agreement"]) > 10
    assert max(alignment["agreement"]) > alignment["threshold"]
    assert charts["nearest"][0]["divergence"] == tag["nearest"][0]["divergence"]


def test_history_newest_first_in_pages(client: Client, songs: list[Song]) -> None:
    snippet = phone(songs[0])
    ids = [client.tag(snippet).json["id"] for _ in range(3)][::-1]
    first = client.get("/api/v1/tags?limit=2").json
    assert [tag["id"] for tag in first["tags"]] == ids[:2]
    assert first["next"]
    second = client.get(f"/api/v1/tags?limit=2&cursor={first['next']}&catalogue=default&verdict=identified").json
    assert second["tags"][0]["id"] == ids[2]
    assert client.get("/api/v1/tags?catalogue=other").json == {"tags": [], "next": None, "facets": {}}


def test_a_deleted_tag_is_gone(client: Client, songs: list[Song]) -> None:
    tag_id = client.tag(phone(songs[0])).json["id"]
    answer = client.delete(f"/api/v1/tags/{tag_id}")
    assert (answer.status, answer.body) == (204, b"")
    for path in (f"/api/v1/tags/{tag_id}", f"/api/v1/tags/{tag_id}/charts"):
        client.get(path).problem(404, "tag_not_found")
    client.delete(f"/api/v1/tags/{tag_id}").problem(404, "tag_not_found")


def test_the_history_is_searched_bounded_and_exported(client: Client, songs: list[Song]) -> None:
    known = client.tag(phone(songs[0]), file="=a tap.wav").json
    other = client.tag(phone(songs[1]), file="b.wav").json
    word = songs[0].title.split()[0].upper()

    def ids(query: str) -> list[str]:
        answer = client.get(f"/api/v1/tags?limit=200&{query}")
        assert answer.status == 200, answer
        return [tag["id"] for tag in answer.json["tags"]]

    assert known["id"] in ids(f"search={word}")
    assert other["id"] not in ids(f"search={word}")
    assert ids("search=tap.wav") == [known["id"]]
    assert ids("search=nobody+called+that") == []
    assert ids(f"since={known['created']}")[:2] == [other["id"], known["id"]]
    assert known["id"] not in ids(f"since={other['created']}")
    assert other["id"] not in ids(f"until={other['created']}")
    assert ids("until=2001-01-01") == []
    assert other["id"] in ids("since=2001-01-01")
    for moment in ("yesterday", "0.5", "1e-5", "1700000000"):
        client.get(f"/api/v1/tags?since={moment}").problem(422, "invalid_parameter")

    both = f"ids={known['id']},{other['id']}"
    exported = client.get(f"/api/v1/tags/export?format=csv&{both}")
    assert exported.headers["content-disposition"] == 'attachment; filename="tags.csv"'
    first, second = csv.DictReader(io.StringIO(exported.body.decode()))
    assert (first["title"], first["verdict"], first["file"]) == (songs[0].title, "identified", "'=a tap.wav")
    assert float(second["offset_s"]) == other["matches"][0]["offset_s"]
    assert client.get(f"/api/v1/tags/export?format=json&{both}").json == {"tags": [known, other]}
    whole = client.get("/api/v1/tags/export?format=json&search=tap.wav").json["tags"]
    assert [tag["id"] for tag in whole] == [known["id"]]
    client.get("/api/v1/tags/export?format=csv&ids=nothing").problem(404, "tag_not_found")
