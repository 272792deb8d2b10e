"""Tracks as others see them: listed, read, edited, removed. How one is written: ``writing.py``.

A track's ``status`` is ``writing``, ``ready`` or ``removing``; only ``ready`` ones exist for readers, in the
version that the record names. Removing marks the record, bumps the catalogue's revision, deletes the chunks and
at last the record, so that a removal that is cut short can be finished by anybody (``sweep.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

import numpy as np

from classifier.errors import InvalidParameter, StoreCorrupt, TrackNotFound
from classifier.records import chunks
from classifier.records.catalogues import bump_revision, get_catalogue, mark_removed, purge
from classifier.results import Track
from classifier.store.base import Document, Store

#: Fields of a record that make up a :class:`~classifier.results.Track`.
TRACK_FIELDS = (
    "catalogue",
    "title",
    "artist",
    "album",
    "isrc",
    "source",
    "duration_s",
    "n_windows",
    "content_hash",
    "file_hash",
    "created",
    "version",
    "metadata",
)
EDITABLE = ("title", "artist", "album", "isrc", "metadata")
_SEARCHED = ("title", "artist", "album", "isrc", "source")


# -------------------------------------------------------------------- finding


def get_track(store: Store, track_id: str) -> Track:
    """Return a track.

    Raises
    ------
    TrackNotFound
        If there is none of that id, or it is not ready.
    """
    return to_track(_ready_record(store, track_id))


def find(
    store: Store, catalogue: str, *, content_hash: str | None = None, file_hash: str | None = None
) -> Track | None:
    """Return the track with this content, or, if only that is given, made from this file; None if there is none.

    Raises
    ------
    CatalogueNotFound
        If there is no such catalogue.
    """
    key = {"content_hash": content_hash} if content_hash is not None else {"file_hash": file_hash}
    where = _of_catalogue(store, catalogue) | key
    return next((to_track(record) for record in store.find("tracks", where, limit=1)), None)


def list_tracks(
    store: Store, catalogue: str, *, search: str | None = None, limit: int | None = None, skip: int = 0
) -> list[Track]:
    """Return the tracks of a catalogue by title.

    Parameters
    ----------
    store : Store
        Where they are.
    catalogue : str
        Which catalogue.
    search : str or None
        Words that must all occur in title, artist, album, ISRC or file name, in any case.
    limit, skip : int or None
        How many to return, after how many.

    Raises
    ------
    CatalogueNotFound
        If there is no such catalogue.
    """
    where = _of_catalogue(store, catalogue)
    if not search:
        records = store.find("tracks", where, sort=("title", 1), limit=limit, skip=skip, fields=TRACK_FIELDS)
        return [to_track(record) for record in records]
    wanted = _matcher(search)
    found = filter(wanted, store.find("tracks", where, sort=("title", 1), fields=TRACK_FIELDS))
    return [to_track(record) for record in islice(found, skip, None if limit is None else skip + limit)]


def count_tracks(store: Store, catalogue: str, *, search: str | None = None) -> int:
    """Return how many tracks :func:`list_tracks` would list without limit.

    Raises
    ------
    CatalogueNotFound
        If there is no such catalogue.
    """
    where = _of_catalogue(store, catalogue)
    if not search:
        return store.count("tracks", where)
    return sum(map(_matcher(search), store.find("tracks", where, fields=_SEARCHED)))


def _matcher(search: str) -> Callable[[Document], bool]:
    words = search.casefold().split()

    def matches(record: Document) -> bool:
        text = "\n".join(str(record[name]) for name in _SEARCHED if record.get(name)).casefold()
        return all(word in text for word in words)

    return matches


def ready(store: Store, catalogue: str) -> dict[str, int]:
    """Return the version of every track that can be matched, by track id.

    Raises
    ------
    CatalogueNotFound
        If there is no such catalogue.
    """
    return {track_id: version for track_id, (version, _) in stamps(store, catalogue).items()}


def stamps(store: Store, catalogue: str) -> dict[str, tuple[int, int]]:
    """Return (version, edits) of every track that can be matched, by track id.

    The version changes with the audio's models, the number of edits with title, artist and so on.

    Raises
    ------
    CatalogueNotFound
        If there is no such catalogue.
    """
    found = store.find("tracks", _of_catalogue(store, catalogue), fields=["version", "edited"])
    return {record["_id"]: (record["version"], record["edited"]) for record in found}


def _of_catalogue(store: Store, name: str) -> dict[str, Any]:
    # The id too: a straggler of a removed catalogue of the same name must not show up in the new one.
    return {"catalogue": name, "status": "ready", "catalogue_id": get_catalogue(store, name).id}


def _ready_record(store: Store, track_id: str) -> Document:
    record = store.get("tracks", track_id)
    if record is None or record["status"] != "ready":
        raise TrackNotFound(f"there is no track {track_id!r}")
    return record


# -------------------------------------------------------------------- reading


def load_models(store: Store, track_id: str, version: int) -> dict[str, np.ndarray]:
    """Return the arrays that were written by ``add_models``, one row a window.

    Raises
    ------
    TrackNotFound
        If the track is gone or has another version by now.
    StoreCorrupt
        If a chunk is missing or damaged.
    """
    return _load(store, "models", track_id, version)


def load_slots(store: Store, track_id: str, version: int) -> np.ndarray:
    """Return the slots of a track.

    Returns
    -------
    np.ndarray, shape (n_slots, d), int8
        One row a slot; d is 0 where there are none.

    Raises
    ------
    TrackNotFound
        If the track is gone or has another version by now.
    StoreCorrupt
        If a chunk is missing or damaged.
    """
    return _load(store, "slots", track_id, version).get(chunks.MEANS, np.empty((0, 0), np.int8))


def load_subfingerprints(store: Store, track_id: str, version: int) -> np.ndarray:
    """Return the sub-fingerprints of a track.

    Returns
    -------
    np.ndarray, shape (n_frames, 2), uint64
        One row a frame.

    Raises
    ------
    TrackNotFound
        If the track is gone or has another version by now.
    StoreCorrupt
        If a chunk is missing or damaged.
    """
    return _load(store, "subfingerprints", track_id, version).get(chunks.WORDS, np.empty((0, 2), "<u8"))


def _load(store: Store, collection: str, track_id: str, version: int) -> dict[str, np.ndarray]:
    n_chunks, n_rows = chunks.COUNTS[collection]
    record = _version_record(store, track_id, version)
    try:
        return chunks.load(store, collection, track_id, version, record[n_chunks], record[n_rows])
    except StoreCorrupt:
        # Removed or replaced while it was being read? Then nothing is corrupt.
        _version_record(store, track_id, version)
        raise


def _version_record(store: Store, track_id: str, version: int) -> Document:
    record = _ready_record(store, track_id)
    if record["version"] != version:
        raise TrackNotFound(f"track {track_id!r} has no version {version} any more: read version {record['version']}")
    return record


# -------------------------------------------------------------------- changing


def edit(store: Store, track_id: str, **changes: Any) -> Track:
    """Change title, artist, album, ISRC or metadata of a track; other processes see it with the next revision.

    Raises
    ------
    TrackNotFound
        If there is no such track.
    InvalidParameter
        For any other field, an empty title, or values of the wrong type.
    """
    for name in changes:
        if name not in EDITABLE:
            raise InvalidParameter(f"{name!r} of a track cannot be edited: only {', '.join(EDITABLE)}")
    fields = text_fields(changes)
    if not fields:
        return get_track(store, track_id)
    record = store.update("tracks", {"_id": track_id, "status": "ready"}, set=fields, inc={"edited": 1})
    if record is None:
        raise TrackNotFound(f"there is no track {track_id!r}")
    bump_revision(store, record["catalogue_id"])
    return to_track(record)


def remove(store: Store, track_id: str) -> None:
    """Remove a track.

    Raises
    ------
    TrackNotFound
        If there is no such track.
    """
    record = _ready_record(store, track_id)
    if not mark_removed(store, track_id, status="ready"):
        raise TrackNotFound(f"there is no track {track_id!r}")
    bump_revision(store, record["catalogue_id"])
    purge(store, track_id)


# -------------------------------------------------------------------- records


def to_track(record: Mapping[str, Any]) -> Track:
    """Return the track of a record.

    Raises
    ------
    StoreCorrupt
        If the record lacks a field.
    """
    try:
        values = {name: record[name] for name in TRACK_FIELDS}
        # Flat, since names in metadata are whatever the files say: dots and dollar signs are no names of fields.
        flat = values.pop("metadata")
        metadata = dict(zip(flat[::2], flat[1::2], strict=True))
    except (KeyError, TypeError, ValueError) as error:
        raise StoreCorrupt(f"track {record.get('_id')}: the record is damaged: {error}") from None
    return Track(id=record["_id"], **values, metadata=metadata)


def text_fields(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return title, artist, album, ISRC, source and metadata as they are stored.

    Halves of surrogate pairs and NULs, which some files carry, are left out.

    Raises
    ------
    InvalidParameter
        If one of them is not text, or the title is empty.
    """
    fields: dict[str, Any] = {}
    for name, value in values.items():
        if name == "metadata":
            items = dict(value or {}).items()
            fields[name] = [_text("metadata", text) for item in items for text in item]
        elif value is None and name != "title":
            fields[name] = None
        else:
            fields[name] = _text(name, value)
    if "title" in fields and not fields["title"].strip():
        raise InvalidParameter("the title of a track must not be empty")
    return fields


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidParameter(f"{name} is {value!r}: it must be text")
    return value.encode(errors="ignore").decode().replace("\0", "")
