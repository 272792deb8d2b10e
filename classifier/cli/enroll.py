"""``earmark enroll``: add files and folders to the library."""

from __future__ import annotations

import os
import stat
import textwrap
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from pathlib import Path

import click

from classifier.care.folders import search, sentence
from classifier.catalogue import Catalogue
from classifier.cli.common import Shell, shell_command, until_ctrl_c
from classifier.cli.track_labels import label_from
from classifier.enrolling import Enrolled
from classifier.errors import EarmarkError, FileMissing, TrackBusy
from classifier.records.tracks import count_tracks
from classifier.text import clean

#: How long after a dead writer's lease its audio is still tried, and how often.
_LEASE_MARGIN_S, _LEASE_POLL_S = 5.0, 1.0


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--jobs", type=click.IntRange(1, 64), help="Files worked on at the same time; default: one a core.")
@click.option("--update-tags", is_flag=True, help="Take over new tags of files that are enrolled already.")
@click.option("--replace", is_flag=True, help="Model files anew that are enrolled already, and re-read their tags.")
@click.option("--label", is_flag=True, help="Then name genre, mood and tags of the tracks: 'earmark tracks label'.")
@click.option("--scheduler", help="Decode and model on the machines of this scheduler; else EARMARK_SCHEDULER.")
@shell_command
def enroll(
    shell: Shell,
    paths: tuple[Path, ...],
    jobs: int | None,
    update_tags: bool,
    replace: bool,
    label: bool,
    scheduler: str | None,
) -> None:
    """Enroll audio files, and all audio files in folders and below them.

    Files whose audio is enrolled already are skipped; a broken file is named at the end and stops nothing. What a
    folder holds besides audio is counted by kind. Whatever was edited by hand stays as it is. After Ctrl-C or a crash
    the same command goes on where it was. With a scheduler, its workers decode and model, and this process stores.

    \b
    Example:
      earmark enroll ~/Music interview.mp3 --jobs 4
      earmark enroll ~/Music --update-tags
      earmark enroll ~/Music --scheduler tcp://10.0.0.1:8786 --jobs 16
    """
    if update_tags and replace:
        raise click.UsageError("--replace re-reads all tags anyway: give one of --update-tags and --replace")
    shell = shell.using(scheduler)
    enroll_paths(shell, paths, jobs=jobs, update_tags=update_tags, replace=replace, label=label)


def enroll_paths(
    shell: Shell,
    paths: tuple[Path, ...],
    *,
    jobs: int | None = None,
    update_tags: bool = False,
    replace: bool = False,
    label: bool = False,
) -> None:
    """Enroll files and folders, report each, and leave with the exit code of the command."""
    jobs = jobs or os.cpu_count() or 1
    files, left_out, failed = files_in(shell, paths)
    counts = {"enrolled": 0, "skipped": 0}
    remarks: list[tuple[Path, str]] = []
    added: set[str] = set()
    with shell.catalogue(jobs=jobs) as catalogue:
        retagged = Retagged()
        with shell.progress("enrolling", len(files)) as done, until_ctrl_c() as stop:
            for number, (path, outcome) in enumerate(
                enroll_all(catalogue, files, jobs, stop, replace=replace, reread=update_tags), start=1
            ):
                if isinstance(outcome, EarmarkError):
                    failed.append((path, outcome))
                else:
                    counts["enrolled" if outcome.added else "skipped"] += 1
                    remarks += [(path, remark) for remark in outcome.remarks]
                    added |= {outcome.track.id} if outcome.added else set()
                if not retagged.holds(path, outcome):
                    _report(shell, path, outcome)
                done(number)
        new_tags, copies = retagged.sorted()
        if stop.is_set():  # whose tags count, nobody knows before all files are seen
            new_tags, copies = [], [*new_tags, *copies]
        for path, outcome in copies:
            _report(shell, path, outcome)
        if update_tags:
            failed += _take_tags(shell, catalogue, new_tags)
        else:
            for path, outcome in new_tags:
                _report(shell, path, outcome, new_tags=outcome.new_tags)
        if not stop.is_set():
            _prepare_search(shell, catalogue, counts["enrolled"])
            _warn_of_claims(shell, catalogue, added)
    for path, remark in remarks:
        shell.remark(f"remark: {path}: {remark.partition(': ')[2]}")
    for path, reason in failed:
        shell.failed(path, reason)
        if path not in files:
            _report(shell, path, reason)
    if left_out:
        # A number stays with what it counts.
        parts = f"left out: {sentence(left_out)}".replace(" ", "\0").replace(",\0", ", ").replace(":\0", ": ")
        for line in textwrap.wrap(parts, 80, break_on_hyphens=False):
            shell.remark(line.replace("\0", " "))
    if new_tags and update_tags:
        shell.remark(f"{_tracks(len(new_tags))} with new tags")
    elif new_tags:
        shell.remark(f"{_tracks(len(new_tags))} with other tags than the file now: '--update-tags' takes them over")
    shell.remark(f"{counts['enrolled']} enrolled, {counts['skipped']} already there, {len(failed)} failed")
    if stop.is_set():
        shell.remark("stopped: the same command goes on from here")
        raise SystemExit(130)
    if label:
        with shell.catalogue(jobs=jobs) as catalogue:
            label_from(shell, catalogue, paths, jobs=jobs)
    if failed:
        raise SystemExit(1)


