"""What a search through the index of patches costs and misses, by the size of the catalogue::

    python -m bench.measure.indexed                         # 189 and 1,000 tracks; some minutes
    python -m bench.measure.indexed --tracks 1000,10000     # 6 GB of index
    python -m bench.measure.indexed --profile compact --known-only --tracks 1000,10000 --per-cell 12 --json indexed.json
    python -m bench.measure.indexed --kept DATA --known-only --own-speed --tracks 300,5059   # of bench.measure.serving

The catalogue holds the known tracks of the evaluation set and, without ``--known-only``, those of the development set;
the rest are perturbed tracks of the development set: other orders of windows, shifted means, signs of coefficients and
bits turned round in the whole track. They are made and written one after another, so that memory does not grow with
their number. Snippets of the known tracks are asked at each size. *Exhaustive* is the share that aligning every known
track would name at the E-value of the whole catalogue; foreign tracks, which could only spoil that, are left out.
*Through the index* is the share that is named, rightly. ``nearest`` is compared with the exact order.

Times are processor time, of all threads, and beside it what a clock showed. A compact index's sub-fingerprints, which
are in the store, are read from a file here.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.box import MARKDOWN
from rich.console import Console
from rich.progress import track as progress
from rich.table import Table

from bench import asking, corpus, queries
from bench.material import evaluation_material
from bench.measure.scale import FRAMES_PER_WINDOW, TRACK_WINDOWS, index_mb, perturbed, size_of
from bench.measure.thinning import compact, thinned
from classifier.config import COMPACT_STEP, PROFILES, FeatureConfig
from classifier.index.profile import PROFILES as LAYOUTS
from classifier.index.segment import Segment, write
from classifier.index.snapshot import Snapshot
from classifier.models.background import builtin_background
from classifier.models.query import Query, Recording
from classifier.models.track import TrackModel, model_track
from classifier.results import Tag, Track
from classifier.search import alike
from classifier.search.options import Options
from classifier.search.pipeline import identify
from classifier.search.significance import Size

CONDITIONS = ("room", "room+babble5", "room+babble0", "room+pink5", "room+pink0")
LENGTH_S = 5.0
SEED = 91
N_NEAREST = 10
#: Perturbed tracks written as one segment.
BATCH = 250
LIMIT = -5.0
#: What names of tracks begin with that are made here.
_FOREIGN = "foreign "


def models(references: Sequence[corpus.Reference], n: int) -> list[TrackModel]:
    """Models of some tracks, that others are made from."""
    config = FeatureConfig()
    every = [r for r in references if r.duration_s > 60.0][:: max(1, len(references) // n)][:n]
    return [
        model_track(np.asarray(corpus.samples(r)), config, builtin_background()) for r in progress(every, "modelling")
    ]


@dataclass
class Foreign:
    """Perturbed tracks on disk, more and more of them.

    Parameters
    ----------
    folder : Path
        Where to.
    made_of : sequence of TrackModel
        What they are made of.
    profile : str
        How they are kept.
    """

    folder: Path
    made_of: Sequence[TrackModel]
    profile: str
    n: int = 0
    parts: list[Path] = field(default_factory=list)

    def grow(self, n: int) -> dict[str, float]:
        """Have at least ``n`` tracks, in one segment; processor seconds to make them, and to merge them."""
        if n <= self.n:
            return {"made_s": 0.0, "merged_s": 0.0}
        started = time.process_time()
        for first in progress(range(self.n, n, BATCH), f"tracks {self.n:,} to {n:,}"):
            every = [(self._name(i), 1, self._model(i)) for i in range(first, min(n, first + BATCH))]
            if self.profile == "compact":
                with open(self.folder / "words", "ab") as file:
                    file.writelines(np.ascontiguousarray(model.words).tobytes() for _, _, model in every)
            self.parts.append(self.folder / f"{first:07}")
            write(self.parts[-1], [Segment.build([track], LAYOUTS[self.profile]) for track in every])
        made = time.process_time()
        whole = self.folder / f"whole-{n}"
        write(whole, [self._load(part) for part in self.parts])
        for part in self.parts:
            shutil.rmtree(part)
        self.n, self.parts = n, [whole]
        return {"made_s": made - started, "merged_s": time.process_time() - made}

    def load(self) -> list[Segment]:
        """Map what there is."""
        return [self._load(part) for part in self.parts]

    def _load(self, part: Path) -> Segment:
        return Segment.load(part, LAYOUTS[self.profile], self._words)

    def _name(self, number: int) -> str:
        return f"{_FOREIGN}{number:07}"

    def _model(self, number: int) -> TrackModel:
        model = perturbed(self.made_of, number)
        return thinned(model) if self.profile == "compact" else model

    def _words(self, track_id: str, version: int) -> np.ndarray:
        shape = (self.n, TRACK_WINDOWS * FRAMES_PER_WINDOW // COMPACT_STEP, 2)
        words = np.memmap(self.folder / "words", np.uint64, "r", shape=shape)
        return np.array(words[int(track_id.split()[1])])


@dataclass
class Kept:
    """Foreign tracks of a library that ``bench.measure.serving --folder`` keeps: whole segments, smallest first."""

    folder: Path
    profile: str = "exact"
    n: int = 0

    def grow(self, n: int) -> dict[str, float]:
        """Take at most so many tracks."""
        self.n = n
        return {"made_s": 0.0, "merged_s": 0.0}

    def load(self) -> list[Segment]:
        """Map what there is of them."""
        (manifest,) = self.folder.glob("index/v*/*/manifest.json")
        every = [Segment.load(manifest.parent / name) for name in json.loads(manifest.read_text())["segments"]]
        every.sort(key=lambda segment: len(segment.entries))
        total = np.cumsum([len(segment.entries) for segment in every])
        return [segment for segment, until in zip(every, total, strict=True) if until <= self.n]


def nothing(track_id: str) -> Track:
    """A track by its id."""
    return Track(track_id, "bench", track_id, None, None, None, track_id, 0.0, 0, "", "", "")


def ask(heard: Recording | None, query: Query, snapshot: Snapshot, config: FeatureConfig, windows: int) -> Tag:
    """Identify, through the index in catalogues of more windows."""
    return identify(query, snapshot, nothing, config, Options(indexed_windows=windows), heard)


def log10_trials(snapshot: Snapshot, query: Query) -> float:
    """Log10 of the places of a catalogue."""
    size = Size.of(snapshot)
    return math.log10(size.n_frames + size.n_tracks * query.fingerprint.n_frames)


@dataclass(frozen=True)
class Asked:
    """A snippet, and what comparing it with every known track gives."""

    planned: queries.Query
    heard: Recording | None
    query: Query
    own: Tag


def asked(planned: Sequence[queries.Query], known: Snapshot, config: FeatureConfig) -> list[Asked]:
    """Render snippets, and compare them with the known tracks; all are at their tracks' speed."""
    found = []
    for one in progress(planned, "snippets"):
        heard = Recording(queries.render(one), 1e9, config, builtin_background())
        query = heard.query()
        found.append(Asked(one, heard, query, ask(None, query, known, config, 10**12)))
    return found


