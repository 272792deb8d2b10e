"""Passes: what a search asks of a whole catalogue. All else it does with the few tracks that they lead to.

:class:`Here` makes the passes in this process. Whoever searches with several machines (``cluster/``) makes them there,
with the same functions on parts of the catalogue. Results are given by the numbers that tracks have in the whole
snapshot, and do not depend on how it is divided.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from classifier.config import FeatureConfig
from classifier.index.snapshot import Snapshot
from classifier.mixtures.slots import PHASES
from classifier.models.query import Query
from classifier.search import alike, candidates, ranking, speed
from classifier.search.alignments import Candidate, SpeedHypothesis, align_each, z_near_each
from classifier.search.alike import Alike
from classifier.search.candidates import Places, Reading
from classifier.search.ranking import Ranking
from classifier.search.speed import Rough


@dataclass(frozen=True, slots=True)
class Plan:
    """What a search will ask first, so that it can be asked at once.

    Parameters
    ----------
    query : Query
        The snippet.
    method : str
        One of :data:`classifier.results.METHODS`.
    indexed : bool
        Whether tracks are found through lists.
    nearest_rough : bool
        Whether tracks that sound alike are found by reduced rows.
    at_once : bool
        Whether all tracks are aligned, whatever the first ones show.
    hypothesis : SpeedHypothesis or None
        The snippet at its own speed; None if nothing will be aligned.
    reading : Reading
        How much of the lists is read first.
    """

    query: Query
    method: str
    indexed: bool
    nearest_rough: bool
    at_once: bool
    hypothesis: SpeedHypothesis | None
    reading: Reading


class Passes(Protocol):
    """What a search asks of a whole catalogue."""

    def expect(self, plan: Plan) -> None:
        """Take notice of what will be asked first."""
        ...

    def alike(self, query: Query, *, some: bool) -> Alike:
        """Compare windows in any order with every track; with ``some``, with those that seem nearest."""
        ...

    def rank(self, query: Query, snippet_slots: np.ndarray, speed: float) -> Ranking:
        """Compare slots at a speed with every track."""
        ...

    def align(
        self, hypothesis: SpeedHypothesis, numbers: Sequence[int], *, at_once: bool
    ) -> Iterator[Candidate | None]:
        """Align tracks with these numbers, in this order.

        Parameters
        ----------
        hypothesis : SpeedHypothesis
            The snippet.
        numbers : sequence of int
            Which tracks.
        at_once : bool
            Whether all of the results will be asked for.
        """
        ...

    def rough(self, heard: Sequence[np.ndarray], numbers: Sequence[int], deadline: float) -> Sequence[Rough]:
        """Compare rough fingerprints at all other speeds with tracks of these numbers, until the deadline."""
        ...

    def near(
        self, snippet_slots: np.ndarray, speed: float, reading: Reading, hypothesis: SpeedHypothesis | None
    ) -> tuple[Places, np.ndarray]:
        """Find the most similar places through lists.

        Returns
        -------
        places : Places
            One place a track.
        z : np.ndarray, shape (n,), float64
            Highest z around each of them; none without a hypothesis.
        """
        ...

    @property
    def share(self) -> float:
        """Share of the catalogue's windows that could be searched so far, in [0, 1]."""
        ...


class Here:
    """Passes over a snapshot, in this process.

    Parameters
    ----------
    snapshot : Snapshot
        The catalogue.
    config : FeatureConfig
        The catalogue's.
    lengths : np.ndarray, shape (n_cells,), int64, optional
        Patches in each cell of the whole catalogue's lists, if the snapshot is a part of it.
    """

    share = 1.0

    def __init__(self, snapshot: Snapshot, config: FeatureConfig, lengths: np.ndarray | None = None) -> None:
        self.snapshot, self.config, self._lengths = snapshot, config, lengths

    def expect(self, plan: Plan) -> None:
        """Do nothing: each pass is made when it is asked for."""

    def alike(self, query: Query, *, some: bool) -> Alike:
        """Compare windows in any order."""
        return alike.compare_some(query, self.snapshot) if some else alike.compare(query, self.snapshot)

    def rank(self, query: Query, snippet_slots: np.ndarray, speed: float) -> Ranking:
        """Compare slots."""
        return ranking.rank(query, self.snapshot, self.config, snippet_slots, speed)

    def align(
        self, hypothesis: SpeedHypothesis, numbers: Sequence[int], *, at_once: bool
    ) -> Iterator[Candidate | None]:
        """Align tracks."""
        return align_each(hypothesis, (self.snapshot.items[number] for number in numbers))

    def rough(self, heard: Sequence[np.ndarray], numbers: Sequence[int], deadline: float) -> Sequence[Rough]:
        """Compare at other speeds."""
        return speed.rough_scores(heard, [self.snapshot.items[number] for number in numbers], deadline)

    def near(
        self, snippet_slots: np.ndarray, speed: float, reading: Reading, hypothesis: SpeedHypothesis | None
    ) -> tuple[Places, np.ndarray]:
        """Find places through lists."""
        places = candidates.find(snippet_slots, self.snapshot, reading, self._lengths)
        if hypothesis is None:
            return places, np.zeros(0)
        offset_s = (places.lag - places.phase / PHASES) * self.config.slot_s
        return places, z_near_each(hypothesis, [self.snapshot.items[number] for number in places.number], offset_s)
