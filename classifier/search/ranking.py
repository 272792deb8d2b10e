"""Ranking tracks by the divergence that keeps time: the whole snippet, slot by slot, along one offset in each track.

Tracks are ranked by, and answers show, the symmetric KL divergence of mixtures that keep time (``mixtures/slots.py``),
in nats, at the best place of each track. How far the best stands out is measured against all places of the catalogue:
its similarity in their standard deviations is z, and the null map turns z into an E-value.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from classifier.config import FeatureConfig
from classifier.index.snapshot import Shelf, Snapshot
from classifier.mixtures import slots
from classifier.models.query import Query
from classifier.search.alignments import pool

#: Tracks that a thread takes at a time: one by one, handing over takes as long as comparing.
_PART = 16
#: Tracks, evenly spread over a snapshot, that stand for all places if only some tracks are compared.
_SAMPLE = 64


@dataclass(frozen=True, slots=True)
class Ranking:
    """Divergence of a snippet, at one assumed speed, from every track of a snapshot.

    Parameters
    ----------
    speed : float
        Snippet against track.
    divergence : np.ndarray, shape (n,), float64
        Of each of the snapshot's tracks at its best place, nats; infinite if nothing can be compared.
    z : np.ndarray, shape (n,), float64
        Similarity there, in standard deviations over all places of all tracks; minus infinity if there is none.
    place : np.ndarray, shape (n, 2), int64
        Phase and lag of that place.
    n_places : int
        Places compared.
    n_slots : int
        Slots of the snippet.
    """

    speed: float
    divergence: np.ndarray
    z: np.ndarray
    place: np.ndarray
    n_places: int
    n_slots: int

    def order(self) -> np.ndarray:
        """Numbers of the tracks, least divergence first; equal or missing divergences in the snapshot's order."""
        return np.argsort(self.divergence, kind="stable")

    def offset_s(self, number: int, config: FeatureConfig) -> float:
        """Place of the snippet's first sample in the track with this number, seconds."""
        phase, lag = (int(v) for v in self.place[number])
        return (lag - phase / slots.PHASES) * config.slot_s


def rank(
    query: Query,
    snapshot: Snapshot,
    config: FeatureConfig,
    snippet_slots: np.ndarray | None = None,
    speed: float = 1.0,
    only: np.ndarray | None = None,
    sample: int | None = None,
) -> Ranking:
    """Compare a snippet with every track, or with some.

    Parameters
    ----------
    query : Query
        The snippet.
    snapshot : Snapshot
        What is searched.
    config : FeatureConfig
        The catalogue's.
    snippet_slots : np.ndarray, shape (2, M, slot_mfcc), int8, optional
        The snippet's slots at another speed; default those of ``query``.
    speed : float
        That speed.
    only : np.ndarray, shape (k,), int64, optional
        Numbers of the tracks to compare; the divergence of others is infinite. Mean and spread of all places, for z,
        are then estimated from a sample of the tracks, and places that are silent count, too.
    sample : int >= 0, optional
        Tracks of that sample, default 64; with 0 of them, z means nothing.
    """
    mine = query.slots if snippet_slots is None else snippet_slots
    if only is None:
        return ranked(query, mine, speed, best_places(mine, snapshot))
    n = len(snapshot)
    size = min(n, _SAMPLE if sample is None else sample)
    some = np.unique(np.linspace(0, max(0, n - 1), size).astype(np.int64))
    best = best_places(mine, snapshot, np.concatenate([only, some]))
    n_places = sum(slots.n_places(mine, shelf.bounds["slots"]) for shelf in snapshot.shelves)
    return ranked(query, mine, speed, best, some, n_places)


@dataclass(frozen=True, slots=True)
class BestPlaces:
    """The best place of every track of a snapshot, and what all its places together are like.

    Parameters
    ----------
    similarity : np.ndarray, shape (n,), float64
        At the best place; minus infinity if there is none.
    place : np.ndarray, shape (n, 2), int64
        Its phase and lag.
    sums : np.ndarray, shape (n, 3), float64
        Number of places, sum and sum of squares of their similarities.
    """

    similarity: np.ndarray
    place: np.ndarray
    sums: np.ndarray

    @classmethod
    def none(cls, n: int) -> BestPlaces:
        """Return those of n tracks that are not compared."""
        return cls(np.full(n, -np.inf), np.zeros((n, 2), np.int64), np.zeros((n, 3)))


def best_places(snippet_slots: np.ndarray, snapshot: Snapshot, only: np.ndarray | None = None) -> BestPlaces:
    """Compare the slots of a snippet with every track, or with those of some numbers."""
    best = BestPlaces.none(len(snapshot))
    wanted = np.ones(len(snapshot), bool) if only is None else np.isin(np.arange(len(snapshot)), only)

    def compare(part: tuple[Shelf, np.ndarray]) -> None:
        shelf, rows = part
        numbers, bounds = shelf.numbers[rows], shelf.bounds["slots"][rows]
        found = slots.best_places(snippet_slots, shelf.segment.arrays["slots"], bounds)
        best.similarity[numbers], best.place[numbers], best.sums[numbers] = found

    chosen = ((shelf, np.flatnonzero(wanted[shelf.numbers])) for shelf in snapshot.shelves)
    parts = [(shelf, rows[i : i + _PART]) for shelf, rows in chosen for i in range(0, len(rows), _PART)]
    for _ in pool().map(compare, parts):
        pass
    return best


def ranked(
    query: Query,
    snippet_slots: np.ndarray,
    speed: float,
    best: BestPlaces,
    sample: np.ndarray | None = None,
    n_places: int | None = None,
) -> Ranking:
    """Rank tracks by their best places.

    Parameters
    ----------
    query : Query
        The snippet.
    snippet_slots : np.ndarray, shape (2, M, slot_mfcc), int8
        Its slots at ``speed``.
    speed : float
        Snippet against track.
    best : BestPlaces
        Of all tracks.
    sample : np.ndarray, shape (k,), int64, optional
        Numbers of the tracks whose places stand for all; default every track.
    n_places : int, optional
        Places of all tracks, if only a sample was compared.
    """
    # One sum over tracks in the snapshot's order: the same to the last digit however the index is divided.
    compared, total, squares = (best.sums if sample is None else best.sums[sample]).sum(axis=0)
    mean = total / max(compared, 1.0)
    spread = np.sqrt(max(squares / max(compared, 1.0) - mean**2, 0.0))
    there = np.isfinite(best.similarity)
    z = (best.similarity - mean) / spread if spread > 0 else np.where(there, 0.0, -np.inf)
    divergence = slots.divergence(best.similarity, snippet_slots.shape[2], query.slot_variance)
    return Ranking(
        speed, divergence, z, best.place, int(compared if n_places is None else n_places), snippet_slots.shape[1]
    )