def _tracks(n: int) -> str:
    return f"{n} track" if n == 1 else f"{n} tracks"


class Retagged:
    """Known files whose tags differ from their track's, held back until it is clear which of them count.

    The same audio may lie in several files with several tags, such as an album's and a collection's. A track follows
    the file that it was made from as long as that one is there (whose tags an earlier release may have kept in part);
    else the file of its name, else the first by name.
    """

    def __init__(self) -> None:
        self._held: list[tuple[Path, Enrolled]] = []
        self._unchanged: dict[str, tuple[bool, Path]] = {}

    def holds(self, path: Path, outcome: Enrolled | EarmarkError) -> bool:
        """Look at an outcome; return whether it is held back."""
        if isinstance(outcome, EarmarkError):
            return False
        if outcome.file_hash == outcome.track.file_hash:
            own = _precedence((path, outcome))
            self._unchanged[outcome.track.id] = min(self._unchanged.get(outcome.track.id, own), own)
        if outcome.new_tags:
            self._held.append((path, outcome))
        return bool(outcome.new_tags)

    def sorted(self) -> tuple[list[tuple[Path, Enrolled]], list[tuple[Path, Enrolled]]]:
        """Return the files whose tags count, one a track, and the others."""
        counting: dict[str, Path] = {}
        for path, outcome in sorted(self._held, key=_precedence):
            if self._unchanged.get(outcome.track.id, (False, path))[1] == path:
                counting.setdefault(outcome.track.id, path)
        chosen = [held for held in self._held if counting.get(held[1].track.id) == held[0]]
        return chosen, [held for held in self._held if held not in chosen]


def _precedence(held: tuple[Path, Enrolled]) -> tuple[bool, Path]:
    path, outcome = held
    return clean(path.stem) != outcome.track.source, path


def _take_tags(
    shell: Shell, catalogue: Catalogue, files: list[tuple[Path, Enrolled]]
) -> list[tuple[Path, EarmarkError]]:
    """Take over tags; return which files failed, and why."""
    failed: list[tuple[Path, EarmarkError]] = []
    for path, outcome in files:
        try:
            track = catalogue.take_tags(
                outcome.track.id, outcome.new_tags, source_name=path.stem, file_hash=outcome.file_hash
            )
            _report(shell, path, Enrolled(track, False), status="tags_updated")
        except EarmarkError as error:
            failed.append((path, error))
            _report(shell, path, error)
    return failed


