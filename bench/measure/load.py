"""How many snippets a second the service answers, how long they wait, and what memory that takes::

    python -m bench.measure.load                       # 1, 4 and 16 clients, 30 s each, against a service of its own
    python -m bench.measure.load --json load.json      # the same, and every figure in a file

The service runs in processes of its own on this machine's loopback address, with a library of demo songs. Each client
posts noisy 5-s snippets one after another, the next as soon as the last is answered; a client that is told to wait
(503) waits as long as ``Retry-After`` says. Latencies are those of answered snippets, from connecting to the last
byte. Clients and service share the machine's cores. At the end long snippets are posted, several at a time. Memory is
what the largest worker process has of its own (``RssAnon``): without the index, which is mapped and shared, and without
the decoders.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from classifier.catalogue import Catalogue
from classifier.demo.phone import record, write_wav
from classifier.demo.songs import catalogue_seeds, compose, write
from classifier.settings import Settings

N_SNIPPETS = 24
SNIPPET_S = 5.0
LONG_S = 55.0
N_LONG = 4
SNR_DB = 8.0
READY_S = 180.0


@dataclass
class Tally:
    """What some clients saw.

    Parameters
    ----------
    seconds : list of float
        Latency of each answered snippet.
    statuses : Counter
        Answers by status; ``failed`` counts connections that broke.
    right : int
        Answered snippets whose first match is the right track.
    """

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    right: int = 0


def make_library(folder: Path, n_songs: int) -> list[tuple[bytes, str]]:
    """Enroll demo songs into a store in ``folder``; return snippets as wav files, each with the right title.

    The last one is long.
    """
    snippets = []
    with Catalogue.open(settings=Settings(data_dir=str(folder))) as catalogue:
        for number, seed in enumerate(catalogue_seeds(n_songs)):
            song = compose(seed)
            catalogue.enroll(write(song, folder))
            for k in range(number, N_SNIPPETS, n_songs):
                heard = record(song.samples, song.sample_rate, 5.0 + 1.7 * k, SNIPPET_S, snr_db=SNR_DB, seed=k)
                write_wav(folder / "snippet.wav", heard, song.sample_rate)
                snippets.append(((folder / "snippet.wav").read_bytes(), song.title))
        write_wav(folder / "snippet.wav", song.samples[: round(LONG_S * song.sample_rate)], song.sample_rate)
        snippets.append(((folder / "snippet.wav").read_bytes(), song.title))
    return snippets


@contextlib.contextmanager
def service(
    folder: Path, *, workers: int, processes: int, queue: int, before: Callable[[], None] | None = None
) -> Iterator[tuple[str, int, int]]:
    """Run ``earmark serve`` on a free port of the loopback address; give host, port and process once it is ready.

    ``before`` is called in the new process before the service begins.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EARMARK_")}
    environment |= {"EARMARK_DATA_DIR": str(folder), "EARMARK_QUEUE": str(queue), "EARMARK_LOG_LEVEL": "WARNING"}
    command = [sys.executable, "-u", "-m", "classifier", "serve", "--port", "0"]
    command += ["--workers", str(workers), "--processes", str(processes)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, preexec_fn=before)
    assert process.stdout is not None
    try:
        found = re.search(r"http://([\d.]+):(\d+)/", process.stdout.readline())
        if found is None:
            raise SystemExit("the service did not start: see above")
        host, port = found[1], int(found[2])
        deadline = time.monotonic() + READY_S
        while ask(host, port, "GET", "/readyz")[0] != 200:
            if time.monotonic() > deadline:
                raise SystemExit(f"the service was not ready within {READY_S:g} s")
            time.sleep(0.1)
        yield host, port, process.pid
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(READY_S)
        process.stdout.close()


def ask(host: str, port: int, method: str, path: str, body: bytes | None = None) -> tuple[int, float, bytes]:
    """Send a request; return status, seconds to wait before asking again, and body."""
    connection = http.client.HTTPConnection(host, port, timeout=120)
    try:
        connection.request(method, path, body, {"Content-Type": "audio/wav"} if body else {})
        answer = connection.getresponse()
        return answer.status, float(answer.headers.get("Retry-After", 0)), answer.read()
    finally:
        connection.close()


def memory_mb(process: int) -> float:
    """Return the private memory, in MB, of that child of ``process`` which has most of it."""
    sizes = []
    for status in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError, KeyError):  # a process that has just ended
            facts = dict(line.split(":", 1) for line in status.read_text().splitlines())
            if int(facts["PPid"]) == process:
                sizes.append(int(facts["RssAnon"].split()[0]) * 1024 / 1e6)
    return max(sizes)


