"""Aligning a snippet with many tracks: best first, some at a time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np

from classifier.fingerprint import bits
from classifier.fingerprint.bits import Fingerprint
from classifier.index.segment import Entry, Segment
from classifier.search import align
from classifier.search.align import Alignment, Null

#: Candidates kept: a candidate holds its agreement at every lag.
_KEPT = 100
#: Expected agreements are at least this, lest nothing be divided by.
_EXPECTED_LEAST = 1e-6
#: Tracks aligned between two looks at the clock.
BATCH = 16

_THREADS = min(4, os.cpu_count() or 1)
_pool: tuple[int, ThreadPoolExecutor] | None = None

Item = tuple[Segment, Entry]


def pool() -> ThreadPoolExecutor:
    """Threads for work that lets others run meanwhile; one pool a process, made anew after a fork."""
    global _pool
    if _pool is None or _pool[0] != os.getpid():
        _pool = os.getpid(), ThreadPoolExecutor(_THREADS, "align")
    return _pool[1]


@dataclass(frozen=True, slots=True)
class SpeedHypothesis:
    """A snippet at one assumed playback speed.

    Parameters
    ----------
    speed : float
        Snippet against track.
    fingerprint : Fingerprint
        Of the snippet brought back to the track's speed.
    null : Null
        Its chance agreement.
    """

    speed: float
    fingerprint: Fingerprint
    null: Null

    @classmethod
    def of(cls, fingerprint: Fingerprint, speed: float = 1.0) -> SpeedHypothesis | None:
        """Measure chance agreement, or return None where too few of the snippet's frames say anything."""
        null = align.null_of(fingerprint)
        return None if null is None else cls(speed, fingerprint, null)

    def align(self, item: Item) -> Candidate | None:
        """Find the best place in a track; None where none overlaps enough."""
        segment, entry = item
        alignment = align.align(self.fingerprint, segment.words(entry), self.null)
        return None if alignment is None else Candidate(segment, entry, alignment, self)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A track, how it aligns with the snippet, and at which speed."""

    segment: Segment
    entry: Entry
    alignment: Alignment
    hypothesis: SpeedHypothesis

    @property
    def item(self) -> Item:
        """Where the track is."""
        return self.segment, self.entry

    @property
    def share(self) -> float:
        """Share that is shown of the agreement expected of a true place."""
        return self.alignment.agreement / max(self.hypothesis.fingerprint.expected, _EXPECTED_LEAST)

    @property
    def overlap_s(self) -> float:
        """Seconds of the snippet that lie within the track."""
        lag, n, there = self.alignment.lag, self.hypothesis.fingerprint.n_frames, len(self.entry.rows["frames"])
        return (min(n, there - lag) - max(0, -lag) - 1) * bits.HOP_S + bits.SPAN_S

    def frames(self) -> np.ndarray:
        """Agreement of each of the snippet's frames at this place, nan where nothing is compared."""
        lag, phase = self.alignment.lag, self.alignment.phase
        return align.frame_agreement(self.hypothesis.fingerprint, self.segment.words(self.entry), lag, phase)


def align_many(
    hypothesis: SpeedHypothesis,
    items: Iterable[Item],
    *,
    certain: Callable[[Candidate], bool] | None = None,
    after: int = 0,
    deadline: float = np.inf,
) -> tuple[list[Candidate], int]:
    """Align with tracks in the order given.

    Parameters
    ----------
    hypothesis : SpeedHypothesis
        The snippet.
    items : iterable of (Segment, Entry)
        Tracks, likeliest first.
    certain : callable, optional
        Stops the search early: once true for a candidate, ``after`` more tracks are aligned (rounded up to a whole
        batch). Default: align all.
    after : int
        Tracks aligned after a certain one.
    deadline : float
        ``time.perf_counter()`` at which no further batch is begun.

    Returns
    -------
    candidates : list of Candidate
        The best ``_KEPT``, highest z first; tracks too short, silent or steady to align with give none.
    n_tried : int
        Tracks looked at.
    """
    found: list[Candidate] = []
    rest, left, n_tried = iter(items), None, 0
    while batch := list(islice(rest, BATCH)):
        here = [c for c in pool().map(hypothesis.align, batch) if c is not None]
        found = sorted([*found, *here], key=lambda c: -c.alignment.z)[:_KEPT]
        n_tried += len(batch)
        left = None if left is None else left - len(batch)
        if left is None and certain is not None and any(map(certain, here)):
            left = after
        if (left is not None and left <= 0) or time.perf_counter() > deadline:
            break
    return found, n_tried
