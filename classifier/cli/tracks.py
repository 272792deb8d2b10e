"""``earmark tracks``: list, show, edit and remove tracks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from classifier.cli.archive import export_tracks, import_tracks
from classifier.cli.common import Shell, clock_time, counted, shell_command
from classifier.cli.duplicates import duplicates, merge, unmerge
from classifier.cli.metadata import export_metadata, import_metadata
from classifier.cli.track_labels import label_tracks, words_of
from classifier.cli.windows import windows
from classifier.errors import EarmarkError, InvalidParameter
from classifier.identifiers import IDENTIFIERS
from classifier.results import Track

if TYPE_CHECKING:
    from classifier.catalogue import Catalogue

#: Characters of an id in lists: eighty columns have no room for all 32, and these tell millions of tracks apart.
_SHORT_ID = 10


@click.group()
def tracks() -> None:
    """List, show, edit and remove enrolled tracks; move a catalogue between stores.

    \b
    Example:
      earmark tracks list --search "blue"
    """


tracks.add_command(duplicates)
tracks.add_command(export_tracks)
tracks.add_command(import_tracks)
tracks.add_command(export_metadata)
tracks.add_command(import_metadata)
tracks.add_command(label_tracks)
tracks.add_command(merge)
tracks.add_command(unmerge)
tracks.add_command(windows)


def option_of(field: str) -> str:
    """Return the option that sets a field."""
    return "--" + field.replace("_", "-")


def identifier_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command an option for each identifier."""
    for name, title in reversed(IDENTIFIERS.items()):
        command = click.option(option_of(name), help=f"New {title} id." if name != "isrc" else "New ISRC.")(command)
    return command


@tracks.command("list")
@click.option(
    "--search", help="Words that occur in title, artist, album, identifiers or source; case and accents do not matter."
)
@click.option("--label", multiple=True, help="Only tracks with this label: genre:jazz, or jazz of any task.")
@click.option("--limit", type=click.IntRange(1), help="Most tracks to list.")
@click.option(
    "--count", type=click.Choice(("artist", "album", "label")), help="Instead, count them by this: the fifty commonest."
)
@shell_command
def list_tracks(shell: Shell, search: str | None, label: tuple[str, ...], limit: int | None, count: str | None) -> None:
    """List the catalogue's tracks by title.

    \b
    Example:
      earmark tracks list --json | jq -r .title
      earmark tracks list --label genre:jazz --label mood:calm
      earmark tracks list --count label
    """
    with shell.catalogue(create=False) as catalogue:
        if count is not None:
            _count(shell, catalogue.facet(count, search=search, label=label))
            return
        found = catalogue.tracks(search=search, label=label, limit=limit)
    if shell.as_json:
        for track in found:
            shell.emit(track.to_dict())
        return
    rows = [[t.id[:_SHORT_ID], t.title, t.artist or "", t.album or "", clock_time(t.duration_s)] for t in found]
    if rows:
        shell.table(["id", "title", "artist", "album", "length"], rows, whole=("id",))
    shell.remark(counted(len(found), "track"))


def _count(shell: Shell, counted_values: list[tuple[str | None, int]]) -> None:
    if shell.as_json:
        for value, number in counted_values:
            shell.emit({"value": value, "count": number})
    elif counted_values:
        shell.table(["", "tracks"], [[value or "(none)", str(number)] for value, number in counted_values])


@tracks.command()
@click.argument("track_id")
@shell_command
def show(shell: Shell, track_id: str) -> None:
    """Show everything stored about one track, given by its id or the first characters of its id (as listed).

    \b
    Example:
      earmark tracks show 3f2a91c07b
    """
    with shell.catalogue(create=False) as catalogue:
        _print(shell, named(catalogue, track_id))


