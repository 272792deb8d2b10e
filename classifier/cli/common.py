"""What the commands share: options, opening catalogues and stores, errors, progress, tables."""

from __future__ import annotations

import functools
import math
import os
import signal
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from types import FrameType
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from classifier.errors import CatalogueNotFound, EarmarkError
from classifier.settings import Settings
from classifier.text import json_line, shown

if TYPE_CHECKING:
    from classifier.catalogue import Catalogue
    from classifier.store.base import Store


@dataclass(frozen=True, slots=True)
class Shell:
    """The options that all commands share, and the ways of writing to the terminal.

    Parameters
    ----------
    settings : Settings
        From the environment and the options.
    as_json : bool
        One JSON object a line on standard output.
    quiet : bool
        No progress and no remarks.
    """

    settings: Settings
    as_json: bool
    quiet: bool

    @contextmanager
    def catalogue(self, *, create: bool = True, jobs: int = 1) -> Iterator[Catalogue]:
        """Open the catalogue for a ``with`` block, with decoders for ``jobs`` files at a time."""
        from classifier.audio.decoder import Decoder
        from classifier.catalogue import Catalogue

        with ExitStack() as stack:
            decoder = stack.enter_context(Decoder(self.settings, jobs))
            try:
                catalogue = Catalogue.open(settings=self.settings, create=create, decoder=decoder)
            except CatalogueNotFound as error:
                raise CatalogueNotFound(f"{error}: enroll into it first, or see 'earmark catalogues list'") from None
            stack.enter_context(catalogue)
            if self.settings.scheduler:
                from classifier.cluster.head import Head

                head = stack.enter_context(Head(self.settings))
                head.serve(catalogue)
                head.decode_for(catalogue)
            yield catalogue

    @contextmanager
    def store(self) -> Iterator[Store]:
        """Open the store for a ``with`` block."""
        from classifier.store import open_store

        with closing(open_store(self.settings.store)) as store:
            store.ensure_schema()
            yield store

    def using(self, scheduler: str | None) -> Shell:
        """Return a shell whose catalogues use the machines of this scheduler; None changes nothing."""
        return replace(self, settings=self.settings.replace(scheduler=scheduler))

    def say(self, text: str) -> None:
        """Print a line for a person on standard output; terminal control characters are escaped."""
        click.echo(shown(text))

    def remark(self, text: str) -> None:
        """Print a line for a person on standard error, unless ``quiet``."""
        if not self.quiet:
            click.echo(shown(text), err=True)

    def failed(self, what: object, error: EarmarkError) -> None:
        """Print on standard error, in one line, what failed and why."""
        click.echo(shown(f"failed: {what}: {error}"), err=True)

    def ask(self, text: str) -> None:
        """Print what a person has to do now, on standard error, and wait for Enter."""
        click.echo(shown(text), err=True)
        sys.stdin.readline()

    def emit(self, value: Mapping[str, Any]) -> None:
        """Print one JSON object on a line of its own."""
        click.echo(json_line(value))

    def document(self, text: str) -> None:
        """Print a whole document on standard output: as it is to a file or a pipe, escaped to a terminal."""
        if sys.stdout.isatty():
            text = "".join(f"{shown(line)}\n" for line in text.splitlines())
        click.echo(text, nl=False)

    def table(
        self,
        columns: Sequence[str],
        rows: Sequence[Sequence[str]],
        title: str | None = None,
        *,
        whole: Collection[str] = (),
    ) -> None:
        """Print a table on standard output, at most as wide as the terminal; numbers are aligned right.

        Parameters
        ----------
        columns : sequence of str
            Names of the columns.
        rows : sequence of sequence of str
            Any text, one cell for each column.
        title : str or None
            Heading.
        whole : collection of str
            Columns whose cells are never wrapped, so that they can be copied.
        """
        table = Table(title=title, title_justify="left", header_style="bold")
        for i, column in enumerate(columns):
            numeric = bool(rows) and all(row[i].replace(" s", "").strip("-+.:%0123456789e") == "" for row in rows)
            table.add_column(
                column, justify="right" if numeric else "left", overflow="fold", no_wrap=numeric or column in whole
            )
        for row in rows:
            table.add_row(*map(shown, row))
        _console().print(table)

    def facts(self, rows: Sequence[tuple[str, str]]) -> None:
        """Print names and values on standard output without a frame, at most as wide as the terminal."""
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for name, value in rows:
            table.add_row(shown(name), shown(value))
        _console().print(table)

    def numbered(self, heading: str, items: Sequence[Sequence[str]]) -> None:
        """Print numbered items of several lines each under a heading; long lines are wrapped."""
        grid = Table.grid(padding=(0, 1))
        grid.add_column(justify="right")
        grid.add_column(overflow="fold")
        grid.add_row("", heading)
        for number, (first, *rest) in enumerate(items, start=1):
            grid.add_row(str(number), shown(first))
            for line in rest:
                grid.add_row("", shown(line))
        _console(80).print(grid)

    @contextmanager
    def progress(self, what: str, total: int) -> Iterator[Callable[[int], None]]:
        """Show a progress bar on a terminal, nothing elsewhere; yields a function that takes the number done."""
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        console = Console(stderr=True)
        with Progress(*columns, console=console, disable=self.quiet or not console.is_terminal) as bar:
            task = bar.add_task(what, total=total)
            yield lambda done: bar.update(task, completed=done)


