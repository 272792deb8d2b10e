"""``/labels``: post a recording, get tags, genre, mood and the like; ``/spectrogram``: get its picture."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint
from flask import Response

from classifier.api.guard import needs
from classifier.api.label_schemas import LabelQuery, Labels, PictureQuery, SoundTags, TagsQuery
from classifier.api.service import service
from classifier.api.snippets import read_snippet
from classifier.labels.answers.asking import Question

bp = APIBlueprint("labels", __name__, tag="Labels", url_prefix="/api/v1")

_STATUSES = [400, 401, 403, 404, 408, 413, 415, 421, 422, 503]
_PICTURE: dict[Any, Any] = {
    200: {"description": "The picture", "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}}
}


@bp.post("/labels/tags")
@needs("tag")
@bp.input(TagsQuery, location="query")
@bp.output(SoundTags)
@bp.doc(operation_id="createTags", responses=_STATUSES)
def tags(query_data: TagsQuery) -> dict[str, Any]:
    """Say what a recording sounds like, in fifty tags.

    The recording is sent like a snippet. Nothing of it is kept.
    """
    own = service()
    content, _ = read_snippet(own.settings.label_bytes)
    return own.labelling.answer("tags", content, Question(every_s=query_data.every))


@bp.post("/labels/<task>")
@needs("tag")
@bp.input(LabelQuery, location="query")
@bp.output(Labels)
@bp.doc(operation_id="createLabels", responses=_STATUSES)
def labels(task: str, query_data: LabelQuery) -> dict[str, Any]:
    """Name the genre, the mood, or what else there is a model for, of a recording.

    `task` is `genre`, `mood`, or a task that somebody trained a model for. The recording is sent like a snippet.
    Nothing of it is kept.
    """
    own = service()
    content, _ = read_snippet(own.settings.label_bytes)
    question = Question(query_data.several, query_data.set, query_data.every)
    return own.labelling.answer(task, content, question, query_data.version)


@bp.post("/spectrogram")
@needs("tag")
@bp.input(PictureQuery, location="query")
@bp.doc(operation_id="createSpectrogram", responses={**_PICTURE, **dict.fromkeys(_STATUSES, "Refused")})
def spectrogram(query_data: PictureQuery) -> Response:
    """Draw a recording as a PNG picture: time, frequency, and level as colour.

    The recording is sent like a snippet. Nothing of it is kept.
    """
    own = service()
    content, _ = read_snippet(own.settings.label_bytes)
    return Response(own.labelling.picture(content, plain=query_data.plain), mimetype="image/png")
