"""``earmark sweep``: how accuracy depends on the parameters of a catalogue."""

from __future__ import annotations

import csv
import os
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from classifier.audio.decoder import Decoder
from classifier.catalogue import Catalogue
from classifier.cli.common import Shell, shell_command, until_ctrl_c
from classifier.cli.enroll import enroll_all
from classifier.cli.validate import JOURNAL, REPORT, answered, audio_in, cut_options, prepared, write
from classifier.errors import EarmarkError, InvalidParameter
from classifier.experiments import grid, plan, report
from classifier.experiments.asking import Journal, ask_all
from classifier.experiments.summary import Share, Summary, summarise
from classifier.results import METHODS

if TYPE_CHECKING:
    from classifier.experiments.asking import Outcome

WARNING = (
    "The best of many cells does better on the snippets by which it was chosen than on any others. The nested figure "
    "is chosen on four fifths of the tracks and measured on the rest: expect that one."
)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--grid", "specs", multiple=True, metavar="NAME=A,B,…", help="Values of a parameter; may be repeated.")
@click.option("--preset", type=click.Choice(list(grid.PRESETS)), help="One of Synced.fm's three experiments.")
@click.option(
    "--method", type=click.Choice(list(METHODS)), help="What decides; default: auto, or with a preset kl-mixture."
)
@click.option("--cut", default=40, type=click.IntRange(1), show_default=True, help="Snippets for each condition.")
@click.option(
    "--unknown",
    default=8,
    type=click.IntRange(0),
    show_default=True,
    help="Leave out every Nth file, as unknown; 0: none.",
)
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="Folder for answers and report; resumed there."
)
@cut_options
@shell_command
def sweep(
    shell: Shell,
    folder: Path,
    specs: tuple[str, ...],
    preset: str | None,
    method: str | None,
    cut: int,
    unknown: int,
    out: Path,
    length: float,
    conditions: str,
    seed: int,
    jobs: int | None,
) -> None:
    """Enroll the music in FOLDER once for each combination of parameters, and ask all of them the same snippets.

    Your own catalogues stay as they are: each combination has its own in the folder of --out, which is removed once its
    snippets are answered. The same command resumes a stopped sweep. With a preset, --grid replaces its values.

    \b
    Example:
      earmark sweep ~/Music --grid n_components=4,6,8 --grid window_length=3,5 --out study
      earmark sweep ~/Music --preset covariance --out covariance
    """
    axes = {**(grid.PRESETS[preset] if preset else {}), **grid.parse(specs)}
    if not axes:
        raise click.UsageError("give --grid NAME=A,B or --preset: there is nothing to vary")
    base = {**(grid.SYNCED if preset else {}), **({"method": method} if method else {})}
    files = audio_in(folder)
    kept = [path for i, path in enumerate(files) if not unknown or i % unknown != unknown - 1]
    if len(kept) < 2:
        raise InvalidParameter(f"{folder} holds {len(files)} files: at least two are needed to tell apart")
    queries = plan.cuts(files, plan.conditions(conditions), cut, length, seed)
    cells = grid.cells(axes, base)
    if all(cell.config is None for cell in cells):
        raise InvalidParameter(f"no combination can be enrolled: {cells[0].refused}")
    digest = plan.digest(queries, axes=sorted(axes.items()), base=sorted(base.items()), kept=kept)
    prepared(out, digest)
    jobs = jobs or os.cpu_count() or 1
    results: dict[int, list[Outcome]] = {}
    with Decoder(shell.settings, jobs) as decoder, until_ctrl_c() as stop:
        for number, cell in enumerate(cells):
            if cell.config is None:
                shell.remark(f"cell {number + 1} of {len(cells)}, {cell.name}: left out: {cell.refused}")
                continue
            shell.remark(f"cell {number + 1} of {len(cells)}: {cell.name}")
            journal = Journal(out / f"cell-{number:03d}-{JOURNAL}")
            if any(query.id not in journal.outcomes for query in queries):
                _run(shell, cell, number, kept, queries, journal, out, decoder, jobs, stop)
            if stop.is_set():
                break
            results[number] = answered(queries, journal)
    if stop.is_set():
        shell.remark("stopped: the same command goes on from here")
        raise SystemExit(130)
    _tell(shell, out, folder, cells, results, seed, by_verdict=not preset)


