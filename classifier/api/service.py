"""What one serving process holds: store, catalogues, decoders, the queue of snippets, the worker of jobs.

Made with the application, before any fork; nothing is opened until :meth:`Service.start`, which the server calls
in the process that serves, or the first request does. Snippets and jobs have decoders of their own, so an album
being uploaded never stands before a phone.
"""

from __future__ import annotations

import io
import logging
import threading
import time
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast

import numpy as np
from flask import current_app

from classifier.api import idempotency
from classifier.api.gate import Gate
from classifier.audio.decoder import Decoder, Limits
from classifier.catalogue import Catalogue
from classifier.config import FeatureConfig
from classifier.errors import CatalogueExists, CatalogueNotFound, EarmarkError
from classifier.records import tags
from classifier.records.catalogues import CatalogueRecord, get_catalogue, list_catalogues
from classifier.records.orphans import remove_orphans
from classifier.records.tracks import count_tracks, list_tracks
from classifier.results import Tag
from classifier.settings import Settings
from classifier.store import open_store
from classifier.store.base import Store
from classifier.work import jobs

log = logging.getLogger("earmark.service")

MAX_STREAMS = 16
"""Event streams open at the same time in one process; each holds a thread."""
TIDY_SECONDS = 600.0
"""Time between deletions of what has expired."""
STOP_SECONDS = 20.0
"""How long the file at hand may take when the process is asked to end."""


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
        self.tried = threading.Event()
        """Set once the process is warm, or a first attempt at it has failed."""
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
            # One child more than workers: a file that takes its time to decode keeps no worker waiting.
            self._decoder = Decoder(self.settings, self.settings.workers + 1)
            self._job_decoder = Decoder(self.settings)
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
        self._decoder.close()
        self._job_decoder.close()
        for catalogue in self._catalogues.values():
            catalogue.close()
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
                self._open(self.settings.catalogue, self._decoder, create=True).close()
                catalogue = self.catalogue(self.settings.catalogue)
                self._hear(catalogue, _sweep_tone(), method=None, top=1)
                self._state["index"] = "ok"
                log.info("warm: ready for snippets")
                return
            except EarmarkError as error:
                log.warning("not warm yet, next attempt in %.0f s: %s: %s", wait, error.name, error)
            except Exception:
                log.exception("warming up failed, next attempt in %.0f s", wait)
            finally:
                self.tried.set()
            self.closing.wait(wait)
            wait = min(30.0, 2 * wait)

    def _tidy(self) -> None:
        """Delete what has expired, now and then."""
        while not self.closing.wait(TIDY_SECONDS * (0.5 + np.random.default_rng().random())):
            try:
                idempotency.clean(self.store)
                self.spool.clean(self.store)
                remove_orphans(self.store, thorough=False)
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

    def tracks_missing(self) -> int:
        """Return how many tracks of the catalogues in use no snippet is compared with."""
        return sum(catalogue.n_missing for catalogue in list(self._catalogues.values()))

    def catalogue(self, name: str) -> Catalogue:
        """Return a catalogue to search, opened once and kept.

        Raises
        ------
        CatalogueNotFound
            If there is none of that name (any more).
        """
        record = get_catalogue(self.store, name)
        with self._lock:
            found = self._catalogues.get(name)
            if found is None or found.id != record.id:  # not opened yet, or removed and created again
                found = self._catalogues[name] = self._open(name, self._decoder)
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
        """Return the name of the catalogue a request means, before its upload is read.

        Raises
        ------
        CatalogueNotFound
            If there is none of that name.
        """
        return get_catalogue(self.store, name or self.settings.catalogue).name

    def list_catalogues(self) -> list[dict[str, Any]]:
        """Return the JSON objects of all catalogues, by name."""
        return [self._described(record) for record in list_catalogues(self.store)]

    def create_catalogue(self, name: str, config: FeatureConfig) -> dict[str, Any]:
        """Create a catalogue; return its JSON object.

        Raises
        ------
        CatalogueExists
            If there is one of that name, whatever its parameters.
        """
        try:
            get_catalogue(self.store, name)
        except CatalogueNotFound:
            made = Catalogue.open(
                name=name, config=config, settings=self.settings, store=self.store, decoder=self._decoder
            )
            made.close()
            return self._described(get_catalogue(self.store, name))
        raise CatalogueExists(f"catalogue {name!r} exists already")

    def _described(self, record: CatalogueRecord) -> dict[str, Any]:
        return {
            "name": record.name,
            "created": record.created,
            "tracks": count_tracks(self.store, record.name),
            "revision": record.revision,
            "config": record.config,
            "config_hash": record.config_hash,
        }

    def list_tracks(self, catalogue: str | None, *, search: str | None, limit: int, skip: int) -> dict[str, Any]:
        """Return a page of a catalogue's tracks as JSON objects, and how many there are on all pages.

        Raises
        ------
        CatalogueNotFound
        """
        catalogue = self.catalogue_name(catalogue)
        found = list_tracks(self.store, catalogue, search=search, limit=limit, skip=skip)
        total = count_tracks(self.store, catalogue, search=search)
        return {"tracks": [track.to_dict() for track in found], "total": total, "limit": limit, "skip": skip}

    # --- what requests ask for ----------------------------------------------------------------------------

    def _hear(self, catalogue: Catalogue, content: bytes, *, method: str | None, top: int) -> Tag:
        """Decode, wait for a place at the CPU, identify: what ``Catalogue.identify`` does, with the gate in between."""
        started = time.perf_counter()
        audio = self._decoder.decode(content, Limits.for_snippet(self.settings), catalogue.config.sample_rate)
        decoded = time.perf_counter()
        with self.gate.cpu():
            admitted = time.perf_counter()
            tag = catalogue.identify_samples(audio.samples, method=method, top=top, bandwidth_hz=audio.bandwidth_hz)
        seconds = {"decode": decoded - started, "queue": admitted - decoded, **tag.seconds}
        return replace(tag, seconds={**seconds, "total": time.perf_counter() - started})

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
