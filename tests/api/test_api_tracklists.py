"""Tracklists over HTTP: from an upload to exports, followed, corrected, taken over, guarded."""

from __future__ import annotations

import csv
import http.client
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import webvtt
from api_client import Client, Running, multipart, running, until, wav
from test_api_jobs import data_dir

from classifier.demo.songs import Song
from classifier.records import monitors
from classifier.store import open_store
from tests.library import WEIGHTS

JOBS = re.compile(r"/api/v1/jobs/[0-9a-f]+")


@pytest.fixture(scope="module")
def mix(songs: list[Song]) -> bytes:
    """Return the first song, an unknown one, and the second song, 18 s each, as a file."""
    rate = songs[0].sample_rate
    parts = [songs[number].samples[2 * rate : 20 * rate] for number in (0, 2, 1)]
    return wav(np.concatenate(parts), rate)


def post(client: Client, content: bytes, name: str = "mix.wav", query: str = "", **headers: str) -> Any:
    body, kind = multipart([("file", name, content)])
    return client.ask("POST", f"/api/v1/tracklists{query}", body, {"Content-Type": kind, **headers})


def listed(client: Client, content: bytes, name: str = "mix.wav") -> dict[str, Any]:
    """Post a recording, and return its tracklist once it is done."""
    answer = post(client, content, name)
    assert answer.status == 202, answer
    assert JOBS.fullmatch(answer.headers["location"])
    job = client.finished(answer.headers["location"])
    assert job["error"] is None
    assert (job["kind"], job["done"], job["total"], job["files"]) == ("tracklist", job["total"], job["total"], [])
    return client.get(f"/api/v1/tracklists/{job['tracklist']}").json


def of_tracks(tracklist: dict[str, Any]) -> list[str]:
    return [s["title"] for s in tracklist["segments"] if s["kind"] == "track"]


@pytest.fixture(scope="module")
def tracklist(service: Running, mix: bytes) -> dict[str, Any]:
    return listed(service.client, mix)


def read_events(text: str) -> list[tuple[str, Any]]:
    blocks = [block.splitlines() for block in text.split("\n\n") if block.startswith("event")]
    fields = [dict(line.split(": ", 1) for line in block) for block in blocks]
    return [(each["event"], json.loads(each["data"])) for each in fields]


# --- from upload to export ----------------------------------------------------------------------------------


def test_a_recording_is_listed(tracklist: dict[str, Any], songs: list[Song], client: Client) -> None:
    assert (tracklist["status"], tracklist["file"], tracklist["catalogue"]) == ("done", "mix.wav", "default")
    assert round(tracklist["duration_s"]) == 54
    assert of_tracks(tracklist) == [songs[0].title, songs[1].title]
    first = next(s for s in tracklist["segments"] if s["kind"] == "track")
    assert abs(first["start_s"]) < 2
    assert first["offset_s"] == pytest.approx(2.0 + first["start_s"], abs=0.5)
    assert first["by_hand"] is False
    page = client.get("/api/v1/tracklists?limit=200").json
    entry = next(each for each in page["tracklists"] if each["id"] == tracklist["id"])
    assert entry == {name: value for name, value in tracklist.items() if name != "segments"}
    assert client.get("/api/v1/tracklists?monitor=nobody").json["tracklists"] == []
    later = client.get(f"/api/v1/tracklists/{tracklist['id']}?from_s=30&limit=1").json["segments"]
    assert len(later) == 1
    assert later[0]["start_s"] >= 30


def test_segments_say_what_they_sound_like(tmp_path: Path, mix: bytes) -> None:
    """As with tracks, by task; what no model names is refused at once."""
    if not (WEIGHTS / "musicnn-msd" / "manifest.json").exists():
        pytest.skip("the tagging network is not on this machine: run 'earmark models get musicnn-msd'")
    with running(tmp_path, weights_dir=WEIGHTS) as service:
        client = service.client
        job = client.finished(post(client, mix, query="?include=tags,mood").headers["location"])
        kept = client.get(f"/api/v1/tracklists/{job['tracklist']}").json
        assert kept["remarks"] == []
        music = [segment for segment in kept["segments"] if segment["kind"] in ("track", "unknown")]
        assert music
        assert all(set(segment["labels"]) == {"tags", "mood"} for segment in music)
        post(client, mix, query="?include=taste").problem(404, "model_not_found")


