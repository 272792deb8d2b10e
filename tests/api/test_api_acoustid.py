"""``/v2/lookup``: AcoustID's own client, and every way to ask wrongly."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import acoustid
import numpy as np
import pytest
from api_client import Client

from app import create_app
from classifier.catalogue import Catalogue
from classifier.demo.songs import Song
from classifier.players.acoustid import SHIFT, similarity
from classifier.records import keys
from classifier.settings import Settings

MBID = "8f3471b5-7e6a-48da-86a9-c1c07a0f47ae"


def fingerprint(path: Path) -> tuple[float, str]:
    """Return what a client sends of a file: its length and its fingerprint."""
    if shutil.which("fpcalc") is None:
        pytest.skip("fpcalc is not installed")
    found = json.loads(subprocess.run(["fpcalc", "-json", str(path)], capture_output=True, check=False).stdout)
    return found["duration"], found["fingerprint"]


@pytest.fixture
def asked(
    client: Client, files: list[tuple[str, bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> list[tuple[float, str]]:
    """Return the fingerprints of two enrolled songs and an unknown one, and let the client ask our service."""
    monkeypatch.setattr(acoustid, "API_BASE_URL", client.url + "/v2/")
    monkeypatch.setattr(acoustid, "REQUEST_INTERVAL", 0)
    found = []
    for name, content in files:
        (tmp_path / name).write_bytes(content)
        found.append(fingerprint(tmp_path / name))
    return found


def test_its_own_client_names_the_file(asked: list[tuple[float, str]], client: Client, songs: list[Song]) -> None:
    for (duration, print_), song in zip(asked, songs[:2], strict=False):
        answer = acoustid.lookup("any", print_, duration)
        score, recording, title, _ = next(acoustid.parse_lookup_result(answer))
        assert (title, answer["status"]) == (song.title, "ok")
        assert score > 0.9
        assert client.get(f"/api/v1/tracks/{recording}").json["title"] == song.title
        assert len(answer["results"]) == 1  # the other is as long
    unknown = acoustid.lookup("any", asked[2][1], asked[2][0])
    assert unknown == {"status": "ok", "results": []}


def test_identifiers_and_what_is_asked_for(asked: list[tuple[float, str]], client: Client) -> None:
    def first(meta: str, number: int = 1) -> dict[str, Any]:
        duration, print_ = asked[number]
        query = urlencode({"client": "x", "duration": int(duration), "fingerprint": print_, "meta": meta})
        found: dict[str, Any] = client.get(f"/v2/lookup?{query}").json["results"][0]
        return found

    track = first("recordingids")["recordings"][0]["id"]
    assert "recordings" not in first("")
    before = client.get(f"/api/v1/tracks/{track}").json
    facts = {"recording_mbid": MBID, "acoustid": MBID[::-1].replace("-", "")[:8] + MBID[8:], "artist": "Anna"}
    try:
        assert client.send("PATCH", f"/api/v1/tracks/{track}", facts).status == 200
        found = first("recordings releases")
        assert found["id"] == facts["acoustid"]
        recording = found["recordings"][0]
        assert (recording["id"], recording["artists"]) == (MBID, [{"name": "Anna"}])
    finally:
        undo = {name: before[name] for name in facts}
        assert client.send("PATCH", f"/api/v1/tracks/{track}", undo).status == 200


def test_several_at_once(asked: list[tuple[float, str]], client: Client) -> None:
    values = {"client": "x", "meta": "recordings"}
    for number, (duration, print_) in enumerate(asked):
        values |= {f"duration.{number}": str(duration), f"fingerprint.{number}": print_}
    answer = client.ask("POST", "/v2/lookup", urlencode(values).encode()).json
    assert [len(one["results"]) for one in answer["fingerprints"]] == [1, 1, 0]
    assert [one["index"] for one in answer["fingerprints"]] == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"fingerprint": "AQAAAQ"}, 3),
        ({"fingerprint": None}, 2),
        ({"client": None}, 2),
        ({"duration": "0"}, 8),
        ({"duration": "nan"}, 8),
        ({"duration": "long"}, 8),
        ({"format": "xml"}, 1),
    ],
)
def test_what_is_wrong(client: Client, change: dict[str, str | None], code: int) -> None:
    values = {"client": "x", "duration": "20", "fingerprint": "AQAAAQgA", **change}
    answer = client.get("/v2/lookup?" + urlencode({k: v for k, v in values.items() if v is not None}))
    assert (answer.status, answer.json["status"], answer.json["error"]["code"]) == (400, "error", code), answer


def test_a_body_that_unpacks_to_more_than_is_taken(client: Client) -> None:
    bomb = gzip.compress(b"fingerprint=" + bytes(50_000_000))
    answer = client.ask("POST", "/v2/lookup", bomb, {"Content-Encoding": "gzip"})
    assert (answer.status, answer.json["error"]["code"]) == (413, 1)
    broken = client.ask("POST", "/v2/lookup", b"\x00\x01", {"Content-Encoding": "gzip"})
    assert (broken.status, broken.json["error"]["code"]) == (400, 1)


def test_client_is_the_key_where_there_are_keys(tmp_path: Path) -> None:
    settings = Settings(data_dir=str(tmp_path), host="0.0.0.0")
    with Catalogue.open(settings=settings) as catalogue:
        _, secret = keys.create(catalogue.store, "a client", "tag")
        app = create_app(settings)
        try:
            values = {"duration": "20", "fingerprint": "AQAAAQgA"}
            for client, status, code in (("guess", 401, 4), (secret, 200, None)):
                answer = app.test_client().get("/v2/lookup", query_string={"client": client, **values})
                assert answer.status_code == status, answer.json
                assert answer.json.get("error", {}).get("code") == code
        finally:
            app.extensions["earmark"].close()


def test_scores_are_of_the_best_shift() -> None:
    words = np.random.default_rng(1).integers(0, 2**32, 900, np.uint32)
    assert similarity(words, words) == 1.0
    assert similarity(words[SHIFT:], words) == 1.0
    assert similarity(words, words[SHIFT:]) == 1.0
    assert similarity(words[SHIFT + 1 :], words) < 0.1
    assert similarity(words[:1], words[1:2]) <= 1.0
    flipped = words ^ np.uint32(1)
    assert similarity(words, flipped) == pytest.approx(1 - 2 / 32)
