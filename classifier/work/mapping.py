"""Jobs of the kind ``map``: the map of a catalogue is laid out anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from classifier.errors import EarmarkError
from classifier.likeness.library import Likeness
from classifier.store.base import Document, Store
from classifier.work import jobs
from classifier.work.worker import Claim

KIND = "map"


def submit(store: Store, catalogue: str) -> Document:
    """Store a job that lays out the map of a catalogue, or return one that waits already.

    Parameters
    ----------
    store : Store
        Where jobs are kept.
    catalogue : str
        Name of the catalogue.
    """
    for waiting in store.find("jobs", {"kind": KIND, "status": "queued"}):
        if waiting["task"]["catalogue"] == catalogue:
            return waiting
    return jobs.submit(store, KIND, {"catalogue": catalogue}, state={}, total=1)


def to_dict(document: Document) -> dict[str, Any]:
    """Return the JSON object of a job's document."""
    failed = int(document["error"] is not None)
    return {**jobs.to_dict(document), "catalogue": document["task"]["catalogue"], "failed": failed}


class Mapping:
    """Lays out maps.

    Parameters
    ----------
    likeness : callable
        ``likeness(name)`` gives the :class:`~classifier.likeness.library.Likeness` of a catalogue.
    """

    def __init__(self, likeness: Callable[[str], Likeness]) -> None:
        self._likeness = likeness

    def run(self, claim: Claim) -> None:
        """Lay the map out, from the beginning whoever began before: it takes a minute at most."""
        claim.check()
        self._likeness(claim.task["catalogue"]).lay_out()
        claim.advance(1, {})

    def give_up(self, claim: Claim) -> None:
        """Give up the job: there is nothing that could be left out of it."""
        raise EarmarkError("the service stopped again and again while it laid out the map; it is given up")
