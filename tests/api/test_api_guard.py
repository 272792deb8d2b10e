"""Who may ask: hosts, origins, keys, and the headers that protect the page."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from api_client import Client, Running, environment, multipart, piece, running, until, wav

from app import create_app
from classifier.api.addresses import caller_of, is_loopback
from classifier.api.server import check_address
from classifier.demo.songs import Song
from classifier.errors import InvalidConfig, InvalidParameter, NotFound
from classifier.records import keys
from classifier.settings import Settings
from classifier.store import open_store

FRIEND = "https://app.example.org"


def test_foreign_hosts_are_refused(client: Client) -> None:
    for host in (
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example:80",
        "",
        "localhost:evil.com",
        "[::1]evil.com",
        "localhost:x@evil.com",
        "x@localhost",
        "localhost:",
        "[::1",
        "localhost:123456",
    ):
        client.get("/api/v1/tracks", Host=host).problem(421, "host_not_allowed")
        client.get("/", Host=host).problem(421, "host_not_allowed")
    for host in ("localhost", "LOCALHOST:1234", "127.0.0.1:99", "[::1]:99"):
        assert client.get("/api/v1/tracks", Host=host).status == 200
    assert client.get("/healthz", Host="10.0.0.7").status == 200  # probes ask by address


def test_foreign_origins_may_not_write(client: Client) -> None:
    for origin in (
        "https://evil.example",
        "null",
        "http://[",
        "http://[::1",
        "//",
        "localhost",
        "",
        f"http://localhost:{client.port}",
        "http://127.0.0.1",
    ):
        for method, path in (("POST", "/api/v1/tags"), ("POST", "/api/v1/tracks"), ("DELETE", "/api/v1/tags/x")):
            answer = client.ask(method, path, b"x", {"Origin": origin, "Content-Type": "audio/wav"})
            answer.problem(403, "origin_not_allowed")
    answer = client.get("/api/v1/tracks", Origin="https://evil.example")
    assert answer.status == 200
    assert not any(name.startswith("access-control") for name in answer.headers)
    own = client.tag_raw(b"x", "audio/wav", Origin=client.url)
    own.problem(415, "audio_unreadable")  # the page's own origin may


def test_protecting_headers(client: Client) -> None:
    for path in ("/", "/api/v1/tracks", "/api/v1/docs", "/problems/busy", "/api/v1/nothing"):
        headers = client.get(path, Accept="text/html").headers
        policy = headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["permissions-policy"].startswith("microphone=(self)")
    assert client.get("/api/v1/tracks").headers["cache-control"] == "private, no-cache"
    assert client.get("/api/v1/tracks/none").headers["cache-control"] == "no-store"


def test_request_ids_and_the_log(client: Client) -> None:
    assert client.get("/api/v1/tags/secret-id", **{"X-Request-ID": "mine-1"}).headers["x-request-id"] == "mine-1"
    odd = client.get("/api/v1/tracks", **{"X-Request-ID": "two words"}).headers["x-request-id"]
    assert odd != "two words"
    until(lambda: any(e.get("request_id") == "mine-1" for e in client.entries()))
    entry = next(e for e in client.entries() if e.get("request_id") == "mine-1")
    assert (entry["method"], entry["route"], entry["status"]) == ("GET", "/api/v1/tags/<tag_id>", 404)
    assert entry["problem"] == "tag_not_found"
    assert entry["ms"] >= 0


def test_neither_bodies_nor_headers_are_logged(client: Client) -> None:
    secrets_ = {"Authorization": "Bearer hush-1", "Idempotency-Key": "hush-2", "X-Other": "hush-3", "Cookie": "hush-4"}
    client.tag(b"hush-5" * 100, file="hush-6.wav", **secrets_)
    client.send("PATCH", "/api/v1/tracks/hush-7?hush-8", {"title": "hush-9"})
    client.get("/api/v1/tracks?search=hush-10", **{"X-Request-ID": "the-last"})
    until(lambda: any("the-last" in line for line in client.log))
    assert not [line for line in client.log if "hush" in line]


# --- with keys, and a friendly origin ---------------------------------------------------------------------------


def earmark(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "classifier", *arguments]
    return subprocess.run(command, env=environment(folder, {}), capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Path]]:
    folder = tmp_path_factory.mktemp("keyed")
    with running(folder, allowed_origins=FRIEND, open_tagging="no") as own:
        yield own, folder


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def test_a_friendly_origin(keyed: tuple[Running, Path]) -> None:
    client = keyed[0].client
    preflight = client.ask(
        "OPTIONS",
        "/api/v1/tags",
        headers={
            "Origin": FRIEND,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "idempotency-key",
        },
    )
    assert preflight.headers["access-control-allow-origin"] == FRIEND
    assert "idempotency-key" in preflight.headers["access-control-allow-headers"].lower()
    posted = client.tag_raw(b"x", "audio/wav", Origin=FRIEND)
    posted.problem(415, "audio_unreadable")
    assert posted.headers["access-control-allow-origin"] == FRIEND
    # What the guide for apps has a client read of an answer; browsers hide all that is not named.
    exposed = set(posted.headers["access-control-expose-headers"].lower().split(", "))
    wanted = {"etag", "location", "retry-after", "content-disposition", "idempotency-replayed", "x-request-id"}
    assert wanted | {"accept-encoding", "allow", "www-authenticate"} == exposed
    stranger = client.ask("OPTIONS", "/api/v1/tags", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in stranger.headers


def test_keys_from_the_command_line(
    keyed: tuple[Running, Path], songs: list[Song], files: list[tuple[str, bytes]]
) -> None:
    client, folder = keyed[0].client, keyed[1]
    admin = earmark(folder, "keys", "create", "me", "--role", "admin").stdout.strip()
    tagger = json.loads(earmark(folder, "keys", "create", "phone", "--json").stdout)["key"]
    listing = earmark(folder, "keys", "list", "--json").stdout
    assert [json.loads(line)["role"] for line in listing.splitlines()] == ["admin", "tag"]
    assert admin not in listing
    assert admin.encode() not in (folder / "earmark.sqlite").read_bytes()

    def refused() -> bool:
        return client.get("/api/v1/tracks").status == 401

    until(refused, 5)  # within a second of the first key
    snippet = wav(piece(songs[0], 3.0, 5.0), songs[0].sample_rate)
    client.tag(snippet).problem(401, "key_missing")
    assert client.tag(snippet).headers["www-authenticate"].startswith("Bearer")
    client.tag(snippet, **bearer("ek_wrong")).problem(401, "key_invalid")
    body, kind = multipart([("file", *files[0])])
    enroll = {"Content-Type": kind}
    client.ask("POST", "/api/v1/tracks", body, {**enroll, **bearer(tagger)}).problem(403, "key_role")
    taken = client.ask("POST", "/api/v1/tracks", body, {**enroll, **bearer(admin)})
    assert taken.status == 202
    client.get(taken.headers["location"], **bearer(tagger)).problem(403, "key_role")
    until(lambda: client.get(taken.headers["location"], **bearer(admin)).json["status"] == "done")
    tag = client.tag(snippet, **bearer(tagger))
    assert tag.json["verdict"] == "identified"
    assert client.get(f"/api/v1/tags/{tag.json['id']}", **bearer(tagger)).status == 200
    assert [t["id"] for t in client.get("/api/v1/tags", **bearer(tagger)).json["tags"]] == [tag.json["id"]]
    others = client.tag(snippet, **bearer(admin)).json["id"]
    client.get(f"/api/v1/tags/{others}", **bearer(tagger)).problem(404, "tag_not_found")
    assert [t["id"] for t in client.get("/api/v1/tags", **bearer(admin)).json["tags"]] == [others, tag.json["id"]]
    assert client.get("/healthz").status == client.get("/readyz").status == client.get("/").status == 200
    assert client.get("/api/v1/openapi.json").status == 200

    assert earmark(folder, "keys", "revoke", tagger[:11]).returncode == 0
    client.tag(snippet, **bearer(tagger)).problem(401, "key_invalid")
    assert all(admin not in line and tagger not in line for line in client.log)


def test_other_machines_only_once_there_is_an_admin_key(tmp_path: Path) -> None:
    refused = earmark(tmp_path, "serve", "--host", "0.0.0.0", "--port", "0")
    assert refused.returncode == 1
    assert "earmark keys create" in refused.stderr
    settings = Settings(data_dir=str(tmp_path), host="0.0.0.0", port=0)
    store = open_store(settings.store)
    keys.create(store, "phone", "tag")
    with pytest.raises(InvalidConfig, match="admin key"):
        check_address(settings)
    keys.create(store, "me", "admin")
    check_address(settings)
    store.close()


def test_addresses_that_cannot_be_served_on() -> None:
    with pytest.raises(InvalidConfig, match=r"cannot serve on 203\.0\.113\.7"):
        check_address(Settings(host="203.0.113.7", port=0))
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(InvalidConfig, match="choose another --port"):
        check_address(Settings(port=taken.getsockname()[1]))


@pytest.mark.parametrize(
    ("address", "own"),
    [("127.0.0.1", True), ("127.1.2.3", True), ("::1", True), ("::ffff:127.0.0.1", True), ("localhost", True),
     ("0.0.0.0", False), ("::", False), ("10.0.0.1", False), ("", False), (None, False), ("evil", False)],
)  # fmt: skip
def test_loopback(address: str | None, own: bool) -> None:
    assert is_loopback(address) is own


def test_without_keys_other_machines_are_refused_by_the_application_too(tmp_path: Path) -> None:
    app = create_app(Settings(data_dir=str(tmp_path), allowed_hosts="localhost"))
    try:
        client = app.test_client()
        answer = client.get("/api/v1/tracks", environ_base={"REMOTE_ADDR": "192.0.2.1"})
        assert (answer.status_code, answer.json["name"]) == (403, "keys_required")
        proxied = client.get("/api/v1/tracks", headers={"X-Forwarded-For": "192.0.2.1"})
        assert proxied.json["name"] == "keys_required"
    finally:
        app.extensions["earmark"].close()


def test_once_there_are_keys_strangers_tag_only_on_loopback(tmp_path: Path) -> None:
    settings = Settings(data_dir=str(tmp_path))
    store = open_store(settings.store)
    keys.create(store, "me", "admin")
    store.close()
    for host, name in (("127.0.0.1", "media_type_unsupported"), ("0.0.0.0", "key_missing")):
        app = create_app(settings.replace(host=host))
        try:
            until(lambda app=app: app.test_client().get("/readyz").status_code == 200, 60)
            assert app.test_client().post("/api/v1/tags").json["name"] == name
            assert app.test_client().delete("/api/v1/tags/x").json["name"] == "key_missing"
        finally:
            app.extensions["earmark"].close()


@pytest.mark.parametrize("origin", ["*", "https://*.example.org", "app.example.org", "https://a/b"])
def test_origins_are_named_one_by_one(origin: str) -> None:
    with pytest.raises(InvalidConfig, match="name each origin"):
        create_app(Settings(allowed_origins=origin))


def test_key_storage(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/s.sqlite")
    assert not keys.exist(store)
    key, secret = keys.create(store, " a ", "tag")
    assert (key.name, key.prefix) == ("a", secret[:11])
    assert keys.verify(store, secret) == key
    assert keys.verify(store, secret + "x") is None
    assert keys.exist(store)
    assert not keys.exist(store, "admin")
    for name, role in (("", "tag"), ("x" * 101, "tag"), ("x", "root")):
        with pytest.raises(InvalidParameter):
            keys.create(store, name, role)
    assert keys.revoke(store, key.id) == key
    with pytest.raises(NotFound):
        keys.revoke(store, key.id)


@pytest.mark.parametrize(
    ("address", "name"),
    [("192.0.2.7", "192.0.2.7"), ("::ffff:192.0.2.7", "192.0.2.7"), ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
     ("2001:db8:1:2:5::6", "2001:db8:1:2::/64"), ("fe80::1%eth0", "fe80::/64"), (None, "None"), ("unix", "unix")],
)  # fmt: skip
def test_who_counts_as_one_caller(address: str | None, name: str) -> None:
    assert caller_of(address) == name
