"""Completes the generated OpenAPI document: bodies in two forms, problem documents, headers, keys."""

from __future__ import annotations

import json
import re
from typing import Any

from apiflask import APIFlask

from classifier.api import glossary, problems
from classifier.api.schemas import Problem
from classifier.api.snippets import SIGNATURE_TYPE
from classifier.api.track_schemas import EnrollForm
from classifier.api.trackfiles import MAX_FILES

DESCRIPTION = (
    "Names the music in a snippet of sound. Post a snippet to /api/v1/tags and read `verdict` and `matches`. "
    "Every error is an RFC 9457 problem document whose `name` never changes."
)
_FILE = {"type": "string", "format": "binary"}
_RAW = ("audio/*", "video/webm", "video/mp4", "application/octet-stream")
_HEADERS = {
    "X-Request-ID": {"description": "This request's id, as in the log.", "schema": {"type": "string"}},
}
_RETRY = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
_IDEMPOTENCY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Any unique text; repeating the request under it within 24 hours returns the same tag.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}


def _form(required: list[str], parts: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a form; parts of other names are refused."""
    return {"type": "object", "required": required, "properties": parts, "additionalProperties": False}


def _snippet_body() -> dict[str, Any]:
    part = {**_FILE, "description": "The recording, in any format a phone writes."}
    form = _form(["snippet"], {"snippet": part})
    content: dict[str, Any] = {"multipart/form-data": {"schema": form}}
    content.update({media: {"schema": dict(_FILE)} for media in _RAW})
    return {"required": True, "content": content}


def _file_body() -> dict[str, Any]:
    form = _form(["file"], {"file": dict(_FILE)})
    return {"required": True, "content": {"multipart/form-data": {"schema": form}}}


def _tracks_body(fields: dict[str, Any]) -> dict[str, Any]:
    parts = {"type": "array", "items": dict(_FILE), "maxItems": MAX_FILES, "description": "The tracks' files."}
    form = _form(["file"], {"file": parts, **fields})
    return {"required": True, "content": {"multipart/form-data": {"schema": form}}}


def _recording_body() -> dict[str, Any]:
    part = {**_FILE, "description": "The recording: hours of it, in any format that is read."}
    form = _form(["file"], {"file": part})
    return {"required": True, "content": {"multipart/form-data": {"schema": form}}}


def _finish(spec: dict[str, Any]) -> dict[str, Any]:
    """Complete the document that APIFlask generates from routes and models."""
    for path in ("tags", "labels/tags", "labels/{task}", "spectrogram", "listens/{listen_id}/pieces/{number}"):
        spec["paths"][f"/api/v1/{path}"]["post"]["requestBody"] = _snippet_body()
    for path in ("/predict", "/upload/musicUpload/"):
        spec["paths"][path]["post"]["requestBody"] = _file_body()
    tags = spec["paths"]["/api/v1/tags"]["post"]
    tags["parameters"].append(_IDEMPOTENCY)
    tags["requestBody"]["content"][SIGNATURE_TYPE] = {"schema": dict(_FILE)}
    labels = {"type": "string", "description": "CSV with the heading `file,labels,group`."}
    spec["paths"]["/api/v1/label-models/{task}/train"]["post"]["requestBody"] = _tracks_body({"labels": labels})
    spec["paths"]["/api/v1/tracks"]["post"]["requestBody"] = _tracks_body(EnrollForm.model_json_schema()["properties"])
    spec["paths"]["/api/v1/tracklists"]["post"]["requestBody"] = _recording_body()
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    spec["components"]["schemas"].update(schema.pop("$defs", {}))
    schema["properties"]["name"]["enum"] = sorted(problems.known())
    spec["components"]["schemas"]["Problem"] = schema
    for unused in ("HTTPError", "ValidationError"):
        spec["components"]["schemas"].pop(unused, None)
    problem = {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for operations in spec["paths"].values():
        for operation in operations.values():
            if not isinstance(operation, dict):
                continue
            responses = operation["responses"]
            responses.setdefault("414", {"description": "The address is longer than the server reads"})
            responses.setdefault("500", {"description": "Internal error"})
            if "401" in responses:  # whatever checks keys counts requests
                responses.setdefault("429", {"description": "Too many requests", "headers": dict(_RETRY)})
            for status, response in responses.items():
                response.setdefault("headers", {}).update(_HEADERS)
                if status >= "400":
                    response["content"] = problem
            operation["responses"] = dict(sorted(responses.items()))
            operation["security"] = [{}, {"key": []}]
            for parameter in operation.get("parameters", ()):
                if parameter["in"] == "path" and parameter["schema"].get("type") == "integer":
                    parameter["schema"]["minimum"] = 0
                if "description" in parameter["schema"]:
                    parameter["description"] = parameter["schema"].pop("description")
    made = _flat(spec)
    glossary.complete(made)
    return made


def _flat(spec: dict[str, Any]) -> dict[str, Any]:
    """Name every model once: APIFlask repeats nested ones as ``Outer.Inner`` for each outer model."""
    schemas = spec["components"]["schemas"]
    flat = {name.rpartition(".")[2]: schema for name, schema in sorted(schemas.items())}
    text = json.dumps({**spec, "components": {**spec["components"], "schemas": flat}})
    made: dict[str, Any] = json.loads(re.sub(r'("#/components/schemas/)\w+\.(\w+")', r"\1\2", text))
    return made


def describe(app: APIFlask) -> None:
    """Set what the document says about the service as a whole."""
    app.config["OPENAPI_VERSION"] = "3.1.0"
    app.config["DESCRIPTION"] = DESCRIPTION
    app.config["SERVERS"] = [{"url": "/"}]
    app.config["AUTO_200_RESPONSE"] = False
    app.config["SECURITY_SCHEMES"] = {
        "key": {
            "type": "http",
            "scheme": "bearer",
            "description": "A key made with `earmark keys create`; needed once keys exist.",
        }
    }
    app.spec_callback = _finish  # type: ignore[assignment]
