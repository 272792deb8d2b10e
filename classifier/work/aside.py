"""Commands of Earmark that a job runs in a process of their own, at low priority.

They take minutes or hours of a core, and nobody's snippet shall wait for them. What they need to know is in their
arguments; what they answer is the last line of their output, a JSON object.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from classifier.errors import InvalidInput
from classifier.settings import Settings, variable
from classifier.text import clean
from classifier.work.worker import Claim

_NICENESS = 10
_POLL_S = 0.5
_FOLDERS = ("data_dir", "weights_dir")
#: Settings of the service itself, which mean nothing to a command.
_SERVING = ("host", "port", "workers", "queue", "allowed_hosts", "allowed_origins", "log_level", "catalogue")


def run(
    words: Sequence[str],
    settings: Settings,
    folder: Path,
    claim: Claim,
    *,
    with_store: bool = False,
    look: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Run ``earmark`` with arguments, and return the JSON object that it printed last.

    Parameters
    ----------
    words : sequence of str
        Command and arguments; ``--json --quiet`` are added.
    settings : Settings
        Of the process: what the command shares with it.
    folder : Path
        The job's own: what the command prints is kept there, and errors do not name it.
    claim : Claim
        The job; the command is killed if it is lost, or the worker stops.
    with_store : bool
        Whether the command uses the service's store.
    look : callable
        Called twice a second, to tell how far the command is.

    Raises
    ------
    InvalidInput
        If the command failed, with its reason.
    Interrupted
        If the handler should end.
    """
    command = [sys.executable, "-m", "classifier", *words, "--json", "--quiet"]
    with (
        open(folder / "answer.txt", "w+b") as answer,
        open(folder / "errors.txt", "w+b") as errors,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=answer,
            stderr=errors,
            env=environment(settings, os.environ, with_store=with_store),
        ) as process,
    ):
        try:
            os.setpriority(os.PRIO_PROCESS, process.pid, _NICENESS)
            while not _ended(process):
                claim.check()
                look()
        finally:
            process.kill()
        answer.seek(0)
        errors.seek(0)
        said, wrong = (file.read().decode("utf-8", "replace").strip() for file in (answer, errors))
    if process.returncode != 0:
        last = (wrong.splitlines() or ["the command said nothing"])[-1]
        raise InvalidInput(clean(last.removeprefix("Error: ").replace(f"{folder}{os.sep}", ""), 1000))
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    return found


def environment(settings: Settings, own: Mapping[str, str], *, with_store: bool) -> dict[str, str]:
    """Return the environment of a command: folders and limits of this process, and no secret that it does not need."""
    kept = {name: value for name, value in own.items() if not name.startswith("EARMARK_")}
    shared = [item.name for item in fields(settings) if not item.metadata.get("secret") and item.name not in _SERVING]
    told = {name: str(getattr(settings, name)) for name in shared}
    told |= {name: str(Path(told[name]).absolute()) for name in _FOLDERS}
    if with_store:
        told["store"] = settings.store
    return kept | {variable(name): value for name, value in told.items()}


def _ended(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(_POLL_S)
    except subprocess.TimeoutExpired:
        return False
    return True
