"""``earmark enroll``: add files and folders to the library."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from pathlib import Path

import click

from classifier.catalogue import Catalogue, Enrolled
from classifier.cli.common import Shell, shell_command
from classifier.errors import EarmarkError, FileMissing, TrackBusy
from classifier.records.tracks import count_tracks

_PLAIN = (".aac", ".aif", ".aifc", ".aiff", ".amr", ".caf", ".flac", ".mp2", ".mp3", ".wav")
_CONTAINERS = (".3g2", ".3gp", ".m4a", ".m4b", ".mka", ".mp4", ".oga", ".ogg", ".opus", ".webm")
#: Endings of files that are taken from a folder; a file named on the command line is tried whatever its ending.
AUDIO_ENDINGS = frozenset((*_PLAIN, *_CONTAINERS))

#: How long after a dead writer's lease its audio is still tried, and how often.
_LEASE_MARGIN_S, _LEASE_POLL_S = 5.0, 1.0


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
            files.extend(_files(path, failed))
        except EarmarkError as error:
            failed.append((path, error))
    counts = {"enrolled": 0, "skipped": 0}
    with shell.catalogue(jobs=jobs) as catalogue:
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
            _prepare_search(shell, catalogue, counts["enrolled"])
    for path, reason in failed:
        shell.failed(path, reason)
        if path not in files:
            _report(shell, path, reason)
    shell.remark(f"{counts['enrolled']} enrolled, {counts['skipped']} already there, {len(failed)} failed")
    if stopped:
        shell.remark("stopped: the same command goes on from here")
        raise SystemExit(130)
    if failed:
        raise SystemExit(1)


def _prepare_search(shell: Shell, catalogue: Catalogue, n_enrolled: int) -> None:
    """Index what is new, unless that meant to load a library of others on a machine that may never search it."""
    try:
        if catalogue.has_index or 2 * n_enrolled >= count_tracks(catalogue.store, catalogue.name):
            with shell.progress("indexing", n_enrolled) as done:
                catalogue.view(lambda n, _: done(n))
    except EarmarkError as error:  # all tracks are stored; whoever searches first does it
        shell.remark(f"not indexed yet: {error}")


def _files(path: Path, failed: list[tuple[Path, EarmarkError]]) -> list[Path]:
    """Return the file, or the audio files in and below a folder by name; folders that cannot be read have failed."""
    try:
        if not stat.S_ISDIR(path.stat().st_mode):
            return [path]
    except FileNotFoundError:
        raise FileMissing(f"{path} does not exist") from None
    except OSError as error:
        raise FileMissing(f"it cannot be read ({error.strerror})") from None

    def unreadable(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):  # else it went away while we looked
            failed.append((Path(error.filename), FileMissing(f"the folder cannot be read ({error.strerror})")))

    n_failed = len(failed)
    below = (Path(folder, name) for folder, _, names in os.walk(path, onerror=unreadable) for name in names)
    found = sorted(file for file in below if file.suffix.lower() in AUDIO_ENDINGS and file.is_file())
    if not found and len(failed) == n_failed:
        raise FileMissing(f"{path} holds no audio files ({' '.join(sorted(AUDIO_ENDINGS))})")
    return found


def enroll_all(
    catalogue: Catalogue, files: Iterable[Path], jobs: int, replace: bool
) -> Iterator[tuple[Path, Enrolled | EarmarkError]]:
    """Enroll files side by side, never holding more than twice ``jobs`` of them, and yield outcomes as they come.

    Audio that another process is writing is tried again at the end: that process gets it done, or it died, and its
    lease runs out.
    """

    def one(path: Path) -> Enrolled | EarmarkError:
        try:
            return catalogue.enroll(path, replace=replace)
        except EarmarkError as error:
            return error

    rest = iter(files)
    pool = ThreadPoolExecutor(jobs)
    running: dict[Future[Enrolled | EarmarkError], Path] = {}
    busy: list[Path] = []
    try:
        while True:
            running |= {pool.submit(one, path): path for path in islice(rest, 2 * jobs - len(running))}
            if not running:
                break
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                path, outcome = running.pop(future), future.result()
                if isinstance(outcome, TrackBusy):
                    busy.append(path)
                else:
                    yield path, outcome
        deadline = time.monotonic() + catalogue.settings.lease_seconds + _LEASE_MARGIN_S
        for path in busy:
            while isinstance(outcome := one(path), TrackBusy) and time.monotonic() < deadline:
                time.sleep(_LEASE_POLL_S)
            yield path, outcome
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
