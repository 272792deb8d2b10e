"""Connections: threads handle whole requests only; slow clients wait in the event loop.

gunicorn's ``gthread`` worker reads headers, writes answers and closes connections in its threads, or blocks its event
loop to do so: a few dozen clients that send or read slowly stop a process. Here a connection holds a thread only from
the last byte of a request's headers to the end of its answer. Before and after, the event loop waits: for headers, for
the client to take the answer, and for the rest of a refused body, because a client that is still sending when its
connection closes sees a reset instead of the answer. Each wait has a deadline. When the process holds as many
connections as it can, the caller with most waiting connections loses its oldest. Probes have threads of their own.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import resource
import selectors
import socket
import struct
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

from gunicorn.http.body import ChunkedReader, LengthReader
from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine, ParseException, UnsupportedTransferCoding
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, TConn, ThreadWorker

from classifier.api import problems
from classifier.api.addresses import caller_of
from classifier.api.errors import RequestRefused
from classifier.api.lobby import Lobby
from classifier.api.watchdog import stop_reading, watchdog
from classifier.errors import EarmarkError

HEADER_SECONDS = 10.0
"""How long a client may take to send a request's headers."""
MAX_HEADER_BYTES = 64 * 1024
"""Most bytes of a request's headers."""
SEND_SECONDS = 60.0
"""How long a client may leave an answer unread."""
MAX_UNSENT_BYTES = 2**20
"""Bytes of an answer that may wait for the client without a thread."""
CLOSE_SECONDS = 2.0
"""How long the client may take to close a connection after the answer."""
DRAIN_SECONDS = 10.0
"""How long the rest of a refused body is read, whatever its size."""
DRAIN_BYTES_PER_SECOND = 20_000.0
"""Average rate that a larger refused body has to keep."""
DRAIN_BYTES = 32 * 2**20
"""Most bytes of a refused body that are read."""
SPARE_FILES = 200
"""File descriptors kept for anything but connections."""

_PROBES = tuple(f"{method} {path} ".encode() for method in ("GET", "HEAD") for path in ("/healthz", "/readyz"))
_STATUS = {LimitRequestLine: 414, LimitRequestHeaders: 431, UnsupportedTransferCoding: 501}


