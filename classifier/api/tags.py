"""``/tags``: post a snippet, get the verdict; the history of both."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from apiflask import APIBlueprint
from flask import Response, g

from classifier import results
from classifier.api import tag_exports, telemetry
from classifier.api.guard import needs, owner
from classifier.api.idempotency import once
from classifier.api.limits import check_quota
from classifier.api.list_schemas import DevicesQuery, HistoryQuery, TagFields, TagsExportQuery
from classifier.api.paging import cursor_of, place_of
from classifier.api.representation import facet_values, only
from classifier.api.schemas import Charts, Devices, Tag, TagQuery, Tags
from classifier.api.service import Service, service
from classifier.api.snippets import is_signed, read_snippet
from classifier.errors import InvalidParameter
from classifier.records import recordings
from classifier.records import tags as stored
from classifier.records.clock import iso

_EXPORT: dict[Any, Any] = {
    200: {
        "description": "The tags as a file",
        "content": {"text/csv": {"schema": {"type": "string"}}, "application/json": {"schema": {"type": "object"}}},
    },
    401: "Key needed",
    403: "Role needed",
    404: "One of the tags that are named is not there",
    422: "A parameter is outside its bounds",
}

bp = APIBlueprint("tags", __name__, tag="Tags", url_prefix="/api/v1/tags")

_RECORDING: dict[Any, Any] = {
    200: {
        "description": "The bytes that were sent",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    },
    401: "Key needed",
    403: "Role needed",
    404: "No such tag, or its recording was not kept",
}


@bp.post("")
@needs("tag")
@bp.input(TagQuery, location="query")
@bp.output(Tag)
@bp.doc(operation_id="createTag", responses=[400, 401, 403, 404, 408, 409, 413, 415, 421, 503, 507])
def create(query_data: TagQuery) -> Any:
    """Identify a snippet.

    The snippet is the file part `snippet` of a multipart form, or the raw body under an `audio/*` type; or its
    signature, from which no sound can be made, under `application/vnd.earmark.signature`. The answer is 200 whatever
    the verdict. With the header `Idempotency-Key`, repeating the request within 24 hours returns the same tag instead
    of making another. With `include`, the snippet is labelled too, once it is identified; that needs the sound.
    """
    own = service()
    catalogue = own.catalogue_name(query_data.catalogue)
    check_quota()
    key_id = None if g.key is None else g.key.id
    if query_data.keep:
        if not own.settings.keep_days:
            raise InvalidParameter("keep: this service keeps no recordings (EARMARK_KEEP_DAYS)")
        recordings.check_room(own.store, key_id)
    most = own.settings.snippet_bytes
    content, name = read_snippet(min(most, recordings.MAX_BYTES) if query_data.keep else most)
    signed = is_signed(content)
    if signed and (query_data.include or query_data.keep):
        name = "include" if query_data.include else "keep"
        raise InvalidParameter(f"{name}: it needs the sound, and this is a signature: leave it out, or send the sound")
    parameters = {**query_data.model_dump(mode="json"), "catalogue": catalogue}
    recorded = None if query_data.recorded is None else iso(query_data.recorded.timestamp())

    def work() -> dict[str, Any]:
        with own.gate.admitted():
            identify = _identify_signature if signed else _identify
            method, top, speeds = query_data.method, query_data.top, query_data.speeds
            tag = identify(own, content, catalogue, method=method, top=top, speeds=speeds)
        tasks = query_data.include.split(",") if query_data.include else []
        labels = own.labelling.beside(list(dict.fromkeys(tasks)), content)
        facts = {"file": name, "key_id": key_id, "device": query_data.device, "recorded": recorded}
        saved = stored.save(own.store, catalogue, tag, labels=labels, **facts)
        if query_data.keep:
            recordings.keep(own.store, saved["id"], content, key_id=key_id, days=own.settings.keep_days)
        own.announce("tag.created", saved["id"])
        return saved

    return once(own.store, work, route="POST /tags", content=content, parameters=parameters)


def _identify(
    own: Service, content: bytes, name: str, *, method: str | None, top: int, speeds: str | None
) -> results.Tag:
    """Do what :meth:`Catalogue.identify` does, but wait for a CPU place once the snippet is decoded."""
    started = time.perf_counter()
    catalogue = own.catalogue(name)
    audio = catalogue.decode(content)
    decoded = time.perf_counter()
    with own.gate.cpu():
        admitted = time.perf_counter()
        tag = catalogue.identify_audio(audio, method=method, top=top, speeds=speeds)
    waits = {"decode": decoded - started, "queue": admitted - decoded}
    tag = replace(tag, seconds={**waits, **tag.seconds, "total": time.perf_counter() - started})
    telemetry.identified(tag)
    return tag


def _identify_signature(
    own: Service, content: bytes, name: str, *, method: str | None, top: int, speeds: str | None
) -> results.Tag:
    """As :func:`_identify`; there is nothing to decode."""
    started = time.perf_counter()
    catalogue = own.catalogue(name)
    with own.gate.cpu():
        admitted = time.perf_counter()
        tag = catalogue.identify_signature(content, method=method, top=top, speeds=speeds)
    waits = {"queue": admitted - started}
    tag = replace(tag, seconds={**waits, **tag.seconds, "total": time.perf_counter() - started})
    telemetry.identified(tag)
    return tag


@bp.get("")
@needs("tag", named=True)
@bp.input(HistoryQuery, location="query")
@bp.output(Tags)
@bp.doc(operation_id="listTags", responses=[401, 403])
def history(query_data: HistoryQuery) -> dict[str, Any]:
    """List tags, newest first.

    A key with role `tag` lists the tags that were made with it; a key with role `admin` lists all.
    """
    store = service().store
    which: dict[str, Any] = query_data.model_dump(include={"catalogue", "verdict", "track", "device"}) | {
        "owner": owner()
    }
    narrowed: dict[str, Any] = {"search": query_data.search, **query_data.bounds()}
    if query_data.facets and any(narrowed.values()):
        raise InvalidParameter("facets count whole lists: leave out search, since and until, or facets")
    place = place_of("tags", query_data.cursor)
    after = None if place is None else place[1]
    found, last = stored.history(store, **which, **narrowed, limit=query_data.limit, cursor=after)
    named = query_data.facets.split(",") if query_data.facets else []
    only(query_data.fields, of="tags")
    return {
        "tags": found,
        "next": None if last is None else cursor_of("tags", (None, last)),
        "facets": {name: facet_values(stored.facet(store, name, **which)) for name in named},
    }


@bp.get("/export")
@needs("tag", named=True)
@bp.input(TagsExportQuery, location="query")
@bp.doc(operation_id="exportTags", responses=_EXPORT)
def export(query_data: TagsExportQuery) -> Response:
    """Return tags as a file, newest first; whose, as in the list."""
    asked = {**query_data.model_dump(exclude={"format", "ids"}), **query_data.bounds()}
    found = tag_exports.chosen(service().store, owner(), query_data.ids.split(","), asked)
    text, media = tag_exports.FORMATS[query_data.format](found)
    response = Response(text.encode(), content_type=f"{media}; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="tags.{query_data.format}"'
    return response


@bp.get("/devices")
@needs("tag", named=True)
@bp.input(DevicesQuery, location="query")
@bp.output(Devices)
@bp.doc(operation_id="listDevices", responses=[401, 403])
def devices(query_data: DevicesQuery) -> dict[str, Any]:
    """List the devices that tags name, with what became of their recordings; of 10,000 at most.

    A key with role `tag` lists those of the tags that were made with it; a key with role `admin` lists all.
    """
    place = place_of("devices", query_data.cursor)
    after = "" if place is None else place[1]
    found, last = stored.devices(service().store, owner=owner(), after=after, limit=query_data.limit)
    only(query_data.fields, of="devices")
    return {"devices": found, "next": None if last is None else cursor_of("devices", (None, last))}


@bp.get("/<tag_id>")
@needs("tag")
@bp.input(TagFields, location="query")
@bp.output(Tag)
@bp.doc(operation_id="getTag", responses=[401, 403, 404])
def get(tag_id: str, query_data: TagFields) -> dict[str, Any]:
    """Return a tag.

    A key with role `tag` reads tags that were made with it; without a key, tags that were made without one.
    """
    only(query_data.fields)
    return stored.get(service().store, tag_id, owner=owner())


@bp.get("/<tag_id>/charts")
@needs("tag")
@bp.output(Charts)
@bp.doc(operation_id="getTagCharts", responses=[401, 403, 404])
def charts(tag_id: str) -> dict[str, Any]:
    """Return the data of a tag's charts: agreement against lag with its threshold, and the nearest tracks."""
    return stored.charts(service().store, tag_id, owner=owner())


@bp.get("/<tag_id>/recording")
@needs("tag")
@bp.doc(operation_id="getTagRecording", responses=_RECORDING)
def recording(tag_id: str) -> Response:
    """Return the recording of a tag, as it was sent, if that was asked to be kept."""
    store = service().store
    stored.get(store, tag_id, owner=owner())
    response = Response(recordings.get(store, tag_id), content_type="application/octet-stream")
    response.headers["Content-Disposition"] = f'attachment; filename="{tag_id}"'
    return response


@bp.delete("/<tag_id>")
@needs("tag", named=True)
@bp.output({}, status_code=204)
@bp.doc(operation_id="deleteTag", responses=[401, 403, 404])
def delete(tag_id: str) -> Any:
    """Delete a tag with its charts and its recording for good.

    A key with role `tag` deletes tags that were made with it; a key with role `admin` any.
    """
    stored.delete(service().store, tag_id, owner=owner())
    return Response(status=204)
