"""What one serving process holds: store, catalogues, decoders, the queue of snippets and the job workers.

The service is made with the application, before any fork. It opens nothing until :meth:`Service.start`, which the
server calls in the process that serves, or the first request does. Snippets and jobs have separate decoders, so a
phone never waits for an album being uploaded. What requests do with these parts is in the modules of their routes.
"""

from __future__ import annotations

import io
import logging
import threading
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

import numpy as np
from flask import current_app

from classifier.api.continuous import Ears
from classifier.api.gate import Gate
from classifier.api.labelling import Labelling
from classifier.audio.decoder import Decoder
from classifier.catalogue import Catalogue
from classifier.errors import EarmarkError
from classifier.likeness.library import Likeness
from classifier.records import allowances, idempotency, listens, recordings, tags
from classifier.records.catalogues import get_catalogue, list_catalogues
from classifier.records.clock import iso
from classifier.records.orphans import remove_orphans
from classifier.settings import Settings
from classifier.store import open_store
from classifier.store.base import Store
from classifier.work import copy, duplicates, enroll, experiment, jobs, label, mapping, tracklist, train, webhooks
from classifier.work.spool import Spool
from classifier.work.worker import Handler, Worker

if TYPE_CHECKING:
    from classifier.cluster.head import Head

log = logging.getLogger("earmark.service")

MAX_STREAMS = 16
"""Event streams open at the same time in one process; each holds a thread."""
TIDY_SECONDS = 600.0
"""Time between deletions of what has expired."""
LOADING_SECONDS = 2.0
"""Time between lines of the log on how far the index is loaded."""
STOP_SECONDS = 20.0
"""How long a job may take to finish its current step when the process is asked to stop."""


