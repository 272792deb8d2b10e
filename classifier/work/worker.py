"""Workers: threads that carry out jobs of any kind, one job at a time.

A worker claims a job by compare-and-set and renews its lease while the kind's handler works on it. The handler records
each step that it has done. If the process dies, the lease expires, and another worker continues after the last recorded
step. A step may therefore be done twice, and handlers make sure that this does no harm. A step on which several workers
have died is given up.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, TypeVar

from classifier.errors import EarmarkError, SchemaTooNew, StoreFull, StoreReadOnly, Unavailable
from classifier.records.clock import now
from classifier.settings import Settings
from classifier.store.base import Document, Store
from classifier.work.jobs import error_of
from classifier.work.spool import Spool

log = logging.getLogger("earmark.jobs")

T = TypeVar("T")

MAX_DEATHS = 3
"""Workers that may die on a step before it is given up."""
_MAX_PAUSE_S = 30.0
PASSING = (Unavailable, StoreFull, StoreReadOnly, SchemaTooNew)
"""Errors that keep a worker from its job but are not the job's fault: the worker waits and tries again."""


class Interrupted(BaseException):
    """The worker has to stop, or another worker has the job; handlers let this pass.

    Not an ``Exception``, so that a handler that records the failure of a step does not record this.
    """


class Later(Exception):
    """The job is to be claimed again, by any worker, but not before some seconds are over; handlers raise it.

    Parameters
    ----------
    seconds : float >= 0
        How long to wait.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(f"again in {seconds:.0f} s")
        self.seconds = seconds


class Handler(Protocol):
    """Carries out the jobs of one kind."""

    def run(self, claim: Claim) -> None:
        """Do what is left of a job, and return once all of it is done.

        Each step ends with :meth:`Claim.advance`. A step may have been done before without having been recorded.
        Exceptions: :class:`Interrupted` comes from the claim and is passed on; :class:`Later` puts the rest off; an
        :class:`~classifier.errors.EarmarkError` means that the whole job failed; after anything else the worker
        counts as dead, and the job is tried again.
        """

    def give_up(self, claim: Claim) -> None:
        """Record the current step as failed: ``MAX_DEATHS`` workers have died on it. :meth:`run` is called next.

        Ends with :meth:`Claim.advance`, or raises an :class:`~classifier.errors.EarmarkError` to give up the whole job.
        """


class Claim:
    """A job that a worker has claimed: what its handler reads, reports to and asks.

    Parameters
    ----------
    store : Store
        Where the job is.
    job : dict
        Its document, as claimed.
    owner : str
        The worker.
    lease_s : float
        Seconds for which the job stays the worker's without renewal.
    stopping : threading.Event
        Set when the worker has to stop.

    Attributes
    ----------
    id, created : str
        The job's id, and when it was submitted.
    task, state : dict
        What to do, and what has been done; see ``jobs.py``.
    deaths : int
        Workers that have died since the job last advanced.
    """

    def __init__(self, store: Store, job: Document, owner: str, lease_s: float, stopping: threading.Event) -> None:
        self.id: str = job["_id"]
        self.kind: str = job["kind"]
        self.created: str = job["created"]
        self.task: dict[str, Any] = job["task"]
        self.state: dict[str, Any] = job["state"]
        self.deaths: int = job["deaths"]
        self._store = store
        self._held = {"_id": self.id, "owner": owner, "status": "running"}
        self._lease_s = lease_s
        self._stopping = stopping
        self._lost = threading.Event()

    # --- for handlers -------------------------------------------------------------------------------------------

    @property
    def stopping(self) -> bool:
        """Whether the handler should end: the worker stops, or another worker has the job."""
        return self._stopping.is_set() or self._lost.is_set()

    def check(self) -> None:
        """Raise if the handler should end.

        Raises
        ------
        Interrupted
            If the worker stops, or another worker has the job.
        """
        if self.stopping:
            raise Interrupted

    def note(self, state: Mapping[str, Any]) -> None:
        """Store the job's state without advancing.

        Raises
        ------
        Interrupted
            If another worker has the job.
        """
        self._write(state=dict(state))

    def advance(self, done: int, state: Mapping[str, Any], *, total: int | None = None) -> None:
        """Store that a step is finished.

        Parameters
        ----------
        done : int
            Steps finished so far, of the job's ``total``.
        state : mapping
            Where another worker would continue.
        total : int, optional
            Steps of the whole job, where that was not known before.

        Raises
        ------
        Interrupted
            If another worker has the job.
        """
        known = {} if total is None else {"total": total}
        self._write(state=dict(state), done=done, deaths=0, **known)
        self.deaths = 0

    def retry(self, act: Callable[[], T], on: tuple[type[EarmarkError], ...]) -> T:
        """Return what ``act`` returns; while it raises one of ``on``, wait and try again, for at most three leases.

        Raises
        ------
        Interrupted
            If the handler should end meanwhile.
        """
        deadline = time.monotonic() + 3 * self._lease_s + 30
        wait = 0.2
        while True:
            try:
                return act()
            except on:
                if time.monotonic() > deadline:
                    raise
            self._stopping.wait(wait)
            self.check()
            wait = min(5.0, wait * 2)

    # --- for the worker -----------------------------------------------------------------------------------------

    def finish(self, error: EarmarkError | None = None) -> None:
        """Store that the job is done, or why it failed as a whole."""
        self._write(status="done", finished=now(), error=None if error is None else error_of(error))

    def hand_back(self, *, died: bool = False, after_s: float = 0.0) -> None:
        """Leave the rest of the job to the next worker, who may claim it after so many seconds."""
        if not self._lost.is_set():
            until = time.time() + after_s
            self._write(status="queued", owner=None, deaths=self.deaths + died, lease_expires=until)

    def _write(self, **values: Any) -> None:
        values.setdefault("lease_expires", time.time() + self._lease_s)
        if self._store.update("jobs", self._held, set=values, inc={"changes": 1}) is None:
            self._lost.set()
            raise Interrupted

    @contextlib.contextmanager
    def renewed(self) -> Iterator[None]:
        """Renew the lease for the length of a ``with`` block."""
        finished = threading.Event()

        def renew() -> None:
            while not finished.wait(self._lease_s / 3):
                try:
                    lease = {"lease_expires": time.time() + self._lease_s}
                    if self._store.update("jobs", self._held, set=lease) is None:
                        self._lost.set()
                        return
                except EarmarkError as error:
                    log.warning("the lease of job %s could not be renewed: %s", self.id, error)

        thread = threading.Thread(target=renew, name="job-lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            finished.set()
            thread.join()


class Worker:
    """A thread that works on jobs.

    Parameters
    ----------
    store : Store
        Where jobs are kept.
    spool : Spool
        The files that this worker can reach.
    settings : Settings
        ``lease_seconds`` is how long a worker may be silent before others take over.
    handlers : mapping of str to Handler
        By kind; jobs of other kinds are left to other workers.
    poll_seconds : float > 0
        Time between checks for jobs that other processes accepted.
    """

    def __init__(
        self,
        store: Store,
        spool: Spool,
        settings: Settings,
        handlers: Mapping[str, Handler],
        *,
        poll_seconds: float = 1.0,
    ) -> None:
        self._store = store
        self._spool = spool
        self._lease_s = settings.lease_seconds
        self._handlers = handlers
        self._poll_s = poll_seconds
        self._owner = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)

    def start(self) -> None:
        """Start looking for jobs."""
        self._thread.start()

    def notify(self) -> None:
        """Look for jobs now."""
        self._wake.set()

    def stop(self, seconds: float) -> None:
        """Let the handler finish its step, for at most ``seconds``; another worker or the next start does the rest."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(seconds)

    def _run(self) -> None:
        pause = self._poll_s
        while not self._stopping.is_set():
            try:
                claim = self._claim()
                if claim is not None:
                    self._work(claim)
                    pause = self._poll_s
                    continue
                pause = self._poll_s
            except PASSING as error:
                pause = min(_MAX_PAUSE_S, pause * 2)
                log.warning("jobs wait %.0f s: %s", pause, error)
            except Exception:  # a handler may raise anything; this thread has to go on with other jobs
                pause = min(_MAX_PAUSE_S, pause * 2)
                log.exception("a job could not be worked on; next look in %.0f s", pause)
            # Random pauses, so that workers started together do not keep polling together.
            self._wake.wait(pause * (0.75 + secrets.randbelow(500) / 1000))
            self._wake.clear()

    def _claim(self) -> Claim | None:
        """Claim a job: one that could not be handed back, else the oldest waiting one, else one whose worker died."""
        moment = time.time()
        taken = {"status": "running", "owner": self._owner, "lease_expires": moment + self._lease_s}
        able = {"kind": {"$in": sorted(self._handlers)}, "spool": {"$in": ["", self._spool.name]}}
        for where, deaths in (
            ({"status": "running", "owner": self._owner}, 0),
            ({"status": "queued", "lease_expires": {"$lte": moment}}, 0),
            ({"status": "running", "lease_expires": {"$lt": moment}}, 1),
        ):
            changes = {"changes": 1, "deaths": deaths}
            job = self._store.update("jobs", {**able, **where}, set=taken, inc=changes, sort=("created", 1))
            if job is not None:
                return Claim(self._store, job, self._owner, self._lease_s, self._stopping)
        return None

    def _work(self, claim: Claim) -> None:
        handler = self._handlers[claim.kind]
        with contextlib.suppress(Interrupted), claim.renewed():  # raised if another worker has the job: nothing to do
            try:
                if claim.deaths >= MAX_DEATHS:
                    handler.give_up(claim)
                handler.run(claim)
            except Interrupted:
                claim.hand_back()
                return
            except Later as later:
                claim.hand_back(after_s=later.seconds)
                return
            except PASSING:
                claim.hand_back()
                raise
            except EarmarkError as error:
                log.info("job %s: %s failed: %s", claim.id, error.name, error)
                claim.finish(error)
            except Exception:  # see Handler.run: the worker counts as dead, and the job is tried again
                claim.hand_back(died=True)
                raise
            else:
                claim.finish()
            self._spool.remove(claim.id)
