"""A second kind of job, without files: adds up the numbers from 1 to ``n``, one a step.

``python -m tests.work.counting DATA_DIR`` works on such jobs in a process of its own, until it is killed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from classifier.settings import Settings
from classifier.store import Store, open_store
from classifier.work import jobs
from classifier.work.spool import Spool
from classifier.work.worker import Claim, Worker

KIND = "count"


def submit(store: Store, n: int, *, kind: str = KIND, spool: str = "") -> str:
    """Store a job that adds up the numbers from 1 to ``n``; return its id."""
    job = jobs.submit(store, kind, {"n": n}, state={"at": 0, "sum": 0, "left_out": []}, total=n, spool=spool)
    assert jobs.to_dict(job) == {
        **{"id": job["_id"], "kind": kind, "status": "queued", "created": job["created"], "finished": None},
        **{"total": n, "done": 0, "error": None},
    }
    return job["_id"]


@dataclass
class Counting:
    """Adds up; leaves out a number on which workers die. ``before`` is called with each number before it is added."""

    before: Callable[[Claim, int], object] = lambda claim, number: None
    seen: list[int] = field(default_factory=list)

    def run(self, claim: Claim) -> None:
        state = claim.state
        while state["at"] < claim.task["n"]:
            claim.check()
            number = state["at"] + 1
            self.seen.append(number)
            self.before(claim, number)
            self._advance(claim, {"sum": state["sum"] + number})

    def give_up(self, claim: Claim) -> None:
        number = claim.state["at"] + 1
        self._advance(claim, {"left_out": [*claim.state["left_out"], number]})

    def _advance(self, claim: Claim, changes: dict[str, object]) -> None:
        claim.state.update(changes, at=claim.state["at"] + 1)
        claim.advance(claim.state["at"], claim.state)


def main(data_dir: str) -> None:
    """Work until killed; print each number before it is added, and take some time over it."""

    def before(claim: Claim, number: int) -> None:
        print(number, flush=True)
        time.sleep(0.1)

    settings = Settings(data_dir=data_dir, lease_seconds=1.0)
    worker = Worker(open_store(settings.store), Spool(settings), settings, {KIND: Counting(before)}, poll_seconds=0.05)
    worker.start()
    time.sleep(600)


if __name__ == "__main__":
    main(sys.argv[1])
