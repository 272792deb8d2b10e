"""The shards that a worker has opened: parts of catalogues, each followed in an index of its own."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from pathlib import Path
from typing import Any

import numpy as np

from classifier.cluster import asks, codec
from classifier.cluster.codec import Values
from classifier.errors import CatalogueNotFound, EarmarkError
from classifier.index.follower import Follower, Part
from classifier.index.snapshot import Snapshot
from classifier.records import catalogues
from classifier.records.configurations import current_config
from classifier.search.candidates import list_lengths
from classifier.settings import Settings
from classifier.store.base import Store

log = logging.getLogger("earmark.cluster")

#: Seconds after which a shard that nobody asks for is closed.
_UNUSED_S = 600.0


class Shard:
    """A part of a catalogue, opened.

    Parameters
    ----------
    store : Store
        Where the catalogue is.
    record : CatalogueRecord
        The catalogue.
    settings : Settings
        Where indexes are kept, and how often the store is looked at.
    part : Part
        Which part.
    """

    def __init__(self, store: Store, record: catalogues.CatalogueRecord, settings: Settings, part: Part) -> None:
        self.config = current_config(record)
        self.asked = time.monotonic()
        self._follower = Follower(store, record, Path(settings.data_dir), settings.refresh_seconds, part)
        self._lock = threading.Lock()
        self._held: tuple[Snapshot, str, np.ndarray] | None = None
        self._follower.view()  # waits until everything is loaded

    def close(self) -> None:
        """Close the index."""
        self._follower.close()

    def search(self, message: Values) -> dict[str, Any]:
        """Answer what is asked, from what the store holds now."""
        self.asked = time.monotonic()
        snapshot, holds, own = self._holding(self._follower.view().snapshot)
        lengths = codec.unpacked(message["lengths"])
        answers = [asks.answer(snapshot, self.config, lengths, one) for one in message["asks"]]
        unknown = holds not in message["known"]
        keys = [[entry.track_id for _, entry in snapshot], [entry.version for _, entry in snapshot]]
        return {
            "state": "answered",
            "holds": holds,
            "keys": keys if unknown else None,
            "lengths": codec.packed(own) if unknown else None,
            "answers": answers,
        }

    def _holding(self, snapshot: Snapshot) -> tuple[Snapshot, str, np.ndarray]:
        """Return a snapshot, what identifies it, and the patches in each cell of its lists."""
        with self._lock:
            if self._held is None or self._held[0] is not snapshot:
                lengths = list_lengths(snapshot)
                digest = hashlib.sha256(lengths.tobytes())
                for _, entry in snapshot:
                    digest.update(f"{entry.track_id} {entry.version}\n".encode())
                self._held = snapshot, digest.hexdigest(), lengths
            return self._held


class Shards:
    """All shards of a worker; safe to share between threads. Close it.

    Parameters
    ----------
    store : Store
        Shared by all of them.
    settings : Settings
        The worker's.
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store, self._settings = store, settings
        self._lock = threading.Lock()
        self._opening = ThreadPoolExecutor(1, "open-shard")
        self._shards: dict[tuple[str, Part], Future[Shard]] = {}

    def close(self) -> None:
        """Close every shard."""
        self._opening.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            found, self._shards = list(self._shards.values()), {}
        for future in found:
            with contextlib.suppress(Exception):
                future.result(timeout=5.0).close()

    def search(self, message: Values) -> dict[str, Any]:
        """Answer a head's question to one shard; open it if need be.

        Parameters
        ----------
        message : mapping
            ``catalogue`` and ``catalogue_id``; ``shard`` and ``of``, which part; ``asks`` and ``lengths``, see
            :func:`classifier.cluster.asks.answer`; ``known``, inventories that the head remembers; ``wait_s``, seconds
            that it waits for the shard to be opened.

        Returns
        -------
        dict
            ``state`` is ``answered``, ``opening`` or ``failed``.
        """
        try:
            return self._shard(message).result(timeout=message["wait_s"]).search(message)
        except NotYet:
            return {"state": "opening"}
        except EarmarkError as error:
            return {"state": "failed", "detail": str(error)}
        except Exception as error:  # whatever it is, the head has to learn of it
            log.exception("shard %s of %s cannot be searched", message["shard"], message["catalogue"])
            return {"state": "failed", "detail": type(error).__name__}

    def _shard(self, message: Values) -> Future[Shard]:
        part = Part(message["shard"], message["of"])
        key = message["catalogue_id"], part
        with self._lock:
            found = self._shards.get(key)
            if found is None or (found.done() and found.exception() is not None):
                self._close_unused()
                found = self._shards[key] = self._opening.submit(self._open, message, part)
            return found

    def _open(self, message: Values, part: Part) -> Shard:
        record = catalogues.get_catalogue(self._store, message["catalogue"])
        if record.id != message["catalogue_id"]:
            raise CatalogueNotFound(f"catalogue {record.name!r} is another here: does this worker use the same store?")
        started = time.monotonic()
        shard = Shard(self._store, record, self._settings, part)
        took_s = time.monotonic() - started
        log.info("opened shard %d of %d of catalogue %r in %.1f s", part.number, part.of, record.name, took_s)
        return shard

    def _close_unused(self) -> None:
        """Close what nobody has asked for in a while; hold the lock."""
        now = time.monotonic()
        for key, future in list(self._shards.items()):
            if future.done() and future.exception() is None and now - future.result().asked > _UNUSED_S:
                del self._shards[key]
                threading.Thread(target=future.result().close, daemon=True).start()
