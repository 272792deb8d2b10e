"""``/tracklists``: who played what when in a long recording; corrected by people, exported for other programs."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from apiflask import APIBlueprint
from flask import Response, url_for

from classifier.api import jobs, streams
from classifier.api.guard import needs, owner
from classifier.api.job_schemas import Job
from classifier.api.list_schemas import TracklistsQuery
from classifier.api.paging import cursor_of, place_of
from classifier.api.representation import check_match, only
from classifier.api.service import service
from classifier.api.streams import Sent
from classifier.api.trackfiles import spool_tracks
from classifier.api.tracklist_schemas import (
    MAX_SEGMENTS,
    ExportQuery,
    Segment,
    SegmentEdit,
    SegmentsQuery,
    Tracklist,
    TracklistQuery,
    Tracklists,
)
from classifier.care.labelling import asked_of_segments
from classifier.listening import segments as listened
from classifier.listening.exports import FORMATS
from classifier.records import corrections
from classifier.records import tracklists as stored
from classifier.store.base import Store
from classifier.work import tracklist
from classifier.work.spool import Upload

bp = APIBlueprint("tracklists", __name__, tag="Tracklists", url_prefix="/api/v1/tracklists")

#: Seconds that the clocks of several machines may differ by.
_CLOCKS_S = 10.0
_STREAM: dict[Any, Any] = {
    200: {
        "description": "Events `segment` with `event` (`opened`, `confirmed`, `revised`, `closed` or `withdrawn`), "
        "`at_s` and `segment`, first those of all segments so far; `progress` with the tracklist without its segments "
        "at each change; at last one event `done` with the same",
        "content": {"text/event-stream": {}},
    },
    404: "No such tracklist",
    **streams.RESPONSES,
}
_EXPORT: dict[Any, Any] = {
    200: {
        "description": "The tracklist as a file",
        "content": {form.media_type: {"schema": {"type": "string"}} for form in FORMATS.values()},
    },
    401: "Key needed",
    403: "Role needed",
    404: "No such tracklist",
    422: "No such format, or it cannot hold this tracklist: a cue sheet has 99 tracks at most",
}


@bp.post("")
@needs("admin")
@bp.input(TracklistQuery, location="query")
@bp.output(Job, status_code=202, description="Taken in; `Location` names the job that listens to the recording")
@bp.doc(operation_id="createTracklist", responses=[400, 401, 403, 404, 408, 413, 415, 421, 422, 503, 507])
def create(query_data: TracklistQuery) -> Any:
    """Upload a recording to list.

    The recording is the file part `file` of a multipart form. The answer comes as soon as the upload is in; its
    `tracklist` can be read at once, and fills while it is listened to. What people corrected in an earlier tracklist
    of the same file is taken over. With `include`, segments get `labels` when the whole recording has been heard; what
    cannot be labelled after all gets a remark.
    """
    own = service()
    catalogue = own.catalogue_name(query_data.catalogue)
    tasks = query_data.include.split(",") if query_data.include else []
    if tasks:
        asked_of_segments(own.labelling.registry, Path(own.settings.weights_dir), tasks)
    job_id, folder = own.spool.open()
    try:
        parts, _ = spool_tracks(folder, own.settings.recording_bytes, most=1)
        name, path, size = parts[0]
        job = tracklist.submit(own.store, own.spool, job_id, catalogue, Upload(name, path, size), tasks)
    except BaseException:
        own.spool.remove(job_id)
        raise
    own.notify_workers()
    return jobs.to_dict(job), 202, {"Location": url_for("jobs.get", job_id=job_id)}


@bp.get("")
@needs("tag", named=True)
@bp.input(TracklistsQuery, location="query")
@bp.output(Tracklists)
@bp.doc(operation_id="listTracklists", responses=[401, 403])
def listing(query_data: TracklistsQuery) -> dict[str, Any]:
    """List tracklists without their segments, newest first unless `sort` says otherwise.

    A key with role `tag` sees those of its own continuous listens, and those that are nobody's in particular.
    """
    sort, limit = query_data.sort, query_data.limit
    which = query_data.model_dump(include={"catalogue", "monitor", "search", "sort"})
    after = place_of(f"tracklists by {sort}", query_data.cursor)
    found = stored.history(service().store, owner=owner(), **which, after=after, limit=limit + 1)
    last = found[limit - 1] if len(found) > limit else None
    only(query_data.fields, of="tracklists")
    return {
        "tracklists": found[:limit],
        "next": cursor_of(f"tracklists by {sort}", (last[sort.removeprefix("-")], last["id"])) if last else None,
    }


@bp.get("/<tracklist_id>")
@needs("tag", named=True)
@bp.input(SegmentsQuery, location="query")
@bp.output(Tracklist)
@bp.doc(operation_id="getTracklist", responses=[401, 403, 404])
def get(tracklist_id: str, query_data: SegmentsQuery) -> dict[str, Any]:
    """Return a tracklist with its segments by start."""
    store, limit = service().store, query_data.limit
    return stored.get(store, tracklist_id, from_s=query_data.from_s, limit=limit, owner=owner())


@bp.get("/<tracklist_id>/events")
@needs("tag", named=True)
@bp.doc(operation_id="getTracklistEvents", responses=_STREAM)
def events(tracklist_id: str) -> Response:
    """Follow a tracklist as server-sent events."""
    own = service()
    stored.document(own.store, tracklist_id, owner=owner())
    return streams.respond(own, looking(own.store, tracklist_id, since=0.0))


def looking(store: Store, tracklist_id: str, *, since: float) -> streams.Look:
    """Return what looks at a tracklist: an event for every segment that is written, and one for how far it is.

    Parameters
    ----------
    store : Store
        Where it is kept.
    tracklist_id : str
        Which.
    since : float
        Unix time; what was written before is not told.
    """
    changes, newest = -1, since
    told: dict[str, float] = {}

    def look() -> tuple[list[Sent], bool]:
        nonlocal changes, newest
        document = stored.document(store, tracklist_id)
        if document["changes"] == changes:
            return [], False
        first, changes = changes < 0, document["changes"]
        written = stored.written_since(store, tracklist_id, newest if first else newest - _CLOCKS_S)
        new = [found for found in written if told.get(found["segment"]) != found["written"]]
        if first:
            new = [found for found in new if not found["gone"]]
        told.update((found["segment"], found["written"]) for found in new)
        newest = max([newest, *(found["written"] for found in new)])
        is_over, state = document["status"] != "running", stored.to_dict(document)
        sent = [Sent("segment", changes, stored.event_of(found)) for found in new]
        return [*sent, Sent("done" if is_over else "progress", changes, state)], is_over

    return look


@bp.get("/<tracklist_id>/segments/<segment_id>")
@needs("tag", named=True)
@bp.output(Segment)
@bp.doc(operation_id="getSegment", responses=[401, 403, 404])
def segment(tracklist_id: str, segment_id: str) -> dict[str, Any]:
    """Return one segment of a tracklist."""
    store = service().store
    stored.document(store, tracklist_id, owner=owner())
    return stored.segment(store, tracklist_id, segment_id)


@bp.patch("/<tracklist_id>/segments/<segment_id>")
@needs("admin")
@bp.input(SegmentEdit, location="json")
@bp.output(Segment)
@bp.doc(operation_id="editSegment", responses=[400, 401, 403, 404, 412, 415])
def edit(tracklist_id: str, segment_id: str, json_data: SegmentEdit) -> dict[str, Any]:
    """Correct a segment by hand, for good: nothing that is found later changes it.

    With `If-Match`, only if it has not changed since it was read with that `ETag`.
    """
    fields = json_data.model_dump(exclude_unset=True)
    return corrections.correct(service().store, tracklist_id, segment_id, fields, check=partial(check_match, Segment))


@bp.delete("/<tracklist_id>")
@needs("admin")
@bp.output({}, status_code=204)
@bp.doc(operation_id="deleteTracklist", responses=[401, 403, 404, 412])
def delete(tracklist_id: str) -> Any:
    """Delete a tracklist with all corrections; a job or listener that fills it ends or goes on without it."""
    store = service().store
    check_match(Tracklist, stored.get(store, tracklist_id, limit=MAX_SEGMENTS))
    stored.delete(store, tracklist_id)
    return Response(status=204)


@bp.get("/<tracklist_id>/export")
@needs("tag", named=True)
@bp.input(ExportQuery, location="query")
@bp.doc(operation_id="exportTracklist", responses=_EXPORT)
def export(tracklist_id: str, query_data: ExportQuery) -> Response:
    """Return a tracklist as a cue sheet, Audacity labels, a table, a playlist, chapters, or JSON."""
    store = service().store
    found = stored.get(store, tracklist_id, owner=owner())
    whole = listened.Tracklist(
        found["file"],
        found["duration_s"],
        [listened.Segment.from_dict(segment) for segment in found["segments"]],
        found["seconds"],
    )
    form = FORMATS[query_data.format]
    text = form.write(whole, stored.musicbrainz(store, found["segments"]))
    name = quote(f"{found['file'].rpartition('.')[0] or found['file']}.{form.ending}", safe="")
    response = Response(text.encode(), content_type=f"{form.media_type}; charset=utf-8")
    response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{name}"
    return response
