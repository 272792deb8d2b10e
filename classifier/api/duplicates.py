"""``/duplicates`` and ``/merges``: tracks that share sound, and one that goes on for several."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint
from flask import url_for

from classifier.api.duplicate_schemas import Duplicates, DuplicatesQuery, Merged, MergeTracks
from classifier.api.guard import needs
from classifier.api.list_schemas import MergesQuery
from classifier.api.paging import page
from classifier.api.service import service
from classifier.api.track_schemas import Track
from classifier.records import merging
from classifier.work import duplicates, jobs

bp = APIBlueprint("duplicates", __name__, tag="Library", url_prefix="/api/v1")


@bp.post("/duplicates")
@needs("admin")
@bp.input(DuplicatesQuery, location="json")
@bp.output(Duplicates, status_code=202, description="Taken in; ask at `Location` until `status` is `done`")
@bp.doc(operation_id="findDuplicates", responses=[400, 401, 403, 404, 415])
def find(json_data: DuplicatesQuery) -> Any:
    """Align a catalogue with itself.

    Copies, excerpts, edits and parts such as medleys are found, and which stretch of which is which. Copies at another
    speed and other performances are not.
    """
    own = service()
    name = own.catalogue_name(json_data.catalogue)
    job = duplicates.submit(own.store, name, track_ids=json_data.track_ids, relations=json_data.relations)
    own.notify_workers()
    return duplicates.to_dict(job), 202, {"Location": url_for("duplicates.get", job_id=job["_id"])}


@bp.get("/duplicates/<job_id>")
@needs("admin")
@bp.output(Duplicates)
@bp.doc(operation_id="getDuplicates", responses=[401, 403, 404])
def get(job_id: str) -> dict[str, Any]:
    """Return what was found; none of it before `status` is `done`. The job can be followed under `/jobs`, too."""
    return duplicates.to_dict(jobs.get(service().store, job_id, duplicates.KIND))


@bp.get("/merges")
@needs("admin")
@bp.input(MergesQuery, location="query")
@bp.output(Merged)
@bp.doc(operation_id="listMerges", responses=[401, 403, 404])
def listing(query_data: MergesQuery) -> dict[str, Any]:
    """List the tracks that were merged into others, newest first."""
    own = service()
    merges = merging.merged(own.store, own.catalogue_name(query_data.catalogue))
    found, more = page(merges, lambda merge: merge[0].id, query_data, order="merges")
    shown = [{"track": track.to_dict(), "into": into, "merged": at} for track, into, at in found]
    return {"merges": shown, "next": more}


@bp.post("/tracks/<track_id>/merge")
@needs("admin")
@bp.input(MergeTracks, location="json")
@bp.output(Track)
@bp.doc(operation_id="mergeTracks", responses=[400, 401, 403, 404, 409, 415])
def merge(track_id: str, json_data: MergeTracks) -> dict[str, Any]:
    """Let a track go on for others, too.

    They are no longer found, and whoever asks for them gets this one. It takes over what was edited by hand of them and
    not of itself, and what it has no value for. Nothing is deleted. Repeating the request does no harm.
    """
    store = service().store
    for other_id in json_data.tracks:
        track = merging.merge(store, track_id, other_id)
    return track.to_dict()


@bp.delete("/merges/<track_id>")
@needs("admin")
@bp.output(Track)
@bp.doc(operation_id="undoMerge", responses=[401, 403, 404])
def undo(track_id: str) -> dict[str, Any]:
    """Bring back a track that was merged; what the other took over goes back too, unless it was edited since."""
    return merging.undo(service().store, track_id).to_dict()
