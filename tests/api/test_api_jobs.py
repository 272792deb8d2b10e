"""Jobs: claimed by one worker, taken over when it dies, followed as events."""

from __future__ import annotations

import contextlib
import http.client
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from api_client import Client, Running, multipart, until

from classifier.api import jobs as api_jobs
from classifier.api.service import MAX_STREAMS, Service
from classifier.audio.decoder import Decoder
from classifier.catalogue import Catalogue
from classifier.errors import AudioUnreadable, StoreUnavailable, TrackBusy
from classifier.results import Track
from classifier.settings import Settings
from classifier.store import open_store
from classifier.store.base import Store
from classifier.work import jobs

TRACK = Track("t", "default", "Title", None, None, None, "s", 1.0, 1, "c", "f", "2026-01-01T00:00:00.000Z")


@dataclass
class Outcome:
    track: Track
    added: bool


@dataclass
class Enroller:
    """Stands at the end of a worker's arm: does with each file what the test says."""

    does: Any = None
    seen: list[str] = field(default_factory=list)

    @contextlib.contextmanager
    def __call__(self, name: str) -> Iterator[Enroller]:
        yield self

    def enroll(self, source: Path, *, source_name: str, replace: bool, **facts: str) -> Outcome:
        self.seen.append(source_name)
        result = self.does(source_name) if self.does else None
        return result or Outcome(replace_title(facts.get("title", source_name)), True)


def replace_title(title: str) -> Track:
    return replace(TRACK, title=title)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=str(tmp_path), lease_seconds=1.0)


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    store = open_store(settings.store)
    yield store
    store.close()


def submit(store: Store, settings: Settings, *names: str, **facts: str) -> str:
    spool = jobs.Spool(settings)
    job_id, folder = spool.open()
    uploads = []
    for number, name in enumerate(names):
        path = folder / f"{number:03d}"
        path.write_bytes(b"x")
        uploads.append(jobs.Upload(name, path, 1))
    made = jobs.submit(store, spool, job_id, "default", uploads, facts=facts)
    assert (made["status"], made["total"], made["done"]) == ("queued", len(names), 0)
    return job_id


@contextlib.contextmanager
def at_work(store: Store, settings: Settings, enroller: Enroller) -> Iterator[jobs.Worker]:
    worker = jobs.Worker(store, jobs.Spool(settings), settings, enroller, poll_seconds=0.05)
    worker.start()
    try:
        yield worker
    finally:
        worker.stop(10)


def done(store: Store, job_id: str) -> dict[str, Any]:
    document = until(lambda: (d := jobs.get(store, job_id))["status"] == "done" and d)
    return jobs.to_dict(document)


def test_every_file_has_an_outcome_and_the_spool_is_emptied(store: Store, settings: Settings) -> None:
    def does(name: str) -> Outcome | None:
        if name == "bad":
            raise AudioUnreadable("no audio")
        if name == "worse":
            raise RuntimeError("/secret/path")
        return Outcome(TRACK, False) if name == "known" else None

    job_id = submit(store, settings, "new.mp3", "bad.mp3", "known.mp3", "worse.mp3")
    with at_work(store, settings, Enroller(does)):
        job = done(store, job_id)
    assert [file["status"] for file in job["files"]] == ["added", "failed", "present", "failed"]
    assert job["files"][1]["error"] == {"name": "audio_unreadable", "message": "no audio"}
    assert job["files"][3]["error"]["name"] == "internal_error"
    assert "secret" not in json.dumps(job)
    assert set(job["files"][0]) == {"name", "bytes", "status", "track_id", "title", "error"}
    assert list(jobs.Spool(settings).root.iterdir()) == []


def test_a_track_that_is_busy_and_a_store_that_is_away_are_waited_for(store: Store, settings: Settings) -> None:
    errors = [TrackBusy("being written"), StoreUnavailable("away")]

    def does(_: str) -> None:
        if errors:
            raise errors.pop()

    job_id = submit(store, settings, "a.mp3", title="T")
    with at_work(store, settings, Enroller(does)):
        job = done(store, job_id)
    assert (job["files"][0]["status"], job["files"][0]["title"]) == ("added", "T")


def test_a_dead_worker_is_replaced_and_goes_on_where_it_stopped(store: Store, settings: Settings) -> None:
    job_id = submit(store, settings, "a", "b", "c")
    # A worker that died while it was at the second file, as its document shows it.
    files = json.loads(jobs.get(store, job_id)["files"])
    files[0].update(status="added", track_id="t", title="A")
    files[1].update(status="working", deaths=0)
    dead = {"status": "running", "owner": "dead", "lease_expires": time.time() + 0.5, "files": json.dumps(files)}
    store.update("jobs", {"_id": job_id}, set=dead)
    enroller = Enroller()
    with at_work(store, settings, enroller):
        time.sleep(0.2)
        assert enroller.seen == []  # the lease has not run out
        job = done(store, job_id)
    assert enroller.seen == ["b", "c"]
    assert job["added"] == 3


