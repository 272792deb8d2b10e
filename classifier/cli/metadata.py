"""``earmark tracks import-metadata`` and ``export-metadata``: what is said of tracks, from and to other programs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from classifier.care.tables import FORMATS
from classifier.cli.common import Shell, shell_command
from classifier.errors import EarmarkError

if TYPE_CHECKING:
    from classifier.care.metadata import Change
    from classifier.results import Track

_KIND = click.Choice(FORMATS)


@click.command("import-metadata")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--format", "kind", type=_KIND, help="Format of FILE; default: by its ending.")
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@click.option("--over-hand", is_flag=True, help="Replace what was edited by hand, too.")
@shell_command
def import_metadata(shell: Shell, file: Path, kind: str | None, dry_run: bool, over_hand: bool) -> None:
    """Take over titles, artists, albums and identifiers from FILE: CSV, JSON, M3U, XSPF or JSPF.

    A row means the track of its id; else of its ISRC, MusicBrainz recording or AcoustID; else of its file's name; else
    of its title and artist. What was edited by hand stays, and empty values empty nothing.

    \b
    Example:
      earmark tracks import-metadata library.csv --dry-run
      earmark tracks import-metadata library.csv
    """
    from classifier.care.metadata import apply, plan
    from classifier.care.tables import read_table

    table = read_table(_read(file), kind or file.suffix[1:].lower())
    with shell.catalogue(create=False) as catalogue:
        changes = plan(table.rows, catalogue.tracks(), over_hand=over_hand)
        counts: Counter[str] = Counter()
        outcomes = (
            ((change, change.track) for change in changes)
            if dry_run
            else apply(changes, catalogue.edit, catalogue.track, over_hand=over_hand)
        )
        with shell.progress("importing", len(changes)) as done:
            for number, (change, outcome) in enumerate(outcomes, start=1):
                counts["failed" if isinstance(outcome, EarmarkError) else change.status] += 1
                _report(shell, change, outcome)
                done(number)
    if table.left_out:
        shell.remark(f"columns that mean nothing here: {', '.join(sorted(table.left_out))}")
    would = "would be changed" if dry_run else "changed"
    shell.remark(
        f"{counts['changed']} tracks {would}, {counts['unchanged']} are so already, {counts['kept']} stay as edited by "
        f"hand, {counts['unmatched']} rows mean no track, {counts['failed']} failed"
    )
    if counts["failed"] or counts["unmatched"]:
        raise SystemExit(1)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise click.ClickException(f"{file} cannot be read: {error.strerror}") from None


def _report(shell: Shell, change: Change, outcome: Track | EarmarkError | None) -> None:
    track = change.track
    if shell.as_json:
        shell.emit(
            {
                "row": change.row.place,
                "status": "failed" if isinstance(outcome, EarmarkError) else change.status,
                "track_id": None if track is None else track.id,
                "matched_by": change.way or None,
                "changes": {name: {"from": getattr(track, name), "to": value} for name, value in change.fields.items()},
                "kept_by_hand": change.kept,
                "refused": [*change.refused, *([str(outcome)] if isinstance(outcome, EarmarkError) else [])],
            }
        )
        return
    if isinstance(outcome, EarmarkError):
        shell.failed(change.row.place, outcome)
    named = "" if track is None else f" ({track.title}, by {change.way})"
    for name, value in change.fields.items():
        shell.say(f"{change.row.place}{named}: {name}: {getattr(track, name) or ''!r} -> {value!r}")
    for name, text in change.kept.items():
        shell.say(f"{change.row.place}{named}: {name} stays as edited by hand, not {text!r}")
    for reason in change.refused:
        shell.remark(f"{change.row.place}{named}: not taken over: {reason}")


@click.command("export-metadata")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--format", "kind", type=_KIND, help="Format of FILE; default: by its ending.")
@click.option("--search", help="Only tracks with these words in title, artist, album, identifiers or source.")
@click.option("--label", multiple=True, help="Only tracks with this label: genre:jazz, or jazz of any task.")
@click.option(
    "--files",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder in which playlists find the files; without it they name them without folder and ending.",
)
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
@shell_command
def export_metadata(
    shell: Shell,
    file: Path,
    kind: str | None,
    search: str | None,
    label: tuple[str, ...],
    files: Path | None,
    force: bool,
) -> None:
    """Write what is known of the tracks to FILE (- for standard output): CSV, JSON, M3U, XSPF or JSPF.

    What import-metadata reads again: correct a CSV in a spreadsheet and take it back. Models and sound are not in it;
    'earmark tracks export' moves whole catalogues.

    \b
    Example:
      earmark tracks export-metadata library.csv
      earmark tracks export-metadata calm.m3u --label mood:calm --files ~/Music
    """
    from classifier.care.tables import write_table

    to_stdout = str(file) == "-"
    kind = kind or file.suffix[1:].lower()
    if to_stdout and not kind:
        raise click.UsageError("standard output has no ending: give --format")
    if not to_stdout and file.exists() and not force:
        raise click.ClickException(f"{file} already exists: name another file, or add --force to replace it")
    with shell.catalogue(create=False) as catalogue:
        found = catalogue.tracks(search=search, label=label)
    text = write_table(found, kind, {} if files is None else _locations(shell, found, files))
    if to_stdout:
        shell.document(text)
    else:
        _write(file, text)
    shell.remark(f"wrote {len(found)} tracks")
    if shell.as_json and not to_stdout:
        shell.emit({"file": str(file), "format": kind, "tracks": len(found)})


def _write(file: Path, text: str) -> None:
    part = file.with_name(f".{file.name}.part")
    try:
        part.write_text(text, "utf-8", newline="")
        part.replace(file)
    except OSError as error:
        raise click.ClickException(f"{file} cannot be written: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)


def _locations(shell: Shell, tracks: list[Track], folder: Path) -> dict[str, str]:
    """Return the path of each track's file, where one file alone has its name."""
    from classifier.care.folders import search
    from classifier.text import clean

    by_name: dict[str, list[Path]] = {}
    for path in search(folder).files:
        by_name.setdefault(clean(path.stem), []).append(path)
    found = {track.id: by_name.get(track.source, []) for track in tracks}
    missing = sum(len(paths) != 1 for paths in found.values())
    if missing:
        shell.remark(f"{missing} tracks have no file of their name in {folder}, or several: they are named without one")
    return {track_id: str(paths[0].absolute()) for track_id, paths in found.items() if len(paths) == 1}
