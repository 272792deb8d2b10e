"""Recordings: kept only if the sender asks and the service allows it, and then for a while."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from api_client import piece, wav
from flask.testing import FlaskClient

from app import create_app
from classifier.demo.songs import Song
from classifier.records import keys, recordings, tags
from classifier.records.clock import iso
from classifier.results import Searched, Tag
from classifier.settings import Settings
from classifier.store import Store, open_store

UNKNOWN = Tag("no_match", "auto", [], [], Searched(0, 0, True), {})


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=str(tmp_path), keep_days=2.0)


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    store = open_store(settings.store)
    yield store
    store.close()


@pytest.fixture
def client(settings: Settings) -> Iterator[FlaskClient]:
    app = create_app(settings)
    app.extensions["earmark"].start()
    assert app.extensions["earmark"].opened.wait(60)
    yield app.test_client()
    app.extensions["earmark"].close()


@pytest.fixture
def snippet(songs: list[Song]) -> bytes:
    return wav(piece(songs[0], 3.0, 3.0), songs[0].sample_rate)


def post(client: FlaskClient, snippet: bytes, query: str = "", **headers: str):
    return client.post(f"/api/v1/tags{query}", data=snippet, content_type="audio/wav", headers=headers)


def test_only_what_was_asked_for_is_kept(client: FlaskClient, store: Store, snippet: bytes) -> None:
    plain, kept = (post(client, snippet, query).json["id"] for query in ("", "?keep=true"))
    assert [found["_id"] for found in store.find("recordings")] == [kept]
    answer = client.get(f"/api/v1/tags/{kept}/recording")
    assert (answer.data, answer.content_type) == (snippet, "application/octet-stream")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert client.get(f"/api/v1/tags/{plain}/recording").json["name"] == "recording_not_found"
    assert client.get("/api/v1/tags/none/recording").json["name"] == "tag_not_found"
    assert client.delete(f"/api/v1/tags/{kept}").status_code == 204
    assert store.count("recordings") == 0


def test_where_it_is_not_allowed_asking_is_refused(settings: Settings, snippet: bytes) -> None:
    app = create_app(settings.replace(keep_days=0.0))
    app.extensions["earmark"].start()
    try:
        assert app.extensions["earmark"].opened.wait(60)
        answer = post(app.test_client(), snippet, "?keep=true")
        assert (answer.status_code, answer.json["name"]) == (422, "invalid_parameter")
        assert "keeps no recordings" in answer.json["detail"]
        assert app.test_client().get("/api/v1/me").json["limits"]["keep_days"] == 0
    finally:
        app.extensions["earmark"].close()


def test_another_keys_recording_is_not_there(client: FlaskClient, store: Store, snippet: bytes) -> None:
    secrets = [keys.create(store, name, "tag")[1] for name in ("anna", "bert")]
    anna, bert = ({"Authorization": f"Bearer {secret}"} for secret in secrets)
    tag = post(client, snippet, "?keep=true", **anna).json["id"]
    assert client.get(f"/api/v1/tags/{tag}/recording", headers=anna).data == snippet
    assert client.get(f"/api/v1/tags/{tag}/recording", headers=bert).json["name"] == "tag_not_found"


def test_they_expire_and_are_swept(client: FlaskClient, store: Store, snippet: bytes) -> None:
    tag = post(client, snippet, "?keep=true").json["id"]
    recordings.clean(store)
    assert store.count("recordings") == 1
    store.update("recordings", {"_id": tag}, set={"expires": iso(1.7e9)})
    assert client.get(f"/api/v1/tags/{tag}/recording").json["name"] == "recording_not_found"
    recordings.clean(store)
    assert store.count("recordings") == 0
    assert client.get(f"/api/v1/tags/{tag}").status_code == 200


def test_old_tags_take_theirs_along(store: Store) -> None:
    tag = tags.save(store, "default", UNKNOWN)["id"]
    recordings.keep(store, tag, b"sound", key_id=None, days=9.0)
    store.update("tags", {"_id": tag}, set={"created": iso(1.7e9)})
    assert tags.clean(store, iso(1.8e9)) == 1
    assert store.count("recordings") == 0


def test_a_caller_has_no_more_than_some(client: FlaskClient, store: Store, snippet: bytes) -> None:
    own = {"key": None, "expires": iso(4e9), "data": b"sound"}
    store.insert("recordings", [{**own, "_id": f"{n}"} for n in range(recordings.MAX_KEPT)])
    answer = post(client, snippet, "?keep=true")
    assert (answer.status_code, answer.json["name"]) == (403, "quota_reached")
    assert post(client, snippet).status_code == 200
