"""Jobs of the kind ``copy``: a catalogue's tracks modelled anew in another, from their files where those still are.

The files are looked for in the folders of the settings, by their audio. A job that begins again finds what it had done:
a recording is enrolled once per catalogue. What is missing at the end may be uploaded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from classifier.care.copying import copy_tracks, missing
from classifier.care.folders import search
from classifier.catalogue import Catalogue
from classifier.errors import EarmarkError, FileMissing
from classifier.store.base import Document, Store
from classifier.work import jobs
from classifier.work.worker import Claim

KIND = "copy"
#: Most files and tracks that a job names; all are counted.
MAX_NAMED = 1000
_START: dict[str, Any] = {"copied": 0, "failed": 0, "failures": [], "missing": 0, "missing_tracks": []}


def submit(store: Store, source: str, catalogue: str) -> Document:
    """Store a job that copies what catalogue ``source`` holds to ``catalogue``, which exists."""
    return jobs.submit(store, KIND, {"source": source, "catalogue": catalogue}, state=_START, total=0)


def to_dict(document: Document) -> dict[str, Any]:
    """Return the JSON object of a job's document, with what was copied and what is missing."""
    return {**jobs.to_dict(document), **document["task"], **document["state"]}


def progress_of(document: Document) -> dict[str, Any]:
    """Return the JSON object of a job's document, as of any job: its files are the service's own, and not listed."""
    state = document["state"]
    return {
        **jobs.to_dict(document),
        "catalogue": document["task"]["catalogue"],
        "added": state["copied"],
        "failed": state["failed"] + (document["error"] is not None),
    }


class Copies:
    """Copies catalogues.

    Parameters
    ----------
    catalogue : callable
        ``catalogue(name)`` is a context manager that lends the :class:`~classifier.catalogue.Catalogue` to enroll into.
    folders : sequence of str
        Where the files may be.
    """

    def __init__(self, catalogue: Callable[[str], AbstractContextManager[Catalogue]], folders: Sequence[str]) -> None:
        self._catalogue, self._folders = catalogue, folders

    def run(self, claim: Claim) -> None:
        """Copy what can be found, and record what cannot."""
        state: dict[str, Any] = {**_START, "failures": []}
        files = self._files(state)
        claim.advance(0, state, total=len(files))
        with self._catalogue(claim.task["source"]) as source, self._catalogue(claim.task["catalogue"]) as target:
            outcomes = copy_tracks(source, target, files, stop=lambda: claim.stopping)
            for number, (path, outcome) in enumerate(outcomes, start=1):
                if isinstance(outcome, EarmarkError):
                    _fail(state, path.name, outcome)
                state["copied"] += outcome is not None and not isinstance(outcome, EarmarkError)
                claim.advance(number, state)
            claim.check()
            absent = missing(source, target)
        named = [{"track_id": t.id, "title": t.title, "artist": t.artist, "source": t.source} for t in absent]
        claim.advance(len(files), {**state, "missing": len(absent), "missing_tracks": named[:MAX_NAMED]})

    def give_up(self, claim: Claim) -> None:
        """Give up the job: which file it was that could not be read is not known."""
        raise EarmarkError("the service stopped again and again while it copied the catalogue; it is given up")

    def _files(self, state: dict[str, Any]) -> list[Path]:
        files: set[Path] = set()
        for number, folder in enumerate(self._folders, start=1):
            try:
                found = search(Path(folder))
            except FileMissing:
                _fail(state, f"folder {number}", FileMissing("the folder holds no audio files, or does not exist"))
                continue
            files.update(found.files)
            for path, error in found.unreadable:
                _fail(state, path.name, error)
        return sorted(files)


def _fail(state: dict[str, Any], name: str, error: EarmarkError) -> None:
    state["failed"] += 1
    if len(state["failures"]) < MAX_NAMED:
        state["failures"] = [*state["failures"], {"file": name, **jobs.error_of(error)}]
