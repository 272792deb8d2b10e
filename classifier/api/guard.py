"""Who may do what: hosts, origins and keys, and the headers that protect the page.

Until keys exist, this machine may do everything and any other nothing. Once keys exist, reading and tagging need a key
of either role, unless ``open_tagging`` is on and the service is bound to this machine; every change of the library
needs the role ``admin``. A tag can be read by ``admin`` and by its maker: the holder of the key that the snippet came
with or, if it came without one, anyone without a key who knows its id. It can be deleted by ``admin`` and by the holder
of its key. A page of another site may write only if its origin is allowed.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar
from urllib.parse import urlsplit

import flask
from flask import current_app, g, request
from flask_cors import CORS

from classifier.api import limits
from classifier.api.addresses import caller_of, is_loopback
from classifier.api.bodies import CALLER
from classifier.api.errors import HostNotAllowed, KeyInvalid, KeyMissing, KeyRole, KeysRequired, OriginNotAllowed
from classifier.api.service import service
from classifier.errors import InvalidConfig
from classifier.records import keys, tags
from classifier.settings import Settings

_HOST = re.compile(r"(?P<name>[a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:\d+)?\Z")
READING = ("GET", "HEAD", "OPTIONS")
PROBES = ("health.healthz", "health.readyz")
"""Routes that monitors call by address; their answers hold nothing private."""

GUARDED = (
    *("tags", "listens", "tracks", "duplicates", "tracklists", "monitors", "jobs", "catalogues", "me", "telemetry"),
    *("experiments", "labels", "label_models", "earlier", "acoustid", "keys", "webhooks"),
)
"""Blueprints whose routes check keys."""
_PROXIED = ("X-Forwarded-For", "X-Real-IP", "Forwarded", "Via")
"""A request with one of these headers came through a proxy, possibly from another machine."""

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; object-src 'none'; base-uri 'self'; "
    "form-action 'self'; frame-ancestors 'none'"
)
"""Content-Security-Policy of every answer: no other site, no inline script, no inline style."""

View = TypeVar("View", bound=Callable[..., Any])


def _host_allowed(host: str, allowed: tuple[str, ...]) -> bool:
    """Return whether a Host header, with or without port, is in the list."""
    parts = _HOST.fullmatch(host.lower())
    return parts is not None and any(entry.lower() in (parts[0], parts["name"]) for entry in allowed)


def check_host() -> None:
    """Refuse a Host header that is not ours: a foreign name that resolves to this machine is an attack (DNS rebinding).

    Raises
    ------
    HostNotAllowed
    """
    settings: Settings = service().settings
    host = request.headers.get("Host", "")
    if request.endpoint not in PROBES and not _host_allowed(host, settings.allowed_hosts):
        raise HostNotAllowed(f"this service does not answer to the host {host[:100]!r}")


def check_origin() -> None:
    """Refuse writes by pages of other sites.

    Raises
    ------
    OriginNotAllowed
    """
    if request.method in READING:
        return
    origin = request.headers.get("Origin")
    if origin is None or origin in service().settings.allowed_origins:
        return
    if _host_of(origin) != request.headers.get("Host", "").lower():
        raise OriginNotAllowed(f"pages of {origin[:100]!r} may not write here")


def _host_of(origin: str) -> str | None:
    """Return host and port of an origin; None if it names none, as ``null`` and malformed ones do."""
    try:
        return urlsplit(origin).netloc.lower() or None
    except ValueError:
        return None


class _Existence:
    """Whether any key is stored; looked up at most once a second."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Look it up again when next asked."""
        self._known: tuple[float, bool] = (-1e9, False)

    def __call__(self) -> bool:
        moment, exist = self._known
        if time.monotonic() - moment > 1.0:
            exist = keys.exist(service().store)
            self._known = (time.monotonic(), exist)
        return exist


