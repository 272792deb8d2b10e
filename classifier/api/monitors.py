"""``/monitors``: listeners that run for long, started by ``earmark listen --store-as``, and what they hear."""

from __future__ import annotations

import time
from typing import Any

from apiflask import APIBlueprint
from flask import Response

from classifier.api import streams
from classifier.api.guard import needs
from classifier.api.list_schemas import MonitorsQuery
from classifier.api.paging import page
from classifier.api.representation import only
from classifier.api.service import service
from classifier.api.streams import Sent
from classifier.api.tracklist_schemas import Monitor, Monitors
from classifier.api.tracklists import looking as looking_at_tracklist
from classifier.records import monitors as stored
from classifier.store.base import Store

bp = APIBlueprint("monitors", __name__, tag="Tracklists", url_prefix="/api/v1/monitors")

_STREAM: dict[Any, Any] = {
    200: {
        "description": "First an event `monitor` with the monitor as JSON, and again whenever it begins or ends; then "
        "events `segment` and `progress` as of its tracklist, as they happen",
        "content": {"text/event-stream": {}},
    },
    404: "No such monitor",
    **streams.RESPONSES,
}


@bp.get("")
@needs("tag", named=True)
@bp.input(MonitorsQuery, location="query")
@bp.output(Monitors)
@bp.doc(operation_id="listMonitors", responses=[401, 403])
def listing(query_data: MonitorsQuery) -> dict[str, Any]:
    """List monitors by name, with what is playing now."""
    found, more = page(stored.every(service().store), lambda monitor: monitor["id"], query_data, order="monitors")
    only(query_data.fields, of="monitors")
    return {"monitors": found, "next": more}


@bp.get("/<monitor_id>")
@needs("tag", named=True)
@bp.output(Monitor)
@bp.doc(operation_id="getMonitor", responses=[401, 403, 404])
def get(monitor_id: str) -> dict[str, Any]:
    """Return a monitor, with what is playing now."""
    store = service().store
    return stored.to_dict(store, stored.get(store, monitor_id))


@bp.get("/<monitor_id>/events")
@needs("tag", named=True)
@bp.doc(operation_id="getMonitorEvents", responses=_STREAM)
def events(monitor_id: str) -> Response:
    """Follow a monitor as server-sent events; the stream goes on when the monitor is started anew."""
    own = service()
    stored.get(own.store, monitor_id)
    return streams.respond(own, looking(own.store, monitor_id))


def looking(store: Store, monitor_id: str) -> streams.Look:
    """Return what looks at a monitor: its state, then what becomes of its segments from now on."""
    seen: tuple[str, bool] | None = None
    inner: streams.Look | None = None

    def look() -> tuple[list[Sent], bool]:
        nonlocal seen, inner
        sent: list[Sent] = []
        monitor = stored.to_dict(store, stored.get(store, monitor_id))
        now = (monitor["tracklist"], monitor["running"])
        if inner is None or seen is None or now[0] != seen[0]:
            # What a new tracklist holds already is new as well.
            inner = looking_at_tracklist(store, now[0], since=time.time() if seen is None else 0.0)
        if now != seen:
            seen = now
            sent.append(Sent("monitor", 0, monitor))
        # A tracklist that ended tells nothing more; the next one of the monitor may.
        told = [event._replace(name="progress") if event.name == "done" else event for event in inner()[0]]
        return [*sent, *told], False

    return look
