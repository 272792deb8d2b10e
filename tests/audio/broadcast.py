"""A radio station for tests: an HTTP server that sends sound without saying how much, breaks off, and comes back."""

from __future__ import annotations

import contextlib
import http.server
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


@dataclass
class Station:
    """What is sent, and what was asked for.

    Parameters
    ----------
    sends : callable
        ``sends(number)`` returns what the connection of that number (from 0) gets: bytes, a path to redirect to, or
        None to be refused. Called with each request.
    length : bool
        Whether the answer says how long it is, as a file's does.
    rate : float
        Bytes a second; 0: all at once.
    tls : ssl.SSLContext, optional
        Makes it speak HTTPS.
    """

    sends: Callable[[int], bytes | str | None]
    length: bool = False
    rate: float = 0.0
    tls: ssl.SSLContext | None = None
    asked: list[str] = field(default_factory=list)
    url: str = ""


@contextlib.contextmanager
def on_air(station: Station) -> Iterator[Station]:
    """Send for the length of a block."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            station.asked.append(self.path)
            content = station.sends(len(station.asked) - 1)
            if content is None:
                self.send_error(503)
                return
            if isinstance(content, str):
                self.send_response(302)
                self.send_header("Location", content)
                self.end_headers()
                return
            self.send_response(200)
            self.send_header("Content-Type", "audio/mpeg")
            if station.length:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            piece = int(station.rate / 20) or len(content) or 1
            with contextlib.suppress(OSError):  # whoever listened has left
                for start in range(0, len(content), piece):
                    self.wfile.write(content[start : start + piece])
                    if station.rate:
                        time.sleep(0.05)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if station.tls is not None:
        server.socket = station.tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    station.url = f"http{'s' if station.tls else ''}://localhost:{server.server_port}"
    try:
        yield station
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
