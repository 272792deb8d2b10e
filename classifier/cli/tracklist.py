"""``earmark tracklist``: who plays what when in a long recording."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from classifier.cli.common import Shell, clock_time, percent, shell_command
from classifier.cli.track_labels import words_of
from classifier.errors import EarmarkError, InvalidParameter

if TYPE_CHECKING:
    from classifier.care.labelling import Asked
    from classifier.catalogue import Catalogue
    from classifier.listening.segments import Segment, Tracklist

_KINDS = {"unknown": "unknown music", "speech_noise": "speech or noise", "silence": "silence"}
_FORMATS = {
    "cue": "Write a cue sheet.",
    "audacity": "Write labels for Audacity.",
    "csv": "Write CSV.",
    "jspf": "Write a JSPF playlist.",
    "webvtt": "Write WebVTT chapters.",
}
#: How many seconds of sound the progress bar has for each of its ticks.
_MINUTE_S = 60.0


def _format_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for name, text in reversed(_FORMATS.items()):
        command = click.option(f"--{name}", "form", flag_value=name, help=text)(command)
    return command


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@_format_options
@click.option(
    "--into", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER",
    help="Write the format into files of this folder, instead of printing it.",
)  # fmt: skip
@click.option(
    "--false-alarms", type=click.FloatRange(min=0.0, min_open=True), default=1.0, show_default=True,
    help="False segments allowed in 24 hours of sound that is not enrolled.",
)  # fmt: skip
@click.option(
    "--label", "tasks", multiple=True, metavar="TASK",
    help="Also say what each segment of music sounds like: tags, genre, mood, or what there is a model for.",
)  # fmt: skip
@shell_command
def tracklist(
    shell: Shell,
    files: tuple[Path, ...],
    form: str | None,
    into: Path | None,
    false_alarms: float,
    tasks: tuple[str, ...],
) -> None:
    """Say who plays what when in each FILE: a mix, a radio hour, a side of a record.

    A recording may have any length. Ctrl-C stops; the same command goes on where it was. With --label, each is heard
    once more, some hundred times as fast as it plays.

    \b
    Example:
      earmark tracklist set.mp3
      earmark tracklist --json radio.ogg | jq '.segments[].title'
      earmark tracklist --label genre --label mood set.mp3
      earmark tracklist --cue --into cues mixes/*.flac
    """
    if into is not None and form is None:
        raise click.UsageError(f"--into needs a format: one of {', '.join('--' + name for name in _FORMATS)}")
    if form is not None and into is None and len(files) > 1:
        raise click.UsageError(f"--{form} prints one recording: name a folder with --into for {len(files)}")
    from classifier.listening.options import RECORDED

    options = replace(RECORDED, false_segments_per_day=false_alarms)
    questions = _asked(shell, tasks)
    failed = 0
    with shell.catalogue(create=False) as catalogue, _Stop() as stop:
        for path in files:
            try:
                found = _listen(shell, catalogue, path, options, stop, questions)
                if form is None:
                    _show(shell, found)
                else:
                    _export(shell, catalogue, found, form, into)
            except EarmarkError as error:
                failed += 1
                if shell.as_json:
                    shell.emit({"file": str(path), "error": error.name, "detail": str(error)})
                shell.failed(path, error)
            if stop.asked:
                raise SystemExit(130)
    if failed:
        raise SystemExit(1)


def _asked(shell: Shell, tasks: Sequence[str]) -> list[Asked]:
    """Return what answers for these tasks; refused now, not after hours of listening."""
    if not tasks:
        return []
    from classifier.care.labelling import asked_of_segments
    from classifier.labels.scoring.registry import Registry

    settings = shell.settings
    return asked_of_segments(Registry(Path(settings.data_dir)), Path(settings.weights_dir), tasks)


def _labelled(
    shell: Shell, catalogue: Catalogue, path: Path, found: Tracklist, questions: Sequence[Asked], stop: _Stop
) -> Tracklist:
    """Return a tracklist with what its segments sound like."""
    from classifier.audio.limits import Limits
    from classifier.care.labelling import label_segments
    from classifier.labels.hearing import Ears
    from classifier.listening.files import Stopped

    def follow(heard_s: float, promised_s: float) -> None:
        if stop.asked:
            raise Stopped
        progress(heard_s, promised_s)

    ears = Ears(shell.settings, catalogue.decoder, Limits.for_recording(shell.settings).for_own_file(), cached=False)
    with progress_bar(shell, path, "labels, minutes") as progress:
        return replace(found, segments=label_segments(ears, questions, path, found.segments, follow))


def _listen(
    shell: Shell, catalogue: Catalogue, path: Path, options: Any, stop: _Stop, questions: Sequence[Asked]
) -> Tracklist:
    """Listen to a file, from where an earlier run was stopped if one was."""
    from classifier.listening import files

    place = _state_file(shell, catalogue, path, options)

    def keep(state: bytes) -> None:
        place.parent.mkdir(parents=True, exist_ok=True)
        draft = place.with_name(f"{place.name}.{os.getpid()}.part")
        draft.write_bytes(state)
        draft.replace(place)

    state = place.read_bytes() if place.is_file() else None
    values: dict[str, Any] = {"options": options, "checkpoint": keep, "stopping": stop.asking}
    try:
        with progress_bar(shell, path) as values["progress"]:
            try:
                found = files.tracklist(catalogue, path, state=state, **values)
            except InvalidParameter:
                if state is None:
                    raise
                shell.remark(f"{path}: what the last run left cannot be used; it begins anew")
                found = files.tracklist(catalogue, path, **values)
        if questions:
            found = _labelled(shell, catalogue, path, found, questions, stop)
    except files.Stopped:
        shell.remark(f"{path}: stopped; the same command goes on from here")
        raise SystemExit(130) from None
    place.unlink(missing_ok=True)
    return found


def _state_file(shell: Shell, catalogue: Catalogue, path: Path, options: Any) -> Path:
    """Where the state of an unfinished run is kept; another one for another file, catalogue or option."""
    try:
        facts = path.stat()
        of_file = f"{path.resolve()}\n{facts.st_size}\n{facts.st_mtime_ns}"
    except (OSError, ValueError):
        of_file = str(path)  # the decoder says what is wrong with it
    facts_of_all = f"{of_file}\n{catalogue.store.url}\n{catalogue.id}\n{catalogue.revision}\n{options}"
    name = hashlib.sha256(facts_of_all.encode(errors="surrogateescape")).hexdigest()[:32]
    return Path(shell.settings.data_dir) / "tracklists" / f"{name}.npz"


class _Stop:
    """Lets Ctrl-C wait until a piece is heard, so that what is known can be kept; a second one ends at once."""

    def __init__(self) -> None:
        self.asked = False

    def __enter__(self) -> _Stop:
        self._before = signal.signal(signal.SIGINT, self._stop)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _stop(self, *_: object) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

    def asking(self) -> bool:
        """Whether somebody asked to stop."""
        return self.asked


@contextlib.contextmanager
def progress_bar(shell: Shell, path: Path, what: str = "minutes") -> Iterator[Callable[[float, float], None]]:
    """Show minutes heard of those that the file promises; none if it promises none."""
    with contextlib.ExitStack() as stack:
        advance: list[Callable[[int], None]] = []

        def progress(heard_s: float, promised_s: float) -> None:
            if not advance and promised_s > 0:
                total = max(1, round(promised_s / _MINUTE_S))
                advance.append(stack.enter_context(shell.progress(f"{path.name}, {what}", total)))
            for tell in advance:
                tell(int(heard_s / _MINUTE_S))

        yield progress


def _show(shell: Shell, found: Tracklist) -> None:
    if shell.as_json:
        shell.emit(found.to_dict())
        return
    labelled = any(segment.labels for segment in found.segments)
    rows = [
        (
            clock_time(segment.start_s),
            clock_time(segment.end_s),
            _named(segment),
            "" if segment.offset_s is None else clock_time(segment.offset_s),
            "" if segment.speed is None else f"{100 * (segment.speed - 1):+.1f} %",
            percent(segment.confidence),
            *([words_of(segment.labels)] if labelled else []),
        )
        for segment in found.segments
    ]
    columns = ("from", "to", "what", "at", "speed", "confidence", *(["sounds like"] if labelled else []))
    shell.table(columns, rows, found.file)
    rate = found.duration_s / max(found.seconds["total"], 1e-3)
    n_tracks = sum(segment.kind == "track" for segment in found.segments)
    shell.say(f"{n_tracks} tracks in {clock_time(found.duration_s)}, {rate:.0f} times as fast as it plays")


def _named(segment: Segment) -> str:
    if segment.kind != "track":
        return f"({_KINDS[segment.kind]})"
    return f"{segment.title} by {segment.artist}" if segment.artist else str(segment.title)


def _export(shell: Shell, catalogue: Catalogue, found: Tracklist, form: str, into: Path | None) -> None:
    from classifier.listening.exports import FORMATS, export
    from classifier.records.tracklists import musicbrainz

    ids = musicbrainz(catalogue.store, [segment.to_dict() for segment in found.segments])
    text = export(found, form, musicbrainz=ids)
    if into is None:
        shell.document(text)
        return
    place = into / f"{Path(found.file).stem}.{FORMATS[form].ending}"
    try:
        into.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    except OSError as error:
        raise InvalidParameter(f"{place} cannot be written ({error.strerror}): choose another folder") from None
    shell.remark(f"{place} written")
