"""What a compact catalogue saves and what that costs: sizes of store and index, verdicts beside those of an exact one::

    python -m bench.measure.profiles                    # some minutes; needs the corpus
    python -m bench.measure.profiles --per-cell 0       # sizes alone, without the corpus
    python -m bench.measure.profiles --own-speed --json profiles.json

Sizes are those of tracks of four minutes, perturbed models of composed songs, stored in SQLite one by one: what the
files have grown by, for an hour of music. They are large enough for lists of patches, which small catalogues go
without. Verdicts are of the same snippets, against the known tracks of the evaluation set; the compact models are what
an enrollment keeps of the exact ones.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sqlite3
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.box import MARKDOWN
from rich.console import Console
from rich.progress import track as progress
from rich.table import Table

from bench import asking, corpus, queries
from bench.material import evaluation_material
from bench.measure.indexed import CONDITIONS, LENGTH_S, SEED, nothing
from bench.measure.scale import opened, perturbed, settle, size_of, songs, store_track
from bench.measure.thinning import compact, thinned
from classifier.config import PROFILES, FeatureConfig
from classifier.index.segment import Segment
from classifier.index.snapshot import Snapshot
from classifier.models.background import builtin_background
from classifier.models.query import Query, Recording
from classifier.search.options import Options
from classifier.search.pipeline import identify

#: Tracks that are stored: three hours, of which the first ones fill what an empty store has anyway.
N_TRACKS, N_FIRST = 50, 5


def sizes(folder: Path, profile: str) -> dict[str, float]:
    """Store tracks under a profile; megabytes of an hour of music in the store, in the index, and of it in lists."""
    folder.mkdir()
    made_of = songs(folder)
    with opened(folder, "", profile, FeatureConfig(profile=profile)) as catalogue:
        before, hours = 0.0, 0.0
        for number in progress(range(N_TRACKS), profile):
            model = perturbed(made_of, number)
            store_track(catalogue, thinned(model) if profile == "compact" else model, number)
            if number == N_FIRST - 1:
                before = store_bytes(folder)
            hours += (number >= N_FIRST) * len(model.silent) / 3600
        catalogue.view()
        settle(catalogue)
        store = (store_bytes(folder) - before) / hours
        every = hours * N_TRACKS / (N_TRACKS - N_FIRST)
        lists = sum(path.stat().st_size for path in (folder / "index").rglob("list_*.npy")) / every
        index = size_of(folder / "index") / every
    found = {"store": store, "index": index - lists, "lists": lists, "in all": store + index}
    return {name: value / 1e6 for name, value in found.items()}


def store_bytes(folder: Path) -> float:
    """Bytes of the store's files, once what was written is in the main one."""
    with contextlib.closing(sqlite3.connect(folder / "store.sqlite")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return float(sum(path.stat().st_size for path in folder.glob("store.sqlite*")))


def verdicts(per_cell: int, own_speed: bool) -> list[dict[str, Any]]:
    """Ask the same snippets of both; how many each names rightly and wrongly, by condition."""
    music = corpus.evaluation()
    held, strangers = [r for r in music if r.known], [r for r in music if not r.known]
    snapshots = both(Segment.load(asking.segment_folder(held)))
    evaluation_material()
    planned = queries.plan(held, CONDITIONS, (LENGTH_S,), per_cell, SEED)
    planned += queries.plan(strangers, ("room+babble5",), (LENGTH_S,), per_cell, SEED)
    cells: dict[str, dict[str, Any]] = {}
    for one in progress(planned, "asking"):
        heard = Recording(queries.render(one), 1e9, FeatureConfig(), builtin_background())
        ask_both(one, heard.query(), None if own_speed else heard, snapshots, cells)
    return [{"condition": name, **cell} for name, cell in cells.items()]


def both(exact: Segment) -> dict[str, Snapshot]:
    """Return the tracks of a segment under each profile."""
    every = {"exact": exact, "compact": compact(exact)}
    return {name: Snapshot((s,), frozenset(e.key for e in s.entries)) for name, s in every.items()}


def ask_both(
    planned: queries.Query,
    query: Query,
    heard: Recording | None,
    snapshots: Mapping[str, Snapshot],
    cells: dict[str, dict[str, Any]],
) -> None:
    """Ask a snippet of both, and count the outcomes in the cell of its condition."""
    empty = {f"{name}_{what}": 0 for name in snapshots for what in ("right", "wrong")}
    condition = planned.condition if planned.known else "strangers"
    cell = cells.setdefault(condition, {"snippets": 0, "changed": 0, **empty})
    cell["snippets"] += 1
    outcomes = []
    for name, snapshot in snapshots.items():
        config = FeatureConfig(profile=name)
        own = None if heard is None else replace(heard, config=config)
        tag = identify(query, snapshot, nothing, config, Options(), own)
        named = tag.verdict != "no_match"
        right = named and planned.known and bool(asking.judge(planned, tag, 1e-5)[0])
        cell[f"{name}_right"] += right
        cell[f"{name}_wrong"] += named and not right
        outcomes.append((named, right))
    cell["changed"] += outcomes[0] != outcomes[1]


def show(report: dict[str, Any], console: Console) -> None:
    """Print the tables."""
    table = Table(box=MARKDOWN)
    table.add_column("MB an hour")
    for name in report["sizes"]:
        table.add_column(name, justify="right")
    for part in report["sizes"]["exact"]:
        table.add_row(part, *(f"{found[part]:.2f}" for found in report["sizes"].values()))
    console.print(table)
    table = Table(box=MARKDOWN)
    for column in (
        "condition",
        "snippets",
        "exact",
        "compact",
        "verdicts that differ",
        "wrong, exact",
        "wrong, compact",
    ):
        table.add_column(column, justify="left" if column == "condition" else "right")
    names = ("snippets", "exact_right", "compact_right", "changed", "exact_wrong", "compact_wrong")
    for cell in report["verdicts"]:
        table.add_row(cell["condition"], *(str(cell[name]) for name in names))
    if report["verdicts"]:
        console.print(table)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--per-cell", type=int, default=60, help="snippets for each condition (60)")
    parser.add_argument("--own-speed", action="store_true", help="do not try other playback speeds, which takes long")
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        report: dict[str, Any] = {"sizes": {name: sizes(Path(folder) / name, name) for name in PROFILES}}
    report["verdicts"] = verdicts(options.per_cell, options.own_speed) if options.per_cell else []
    show(report, Console(width=140))
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