def test_exports(tracklist: dict[str, Any], songs: list[Song], client: Client) -> None:
    track_id = next(s["track_id"] for s in tracklist["segments"] if s["kind"] == "track")
    mbid = "8f3471b5-7e6a-48da-86a9-c1c07a0f47ae"
    assert client.send("PATCH", f"/api/v1/tracks/{track_id}", {"recording_mbid": mbid}).status == 200
    texts = {}
    for form, media, ending in (
        ("cue", "application/x-cue", "cue"),
        ("audacity", "text/plain", "txt"),
        ("csv", "text/csv", "csv"),
        ("jspf", "application/jspf+json", "jspf"),
        ("webvtt", "text/vtt", "vtt"),
        ("json", "application/json", "json"),
    ):
        answer = client.get(f"/api/v1/tracklists/{tracklist['id']}/export?format={form}")
        assert (answer.status, answer.headers["content-type"]) == (200, f"{media}; charset=utf-8")
        assert answer.headers["content-disposition"] == f"attachment; filename*=UTF-8''mix.{ending}"
        texts[form] = answer.body.decode()
    assert all(songs[0].title in text for text in texts.values())
    assert webvtt.from_string(texts["webvtt"])[0].raw_text.endswith(songs[0].title)
    assert len(list(csv.DictReader(io.StringIO(texts["csv"], newline="")))) == len(tracklist["segments"])
    assert json.loads(texts["json"])["segments"] == tracklist["segments"]
    playlist = json.loads(texts["jspf"])["playlist"]["track"]
    assert playlist[0]["identifier"] == [f"https://musicbrainz.org/recording/{mbid}"]
    assert client.send("PATCH", f"/api/v1/tracks/{track_id}", {"recording_mbid": None}).status == 200
    client.get(f"/api/v1/tracklists/{tracklist['id']}/export?format=xls").problem(422, "invalid_parameter")
    client.get(f"/api/v1/tracklists/{tracklist['id']}/export").problem(422, "invalid_parameter")


def test_a_name_of_a_file_does_nothing_in_a_header(client: Client, mix: bytes) -> None:
    made = listed(client, mix, 'é"; filename=x.exe.wav')
    answer = client.get(f"/api/v1/tracklists/{made['id']}/export?format=csv")
    name = answer.headers["content-disposition"].removeprefix("attachment; filename*=UTF-8''")
    assert re.fullmatch(r"[\w.%-]+\.csv", name, re.ASCII)
    client.delete(f"/api/v1/tracklists/{made['id']}")


# --- following ----------------------------------------------------------------------------------------------


def test_events_follow_a_tracklist_to_its_end(client: Client, mix: bytes, songs: list[Song]) -> None:
    job = post(client, mix).json
    connection = http.client.HTTPConnection(client.host, client.port, timeout=60)
    connection.request("GET", f"/api/v1/tracklists/{job['tracklist']}/events")
    response = connection.getresponse()
    assert response.headers["Content-Type"].startswith("text/event-stream")
    events = read_events(response.read().decode())  # ends by itself
    connection.close()
    assert events[-1][0] == "done"
    assert {name for name, _ in events} <= {"segment", "progress", "done"}
    kept = client.get(f"/api/v1/tracklists/{job['tracklist']}").json
    told = {value["segment"]["id"]: value for name, value in events if name == "segment"}
    assert {name: value["segment"] for name, value in told.items() if value["event"] != "withdrawn"} == {
        segment["id"]: segment for segment in kept["segments"]
    }
    assert events[-1][1] == {name: value for name, value in kept.items() if name != "segments"}
    client.delete(f"/api/v1/tracklists/{job['tracklist']}")


# --- corrections --------------------------------------------------------------------------------------------


