"""``earmark identify``: name the track in a snippet."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from classifier.cli.common import Shell, clock_time, percent, shell_command
from classifier.errors import EarmarkError
from classifier.identifiers import IDENTIFIERS
from classifier.results import METHODS, METHODS_HELP, Match, Tag

_VERDICTS = {"identified": "identified", "ambiguous": "ambiguous", "no_match": "no match"}


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--method",
    type=click.Choice(list(METHODS)),
    help=f"{METHODS_HELP}. Default: the catalogue's own.",
)
@click.option("--top", type=click.IntRange(1, 100), default=5, show_default=True, help="Candidates shown.")
@shell_command
def identify(shell: Shell, files: tuple[Path, ...], method: str | None, top: int) -> None:
    """Say which enrolled track each FILE is a recording of, where in the track, and how sure that is.

    \b
    Example:
      earmark identify bar.m4a
      earmark identify --json *.wav | jq .verdict
    """
    failed = 0
    # A newcomer's first snippet gets an answer, even from an empty catalogue; a mistyped name creates no catalogue.
    with shell.catalogue(create=shell.settings.catalogue == "default") as catalogue:
        for path in files:
            try:
                tag = catalogue.identify(path, method=method, top=top)
            except EarmarkError as error:
                failed += 1
                if shell.as_json:
                    shell.emit({"file": str(path), "error": error.name, "detail": str(error)})
                shell.failed(path, error)
                continue
            if shell.as_json:
                shell.emit(answer(str(path), tag))
            else:
                show(shell, str(path), tag)
    if failed:
        raise SystemExit(1)


def answer(name: str, tag: Tag) -> dict[str, Any]:
    """Return the JSON object that ``--json`` prints."""
    values = tag.to_dict()
    del values["duration_s"]
    return {"file": name, **values}


def show(shell: Shell, name: str, tag: Tag) -> None:
    """Print a tag for a person: the verdict, its meaning, then the evidence."""
    shell.say(f"{name}: {_VERDICTS[tag.verdict]}")
    shell.say(sentence(tag))
    if tag.matches:
        shell.say("")
        columns = _figures(tag)
        widths = [max(map(len, column)) for column in columns]
        heading, *rows = zip(*columns, strict=True)
        lines = ["  ".join(map(str.rjust, row, widths)) for row in (heading, *rows)]
        # Copies share a name; their files tell them apart.
        names = [_named(m) + (f", file {m.source}" if tag.verdict == "ambiguous" else "") for m in tag.matches]
        shell.numbered(lines[0], list(zip(names, lines[1:], strict=True)))
    if tag.tied == 1 and tag.matches[0].ids:
        shell.say(", ".join(f"{IDENTIFIERS[name]} {value}" for name, value in tag.matches[0].ids.items()))
    if tag.nearest:
        near = ", ".join(f"{n.title} ({n.divergence:.1f})" for n in tag.nearest[:5])
        shell.say(f"sounds alike, by symmetric KL divergence in nats: {near}")
    for remark in tag.remarks:
        _, _, text = remark.partition(": ")
        shell.say(f"remark: {text}")
    scope = "all" if tag.searched.complete else "the likeliest"
    shell.say(
        f"{tag.searched.windows} windows compared, {tag.searched.aligned_tracks} tracks aligned ({scope}), "
        f"{1000 * tag.seconds['total']:.0f} ms"
    )


def sentence(tag: Tag) -> str:
    """Return the meaning of a verdict in one or two plain sentences."""
    if tag.verdict == "no_match" and not tag.searched.windows and not tag.searched.aligned_tracks:
        return "There was nothing to compare: enroll some music first, or record for longer."
    if tag.verdict == "no_match":
        return "Not in this catalogue. The candidates below are too weak to name one."
    best = tag.matches[0]
    if tag.verdict == "identified":
        place = "" if best.offset_s is None else f", {clock_time(best.offset_s)} into the track"
        return f"Identified: {_named(best)}{place}.{_parts(tag)} The rest is the evidence."
    named = tag.matches[: tag.tied]
    if len({_named(match) for match in named}) == 1:
        return f"{tag.tied} copies of {_named(best)} fit equally well; their file names tell them apart."
    return f"{tag.tied} recordings fit equally well: they are the first {tag.tied} below."


def _parts(tag: Tag) -> str:
    """Return a sentence, after a space, on the other tracks that the recording contains parts of; or nothing."""
    parts = [
        f"{_named(m)} ({clock_time(m.query_start_s)} to {clock_time(m.query_end_s)})"
        for m in tag.matches
        if m.role == "part" and m.query_start_s is not None and m.query_end_s is not None
    ]
    return f" The recording also contains {', '.join(parts)}." if parts else ""


def _named(match: Match) -> str:
    return f"{match.title} by {match.artist}" if match.artist else match.title


def _figures(tag: Tag) -> list[list[str]]:
    """Return the evidence by columns, each with its heading first."""

    def column(heading: str, write: Callable[[float], str], values: Iterable[float | None]) -> list[str]:
        return [heading, *("" if value is None else write(value) for value in values)]

    columns = [
        column("at", clock_time, (m.offset_s for m in tag.matches)),
        column("confidence", percent, (m.confidence for m in tag.matches)),
        column("divergence", "{:.2f}".format, (m.divergence for m in tag.matches)),
    ]
    if tag.method == "auto":
        columns[2:2] = [
            column("agreement", "{:.3f}".format, (m.agreement for m in tag.matches)),
            column("z", "{:.1f}".format, (m.z for m in tag.matches)),
            column("log10 E", "{:.1f}".format, (m.log10_e_value for m in tag.matches)),
        ]
    return columns
