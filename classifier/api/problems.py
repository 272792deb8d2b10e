"""Problem documents (RFC 9457): the form of every error that leaves the service.

``type`` is ``/problems/<name>``; that page says what the name means and what a client can do about it.
Errors raised on purpose carry their own name, status and message. Anything else becomes ``internal_error``:
its document reveals nothing internal, and the log gets the traceback once, under the request's id.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from html import escape
from typing import Any

from apiflask import APIFlask
from apiflask.exceptions import HTTPError
from flask import Response, abort, g, jsonify, request
from werkzeug.exceptions import HTTPException

from classifier import errors as tree
from classifier.api import errors as api_tree
from classifier.api.errors import (
    EncodingUnsupported,
    MediaTypeUnsupported,
    MethodNotAllowed,
    RequestRefused,
    RequestTimeout,
    RequestTooLarge,
)
from classifier.errors import EarmarkError, InvalidParameter, NotFound, Unavailable

log = logging.getLogger("earmark.api")

MEDIA_TYPE = "application/problem+json"

#: What a client can do, by error name. Shown at ``/problems/<name>`` and in docs/api.md.
REMEDIES: dict[str, str] = {
    "internal_error": "Try again later; if it persists, report the request id to whoever runs the service.",
    "invalid_input": "Correct the input as `detail` says.",
    "invalid_parameter": "Correct what `errors` lists or `detail` names; do not repeat the request unchanged.",
    "invalid_config": "Correct the parameter named in `detail`.",
    "file_missing": "Send a file: multipart field `snippet` or a raw body for tags, `file` for tracks and tracklists.",
    "invalid_model": "Whoever runs the service has to fetch or train the model again, as `detail` says.",
    "invalid_signature": "Send the signature again; if that fails, the sound.",
    "signature_mismatch": "Send the sound instead: the catalogue has other parameters, or one side is older.",
    "audio_error": "Send another recording.",
    "audio_empty": "The upload has no bytes: check the recorder, record again.",
    "audio_unreadable": "Send one of the formats in the guide; record again what was cut off or is damaged.",
    "audio_no_stream": "The file holds no sound: send audio, or a video with a sound track.",
    "audio_unsupported": "Record with at most 8 channels and 4 to 192 kHz; one channel at 16 to 48 kHz is best.",
    "audio_too_large": "Record for a shorter time, or compress; `detail` has the limit.",
    "audio_too_long": "Send a shorter piece; ten seconds are enough to identify.",
    "decode_limit": "The file costs too much to decode, or is damaged: record again; if that fails, in another format.",
    "snippet_too_short": "Record for longer; five to ten seconds are best.",
    "snippet_silent": "Nothing was heard: check the microphone's permission and level, record again.",
    "not_found": "Check the address.",
    "track_not_found": "The track was removed, or never existed: reload the list.",
    "catalogue_not_found": "Create the catalogue first, or check its name.",
    "tag_not_found": "The tag was deleted, or never existed.",
    "job_not_found": "The job was never created here; finished jobs stay readable.",
    "model_not_found": "Name a task and a version that `GET /api/v1/label-models` lists.",
    "experiment_not_found": "The experiment was deleted: list the others.",
    "tracklist_not_found": "The tracklist was deleted, or it never had such a segment: reload it.",
    "monitor_not_found": "Start it: `earmark listen --store-as NAME`.",
    "monitor_busy": "End the listener of that name first, or choose another name.",
    "key_not_found": "The key was revoked, or never existed: reload the list.",
    "webhook_not_found": "The webhook was deleted, or never existed: reload the list.",
    "recording_not_found": "Recordings are kept only if `keep=true` asked for it, and then for some days.",
    "last_admin_key": "Create another key with role `admin` first, or revoke it with `earmark keys revoke`.",
    "conflict": "Reload the data and try again.",
    "catalogue_outdated": (
        "The catalogue comes from an earlier release: run `earmark catalogues renew NAME FOLDER` where its files are."
    ),
    "catalogue_exists": "Use the catalogue as it is, or choose another name: a catalogue's parameters never change.",
    "catalogue_busy": "Wait until the jobs that `detail` names are done, then repeat the request.",
    "catalogue_changed": "Read the catalogue again, and repeat the request with its `revision` if it is still wanted.",
    "track_busy": "Wait some seconds and try again.",
    "duplicate_key": "It is already stored: use the stored one.",
    "unavailable": "Wait as `Retry-After` says, then repeat the request.",
    "store_unavailable": "Wait as `Retry-After` says, then repeat the request with the same Idempotency-Key.",
    "decoder_unavailable": "Wait as `Retry-After` says, then repeat the request with the same Idempotency-Key.",
    "cluster_unavailable": "Wait as `Retry-After` says, then repeat the request with the same Idempotency-Key.",
    "weights_missing": "Whoever runs the service has to run `earmark models get musicnn-msd` once.",
    "busy": "Wait as `Retry-After` says, then repeat the request with the same Idempotency-Key.",
    "store_failed": "Whoever runs the service has to run `earmark doctor`.",
    "store_full": "Nothing was changed. Whoever runs the service has to make room; then repeat the request.",
    "store_read_only": "Nothing was changed. Whoever runs the service has to make the store writable.",
    "store_corrupt": "Whoever runs the service has to run `earmark doctor`, which names the damage.",
    "schema_too_new": "Whoever runs the service has to install the newer Earmark.",
    "bad_request": "Correct the request as `detail` says.",
    "host_not_allowed": "Use an address that the service is configured to answer (`EARMARK_ALLOWED_HOSTS`).",
    "origin_not_allowed": "Whoever runs the service can allow the site (`EARMARK_ALLOWED_ORIGINS`).",
    "keys_required": "Whoever runs the service has to create a key first: `earmark keys create NAME --role admin`.",
    "key_missing": "Send `Authorization: Bearer KEY`.",
    "key_invalid": "Ask for a new key.",
    "key_role": "Use a key with role `admin`.",
    "rate_limited": "Wait as `Retry-After` says; whoever runs the service can give your key a higher limit.",
    "quota_reached": "Delete tags that you do not need, or ask whoever runs the service for a higher limit.",
    "request_timeout": "Repeat it over a better connection, with the same Idempotency-Key; compress the audio.",
    "request_too_large": "Send audio as a file part or as the raw body, and fewer files at once.",
    "media_type_unsupported": "Send `multipart/form-data`, or the bytes as `audio/*` or `application/octet-stream`.",
    "encoding_unsupported": "Send the bytes as they are, without `Content-Encoding`; audio is compressed already.",
    "precondition_failed": "Read it again, and repeat the change with the new `ETag` if it is still wanted.",
    "method_not_allowed": "Use one of the methods in the header `Allow`.",
    "listen_not_found": "Begin a new one with `POST /api/v1/listens`; each is kept for five minutes.",
    "piece_out_of_order": "Send piece `next` of the last answer; number pieces from 0, each once.",
    "idempotency_mismatch": "Use a new Idempotency-Key for each new snippet; reuse one only to repeat its request.",
    "idempotency_in_progress": "Wait a second and repeat the request: it will get the first one's answer.",
    "not_ready": "Wait as `Retry-After` says; the service is starting.",
}

#: Errors of Flask and werkzeug that have a name of their own here.
_BY_STATUS: dict[int, type[EarmarkError]] = {
    404: NotFound,
    405: MethodNotAllowed,
    408: RequestTimeout,
    413: RequestTooLarge,
    415: MediaTypeUnsupported,
    422: InvalidParameter,
}


def _classes(root: type[EarmarkError] = EarmarkError) -> Iterator[type[EarmarkError]]:
    yield root
    for child in root.__subclasses__():
        if child.__module__ in (tree.__name__, api_tree.__name__):
            yield from _classes(child)


def known() -> dict[str, type[EarmarkError]]:
    """Return every error class that a problem document can carry, by name."""
    return {cls.name: cls for cls in _classes()}


def title(cls: type[EarmarkError]) -> str:
    """Return the sentence that says when ``cls`` is raised."""
    if cls is EarmarkError:
        return "The service failed on this request."
    return " ".join((cls.__doc__ or cls.name).split())


def body(error: EarmarkError, *, instance: str, request_id: str, **more: Any) -> bytes:
    """Return the problem document of ``error`` as JSON."""
    members = {
        "type": f"/problems/{error.name}",
        "name": error.name,
        "title": title(type(error)),
        "status": error.status,
        "detail": str(error) or title(type(error)),
        "instance": instance,
        "request_id": request_id,
        **more,
    }
    return json.dumps(members, ensure_ascii=False).encode()


def document(error: EarmarkError, **more: Any) -> Response:
    """Return the problem document of ``error`` as a response, with ``Retry-After`` where waiting helps."""
    content = body(error, instance=request.path, request_id=g.get("request_id", ""), **more)
    response = Response(content, status=error.status, mimetype=MEDIA_TYPE)
    wait = getattr(error, "retry_after_s", None)
    if wait is not None:
        response.headers["Retry-After"] = str(max(1, round(wait)))
    if isinstance(error, EncodingUnsupported):
        response.headers["Accept-Encoding"] = "identity"
    if error.status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="earmark"'
    g.problem = error.name
    return response


def _named(status: int, detail: str) -> EarmarkError:
    """Return an error for an HTTP status that Flask or werkzeug raised."""
    error = _BY_STATUS.get(status, RequestRefused)(detail)
    if status not in _BY_STATUS:
        error.status = status
    return error


def _validation_errors(detail: Any) -> list[dict[str, str]]:
    return [
        # What is wrong with the whole body is found under a name of the library's own.
        {"location": location, "field": field, "message": message}
        if field != "_schema"
        else {"location": location, "field": "body", "message": "send a JSON object"}
        for location, fields in detail.items()
        if isinstance(fields, dict)
        for field, messages in fields.items()
        for message in (messages if isinstance(messages, list) else [str(messages)])
    ]


def on_http_error(error: HTTPError) -> Response:
    """Turn what APIFlask raises, mostly validation errors, into a problem document."""
    if error.status_code == 422 and isinstance(error.detail, dict) and error.detail:
        problems = _validation_errors(error.detail)
        text = "; ".join(f"{item['field']}: {item['message']}" for item in problems) or str(error.message)
        return document(InvalidParameter(text), errors=problems)
    return document(_named(error.status_code, str(error.message or "")))


def on_http_exception(error: HTTPException) -> Response:
    """Turn what Flask and werkzeug raise (404, 405, 413, 415, …) into a problem document."""
    status = error.code or 500
    if status >= 500:
        return on_unexpected(error)
    details = {
        404: f"nothing is served at {request.path}",
        405: f"{request.method} is not allowed at {request.path}",
        413: "the request is larger than this route takes",
    }
    response = document(_named(status, details.get(status, error.description or error.name)))
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            response.headers[name] = value
    return response


def on_earmark_error(error: EarmarkError) -> Response:
    """Turn an error raised on purpose into its problem document; the store's failures are also logged."""
    if error.status >= 500 and not isinstance(error, Unavailable):
        log.error("%s: %s", error.name, error, exc_info=error)
    elif isinstance(error, Unavailable):
        log.warning("%s: %s", error.name, error)
    return document(error)