def measure(
    snapshot: Snapshot, known: Snapshot, snippets: Sequence[Asked], config: FeatureConfig
) -> dict[str, dict[str, float]]:
    """Ask every snippet; figures by condition."""
    cells: dict[str, list[dict[str, float]]] = {}
    for snippet in progress(snippets, f"{len(snapshot):,} tracks"):
        started, used = time.perf_counter(), time.process_time()
        tag = ask(snippet.heard, snippet.query, snapshot, config, 0)
        ms, cpu_ms = 1000 * (time.perf_counter() - started), 1000 * (time.process_time() - used)
        named = tag.verdict != "no_match"
        foreign = named and any(match.track_id.startswith(_FOREIGN) for match in tag.matches[: tag.tied])
        right = named and not foreign and asking.judge(snippet.planned, tag, 1e-5)[0]
        fits, _ = asking.judge(snippet.planned, snippet.own, 1e-5)
        log10_e = snippet.own.matches[0].log10_e_value if snippet.own.matches else None
        more = log10_trials(snapshot, snippet.query) - log10_trials(known, snippet.query)
        row = {
            "exhaustive": float(bool(fits) and log10_e is not None and log10_e + more <= LIMIT),
            "indexed": float(right),
            "wrong": float(named and not right),
            "ms": ms,
            "cpu_ms": cpu_ms,
        }
        row["both"] = row["exhaustive"] * row["indexed"]
        cells.setdefault(snippet.planned.condition if snippet.planned.known else "stranger", []).append(row)
    found = {}
    for name, rows in cells.items():
        values = {key: float(np.mean([row[key] for row in rows])) for key in ("exhaustive", "indexed", "both", "wrong")}
        for key in ("ms", "cpu_ms"):
            p50, p99 = np.quantile([row[key] for row in rows], [0.5, 0.99])
            values |= {f"p50_{key}": float(p50), f"p99_{key}": float(p99)}
        found[name] = {"n": len(rows), **values}
    return found


