"""``earmark enroll``: add files and folders to the library."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from pathlib import Path

import click

from classifier.catalogue import Catalogue, Enrolled
from classifier.cli.common import Shell, shell_command
from classifier.errors import EarmarkError, FileMissing

#: Endings of files that are taken from a folder; a file named on the command line is tried whatever its ending.
AUDIO_ENDINGS = frozenset(
    ".3g2 .3gp .aac .aif .aifc .aiff .amr .caf .flac .m4a .m4b .mka .mp2 .mp3 .mp4 .oga .ogg .opus .wav .webm".split()
)


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--jobs", type=click.IntRange(1, 64), help="Files worked on at the same time; default: one a core.")
@click.option("--replace", is_flag=True, help="Model files anew that are enrolled already, and re-read their tags.")
@shell_command
def enroll(shell: Shell, paths: tuple[Path, ...], jobs: int | None, replace: bool) -> None:
    """Enroll audio files, and all audio files in folders and below them.

    Files whose audio is enrolled already are skipped; a broken file is named at the end and stops nothing. After
    Ctrl-C or a crash the same command goes on where it was.

    \b
    Example:
      earmark enroll ~/Music interview.mp3 --jobs 4
    """
    jobs = jobs or os.cpu_count() or 1
    failed: list[tuple[Path, EarmarkError]] = []
    files = []
    for path in paths:
        try:
            files.extend(_files(path))
        except EarmarkError as error:
            failed.append((path, error))
    counts = {"enrolled": 0, "skipped": 0}
    with shell.catalogue() as catalogue:
        stopped = False
        with shell.progress("enrolling", len(files)) as done:
            try:
                for number, (path, outcome) in enumerate(enroll_all(catalogue, files, jobs, replace), start=1):
                    if isinstance(outcome, EarmarkError):
                        failed.append((path, outcome))
                    else:
                        counts["enrolled" if outcome.added else "skipped"] += 1
                    _report(shell, path, outcome)
                    done(number)
            except KeyboardInterrupt:
                stopped = True
        if not stopped:
            with shell.progress("indexing", 0) as done:
                catalogue.refresh(lambda n, _: done(n))
    for path, error in failed:
        shell.remark(f"failed: {path}: {error}")
        if shell.as_json and path in paths and path not in files:
            shell.emit({"file": str(path), "status": "failed", "error": error.name, "detail": str(error)})
    shell.remark(f"{counts['enrolled']} enrolled, {counts['skipped']} already there, {len(failed)} failed")
    if stopped:
        shell.remark("stopped: the same command goes on from here")
        raise SystemExit(130)
    if failed:
        raise SystemExit(1)


def _files(path: Path) -> list[Path]:
    """Return the file, or the audio files in and below a folder, in order of name."""
    if not path.is_dir():
        if not path.exists():
            raise FileMissing(f"{path} does not exist")
        return [path]
    found = sorted(p for p in path.rglob("*") if p.suffix.lower() in AUDIO_ENDINGS and p.is_file())
    if not found:
        raise FileMissing(f"{path} holds no audio files ({' '.join(sorted(AUDIO_ENDINGS))})")
    return found


def enroll_all(
    catalogue: Catalogue, files: Iterable[Path], jobs: int, replace: bool
) -> Iterator[tuple[Path, Enrolled | EarmarkError]]:
    """Enroll files side by side, never holding more than twice ``jobs`` of them, and yield outcomes as they come."""

    def one(path: Path) -> Enrolled | EarmarkError:
        try:
            return catalogue.enroll(path, replace=replace)
        except EarmarkError as error:
            return error

    rest = iter(files)
    pool = ThreadPoolExecutor(jobs)
    running: dict[Future[Enrolled | EarmarkError], Path] = {}
    try:
        while True:
            running |= {pool.submit(one, path): path for path in islice(rest, 2 * jobs - len(running))}
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                yield running.pop(future), future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _report(shell: Shell, path: Path, outcome: Enrolled | EarmarkError) -> None:
    if not shell.as_json:
        return
    if isinstance(outcome, EarmarkError):
        shell.emit({"file": str(path), "status": "failed", "error": outcome.name, "detail": str(outcome)})
    else:
        status = "enrolled" if outcome.added else "already_enrolled"
        shell.emit({"file": str(path), "status": status, "track": outcome.track.to_dict()})


