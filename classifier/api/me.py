"""``/me``: what the caller may do, so that a page or an app offers nothing that would be refused."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint
from flask import g

from classifier.api import limits
from classifier.api.guard import caller_role
from classifier.api.schemas import Me
from classifier.api.service import service
from classifier.records import tags

_SETTINGS = (
    *("snippet_bytes", "snippet_seconds", "min_snippet_seconds", "listen_seconds", "track_bytes", "recording_bytes"),
    "keep_days",
    "tag_days",
)

bp = APIBlueprint("me", __name__, tag="Operation", url_prefix="/api/v1/me")


@bp.get("")
@bp.output(Me)
@bp.doc(operation_id="getMe", responses=[401, 403])
def me() -> dict[str, Any]:
    """Return the caller's role, limits and features; needs no key."""
    own = caller_role()
    features = []
    if own != "none":
        features += ["identify", "library"]
    if own == "admin" or g.key is not None:
        features.append("history")
    if own == "admin":
        features.append("edit")
    if own != "none" and service().labelling.hears():
        features.append("labels")
    return {
        "role": own,
        "key": None if g.key is None else g.key.name,
        "tags": None if g.key is None else tags.count(service().store, g.key.id),
        "limits": _limits(),
        "features": features,
    }


def _limits() -> dict[str, Any]:
    """Return the limits of this caller; nothing is counted before keys exist."""
    settings = service().settings
    named = {name: getattr(settings, name) for name in _SETTINGS}
    asked = limits.per_minute(settings, g.key) if g.keyed else 0
    return {**named, "requests_per_minute": asked or None, "max_tags": limits.max_tags(settings, g.key) or None}
