"""A head's connection: which workers there are, and questions to them, from any thread.

A thread of its own keeps asking the scheduler who is there. A worker that does not answer is left alone for some
seconds; what was asked of it goes to another.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from classifier import __version__
from classifier.cluster import engine
from classifier.errors import ClusterUnavailable
from classifier.settings import Settings

log = logging.getLogger("earmark.cluster")

#: Seconds between questions to the scheduler, and after which one without an answer has failed.
_POLL_S, _ANSWER_S = 0.5, 2.0
#: Questions in a row without an answer after which the scheduler counts as gone, within 5 s: a busy one may miss one.
_UNANSWERED = 2
#: Seconds that the first question of all is waited for.
_FIRST_S = 3.0
#: Seconds for which a worker that failed is not asked again.
_AVOIDED_S = 5.0

_T = TypeVar("_T")


def worker_name(unique: str) -> str:
    """Return the name of a worker: only those of the same release are asked."""
    return f"earmark-{__version__}-{unique}"


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker that is there.

    Parameters
    ----------
    address : str
        Where it answers.
    files : int
        Files that it decodes at a time.
    """

    address: str
    files: int


class Connection:
    """A connection to a scheduler and its workers; safe to share between threads. Close it.

    Parameters
    ----------
    settings : Settings
        Which scheduler, and how connections are protected.

    Raises
    ------
    InvalidConfig
        If the scheduler's address may not be used, or the engine is not installed.
    """

    def __init__(self, settings: Settings) -> None:
        self.address = engine.scheduler_of(settings)
        engine.prepare()
        self._settings = settings
        self._workers: dict[str, Worker] = {}
        self._avoided: dict[str, float] = {}
        self._unanswered = _UNANSWERED  # nobody has answered yet
        self._first = threading.Event()
        self._started = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._pool: Any = None
        self._thread = threading.Thread(target=self._run, name="cluster", daemon=True)
        self._thread.start()
        self._started.wait()

    def close(self) -> None:
        """End the connection."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._closing.set)
            self._thread.join(5.0)

    def workers(self) -> list[Worker]:
        """Return the workers that are there, by address; those that just failed are left out.

        Raises
        ------
        ClusterUnavailable
            If the scheduler does not answer.
        """
        self._first.wait(_FIRST_S)
        if self._unanswered >= _UNANSWERED:
            raise ClusterUnavailable(f"the scheduler at {self.address} does not answer: it may be starting again")
        now = time.monotonic()
        return [w for address, w in sorted(self._workers.items()) if self._avoided.get(address, 0.0) <= now]

    def avoid(self, address: str, why: BaseException) -> None:
        """Ask a worker nothing for some seconds: it failed."""
        log.warning("worker %s does not answer: %s: %s", address, type(why).__name__, why)
        self._avoided[address] = time.monotonic() + _AVOIDED_S

    def wait(self, question: Coroutine[Any, Any, _T]) -> _T:
        """Run a coroutine of questions in the connection's thread, and wait for it."""
        return asyncio.run_coroutine_threadsafe(question, self._loop).result()

    async def ask(self, address: str, operation: str, seconds: float | None, **values: Any) -> Any:
        """Ask a worker, within seconds, or however long it takes.

        Raises
        ------
        OSError, TimeoutError
            If it does not answer.
        """
        question = getattr(self._pool(address), operation)(**values)
        return await asyncio.wait_for(question, seconds)

    # --- the thread -----------------------------------------------------------------------------------------

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._watch())
        finally:
            self._loop.close()

    async def _watch(self) -> None:
        from distributed.core import ConnectionPool

        self._closing = asyncio.Event()
        security = engine.security(self.address, self._settings)
        self._pool = ConnectionPool(connection_args=security.get_connection_args("client"), timeout=_ANSWER_S)
        await self._pool.start()
        self._started.set()
        while not self._closing.is_set():
            try:
                known = await self.ask(str(self.address), "identity", _ANSWER_S, n_workers=-1)
                self._workers = dict(self._usable(known["workers"]))
                self._unanswered = 0
            except (OSError, TimeoutError) as error:
                self._unanswered += 1
                if self._unanswered == _UNANSWERED:
                    why = type(error).__name__
                    log.warning("the scheduler at %s does not answer: %s: %s", self.address, why, error)
            self._first.set()
            try:
                await asyncio.wait_for(self._closing.wait(), _POLL_S)
            except TimeoutError:
                continue
        await self._pool.close()

    def _usable(self, workers: dict[str, Any]) -> list[tuple[str, Worker]]:
        ours = worker_name("")
        return [
            (address, Worker(address, max(1, int(known["nthreads"]))))
            for address, known in workers.items()
            if str(known["name"]).startswith(ours) and known["status"] == "running"
        ]
