"""Request bodies: each has to arrive at a minimum rate, and only ``MAX_UPLOADS`` arrive at a time.

A client that sends slowly costs one waiting thread, never a place among the snippets being worked on, and only
while it keeps the minimum rate. The rest of a refused body is not read here but in ``connections.py``.
"""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Callable
from typing import IO, Any

import flask
from werkzeug.exceptions import ClientDisconnected

from classifier.api.addresses import caller_of
from classifier.api.errors import RequestTimeout
from classifier.api.places import Places
from classifier.api.watchdog import stop_reading, watchdog

GRACE_SECONDS = 30.0
"""How long a body may take, whatever its size."""
MIN_BYTES_PER_SECOND = 2000.0
"""Average rate that a larger body has to keep; GPRS does."""
MAX_UPLOADS = 32
"""Bodies read at the same time in one process; each holds a thread."""
CALLER = "earmark.caller"
"""Key of the WSGI environment that holds the caller's name once it is known."""


class TimedInput(io.RawIOBase):
    """A request's body, which has to arrive in full and at a minimum rate.

    Parameters
    ----------
    environ : dict
        The request's WSGI environment. A body without ``CONTENT_LENGTH`` is chunked; the server knows its end.
    places : Places
        A place is taken here before the first byte is read, and given back after the last.
    """

    def __init__(self, environ: dict[str, Any], places: Places) -> None:
        length = environ.get("CONTENT_LENGTH") or ""
        self._environ = environ
        self._places = places
        self._stream: IO[bytes] = environ["wsgi.input"]
        self._sock: socket.socket | None = environ.get("gunicorn.socket")
        self._length = int(length) if length.isdecimal() else None
        self.received = 0
        """Bytes read so far."""
        self._started: float | None = None
        self._overdue = False
        self._finishing: list[Callable[[], None]] = []

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read some bytes; 0 at the end of the body.

        Raises
        ------
        Busy
            Before the first byte is read, if too many bodies are arriving already.
        RequestTimeout
            If the body is slower than the minimum rate.
        ClientDisconnected
            If it ends before its announced length.
        """
        # Small pieces at first, so that a slow phone's progress shows; larger ones once it is clearly a file.
        size = min(len(buffer), 8192 if self.received < 65536 else 65536)
        if self._length is not None:
            size = min(size, self._length - self.received)
        if size and self._started is None:
            self._start()
        try:
            data = self._stream.read(size) if size else b""
        except Exception as error:  # the connection broke, or the server found the chunks malformed
            raise ClientDisconnected() from error
        if self._overdue and self._started is not None:
            raise RequestTimeout(
                f"{self.received} bytes came in {time.monotonic() - self._started:.0f} s: too slow, or stalled"
            )
        buffer[: len(data)] = data
        self.received += len(data)
        if not data and self._length is not None and self.received < self._length:
            raise ClientDisconnected()
        if not data or self.received == self._length:
            self.finish()
        return len(data)

    def _start(self) -> None:
        caller = self._environ.get(CALLER) or caller_of(self._environ.get("REMOTE_ADDR"))
        self._finishing.append(self._places.take(caller))
        self._started = time.monotonic()
        if self._sock is not None:
            self._finishing.append(watchdog.add(GRACE_SECONDS, self._check))

    def _check(self) -> float | None:
        assert self._started is not None
        left = self._started + GRACE_SECONDS + self.received / MIN_BYTES_PER_SECOND - time.monotonic()
        if left > 0:
            return left
        self._overdue = True
        if self._sock is not None:
            stop_reading(self._sock)
        return None

    def finish(self) -> None:
        """Stop the clock and give the place back; the rest of the body, if any, stays unread."""
        while self._finishing:
            self._finishing.pop()()


class TimedBodies:
    """WSGI middleware that times every request's body.

    Parameters
    ----------
    app : callable
        The WSGI application.
    """

    def __init__(self, app: Callable[..., Any]) -> None:
        self._app = app
        self._places = Places(MAX_UPLOADS)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        """Answer one request."""
        body = environ["wsgi.input"] = TimedInput(environ, self._places)
        try:
            return self._app(environ, start_response)
        finally:
            body.finish()


def init_app(app: flask.Flask) -> None:
    """Time the bodies of all requests."""
    app.wsgi_app = TimedBodies(app.wsgi_app)  # type: ignore[method-assign]
