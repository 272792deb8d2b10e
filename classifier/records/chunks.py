"""A track's arrays, cut into documents so that none nears a store's size limit, however long the track is.

Conventions
-----------
- ``models`` holds arrays with one row for each window; ``slots`` and ``subfingerprints`` hold one array each. Rows are
  cut into chunks of at most :data:`MAX_ROWS`, fewer if a row is large.
- A chunk's ``_id`` is ``track/version/number``. It states its first row, its number of rows, and the SHA-256 of its
  packed bytes. A version is never written twice, so chunks of two writers cannot be mixed up.
- ``token`` is the writer's: what a dead writer left can be deleted without touching what came after it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

import numpy as np

from classifier.errors import InvalidParameter, StoreCorrupt
from classifier.store.base import Document, Store
from classifier.store.packing import pack, unpack

#: Most rows of a chunk: 256 windows; slots of an hour; frames of 10 minutes, 32 ms apart.
MAX_ROWS = {"models": 256, "slots": 30_000, "subfingerprints": 18_750}
#: Fields of a track's record that count its chunks and rows.
COUNTS = {
    "models": ("n_model_chunks", "n_windows"),
    "slots": ("n_slot_chunks", "n_slots"),
    "subfingerprints": ("n_subfingerprint_chunks", "n_frames"),
}
#: Most packed bytes of a chunk of several rows.
MAX_CHUNK_BYTES = 8_000_000

#: Names of the only array among the slots, and among the sub-fingerprints.
MEANS, WORDS = "means", "words"


def count_rows(arrays: Mapping[str, np.ndarray]) -> int:
    """Return how many rows all of the arrays have; raise InvalidParameter if they differ or there are none."""
    counts = {array.shape[0] if array.ndim else -1 for array in arrays.values()}
    if len(counts) != 1 or -1 in counts:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise InvalidParameter(f"arrays of a track must have the same number of rows, got {shapes or 'no array'}")
    return counts.pop()


def cut(
    collection: str,
    arrays: Mapping[str, np.ndarray],
    *,
    track_id: str,
    version: int,
    token: str,
    number: int,
    start: int,
) -> Iterator[Document]:
    """Cut arrays along their first axis into documents.

    Parameters
    ----------
    collection : {"models", "slots", "subfingerprints"}
        What the arrays are.
    arrays : mapping of str to np.ndarray
        All with the same number of rows.
    track_id, version, token
        The track, its version and its writer.
    number, start : int
        Number of the first chunk, and its first row.

    Yields
    ------
    Document
        One chunk.
    """
    n_rows = count_rows(arrays)
    row_bytes = sum(array.nbytes for array in arrays.values()) // max(1, n_rows)
    step = max(1, min(MAX_ROWS[collection], MAX_CHUNK_BYTES // max(1, row_bytes)))
    for first in range(0, n_rows, step):
        data, layout = pack({name: array[first : first + step] for name, array in arrays.items()})
        yield {
            "_id": chunk_id(track_id, version, number),
            "track_id": track_id,
            "version": version,
            "token": token,
            "number": number,
            "start": start + first,
            "count": min(step, n_rows - first),
            "layout": layout,
            "sha256": hashlib.sha256(data).hexdigest(),
            "data": data,
        }
        number += 1


def chunk_id(track_id: str, version: int, number: int) -> str:
    """Return the ``_id`` of a chunk."""
    return f"{track_id}/{version}/{number:05d}"


def load(
    store: Store, collection: str, track_id: str, version: int, n_chunks: int, n_rows: int
) -> dict[str, np.ndarray]:
    """Join a track's chunks.

    Returns
    -------
    dict of str to np.ndarray
        Each with ``n_rows`` rows, writable; empty if there are no chunks.

    Raises
    ------
    StoreCorrupt
        Naming the track and the chunk that is missing or damaged.
    """
    whole: dict[str, np.ndarray] = {}
    row = 0
    for parts in each(store, collection, track_id, version, n_chunks, n_rows):
        if not whole:
            whole = {name: np.empty((n_rows, *part.shape[1:]), part.dtype) for name, part in parts.items()}
        count = count_rows(parts)
        for name, part in parts.items():
            whole[name][row : row + count] = part
        row += count
    return whole


def each(
    store: Store, collection: str, track_id: str, version: int, n_chunks: int, n_rows: int
) -> Iterator[dict[str, np.ndarray]]:
    """Read a track's arrays chunk by chunk.

    Yields
    ------
    dict of str to np.ndarray
        Read-only; the rows that follow those before.

    Raises
    ------
    StoreCorrupt
        As :func:`load`; rows that are missing are known at the end only.
    """
    kinds: list[tuple[str, str, tuple[int, ...]]] = []
    row = 0
    if n_chunks and n_rows > n_chunks * MAX_ROWS[collection]:
        raise StoreCorrupt(f"track {track_id}: {n_rows} rows of {collection} do not fit into {n_chunks} chunks")
    for number in range(n_chunks):
        document = store.get(collection, chunk_id(track_id, version, number))
        parts = open_chunk(collection, track_id, version, number, document, row)
        kinds = kinds or _kinds(parts)
        row += count_rows(parts)
        if _kinds(parts) != kinds or row > n_rows:
            raise StoreCorrupt(f"track {track_id}: chunk {number} of {collection} does not fit to the ones before it")
        yield parts
    if row != n_rows:
        raise StoreCorrupt(f"track {track_id}: {collection} have {row} rows, but the track should have {n_rows}")


def open_chunk(
    collection: str, track_id: str, version: int, number: int, document: Document | None, row: int
) -> dict[str, np.ndarray]:
    """Return read-only views of a chunk's arrays, after checking checksum, layout and position.

    Raises
    ------
    StoreCorrupt
        Naming the track and the chunk.
    """
    where = f"track {track_id}: chunk {number} of {collection}"
    if document is None:
        raise StoreCorrupt(f"{where} is missing")
    data = document.get("data", b"")
    if hashlib.sha256(data).hexdigest() != document.get("sha256"):
        raise StoreCorrupt(f"{where} is damaged: its checksum differs")
    try:
        parts = unpack(data, document.get("layout", []))
        n_rows = count_rows(parts)
    except (StoreCorrupt, InvalidParameter) as error:
        raise StoreCorrupt(f"{where} is damaged: {error}") from None
    expected = {"track_id": track_id, "version": version, "number": number, "start": row, "count": n_rows}
    wrong = [name for name, value in expected.items() if document.get(name) != value]
    if wrong or n_rows == 0:
        raise StoreCorrupt(f"{where} contradicts itself: {', '.join(wrong) or 'count'}")
    return parts


def _kinds(arrays: Mapping[str, np.ndarray]) -> list[tuple[str, str, tuple[int, ...]]]:
    return [(name, array.dtype.str, array.shape[1:]) for name, array in arrays.items()]


def delete_chunks(store: Store, track_id: str, **where: object) -> int:
    """Delete a track's chunks, or those that match ``where``; return how many."""
    return sum(store.delete(collection, {"track_id": track_id, **where}) for collection in MAX_ROWS)
