"""What a search through the index of patches costs and misses, by the size of the catalogue::

    python -m bench.measure.indexed                         # 189 and 1,000 tracks; some minutes
    python -m bench.measure.indexed --tracks 1000,10000     # 6 GB of index
    python -m bench.measure.indexed --per-cell 60 --json indexed.json

The catalogue holds the known tracks of the evaluation set and those of the development set; the rest are perturbed
tracks of the development set: other orders of windows, shifted means, signs of coefficients and bits turned round in
the whole track. They are made and written one after another, so that memory does not grow with their number. Snippets
of the known tracks are asked at each size. *Exhaustive* is the share that aligning every known track would name at the
E-value of the whole catalogue; foreign tracks, which could only spoil that, are left out. *Through the index* is the
share that is named, rightly. ``nearest`` is compared with the exact order.
"""

from __future__ import annotations

import argparse
import json
import math
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

from bench import asking, conditions, corpus, queries
from bench.measure.scale import perturbed
from classifier.config import FeatureConfig
from classifier.index.segment import Segment, write
from classifier.index.snapshot import Snapshot
from classifier.models.background import builtin_background
from classifier.models.query import Query, Recording
from classifier.models.track import TrackModel, model_track
from classifier.results import Tag, Track
from classifier.search import alike
from classifier.search.pipeline import Options, identify
from classifier.search.significance import Size

CONDITIONS = ("room", "room+babble5", "room+babble0", "room+pink5", "room+pink0")
LENGTH_S = 5.0
SEED = 91
N_NEAREST = 10
#: Perturbed tracks written as one segment.
BATCH = 250
LIMIT = -5.0


