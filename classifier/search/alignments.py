"""Aligning a snippet with many tracks: best first, two at a time, and at other playback speeds if need be.

A record player or a radio station may run a few per cent fast or slow. If nothing is certain at the snippet's own
speed, it is resampled to every whole per cent within +-5 and compared roughly (half of the bits of every second frame)
with all tracks, then aligned fully with those that came out best, with the speed refined to half a per cent.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from classifier.fingerprint import bits
from classifier.fingerprint.bits import QueryPrint
from classifier.index.segment import Entry, Segment
from classifier.models.track import QueryModel, at_rate
from classifier.search import align
from classifier.search.align import Alignment, Favour, Null

#: Playback speeds that are tried when nothing is certain at the snippet's own.
SPEEDS = tuple(1 + percent / 100 for percent in (-1, 1, -2, 2, -3, 3, -4, 4, -5, 5))
#: Step by which the best speed is refined at last, and how far from one that may lead.
_FINER, _FARTHEST = 0.005, 0.06
#: Tracks that came out best roughly, over all speeds, that are aligned fully.
_FULL = 3
#: Seconds from the middle of a snippet that are compared roughly: more would drift apart between two speeds.
_ROUGH_S = 10.0
#: Frames by which the halves of a match may be apart to be brought together.
_DRIFT_FRAMES = 6
#: Candidates kept: a candidate holds its agreement at every lag.
_KEPT = 100
#: Expected agreements are at least this, lest nothing be divided by.
_EXPECTED_LEAST = 1e-6
#: Tracks aligned between two looks at the clock.
_BATCH = 16

_THREADS = min(4, os.cpu_count() or 1)

Item = tuple[Segment, Entry]


@dataclass(frozen=True, slots=True)
class Heard:
    """A snippet at one assumed playback speed.

    Parameters
    ----------
    speed : float
        Snippet against track; the sub-fingerprints are those of the snippet brought back to the track's speed.
    print : QueryPrint
        Sub-fingerprints.
    null : Null
        Its chance agreement.
    """

    speed: float
    print: QueryPrint
    null: Null


@dataclass(frozen=True, slots=True)
class Candidate:
    """A track, how it aligns with the snippet, and at which speed."""

    segment: Segment
    entry: Entry
    alignment: Alignment
    heard: Heard

    @property
    def share(self) -> float:
        """Share that is shown of the agreement expected of a true place."""
        return self.alignment.agreement / max(self.heard.print.expected, _EXPECTED_LEAST)

    @property
    def overlap_s(self) -> float:
        """Seconds of the snippet that lie within the track."""
        lag, n, there = self.alignment.lag, self.heard.print.n_frames, len(self.entry.rows["frames"])
        return (min(n, there - lag) - max(0, -lag) - 1) * bits.HOP_S + bits.SPAN_S


def hear(query: QueryModel, speed: float = 1.0) -> Heard | None:
    """Prepare a snippet for alignment, or return None where too few of its frames say anything."""
    prints = _print_at(query, speed)
    null = align.null_of(prints)
    return None if null is None else Heard(speed, prints, null)


def _print_at(query: QueryModel, speed: float) -> QueryPrint:
    """Sub-fingerprints of a snippet brought back from ``speed`` to the track's own."""
    if speed == 1.0:
        return query.print
    return bits.query_print(_at_speed(query.samples, speed), query.bandwidth_hz / speed)


def _at_speed(samples: np.ndarray, speed: float) -> np.ndarray:
    return at_rate(samples, 1000, round(1000 * speed))


def sweep(
    heard: Heard,
    items: Iterable[Item],
    *,
    certain: Callable[[Candidate], bool] | None = None,
    after: int = 0,
    deadline: float = np.inf,
    favour: Callable[[Entry], Favour] | None = None,
) -> tuple[list[Candidate], int]:
    """Align with tracks in the order given.

    Parameters
    ----------
    heard : Heard
        The snippet.
    items : iterable of (Segment, Entry)
        Tracks, likeliest first.
    certain : callable, optional
        Once this holds of a track, ``after`` more are aligned, and what the batch still holds; default: all are.
    after : int
        See there.
    deadline : float
        ``time.perf_counter()`` at which no further track is begun.
    favour : callable, optional
        Gives what the places of a track are worth.

    Returns
    -------
    candidates : list of Candidate
        The best ``_KEPT``, strongest first; tracks too short, silent or steady to align with are none.
    n_tried : int
        Tracks looked at.
    """

    def one(item: Item) -> Candidate | None:
        alignment = align.align(heard.print, item[0].words(item[1]), heard.null, favour and favour(item[1]))
        return None if alignment is None else Candidate(*item, alignment, heard)

    found: list[Candidate] = []
    rest, left, n_tried = iter(items), None, 0
    with ThreadPoolExecutor(_THREADS) as pool:
        while batch := list(islice(rest, _BATCH)):
            here = [c for c in pool.map(one, batch) if c is not None]
            found = sorted([*found, *here], key=lambda c: -c.alignment.strength)[:_KEPT]
            n_tried += len(batch)
            left = None if left is None else left - len(batch)
            if left is None and certain is not None and any(map(certain, here)):
                left = after
            if (left is not None and left <= 0) or time.perf_counter() > deadline:
                break
    return found, n_tried


