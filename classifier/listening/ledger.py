"""The book of segments: what the path says at each look becomes segments that open, are confirmed, close or go again.

A segment keeps its id from its first mention to its last. What lies before the horizon is settled; everything within
may still be revised, also after a segment was closed, which happens once its track has not been heard for ``CLOSE_S``.
But a border is told by what lies around it: as that falls out of the horizon, the border stays as it was told last.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from classifier.listening.borders import OUTWARD
from classifier.listening.grid import STEP_S
from classifier.listening.segments import Event, Segment
from classifier.results import Track

#: Seconds without a track after which its segment is closed.
CLOSE_S = 8.0
#: Seconds by which a time must change for the change to be told.
TOLD_S = 0.5
#: Shortest stretch that is told of, seconds.
SHORTEST_S = 2.0


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of the horizon in which the path says that a line sounds.

    Parameters
    ----------
    trace : int
        The line's trace.
    track_id : str
        Its track.
    start_s, end_s, start_uncertainty_s, end_uncertainty_s : float
        As of a segment.
    offset_s, end_offset_s : float
        Places in the track at start and end.
    speed : float
        Of the line.
    start_kept_s, end_kept_s : (float, float) or None
        Between which moments a border stays that was told before, for the horizon holds too little around it to tell it
        as well; None where it is told anew.
    confirmed : bool
        Whether a test within it confirmed the track.
    confidence : float
        Of the best test of its trace.
    """

    trace: int
    track_id: str
    start_s: float
    end_s: float
    start_uncertainty_s: float
    end_uncertainty_s: float
    offset_s: float
    end_offset_s: float
    speed: float
    start_kept_s: tuple[float, float] | None
    end_kept_s: tuple[float, float] | None
    confirmed: bool
    confidence: float


@dataclass(slots=True)
class Entry:
    """A segment that may still change: as it is, as it was last told of, its trace, and whether it was withdrawn."""

    segment: Segment
    told: Segment
    trace: int
    gone: bool = False


