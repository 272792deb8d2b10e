"""How soon a service of a large library is ready, and how quickly it lists, searches, counts and names tracks::

    python -m bench.measure.serving                          # 5,000 tracks in SQLite: some minutes, 9 GB
    python -m bench.measure.serving --tracks 200 --json serving.json
    python -m bench.measure.serving --folder DATA            # keep the library there; a second run measures it again

The tracks are those of ``bench.measure.scale``, perturbed models of composed songs, four minutes each, stored without
decoding; names are made of syllables. *First start* finds no index: it is built from the store. *Next start* finds it
on disk. Requests go to the loopback address, each on a connection of its own; what the service spent of processor time
on a request stands beside what a clock showed, since a machine may do other things meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
import urllib.parse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.box import MARKDOWN
from rich.console import Console
from rich.progress import track as progress
from rich.table import Table

from bench.measure.library import name_of
from bench.measure.load import ask, service
from bench.measure.scale import opened, perturbed, size_of, songs, store_track
from classifier.demo.phone import write_wav

N_REPEATS = 20
#: Path of each request, by what it does.
REQUESTS = {
    "first fifty by title": "/api/v1/tracks",
    "… by artist, from the 2,000th": "/api/v1/tracks?sort=artist&skip=2000",
    "… newest first": "/api/v1/tracks?sort=-created",
    "search, rare word": "/api/v1/tracks?search=" + urllib.parse.quote("renvo"),
    "search, frequent word": "/api/v1/tracks?search=an",
    "search, nothing found": "/api/v1/tracks?search=zzz",
    "facets of artist and album": "/api/v1/tracks?facets=artist,album&limit=1",
    "facets of a search": "/api/v1/tracks?search=an&facets=artist,album&limit=1",
    "catalogues": "/api/v1/catalogues",
}


def fill(folder: Path, n_tracks: int) -> None:
    """Store tracks in a library in ``folder``, and a snippet beside it; no index is made."""
    rng = np.random.default_rng(441)
    models = songs(folder)
    artists = [name_of(rng, 2) for _ in range(max(1, n_tracks // 12))]
    with opened(folder, f"sqlite:///{folder}/earmark.sqlite", "default") as catalogue:
        for number in progress(range(n_tracks), "storing"):
            model = models[0] if number == 0 else perturbed(models, number)
            artist = int(rng.integers(len(artists)))
            album = f"{artists[artist]} {rng.integers(1, 4)}"
            store_track(catalogue, model, number, title=name_of(rng, 3), artist=artists[artist], album=album)
    samples = np.load(folder / "snippet.npy")
    write_wav(folder / "snippet.wav", samples, 16_000)


def processor_s(process: int) -> float:
    """Processor time that a process and its children have used so far, seconds."""
    total = 0.0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        if int(stat.parent.name) == process or int(fields[1]) == process:
            total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def start(folder: Path) -> dict[str, float]:
    """Start the service, and say what it took until it was ready."""
    started = time.perf_counter()
    with service(folder, workers=2, processes=1, queue=16) as (_, _, process):
        return {"ready_s": time.perf_counter() - started, "processor_s": processor_s(process)}


def requests(folder: Path) -> list[dict[str, Any]]:
    """Ask everything some times; return a row for each kind of request."""
    snippet = (folder / "snippet.wav").read_bytes()
    every: list[tuple[str, str, str, bytes | None]] = [(title, "GET", path, None) for title, path in REQUESTS.items()]
    every.append(("a snippet of 5 s named", "POST", "/api/v1/tags", snippet))
    rows = []
    with service(folder, workers=2, processes=1, queue=16) as (host, port, process):
        for title, method, path, body in every:
            ask(host, port, method, path, body)
            times, used = [], processor_s(process)
            for _ in range(N_REPEATS):
                began = time.perf_counter()
                status, _, _ = ask(host, port, method, path, body)
                times.append(1000 * (time.perf_counter() - began))
                if status != 200:
                    raise SystemExit(f"{path} was answered with {status}")
            processor_ms = 1000 * (processor_s(process) - used) / N_REPEATS
            p50, p95 = np.quantile(times, [0.5, 0.95])
            row = {"request": title, "p50_ms": float(p50), "p95_ms": float(p95), "processor_ms": processor_ms}
            rows.append(row)
    return rows


def show(report: dict[str, Any], console: Console) -> None:
    """Print the figures."""
    first, after = report["first_start"], report["next_start"]
    sizes = f"store {report['store_mb']:,.0f} MB, index {report['index_mb']:,.0f} MB"
    console.print(f"{report['tracks']:,} tracks, {sizes}", highlight=False)
    for title, found in (("First start", first), ("Next start", after)):
        if found is not None:
            text = f"{title}: ready after {found['ready_s']:.1f} s, {found['processor_s']:.1f} s of processor time"
            console.print(text, highlight=False)
    table = Table(box=MARKDOWN)
    for column in ("request", "p50, ms", "p95, ms", "processor, ms"):
        table.add_column(column, justify="left" if column == "request" else "right")
    for row in report["requests"]:
        table.add_row(row["request"], *(f"{row[key]:.0f}" for key in ("p50_ms", "p95_ms", "processor_ms")))
    console.print(table)


def run(folder: Path, n_tracks: int) -> dict[str, Any]:
    """Fill the library if it is not there yet, and measure."""
    if not (folder / "snippet.wav").exists():
        fill(folder, n_tracks)
    first = None if (folder / "index").exists() else start(folder)
    after = start(folder)
    rows = requests(folder)
    store = sum(path.stat().st_size for path in folder.glob("*.sqlite*"))
    report = {"tracks": n_tracks, "store_mb": store / 1e6, "index_mb": size_of(folder / "index") / 1e6}
    return report | {"first_start": first, "next_start": after, "requests": rows}


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracks", type=int, default=5000, help="tracks in the library (5,000)")
    parser.add_argument("--folder", type=Path, help="where to keep the library; default: a temporary folder")
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        report = run(folder, options.tracks)
    show(report, Console(width=120))
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
