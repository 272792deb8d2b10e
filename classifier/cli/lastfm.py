"""``earmark lastfm``: be allowed, once, to tell Last.fm what was played."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import click

from classifier.cli.common import Shell, shell_command


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@shell_command
def lastfm(shell: Shell, file: Path) -> None:
    """Ask Last.fm for a session, and write it into FILE, which 'earmark listen --lastfm FILE' reads.

    FILE holds {"api_key": "…", "secret": "…"} of an application of yours. You are shown an address: open it in a
    browser, allow the application, then press Enter here.

    \b
    Example:
      earmark lastfm ~/.config/lastfm.json
    """
    from classifier.cli import scrobbling

    service = scrobbling.lastfm(file, shell.settings.lastfm_address, allowed=False)
    token = service.token()
    shell.ask(f"Open {service.allow_address(token)} and allow it, then press Enter.")
    user, session = service.session_for(token)
    _replace(file, {**scrobbling.lastfm_values(file), "session": session})
    shell.remark(
        f"{file.name} holds a session of {user}: 'earmark listen --lastfm {file}' tells Last.fm what is played"
    )
    if shell.as_json:
        shell.emit({"user": user, "file": str(file)})


def _replace(path: Path, values: dict[str, str]) -> None:
    descriptor, aside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # readable by its owner alone
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(json.dumps(values, indent=2) + "\n")
        os.replace(aside, path)
    except BaseException:
        os.unlink(aside)
        raise
