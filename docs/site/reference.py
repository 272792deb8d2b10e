"""Pages that follow from the code: the Python library, from its docstrings, and every command, from its help."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import click

from classifier.cli import main as cli

#: Title and file -> introduction, and the modules that it shows.
_MODULES: dict[tuple[str, str], tuple[str, tuple[str, ...]]] = {
    ("Stages", "stages"): (
        "Every stage from samples to verdict, as one pure function each. The [tutorial](../docs/tutorial.md) walks "
        "through them.",
        ("classifier.stages",),
    ),
    ("Catalogue", "catalogue"): (
        "Enroll tracks, identify snippets: what the whole program does. All names of this page and of the next ones can "
        "be imported from `classifier`, too.",
        ("classifier.catalogue", "classifier.enrolling", "classifier.audio.decoded"),
    ),
    ("Results", "results"): ("What Earmark answers.", ("classifier.results",)),
    ("Configuration", "configuration"): (
        "What defines a catalogue, and what a process is set to.",
        ("classifier.config", "classifier.settings"),
    ),
    ("Errors", "errors"): ("Everything that Earmark raises on purpose.", ("classifier.errors",)),
    ("Listening", "listening"): (
        "Hours of sound: who plays what when.",
        ("classifier.listening.engine", "classifier.listening.files", "classifier.listening.segments"),
    ),
    ("Divergence", "divergence"): (
        "What a recording sounds like. Formulas: [mathematics](../docs/mathematics.md#divergence).",
        (
            *("classifier.mixtures.features", "classifier.mixtures.gmm", "classifier.mixtures.divergence"),
            "classifier.mixtures.slots",
        ),
    ),
    ("Fingerprints", "fingerprints"): (
        "What a recording is. Formulas: [mathematics](../docs/mathematics.md#sub-fingerprints).",
        ("classifier.fingerprint.bits", "classifier.fingerprint.reliability", "classifier.fingerprint.agreement"),
    ),
    ("Significance", "significance"): (
        "From agreement to a verdict. Formulas: [mathematics](../docs/mathematics.md#chance).",
        ("classifier.search.align", "classifier.search.null", "classifier.search.significance"),
    ),
    ("Models of labels", "labels"): (
        "Classifiers of genre, mood and labels of your own ([labels](../docs/labels.md)).",
        ("classifier.labels.scoring.model", "classifier.labels.scoring.registry", "classifier.labels.views"),
    ),
}


@dataclass(frozen=True, slots=True)
class Made:
    """A page: its title, its path in the site, its Markdown."""

    title: str
    path: str
    text: str


def modules() -> list[str]:
    """Return the names of all modules that the reference shows."""
    return [name for _, shown in _MODULES.values() for name in shown]


def pages() -> list[Made]:
    """Return all pages, in the order of the navigation."""
    return [
        Made("Commands", "reference/commands.md", _commands()),
        *(
            Made(title, f"reference/{name}.md", "\n\n".join([f"# {title}", introduction, *(f"::: {m}" for m in shown)]))
            for (title, name), (introduction, shown) in _MODULES.items()
        ),
    ]


def _commands() -> str:
    parts = ["# Commands", "What each command says with `--help`. All of them in one table: [user guide]"
             "(../docs/guide.md#all-commands)."]  # fmt: skip
    for path, command in _walk(cli, "earmark"):
        context = click.Context(command, info_name=path)
        parts += [f"## `{path}`", f"```text\n{command.get_help(context)}\n```"]
    return "\n\n".join(parts)


def _walk(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    """Yield a command and all below it, with what calls them."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            if child is not None:
                yield from _walk(child, f"{path} {name}")
