"""Playback at a speed other than the track's; searched if nothing is certain at the snippet's own.

A record player or a radio station may run a few per cent fast or slow. The snippet is resampled at every whole per cent
within +-5 and compared roughly (half of the bits of every second frame) with all tracks, then aligned fully with the
best of them, and the speed is refined to half a per cent.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from classifier.fingerprint import bits
from classifier.fingerprint.agreement import rough_z
from classifier.models.query import Recording
from classifier.search import align
from classifier.search.alignments import BATCH, Candidate, Item, SpeedHypothesis, pool

#: Playback speeds that are tried if nothing is certain at the snippet's own.
SPEEDS = tuple(1 + percent / 100 for percent in (-1, 1, -2, 2, -3, 3, -4, 4, -5, 5))
#: Step by which the best speed is refined, and how far from 1 it may end.
_FINER, _FARTHEST = 0.005, 0.06
#: Tracks that are aligned fully: the best of the rough comparison, over all speeds.
_FULL = 3
#: Seconds from the middle of a snippet that are compared roughly; longer pieces would drift too far between two speeds.
_ROUGH_S = 10.0
#: Frames by which the halves of a match may be apart and still give a speed.
_DRIFT_FRAMES = 6


#: A track's best rough agreement in standard deviations of chance, and the speed it was found at; None if there was no
#: time for it.
Rough = tuple[float, float] | None


def other_speeds(
    recording: Recording,
    items: Sequence[Item],
    deadline: float,
    scores: Callable[[Sequence[np.ndarray]], Sequence[Rough]] | None = None,
) -> tuple[list[Candidate], bool]:
    """Best alignments of the likeliest tracks at speeds other than the snippet's own, highest z first.

    Parameters
    ----------
    recording : Recording
        The snippet.
    items : sequence of (Segment, Entry)
        The tracks.
    deadline : float
        Value of ``time.perf_counter()`` after which no further batch is compared.
    scores : callable, optional
        Compares roughly: takes the snippet's rough fingerprints at all ``SPEEDS``, returns what each track has. Default
        :func:`rough_scores` of ``items``.

    Returns
    -------
    candidates : list of Candidate
    complete : bool
        Whether all tracks were compared before the deadline.
    """
    if time.perf_counter() > deadline:
        return [], not items
    middle = recording.middle(_ROUGH_S)

    heard = list(pool().map(middle.rough_fingerprint, SPEEDS))
    found_roughly = rough_scores(heard, items, deadline) if scores is None else scores(heard)
    rough = [(score, item) for score, item in zip(found_roughly, items, strict=True) if score is not None]
    best = sorted(rough, key=lambda r: -r[0][0])[:_FULL]
    found = [c for c in pool().map(lambda r: _align_at(recording, r[0][1], r[1]), best) if c is not None]
    return finest_first(recording, found), len(rough) == len(items)


def rough_scores(heard: Sequence[np.ndarray], items: Sequence[Item], deadline: float) -> list[Rough]:
    """Compare rough fingerprints of a snippet at all ``SPEEDS`` with tracks, until the deadline."""

    def likeliest(item: Item) -> tuple[float, float]:
        words = np.ascontiguousarray(item[0].words(item[1])[:, 0])
        return max((rough_z(rough, words), speed) for speed, rough in zip(SPEEDS, heard, strict=True))

    found: list[Rough] = []
    for start in range(0, len(items), BATCH):
        if time.perf_counter() > deadline:
            break
        found += pool().map(likeliest, items[start : start + BATCH])
    return found + [None] * (len(items) - len(found))


def finest_first(recording: Recording, found: Sequence[Candidate]) -> list[Candidate]:
    """Order alignments at other speeds by z, highest first, and refine the speed of the first."""
    ordered = sorted(found, key=lambda c: -c.alignment.z)
    return [_finest(recording, ordered[0]), *ordered[1:]] if ordered else []


def true_speed(recording: Recording, c: Candidate) -> Candidate:
    """Correct the speed of a match whose second half drifts from its first by a frame or more."""
    hypothesis = c.hypothesis
    n = hypothesis.fingerprint.n_frames
    words, places = c.segment.words(c.entry), []
    low = max(0, c.alignment.lag - _DRIFT_FRAMES)
    for half in (slice(0, n // 2), slice(n // 2, n)):
        planes = np.zeros_like(hypothesis.fingerprint.planes)
        planes[:, half] = hypothesis.fingerprint.planes[:, half]
        there = words[low : c.alignment.lag + n + _DRIFT_FRAMES]
        found = align.align(replace(hypothesis.fingerprint, planes=planes), there, hypothesis.null)
        if found is None:
            return c
        places.append(found.offset_s)
    drift_s = places[1] - places[0]
    if abs(drift_s) < bits.HOP_S or abs(drift_s) > 2 * _DRIFT_FRAMES * bits.HOP_S:
        return c
    speed = hypothesis.speed * (1 + drift_s / (n / 2 * bits.HOP_S))
    if abs(speed - 1) > _FARTHEST:
        return c
    corrected = _align_at(recording, round(speed, 3), c.item)
    return corrected if corrected is not None and corrected.alignment.z > c.alignment.z else c


def at_speed_of(best: Candidate, other: Candidate) -> Candidate:
    """Align another track at the speed of the best; return it unchanged if it cannot be aligned."""
    mine, others = best.hypothesis, other.hypothesis
    if (mine.speed, mine.frequency_ratio) == (others.speed, others.frequency_ratio):
        return other
    return best.hypothesis.align(other.item) or other


def _finest(recording: Recording, c: Candidate) -> Candidate:
    """Move the speed by half a per cent at a time while agreement improves."""
    steps = (-_FINER, _FINER)
    for step, better in zip(steps, pool().map(partial(_better, recording, c), steps), strict=True):
        if better is not None:
            while better is not None:
                c, better = better, _better(recording, better, step)
            break  # the speeds on the other side agree less than where this came from
    return c


def _better(recording: Recording, c: Candidate, step: float) -> Candidate | None:
    """Align at the next speed; None if agreement does not improve."""
    if abs(c.hypothesis.speed + step - 1) > _FARTHEST:
        return None
    other = _align_at(recording, round(c.hypothesis.speed + step, 3), c.item)
    return other if other is not None and other.alignment.agreement > c.alignment.agreement else None


def _align_at(recording: Recording, speed: float, item: Item) -> Candidate | None:
    hypothesis = SpeedHypothesis.of(recording.fingerprint(speed), speed, recording.config.words_step)
    return None if hypothesis is None else hypothesis.align(item)
