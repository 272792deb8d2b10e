"""Alignment: where in a track a snippet's sub-fingerprints agree, and how far above chance.

Agreement with unrelated music is not zero on average, nor is its spread that of coin tosses: bits of neighbouring
frames and bands are correlated, and noise and silence have patterns of their own. Each snippet is therefore first
aligned with a *cohort* of unrelated sub-fingerprints that ships with Earmark; the mean and spread found there give z,
the agreement in standard deviations of chance. With some tracks agreement varies more over the lags than with the
cohort (a steady beat meets another, four bars meet four bars). If it does, z is divided by the root of the ratio of the
spreads, which is half-way between the cohort's spread and the track's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from classifier.data import FOLDER
from classifier.fingerprint.agreement import agreement as agreements
from classifier.fingerprint.bits import HOP_S, QUERY_HOP_S, SPAN_S, VALID, Fingerprint

#: Seconds of valid overlap that a lag needs to count.
MIN_OVERLAP_S = 1.0
#: Least distance, in seconds, between two places in a track that are reported separately.
APART_S = 1.0
#: A tenth of a normal distribution lies more than this many standard deviations below its median.
_LOW, _LOW_SDS = 0.1, 1.2816
#: The spread is measured on every so many lags, because neighbours are correlated.
_SOME = 5
#: Expected agreements are at least this, to avoid division by 0.
_EXPECTED_LEAST = 1e-6


@lru_cache(maxsize=2)
def cohort(step: int = 1) -> np.ndarray:
    """Return unrelated sub-fingerprints, shape (F, 2), uint64: varied music and speech, part of no catalogue.

    With a step, as a compact index has them: each ``step``-th, repeated for the frames that follow it.

    Examples
    --------
    >>> words = cohort()
    >>> words.shape[1], len(words) * HOP_S > 1000
    (2, True)
    """
    with np.load(FOLDER / "cohort-1.npz", allow_pickle=False) as file:
        words = file["words"].astype(np.uint64)
    return np.repeat(words[::step], step, axis=0)[: len(words)]


@dataclass(frozen=True, slots=True)
class Null:
    """Chance agreement of one snippet.

    Parameters
    ----------
    mean, spread : float
        Mean and standard deviation over the cohort's lags.
    weight : float
        Mean weight of the bits compared there; with less weight the spread is wider.
    """

    mean: float
    spread: float
    weight: float

    def z(self, agreement: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Agreement in standard deviations of chance, for the weight compared."""
        return (agreement - self.mean) / self.spread * np.sqrt(np.minimum(weight / self.weight, 1.0))

    def agreement(self, z: Any) -> Any:
        """Agreement that has this z, or each of these, if the whole snippet is compared."""
        return z * self.spread + self.mean


@dataclass(frozen=True, slots=True)
class Alignment:
    """One track's best agreement with a snippet.

    Parameters
    ----------
    offset_s : float
        Place in the track of the snippet's first sample; may be negative.
    agreement : float in [-1, 1]
        At that place.
    z : float
        In standard deviations of chance.
    widening : float >= 1
        Divisor of z, for agreement that varies more in this track than in the cohort.
    phase, lag : int
        Query phase and reference frame (of the query's frame 0).
    curve : np.ndarray, shape (n,), float32
        z at every lag, both phases interleaved: one every 16 ms. Empty if another process aligned, which keeps it.
    first_s : float
        Offset of the curve's first entry, seconds.
    """

    offset_s: float
    agreement: float
    z: float
    widening: float
    phase: int
    lag: int
    curve: np.ndarray
    first_s: float


def min_frames(query: Fingerprint) -> int:
    """Frames that must overlap: those of a second, or all of a shorter snippet.

    Examples
    --------
    >>> import numpy as np
    >>> from classifier.fingerprint.bits import fingerprint
    >>> min_frames(fingerprint(np.zeros(5 * 16000, np.float32)))
    31
    """
    return min(query.n_frames, round(MIN_OVERLAP_S / HOP_S))


def null_of(query: Fingerprint, foreign: np.ndarray | None = None) -> Null | None:
    """Measure chance agreement of a snippet; None if too few of its frames are valid.

    Parameters
    ----------
    query : Fingerprint
        The snippet.
    foreign : np.ndarray, shape (F, 2), uint64, optional
        Sub-fingerprints that it cannot come from; default the built-in cohort.

    Examples
    --------
    >>> import numpy as np
    >>> from classifier.fingerprint.bits import fingerprint
    >>> null = null_of(fingerprint(np.random.default_rng(1).normal(0, 0.1, 3 * 16000).astype(np.float32)))
    >>> abs(null.mean) < 0.05, 0 < null.spread < 0.1
    (True, True)
    """
    words = cohort() if foreign is None else foreign
    least = min_frames(query)
    frame_weight = query.frame_weight
    if np.count_nonzero(frame_weight.max(axis=0)) < least:
        return None
    agreement, weight = agreements(query, words, least)
    full = weight > 0.5 * int(frame_weight.sum(axis=1).max())
    if not full.any():
        return None
    values = agreement[full].astype(np.float64)
    # The spread of coin tosses is 1 / sqrt(bits); correlated bits spread wider, never narrower.
    n_bits = float(np.bitwise_count(query.planes[:, :, 0] | query.planes[:, :, 1]).sum()) / 2
    spread = max(float(values.std()), n_bits**-0.5)
    return Null(float(values.mean()), spread, float(weight[full].mean()))