def _prepare_search(shell: Shell, catalogue: Catalogue, n_enrolled: int) -> None:
    """Index what is new, unless that meant to load a library of others on a machine that may never search it."""
    try:
        if catalogue.has_index or 2 * n_enrolled >= count_tracks(catalogue.store, catalogue.name):
            with shell.progress("indexing", n_enrolled) as done:
                catalogue.view(lambda n, _: done(n))
    except EarmarkError as error:  # all tracks are stored; whoever searches first does it
        shell.remark(f"not indexed yet: {error}")


def _warn_of_claims(shell: Shell, catalogue: Catalogue, added: set[str]) -> None:
    """Name identifiers that new tracks share with others that are other recordings."""
    from classifier.care.versions import contested
    from classifier.cli.duplicates import warn

    try:
        if added and catalogue.has_index:
            warn(shell, contested(catalogue.tracks(), catalogue.view, among=added))
    except EarmarkError as error:  # all tracks are stored
        shell.remark(f"identifiers are not compared yet: {error}")


def files_in(shell: Shell, paths: Iterable[Path]) -> tuple[list[Path], Counter[str], list[tuple[Path, EarmarkError]]]:
    """Return the files that are meant, how much of what is left out in folders, and what cannot be read."""
    files: list[Path] = []
    left_out: Counter[str] = Counter()
    failed: list[tuple[Path, EarmarkError]] = []
    for path in paths:
        try:
            if not _is_folder(path):
                files.append(path)
                continue
            found = search(path)
        except EarmarkError as error:
            failed.append((path, error))
            continue
        files += found.files
        failed += found.unreadable
        left_out += found.left_out
        if shell.as_json and found.left_out:
            shell.emit({"folder": str(path), "status": "left_out", "left_out": dict(found.left_out)})
    return files, left_out, failed


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except FileNotFoundError:
        raise FileMissing(f"{path} does not exist") from None
    except (OSError, ValueError) as error:
        raise FileMissing(f"it cannot be read ({getattr(error, 'strerror', error)})") from None


def enroll_all(
    catalogue: Catalogue,
    files: Iterable[Path],
    jobs: int,
    stop: threading.Event,
    *,
    replace: bool = False,
    reread: bool = False,
) -> Iterator[tuple[Path, Enrolled | EarmarkError]]:
    """Enroll files side by side, never holding more than twice ``jobs`` of them, and yield outcomes as they come.

    Audio that another process is writing is tried again at the end: that process gets it done, or it died, and its
    lease runs out. Once ``stop`` is set, only what has begun is brought to its end.
    """

    def one(path: Path) -> Enrolled | EarmarkError:
        try:
            return catalogue.enroll(path, replace=replace, reread=reread)
        except EarmarkError as error:
            return error

    rest = iter(files)
    pool = ThreadPoolExecutor(jobs)
    running: dict[Future[Enrolled | EarmarkError], Path] = {}
    busy: list[Path] = []
    try:
        while True:
            if not stop.is_set():
                running |= {pool.submit(one, path): path for path in islice(rest, 2 * jobs - len(running))}
            running = {future: path for future, path in running.items() if not (stop.is_set() and future.cancel())}
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
                if stop.wait(_LEASE_POLL_S):
                    return
            yield path, outcome
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _report(
    shell: Shell,
    path: Path,
    outcome: Enrolled | EarmarkError,
    *,
    status: str | None = None,
    new_tags: Mapping[str, str] | None = None,
) -> None:
    if not shell.as_json:
        return
    if isinstance(outcome, EarmarkError):
        shell.emit({"file": str(path), "status": "failed", "error": outcome.name, "detail": str(outcome)})
        return
    status = status or ("enrolled" if outcome.added else "already_enrolled")
    more = {"new_tags": dict(new_tags)} if new_tags else {}
    values = {"file": str(path), "status": status, "track": outcome.track.to_dict(), "remarks": outcome.remarks}
    shell.emit({**values, **more})
