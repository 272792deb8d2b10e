"""Searches a store for contradictions, and repairs what can be repaired without loss.

An *error* is damage: a track that cannot be read, or only in part. A *warning* is what a dead process left behind; it
only takes up space. An *info* is worth knowing. Repairing only removes what no reader can see; a damaged track is named
and stays until it is enrolled anew or removed. If the store's own files are damaged, every affected track is named and
nothing is repaired: what seems left over may belong to something that can no longer be found.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from classifier.errors import StoreCorrupt
from classifier.records import chunks, orphans
from classifier.records.clock import Clock
from classifier.records.tracks import to_track
from classifier.store.base import Document, Store
from classifier.store.packing import unpack

SEVERITIES = ("error", "warning", "info")

_REMEDY = ": enroll it anew, or remove it"
_LOST = ": restore a copy of the store"


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault.

    Parameters
    ----------
    severity : {"error", "warning", "info"}
        How serious it is.
    what : str
        What is wrong, with the ids concerned.
    repairable : bool
        Whether :func:`mend` removes it.
    """

    severity: str
    what: str
    repairable: bool


def examine(store: Store, *, now: Clock = time.time, deep: bool = True) -> list[Finding]:
    """Examine a store without changing it.

    Parameters
    ----------
    store : Store
        What to examine.
    now : callable
        Clock for the expiry of leases, Unix seconds.
    deep : bool
        Whether to read every chunk and compare its checksum, which means reading the whole store.

    Returns
    -------
    list of Finding
        Worst first; empty if all is well.
    """
    faults = [Finding("error", fault, False) for fault in store.faults()]
    found = [
        *_as_far_as_readable("catalogues", _check_catalogues(store)),
        *_as_far_as_readable("tracks", _check_tracks(store, deep)),
        *_as_far_as_readable("leftovers", _check_remains(store, now())),
    ]
    if faults:
        found = [*faults, *(replace(finding, repairable=False) for finding in found)]
    return sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))


def _as_far_as_readable(what: str, findings: Iterator[Finding]) -> Iterator[Finding]:
    try:
        yield from findings
    except StoreCorrupt as error:
        yield Finding("error", f"{what} could not all be examined: {error}", False)


def mend(store: Store, findings: Iterable[Finding] | None = None, *, now: Clock = time.time) -> dict[str, int]:
    """Remove whatever :func:`examine` calls repairable.

    Parameters
    ----------
    store : Store
        What to repair.
    findings : iterable of Finding or None
        From :func:`examine`; if none is repairable, the store is not touched. None: only check whether the store's own
        files are damaged.
    now : callable
        Clock for the expiry of leases, Unix seconds.

    Returns
    -------
    dict of str to int
        What was removed, from :func:`~classifier.records.orphans.remove_orphans`; empty if the store was not touched.
    """
    if store.faults() if findings is None else not any(finding.repairable for finding in findings):
        return {}
    return orphans.remove_orphans(store, now=now, thorough=True)


def _check_catalogues(store: Store) -> Iterator[Finding]:
    for record in store.find("catalogues", fields=["name", "status"]):
        name = record["name"]
        if record["status"] == "removing":
            yield Finding("warning", f"the removal of catalogue {name!r} was cut short", True)
        elif not store.count("tracks", {"catalogue": name, "catalogue_id": record["_id"]}):
            yield Finding("info", f"catalogue {name!r} has no tracks", False)
        try:
            whole = store.get("catalogues", record["_id"])
            if whole is not None and "data" in whole:
                unpack(whole["data"], whole.get("layout", []))
        except StoreCorrupt as error:
            yield Finding("error", f"the background of catalogue {name!r} is damaged: {error}", False)


def _check_tracks(store: Store, deep: bool) -> Iterator[Finding]:
    for found in list(store.find("tracks", fields=[])):  # only ids, which can be read even if records are damaged
        try:
            record = store.get("tracks", found["_id"])
            if record is None or record["status"] != "ready":
                continue
            problems = list(_problems(store, record, deep))
            if problems and not _is_current(store, record):
                continue
        except StoreCorrupt:
            yield Finding("error", f"track {found['_id']}: the record cannot be read{_LOST}", False)
            continue
        for problem in problems:
            yield Finding("error", problem, False)


def _problems(store: Store, record: Document, deep: bool) -> Iterator[str]:
    """Yield what is wrong with a track, in words; as much as can be told if parts of it cannot be read."""
    track_id, version = record["_id"], record["version"]
    try:
        to_track(record)
    except StoreCorrupt as error:
        yield f"{error}{_REMEDY}"
        return
    for collection, (n_chunks, n_rows) in chunks.COUNTS.items():
        row: int | None = 0  # None after a chunk that cannot be read
        for number in range(record[n_chunks]):
            try:
                chunk = _chunk(store, collection, chunks.chunk_id(track_id, version, number), deep)
            except StoreCorrupt:
                yield f"track {track_id}: chunk {number} of {collection} cannot be read{_LOST}"
                row = None
                continue
            if row is None and chunk is not None:
                row = int(chunk["start"])
            try:
                if deep:
                    chunks.open_chunk(collection, track_id, version, number, chunk, row or 0)
                elif chunk is None:
                    raise StoreCorrupt(f"track {track_id}: chunk {number} of {collection} is missing")
            except StoreCorrupt as error:
                yield f"{error}{_REMEDY}"
            if row is not None and chunk is not None:
                row += chunk.get("count", 0)
        if row is not None and row != record[n_rows]:
            yield (
                f"track {track_id}: {collection} have {row} rows, but the track should have {record[n_rows]}{_REMEDY}"
            )
        beyond = {"track_id": track_id, "version": version, "number": {"$gte": record[n_chunks]}}
        try:
            for chunk in store.find(collection, beyond, fields=["number"]):
                number = chunk["number"]
                yield f"track {track_id}: chunk {number} of {collection} is not in the record{_REMEDY}"
        except StoreCorrupt:
            yield f"track {track_id}: its chunks of {collection} cannot be listed{_LOST}"


def _chunk(store: Store, collection: str, chunk_id: str, deep: bool) -> Document | None:
    """Return a chunk; unless ``deep``, only the position of its rows."""
    if deep:
        return store.get(collection, chunk_id)
    return next(store.find(collection, {"_id": chunk_id}, fields=["start", "count"]), None)


def _is_current(store: Store, record: Document) -> bool:
    """Return whether the track has been neither removed nor replaced while it was examined."""
    now = store.get("tracks", record["_id"])
    return now is not None and now["status"] == "ready" and now["version"] == record["version"]


def _check_remains(store: Store, moment: float) -> Iterator[Finding]:
    for record in orphans.expired_writers(store, moment):
        yield Finding("warning", f"track {record['_id']} was never finished by {record['lease_owner']}", True)
    for record in store.find("tracks", {"status": "removing"}, fields=[]):
        yield Finding("warning", f"the removal of track {record['_id']} was cut short", True)
    for record in orphans.expired_replacements(store, moment):
        yield Finding("warning", f"the replacement of track {record['_id']} was never finished", True)
    for record in orphans.homeless(store):
        yield Finding("warning", f"track {record['_id']} belongs to a catalogue that is gone", True)
    for record in orphans.unheld(store):
        yield Finding("warning", f"track {record['_id']} was merged into one that is gone", True)
    for stray in orphans.stray_chunks(store):
        what = f"{stray.n_chunks} chunks of {stray.collection} belong to no track ({stray.track_id})"
        yield Finding("warning", what, True)
    expired = store.count("leases", {"expires": {"$lt": moment}})
    if expired:
        yield Finding("info", f"{expired} leases have expired", True)
