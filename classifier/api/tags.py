"""``/tags``: post a snippet, get the verdict; the history of both."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from apiflask import APIBlueprint
from flask import Response, g

from classifier import results
from classifier.api import telemetry
from classifier.api.guard import needs, owner
from classifier.api.idempotency import once
from classifier.api.list_schemas import HistoryQuery, TagFields
from classifier.api.representation import facet_values, only
from classifier.api.schemas import Charts, Tag, TagQuery, Tags
from classifier.api.service import Service, service
from classifier.api.snippets import read_snippet
from classifier.records import tags as stored

bp = APIBlueprint("tags", __name__, tag="Tags", url_prefix="/api/v1/tags")


@bp.post("")
@needs("tag")
@bp.input(TagQuery, location="query")
@bp.output(Tag)
@bp.doc(operation_id="createTag", responses=[400, 401, 403, 404, 408, 409, 413, 415, 421, 503, 507])
def create(query_data: TagQuery) -> Any:
    """Identify a snippet.

    The snippet is the file part `snippet` of a multipart form, or the raw body under an `audio/*` type. The answer
    is 200 whatever the verdict. With the header `Idempotency-Key`, repeating the request within 24 hours returns
    the same tag instead of making another. With `include`, the snippet is labelled too, once it is identified.
    """
    own = service()
    catalogue = own.catalogue_name(query_data.catalogue)
    content, name = read_snippet(own.settings.snippet_bytes)
    key_id = None if g.key is None else g.key.id
    parameters = {**query_data.model_dump(), "catalogue": catalogue}

    def work() -> dict[str, Any]:
        with own.gate.admitted():
            tag = _identify(own, content, catalogue, method=query_data.method, top=query_data.top)
        tasks = query_data.include.split(",") if query_data.include else []
        labels = own.labelling.beside(list(dict.fromkeys(tasks)), content)
        return stored.save(own.store, catalogue, tag, file=name, key_id=key_id, labels=labels)

    return once(own.store, work, route="POST /tags", content=content, parameters=parameters)


def _identify(own: Service, content: bytes, name: str, *, method: str | None, top: int) -> results.Tag:
    """Do what :meth:`Catalogue.identify` does, but wait for a CPU place once the snippet is decoded."""
    started = time.perf_counter()
    catalogue = own.catalogue(name)
    audio = catalogue.decode(content)
    decoded = time.perf_counter()
    with own.gate.cpu():
        admitted = time.perf_counter()
        tag = catalogue.identify_audio(audio, method=method, top=top)
    waits = {"decode": decoded - started, "queue": admitted - decoded}
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
    which: dict[str, Any] = {"catalogue": query_data.catalogue, "verdict": query_data.verdict, "owner": owner()}
    found, cursor = stored.history(store, **which, limit=query_data.limit, cursor=query_data.cursor)
    named = query_data.facets.split(",") if query_data.facets else []
    only(query_data.fields, of="tags")
    return {
        "tags": found,
        "next": cursor,
        "facets": {name: facet_values(stored.facet(store, name, **which)) for name in named},
    }


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


@bp.delete("/<tag_id>")
@needs("admin")
@bp.output({}, status_code=204)
@bp.doc(operation_id="deleteTag", responses=[401, 403, 404])
def delete(tag_id: str) -> Any:
    """Delete a tag and its charts for good."""
    stored.delete(service().store, tag_id)
    return Response(status=204)
