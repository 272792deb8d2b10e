"""Reading request bodies: bounded in bytes before a byte is read, and in time while they arrive.

A client that sends slowly costs one waiting thread, never a place among the snippets being worked on, and only
for as long as it keeps the least rate. gunicorn reads from the socket without a timeout, so a watchdog closes
the reading side of connections that are overdue; whoever reads then sees the end of the body and refuses it.
"""

from __future__ import annotations

import errno
import heapq
import io
import itertools
import os
import re
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, cast

import flask
from flask import request
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from classifier.api.errors import MediaTypeUnsupported, RequestRefused, RequestTimeout
from classifier.errors import AudioTooLarge, Busy, FileMissing, StoreFull
from classifier.text import clean

GRACE_SECONDS = 30.0
"""How long a body may take whatever its size."""
MIN_BYTES_PER_SECOND = 2000.0
"""Rate that a larger body has to keep on average: GPRS does."""
MAX_UPLOADS = 32
"""Bodies read at the same time in one process; each holds a thread."""
DRAIN_BYTES = 32 * 2**20
"""Most bytes of a refused body that are thrown away so that the client reads the answer instead of a reset."""
FORM_SLACK = 64 * 1024
"""Bytes that multipart headers and text fields may add to a file."""
MAX_FILES = 50
"""Most files in one request."""

RAW_TYPES = re.compile(
    r"(audio/[\w.+-]+|video/(webm|mp4|3gpp2?|ogg)|application/(octet-stream|ogg|mp4))\Z", re.IGNORECASE
)


class Watchdog:
    """Calls back when a deadline has passed; one thread for all deadlines of the process."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, list[Callable[[], float | None]]]] = []
        self._numbers = itertools.count()
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None

    def add(self, seconds: float, overdue: Callable[[], float | None]) -> Callable[[], None]:
        """Call ``overdue`` in ``seconds``; if it returns a number, again that much later. Returns the way to cancel."""
        call = [overdue]  # emptied to cancel
        with self._wake:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
                self._thread.start()
            heapq.heappush(self._heap, (time.monotonic() + seconds, next(self._numbers), call))
            self._wake.notify()
        return call.clear

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._heap or self._heap[0][0] > time.monotonic():
                    self._wake.wait(self._heap[0][0] - time.monotonic() if self._heap else None)
                _, number, call = heapq.heappop(self._heap)
            more = call[0]() if call else None
            if more is not None:
                with self._wake:
                    heapq.heappush(self._heap, (time.monotonic() + more, number, call))


watchdog = Watchdog()


def stop_reading(sock: socket.socket) -> None:
    """Make every reader of ``sock`` see its end; writing an answer stays possible."""
    with suppress(OSError):  # the client may have gone
        sock.shutdown(socket.SHUT_RD)


class TimedInput(io.RawIOBase):
    """The request body, which has to arrive at a least rate and in full.

    Parameters
    ----------
    stream : file
        ``wsgi.input``.
    length : int or None
        Bytes announced; None for a chunked body, whose end the server knows.
    sock : socket or None
        Connection to stop reading from when the time is up.
    """

    def __init__(self, stream: IO[bytes], length: int | None, sock: socket.socket | None) -> None:
        self._stream = stream
        self._length = length
        self._sock = sock
        self._received = 0
        self._started: float | None = None
        self._overdue = False
        self._cancel: Callable[[], None] | None = None

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read some bytes; 0 at the end of the body.

        Raises
        ------
        RequestTimeout
            If the body is slower than the least rate.
        ClientDisconnected
            If it ends before its announced length.
        """
        if self._started is None:
            self._started = time.monotonic()
            if self._sock is not None:
                self._cancel = watchdog.add(GRACE_SECONDS, self._check)
        # Small pieces at first, so that a slow phone's progress is seen; larger ones when it is a file.
        size = min(len(buffer), 8192 if self._received < 65536 else 65536)
        if self._length is not None:
            size = min(size, self._length - self._received)
        try:
            data = self._stream.read(size) if size else b""
        except Exception as error:  # the connection broke, or the server found the chunks malformed
            raise ClientDisconnected() from error
        if self._overdue:
            raise RequestTimeout(
                f"{self._received} bytes came in {time.monotonic() - self._started:.0f} s: too slow, or stalled"
            )
        buffer[: len(data)] = data
        self._received += len(data)
        if not data:
            self.finish()
            if self._length is not None and self._received < self._length:
                raise ClientDisconnected()
        return len(data)

    @property
    def left(self) -> int | None:
        """Announced bytes that have not been read; None if nothing was announced."""
        return None if self._length is None else self._length - self._received

    def _check(self) -> float | None:
        assert self._started is not None
        left = self._started + GRACE_SECONDS + self._received / MIN_BYTES_PER_SECOND - time.monotonic()
        if left > 0:
            return left
        self._overdue = True
        if self._sock is not None:
            stop_reading(self._sock)
        return None

    def finish(self) -> None:
        """Stop the clock."""
        if self._cancel is not None:
            self._cancel()
            self._cancel = None


