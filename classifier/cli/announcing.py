"""Whom ``earmark listen`` tells what it hears: the terminal, a command, a file for overlays."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shlex
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from classifier.cli.common import Shell, clock_time, percent
from classifier.errors import FileMissing, InvalidParameter
from classifier.listening.exports import name_of
from classifier.listening.playing import Playing
from classifier.listening.segments import Event, Segment
from classifier.records.clock import now
from classifier.text import clean

#: Seconds that a command may take over one change, and changes that may wait for it.
_COMMAND_S, _WAITING = 30.0, 100
_WORDS = {
    "opened": "perhaps",
    "confirmed": "playing",
    "revised": "rather",
    "closed": "ended",
    "withdrawn": "not after all",
}


class Announcer(Protocol):
    """Is told of each change while it is listened."""

    def take(self, event: Event) -> None:
        """Take one event; must not keep the listener waiting for long."""

    def close(self) -> None:
        """Come to an end; nothing follows."""


class Lines:
    """Prints a line for each change.

    Parameters
    ----------
    shell : Shell
        Prints JSON or words.
    """

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._said: dict[str, str] = {}

    def take(self, event: Event) -> None:
        """Print it; a revision only if people would notice it, but every one as JSON."""
        if self._shell.as_json:
            self._shell.emit({**event.to_dict(), "time": now()})
            return
        segment = event.segment
        name = name_of(segment)
        if event.kind == "revised" and self._said.get(segment.id) == name:
            return
        self._said[segment.id] = name
        if event.kind in ("closed", "withdrawn"):
            del self._said[segment.id]
        self._shell.say(f"{clock_time(event.at_s):>10}  {_WORDS[event.kind]:<13}  {name}{_where(event)}")

    def close(self) -> None:
        """Do nothing."""


def _where(event: Event) -> str:
    segment = event.segment
    if event.kind == "closed":
        return f", {clock_time(segment.start_s)} to {clock_time(segment.end_s)}"
    if event.kind == "withdrawn" or segment.offset_s is None:
        return ""
    place = segment.offset_s + (segment.speed or 1.0) * (event.at_s - segment.start_s)
    sure = f", {percent(segment.confidence)} sure" if event.kind == "confirmed" else ""
    return f", at {clock_time(place)} of it{sure}"


class Command:
    """Runs a command at each change, one at a time, in the order of the changes.

    No shell reads the command: it is split into words once, and what is heard comes through environment variables, so
    that no title can do anything but be a title.

    Parameters
    ----------
    text : str
        Program and arguments, quoted as in a shell.
    note : callable
        Takes what is worth telling a person, such as that a command failed.

    Raises
    ------
    InvalidParameter
        If the text has no words, or quotes that do not end.
    FileMissing
        If there is no such program.
    """

    def __init__(self, text: str, note: Callable[[str], None]) -> None:
        try:
            self._words = shlex.split(text)
        except ValueError as error:
            raise InvalidParameter(f"the command is {text!r}: {error}") from None
        if not self._words:
            raise InvalidParameter("the command is empty: name a program")
        if shutil.which(self._words[0]) is None:
            raise FileMissing(f"there is no program {self._words[0]!r}: check its name, and that it may be run")
        self._note = note
        self._changes: queue.Queue[Event | None] = queue.Queue(_WAITING)
        self._thread = threading.Thread(target=self._run, name="command", daemon=True)
        self._thread.start()

    def take(self, event: Event) -> None:
        """Let the command run with it, once those before have ended."""
        try:
            self._changes.put_nowait(event)
        except queue.Full:
            self._note(f"a change was not told to {self._words[0]}: {_WAITING} others wait for it")

    def close(self) -> None:
        """Let what waits be run, for as long as one command may take."""
        with contextlib.suppress(queue.Full):
            self._changes.put(None, timeout=_COMMAND_S)
        self._thread.join(_COMMAND_S)

    def _run(self) -> None:
        while (event := self._changes.get()) is not None:
            try:
                done = subprocess.run(
                    self._words,
                    env={**os.environ, **variables(event)},
                    stdin=subprocess.DEVNULL,
                    stdout=2,  # standard output is for our own lines
                    timeout=_COMMAND_S,
                    check=False,
                )
            except (OSError, subprocess.TimeoutExpired) as error:
                self._note(f"{self._words[0]} failed at a change: {error}")
            else:
                if done.returncode:
                    self._note(f"{self._words[0]} ended with status {done.returncode} at a change")


def variables(event: Event) -> dict[str, str]:
    """Return an event as environment variables; what is not known is empty."""
    segment = event.segment.to_dict()
    shown = {"event": event.kind, "at_s": event.at_s, "name": name_of(event.segment), **segment}
    return {f"HEARD_{name.upper()}": _plain(value) for name, value in shown.items()}


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    return "" if value is None else clean(str(value))


class NowPlaying:
    """Keeps a file that holds what is playing, for overlays of video programs: text, or JSON if it is called so.

    The file is written aside and renamed: whoever reads it finds one name or the next, never half of one.

    Parameters
    ----------
    path : Path
        The file; empty (``{}`` as JSON) while nothing is playing.

    Raises
    ------
    FileMissing
        If it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._playing = Playing()
        self._write(None)

    def take(self, event: Event) -> None:
        """Write the file anew if something else is playing now."""
        if self._playing.take(event):
            self._write(self._playing.current)

    def close(self) -> None:
        """Leave the file empty."""
        self._write(None)

    def _write(self, segment: Segment | None) -> None:
        text = f"{name_of(segment)}\n" if segment else ""
        if self._path.suffix.lower() == ".json":
            text = json.dumps(facts(segment), ensure_ascii=False) + "\n"
        try:
            descriptor, aside = tempfile.mkstemp(prefix=f".{self._path.name}.", dir=self._path.parent)
            try:
                with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                    file.write(text)
                os.chmod(aside, 0o644)  # others' programs read it
                os.replace(aside, self._path)
            except BaseException:
                os.unlink(aside)
                raise
        except OSError as error:
            raise FileMissing(f"{str(self._path)!r} cannot be written ({error.strerror}): name another file") from None


def facts(segment: Segment | None) -> Mapping[str, object]:
    """Return what is told of a track that is playing, as a JSON object; empty if none is."""
    if segment is None:
        return {}
    told = ("title", "artist", "album", "isrc", "track_id", "start_s", "offset_s", "speed", "confidence")
    values = segment.to_dict()
    return {"name": name_of(segment), **{name: values[name] for name in told}}
