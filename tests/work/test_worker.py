"""Workers: a job is one worker's at a time, goes on where the last one stopped, and ends whatever happens."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from classifier.errors import InvalidParameter, JobNotFound, StoreFull, StoreUnavailable, TrackBusy
from classifier.settings import Settings
from classifier.store import Document, Store
from classifier.work import jobs
from classifier.work.spool import Spool
from classifier.work.worker import MAX_DEATHS, Claim, Worker
from tests.waiting import until
from tests.work.conftest import AtWork
from tests.work.counting import KIND, Counting, submit

ROOT = Path(__file__).parents[2]


def done(store: Store, job_id: str) -> Document:
    return until(lambda: (job := jobs.get(store, job_id))["status"] == "done" and job)


def outcome(store: Store, job_id: str) -> tuple[int, int, list[int]]:
    """Wait for the end of a job; return its progress, and the sum with what was left out of it."""
    job = done(store, job_id)
    assert job["finished"] is not None
    assert job["error"] is None
    return job["done"], job["state"]["sum"], job["state"]["left_out"]


def test_progress_is_stored_step_by_step(store: Store, at_work: AtWork) -> None:
    stored: list[tuple[str, int, int]] = []

    def before(claim: Claim, number: int) -> None:
        job = jobs.get(store, claim.id)
        stored.append((job["status"], job["done"], job["state"]["sum"]))

    job_id = submit(store, 4)
    with at_work({KIND: Counting(before)}):
        assert outcome(store, job_id) == (4, 10, [])
    assert stored == [("running", 0, 0), ("running", 1, 1), ("running", 2, 3), ("running", 3, 6)]


def test_a_job_without_steps_is_done(store: Store, at_work: AtWork) -> None:
    with at_work({KIND: Counting()}):
        assert outcome(store, submit(store, 0)) == (0, 0, [])


# --- who works on it ------------------------------------------------------------------------------------------


def test_after_kill_9_another_process_goes_on_where_the_first_stopped(
    store: Store, settings: Settings, at_work: AtWork
) -> None:
    job_id = submit(store, 12)
    command = [sys.executable, "-m", "tests.work.counting", settings.data_dir]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        begun = [int(process.stdout.readline()) for _ in range(5)]
        process.kill()
    assert begun == [1, 2, 3, 4, 5]
    left = jobs.get(store, job_id)
    assert (left["status"], left["done"], left["state"]["sum"]) == ("running", 4, 10)
    second = Counting()
    with at_work({KIND: second}):
        assert outcome(store, job_id) == (12, 78, [])
    assert second.seen == list(range(5, 13))


def test_a_worker_that_stops_hands_the_rest_back(store: Store, at_work: AtWork) -> None:
    first = Counting(lambda claim, number: number == 3 and until(lambda: claim.stopping))
    job_id = submit(store, 5)
    with at_work({KIND: first}):
        until(lambda: 3 in first.seen)
    job = jobs.get(store, job_id)
    assert (job["status"], job["owner"], job["done"]) == ("queued", None, 3)  # the step was finished
    second = Counting()
    with at_work({KIND: second}):
        assert outcome(store, job_id) == (5, 15, [])
    assert (first.seen, second.seen) == ([1, 2, 3], [4, 5])


def test_two_workers_never_do_the_same_job(store: Store, at_work: AtWork) -> None:
    ids = [submit(store, 1) for _ in range(6)]
    held: list[str] = []
    first, second = (Counting(lambda claim, _: held.append(claim.id)) for _ in range(2))
    with at_work({KIND: first}), at_work({KIND: second}):
        for job_id in ids:
            done(store, job_id)
    assert sorted(held) == sorted(ids)


def test_long_work_keeps_its_lease(store: Store, at_work: AtWork) -> None:
    job_id = submit(store, 1)
    first, second = Counting(lambda *_: time.sleep(2.5)), Counting()
    with at_work({KIND: first}):
        until(lambda: first.seen)
        with at_work({KIND: second}):
            done(store, job_id)
    assert (first.seen, second.seen) == ([1], [])


def test_a_worker_whose_job_is_taken_lets_go_of_it(store: Store, at_work: AtWork) -> None:
    def before(claim: Claim, number: int) -> None:
        store.update("jobs", {"_id": claim.id}, set={"owner": "thief", "lease_expires": time.time() + 60})
        until(lambda: claim.stopping)  # renewing the lease shows it

    first = Counting(before)
    job_id = submit(store, 3)
    with at_work({KIND: first}):
        until(lambda: first.seen)
        time.sleep(0.5)
    job = jobs.get(store, job_id)
    assert first.seen == [1]
    assert (job["status"], job["owner"], job["done"], job["state"]["sum"]) == ("running", "thief", 0, 0)


def test_jobs_of_other_kinds_and_other_spools_are_left_to_others(
    store: Store, settings: Settings, tmp_path: Path, at_work: AtWork
) -> None:
    spool, elsewhere = Spool(settings), Spool(settings.replace(data_dir=str(tmp_path / "other")))
    assert spool.name != elsewhere.name
    others = [submit(store, 1, kind="dance"), submit(store, 1, spool=elsewhere.name)]
    own = submit(store, 1, spool=spool.name)
    with at_work({KIND: Counting()}):
        done(store, own)
        time.sleep(0.3)
    assert [jobs.get(store, job_id)["status"] for job_id in others] == ["queued", "queued"]


# --- what goes wrong ------------------------------------------------------------------------------------------


def died(store: Store, job_id: str, times: int) -> None:
    """Let a job look as if so many workers had died on its step, the last of them just now."""
    dead = {"status": "running", "owner": "dead", "lease_expires": time.time() - 1, "deaths": times - 1}
    assert store.update("jobs", {"_id": job_id}, set=dead) is not None


def test_a_step_that_kills_worker_after_worker_is_given_up(store: Store, at_work: AtWork) -> None:
    nearly, over = submit(store, 3), submit(store, 3)
    died(store, nearly, MAX_DEATHS - 1)
    died(store, over, MAX_DEATHS)
    with at_work({KIND: Counting()}):
        assert outcome(store, nearly) == (3, 6, [])
        assert outcome(store, over) == (3, 5, [1])


def test_deaths_of_different_steps_do_not_add_up(store: Store, at_work: AtWork) -> None:
    job_id = submit(store, 4)
    died(store, job_id, MAX_DEATHS - 1)
    deaths: list[int] = []
    with at_work({KIND: Counting(lambda claim, _: deaths.append(claim.deaths))}):
        assert outcome(store, job_id) == (4, 10, [])
    assert deaths == [MAX_DEATHS - 1, 0, 0, 0]
    assert jobs.get(store, job_id)["deaths"] == 0


def test_an_unexpected_error_counts_as_a_death(store: Store, at_work: AtWork) -> None:
    def before(_: Claim, number: int) -> None:
        if number == 2:
            raise RuntimeError("/secret/path")

    handler = Counting(before)
    job_id = submit(store, 3)
    with at_work({KIND: handler}):
        assert outcome(store, job_id) == (3, 4, [2])
    assert handler.seen == [1, *[2] * MAX_DEATHS, 3]


def test_an_error_that_the_handler_lets_pass_is_the_failure_of_the_job(store: Store, at_work: AtWork) -> None:
    def before(_: Claim, number: int) -> None:
        if number == 2:
            raise InvalidParameter("two is too much \udc80")

    job_id = submit(store, 3)
    with at_work({KIND: Counting(before)}):
        job = jobs.to_dict(done(store, job_id))
    assert (job["status"], job["done"]) == ("done", 1)
    assert job["error"] == {"name": "invalid_parameter", "message": "two is too much ?"}


def test_a_handler_may_give_up_the_whole_job(store: Store, at_work: AtWork) -> None:
    class Proud(Counting):
        def give_up(self, claim: Claim) -> None:
            raise InvalidParameter("all or nothing")

    job_id = submit(store, 3)
    died(store, job_id, MAX_DEATHS)
    with at_work({KIND: Proud()}):
        assert done(store, job_id)["error"]["message"] == "all or nothing"


@pytest.mark.parametrize("error", [StoreUnavailable, StoreFull])
def test_a_store_that_is_away_or_full_is_waited_for(store: Store, at_work: AtWork, error: type[Exception]) -> None:
    errors = [error("not now") for _ in range(MAX_DEATHS + 1)]

    def before(_: Claim, number: int) -> None:
        if number == 2 and errors:
            raise errors.pop()

    job_id = submit(store, 3)
    with at_work({KIND: Counting(before)}):
        assert outcome(store, job_id) == (3, 6, [])
    assert errors == []


class Away:
    """Passes calls on to a store, but does not answer while it is told to be away."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.away = threading.Event()

    def __getattr__(self, name: str) -> Any:
        if self.away.is_set():
            raise StoreUnavailable("away")
        return getattr(self._store, name)


