"""Tempo and pitch that differ from the track's by amounts of their own: time stretch, key lock, transposition.

A snippet may be up to a fifth faster or slower than the track and, whatever its tempo, up to three semitones higher or
lower. Its divergence from a place changes little over 4 % of tempo and a semitone of pitch, so that 15 versions of it
cover the whole range: each is analysed with a frame step and at a rate of its own, and no sound is stretched for it.
Divergence gives the likeliest places. There, and nowhere else, rough fingerprints at finer steps of pitch are compared
along lines of every tempo in reach. The best place is aligned as every other, over its whole track, and significance
counts every tempo and pitch that could have been found (``significance.py``).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from classifier.config import FeatureConfig
from classifier.fingerprint import bits
from classifier.index.snapshot import Snapshot
from classifier.mixtures import correlation, slots
from classifier.models.query import Recording
from classifier.search import candidates
from classifier.search.alignments import Candidate, Item, SpeedHypothesis, pool

#: Tempos and frequency ratios, snippet against track, at which divergence is compared: each serves 4 % of tempo, and a
#: semitone, to either side.
TEMPOS, RATIOS = (0.833, 0.903, 0.98, 1.063, 1.152), (0.89, 1.0, 1.12)
#: Farthest tempo and frequency ratio that an answer may have.
TEMPO_RANGE, RATIO_RANGE = (0.78, 1.23), (0.82, 1.22)
#: Seconds from the middle of a snippet that are compared, and slots of a version: over longer ones tempos drift apart.
_PIECE_S, _PIECE_SLOTS = 7.0, 46
#: Places of least divergence, over all versions, that are looked at more closely, and seconds by which they differ.
_PLACES, _APART_S = 3, 0.7
#: Best tracks of each version, from which these places are taken.
_TRACKS = 20
#: What is read of the lists of a large catalogue for each version.
_READING = candidates.Reading(0.1, _TRACKS)
#: Frequency ratios and tempos around a version's, and reference frames to either side of its place, at first and then.
_COARSE = (np.arange(-6, 7, 3) / 100, np.arange(-12, 13) / 200, 10)
_FINE = (np.arange(-1, 2) / 100, np.arange(-4, 5) / 400, 3)
#: The same for a match whose tempo alone may be wrong, and from which difference it is.
_ANY_TEMPO, _OFF = (np.zeros(1), np.arange(-22, 23) / 100, 8), 0.025
#: Seconds by which an alignment over the whole track may be off the place that was looked at, to be refined.
_SAME_S = 0.3
#: Steps by which tempo and frequency ratio are refined at last.
_FINEST = 0.005


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in a track, with the tempo and frequency ratio that are assumed there.

    Parameters
    ----------
    item : (Segment, Entry)
        The track.
    middle_s : float
        Track time of the middle of the snippet.
    tempo, ratio : float
        Snippet against track.
    value : float
        How likely, for comparison with others of the same kind only.
    """

    item: Item
    middle_s: float
    tempo: float
    ratio: float
    value: float


def stretched(
    recording: Recording, snapshot: Snapshot, config: FeatureConfig, indexed: bool, deadline: float
) -> tuple[list[Candidate], bool]:
    """Best alignments at a tempo and a pitch of their own, and whether there was time for all.

    Parameters
    ----------
    recording : Recording
        The snippet.
    snapshot : Snapshot
        What is searched.
    config : FeatureConfig
        The catalogue's.
    indexed : bool
        Whether to go through the lists of a large catalogue.
    deadline : float
        Value of ``time.perf_counter()`` after which no place is looked at.
    """
    piece = recording.middle(_PIECE_S)
    versions = _versions(piece)
    if not versions[0][2].shape[1] or time.perf_counter() > deadline:
        return [], time.perf_counter() <= deadline
    search = _through_lists if indexed else _everywhere
    spots = _apart(search(versions, len(piece.samples) / config.sample_rate, snapshot, config))
    if time.perf_counter() > deadline:
        return [], False
    coarse = list(pool().map(lambda spot: _closer(piece, spot, *_COARSE), spots))
    best_first = sorted(coarse, key=lambda spot: -spot.value)
    if not best_first:
        return [], True
    first = _aligned(recording, _closer(piece, best_first[0], *_FINE))
    if first is None:
        return [], True
    # Copies are played as the best is.
    rest = [first.hypothesis.align(spot.item) for spot in best_first[1:] if spot.item != first.item]
    return [first, *(c for c in rest if c is not None)], True


