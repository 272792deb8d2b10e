"""Servers that speak MongoDB's protocol, run as real processes on a free port of this machine.

They are development tools, not MongoDB: what they prove is that our bytes on the wire are understood by
implementations that share no code with each other. Only a server named by ``EARMARK_TEST_MONGO_URI`` may be
called MongoDB.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import platformdirs
import pymongo
from pymongo.errors import PyMongoError

START_SECONDS = 30.0


class ServerMissing(Exception):
    """A server cannot be had on this machine."""


class Server:
    """A process that listens on ``port``; may be killed and started again over the same data."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> Sequence[str]:
        """Return the command line."""
        raise NotImplementedError

    @property
    def uri(self) -> str:
        """URI without database."""
        return f"mongodb://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start, and return as soon as it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.folder / "output.txt", "ab") as output:
            self._process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=self.folder
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                text = (self.folder / "output.txt").read_text(errors="replace")[-2000:]
                raise AssertionError(f"{self.command()[0]} does not answer on port {self.port}:\n{text}")
            time.sleep(0.02)

    def _answers(self) -> bool:
        # The driver asks a server that is not there yet only every half second: knock before.
        with contextlib.suppress(OSError, PyMongoError):
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            with pymongo.MongoClient(self.uri, serverSelectionTimeoutMS=1000) as client:
                client.admin.command("ping")
                return True
        return False

    def signal(self, number: int) -> None:
        """Send a signal; return from SIGSTOP only when every thread stands still, or one might yet answer."""
        assert self._process is not None
        self._process.send_signal(number)
        while number == signal.SIGSTOP and not self._stands_still():
            time.sleep(0.005)

    def _stands_still(self) -> bool:
        assert self._process is not None
        states = []
        for stat in Path(f"/proc/{self._process.pid}/task").glob("*/stat"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that has just ended
                states.append(stat.read_text().rpartition(") ")[2][0])
        return all(state == "T" for state in states)

    def kill(self) -> None:
        """Kill without warning, as a power cut would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None


class Nx27017(Server):
    """The package nx-27017: MongoDB's protocol over SQLite, in Python."""

    def command(self) -> Sequence[str]:
        """Return the command line, with every file of its own."""
        program = shutil.which(
            "nx-27017", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        )
        if program is None:
            raise ServerMissing("nx-27017 is not installed")
        return [
            program,
            *("--data-dir", str(self.folder / "data")),
            *("--log-file", str(self.folder / "log.txt")),
            *("--pid-file", str(self.folder / f"{time.monotonic_ns()}.pid")),
            *("--host", "127.0.0.1", "--port", str(self.port)),
        ]


class FerretDB(Server):
    """FerretDB 1 with its SQLite back-end, built from ``tests/tools/ferretdb``."""

    def command(self) -> Sequence[str]:
        """Return the command line; builds the program when it is asked for the first time."""
        data = self.folder / "data"
        data.mkdir(parents=True, exist_ok=True)
        return [str(build_ferretdb()), "-data", str(data), "-listen", f"127.0.0.1:{self.port}"]


def build_ferretdb() -> Path:
    """Return the built program, from the cache if its sources have not changed.

    Raises
    ------
    ServerMissing
        If there is no Go, or the modules cannot be had.
    """
    source = Path(__file__).parent / "tools" / "ferretdb"
    go = shutil.which("go")
    if go is None:
        raise ServerMissing("no Go to build FerretDB with")
    digest = hashlib.sha256(b"\0".join((source / name).read_bytes() for name in ("main.go", "go.mod", "go.sum")))
    cache = Path(platformdirs.user_cache_dir("earmark", appauthor=False)) / "tests"
    program = cache / f"ferretdb-{digest.hexdigest()[:16]}"
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / "ferretdb.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            made = program.with_suffix(".new")
            environment = {**os.environ, "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"}
            options = ["-mod=readonly", "-trimpath", "-buildvcs=false"]
            done = subprocess.run(
                [go, "build", *options, "-o", str(made), "."],
                cwd=source,
                env=environment,
                capture_output=True,
                text=True,
            )
            if done.returncode:
                raise ServerMissing(f"FerretDB cannot be built:\n{done.stderr[-2000:]}")
            made.rename(program)
    return program


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
