"""Tempo and pitch by themselves: how often a wide search finds the track, what it names strangers, and what it costs.

Snippets of known evaluation tracks, stretched and transposed, are identified with ``speeds="wide"``. Strangers are
cut from development tracks, which are none of the catalogue's, in the conditions given by ``--stranger-conditions``;
each is asked ``narrow`` and ``wide``, one after the other, and CPU times are compared::

    python -m bench.measure.stretched --per-cell 20 --lengths 3,5
    python -m bench.measure.stretched --per-cell 0 --strangers 300 --lengths 5
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track as progress
from rich.table import Table

from bench import asking, corpus, queries
from bench.conditions import CONDITIONS, STRETCHED
from bench.material import load_material
from bench.queries import Query
from classifier.config import FeatureConfig
from classifier.metrics import interval
from classifier.models.background import builtin_background
from classifier.models.query import Recording
from classifier.results import Tag, semitones
from classifier.search.options import Options
from classifier.search.pipeline import identify

SEED = 2029
#: Seconds by which a place may be off and still count: the stretch itself wavers, and copies of a loop are no error.
NEAR_S = 0.3


def asked(query: Query, catalogue: asking.Catalogue, speeds: str, samples: np.ndarray) -> tuple[Tag, float]:
    """Answer, and seconds of CPU from the model to the verdict."""
    snapshot, lookup = asking.searched(catalogue)
    config = FeatureConfig()
    started = time.process_time()
    recording = Recording(samples, corpus.SAMPLE_RATE / 2, config, builtin_background())
    tag = identify(recording.query(), snapshot, lookup, config, Options(speeds=speeds, sweep_seconds=1e9), recording)
    return tag, time.process_time() - started


def known(query: Query, catalogue: asking.Catalogue) -> dict[str, Any]:
    """How a known snippet fared."""
    tag, seconds = asked(query, catalogue, "wide", np.asarray(queries.render(query), np.float32))
    best = tag.matches[0] if tag.matches else None
    error_s = None if best is None else asking.place_error(query, best.track_id, best.offset_s, NEAR_S)
    right = best is not None and (error_s is not None or best.track_id in asking.same_names(query))
    pitch = CONDITIONS[query.condition].pitch
    true_pitch = semitones(query.speed) if pitch is None else pitch
    return {
        "condition": query.condition,
        "length_s": query.length_s,
        "track": query.reference_id,
        "named": tag.verdict != "no_match",
        "right": right,
        "error_s": error_s,
        "log10_e": best and best.log10_e_value,
        "speed_error": None if best is None or best.speed is None else best.speed / query.speed - 1,
        "pitch_error": None if best is None or best.pitch is None else best.pitch - true_pitch,
        "seconds": seconds,
    }


def stranger(query: Query, catalogue: asking.Catalogue) -> dict[str, Any]:
    """What a stranger is answered, narrow and wide."""
    samples = np.asarray(queries.render(query, material=load_material("development")), np.float32)
    out: dict[str, Any] = {"condition": query.condition, "length_s": query.length_s, "track": query.reference_id}
    for speeds in ("narrow", "wide"):
        tag, seconds = asked(query, catalogue, speeds, samples)
        best = tag.matches[0] if tag.matches else None
        out[speeds] = {"seconds": seconds, "log10_e": best and best.log10_e_value, "named": best and best.title}
        out[speeds]["verdict"] = tag.verdict
    return out


def _families(names: list[str]) -> dict[str, list[str]]:
    """Conditions that differ in sign only, together."""
    found: dict[str, list[str]] = defaultdict(list)
    for name in names:
        found[name.replace("-", "±").replace("o+", "o±").replace("h+", "h±")].append(name)
    return dict(found)


def show(rows: list[dict[str, Any]], console: Console) -> None:
    """Print a line for each pair of conditions and each length."""
    table = Table(title="known tracks, wide", title_justify="left")
    for name in ("condition", "s", "snippets", "named", "right", "wrong", "offset ms", "tempo %", "semitones", "CPU s"):
        table.add_column(name, justify="left" if name == "condition" else "right")
    for family, names in _families(sorted({row["condition"] for row in rows})).items():
        for length_s in sorted({row["length_s"] for row in rows}):
            cell = [row for row in rows if row["condition"] in names and row["length_s"] == length_s]
            if not cell:
                continue
            share, low, high = interval(
                [row["named"] and row["right"] for row in cell], [str(row["track"]) for row in cell]
            )
            right = [row for row in cell if row["right"]]
            medians = []
            for name, factor in (("error_s", 1000), ("speed_error", 100), ("pitch_error", 1)):
                errors = [abs(row[name]) for row in right if row[name] is not None]
                medians.append(f"{factor * float(np.median(errors or [np.nan])):.2g}")
            table.add_row(
                family,
                f"{length_s:g}",
                str(len(cell)),
                f"{100 * share:.1f} ({100 * low:.1f}-{100 * high:.1f})",
                str(len(right)),
                str(sum(row["named"] and not row["right"] for row in cell)),
                *medians,
                f"{np.median([row['seconds'] for row in cell]):.2f}",
            )
    console.print(table)


def show_strangers(rows: list[dict[str, Any]], console: Console) -> None:
    """Print what strangers were answered, and the cost."""
    for speeds in ("narrow", "wide"):
        least = np.array([row[speeds]["log10_e"] for row in rows if row[speeds]["log10_e"] is not None])
        named = sum(row[speeds]["verdict"] != "no_match" for row in rows)
        reached = ", ".join(f"E <= 1e{e}: {int((least <= e).sum())}" for e in (0, -1, -2, -3, -4))
        seconds = np.median([row[speeds]["seconds"] for row in rows])
        console.print(f"{speeds}: {len(rows)} strangers, {named} named; {reached}; least {least.min():.1f}")
        console.print(f"{speeds}: {seconds:.2f} s of CPU in the median")
    ratio = sum(row["wide"]["seconds"] for row in rows) / sum(row["narrow"]["seconds"] for row in rows)
    console.print(f"cost of a stranger, wide over narrow: {ratio:.2f}")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--conditions", default=",".join(STRETCHED), help="names; default all stretched")
    parser.add_argument("--lengths", default="3,5,10", help="seconds, comma-separated; default %(default)s")
    parser.add_argument("--per-cell", type=int, default=20, help="known snippets a cell; %(default)s")
    parser.add_argument("--strangers", type=int, default=0, help="strangers over all cells; %(default)s")
    parser.add_argument(
        "--stranger-conditions", default="clean,room,room+babble5,room+tempo+10", help="default %(default)s"
    )
    parser.add_argument("--json", type=Path, help="write every answer here, one a line, as it comes")
    arguments = parser.parse_args()
    references = [r for r in corpus.evaluation() if r.known]
    catalogue = asking.catalogues(references, [], [], ["auto"])[0]
    lengths = [float(v) for v in arguments.lengths.split(",")]
    console = Console(width=150)
    rows = []
    planned = queries.plan(references, arguments.conditions.split(","), lengths, arguments.per_cell, SEED)
    for query in progress(planned, "known", console=console):
        rows.append(known(query, catalogue))
        _keep(arguments.json, rows[-1])
    if rows:
        show(rows, console)
    strange = []
    names = arguments.stranger_conditions.split(",")
    every = queries.plan(corpus.development(), names, lengths, arguments.strangers, SEED)
    cells = len(names) * len(lengths)
    for query in progress(every[::cells] if cells else [], "strangers", console=console):
        strange.append(stranger(query, catalogue))
        _keep(arguments.json, strange[-1])
    if strange:
        show_strangers(strange, console)


def _keep(path: Path | None, row: dict[str, Any]) -> None:
    if path is not None:
        with path.open("a") as file:
            file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
