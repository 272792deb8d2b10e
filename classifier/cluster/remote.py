"""Passes made by workers: asks go to all shards, answers are put together by the numbers of the head's own snapshot.

What is asked first is asked at once, so that a snippet whose track is certain takes one round if every track is
aligned, and two if tracks are found through lists. Tracks that no shard has answered for, because they are new or a
worker was lost, are compared by the head itself while they are few; else the answer is incomplete, and says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from classifier.cluster import asks
from classifier.cluster.codec import Values, unpacked
from classifier.config import FeatureConfig
from classifier.errors import ClusterUnavailable
from classifier.index.segment import Key, Segment
from classifier.index.snapshot import Snapshot
from classifier.models.query import Query
from classifier.search import alike, ranking
from classifier.search.alignments import Candidate, SpeedHypothesis
from classifier.search.alike import Alike
from classifier.search.candidates import Places, Reading
from classifier.search.passes import Plan
from classifier.search.ranking import BestPlaces, Ranking
from classifier.search.speed import Rough

#: Tracks that are aligned in a first round if a certain one among them ends the search; in each further round four
#: times as many.
_FIRST, _MORE = 64, 4


class Inventory:
    """What a shard holds.

    Parameters
    ----------
    keys : sequence of (str, int)
        Its tracks, in its own order.
    lengths : np.ndarray, shape (n_cells,), int64
        Patches in each cell of its lists.
    """

    def __init__(self, keys: Sequence[Key], lengths: np.ndarray) -> None:
        self.keys, self.lengths = keys, lengths
        self._last: tuple[Snapshot, np.ndarray] | None = None

    def numbers_in(self, snapshot: Snapshot) -> np.ndarray:
        """Numbers of the tracks in a whole snapshot, -1 for those that it lacks, shape (n,), int64."""
        last = self._last
        if last is None or last[0] is not snapshot:
            numbers = [snapshot.numbers.get((track_id, version), -1) for track_id, version in self.keys]
            last = self._last = snapshot, np.array(numbers, np.int64)
        return last[1]


@dataclass(frozen=True, slots=True)
class Reply:
    """What a shard has answered.

    Parameters
    ----------
    inventory : Inventory
        Of what it searched.
    answers : sequence of mapping
        One to each ask.
    """

    inventory: Inventory
    answers: Sequence[Values]


#: Asks all shards, given the patches in each cell of all lists; returns what was answered, shard by shard.
Ask = Callable[[Sequence[Values]], Sequence[Reply]]


@dataclass(frozen=True, slots=True)
class _Part:
    """Answers of a part: the number of each of its tracks in the whole snapshot, -1 for those that it does not have."""

    numbers: np.ndarray
    answers: Sequence[Values]


class Remote:
    """Passes over a snapshot, made by workers.

    Parameters
    ----------
    snapshot : Snapshot
        What the head knows of the catalogue.
    config : FeatureConfig
        The catalogue's.
    ask : callable
        Asks all shards.
    most_windows : int
        Windows of tracks without an answer that the head compares itself.
    """

    def __init__(self, snapshot: Snapshot, config: FeatureConfig, ask: Ask, most_windows: int) -> None:
        self.snapshot, self.config = snapshot, config
        self._ask, self._most_windows = ask, most_windows
        self._share = 1.0
        self._ready: dict[tuple[Any, ...], list[tuple[np.ndarray, Values]]] = {}
        self._aligned: dict[int, Candidate | None] = {}

    @property
    def share(self) -> float:
        """Share of the windows that were searched in every pass so far."""
        return self._share

    def expect(self, plan: Plan) -> None:
        """Ask at once for all that the search begins with."""
        some = plan.nearest_rough
        wanted: dict[tuple[Any, ...], Values] = {("alike", some): asks.compare(plan.query, some=some)}
        if plan.indexed and plan.method != "kl-mixture" and (plan.hypothesis or plan.method == "kl"):
            key = ("near", 1.0, plan.reading, plan.hypothesis is None)
            wanted[key] = asks.near(plan.query.slots, plan.reading, plan.hypothesis)
        if not plan.indexed and plan.method != "kl-mixture":
            wanted["rank", 1.0] = asks.rank(plan.query.slots)
        if plan.hypothesis is not None and plan.at_once:
            wanted["align",] = asks.align(plan.hypothesis, None)
        self._fetch(wanted)
        if plan.hypothesis is not None and plan.at_once:
            self._take_aligned(plan.hypothesis, self._ready.pop(("align",)))

    def alike(self, query: Query, *, some: bool) -> Alike:
        """Compare windows in any order."""
        parts = self._parts(("alike", some), lambda: asks.compare(query, some=some))
        divergence = np.full(len(self.snapshot), np.inf)
        for numbers, answer in parts:
            _put(divergence, numbers, unpacked(answer["divergence"]))
        if some:
            seeming = np.full(len(self.snapshot), np.inf)
            for numbers, answer in parts:
                _put(seeming, numbers, unpacked(answer["rough"]))
            nearest = Alike(seeming).order()[: alike.CLOSER]
            kept = np.full(len(self.snapshot), np.inf)
            kept[nearest] = divergence[nearest]
            divergence = kept
        return Alike(divergence)

    def rank(self, query: Query, snippet_slots: np.ndarray, speed: float) -> Ranking:
        """Compare slots."""
        best = BestPlaces.none(len(self.snapshot))
        for numbers, answer in self._parts(("rank", speed), lambda: asks.rank(snippet_slots)):
            for name in ("similarity", "place", "sums"):
                _put(getattr(best, name), numbers, unpacked(answer[name]))
        return ranking.ranked(query, snippet_slots, speed, best)

    def align(
        self, hypothesis: SpeedHypothesis, numbers: Sequence[int], *, at_once: bool
    ) -> Iterator[Candidate | None]:
        """Align tracks; those of the first round at once, and more only if they are asked for."""
        n_round = max(1, len(numbers)) if at_once else _FIRST
        start = 0
        while start < len(numbers):
            chunk = [number for number in numbers[start : start + n_round] if number not in self._aligned]
            if chunk:
                keys = [self.snapshot.items[number][1].key for number in chunk]
                self._take_aligned(hypothesis, self._fetch({("align",): asks.align(hypothesis, keys)})["align",])
            for number in numbers[start : start + n_round]:
                if number in self._aligned:  # otherwise no worker that holds it was there
                    yield self._aligned[number]
            start, n_round = start + n_round, n_round * _MORE

    def _take_aligned(self, hypothesis: SpeedHypothesis, parts: list[tuple[np.ndarray, Values]]) -> None:
        for numbers, answer in parts:
            for own, row in zip(unpacked(answer["numbers"]).tolist(), unpacked(answer["rows"]).tolist(), strict=True):
                number = int(numbers[own])
                if number >= 0:
                    self._aligned[number] = asks.candidate(self.snapshot, number, row, hypothesis)

    def rough(self, heard: Sequence[np.ndarray], numbers: Sequence[int], deadline: float) -> Sequence[Rough]:
        """Compare at other speeds."""
        seconds = max(0.0, deadline - time.perf_counter())
        scores = np.full((len(self.snapshot), 2), np.nan)
        for own, answer in self._parts(("rough",), lambda: asks.rough(heard, seconds)):
            _put(scores, own, unpacked(answer["scores"]))
        return [None if np.isnan(z) else (float(z), float(speed)) for z, speed in scores[list(numbers)]]

    def near(
        self, snippet_slots: np.ndarray, speed: float, reading: Reading, hypothesis: SpeedHypothesis | None
    ) -> tuple[Places, np.ndarray]:
        """Find places through lists."""
        key = ("near", speed, reading, hypothesis is None)
        columns: list[list[np.ndarray]] = [[np.zeros(0)] for _ in range(5)]
        for numbers, answer in self._parts(key, lambda: asks.near(snippet_slots, reading, hypothesis)):
            own = numbers[unpacked(answer["number"])]
            known = own >= 0
            columns[0].append(own[known])
            for column, name in zip(columns[1:], ("similarity", "phase", "lag", "z"), strict=True):
                values = unpacked(answer[name])
                column.append(values[known] if len(values) else values)
        number, similarity, phase, lag, z = map(np.concatenate, columns)
        places, order = Places.best_first(number, similarity, phase, lag)
        return places.first(reading.most), z[order[: reading.most]] if hypothesis is not None else np.zeros(0)

    # --- gathering ------------------------------------------------------------------------------------------

    def _parts(self, key: tuple[Any, ...], make: Callable[[], Values]) -> list[tuple[np.ndarray, Values]]:
        if key not in self._ready:
            self._fetch({key: make()})
        return self._ready[key]

    def _fetch(self, wanted: dict[tuple[Any, ...], Values]) -> dict[tuple[Any, ...], list[tuple[np.ndarray, Values]]]:
        """Ask all shards, and this process for what they lack; keep and return the answers by key."""
        parts = [
            _Part(reply.inventory.numbers_in(self.snapshot), reply.answers)
            for reply in self._ask(list(wanted.values()))
        ]
        parts += self._rest(parts, list(wanted.values()))
        for i, key in enumerate(wanted):
            self._ready[key] = [(part.numbers, part.answers[i]) for part in parts]
        return self._ready

    def _rest(self, parts: Sequence[_Part], wanted: Sequence[Values]) -> list[_Part]:
        """Answer for the tracks of no part, if they are few; else note the share that is missing."""
        lacking = np.ones(len(self.snapshot), bool)
        for part in parts:
            lacking[part.numbers[part.numbers >= 0]] = False
        numbers = np.flatnonzero(lacking)
        if not len(numbers):
            return []
        items = [self.snapshot.items[number] for number in numbers]
        n_windows = sum(len(entry.rows["windows"]) for _, entry in items)
        if n_windows > self._most_windows:
            if len(numbers) == len(self.snapshot):
                raise ClusterUnavailable("no worker holds any of the catalogue yet: try again, or start one")
            self._share = min(self._share, 1.0 - n_windows / max(1, self.snapshot.n_windows))
            return []
        # Without lists: these few are compared whole.
        segments: dict[int, Segment] = {id(segment): replace(segment, lists=None) for segment, _ in items}
        rest = Snapshot(tuple(segments.values()), frozenset(entry.key for _, entry in items))
        nothing = np.zeros(0, np.int64)
        return [_Part(numbers, [asks.answer(rest, self.config, nothing, one) for one in wanted])]


def _put(whole: np.ndarray, numbers: np.ndarray, values: np.ndarray) -> None:
    """Set the rows of tracks with these numbers, but for -1."""
    known = numbers >= 0
    whole[numbers[known]] = values[known]
