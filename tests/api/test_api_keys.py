"""Keys and webhooks over HTTP: made, listed and ended by administrators; what each key may ask for and keep."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from api_client import piece, wav
from flask.testing import FlaskClient

from app import create_app
from classifier.api import limits
from classifier.demo.songs import Song
from classifier.records import keys, tags
from classifier.records.clock import iso
from classifier.results import Searched, Tag
from classifier.settings import Settings
from classifier.store import Store, open_store
from tests.waiting import until
from tests.work.test_calling import answer, receiving

UNKNOWN = Tag("no_match", "auto", [], [], Searched(0, 0, True), {})


class Asker:
    """Asks a service in this process, as the holder of a key if one is set."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client
        self.secret = ""

    def __call__(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.secret}"} if self.secret else {}
        answer = self.client.open(f"/api/v1{path}", method=method, json=body, headers=headers, **more)
        self.retry_after = answer.headers.get("Retry-After")
        return answer.status_code, json.loads(answer.data) if answer.data else None


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=str(tmp_path), key_requests_per_minute=30, address_requests_per_minute=5)


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    store = open_store(settings.store)
    yield store
    store.close()


@pytest.fixture
def ask(settings: Settings) -> Iterator[Asker]:
    app = create_app(settings)
    app.extensions["earmark"].start()
    assert app.extensions["earmark"].opened.wait(60)
    yield Asker(app.test_client())
    app.extensions["earmark"].close()


@pytest.fixture
def chief(store: Store) -> str:
    """Return the secret of an administrator's key, made before the service starts."""
    return keys.create(store, "chief", "admin")[1]


def test_from_the_first_key_to_its_end(ask: Asker, store: Store) -> None:
    status, problem = ask("POST", "/keys", {"name": "phone"})
    assert (status, problem["name"]) == (422, "invalid_parameter")
    assert "role 'admin'" in problem["detail"]
    status, chief = ask("POST", "/keys", {"name": "chief", "role": "admin"})
    assert status == 201
    assert keys.verify(store, chief["key"]).id == chief["id"]

    ask.secret = chief["key"]
    own = {"name": "Anna's phone", "requests_per_minute": 7, "max_tags": 2}
    status, made = ask("POST", "/keys", own)
    assert status == 201
    assert own.items() <= made.items()
    assert made["role"] == "tag"
    assert made["key"].startswith(made["prefix"])

    status, listing = ask("GET", "/keys")
    assert [key["name"] for key in listing["keys"]] == ["chief", "Anna's phone"]
    assert all("key" not in key for key in listing["keys"])
    assert chief["key"] not in json.dumps(listing)

    ask.secret = made["key"]
    status, me = ask("GET", "/me")
    assert (me["key"], me["role"], me["tags"]) == ("Anna's phone", "tag", 0)
    assert (me["limits"]["requests_per_minute"], me["limits"]["max_tags"]) == (7, 2)
    for method, path in (("GET", "/keys"), ("POST", "/keys"), ("DELETE", f"/keys/{made['id']}")):
        status, problem = ask(method, path, {"name": "x"} if method == "POST" else None)
        assert (status, problem["name"]) == (403, "key_role"), path

    ask.secret = chief["key"]
    assert ask("DELETE", f"/keys/{made['id']}") == (204, None)
    assert ask("DELETE", f"/keys/{made['id']}")[1]["name"] == "key_not_found"
    status, problem = ask("DELETE", f"/keys/{chief['id']}")
    assert (status, problem["name"]) == (409, "last_admin_key")
    ask.secret = made["key"]
    assert ask("GET", "/me")[1]["name"] == "key_invalid"


@pytest.mark.parametrize(
    "body",
    [{}, {"name": ""}, {"name": "x" * 101}, {"name": "x", "role": "root"}, {"name": "x", "requests_per_minute": 0},
     {"name": "x", "max_tags": -1}, {"name": "x", "max_tag": 1}],
)  # fmt: skip
def test_keys_that_are_not_made(ask: Asker, chief: str, store: Store, body: dict[str, Any]) -> None:
    ask.secret = chief
    status, problem = ask("POST", "/keys", body)
    assert (status, problem["name"]) == (422, "invalid_parameter")
    assert len(keys.listed(store)) == 1


