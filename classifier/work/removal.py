"""Removing a catalogue for good: what it holds is told first, and nothing goes while somebody works on it.

Its tracks and their models go, its background mixture, its map, and the jobs that worked on it. Tags, tracklists and
experiments stay: they are answers that were given, and say themselves which catalogue gave them. Processes that hold
the catalogue open find that it is gone at their next look.

Both steps are functions here: :func:`holdings` says what there is and at which revision, and :func:`remove` takes that
revision, so that nobody removes what they have not seen.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

from classifier.errors import CatalogueBusy, CatalogueChanged, InvalidParameter
from classifier.records.catalogues import get_catalogue, remove_catalogue
from classifier.records.tracks import count_tracks
from classifier.store.base import Store

#: Where jobs name catalogues.
_NAMED = ("task.catalogue", "task.source")


@dataclass(frozen=True, slots=True)
class Holdings:
    """What goes with a catalogue.

    Parameters
    ----------
    name : str
        The catalogue.
    tracks : int >= 0
        Its tracks.
    jobs : int >= 0
        Jobs that worked on it, or will.
    revision : int >= 0
        How often its tracks have changed.
    """

    name: str
    tracks: int
    jobs: int
    revision: int

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return asdict(self)


def holdings(store: Store, name: str) -> Holdings:
    """Return what goes with a catalogue.

    Raises
    ------
    CatalogueNotFound
        If no catalogue has that name.
    """
    record = get_catalogue(store, name)
    return Holdings(name, count_tracks(store, name), len(_jobs(store, name)), record.revision)


def remove(store: Store, name: str, *, default: str, revision: int) -> Holdings:
    """Remove a catalogue as :func:`holdings` described it; return what went.

    Parameters
    ----------
    store : Store
        Where it is.
    name : str
        Which one.
    default : str
        The catalogue that is used where none is named; it cannot be removed.
    revision : int
        As :func:`holdings` said.

    Raises
    ------
    CatalogueNotFound
        If no catalogue has that name.
    CatalogueChanged
        If its tracks have changed since.
    CatalogueBusy
        If a job that works on it waits or runs, or a track is being written.
    InvalidParameter
        If it is the default.
    """
    found = holdings(store, name)
    if name == default:
        raise InvalidParameter(
            f"catalogue {name!r} is the one that is used where none is named (EARMARK_CATALOGUE): it is not removed"
        )
    if found.revision != revision:
        raise CatalogueChanged(
            f"catalogue {name!r} is at revision {found.revision}, not {revision}: its tracks have changed; look again"
        )
    waiting = _jobs(store, name, status={"$in": ["queued", "running"]})
    if waiting:
        raise CatalogueBusy(
            f"{len(waiting)} job(s) work on catalogue {name!r}, such as {waiting[0]}: let them end first"
        )
    if store.count("tracks", {"catalogue": name, "lease_expires": {"$gt": time.time()}}):
        raise CatalogueBusy(f"a track of catalogue {name!r} is being written at this moment: let that end first")
    n_tracks = remove_catalogue(store, name)
    # A job that was submitted between the check and here stays, and fails, since its catalogue is not there.
    gone = sum(store.delete("jobs", {"_id": job, "status": "done"}) for job in _jobs(store, name))
    return Holdings(name, n_tracks, gone, revision)


def _jobs(store: Store, name: str, **where: Any) -> list[str]:
    """Return the ids of jobs that name a catalogue, oldest first."""
    found = {
        job["_id"]: job["created"]
        for field in _NAMED
        for job in store.find("jobs", {field: name, **where}, fields=["created"])
    }
    return sorted(found, key=lambda job: (found[job], job))
