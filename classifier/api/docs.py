"""``/api/v1/docs``: the OpenAPI document as a page, rendered by the service, without any script.

Ready-made viewers weigh over a megabyte and need inline scripts and styles; this page needs neither and obeys the
strictest Content-Security-Policy.
"""

from __future__ import annotations

from typing import Any

import flask
from apiflask import APIFlask
from flask import Response, current_app, render_template

_METHODS = ("get", "post", "put", "patch", "delete")


def type_of(schema: dict[str, Any]) -> str:
    """Describe in a few words what a JSON schema allows, with references by name."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(type_of(choice) for choice in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(f"“{value}”" for value in schema["enum"])
    if "const" in schema:
        return f"“{schema['const']}”"
    if schema.get("type") == "array":
        return f"list of {type_of(schema.get('items', {}))}"
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {type_of(schema['additionalProperties'])}"
    return str(schema.get("format") or schema.get("type") or "anything")


def bounds_of(schema: dict[str, Any]) -> str:
    """Describe the bounds and the default of a JSON schema."""
    flat = dict(schema)
    for choice in schema.get("anyOf", []):
        flat.update(choice)
    names = {"minimum": "≥", "maximum": "≤", "minLength": "length ≥", "maxLength": "length ≤", "pattern": "matches"}
    said = [f"{word} {flat[name]}" for name, word in names.items() if name in flat]
    if schema.get("default") is not None:
        said.append(f"default {schema['default']}")
    return ", ".join(said)


def page() -> str:
    """Return the page."""
    spec: dict[str, Any] = current_app._get_spec("json")  # type: ignore[attr-defined]
    by_tag: dict[str, list[dict[str, Any]]] = {}
    for path, operations in spec["paths"].items():
        for method in _METHODS:
            if method in operations:
                operation = {"method": method.upper(), "path": path, **operations[method]}
                by_tag.setdefault(operation.get("tags", ["Other"])[0], []).append(operation)
    return render_template("docs.html", spec=spec, by_tag=by_tag, type_of=type_of, bounds_of=bounds_of)


def style() -> Response:
    """Return the page's style sheet."""
    response = Response(render_template("docs.css"), mimetype="text/css")
    response.headers["Cache-Control"] = "no-cache"
    response.add_etag()
    return response.make_conditional(flask.request)  # type: ignore[return-value]


def init_app(app: APIFlask) -> None:
    """Register the page and its style sheet."""
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.add_url_rule("/api/v1/docs", "docs", app.doc(hide=True)(page))
    app.add_url_rule("/api/v1/docs/docs.css", "docs.css", app.doc(hide=True)(style))
