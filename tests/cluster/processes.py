"""A real scheduler and real workers, each a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

from tests.places import ROOT
from tests.servers import free_port


class Process:
    """One process of a cluster."""

    def __init__(self, arguments: list[str], environment: Mapping[str, str], log: Path) -> None:
        self.log = log
        with log.open("a") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "classifier", *arguments, "--json"],
                cwd=ROOT,
                env={**os.environ, **environment},
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        assert self._process.stdout is not None
        self._output: IO[str] = self._process.stdout

    def wait_until_ready(self) -> dict[str, str]:
        """Wait for the process's first line, and return it."""
        first = self._output.readline()
        if not first:
            self._process.wait()
            raise AssertionError(self.log.read_text()[-2000:])
        return json.loads(first)

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal and wait until the process is gone."""
        if self._process.poll() is None:
            self._process.send_signal(number)
        self._process.wait(60)
        self._output.close()


class Cluster:
    """A scheduler and workers on this machine; use it in a ``with`` statement.

    Parameters
    ----------
    folder : Path
        For logs; each worker has a data folder below it, unless ``shared`` names one for all.
    store : str
        URL.
    settings : mapping
        Further EARMARK variables.
    tls : bool
        Whether connections are encrypted, with the certificates of ``settings``.
    """

    def __init__(
        self,
        folder: Path,
        store: str,
        settings: Mapping[str, str] | None = None,
        shared: Path | None = None,
        *,
        tls: bool = False,
    ) -> None:
        self.folder, self.store, self.shared, self.tls = folder, store, shared, tls
        self.settings = dict(settings or {})
        self.port = free_port()
        self.scheduler: Process | None = None
        self.workers: list[Process] = []
        self._n_started = 0
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def url(self) -> str:
        """The scheduler's address."""
        return f"{'tls' if self.tls else 'tcp'}://127.0.0.1:{self.port}"

    def start_scheduler(self) -> None:
        """Start the scheduler, always at the same port."""
        arguments = ["scheduler", "--port", str(self.port), *(["--tls"] if self.tls else [])]
        self.scheduler = Process(arguments, self._environment(self.folder / "scheduler"), self.folder / "scheduler.log")
        self.scheduler.wait_until_ready()

    def start_workers(self, n: int) -> list[dict[str, str]]:
        """Start more workers side by side; return what each has said."""
        for _ in range(n):
            self._n_started += 1
            data = self.shared or self.folder / f"worker{self._n_started}"
            arguments = ["worker", "--scheduler", self.url, "--store", self.store, "--jobs", "1"]
            log = self.folder / f"worker{self._n_started}.log"
            self.workers.append(Process(arguments, self._environment(data), log))
        return [worker.wait_until_ready() for worker in self.workers[-n:]]

    def _environment(self, data: Path) -> dict[str, str]:
        return {"EARMARK_DATA_DIR": str(data), **self.settings}

    def __enter__(self) -> Cluster:
        self.start_scheduler()
        return self

    def __exit__(self, *error: object) -> None:
        for process in (*self.workers, self.scheduler):
            if process is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.kill()


def running(folder: Path, store: str, n_workers: int, **options: object) -> Iterator[Cluster]:
    """Yield a cluster with workers, for a fixture."""
    with Cluster(folder, store, **options) as cluster:  # type: ignore[arg-type]
        cluster.start_workers(n_workers)
        yield cluster
