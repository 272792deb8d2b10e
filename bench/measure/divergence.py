"""How far divergence alone gets: is the true track first, at the true place, and how long does it take?

The divergence that keeps time is asked by itself, without alignment and verdict, about snippets of the evaluation set,
among the known tracks or, with ``--distractors``, among all music of the corpus::

    python -m bench.measure.divergence                              # minutes
    python -m bench.measure.divergence --lengths 3,5,10 --per-cell 400 --distractors --json divergence.json
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track as progress
from rich.table import Table

from bench import asking, corpus, queries
from bench.queries import Query
from classifier.config import FeatureConfig
from classifier.index.segment import Segment
from classifier.index.snapshot import Snapshot
from classifier.metrics import interval
from classifier.models.background import builtin_background
from classifier.models.query import model_query
from classifier.search.ranking import rank

CONDITIONS = ("clean", "room", *(f"room+{noise}{level}" for noise in ("babble", "pink") for level in (10, 5, 0)))
SEED = 2027
#: Seconds by which a place may be off and still count.
NEAR_S = 0.2


@lru_cache(maxsize=1)
def _snapshot(folders: tuple[str, ...]) -> Snapshot:
    segments = tuple(Segment.load(Path(folder)) for folder in folders)
    return Snapshot(segments, frozenset(e.key for segment in segments for e in segment.entries))


def ask(query: Query, folders: tuple[str, ...]) -> tuple[bool, bool, float]:
    """Whether the least divergence lies in the right track, whether at a right place too, and seconds to compare."""
    snapshot, config = _snapshot(folders), FeatureConfig()
    model = model_query(np.asarray(queries.render(query), np.float32), config, builtin_background())
    started = time.perf_counter()
    ranking = rank(model, snapshot, config)
    seconds = time.perf_counter() - started
    best = int(ranking.order()[0])
    if not np.isfinite(ranking.divergence[best]):
        return False, False, seconds
    named = snapshot.items[best][1].track_id
    place = asking.place_error(query, named, ranking.offset_s(best, config), NEAR_S)
    return named in asking.same_names(query) or place is not None, place is not None, seconds


def measure(
    conditions: Sequence[str], lengths: Sequence[float], per_cell: int, jobs: int, distractors: bool
) -> list[dict[str, object]]:
    """One row for each condition and length."""
    known = [r for r in corpus.evaluation() if r.known]
    planned = queries.plan(known, conditions, lengths, per_cell, SEED)
    sets = [known]
    if distractors:
        sets += [[r for r in corpus.evaluation() if not r.known], corpus.development()]
    run = partial(ask, folders=tuple(str(asking.segment_folder(refs)) for refs in sets))
    cells: dict[tuple[str, float], list[tuple[bool, bool, float, str]]] = defaultdict(list)
    with ProcessPoolExecutor(jobs) as pool:
        answers = progress(pool.map(run, planned, chunksize=8), "snippets", total=len(planned))
        for query, answer in zip(planned, answers, strict=True):
            cells[query.condition, query.length_s].append((*answer, str(query.reference_id)))
    rows = []
    for (condition, length_s), cell in cells.items():
        share, low, high = interval([right for right, *_ in cell], [cluster for *_, cluster in cell])
        row = {"condition": condition, "length_s": length_s, "snippets": len(cell), "top1": share, "low": low}
        placed = float(np.mean([place for _, place, *_ in cell]))
        milliseconds = 1000 * float(np.median([seconds for _, _, seconds, _ in cell]))
        rows.append(row | {"high": high, "placed": placed, "milliseconds": milliseconds})
    return rows


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--conditions", default=",".join(CONDITIONS), help="names, comma-separated")
    parser.add_argument("--lengths", default="5,10", help="seconds, comma-separated (5,10)")
    parser.add_argument("--per-cell", type=int, default=100, help="snippets a condition and length (100)")
    parser.add_argument("--distractors", action="store_true", help="compare with all music of the corpus")
    parser.add_argument("--jobs", type=int, default=2, help="processes (2)")
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args()
    lengths = [float(v) for v in arguments.lengths.split(",")]
    rows = measure(arguments.conditions.split(","), lengths, arguments.per_cell, arguments.jobs, arguments.distractors)
    table = Table(title="divergence alone, per cent (95 % interval)", title_justify="left")
    for name in ("condition", "s", "snippets", "top-1", "and placed", "ms"):
        table.add_column(name, justify="left" if name == "condition" else "right")
    for row in rows:
        top1, low, high, placed = (f"{100 * float(str(row[name])):.1f}" for name in ("top1", "low", "high", "placed"))
        cells = (f"{row['length_s']:g}", str(row["snippets"]), f"{top1} ({low}-{high})", placed)
        table.add_row(str(row["condition"]), *cells, f"{row['milliseconds']:.1f}")
    Console().print(table)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