def test_a_correction_is_kept_and_found_again_in_the_next_run(client: Client, mix: bytes, songs: list[Song]) -> None:
    first = listed(client, mix)
    segment = next(s for s in first["segments"] if s["title"] == songs[1].title)
    path = f"/api/v1/tracklists/{first['id']}/segments/{segment['id']}"
    answer = client.send("PATCH", path, {"title": " My own\nedit ", "artist": "Me"})
    assert answer.status == 200, answer
    assert answer.json == {
        **segment,
        **{"title": "My own edit", "artist": "Me", "track_id": None, "source": None, "offset_s": None, "speed": None},
        **{"by_hand": True, "confidence": 1.0},
    }
    kept = client.get(f"/api/v1/tracklists/{first['id']}").json
    assert kept["corrected"] == 1
    assert answer.json in kept["segments"]
    again = listed(client, mix, "the same under another name.wav")
    assert [s["title"] for s in again["segments"] if s["by_hand"]] == ["My own edit"]
    assert of_tracks(again) == [songs[0].title, "My own edit"]
    undone = client.send("PATCH", path, {"by_hand": False}).json
    assert undone == segment
    for made in (first, again):
        assert client.delete(f"/api/v1/tracklists/{made['id']}").status == 204
        client.get(f"/api/v1/tracklists/{made['id']}").problem(404, "tracklist_not_found")
        client.delete(f"/api/v1/tracklists/{made['id']}").problem(404, "tracklist_not_found")


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "nonsense"},
        {"by_hand": True},
        {"confidence": 1},
        {"start_s": -1},
        {"end_s": 1e9},
        {"isrc": "x"},
        {"title": "x" * 501},
    ],
)
def test_wrong_corrections(client: Client, tracklist: dict[str, Any], body: dict[str, Any]) -> None:
    path = f"/api/v1/tracklists/{tracklist['id']}/segments/{tracklist['segments'][0]['id']}"
    client.send("PATCH", path, body).problem(422, "invalid_parameter")
    client.send("PATCH", path, {"track_id": "none"}).problem(404, "track_not_found")
    client.send("PATCH", f"{path}9", {"title": "x"}).problem(404, "tracklist_not_found")


# --- bad uploads --------------------------------------------------------------------------------------------


def test_what_is_no_recording_fails_with_its_reason(client: Client) -> None:
    answer = post(client, b"no sound at all" * 100, "notes.txt")
    job = client.finished(answer.headers["location"])
    assert (job["status"], job["error"]["name"]) == ("done", "audio_unreadable")
    failed = client.get(f"/api/v1/tracklists/{job['tracklist']}").json
    assert (failed["status"], failed["error"], failed["segments"]) == ("failed", job["error"], [])
    client.delete(f"/api/v1/tracklists/{job['tracklist']}")


def test_refusals_leave_nothing(service: Running, client: Client, mix: bytes) -> None:
    before = len(client.get("/api/v1/tracklists?limit=200").json["tracklists"])
    post(client, mix, query="?catalogue=none").problem(404, "catalogue_not_found")
    post(client, mix, query="?store=x").problem(422, "invalid_parameter")
    body, kind = multipart([("file", "a", b"x"), ("file", "b", b"y")])
    answer = client.ask("POST", "/api/v1/tracklists", body, {"Content-Type": kind})
    assert "more than 1 file in one request" in answer.problem(400, "bad_request")["detail"]
    client.ask("POST", "/api/v1/tracklists", b"x", {"Content-Type": "audio/wav"}).problem(415, "media_type_unsupported")
    body, kind = multipart([("file", "a", b"x"), ("address", None, b"http://127.0.0.1/")])
    client.ask("POST", "/api/v1/tracklists", body, {"Content-Type": kind}).problem(422, "invalid_parameter")
    assert len(client.get("/api/v1/tracklists?limit=200").json["tracklists"]) == before
    assert list(Path(data_dir(service), "spool").iterdir()) == []


def test_limits_are_those_of_the_settings(tmp_path: Path, mix: bytes) -> None:
    with running(tmp_path, recording_bytes=len(mix), recording_seconds=20) as own:
        job = own.client.finished(post(own.client, mix).headers["location"])
        assert job["error"]["name"] == "audio_too_long"
        assert "recording_seconds" in job["error"]["message"]
        post(own.client, mix + b"\0").problem(413, "audio_too_large")


# --- who may ------------------------------------------------------------------------------------------------