def test_a_job_that_cannot_be_handed_back_is_gone_on_with_at_once(store: Store, settings: Settings) -> None:
    """The worker did not die, so nothing counts as a death, and nobody waits for the lease to run out."""
    far = Away(store)
    deaths: list[int] = []

    def before(claim: Claim, number: int) -> None:
        deaths.append(claim.deaths)
        if len(deaths) == 2:
            far.away.set()

    patient = settings.replace(lease_seconds=600.0)
    job_id = submit(store, 3)
    worker = Worker(far, Spool(settings), patient, {KIND: Counting(before)}, poll_seconds=0.05)
    worker.start()
    try:
        until(far.away.is_set)
        time.sleep(0.3)
        assert jobs.get(store, job_id)["status"] == "running"
        far.away.clear()
        assert outcome(store, job_id) == (3, 6, [])
    finally:
        worker.stop(10)
    assert deaths == [0, 0, 0, 0]  # the second step was begun twice


# --- waiting within a step ------------------------------------------------------------------------------------


def test_what_is_busy_is_tried_again(store: Store, at_work: AtWork) -> None:
    busy = [TrackBusy("in use"), TrackBusy("in use")]
    got: list[str] = []

    def act() -> str:
        if busy:
            raise busy.pop()
        return "free"

    with at_work({KIND: Counting(lambda claim, _: got.append(claim.retry(act, on=(TrackBusy,))))}):
        done(store, submit(store, 1))
    assert got == ["free"]


def test_waiting_ends_when_the_worker_stops(store: Store, at_work: AtWork) -> None:
    def act() -> None:
        raise TrackBusy("in use")

    handler = Counting(lambda claim, _: claim.retry(act, on=(TrackBusy,)))
    job_id = submit(store, 1)
    with at_work({KIND: handler}):
        until(lambda: handler.seen)
    assert jobs.get(store, job_id)["status"] == "queued"


# --- records --------------------------------------------------------------------------------------------------


def test_jobs_that_finished_long_ago_are_deleted(store: Store) -> None:
    ids = [submit(store, 1) for _ in range(3)]
    for job_id, finished in zip(ids, ["2020-01-01T00:00:00.000Z", "2999-01-01T00:00:00.000Z"], strict=False):
        store.update("jobs", {"_id": job_id}, set={"status": "done", "finished": finished})
    jobs.clean(store)
    with pytest.raises(JobNotFound, match=ids[0]):
        jobs.get(store, ids[0])
    assert [jobs.get(store, job_id)["status"] for job_id in ids[1:]] == ["done", "queued"]