def load(host: str, port: int, snippets: Sequence[tuple[bytes, str]], n_clients: int, seconds: float) -> Tally:
    """Let clients post snippets for some time; return what they saw."""
    tally, lock = Tally(), threading.Lock()
    end = time.monotonic() + seconds

    def client(number: int) -> None:
        turn = number * 7
        while time.monotonic() < end:
            content, title = snippets[turn % len(snippets)]
            turn += 1
            started = time.perf_counter()
            try:
                status, wait, body = ask(host, port, "POST", "/api/v1/tags", content)
            except OSError:
                with lock:
                    tally.statuses["failed"] += 1
                continue
            took = time.perf_counter() - started
            with lock:
                tally.statuses[str(status)] += 1
                if status == 200:
                    tally.seconds.append(took)
                    matches = json.loads(body)["matches"]
                    tally.right += bool(matches) and matches[0]["title"] == title
            if wait:
                time.sleep(min(wait, max(0.0, end - time.monotonic())))

    threads = [threading.Thread(target=client, args=(number,)) for number in range(n_clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return tally


def figures(tally: Tally, n_clients: int, seconds: float, memory: float) -> dict[str, Any]:
    """Return a row of the table."""
    p50, p99 = np.percentile(tally.seconds, [50, 99]) if tally.seconds else (float("nan"), float("nan"))
    return {
        "clients": n_clients,
        "answered": len(tally.seconds),
        "per_second": len(tally.seconds) / seconds,
        "p50_s": float(p50),
        "p99_s": float(p99),
        "statuses": dict(sorted(tally.statuses.items())),
        "right": tally.right,
        "memory_mb": memory,
    }


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure everything; return every figure."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        *snippets, long = make_library(folder, options.songs)
        rows = []
        running = service(folder, workers=options.workers, processes=options.processes, queue=options.queue)
        with running as (host, port, process):
            load(host, port, snippets, 2, 2.0)  # the first ones find cold caches
            for n_clients in options.clients:
                started = time.monotonic()
                tally = load(host, port, snippets, n_clients, options.seconds)
                rows.append(figures(tally, n_clients, time.monotonic() - started, memory_mb(process)))
            load(host, port, [long], N_LONG, options.long_seconds)
            memory_after_long = memory_mb(process)
    given = {name: getattr(options, name) for name in ("songs", "seconds", "workers", "processes", "queue")}
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "machine": platform.machine()}
    return {"options": given, "machine": machine, "rows": rows, "memory_after_long_mb": memory_after_long}


def show(result: dict[str, Any]) -> None:
    """Print the table."""
    given, cores = result["options"], result["machine"]["cores"]
    table = Table(
        title=f"{SNIPPET_S:g}-s snippets against {given['songs']} songs, {given['processes']} × {given['workers']} "
        f"workers, {cores} cores shared with the clients",
        title_justify="left",
    )
    for column in ("clients", "answers/s", "p50 ms", "p99 ms", "right", "MB", "statuses"):
        table.add_column(column, justify="left" if column == "statuses" else "right")
    for row in result["rows"]:
        table.add_row(
            str(row["clients"]),
            f"{row['per_second']:.1f}",
            f"{1000 * row['p50_s']:.0f}",
            f"{1000 * row['p99_s']:.0f}",
            f"{row['right']}/{row['answered']}",
            f"{row['memory_mb']:.0f}",
            ", ".join(f"{status}: {count}" for status, count in row["statuses"].items()),
        )
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(table)
    console.print(f"after snippets of {LONG_S:g} s, {N_LONG} at a time: {result['memory_after_long_mb']:.0f} MB")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; exit 1 if anything but 200 and 503 was answered."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4, 16], help="clients at the same time")
    parser.add_argument("--seconds", type=float, default=30.0, help="time for each number of clients")
    parser.add_argument("--long-seconds", type=float, default=10.0, help="time for long snippets at the end")
    parser.add_argument("--songs", type=int, default=16, help="songs in the library, 1 to 24")
    parser.add_argument("--workers", type=int, default=2, help="snippets worked on at the same time in a process")
    parser.add_argument("--processes", type=int, default=1, help="worker processes")
    parser.add_argument("--queue", type=int, default=16, help="snippets that may wait")
    parser.add_argument("--json", type=Path, help="write every figure into this file")
    options = parser.parse_args(arguments)
    result = run(options)
    show(result)
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    return int(any(set(row["statuses"]) - {"200", "503"} for row in result["rows"]))


if __name__ == "__main__":
    sys.exit(main())
