"""Ranking tracks by the divergence that keeps time: the whole snippet, slot by slot, along one offset in each track.

Tracks are ranked by, and answers show, the symmetric KL divergence of mixtures that keep time (``mixtures/slots.py``),
in nats, at the best place of each track. How far the best stands out is measured against all places of the catalogue:
its similarity in their standard deviations is z, and the null map turns z into an E-value.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from classifier.config import FeatureConfig
from classifier.index.snapshot import Snapshot
from classifier.mixtures import slots
from classifier.models.query import Query

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
    """
    mine = query.slots if snippet_slots is None else snippet_slots
    n = len(snapshot)
    similarity, place = np.full(n, -np.inf), np.zeros((n, 2), np.int64)
    sums = np.zeros((n, 3))
    wanted, sample = np.ones(n, bool), np.arange(n)
    if only is not None:
        sample = np.unique(np.linspace(0, max(0, n - 1), min(n, _SAMPLE)).astype(np.int64))
        wanted = np.isin(np.arange(n), np.concatenate([only, sample]))
    for shelf in snapshot.shelves:
        chosen = wanted[shelf.numbers]
        numbers, bounds = shelf.numbers[chosen], shelf.bounds["slots"][chosen]
        found = slots.best_places(mine, shelf.segment.arrays["slots"], bounds)
        similarity[numbers], place[numbers], sums[numbers] = found
    # One sum over tracks in the snapshot's order: the same to the last digit however the index is divided.
    n_places, total, squares = sums[sample].sum(axis=0)
    mean = total / max(n_places, 1.0)
    spread = np.sqrt(max(squares / max(n_places, 1.0) - mean**2, 0.0))
    if only is not None:
        n_places = sum(slots.n_places(mine, shelf.bounds["slots"]) for shelf in snapshot.shelves)
    z = (similarity - mean) / spread if spread > 0 else np.where(np.isfinite(similarity), 0.0, -np.inf)
    divergence = slots.divergence(similarity, mine.shape[2], query.slot_variance)
    return Ranking(speed, divergence, z, place, int(n_places), mine.shape[1])