def retimed(recording: Recording, c: Candidate) -> list[Candidate]:
    """Align a match at another tempo, at the pitch it has, if rough fingerprints agree better along such a line.

    Returns
    -------
    list of Candidate
        One, or none if the tempo is right.
    """
    hypothesis = c.hypothesis
    middle_s = c.alignment.offset_s + hypothesis.speed * len(recording.samples) / recording.config.sample_rate / 2
    spot = Spot(c.item, middle_s, hypothesis.speed, hypothesis.frequency_ratio, 0.0)
    closer = _closer(recording.middle(_PIECE_S), spot, *_ANY_TEMPO)
    if abs(closer.tempo / hypothesis.speed - 1) < _OFF:
        return []
    other = _aligned(recording, closer)
    return [] if other is None else [other]


# --- places by divergence -------------------------------------------------------------------------------------

_Version = tuple[float, float, np.ndarray, float]


def _versions(piece: Recording) -> list[_Version]:
    """Tempo, ratio, slots of the piece (cut to one number from the middle), and slots cut off before them."""

    def heard(ratio: float) -> list[np.ndarray]:
        return [piece.slots(tempo, ratio) for tempo in TEMPOS]

    found = dict(zip(RATIOS, pool().map(heard, RATIOS), strict=True))
    m = min(_PIECE_SLOTS, *(version.shape[1] for versions in found.values() for version in versions))
    out = []
    for ratio, versions in found.items():
        for tempo, version in zip(TEMPOS, versions, strict=True):
            cut = (version.shape[1] - m) // 2
            out.append((tempo, ratio, np.ascontiguousarray(version[:, cut : cut + m]), float(cut)))
    return out


def _everywhere(versions: Sequence[_Version], seconds: float, snapshot: Snapshot, config: FeatureConfig) -> list[Spot]:
    """Compare all places of all tracks; the value is the similarity in standard deviations of each version's own."""
    stretches = np.concatenate([version for _, _, version, _ in versions])
    n = len(snapshot)
    similarity, lag = np.full((n, len(stretches)), -np.inf), np.zeros((n, len(stretches)), np.int64)
    sums = np.zeros((3, len(stretches)))
    for shelf in snapshot.shelves:
        found = correlation.best_places(stretches, shelf.segment.arrays["slots"], shelf.bounds["slots"])
        similarity[shelf.numbers], lag[shelf.numbers] = found[:2]
        sums += found[2].sum(axis=0)
    mean = sums[1] / np.maximum(sums[0], 1)
    spread = np.sqrt(np.maximum(sums[2] / np.maximum(sums[0], 1) - mean**2, 1e-12))
    z = (similarity - mean) / spread
    spots = []
    for i, (tempo, ratio, _, cut) in enumerate(versions):
        for phase in range(slots.PHASES):
            column = i * slots.PHASES + phase
            for number in np.argsort(-z[:, column], kind="stable")[:_TRACKS]:
                if np.isfinite(z[number, column]):
                    offset_s = (lag[number, column] - cut - phase / slots.PHASES) * config.slot_s
                    middle_s = float(offset_s + tempo * seconds / 2)
                    spots.append(Spot(snapshot.items[number], middle_s, tempo, ratio, float(z[number, column])))
    return spots


def _through_lists(
    versions: Sequence[_Version], seconds: float, snapshot: Snapshot, config: FeatureConfig
) -> list[Spot]:
    """Look up the places in the lists of a large catalogue; the value is the similarity."""
    spots = []
    for tempo, ratio, version, cut in versions:
        places = candidates.find(version, snapshot, _READING)
        for i in range(len(places)):
            offset_s = (places.lag[i] - cut - places.phase[i] / slots.PHASES) * config.slot_s
            middle_s = float(offset_s + tempo * seconds / 2)
            item = snapshot.items[int(places.number[i])]
            spots.append(Spot(item, middle_s, tempo, ratio, float(places.similarity[i])))
    return spots


def _apart(spots: Sequence[Spot]) -> list[Spot]:
    """The likeliest spots, of each place once."""
    chosen: list[Spot] = []
    for spot in sorted(spots, key=lambda spot: -spot.value):
        near = (c for c in chosen if c.item == spot.item and abs(c.middle_s - spot.middle_s) < _APART_S)
        if next(near, None) is None:
            chosen.append(spot)
        if len(chosen) == _PLACES:
            break
    return chosen


# --- tempo and pitch by rough fingerprints -------------------------------------------------------------------