def nearest_recall(snapshot: Snapshot, snippets: Sequence[Asked]) -> float | None:
    """Share of the exact ten nearest tracks that are in the ten that a large catalogue's search lists."""
    if not all(shelf.segment.profile.has_mixtures for shelf in snapshot.shelves):
        return None
    shares = []
    for snippet in snippets:
        exact, some = (compare(snippet.query, snapshot).order() for compare in (alike.compare, alike.compare_some))
        shares.append(len(np.intersect1d(exact[:N_NEAREST], some[:N_NEAREST])) / N_NEAREST)
    return float(np.mean(shares))


def private_mb() -> float:
    """Memory that this process alone has, MB."""
    status = Path("/proc/self/status").read_text().splitlines()
    return sum(int(line.split()[1]) for line in status if line.startswith("RssAnon")) * 1024 / 1e6


def at_size(
    foreign: Foreign | Kept, real: Sequence[Segment], known: Snapshot, snippets: Sequence[Asked], tracks: int
) -> dict[str, Any]:
    """Grow the catalogue to so many tracks, and measure everything."""
    config = FeatureConfig(profile=foreign.profile)
    row: dict[str, Any] = foreign.grow(max(0, tracks - sum(len(segment.entries) for segment in real)))
    before, used = private_mb(), time.process_time()
    segments = (*real, *foreign.load())
    snapshot = Snapshot(segments, frozenset(entry.key for segment in segments for entry in segment.entries))
    row["start_s"] = time.process_time() - used
    used = time.process_time()
    ask(snippets[0].heard, snippets[0].query, snapshot, config, 0)
    row["first_s"] = time.process_time() - used
    cells = measure(snapshot, known, snippets, config)
    lists = sum(a.nbytes for s in segments if s.lists for a in s.lists.arrays().values())
    arrays = sum(a.nbytes for s in segments for a in s.arrays.values())
    return row | {
        "tracks": len(snapshot),
        "windows": snapshot.n_windows,
        "index_mb": (arrays + lists) / 1e6,
        "lists_mb": lists / 1e6,
        "private_mb": private_mb() - before,
        "mapped_mb": index_mb("Rss"),
        "disk_mb": size_of(foreign.folder) / 1e6,
        "nearest": nearest_recall(snapshot, snippets[:: max(1, len(snippets) // 20)]),
        "cells": cells,
    }


def evict(folder: Path) -> None:
    """Have the system forget the files of a folder that it holds in memory; none may be mapped."""
    os.sync()
    for path in folder.rglob("*"):
        if path.is_file():
            with open(path, "rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def cold(
    foreign: Foreign, real: Sequence[Segment], snippets: Sequence[Asked], config: FeatureConfig
) -> list[dict[str, Any]]:
    """Ask some snippets, each while none of the foreign tracks is in memory; seconds by the clock."""
    found = []
    for snippet in progress(snippets, "cold"):
        gc.collect()
        evict(foreign.folder)
        started = time.perf_counter()
        segments = (*real, *foreign.load())
        snapshot = Snapshot(segments, frozenset(entry.key for segment in segments for entry in segment.entries))
        opened, mapped = time.perf_counter(), index_mb("Rss")
        ask(snippet.heard, snippet.query, snapshot, config, 0)
        answered = time.perf_counter()
        ask(snippet.heard, snippet.query, snapshot, config, 0)
        found.append(
            {
                "known": snippet.planned.known,
                "open_s": opened - started,
                "opened_mb": mapped,
                "first_s": answered - opened,
                "again_s": time.perf_counter() - answered,
                "read_mb": index_mb("Rss") - mapped,
            }
        )
        del segments, snapshot
    return found


def show(report: dict[str, Any], console: Console) -> None:
    """Print the tables."""
    table = Table(box=MARKDOWN)
    for title in ("tracks", "condition", "snippets", "exhaustive, %", "through the index, %", "of those, %", "wrong"):
        table.add_column(title, justify="right")
    for title in ("p50, processor, ms", "p99", "p50, clock, ms", "p99"):
        table.add_column(title, justify="right")
    for size in report["sizes"]:
        for name, cell in size["cells"].items():
            of = f"{100 * cell['both'] / cell['exhaustive']:.1f}" if cell["exhaustive"] else "–"
            shares = [f"{100 * cell[key]:.1f}" for key in ("exhaustive", "indexed")]
            times = [f"{cell[key]:.0f}" for key in ("p50_cpu_ms", "p99_cpu_ms", "p50_ms", "p99_ms")]
            wrong = str(round(cell["wrong"] * cell["n"]))
            table.add_row(f"{size['tracks']:,}", name, str(cell["n"]), *shares, of, wrong, *times)
    console.print(table)
    for size in report["sizes"]:
        near = "" if size["nearest"] is None else f"nearest ten: {100 * size['nearest']:.0f} % of the exact ten; "
        console.print(
            f"{size['tracks']:,} tracks, {size['windows']:,} windows: index {size['index_mb']:,.0f} MB, of which lists "
            f"{size['lists_mb']:,.0f} MB; {near}processor time of making the new tracks {size['made_s']:.1f} s, of "
            f"merging them {size['merged_s']:.1f} s, of the start {size['start_s']:.2f} s, of the first answer "
            f"{size['first_s']:.2f} s; memory {size['private_mb']:.0f} MB of its own, {size['mapped_mb']:,.0f} MB "
            "mapped",
            highlight=False,
        )
        for one in size["cold"]:
            console.print(
                f"nothing in memory: open in {one['open_s']:.1f} s with {one['opened_mb']:.0f} MB; "
                f"{'a known snippet' if one['known'] else 'a stranger'} answered {one['first_s']:.2f} s later, having "
                f"read {one['read_mb']:.0f} MB, and the same again in {one['again_s']:.2f} s (clock)",
                highlight=False,
            )
    first, last = report["sizes"][0], report["sizes"][-1]
    if last["tracks"] > first["tracks"]:
        for name, cell in last["cells"].items():
            grown = cell["p50_cpu_ms"] / first["cells"][name]["p50_cpu_ms"]
            exponent = math.log(grown) / math.log(last["tracks"] / first["tracks"])
            console.print(f"{name}: p50 of processor time grows with exponent {exponent:.2f}", highlight=False)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracks", default="189,1000", help="sizes to measure at (189,1000)")
    parser.add_argument("--per-cell", type=int, default=20, help="snippets for each condition (20)")
    parser.add_argument("--profile", choices=tuple(PROFILES), default="exact", help="what is kept of a track (exact)")
    parser.add_argument("--known-only", action="store_true", help="without the development set")
    parser.add_argument("--kept", type=Path, help="foreign tracks from a folder that bench.measure.serving keeps")
    parser.add_argument("--cold", type=int, default=0, help="snippets asked with nothing in memory, and strangers (0)")
    parser.add_argument("--own-speed", action="store_true", help="do not try other playback speeds, which takes long")
    parser.add_argument("--folder", type=Path, help="where to work; default: a temporary folder")
    parser.add_argument("--json", type=Path, help="write the figures here")
    given = parser.parse_args()
    music, further = corpus.evaluation(), corpus.development()
    held = [r for r in music if r.known]
    strangers = [r for r in music if not r.known]
    every = [held] if given.known_only else [held, further]
    real = [Segment.load(asking.segment_folder(references)) for references in every]
    if given.profile == "compact":
        real = [compact(segment) for segment in real]
    known = Snapshot((real[0],), frozenset(e.key for e in real[0].entries))
    planned = queries.plan(held, CONDITIONS, (LENGTH_S,), given.per_cell, SEED)
    planned += queries.plan(strangers, ("room+babble5",), (LENGTH_S,), given.per_cell, SEED)
    evaluation_material()
    config = FeatureConfig(profile=given.profile)
    snippets = asked(planned, known, config)
    if given.own_speed:
        snippets = [replace(snippet, heard=None) for snippet in snippets]
    some = [s for s in snippets if s.planned.known][: given.cold] + snippets[len(snippets) - given.cold :]
    report: dict[str, Any] = {"sizes": []}
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        foreign = Kept(given.kept) if given.kept else Foreign(Path(folder), models(further, 8), given.profile)
        for tracks in map(int, given.tracks.split(",")):
            size = at_size(foreign, real, known, snippets, tracks)
            size["cold"] = [] if isinstance(foreign, Kept) else cold(foreign, real, some, config)
            report["sizes"].append(size)
            show({"sizes": report["sizes"][-1:]}, Console(width=200))
    show(report, Console(width=200))
    if given.json:
        given.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
