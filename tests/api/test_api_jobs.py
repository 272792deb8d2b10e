"""Jobs over HTTP: asked for, and followed as server-sent events."""

from __future__ import annotations

import http.client
import json
from pathlib import Path

import pytest
from api_client import Client, Running, multipart, until

from classifier.api import jobs as api_jobs
from classifier.api import streams
from classifier.api.service import MAX_STREAMS, Service
from classifier.settings import Settings
from classifier.store import open_store
from classifier.work import enroll, jobs
from classifier.work.spool import Spool, Upload


def stream(client: Client, location: str) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    connection = http.client.HTTPConnection(client.host, client.port, timeout=60)
    connection.request("GET", f"{location}/events")
    return connection, connection.getresponse()


def posted(client: Client, *files: tuple[str, bytes]) -> str:
    body, kind = multipart([("file", *file) for file in files])
    return client.ask("POST", "/api/v1/tracks", body, {"Content-Type": kind}).headers["location"]


def test_events_follow_a_job_to_its_end(client: Client, files: list[tuple[str, bytes]]) -> None:
    connection, response = stream(client, posted(client, files[0], ("notes.txt", b"text"), files[1]))
    assert response.headers["Content-Type"].startswith("text/event-stream")
    assert response.headers["X-Accel-Buffering"] == "no"
    text = response.read().decode()  # ends by itself
    connection.close()
    blocks = [block for block in text.split("\n\n") if block.startswith("event")]
    events = [dict(line.split(": ", 1) for line in block.splitlines()) for block in blocks]
    assert [event["event"] for event in events][-1] == "done"
    assert {event["event"] for event in events[:-1]} == {"job"}
    last = json.loads(events[-1]["data"])
    assert [file["status"] for file in last["files"]] == ["present", "failed", "present"]
    assert client.get(f"/api/v1/jobs/{last['id']}").json == last


def test_unfinished_jobs_are_listed_newest_first(service: Running) -> None:
    client = service.client
    store = open_store(f"sqlite:///{data_dir(service)}/earmark.sqlite")
    before = [job["id"] for job in client.get("/api/v1/jobs").json["jobs"]]
    # Nobody works on them, since their spool is elsewhere.
    kinds = ("label", "enroll", "webhook")
    made = [
        jobs.submit(store, kind, {"catalogue": "default"}, state={}, total=3, spool="elsewhere")["_id"]
        for kind in kinds
    ]
    listed = client.get("/api/v1/jobs").json["jobs"]
    assert [job["id"] for job in listed] == [made[1], made[0], *before]
    assert [(job["kind"], job["stoppable"]) for job in listed[:2]] == [("enroll", False), ("label", True)]
    assert {(job["catalogue"], job["status"], job["total"], job["done"]) for job in listed[:2]} == {
        ("default", "queued", 3, 0)
    }
    first = client.get("/api/v1/jobs?limit=1").json
    assert client.get(f"/api/v1/jobs?limit=1&cursor={first['next']}").json["jobs"][0]["id"] == made[0]
    for job_id in made:
        store.delete("jobs", {"_id": job_id})
    assert [job["id"] for job in client.get("/api/v1/jobs").json["jobs"]] == before
    store.close()


def test_streams_are_capped_and_given_back(service: Running) -> None:
    client = service.client
    # A job that nobody works on, since its spool is elsewhere: its streams stay open.
    store = open_store(f"sqlite:///{data_dir(service)}/earmark.sqlite")
    document = {
        **jobs.get(store, posted(client, ("x.txt", b"x")).rpartition("/")[2]),
        "_id": "endless", "spool": "elsewhere", "status": "queued",
    }  # fmt: skip
    store.put("jobs", document)
    open_streams = [stream(client, "/api/v1/jobs/endless") for _ in range(MAX_STREAMS)]
    assert all(response.status == 200 for _, response in open_streams)
    client.get("/api/v1/jobs/endless/events").problem(503, "busy")
    assert client.get("/api/v1/jobs/endless").status == 200  # asking goes on
    for connection, response in open_streams:
        response.close()
        connection.close()

    def freed() -> bool:
        # A stream whose client left is noticed when something is written to it.
        store.update("jobs", {"_id": "endless"}, inc={"changes": 1})
        connection, response = stream(client, "/api/v1/jobs/endless")
        response.close()
        connection.close()
        return response.status == 200

    until(freed, 20)
    store.update("jobs", {"_id": "endless"}, set={"status": "done"}, inc={"changes": 1})
    store.close()


def test_a_silent_stream_shows_that_it_lives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT_SECONDS", 0.1)
    settings = Settings(data_dir=str(tmp_path), store=f"sqlite:///{tmp_path}/store.sqlite")
    elsewhere = Spool(settings.replace(data_dir=f"{tmp_path}/elsewhere"))
    own = Service(settings)
    own.start()
    try:
        job_id, folder = elsewhere.open()
        enroll.submit(own.store, elsewhere, job_id, "default", [Upload("a", folder / "000", 1)])
        events = streams.follow(own, api_jobs.looking(own.store, job_id))
        assert next(events).startswith("retry:")
        assert next(events).startswith("event: job")
        assert next(events) == ": still here\n\n"
        own.closing.set()
        assert list(events) == []  # a service that stops ends its streams
    finally:
        own.close()


def data_dir(service: Running) -> str:
    environ = Path(f"/proc/{service.process.pid}/environ").read_bytes().split(b"\0")
    return next(entry for entry in environ if entry.startswith(b"EARMARK_DATA_DIR=")).decode().partition("=")[2]