class _Places:
    """Places for uploads, refused at once when none is free."""

    def __init__(self, n: int) -> None:
        self._semaphore = threading.BoundedSemaphore(n)

    @contextmanager
    def taken(self) -> Iterator[None]:
        if not self._semaphore.acquire(blocking=False):
            raise Busy(f"{MAX_UPLOADS} uploads are arriving already: try again shortly")
        try:
            yield
        finally:
            self._semaphore.release()


_places = _Places(MAX_UPLOADS)


class TimedBodies:
    """WSGI middleware that puts every request body on the clock, and reads refused ones to their end.

    A client that is still sending when the connection closes sees a reset and never reads why it was refused.
    """

    def __init__(self, app: Callable[..., Any]) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        """Answer one request."""
        length = environ.get("CONTENT_LENGTH") or None
        announced = int(length) if length is not None and length.isdecimal() else None
        body = TimedInput(environ["wsgi.input"], announced, environ.get("gunicorn.socket"))
        environ["wsgi.input"] = body
        status = ""

        def start(line: str, *rest: Any) -> Any:
            nonlocal status
            status = line
            return start_response(line, *rest)

        try:
            answer = self._app(environ, start)
            if status.startswith("4") and environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
                _drain(body)
            return answer
        finally:
            body.finish()


def _drain(body: TimedInput) -> None:
    """Throw away what is left of a body, if it is not too much and there is a place for it."""
    with suppress(Busy, RequestTimeout, ClientDisconnected, OSError), _places.taken():
        left = DRAIN_BYTES if body.left is None else body.left
        while 0 < left <= DRAIN_BYTES:
            left -= len(body.read(65536)) or left


class Request(flask.Request):
    """Flask's request, whose file parts go where the route says."""

    open_part: Callable[[str | None], IO[bytes]] | None = None

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        if self.open_part is None:
            return io.BytesIO()  # the whole body is bounded by max_content_length
        return self.open_part(filename)


def client_name(name: str | None) -> str | None:
    """Return the last part of a file name the client gave, cleaned; None if nothing is left."""
    return clean(re.split(r"[/\\]", name or "")[-1], 200) or None


def _too_large(limit: int, what: str) -> AudioTooLarge:
    length = request.content_length
    size = f"has {length:,} bytes" if length else "is larger"
    return AudioTooLarge(f"the {what} {size}; at most {limit:,} are taken: record shorter or compress")


