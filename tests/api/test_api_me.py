"""Who sees what: roles, features, and tags that belong to the key they were made with."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app import create_app
from classifier.api import problems
from classifier.records import keys, tags
from classifier.results import Searched, Tag
from classifier.settings import Settings
from classifier.store import open_store

UNKNOWN = Tag("no_match", "auto", [], [], Searched(0, 0, True), {})


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return settings with a store of the test's own."""
    return Settings(data_dir=str(tmp_path))


@pytest.fixture
def secrets(settings: Settings) -> dict[str, str]:
    """Make three keys, a tag with each of them and one without; return the secrets and the tags' ids."""
    store = open_store(settings.store)
    made = {}
    for name, role in (("anna", "tag"), ("bert", "tag"), ("chief", "admin")):
        key, made[name] = keys.create(store, name, role)
        made[f"{name}s tag"] = tags.save(store, "default", UNKNOWN, key_id=key.id)["id"]
    made["nobodys tag"] = tags.save(store, "default", UNKNOWN)["id"]
    store.close()
    return made


@pytest.fixture
def client(settings: Settings) -> Iterator[FlaskClient]:
    """Return a client of a service in this process."""
    app = create_app(settings)
    yield app.test_client()
    app.extensions["earmark"].close()


def get(client: FlaskClient, path: str, secret: str | None = None) -> tuple[int, dict]:
    answer = client.get(f"/api/v1{path}", headers={"Authorization": f"Bearer {secret}"} if secret else {})
    return answer.status_code, json.loads(answer.data)


def test_while_there_are_no_keys_one_may_do_everything(client: FlaskClient) -> None:
    features = ["identify", "library", "history", "edit"]
    status, me = get(client, "/me")
    limits = me.pop("limits")
    assert (status, me) == (200, {"role": "admin", "key": None, "tags": None, "features": features})
    assert (limits["snippet_bytes"], limits["requests_per_minute"], limits["max_tags"]) == (10_000_000, None, None)


def test_a_key_says_what_it_may_do(client: FlaskClient, secrets: dict[str, str]) -> None:
    tagging = {"role": "tag", "key": "anna", "tags": 1, "features": ["identify", "library", "history"]}
    status, me = get(client, "/me", secrets["anna"])
    limits = me.pop("limits")
    assert (status, me) == (200, tagging)
    assert (limits["requests_per_minute"], limits["max_tags"]) == (600, 10_000)
    assert get(client, "/me", secrets["chief"])[1]["features"] == ["identify", "library", "history", "edit"]
    stranger = get(client, "/me")[1]
    assert stranger.pop("limits")["requests_per_minute"] == 120
    assert stranger == {"role": "tag", "key": None, "tags": None, "features": ["identify", "library"]}
    status, problem = get(client, "/me", "ek_wrong")
    assert (status, problem["name"]) == (401, "key_invalid")


def test_where_tagging_is_not_open_one_may_do_nothing_without_a_key(
    settings: Settings, secrets: dict[str, str]
) -> None:
    app = create_app(settings.replace(open_tagging=False))
    try:
        status, me = get(app.test_client(), "/me")
        assert (status, me["role"], me["key"], me["features"]) == (200, "none", None, [])
        assert get(app.test_client(), f"/tags/{secrets['nobodys tag']}")[0] == 401
    finally:
        app.extensions["earmark"].close()


def test_what_me_promises_is_what_the_service_keeps(client: FlaskClient, secrets: dict[str, str]) -> None:
    """Each feature has a request that is refused for want of a key or a role exactly if the feature is missing."""
    requests = {
        "identify": ("POST", "/tags"),
        "library": ("GET", "/tracks"),
        "history": ("GET", "/tags"),
        "edit": ("DELETE", "/tracks/none"),
    }
    for secret in (None, secrets["anna"], secrets["chief"]):
        features = get(client, "/me", secret)[1]["features"]
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        for feature, (method, path) in requests.items():
            answer = client.open(f"/api/v1{path}", method=method, headers=headers)
            refused = answer.status_code in (401, 403)
            assert refused == (feature not in features), (feature, answer.data)


