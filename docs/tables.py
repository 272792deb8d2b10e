"""Write the tables of the documentation that follow from the code, or check that they are current::

    python docs/tables.py            # rewrite them in place
    python docs/tables.py --check    # exit with 1 and name the files that are not current

A table stands between ``<!-- table NAME, written by docs/tables.py -->`` and ``<!-- end -->``.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from classifier.api import bodies
from classifier.api import connections as c
from classifier.api import problems as named
from classifier.api import requests as forms
from classifier.api.glossary import WORDS
from classifier.api.server import configuration
from classifier.api.trackfiles import MAX_FILES
from classifier.audio.formats import CONTAINERS
from classifier.cli import main as cli
from classifier.config import PRESETS, FeatureConfig
from classifier.settings import Settings, variable

FOLDER = Path(__file__).parent
_PLACE = re.compile(r"(<!-- table (\w+), written by docs/tables\.py -->\n).*?(<!-- end -->)", re.DOTALL)


def table(columns: Sequence[str], rows: Iterator[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |\n" for line in lines)


def shown(value: Any) -> str:
    """Return a default as one would write it in the environment or after ``--set``."""
    if isinstance(value, bool):
        return "`on`" if value else "`off`"
    if isinstance(value, (tuple, list)):
        return f"`{','.join(str(item) for item in value)}`" if value else ""
    if isinstance(value, float):
        return f"`{value:g}`"
    return f"`{value}`" if value != "" else ""


def number(value: float) -> str:
    """Return a bound for people: whole numbers in full."""
    return f"{int(value):,}" if value == int(value) else f"{value:g}"


def limits(metadata: Mapping[str, Any]) -> str:
    """Return what a setting or parameter with this metadata may be."""
    if metadata.get("choices"):
        return ", ".join(f"`{choice}`" for choice in metadata["choices"])
    return f"{number(metadata['low'])} to {number(metadata['high'])}" if "low" in metadata else ""


def settings() -> str:
    """Return the table of all settings."""
    rows = (
        (f"`{variable(item.name)}`", shown(item.default), limits(item.metadata), item.metadata["help"])
        for item in fields(Settings)
    )
    return table(("variable", "default", "may be", "meaning"), rows)


def parameters() -> str:
    """Return the table of what defines a catalogue."""
    other, values = PRESETS["synced-fm"].to_dict(), FeatureConfig().to_dict()
    rows = []
    for item in fields(FeatureConfig):
        name = item.name
        differs = "" if other[name] == values[name] else shown(other[name]) or "none"
        rows.append((f"`{name}`", shown(values[name]), differs, limits(item.metadata), item.metadata["help"]))
    return table(("parameter", "default", "`synced-fm`", "may be", "meaning"), iter(rows))


def commands() -> str:
    """Return the table of all commands."""

    def walk(command: click.Command, path: str) -> Iterator[tuple[str, str]]:
        context = click.Context(command)
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                child = command.get_command(context, name)
                if child is not None:
                    yield from walk(child, f"{path} {name}")
        else:
            pieces = [p for p in command.collect_usage_pieces(context) if p != "[OPTIONS]"]
            yield f"`{' '.join([path, *pieces])}`", (command.help or "").split("\n\n")[0].replace("\n", " ")

    return table(("command", "does"), walk(cli, "earmark"))


def requests() -> str:
    """Return the table of what one request and one client may take of a service process."""
    rows = [
        ("headers of a request", f"{c.MAX_HEADER_BYTES:,} bytes, {c.HEADER_SECONDS:g} s", "431; closed"),
        (
            "bodies arriving at a time",
            f"{bodies.MAX_UPLOADS}; of one caller as many as it leaves free for others",
            "503 `busy`",
        ),
        ("a body", _clock(bodies.GRACE_SECONDS, bodies.MIN_BYTES_PER_SECOND), "408 `request_timeout`"),
        ("JSON", f"{forms.JSON_BYTES:,} bytes", "413 `request_too_large`"),
        (
            "a form",
            f"{forms.MAX_PARTS} parts, {MAX_FILES} of them files; {forms.MAX_TEXT_BYTES:,} bytes in a text field",
            "413 `request_too_large`",
        ),
        (
            "what is left of a body that was refused",
            f"{_clock(c.DRAIN_SECONDS, c.DRAIN_BYTES_PER_SECOND)}; {c.DRAIN_BYTES:,} bytes",
            "closed",
        ),
        ("an answer left unread", f"{c.SEND_SECONDS:g} s", "closed"),
        ("an idle connection", f"{configuration(Settings(), 1)['keepalive']} s", "closed"),
        (
            "connections",
            f"{configuration(Settings(), 1)['worker_connections']:,}",
            "the caller with most waiting loses the one that has waited longest",
        ),
    ]
    return table(("what", "at most", "beyond"), iter(rows))


def _clock(seconds: float, rate: float) -> str:
    return f"{seconds:g} s, and 1 s more for every {rate:,.0f} bytes"


def formats() -> str:
    """Return the table of containers that are read."""
    rows = ((c.name, " ".join(f"`{ending}`" for ending in c.endings), c.codecs) for c in CONTAINERS)
    return table(("container", "endings", "usually holds"), rows)


def problems() -> str:
    """Return the table of all problems: when each arises, and what a client can do."""
    rows = (
        (f"`{name}`", str(cls.status), named.title(cls), named.REMEDIES[name]) for name, cls in named.known().items()
    )
    return table(("name", "status", "cause", "cure"), rows)


def names() -> str:
    """Return the table of names that mean the same everywhere in the interface."""
    rows = ((f"`{name}`", words) for name, words in sorted(WORDS.items()) if "." not in name)
    return table(("name", "meaning"), rows)


TABLES: dict[str, Callable[[], str]] = {
    "settings": settings,
    "parameters": parameters,
    "commands": commands,
    "requests": requests,
    "formats": formats,
    "problems": problems,
    "names": names,
}


def current(text: str) -> str:
    """Return a document with its tables as they should be."""
    return _PLACE.sub(lambda match: f"{match[1]}\n{TABLES[match[2]]()}\n{match[3]}", text)


def stale(folder: Path = FOLDER) -> list[Path]:
    """Return the documents whose tables are not current."""
    return [path for path in sorted(folder.glob("*.md")) if (text := path.read_text()) != current(text)]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 if anything is not current")
    arguments = parser.parse_args()
    found = stale()
    for path in found:
        if not arguments.check:
            path.write_text(current(path.read_text()))
        print(f"{'not current' if arguments.check else 'rewritten'}: {path.name}")
    sys.exit(1 if arguments.check and found else 0)


if __name__ == "__main__":
    main()
