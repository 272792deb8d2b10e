"""What one serving process holds: store, catalogues, decoders, the queue of snippets, the worker of jobs.

Made with the application, before any fork; nothing is opened until :meth:`Service.start`, which the server calls
in the process that serves, or the first request does. Snippets and jobs have decoders of their own, so an album
being uploaded never stands before a phone.
"""

from __future__ import annotations

import io
import logging
import threading
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
from classifier.catalogue import Catalogue
from classifier.store.tracks import get_track
from flask import current_app

from classifier import jobs, tags
from classifier.api import idempotency
from classifier.api.gate import Gate
from classifier.audio import Decoder, Limits
from classifier.config import Settings
from classifier.errors import EarmarkError
from classifier.results import Tag
from classifier.store import open_store
from classifier.store.base import Store
from classifier.store.catalogues import get_catalogue

log = logging.getLogger("earmark.service")

MAX_STREAMS = 16
"""Event streams open at the same time in one process; each holds a thread."""
TIDY_SECONDS = 600.0
"""Time between deletions of what has expired."""
STOP_SECONDS = 20.0
"""How long the file at hand may take when the process is asked to end."""
DEFAULT = "default"
"""The catalogue that is always there."""


class Service:
    """Everything that requests share.

    Parameters
    ----------
    settings : Settings
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.gate = Gate(settings.workers, settings.queue)
        self.spool = jobs.Spool(settings)
        self.streams = threading.BoundedSemaphore(MAX_STREAMS)
        self.closing = threading.Event()
        self._lock = threading.RLock()
        self._started = self._closed = False
        self._store: Store | None = None
        self._catalogues: dict[str, Catalogue] = {}
        self._state = {"store": "not open yet", "index": "not warm yet", "decoder": "not warm yet"}

    # --- life ---------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to work: warm up in the background and look for jobs. Idempotent; call it after any fork."""
        if self._started:
            return
        with self._lock:
            if self._started:
                return
            self._store = open_store(self.settings.store)
            self._decoder = Decoder(self.settings, self.settings.workers + 1)
            self._jobs = jobs.Worker(self._store, self.spool, self.settings, self._enroller)
            self._started = True
        threading.Thread(target=self._warm_up, name="warm-up", daemon=True).start()
        threading.Thread(target=self._tidy, name="tidy", daemon=True).start()
        self._jobs.start()

    def close(self) -> None:
        """End streams, finish or hand back the job at hand, and release everything."""
        self.closing.set()
        with self._lock:
            if not self._started or self._closed:
                return
            self._closed = True
        self._jobs.stop(STOP_SECONDS)
        for catalogue in self._catalogues.values():
            catalogue.close()
        self._decoder.close()
        self.store.close()

    def _warm_up(self) -> None:
        """Open, load and compile what the first snippet would otherwise wait for; try again until it works."""
        wait = 1.0
        while not self.closing.is_set():
            try:
                self.store.ensure_schema()
                self._state["store"] = "ok"
                self._decoder.warm_up()
                self._state["decoder"] = "ok"
                catalogue = self.catalogue(DEFAULT, create=True)
                self._hear(catalogue, _sweep_tone(), method=None, top=1)
                self._state["index"] = "ok"
                log.info("warm: ready for snippets")
                return
            except EarmarkError as error:
                log.warning("not warm yet, next attempt in %.0f s: %s: %s", wait, error.name, error)
            except Exception:
                log.exception("warming up failed, next attempt in %.0f s", wait)
            self.closing.wait(wait)
            wait = min(30.0, 2 * wait)

    def _tidy(self) -> None:
        """Delete what has expired, now and then."""
        while not self.closing.wait(TIDY_SECONDS * (0.5 + np.random.default_rng().random())):
            try:
                idempotency.clean(self.store)
                self.spool.clean(self.store)
            except EarmarkError as error:
                log.warning("tidying up failed: %s: %s", error.name, error)

    # --- parts --------------------------------------------------------------------------------------------

    @property
    def store(self) -> Store:
        """The store, shared by all threads."""
        assert self._store is not None, "the service has not been started"
        return self._store

    @property
    def jobs(self) -> jobs.Worker:
        """The thread that enrolls uploads."""
        return self._jobs

    def checks(self) -> dict[str, str]:
        """Return ``ok``, or what is missing, for store, index and decoder."""
        checks = dict(self._state)
        if checks["store"] == "ok":
            try:
                self.store.ping()
            except EarmarkError as error:
                checks["store"] = error.name
        return checks

    def catalogue(self, name: str, *, create: bool = False) -> Catalogue:
        """Return a catalogue, opened once and kept.

        Raises
        ------
        CatalogueNotFound
            Unless ``create``, if there is none of that name (any more).
        """
        if not create:
            get_catalogue(self.store, name)
        with self._lock:
            found = self._catalogues.get(name)
            if found is None:
                found = self._catalogues[name] = Catalogue.open(self.settings.store, name, settings=self.settings)
            return found

    @contextmanager
    def catalogue_of(self, track_id: str) -> Iterator[Catalogue]:
        """Lend the catalogue that a track is in.

        Raises
        ------
        TrackNotFound
        """
        yield self.catalogue(get_track(self.store, track_id).catalogue)

    @contextmanager
    def _enroller(self, name: str) -> Iterator[Catalogue]:
        yield self.catalogue(name)

    # --- what requests ask for ----------------------------------------------------------------------------

    def _hear(self, catalogue: Catalogue, content: bytes, *, method: str | None, top: int) -> Tag:
        audio = self._decoder.decode(content, Limits.for_snippet(self.settings), catalogue.config.sample_rate)
        with self.gate.cpu():
            return catalogue.identify(audio, method=method, top=top)

    def identify(
        self, content: bytes, catalogue: str, *, method: str | None, top: int, file: str | None
    ) -> dict[str, Any]:
        """Identify a snippet and keep the tag; return its JSON object.

        Raises
        ------
        Busy
            At once, if too many snippets are waiting.
        AudioError, CatalogueNotFound
            As the library raises them; nothing is kept then.
        """
        with self.gate.admitted():
            tag = self._hear(self.catalogue(catalogue), content, method=method, top=top)
        return tags.save(self.store, catalogue, tag, file=file)


def _sweep_tone() -> bytes:
    """Return three seconds of sound as a wav file: something to warm up with."""
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
    """Return the application's service, started."""
    own = cast(Service, current_app.extensions["earmark"])
    own.start()
    return own
