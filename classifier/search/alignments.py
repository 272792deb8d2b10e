"""Aligning a snippet with many tracks: likeliest first, in batches."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice

import numpy as np

from classifier.fingerprint import bits
from classifier.fingerprint.agreement import agreement as agreements
from classifier.fingerprint.bits import Fingerprint
from classifier.index.segment import Entry, Segment
from classifier.search import align
from classifier.search.align import Alignment, Null

#: Most candidates kept, because each holds its agreement at every lag.
_KEPT = 100
#: Seconds on either side of a place, found by slots of 120 ms, in which fingerprints are aligned.
NEAR_S = 0.25
#: Tracks aligned between two checks of the deadline.
BATCH = 16
#: Of these, tracks that a thread takes at a time: one by one, handing over takes as long as aligning.
_PART = 4

_THREADS = min(4, os.cpu_count() or 1)
_pool: tuple[int, ThreadPoolExecutor] | None = None

Item = tuple[Segment, Entry]


def pool() -> ThreadPoolExecutor:
    """Threads for work that releases the interpreter's lock; one pool for the process, made anew after a fork."""
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
        Tempo, snippet against track.
    fingerprint : Fingerprint
        Of the snippet converted to the track's speed.
    null : Null
        Its chance agreement.
    stretched : float or None
        Frequencies, snippet against track, if they need not go with the tempo; None if they do, as on a turntable.
    """

    speed: float
    fingerprint: Fingerprint
    null: Null
    stretched: float | None = None

    @property
    def frequency_ratio(self) -> float:
        """Frequencies, snippet against track."""
        return self.speed if self.stretched is None else self.stretched

    @classmethod
    def of(
        cls, fingerprint: Fingerprint, speed: float = 1.0, step: int = 1, stretched: float | None = None
    ) -> SpeedHypothesis | None:
        """Measure chance agreement; None if too few of the snippet's frames are valid.

        ``step`` is that of the catalogue's sub-fingerprints, :attr:`~classifier.config.FeatureConfig.words_step`.
        """
        null = align.null_of(fingerprint, align.cohort(step))
        return None if null is None else cls(speed, fingerprint, null, stretched)

    def z_near(self, item: Item, offset_s: float) -> float:
        """Highest z within :data:`NEAR_S` of a place in a track, in seconds; minus infinity if none overlaps.

        It is not divided by the track's own widening, which only the whole track shows.
        """
        segment, entry = item
        n, lag, near = self.fingerprint.n_frames, round(offset_s / bits.HOP_S), round(NEAR_S / bits.HOP_S)
        there = segment.words(entry, max(0, lag - near), max(0, lag + n + near))
        agreement, weight = agreements(self.fingerprint, there, align.min_frames(self.fingerprint))
        z = np.where(weight > 0, self.null.z(agreement, weight), -np.inf)
        return float(z.max(initial=-np.inf))

    def align(self, item: Item) -> Candidate | None:
        """Find the best place in a track; None if no place overlaps enough."""
        segment, entry = item
        alignment = align.align(self.fingerprint, segment.words(entry), self.null)
        return None if alignment is None else Candidate(segment, entry, alignment, self)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A track, its alignment with the snippet, and the assumed speed."""

    segment: Segment
    entry: Entry
    alignment: Alignment
    hypothesis: SpeedHypothesis

    @property
    def item(self) -> Item:
        """The track's segment and entry."""
        return self.segment, self.entry

    @property
    def share(self) -> float:
        """Agreement as a share of what a true place would show."""
        return align.share(self.alignment, self.hypothesis.fingerprint.expected)

    @property
    def overlap_s(self) -> float:
        """Seconds of the snippet within the track."""
        n_frames = self.hypothesis.fingerprint.n_frames
        return align.overlap_s(self.alignment.lag, n_frames, len(self.entry.rows["frames"]))

    def drawn(self) -> Candidate:
        """Return the candidate with its agreement at every lag, which one aligned by another process lacks."""
        return self if len(self.alignment.curve) else self.hypothesis.align(self.item) or self

    def frames(self) -> np.ndarray:
        """Agreement of each of the snippet's frames at this place; nan where nothing is compared."""
        lag, phase = self.alignment.lag, self.alignment.phase
        return align.frame_agreement(self.hypothesis.fingerprint, self.segment.words(self.entry), lag, phase)


def z_near_each(hypothesis: SpeedHypothesis, items: Sequence[Item], offset_s: np.ndarray) -> np.ndarray:
    """Highest z near one place of each of some tracks, shape (n,), float64; as :meth:`SpeedHypothesis.z_near`."""

    def part(first: int) -> list[float]:
        places = slice(first, first + BATCH)
        return list(map(hypothesis.z_near, items[places], offset_s[places].tolist()))

    parts = pool().map(part, range(0, len(items), BATCH))
    return np.array([z for found in parts for z in found], np.float64)


def _align_part(hypothesis: SpeedHypothesis, items: Sequence[Item]) -> list[Candidate | None]:
    return list(map(hypothesis.align, items))


def align_many(
    hypothesis: SpeedHypothesis,
    items: Iterable[Item],
    *,
    certain: Callable[[Candidate], bool] | None = None,
    after: int = 0,
    deadline: float = np.inf,
) -> tuple[list[Candidate], int]:
    """Align a snippet with tracks, in the order given.

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
        Value of ``time.perf_counter()`` after which no further batch is started.

    Returns
    -------
    candidates : list of Candidate
        The best ``_KEPT``, highest z first; without tracks too short, silent or steady to align.
    n_tried : int
        Tracks tried.
    """
    return best_of(align_each(hypothesis, items), certain=certain, after=after, deadline=deadline)


def align_each(hypothesis: SpeedHypothesis, items: Iterable[Item]) -> Iterator[Candidate | None]:
    """Align a snippet with tracks in the order given, a batch at a time when the first result of it is asked for."""
    rest = iter(items)
    while batch := list(islice(rest, BATCH)):
        parts = [batch[i : i + _PART] for i in range(0, BATCH, _PART)]
        for part in pool().map(partial(_align_part, hypothesis), parts):
            yield from part


def best_of(
    aligned: Iterable[Candidate | None],
    *,
    certain: Callable[[Candidate], bool] | None = None,
    after: int = 0,
    deadline: float = np.inf,
) -> tuple[list[Candidate], int]:
    """Choose from alignments as they come; everything else as :func:`align_many`."""
    found: list[Candidate] = []
    rest, left, n_tried = iter(aligned), None, 0
    while batch := list(islice(rest, BATCH)):
        here = [c for c in batch if c is not None]
        found = sorted([*found, *here], key=lambda c: -c.alignment.z)[:_KEPT]
        n_tried += len(batch)
        left = None if left is None else left - len(batch)
        if left is None and certain is not None and any(map(certain, here)):
            left = after
        if (left is not None and left <= 0) or time.perf_counter() > deadline:
            break
    return found, n_tried


def best_of_each(
    found: Sequence[Candidate], others: Sequence[Candidate], key: Callable[[Candidate], float]
) -> list[Candidate]:
    """Return the candidate of least ``key`` of each track, least first."""
    best = {c.entry.key: c for c in found}
    for c in others:
        best[c.entry.key] = min(best.get(c.entry.key, c), c, key=key)
    return sorted(best.values(), key=key)
