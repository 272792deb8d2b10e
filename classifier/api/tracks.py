"""``/tracks``: upload tracks (enrolled in the background), list, edit and remove them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from apiflask import APIBlueprint
from flask import Response, url_for
from pydantic import ValidationError

from classifier.api import jobs
from classifier.api.guard import needs
from classifier.api.job_schemas import Job
from classifier.api.label_schemas import LabelTracks
from classifier.api.list_schemas import TrackFields, TracksQuery
from classifier.api.paging import cursor_of, place_of
from classifier.api.representation import check_match, facet_values, only
from classifier.api.service import service
from classifier.api.track_schemas import EnrollForm, EnrollQuery, Track, TrackEdit, Tracks
from classifier.api.trackfiles import spool_tracks
from classifier.care.labelling import asked
from classifier.errors import InvalidParameter
from classifier.records import tracks as stored
from classifier.records.fields import set_fields
from classifier.work import enroll
from classifier.work import label as labelling
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
            own.store,
            own.spool,
            job_id,
            catalogue,
            uploads,
            facts=facts,
            replace=query_data.replace,
            like=like,
            label=query_data.label,
        )
    except BaseException:
        own.spool.remove(job_id)
        raise
    own.notify_workers()
    return jobs.to_dict(job), 202, {"Location": url_for("jobs.get", job_id=job_id)}


def _facts(fields: dict[str, str], n_files: int) -> dict[str, Any]:
    """Return what the form says about a single file."""
    try:
        form = EnrollForm.model_validate({name: value for name, value in fields.items() if value.strip()})
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise InvalidParameter(wrong) from None
    facts = form.model_dump(exclude_none=True)
    if facts and n_files > 1:
        raise InvalidParameter(f"{', '.join(facts)} can be given with a single file only; {n_files} were sent")
    return set_fields(facts)  # now, as the job would: a wrong ISRC is no reason to send the file again


@bp.get("")
@needs("tag")
@bp.input(TracksQuery, location="query")
@bp.output(Tracks)
@bp.doc(operation_id="listTracks", responses=[401, 403, 404])
def listing(query_data: TracksQuery) -> dict[str, Any]:
    """List a catalogue's tracks, by title unless `sort` says otherwise.

    Go on with `cursor`, which nothing that is added or removed disturbs, or jump with `skip`.
    """
    own = service()
    catalogue = own.catalogue_name(query_data.catalogue)
    sort, limit, skip = query_data.sort, query_data.limit, query_data.skip
    which: dict[str, Any] = {"search": query_data.search, "artist": query_data.artist, "album": query_data.album}
    which["label"] = [name for name in (query_data.label or "").split(",") if name.strip()]
    after = place_of(sort, query_data.cursor)
    found = stored.list_tracks(own.store, catalogue, **which, sort=sort, after=after, limit=limit + 1, skip=skip)
    tracks = [track.to_dict() for track in found[:limit]]
    last = tracks[-1] if len(found) > limit else None
    named = query_data.facets.split(",") if query_data.facets else []
    only(query_data.fields, of="tracks")
    return {
        "tracks": tracks,
        "total": stored.count_tracks(own.store, catalogue, **which),
        "limit": limit,
        "skip": skip,
        "next": cursor_of(sort, (last[sort.removeprefix("-")], last["id"])) if last else None,
        "facets": {name: facet_values(stored.facet(own.store, catalogue, name, **which)) for name in named},
    }


@bp.post("/label")
@needs("admin")
@bp.input(LabelTracks, location="json")
@bp.output(Job, status_code=202, description="Accepted; `Location` names the job that labels the tracks")
@bp.doc(operation_id="labelTracks", responses=[400, 401, 403, 404, 415, 422, 503])
def label(json_data: LabelTracks) -> Any:
    """Label a catalogue's tracks: tags, genre, mood, and what else there are models for.

    No audio is kept of a track. What was heard of its file before is remembered, as by `label` of an upload; else the
    file is looked for in the folders of the setting `music_folders`. Tracks that the active model has labelled are left
    alone. Follow the job: `added` counts the tracks labelled, of `total`; `DELETE /jobs/{job_id}` stops it.
    """
    own = service()
    name = own.catalogue_name(json_data.catalogue)
    asked(own.labelling.registry, Path(own.settings.weights_dir), json_data.tasks)
    job = labelling.submit(own.store, name, json_data.tasks, again=json_data.again)
    own.notify_workers()
    return jobs.to_dict(job), 202, {"Location": url_for("jobs.get", job_id=job["_id"])}


@bp.get("/<track_id>")
@needs("tag")
@bp.input(TrackFields, location="query")
@bp.output(Track)
@bp.doc(operation_id="getTrack", responses=[401, 403, 404])
def get(track_id: str, query_data: TrackFields) -> dict[str, Any]:
    """Return a track."""
    only(query_data.fields)
    return stored.get_track(service().store, track_id).to_dict()


@bp.patch("/<track_id>")
@needs("admin")
@bp.input(TrackEdit, location="json")
@bp.output(Track)
@bp.doc(operation_id="editTrack", responses=[400, 401, 403, 404, 412, 415])
def edit(track_id: str, json_data: TrackEdit) -> dict[str, Any]:
    """Change a track's description; tags made from now on show the change.

    With `If-Match`, only if nobody has changed it since it was read with that `ETag`.
    """
    changes = json_data.model_dump(exclude_unset=True)
    edited = stored.edit(service().store, track_id, check=lambda track: check_match(Track, track.to_dict()), **changes)
    return edited.to_dict()


@bp.delete("/<track_id>")
@needs("admin")
@bp.output({}, status_code=204)
@bp.doc(operation_id="deleteTrack", responses=[401, 403, 404, 412])
def delete(track_id: str) -> Any:
    """Remove a track; from the next snippet on it can no longer match."""
    store = service().store
    check_match(Track, stored.get_track(store, track_id).to_dict())
    stored.remove(store, track_id)
    return Response(status=204)
