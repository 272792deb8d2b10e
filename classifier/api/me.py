"""``/me``: what the caller may do, so that a page or an app offers nothing that would be refused."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint
from flask import g

from classifier.api.guard import caller_role
from classifier.api.schemas import Me
from classifier.api.service import service

bp = APIBlueprint("me", __name__, tag="Operation", url_prefix="/api/v1/me")


@bp.get("")
@bp.output(Me)
@bp.doc(operation_id="getMe", responses=[401, 403])
def me() -> dict[str, Any]:
    """Return the caller's role and features; needs no key."""
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
    return {"role": own, "key": None if g.key is None else g.key.name, "features": features}
