"""What several machines do: the work of each as there are more of them, and what is lost if one of them dies::

    python -m bench.measure.cluster                       # 200 tracks, 2 and 4 workers, 1,000 queries with deaths
    python -m bench.measure.cluster --tracks 24 --queries 50 --json cluster.json
    python -m bench.measure.cluster --folder DATA         # keep the library there, for further runs

A scheduler and workers run on this machine, as processes, each with one shard. The tracks are those of
``bench.measure.scale``, perturbed models of composed songs, four minutes each. Snippets are one that is known and one
of noise, which is searched for at all speeds. *Work of a worker* is the processor time that it spends on a query, the
mean of all workers: with twice the workers it has to halve. What a worker spends while nobody asks (heartbeats) is
measured before, shown, and taken off. Then queries go on while a worker is killed (SIGKILL) every few seconds and
another one started; every complete answer is compared with that of this process alone. The head itself
searches nothing: what no worker holds is missing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.box import MARKDOWN
from rich.console import Console
from rich.progress import track as progress
from rich.table import Table

from bench.measure.serving import fill, processor_s
from classifier.audio.decoder import Audio
from classifier.catalogue import Catalogue
from classifier.cluster.head import Head
from classifier.errors import ClusterUnavailable
from classifier.settings import Settings

#: Queries of each kind that are timed for each number of workers.
N_TIMED = 20
#: Seconds for which workers are watched while nobody asks.
IDLE_S = 10.0
#: Seconds between two deaths.
DEATHS_S = 4.0
#: Seconds that processes have to be ready.
READY_S = 300.0


class Workers:
    """Worker processes of one scheduler, with one data folder; each has a shard if all are there."""

    def __init__(self, scheduler: str, folder: Path) -> None:
        self._scheduler, self._folder = scheduler, folder
        self.processes: list[subprocess.Popen[str]] = []

    def start(self, n: int) -> None:
        """Start n more, and wait until they are ready."""
        arguments = ["worker", "--scheduler", self._scheduler, "--jobs", "1"]
        fresh = [started(arguments, self._folder) for _ in range(n)]
        self.processes += fresh
        for process in fresh:
            first_line(process)

    def spent_s(self) -> np.ndarray:
        """Return the processor time of each so far, seconds."""
        return np.array([processor_s(process.pid) for process in self.processes])

    def kill(self) -> None:
        """Kill the oldest."""
        process = self.processes.pop(0)
        process.kill()
        process.wait()


def started(arguments: Sequence[str], folder: Path) -> subprocess.Popen[str]:
    """Start a command of Earmark on a library."""
    store = f"sqlite:///{folder}/earmark.sqlite"
    environment = {**os.environ, "EARMARK_DATA_DIR": str(folder / "workers"), "EARMARK_STORE": store}
    command = [sys.executable, "-m", "classifier", *arguments, "--json"]
    with open(folder / "processes.log", "a") as log:
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)


def first_line(process: subprocess.Popen[str]) -> dict[str, str]:
    """Return what a process says when it is ready."""
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


@contextmanager
def cluster(folder: Path, n_workers: int) -> Iterator[tuple[Workers, Head, Catalogue]]:
    """Run a scheduler and workers, and open the library with them."""
    scheduler = started(["scheduler", "--port", "0"], folder)
    address = first_line(scheduler)["scheduler"]
    workers = Workers(address, folder)
    settings = Settings(
        data_dir=str(folder),
        store=f"sqlite:///{folder}/earmark.sqlite",
        scheduler=address,
        shards=n_workers,
        refresh_seconds=0.0,
    )
    try:
        workers.start(n_workers)
        with Head(settings, most_windows=0) as head, Catalogue.open(settings=settings) as catalogue:
            wait_for(head, n_workers)
            head.serve(catalogue)
            yield workers, head, catalogue
    finally:
        for process in (*workers.processes, scheduler):
            process.kill()
            process.wait()


def wait_for(head: Head, n: int) -> None:
    """Wait until the scheduler knows n workers."""
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        try:
            if len(head.workers()) == n:
                return
        except ClusterUnavailable:
            pass
        time.sleep(0.1)
    raise SystemExit(f"{n} workers are not there after {READY_S:.0f} s")


def snippets(folder: Path) -> dict[str, Audio]:
    """A snippet of the library's first track, and noise."""
    rng = np.random.default_rng(440)
    noise = np.cumsum(rng.standard_normal((5, 16_000)), axis=1).reshape(-1) / 500
    sounds = {"known": np.load(folder / "snippet.npy"), "unknown": noise}
    return {name: Audio.from_samples(samples.astype(np.float32), 16_000) for name, samples in sounds.items()}


