"""A real service and its client: ``earmark serve`` in a process of its own, spoken to over TCP."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import data_audio
import numpy as np

from classifier.demo.songs import Song
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]
STARTING_SECONDS = 120.0
"""For a fresh interpreter to import and compile everything, on a machine that is busy with other tests."""


@dataclass(frozen=True)
class Answer:
    """What the service said."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as an object."""
        return json.loads(self.body)

    def problem(self, status: int, name: str) -> dict[str, Any]:
        """Check that this is a whole problem document of that name, and return it."""
        assert (self.status, self.headers["content-type"]) == (status, "application/problem+json"), self
        document: dict[str, Any] = self.json
        assert (document["name"], document["status"], document["type"]) == (name, status, f"/problems/{name}")
        assert document["title"]
        assert document["detail"]
        assert document["request_id"] == self.headers["x-request-id"]
        assert "Traceback" not in document["detail"]
        assert "/work" not in document["detail"]
        return document


def multipart(parts: list[tuple[str, str | None, bytes]]) -> tuple[bytes, str]:
    """Return a form's body and its content type; parts are (name, file name or None, content)."""
    boundary = secrets.token_hex(16)
    body = b""
    for name, file, content in parts:
        disposition = f'form-data; name="{name}"' + (f'; filename="{file}"' if file is not None else "")
        body += f"--{boundary}\r\nContent-Disposition: {disposition}\r\n\r\n".encode() + content + b"\r\n"
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


@dataclass
class Client:
    """A client of one service; every request on a connection of its own."""

    host: str
    port: int
    log: list[str] = field(default_factory=list, repr=False)

    @property
    def url(self) -> str:
        """Where the service is."""
        return f"http://{self.host}:{self.port}"

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        timeout: float = 60.0,
    ) -> Answer:
        """Send a request."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        """GET."""
        return self.ask("GET", path, headers=headers)

    def delete(self, path: str) -> Answer:
        """DELETE."""
        return self.ask("DELETE", path)

    def send(self, method: str, path: str, document: Any) -> Answer:
        """Send JSON."""
        return self.ask(method, path, json.dumps(document).encode(), {"Content-Type": "application/json"})

    def tag(self, content: bytes, query: str = "", *, file: str = "snippet", **headers: str) -> Answer:
        """POST a snippet as a form."""
        body, kind = multipart([("snippet", file, content)])
        return self.ask("POST", f"/api/v1/tags{query}", body, {"Content-Type": kind, **headers})

    def tag_raw(self, content: bytes, kind: str, query: str = "", **headers: str) -> Answer:
        """POST a snippet as the raw body."""
        return self.ask("POST", f"/api/v1/tags{query}", content, {"Content-Type": kind, **headers})

    def enroll(self, *files: tuple[str, bytes], query: str = "", **facts: str) -> dict[str, Any]:
        """POST tracks and follow the job to its end."""
        parts: list[tuple[str, str | None, bytes]] = [("file", name, content) for name, content in files]
        body, kind = multipart([*parts, *((name, None, value.encode()) for name, value in facts.items())])
        answer = self.ask("POST", f"/api/v1/tracks{query}", body, {"Content-Type": kind})
        assert answer.status == 202, answer
        return self.finished(answer.headers["location"])

    def finished(self, location: str, seconds: float = 60.0) -> dict[str, Any]:
        """Wait for the end of a job."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            job: dict[str, Any] = self.get(location).json
            if job["status"] == "done":
                return job
            time.sleep(0.1)
        raise AssertionError(f"job not done in {seconds:g} s: {job}")

    def n_tags(self) -> int:
        """Count the history."""
        return len(self.get("/api/v1/tags?limit=200").json["tags"])

    def entries(self) -> list[dict[str, Any]]:
        """Return the service's log so far."""
        return [json.loads(line) for line in self.log if line.startswith("{")]


@dataclass
class Running:
    """A service under way."""

    process: subprocess.Popen[str]
    client: Client

    def children(self) -> list[int]:
        """Process ids of everything below the service's first process."""
        return descendants(self.process.pid)


def descendants(pid: int) -> list[int]:
    """Return the ids of a process's living children, their children and so on."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError, ValueError, IndexError):
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
                if state != "Z":
                    parents.setdefault(int(parent), []).append(int(entry.name))
    found, queue = [], [pid]
    while queue:
        children = parents.get(queue.pop(), [])
        found += children
        queue += children
    return found


def environment(data_dir: Path, settings: dict[str, Any]) -> dict[str, str]:
    """Return the environment of a service: nothing of ours but its settings."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("EARMARK_")}
    own.update({f"EARMARK_{name.upper()}": str(value) for name, value in settings.items()})
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    own.update(EARMARK_DATA_DIR=str(data_dir), PYTHONPATH=path, PYTHONUNBUFFERED="1")
    return own


@contextlib.contextmanager
def running(
    data_dir: Path, *arguments: str, ready: bool = True, command: list[str] | None = None, **settings: Any
) -> Iterator[Running]:
    """Start ``earmark serve``, wait until it is ready, and stop it in the end."""
    process = subprocess.Popen(
        command or [sys.executable, "-m", "classifier", "serve", "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment(data_dir, settings),
    )
    log: list[str] = []
    assert process.stdout is not None
    assert process.stderr is not None
    reader = threading.Thread(target=_collect, args=(process.stderr, log), daemon=True)
    reader.start()
    try:

        def listening() -> re.Match[str] | None:
            assert process.poll() is None, log
            return next((m for m in (re.search(r"http://([\d.]+):(\d+)", line) for line in log) if m), None)

        found = until(listening, STARTING_SECONDS)
        client = Client(found[1], int(found[2]), log)
        if ready:
            try:
                until(lambda: client.get("/readyz").status == 200, STARTING_SECONDS)
            except AssertionError:
                raise AssertionError(f"not ready: {client.get('/readyz').body!r}\n{''.join(log[-20:])}") from None
        yield Running(process, client)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        finally:
            reader.join(10)
            process.stdout.close()
            process.stderr.close()


def _collect(stream: Any, log: list[str]) -> None:
    for line in stream:
        log.append(line)


def piece(song: Song, start_s: float, seconds: float) -> np.ndarray:
    """Cut a stretch out of a song."""
    first = round(start_s * song.sample_rate)
    return song.samples[first : first + round(seconds * song.sample_rate)]


def wav(samples: np.ndarray, rate: int) -> bytes:
    """Return float samples as a 16-bit wav file."""
    return data_audio.wav(int16(samples), rate)


def int16(samples: np.ndarray) -> np.ndarray:
    """Return float samples as the int16 array, shape (n, 1), that ``data_audio`` encodes."""
    return np.asarray((samples * 32767).clip(-32768, 32767).astype(np.int16)[:, None])
