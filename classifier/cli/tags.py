"""``earmark tags``: what a recording sounds like, in fifty words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from classifier.cli.common import Shell, clock_time, percent, shell_command
from classifier.errors import EarmarkError

if TYPE_CHECKING:
    from classifier.labels.hearing import Ears, Heard

#: Tags of each group that are shown to people, and of each stretch of a series.
_PER_GROUP, _PER_STRETCH = 5, 4


@contextmanager
def hearing(shell: Shell) -> Iterator[Ears]:
    """Open what hears files, for the length of a ``with`` block."""
    from classifier.audio.decoder import Decoder
    from classifier.audio.limits import Limits
    from classifier.labels.hearing import Ears

    with Decoder(shell.settings) as decoder:
        yield Ears(shell.settings, decoder, Limits.for_track(shell.settings).for_own_file())


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--series", is_flag=True, help="Over time: a line a stretch of each file.")
@click.option(
    "--every", type=click.FloatRange(3.0, 3600.0), default=15.0, show_default=True, help="Seconds of a stretch."
)
@shell_command
def tags(shell: Shell, files: tuple[Path, ...], series: bool, every: float) -> None:
    """Say what each FILE sounds like: style, mood and use, voice and instrument, decade, and how lively it is.

    Tags are words of listeners, each with a probability of its own. The lift says how many times as probable it is as
    in music of ten genres: read that first, for some words are twenty times as common as others.

    \b
    Example:
      earmark tags song.mp3
      earmark tags --series --every 30 mix.opus
    """
    failed = 0
    with hearing(shell) as ears:
        for path in files:
            try:
                if series:
                    _series(shell, str(path), ears.series(path), every)
                else:
                    _tags(shell, str(path), ears.hear(path))
            except EarmarkError as error:
                failed += 1
                if shell.as_json:
                    shell.emit({"file": str(path), "error": error.name, "detail": str(error)})
                shell.failed(path, error)
    if failed:
        raise SystemExit(1)


def _tags(shell: Shell, name: str, heard: Heard) -> None:
    from classifier.labels.tagging import tagged
    from classifier.labels.tags import GROUPS, SHOWN

    answer = tagged(heard)
    if shell.as_json:
        shell.emit({"file": name, **answer})
        return
    shell.say(f"{name}: {clock_time(answer['duration_s'])}")
    rows = []
    for group in GROUPS:
        found = [s for s in answer["tags"] if s["group"] == group and s["probability"] >= SHOWN][:_PER_GROUP]
        for score in found:
            heading = group if score is found[0] else ""
            rows.append([heading, score["tag"], percent(score["probability"]), f"{score['lift']:.1f}"])
        if not found:
            rows.append([group, "nothing stands out", "", ""])
    shell.table(["", "tag", "probability", "lift"], rows)
    shell.say(f"{_energy(answer['arousal']['percentile'])} (experimental)")
    for remark in answer["remarks"]:
        shell.say(f"remark: {remark.partition(': ')[2]}")


def _series(shell: Shell, name: str, heard: Heard, every: float) -> None:
    from classifier.labels.tagging import tagged_series
    from classifier.labels.tags import most_telling

    rows = []
    for part in tagged_series(heard, every):
        if shell.as_json:
            shell.emit({"file": name, **part})
            continue
        best = most_telling(part["tags"], _PER_STRETCH)
        said = ", ".join(f"{score['tag']} {percent(score['probability'])}" for score in best)
        rows.append([clock_time(part["start_s"]), said or "nothing stands out", f"{part['arousal']['percentile']:.0f}"])
    if not shell.as_json:
        shell.table(["from", "tags", "energy"], rows, title=name)


def _energy(percentile: float) -> str:
    """Return where a recording stands between calm and energetic, in words."""
    words = ("very calm", "calm", "neither calm nor energetic", "energetic", "very energetic")
    word = words[min(4, int(percentile // 20))]
    return f"{word}: livelier than {percentile:.0f} of 100 recordings of ten genres"
