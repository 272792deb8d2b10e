"""The server: several processes, the page, the documents, starting and stopping."""

from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from api_client import (
    ROOT,
    Answer,
    Client,
    Running,
    descendants,
    environment,
    multipart,
    piece,
    running,
    until,
    wav,
)

from app import create_app
from classifier.api import page
from classifier.api.service import Service
from classifier.demo.songs import Song, compose
from classifier.settings import Settings


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Run two processes from gunicorn.conf.py."""
    os.environ["WEB_CONCURRENCY"] = "2"
    try:
        command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py"]
        settings = {"port": free_port(), "lease_seconds": 2}
        with running(tmp_path_factory.mktemp("two"), command=command, **settings) as own:
            yield own
    finally:
        del os.environ["WEB_CONCURRENCY"]


def workers(own: Running) -> list[int]:
    """Return the ids of the worker processes: the arbiter's own children."""
    below = descendants(own.process.pid)
    return [pid for pid in below if f"PPid:\t{own.process.pid}\n" in Path(f"/proc/{pid}/status").read_text()]


def test_two_processes_answer_alike(two: Running, songs: list[Song], files: list[tuple[str, bytes]]) -> None:
    client = two.client
    assert len(workers(two)) == 2
    snippet = wav(piece(songs[0], 3.0, 5.0), songs[0].sample_rate)

    def many() -> list[Answer]:
        answers: list[Answer] = []
        threads = [threading.Thread(target=lambda: answers.append(client.tag(snippet))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return answers

    assert {a.json["verdict"] for a in many()} == {"no_match"}
    job = client.enroll(files[0])
    assert {a.json["verdict"] for a in many()} == {"identified"}  # whoever enrolled it
    client.delete(f"/api/v1/tracks/{job['files'][0]['track_id']}")
    assert {a.json["verdict"] for a in many()} == {"no_match"}


def test_a_worker_that_dies_loses_no_upload(two: Running) -> None:
    client = two.client
    made = [compose(seed, duration_s=20.0) for seed in range(40, 46)]
    parts = [("file", f"{song.title}.wav", wav(song.samples, song.sample_rate)) for song in made]
    body, kind = multipart(list(parts))
    location = client.ask("POST", "/api/v1/tracks", body, {"Content-Type": kind}).headers["location"]
    until(lambda: client.get(location).json["status"] == "running")
    before = workers(two)
    for pid in before:  # one of them has the job; the arbiter starts new ones
        os.kill(pid, signal.SIGKILL)
    until(lambda: len(set(workers(two)) - set(before)) == 2)
    until(lambda: client.get("/readyz").status == 200, 60)
    job = client.finished(location)
    assert Counter(file["status"] for file in job["files"]) <= Counter(added=6, present=1), job
    assert job["failed"] == 0
    assert client.get("/api/v1/tracks").json["total"] == 6


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_stopping_is_clean_and_quick(tmp_path: Path, how: signal.Signals) -> None:
    with running(tmp_path, ready=False) as own:
        not_yet = own.client.get("/readyz")  # answered before the decoder and the search are warm
        not_yet.problem(503, "not_ready")
        assert "retry-after" in not_yet.headers
        assert not_yet.json["checks"]["store"] == "ok"
        assert own.client.get("/healthz").json == {"status": "ok"}
        until(lambda: own.client.get("/readyz").status == 200, 120)
        below = descendants(own.process.pid)
        started = time.monotonic()
        own.process.send_signal(how)
        assert own.process.wait(30) == 0
        assert time.monotonic() - started < 20
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in below))
        assert "Traceback" not in "".join(own.client.log)
        own.process.send_signal = lambda _: None  # type: ignore[method-assign]


