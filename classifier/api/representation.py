"""How an answer's JSON is sent: with an ETag, in part if only some fields are wanted, compressed.

Every ``GET`` under ``/api/`` that answers JSON has a strong ETag, a hash of the whole answer, also if ``fields`` asks
for a part of it. ``If-None-Match`` spares an answer that has not changed, and ``If-Match`` on a change refuses to
overwrite what somebody else changed meanwhile (:func:`check_match`). Caches may keep an answer for whoever asked, and
ask every time whether it still holds. All other answers are kept nowhere.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import flask
from flask import g, jsonify, request
from pydantic import BaseModel

from classifier.api.errors import PreconditionFailed

#: Media types that are worth compressing, and bytes from which they are.
_COMPRESSED = ("application/json", "application/problem+json", "text/plain", "text/csv", "application/jspf+json")
_WORTH_BYTES, _LEVEL = 1000, 5
#: What is added to the ETag of a compressed answer, which is another sequence of bytes.
_GZIP = "-gzip"


def only(fields: str | None, of: str | None = None) -> None:
    """Send only these fields of what the current request is answered with, all if None.

    Parameters
    ----------
    fields : str or None
        Names, comma-separated.
    of : str, optional
        Name of the list in the answer, whose entries are meant; default: the answer itself.
    """
    if fields is not None:
        g.wanted = frozenset(fields.split(",")), of


def _part(answer: dict[str, Any], names: frozenset[str], of: str | None) -> dict[str, Any]:
    if of is not None:
        return {**answer, of: [_part(entry, names, None) for entry in answer[of]]}
    return {name: value for name, value in answer.items() if name in names}


def facet_values(counted: Iterable[tuple[Any, int]]) -> list[dict[str, Any]]:
    """Return what a list says of a facet."""
    return [{"value": value, "count": count} for value, count in counted]


def check_match(model: type[BaseModel], current: Mapping[str, Any]) -> None:
    """Refuse a change of what is not any more what the client has read.

    Parameters
    ----------
    model : type
        The model of what a ``GET`` answers.
    current : mapping
        What it would answer now.

    Raises
    ------
    PreconditionFailed
        If the request has an ``If-Match`` that does not name this.
    """
    if "If-Match" not in request.headers:
        return
    tag = _hash(jsonify(model.model_validate(current).model_dump(mode="json")).get_data())
    if not any(request.if_match.contains(name) for name in (tag, tag + _GZIP)):
        raise PreconditionFailed("this was changed since it was read: read it again, and repeat the change upon that")


def send(response: flask.Response) -> flask.Response:
    """Complete an answer before it leaves."""
    if not request.path.startswith("/api/") or response.is_streamed or response.direct_passthrough:
        return response
    kind = response.mimetype
    if response.status_code == 200 and kind == "application/json" and request.method in ("GET", "HEAD", "PATCH"):
        response.set_etag(_hash(response.get_data()))
        response.headers["Cache-Control"] = "private, no-cache"
        response.vary.update(("Authorization", "Accept-Encoding"))
        if "wanted" in g:
            response.set_data(jsonify(_part(response.get_json(), *g.wanted)).get_data())
    if kind in _COMPRESSED and len(response.get_data()) >= _WORTH_BYTES:
        response.vary.add("Accept-Encoding")
        if request.accept_encodings["gzip"] and "Content-Encoding" not in response.headers:
            response.set_data(gzip.compress(response.get_data(), _LEVEL, mtime=0))
            response.headers["Content-Encoding"] = "gzip"
            tag, _ = response.get_etag()
            if tag is not None:
                response.set_etag(tag + _GZIP)
    tag, _ = response.get_etag()
    if tag is not None and request.method in ("GET", "HEAD") and _is_known(tag):
        response.status_code = 304
        response.set_data(b"")
        for name in ("Content-Type", "Content-Length", "Content-Encoding"):
            response.headers.pop(name, None)
    return response


def _is_known(tag: str) -> bool:
    """Return whether the client has this answer, compressed or not."""
    plain = tag.removesuffix(_GZIP)
    return any(request.if_none_match.contains_weak(name) for name in (plain, plain + _GZIP))


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


def init_app(app: flask.Flask) -> None:
    """Complete all answers; other hooks have seen them whole before."""
    app.after_request(send)
