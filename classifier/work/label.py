"""Jobs of the kind ``label``: the tracks of a catalogue get the labels that models say of them.

From what is remembered of their files, else from files in the folders of the settings. A track that its model has
labelled is left alone, so a job that begins again goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from classifier.audio.decoder import Decoder
from classifier.audio.limits import Limits
from classifier.care.folders import search
from classifier.care.labelling import Asked, Labelled, Labeller, asked, asked_of_segments, label_one, label_segments
from classifier.catalogue import Catalogue
from classifier.errors import EarmarkError, FileMissing
from classifier.labels.hearing import Ears, Progress
from classifier.labels.scoring.registry import Registry
from classifier.listening.segments import Segment
from classifier.results import Track
from classifier.settings import Settings
from classifier.store.base import Document, Store
from classifier.work import jobs
from classifier.work.worker import Claim

KIND = "label"
#: Most failures that a job names; all are counted.
MOST_NAMED = 200


def submit(store: Store, catalogue: str, tasks: Sequence[str], *, again: bool = False) -> Document:
    """Store a job that labels the tracks of a catalogue.

    Parameters
    ----------
    store : Store
        Where jobs are kept.
    catalogue : str
        Name of the catalogue.
    tasks : sequence of str
        What to name; none: all that can be.
    again : bool
        Whether tracks that the same model has labelled are labelled anew, too.
    """
    task = {"catalogue": catalogue, "tasks": list(tasks), "again": again}
    return jobs.submit(store, KIND, task, state={"labelled": 0, "failed": 0, "failures": []}, total=0)


def to_dict(document: Document) -> dict[str, Any]:
    """Return the JSON object of a job's document: its files are those that failed."""
    state = document["state"]
    files = [
        {"name": one["file"], "bytes": 0, "status": "failed", "track_id": one["track_id"], "title": one["title"]}
        | {"remarks": [], "error": one["error"]}
        for one in state["failures"]
    ]
    return {
        **jobs.to_dict(document),
        "catalogue": document["task"]["catalogue"],
        "added": state["labelled"],
        "failed": state["failed"] + (document["error"] is not None),
        "files": files,
    }


class Labels:
    """Labels tracks.

    Parameters
    ----------
    settings : Settings
        Of the process: where models and features lie, and the folders where files may be.
    catalogue : callable
        ``catalogue(name)`` is a context manager that lends the :class:`~classifier.catalogue.Catalogue`.
    """

    def __init__(self, settings: Settings, catalogue: Callable[[str], AbstractContextManager[Catalogue]]) -> None:
        self._settings, self._catalogue = settings, catalogue

    def run(self, claim: Claim) -> None:
        """Label what can be labelled."""
        task, state = claim.task, dict(claim.state)
        before = claim.created if task["again"] else None
        with self._catalogue(task["catalogue"]) as catalogue:
            labeller = Labeller(catalogue, self._ears(catalogue), self._asked(task["tasks"]), before=before)
            total = state["labelled"] + len(labeller.wanted)
            claim.advance(state["labelled"], state, total=total)
            for outcomes in (labeller.remembered(lambda: claim.stopping), self._from_files(labeller, claim)):
                for outcome in outcomes:
                    state["labelled"] += outcome.error is None
                    if outcome.error is not None:
                        _fail(state, outcome)
                    claim.advance(state["labelled"], state)
        claim.check()

    def give_up(self, claim: Claim) -> None:
        """Give up the job: which file it was that could not be heard is not known."""
        raise EarmarkError("the service stopped again and again while it labelled the tracks; it is given up")

    def one(self, catalogue: Catalogue, track: Track, path: Path) -> None:
        """Label a track that has just been enrolled, from its file."""
        label_one(catalogue, self._ears(catalogue), self._asked([]), track, path)

    def segments(
        self, decoder: Decoder, path: Path, tasks: Sequence[str], found: Sequence[Segment], progress: Progress
    ) -> list[Segment]:
        """Label the segments of an uploaded recording; see :func:`~classifier.care.labelling.label_segments`."""
        # What somebody uploads leaves nothing on the disk.
        ears = Ears(self._settings, decoder, Limits.for_recording(self._settings), cached=False)
        return label_segments(ears, asked_of_segments(*self._models(), tasks), path, found, progress)

    def _asked(self, tasks: Sequence[str]) -> list[Asked]:
        return asked(*self._models(), tasks)

    def _models(self) -> tuple[Registry, Path]:
        return Registry(Path(self._settings.data_dir)), Path(self._settings.weights_dir)

    def _ears(self, catalogue: Catalogue) -> Ears:
        return Ears(self._settings, catalogue.decoder, Limits.for_track(self._settings))

    def _from_files(self, labeller: Labeller, claim: Claim) -> Iterator[Labelled]:
        for folder in self._settings.music_folders:
            if not labeller.wanted or claim.stopping:
                return
            try:
                found = search(Path(folder))
            except FileMissing as error:
                yield Labelled(None, Path(folder), error)
                continue
            for path, reason in found.unreadable:
                yield Labelled(None, path, reason)
            yield from labeller.files(found.files, stop=lambda: claim.stopping)


def _fail(state: dict[str, Any], outcome: Labelled) -> None:
    state["failed"] += 1
    if len(state["failures"]) < MOST_NAMED and outcome.error is not None:
        track = outcome.track
        named: dict[str, Any] = {"file": outcome.path.name if outcome.path else ""}
        named |= {"error": jobs.error_of(outcome.error)}
        named |= {"track_id": track.id if track else None, "title": track.title if track else None}
        state["failures"] = [*state["failures"], named]
