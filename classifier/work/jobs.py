"""Jobs: work that continues after the answer, as documents that outlive every process.

A job has a kind, which decides its handler; a task, which never changes; and a state, which records what has been done,
so that another worker can continue from there. Task and state belong to the kind. The other fields are the same for
every kind: who works on the job and until when (``worker.py``), and its progress. Nobody else may claim a job
before ``lease_expires``, also while it is queued: that is how a job is put off.

``status`` is ``queued``, ``running`` or ``done``; a job that failed as a whole, or was stopped, is done and has an
``error``.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from classifier.errors import Conflict, EarmarkError, JobNotFound
from classifier.records.clock import iso, new_id, now
from classifier.store.base import Document, Store

STATUSES = ("queued", "running", "done")

STOPPABLE = ("copy", "duplicates", "label", "map", "train")
"""Kinds that leave nothing half done wherever they end."""
KEEP_DAYS = 30
"""Days for which a finished job is kept."""
BRIEF = {"webhook": 1}
"""Days for kinds whose jobs are many and soon of no interest."""


def submit(
    store: Store,
    kind: str,
    task: Mapping[str, Any],
    *,
    state: Mapping[str, Any],
    total: int,
    job_id: str | None = None,
    spool: str = "",
) -> Document:
    """Store a new job.

    Parameters
    ----------
    store : Store
        Where jobs are kept.
    kind : str
        Decides the handler.
    task : mapping
        What to do; values that a document may hold.
    state : mapping
        What has been done: where the handler starts.
    total : int >= 0
        Steps of the whole job.
    job_id : str, optional
        Id of the job's spool folder, if it has one; default a new id.
    spool : str, optional
        Name of the spool that holds the job's files; only workers that share it claim the job. Default: the job has no
        files, and any worker may claim it.

    Returns
    -------
    dict
        The job's document.
    """
    document: Document = {
        "_id": job_id or new_id(),
        "kind": kind,
        "status": "queued",
        "created": now(),
        "finished": None,
        "total": total,
        "done": 0,
        "error": None,
        "task": dict(task),
        "state": dict(state),
        "spool": spool,
        "owner": None,
        "lease_expires": 0.0,
        "deaths": 0,
        "changes": 0,
    }
    store.insert("jobs", [document])
    return document


def get(store: Store, job_id: str, kind: str | None = None) -> Document:
    """Return a job's document; ``changes`` counts its updates.

    Raises
    ------
    JobNotFound
        If no job has that id, it has been deleted, or it is of another kind than ``kind``.
    """
    document = store.get("jobs", job_id)
    if document is None:
        raise JobNotFound(f"no job {job_id!r} is stored")
    if kind is not None and document["kind"] != kind:
        raise JobNotFound(f"job {job_id!r} is of the kind {document['kind']!r}, not {kind!r}: ask for it under /jobs")
    return document


def unfinished(store: Store) -> list[Document]:
    """Return the documents of all jobs that wait or run, newest first, without their states.

    Those of :data:`BRIEF` kinds are left out: they are many, and over at once.
    """
    fields = ("kind", "status", "created", "total", "done", "task")
    found = store.find("jobs", {"status": {"$in": ["queued", "running"]}}, sort=("created", -1), fields=fields)
    return [document for document in found if document["kind"] not in BRIEF]


def stop(store: Store, job_id: str) -> Document:
    """End a job of a kind that can be left halfway, and return its document; one that is done stays as it is.

    A worker that is on it finishes its step at most, and leaves the rest. The same job again goes on from there.

    Raises
    ------
    JobNotFound
        If no job has that id.
    Conflict
        If jobs of its kind are not to be left halfway.
    """
    document = get(store, job_id)
    if document["kind"] not in STOPPABLE:
        raise Conflict(f"a job of the kind {document['kind']!r} is not stopped: only {', '.join(STOPPABLE)} are")
    ended = {
        "status": "done",
        "finished": now(),
        "owner": None,
        "error": error_of(Conflict("somebody stopped the job")),
    }
    going = {"_id": job_id, "status": {"$in": ["queued", "running"]}}
    return store.update("jobs", going, set=ended, inc={"changes": 1}) or get(store, job_id)


def to_dict(document: Document) -> dict[str, Any]:
    """Return the part of a job's JSON object that all kinds share."""
    common = ("kind", "status", "created", "finished", "total", "done", "error")
    return {"id": document["_id"], **{name: document[name] for name in common}}


def error_of(error: Exception) -> dict[str, str]:
    """Return a failure as a job records it: name and message; an unexpected error reveals nothing internal."""
    if isinstance(error, EarmarkError):
        # The message may quote a file name, which need not be valid Unicode.
        return {"name": error.name, "message": str(error).encode("utf-8", "replace").decode()}
    return {"name": EarmarkError.name, "message": "unexpected error; the service's log has it"}


def not_labelled(what: str, error: Exception) -> str:
    """Return the remark that something has no labels: ``what`` says so; the error's name and message say why."""
    why = error_of(error)
    return f"not_labelled: {what} ({why['name']}): {why['message']}"


def clean(store: Store) -> None:
    """Delete jobs that finished long ago."""
    for kind, days in (({}, KEEP_DAYS), *(({"kind": kind}, days) for kind, days in BRIEF.items())):
        store.delete("jobs", {**kind, "status": "done", "finished": {"$lt": iso(time.time() - days * 86400)}})
