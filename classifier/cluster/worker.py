"""The processes of a cluster: workers, which search shards and model files, and the scheduler, which knows them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

from classifier.audio.decoder import Decoder
from classifier.audio.limits import Limits
from classifier.catalogue import Catalogue
from classifier.cluster import addresses, codec, engine
from classifier.cluster.addresses import Address
from classifier.cluster.codec import Values
from classifier.cluster.connection import worker_name
from classifier.cluster.shards import Shards
from classifier.cluster.warming import warm_up
from classifier.enrolling import check_sound
from classifier.errors import CatalogueNotFound, EarmarkError
from classifier.models.track import TrackModel
from classifier.settings import Settings
from classifier.store import open_store

log = logging.getLogger("earmark.cluster")

#: Searches at a time; each uses all cores in what takes longest.
_SEARCHES = 4
#: Blocks of a recording whose models go into one stretch.
_BLOCKS = 64
#: Seconds between attempts to reach a scheduler, doubled up to the second value.
_PAUSE_S = (0.5, 5.0)


class Modelling:
    """Decodes and models files for heads; safe to share between threads. Close it.

    Parameters
    ----------
    settings : Settings
        Limits, and where the store is.
    files : int
        Files at a time.
    """

    def __init__(self, settings: Settings, files: int) -> None:
        self._settings = settings
        self._closing = contextlib.ExitStack()
        self._decoder = self._closing.enter_context(Decoder(settings, files))
        self._store = open_store(settings.store)
        self._closing.callback(self._store.close)
        self._catalogues: dict[str, Catalogue] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close decoders and store."""
        for catalogue in self._catalogues.values():
            catalogue.close()
        self._closing.close()

    def prepare(self, message: Values) -> dict[str, Any]:
        """Decode and model a file.

        Parameters
        ----------
        message : mapping
            ``catalogue`` and ``catalogue_id``; ``data``, the file's bytes.

        Returns
        -------
        dict
            ``state`` is ``prepared``, with ``info``, ``models`` and ``chromaprint``; or ``failed``, with the name of an
            error and its text.
        """
        try:
            return self._prepare(bytes(message["data"]), self._catalogue(message))
        except EarmarkError as error:
            return {"state": "failed", "error": error.name, "detail": str(error)}
        except Exception as error:  # whatever it is, the head has to learn of it
            log.exception("a file cannot be modelled")
            return {"state": "failed", "error": EarmarkError.name, "detail": type(error).__name__}

    def _prepare(self, data: bytes, catalogue: Catalogue) -> dict[str, Any]:
        limits = Limits.for_track(self._settings).of(data)
        with catalogue.enroller.held(data, limits) as held:
            check_sound(held.info, self._settings)
            pieces = held.models()
            stretches = []
            while some := list(islice(pieces, _BLOCKS)):
                stretches.append(codec.from_model(TrackModel.join(some, catalogue.config)))
            words = held.chromaprint()
            return {
                "state": "prepared",
                "info": codec.from_info(held.info),
                "models": stretches,
                "chromaprint": None if words is None else codec.packed(words),
            }

    def _catalogue(self, message: Values) -> Catalogue:
        name, wanted = message["catalogue"], message["catalogue_id"]
        with self._lock:
            if wanted not in self._catalogues:
                found = Catalogue.open(
                    name=name, settings=self._settings, create=False, store=self._store, decoder=self._decoder
                )
                if found.id != wanted:
                    found.close()
                    raise CatalogueNotFound(f"catalogue {name!r} is another here: does this worker use the same store?")
                self._catalogues[wanted] = found
            return self._catalogues[wanted]


