"""Searching a large catalogue: divergence finds tracks through the index, fingerprints prove them.

Places of least divergence come from the lists of patches (``candidates.py``). Fingerprints are aligned around the best
place of some hundred tracks, and along the whole of the best of these. At first a tenth of the lists is read; more of
them, and other speeds, only while nothing is certain. A track that no list leads to is missed, so that such a search is
never complete; significance counts all places all the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from classifier.config import FeatureConfig
from classifier.index.snapshot import Snapshot
from classifier.mixtures.slots import PHASES
from classifier.models.query import Query, Recording
from classifier.search import candidates
from classifier.search.alignments import Candidate, SpeedHypothesis, align_many, pool
from classifier.search.candidates import Places
from classifier.search.speed import finest_first

#: Shares of the lists that are read, one after the other, while nothing is certain.
SHARES = (0.1, 0.3, 1.0)
#: Speeds that are tried if nothing is certain at the snippet's own, and the share of the lists read for each.
SPEEDS, SPEED_SHARE = (0.96, 0.98, 1.02, 1.04), 0.3
#: Tracks whose best place is aligned, and those of them that are aligned as a whole: the highest z, and the least
#: divergence.
_NEAR, _WHOLE, _LEAST = 300, 20, 4
#: Alignments, over all other speeds, that are made along whole tracks.
_WHOLE_ELSEWHERE = 3


def is_indexed(snapshot: Snapshot, least_windows: int) -> bool:
    """Whether a snapshot is searched through lists: if it has more windows than this, and lists."""
    return snapshot.n_windows > least_windows and any(s.segment.lists is not None for s in snapshot.shelves)


def align_indexed(
    query: Query,
    snapshot: Snapshot,
    config: FeatureConfig,
    hypothesis: SpeedHypothesis,
    certain: Callable[[Candidate], bool],
    deadline: float,
) -> list[Candidate]:
    """Best alignments at the snippet's own speed, one for each track that was aligned as a whole.

    Parameters
    ----------
    query : Query
        The snippet.
    snapshot : Snapshot
        What is searched.
    config : FeatureConfig
        The catalogue's.
    hypothesis : SpeedHypothesis
        The snippet at its own speed.
    certain : callable
        Ends the search once true for a candidate.
    deadline : float
        Value of ``time.perf_counter()`` after which no more of the lists is read.
    """
    found: list[Candidate] = []
    tried: set[int] = set()
    for share in SHARES:
        places = candidates.find(query.slots, snapshot, share)
        numbers = [number for number, _ in _nearest(hypothesis, snapshot, config, places) if number not in tried]
        tried.update(numbers)
        found += align_many(hypothesis, [snapshot.items[number] for number in numbers])[0]
        if any(map(certain, found)) or time.perf_counter() > deadline:
            break
    return found


def other_speeds_indexed(
    recording: Recording, snapshot: Snapshot, config: FeatureConfig, deadline: float
) -> tuple[list[Candidate], bool]:
    """Best alignments at speeds other than the snippet's own, highest z first, and whether there was time for all."""
    near: list[tuple[float, int, SpeedHypothesis]] = []
    complete = True
    for speed in SPEEDS:
        if time.perf_counter() > deadline:
            complete = False
            break
        hypothesis = SpeedHypothesis.of(recording.fingerprint(speed), speed)
        if hypothesis is not None:
            places = candidates.find(recording.slots(speed), snapshot, SPEED_SHARE)
            near += [(z, number, hypothesis) for number, z in _nearest(hypothesis, snapshot, config, places)]
    near.sort(key=lambda found: (-found[0], found[1]))
    best = near[:_WHOLE_ELSEWHERE]
    found = [c for c in pool().map(lambda f: f[2].align(snapshot.items[f[1]]), best) if c is not None]
    return finest_first(recording, found), complete


def least_divergence(snippet: np.ndarray, snapshot: Snapshot) -> np.ndarray:
    """Numbers of the tracks of least divergence that the index finds, the least first, shape (n,), int64."""
    return candidates.find(snippet, snapshot, SHARES[-1]).number[:_NEAR]


def _nearest(
    hypothesis: SpeedHypothesis, snapshot: Snapshot, config: FeatureConfig, places: Places
) -> list[tuple[int, float]]:
    """Tracks worth aligning as a whole, with z at the place that was found: highest z, then least divergence."""
    offset_s = (places.lag[:_NEAR] - places.phase[:_NEAR] / PHASES) * config.slot_s

    def z_near(i: int) -> float:
        return hypothesis.z_near(snapshot.items[places.number[i]], float(offset_s[i]))

    z = np.array(list(pool().map(z_near, range(len(offset_s)))))
    chosen = dict.fromkeys([*np.argsort(-z, kind="stable")[:_WHOLE], *range(min(_LEAST, len(z)))])
    return [(int(places.number[i]), float(z[i])) for i in chosen]
