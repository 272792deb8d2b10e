"""``earmark tracks windows``: the windows of a track, and where it sounds like one of them again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from classifier.cli.common import Shell, clock_time, counted, shell_command

if TYPE_CHECKING:
    from classifier.likeness.windows import Compared, Window


@click.command()
@click.argument("track_id")
@click.option("--at", type=click.FloatRange(0), help="Compare the window that begins nearest to this second.")
@click.option("--top", type=click.IntRange(1, 1000), default=10, show_default=True, help="Windows listed with --at.")
@shell_command
def windows(shell: Shell, track_id: str, at: float | None, top: int) -> None:
    """List the windows of a track, each of which a Gaussian mixture describes, or compare one with all others.

    With --at, the windows that are most alike and share no sound with it come first: where the track repeats itself.
    The divergence is the symmetric Kullback-Leibler divergence of the mixtures in nats, 0 for the same sound. With
    --json, the mixtures and the divergence along the whole track are printed.

    \b
    Example:
      earmark tracks windows 3f2a91c07b
      earmark tracks windows 3f2a91c07b --at 41
    """
    from classifier.cli.tracks import named
    from classifier.likeness.windows import compare, of_track

    with shell.catalogue(create=False) as catalogue:
        track = named(catalogue, track_id)
        found = of_track(catalogue.store, track, catalogue.config)
        if at is not None:
            number = min(range(len(found)), key=lambda i: abs(found[i].start_s - at), default=0)
            compared = compare(catalogue.store, track, catalogue.config, number)
    if at is not None:
        if shell.as_json:
            shell.emit(compared.to_dict())
        else:
            _show(shell, compared, top)
        return
    if shell.as_json:
        for window in found:
            shell.emit(window.to_dict())
    elif found:
        shell.table(["", "from", "to", ""], [[str(w.number), *_span(w), "silent" if w.silent else ""] for w in found])
    shell.remark(counted(len(found), "window"))


def _show(shell: Shell, compared: Compared, top: int) -> None:
    chosen = compared.windows[compared.number]
    start, end = _span(chosen)
    if compared.average is None:
        why = "it is silent" if chosen.silent else "all that is not silent overlaps it"
        shell.remark(f"window {chosen.number}, {start} to {end}, can be compared with no other: {why}")
        return
    nearest = sorted(compared.apart, key=lambda number: compared.divergence[number])[:top]
    rows = [[str(number), *_span(compared.windows[number]), f"{compared.divergence[number]:.2f}"] for number in nearest]
    shell.table(["", "from", "to", "nats"], rows)
    shell.remark(
        f"most like window {chosen.number}, {start} to {end}; the average window differs by {compared.average:.2f} nats"
    )


def _span(window: Window) -> list[str]:
    return [clock_time(window.start_s), clock_time(window.end_s)]
