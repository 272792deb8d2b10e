"""gunicorn with several workers over any store, each worker to be asked by itself; songs and snippets of them."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from api_client import Answer, Client, Running, descendants, piece, running, until, wav

from classifier.demo.songs import Song, compose

SONG_S = 15.0


@lru_cache(maxsize=64)
def song(seed: int) -> Song:
    """Return a short song."""
    return compose(seed, duration_s=SONG_S)


def file(seed: int) -> bytes:
    """Return a song as a wav file."""
    return wav(song(seed).samples, song(seed).sample_rate)


def snippet(seed: int) -> bytes:
    """Return four seconds of a song as a wav file."""
    return wav(piece(song(seed), 5.0, 4.0), song(seed).sample_rate)


@dataclass
class Cluster:
    """A running gunicorn and its workers."""

    running: Running
    processes: int

    @property
    def client(self) -> Client:
        """Whoever accepts first answers."""
        return self.running.client

    def workers(self) -> list[int]:
        """Return the ids of the workers: the arbiter's own children."""
        arbiter = self.running.process.pid
        return [pid for pid in descendants(arbiter) if parent(pid) == arbiter]

    def wait_until_all_are_warm(self, seconds: float = 120.0) -> None:
        """Return when every worker takes snippets."""
        for pid in self.workers():
            with self.only(pid):
                until(lambda: self.client.get("/readyz").status == 200, seconds)

    @contextlib.contextmanager
    def only(self, pid: int) -> Iterator[None]:
        """Let one worker answer everything: the others sleep meanwhile."""
        others = [other for other in self.workers() if other != pid]
        try:
            for other in others:
                os.kill(other, signal.SIGSTOP)
            yield
        finally:
            for other in others:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(other, signal.SIGCONT)

    def ask_each(self, content: bytes) -> dict[int, Answer]:
        """Send a snippet to every worker, one after the other."""
        answers = {}
        for pid in self.workers():
            with self.only(pid):
                answers[pid] = self.client.tag(content)
        return answers


def heard(answer: Answer) -> tuple[str, str | None]:
    """Return the verdict, and the title if a track was identified."""
    assert answer.status == 200, answer
    tag = answer.json
    return tag["verdict"], tag["matches"][0]["title"] if tag["verdict"] == "identified" else None


def parent(pid: int) -> int:
    """Return the id of a process's parent, 0 if it is gone."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError):
        return 0


@contextlib.contextmanager
def cluster(folder: Path, processes: int, *, warm: bool = True, **settings: Any) -> Iterator[Cluster]:
    """Run gunicorn from its configuration file."""
    command = ["env", f"WEB_CONCURRENCY={processes}", sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py"]
    values = {"port": 0, "lease_seconds": 2, **settings}
    with running(folder, command=command, ready=False, **values) as own:
        made = Cluster(own, processes)
        until(lambda: len(made.workers()) == processes, 60)
        if warm:
            made.wait_until_all_are_warm()
        yield made
