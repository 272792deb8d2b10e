"""What a growing catalogue costs: enrolling one more track, a query, start-up and memory::

    python -m bench.measure.scale                          # 10^3 to 10^5 windows, some minutes; tables
    python -m bench.measure.scale --windows 1000,1000000   # 11 GB of index; other sizes
    python -m bench.measure.scale --store mongodb://HOST/DATABASE --json scale.json

The tracks are models of composed songs, perturbed: windows in other orders with shifted means and scaled covariances,
sub-fingerprints with bits flipped alike in all frames of a track. They are stored one by one through the writer that
enrolls (decoding and modelling, which do not depend on the catalogue, are left out), and after each one a process that
follows the store takes it into its index, and writes the index before the next one comes. What a query, a start and
memory cost is measured in fresh processes, on the songs themselves. At the end a batch of tracks is stored as fast as
the store takes them, while another process goes on identifying. Times of the batch are what a clock shows; all others
are processor time, of all threads, since a machine may do other things meanwhile.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from rich.box import HEAVY_HEAD, MARKDOWN
from rich.console import Console
from rich.table import Table

from classifier.audio.decoder import Audio, Decoder
from classifier.audio.resample import at_rate
from classifier.catalogue import Catalogue
from classifier.config import FeatureConfig
from classifier.demo.phone import record
from classifier.demo.songs import catalogue_seeds, compose
from classifier.fingerprint.bits import VALID
from classifier.index import builder, segment
from classifier.mixtures.gmm import Mixtures
from classifier.models.background import builtin_background
from classifier.models.track import TrackModel, model_track
from classifier.records.writing import TrackWriter
from classifier.results import METHODS
from classifier.settings import Settings

TRACK_WINDOWS = 240
"""Windows of a track: four minutes."""
FRAMES_PER_WINDOW = 31
N_SONGS = 8
QUERY_S = 5.0
N_QUERIES = 15
_SHIFT = 0.3
"""Standard deviation of what means are shifted by, in those of the features."""
_BITS = np.array([2**64 - 1, 2**60 - 1], np.uint64)
"""What describes the sound in the two words of a frame; the rest is spare, but for the mark of a valid one."""


def songs(folder: Path) -> list[TrackModel]:
    """Compose and model the songs, and leave a noisy snippet of the first one in ``folder``, as samples."""
    config = FeatureConfig()
    models = []
    for seed in catalogue_seeds(N_SONGS):
        song = compose(seed)
        models.append(
            model_track(at_rate(song.samples, song.sample_rate, config.sample_rate), config, builtin_background())
        )
        if len(models) == 1:
            heard = record(song.samples, song.sample_rate, 20.0, QUERY_S, snr_db=5.0, seed=1)
            np.save(folder / "snippet.npy", at_rate(heard, song.sample_rate, config.sample_rate))
    return models


def perturbed(models: Sequence[TrackModel], number: int) -> TrackModel:
    """Return a track that is none of the songs but made like them; the same for the same number."""
    rng = np.random.default_rng(number)
    base = models[int(rng.integers(len(models)))]
    n = len(base.window_frame)
    windows = (rng.integers(n) + rng.permutation(n).repeat(1 + TRACK_WINDOWS // n)[:TRACK_WINDOWS]) % n
    frames = rng.integers(len(base.words)) + np.arange(TRACK_WINDOWS * FRAMES_PER_WINDOW)
    words = base.words[frames % len(base.words)]
    mask = rng.integers(0, 2**64, 2, dtype=np.uint64) & _BITS
    n_slots = round(TRACK_WINDOWS / FeatureConfig().slot_s)
    slots = (rng.integers(len(base.slots)) + np.arange(n_slots)) % len(base.slots)
    signs = rng.choice(np.array([-1, 1], np.int8), base.slots.shape[1])
    is_valid = (words[:, 1:] & VALID) > 0
    return TrackModel(
        window_frame=(np.arange(TRACK_WINDOWS) * 1000 / 15).astype(np.int32),
        silent=base.silent[windows],
        mixtures=_perturbed(base.mixtures, windows, rng),
        slots=base.slots[slots] * signs,
        words=np.where(is_valid, words ^ mask, words),
    )


def _perturbed(mixtures: Mixtures, rows: np.ndarray, rng: np.random.Generator) -> Mixtures:
    means = mixtures.means[rows]
    shift = _SHIFT * rng.standard_normal((1, *means.shape[1:]))
    scale = np.exp(0.1 * rng.standard_normal((len(rows), *(1,) * (mixtures.covariances.ndim - 1))))
    return Mixtures(mixtures.weights[rows], means + shift, mixtures.covariances[rows] * scale)


def store_track(catalogue: Catalogue, model: TrackModel, number: int, **facts: str) -> None:
    """Write a track as enrolling does; ``facts`` are its title, artist and album."""
    fields = {
        "catalogue": catalogue.name,
        "title": f"track {number}",
        "source": f"track {number}",
        **facts,
        "duration_s": float(len(model.window_frame)),
        "content_hash": f"{number:064x}",
        "file_hash": f"{number:064x}",
    }
    with TrackWriter.begin(catalogue.store, fields, owner="bench", lease_seconds=60) as writer:
        writer.add_models(model.window_arrays())
        writer.add_slots(model.slots)
        writer.add_subfingerprints(model.words)
        writer.commit()


class Written:
    """Counts the bytes of index that are written."""

    def __init__(self) -> None:
        self.bytes = 0
        self._write = segment.write

    def __call__(self, folder: Path, *rest: Any) -> None:
        """Write a segment."""
        self._write(folder, *rest)
        self.bytes += size_of(folder)


def size_of(folder: Path) -> int:
    """Bytes of the files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def settle(catalogue: Catalogue) -> None:
    """Wait until the index is written."""
    for thread in threading.enumerate():
        if thread.name == "index":
            thread.join()
    catalogue.view()