def test_at_a_terminal_the_address_is_the_last_line_and_alone(tmp_path: Path) -> None:
    """Plain lines for people, none of gunicorn's; the address comes when everything is warm."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "classifier", "serve", "--port", "0"]
    process = subprocess.Popen(command, stdout=theirs, stderr=theirs, env=environment(tmp_path, {}), cwd=ROOT)
    os.close(theirs)
    seen = b""
    try:
        while not re.search(rb"^http://\S+\r\n", seen, re.MULTILINE):
            seen += os.read(ours, 4096)
        lines = seen.decode().splitlines()
        client = Client("127.0.0.1", int(lines[-1].rstrip("/").rpartition(":")[2]), [])
        assert client.get("/readyz").status == 200
        assert client.get("/api/v1/tracks").status == 200
        assert client.get("/api/v1/tags/none").status == 404
        os.set_blocking(ours, False)
        with contextlib.suppress(BlockingIOError):
            seen += os.read(ours, 4096)
        assert seen.decode().splitlines() == lines, "nothing comes after the address"
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(40)
        os.close(ours)
    assert lines[0].startswith("Starting")
    assert any(line.endswith("ready for snippets") for line in lines)
    assert not any("{" in line or "gunicorn" in line for line in lines)


def test_readyz_says_how_far_the_index_is_loaded(tmp_path: Path) -> None:
    service = Service(Settings(data_dir=str(tmp_path)))
    service._report_loading()(1200, 5000)
    assert service.checks()["index"] == "1,200 of 5,000 tracks loaded"


def test_who_is_being_served_when_the_service_stops_is_served(tmp_path: Path, songs: list[Song]) -> None:
    """SIGTERM in the middle of an upload, of work and of an idle connection."""
    snippet = wav(piece(songs[0], 3.0, 5.0), songs[0].sample_rate)
    fields = ["POST /api/v1/tags HTTP/1.1", "Host: localhost", "Content-Type: audio/wav"]
    head = "\r\n".join([*fields, f"Content-Length: {len(snippet)}", "", ""])
    with running(tmp_path) as own:
        client, answers = own.client, []
        threads = [threading.Thread(target=lambda: answers.append(client.tag(snippet))) for _ in range(6)]
        address = (client.host, client.port)
        with socket.create_connection(address, 60) as half, socket.create_connection(address, 60) as idle:
            half.sendall(head.encode() + snippet[:1000])
            for thread in threads:
                thread.start()
            until(lambda: answers)  # the others are on their way
            own.process.send_signal(signal.SIGTERM)
            until(lambda: any("Worker exiting" in line or "Handling signal: term" in line for line in client.log))
            half.sendall(snippet[1000:])
            assert half.recv(12) == b"HTTP/1.1 200"
            assert idle.recv(1) == b""
        for thread in threads:
            thread.join()
        assert [answer.status for answer in answers] == [200] * 6
        assert own.process.wait(40) == 0
        own.process.send_signal = lambda _: None  # type: ignore[method-assign]


def test_malformed_requests_get_problem_documents_too(client: Client) -> None:
    with socket.create_connection((client.host, client.port)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nbad header\r\n\r\n")
        text = connection.makefile("rb").read()
    head, _, body = text.partition(b"\r\n\r\n")
    assert b"400" in head.splitlines()[0]
    assert b"application/problem+json" in head
    assert json.loads(body)["name"] == "bad_request"


def test_unexpected_errors_say_nothing_of_the_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = create_app(Settings(data_dir=str(tmp_path)))

    @app.get("/api/v1/broken")
    def broken() -> None:
        raise RuntimeError("secret")

    try:
        answer = app.test_client().get("/api/v1/broken")
        assert (answer.status_code, answer.json["name"]) == (500, "internal_error")
        assert "secret" not in answer.text
    finally:
        app.extensions["earmark"].close()


# --- the page -------------------------------------------------------------------------------------------------


class Outside(HTMLParser):
    """Collects what a page loads or runs."""

    def __init__(self) -> None:
        super().__init__()
        self.urls: list[str] = []
        self.inline = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.urls += [value for name in ("src", "href") if (value := values.get(name))]
        self.inline += tag == "style" or "style" in values or (tag == "script" and "src" not in values)
        self.inline += any(name.startswith("on") for name in values)


@pytest.mark.parametrize("path", ["/", "/api/v1/docs", "/problems/busy"])
def test_nothing_is_loaded_from_elsewhere(client: Client, path: str) -> None:
    answer = client.get(path, Accept="text/html")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/html")
    found = Outside()
    found.feed(answer.body.decode())
    assert not [url for url in found.urls if re.match(r"(?i)(https?:)?//|data:", url)]
    assert found.inline == 0


def test_the_page_is_there_for_its_own_addresses(client: Client) -> None:
    index = client.get("/")
    assert index.headers["cache-control"] == "no-cache"
    for path in ("/tags/0123", "/library", "/history"):
        assert client.get(path).body == index.body
    for path in ("/nothing.js", "/api/nothing", "/api/v1", "/../app.py", "/%2e%2e/app.py", "/..%2fapp.py"):
        assert client.get(path).status == 404, path


@pytest.mark.parametrize(
    "path", ["/" + "a" * 300, "/" + "a" * 3000, "/%00", "/a%00.js", "/%ff", "/\\", "/" + "a/" * 1500]
)
def test_addresses_that_cannot_be_files(client: Client, path: str) -> None:
    """They are views of the page like any other, or not found: no error of ours, and nothing in the log."""
    assert client.get(path).status in (200, 404)
    assert not [entry for entry in client.entries() if entry["level"] == "ERROR"]


def test_files_of_the_page_are_packed_and_not_sent_twice(client: Client) -> None:
    path = "/" + next(p.name for p in sorted(page.ROOT.glob("main*.js")))
    plain = client.get(path)
    assert "javascript" in plain.headers["content-type"]
    packed = client.get(path, **{"Accept-Encoding": "gzip"})
    assert gzip.decompress(packed.body) == plain.body == (page.ROOT / path[1:]).read_bytes()
    assert len(packed.body) < len(plain.body) / 2
    again = client.get(path, **{"Accept-Encoding": "gzip", "If-None-Match": packed.headers["etag"]})
    assert (again.status, again.body) == (304, b"")


def test_files_with_a_hash_in_their_name_are_kept_for_good(client: Client) -> None:
    """All others are asked for again at each visit, or a page would go on with parts of an older one."""
    for file in page.ROOT.iterdir():
        kept = client.get(f"/{file.name}").headers["cache-control"]
        assert ("immutable" in kept) == file.name.startswith(("chunk-", "worker-")), file.name


def test_the_worker_keeps_the_whole_page_and_nothing_else(client: Client) -> None:
    """Without a connection every view opens; a digest holds what no hash in its name does."""
    worker = client.get("/offline.js")
    assert worker.headers["cache-control"] == "no-cache"
    kept = json.loads(re.search(r"FILES=(\{.*?\}),VERSION", worker.body.decode())[1])
    built = {"/" if file.name == "index.html" else f"/{file.name}" for file in page.ROOT.iterdir()}
    needed = {path for path in built if path.endswith(("/", ".js", ".css", ".svg", ".webmanifest"))}
    assert set(kept) == needed - {"/offline.js"}
    for path, integrity in kept.items():
        digest = base64.b64encode(hashlib.sha256(client.get(path).body).digest()).decode()
        hashed = path.startswith(("/chunk-", "/worker-"))
        assert integrity == ("" if hashed else f"sha256-{digest}"), path


def test_first_load_is_small(client: Client) -> None:
    found = Outside()
    index = client.get("/", **{"Accept-Encoding": "gzip"})
    found.feed(gzip.decompress(index.body).decode())
    total = len(index.body)
    for url in found.urls:
        if url.endswith((".js", ".css", ".svg", ".webmanifest")):
            total += len(client.get("/" + url.lstrip("/"), **{"Accept-Encoding": "gzip"}).body)
    assert total < 125_000  # the budget of web/tools/sizes.mjs, and icons


# --- the documents ----------------------------------------------------------------------------------------------


def test_the_openapi_document_describes_every_route(client: Client) -> None:
    spec = client.get("/api/v1/openapi.json").json
    assert spec["openapi"].startswith("3.1")
    described = {(path, method.upper()) for path, item in spec["paths"].items() for method in item}
    with_rules = create_app(Settings(data_dir="/nowhere"))
    served = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method)
        for rule in with_rules.url_map.iter_rules()
        for method in rule.methods or ()
        if rule.rule.startswith("/api/v1") and method not in ("HEAD", "OPTIONS")
    }
    assert served - described == {
        (path, "GET") for path in ("/api/v1/openapi.json", "/api/v1/docs", "/api/v1/docs/docs.css")
    }
    text = json.dumps(spec)
    schemas = spec["components"]["schemas"]
    assert set(re.findall(r"#/components/schemas/([\w.]+)", text)) <= set(schemas)
    post = spec["paths"]["/api/v1/tags"]["post"]
    assert {"multipart/form-data", "audio/*"} <= set(post["requestBody"]["content"])
    for item in spec["paths"].values():
        for operation in item.values():
            for status, response in operation["responses"].items():
                if status >= "400":
                    assert set(response["content"]) == {"application/problem+json"}


def test_the_documents_page_shows_every_operation(client: Client) -> None:
    text = client.get("/api/v1/docs").body.decode()
    for path, item in client.get("/api/v1/openapi.json").json["paths"].items():
        assert path in text
        for operation in item.values():
            assert f'id="{operation["operationId"]}"' in text
    assert "Undefined" not in text
    assert client.get("/api/v1/docs/docs.css").headers["content-type"].startswith("text/css")


def test_problems_explain_themselves(client: Client) -> None:
    facts = client.get("/problems/snippet_silent").json
    assert (facts["status"], facts["name"]) == (422, "snippet_silent")
    assert "microphone" in client.get("/problems/snippet_silent", Accept="text/html").body.decode()