def test_a_file_that_kills_worker_after_worker_is_given_up(store: Store, settings: Settings) -> None:
    job_id = submit(store, settings, "killer", "b")
    files = json.loads(jobs.get(store, job_id)["files"])
    files[0].update(status="working", deaths=jobs.MAX_DEATHS - 1)
    store.update("jobs", {"_id": job_id}, set={"status": "running", "owner": "dead", "files": json.dumps(files)})
    enroller = Enroller()
    with at_work(store, settings, enroller):
        job = done(store, job_id)
    assert enroller.seen == ["b"]
    assert [file["status"] for file in job["files"]] == ["failed", "added"]


@pytest.mark.parametrize(("replace", "status"), [(False, "present"), (True, "failed")])
def test_what_the_last_death_left_stored_is_no_failure(
    store: Store, settings: Settings, files: list[tuple[str, bytes]], replace: bool, status: str
) -> None:
    """The worker died after the track was ready and before the job said so."""
    job_id = submit(store, settings, "killer")
    upload = jobs.Spool(settings).root / job_id / "000"
    upload.write_bytes(files[0][1])
    with Decoder(settings) as decoder, Catalogue.open(settings=settings, store=store, decoder=decoder) as catalogue:
        track = catalogue.enroll(upload, title="Stored").track
    files_of_job = json.loads(jobs.get(store, job_id)["files"])
    files_of_job[0].update(status="working", deaths=jobs.MAX_DEATHS - 1)
    dead = {"status": "running", "owner": "dead", "replace": replace, "files": json.dumps(files_of_job)}
    store.update("jobs", {"_id": job_id}, set=dead)
    enroller = Enroller()
    with at_work(store, settings, enroller):
        (file,) = done(store, job_id)["files"]
    assert enroller.seen == []  # it is not tried once more
    assert file["status"] == status
    assert (file["track_id"], file["title"]) == ((None, None) if replace else (track.id, "Stored"))
    assert (file["error"] is None) == (not replace)


def test_two_workers_never_do_the_same_job(store: Store, settings: Settings) -> None:
    ids = [submit(store, settings, f"{n}") for n in range(6)]
    first, second = Enroller(), Enroller()
    with at_work(store, settings, first), at_work(store, settings, second):
        for job_id in ids:
            done(store, job_id)
    assert sorted(first.seen + second.seen) == [str(n) for n in range(6)]


def test_long_work_keeps_its_lease(store: Store, settings: Settings) -> None:
    job_id = submit(store, settings, "long")
    first, second = Enroller(lambda _: time.sleep(2.5)), Enroller()
    with at_work(store, settings, first):
        until(lambda: first.seen)
        with at_work(store, settings, second):
            done(store, job_id)
    assert (first.seen, second.seen) == (["long"], [])


def test_a_worker_that_stops_hands_the_rest_back(store: Store, settings: Settings) -> None:
    job_id = submit(store, settings, "a", "b")
    enroller = Enroller(lambda _: time.sleep(0.3))
    with at_work(store, settings, enroller):
        until(lambda: enroller.seen)
    document = jobs.get(store, job_id)
    assert (document["status"], document["owner"]) == ("queued", None)
    assert [file["status"] for file in json.loads(document["files"])] == ["added", "waiting"]


def test_only_workers_that_share_the_spool_claim(store: Store, settings: Settings, tmp_path: Path) -> None:
    job_id = submit(store, settings, "a")
    elsewhere = Settings(data_dir=str(tmp_path / "other"), store=settings.store, lease_seconds=1.0)
    enroller = Enroller()
    with at_work(store, elsewhere, enroller):
        time.sleep(0.3)
    assert enroller.seen == []
    assert jobs.get(store, job_id)["status"] == "queued"


def test_remnants_are_deleted(store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = jobs.Spool(settings)
    waiting = submit(store, settings, "a")
    _, abandoned = spool.open()
    spool.clean(store)
    assert abandoned.exists()  # it may be arriving at this very moment
    moment = time.time() + jobs.SPOOL_SECONDS + 1
    monkeypatch.setattr(jobs.time, "time", lambda: moment)
    spool.clean(store)
    assert not abandoned.exists()
    assert (spool.root / waiting).exists()
    store.update("jobs", {"_id": waiting}, set={"status": "done", "finished": "2020-01-01T00:00:00.000Z"})
    spool.clean(store)
    assert store.count("jobs") == 0


# --- as events, over TCP ----------------------------------------------------------------------------------------


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


def test_a_silent_stream_shows_that_it_lives(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_jobs, "HEARTBEAT_SECONDS", 0.1)
    own = Service(settings)
    own.start()
    try:
        job_id = submit(own.store, Settings(data_dir=f"{settings.data_dir}/elsewhere", store=settings.store), "a")
        events = api_jobs._stream(own, jobs.get(own.store, job_id))
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
