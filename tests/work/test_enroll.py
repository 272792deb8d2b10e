"""Jobs that enroll: every file has an outcome, and is tried again only where that helps."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from classifier.catalogue import Catalogue
from classifier.enrolling import Enrolled
from classifier.errors import AudioUnreadable, StoreUnavailable, TrackBusy, WeightsMissing
from classifier.results import Track
from classifier.settings import Settings
from classifier.store import Store
from classifier.work import enroll, jobs
from classifier.work.spool import Spool, Upload
from classifier.work.worker import MAX_DEATHS
from tests.library import RATE, as_wav, lively_noise
from tests.waiting import until
from tests.work.conftest import AtWork

TRACK = Track("t", "default", "Title", None, None, None, "s", 1.0, 1, "c", "f", "2026-01-01T00:00:00.000Z")


@dataclass
class Enroller:
    """Stands at the end of the handler's arm: does with each file what the test says."""

    does: Any = None
    seen: list[str] = field(default_factory=list)

    @contextlib.contextmanager
    def __call__(self, name: str) -> Iterator[Enroller]:
        yield self

    def enroll(self, source: Path, *, source_name: str, replace: bool, **facts: str) -> Enrolled:
        self.seen.append(source_name)
        result = self.does(source_name) if self.does else None
        return result or Enrolled(replace_title(facts.get("title", source_name)), True)


def replace_title(title: str) -> Track:
    return replace(TRACK, title=title)


def submit(store: Store, settings: Settings, *names: str, again: bool = False, **facts: str) -> str:
    spool = Spool(settings)
    job_id, folder = spool.open()
    uploads = []
    for number, name in enumerate(names):
        path = folder / f"{number:03d}"
        path.write_bytes(b"x")
        uploads.append(Upload(name, path, 1))
    made = enroll.to_dict(enroll.submit(store, spool, job_id, "default", uploads, facts=facts, replace=again))
    assert (made["status"], made["total"], made["done"]) == ("queued", len(names), 0)
    return job_id


@pytest.fixture
def enrolling(store: Store, settings: Settings, at_work: AtWork) -> Any:
    """Return what keeps a worker at work that enrolls by an ``Enroller``."""

    def unlabelled(catalogue: Any, track: Track, path: Path) -> None:
        raise WeightsMissing("the weights are missing")

    return lambda enroller: at_work({enroll.KIND: enroll.Enroll(store, Spool(settings), enroller, unlabelled)})


def done(store: Store, job_id: str) -> dict[str, Any]:
    document = until(lambda: (d := jobs.get(store, job_id))["status"] == "done" and d)
    return enroll.to_dict(document)


def left(store: Store, job_id: str, *, deaths: int, lease_s: float = -1.0, **states: str) -> None:
    """Let a job look as a worker left it that died: its files, in order, have these states."""
    files = jobs.get(store, job_id)["state"]["files"]
    for file, status in zip(files, states.values(), strict=False):
        file["status"] = status
    dead = {"status": "running", "owner": "dead", "lease_expires": time.time() + lease_s, "deaths": deaths - 1}
    store.update("jobs", {"_id": job_id}, set={**dead, "state": {"files": files}})


def test_every_file_has_an_outcome_and_the_spool_is_emptied(store: Store, settings: Settings, enrolling: Any) -> None:
    def does(name: str) -> Enrolled | None:
        if name == "bad":
            raise AudioUnreadable("no audio")
        if name == "worse":
            raise RuntimeError("/secret/path")
        return Enrolled(TRACK, False, remarks=["damaged: a little"]) if name == "known" else None

    job_id = submit(store, settings, "new.mp3", "bad.mp3", "known.mp3", "worse.mp3")
    with enrolling(Enroller(does)):
        job = done(store, job_id)
    assert [file["status"] for file in job["files"]] == ["added", "failed", "present", "failed"]
    assert job["files"][1]["error"] == {"name": "audio_unreadable", "message": "no audio"}
    assert job["files"][3]["error"]["name"] == "internal_error"
    assert "secret" not in json.dumps(job)
    assert [file["remarks"] for file in job["files"]] == [[], [], ["damaged: a little"], []]
    assert set(job["files"][0]) == {"name", "bytes", "status", "track_id", "title", "remarks", "error"}
    assert {name: job[name] for name in ("kind", "catalogue", "total", "done", "added", "present", "failed")} == {
        **{"kind": "enroll", "catalogue": "default", "total": 4, "done": 4},
        **{"added": 1, "present": 1, "failed": 2},
    }
    assert jobs.get(store, job_id)["done"] == 4
    assert list(Spool(settings).root.iterdir()) == []


