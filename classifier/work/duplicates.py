"""Jobs of the kind ``duplicates``: a catalogue aligned with itself; the pairs that share sound are the job's state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from classifier.care.versions import to_dict as pair_of
from classifier.catalogue import Catalogue
from classifier.errors import EarmarkError
from classifier.search.overlap import overlaps
from classifier.store.base import Document, Store
from classifier.work import jobs
from classifier.work.worker import Claim

KIND = "duplicates"
#: Most pairs that a job keeps, closest first.
MAX_PAIRS = 1000


def submit(store: Store, catalogue: str, *, track_ids: Sequence[str] = (), relations: Sequence[str] = ()) -> Document:
    """Store a job that aligns a catalogue with itself.

    Parameters
    ----------
    store : Store
        Where jobs are kept.
    catalogue : str
        Name of the catalogue.
    track_ids : sequence of str
        Only pairs with one of these; none: all.
    relations : sequence of str
        Only pairs so related (:data:`classifier.search.overlap.RELATIONS`); none: all.
    """
    task = {"catalogue": catalogue, "track_ids": list(track_ids), "relations": list(relations)}
    return jobs.submit(store, KIND, task, state={"pairs": [], "found": 0}, total=1)


def to_dict(document: Document) -> dict[str, Any]:
    """Return the JSON object of a job's document, with what has been found."""
    return {**jobs.to_dict(document), "catalogue": document["task"]["catalogue"], **document["state"]}


def progress_of(document: Document) -> dict[str, Any]:
    """Return the JSON object of a job's document, as of any job: it has no files."""
    failed = int(document["error"] is not None)
    own = {"added": 0, "present": 0, "failed": failed, "files": []}
    job = {**jobs.to_dict(document), "catalogue": document["task"]["catalogue"], **own}
    del job["error"]
    return job


class Duplicates:
    """Aligns catalogues with themselves.

    Parameters
    ----------
    catalogue : callable
        ``catalogue(name)`` gives the open :class:`~classifier.catalogue.Catalogue`.
    """

    def __init__(self, catalogue: Callable[[str], Catalogue]) -> None:
        self._catalogue = catalogue

    def run(self, claim: Claim) -> None:
        """Align all tracks, from the beginning whoever began before: it takes minutes at most."""
        task = claim.task
        view = self._catalogue(task["catalogue"]).view()
        found = overlaps(view.snapshot, only=set(task["track_ids"]) or None, stop=lambda: claim.stopping)
        claim.check()
        found = [overlap for overlap in found if not task["relations"] or overlap.relation in task["relations"]]
        pairs = [pair_of(overlap, view.tracks.__getitem__) for overlap in found[:MAX_PAIRS]]
        claim.advance(1, {"pairs": pairs, "found": len(found)})

    def give_up(self, claim: Claim) -> None:
        """Give up the job: there is nothing that could be left out of it."""
        raise EarmarkError("the service stopped again and again while it aligned the tracks; it is given up")
