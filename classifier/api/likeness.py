"""``/alike``: the tracks that sound most like a recording or a track; ``/map``: where all tracks lie; ``/windows``."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint
from flask import url_for

from classifier.api.guard import needs
from classifier.api.likeness_schemas import (
    AlikeAnswer,
    AlikeQuery,
    AlikeUploadQuery,
    MapAnswer,
    MapJob,
    TrackWindows,
    WindowDetail,
)
from classifier.api.paging import Paged, page
from classifier.api.schemas import CatalogueQuery
from classifier.api.service import service
from classifier.api.snippets import read_snippet
from classifier.likeness import windows
from classifier.likeness.library import Likeness
from classifier.mixtures.divergence import Packed
from classifier.records.tracks import get_track
from classifier.work import mapping

bp = APIBlueprint("likeness", __name__, tag="Library", url_prefix="/api/v1")

MAX_POINTS = 20_000
"""Most points of a map in one answer."""


@bp.get("/tracks/<track_id>/alike")
@needs("tag")
@bp.input(AlikeQuery, location="query")
@bp.output(AlikeAnswer)
@bp.doc(operation_id="listAlike", responses=[401, 403, 404, 422])
def of_track(track_id: str, query_data: AlikeQuery) -> dict[str, Any]:
    """List the tracks that sound most like a track, and why.

    Tracks are compared as wholes, by the exact symmetric KL divergence of one Gaussian each; the parts of the
    coefficients add up to it.
    """
    own = service()
    track = get_track(own.store, track_id)
    library = own.likeness(track.catalogue)
    return _answer(library, library.of_track(track.id), query_data.top, leave_out=track.id)


@bp.get("/tracks/<track_id>/windows")
@needs("tag")
@bp.input(Paged, location="query")
@bp.output(TrackWindows)
@bp.doc(operation_id="listWindows", responses=[401, 403, 404])
def list_windows(track_id: str, query_data: Paged) -> dict[str, Any]:
    """List the windows of a track, each of which a Gaussian mixture describes."""
    own = service()
    track = get_track(own.store, track_id)
    found = windows.of_track(own.store, track, own.catalogue(track.catalogue).config)
    entries, more = page(found, lambda window: str(window.number), query_data, order=f"windows of {track.id}")
    return {"windows": [window.to_dict() for window in entries], "next": more}


@bp.get("/tracks/<track_id>/windows/<int:window>")
@needs("tag")
@bp.output(WindowDetail)
@bp.doc(operation_id="getWindow", responses=[401, 403, 404, 422])
def get_window(track_id: str, window: int) -> dict[str, Any]:
    """Return a window of a track: its mixture, and the divergence of every window of the track from it.

    Mixtures are compared by the variational approximation of the symmetric KL divergence. A compact catalogue keeps no
    mixtures, so that there it can only list windows.
    """
    own = service()
    track = get_track(own.store, track_id)
    config = own.catalogue(track.catalogue).config
    with own.gate.cpu():
        return windows.compare(own.store, track, config, window).to_dict()


@bp.post("/alike")
@needs("tag")
@bp.input(AlikeUploadQuery, location="query")
@bp.output(AlikeAnswer)
@bp.doc(operation_id="findAlike", responses=[400, 401, 403, 404, 408, 413, 415, 421, 422, 503])
def of_recording(query_data: AlikeUploadQuery) -> dict[str, Any]:
    """List the tracks that sound most like a recording, and why.

    The recording, a snippet or a whole song, is sent like a snippet. Nothing of it is kept.
    """
    own = service()
    library = own.likeness(own.catalogue_name(query_data.catalogue))
    content, _ = read_snippet(own.settings.label_bytes)
    with own.gate.admitted(), own.gate.cpu():
        heard = library.of_file(content)
        answer = _answer(library, heard.sound, query_data.top)
    return {**answer, "duration_s": heard.duration_s, "remarks": heard.remarks}


@bp.get("/map")
@needs("tag")
@bp.input(CatalogueQuery, location="query")
@bp.output(MapAnswer)
@bp.doc(operation_id="getMap", responses=[401, 403, 404])
def get_map(query_data: CatalogueQuery) -> dict[str, Any]:
    """Return the map of a catalogue; tracks that came since it was laid out are placed among their neighbours."""
    own = service()
    name = own.catalogue_name(query_data.catalogue)
    drawn = own.likeness(name).map()
    rows = sorted(range(len(drawn.tracks)), key=lambda row: (drawn.tracks[row].title, drawn.tracks[row].id))
    points = [
        {
            "track_id": drawn.tracks[row].id,
            "title": drawn.tracks[row].title,
            "artist": drawn.tracks[row].artist,
            "x": round(float(drawn.places[row, 0]), 4),
            "y": round(float(drawn.places[row, 1]), 4),
            "placed": bool(drawn.placed[row]),
        }
        for row in rows[:MAX_POINTS]
    ]
    created, outgrown = drawn.created or None, bool(drawn.tracks) and drawn.outgrown
    return {"catalogue": name, "created": created, "outgrown": outgrown, "total": len(drawn.tracks), "points": points}


@bp.post("/map")
@needs("admin")
@bp.input(CatalogueQuery, location="query")
@bp.output(MapJob, status_code=202, description="Taken in; `Location` names the job that lays the map out")
@bp.doc(operation_id="createMap", responses=[401, 403, 404])
def create_map(query_data: CatalogueQuery) -> Any:
    """Lay the map of a catalogue out anew."""
    own = service()
    job = mapping.submit(own.store, own.catalogue_name(query_data.catalogue))
    own.notify_workers()
    return mapping.to_dict(job), 202, {"Location": url_for("jobs.get", job_id=job["_id"])}


def _answer(library: Likeness, sound: Packed, top: int, leave_out: str | None = None) -> dict[str, Any]:
    found = library.nearest(sound, top, leave_out)
    _, near = library.neighbourhood()
    tracks = [
        {"title": track.title, "artist": track.artist, "source": track.source, **alike.to_dict()}
        for track, alike in found
    ]
    hubs = None if near.hubness is None else dict(zip(("divergence", "proximity"), near.hubness, strict=True))
    return {
        "tracks": tracks,
        "searched": len(near.sounds) - (leave_out is not None),
        "ranked_by": "proximity" if near.corrected else "divergence",
        "hubness": hubs,
        "duration_s": None,
        "remarks": [],
    }
