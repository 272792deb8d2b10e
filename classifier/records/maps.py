"""Maps of catalogues: where the tracks lie that were laid out. One document for each catalogue, under its id."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from classifier.errors import StoreCorrupt
from classifier.records.clock import now
from classifier.store.base import Store
from classifier.store.packing import pack, unpack


@dataclass(frozen=True, slots=True)
class StoredMap:
    """A map as it was laid out.

    Parameters
    ----------
    ids : list of str
        Its tracks.
    places : np.ndarray, shape (n, 2), float64
        Where they lie, from 0 to 1.
    created : str
        When it was laid out.
    """

    ids: list[str]
    places: np.ndarray
    created: str


def save_map(store: Store, catalogue_id: str, ids: list[str], places: np.ndarray) -> None:
    """Store a catalogue's map in the place of an earlier one."""
    data, layout = pack({"places": places.astype(np.float32)})
    store.put("maps", {"_id": catalogue_id, "created": now(), "ids": ids, "layout": layout, "data": data})


def load_map(store: Store, catalogue_id: str) -> StoredMap | None:
    """Return a catalogue's map, or None if none was made.

    Raises
    ------
    StoreCorrupt
        If it is damaged.
    """
    document = store.get("maps", catalogue_id)
    if document is None:
        return None
    places = unpack(document["data"], document["layout"])["places"]
    if places.shape != (len(document["ids"]), 2):
        raise StoreCorrupt("the map of a catalogue is damaged: make it anew with 'earmark map --anew'")
    return StoredMap(document["ids"], places.astype(np.float64), document["created"])
