"""Jobs of the kind ``enroll``: uploaded files become tracks.

Each file is a step. Doing one twice does no harm, since a recording is enrolled once per catalogue whatever happens.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace as with_values
from pathlib import Path
from typing import Any

from classifier.audio import hashing
from classifier.care.copying import take_over
from classifier.catalogue import Catalogue
from classifier.enrolling import Enrolled
from classifier.errors import EarmarkError, FileMissing, TrackBusy, Unavailable
from classifier.records import tracks
from classifier.results import Track
from classifier.store.base import Document, Store
from classifier.work import jobs
from classifier.work.jobs import error_of, not_labelled
from classifier.work.spool import Spool, Upload
from classifier.work.worker import Claim, Interrupted

log = logging.getLogger("earmark.jobs")

KIND = "enroll"
FINISHED = ("added", "present", "failed")
"""States of a file that nothing more is done with; before, it is ``waiting`` or ``working``."""


def submit(
    store: Store,
    spool: Spool,
    job_id: str,
    catalogue: str,
    uploads: list[Upload],
    *,
    facts: dict[str, str] | None = None,
    replace: bool = False,
    like: str = "",
    label: bool = False,
) -> Document:
    """Store a job that enrolls ``uploads``, which lie in the folder of ``job_id``.

    Parameters
    ----------
    store : Store
        Where jobs are kept.
    spool : Spool
        Where the folder is.
    job_id : str
        As :meth:`Spool.open` gave it.
    catalogue : str
        Name of the catalogue that is enrolled into.
    uploads : list of Upload
        The files.
    facts : dict of str to str, optional
        Title, artist, album or isrc of the track, if there is a single file; default: as the files say.
    replace : bool
        Whether tracks that are enrolled already are modelled anew.
    like : str
        Name of another catalogue: what is said there of the same audio is taken over.
    label : bool
        Whether genre, mood, tags and the like are named, too.

    Returns
    -------
    dict
        The job's document.
    """
    files: list[dict[str, Any]] = [
        {
            "name": upload.name,
            "stored": upload.path.name,
            "bytes": upload.size,
            "status": "waiting",
            "track_id": None,
            "title": None,
            "remarks": [],
            "error": None,
        }
        for upload in uploads
    ]
    task = {"catalogue": catalogue, "facts": facts or {}, "replace": replace, "like": like, "label": label}
    return jobs.submit(store, KIND, task, state={"files": files}, total=len(files), job_id=job_id, spool=spool.name)


def to_dict(document: Document) -> dict[str, Any]:
    """Return the JSON object of a job's document: a job that failed as a whole is one whose other files failed."""
    job = jobs.to_dict(document)
    error = job.pop("error")
    files: list[dict[str, Any]] = [
        {"remarks": [], **{name: value for name, value in file.items() if name != "stored"}}  # an older job has none
        for file in document["state"]["files"]
    ]
    if error is not None:
        files = [file if file["status"] in FINISHED else {**file, "status": "failed", "error": error} for file in files]
    states = [file["status"] for file in files]
    counts = {state: states.count(state) for state in FINISHED}
    job.update(catalogue=document["task"]["catalogue"], done=sum(counts.values()), **counts, files=files)
    return job


class Enroll:
    """Enrolls the files of jobs.

    Parameters
    ----------
    store : Store
        Where tracks are kept.
    spool : Spool
        Where the files lie.
    catalogue : callable
        ``catalogue(name)`` is a context manager that lends the :class:`~classifier.catalogue.Catalogue` to enroll into.
    label : callable
        ``label(catalogue, track, path)`` labels a track from its file.
    """

    def __init__(
        self,
        store: Store,
        spool: Spool,
        catalogue: Callable[[str], AbstractContextManager[Catalogue]],
        label: Callable[[Catalogue, Track, Path], None],
    ) -> None:
        self._store = store
        self._spool = spool
        self._catalogue = catalogue
        self._label = label

    def run(self, claim: Claim) -> None:
        """Enroll the files that are left."""
        for file in claim.state["files"]:
            if file["status"] not in FINISHED:
                claim.check()
                try:
                    self._one(claim, file, self._enrolled)
                except Interrupted:
                    file["status"] = "waiting"
                    claim.note(claim.state)
                    raise
                self._advance(claim)

    def give_up(self, claim: Claim) -> None:
        """Say of the file at hand that it failed, unless its track is there after all."""
        for file in claim.state["files"]:
            if file["status"] == "working":
                self._one(claim, file, self._stored)
        self._advance(claim)

    def _advance(self, claim: Claim) -> None:
        files = claim.state["files"]
        claim.advance(sum(file["status"] in FINISHED for file in files), claim.state)

    def _one(
        self,
        claim: Claim,
        file: dict[str, Any],
        enrolled_of: Callable[[dict[str, Any], dict[str, Any], Path], Enrolled],
    ) -> None:
        """Find the track of one file by ``enrolled_of(task, file, path)``, and write the outcome into ``file``."""
        file["status"] = "working"
        claim.note(claim.state)
        path = self._spool.root / claim.id / file["stored"]
        try:
            if not path.is_file():
                raise FileMissing("the upload is gone: send it again")
            done = claim.retry(lambda: enrolled_of(claim.task, file, path), on=(TrackBusy, Unavailable))
            file.update(status="added" if done.added else "present", track_id=done.track.id, title=done.track.title)
            file.update(remarks=done.remarks or done.track.remarks, error=None)
        except Exception as error:
            if isinstance(error, EarmarkError):
                log.info("job %s: %s failed: %s", claim.id, error.name, error)
            else:
                log.exception("job %s: a file failed unexpectedly", claim.id)
            file.update(status="failed", error=error_of(error))

    def _enrolled(self, task: dict[str, Any], file: dict[str, Any], path: Path) -> Enrolled:
        """Enroll the file."""
        with self._catalogue(task["catalogue"]) as catalogue:
            enrolled = catalogue.enroll(
                path,
                source_name=Path(file["name"]).stem or file["name"],
                replace=task["replace"],
                **task["facts"],
            )
            if task.get("label"):
                enrolled = self._labelled(catalogue, enrolled, path)
        like = task.get("like")  # a job of an earlier release has none
        known = tracks.find(self._store, like, content_hash=enrolled.track.content_hash) if like else None
        if known is None:
            return enrolled
        return with_values(enrolled, track=take_over(self._store, enrolled.track, known))

    def _labelled(self, catalogue: Catalogue, enrolled: Enrolled, path: Path) -> Enrolled:
        """Label the track; it stays enrolled if that fails, with a remark."""
        try:
            self._label(catalogue, enrolled.track, path)
        except EarmarkError as error:
            remark = not_labelled("the track has no labels", error)
            return with_values(enrolled, remarks=[*enrolled.remarks, remark])
        return enrolled

    def _stored(self, task: dict[str, Any], _: dict[str, Any], path: Path) -> Enrolled:
        """Return the file's track if one of the workers that died on it had stored it already.

        The track is known by the file's bytes, since decoding may be what kills. Where a track was to be replaced,
        nothing tells the new version from the old; then it is better to say that the file failed.
        """
        if not task["replace"]:
            digest = hashing.file_hash(path, None)
            track = tracks.find(self._store, task["catalogue"], file_hash=digest) if digest else None
            if track is not None:
                return Enrolled(track, False, digest)
        raise EarmarkError("the service stopped on this file again and again; it is given up")