def on_unexpected(error: Exception) -> Response:
    """Log the traceback once; the answer reveals nothing internal."""
    log.error("unexpected %s in %s %s", type(error).__name__, request.method, request.path, exc_info=error)
    return document(EarmarkError("unexpected error: the service's log has it under this request id"))


def explain(name: str) -> Response:
    """Answer ``GET /problems/<name>``: what the type means, as HTML or as JSON."""
    cls = known().get(name)
    if cls is None:
        abort(404)
    facts = {
        "type": f"/problems/{name}",
        "name": name,
        "status": cls.status,
        "title": title(cls),
        "remedy": REMEDIES[name],
    }
    if request.accept_mimetypes.best_match(["application/json", "text/html"], "application/json") != "text/html":
        return jsonify(facts)
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<title>{escape(name)}</title><link rel="stylesheet" href="/api/v1/docs/docs.css">'
        f"<main><h1><code>{escape(name)}</code></h1><p>HTTP status {cls.status}. {escape(title(cls))}</p>"
        f"<h2>What to do</h2><p>{escape(REMEDIES[name])}</p></main></html>"
    )
    return Response(page, mimetype="text/html")


def init_app(app: APIFlask) -> None:
    """Register the handlers and the pages that explain the types."""
    app.error_callback = on_http_error
    app.register_error_handler(HTTPException, on_http_exception)
    app.register_error_handler(EarmarkError, on_earmark_error)
    app.register_error_handler(Exception, on_unexpected)
    app.add_url_rule("/problems/<name>", "problem", app.doc(hide=True)(explain))
