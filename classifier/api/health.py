"""``/healthz``: the process answers. ``/readyz``: it can work at full speed."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint

from classifier.api.errors import NotReady
from classifier.api.problems import document
from classifier.api.schemas import Health, Ready
from classifier.api.service import service

bp = APIBlueprint("health", __name__, tag="Operation")


@bp.get("/healthz")
@bp.output(Health)
@bp.doc(operation_id="healthz")
def healthz() -> dict[str, Any]:
    """The process answers.

    Touches neither the store nor the disk: restart the process only when this fails.
    """
    return {"status": "ok"}


@bp.get("/readyz")
@bp.output(Ready)
@bp.doc(operation_id="readyz", responses={503: "Something is missing; `checks` says what"})
def readyz() -> Any:
    """Store, index and decoder are warm.

    Send requests to this process only while it is ready. `tracks_missing` is for monitoring: it is above 0 for a moment
    while tracks are added, and stays above 0 if some are damaged.
    """
    own = service()
    checks = own.checks()
    if all(state == "ok" for state in checks.values()):
        return {"ready": True, "checks": checks, "tracks_missing": own.tracks_missing()}
    missing = ", ".join(f"{name}: {state}" for name, state in checks.items() if state != "ok")
    return document(NotReady(f"not ready yet ({missing})"), checks=checks)
