"""``earmark tracks export`` and ``import``: a whole catalogue as one file, to move, keep or share it."""

from __future__ import annotations

import os
from pathlib import Path

import click

from classifier.cli.common import Shell, counted, shell_command


@click.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
@shell_command
def export_tracks(shell: Shell, file: Path, force: bool) -> None:
    """Write the catalogue with all its tracks to FILE, for another store or as a backup.

    The file holds titles, metadata, models and sub-fingerprints, but no audio. It appears only when complete. The
    service may keep running.

    \b
    Example:
      earmark tracks export library.zip
    """
    from classifier.records.archive import export_catalogue
    from classifier.records.tracks import count_tracks

    if file.exists() and not force:
        raise click.ClickException(f"{file} already exists: name another file, or add --force to replace it")
    name = shell.settings.catalogue
    with shell.store() as store, shell.progress("exporting", count_tracks(store, name)) as done:
        try:
            n_tracks = export_catalogue(store, name, file, progress=lambda n, _: done(n))
            size = file.stat().st_size
        except OSError as error:
            raise click.ClickException(f"{file} cannot be written: {error.strerror}") from None
    shell.remark(f"wrote {counted(n_tracks, 'track')} of catalogue {name!r} to {file}, {size / 1e6:.1f} MB")
    if shell.as_json:
        shell.emit({"file": str(file), "catalogue": name, "tracks": n_tracks, "bytes": size})


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@shell_command
def import_tracks(shell: Shell, file: Path) -> None:
    """Add the tracks of FILE, written by export, to the catalogue, which is created if it is missing.

    Without --catalogue and EARMARK_CATALOGUE, FILE names the catalogue. Tracks whose audio it already holds stay as
    they are, so an interrupted import resumes where it stopped. A damaged file is refused as a whole.

    \b
    Example:
      earmark tracks import library.zip --store mongodb://localhost/earmark
    """
    from classifier.records.archive import import_catalogue
    from classifier.records.archive_reading import check_archive

    given = click.get_current_context().params["catalogue"] or os.environ.get("EARMARK_CATALOGUE")
    n_tracks = check_archive(file)
    with shell.store() as store, shell.progress("importing", n_tracks) as done:
        outcome = import_catalogue(
            store,
            file,
            name=given,
            lease_seconds=shell.settings.lease_seconds,
            progress=lambda n, _: done(n),
        )
    name = outcome.catalogue.name
    shell.remark(f"{counted(outcome.added, 'track')} added to catalogue {name!r}, {outcome.known} already there")
    if shell.as_json:
        shell.emit({"file": str(file), "catalogue": name, "added": outcome.added, "known": outcome.known})
