"""Searching a large catalogue: divergence finds tracks through the index, fingerprints prove them.

Places of least divergence come from the lists of patches (``candidates.py``). Fingerprints are aligned around the best
place of some dozen tracks, and along the whole of the best of these. At first a few hundredths of the lists are read;
the rest of them in steps, with more tracks, and other speeds, only while nothing is certain. A track that no list leads
to is missed, so that such a search is never complete; significance counts all places all the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise

import numpy as np

from classifier.config import FeatureConfig
from classifier.index.snapshot import Snapshot
from classifier.models.query import Query, Recording
from classifier.search.alignments import Candidate, SpeedHypothesis, best_of, pool
from classifier.search.candidates import Places, Reading
from classifier.search.passes import Passes
from classifier.search.speed import finest_first

#: What is read of the lists first, enough for most of what is heard well, and until which shares then, one after the
#: other, while nothing is certain.
_FIRST, _SHARES = Reading(0.03, 30), (0.1, 0.3, 1.0)
#: Most tracks that a reading gives, the most similar ones; fewer where each costs the store a question.
_NEAR, _NEAR_STORED = 300, 100
#: What finds tracks by divergence alone.
EVERYTHING = Reading(_SHARES[-1], _NEAR)
#: Speeds that are tried if nothing is certain at the snippet's own, and what is read for each.
SPEEDS, _ELSEWHERE = (0.96, 0.98, 1.02, 1.04), Reading(0.1, 30)
#: Tracks that are aligned as a whole, of those whose best place is aligned: the highest z, a third of them or so many,
#: and the least divergence.
_WHOLE, _LEAST = 20, 4
#: Alignments, over all other speeds, that are made along whole tracks.
_WHOLE_ELSEWHERE = 3


def is_indexed(snapshot: Snapshot, least_windows: int) -> bool:
    """Whether a snapshot is searched through lists: if it has more windows than this, and lists."""
    return snapshot.n_windows > least_windows and any(s.segment.lists is not None for s in snapshot.shelves)


def readings(config: FeatureConfig) -> list[Reading]:
    """How the lists are read while nothing is certain: a little of them, then more, each cell once for each patch."""
    shares = pairwise((_FIRST.share, *_SHARES))
    return [_FIRST, *(Reading(share, _most(config), before) for before, share in shares)]


def at_once(config: FeatureConfig) -> Reading:
    """How the lists are read where more would not follow: a tenth of them."""
    return Reading(_SHARES[0], _most(config))


def _most(config: FeatureConfig) -> int:
    return _NEAR_STORED if config.is_compact else _NEAR


def align_indexed(
    query: Query,
    config: FeatureConfig,
    passes: Passes,
    hypothesis: SpeedHypothesis,
    certain: Callable[[Candidate], bool],
    deadline: float,
) -> list[Candidate]:
    """Best alignments at the snippet's own speed, one for each track that was aligned as a whole.

    Parameters
    ----------
    query : Query
        The snippet.
    config : FeatureConfig
        The catalogue's.
    passes : Passes
        Over what is searched.
    hypothesis : SpeedHypothesis
        The snippet at its own speed.
    certain : callable
        Ends the search once true for a candidate.
    deadline : float
        Value of ``time.perf_counter()`` after which no more of the lists is read.
    """
    found: list[Candidate] = []
    tried: set[int] = set()
    for reading in readings(config):
        near = _nearest(*passes.near(query.slots, 1.0, reading, hypothesis))
        numbers = [number for number, _ in near if number not in tried]
        tried.update(numbers)
        found += best_of(passes.align(hypothesis, numbers, at_once=True))[0]
        if any(map(certain, found)) or time.perf_counter() > deadline:
            break
    return found


def other_speeds_indexed(
    recording: Recording, snapshot: Snapshot, passes: Passes, deadline: float
) -> tuple[list[Candidate], bool]:
    """Best alignments at speeds other than the snippet's own, highest z first, and whether there was time for all."""
    if time.perf_counter() > deadline:
        return [], False

    def at(speed: float) -> tuple[np.ndarray, SpeedHypothesis | None]:
        spoken = SpeedHypothesis.of(recording.fingerprint(speed), speed, recording.config.words_step)
        return recording.slots(speed), spoken

    near: list[tuple[float, int, SpeedHypothesis]] = []
    complete = True
    for heard, hypothesis in list(pool().map(at, SPEEDS)):
        if time.perf_counter() > deadline:
            complete = False
            break
        if hypothesis is not None:
            found_there = _nearest(*passes.near(heard, hypothesis.speed, _ELSEWHERE, hypothesis))
            near += [(z, number, hypothesis) for number, z in found_there]
    near.sort(key=lambda found: (-found[0], found[1]))
    best = near[:_WHOLE_ELSEWHERE]
    found = [c for c in pool().map(lambda f: f[2].align(snapshot.items[f[1]]), best) if c is not None]
    return finest_first(recording, found), complete


def least_divergence(snippet: np.ndarray, speed: float, passes: Passes) -> np.ndarray:
    """Numbers of the tracks of least divergence that the index finds, the least first, shape (n,), int64."""
    return passes.near(snippet, speed, EVERYTHING, None)[0].number


def _nearest(places: Places, z: np.ndarray) -> list[tuple[int, float]]:
    """Tracks worth aligning as a whole, with z at the place that was found: highest z, then least divergence."""
    whole = min(_WHOLE, -(-len(z) // 3))
    chosen = dict.fromkeys([*np.argsort(-z, kind="stable")[:whole], *range(min(_LEAST, len(z)))])
    return [(int(places.number[i]), float(z[i])) for i in chosen]
