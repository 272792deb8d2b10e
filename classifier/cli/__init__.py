"""The command line: one module for each command group; each command is a few lines over the library."""

from __future__ import annotations

import os
from importlib import import_module

import click

from classifier import __version__

#: Command -> module of this package and the click command in it; loaded when called.
_COMMANDS = {
    "alike": ("alike", "alike"),
    "catalogues": ("catalogues", "catalogues"),
    "compare": ("evaluate", "compare"),
    "demo": ("demo", "demo"),
    "docs": ("docs", "docs"),
    "doctor": ("doctor", "doctor"),
    "enroll": ("enroll", "enroll"),
    "evaluate": ("evaluate", "evaluate"),
    "find": ("find", "find"),
    "genre": ("label", "genre"),
    "identify": ("identify", "identify"),
    "import": ("music_servers", "import_"),
    "keys": ("keys", "keys"),
    "label": ("label", "label"),
    "lastfm": ("lastfm", "lastfm"),
    "listen": ("listen", "listen"),
    "map": ("alike", "show_map"),
    "models": ("models", "models"),
    "mood": ("label", "mood"),
    "playlist": ("music_servers", "playlist"),
    "report": ("report", "report"),
    "serve": ("serve", "serve"),
    "signature": ("signature", "signature"),
    "spectrogram": ("spectrogram", "spectrogram"),
    "subsets": ("evaluate", "subsets"),
    "sweep": ("sweep", "sweep"),
    "tag-files": ("tag_files", "tag_files"),
    "tags": ("tags", "tags"),
    "tracklist": ("tracklist", "tracklist"),
    "tracks": ("tracks", "tracks"),
    "train": ("train", "train"),
    "validate": ("validate", "validate"),
    "webhooks": ("webhooks", "webhooks"),
}


class _Lazy(click.Group):
    """Imports a command's module only when it is needed, so that ``--help`` is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, name = _COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(f"classifier.cli.{module}"), name)
        return command


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="earmark")
@click.option("--store", help="Store URL, sqlite:///PATH or mongodb://HOST/DATABASE; else EARMARK_STORE.")
@click.option("--quiet", is_flag=True, help="No progress and no remarks.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line on standard output.")
def main(store: str | None, quiet: bool, as_json: bool) -> None:
    """Earmark names the track in a noisy snippet, or says that it does not know it.

    \b
    Example:
      earmark enroll ~/Music
      earmark identify snippet.m4a
    """
    # Threads slow small matrices down; files run in parallel instead. Must be set before numpy is loaded.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