def _run(
    shell: Shell,
    cell: grid.Cell,
    number: int,
    files: Sequence[Path],
    queries: Sequence[plan.Query],
    journal: Journal,
    out: Path,
    decoder: Decoder,
    jobs: int,
    stop: threading.Event,
) -> None:
    """Enroll all files under one configuration and ask what is not answered yet."""
    work = out / f"cell-{number:03d}"
    work.mkdir(exist_ok=True)
    settings = shell.settings.replace(
        store=f"sqlite:///{work.resolve() / 'store.sqlite'}", data_dir=str(work.resolve()), method=None
    )
    with Catalogue.open(name="sweep", config=cell.config, settings=settings, decoder=decoder) as catalogue:
        with shell.progress("enrolling", len(files)) as done:
            for n, (path, outcome) in enumerate(enroll_all(catalogue, files, jobs, stop), start=1):
                if isinstance(outcome, EarmarkError):
                    shell.failed(path, outcome)
                done(n)
        if stop.is_set():
            return
        with shell.progress("asking", len(queries)) as done:
            for n in ask_all(catalogue, queries, journal, method=None, jobs=jobs, stop=stop):
                done(n)
    if not stop.is_set():
        shutil.rmtree(work)


def _tell(
    shell: Shell,
    out: Path,
    folder: Path,
    cells: Sequence[grid.Cell],
    results: dict[int, list[Outcome]],
    seed: int,
    *,
    by_verdict: bool,
) -> None:
    """Print and write what came of all cells."""
    summaries = {number: summarise(outcomes) for number, outcomes in results.items()}
    hits = {number: grid.known_hits(outcomes, by_verdict=by_verdict) for number, outcomes in results.items()}
    asked = set.intersection(*map(set, hits.values())) if hits else set()
    groups = {o.id: o.file for outcomes in results.values() for o in outcomes if o.id in asked}
    choice = (
        grid.choose({n: {i: h[i] for i in asked} for n, h in hits.items()}, groups, seed)
        if len(set(groups.values())) > 1
        else None
    )
    said = [] if choice is None else _said(choice, cells, by_verdict)
    headings = [*cells[0].values, "right first, %", "identified, %", "wrong, %", "false names, %", "margin"]
    rows = [[*map(str, cells[n].values.values()), *map(str, _shares(s)), _margin(s)] for n, s in summaries.items()]
    objects = [
        {"values": cells[n].values, "config": cells[n].config.to_dict(), "summary": s.to_dict()}  # type: ignore[union-attr]
        for n, s in summaries.items()
    ]
    refused = [{"values": cell.values, "refused": cell.refused} for cell in cells if cell.config is None]
    whole: dict[str, Any] = {
        "folder": folder.name,
        "cells": objects,
        "refused": refused,
        "choice": said,
        "warning": WARNING,
    }
    chart = report.chart(
        [(cells[n].name, s.rows[0].identified if by_verdict else s.rows[0].right) for n, s in summaries.items()],
        "Cells",
    )
    parts = [
        report.table(headings, rows),
        chart,
        *(f"<p>{line}</p>" for line in said),
        f'<p class="warning">{WARNING}</p>',
    ]
    write(
        out,
        [o for outcomes in results.values() for o in outcomes],
        whole,
        report.page(f"Sweep over {folder.name}", parts),
    )
    with (out / "cells.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([headings, *rows])
    if shell.as_json:
        shell.emit(whole)
        return
    short = [*cells[0].values, "right", "named", "wrong", "false", "margin"]
    briefly = [
        [*map(str, cells[n].values.values()), *(share.brief for share in _shares(s)), _margin(s)]
        for n, s in summaries.items()
    ]
    shell.table(short, briefly)
    for line in [*said, WARNING]:
        shell.say(line)
    shell.remark(f"answers and report: {out / REPORT}")


def _shares(summary: Summary) -> list[Share]:
    row = summary.rows[0]
    return [row.right, row.identified, row.wrong, row.false_names]


def _margin(summary: Summary) -> str:
    margin = summary.rows[0].margin
    return "-" if margin is None else f"{margin:.1f}"


def _said(choice: grid.Choice, cells: Sequence[grid.Cell], by_verdict: bool) -> list[str]:
    what = "identified" if by_verdict else "right first"
    return [
        f"Best: {cells[choice.best].name}: {100 * choice.flattered:.1f} % {what} on the snippets it was chosen by.",
        f"Nested selection: {100 * choice.nested:.1f} %; chosen in the folds: "
        + "; ".join(dict.fromkeys(cells[n].name for n in choice.chosen))
        + ".",
    ]
