"""``earmark alike`` and ``earmark map``: what sounds alike, and a map of the library."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from classifier.cli.common import Shell, counted, shell_command

if TYPE_CHECKING:
    from classifier.likeness.library import Map
    from classifier.likeness.nearest import Alike, Neighbourhood

#: Divergence in nats below which two sounds count as the same.
_SAME = 0.05


@click.command()
@click.argument("what")
@click.option("--top", type=click.IntRange(1, 1000), default=10, show_default=True, help="Tracks listed at most.")
@shell_command
def alike(shell: Shell, what: str, top: int) -> None:
    """List the tracks that sound most like WHAT: a track's id, or a file (a snippet, a whole song).

    Each track counts as a whole, whatever the order of its sounds; the divergence is the symmetric Kullback-Leibler
    divergence in nats, 0 for the same sound. What of the sound differs most, and how much more it moves, stands beside
    it. Files longer than EARMARK_LABEL_SECONDS are refused.

    \b
    Example:
      earmark alike 3f2a91c07b
      earmark alike snippet.m4a --top 20 --json
    """
    from classifier.cli.tracks import named
    from classifier.likeness.library import Likeness

    with shell.catalogue(create=False) as catalogue:
        library = Likeness(catalogue)
        path = Path(what)
        if path.is_file():
            heard = library.of_file(path)
            for remark in heard.remarks:
                shell.remark(f"remark: {remark.partition(': ')[2]}")
            sound, leave_out = heard.sound, None
        else:
            leave_out = named(catalogue, what).id
            sound = library.of_track(leave_out)
        found = library.nearest(sound, top, leave_out)
        _, near = library.neighbourhood()
    if shell.as_json:
        for track, one in found:
            shell.emit({"title": track.title, "artist": track.artist, "source": track.source, **one.to_dict()})
    elif found:
        rows = [
            [track.id[:10], track.title, track.artist or "", f"{one.divergence:.2f}", _percent(one.proximity), why(one)]
            for track, one in found
        ]
        shell.table(["id", "title", "artist", "nats", "closer than", "differs most in"], rows, whole=("id",))
    else:
        shell.remark("the library holds nothing to compare with")
    shell.remark(ranked_by(near))


def _percent(proximity: float | None) -> str:
    return "" if proximity is None else f"{100 * proximity:.0f} %"


def why(one: Alike, most: int = 2) -> str:
    """Return in words what contributes most to a divergence."""
    if one.divergence < _SAME:
        return "nothing: the same sound"
    parts = []
    for item in one.coefficients[:most]:
        moves = "moves more" if item.spread > 1.05 else "moves less" if item.spread < 0.95 else "moves otherwise"
        parts.append(f"{item.name} {moves} ({100 * item.nats / one.divergence:.0f} %)")
    return ", ".join(parts)


def ranked_by(near: Neighbourhood) -> str:
    """Return in words how a library is ranked, and why."""
    if near.hubness is None:
        return "ranked by divergence: the library is too small to look for tracks that are near to everything"
    raw, corrected = near.hubness
    way = "mutual proximity" if near.corrected else "divergence"
    return f"ranked by {way}: skewness of neighbourhoods {raw:.1f} by divergence, {corrected:.1f} by mutual proximity"


@click.command("map")
@click.option("--anew", is_flag=True, help="Lay it out anew, even if few tracks came since.")
@shell_command
def show_map(shell: Shell, anew: bool) -> None:
    """Lay out a map of the library, where tracks that sound alike lie side by side; the page draws it.

    Tracks that came since the map was made are placed among their neighbours; once they are a quarter of the library,
    it is laid out anew. The same library always makes the same map. With --json, the places of all tracks are printed,
    from 0 to 1.

    \b
    Example:
      earmark map
      earmark map --json > places.jsonl
    """
    from classifier.likeness.library import Likeness

    with shell.catalogue(create=False) as catalogue:
        library = Likeness(catalogue)
        drawn = library.map()
        if anew or (drawn.outgrown and drawn.tracks):
            library.lay_out()
            drawn = library.map()
    if shell.as_json:
        for track, (x, y), placed in zip(drawn.tracks, drawn.places.tolist(), drawn.placed.tolist(), strict=True):
            shell.emit(
                {"track_id": track.id, "title": track.title, "artist": track.artist, "x": x, "y": y, "placed": placed}
            )
    shell.remark(_summary(drawn))


def _summary(drawn: Map) -> str:
    if not drawn.tracks:
        return "the library holds nothing that can be compared"
    return (
        f"{counted(len(drawn.tracks), 'track')} on the map of {drawn.created}, {int(drawn.placed.sum())} placed since"
    )
