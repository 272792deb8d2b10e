"""Workers: threads that carry out jobs of any kind, one job at a time.

A worker claims a job by compare-and-set and renews its lease while the kind's handler works on it. The handler writes
down each step that it has done. If the process dies, the lease runs out, and another worker goes on after the last
step that was written down; so a step may be done twice, and handlers make sure that this does no harm. A step on which
worker after worker dies is given up.
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
"""What keeps a worker from its job without being the job's fault: it waits, and tries again."""


class Interrupted(BaseException):
    """The worker is to stop, or the job is another's by now: the handler lets this pass.

    Not an ``Exception``, so that a handler that notes what went wrong with a step does not note this.
    """


class Handler(Protocol):
    """What carries out the jobs of one kind."""

    def run(self, claim: Claim) -> None:
        """Do what is left of a job, and return once all of it is done.

        Each step ends with :meth:`Claim.advance`. A step may have been done before without having been written down.
        What it raises: :class:`Interrupted` comes from the claim and is passed on; any other
        :class:`~classifier.errors.EarmarkError` is the failure of the whole job; after anything else the worker
        counts as dead, and the job is tried again.
        """

    def give_up(self, claim: Claim) -> None:
        """Write the step at hand down as failed: ``MAX_DEATHS`` workers have died on it. :meth:`run` comes next.

        Ends with :meth:`Claim.advance`, or raises an :class:`~classifier.errors.EarmarkError` to give up the whole job.
        """


class Claim:
    """A job in the hands of a worker: what its handler reads, reports to and asks.

    Parameters
    ----------
    store : Store
        Where the job is.
    job : dict
        Its document, as claimed.
    owner : str
        The worker.
    lease_s : float
        Seconds that the job stays the worker's without being renewed.
    stopping : threading.Event
        Set when the worker is to stop.

    Attributes
    ----------
    id : str
        The job's.
    task, state : dict
        What is to be done, and what has been; see ``jobs.py``.
    deaths : int
        Workers that have died since the job last advanced.
    """

    def __init__(self, store: Store, job: Document, owner: str, lease_s: float, stopping: threading.Event) -> None:
        self.id: str = job["_id"]
        self.kind: str = job["kind"]
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
        """Whether the handler should come to an end: the worker stops, or the job is another's by now."""
        return self._stopping.is_set() or self._lost.is_set()

    def check(self) -> None:
        """Go on, unless the handler should come to an end.

        Raises
        ------
        Interrupted
            If it should.
        """
        if self.stopping:
            raise Interrupted

    def note(self, state: Mapping[str, Any]) -> None:
        """Store what the job's state is, without having advanced.

        Raises
        ------
        Interrupted
            If the job is another worker's by now.
        """
        self._write(state=dict(state))

    def advance(self, done: int, state: Mapping[str, Any], *, total: int | None = None) -> None:
        """Store that a step is finished.

        Parameters
        ----------
        done : int
            Steps finished so far, of the job's ``total``.
        state : mapping
            Where another worker would go on.
        total : int, optional
            Steps of the whole job, where that was not known before.

        Raises
        ------
        Interrupted
            If the job is another worker's by now.
        """
        known = {} if total is None else {"total": total}
        self._write(state=dict(state), done=done, deaths=0, **known)
        self.deaths = 0

    def retry(self, act: Callable[[], T], on: tuple[type[EarmarkError], ...]) -> T:
        """Return what ``act`` returns; while it raises one of ``on``, wait and do it again, for three leases at most.

        Raises
        ------
        Interrupted
            If the handler should come to an end meanwhile.
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

    def hand_back(self, *, died: bool = False) -> None:
        """Leave the rest of the job to whoever comes next."""
        if not self._lost.is_set():
            self._write(status="queued", owner=None, deaths=self.deaths + died)

    def _write(self, **values: Any) -> None:
        values["lease_expires"] = time.time() + self._lease_s
        if self._store.update("jobs", self._held, set=values, inc={"changes": 1}) is None:
            self._lost.set()
            raise Interrupted

    @contextlib.contextmanager
    def renewed(self) -> Iterator[None]:
        """Hold the lease for as long as the block takes."""
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
        By kind; jobs of other kinds are left to others.
    poll_seconds : float > 0
        Time between looks for jobs that other processes took in.
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
        """Begin to look for jobs."""
        self._thread.start()

    def notify(self) -> None:
        """Look for jobs now."""
        self._wake.set()

    def stop(self, seconds: float) -> None:
        """Let the handler finish its step, for ``seconds`` at most; the rest is left to another worker or start."""
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
            except Exception:
                pause = min(_MAX_PAUSE_S, pause * 2)
                log.exception("a job could not be worked on; next look in %.0f s", pause)
            # Workers that were started together should not look together for ever.
            self._wake.wait(pause * (0.75 + secrets.randbelow(500) / 1000))
            self._wake.clear()

    def _claim(self) -> Claim | None:
        """Claim a job: one that could not be handed back, else the oldest that waits, else one whose worker died."""
        moment = time.time()
        taken = {"status": "running", "owner": self._owner, "lease_expires": moment + self._lease_s}
        able = {"kind": {"$in": sorted(self._handlers)}, "spool": {"$in": ["", self._spool.name]}}
        for where, deaths in (
            ({"status": "running", "owner": self._owner}, 0),
            ({"status": "queued"}, 0),
            ({"status": "running", "lease_expires": {"$lt": moment}}, 1),
        ):
            changes = {"changes": 1, "deaths": deaths}
            job = self._store.update("jobs", {**able, **where}, set=taken, inc=changes, sort=("created", 1))
            if job is not None:
                return Claim(self._store, job, self._owner, self._lease_s, self._stopping)
        return None

    def _work(self, claim: Claim) -> None:
        handler = self._handlers[claim.kind]
        with contextlib.suppress(Interrupted), claim.renewed():  # what is lost is not ours to hand back
            try:
                if claim.deaths >= MAX_DEATHS:
                    handler.give_up(claim)
                handler.run(claim)
            except Interrupted:
                claim.hand_back()
                return
            except PASSING:
                claim.hand_back()
                raise
            except EarmarkError as error:
                log.info("job %s: %s failed: %s", claim.id, error.name, error)
                claim.finish(error)
            except Exception:
                claim.hand_back(died=True)
                raise
            else:
                claim.finish()
            self._spool.remove(claim.id)
