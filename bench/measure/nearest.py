"""How many of the exact ten nearest tracks a large catalogue lists, and what it costs to find them::

    python -m bench.measure.nearest                            # 1,000 and 10,000 tracks, some minutes, 2 GB of disk
    python -m bench.measure.nearest --tracks 1000 --rank 32    # another size; fewer numbers of a window
    python -m bench.measure.nearest --json nearest.json

The tracks are models of composed songs, perturbed as in ``bench.measure.scale``: windows in random order, which makes
it harder than music is. Only what sounds alike is kept of them. Snippets, 5 s long over a crowd 10 dB below the music
and 8 s at 5 dB, are of the songs that the tracks are made of and of as many others. Each is compared with every window,
which gives the exact ten, and as a large catalogue is: by reduced rows, then with a quarter of the windows of the
nearest 1,000 tracks, and with all windows of the nearest 300 of these. ``earmark alike``, which compares tracks as
wholes, is measured on the same tracks; it is always exact. Times are processor time of all threads, medians.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.box import MARKDOWN
from rich.console import Console
from rich.progress import track as progress
from rich.table import Table

from bench.measure.scale import perturbed
from classifier.audio.resample import at_rate
from classifier.config import FeatureConfig
from classifier.demo.phone import record
from classifier.demo.songs import catalogue_seeds, compose
from classifier.index import reduced
from classifier.index.profile import EXACT, Profile
from classifier.index.segment import Segment, write
from classifier.index.snapshot import Snapshot
from classifier.likeness.nearest import Neighbourhood
from classifier.likeness.sounds import Sounds, take
from classifier.models.background import builtin_background
from classifier.models.query import Query, Recording
from classifier.models.track import TrackModel, model_track
from classifier.search import alike

N_NEAREST = 10
#: Tracks written at a time.
_BATCH = 250
_LENGTHS_S = (5.0, 8.0)
_SNR_DB = (10.0, 5.0)
_ARRAYS = ("silent", "gaussians", "gaussian_terms")
_ALONE = Profile(
    "alike",
    {name: EXACT.arrays[name] for name in _ARRAYS},
    lambda model: {name: array for name, array in EXACT.pack(model).items() if name in _ARRAYS},
)


def material(n_songs: int) -> tuple[list[TrackModel], list[Query]]:
    """Models of songs, and snippets of these and of as many others."""
    config, background = FeatureConfig(), builtin_background()
    models, queries = [], []
    for number, seed in enumerate(progress(catalogue_seeds(2 * n_songs), "songs")):
        song = compose(seed)
        if number < n_songs:
            samples = at_rate(song.samples, song.sample_rate, config.sample_rate)
            models.append(model_track(samples, config, background))
        for length_s, snr_db in zip(_LENGTHS_S, _SNR_DB, strict=True):
            heard = record(song.samples, song.sample_rate, 8.0, length_s, snr_db=snr_db, seed=number)
            samples = at_rate(heard, song.sample_rate, config.sample_rate)
            queries.append(Recording(samples, 1e9, config, background).query())
    return models, queries


def grow(folder: Path, models: Sequence[TrackModel], before: Segment | None, n: int) -> Segment:
    """Write a segment of n tracks, with those of a smaller one in it."""
    known = 0 if before is None else len(before.entries)
    parts: list[Segment] = [] if before is None else [before]
    written = []
    for first in progress(range(known, n, _BATCH), f"{n:,} tracks"):
        made = [(f"track {i:06}", 1, perturbed(models, i)) for i in range(first, min(n, first + _BATCH))]
        written.append(folder / f"part {first}")
        write(written[-1], [Segment.build(made, _ALONE)])
    parts += [Segment.load(part, _ALONE) for part in written]
    write(folder / f"whole {n}", parts)
    for part in written:
        shutil.rmtree(part)
    return Segment.load(folder / f"whole {n}", _ALONE)


def measure(segment: Segment, queries: Sequence[Query]) -> dict[str, Any]:
    """Ask all snippets, and say what it took."""
    snapshot = Snapshot((segment,), frozenset(entry.key for entry in segment.entries))
    assert segment.reduced is not None
    alike.compare_some(queries[0], snapshot)  # compiles
    shares, laps = [], []
    for query in progress(queries, f"{len(snapshot):,} tracks"):
        moments = [time.process_time()]
        exact = alike.compare(query, snapshot).order()[:N_NEAREST]
        moments.append(time.process_time())
        numbers = alike.Alike(alike.roughly(query, snapshot)).order()[: alike.CLOSER]
        moments.append(time.process_time())
        some = alike.compare(query, snapshot, numbers).order()[:N_NEAREST]
        moments.append(time.process_time())
        shares.append(len(np.intersect1d(exact, some)) / N_NEAREST)
        laps.append(np.diff(moments))
    median = 1000 * np.median(laps, axis=0)
    return {
        "tracks": len(snapshot),
        "windows": snapshot.n_windows,
        "queries": len(queries),
        "found_mean": float(np.mean(shares)),
        "found_least": float(np.min(shares)),
        **dict(zip(("exact_ms", "rows_ms", "closer_ms"), median.tolist(), strict=True)),
        "bytes_a_track": sum(array.nbytes for array in segment.reduced.arrays().values()) / len(snapshot),
        "gaussians_bytes_a_track": sum(segment.arrays[name].nbytes for name in _ARRAYS) / len(snapshot),
        "reduce_s": reducing(segment),
        **wholes(snapshot),
    }


def reducing(segment: Segment) -> float:
    """Seconds that making the reduced rows takes: once whenever the segment is merged with others."""
    started = time.process_time()
    edges = np.array([0, *(entry.rows["windows"].stop for entry in segment.entries)])
    for _ in reduced.build(edges, *(segment.arrays[name] for name in ("gaussians", "gaussian_terms", "silent"))):
        pass
    return time.process_time() - started


def wholes(snapshot: Snapshot) -> dict[str, float]:
    """What comparing tracks as wholes takes: to be ready, and for one of them."""
    moments = [time.process_time()]
    sounds = Sounds.of(snapshot, FeatureConfig().n_mfcc)
    moments.append(time.process_time())
    near = Neighbourhood.of(sounds)
    moments.append(time.process_time())
    for row in range(N_NEAREST):
        near.nearest(take(sounds.gaussians, np.array([row])), N_NEAREST, sounds.ids[row])
    moments.append(time.process_time())
    collect, compare, ask = np.diff(moments).tolist()
    return {"wholes_collect_s": collect, "wholes_compare_s": compare, "wholes_ms": 1000 * ask / N_NEAREST}


COLUMNS = {
    "tracks": ("tracks", "{:,.0f}"),
    "queries": ("snippets", "{:.0f}"),
    "found_mean": ("of the exact ten, mean", "{:.3f}"),
    "found_least": ("least", "{:.1f}"),
    "exact_ms": ("every window, ms", "{:.0f}"),
    "rows_ms": ("reduced rows and 1,000 tracks, ms", "{:.0f}"),
    "closer_ms": ("300 tracks, ms", "{:.0f}"),
    "bytes_a_track": ("reduced, bytes a track", "{:,.0f}"),
    "gaussians_bytes_a_track": ("Gaussians, bytes a track", "{:,.0f}"),
    "reduce_s": ("to reduce, s", "{:.1f}"),
    "wholes_collect_s": ("wholes: to collect, s", "{:.2f}"),
    "wholes_compare_s": ("to compare, s", "{:.2f}"),
    "wholes_ms": ("one, ms", "{:.1f}"),
}


def show(rows: Sequence[dict[str, Any]], console: Console) -> None:
    """Print the table."""
    table = Table(box=MARKDOWN)
    for title, _ in COLUMNS.values():
        table.add_column(title, justify="right")
    for row in rows:
        table.add_row(*(form.format(row[name]) for name, (_, form) in COLUMNS.items()))
    console.print(table)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracks", default="1000,10000", help="sizes to measure at, ascending (1000,10000)")
    parser.add_argument("--songs", type=int, default=24, help="songs that tracks are made of (24)")
    parser.add_argument("--rank", type=int, default=reduced.RANK, help=f"numbers kept of a window ({reduced.RANK})")
    parser.add_argument("--folder", type=Path, help="where to work; default: a temporary folder")
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args(arguments)
    reduced.RANK = options.rank
    rows = []
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        models, queries = material(options.songs)
        segment = None
        for size in map(int, options.tracks.split(",")):
            segment = grow(Path(folder), models, segment, size)
            rows.append(measure(segment, queries) | {"rank": options.rank})
            show(rows[-1:], Console(width=240))
    show(rows, Console(width=240))
    if options.json:
        options.json.write_text(json.dumps({"sizes": rows}, indent=1))


if __name__ == "__main__":
    main()