class Service:
    """Everything that requests share.

    Parameters
    ----------
    settings : Settings
        The process's settings.

    Attributes
    ----------
    gate : Gate
        Limits how many snippets are worked on or wait.
    ears : Ears
        Listeners of continuous listens.
    spool : Spool
        Where uploads wait.
    streams : threading.BoundedSemaphore
        Limits the open event streams.
    closing : threading.Event
        Set when the process is asked to stop.
    opened : threading.Event
        Set once the store is open and the default catalogue exists, or once the first attempt has failed.
    tried : threading.Event
        Set once the process is warm, or once the first attempt to warm it up has failed.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.gate = Gate(settings.workers, settings.queue)
        self.ears = Ears()
        self.spool = Spool(settings)
        self.streams = threading.BoundedSemaphore(MAX_STREAMS)
        self.closing = threading.Event()
        self.opened = threading.Event()
        self.tried = threading.Event()
        self.watch_labels: Callable[[int], None] = lambda inside: None
        """Called with the number of recordings being labelled or waiting, whenever it changes."""
        self._lock = threading.RLock()
        self._started = self._closed = False
        self._store: Store | None = None
        self._catalogues: dict[str, Catalogue] = {}
        self._likeness: dict[str, Likeness] = {}
        self._head: Head | None = None
        self._state = {"store": "not open yet", "index": "not warm yet", "decoder": "not warm yet"}

    # --- life ---------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start: warm up in the background and look for jobs. Idempotent; call it after any fork."""
        if self._started:
            return
        with self._lock:
            if self._started:
                return
            if self.settings.scheduler:
                from classifier.cluster.head import Head

                self._head = Head(self.settings)
            self._store = open_store(self.settings.store)
            # One child more than workers: a file that is slow to decode keeps no worker waiting.
            self._decoder = Decoder(self.settings, self.settings.workers + 1)
            self._job_decoder = Decoder(self.settings)
            self._recording_decoder = Decoder(self.settings)
            self._labelling = Labelling(self.settings)
            self._labelling.gate.watch = self.watch_labels
            labels = label.Labels(self.settings, self._enroller)
            handlers: dict[str, Handler] = {
                copy.KIND: copy.Copies(self._enroller, self.settings.music_folders),
                enroll.KIND: enroll.Enroll(self._store, self.spool, self._enroller, labels.one),
                label.KIND: labels,
                tracklist.KIND: tracklist.Tracklists(
                    self._store, self.spool, self.settings, self._recording_decoder, self.catalogue, labels.segments
                ),
                duplicates.KIND: duplicates.Duplicates(self.catalogue),
                mapping.KIND: mapping.Mapping(self.likeness),
                train.KIND: train.Train(self.settings, self.spool),
                experiment.KIND: experiment.Experiments(self._store, self.settings, self.spool),
                webhooks.KIND: webhooks.Webhooks(self._store, self.settings),
            }
            # A worker each: hours of sound, or a training, keep no track from being enrolled.
            workers = {
                kind: Worker(self._store, self.spool, self.settings, {kind: handler})
                for kind, handler in handlers.items()
            }
            self._workers, self._telling = list(workers.values()), workers[webhooks.KIND]
            self._started = True
            self._threads = [
                threading.Thread(target=target, name=name, daemon=True)
                for name, target in (("warm-up", self._warm_up), ("tidy", self._tidy))
            ]
        for thread in self._threads:
            thread.start()
        for worker in self._workers:
            worker.start()

    def close(self) -> None:
        """End streams, finish or hand back the current job, and release everything."""
        self.closing.set()
        with self._lock:
            if not self._started or self._closed:
                return
            self._closed = True
        stopping = [threading.Thread(target=worker.stop, args=(STOP_SECONDS,)) for worker in self._workers]
        for thread in stopping:
            thread.start()
        for thread in stopping:
            thread.join()
        for decoder in (self._decoder, self._job_decoder, self._recording_decoder, self._labelling):
            decoder.close()
        for thread in self._threads:  # a connection must not be closed under a thread that uses it
            thread.join(STOP_SECONDS)
        for catalogue in self._catalogues.values():
            catalogue.close()
        if self._head is not None:
            self._head.close()
        self.store.close()

    def _warm_up(self) -> None:
        """Open, load and compile what the first snippet would otherwise wait for; retry until it works."""
        wait = 1.0
        while not self.closing.is_set():
            try:
                self.store.ensure_schema()
                self._open(self.settings.catalogue, self._decoder, create=True).close()
                self._state["store"] = "ok"
                self.opened.set()
                self._decoder.warm_up()
                self._state["decoder"] = "ok"
                catalogue = self.catalogue(self.settings.catalogue)
                catalogue.view(self._report_loading())
                with self.gate.cpu():
                    catalogue.identify(_rising_tone())
                self._state["index"] = "ok"
                log.info("ready for snippets")
                return
            except EarmarkError as error:
                log.warning("not warm yet, next attempt in %.0f s: %s: %s", wait, error.name, error)
            except Exception:  # whatever it is: without this thread the process would never become ready
                log.exception("warming up failed, next attempt in %.0f s", wait)
            finally:
                self.opened.set()
                self.tried.set()
            self.closing.wait(wait)
            wait = min(30.0, 2 * wait)

    def _report_loading(self) -> Callable[[int, int], None]:
        """Return a progress callback that keeps ``/readyz`` and the log informed while the index loads."""
        said = 0.0

        def report(loaded: int, total: int) -> None:
            nonlocal said
            self._state["index"] = f"{loaded:,} of {total:,} tracks loaded"
            if time.monotonic() - said >= LOADING_SECONDS:
                log.info("loading the index: %s", self._state["index"])
                said = time.monotonic()

        return report

    def _tidy(self) -> None:
        """Delete what has expired, every ``TIDY_SECONDS`` or so."""
        while not self.closing.wait(TIDY_SECONDS * (0.5 + np.random.default_rng().random())):
            try:
                allowances.clean(self.store)
                idempotency.clean(self.store)
                if self.settings.tag_days:
                    tags.clean(self.store, iso(time.time() - 86400 * self.settings.tag_days))
                listens.clean(self.store)
                recordings.clean(self.store)
                jobs.clean(self.store)
                self.spool.clean(self.store)
                remove_orphans(self.store, thorough=False)
                self._let_go()
            except EarmarkError as error:
                log.warning("tidying up failed: %s: %s", error.name, error)

    def _let_go(self) -> None:
        """Close what is open of catalogues that were removed."""
        ids = {record.id for record in list_catalogues(self.store)}
        with self._lock:
            gone = [name for name, found in self._catalogues.items() if found.id not in ids]
            removed = [self._catalogues.pop(name) for name in gone]
            for name in gone:
                self._likeness.pop(name, None)
        for catalogue in removed:
            catalogue.close()

    # --- parts --------------------------------------------------------------------------------------------

    @property
    def store(self) -> Store:
        """The store, shared by all threads."""
        assert self._store is not None, "the service has not been started"
        return self._store

    @property
    def decoder(self) -> Decoder:
        """The decoder of snippets, shared by all threads."""
        return self._decoder

    @property
    def labelling(self) -> Labelling:
        """What labels recordings, with a queue of its own."""
        return self._labelling

    def notify_workers(self) -> None:
        """Let the threads that work on jobs look for new ones now."""
        for worker in self._workers:
            worker.notify()

    def announce(self, event: str, subject: str) -> None:
        """Have webhooks told what happened (:func:`classifier.work.webhooks.announce`)."""
        webhooks.announce(self.store, event, subject)
        self._telling.notify()

    def checks(self) -> dict[str, str]:
        """Return ``ok`` or what is missing, for store, index and decoder, and for workers if there is a scheduler."""
        checks = dict(self._state)
        if checks["store"] == "ok":
            try:
                self.store.ping()
            except EarmarkError as error:
                checks["store"] = error.name
        if self._head is not None:
            try:
                checks["workers"] = "ok" if self._head.workers() else "none is there"
            except EarmarkError as error:
                checks["workers"] = error.name
        return checks

    def tracks_missing(self) -> int:
        """Return how many tracks of the open catalogues are missing from their indexes: no snippet can match them."""
        return sum(catalogue.n_missing for catalogue in list(self._catalogues.values()))

    def catalogue(self, name: str) -> Catalogue:
        """Return a catalogue to search, opened once and kept.

        Raises
        ------
        CatalogueNotFound
            If no catalogue has that name, or none has it any more.
        """
        record = get_catalogue(self.store, name)
        with self._lock:
            found = self._catalogues.get(name)
            if found is None or found.id != record.id:  # not opened yet, or removed and created again
                found = self._open(name, self._decoder)
                if self._head is not None:
                    self._head.serve(found)
                self._catalogues[name] = found
            return found

    def likeness(self, name: str) -> Likeness:
        """Return what knows which tracks of a catalogue sound alike; as :meth:`catalogue`."""
        catalogue = self.catalogue(name)
        with self._lock:
            found = self._likeness.get(name)
            if found is None or found.catalogue is not catalogue:
                found = self._likeness[name] = Likeness(catalogue)
            return found

    def _open(self, name: str, decoder: Decoder, *, create: bool = False) -> Catalogue:
        return Catalogue.open(name=name, settings=self.settings, create=create, store=self.store, decoder=decoder)

    @contextmanager
    def _enroller(self, name: str) -> Iterator[Catalogue]:
        """Lend a catalogue to enroll into; it never loads the index, and has a decoder of its own."""
        catalogue = self._open(name, self._job_decoder)
        try:
            yield catalogue
        finally:
            catalogue.close()

    def catalogue_name(self, name: str | None) -> str:
        """Return the name of the catalogue that a request means, before its upload is read.

        Raises
        ------
        CatalogueNotFound
            If no catalogue has that name.
        """
        return get_catalogue(self.store, name or self.settings.catalogue).name


def _rising_tone() -> bytes:
    """Return three seconds of sound as a wav file, to warm up with."""
    t = np.arange(3 * 16000) / 16000.0
    samples = 0.3 * np.sin(2 * np.pi * (200 + 400 * t) * t) + 0.05 * np.random.default_rng(1).standard_normal(len(t))
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes((samples * 32767).clip(-32768, 32767).astype("<i2").tobytes())
    return buffer.getvalue()


def service() -> Service:
    """Return the current application's service, started."""
    own = cast(Service, current_app.extensions["earmark"])
    own.start()
    return own
