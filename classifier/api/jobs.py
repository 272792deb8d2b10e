"""``/jobs``: progress of background work, on request or as server-sent events."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint
from flask import Response

from classifier.api import streams
from classifier.api.guard import needs
from classifier.api.job_schemas import Job, Jobs
from classifier.api.paging import Paged, page
from classifier.api.service import service
from classifier.api.streams import Sent
from classifier.store.base import Document, Store
from classifier.work import copy, duplicates, enroll, experiment, jobs, label, mapping, tracklist, train, webhooks

bp = APIBlueprint("jobs", __name__, tag="Jobs", url_prefix="/api/v1/jobs")

_STREAM: dict[Any, Any] = {
    200: {
        "description": "An event `job` with the job as JSON at each change; finally one event `done`",
        "content": {"text/event-stream": {}},
    },
    404: "No such job",
    **streams.RESPONSES,
}

#: What makes the JSON object of a job, by kind.
_SHOWN = {
    copy.KIND: copy.progress_of,
    duplicates.KIND: duplicates.progress_of,
    enroll.KIND: enroll.to_dict,
    experiment.KIND: experiment.to_dict,
    label.KIND: label.to_dict,
    mapping.KIND: mapping.to_dict,
    tracklist.KIND: tracklist.to_dict,
    train.KIND: train.to_dict,
    webhooks.KIND: webhooks.progress_of,
}
#: What jobs of the other kinds say of a field.
_ABSENT: dict[str, Any] = {
    **{"error": None, "tracklist": None, "task": None, "version": None},
    **{"added": 0, "present": 0, "failed": 0, "files": []},
}


@bp.get("")
@needs("admin")
@bp.input(Paged, location="query")
@bp.output(Jobs)
@bp.doc(operation_id="listJobs", responses=[401, 403])
def listing(query_data: Paged) -> dict[str, Any]:
    """List the jobs that wait or run, newest first; announcements to webhooks are left out."""
    found, more = page(jobs.unfinished(service().store), lambda job: job["_id"], query_data, order="jobs")
    return {"jobs": [_entry(document) for document in found], "next": more}


def _entry(document: Document) -> dict[str, Any]:
    task = document["task"]
    shown = {name: document[name] for name in ("kind", "status", "created", "total", "done")}
    catalogue = task.get("catalogue") or task.get("source")
    return {
        "id": document["_id"],
        **shown,
        "catalogue": catalogue,
        "stoppable": document["kind"] in jobs.STOPPABLE,
    }


@bp.get("/<job_id>")
@needs("admin")
@bp.output(Job)
@bp.doc(operation_id="getJob", responses=[401, 403, 404])
def get(job_id: str) -> dict[str, Any]:
    """Return a job with every file's state."""
    return to_dict(jobs.get(service().store, job_id))


@bp.delete("/<job_id>")
@needs("admin")
@bp.output(Job)
@bp.doc(operation_id="stopJob", responses=[401, 403, 404, 409])
def stop(job_id: str) -> dict[str, Any]:
    """Stop a job that copies a catalogue, looks for duplicates, labels tracks, lays out a map, or trains.

    What it has done so far stays, and the same request again goes on from there. A job that is done stays as it is.
    """
    return to_dict(jobs.stop(service().store, job_id))


@bp.get("/<job_id>/events")
@needs("admin")
@bp.doc(operation_id="getJobEvents", responses=_STREAM)
def events(job_id: str) -> Response:
    """Follow a job as server-sent events."""
    own = service()
    jobs.get(own.store, job_id)
    return streams.respond(own, looking(own.store, job_id))


def to_dict(document: Document) -> dict[str, Any]:
    """Return the JSON object of a job of any kind."""
    return {**_ABSENT, **_SHOWN[document["kind"]](document)}


def looking(store: Store, job_id: str) -> streams.Look:
    """Return what looks at a job: an event for every change, and ``done``."""
    seen = -1

    def look() -> tuple[list[Sent], bool]:
        nonlocal seen
        document = jobs.get(store, job_id)
        is_over, shown = document["status"] == "done", to_dict(document)
        names = ["job"] * (document["changes"] != seen) + ["done"] * is_over
        seen = document["changes"]
        return [Sent(name, seen, shown) for name in names], is_over

    return look
