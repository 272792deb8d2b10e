"""What is stored of a track's sound: models, slots, sub-fingerprints, read as arrays. ``tracks.py`` has its record."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np

from classifier.errors import StoreCorrupt, TrackNotFound
from classifier.records import chunks
from classifier.records.tracks import ready_record
from classifier.store.base import Document, Store


def load_models(store: Store, track_id: str, version: int) -> dict[str, np.ndarray]:
    """Return the arrays that ``add_models`` wrote, one row for each window.

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
    np.ndarray, shape (n_slots, d), int8, or packed, uint8
        One row for each slot; d is 0 if there are none.

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
        One row for each frame.

    Raises
    ------
    TrackNotFound
        If the track is gone or has another version by now.
    StoreCorrupt
        If a chunk is missing or damaged.
    """
    return _load(store, "subfingerprints", track_id, version).get(chunks.WORDS, np.empty((0, 2), "<u8"))


def each_chunk(store: Store, collection: str, track_id: str, version: int) -> Iterator[dict[str, np.ndarray]]:
    """Read what was written of a track piece by piece, however long it is.

    Parameters
    ----------
    store : Store
        Where it is.
    collection : {"models", "slots", "subfingerprints"}
        What to read.
    track_id, version
        The track.

    Yields
    ------
    dict of str to np.ndarray
        Read-only; the rows that follow those before, as :func:`load_models` would return them.

    Raises
    ------
    TrackNotFound, StoreCorrupt
        As :func:`load_models`, on the way.
    """
    with _reading(store, collection, track_id, version) as (n_chunks, n_rows):
        yield from chunks.each(store, collection, track_id, version, n_chunks, n_rows)


def _load(store: Store, collection: str, track_id: str, version: int) -> dict[str, np.ndarray]:
    with _reading(store, collection, track_id, version) as (n_chunks, n_rows):
        return chunks.load(store, collection, track_id, version, n_chunks, n_rows)


@contextlib.contextmanager
def _reading(store: Store, collection: str, track_id: str, version: int) -> Iterator[tuple[int, int]]:
    """Say how many chunks and rows there are to read, and whether it was the track that went rather than a chunk."""
    n_chunks, n_rows = chunks.COUNTS[collection]
    record = _version_record(store, track_id, version)
    try:
        yield record[n_chunks], record[n_rows]
    except StoreCorrupt:
        # If it was removed or replaced while being read, nothing is corrupt.
        _version_record(store, track_id, version)
        raise


def _version_record(store: Store, track_id: str, version: int) -> Document:
    record = ready_record(store, track_id)
    if record["version"] != version:
        raise TrackNotFound(f"track {track_id!r} no longer has version {version}: read version {record['version']}")
    return record
