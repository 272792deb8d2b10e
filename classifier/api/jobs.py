"""``/jobs``: progress of background work, on request or as server-sent events."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

from apiflask import APIBlueprint
from flask import Response

from classifier.api.guard import needs
from classifier.api.schemas import Job
from classifier.api.service import Service, service
from classifier.errors import Busy, EarmarkError
from classifier.store.base import Document
from classifier.work import duplicates, enroll, jobs

bp = APIBlueprint("jobs", __name__, tag="Jobs", url_prefix="/api/v1/jobs")

_STREAM: dict[Any, Any] = {
    200: {
        "description": "An event `job` with the job as JSON at each change; finally one event `done`",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    },
    401: "Key needed",
    403: "Role needed",
    404: "No such job",
    503: "Too many streams: poll the job instead",
}

#: The function that makes a job's JSON object, by kind.
_SHOWN = {enroll.KIND: enroll.to_dict, duplicates.KIND: duplicates.progress_of}

HEARTBEAT_SECONDS = 15.0
"""Silence after which a comment is sent, so that proxies keep the stream and a vanished client is noticed."""
POLL_SECONDS = 0.25
STREAM_SECONDS = 600.0
"""Longest life of a stream; the browser then opens the next one by itself."""


@bp.get("/<job_id>")
@needs("admin")
@bp.output(Job)
@bp.doc(operation_id="getJob", responses=[401, 403, 404])
def get(job_id: str) -> dict[str, Any]:
    """Return a job with every file's state."""
    return _shown(jobs.get(service().store, job_id))


@bp.get("/<job_id>/events")
@needs("admin")
@bp.doc(operation_id="getJobEvents", responses=_STREAM)
def events(job_id: str) -> Response:
    """Follow a job as server-sent events.

    The state comes from the store, so it does not matter which process works on the job.
    """
    own = service()
    first = jobs.get(own.store, job_id)
    if not own.streams.acquire(blocking=False):
        raise Busy("too many event streams are open: poll the job itself instead")
    response = Response(_stream(own, first), mimetype="text/event-stream")
    response.headers["Cache-Control"] = "no-cache"
    response.headers["X-Accel-Buffering"] = "no"
    response.call_on_close(own.streams.release)
    return response


def _shown(document: Document) -> dict[str, Any]:
    return _SHOWN[document["kind"]](document)


def _event(name: str, number: int, document: Document) -> str:
    return f"event: {name}\nid: {number}\ndata: {json.dumps(_shown(document), ensure_ascii=False)}\n\n"


def _stream(own: Service, document: Document) -> Iterator[str]:
    """Yield an event for every change until the job is done, and heartbeats in between."""
    started = spoken = time.monotonic()
    seen = -1
    yield "retry: 2000\n\n"
    while not own.closing.is_set() and time.monotonic() - started < STREAM_SECONDS:
        if document["changes"] != seen:
            seen = document["changes"]
            yield _event("job", seen, document)
            spoken = time.monotonic()
        if document["status"] == "done":
            yield _event("done", seen, document)
            return
        if time.monotonic() - spoken > HEARTBEAT_SECONDS:
            yield ": still here\n\n"
            spoken = time.monotonic()
        own.closing.wait(POLL_SECONDS)
        try:
            document = jobs.get(own.store, document["_id"])
        except EarmarkError:
            return  # the browser asks again, and gets the problem document