class Outbox:
    """A socket whose ``sendall`` does not wait for the client, but buffers what it has not taken yet.

    Parameters
    ----------
    sock : socket
        A connection in blocking mode.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.unsent = bytearray()

    def __getattr__(self, name: str) -> Any:
        """Return everything else from the socket itself."""
        return getattr(self._sock, name)

    def sendall(self, data: bytes) -> None:
        """Send ``data``, or buffer it; wait only if more than ``MAX_UNSENT_BYTES`` would be buffered."""
        self.unsent += data
        self.flush()
        if len(self.unsent) > MAX_UNSENT_BYTES:
            self._sock.sendall(self.unsent)
            self.unsent.clear()

    def flush(self) -> None:
        """Send what the client takes without waiting."""
        while self.unsent:
            try:
                del self.unsent[: self._sock.send(self.unsent, socket.MSG_DONTWAIT)]
            except BlockingIOError:
                return


class Worker(ThreadWorker):  # type: ignore[misc]
    """A ``gthread`` worker whose threads never wait for a client's headers, reading or closing."""

    def init_process(self) -> None:
        """Raise the limit of open files as far as connections need, then serve."""
        self._lobby: Lobby[Any] = Lobby()
        self._probes = ThreadPoolExecutor(2, thread_name_prefix="probe")
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = self.worker_connections + SPARE_FILES
        if soft < wanted:
            soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            self.worker_connections: int = max(1, soft - SPARE_FILES)
        super().init_process()

    # --- the event loop: connections come, wait and go -------------------------------------------------------

    def accept(self, listener: Any) -> None:
        """Accept a new connection; it waits for its headers."""
        try:
            sock, client = listener.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                self._make_room()
            elif error.errno not in (errno.EAGAIN, errno.ECONNABORTED):
                raise
            return
        self.nr_conns += 1
        if self.nr_conns >= self.worker_connections:
            self._make_room()
        conn = TConn(self.cfg, Outbox(sock), client, listener.getsockname())
        conn.caller = caller_of(client[0] if client else None)
        self._expect(conn, b"", HEADER_SECONDS)

    def _make_room(self) -> None:
        conn = self._lobby.dispensable()
        if conn is not None:
            self._drop(conn)

    def _wait(self, conn: Any, seconds: float, ready: Callable[[Any, Any], None], *, to_send: bool = False) -> None:
        """Call ``ready`` from the event loop when the client has sent something, or can be sent more."""
        conn.sock.setblocking(False)
        if not self.alive:
            seconds = min(seconds, STOP_KEEPALIVE_LINGER)

        def called(sock: Any) -> None:
            if conn in self._lobby:  # else it was closed after the poller saw it
                ready(conn, sock)

        self.poller.register(conn.sock, selectors.EVENT_WRITE if to_send else selectors.EVENT_READ, called)
        self._lobby.enter(conn, conn.caller, time.monotonic() + seconds)

    def _leave(self, conn: Any) -> None:
        self._lobby.leave(conn, conn.caller)
        self.poller.unregister(conn.sock)

    def _drop(self, conn: Any) -> None:
        """Close a waiting connection."""
        self._leave(conn)
        self._close(conn)

    def _close(self, conn: Any) -> None:
        self.nr_conns -= 1
        conn.close()

    def _expect(self, conn: Any, begun: bytes, seconds: float) -> None:
        """Wait for the headers of a request, of which ``begun`` has already arrived."""
        conn.head = bytearray(begun.lstrip(b"\r\n"))
        conn.has_begun = bool(conn.head)
        if _is_whole(conn.head):
            self._serve(conn)
        else:
            self._wait(conn, HEADER_SECONDS if conn.has_begun else seconds, self._on_headers)

    def _on_headers(self, conn: Any, sock: Any) -> None:
        data = _received(sock)
        if data is None:
            return
        if not data:
            self._drop(conn)
            return
        if not conn.has_begun:
            conn.has_begun = True
            self._lobby.extend(conn, time.monotonic() + HEADER_SECONDS)
        conn.head += data if conn.head else data.lstrip(b"\r\n")
        if _is_whole(conn.head) or len(conn.head) > MAX_HEADER_BYTES:
            self._leave(conn)
            self._serve(conn)

    def _serve(self, conn: Any) -> None:
        """Hand the request to a thread; :meth:`finish_request` continues when it is answered."""
        pool = self._probes if conn.head.startswith(_PROBES) else self.tpool
        done = pool.submit(self.handle, conn)
        done.add_done_callback(lambda done: self.method_queue.defer(self.finish_request, conn, done))

    def finish_request(self, conn: Any, done: Future[bool]) -> None:
        """Send the rest of the answer, then wait for the client's next request or for it to close the connection."""
        keep = not done.cancelled() and done.exception() is None and done.result()
        try:
            if conn.sock.unsent:
                self._wait(conn, SEND_SECONDS, partial(self._on_room, keep), to_send=True)
            else:
                self._answered(conn, keep)
        except (OSError, ValueError):  # the connection broke
            self._close(conn)

    def _on_room(self, keep: bool, conn: Any, sock: Any) -> None:
        try:
            sock.flush()
        except OSError:
            self._drop(conn)
            return
        if not sock.unsent:
            self._leave(conn)
            try:
                self._answered(conn, keep)
            except (OSError, ValueError):
                self._close(conn)

    def _answered(self, conn: Any, keep: bool) -> None:
        if keep:
            self._expect(conn, conn.parser.unreader.take_buffered(), self.cfg.keepalive)
            return
        conn.sock.shutdown(socket.SHUT_WR)
        conn.drained, conn.drained_since = 0, time.monotonic()
        self._wait(conn, DRAIN_SECONDS if _has_more(conn) else CLOSE_SECONDS, self._on_rest)

    def _on_rest(self, conn: Any, sock: Any) -> None:
        """Discard what a client sends after its answer."""
        data = _received(sock)
        if data is None:
            return
        conn.drained += len(data)
        if not data or conn.drained > DRAIN_BYTES:
            self._drop(conn)
        else:
            seconds = DRAIN_SECONDS + conn.drained / DRAIN_BYTES_PER_SECOND
            self._lobby.extend(conn, conn.drained_since + (seconds if self.alive else STOP_KEEPALIVE_LINGER))

    def murder_pending(self) -> None:
        """Close the connections that have waited long enough."""
        for conn in self._lobby.overdue(time.monotonic()):
            self._drop(conn)

    def murder_keepalived(self, force: bool = False) -> None:
        """Close all waiting connections if ``force``."""
        for conn in self._lobby.overdue(float("inf")) if force else ():
            self._drop(conn)

    def _cap_keepalive(self, deadline: float) -> None:
        """Let no connection wait beyond ``deadline``, because the process is stopping."""
        self._lobby.hurry(deadline)

    # --- threads: requests are answered -----------------------------------------------------------------------

    def handle(self, conn: Any) -> bool:
        """Answer one request; return whether the connection stays open."""
        conn.sock.setblocking(True)
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", int(SEND_SECONDS), 0))
        conn.init()
        if not _is_whole(conn.head):
            self.handle_error(None, conn.sock, conn.client, LimitRequestHeaders("limit request headers size"))
            return False
        conn.parser.unreader.unread(bytes(conn.head))
        # The headers are complete, so the parser should not wait; if it does, this ends the wait.
        conn.headers_came = watchdog.add(HEADER_SECONDS, lambda: stop_reading(conn.sock))
        try:
            return bool(super().handle(conn))
        finally:
            conn.headers_came()

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Answer a request whose headers have been read; its body has its own deadline."""
        conn.headers_came()
        asked = req.should_close
        req.should_close = lambda: asked() or _has_more(conn)
        try:
            return super().handle_request(req, conn)
        except BlockingIOError:
            raise BrokenPipeError(errno.EPIPE, "the client does not read its answer") from None

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Answer what never reached the application, mostly malformed requests, with a problem document."""
        refused = isinstance(exc, ParseException)
        error = RequestRefused(f"the request is malformed ({type(exc).__name__})") if refused else EarmarkError("")
        error.status = _STATUS.get(type(exc), error.status)
        request_id = uuid.uuid4().hex
        self.log.log(
            logging.INFO if refused else logging.ERROR,
            "request %s failed before the application: %s",
            request_id,
            type(exc).__name__,
            exc_info=None if refused else exc,
        )
        body = problems.body(error, instance="", request_id=request_id)
        head = f"HTTP/1.1 {error.status} Refused\r\nConnection: close\r\nContent-Type: {problems.MEDIA_TYPE}\r\n"
        with contextlib.suppress(OSError):
            client.sendall(f"{head}X-Request-ID: {request_id}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)

    # --- stopping ---------------------------------------------------------------------------------------------

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Stop gracefully: finish requests, end event streams."""
        self._end_streams()
        super().handle_exit(sig, frame)

    def handle_quit(self, sig: int, frame: Any) -> None:
        """Stop now. Ctrl-C arrives twice, from the terminal and from the parent process: only the first counts."""
        if self.alive:
            self._end_streams()
            super().handle_quit(sig, frame)

    def _end_streams(self) -> None:
        if hasattr(self, "wsgi"):  # a signal may come before the application is loaded
            self.wsgi.extensions["earmark"].closing.set()


def _received(sock: Any) -> bytes | None:
    """Return what has arrived: empty at the end of the connection, None if nothing has arrived after all."""
    try:
        return bytes(sock.recv(65536))
    except BlockingIOError:
        return None
    except OSError:
        return b""


def _is_whole(head: bytearray) -> bool:
    return b"\r\n\r\n" in head


def _has_more(conn: Any) -> bool:
    """Return whether part of the request's body is still to come, so that the start of the next one is unknown."""
    message = conn.parser and conn.parser.mesg
    reader = message and message.body and message.body.reader
    if isinstance(reader, LengthReader):
        return bool(reader.length > len(conn.parser.unreader.buf.getvalue()))
    return isinstance(reader, ChunkedReader) and reader.parser is not None
