"""``/tracks``: upload tracks (enrolled in the background), list, edit and remove them."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint
from flask import Response, url_for
from pydantic import ValidationError

from classifier.api import jobs
from classifier.api.guard import needs
from classifier.api.schemas import EnrollForm, EnrollQuery, Job, Track, TrackEdit, Tracks, TracksQuery
from classifier.api.service import service
from classifier.api.trackfiles import spool_tracks
from classifier.errors import InvalidParameter
from classifier.records import tracks as stored
from classifier.work import enroll
from classifier.work.spool import Upload

bp = APIBlueprint("tracks", __name__, tag="Library", url_prefix="/api/v1/tracks")


@bp.post("")
@needs("admin")
@bp.input(EnrollQuery, location="query")
@bp.output(Job, status_code=202, description="Accepted; `Location` names the job that enrolls the files")
@bp.doc(operation_id="createTracks", responses=[400, 401, 403, 404, 408, 413, 415, 421, 503, 507])
def create(query_data: EnrollQuery) -> Any:
    """Upload tracks.

    Each file is a part `file` of a multipart form. The text fields `title`, `artist`, `album` and `isrc` describe a
    single file; with several files, each one's own tags do. The answer comes as soon as the upload has arrived: follow
    the job for each file's outcome. A recording that is already in the catalogue is recognised and not added again.
    """
    own = service()
    catalogue = own.catalogue_name(query_data.catalogue)
    like = own.catalogue_name(query_data.like) if query_data.like else ""
    job_id, folder = own.spool.open()
    try:
        parts, fields = spool_tracks(folder, own.settings.track_bytes, tuple(EnrollForm.model_fields))
        facts = _facts(fields, len(parts))
        uploads = [Upload(name, path, size) for name, path, size in parts]
        job = enroll.submit(
            own.store, own.spool, job_id, catalogue, uploads, facts=facts, replace=query_data.replace, like=like
        )
    except BaseException:
        own.spool.remove(job_id)
        raise
    own.notify_workers()
    return jobs.to_dict(job), 202, {"Location": url_for("jobs.get", job_id=job_id)}


def _facts(fields: dict[str, str], n_files: int) -> dict[str, str]:
    """Return what the form says about a single file."""
    try:
        form = EnrollForm.model_validate({name: value for name, value in fields.items() if value.strip()})
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise InvalidParameter(wrong) from None
    facts = form.model_dump(exclude_none=True)
    if facts and n_files > 1:
        raise InvalidParameter(f"{', '.join(facts)} can be given with a single file only; {n_files} were sent")
    return facts


@bp.get("")
@needs("tag")
@bp.input(TracksQuery, location="query")
@bp.output(Tracks)
@bp.doc(operation_id="listTracks", responses=[401, 403, 404])
def listing(query_data: TracksQuery) -> dict[str, Any]:
    """List a catalogue's tracks by title."""
    own = service()
    catalogue = own.catalogue_name(query_data.catalogue)
    search, limit, skip = query_data.search, query_data.limit, query_data.skip
    found = stored.list_tracks(own.store, catalogue, search=search, limit=limit, skip=skip)
    total = stored.count_tracks(own.store, catalogue, search=search)
    return {"tracks": [track.to_dict() for track in found], "total": total, "limit": limit, "skip": skip}


@bp.get("/<track_id>")
@needs("tag")
@bp.output(Track)
@bp.doc(operation_id="getTrack", responses=[401, 403, 404])
def get(track_id: str) -> dict[str, Any]:
    """Return a track."""
    return stored.get_track(service().store, track_id).to_dict()


@bp.patch("/<track_id>")
@needs("admin")
@bp.input(TrackEdit, location="json")
@bp.output(Track)
@bp.doc(operation_id="editTrack", responses=[400, 401, 403, 404, 415])
def edit(track_id: str, json_data: TrackEdit) -> dict[str, Any]:
    """Change a track's description; tags made from now on show the change."""
    return stored.edit(service().store, track_id, **json_data.model_dump(exclude_unset=True)).to_dict()


@bp.delete("/<track_id>")
@needs("admin")
@bp.output({}, status_code=204)
@bp.doc(operation_id="deleteTrack", responses=[401, 403, 404])
def delete(track_id: str) -> Any:
    """Remove a track; from the next snippet on it can no longer match."""
    stored.remove(service().store, track_id)
    return Response(status=204)