def test_the_last_use_is_noted_to_the_minute(store: Store) -> None:
    key, secret = keys.create(store, "phone", "tag")
    assert key.last_used is None
    keys.use(store, key)
    noted = keys.verify(store, secret)
    assert noted.last_used > noted.created[:10]
    keys.use(store, noted)
    assert keys.verify(store, secret) == noted  # the second within a minute writes nothing
    store.update("keys", {"_id": key.id}, set={"last_used": iso(1.8e9 - 1e6)})
    keys.use(store, keys.verify(store, secret))
    assert keys.verify(store, secret).last_used >= noted.last_used


def test_keys_of_older_stores_have_no_limits_of_their_own(store: Store) -> None:
    key, secret = keys.create(store, "phone", "tag")
    document = store.get("keys", key.id)
    for name in ("last_used", "requests_per_minute", "max_tags"):
        del document[name]
    store.put("keys", document)
    assert keys.verify(store, secret) == key


def test_two_processes_share_a_limit(settings: Settings, store: Store, chief: str) -> None:
    """Two services on one store answer as many requests as one; each caller has its own."""
    _key, secret = keys.create(store, "phone", "tag", requests_per_minute=12)
    apps = [create_app(settings) for _ in range(2)]
    try:
        first, second = (Asker(app.test_client()) for app in apps)
        first.secret = second.secret = secret
        answers = [ask("GET", "/me")[0] for _ in range(7) for ask in (first, second)]
        assert answers == [200] * 12 + [429] * 2
        _status, problem = first("GET", "/me")
        assert problem["name"] == "rate_limited"
        assert 1 <= int(first.retry_after) <= 5  # one comes back each five seconds
        first.secret = chief  # an administrator is not counted
        assert {first("GET", "/keys")[0] for _ in range(40)} == {200}
        first.secret = ""
        assert [first("GET", "/me")[0] for _ in range(6)] == [200] * 5 + [429]  # the address's own bucket
        first.secret = "ek_guess"
        assert first("GET", "/me")[0] == 429  # guesses of keys come out of it too
        assert second("GET", "/me")[0] == 429
    finally:
        for app in apps:
            app.extensions["earmark"].close()


def test_a_process_takes_a_seconds_worth_at_a_time(store: Store) -> None:
    """At 600 a minute: ten from the store, nine of which cost no write."""
    limiter = limits.Limiter()
    writes = []
    for _ in range(25):
        limiter.take(store, "key:x", 600)
        writes.append(store.get("allowances", "key:x")["full"])
    assert len(set(writes)) == 3


def test_behind_a_proxy_each_address_has_a_bucket_only_if_the_proxy_is_trusted(
    settings: Settings, store: Store, chief: str
) -> None:
    for proxies, answered in ((0, 5), (1, 9)):
        for bucket in store.find("allowances"):
            store.delete("allowances", {"_id": bucket["_id"]})
        app = create_app(settings.replace(trusted_proxies=proxies))
        try:
            ask = Asker(app.test_client())
            # The first name in the header is the client's own invention.
            forwarded = [{"X-Forwarded-For": f"198.51.100.1, 192.0.2.{n % 3}"} for n in range(9)]
            answers = [app.test_client().get("/api/v1/me", headers=headers).status_code for headers in forwarded]
            assert answers.count(200) == answered
            assert ask("GET", "/me")[0] == (429 if answered == 5 else 200)
        finally:
            app.extensions["earmark"].close()


def test_a_key_keeps_no_more_tags_than_it_may(ask: Asker, store: Store, chief: str, songs: list[Song]) -> None:
    key, ask.secret = keys.create(store, "phone", "tag", max_tags=2)
    kept = [tags.save(store, "default", UNKNOWN, key_id=key.id)["id"] for _ in range(2)]
    snippet = wav(piece(songs[0], 3.0, 3.0), songs[0].sample_rate)
    post = {"data": snippet, "content_type": "audio/wav"}
    for path in ("/tags", "/listens"):
        status, problem = ask("POST", path, **post)
        assert (status, problem["name"]) == (403, "quota_reached"), path
    assert ask("DELETE", f"/tags/{kept[0]}") == (204, None)
    assert ask("POST", "/tags?device=kitchen", **post)[0] == 200
    assert ask("GET", "/me")[1]["tags"] == 2
    status, listing = ask("GET", "/tags?device=kitchen")
    assert [tag["device"] for tag in listing["tags"]] == ["kitchen"]


