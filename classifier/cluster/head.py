"""The head: has a catalogue's searches made by workers, and its files decoded there.

Every head gives each shard to the same worker, without asking anybody: workers are ranked for a shard by a hash of both
(rendezvous hashing, Thaler & Ravishankar 1998), and none gets more than its part. If a worker is lost or still opening
a shard, the next in rank is asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from classifier.audio.decoded import AudioInfo
from classifier.audio.limits import Limits
from classifier.catalogue import Catalogue
from classifier.cluster import codec
from classifier.cluster.codec import Values
from classifier.cluster.connection import Connection, Worker
from classifier.cluster.remote import Inventory, Remote, Reply
from classifier.enrolling import Prepared
from classifier.errors import ClusterUnavailable, EarmarkError, FileMissing
from classifier.index.snapshot import Snapshot
from classifier.models.track import TrackModel
from classifier.settings import Settings

log = logging.getLogger("earmark.cluster")

#: Seconds in which a worker has to answer a search, beside those that the settings give to aligning.
_PATIENCE_S = 10.0
#: Seconds that the search waits for a shard to be opened, if no worker has it.
_OPENING_S = 3.0
#: Times that a file is sent to another worker after one was lost over it.
_TRIES = 3
#: What each shard held last, that is remembered.
_REMEMBERED = 4


class Head:
    """Uses the workers of a scheduler for catalogues of this process; safe to share between threads. Close it.

    Parameters
    ----------
    settings : Settings
        Which scheduler, and how many shards.
    most_windows : int, optional
        Windows that the head itself searches if no worker does; default where catalogues begin to be searched through
        lists.

    Raises
    ------
    InvalidConfig
        If the scheduler's address may not be used, or the engine is not installed.
    """

    def __init__(self, settings: Settings, most_windows: int | None = None) -> None:
        self._settings = settings
        self._most_windows = settings.indexed_windows if most_windows is None else most_windows
        self._connection = Connection(settings)
        self._known: dict[tuple[str, int], dict[str, Inventory]] = {}
        self._lock = threading.Condition()
        self._files: dict[str, int] = {}

    def __enter__(self) -> Head:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def workers(self) -> list[Worker]:
        """Return the workers that are there.

        Raises
        ------
        ClusterUnavailable
            If the scheduler does not answer.
        """
        return self._connection.workers()

    def serve(self, catalogue: Catalogue) -> None:
        """Have a catalogue's searches made by workers."""

        def passes(snapshot: Snapshot) -> Remote:
            self.workers()  # without a scheduler, nothing is answered at all
            return Remote(snapshot, catalogue.config, lambda asks: self._ask(catalogue, asks), self._most_windows)

        catalogue.identifier.passes = passes

    def decode_for(self, catalogue: Catalogue) -> None:
        """Have a catalogue's files decoded and modelled by workers; this process stores them.

        Files larger than an upload may be do not cross: this process decodes them itself, from the disk.
        """
        here = catalogue.enroller.prepare

        @contextlib.contextmanager
        def prepare(source: bytes | Path, limits: Limits) -> Iterator[Prepared]:
            data = source if isinstance(source, bytes) else _read(source, self._settings.track_bytes)
            if data is None:
                with here(source, limits) as held:
                    yield held
            else:
                yield self._prepared(catalogue, data)

        catalogue.enroller.prepare = prepare

    # --- searching ------------------------------------------------------------------------------------------

    def _ask(self, catalogue: Catalogue, asks: Sequence[Values]) -> list[Reply]:
        """Ask all shards; if lists are read and one has changed meanwhile, once more with what all of them hold."""
        uses_lists = any(one["ask"] == "near" for one in asks)
        if uses_lists and not all((catalogue.id, shard) in self._known for shard in range(self._settings.shards)):
            self._connection.wait(self._ask_all(catalogue, [], np.zeros(0, np.int64)))
        replies: list[Reply] = []
        for _ in range(2):
            lengths = self._lengths(catalogue)
            replies = self._connection.wait(self._ask_all(catalogue, asks, lengths))
            if not uses_lists or np.array_equal(lengths, self._lengths(catalogue)):
                break
        return replies

    def _lengths(self, catalogue: Catalogue) -> np.ndarray:
        """Patches in each cell of the lists of all shards, as they were last."""
        remembered = (list(self._known.get((catalogue.id, i), {}).values()) for i in range(self._settings.shards))
        lengths = [last[-1].lengths for last in remembered if last and len(last[-1].lengths)]
        return np.sum(lengths, axis=0) if lengths else np.zeros(0, np.int64)

    async def _ask_all(self, catalogue: Catalogue, asks: Sequence[Values], lengths: np.ndarray) -> list[Reply]:
        shards = range(self._settings.shards)
        found = await asyncio.gather(*(self._ask_shard(catalogue, shard, asks, lengths) for shard in shards))
        return [reply for reply in found if reply is not None]

    async def _ask_shard(
        self, catalogue: Catalogue, shard: int, asks: Sequence[Values], lengths: np.ndarray
    ) -> Reply | None:
        """Ask the workers for one shard, by rank; None if none can answer."""
        message = {
            "catalogue": catalogue.name,
            "catalogue_id": catalogue.id,
            "shard": shard,
            "of": self._settings.shards,
            "asks": list(asks),
            "lengths": codec.packed(lengths),
        }
        for wait_s in (0.0, _OPENING_S):
            lost: set[str] = set()
            while (worker := self._holder(shard, lost)) is not None:
                lost.add(worker)
                reply = await self._ask_worker(worker, message, wait_s)
                if reply is not None:
                    return reply
        return None

    def _holder(self, shard: int, lost: set[str]) -> str | None:
        addresses = tuple(worker.address for worker in self._connection.workers())
        return next((w for w in assignment(self._settings.shards, addresses)[shard] if w not in lost), None)

    async def _ask_worker(self, worker: str, message: Mapping[str, Any], wait_s: float) -> Reply | None:
        remembered = self._known.setdefault((message["catalogue_id"], message["shard"]), {})
        before = dict(remembered)
        known = {"known": list(before), "wait_s": wait_s}
        seconds = self._settings.sweep_seconds + _PATIENCE_S
        try:
            reply = await self._connection.ask(worker, "earmark_search", seconds, **message, **known)
        except (OSError, TimeoutError) as error:
            self._connection.avoid(worker, error)
            return None
        if reply["state"] != "answered":
            if reply["state"] == "failed":
                log.warning("worker %s cannot search shard %d: %s", worker, message["shard"], reply["detail"])
            return None
        holds = reply["holds"]
        if reply["keys"] is not None:
            inventory = Inventory(list(zip(*reply["keys"], strict=True)), codec.unpacked(reply["lengths"]))
        else:
            inventory = before[holds]
        remembered.pop(holds, None)
        remembered[holds] = inventory  # the last one is the newest
        while len(remembered) > _REMEMBERED:
            remembered.pop(next(iter(remembered)), None)
        return Reply(inventory, reply["answers"])

    # --- enrolling ------------------------------------------------------------------------------------------

    def _prepared(self, catalogue: Catalogue, data: bytes) -> _Prepared:
        """Have a file decoded and modelled by the worker with the least to do."""
        for _ in range(_TRIES):
            worker = self._reserve()
            try:
                reply = self._connection.wait(
                    self._connection.ask(
                        worker, "earmark_prepare", None, catalogue=catalogue.name, catalogue_id=catalogue.id, data=data
                    )
                )
            except (OSError, TimeoutError) as error:
                self._connection.avoid(worker, error)
                continue
            finally:
                self._release(worker)
            if reply["state"] == "failed":
                raise _error(reply["error"], reply["detail"])
            words = None if reply["chromaprint"] is None else codec.unpacked(reply["chromaprint"])
            return _Prepared(codec.to_info(reply["info"]), reply["models"], words)
        raise ClusterUnavailable(f"{_TRIES} workers were lost over the file: is it the file?")

    def _reserve(self) -> str:
        """Wait for a worker that can take one more file."""
        with self._lock:
            while True:
                workers = self._connection.workers()
                if not workers:
                    raise ClusterUnavailable("no worker is there: start one with 'earmark worker'")
                free = [(self._files.get(w.address, 0) / w.files, w.address) for w in workers]
                load, address = min(free)
                if load < 1:
                    self._files[address] = self._files.get(address, 0) + 1
                    return address
                self._lock.wait(0.5)

    def _release(self, address: str) -> None:
        with self._lock:
            self._files[address] -= 1
            self._lock.notify()


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A file that a worker decoded and modelled."""

    info: AudioInfo
    stretches: Sequence[Values]
    words: np.ndarray | None

    def models(self) -> Iterator[TrackModel]:
        return map(codec.to_model, self.stretches)

    def chromaprint(self) -> np.ndarray | None:
        return self.words


@functools.lru_cache(maxsize=16)
def assignment(of: int, addresses: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """Return the workers for each shard, the one that holds it first.

    Parameters
    ----------
    of : int
        How many shards there are.
    addresses : tuple of str
        All workers, sorted.
    """
    room = dict.fromkeys(addresses, -(-of // max(1, len(addresses))))
    found = []
    for shard in range(of):
        ranked = sorted(addresses, key=lambda address: hashlib.sha256(f"{shard} {address}".encode()).digest())
        ranked.sort(key=lambda address: room[address] == 0)  # whoever has its part comes last
        found.append(tuple(ranked))
        if ranked:
            room[ranked[0]] -= 1
    return tuple(found)


def _read(path: Path, most: int) -> bytes | None:
    """Return the bytes of a file; None if there are more than ``most``."""
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise FileMissing(f"the file cannot be read: {error.strerror}") from None
    return data if len(data) <= most else None


def _error(name: str, detail: str) -> EarmarkError:
    """Return the error of this name."""
    kinds: list[type[EarmarkError]] = [EarmarkError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    return next((kind for kind in kinds if kind.name == name), EarmarkError)(detail)
