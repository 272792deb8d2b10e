"""Cleaning up after processes that died: expired writers, removals cut short, chunks without a track.

Nothing that a valid lease covers and nothing that readers see is ever touched, so that cleaning may run at any time and
in several processes at once.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from classifier.records.catalogues import bump_revision, finish_removals, mark_removed, purge
from classifier.records.chunks import MAX_ROWS, delete_chunks
from classifier.records.clock import Clock
from classifier.store.base import Document, Store


@dataclass(frozen=True, slots=True)
class StrayChunks:
    """Chunks in one collection that one writer left and that belong to no record."""

    collection: str
    track_id: str
    version: int
    token: str
    n_chunks: int


def remove_orphans(store: Store, *, now: Clock = time.time, thorough: bool = True) -> dict[str, int]:
    """Remove what dead processes left behind.

    Parameters
    ----------
    store : Store
        What to clean.
    now : callable
        Clock for the expiry of leases, Unix seconds.
    thorough : bool
        Whether to look through all chunks and tracks too, which takes longer with many tracks; if False, only what
        leases and removals point to.

    Returns
    -------
    dict of str to int
        What was removed: ``catalogues``; ``tracks`` (half-written, half-removed, or of catalogues that are gone);
        unfinished ``replacements``; ``chunks`` without a track; expired ``leases``.
    """
    moment = now()
    gone = {"catalogues": finish_removals(store), "tracks": 0, "replacements": 0, "chunks": 0, "leases": 0}
    for record in list(expired_writers(store, moment)):
        if mark_removed(store, record["_id"], status="writing", lease_token=record["lease_token"]):
            purge(store, record["_id"])
            gone["tracks"] += 1
    for record in list(store.find("tracks", {"status": "removing"}, fields=["catalogue_id"])):
        bump_revision(store, record["catalogue_id"])  # the process that started may have died before this step
        purge(store, record["_id"])
        gone["tracks"] += 1
    for record in list(expired_replacements(store, moment)):
        _end_replacement(store, record)
        gone["replacements"] += 1
    if thorough:
        for record in list(homeless(store)):
            if mark_removed(store, record["_id"], catalogue_id=record["catalogue_id"]):
                purge(store, record["_id"])
                gone["tracks"] += 1
        while left := list(unheld(store)):  # each may have held others
            for record in left:
                gone["tracks"] += mark_removed(store, record["_id"], status="merged")
                purge(store, record["_id"])
        for stray in list(stray_chunks(store)):
            where = {"track_id": stray.track_id, "version": stray.version, "token": stray.token}
            gone["chunks"] += store.delete(stray.collection, where)
    gone["leases"] = store.delete("leases", {"expires": {"$lt": moment}})
    return gone


def expired_writers(store: Store, moment: float) -> Iterator[Document]:
    """Return records of tracks whose writer has been silent for longer than its lease."""
    where = {"status": "writing", "lease_expires": {"$lt": moment}}
    return store.find("tracks", where, fields=["lease_token", "lease_owner"])


def expired_replacements(store: Store, moment: float) -> Iterator[Document]:
    """Return records of ready tracks whose replacement was never finished."""
    where = {"status": "ready", "lease_expires": {"$gt": 0.0, "$lt": moment}}
    return store.find("tracks", where, fields=["lease_token", "version", "attempts"])


def _end_replacement(store: Store, record: Document) -> None:
    free = {"lease_owner": "", "lease_token": "", "lease_expires": 0.0}
    mine = {"_id": record["_id"], "status": "ready", "lease_token": record["lease_token"]}
    if store.update("tracks", mine, set=free):
        # Neither the current version, nor one that a writer starts from now on.
        stale = {"$ne": record["version"], "$lte": record["attempts"]}
        delete_chunks(store, record["_id"], version=stale)


def homeless(store: Store) -> Iterator[Document]:
    """Return records of tracks whose catalogue is gone."""
    known = {found["_id"] for found in store.find("catalogues", fields=[])}
    for record in store.find("tracks", fields=["catalogue_id", "catalogue"]):
        if record.get("catalogue_id") not in known and store.get("catalogues", str(record.get("catalogue_id"))) is None:
            yield record


def unheld(store: Store) -> Iterator[Document]:
    """Return records of tracks that were merged into one that is gone."""
    for record in store.find("tracks", {"status": "merged"}, fields=["merge"]):
        if store.get("tracks", record["merge"]["into"]) is None:
            yield record


def stray_chunks(store: Store) -> Iterator[StrayChunks]:
    """Return chunks that belong neither to what readers see nor to a working writer."""
    for collection in MAX_ROWS:
        written: dict[tuple[str, int, str], int] = defaultdict(int)
        for chunk in store.find(collection, fields=["track_id", "version", "token"]):
            written[chunk["track_id"], chunk["version"], chunk["token"]] += 1
        records: dict[str, Document | None] = {}
        for (track_id, version, token), count in written.items():
            if track_id not in records:
                records[track_id] = store.get("tracks", track_id)
            record = records[track_id]
            # The record was read after the chunk was seen: a writer inserts its record before its first chunk.
            if record is None or token not in (record["version_token"], record["lease_token"]):
                yield StrayChunks(collection, track_id, version, token, count)
