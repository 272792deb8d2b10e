"""How much sound it takes: a recording that is searched while it grows, as ``POST /listens`` does.

Recordings are searched again and again while they grow, each look allowed its share of the false alarms, until they
are named or all of them was heard::

    python -m bench.measure.listens --per-cell 20                 # some minutes
    python -m bench.measure.listens --per-cell 100 --strangers 400 --json listens.json
    python -m bench.measure.listens --per-cell 0 --strangers 40   # strangers alone
    python -m bench.measure.listens --per-cell 0 --strangers 40 --tracks 8 --kept DONE    # the same, in less time

A stranger is heard to its end. The false alarms that would have to be allowed for it to be named, at whichever look is
the first to do so, tell whether the looks together keep what is allowed: a share *a* of strangers may need *a* at most.
Strangers may be asked of fewer tracks (``--tracks``): E-values count all places, so that the false alarms that are
allowed stay the same, and a listen takes less. With ``--kept``, an interrupted run goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track as progress
from rich.table import Table

from bench import corpus, queries
from bench.asking import Catalogue, catalogues, judge, searched
from bench.kept import Kept
from bench.measure.identify import MUSIC_FREE
from bench.queries import Query
from classifier.config import FeatureConfig
from classifier.metrics import interval
from classifier.models.background import builtin_background
from classifier.models.query import Recording
from classifier.search.options import Options
from classifier.search.pipeline import identify
from classifier.search.significance import allowed_at_look

CONDITIONS = "clean,room,room+babble10,room+babble5,room+babble0,room+pink5,room+pink0"
#: Seconds of the whole recording, at the first look, and between looks.
LENGTH_S, FIRST_S, STEP_S = 12.0, 1.0, 0.8
_SEED, _MAX_FALSE_ALARMS = 2031, 1e-5


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of one recording: seconds until it got a name (infinite: none), and whether that is right.

    Of a stranger also the log10 of the false alarms that would have to be allowed for a wrong name (infinite: none
    would do).
    """

    condition: str
    known: bool
    named_s: float
    right: bool
    log10_allowed: float = math.inf


def hear(query: Query, catalogue: Catalogue) -> Heard:
    """Look at a growing recording until it gets a name."""
    config = FeatureConfig()
    samples = queries.render(query)
    snapshot, lookup = searched(catalogue)
    named_s, right, needed = math.inf, False, math.inf
    for look, seconds in enumerate(np.arange(FIRST_S, LENGTH_S + 1e-6, STEP_S), start=1):
        part = np.asarray(samples[: round(float(seconds) * config.sample_rate)], np.float32)
        recording = Recording(part, config.sample_rate / 2, config, builtin_background())
        options = Options(max_false_alarms=allowed_at_look(_MAX_FALSE_ALARMS, look))
        tag = identify(recording.query(), snapshot, lookup, config, options, recording)
        true, _ = judge(query, tag, options.max_false_alarms)
        if tag.verdict == "identified" and named_s == math.inf:
            named_s, right = float(seconds), true
        if query.known:
            if named_s < math.inf:
                break
        elif not true and tag.matches and (log10_e := tag.matches[0].log10_e_value) is not None:
            needed = min(needed, log10_e - math.log10(allowed_at_look(1.0, look)))
    return Heard(query.condition, query.known, named_s, right, needed)


def rows(heard: Sequence[Heard]) -> list[list[str]]:
    """Return a row for each condition of known recordings, and one for all strangers."""
    found = []
    for name in dict.fromkeys(h.condition for h in heard if h.known):
        seconds = np.array([h.named_s if h.right else np.inf for h in heard if h.known and h.condition == name])
        wrong = sum(h.known and h.condition == name and np.isfinite(h.named_s) and not h.right for h in heard)
        quarters = np.quantile(seconds, (0.5, 0.75, 0.9), method="higher")
        shares = [f"{100 * np.mean(seconds <= limit):.0f}" for limit in (2.0, 3.0, 5.0, LENGTH_S)]
        found.append([name, str(len(seconds)), *(f"{q:.1f}" for q in quarters), *shares, str(wrong)])
    strangers = [h for h in heard if not h.known]
    named = sum(np.isfinite(h.named_s) and not h.right for h in strangers)
    found.append(["strangers", str(len(strangers)), *["-"] * 7, str(named)])
    return found


def allowances(heard: Sequence[Heard]) -> list[list[str]]:
    """Return a row for each number of false alarms allowed: its nominal share of strangers, and those it would name."""
    strangers = [h for h in heard if not h.known]
    found: list[list[str]] = []
    if not strangers:
        return found
    for allowed in (1.0, 0.1, 0.01, 0.001, 1e-4, 1e-5):
        named = [h.log10_allowed <= math.log10(allowed) for h in strangers]
        share, low, high = (100 * x for x in interval(named, [str(i) for i in range(len(named))]))
        nominal = f"{-100 * math.expm1(-allowed):.3g}"
        found.append([f"{allowed:g}", nominal, f"{share:.3g} ({low:.2g} to {high:.2g})", str(sum(named))])
    return found


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--conditions", default=CONDITIONS, help="names, comma-separated")
    parser.add_argument("--per-cell", type=int, default=40, help="recordings a condition (40)")
    parser.add_argument("--strangers", type=int, default=10, help="of each condition, and without music (10)")
    parser.add_argument("--tracks", type=int, help="in the catalogue, with --per-cell 0; default: all that are known")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--json", type=Path, help="write the table here")
    parser.add_argument("--kept", type=Path, help="file of what has been heard so far, read and added to")
    arguments = parser.parse_args()
    if arguments.tracks is not None and arguments.per_cell:
        parser.error("--tracks leaves out tracks that are known: it needs --per-cell 0")
    names = arguments.conditions.split(",")
    references = corpus.evaluation()
    known, unknown = ([r for r in references if r.known == flag] for flag in (True, False))
    sizes = () if arguments.tracks is None else (arguments.tracks,)
    catalogue = catalogues(known, (), sizes)[-1]
    planned = queries.plan(known, names, [LENGTH_S], arguments.per_cell, _SEED)
    planned += queries.plan(unknown, names, [LENGTH_S], arguments.strangers, _SEED + 1)
    planned += queries.plan([], MUSIC_FREE, [LENGTH_S], arguments.strangers, _SEED + 2)
    kept = Kept(arguments.kept)
    named = {f"{query.id}, {len(catalogue.tracks)} tracks": query for query in planned}
    left = [name for name in named if name not in kept]
    with ProcessPoolExecutor(arguments.jobs) as pool:
        answers = pool.map(partial(hear, catalogue=catalogue), (named[name] for name in left), chunksize=2)
        for name, one in zip(left, progress(answers, "recordings", total=len(left)), strict=True):
            kept.put(name, asdict(one))
    heard = [Heard(**kept[name]) for name in named]
    by_allowance = Table("false alarms allowed", "nominal, %", "strangers named, %", "number")
    headings = ["condition", "n", "median s", "75 %", "90 %", "named by 2 s, %", "3 s", "5 s", "12 s", "wrong"]
    found = rows(heard)
    table = Table(*headings)
    for row in found:
        table.add_row(*row)
    allowed = allowances(heard)
    for row in allowed:
        by_allowance.add_row(*row)
    Console().print(table, *[by_allowance] * bool(allowed))
    if arguments.json:
        written = {"conditions": [dict(zip(headings, row, strict=True)) for row in found], "allowed": allowed}
        arguments.json.write_text(json.dumps(written, indent=1) + "\n")


if __name__ == "__main__":
    main()
