"""``earmark report``: what was played when, for collecting societies."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from classifier.cli.common import Shell, shell_command
from classifier.errors import InvalidParameter

if TYPE_CHECKING:
    from classifier.listening.report import Play
    from classifier.store.base import Store


@click.command()
@click.argument("sources", nargs=-1, required=True)
@click.option("--from", "first", metavar="TIME", help="Only plays that begin then or later, such as 2026-11-01.")
@click.option("--to", "last", metavar="TIME", help="Only plays that begin earlier.")
@click.option("--zone", help="Whose clock the report shows, such as Europe/Vienna; default: this machine's.")
@click.option("--begun", metavar="TIME", help="When the recording of a stored file began, such as 2026-11-28T06:00.")
@click.option(
    "--least", type=click.FloatRange(min=0.0), default=0.0, show_default=True, help="Leave out plays of fewer seconds."
)
@shell_command
def report(
    shell: Shell,
    sources: tuple[str, ...],
    first: str | None,
    last: str | None,
    zone: str | None,
    begun: str | None,
    least: float,
) -> None:
    """Print a play report of SOURCES as CSV: date, time, duration, ISRC, title, artist, album, source.

    A SOURCE is the name of a monitor ('earmark listen --store-as NAME'), all of whose runs count, or the id of a stored
    tracklist. What people corrected counts as they corrected it.

    \b
    Example:
      earmark report radio-one --from 2026-11-01 --to 2026-12-01 > november.csv
      earmark report 019ad0… --begun 2026-11-28T06:00
    """
    from classifier.listening.report import comma_separated, plays

    clock = _zone(zone)
    bounds = tuple(None if text is None else _time(text, clock) for text in (first, last))
    start = None if begun is None else _time(begun, clock)
    found: list[Play] = []
    with shell.store() as store:
        for name in sources:
            for listed in _tracklists(store, name, start, bounds):
                found += plays(listed["segments"], listed["begun"], clock, listed["monitor"] or listed["file"])
    low, high = bounds
    found = [
        play
        for play in found
        if play.duration_s >= least and not (low and play.began < low) and not (high and play.began >= high)
    ]
    found.sort(key=lambda play: play.began)
    if shell.as_json:
        for play in found:
            shell.emit({**play.row(), "began": play.began.isoformat(), "duration_s": play.duration_s})
    else:
        shell.document(comma_separated(found))
    shell.remark(f"{len(found):,} plays")


def _tracklists(
    store: Store, name: str, begun: datetime | None, bounds: tuple[datetime | None, ...]
) -> Iterator[dict[str, Any]]:
    """Yield the tracklists of a monitor, or the one of an id, each with its segments and when it began."""
    from classifier.records import monitors, tracklists

    if store.get("monitors", name) is None and store.get("tracklists", name) is not None:
        one = tracklists.get(store, name)
        if begun is None and not one["monitor"]:
            raise InvalidParameter(f"{one['file']!r} is a recording: say with --begun when it began")
        yield {**one, "begun": begun or _utc(one["created"])}
        return
    monitors.get(store, name)  # says how a monitor is made
    if begun is not None:
        raise InvalidParameter(f"{name!r} is a monitor, which knows when it began: leave out --begun")
    for one in tracklists.history(store, monitor=name):
        start = _utc(one["created"])
        low, high = bounds
        if (high and start >= high) or (low and start + timedelta(seconds=one["duration_s"]) < low):
            continue
        yield {**one, "segments": tracklists.segments(store, one["id"]), "begun": start}


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _zone(name: str | None) -> tzinfo | None:
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidParameter(f"there is no time zone {name!r}: name one such as Europe/Vienna, or UTC") from None


def _time(text: str, zone: tzinfo | None) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidParameter(f"{text!r} is no time: write 2026-11-28 or 2026-11-28T06:00:00") from None
    if found.tzinfo is not None:
        return found
    return found.replace(tzinfo=zone) if zone else found.astimezone()
