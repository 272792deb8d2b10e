"""``earmark identify``: name the track in a snippet."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from classifier.cli.common import Shell, clock_time, percent, shell_command
from classifier.errors import EarmarkError
from classifier.identifiers import IDENTIFIERS
from classifier.results import METHODS, METHODS_HELP, SPEEDS, Match, Tag, recordings, semitones

_VERDICTS = {"identified": "identified", "ambiguous": "ambiguous", "no_match": "no match"}


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--method",
    type=click.Choice(list(METHODS)),
    help=f"{METHODS_HELP}. Default: the catalogue's own.",
)
@click.option("--wide", is_flag=True, help=f"If nothing is certain, search {SPEEDS['wide']}.")
@click.option("--top", type=click.IntRange(1, 100), default=5, show_default=True, help="Candidates shown.")
@click.option("--scheduler", help="Search with the machines of this scheduler; else EARMARK_SCHEDULER, else here.")
@shell_command
def identify(
    shell: Shell, files: tuple[Path, ...], method: str | None, wide: bool, top: int, scheduler: str | None
) -> None:
    """Say which enrolled track each FILE is a recording of, where in the track, and how sure that is.

    A FILE may also be a signature that `earmark signature` or an app wrote.

    \b
    Example:
      earmark identify bar.m4a
      earmark identify --json *.wav | jq .verdict
      earmark identify --wide mix.wav
    """
    failed, shell = 0, shell.using(scheduler)
    # A newcomer's first snippet gets an answer, even from an empty catalogue; a mistyped name creates no catalogue.
    with shell.catalogue(create=shell.settings.catalogue == "default") as catalogue:
        for path in files:
            try:
                tag = catalogue.identify(path, method=method, top=top, speeds="wide" if wide else None)
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
        groups = _recordings(tag)
        columns = _figures(tag, groups)
        widths = [max(map(len, column)) for column in columns]
        heading, *rows = zip(*columns, strict=True)
        lines = ["  ".join(map(str.rjust, row, widths)) for row in (heading, *rows)]
        items = [(_heading(group), line, *_tracks(group)) for group, line in zip(groups, lines[1:], strict=True)]
        shell.numbered(lines[0], items)
    if tag.tied == 1 and tag.matches[0].ids:
        shell.say(", ".join(f"{IDENTIFIERS[name]} {value}" for name, value in tag.matches[0].ids.items()))
    if tag.nearest:
        near = ", ".join(f"{n.title} ({n.divergence:.1f})" for n in tag.nearest[:5])
        near += "" if tag.searched.nearest_exact else "; nearer ones may be missing"
        shell.say(f"sounds alike, by symmetric KL divergence in nats: {near}")
    for remark in tag.remarks:
        _, _, text = remark.partition(": ")
        shell.say(f"remark: {text}")
    scope = "all" if tag.searched.complete else "the likeliest"
    if tag.searched.share < 1.0:
        shell.say(f"incomplete: {percent(tag.searched.share)} of the catalogue could be searched, machines were lost")
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
        return f"Identified: {_named(best)}{place}{_played(best)}.{_parts(tag)} The rest is the evidence."
    if len({_named(match) for match in tag.matches[: tag.tied]}) == 1:
        return f"{_named(best)}: {tag.tied} tracks are this recording, and fit equally well."
    return f"{tag.tied} tracks hold what was heard: one recording under several names, or a passage that they share."


def _played(match: Match) -> str:
    """Say, after a comma, how tempo and pitch differ from the track's; nothing if they go together."""
    if match.speed is None or match.pitch is None or match.pitch == semitones(match.speed):
        return ""
    return f", at {100 * match.speed:.1f} % of its tempo and {match.pitch:+.1f} semitones"


def _parts(tag: Tag) -> str:
    """Return a sentence, after a space, on the other recordings that the snippet contains parts of; or nothing."""
    parts = [
        f"{_heading(group)} ({clock_time(best.query_start_s)} to {clock_time(best.query_end_s)})"
        for group in _recordings(tag)
        if (best := group[0]).role == "part" and best.query_start_s is not None and best.query_end_s is not None
    ]
    return f" The recording also contains {', '.join(parts)}." if parts else ""


def _recordings(tag: Tag) -> list[list[Match]]:
    """Return the matches, copies of one recording together, best first."""
    groups: dict[int, list[Match]] = {}
    for match in tag.matches:
        groups.setdefault(match.recording, []).append(match)
    return list(groups.values())


def _heading(copies: list[Match]) -> str:
    return _named(copies[0]) + (f", {len(copies)} tracks" if len(copies) > 1 else "")


def _tracks(copies: list[Match]) -> list[str]:
    """Return a line for each of several copies: what tells it apart, and the place in it."""
    if len(copies) == 1:
        return []
    name = _named(copies[0])
    lines = []
    for match in copies:
        place = "" if match.offset_s is None else f"at {clock_time(match.offset_s)}"
        album = f"album {match.album}" if match.album else ""
        other = _named(match) if _named(match) != name else ""
        lines.append("- " + ", ".join(part for part in (other, album, f"file {match.source}", place) if part))
    return lines


def _named(match: Match) -> str:
    return f"{match.title} by {match.artist}" if match.artist else match.title


def _figures(tag: Tag, groups: list[list[Match]]) -> list[list[str]]:
    """Return the evidence for each recording column by column, each with its heading: that of its best track."""
    best = [group[0] for group in groups]
    confidences = [recording["confidence"] for recording in recordings([asdict(match) for match in tag.matches])]

    def column(heading: str, write: Callable[[float], str], values: Iterable[float | None]) -> list[str]:
        return [heading, *("" if value is None else write(value) for value in values)]

    columns = [
        column("at", clock_time, (m.offset_s for m in best)),
        column("confidence", percent, confidences),
        column("divergence", "{:.2f}".format, (m.divergence for m in best)),
    ]
    if tag.method == "auto":
        columns[2:2] = [
            column("agreement", "{:.3f}".format, (m.agreement for m in best)),
            column("z", "{:.1f}".format, (m.z for m in best)),
            column("log10 E", "{:.1f}".format, (m.log10_e_value for m in best)),
        ]
    return columns
