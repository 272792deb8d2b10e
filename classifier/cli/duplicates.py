"""``earmark tracks duplicates``, ``merge`` and ``unmerge``: tracks that share sound, one that goes on for several."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from classifier.cli.common import Shell, clock_time, shell_command, until_ctrl_c
from classifier.errors import InvalidParameter

if TYPE_CHECKING:
    from classifier.care.versions import Contest
    from classifier.index.follower import View
    from classifier.results import Track
    from classifier.search.overlap import Overlap

RELATIONS = ("copy", "excerpt", "edit", "part")
_MEANS = {
    "copy": "the same recording",
    "excerpt": "a piece of it",
    "edit": "cut otherwise",
    "part": "shares some of it",
}


@click.command()
@click.argument("track_ids", nargs=-1)
@click.option("--relation", type=click.Choice(RELATIONS), multiple=True, help="Only pairs so related; may be repeated.")
@click.option("--limit", type=click.IntRange(1), default=1000, show_default=True, help="So many pairs at most.")
@shell_command
def duplicates(shell: Shell, track_ids: tuple[str, ...], relation: tuple[str, ...], limit: int) -> None:
    """List tracks that share sound, closest first: copies, excerpts, edits, and parts such as medleys and loops.

    Every track is aligned with every other, or only those of TRACK_IDS. Which stretch of which is told to the second.
    Copies at another speed and other performances are not found. Identifiers that different recordings claim are named
    at the end.

    \b
    Example:
      earmark tracks duplicates --relation copy
      earmark tracks duplicates 3f2a91c07b --json
    """
    from classifier.care.versions import contested, to_dict
    from classifier.cli.tracks import named
    from classifier.search.overlap import overlaps

    with shell.catalogue(create=False) as catalogue, until_ctrl_c() as stop:
        only = {named(catalogue, name).id for name in track_ids} or None
        view = catalogue.view()
        with shell.progress("aligning", 2 * len(view.snapshot)) as done:
            found = overlaps(view.snapshot, only=only, progress=lambda n, _: done(n), stop=stop.is_set)
        found = [overlap for overlap in found if not relation or overlap.relation in relation]
        for overlap in found[:limit]:
            if shell.as_json:
                shell.emit(to_dict(overlap, view.tracks.__getitem__))
            else:
                _show(shell, overlap, view)
        contests = contested(view.tracks.values(), lambda: view, among=only) if not stop.is_set() else []
    shell.remark(f"{len(found)} pairs of tracks share sound" + (f", {limit} shown" if len(found) > limit else ""))
    warn(shell, contests)
    if stop.is_set():
        shell.remark("stopped: not all tracks were aligned")
        raise SystemExit(130)


def warn(shell: Shell, contests: list[Contest]) -> None:
    """Name identifiers that different recordings claim."""
    for contest in contests:
        claimants = ", ".join(f"{_called(track)} ({track.id[:10]})" for track in contest.tracks)
        shell.remark(f"warning: {contest.name} {contest.value} is claimed by different recordings: {claimants}")


def _called(track: Track) -> str:
    return f"{track.title} by {track.artist}" if track.artist else track.title


def _show(shell: Shell, overlap: Overlap, view: View) -> None:
    a, b = view.tracks[overlap.a], view.tracks[overlap.b]
    shell.say(
        f"{overlap.relation}: {a.id[:10]} {_called(a)} [{clock_time(a.duration_s)}, file {a.source}] - "
        f"{b.id[:10]} {_called(b)} [{clock_time(b.duration_s)}, file {b.source}]: {_MEANS[overlap.relation]}, "
        f"{100 * overlap.share_a:.0f} % and {100 * overlap.share_b:.0f} %, agreement {overlap.agreement:.2f}"
    )
    for s in overlap.stretches if overlap.relation != "copy" else ():
        ends = [(start, start + s.length_s) for start in (s.a_start_s, s.b_start_s)]
        here, there = (f"{clock_time(start)} to {clock_time(end)}" for start, end in ends)
        shell.say(f"  {here} is {there}")


@click.command()
@click.argument("track_id")
@click.argument("other_ids", nargs=-1, required=True)
@shell_command
def merge(shell: Shell, track_id: str, other_ids: tuple[str, ...]) -> None:
    """Let track TRACK_ID go on for OTHER_IDS, too: they are no longer found, and what is asked of them leads to it.

    It takes over what was edited by hand of the others and not of itself, and what it has no value for. Nothing is
    deleted: 'unmerge' brings a track back, without its file.

    \b
    Example:
      earmark tracks merge 3f2a91c07b 77c02be5d1
    """
    from classifier.cli.tracks import named
    from classifier.records import merging

    with shell.catalogue(create=False) as catalogue:
        track = named(catalogue, track_id)
        for other in [named(catalogue, name) for name in other_ids]:
            track = merging.merge(catalogue.store, track.id, other.id)
            shell.remark(f"merged {_called(other)} ({other.id[:10]}) into {_called(track)} ({track.id[:10]})")
        if shell.as_json:
            shell.emit(track.to_dict())


@click.command()
@click.argument("track_id", required=False)
@shell_command
def unmerge(shell: Shell, track_id: str | None) -> None:
    """Bring back track TRACK_ID that was merged; without TRACK_ID, list those that can be brought back.

    What the other track took over from it goes back as well, unless it was edited since.

    \b
    Example:
      earmark tracks unmerge
      earmark tracks unmerge 77c02be5d1
    """
    from classifier.records import merging

    with shell.catalogue(create=False) as catalogue:
        merged = merging.merged(catalogue.store, catalogue.name)
        if track_id is None:
            if shell.as_json:
                for track, into, at in merged:
                    shell.emit({**track.to_dict(), "merged_into": into, "merged": at})
            elif merged:
                rows = [[track.id[:10], track.title, track.artist or "", into[:10], at] for track, into, at in merged]
                shell.table(["id", "title", "artist", "into", "merged"], rows, whole=("id", "into"))
            shell.remark(f"{len(merged)} tracks were merged into others")
            return
        found = [track.id for track, _, _ in merged if track.id.startswith(track_id.rstrip("…"))]
        if len(found) > 1 and track_id not in found:
            raise InvalidParameter(f"several merged tracks have ids that begin with {track_id!r}: give more of it")
        track = merging.undo(catalogue.store, found[0] if len(found) == 1 else track_id)
        shell.remark(f"brought back {_called(track)} ({track.id[:10]})")
        if shell.as_json:
            shell.emit(track.to_dict())
