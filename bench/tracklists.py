"""How good a tracklist is: pure functions on what was played and what was said to have been.

What counts is the same for everybody that is asked: Earmark's listener, the smoothing rules, a rival in windows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from bench.mixes import Played

#: Share of what was played that a segment must cover to be it.
COVERED = 0.5
#: Shortest stretch that is asked for, seconds.
ASKED_S = 15.0


@dataclass(frozen=True)
class Said:
    """One segment of an answer: a track, from when to when, and where in it and at which speed, if that was said."""

    name: str
    start_s: float
    end_s: float
    offset_s: float | None = None
    speed: float | None = None
    known_at_s: float | None = None


#: Whether a segment that names another track than the one played names the same sound at a moment.
SameSound = Callable[[Played, Said, float], bool]


@dataclass
class Score:
    """Counts and errors of some mixes; scores can be added."""

    right_s: int = 0
    wrong_s: int = 0
    missed_s: int = 0
    asked: int = 0
    found: int = 0
    said: int = 0
    true_said: int = 0
    borders_s: list[float] = field(default_factory=list)
    middles_s: list[float] = field(default_factory=list)
    offsets_s: list[float] = field(default_factory=list)
    speeds: list[float] = field(default_factory=list)
    latency_s: list[float] = field(default_factory=list)

    def __add__(self, other: Score) -> Score:
        return Score(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))

    @property
    def f1(self) -> float:
        """F1 per second."""
        return 2 * self.right_s / max(2 * self.right_s + self.wrong_s + self.missed_s, 1)


def score(played: Sequence[Played], said: Sequence[Said], seconds: float, same: SameSound) -> Score:
    """Compare an answer with what was played.

    Per second: what was said of the second's middle is right if it was audible then, or is the same sound. A known
    track that leads (from the middle of its first fade to that of its last) and was not named is missed. A second may
    count in several ways. A segment is found if one segment of the same name covers half of it; each serves once.
    Borders are those of found segments, against where a track becomes audible or ceases to be (``borders_s``), and
    against the middles of its fades (``middles_s``). All errors are what was said less what was true.
    """
    out = Score()
    for second in np.arange(0.5, seconds, 1.0):
        there = [p for p in played if p.start_s <= second < p.end_s]
        named = [s for s in said if s.start_s <= second < s.end_s]
        leading = [p for p in there if p.reference.known and p.from_s <= second < p.to_s]
        right = set()
        for s in named:
            hits = [p for p in there if p.reference.id == s.name or (p.reference.known and same(p, s, second))]
            out.right_s += bool(hits)
            out.wrong_s += not hits
            right |= {p.reference.id for p in hits}
        out.missed_s += sum(p.reference.id not in right for p in leading)
    asked = [p for p in played if p.reference.known and p.end_s - p.start_s >= ASKED_S]
    free = list(said)
    out.asked, out.said = len(asked), len(said)
    for p in asked:
        of_it = [
            s
            for s in free
            if s.name == p.reference.id or same(p, s, (max(p.start_s, s.start_s) + min(p.end_s, s.end_s)) / 2)
        ]
        best = max(of_it, key=lambda s: _overlap(p, s), default=None)
        if best is None or _overlap(p, best) < COVERED * (p.end_s - p.start_s):
            continue
        free.remove(best)
        out.found += 1
        out.borders_s += [best.start_s - p.start_s, best.end_s - p.end_s]
        out.middles_s += [best.start_s - p.from_s, best.end_s - p.to_s]
        if best.known_at_s is not None:
            out.latency_s.append(best.known_at_s - p.start_s)
        if best.name == p.reference.id and best.offset_s is not None and best.speed is not None:
            out.offsets_s.append(best.offset_s - (p.offset_s + p.speed * (best.start_s - p.start_s)))
            out.speeds.append(best.speed / p.speed - 1)
    out.true_said = sum(
        any(
            _overlap(p, s) > 0.5 * (s.end_s - s.start_s)
            and (p.reference.id == s.name or (p.reference.known and same(p, s, (s.start_s + s.end_s) / 2)))
            for p in played
        )
        for s in said
    )
    return out


def _overlap(p: Played, s: Said) -> float:
    return min(p.end_s, s.end_s) - max(p.start_s, s.start_s)
