"""``earmark validate``: measures how well a catalogue identifies recordings whose track is known."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from classifier.care.folders import search
from classifier.cli.common import Shell, shell_command, until_ctrl_c
from classifier.errors import FileMissing, InvalidParameter
from classifier.results import METHODS, METHODS_HELP

if TYPE_CHECKING:
    from classifier.experiments.asking import Outcome
    from classifier.experiments.plan import Query
    from classifier.experiments.summary import Summary

CUT_OPTIONS = (
    click.option(
        "--length", default=5.0, type=click.FloatRange(1, 60), show_default=True, help="Seconds in a snippet."
    ),
    click.option(
        "--conditions",
        default="clean,room,babble:10,babble:5,babble:0",
        show_default=True,
        help="How snippets are recorded.",
    ),
    click.option(
        "--seed", default=0, type=click.IntRange(0), show_default=True, help="Seed of places, rooms and noise."
    ),
    click.option("--jobs", type=click.IntRange(1, 64), help="Files worked on at the same time; default: one a core."),
)
OUTCOMES, JOURNAL, SUMMARY, REPORT = "outcomes.csv", "outcomes.jsonl", "summary.json", "report.html"


def cut_options(command: Any) -> Any:
    """Give a command the options of snippets that are cut."""
    for option in reversed(CUT_OPTIONS):
        command = option(command)
    return command


@click.command()
@click.argument("name", metavar="CATALOGUE")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--cut",
    type=click.IntRange(1),
    help="Cut this many snippets for each condition from the files, and record them with a simulated phone.",
)
@click.option(
    "--labels", type=click.Path(path_type=Path), help="CSV: file, track (title, file name or id) and condition."
)
@click.option("--method", type=click.Choice(list(METHODS)), help=f"{METHODS_HELP}. Default: the catalogue's own.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder for answers and report; the same command resumes there."
)
@cut_options
@shell_command
def validate(
    shell: Shell,
    name: str,
    folder: Path,
    cut: int | None,
    labels: Path | None,
    method: str | None,
    out: Path | None,
    length: float,
    conditions: str,
    seed: int,
    jobs: int | None,
) -> None:
    """Measure how well CATALOGUE identifies the recordings in FOLDER, whose tracks are known.

    Each recording is in a folder named like its track (title, file name or id; unknown: none), or in a table given by
    --labels. With --cut the files are songs: a simulated phone in a room records snippets of them. Songs that are not
    enrolled show how often an unknown song gets a name.

    \b
    Example:
      earmark validate default recordings/ --labels recordings.csv
      earmark validate default ~/Music --cut 100 --conditions clean,babble:5 --out study
    """
    from classifier.experiments import plan
    from classifier.experiments.asking import Journal, ask_all
    from classifier.experiments.report import validation
    from classifier.experiments.summary import summarise

    if cut and labels:
        raise click.UsageError("--labels is for whole recordings: with --cut the tracks are known from the sound")
    found = audio_in(folder)
    if cut:
        queries = plan.cuts(found, plan.conditions(conditions), cut, length, seed)
    else:
        queries = plan.recordings(folder, found, None if labels is None else plan.read_table(labels))
    shell = Shell(shell.settings.replace(catalogue=name), shell.as_json, shell.quiet)
    digest = plan.digest(queries, catalogue=name, method=method)
    jobs = jobs or os.cpu_count() or 1
    with shell.catalogue(create=False, jobs=jobs) as catalogue:
        journal = Journal(None if out is None else prepared(out, digest) / JOURNAL)
        with shell.progress("asking", len(queries)) as done, until_ctrl_c() as stop:
            for number in ask_all(catalogue, queries, journal, method=method, jobs=jobs, stop=stop):
                done(number)
        method = method or shell.settings.method or catalogue.config.method
    outcomes = answered(queries, journal)
    summary = summarise(outcomes)
    facts = [
        f"{len(outcomes)} questions to catalogue {name!r}, decided by {method}: {METHODS[method]}.",
        f"Snippets of {length:g} s cut from the files of {folder.name}, seed {seed}."
        if cut
        else f"Recordings of {folder.name}.",
    ]
    if out is not None:
        write(out, outcomes, summary.to_dict(), validation(f"Validation of {name}", facts, summary))
    if shell.as_json:
        shell.emit({"catalogue": name, "method": method, "questions": len(queries), **summary.to_dict()})
    else:
        show(shell, summary)
    if out is not None:
        shell.remark(f"answers and report: {out / REPORT}")
    if len(outcomes) < len(queries):
        shell.remark(
            f"stopped after {len(outcomes)} of {len(queries)} questions"
            + ("" if out is None else ": the same command goes on")
        )
        raise SystemExit(130)


def audio_in(folder: Path) -> list[Path]:
    """Return the audio files in a folder.

    Raises
    ------
    FileMissing
        If there is no such folder, or nothing in it.
    """
    if not folder.is_dir():
        raise FileMissing(f"{folder} is not a folder")
    return sorted(search(folder).files)


def prepared(out: Path, digest: str) -> Path:
    """Make the folder of an experiment, or find it again.

    Raises
    ------
    InvalidParameter
        If it holds another experiment, or cannot be written to.
    """
    mark = out / "experiment.json"
    try:
        out.mkdir(parents=True, exist_ok=True)
        if mark.exists() and any(entry.is_dir() or entry.stat().st_size for entry in out.iterdir() if entry != mark):
            if json.loads(mark.read_text()).get("experiment") != digest:
                raise InvalidParameter(
                    f"{out} holds another experiment (other files, options or catalogue): give a new folder"
                )
        elif not mark.exists() and any(out.iterdir()):
            raise InvalidParameter(f"{out} holds other files: give a new folder")
        else:  # new, or begun and refused before anything was answered
            mark.write_text(json.dumps({"experiment": digest}) + "\n")
    except (OSError, ValueError) as error:
        raise InvalidParameter(f"{out} cannot be used for the experiment: {error}") from None
    return out


def answered(queries: Sequence[Query], journal: Any) -> list[Outcome]:
    """Return the outcomes of a plan, in its order."""
    return [journal.outcomes[query.id] for query in queries if query.id in journal.outcomes]


def write(out: Path, outcomes: Sequence[Outcome], summary: dict[str, Any], report: str) -> None:
    """Write table, figures and report of an experiment."""
    (out / SUMMARY).write_text(json.dumps(summary, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (out / REPORT).write_text(report, encoding="utf-8")
    with (out / OUTCOMES).open("w", newline="", encoding="utf-8") as file:
        rows = [asdict(outcome) for outcome in outcomes]
        writer = csv.DictWriter(file, list(rows[0]) if rows else [])
        writer.writeheader()
        writer.writerows(rows)


def show(shell: Shell, summary: Summary) -> None:
    """Print figures for a person."""
    from classifier.experiments.report import BRIEF, brief

    shell.table(BRIEF, [brief(row) for row in summary.rows])
    shell.say(
        "right first, named rightly and wrongly: per cent of the known; false: per cent of the others with a name"
    )
    if summary.calibration_error is not None:
        shell.say(f"expected calibration error of the confidence: {summary.calibration_error:.3f}")
    for truth, named, n in summary.confused[:5]:
        shell.say(f"{truth} taken for {named}: {n} times")
    for file, reason in summary.faults:
        shell.remark(f"no answer: {file}: {reason}")
