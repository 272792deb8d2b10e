"""Play reports: which track was on the air when and for how long, as broadcasters hand them to collecting societies.

A line a play: the date and time at which it began, how long it was heard, and what names it. Times are by the clock of
a place; durations are ``hh:mm:ss``, rounded.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from classifier.listening.exports import cell

#: Columns of the report.
COLUMNS = ("date", "time", "duration", "isrc", "title", "artist", "album", "source")


@dataclass(frozen=True, slots=True)
class Play:
    """One track, heard once.

    Parameters
    ----------
    began : datetime
        With its time zone.
    duration_s : float
        Seconds heard.
    isrc, artist, album : str or None
    title : str
    source : str
        What was listened to: a station, a file.
    """

    began: datetime
    duration_s: float
    isrc: str | None
    title: str
    artist: str | None
    album: str | None
    source: str

    def row(self) -> dict[str, str]:
        """Return the values of :data:`COLUMNS`."""
        seconds = round(self.duration_s)
        named = {name: getattr(self, name) or "" for name in ("isrc", "title", "artist", "album", "source")}
        return {
            "date": self.began.strftime("%Y-%m-%d"),
            "time": self.began.strftime("%H:%M:%S"),
            "duration": f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}",
            **named,
        }


def plays(segments: Iterable[Mapping[str, Any]], begun: datetime, zone: tzinfo | None, source: str) -> Iterator[Play]:
    """Yield what was played in a recording, by start.

    Parameters
    ----------
    segments : iterable of mapping
        As JSON objects, by start. All that is not a certain track is left out.
    begun : datetime
        When the recording began, with its time zone.
    zone : tzinfo or None
        Whose clock the report shows; None for this machine's.
    source : str
        What was listened to.
    """
    for segment in segments:
        if segment["kind"] != "track" or segment["state"] == "perhaps":
            continue
        began = (begun + timedelta(seconds=segment["start_s"])).astimezone(zone)
        title = segment["title"] or segment["source"] or ""
        heard_s = segment["end_s"] - segment["start_s"]
        yield Play(began, heard_s, segment["isrc"], title, segment["artist"], segment["album"], source)


def comma_separated(found: Iterable[Play]) -> str:
    """Return the report as CSV with a heading, after RFC 4180."""
    target = io.StringIO(newline="")
    writer = csv.DictWriter(target, COLUMNS)
    writer.writeheader()
    writer.writerows({name: cell(value) for name, value in play.row().items()} for play in found)
    return target.getvalue()
