"""What is asked of a part of a catalogue, and how a part answers: the same functions as on one machine.

An *ask* names a pass and holds what it needs, as plain values. Answers have one row for each track, in the part's own
order, or name tracks by their numbers in it. :mod:`classifier.cluster.remote` puts the answers of all parts together.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from classifier.cluster import codec
from classifier.cluster.codec import Values, packed, unpacked
from classifier.config import FeatureConfig
from classifier.index.snapshot import Snapshot
from classifier.models.query import Query
from classifier.search import alike, ranking, speed
from classifier.search.align import Alignment
from classifier.search.alignments import Candidate, SpeedHypothesis, align_each
from classifier.search.candidates import Reading
from classifier.search.passes import Here

#: What an alignment consists of, but for its agreement at every lag, which stays where it was made.
_PLACE = ("offset_s", "agreement", "z", "widening", "first_s")
_NO_CURVE = np.zeros(0, np.float32)


def compare(query: Query, *, some: bool) -> dict[str, Any]:
    """Ask for divergences in any order; with ``some``, of the tracks that seem nearest."""
    return {"ask": "alike", "some": some, "query": codec.from_query(query)}


def rank(snippet_slots: np.ndarray) -> dict[str, Any]:
    """Ask for the best places by slots."""
    return {"ask": "rank", "slots": packed(snippet_slots)}


def align(hypothesis: SpeedHypothesis, keys: Sequence[tuple[str, int]] | None) -> dict[str, Any]:
    """Ask for alignments of the tracks with these keys, as far as the part holds them; None: of all tracks."""
    return {"ask": "align", "hypothesis": codec.from_hypothesis(hypothesis), "keys": keys}


def rough(heard: Sequence[np.ndarray], seconds: float) -> dict[str, Any]:
    """Ask for rough comparisons at other speeds, for so many seconds."""
    return {"ask": "rough", "heard": [packed(one) for one in heard], "seconds": float(seconds)}


def near(snippet_slots: np.ndarray, reading: Reading, hypothesis: SpeedHypothesis | None) -> dict[str, Any]:
    """Ask for places found through lists."""
    spoken = None if hypothesis is None else codec.from_hypothesis(hypothesis)
    return {"ask": "near", "slots": packed(snippet_slots), "reading": asdict(reading), "hypothesis": spoken}


def answer(snapshot: Snapshot, config: FeatureConfig, lengths: np.ndarray, ask: Values) -> dict[str, Any]:
    """Answer an ask from a part of a catalogue.

    Parameters
    ----------
    snapshot : Snapshot
        The part.
    config : FeatureConfig
        The catalogue's.
    lengths : np.ndarray, shape (n_cells,), int64
        Patches in each cell of the whole catalogue's lists.
    ask : mapping
        From one of the functions above.

    Raises
    ------
    KeyError, ValueError
        If it is no ask.
    """
    return _ANSWERS[ask["ask"]](snapshot, config, lengths, ask)


def candidate(snapshot: Snapshot, number: int, row: Sequence[float], hypothesis: SpeedHypothesis) -> Candidate | None:
    """Return the candidate of a row of an answer to :func:`align`; None if the track cannot be aligned."""
    phase, lag, *place = row
    if phase < 0:
        return None
    segment, entry = snapshot.items[number]
    values = dict(zip(_PLACE, map(float, place), strict=True))
    found = Alignment(phase=int(phase), lag=int(lag), curve=_NO_CURVE, **values)
    return Candidate(segment, entry, found, hypothesis)


def _alike(snapshot: Snapshot, config: FeatureConfig, lengths: np.ndarray, ask: Values) -> dict[str, Any]:
    query = codec.to_query(ask["query"])
    if not ask["some"]:
        return {"divergence": packed(alike.compare(query, snapshot).divergence)}
    seeming = alike.roughly(query, snapshot)
    numbers = alike.Alike(seeming).order()[: alike.CLOSER]
    found = alike.compare(query, snapshot, numbers).divergence
    return {"rough": packed(seeming), "divergence": packed(found)}


def _rank(snapshot: Snapshot, config: FeatureConfig, lengths: np.ndarray, ask: Values) -> dict[str, Any]:
    best = ranking.best_places(unpacked(ask["slots"]), snapshot)
    return {name: packed(getattr(best, name)) for name in ("similarity", "place", "sums")}


def _align(snapshot: Snapshot, config: FeatureConfig, lengths: np.ndarray, ask: Values) -> dict[str, Any]:
    hypothesis = codec.to_hypothesis(ask["hypothesis"])
    numbers: Sequence[int] = range(len(snapshot))
    if ask["keys"] is not None:
        found = (snapshot.numbers.get((track_id, version)) for track_id, version in ask["keys"])
        numbers = [number for number in found if number is not None]
    rows = np.full((len(numbers), 2 + len(_PLACE)), -1.0)
    for i, c in enumerate(align_each(hypothesis, (snapshot.items[number] for number in numbers))):
        if c is not None:
            place = (getattr(c.alignment, name) for name in _PLACE)
            rows[i] = [c.alignment.phase, c.alignment.lag, *place]
    return {"numbers": packed(np.array(numbers, np.int64)), "rows": packed(rows)}


def _rough(snapshot: Snapshot, config: FeatureConfig, lengths: np.ndarray, ask: Values) -> dict[str, Any]:
    heard = [unpacked(one) for one in ask["heard"]]
    found = speed.rough_scores(heard, snapshot.items, time.perf_counter() + ask["seconds"])
    return {"scores": packed(np.array([(np.nan, np.nan) if one is None else one for one in found]).reshape(-1, 2))}


def _near(snapshot: Snapshot, config: FeatureConfig, lengths: np.ndarray, ask: Values) -> dict[str, Any]:
    hypothesis = None if ask["hypothesis"] is None else codec.to_hypothesis(ask["hypothesis"])
    slots = unpacked(ask["slots"])
    places, z = Here(snapshot, config, lengths).near(slots, 1.0, Reading(**ask["reading"]), hypothesis)
    columns = {name: packed(getattr(places, name)) for name in ("number", "similarity", "phase", "lag")}
    return {**columns, "z": packed(z)}


_Answering = Callable[[Snapshot, FeatureConfig, np.ndarray, Values], dict[str, Any]]
_ANSWERS: dict[str, _Answering] = {"alike": _alike, "rank": _rank, "align": _align, "rough": _rough, "near": _near}