def identify_caller() -> None:
    """Find out whose request this is: set ``g.key`` to the key or None, ``g.caller`` to the caller's name.

    The page and the documents are public; serving them needs no store.

    Raises
    ------
    KeyInvalid
        If a key was sent that is not stored.
    KeysRequired
        If no keys exist and the request comes from another machine.
    RateLimited
        If the caller has sent more requests than it may.
    """
    g.key, g.keyed, g.caller = None, False, f"address:{caller_of(request.remote_addr)}"
    if request.blueprint not in GUARDED:
        return
    g.keyed = current_app.extensions["earmark_keys"]()
    if not g.keyed:
        if not is_loopback(request.remote_addr) or any(name in request.headers for name in _PROXIED):
            raise KeysRequired("until a key has been created, this service answers its own machine only")
        return
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and secret.strip():
        g.key = keys.verify(service().store, secret.strip())
        if g.key is None:
            limits.count_request()
            raise KeyInvalid("this key is unknown or was revoked")
        g.caller = f"key:{g.key.id}"
    limits.count_request()
    if g.key is not None:
        keys.use(service().store, g.key)
    request.environ[CALLER] = g.caller


def _open(settings: Settings) -> bool:
    """Return whether snippets are taken without a key: never if other machines can reach the service directly."""
    return settings.open_tagging and is_loopback(settings.host)


def caller_role() -> str:
    """Return what the caller of this request may do: ``admin``, ``tag`` or ``none``."""
    if not g.keyed:
        return "admin"
    if g.key is not None:
        return str(g.key.role)
    return "tag" if _open(service().settings) else "none"


def owner() -> tags.Owner:
    """Return whose tags this request's caller may read and, if there is a key, delete."""
    if caller_role() == "admin":
        return tags.ANYONE
    return None if g.key is None else g.key.id


def needs(role: str, *, named: bool = False) -> Callable[[View], View]:
    """Restrict a view to callers with ``role``: a decorator, placed directly under the route.

    Parameters
    ----------
    role : {"tag", "admin"}
    named : bool
        Whether a key is needed once keys exist, even if open tagging takes snippets without one.

    Raises
    ------
    KeyMissing
        If no key was sent where one is needed.
    KeyRole
        If the key's role does not cover this.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def checked(*args: Any, **kwargs: Any) -> Any:
            if g.keyed:
                if g.key is None:
                    if named or role != "tag" or not _open(service().settings):
                        raise KeyMissing(f"this request needs a key with role {role}: send 'Authorization: Bearer KEY'")
                elif not g.key.allows(role):
                    raise KeyRole(f"this request needs a key with role {role}; this one has {g.key.role}")
            return current_app.ensure_sync(view)(*args, **kwargs)

        return checked  # type: ignore[return-value]

    return decorate


def protect(response: flask.Response) -> flask.Response:
    """Add the protective headers; forbid caching of API answers."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Content-Security-Policy", POLICY)
    if request.path.startswith("/api/"):
        response.headers.setdefault("Cache-Control", "no-store")
    if response.status_code == 204:
        del response.headers["Content-Type"]  # there is nothing that it could be of
    return response


def init_app(app: flask.Flask, settings: Settings) -> None:
    """Register the checks in the order in which they run."""
    app.extensions["earmark_keys"] = _Existence()
    app.extensions["earmark_limiter"] = limits.Limiter()
    app.before_request(check_host)
    app.before_request(check_origin)
    app.before_request(identify_caller)
    app.after_request(protect)
    for origin in settings.allowed_origins:
        if not _ORIGIN.match(origin):
            raise InvalidConfig(
                f"EARMARK_ALLOWED_ORIGINS has {origin!r}: name each origin, such as https://app.example.org"
            )
    if settings.allowed_origins:
        CORS(
            app,
            resources={"/api/*": {}},
            origins=list(settings.allowed_origins),
            methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=[
                *("Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match", "X-Request-ID"),
                *("traceparent", "tracestate"),
            ],
            expose_headers=[
                *("Accept-Encoding", "Allow", "Content-Disposition", "ETag", "Idempotency-Replayed", "Location"),
                *("Retry-After", "WWW-Authenticate", "X-Request-ID"),
            ],
            max_age=600,
        )