def shares(folder: Path, n_workers: int) -> list[dict[str, Any]]:
    """Work and time of queries with so many workers."""
    rows = []
    with cluster(folder, n_workers) as (workers, _, catalogue):
        sounds = snippets(folder)
        for audio in sounds.values():
            wait_until_whole(catalogue, audio)
        before = workers.spent_s()
        time.sleep(IDLE_S)
        idle = (workers.spent_s() - before) / IDLE_S
        for name, audio in sounds.items():
            before, times = workers.spent_s(), []
            for _ in range(N_TIMED):
                began = time.perf_counter()
                tag = catalogue.identify_audio(audio)
                times.append(1000 * (time.perf_counter() - began))
                assert tag.searched.share == 1.0
            spent = workers.spent_s() - before - idle * sum(times) / 1000
            rows.append(
                {
                    "workers": n_workers,
                    "snippet": name,
                    "worker_ms": 1000 * float(np.mean(spent)) / N_TIMED,
                    "greatest_worker_ms": 1000 * float(spent.max()) / N_TIMED,
                    "idle_ms_a_second": 1000 * float(np.mean(idle)),
                    "p50_ms": float(np.median(times)),
                    "verdict": tag.verdict,
                }
            )
    return rows


def wait_until_whole(catalogue: Catalogue, audio: Audio) -> None:
    """Ask until every shard is open."""
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        with suppress(ClusterUnavailable):
            if catalogue.identify_audio(audio).searched.share == 1.0:
                return
        time.sleep(0.5)
    raise SystemExit("the shards cannot be opened")


def deaths(folder: Path, n_workers: int, n_queries: int) -> dict[str, Any]:
    """Ask while workers die; compare with the answers of this process."""
    sounds = snippets(folder)
    alone = Settings(data_dir=str(folder), store=f"sqlite:///{folder}/earmark.sqlite")
    with Catalogue.open(settings=alone) as catalogue:
        wanted = {name: replace(catalogue.identify_audio(audio), seconds={}) for name, audio in sounds.items()}
    done = threading.Event()
    report = {"workers": n_workers, "queries": n_queries, "deaths": 0, "errors": 0, "wrong": 0, "incomplete": 0}
    with cluster(folder, n_workers) as (workers, _, catalogue):
        wait_until_whole(catalogue, sounds["known"])

        def kill_and_replace() -> None:
            while not done.wait(DEATHS_S):
                workers.kill()
                report["deaths"] += 1
                workers.start(1)

        killer = threading.Thread(target=kill_and_replace)
        killer.start()
        names = list(sounds)
        longest = 0.0
        try:
            for i in progress(range(n_queries), "asking"):
                name = names[i % len(names)]
                began = time.perf_counter()
                try:
                    tag = replace(catalogue.identify_audio(sounds[name]), seconds={})
                except ClusterUnavailable:
                    report["errors"] += 1
                    continue
                longest = max(longest, time.perf_counter() - began)
                if tag.searched.share < 1.0:
                    report["incomplete"] += 1
                elif tag != wanted[name]:
                    report["wrong"] += 1
        finally:
            done.set()
            killer.join()
    return {**report, "longest_s": longest}


def show(report: dict[str, Any], console: Console) -> None:
    """Print the figures."""
    table = Table(box=MARKDOWN, title=f"{report['tracks']:,} tracks, {report['windows']:,} windows")
    columns = ("workers", "snippet", "work of a worker, ms", "greatest", "answer, p50, ms", "idle, ms a second")
    for column in columns:
        table.add_column(column, justify="left" if column == "snippet" else "right")
    for row in report["shares"]:
        figures = (f"{row[key]:.0f}" for key in ("worker_ms", "greatest_worker_ms", "p50_ms", "idle_ms_a_second"))
        table.add_row(str(row["workers"]), row["snippet"], *figures)
    console.print(table)
    if (lost := report["deaths"]) is not None:
        console.print(
            f"{lost['queries']:,} queries, {lost['workers']} workers, of which one was killed {lost['deaths']} times: "
            f"{lost['errors']} errors, {lost['wrong']} wrong, {lost['incomplete']} incomplete; the longest took "
            f"{lost['longest_s']:.1f} s",
            highlight=False,
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracks", type=int, default=200, help="four minutes each")
    parser.add_argument("--queries", type=int, default=1000, help="while workers die; 0: none")
    parser.add_argument("--workers", type=int, nargs="*", default=[2, 4], help="numbers of workers, a shard each")
    parser.add_argument("--folder", type=Path, help="keep the library there")
    parser.add_argument("--json", type=Path, help="write all figures there")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.folder or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "snippet.wav").exists():
            fill(folder, options.tracks)
        with Catalogue.open(
            settings=Settings(data_dir=str(folder), store=f"sqlite:///{folder}/earmark.sqlite")
        ) as catalogue:
            snapshot = catalogue.view().snapshot
            report: dict[str, Any] = {"tracks": len(snapshot), "windows": snapshot.n_windows}
        report["shares"] = [row for n in options.workers for row in shares(folder, n)]
        report["deaths"] = deaths(folder, max([2, *options.workers[:1]]), options.queries) if options.queries else None
    show(report, Console())
    if options.json:
        options.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
