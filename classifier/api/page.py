"""The page: the files in ``static/``, and ``index.html`` for every address that only the page itself knows.

Text is served compressed and with ETags, so no server is needed in front.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import mimetypes
import re
from pathlib import Path
from typing import Any

import flask
from flask import Response, abort, request
from werkzeug.exceptions import NotFound
from werkzeug.security import safe_join

from classifier.api.problems import on_http_exception

_INSTALLED, _SOURCE = (folder / "static" for folder in Path(__file__).resolve().parents[1:3])
ROOT = _INSTALLED if _INSTALLED.is_dir() else _SOURCE
_HASHED = re.compile(r"(?:chunk|worker)-[\w-]{8}\.js\Z")
_TEXT = (".html", ".js", ".css", ".svg", ".json", ".map", ".txt", ".webmanifest")
_NO_CLIENT_ROUTE = ("api/", "problems/")


@functools.lru_cache(maxsize=256)
def _content(path: Path, _mtime_ns: int, _size: int) -> tuple[bytes, bytes | None, str]:
    """Return a file's bytes, their gzip form if that is worthwhile, and their ETag."""
    content = path.read_bytes()
    packed = gzip.compress(content, 9, mtime=0) if path.suffix in _TEXT and len(content) > 1000 else None
    return content, packed, hashlib.sha256(content).hexdigest()[:32]


def serve(root: Path, path: str) -> Response:
    """Return a file of the page, or ``index.html`` for an address without a file: one of the page's views."""
    found = safe_join(str(root), path) if path else None
    if found is not None and _is_file(Path(found)):
        return _file(Path(found))
    last = path.rpartition("/")[2]
    if path.startswith(_NO_CLIENT_ROUTE) or "." in last:
        abort(404)
    if not (root / "index.html").is_file():
        abort(404)
    return _file(root / "index.html")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name longer than any file's
        return False


def _file(path: Path) -> Response:
    facts = path.stat()
    content, packed, etag = _content(path, facts.st_mtime_ns, facts.st_size)
    response = Response(content, mimetype=mimetypes.guess_type(path.name)[0] or "application/octet-stream")
    response.headers["Vary"] = "Accept-Encoding"
    if packed is not None and request.accept_encodings["gzip"]:
        response.set_data(packed)
        response.headers["Content-Encoding"] = "gzip"
        etag += "-gzip"
    response.set_etag(etag)
    # A file whose name carries a hash never changes; all others are revalidated by ETag.
    response.headers["Cache-Control"] = (
        "public, max-age=31536000, immutable" if _HASHED.search(path.name) else "no-cache"
    )
    return response.make_conditional(request)  # type: ignore[return-value]


def init_app(app: flask.Flask, root: Path = ROOT) -> None:
    """Serve the page at every address that no route has, whatever its methods."""

    def index() -> Any:
        return serve(root, "")

    def fallback(error: NotFound) -> Any:
        if request.routing_exception is error and request.method in ("GET", "HEAD"):
            try:
                return serve(root, request.path.removeprefix("/"))
            except NotFound:
                pass  # nor has the page
        return on_http_exception(error)

    index._spec = {"hide": True}  # type: ignore[attr-defined]
    app.add_url_rule("/", "page.index", index)
    app.register_error_handler(404, fallback)