def settings(folder: Path, url: str) -> Settings:
    """Return settings of every process here."""
    return Settings(data_dir=str(folder), store=url or f"sqlite:///{folder}/store.sqlite")


@contextlib.contextmanager
def opened(folder: Path, url: str, name: str = "scale", config: FeatureConfig | None = None) -> Iterator[Catalogue]:
    """Open a catalogue; nothing is decoded, so no decoder is ever started."""
    own = settings(folder, url)
    with Decoder(own) as decoder, Catalogue.open(settings=own, name=name, config=config, decoder=decoder) as catalogue:
        yield catalogue


# --- in processes of their own -------------------------------------------------------------------------------


def probe(folder: Path, url: str) -> dict[str, float]:
    """Start, identify, and say what it cost; a fresh process calls this."""
    samples = np.load(folder / "snippet.npy")
    with opened(folder, url) as catalogue:
        catalogue.background()
        started = time.process_time()
        catalogue.view()
        ready = time.process_time()
        found = {"start_s": ready - started, "first_query_s": _query(catalogue, samples)}
        for method in METHODS:
            found[f"{method}_ms"] = 1000 * float(
                np.median([_query(catalogue, samples, method) for _ in range(N_QUERIES)])
            )
        tag = catalogue.identify_audio(Audio.from_samples(samples, catalogue.config.sample_rate))
        found["right"] = float(tag.verdict == "identified" and tag.matches[0].title == "song 0")
    rollup = Path("/proc/self/smaps_rollup").read_text().splitlines()[1:]
    sizes = {line.split()[0]: int(line.split()[1]) / 1024 for line in rollup}
    found["private_mb"] = sizes["Private_Clean:"] + sizes["Private_Dirty:"] - index_mb("Private_Clean")
    found["mapped_mb"] = index_mb("Rss")
    return found


def index_mb(kind: str) -> float:
    """Memory of mapped index files, MB."""
    total, inside = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if line.split()[0].endswith(":"):
            total += int(line.split()[1]) if inside and line.startswith(kind + ":") else 0
        else:
            inside = line.endswith(".npy")
    return total / 1024


def _query(catalogue: Catalogue, samples: np.ndarray, method: str = "auto") -> float:
    started = time.process_time()
    catalogue.identify_audio(Audio.from_samples(samples, catalogue.config.sample_rate), method=method)
    return time.process_time() - started


def listen(folder: Path, url: str) -> None:
    """Identify without end; tell of every answer when it came, how long it took, and how many tracks were searched."""
    samples = np.load(folder / "snippet.npy")
    with opened(folder, url) as catalogue:
        while True:
            started = time.perf_counter()
            _query(catalogue, samples)
            print(json.dumps([time.time(), time.perf_counter() - started, len(catalogue.view().snapshot)]), flush=True)


def elsewhere(act: str, folder: Path, url: str) -> list[str]:
    """Return the command line of another process."""
    return [sys.executable, "-m", "bench.measure.scale", "--act", act, "--folder", str(folder), "--store", url]


# --- growth -----------------------------------------------------------------------------------------------------


def grow(folder: Path, url: str, sizes: Sequence[int], console: Console) -> list[dict[str, float]]:
    """Store tracks one by one, and measure whenever one of the sizes is reached."""
    models = songs(folder)
    rows: list[dict[str, float]] = []
    with mock.patch.object(builder, "write", Written()) as counted, opened(folder, url) as catalogue:
        catalogue.background()
        catalogue.view()
        store_track(catalogue, models[0], 0)
        _rename(catalogue)
        settle(catalogue)
        tracks, windows = 1, len(models[0].window_frame)
        for size in sizes:
            laps: dict[str, list[float]] = {"store_ms": [], "counts_ms": [], "index_ms": []}
            before = counted.bytes
            n_before = tracks
            while windows < size:
                model = perturbed(models, tracks)
                moments = [time.process_time()]
                store_track(catalogue, model, tracks)
                moments.append(time.process_time())
                catalogue.view()
                moments.append(time.process_time())
                settle(catalogue)
                moments.append(time.process_time())
                for name, lap in zip(laps, np.diff(moments), strict=True):
                    laps[name].append(1000 * lap)
                tracks, windows = tracks + 1, windows + TRACK_WINDOWS
            row: dict[str, float] = {"windows": windows, "tracks": tracks}
            row |= {name: float(np.mean(values)) for name, values in laps.items()}
            row["written_mb"] = (counted.bytes - before) / 1e6 / max(1, tracks - n_before)
            row["index_mb"] = size_of(folder / "index") / 1e6
            row["segments"] = float(len(catalogue.view().snapshot.segments))
            told = subprocess.run(elsewhere("probe", folder, url), capture_output=True, text=True, check=True)
            row |= json.loads(told.stdout)
            rows.append(row)
            console.print(f"{windows:,} windows: {row['auto_ms']:.0f} ms a query", highlight=False)
    return rows