def test_roles(tmp_path: Path, mix: bytes) -> None:
    from classifier.records import keys

    with running(tmp_path) as own:
        store = open_store(f"sqlite:///{tmp_path}/earmark.sqlite")
        admin, tag = (keys.create(store, f"{role} key", role)[1] for role in ("admin", "tag"))
        store.close()
        until(lambda: own.client.get("/api/v1/tracklists").status == 401, 30)
        as_admin, as_tag = ({"Authorization": f"Bearer {key}"} for key in (admin, tag))
        answer = post(own.client, mix, **as_admin)
        assert answer.status == 202
        made = answer.json["tracklist"]
        post(own.client, mix, **as_tag).problem(403, "key_role")
        post(own.client, mix).problem(401, "key_missing")
        one = f"/api/v1/tracklists/{made}"
        for path in ("/api/v1/tracklists", one, f"{one}/export?format=csv", "/api/v1/monitors"):
            assert own.client.get(path, **as_tag).status == 200, path
            own.client.get(path).problem(401, "key_missing")
        own.client.get(f"{one}/events").problem(401, "key_missing")
        own.client.get("/api/v1/monitors/x/events").problem(401, "key_missing")
        for method, path in (("DELETE", one), ("PATCH", f"{one}/segments/1")):
            body = b'{"title": "x"}' if method == "PATCH" else None
            headers = {"Content-Type": "application/json", **as_tag}
            own.client.ask(method, path, body, headers).problem(403, "key_role")


# --- monitors -----------------------------------------------------------------------------------------------


def test_a_monitor_is_followed_across_its_runs(service: Running, songs: list[Song]) -> None:
    client = service.client
    client.get("/api/v1/monitors/bar").problem(404, "monitor_not_found")
    client.get("/api/v1/monitors/bar/events").problem(404, "monitor_not_found")
    store = open_store(f"sqlite:///{data_dir(service)}/earmark.sqlite")
    monitor = monitors.begin(store, "bar", catalogue="default", source="http://h/radio")
    connection = http.client.HTTPConnection(client.host, client.port, timeout=60)
    connection.request("GET", "/api/v1/monitors/bar/events")
    response = connection.getresponse()

    def event() -> tuple[str, Any]:
        block = []
        while (line := response.readline().decode().rstrip("\n")) or not block:
            block += [line] if line else []
        if not block[0].startswith("event"):
            return event()
        return block[0].partition(": ")[2], json.loads(block[2].partition(": ")[2])

    name, shown = event()
    assert (name, shown["id"], shown["running"], shown["playing"]) == ("monitor", "bar", True, [])
    assert event()[0] == "progress"
    segment = {
        **{"id": "1", "start_s": 1.0, "end_s": 4.0, "start_uncertainty_s": 0.1, "end_uncertainty_s": 0.1},
        **{"kind": "track", "track_id": "t", "title": songs[0].title, "artist": None, "album": None, "isrc": None},
        **{"source": "s", "offset_s": 0.0, "speed": 1.0, "confidence": 1.0, "state": "confirmed", "by_hand": False},
        "labels": {},
    }
    told = {"event": "confirmed", "at_s": 4.0, "segment": segment}
    monitor.writer.take(told, 4.0)
    assert event() == ("segment", told)
    name, progress = event()
    assert (name, progress["duration_s"], progress["monitor"]) == ("progress", 4.0, "bar")
    (listed_one,) = client.get("/api/v1/monitors").json["monitors"]
    assert listed_one == client.get("/api/v1/monitors/bar").json
    assert listed_one["playing"] == [segment]
    monitor.writer.take({"event": "withdrawn", "at_s": 5.0, "segment": segment}, 5.0)
    assert event()[1]["event"] == "withdrawn"
    assert event()[0] == "progress"
    monitor.end()
    seen = [event() for _ in range(2)]
    assert {name for name, _ in seen} == {"monitor", "progress"}
    again = monitors.begin(store, "bar", catalogue="default", source="http://h/other")
    name, shown = event()
    assert (name, shown["source"], shown["tracklist"]) == ("monitor", "http://h/other", again.writer.id)
    connection.close()
    again.end()
    for made in client.get("/api/v1/tracklists?monitor=bar").json["tracklists"]:
        client.delete(f"/api/v1/tracklists/{made['id']}")
    assert client.get("/api/v1/monitors").json == {"monitors": [], "next": None}
    store.close()