def test_a_track_that_is_busy_and_a_store_that_is_away_are_waited_for(
    store: Store, settings: Settings, enrolling: Any
) -> None:
    errors = [TrackBusy("being written"), StoreUnavailable("away")]

    def does(_: str) -> None:
        if errors:
            raise errors.pop()

    job_id = submit(store, settings, "a.mp3", title="T")
    with enrolling(Enroller(does)):
        job = done(store, job_id)
    assert (job["files"][0]["status"], job["files"][0]["title"]) == ("added", "T")


def test_an_upload_that_is_gone_has_failed(store: Store, settings: Settings, enrolling: Any) -> None:
    job_id = submit(store, settings, "a", "b")
    (Spool(settings).root / job_id / "000").unlink()
    with enrolling(Enroller()):
        job = done(store, job_id)
    assert [file["status"] for file in job["files"]] == ["failed", "added"]
    assert job["files"][0]["error"]["name"] == "file_missing"


def test_a_dead_worker_is_replaced_and_the_next_goes_on_where_it_stopped(
    store: Store, settings: Settings, enrolling: Any
) -> None:
    job_id = submit(store, settings, "a", "b", "c")
    left(store, job_id, deaths=1, lease_s=0.5, a="added", b="working")
    enroller = Enroller()
    with enrolling(enroller):
        time.sleep(0.2)
        assert enroller.seen == []  # the lease has not run out
        job = done(store, job_id)
    assert enroller.seen == ["b", "c"]
    assert job["added"] == 3


def test_a_file_that_kills_worker_after_worker_is_given_up(store: Store, settings: Settings, enrolling: Any) -> None:
    Catalogue.open(settings=settings).close()
    job_id = submit(store, settings, "killer", "b")
    left(store, job_id, deaths=MAX_DEATHS, killer="working")
    enroller = Enroller()
    with enrolling(enroller):
        job = done(store, job_id)
    assert enroller.seen == ["b"]
    assert [file["status"] for file in job["files"]] == ["failed", "added"]
    assert "given up" in job["files"][0]["error"]["message"]


@pytest.mark.parametrize(("again", "status"), [(False, "present"), (True, "failed")])
def test_what_the_last_death_left_stored_is_no_failure(
    store: Store, settings: Settings, enrolling: Any, again: bool, status: str
) -> None:
    """The worker died after the track was ready and before the job said so."""
    job_id = submit(store, settings, "killer", again=again)
    upload = Spool(settings).root / job_id / "000"
    upload.write_bytes(as_wav(lively_noise(6.0, 3), RATE))
    with Catalogue.open(settings=settings) as catalogue:
        track = catalogue.enroll(upload, title="Stored").track
    left(store, job_id, deaths=MAX_DEATHS, killer="working")
    enroller = Enroller()
    with enrolling(enroller):
        (file,) = done(store, job_id)["files"]
    assert enroller.seen == []  # it is not tried once more
    assert file["status"] == status
    assert (file["track_id"], file["title"]) == ((None, None) if again else (track.id, "Stored"))
    assert (file["error"] is None) == (not again)


def test_a_worker_that_stops_finishes_the_file_and_hands_the_rest_back(
    store: Store, settings: Settings, enrolling: Any
) -> None:
    job_id = submit(store, settings, "a", "b")
    enroller = Enroller(lambda _: time.sleep(0.3))
    with enrolling(enroller):
        until(lambda: enroller.seen)
    document = jobs.get(store, job_id)
    assert (document["status"], document["owner"]) == ("queued", None)
    assert [file["status"] for file in enroll.to_dict(document)["files"]] == ["added", "waiting"]


def test_a_file_that_waits_for_its_track_is_handed_back_as_waiting(
    store: Store, settings: Settings, enrolling: Any
) -> None:
    def busy(_: str) -> None:
        raise TrackBusy("being written")

    job_id = submit(store, settings, "a")
    enroller = Enroller(busy)
    with enrolling(enroller):
        until(lambda: enroller.seen)
    job = enroll.to_dict(jobs.get(store, job_id))
    assert (job["status"], job["files"][0]["status"]) == ("queued", "waiting")


def test_where_the_whole_job_failed_the_files_that_were_left_failed(store: Store, settings: Settings) -> None:
    job_id = submit(store, settings, "a", "b")
    left(store, job_id, deaths=1, a="added")
    error = {"name": "invalid_parameter", "message": "why"}
    store.update("jobs", {"_id": job_id}, set={"status": "done", "error": error})
    job = enroll.to_dict(jobs.get(store, job_id))
    assert [file["status"] for file in job["files"]] == ["added", "failed"]
    assert [file["error"] for file in job["files"]] == [None, error]
    assert (job["added"], job["failed"], job["done"]) == (1, 1, 2)
    assert "error" not in job
