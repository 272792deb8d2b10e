"""A web service of a test: answers what it is told to, and remembers what it was asked."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Answering:
    """A server that runs, with its address and what it was asked."""

    url: str
    asked: list[Asked] = field(default_factory=list)


#: Status, further headers, and what is sent: an object as JSON, or bytes as they are.
Answer = tuple[int, dict[str, str], Any]


@contextmanager
def serving(answer: Callable[[Asked], Answer]) -> Iterator[Answering]:
    """Run a server on a free port for a ``with`` block."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, self.path, headers, self.rfile.read(length))
            running.asked.append(asked)
            status, more, content = answer(asked)
            body = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            for name, value in more.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = _answer

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running = Answering(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield running
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def signed(form: dict[str, str]) -> str:
    """Return the signature that the specification asks for, with the secret "hush"."""
    text = ""
    for name in sorted(set(form) - {"format", "api_sig"}):
        text += name + form[name]
    return hashlib.md5((text + "hush").encode()).hexdigest()


def lastfm_server(asked: Asked) -> Answer:
    """Answer as Last.fm does to the session "sess"."""
    form = dict(parse_qsl(asked.body.decode(), strict_parsing=True))
    if form["api_sig"] != signed(form):
        return 403, {}, {"error": 13, "message": "Invalid method signature supplied"}
    if form["method"] == "auth.getToken":
        return 200, {}, {"token": "tok"}
    if form["method"] == "auth.getSession":
        return 200, {}, {"session": {"name": "me", "key": "sess", "subscriber": 0}}
    if form["sk"] != "sess":
        return 403, {}, {"error": 9, "message": "Invalid session key"}
    return 200, {}, {}
