"""Catalogues: the record that a set of tracks shares, and the counter of their changes.

A catalogue's configuration never changes. Its ``revision`` counts changes of its tracks; as long as it stays the same,
a process has nothing to look for. A background mixture that does not ship with Earmark is stored in the record, packed.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from classifier.errors import CatalogueExists, CatalogueNotFound, DuplicateKey, InvalidParameter
from classifier.records.chunks import delete_chunks
from classifier.records.clock import Clock, iso
from classifier.store.base import Document, Store
from classifier.store.packing import pack, unpack

_FIELDS = ("name", "status", "config", "config_hash", "background", "created", "revision")


@dataclass(frozen=True, slots=True)
class CatalogueRecord:
    """What is stored of a catalogue.

    Parameters
    ----------
    id : str
        Never reused; a catalogue that is removed and created again gets another.
    name : str
        Unique.
    config : dict
        ``FeatureConfig.to_dict()``.
    config_hash : str
        ``FeatureConfig.hash``.
    background : str
        Identifier of the background mixture, empty if there is none yet.
    created : str
        ISO 8601 UTC.
    revision : int
        Grows with every change of the tracks.
    """

    id: str
    name: str
    config: dict[str, Any]
    config_hash: str
    background: str
    created: str
    revision: int


def create_catalogue(
    store: Store,
    name: str,
    config: Mapping[str, Any],
    config_hash: str,
    *,
    background: str = "",
    created: str | None = None,
    now: Clock = time.time,
) -> CatalogueRecord:
    """Create a catalogue, or return the one with that name if it has the same configuration.

    Raises
    ------
    CatalogueExists
        If it has another configuration.
    InvalidParameter
        If the name is empty, longer than 100 characters, or has control characters.
    """
    if not 0 < len(name) <= 100 or not name.isprintable():
        raise InvalidParameter(f"catalogue name {name!r} must have 1 to 100 printable characters")
    document = {
        "_id": uuid.uuid4().hex,
        "name": name,
        "status": "ready",
        "config": dict(config),
        "config_hash": config_hash,
        "background": background,
        "created": created or iso(now()),
        "revision": 0,
    }
    while True:
        existing = _find(store, name)
        if existing is not None and existing["status"] == "removing":
            _finish_removal(store, existing["_id"])
        elif existing is not None:
            if existing["config_hash"] != config_hash:
                raise CatalogueExists(
                    f"catalogue {name!r} exists with another configuration: choose another name, or remove it first"
                )
            return _record(existing)
        else:
            try:
                store.insert("catalogues", [document])
                return _record(document)
            except DuplicateKey:
                continue  # another process was faster: look at what it created


def get_catalogue(store: Store, name: str) -> CatalogueRecord:
    """Return a catalogue's record.

    Raises
    ------
    CatalogueNotFound
        If no catalogue has that name.
    """
    document = _find(store, name)
    if document is None or document["status"] != "ready":
        raise CatalogueNotFound(f"there is no catalogue {name!r}")
    return _record(document)


def list_catalogues(store: Store) -> list[CatalogueRecord]:
    """Return the records of all catalogues, by name."""
    return [_record(found) for found in store.find("catalogues", {"status": "ready"}, sort=("name", 1), fields=_FIELDS)]


def revision(store: Store, name: str) -> int:
    """Return how often the catalogue's tracks have changed.

    Raises
    ------
    CatalogueNotFound
        If no catalogue has that name.
    """
    for document in store.find("catalogues", {"name": name, "status": "ready"}, fields=["revision"]):
        return int(document["revision"])
    raise CatalogueNotFound(f"there is no catalogue {name!r}")


def bump_revision(store: Store, catalogue_id: str) -> bool:
    """Tell all processes that tracks have changed; return False if the catalogue is gone or being removed."""
    return store.update("catalogues", {"_id": catalogue_id, "status": "ready"}, inc={"revision": 1}) is not None


def renew_catalogue(
    store: Store, name: str, config: Mapping[str, Any], config_hash: str, *, background: str = ""
) -> CatalogueRecord:
    """Give a catalogue of an earlier release the configuration of this one; its tracks must be modelled anew.

    Parameters
    ----------
    store : Store
        Where the catalogue is.
    name : str
        Which catalogue.
    config : mapping
        ``FeatureConfig.to_dict()``.
    config_hash : str
        ``FeatureConfig.hash``.
    background : str
        Identifier of a background that ships; empty if one must be fitted.

    Raises
    ------
    CatalogueNotFound
        If there is no catalogue of that name.
    """
    record = get_catalogue(store, name)
    changes = {"config": dict(config), "config_hash": config_hash, "background": background}
    store.update("catalogues", {"_id": record.id, "status": "ready"}, set=changes, inc={"revision": 1})
    return get_catalogue(store, name)


def set_background(store: Store, name: str, background: str, arrays: Mapping[str, np.ndarray]) -> CatalogueRecord:
    """Give a catalogue without a background mixture one, for good.

    Parameters
    ----------
    store : Store
        Where the catalogue is.
    name : str
        Which catalogue.
    background : str
        Identifier of the mixture, not empty.
    arrays : mapping of str to np.ndarray
        Its parameters.

    Returns
    -------
    CatalogueRecord
        The record as it is now. If another process was faster, the record names its background.

    Raises
    ------
    CatalogueNotFound
        If there is no catalogue of that name.
    """
    data, layout = pack(arrays)
    where = {"name": name, "status": "ready", "background": ""}
    store.update("catalogues", where, set={"background": background, "layout": layout, "data": data})
    return get_catalogue(store, name)


def load_background(store: Store, name: str) -> dict[str, np.ndarray] | None:
    """Return the arrays of the catalogue's own background mixture, or None if it uses one that ships with Earmark.

    Raises
    ------
    CatalogueNotFound
        If no catalogue has that name.
    StoreCorrupt
        If the arrays are damaged.
    """
    document = store.get("catalogues", get_catalogue(store, name).id)
    if document is None or "data" not in document:
        return None
    return unpack(document["data"], document["layout"])


def remove_catalogue(store: Store, name: str) -> int:
    """Remove a catalogue and all its tracks, even those being written; return how many tracks were removed.

    A removal that is cut short is finished by ``remove_orphans``, or when a catalogue with that name is created.

    Raises
    ------
    CatalogueNotFound
        If no catalogue has that name.
    """
    document = store.update("catalogues", {"name": name, "status": "ready"}, set={"status": "removing"})
    if document is None:
        raise CatalogueNotFound(f"there is no catalogue {name!r}")
    return _finish_removal(store, document["_id"])


def finish_removals(store: Store) -> int:
    """Finish removals of catalogues that were cut short; return how many."""
    ids = [found["_id"] for found in store.find("catalogues", {"status": "removing"}, fields=[])]
    for catalogue_id in ids:
        _finish_removal(store, catalogue_id)
    return len(ids)


def _finish_removal(store: Store, catalogue_id: str) -> int:
    gone = _remove_tracks(store, catalogue_id)
    store.delete("catalogues", {"_id": catalogue_id})
    store.delete("maps", {"_id": catalogue_id})
    # A writer that read the catalogue just before is refused at its commit; what it left is deleted now or then.
    return gone + _remove_tracks(store, catalogue_id)


def _remove_tracks(store: Store, catalogue_id: str) -> int:
    tracks = [found["_id"] for found in store.find("tracks", {"catalogue_id": catalogue_id}, fields=[])]
    for track_id in tracks:
        mark_removed(store, track_id)
        purge(store, track_id)
    return len(tracks)


def mark_removed(store: Store, track_id: str, **where: object) -> bool:
    """Hide a track from readers and writers if it matches ``where``; return whether it did."""
    fields = {"status": "removing", "lease_owner": "", "lease_token": "", "lease_expires": 0.0}
    return store.update("tracks", {"_id": track_id, **where}, set=fields) is not None


def purge(store: Store, track_id: str) -> None:
    """Delete a track that is marked as removed, its record last; may be repeated."""
    delete_chunks(store, track_id)
    store.delete("chromaprints", {"_id": track_id})
    store.delete("tracks", {"_id": track_id, "status": "removing"})


def _find(store: Store, name: str) -> Document | None:
    return next(store.find("catalogues", {"name": name}, fields=_FIELDS), None)


def _record(document: Document) -> CatalogueRecord:
    return CatalogueRecord(
        id=document["_id"],
        name=document["name"],
        config=document["config"],
        config_hash=document["config_hash"],
        background=document["background"],
        created=document["created"],
        revision=document["revision"],
    )
