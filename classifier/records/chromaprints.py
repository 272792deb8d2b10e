"""Chromaprint fingerprints of tracks, for clients that ask as AcoustID is asked; kept only of whole recordings."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from classifier.results import Track
from classifier.store.base import Store


def put(store: Store, track: Track, words: np.ndarray) -> None:
    """Keep a track's fingerprint, in place of any before."""
    document = {
        "catalogue": track.catalogue,
        "duration_s": float(track.duration_s),
        "data": np.ascontiguousarray(words, "<u4").tobytes(),
    }
    if store.update("chromaprints", {"_id": track.id}, set=document) is None:
        store.insert("chromaprints", [{"_id": track.id, **document}])


def has(store: Store, track_id: str) -> bool:
    """Return whether a track's fingerprint is kept."""
    return store.get("chromaprints", track_id) is not None


def of_length(store: Store, catalogue: str, low_s: float, high_s: float) -> Iterator[tuple[str, np.ndarray]]:
    """Yield ids and fingerprints (n,) uint32 of tracks whose length lies between two."""
    where = {"catalogue": catalogue, "duration_s": {"$gte": float(low_s), "$lte": float(high_s)}}
    for found in store.find("chromaprints", where):
        yield found["_id"], np.frombuffer(found["data"], "<u4")