def _closer(piece: Recording, spot: Spot, ratios: np.ndarray, drifts: np.ndarray, reach: int) -> Spot:
    """Compare rough fingerprints around a spot, along a line for every tempo; return the best, nearer to the truth.

    Parameters
    ----------
    ratios, drifts : np.ndarray
        What is added to the frequency ratio, and the shares by which the tempo may be more.
    reach : int
        Reference frames to either side.
    """
    segment, entry = spot.item
    words = segment.words(entry)[:, 0]
    seconds = len(piece.samples) / piece.config.sample_rate
    first = round((spot.middle_s - spot.tempo * seconds / 2) / bits.HOP_S)
    found = []
    for ratio in (round(spot.ratio + step, 3) for step in ratios):
        if RATIO_RANGE[0] <= ratio <= RATIO_RANGE[1]:
            rough = piece.rough_fingerprint(spot.tempo, ratio)
            found.append((*_best_line(rough, words, first, drifts, reach), ratio))
    value, drift, lag, ratio = max(found)
    tempo = min(max(spot.tempo * (1 + drift), TEMPO_RANGE[0]), TEMPO_RANGE[1])
    return Spot(spot.item, spot.middle_s + lag * bits.HOP_S, round(tempo, 4), ratio, value)


def _best_line(
    rough: np.ndarray, words: np.ndarray, first: int, drifts: np.ndarray, reach: int
) -> tuple[float, float, int]:
    """How far the best line stands out, in standard deviations of coin tosses; its drift, and its lag in frames."""
    n, step = len(rough), bits.ROUGH_STEP
    compared = int(np.bitwise_count(rough[:, 1]).sum())
    if not compared:
        return 0.0, 0.0, 0
    moved = np.rint(drifts[:, None] * (np.arange(n) - (n - 1) / 2) * step).astype(np.int64)
    wide = reach + int(np.abs(moved).max(initial=0))
    frame = first + step * np.arange(n)[:, None] + np.arange(-wide, wide + 1)
    inside = (frame >= 0) & (frame < len(words))
    there = np.where(inside, words[np.clip(frame, 0, len(words) - 1)], 0)
    wrong = np.bitwise_count((there ^ rough[:, :1]) & rough[:, 1:]).astype(np.float64)
    wrong = np.where(inside & (there != 0), wrong, np.bitwise_count(rough[:, 1:]) / 2)
    # One row of lags for each drift, summed along the line.
    at = moved[:, :, None] + np.arange(2 * reach + 1) + wide - reach
    total = np.take_along_axis(np.broadcast_to(wrong, (len(drifts), *wrong.shape)), at, axis=2).sum(axis=1)
    best = int(np.argmin(total))
    drift, lag = divmod(best, total.shape[1])
    value = (compared / 2 - float(total.flat[best])) / (compared / 4) ** 0.5
    return float(value), float(drifts[drift]), int(lag) - reach


# --- the whole track ------------------------------------------------------------------------------------------


def _aligned(recording: Recording, spot: Spot) -> Candidate | None:
    """Align the whole snippet with the whole track; refine tempo and ratio while it agrees better, if it is there."""
    best = _at(recording, spot.tempo, spot.ratio, spot.item)
    if best is None:
        return None
    middle_s = best.alignment.offset_s + spot.tempo * len(recording.samples) / recording.config.sample_rate / 2
    if abs(middle_s - spot.middle_s) > _SAME_S:
        return best
    for ratio_step, tempo_step in ((0.0, _FINEST), (_FINEST, 0.0), (0.0, _FINEST / 2)):
        for sign in (-1, 1):
            while True:
                hypothesis = best.hypothesis
                tempo = round(hypothesis.speed + sign * tempo_step, 4)
                ratio = round(hypothesis.frequency_ratio + sign * ratio_step, 3)
                other = _at(recording, tempo, ratio, spot.item)
                if other is None or other.alignment.agreement <= best.alignment.agreement:
                    break
                best = other
    return best


def _at(recording: Recording, tempo: float, ratio: float, item: Item) -> Candidate | None:
    in_range = TEMPO_RANGE[0] <= tempo <= TEMPO_RANGE[1] and RATIO_RANGE[0] <= ratio <= RATIO_RANGE[1]
    if not in_range:
        return None
    hypothesis = SpeedHypothesis.of(recording.fingerprint(tempo, ratio), tempo, recording.config.words_step, ratio)
    return None if hypothesis is None else hypothesis.align(item)
