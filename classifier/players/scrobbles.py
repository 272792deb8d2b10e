"""Plays of tracks, for services that keep a person's listening history: what counts as one, and those not yet told.

A track counts as played once half of it or four minutes were heard, whichever comes first; of tracks of thirty seconds
or less no play counts. A track that is talked over goes on where its place goes on, and is still one play.

Sources: https://www.last.fm/api/scrobbling ("When is a scrobble a scrobble?");
https://listenbrainz.readthedocs.io/en/latest/users/api/core.html (the same rule).
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Protocol

from classifier.errors import EarmarkError, FileMissing
from classifier.listening.segments import Event, Segment
from classifier.results import Track

#: Seconds that suffice of any track, and the length up to which no play of a track counts.
ENOUGH_S, SHORT_S = 240.0, 30.0
#: Most seconds of speech or silence within one play, and how far the place in the track may be off after it.
_PAUSE_S, _PLACE_S = 60.0, 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scrobble:
    """One play of one track.

    Parameters
    ----------
    artist, title : str
        Both are needed: services refuse plays without.
    began : int or None
        Unix time at which it began; None while it is still playing.
    album : str or None
    duration_s : float
        Of the track.
    isrc, recording_mbid, release_mbid, artist_mbids : str or None
        As :mod:`classifier.identifiers` describes them.
    """

    artist: str
    title: str
    began: int | None
    album: str | None
    duration_s: float
    isrc: str | None = None
    recording_mbid: str | None = None
    release_mbid: str | None = None
    artist_mbids: str | None = None

    @classmethod
    def of(cls, track: Track, began: int | None) -> Scrobble | None:
        """Build from a track; None if it has no artist."""
        if not track.artist or not track.title:
            return None
        values = {name: getattr(track, name) for name in (*_NAMED, "isrc", "recording_mbid", "release_mbid")}
        return cls(**values, artist_mbids=track.artist_mbids, began=began)

    @classmethod
    def read(cls, line: str) -> Scrobble | None:
        """Build from a line of a file; None if it is none of ours."""
        try:
            values = json.loads(line)
            return cls(**{item.name: values[item.name] for item in fields(cls)})
        except (ValueError, TypeError, KeyError):
            return None

    def line(self) -> str:
        """Return the line of a file."""
        return json.dumps(asdict(self), ensure_ascii=False) + "\n"


_NAMED = ("artist", "title", "album", "duration_s")


def counts(heard_s: float, duration_s: float) -> bool:
    """Return whether a play counts that lets so many seconds be heard of a track of such a length."""
    return duration_s > SHORT_S and heard_s >= min(ENOUGH_S, duration_s / 2)


class Plays:
    """Follows the events of a listener, and tells once which track was played.

    A segment that goes on with the track of the one before, after a short pause, is the same play.
    """

    def __init__(self) -> None:
        self._last: Segment | None = None
        self._start_s = self._heard_s = 0.0
        self._told = False

    def take(self, event: Event, duration_s: float) -> float | None:
        """Take a closed segment of a track; return when its play began (seconds of the recording) once it counts.

        Parameters
        ----------
        event : Event
            Whose kind is ``closed``.
        duration_s : float
            Of the track.
        """
        segment = event.segment
        if not self._goes_on(segment):
            self._start_s, self._heard_s, self._told = segment.start_s, 0.0, False
        self._last = segment
        self._heard_s += segment.duration_s
        if self._told or not counts(self._heard_s, duration_s):
            return None
        self._told = True
        return self._start_s

    def _goes_on(self, segment: Segment) -> bool:
        last = self._last
        if last is None or last.track_id != segment.track_id or last.offset_s is None or segment.offset_s is None:
            return False
        place = last.offset_s + (last.speed or 1.0) * (segment.start_s - last.start_s)
        return segment.start_s - last.end_s <= _PAUSE_S and abs(place - segment.offset_s) <= _PLACE_S


class Refused(EarmarkError):
    """A service will not take what it was sent, and would not later: sending it again is of no use."""

    name = "service_refused"
    status = 502


class NotAllowed(EarmarkError):
    """A service does not accept the person's token; plays are kept until it does."""

    name = "service_not_allowed"
    status = 502


class Service(Protocol):
    """Where plays are told."""

    name: str
    #: Most plays of one request.
    batch: int

    def playing(self, scrobble: Scrobble) -> None:
        """Tell what is playing now; errors as of :meth:`submit`."""

    def submit(self, scrobbles: Sequence[Scrobble]) -> None:
        """Tell what was played.

        Raises
        ------
        Unavailable
            If it should be tried again later.
        Refused
            If it should not.
        NotAllowed
            If the token has to be changed first.
        """


class Pending:
    """Plays that a service has not yet been told, in a file that outlives the process; several may share it.

    Parameters
    ----------
    path : Path
        One JSON object a line; made when needed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, scrobble: Scrobble) -> None:
        """Keep one.

        Raises
        ------
        FileMissing
            If it cannot be written.
        """
        with self._locked():
            try:
                with open(self._path, "a", encoding="utf-8") as file:
                    file.write(scrobble.line())
                    file.flush()
                    os.fsync(file.fileno())
            except OSError as error:
                raise self._unwritable(error) from None

    def count(self) -> int:
        """Return how many there are."""
        return len(self._read())

    def send(self, service: Service) -> int:
        """Tell a service all of them, the oldest first, and forget those that it took or refused.

        Returns
        -------
        int
            How many it refused.

        Raises
        ------
        Unavailable, NotAllowed
            As :meth:`Service.submit`; what was not told is kept.
        """
        refused = 0
        with self._locked():
            while waiting := self._read():
                batch, rest = waiting[: service.batch], waiting[service.batch :]
                try:
                    service.submit(batch)
                except Refused:
                    # One bad play must not keep the others back: they go one by one.
                    for index, one in enumerate(batch):
                        try:
                            service.submit([one])
                        except Refused:
                            refused += 1
                        self._write([*batch[index + 1 :], *rest])
                else:
                    self._write(rest)
        return refused

    def _read(self) -> list[Scrobble]:
        try:
            text = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        # A line that was cut off as the power went is left out, and goes with the next writing.
        found = (Scrobble.read(line) for line in text.splitlines())
        return [scrobble for scrobble in found if scrobble is not None]

    def _write(self, scrobbles: Sequence[Scrobble]) -> None:
        aside = self._path.with_suffix(".new")
        try:
            aside.write_text("".join(scrobble.line() for scrobble in scrobbles), encoding="utf-8")
            os.replace(aside, self._path)
        except OSError as error:
            raise self._unwritable(error) from None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with open(self._path.with_suffix(".lock"), "w", encoding="ascii") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise self._unwritable(error) from None

    def _unwritable(self, error: OSError) -> FileMissing:
        return FileMissing(f"plays cannot be kept in {self._path.name!r} of the data folder ({error.strerror})")