class Ledger:
    """Segments of one recording.

    Parameters
    ----------
    lookup : callable
        Gives a track by its id.
    """

    def __init__(self, lookup: Callable[[str], Track]) -> None:
        self._lookup = lookup
        self._next = 1
        self._entries: list[Entry] = []
        #: Confirmed segments that nothing can change any more.
        self.done: list[Segment] = []

    def open_segments(self) -> list[Segment]:
        """Segments that may still change, those that are only perhaps there among them."""
        return [entry.segment for entry in self._entries if not entry.gone]

    def update(self, runs: Sequence[Run], now_s: float, horizon_s: float, *, ended: bool = False) -> list[Event]:
        """Take what the path says now; return what changed.

        Parameters
        ----------
        runs : sequence of Run
            By start.
        now_s : float
            How much of the recording was heard.
        horizon_s : float
            Where the horizon begins.
        ended : bool
            Whether the recording is over.
        """
        events: list[Event] = []
        left = list(self._entries)
        for run in runs:
            entry = _match(run, left)
            if entry is None:
                if run.end_s - run.start_s < SHORTEST_S:
                    continue
                entry = self._open(run)
                self._entries.append(entry)
                events.append(Event("opened", now_s, entry.segment))
            else:
                left.remove(entry)
            if not entry.gone:
                events += self._revise(entry, run, now_s, ended)
        for entry in left:
            events += self._miss(entry, now_s, horizon_s, ended)
        for entry in [e for e in self._entries if ended or e.segment.end_s < horizon_s]:
            self._entries.remove(entry)
            if not entry.gone:
                self.done.append(entry.segment)
        self.done.sort(key=lambda s: s.start_s)
        return events

    def _open(self, run: Run) -> Entry:
        track = self._lookup(run.track_id)
        segment = Segment(
            id=str(self._next),
            start_s=run.start_s,
            end_s=run.end_s,
            start_uncertainty_s=run.start_uncertainty_s,
            end_uncertainty_s=run.end_uncertainty_s,
            kind="track",
            offset_s=run.offset_s,
            speed=_speed(run.offset_s, run.end_offset_s, run.start_s, run.end_s),
            confidence=run.confidence,
            state="perhaps",
            **_named(track),
        )
        self._next += 1
        return Entry(segment, segment, run.trace)

    def _revise(self, entry: Entry, run: Run, now_s: float, ended: bool) -> list[Event]:
        before = entry.segment
        start_s, start_uncertainty_s, offset_s = run.start_s, run.start_uncertainty_s, run.offset_s
        if _within(before.start_s, run.start_kept_s):
            start_s, start_uncertainty_s = before.start_s, before.start_uncertainty_s
            offset_s = before.offset_s or 0.0
        end_s, end_uncertainty_s, end_offset_s = run.end_s, run.end_uncertainty_s, run.end_offset_s
        if _within(before.end_s, run.end_kept_s):
            end_s, end_uncertainty_s = before.end_s, before.end_uncertainty_s
            end_offset_s += (end_s - run.end_s) * run.speed
        confirmed = run.confirmed or before.state != "perhaps"
        over = ended or now_s - run.end_s >= CLOSE_S
        entry.segment = replace(
            before,
            start_s=start_s,
            end_s=end_s,
            start_uncertainty_s=start_uncertainty_s,
            end_uncertainty_s=end_uncertainty_s,
            offset_s=offset_s,
            speed=_speed(offset_s, end_offset_s, start_s, end_s),
            confidence=max(run.confidence, before.confidence) if entry.trace == run.trace else run.confidence,
            state=("closed" if over or before.state == "closed" else "confirmed") if confirmed else "perhaps",
        )
        moved = entry.trace != run.trace
        entry.trace = run.trace
        if over and not confirmed:
            return self._withdraw(entry, now_s)
        kinds = []
        if before.state == "perhaps" and confirmed:
            kinds.append("confirmed")
        if entry.segment.state == "closed" and before.state != "closed":
            kinds.append("closed")
        if not kinds and (moved or _changed(entry.told, entry.segment)):
            kinds.append("revised")
        if kinds:
            entry.told = entry.segment
        return [Event(kind, now_s, entry.segment) for kind in kinds]

    def _miss(self, entry: Entry, now_s: float, horizon_s: float, ended: bool) -> list[Event]:
        """Treat a segment of which the path says nothing: it ends at the horizon, or never was."""
        segment = entry.segment
        if entry.gone or segment.end_s <= horizon_s:
            return []
        if segment.start_s >= horizon_s - STEP_S or segment.state == "perhaps":
            return self._withdraw(entry, now_s)
        if segment.end_s <= horizon_s + OUTWARD * STEP_S:  # its line ends before it does, and has left the horizon
            return []
        was = segment.state
        entry.segment = entry.told = replace(segment, end_s=horizon_s, state="closed")
        return [Event("revised" if was == "closed" else "closed", now_s, entry.segment)]

    def _withdraw(self, entry: Entry, now_s: float) -> list[Event]:
        entry.gone = True
        return [Event("withdrawn", now_s, entry.segment)]

    # --- saved and restored -------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        entries = [[e.segment.to_dict(), e.told.to_dict(), e.trace, e.gone] for e in self._entries]
        return {"next": self._next, "entries": entries, "done": [segment.to_dict() for segment in self.done]}

    def restore(self, values: Mapping[str, Any], traces: Collection[int]) -> None:
        """Become what :meth:`to_dict` gave; what a trace found that is not among ``traces`` any more is settled."""
        self._next = int(values["next"])
        self._entries = [
            Entry(Segment.from_dict(now), Segment.from_dict(told), int(trace), bool(gone))
            for now, told, trace, gone in values["entries"]
        ]
        self.done = [Segment.from_dict(segment) for segment in values["done"]]
        for entry in [e for e in self._entries if e.trace not in traces and not e.gone]:
            self._entries.remove(entry)
            if entry.segment.state != "perhaps":
                self.done.append(replace(entry.segment, state="closed"))


def _named(track: Track) -> dict[str, Any]:
    names = ("title", "artist", "album", "isrc", "source")
    return {"track_id": track.id, **{name: getattr(track, name) for name in names}}


def _within(moment_s: float, bounds_s: tuple[float, float] | None) -> bool:
    return bounds_s is not None and bounds_s[0] <= moment_s <= bounds_s[1]


def _speed(offset_s: float, end_offset_s: float, start_s: float, end_s: float) -> float:
    return (end_offset_s - offset_s) / max(end_s - start_s, STEP_S)


def _overlap(run: Run, segment: Segment) -> float:
    return min(run.end_s, segment.end_s) - max(run.start_s, segment.start_s)


def _match(run: Run, entries: Sequence[Entry]) -> Entry | None:
    """Find the segment that a run is: that of its line, else one of the same track that it covers by half or more."""
    own = [e for e in entries if e.trace == run.trace and _overlap(run, e.segment) > -STEP_S]
    if not own:
        own = [
            e
            for e in entries
            if e.segment.track_id == run.track_id
            and not e.gone
            and _overlap(run, e.segment) >= 0.5 * min(run.end_s - run.start_s, e.segment.duration_s)
        ]
    return max(own, key=lambda e: _overlap(run, e.segment), default=None)


def _changed(told: Segment, now: Segment) -> bool:
    """Whether what was told of a segment no longer holds; that an open one goes on is nothing new."""
    ends = now.state == "closed" and abs(told.end_s - now.end_s) > TOLD_S
    return ends or abs(told.start_s - now.start_s) > TOLD_S
