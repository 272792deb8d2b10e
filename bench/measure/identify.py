"""How often Earmark is right, how often it names a stranger, and how far its offsets are off.

Every query of the plan goes the way a snippet goes: modelled, searched, decided. Outcomes are kept, so that a stopped
run goes on where it was, and runs of other lengths add to the same tables::

    python -m bench.measure.identify --quick                                       # a few minutes
    python -m bench.measure.identify --lengths final --per-cell 400 --peers        # the final table; hours
    python -m bench.measure.identify --lengths short --per-cell 100 --peers
    python -m bench.measure.identify --music ~/Music --html report.html            # a corpus of your own
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import scipy
from rich.console import Console
from rich.table import Table

import classifier
from bench import corpus, queries, statistics
from bench.asking import catalogues, place_error, run, same_names, segment_folder
from bench.conditions import CONDITIONS, STRETCHED
from bench.corpus import CorpusError, Reference
from bench.measure import peers, report
from bench.measure.charts import label, names, stage_label, stages
from bench.measure.peers import PeerAnswer
from bench.outcomes import ROOT, Log, Outcome, version
from bench.peers.peer import PeerError
from bench.queries import Query
from classifier.results import METHODS
from classifier.search.options import Options

__all__ = ["MUSIC_FREE", "segment_folder"]

MUSIC_FREE = tuple(name for name in CONDITIONS if CONDITIONS[name].music_free)
CONDITION_SETS = {
    "quick": ("clean", "room", "room+babble5", "room+babble0", "room+pink5", "room+pink0"),
    "final": tuple(name for name in CONDITIONS if name not in (*MUSIC_FREE, *STRETCHED)),
}
LENGTH_SETS = {"quick": (5.0,), "short": (1.0, 2.0), "final": (3.0, 5.0, 10.0), "all": (1.0, 2.0, 3.0, 5.0, 10.0)}
QUICK_PER_CELL, FINAL_PER_CELL = 40, 400
SEED = 2027
RESULTS = Path(__file__).parents[1] / "results"


def plan(
    references: Sequence[Reference], conditions: Sequence[str], lengths: Sequence[float], per_cell: int, strangers: int
) -> list[Query]:
    """Queries of known tracks, of unknown tracks, and without music: all twelve kinds, unless some are named.

    Known excerpts are the same in all conditions, so that conditions compare; unknown ones are not: how rare a false
    answer is depends on how many different ones are asked.
    """
    known = [r for r in references if r.known]
    unknown = [r for r in references if not r.known]
    music = [name for name in conditions if name not in MUSIC_FREE]
    planned = queries.plan(known, music, lengths, per_cell, SEED)
    if unknown:
        for number, name in enumerate(CONDITIONS):
            if name in music:
                planned += queries.plan(unknown, [name], lengths, strangers, SEED + 100 + number)
    free = [name for name in conditions if name in MUSIC_FREE] or MUSIC_FREE
    return planned + queries.plan([], free, lengths, strangers, SEED + 2)


def compare(planned: Sequence[Query], known: Sequence[Reference], log: Log, jobs: int) -> list[str]:
    """Ask the peers that are there about the same snippets, judge them as Earmark is judged, and name them."""
    found = peers.available()
    for peer in found:
        missing = [q for q in planned if (q.id, peer.name, len(known)) not in log]
        answers = peers.run(peer, known, missing, jobs=jobs)
        log.add(_judged(peer.name, query, answers[query.id], len(known)) for query in missing)
    return [peer.name for peer in found]


def _judged(name: str, query: Query, answer: PeerAnswer, tracks: int) -> Outcome:
    named = query.known or answer.accepted
    error_s = place_error(query, answer.reference_id, answer.offset_s) if named else None
    right_name = answer.reference_id in same_names(query)
    right = error_s is not None or (
        right_name and answer.offset_s is None
    )  # of one that says no place, the name will do
    # Of Chromaprint's bit errors fewer are better.
    sign = -1.0 if name == "chromaprint" else 1.0
    return Outcome(
        query_id=query.id,
        condition=query.condition,
        length_s=query.length_s,
        known=query.known,
        cluster=query.reference_id or query.id,
        by=name,
        tracks=tracks,
        verdict="identified" if answer.accepted else "no_match",
        named=answer.reference_id,
        right=right,
        right_name=right or right_name,
        error_s=error_s,
        score=None if answer.score is None else sign * answer.score,
        seconds={"total": answer.seconds},
    )


# --- tables ---------------------------------------------------------------------------------------------------


def show(document: dict[str, Any], console: Console) -> None:
    """Print what the report shows, without its charts."""
    rivals = [by for by in names(document) if by not in statistics.EARMARK]
    columns = ("s", "snippets", "identified, %", "top-1, %", "kl top-1, %", "wrong", "offset ms, p50 / p99")
    table = _table("known tracks", "condition", *columns, *(f"{label(by)}, %, wrong" for by in rivals))
    for condition, rows in report.known(document).items():
        for row in rows:
            own, kl = row["cells"]["auto"], row["cells"].get("kl")
            share, low, high, top1 = (report.percent(own[name]) for name in ("identified", "low", "high", "top1"))
            places = " / ".join(report.figures(own[name]) for name in ("offset_ms_median", "offset_ms_p99"))
            numbers = (f"{row['length_s']:g}", str(own["queries"]), f"{share} ({low}-{high})", top1)
            others = (_rival(row["cells"].get(by)) for by in rivals)
            by_kl = report.percent(kl["top1"]) if kl else "-"
            table.add_row(condition, *numbers, by_kl, str(own["wrong"]), places, *others)
    console.print(table)
    if document["rivals"]:
        behind = sum(row["behind"] for row in document["rivals"])
        console.print(f"* Earmark is not better, on the same snippets: {behind} of {len(document['rivals'])} cells")
    table = _table("strangers: false names", "condition", *map(label, names(document)))
    for row in report.strangers(document):
        held = [row["cells"].get(by) for by in names(document)]
        table.add_row(row["condition"], *(f"{cell['false']} of {cell['queries']}" if cell else "-" for cell in held))
    console.print(table)
    table = _table("false-alarm rates", "tracks", "strangers", "snippets", "E at most", "nominal", "observed", "factor")
    for row in (r for r in document["false_alarms"] if r["e_value"] in report.E_VALUES):
        rates = (report.figures(row[name]) for name in ("e_value", "expected", "share", "factor"))
        table.add_row(str(row["tracks"]), row["sound"], str(row["queries"]), *rates)
    console.print(table)
    for by, value in document["calibration"].items():
        if value["bins"]:
            console.print(f"expected calibration error of confidence, {label(by)}: {value['error']:.4f}")
    table = _table("seconds", "stage", "snippets", "median", "95 %", "worst")
    for row in stages(document):
        times = (report.figures(row[name]) for name in ("median", "p95", "max"))
        table.add_row(stage_label(row), str(row["queries"]), *times)
    console.print(table)


def _rival(cell: dict[str, Any] | None) -> str:
    if cell is None:
        return "-"
    return f"{'* ' if cell['behind'] else ''}{report.percent(cell['identified'])}, {cell['wrong']}"


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for i, name in enumerate(columns):
        table.add_column(name, justify="right" if i else "left")
    return table


# --- the run --------------------------------------------------------------------------------------------------


def facts(references: Sequence[Reference], asked: Sequence[str], jobs: int, limit: float) -> dict[str, str]:
    """What a reader must know to judge the figures, or to measure them again."""
    known = [r for r in references if r.known]
    packages = sorted({r.package for r in references})
    hours = sum(r.duration_s for r in known) / 3600
    versions = {"Python": platform.python_version(), "NumPy": np.__version__, "SciPy": scipy.__version__}
    return {
        "date": datetime.now(UTC).strftime("%d %B %Y, %H:%M UTC"),
        "version": f"{classifier.__version__}{_commit()}",
        "corpus": f"{', '.join(packages)}: {len(known)} known tracks, {hours:.2f} h; "
        f"{len(references) - len(known)} kept out",
        "limit": f"identified at E ≤ {limit:g}",
        "peers": ", ".join(label(name) for name in asked) or "none",
        "machine": f"{_processor()}, {os.cpu_count()} cores, {platform.system()}",
        "libraries": ", ".join(f"{name} {value}" for name, value in versions.items()),
        "processes": str(jobs),
        "command": shlex.join(["python", "-m", "bench.measure.identify", *sys.argv[1:]]),
    }


def _commit() -> str:
    """The commit, if this is a checkout, and whether it was changed since."""
    asked = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=10", "--exclude=*"]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return f", commit {done.stdout.strip()}" if done.returncode == 0 else ""


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.measure.identify",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    conditions, lengths = (", ".join(sets) for sets in (CONDITION_SETS, LENGTH_SETS))
    parser.add_argument(
        "--quick",
        action="store_true",
        help=f"conditions and lengths quick, {QUICK_PER_CELL} a cell, with the peers there",
    )
    parser.add_argument("--conditions", help=f"a set ({conditions}) or names, comma-separated; default final")
    parser.add_argument("--lengths", help=f"a set ({lengths}) or seconds, comma-separated; default final")
    parser.add_argument("--per-cell", type=int, help=f"known snippets a condition and length; default {FINAL_PER_CELL}")
    parser.add_argument("--strangers", type=int, help="unknown ones; default a quarter of those")
    parser.add_argument("--catalogues", help="send strangers to catalogues of so many tracks too: 10,100,all")
    parser.add_argument("--methods", help=f"ways of identifying, comma-separated; default {','.join(METHODS)}")
    parser.add_argument("--music", type=Path, help="a folder of your own instead of the evaluation set")
    parser.add_argument(
        "--peers",
        action="store_true",
        help="ask other identifiers too (bench/measure/peers.py)",
    )
    parser.add_argument(
        "--peers-per-cell", type=int, help="ask peers about the first so many snippets of each cell only"
    )
    parser.add_argument(
        "--max-false-alarms", type=float, default=Options().max_false_alarms, help="default %(default)s"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes; default %(default)s")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the outcomes; default bench/results")
    parser.add_argument("--json", type=Path, help="write all tables here")
    parser.add_argument("--html", type=Path, help="write the report here")
    return parser


def _sizes(wanted: str | None, known: Sequence[Reference], own: bool) -> tuple[list[int], list[Reference]]:
    """Sizes of further catalogues, and the unrelated tracks that they may need."""
    if not wanted:
        return [], []
    further = [] if own else corpus.development()
    everything = len(known) + len(further)
    return [everything if size == "all" else int(size) for size in wanted.split(",")], further


def main() -> None:
    """Command line."""
    arguments = _parser().parse_args()
    scale = "quick" if arguments.quick else "final"
    default = QUICK_PER_CELL if arguments.quick else FINAL_PER_CELL
    per_cell = default if arguments.per_cell is None else arguments.per_cell
    strangers = max(1, per_cell // 4) if arguments.strangers is None else arguments.strangers
    chosen, lasting = arguments.conditions or scale, arguments.lengths or scale
    conditions = CONDITION_SETS.get(chosen) or tuple(chosen.split(","))
    lengths = LENGTH_SETS.get(lasting) or tuple(float(v) for v in lasting.split(","))
    console = Console(width=None if os.isatty(1) else 190)
    references = corpus.corpus_from_folder(arguments.music) if arguments.music else corpus.evaluation()
    known = [r for r in references if r.known]
    methods = arguments.methods.split(",") if arguments.methods else list(METHODS)
    if unknown := [name for name in methods if name not in METHODS]:
        raise ValueError(f"--methods: {', '.join(unknown)}: choose from {', '.join(METHODS)}")
    planned = plan(references, conditions, lengths, per_cell, strangers)
    log = Log(arguments.results, version(references, arguments.max_false_alarms))
    if log.others and not len(log):
        console.print(f"Starting afresh: {len(log.others)} files of {arguments.results} are of other code or music.")
    console.print(f"{len(log)} outcomes are held in {log.path}", soft_wrap=True)
    sizes, further = _sizes(arguments.catalogues, known, arguments.music is not None)
    run(planned, catalogues(known, further, sizes, methods), log, arguments.jobs, arguments.max_false_alarms)
    if arguments.peers or arguments.quick:
        limit = len(planned) if arguments.peers_per_cell is None else arguments.peers_per_cell
        compare(queries.first(planned, limit), known, log, arguments.jobs)
    asked = sorted({o.by for o in log.outcomes} - {*statistics.EARMARK})
    said = facts(references, asked, arguments.jobs, arguments.max_false_alarms)
    document = statistics.document(log.outcomes, len(known), said)
    show(document, console)
    if arguments.json:
        _write(arguments.json, json.dumps(document, indent=1) + "\n", console)
    if arguments.html:
        _write(arguments.html, report.page(document), console)


def _write(path: Path, text: str, console: Console) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    console.print(f"wrote {path}", soft_wrap=True)


if __name__ == "__main__":
    try:
        main()
    except (CorpusError, PeerError, ValueError) as error:
        sys.exit(f"error: {error}")