def test_a_tag_is_its_makers_and_the_administrators(client: FlaskClient, secrets: dict[str, str]) -> None:
    may_read = {
        "anna": ["annas tag"],
        "bert": ["berts tag"],
        "chief": ["nobodys tag", "chiefs tag", "berts tag", "annas tag"],
    }
    every = may_read["chief"]
    for name, readable in may_read.items():
        status, listing = get(client, "/tags", secrets[name])
        assert status == 200
        assert {tag["id"] for tag in listing["tags"]} == {secrets[tag] for tag in readable}
        for tag in every:
            for path in (f"/tags/{secrets[tag]}", f"/tags/{secrets[tag]}/charts"):
                assert get(client, path, secrets[name])[0] == (200 if tag in readable else 404), (name, tag)


def test_without_a_key_tags_made_without_are_read_by_id_and_none_are_listed(
    client: FlaskClient, secrets: dict[str, str]
) -> None:
    status, problem = get(client, "/tags")
    assert (status, problem["name"]) == (401, "key_missing")
    assert get(client, f"/tags/{secrets['nobodys tag']}")[0] == 200
    assert get(client, f"/tags/{secrets['annas tag']}")[0] == 404


def test_pages_of_a_keys_history_hold_its_tags_only(client: FlaskClient, settings: Settings) -> None:
    store = open_store(settings.store)
    key, secret = keys.create(store, "phone", "tag")
    own = []
    for _ in range(5):
        tags.save(store, "default", UNKNOWN)
        own.append(tags.save(store, "default", UNKNOWN, key_id=key.id)["id"])
    store.close()
    seen, cursor = [], ""
    while True:
        page = get(client, f"/tags?limit=2{cursor}", secret)[1]
        seen += [tag["id"] for tag in page["tags"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert seen == sorted(own, reverse=True)


def test_devices_are_listed_with_what_came_of_their_recordings(client: FlaskClient, settings: Settings) -> None:
    store = open_store(settings.store)
    (phone, anna), (_, chief) = keys.create(store, "phones", "tag"), keys.create(store, "chief", "admin")
    known = dataclasses.replace(UNKNOWN, verdict="identified")
    for device, tag, key_id in (
        ("left", UNKNOWN, phone.id), ("Rechts, €", UNKNOWN, phone.id), ("left", known, phone.id),
        ("left", known, None), ("studio", known, None), (None, known, phone.id),
    ):  # fmt: skip
        latest = tags.save(store, "default", tag, key_id=key_id, device=device)["created"]
    store.close()

    def counts(entries: list[dict]) -> dict[str, tuple[int, ...]]:
        verdicts = ("identified", "ambiguous", "no_match")
        return {one["device"]: (one["tags"], *(one["verdicts"][name] for name in verdicts)) for one in entries}

    answer = get(client, "/tags/devices", chief)[1]
    assert counts(answer["devices"]) == {"Rechts, €": (1, 0, 0, 1), "left": (3, 2, 0, 1), "studio": (1, 1, 0, 0)}
    assert answer["devices"][0]["latest"] <= answer["devices"][1]["latest"] <= latest
    # A key sees its own only, a page at a time; without a key there is nothing to list.
    first = get(client, "/tags/devices?limit=1&fields=device", anna)[1]
    assert first["devices"] == [{"device": "Rechts, €"}]
    rest = get(client, f"/tags/devices?cursor={first['next']}", anna)[1]
    assert (counts(rest["devices"]), rest["next"]) == ({"left": (2, 1, 0, 1)}, None)
    assert get(client, "/tags/devices")[0] == 401
    status, problem = get(client, "/tags/devices?cursor=nonsense", anna)
    assert (status, problem["name"]) == (422, "invalid_parameter")


def test_tags_of_older_versions_are_still_read(client: FlaskClient, settings: Settings) -> None:
    """They know neither a key nor how many tracks tie."""
    store = open_store(settings.store)
    tag = tags.save(store, "default", UNKNOWN)
    old = {name: value for name, value in tag.items() if name != "tied"}
    document = next(iter(store.find("tags", {"_id": tag["id"]})))
    del document["key"]
    store.put("tags", {**document, "answer": json.dumps(old)})
    store.close()
    assert get(client, f"/tags/{tag['id']}") == (200, {**tag, "tied": None})


def test_the_document_names_every_error(client: FlaskClient) -> None:
    schema = json.loads(client.get("/api/v1/openapi.json").data)["components"]["schemas"]["Problem"]
    assert schema["properties"]["name"]["enum"] == sorted(problems.known())
