"""``earmark identify``: name the track in a snippet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from classifier.cli.common import Shell, clock_time, shell_command
from classifier.errors import EarmarkError
from classifier.results import Tag

_VERDICTS = {
    "identified": "identified",
    "ambiguous": "ambiguous: two recordings explain it equally well",
    "no_match": "no match",
}


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--method", type=click.Choice(["auto", "kl"]), help="auto: aligned sub-fingerprints; kl: divergence alone."
)
@click.option("--top", type=click.IntRange(1, 100), default=5, show_default=True, help="Candidates shown.")
@shell_command
def identify(shell: Shell, files: tuple[Path, ...], method: str | None, top: int) -> None:
    """Say which enrolled track each FILE is a recording of, where in it, and how sure that is.

    \b
    Example:
      earmark identify bar.m4a
      earmark identify --json *.wav | jq .verdict
    """
    failed = 0
    # A newcomer's first snippet is answered, even if by nobody; a mistyped name makes no new catalogue.
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
    """Return the JSON object of the command line's contract."""
    values = tag.to_dict()
    del values["duration_s"]
    return {"file": name, **values}


def show(shell: Shell, name: str, tag: Tag) -> None:
    """Print a tag as tables for a person."""
    shell.say(f"{name}: {_VERDICTS[tag.verdict]}")
    if tag.matches:
        auto = tag.method == "auto"
        columns = [
            "title",
            "artist",
            "at",
            "confidence",
            *(["agreement", "z", "log10 E"] if auto else []),
            "divergence",
        ]
        rows = []
        for m in tag.matches:
            numbers = [f"{m.agreement:.3f}", f"{m.z:.1f}", f"{m.log10_e_value:.1f}"] if auto else []
            confidence = "" if m.confidence is None else f"{100 * m.confidence:.1f} %"
            divergence = "" if m.divergence is None else f"{m.divergence:.2f}"
            at = "" if m.offset_s is None else clock_time(m.offset_s)
            rows.append([m.title, m.artist or "", at, confidence, *numbers, divergence])
        shell.table(columns, rows)
    elif tag.verdict == "no_match" and not tag.searched.windows:
        shell.say("the catalogue is empty: enroll some music first")
    if tag.nearest:
        near = ", ".join(f"{n.title} ({n.divergence:.1f})" for n in tag.nearest[:5])
        shell.say(f"sounds alike, by symmetric KL divergence in nats: {near}")
    scope = "all" if tag.searched.complete else "the likeliest"
    shell.say(
        f"{tag.searched.windows} windows compared, {tag.searched.aligned_tracks} tracks aligned ({scope}), "
        f"{1000 * tag.seconds['total']:.0f} ms"
    )