def _console(width_of_file: int = 160) -> Console:
    # As wide as the terminal; in a file or a pipe, as wide as COLUMNS says, else as most text needs.
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else width_of_file
    return Console(file=sys.stdout, width=width, highlight=False, markup=False)


def shell_command(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the common options, a :class:`Shell` as first argument, and one-line errors."""

    @click.option("--store", help="Store URL; else EARMARK_STORE.")
    @click.option("--catalogue", help="Catalogue to work on; else EARMARK_CATALOGUE, else 'default'.")
    @click.option("--json", "as_json", is_flag=True, help="One JSON object a line on standard output.")
    @click.option("--quiet", is_flag=True, help="No progress and no remarks.")
    @functools.wraps(function)
    @click.pass_context
    def wrapper(
        context: click.Context,
        /,
        store: str | None,
        catalogue: str | None,
        as_json: bool,
        quiet: bool,
        **arguments: Any,
    ) -> Any:
        root = context.find_root().params
        try:
            settings = Settings.from_environment(
                os.environ, store=store or root.get("store"), catalogue=catalogue, log_level=None
            )
            shell = Shell(settings, as_json or bool(root.get("as_json")), quiet or bool(root.get("quiet")))
            return function(shell, **arguments)
        except EarmarkError as error:
            raise click.ClickException(shown(str(error))) from None
        except click.UsageError:
            raise
        except click.ClickException as error:
            raise click.ClickException(shown(error.message)) from None

    return wrapper


@contextmanager
def until_ctrl_c() -> Iterator[threading.Event]:
    """Give an event that the first Ctrl-C sets, for work that ends between two steps; the second one breaks off.

    An exception would not do: raised wherever the program happens to be, it can land in a callback that swallows it.
    """
    stop = threading.Event()

    def first(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, before)
        stop.set()

    before = signal.signal(signal.SIGINT, first)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


def percent(probability: float) -> str:
    """Return a probability in per cent, never as 0 or 100: ``> 99.9 %``, ``99.3 %``, ``72 %``, ``< 0.1 %``."""
    if probability > 0.999:
        return "> 99.9 %"
    if probability < 0.001:
        return "< 0.1 %"
    if 0.01 <= probability <= 0.99:
        return f"{100 * probability:.0f} %"
    return f"{math.floor(1000 * probability + 1e-9) / 10:.1f} %"  # truncated: rounding could reach 100.0 or 0.0


def counted(n: int, what: str) -> str:
    """Return a number of things in words: ``1 track``, ``5 tracks``."""
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def clock_time(seconds: float) -> str:
    """Return seconds as m:ss.t or h:mm:ss.t, with a minus sign where negative."""
    tenths = round(abs(seconds) * 10)
    sign = "-" if seconds < 0 and tenths else ""
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    head = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{sign}{head}:{rest // 10:02d}.{rest % 10}"
