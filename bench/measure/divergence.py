"""How far divergence alone gets: is the true track first, and the true window among the first thousand?

The stage that orders tracks is asked by itself, without alignment and verdict, about snippets of the evaluation set::

    python -m bench.measure.divergence                              # minutes
    python -m bench.measure.divergence --lengths 5,10 --per-cell 400 --json divergence.json
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track as progress
from rich.table import Table

from bench import corpus, queries
from bench.asking import same_names, segment_folder
from bench.queries import Query
from bench.statistics import interval
from classifier.config import FeatureConfig
from classifier.index.segment import Segment
from classifier.models.track import builtin_background, model_query
from classifier.search.ranking import Comparison

CONDITIONS = ("clean", "room", *(f"room+{noise}{level}" for noise in ("babble", "pink") for level in (10, 5, 0)))
AMONG = 1000
SEED = 2027


@lru_cache(maxsize=1)
def _segment(folder: str) -> Segment:
    return Segment.load(Path(folder))


def ranks(query: Query, folder: str) -> tuple[bool, int]:
    """Whether the least divergence lies in the right track, and the rank (from 1) of the true window among all.

    The true window is the one that the snippet begins in, or the next: whichever ranks higher.
    """
    segment, config = _segment(folder), FeatureConfig()
    model = model_query(queries.render(query), config, builtin_background())
    score = np.full(segment.n_windows, np.inf)
    if len(model.start_s):
        score, _ = Comparison(model, config).places(segment)
    best = int(np.argmin(score))
    first = next(e.track_id for e in segment.entries if best in e.rows["windows"])
    own = next(e.rows["windows"] for e in segment.entries if e.track_id == query.reference_id)
    row = own.start + int(query.offset_s / config.window_step)
    true = score[row : min(row + 2, own.stop)].min(initial=np.inf)
    return first in same_names(query), 1 + int((score < true).sum())


def measure(conditions: Sequence[str], lengths: Sequence[float], per_cell: int, jobs: int) -> list[dict[str, object]]:
    """One row for each condition and length."""
    known = [r for r in corpus.evaluation() if r.known]
    planned = queries.plan(known, conditions, lengths, per_cell, SEED)
    ask = partial(ranks, folder=str(segment_folder(known)))
    cells: dict[tuple[str, float], list[tuple[bool, int, str]]] = defaultdict(list)
    with ProcessPoolExecutor(jobs) as pool:
        answers = progress(pool.map(ask, planned, chunksize=8), "snippets", total=len(planned))
        for query, (right, rank) in zip(planned, answers, strict=True):
            cells[query.condition, query.length_s].append((right, rank, str(query.reference_id)))
    rows = []
    for (condition, length_s), cell in cells.items():
        share, low, high = interval([right for right, _, _ in cell], [cluster for _, _, cluster in cell])
        among = float(np.mean([rank <= AMONG for _, rank, _ in cell]))
        row = {"condition": condition, "length_s": length_s, "snippets": len(cell), "top1": share, "low": low}
        rows.append(row | {"high": high, "among": among})
    return rows


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--conditions", default=",".join(CONDITIONS), help="names, comma-separated")
    parser.add_argument("--lengths", default="5,10", help="seconds, comma-separated (5,10)")
    parser.add_argument("--per-cell", type=int, default=100, help="snippets a condition and length (100)")
    parser.add_argument("--jobs", type=int, default=2, help="processes (2)")
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args()
    lengths = [float(v) for v in arguments.lengths.split(",")]
    rows = measure(arguments.conditions.split(","), lengths, arguments.per_cell, arguments.jobs)
    table = Table(title="divergence alone, per cent (95 % interval)", title_justify="left")
    for name in ("condition", "s", "snippets", "top-1", f"true window among {AMONG:,}"):
        table.add_column(name, justify="left" if name == "condition" else "right")
    for row in rows:
        top1, low, high, among = (f"{100 * float(str(row[name])):.1f}" for name in ("top1", "low", "high", "among"))
        cells = (f"{row['length_s']:g}", str(row["snippets"]), f"{top1} ({low}-{high})", among)
        table.add_row(str(row["condition"]), *cells)
    Console().print(table)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
