"""Server-sent events: what changes in the store, as it changes.

The state comes from the store, so it does not matter which process works on it. Each stream holds a thread; they are
few, live for some minutes, and say now and then that they are still there.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from flask import Response

from classifier.api.service import Service
from classifier.errors import Busy, EarmarkError

HEARTBEAT_SECONDS = 15.0
"""Silence after which a comment is sent, so that proxies keep the stream and a vanished client is noticed."""
POLL_SECONDS = 0.25
STREAM_SECONDS = 600.0
"""Longest life of a stream; the browser opens the next one by itself."""

#: What the description of a route with a stream says of its errors.
RESPONSES: dict[Any, Any] = {
    401: "Key needed",
    403: "Role needed",
    503: "Too many streams: ask for the state itself now and then",
}


class Sent(NamedTuple):
    """One event of a stream.

    Parameters
    ----------
    name : str
        What happened.
    number : int
        Of the state that it tells of.
    value : dict
        Sent as JSON.
    """

    name: str
    number: int
    value: dict[str, Any]


Look = Callable[[], tuple[list[Sent], bool]]
"""What looks at the store: returns what is new since the last look, and whether nothing will follow."""


def respond(own: Service, look: Look) -> Response:
    """Return the response that streams what ``look`` finds.

    Raises
    ------
    Busy
        If too many streams are open.
    """
    if not own.streams.acquire(blocking=False):
        raise Busy("too many event streams are open: ask for the state itself now and then")
    response = Response(follow(own, look), mimetype="text/event-stream")
    response.headers["Cache-Control"] = "no-cache"
    response.headers["X-Accel-Buffering"] = "no"
    response.call_on_close(own.streams.release)
    return response


def follow(own: Service, look: Look) -> Iterator[str]:
    """Yield what ``look`` finds, and a heartbeat in between, until nothing will follow."""
    started = spoken = time.monotonic()
    yield "retry: 2000\n\n"
    while not own.closing.is_set() and time.monotonic() - started < STREAM_SECONDS:
        try:
            events, is_over = look()
        except EarmarkError:
            return  # the browser asks again, and gets the problem document
        for event in events:
            yield f"event: {event.name}\nid: {event.number}\ndata: {json.dumps(event.value, ensure_ascii=False)}\n\n"
            spoken = time.monotonic()
        if is_over:
            return
        if time.monotonic() - spoken > HEARTBEAT_SECONDS:
            yield ": still here\n\n"
            spoken = time.monotonic()
        own.closing.wait(POLL_SECONDS)
