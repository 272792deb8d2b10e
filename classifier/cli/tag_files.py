"""``earmark tag-files``: titles and identifiers of recordings, written into files that lack them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from classifier.cli.common import Shell, shell_command, until_ctrl_c
from classifier.errors import EarmarkError

if TYPE_CHECKING:
    from classifier.care.tagfiles import Recognised


@click.command("tag-files")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--write", "do_write", is_flag=True, help="Write; without it, what would be written is only shown.")
@shell_command
def tag_files(shell: Shell, paths: tuple[Path, ...], do_write: bool) -> None:
    """Say what the tags of files lack and the catalogue knows: title, artist, album, identifiers. --write writes it.

    PATHS are files, and folders with all audio files below them. What a tag says already stays. The sound is never
    touched: a copy with the new tags takes a file's place only once it proves to hold the same audio.

    \b
    Example:
      earmark tag-files ~/Unsorted
      earmark tag-files ~/Unsorted --write
    """
    from classifier.care.tagfiles import recognise, write
    from classifier.cli.enroll import files_in

    files, _, failed = files_in(shell, paths)
    counts: Counter[str] = Counter()
    for path, error in failed:
        shell.failed(path, error)
        counts["failed"] += 1
    with (
        shell.catalogue(create=False) as catalogue,
        shell.progress("tagging", len(files)) as done,
        until_ctrl_c() as stop,
    ):
        view = catalogue.view()
        for number, path in enumerate(files, start=1):
            if stop.is_set():
                break
            try:
                found = recognise(catalogue, path, view)
                if do_write and found.lacking:
                    write(catalogue, path, found.lacking)
                status = _status(found, written=do_write)
                _report(shell, path, found, status)
            except EarmarkError as error:
                status = "failed"
                shell.failed(path, error)
                if shell.as_json:
                    shell.emit({"file": str(path), "status": status, "error": error.name, "detail": str(error)})
            counts[status] += 1
            done(number)
    verb = "tagged" if do_write else "would be tagged ('--write' does it)"
    shell.remark(
        f"{counts['written'] + counts['lacking']} files {verb}, {counts['complete']} lack nothing, "
        f"{counts['unknown']} unknown, {counts['failed']} failed"
    )
    if stop.is_set():
        shell.remark("stopped: the same command goes on from here")
        raise SystemExit(130)
    if counts["failed"]:
        raise SystemExit(1)


def _status(found: Recognised, *, written: bool) -> str:
    if not found.tracks:
        return "unknown"
    if not found.lacking:
        return "complete"
    return "written" if written else "lacking"


def _report(shell: Shell, path: Path, found: Recognised, status: str) -> None:
    if shell.as_json:
        ids = [track.id for track in found.tracks]
        shell.emit(
            {"file": str(path), "status": status, "known_by": found.way, "track_ids": ids, "fields": found.lacking}
        )
        return
    for name, value in found.lacking.items():
        shell.say(f"{path}: {name}: {value}")
    if not found.tracks:
        shell.remark(f"{path}: not one recording of this catalogue")
