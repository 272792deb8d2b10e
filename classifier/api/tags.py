"""``/tags``: post a snippet, get the verdict; the history of both."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint
from flask import Response, g, jsonify, request

from classifier.api import idempotency
from classifier.api.guard import needs
from classifier.api.problems import known
from classifier.api.schemas import Charts, HistoryQuery, Tag, TagQuery, Tags
from classifier.api.service import service
from classifier.api.snippets import read_snippet
from classifier.errors import EarmarkError, TagNotFound
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
    the same tag instead of making another.
    """
    own = service()
    catalogue = own.catalogue_name(query_data.catalogue)
    content, name = read_snippet(own.settings.snippet_bytes)
    key = request.headers.get("Idempotency-Key")
    record = None
    if key is not None:
        parameters = {**query_data.model_dump(), "catalogue": catalogue}
        begun = idempotency.begin(
            own.store, key, caller=g.caller, route="POST /tags", content=content, parameters=parameters
        )
        if isinstance(begun, idempotency.Remembered):
            return _replay(begun)
        record = begun
    try:
        answer = own.identify(content, catalogue, method=query_data.method, top=query_data.top, file=name)
    except EarmarkError as error:
        if record is not None:
            if idempotency.is_lasting(error):
                record.keep(problem={"name": error.name, "status": error.status, "detail": str(error)})
            else:
                record.forget()
        raise
    except BaseException:
        if record is not None:
            record.forget()
        raise
    if record is not None:
        record.keep(tag_id=answer["id"])
    return answer


def _replay(first: idempotency.Remembered) -> Any:
    """Answer as the first time."""
    if first.problem is not None:
        error = known()[first.problem["name"]](first.problem["detail"])
        error.status = first.problem["status"]
        raise error
    if first.tag_id is None:
        raise TagNotFound("the tag made under this Idempotency-Key is gone")
    response = jsonify(stored.get(service().store, first.tag_id))
    response.headers["Idempotency-Replayed"] = "true"
    return response


@bp.get("")
@needs("admin")
@bp.input(HistoryQuery, location="query")
@bp.output(Tags)
@bp.doc(operation_id="listTags", responses=[401, 403])
def history(query_data: HistoryQuery) -> dict[str, Any]:
    """List tags, newest first."""
    found, cursor = stored.history(service().store, **query_data.model_dump())
    return {"tags": found, "next": cursor}


@bp.get("/<tag_id>")
@needs("tag")
@bp.output(Tag)
@bp.doc(operation_id="getTag", responses=[401, 403, 404])
def get(tag_id: str) -> dict[str, Any]:
    """Return a tag."""
    return stored.get(service().store, tag_id)


@bp.get("/<tag_id>/charts")
@needs("tag")
@bp.output(Charts)
@bp.doc(operation_id="getTagCharts", responses=[401, 403, 404])
def charts(tag_id: str) -> dict[str, Any]:
    """Return what the page draws of a tag: agreement against lag with its threshold, and the nearest tracks."""
    return stored.charts(service().store, tag_id)


@bp.delete("/<tag_id>")
@needs("admin")
@bp.output({}, status_code=204)
@bp.doc(operation_id="deleteTag", responses=[401, 403, 404])
def delete(tag_id: str) -> Any:
    """Delete a tag and its charts for good."""
    stored.delete(service().store, tag_id)
    return Response(status=204)