def align(query: Fingerprint, words: np.ndarray, null: Null) -> Alignment | None:
    """Find the best place of a snippet in a track; None if no place overlaps enough.

    Parameters
    ----------
    query : Fingerprint
        The snippet.
    words : np.ndarray, shape (F, 2), uint64
        The track.
    null : Null
        Chance agreement of this snippet.

    Examples
    --------
    >>> import numpy as np
    >>> from classifier.fingerprint.bits import fingerprint, reference_words
    >>> track = np.random.default_rng(1).normal(0, 0.1, 8 * 16000).astype(np.float32)
    >>> heard = fingerprint(track[3 * 16000 : 6 * 16000])
    >>> found = align(heard, reference_words(track), null_of(heard))
    >>> round(found.offset_s, 2), found.agreement > 0.9
    (3.0, True)
    """
    least = min_frames(query)
    agreement, weight = agreements(query, words, least)
    if not agreement.shape[1]:
        return None
    z = np.where(weight > 0, null.z(agreement, weight), -np.inf).astype(np.float32)
    # Offset of lag l in phase p is l * 32 ms - p * 16 ms: phase 1 of a lag comes before its phase 0.
    curve = z[::-1].T.reshape(-1)
    widening = _widening(curve)
    curve /= np.float32(widening)
    first_lag = least - query.n_frames
    first_s = first_lag * HOP_S - QUERY_HOP_S
    best = int(np.argmax(curve))
    if not np.isfinite(curve[best]):
        return None
    lag, phase = best // 2, 1 - best % 2
    return Alignment(
        offset_s=first_s + (best + vertex(curve, best)) * QUERY_HOP_S,
        agreement=float(agreement[phase, lag]),
        z=float(curve[best]),
        widening=widening,
        phase=phase,
        lag=lag + first_lag,
        curve=curve,
        first_s=first_s,
    )


def share(alignment: Alignment, expected: float) -> float:
    """Agreement as a share of what a true place would show, ``expected``.

    Examples
    --------
    >>> import numpy as np
    >>> found = Alignment(0.0, 0.3, 9.0, 1.0, 0, 0, np.zeros(1, np.float32), 0.0)
    >>> share(found, expected=0.6)
    0.5
    """
    return alignment.agreement / max(expected, _EXPECTED_LEAST)


def overlap_s(lag: int, n_query: int, n_track: int) -> float:
    """Seconds of a snippet that lie within a track, both given by their numbers of frames, at a lag.

    Examples
    --------
    >>> round(overlap_s(lag=0, n_query=100, n_track=1000), 3), round(overlap_s(lag=-50, n_query=100, n_track=1000), 3)
    (3.552, 1.952)
    """
    return (min(n_query, n_track - lag) - max(0, -lag) - 1) * HOP_S + SPAN_S


def _widening(curve: np.ndarray) -> float:
    """Root of the spread of z over a track's lags, at least 1; from the lower half, which a match does not widen."""
    some = curve[::_SOME]
    some = some[np.isfinite(some)]
    if not len(some):
        return 1.0
    # As np.quantile, which would take longer to begin than this takes.
    places = [share * (len(some) - 1) for share in (_LOW, 0.5)]
    around = [(int(place), min(int(place) + 1, len(some) - 1)) for place in places]
    ordered = np.partition(some, sorted({i for pair in around for i in pair}))
    low, middle = (
        float(ordered[i]) + (float(ordered[j]) - float(ordered[i])) * (place - i)
        for place, (i, j) in zip(places, around, strict=True)
    )
    return max(1.0, (middle - low) / _LOW_SDS) ** 0.5


def vertex(curve: np.ndarray, i: int) -> float:
    """Offset in (-0.5, 0.5) of the parabola's vertex through the points around ``i``.

    Examples
    --------
    >>> import numpy as np
    >>> round(vertex(np.array([0.0, 1.0, 0.5]), 1), 3)
    0.167
    """
    if not 0 < i < len(curve) - 1 or not np.isfinite(curve[i - 1 : i + 2]).all():
        return 0.0
    left, middle, right = (float(v) for v in curve[i - 1 : i + 2])
    bend = left - 2 * middle + right
    return 0.0 if bend >= 0 else float(np.clip(0.5 * (left - right) / bend, -0.5, 0.5))


