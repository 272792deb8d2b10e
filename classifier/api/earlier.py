"""Routes of earlier services that name genres, so that their clients need only another address.

- GenrePredictionServer: ``POST /predict`` answers ten genres with their certainty.
- mgc-django: ``POST /upload/musicUpload/`` takes a file, ``POST /upload/svm/`` and ``/upload/multisvm/`` name its genre
  or genres out of six in plain text and delete it, ``DELETE /upload/delete/ID`` deletes it unasked. All of them also
  without ``/upload``.

Answers have the form and the spelling of those services; errors have Earmark's. What is uploaded waits in the spool,
under an id that cannot be guessed, for an hour at most.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from apiflask import APIBlueprint
from flask import Response, jsonify

from classifier.api.guard import needs
from classifier.api.label_schemas import UploadedFiles, UploadQuestion
from classifier.api.service import service
from classifier.api.snippets import read_snippet
from classifier.errors import FileMissing, SnippetSilent, SnippetTooShort, StoreFailed
from classifier.labels.answers.asking import Question
from classifier.labels.sets import SETS

bp = APIBlueprint("earlier", __name__, tag="As earlier services")

#: Six genres as mgc-django spells them: when it names one, and when it names several.
_SINGLE = {"classical": "Classical", "hiphop": "Hipop", "jazz": "Jazz", "metal": "Metal", "pop": "Pop", "rock": "Rock"}
_SEVERAL = {**_SINGLE, "jazz": "Jass"}
_ID = re.compile(r"[A-Za-z0-9_-]{16,64}")
_URL = re.compile(r"(?:/upload)?/file/(?P<id>[A-Za-z0-9_-]{16,64})")
#: The model that comes with Earmark, and the set of its labels.
SHIPPED = "gtzan-10"
_NAME_LENGTH = 20
#: Name of the one file in a folder of the spool.
_FILE = "recording"
_STATUSES = [400, 401, 403, 408, 413, 415, 421, 422, 503]

_CERTAINTY = {
    "type": "object",
    "required": ["genre", "certainty"],
    "properties": {
        "genre": {"type": "string"},
        "certainty": {"type": "number", "description": "0 to 1, two decimals."},
    },
}


def _answers(media: str, schema: dict[str, Any]) -> dict[Any, Any]:
    """Return what the OpenAPI document says of answers that are no object."""
    return {200: {"description": "The answer", "content": {media: {"schema": schema}}}} | dict.fromkeys(
        _STATUSES, "Refused"
    )


# --- GenrePredictionServer ----------------------------------------------------------------------------------


@bp.post("/predict")
@needs("tag")
@bp.doc(operation_id="predict", responses=_answers("application/json", {"type": "array", "items": _CERTAINTY}))
def predict() -> Any:
    """Name the genre of the file part `file`, as GenrePredictionServer does.

    Ten genres by name, each with its certainty.
    """
    content, _ = read_snippet(service().settings.label_bytes, "file")
    ranking = {one["label"]: one["p"] for one in _asked(content, Question(labels=SHIPPED))["distribution"]}
    return jsonify([{"genre": genre, "certainty": round(ranking[genre], 2)} for genre in sorted(ranking)])


# --- mgc-django ---------------------------------------------------------------------------------------------


@bp.post("/upload/musicUpload/")
@needs("tag")
@bp.output(UploadedFiles)
@bp.doc(operation_id="musicUpload", responses=[*_STATUSES, 507])
def upload() -> dict[str, Any]:
    """Take the file part `file`, as mgc-django does.

    It waits for a question about its genre for an hour. A text field `csrfmiddlewaretoken` may come with it.
    """
    own = service()
    content, name = read_snippet(own.settings.label_bytes, "file", ("csrfmiddlewaretoken",))
    upload_id = secrets.token_urlsafe(24)
    try:
        folder = own.spool.root / upload_id
        folder.mkdir(parents=True, mode=0o700)
        (folder / _FILE).write_bytes(content)
    except OSError as error:
        own.spool.remove(upload_id)
        raise StoreFailed(
            f"the upload cannot be kept ({error.strerror}): whoever runs the service has to look"
        ) from None
    url = f"/upload/file/{upload_id}"
    described = {
        "url": url,
        "name": (name or "recording")[:_NAME_LENGTH],
        "type": "audio",
        "thumbnailUrl": url,
        "size": len(content),
        "deleteUrl": f"/upload/delete/{upload_id}",
        "deleteId": upload_id,
        "deleteType": "DELETE",
    }
    return {"files": [described]}


@bp.post("/upload/svm/")
@needs("tag")
@bp.input(UploadQuestion, location="json")
@bp.doc(operation_id="svm", responses=_answers("text/plain", {"type": "string"}))
def single(json_data: UploadQuestion) -> Response:
    """Name the genre of an upload out of six, as mgc-django does, and delete it."""
    answer = _asked(_taken(json_data), Question(labels="mgc-6"))
    return Response(_SINGLE[answer["distribution"][0]["label"]], mimetype="text/plain")


@bp.post("/upload/multisvm/")
@needs("tag")
@bp.input(UploadQuestion, location="json")
@bp.doc(operation_id="multisvm", responses=_answers("text/plain", {"type": "string"}))
def several(json_data: UploadQuestion) -> Response:
    """Name up to three genres of an upload out of six, as mgc-django does, and delete it."""
    answer = _asked(_taken(json_data), Question(several=True, labels="mgc-6"))
    return Response(", ".join(_SEVERAL[label] for label in answer["labels"]), mimetype="text/plain")


@bp.delete("/upload/delete/<upload_id>")
@needs("tag")
@bp.doc(operation_id="deleteUpload", responses=_answers("application/json", {"type": "boolean"}))
def delete(upload_id: str) -> Any:
    """Delete an upload that nothing was asked about, as mgc-django does."""
    _content(upload_id)
    service().spool.remove(upload_id)
    return jsonify(True)


def _also_without_upload(view: Callable[..., Any], path: str, method: str) -> None:
    """Serve a view under the same path without ``/upload``; the OpenAPI document lists it once."""

    def same(**values: Any) -> Any:
        return view(**values)

    same._spec = {"hide": True}  # type: ignore[attr-defined]
    bp.add_url_rule(path, f"{view.__name__}_without_upload", same, methods=[method])


_also_without_upload(upload, "/musicUpload/", "POST")
_also_without_upload(single, "/svm/", "POST")
_also_without_upload(several, "/multisvm/", "POST")
_also_without_upload(delete, "/delete/<upload_id>", "DELETE")


def _asked(content: bytes, question: Question) -> dict[str, Any]:
    """Return the answer about the genre; where none can be given, the error that says why.

    The active model answers if it knows the genres that clients of these services know, else the one that ships.
    """
    labelling = service().labelling
    stored = labelling.registry.find("genre").manifest
    knows = stored is not None and set(SETS[question.labels or SHIPPED]) <= set(stored["labels"])
    answer = labelling.answer("genre", content, question, None if knows else SHIPPED)
    if not answer["distribution"]:
        reason = answer["reasons"][0]
        raise (SnippetTooShort if reason["name"] == "short" else SnippetSilent)(reason["text"])
    return answer


def _taken(asked: UploadQuestion) -> bytes:
    """Return the content of an upload, and delete it."""
    match = _URL.fullmatch(re.sub(r"\Ahttps?://[^/]+", "", asked.file))
    if match is None or match["id"] != str(asked.delete):
        raise FileMissing("'file' and 'delete' name no upload: give 'url' and 'deleteId' of the answer to the upload")
    content = _content(match["id"])
    service().spool.remove(match["id"])
    return content


def _content(upload_id: str) -> bytes:
    """Return the content of an upload, by an id that is checked before it becomes a path."""
    path = Path(service().spool.root, upload_id, _FILE)
    try:
        if _ID.fullmatch(upload_id):
            return path.read_bytes()
    except OSError:
        pass
    raise FileMissing("no such upload: it was asked about or deleted already, or is older than an hour")
