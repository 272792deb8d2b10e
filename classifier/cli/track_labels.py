"""``earmark tracks label``: genre, mood, tags and the like of the tracks of the library."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from classifier.cli.common import Shell, counted, shell_command, until_ctrl_c
from classifier.errors import EarmarkError

if TYPE_CHECKING:
    from classifier.care.labelling import Labelled
    from classifier.catalogue import Catalogue


@click.command("label")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--task", "tasks", multiple=True, help="What to name, such as genre or tags; default: all that can be.")
@click.option("--again", is_flag=True, help="Label anew what the same model has labelled before, too.")
@click.option("--jobs", type=click.IntRange(1, 64), default=1, show_default=True, help="Files heard at the same time.")
@shell_command
def label_tracks(shell: Shell, paths: tuple[Path, ...], tasks: tuple[str, ...], again: bool, jobs: int) -> None:
    """Name genre, mood, tags, and whatever else a model was trained for, of the tracks, and keep it with them.

    No audio is kept of a track, so its file has to be in PATHS, or in the folders of EARMARK_MUSIC_FOLDERS, under
    whatever name. What was heard before is remembered: another model needs no files. Tracks that the model of now has
    labelled are left alone; those of another one are labelled anew. After Ctrl-C the same command goes on.

    \b
    Example:
      earmark tracks label ~/Music
      earmark tracks label --task genre --again
    """
    with shell.catalogue(create=False, jobs=jobs) as catalogue:
        places = paths or tuple(Path(folder) for folder in shell.settings.music_folders)
        label_from(shell, catalogue, places, tasks=tasks, again=again, jobs=jobs)


def label_from(
    shell: Shell,
    catalogue: Catalogue,
    places: tuple[Path, ...],
    *,
    tasks: tuple[str, ...] = (),
    again: bool = False,
    jobs: int = 1,
) -> None:
    """Label the tracks of a catalogue from files and folders, report each, and leave with the exit code."""
    from classifier.audio.limits import Limits
    from classifier.care.labelling import Labeller, asked
    from classifier.cli.enroll import files_in
    from classifier.labels.hearing import Ears
    from classifier.labels.scoring.registry import Registry
    from classifier.records.clock import now

    settings = shell.settings
    questions = asked(Registry(Path(settings.data_dir)), Path(settings.weights_dir), tasks)
    ears = Ears(settings, catalogue.decoder, Limits.for_track(settings).for_own_file())
    labeller = Labeller(catalogue, ears, questions, before=now() if again else None)
    failed: list[tuple[Path | str, EarmarkError]] = []
    done = 0
    with shell.progress("labelling", len(labeller.wanted)) as progress, until_ctrl_c() as stop:

        def follow(outcomes: Iterable[Labelled]) -> None:
            nonlocal done
            for outcome in outcomes:
                name = outcome.path or (outcome.track.title if outcome.track else "a track")
                if outcome.error is not None:
                    failed.append((name, outcome.error))
                elif outcome.track is not None:
                    done += 1
                    progress(done)
                _report(shell, outcome)

        follow(labeller.remembered(stop.is_set))
        if labeller.wanted and places and not stop.is_set():
            files, _, unreadable = files_in(shell, places)
            failed += unreadable
            follow(labeller.files(files, jobs=jobs, stop=stop.is_set))
    for name, error in failed:
        shell.failed(name, error)
    left = len(labeller.wanted)
    shell.remark(f"{counted(done, 'track')} labelled ({', '.join(f'{q.task} {q.model}' for q in questions)})")
    if stop.is_set():
        shell.remark("stopped: the same command goes on from here")
        raise SystemExit(130)
    if left:
        where = "among these files" if places else "remembered: name the folders that hold them"
        shell.remark(f"{counted(left, 'track')} without labels: their files are not {where}")
    if failed:
        raise SystemExit(1)


def _report(shell: Shell, outcome: Labelled) -> None:
    """Print what is said of a track, or why nothing is."""
    track, error = outcome.track, outcome.error
    if shell.as_json:
        known = {"track_id": None, "title": None} if track is None else {"track_id": track.id, "title": track.title}
        place = {"file": None if outcome.path is None else str(outcome.path)}
        if error is not None:
            shell.emit({**known, **place, "status": "failed", "error": error.name, "detail": str(error)})
        else:
            shell.emit({**known, **place, "status": "labelled", "labels": {} if track is None else track.labels})
    elif error is None and track is not None:
        shell.say(f"{track.title}: {words_of(track.labels)}")


def words_of(labels: Mapping[str, Mapping[str, object]]) -> str:
    """Return what is said of a sound in words: ``genre jazz, mood calm?``; a question mark where it is uncertain."""
    parts = []
    for task, said in labels.items():
        names = said["labels"]
        if isinstance(names, list) and names:
            parts.append(f"{task} {', '.join(names)}{'?' if said['decision'] == 'uncertain' else ''}")
    return "; ".join(parts) or "nothing"