def read_snippet(limit: int) -> tuple[bytes, str | None]:
    """Return the snippet of a request, multipart part ``snippet`` or raw body, and the name it was given.

    Raises
    ------
    AudioTooLarge
        Before reading, if the announced length exceeds ``limit`` bytes; else as soon as it does.
    MediaTypeUnsupported, FileMissing, RequestTimeout, Busy
        As their names say.
    """
    multipart = request.mimetype == "multipart/form-data"
    if not multipart and not RAW_TYPES.match(request.mimetype or ""):
        given = request.mimetype or "nothing"
        raise MediaTypeUnsupported(
            f"Content-Type is {given[:100]!r}: send multipart/form-data with a part 'snippet', or the bytes as audio/*"
        )
    # One byte more than allowed is read of a body of unknown length: werkzeug cuts such bodies without a word.
    request.max_content_length = limit + (FORM_SLACK if multipart else 1)
    try:
        with _places.taken():
            data, name = _form_part() if multipart else (request.stream.read(), None)
    except RequestEntityTooLarge:
        raise _too_large(limit, "snippet") from None
    if len(data) > limit:
        raise AudioTooLarge(
            f"the snippet has {len(data):,} bytes; at most {limit:,} are taken: record shorter or compress"
        )
    return data, name


def _form_part() -> tuple[bytes, str | None]:
    part = request.files.get("snippet")
    if part is None:
        hint = "it is a text field: send it as a file" if "snippet" in request.form else "there is none"
        raise FileMissing(f"the file part 'snippet' is needed: {hint}")
    return part.stream.read(), client_name(part.filename)


class SpoolFile(io.FileIO):
    """A file part on its way to disk, bounded in bytes.

    Parameters
    ----------
    path : Path
        Where it goes.
    limit : int
        Most bytes.
    """

    def __init__(self, path: Path, limit: int) -> None:
        super().__init__(path, "w+")
        self._limit = limit
        self._size = 0

    def write(self, data: Any, /) -> int:
        """Write all of ``data``.

        Raises
        ------
        AudioTooLarge
            When the file outgrows its limit.
        StoreFull
            When the disk does.
        """
        self._size += len(data)
        if self._size > self._limit:
            raise AudioTooLarge(f"a file has more than {self._limit:,} bytes; that is the most a track may have")
        view = memoryview(data)
        try:
            while view:
                view = view[super().write(view) or 0 :]
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StoreFull("no room is left for uploads; nothing was changed") from None
            raise
        return len(data)


def spool_tracks(folder: Path, limit: int) -> list[tuple[str, Path, int]]:
    """Write the parts ``file`` of a multipart request into ``folder``.

    Returns
    -------
    list of (str, Path, int)
        Name the client gave, where the bytes are, and how many; in the order of the request. The folder is the
        caller's to remove, also after an error.

    Raises
    ------
    AudioTooLarge, StoreFull, MediaTypeUnsupported, FileMissing, RequestTimeout, Busy
        As their names say.
    """
    if request.mimetype != "multipart/form-data":
        raise MediaTypeUnsupported("tracks come as multipart/form-data, each in a file part 'file'")
    length = request.content_length
    if length is not None and shutil.disk_usage(folder).free < length + 64 * 2**20:
        raise StoreFull(f"no room is left for an upload of {length:,} bytes; nothing was changed")
    numbers = itertools.count()
    opened: list[SpoolFile] = []

    def open_part(_: str | None) -> Any:
        number = next(numbers)
        if number >= MAX_FILES:
            raise RequestRefused(f"more than {MAX_FILES} files in one request: send them in several")
        opened.append(SpoolFile(folder / f"{number:03d}", limit))
        return opened[-1]

    cast(Request, request).open_part = open_part
    request.max_content_length = MAX_FILES * (limit + FORM_SLACK)
    try:
        with _places.taken():
            parts = request.files.getlist("file")
            found = [
                (client_name(part.filename) or "upload", Path(part.stream.name), part.stream.seek(0, os.SEEK_END))
                for part in parts
            ]
    except RequestEntityTooLarge:
        raise AudioTooLarge(f"the request is larger than {MAX_FILES} files of {limit:,} bytes") from None
    except AudioTooLarge:
        raise
    finally:
        for file in opened:
            file.close()
    if not found:
        hint = "'file' is a text field: send it as a file" if "file" in request.form else "there is none"
        raise FileMissing(f"at least one file part 'file' is needed: {hint}")
    return found


def init_app(app: flask.Flask) -> None:
    """Put bodies on the clock and file parts where routes want them."""
    app.request_class = Request
    app.wsgi_app = TimedBodies(app.wsgi_app)  # type: ignore[method-assign]