@tracks.command()
@click.argument("track_id", required=False)
@click.option("--search", help="Edit all tracks with these words in title, artist, album, identifiers or source.")
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@click.option("--yes", is_flag=True, help="Do not ask before several tracks are changed.")
@click.option("--title", help="New title.")
@click.option("--artist", help="New artist.")
@click.option("--album", help="New album.")
@identifier_options
@click.option(
    "--by-hand",
    metavar="FIELDS",
    help="Fields that count as set by hand from now on, comma-separated; '' lets tags in files have their say again.",
)
@shell_command
def edit(
    shell: Shell,
    track_id: str | None,
    search: str | None,
    dry_run: bool,
    yes: bool,
    by_hand: str | None,
    **fields: str | None,
) -> None:
    """Change a track's title, artist and so on, or those of all tracks found; enrolling never changes them again.

    An empty value removes what was there.

    \b
    Example:
      earmark tracks edit 3f2a91c07b --title "Blue Monday"
      earmark tracks edit 3f2a91c07b --by-hand ""
      earmark tracks edit --search "new ordr" --artist "New Order"
    """
    from classifier.records.fields import set_fields

    if (track_id is None) == (search is None):
        raise click.UsageError("name one track by its id, or several by --search")
    changes: dict[str, Any] = {name: value for name, value in fields.items() if value is not None}
    if not changes and by_hand is None:
        raise click.UsageError(f"nothing to change: give one of {', '.join(map(option_of, [*fields, 'by_hand']))}")
    hands = None if by_hand is None else [name.strip() for name in by_hand.split(",") if name.strip()]
    with shell.catalogue(create=False) as catalogue:
        found = [named(catalogue, track_id)] if track_id is not None else catalogue.tracks(search=search)
        wanted = {**set_fields(changes), **({} if hands is None else {"by_hand": hands})}
        meant = [track for track in found if any(getattr(track, name) != value for name, value in wanted.items())]
        if search is not None or dry_run:
            for track in meant:
                for name, value in wanted.items():
                    shell.remark(f"{track.id[:_SHORT_ID]} {track.title}: {name}: {getattr(track, name)!r} -> {value!r}")
            shell.remark(f"{len(meant)} of {len(found)} tracks {'would ' if dry_run else ''}change")
        if dry_run:
            for track in meant if shell.as_json else ():
                shell.emit({**track.to_dict(), **wanted})
            return
        if search is not None and len(meant) > 1 and not yes:
            click.confirm("Change them?", abort=True, err=True)
        for track in meant if search is not None else found:
            _print(shell, catalogue.edit(track.id, **changes, by_hand=hands))


@tracks.command()
@click.argument("track_ids", nargs=-1, required=True)
@shell_command
def remove(shell: Shell, track_ids: tuple[str, ...]) -> None:
    """Remove tracks; the files they were enrolled from stay untouched.

    \b
    Example:
      earmark tracks remove 3f2a91c07b 77c02be5d1
    """
    failed = 0
    with shell.catalogue(create=False) as catalogue:
        for track_id in track_ids:
            try:
                track = named(catalogue, track_id)
                catalogue.remove(track.id)
            except EarmarkError as error:
                failed += 1
                shell.failed(track_id, error)
                continue
            if shell.as_json:
                shell.emit({"track_id": track.id, "removed": True})
            shell.remark(f"removed {track.title}")
    if failed:
        raise SystemExit(1)


def named(catalogue: Catalogue, name: str) -> Track:
    """Return the track with this id, or the only one whose id begins with it."""
    found = catalogue.ids_beginning(name.rstrip("…"))
    if len(found) > 1 and name not in found:
        raise InvalidParameter(
            f"several tracks have ids that begin with {name!r}: give more characters ('--json' lists whole ids)"
        )
    return catalogue.track(found[0] if len(found) == 1 else name)


def _print(shell: Shell, track: Track) -> None:
    if shell.as_json:
        shell.emit(track.to_dict())
        return
    values = track.to_dict()
    notes = values.pop("metadata")
    remarks = values.pop("remarks")
    values["by_hand"] = ", ".join(values["by_hand"])
    said = values.pop("labels")
    rows = [(name, "" if value is None else str(value)) for name, value in values.items()]
    more = [("metadata", f"{name}: {text}") for name, text in notes.items()]
    rows += [("labels", words_of(said))] if said else []
    shell.facts([*rows, *more, *(("remark", remark.partition(": ")[2]) for remark in remarks)])