def other_speeds(query: QueryModel, items: Sequence[Item], deadline: float) -> tuple[list[Candidate], bool]:
    """Best alignment of the likeliest tracks at other speeds than the snippet's own, highest z first.

    Returns
    -------
    candidates : list of Candidate
    complete : bool
        Whether all tracks were looked at before the deadline.
    """
    if time.perf_counter() > deadline:
        return [], not items
    spare = max(0, len(query.samples) - round(_ROUGH_S * bits.SAMPLE_RATE)) // 2
    middle = query.samples[spare : len(query.samples) - spare]

    def heard_at(speed: float) -> np.ndarray:
        return bits.rough_print(_at_speed(middle, speed), query.bandwidth_hz / speed)

    def likeliest(item: Item) -> tuple[float, float]:
        words = np.ascontiguousarray(item[0].words(item[1])[:, 0])
        return max((bits.rough_z(rough, words), speed) for speed, rough in zip(SPEEDS, prints, strict=True))

    rough: list[tuple[tuple[float, float], Item]] = []
    with ThreadPoolExecutor(_THREADS) as pool:
        prints = list(pool.map(heard_at, SPEEDS))
        for start in range(0, len(items), _BATCH):
            if time.perf_counter() > deadline:
                break
            batch = items[start : start + _BATCH]
            rough += zip(pool.map(likeliest, batch), batch, strict=True)
        complete = len(rough) == len(items)
        best = sorted(rough, key=lambda r: -r[0][0])[:_FULL]
        found = [c for c in pool.map(lambda r: _align_at(query, r[0][1], r[1]), best) if c is not None]
        ordered = sorted(found, key=lambda c: -c.alignment.z)
    return [_finest(query, ordered[0]), *ordered[1:]] if ordered else [], complete


def true_speed(query: QueryModel, c: Candidate) -> Candidate:
    """Correct the speed of a match whose second half drifts away from its first by a frame or more."""
    n = c.heard.print.n_frames
    words, places = c.segment.words(c.entry), []
    low = max(0, c.alignment.lag - _DRIFT_FRAMES)
    for half in (slice(0, n // 2), slice(n // 2, n)):
        planes = np.zeros_like(c.heard.print.planes)
        planes[:, half] = c.heard.print.planes[:, half]
        there = words[low : c.alignment.lag + n + _DRIFT_FRAMES]
        found = align.align(replace(c.heard.print, planes=planes), there, c.heard.null)
        if found is None:
            return c
        places.append(found.offset_s)
    drift_s = places[1] - places[0]
    if abs(drift_s) < bits.HOP_S or abs(drift_s) > 2 * _DRIFT_FRAMES * bits.HOP_S:
        return c
    speed = c.heard.speed * (1 + drift_s / (n / 2 * bits.HOP_S))
    if abs(speed - 1) > _FARTHEST:
        return c
    corrected = _align_at(query, round(speed, 3), _item(c))
    return corrected if corrected is not None and corrected.alignment.z > c.alignment.z else c


def _finest(query: QueryModel, c: Candidate) -> Candidate:
    """Move the speed by half a per cent at a time, as long as that agrees better."""
    for step in (-_FINER, _FINER):
        while abs(c.heard.speed + step - 1) <= _FARTHEST:
            other = _align_at(query, round(c.heard.speed + step, 3), _item(c))
            if other is None or other.alignment.agreement <= c.alignment.agreement:
                break
            c = other
    return c


def at_speed_of(best: Candidate, other: Candidate) -> Candidate:
    """Another track aligned at the speed of the best, or as it was where it cannot be."""
    if other.heard.speed == best.heard.speed:
        return other
    alignment = align.align(best.heard.print, other.segment.words(other.entry), best.heard.null)
    return other if alignment is None else Candidate(*_item(other), alignment, best.heard)


def _item(c: Candidate) -> Item:
    return c.segment, c.entry


def _align_at(query: QueryModel, speed: float, item: Item) -> Candidate | None:
    heard = hear(query, speed)
    alignment = heard and align.align(heard.print, item[0].words(item[1]), heard.null)
    return Candidate(*item, alignment, heard) if heard and alignment else None