def test_a_key_deletes_its_own_tags_and_nobody_elses(ask: Asker, store: Store, chief: str) -> None:
    anna, bert = (keys.create(store, name, "tag") for name in ("anna", "bert"))
    own, others, nobodys = (
        tags.save(store, "default", UNKNOWN, key_id=key_id)["id"] for key_id in (anna[0].id, bert[0].id, None)
    )
    ask.secret = anna[1]
    for tag in (others, nobodys):
        assert ask("DELETE", f"/tags/{tag}")[1]["name"] == "tag_not_found"
        assert tags.get(store, tag)["id"] == tag
    assert ask("DELETE", f"/tags/{own}") == (204, None)
    ask.secret = ""
    assert ask("DELETE", f"/tags/{nobodys}")[1]["name"] == "key_missing"
    ask.secret = chief
    assert ask("DELETE", f"/tags/{others}") == (204, None)


def test_old_tags_are_swept(store: Store) -> None:
    old = {"catalogue": "default", "verdict": "no_match", "key": None, "data": b"charts"}
    store.insert("tags", [{**old, "_id": f"{n:04d}", "created": iso(1.7e9 + n)} for n in range(1200)])
    for _ in range(3):
        tags.save(store, "default", UNKNOWN)
    assert tags.clean(store, iso(1.7e9 + 1199)) == 1199
    assert tags.count(store, tags.ANYONE) == 4


def test_webhooks_from_their_making_to_their_end(settings: Settings, store: Store, songs: list[Song]) -> None:
    app = create_app(settings.replace(webhooks_private=True))
    app.extensions["earmark"].start()
    assert app.extensions["earmark"].opened.wait(60)
    try:
        ask = Asker(app.test_client())
        with receiving(answer(204)) as receiver:
            url = f"http://127.0.0.1:{receiver.server_port}/hook"
            status, made = ask("POST", "/webhooks", {"url": url, "events": ["tag.created"]})
            assert status == 201
            assert made["secret"].startswith("whsec_")
            status, tested = ask("POST", f"/webhooks/{made['id']}/test")
            assert (tested["delivered"], tested["status"], tested["answer"]) == (True, 204, "204 No Content")
            snippet = wav(piece(songs[0], 3.0, 3.0), songs[0].sample_rate)
            tag = ask("POST", "/tags", data=snippet, content_type="audio/wav")[1]
            until(lambda: len(receiver.got) == 2)
            ping, told = (json.loads(body) for _, _, body in receiver.got)
            assert (ping["type"], told["type"], told["data"]["id"]) == ("ping", "tag.created", tag["id"])
        status, listing = ask("GET", "/webhooks")
        assert [hook["url"] for hook in listing["webhooks"]] == [url]
        assert made["secret"] not in json.dumps(listing)
        assert ask("POST", f"/webhooks/{made['id']}/test")[1]["delivered"] is False  # nobody is there any more
        assert ask("DELETE", f"/webhooks/{made['id']}") == (204, None)
        assert ask("DELETE", f"/webhooks/{made['id']}")[1]["name"] == "webhook_not_found"
        for body in ({}, {"url": "ftp://x"}, {"url": url, "events": ["tag"]}, {"url": url, "event": []}):
            assert ask("POST", "/webhooks", body)[1]["name"] == "invalid_parameter"
    finally:
        app.extensions["earmark"].close()


def test_webhooks_are_the_administrators(ask: Asker, store: Store, chief: str) -> None:
    ask.secret = keys.create(store, "phone", "tag")[1]
    for method, path in (("GET", ""), ("POST", ""), ("DELETE", "/x"), ("POST", "/x/test")):
        body = {"url": "https://example.org/"} if (method, path) == ("POST", "") else None
        assert ask(method, f"/webhooks{path}", body)[1]["name"] == "key_role"
    ask.secret = chief
    for url in ("https://127.0.0.1/", "http://example.org/", "https://10.1.2.3/"):
        assert ask("POST", "/webhooks", {"url": url})[1]["name"] == "invalid_parameter"
