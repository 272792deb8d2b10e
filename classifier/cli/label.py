"""``earmark label``, ``genre`` and ``mood``: what a recording is called, how sure that is, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from classifier.cli.common import Shell, clock_time, percent, shell_command
from classifier.cli.tags import hearing
from classifier.errors import EarmarkError, InvalidParameter, ModelNotFound

if TYPE_CHECKING:
    from classifier.labels.answers.answer import Answer
    from classifier.labels.answers.asking import Chosen, Question
    from classifier.labels.hearing import Ears

_Command = Callable[..., Any]


def _options(command: _Command) -> _Command:
    """Add what the three commands share."""
    for option in (
        click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path)),
        click.option("--several", is_flag=True, help="Up to three labels, each of at least 15 %; else the likeliest."),
        click.option("--series", is_flag=True, help="Also over time, for long recordings."),
        click.option(
            "--every",
            type=click.FloatRange(3.0, 3600.0),
            default=10.0,
            show_default=True,
            help="Seconds of a stretch of the series.",
        ),
        click.option("--version", help="Version of the model; else the active one."),
        click.option("--pick", metavar="LABEL", help="Of all FILES, name the one that is LABEL, if any is."),
    ):
        command = option(command)
    return command


@click.command()
@_options
@click.option("--task", "tasks", multiple=True, help="What to name, such as genre; else all that there are models for.")
@shell_command
def label(shell: Shell, files: tuple[Path, ...], tasks: tuple[str, ...], **options: Any) -> None:
    """Name genre, mood and whatever else a model was trained for, of each FILE.

    \b
    Example:
      earmark label song.mp3
      earmark label --task instrument --several *.wav
    """
    from classifier.labels.answers.asking import tasks_of
    from classifier.labels.scoring.registry import Registry

    found = list(tasks) or tasks_of(Registry(Path(shell.settings.data_dir)))
    if not tasks and "mood" not in found:
        found.append("mood")
    _answer(shell, files, found, None, options)


@click.command()
@_options
@click.option("--set", "labels", metavar="NAME", help="Choose among fewer labels only: mgc-6 has six genres of ten.")
@shell_command
def genre(shell: Shell, files: tuple[Path, ...], labels: str | None, **options: Any) -> None:
    """Name the genre of each FILE, how sure that is, and why.

    What speaks against an answer, such as too little sound, noise, speech, or music unlike that of the training,
    makes it "uncertain".

    \b
    Example:
      earmark genre song.mp3
      earmark genre --set mgc-6 --several --json *.mp3
    """
    _answer(shell, files, ["genre"], labels, options)


@click.command()
@_options
@shell_command
def mood(shell: Shell, files: tuple[Path, ...], **options: Any) -> None:
    """Say how lively each FILE is, or what mood a model of yours hears in it.

    Without a model, recordings stand between calm and energetic, which is experimental; whether they are happy or sad
    is not said, for nothing tells it. Train a model with 'earmark train mood FOLDER'.

    \b
    Example:
      earmark mood song.mp3
      earmark mood --pick calm one.mp3 two.mp3 three.mp3
    """
    _answer(shell, files, ["mood"], None, options)


def _answer(
    shell: Shell, files: tuple[Path, ...], tasks: list[str], labels: str | None, options: dict[str, Any]
) -> None:
    """Answer for every file and task; a file that cannot be read stops none of the others."""
    from classifier.labels.answers.asking import Question

    question = Question(options["several"], labels, options["every"] if options["series"] else None)
    failed = 0
    picked: dict[str, list[tuple[Path, list[tuple[str, float]]]]] = {}
    told: set[str] = set()
    with hearing(shell) as ears:
        asked, refused = _all_asked(shell, tasks, options["version"])
        for path in files:
            for task, chosen in asked.items():
                try:
                    ranking = _one(shell, path, task, chosen, ears, question, told)
                    picked.setdefault(task, []).append((path, ranking))
                except EarmarkError as error:
                    failed += 1
                    _emit_failure(shell, path, task, error)
                    shell.failed(path, error)
            for task, refusal in refused.items():
                _emit_failure(shell, path, task, refusal)
    if options["pick"]:
        for task, rankings in picked.items():
            _pick(shell, task, options["pick"], rankings)
    if failed or refused:
        raise SystemExit(1)


def _emit_failure(shell: Shell, path: Path, task: str, error: EarmarkError) -> None:
    if shell.as_json:
        shell.emit({"file": str(path), "task": task, "error": error.name, "detail": str(error)})


def _all_asked(
    shell: Shell, tasks: list[str], version: str | None
) -> tuple[dict[str, Chosen | None], dict[str, EarmarkError]]:
    """Return what answers for each task, and why others cannot, which are named once; raise if none can."""
    asked: dict[str, Chosen | None] = {}
    refused: dict[str, EarmarkError] = {}
    for task in tasks:
        try:
            asked[task] = _asked(shell, task, version)
        except EarmarkError as error:
            refused[task] = error
    if not asked:
        raise next(iter(refused.values()))
    for task, refusal in refused.items():
        shell.failed(task, refusal)
    return asked, refused


def _asked(shell: Shell, task: str, version: str | None) -> Chosen | None:
    """Return the model that answers; None for mood without one, which tags answer."""
    from classifier.labels.answers.asking import choose
    from classifier.labels.scoring.registry import Registry

    try:
        return choose(Registry(Path(shell.settings.data_dir)), task, version, Path(shell.settings.weights_dir))
    except ModelNotFound:
        if task == "mood" and version is None:
            return None
        raise


def _one(
    shell: Shell, path: Path, task: str, chosen: Chosen | None, ears: Ears, question: Question, told: set[str]
) -> list[tuple[str, float]]:
    """Answer for one file, print it, and return the ranking of its labels; ``told`` are remarks of all files."""
    from classifier.labels.answers.asking import ask
    from classifier.labels.answers.lively import lively

    answer = lively(ears, path, question.every_s) if chosen is None else ask(chosen, ears, path, question)
    if shell.as_json:
        shell.emit({"file": str(path), **answer.to_dict()})
    else:
        _show(shell, str(path), answer, told)
    return answer.distribution


def _pick(shell: Shell, task: str, wanted: str, rankings: list[tuple[Path, list[tuple[str, float]]]]) -> None:
    """Say which of several recordings is of a label, if any is."""
    from classifier.labels.answers.answer import most_like

    known = [(path, ranking) for path, ranking in rankings if ranking]
    if known and wanted not in dict(known[0][1]):
        labels = ", ".join(sorted(dict(known[0][1])))
        raise InvalidParameter(f"{wanted!r} is no label of {task}: there are {labels}")
    number = most_like([ranking for _, ranking in known], wanted) if known else None
    name = None if number is None else str(known[number][0])
    if shell.as_json:
        shell.emit({"task": task, "pick": wanted, "file": name})
    else:
        shell.say(f"{wanted}: {name}" if name else f"{wanted}: none of them")


def _show(shell: Shell, name: str, answer: Answer, told: set[str]) -> None:
    """Print an answer for a person."""
    from classifier.labels.answers.asking import NO_VALENCE

    named = ", ".join(answer.labels) or "none"
    sure = {"certain": named, "uncertain": f"uncertain ({named}?)" if answer.labels else "uncertain"}
    shell.say(f"{name}: {answer.task} {sure.get(answer.decision, f'{named} ({answer.decision})')}")
    for reason in answer.reasons:
        shell.say(f"  because {reason.text}")
    for line in _details(answer):
        shell.say(f"  {line}")
    for remark in answer.remarks:
        if remark not in told:
            shell.remark(f"remark: {remark}")
    told |= {NO_VALENCE} & set(answer.remarks)  # true of any file: once is enough


def _details(answer: Answer) -> Iterator[str]:
    if answer.distribution:
        yield ", ".join(f"{label} {percent(p)}" for label, p in answer.distribution[:5])
    for one in answer.explanation:
        parts = ", ".join(f"{part['feature'].removeprefix('tag.')} {part['adds']:+.1f}" for part in one["parts"])
        yield f"{one['label']}: {parts}"
    if answer.nearest:
        yield "alike: " + ", ".join(f"{clip['clip']} ({', '.join(clip['labels'])})" for clip in answer.nearest)
    for part in answer.series:
        best = ", ".join(f"{one['label']} {percent(one['p'])}" for one in part["distribution"][:2])
        yield f"{clock_time(part['start_s'])} to {clock_time(part['end_s'])}: {best}"
