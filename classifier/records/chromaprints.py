"""Chromaprint fingerprints of tracks, for clients that ask as AcoustID is asked; kept only of whole recordings."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from classifier.store.base import Store


def put(store: Store, track_id: str, catalogue: str, duration_s: float, words: np.ndarray) -> None:
    """Keep the fingerprint of a track of this length, in place of any before; it goes when the track is purged.

    Parameters
    ----------
    store : Store
        Where the track is.
    track_id, catalogue : str
        The track, and its catalogue's name.
    duration_s : float
        Length of the whole recording.
    words : np.ndarray, shape (n,), uint32
        The fingerprint.
    """
    document = {
        "catalogue": catalogue,
        "duration_s": float(duration_s),
        "data": np.ascontiguousarray(words, "<u4").tobytes(),
    }
    if store.update("chromaprints", {"_id": track_id}, set=document) is None:
        store.insert("chromaprints", [{"_id": track_id, **document}])


def has(store: Store, track_id: str) -> bool:
    """Return whether a track's fingerprint is kept."""
    return store.get("chromaprints", track_id) is not None


def of_length(store: Store, catalogue: str, low_s: float, high_s: float) -> Iterator[tuple[str, np.ndarray]]:
    """Yield ids and fingerprints (n,) uint32 of tracks whose length lies between two."""
    where = {"catalogue": catalogue, "duration_s": {"$gte": float(low_s), "$lte": float(high_s)}}
    for found in store.find("chromaprints", where):
        yield found["_id"], np.frombuffer(found["data"], "<u4")