def other_places(alignment: Alignment, threshold: float, limit: int = 20) -> list[tuple[float, int, int]]:
    """Further places in a track whose z reaches ``threshold``, highest first, at least APART_S apart.

    Returns
    -------
    list of (float, int, int)
        Offset in seconds, lag and phase.

    Examples
    --------
    >>> import numpy as np
    >>> curve = np.zeros(2000, np.float32)
    >>> curve[[300, 1500]] = 9.0, 7.0
    >>> found = Alignment(4.8, 0.5, 9.0, 1.0, 1, 150, curve, -QUERY_HOP_S)
    >>> [round(offset_s, 3) for offset_s, _, _ in other_places(found, threshold=6.0)]
    [23.984]
    """
    apart = round(APART_S / QUERY_HOP_S)
    first_lag = round((alignment.first_s + QUERY_HOP_S) / HOP_S)
    curve = alignment.curve.copy()
    found: list[tuple[float, int, int]] = []
    i = 2 * (alignment.lag - first_lag) + 1 - alignment.phase
    while len(found) < limit:
        curve[max(0, i - apart) : i + apart + 1] = -np.inf
        i = int(np.argmax(curve))
        if curve[i] < threshold or not np.isfinite(curve[i]):
            break
        offset_s = alignment.first_s + (i + vertex(alignment.curve, i)) * QUERY_HOP_S
        found.append((offset_s, first_lag + i // 2, 1 - i % 2))
    return found


def frame_agreement(query: Fingerprint, words: np.ndarray, lag: int, phase: int) -> np.ndarray:
    """Agreement of each query frame at one place, shape (n_frames,); see :func:`frame_agreements`.

    Examples
    --------
    >>> import numpy as np
    >>> from classifier.fingerprint.bits import fingerprint, reference_words
    >>> track = np.random.default_rng(1).normal(0, 0.1, 4 * 16000).astype(np.float32)
    >>> heard = fingerprint(track)
    >>> bool(np.nanmin(frame_agreement(heard, reference_words(track), lag=0, phase=0)) > 0.9)
    True
    """
    return frame_agreements(query, words, lag, phase)[0]


def frame_agreements(query: Fingerprint, words: np.ndarray, lag: int, phase: int, reach: int = 0) -> np.ndarray:
    """Agreement of each query frame at one place, and at its neighbours.

    Parameters
    ----------
    query : Fingerprint
        The snippet.
    words : np.ndarray, shape (F, 2), uint64
        The track.
    lag, phase : int
        The place.
    reach : int >= 0
        Lags on either side that are looked at, too.

    Returns
    -------
    np.ndarray, shape (2 * reach + 1, n_frames), float64
        In [-1, 1], by rising lag; nan where nothing is compared (outside the track, or invalid on either side).

    Examples
    --------
    >>> import numpy as np
    >>> from classifier.fingerprint.bits import fingerprint, reference_words
    >>> track = np.random.default_rng(1).normal(0, 0.1, 4 * 16000).astype(np.float32)
    >>> beside = frame_agreements(fingerprint(track), reference_words(track), lag=0, phase=0, reach=5)
    >>> int(np.nanmean(beside, axis=1).argmax())
    5
    """
    n, first = query.n_frames, lag - reach
    # Frames outside the track hold zeros, which are not valid.
    there = np.zeros((n + 2 * reach, 2), np.uint64)
    start, stop = max(0, first), min(len(words), first + len(there))
    if stop > start:
        there[start - first : stop - first] = words[start:stop]
    beside = np.lib.stride_tricks.sliding_window_view(there, n, axis=0)  # lag, word, frame
    live = (beside[:, 1] & VALID) != 0
    differing = beside ^ query.words[phase].T
    ones, twos = (np.bitwise_count(differing & query.planes[phase, :, i].T).sum(axis=1) for i in range(2))
    weight = query.frame_weight[phase] * live
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(weight > 0, 1 - 2 * (ones + 2.0 * twos) / weight, np.nan)


def matched_stretch(frames: np.ndarray, agreement: float) -> tuple[int, int]:
    """Frames of a snippet that matched: the run whose agreement most exceeds half of the whole's.

    Parameters
    ----------
    frames : np.ndarray, shape (n,)
        Agreement of each frame, nan where nothing was compared.
    agreement : float
        Of the whole.

    Returns
    -------
    start, stop : int
        Half-open range of frames.

    Examples
    --------
    >>> import numpy as np
    >>> matched_stretch(np.array([0.0, 0.1, 0.8, 0.9, 0.7, 0.0]), agreement=0.6)
    (2, 5)
    """
    gain = np.nan_to_num(frames - 0.5 * agreement, nan=0.0)
    total = np.concatenate([[0.0], np.cumsum(gain)])
    lowest = np.minimum.accumulate(total)
    stop = int(np.argmax(total - lowest))
    start = stop - int(np.argmin(total[stop::-1]))  # the latest of equal minima: frames before the track match nothing
    return start, max(stop, start + 1)
