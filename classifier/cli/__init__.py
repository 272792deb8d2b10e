"""The command line: one module for each command group; each command is a few lines over the library."""

from __future__ import annotations

import os
from importlib import import_module

import click

from classifier import __version__

#: Section of the help -> command -> module of this package and the click command in it; loaded when called.
_SECTIONS = {
    "Identify": {
        "identify": ("identify", "identify"),
        "listen": ("listen", "listen"),
        "tracklist": ("tracklist", "tracklist"),
        "find": ("find", "find"),
        "report": ("report", "report"),
        "signature": ("signature", "signature"),
    },
    "Your library": {
        "enroll": ("enroll", "enroll"),
        "tracks": ("tracks", "tracks"),
        "catalogues": ("catalogues", "catalogues"),
        "tag-files": ("tag_files", "tag_files"),
        "alike": ("alike", "alike"),
        "map": ("alike", "show_map"),
        "import": ("music_servers", "import_"),
        "playlist": ("music_servers", "playlist"),
    },
    "Genre, mood and tags": {
        "genre": ("label", "genre"),
        "mood": ("label", "mood"),
        "tags": ("tags", "tags"),
        "label": ("label", "label"),
        "spectrogram": ("spectrogram", "spectrogram"),
        "train": ("train", "train"),
        "models": ("models", "models"),
        "evaluate": ("evaluate", "evaluate"),
        "compare": ("evaluate", "compare"),
        "subsets": ("evaluate", "subsets"),
    },
    "How good it is": {
        "validate": ("validate", "validate"),
        "sweep": ("sweep", "sweep"),
    },
    "The service": {
        "serve": ("serve", "serve"),
        "keys": ("keys", "keys"),
        "webhooks": ("webhooks", "webhooks"),
        "scheduler": ("cluster", "scheduler"),
        "worker": ("cluster", "worker"),
    },
    "First steps and care": {
        "demo": ("demo", "demo"),
        "docs": ("docs", "docs"),
        "doctor": ("doctor", "doctor"),
        "lastfm": ("lastfm", "lastfm"),
    },
}
_COMMANDS = {name: where for commands in _SECTIONS.values() for name, where in commands.items()}


class _Lazy(click.Group):
    """Imports a command's module only when it is needed, and lists commands by what they are for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, name = _COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(f"classifier.cli.{module}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, _COMMANDS))
        for title, names in _SECTIONS.items():
            commands = ((name, self.get_command(ctx, name)) for name in names)
            with formatter.section(title):
                formatter.write_dl([(n.ljust(width), c.get_short_help_str(150)) for n, c in commands if c is not None])


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