def models(references: Sequence[corpus.Reference], n: int) -> list[TrackModel]:
    """Models of some tracks, that others are made from."""
    config = FeatureConfig()
    every = [r for r in references if r.duration_s > 60.0][:: max(1, len(references) // n)][:n]
    return [
        model_track(np.asarray(corpus.samples(r)), config, builtin_background()) for r in progress(every, "modelling")
    ]


def grow(folder: Path, made_of: Sequence[TrackModel], start: int, stop: int) -> list[Segment]:
    """Write perturbed tracks with these numbers; return them mapped."""
    found = []
    for first in progress(range(start, stop, BATCH), f"tracks {start:,} to {stop:,}"):
        numbers = range(first, min(stop, first + BATCH))
        parts = [Segment.build([(f"foreign {number:07}", 1, perturbed(made_of, number))]) for number in numbers]
        write(folder / f"{first:07}", parts)
        found.append(Segment.load(folder / f"{first:07}"))
    return found


def merged(folder: Path, parts: Sequence[Segment]) -> tuple[Segment, float]:
    """Merge segments into one, as an index does in time; return it and the seconds it took."""
    started = time.perf_counter()
    write(folder, parts)
    return Segment.load(folder), time.perf_counter() - started


def nothing(track_id: str) -> Track:
    """A track by its id."""
    return Track(track_id, "bench", track_id, None, None, None, track_id, 0.0, 0, "", "", "")


def ask(query: Query, snapshot: Snapshot, heard: Recording | None, windows: int) -> tuple[Tag, float]:
    """Identify, and say how many seconds it took."""
    started = time.perf_counter()
    tag = identify(query, snapshot, nothing, FeatureConfig(), Options(indexed_windows=windows), heard)
    return tag, time.perf_counter() - started


def log10_trials(snapshot: Snapshot, query: Query) -> float:
    """Log10 of the places of a catalogue."""
    size = Size.of(snapshot)
    return math.log10(size.n_frames + size.n_tracks * query.fingerprint.n_frames)


def measure(snapshot: Snapshot, known: Snapshot, planned: Sequence[queries.Query]) -> dict[str, dict[str, float]]:
    """Ask every query; figures by condition."""
    config, background = FeatureConfig(), builtin_background()
    cells: dict[str, list[dict[str, float]]] = {}
    for planned_query in progress(planned, f"{len(snapshot):,} tracks"):
        heard = Recording(queries.render(planned_query), 1e9, config, background)
        query = heard.query()
        own, _ = ask(query, known, None, 10**12)  # all snippets are at their tracks' speed
        tag, took = ask(query, snapshot, heard, 0)
        right, _ = asking.judge(planned_query, tag, 1e-5)
        fits, _ = asking.judge(planned_query, own, 1e-5)
        log10_e = own.matches[0].log10_e_value if own.matches else None
        more = log10_trials(snapshot, query) - log10_trials(known, query)
        row = {
            "exhaustive": float(bool(fits) and log10_e is not None and log10_e + more <= LIMIT),
            "indexed": float(bool(right) and tag.verdict != "no_match"),
            "wrong": float(tag.verdict != "no_match" and not right),
            "ms": 1000 * took,
        }
        row["both"] = row["exhaustive"] * row["indexed"]
        cells.setdefault(planned_query.condition if planned_query.known else "stranger", []).append(row)
    found = {}
    for name, rows in cells.items():
        values = {key: float(np.mean([row[key] for row in rows])) for key in ("exhaustive", "indexed", "both", "wrong")}
        times = [row["ms"] for row in rows]
        values |= {"n": len(rows), "p50_ms": float(np.median(times)), "p99_ms": float(np.quantile(times, 0.99))}
        found[name] = values
    return found


def nearest_recall(snapshot: Snapshot, planned: Sequence[queries.Query]) -> float:
    """Share of the exact ten nearest tracks that are in the ten that a large catalogue's search lists."""
    shares = []
    for planned_query in planned:
        heard = Recording(queries.render(planned_query), 1e9, FeatureConfig(), builtin_background())
        query = heard.query()
        exact, some = alike.compare(query, snapshot).order(), alike.compare_some(query, snapshot).order()
        shares.append(len(np.intersect1d(exact[:N_NEAREST], some[:N_NEAREST])) / N_NEAREST)
    return float(np.mean(shares))


def show(report: dict[str, Any], console: Console) -> None:
    """Print the tables."""
    table = Table(box=MARKDOWN)
    for title in ("tracks", "condition", "snippets", "exhaustive, %", "through the index, %", "of those, %", "wrong"):
        table.add_column(title, justify="right")
    table.add_column("p50, ms", justify="right")
    table.add_column("p99, ms", justify="right")
    for size in report["sizes"]:
        for name, cell in size["cells"].items():
            of = f"{100 * cell['both'] / cell['exhaustive']:.1f}" if cell["exhaustive"] else "–"
            shares = [f"{100 * cell[key]:.1f}" for key in ("exhaustive", "indexed")]
            times = [f"{cell[key]:.0f}" for key in ("p50_ms", "p99_ms")]
            wrong = str(round(cell["wrong"] * cell["n"]))
            table.add_row(f"{size['tracks']:,}", name, str(cell["n"]), *shares, of, wrong, *times)
    console.print(table)
    for size in report["sizes"]:
        console.print(
            f"{size['tracks']:,} tracks, {size['windows']:,} windows: index {size['index_mb']:,.0f} MB, of which lists "
            f"{size['lists_mb']:,.0f} MB; nearest ten: {100 * size['nearest']:.0f} % of the exact ten; merging the "
            f"last segments took {size['merge_s']:.1f} s.",
            highlight=False,
        )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracks", default="189,1000", help="sizes to measure at (189,1000)")
    parser.add_argument("--per-cell", type=int, default=20, help="snippets for each condition (20)")
    parser.add_argument("--folder", type=Path, help="where to work; default: a temporary folder")
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args()
    music, further = corpus.evaluation(), corpus.development()
    held = [r for r in music if r.known]
    strangers = [r for r in music if not r.known]
    own = Segment.load(asking.segment_folder(held))
    others = Segment.load(asking.segment_folder(further))
    known = Snapshot((own,), frozenset(e.key for e in own.entries))
    planned = queries.plan(held, CONDITIONS, (LENGTH_S,), arguments.per_cell, SEED)
    planned += queries.plan(strangers, ("room+babble5",), (LENGTH_S,), arguments.per_cell, SEED)
    conditions.evaluation_material()
    made_of = models(further, 8)
    report: dict[str, Any] = {"sizes": []}
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        foreign: list[Segment] = []
        n, at = 0, Path(folder)
        for tracks in map(int, arguments.tracks.split(",")):
            wanted = max(0, tracks - len(own.entries) - len(others.entries))
            merge_s = 0.0
            if wanted > n:
                whole, merge_s = merged(at / f"whole-{wanted}", [*foreign, *grow(at / "parts", made_of, n, wanted)])
                foreign, n = [whole], wanted
            segments = (own, others, *foreign)
            snapshot = Snapshot(segments, frozenset(e.key for s in segments for e in s.entries))
            lists = sum(a.nbytes for s in segments if s.lists for a in s.lists.arrays().values())
            arrays = sum(a.nbytes for s in segments for a in s.arrays.values())
            heard = Recording(queries.render(planned[0]), 1e9, FeatureConfig(), builtin_background())
            ask(heard.query(), snapshot, heard, 0)  # compiles, and maps the index
            report["sizes"].append(
                {
                    "tracks": len(snapshot),
                    "windows": snapshot.n_windows,
                    "index_mb": (arrays + lists) / 1e6,
                    "lists_mb": lists / 1e6,
                    "merge_s": merge_s,
                    "nearest": nearest_recall(snapshot, planned[:: max(1, len(planned) // 20)]),
                    "cells": measure(snapshot, known, planned),
                }
            )
            show({"sizes": report["sizes"][-1:]}, Console(width=200))
    show(report, Console(width=200))
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