def _rename(catalogue: Catalogue) -> None:
    (track,) = catalogue.tracks()
    catalogue.edit(track.id, title="song 0")


def burst(folder: Path, url: str, n: int) -> dict[str, float]:
    """Store tracks as fast as possible while another process identifies; how long its queries and the news take."""
    rng = np.random.default_rng(5)
    models = songs(folder)
    new = [perturbed(models, int(number)) for number in rng.integers(10**9, 2 * 10**9, n)]
    with opened(folder, url) as catalogue:
        before = len(catalogue.tracks())
        process = subprocess.Popen(elsewhere("listen", folder, url), stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            quiet = [json.loads(process.stdout.readline()) for _ in range(N_QUERIES)][2:]
            started = time.time()
            for number, model in enumerate(new):
                store_track(catalogue, model, 10**9 + number)
            stored = time.time()
            busy = [json.loads(process.stdout.readline())]
            while busy[-1][2] < before + n:
                busy.append(json.loads(process.stdout.readline()))
        finally:
            process.kill()
            process.communicate()
    busy = [answer for answer in busy if answer[0] > started]
    return {
        "tracks": n,
        "store_s": stored - started,
        "all_searched_after_s": max(0.0, busy[-1][0] - stored),
        "quiet_median_ms": 1000 * float(np.median([a[1] for a in quiet])),
        "busy_median_ms": 1000 * float(np.median([a[1] for a in busy])),
        "busy_longest_ms": 1000 * max(a[1] for a in busy),
    }


COLUMNS = {
    "windows": ("windows", "{:,.0f}"),
    "tracks": ("tracks", "{:,.0f}"),
    "store_ms": ("store, ms", "{:.0f}"),
    "counts_ms": ("counts after, ms", "{:.0f}"),
    "index_ms": ("index on disk, ms", "{:.0f}"),
    "written_mb": ("index written, MB", "{:.1f}"),
    "auto_ms": ("query, ms", "{:.0f}"),
    "kl_ms": ("by divergence alone, ms", "{:.0f}"),
    "start_s": ("start, s", "{:.2f}"),
    "private_mb": ("own memory, MB", "{:.0f}"),
    "mapped_mb": ("shared memory, MB", "{:.0f}"),
    "index_mb": ("index, MB", "{:.0f}"),
}


def show(report: dict[str, Any], console: Console) -> None:
    """Print the tables."""
    table = Table(box=HEAVY_HEAD if console.is_terminal else MARKDOWN)
    for title, _ in COLUMNS.values():
        table.add_column(title, justify="right")
    for row in report["growth"]:
        table.add_row(*(form.format(row[name]) for name, (_, form) in COLUMNS.items()))
    console.print(table)
    b = report["burst"]
    if b:
        console.print(
            f"{b['tracks']} tracks stored in {b['store_s']:.1f} s; all were searched {b['all_searched_after_s']:.1f} s "
            f"later. Queries meanwhile: median {b['busy_median_ms']:.0f} ms (before: {b['quiet_median_ms']:.0f}), "
            f"longest {b['busy_longest_ms']:.0f} ms.",
            highlight=False,
        )
    if not all(row["right"] for row in report["growth"]):
        console.print("A snippet was NOT identified rightly.")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--windows", default="1000,3000,10000,30000,100000", help="sizes to measure at")
    parser.add_argument("--burst", type=int, default=100, help="tracks stored at once at the end (100)")
    parser.add_argument("--store", default="", help="an empty store; default: SQLite in the folder")
    parser.add_argument("--folder", type=Path, help="where to work; default: a temporary folder")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--act", choices=("probe", "listen"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    if arguments.act == "probe":
        print(json.dumps(probe(arguments.folder, arguments.store)))
        return
    if arguments.act == "listen":
        listen(arguments.folder, arguments.store)
        return
    console = Console(width=None if sys.stdout.isatty() else 200)
    with contextlib.ExitStack() as stack:
        folder = arguments.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        sizes = [int(size) for size in arguments.windows.split(",")]
        report: dict[str, Any] = {
            "machine": {"python": platform.python_version(), "cores": os.cpu_count(), "load": os.getloadavg()[0]},
            "growth": grow(folder, arguments.store, sizes, console),
            "burst": burst(folder, arguments.store, arguments.burst) if arguments.burst else None,
        }
    show(report, console)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