async def work(settings: Settings, host: str | None, files: int, ready: Callable[[str], None]) -> None:
    """Search and model for heads until SIGTERM or SIGINT; if the scheduler is lost, wait until it is back.

    Parameters
    ----------
    settings : Settings
        Which scheduler, store and folder.
    host : str or None
        Address of this machine to listen on; default the one from which the scheduler is reached.
    files : int
        Files decoded at a time.
    ready : callable
        Called with the worker's address each time that it has found the scheduler.

    Raises
    ------
    InvalidConfig
        If an address may not be used, or the engine is not installed.
    """
    scheduler = engine.scheduler_of(settings)
    own = Address(scheduler.scheme, host or addresses.local_towards(scheduler), 0)
    addresses.check(own)
    engine.prepare()
    stopping = _until_stopped()
    store = open_store(settings.store)
    shards, modelling = Shards(store, settings), Modelling(settings, files)
    searches, models = ThreadPoolExecutor(_SEARCHES, "search"), ThreadPoolExecutor(files, "model")
    loop = asyncio.get_running_loop()

    async def search(**message: Any) -> Any:
        return await loop.run_in_executor(searches, shards.search, message)

    async def model(**message: Any) -> Any:
        return await loop.run_in_executor(models, modelling.prepare, message)

    handlers = {"earmark_search": search, "earmark_prepare": model}
    await loop.run_in_executor(searches, warm_up)
    pause = _PAUSE_S[0]
    try:
        while not stopping.is_set():
            try:
                await _serve(settings, scheduler, own, files, handlers, ready, stopping)
                pause = _PAUSE_S[0]
            except OSError as error:
                log.warning("the scheduler at %s does not answer, next attempt in %.1f s: %s", scheduler, pause, error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), pause)
            pause = min(2 * pause, _PAUSE_S[1])
    finally:
        searches.shutdown(wait=False, cancel_futures=True)
        models.shutdown(wait=False, cancel_futures=True)
        shards.close()
        modelling.close()
        store.close()


async def _serve(
    settings: Settings,
    scheduler: Address,
    own: Address,
    files: int,
    handlers: dict[str, Any],
    ready: Callable[[str], None],
    stopping: asyncio.Event,
) -> None:
    """Be a worker until the scheduler is lost or the process is asked to stop."""
    from distributed import Worker

    folder = Path(settings.data_dir) / "cluster"
    folder.mkdir(parents=True, exist_ok=True)
    worker: Any = Worker(
        str(scheduler),
        nthreads=files,
        name=worker_name(uuid.uuid4().hex[:8]),
        host=own.bracketed,
        protocol=scheduler.scheme,
        security=engine.security(scheduler, settings),
        local_directory=str(folder),
        dashboard=False,
        dashboard_address="127.0.0.1:0",
        extensions={},
        memory_limit=0,
        death_timeout=5,
    )
    engine.restrict(worker.handlers, engine.WORKER_HANDLERS)
    engine.restrict(worker.stream_handlers, engine.WORKER_STREAMS)
    worker.handlers.update(handlers)
    try:
        await worker
        ready(worker.address)
        finished, stopped = asyncio.ensure_future(worker.finished()), asyncio.ensure_future(stopping.wait())
        await asyncio.wait((finished, stopped), return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
    finally:
        await worker.close()


async def schedule(settings: Settings, address: Address, ready: Callable[[str], None]) -> None:
    """Be a scheduler at an address until SIGTERM or SIGINT.

    Raises
    ------
    InvalidConfig
        If the address may not be used, or the engine is not installed.
    """
    addresses.check(address)
    engine.check_files(address, settings)
    engine.prepare()
    from distributed import Scheduler

    stopping = _until_stopped()
    scheduler = Scheduler(
        host=address.bracketed,
        port=address.port,
        protocol=address.scheme,
        security=engine.security(address, settings),
        dashboard=False,
        dashboard_address="127.0.0.1:0",
        extensions={},
    )
    engine.restrict(scheduler.handlers, engine.SCHEDULER_HANDLERS)
    engine.restrict(scheduler.stream_handlers, engine.SCHEDULER_STREAMS)
    async with scheduler:
        ready(scheduler.address)
        await stopping.wait()


def _until_stopped() -> asyncio.Event:
    """Return an event that SIGTERM or SIGINT sets."""
    stopping, loop = asyncio.Event(), asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopping.set)
    return stopping


def default_files() -> int:
    """Return how many files are decoded at a time unless it is said: one for each core."""
    return os.cpu_count() or 1
