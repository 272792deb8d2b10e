"""Ranking tracks by symmetric KL divergence, summed over the windows of a snippet.

A snippet has several windows. Each is compared with every window of every track by J_1, the exact symmetric KL
divergence of moment Gaussians, least over the noise variants. For each place in a track the snippet's windows are
then averaged along the common offset, in the logarithm. A snippet of ten seconds or more has pairs of windows too,
each pair pooled into one Gaussian of twice the sound; these are compared and averaged in the same way. What ranks, and
is shown, is the geometric mean of J_1 over windows, and over windows and pairs, in nats. (Mixing in J_ub, the
divergence of component-labelled mixtures, of which no noisy variants are kept, helps a little in quiet and costs much
in noise: docs/experiments.md.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from classifier.config import FeatureConfig
from classifier.index.coarse import least_divergence
from classifier.index.profile import PAIR
from classifier.index.segment import Entry, Segment
from classifier.index.snapshot import Snapshot
from classifier.mixtures.divergence import Packed, symmetric_kl_variational
from classifier.mixtures.gmm import Mixtures, pooled, unpack
from classifier.models.track import QueryModel

#: Divergences below this, in nats, are as good as equal; keeps logarithms finite.
_LEAST = 1e-3
#: Seconds by which the windows of a snippet's pair may be nearer or further than ``PAIR`` steps: a frame's rounding.
_ROUNDING_S = 0.05


@dataclass(frozen=True, slots=True)
class Ranked:
    """A track by its best place.

    Parameters
    ----------
    segment, entry
        The track.
    divergence : float
        Geometric mean over the snippet's windows, and pairs of windows, of J_1, nats.
    window : int
        Row, in the segment, of the track's window that the snippet's first window matches.
    window_start_s : float
        Where that window starts in the track, seconds.
    """

    segment: Segment
    entry: Entry
    divergence: float
    window: int
    window_start_s: float


class Ranking:
    """Divergence of one snippet from every track of a snapshot.

    Parameters
    ----------
    query : QueryModel
        Without windows (silence, too short) nothing can be ranked.
    snapshot : Snapshot
        What is searched.
    config : FeatureConfig
        The catalogue's.
    """

    def __init__(self, query: QueryModel, snapshot: Snapshot, config: FeatureConfig) -> None:
        self._query = query
        self._steps = _steps(query.start_s, config)
        self._places: dict[int, np.ndarray] = {}
        found: list[Ranked] = []
        if len(query.start_s):
            comparison = Comparison(query, config)
            first = {}
            for segment in snapshot.segments:
                self._places[id(segment)], first[id(segment)] = comparison.places(segment)
            frame_s = config.frame_step / config.sample_rate
            for segment, entry in snapshot:
                start, stop = entry.rows["windows"].start, entry.rows["windows"].stop
                if stop > start:
                    score, of_first = self._places[id(segment)], first[id(segment)]
                    place = start + int(score[start:stop].argmin())
                    value = float(score[place])
                    if value < math.inf:
                        # A place is the stretch from one row to the next: name the end that the snippet is nearer to.
                        window = min(place + int(self._steps[0]), stop - 1)
                        if window + 1 < stop and of_first[window + 1] < of_first[window]:
                            window += 1
                        start_s = int(segment.arrays["window_frame"][window]) * frame_s
                        found.append(Ranked(segment, entry, math.exp(value), window, start_s))
        self.nearest: list[Ranked] = sorted(found, key=lambda r: r.divergence)
        """Every track that has windows, least divergence first."""
        self._by_key = {r.entry.key: r for r in found}

    def of(self, entry: Entry) -> Ranked | None:
        """Return one track, or None if it or the snippet has no windows but silent ones."""
        return self._by_key.get(entry.key)

    def places(self, segment: Segment, entry: Entry) -> np.ndarray:
        """Log divergence, nats, of the stretch from each of a track's windows to the next, shape (n_windows,).

        Infinite where nothing can be compared; empty where the snippet has no windows.
        """
        if id(segment) not in self._places:
            return np.zeros(0)
        rows = entry.rows["windows"]
        return self._places[id(segment)][rows.start : rows.stop]

    def variational(self, ranked: Ranked) -> float:
        """Mean symmetric KL of the mixtures by the variational approximation, nats; for information."""
        rows = np.minimum(ranked.window + self._steps - self._steps[0], ranked.entry.rows["windows"].stop - 1)
        arrays = ranked.segment.arrays
        means, covariances = unpack(arrays["s"][rows].astype(np.float64), self._query.mixtures.means.shape[-1])
        reference = Packed.of(Mixtures(arrays["weights"][rows].astype(np.float64), means, covariances))
        return float(np.diagonal(symmetric_kl_variational(Packed.of(self._query.mixtures), reference)).mean())


class Comparison:
    """A snippet's windows, and pairs of windows, ready to be compared with segments.

    Parameters
    ----------
    query : QueryModel
        With at least one window.
    config : FeatureConfig
        The catalogue's.
    """

    def __init__(self, query: QueryModel, config: FeatureConfig) -> None:
        starts = query.start_s
        partner = np.searchsorted(starts, starts + PAIR * config.window_step - _ROUNDING_S)
        met = np.append(starts, np.inf)[partner] - starts < PAIR * config.window_step + _ROUNDING_S
        first, second = np.flatnonzero(met), partner[met]
        self._windows = Packed.of(query.moments), _steps(starts, config)
        self._pairs = Packed.of(pooled(query.moments[first], query.moments[second])), _steps(starts[first], config)
        self.n_gaussians = len(starts) + len(first)
        """Windows and pairs: as many Gaussians are compared with every row of a segment."""

    def places(self, segment: Segment) -> tuple[np.ndarray, np.ndarray]:
        """Compare with all windows of a segment.

        Returns
        -------
        log_divergence : np.ndarray, shape (N,)
            Of the snippet, were it to begin between each window's start and the next's; nats, inf if not comparable.
        first : np.ndarray, shape (N,)
            Of the snippet's first window alone, and each window.
        """
        stop = _track_ends(segment)
        silent = segment.arrays["silent"].astype(bool)
        windows, steps = self._windows
        log_j = _log_divergence(windows, segment, "coarse", silent)
        scores = [_along_offsets(log_j, steps, stop)]
        pairs, pair_steps = self._pairs
        if len(pair_steps):
            partner = np.minimum(np.arange(len(stop)) + PAIR, stop - 1)
            log_pairs = _log_divergence(pairs, segment, "pooled", silent | silent[partner])
            scores.append(_along_offsets(log_pairs, pair_steps, stop))
            # Where no pair can be compared (at a track's end, in a short track), its windows still can.
            scores[1] = np.where(np.isfinite(scores[1]), scores[1], scores[0])
        return np.mean(scores, axis=0), log_j[0]


def _log_divergence(query: Packed, segment: Segment, name: str, silent: np.ndarray) -> np.ndarray:
    """Log J_1 of every query Gaussian and segment row, least over variants, shape (n, N); inf where silent."""
    arrays = segment.arrays
    j = least_divergence(query, arrays[name], arrays[f"{name}_terms"], segment.n_windows)
    return np.where(silent, np.inf, np.log(np.maximum(j, _LEAST)))


def _steps(start_s: np.ndarray, config: FeatureConfig) -> np.ndarray:
    """Whole steps of the reference grid at which a snippet's windows start, shape (n,), int64."""
    return np.floor(start_s / config.window_step + 1e-9).astype(np.int64)


def _track_ends(segment: Segment) -> np.ndarray:
    """For each window of a segment, the row behind the last window of its track."""
    last = np.zeros(segment.n_windows, np.int64)
    for entry in segment.entries:
        rows = entry.rows["windows"]
        last[rows.start : rows.stop] = rows.stop
    return last


def _along_offsets(log_j: np.ndarray, steps: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Mean over the snippet's windows at every place; each window may match the nearest row or the one after.

    A window that meets nothing there (past the track's end, silence) counts like an average stranger, neither for
    nor against; a place where none meets anything is infinitely far.
    """
    n = log_j.shape[1]
    finite = np.isfinite(log_j)
    stranger = np.where(finite, log_j, 0.0).sum(axis=1) / np.maximum(finite.sum(axis=1), 1)
    total, met = np.zeros(n), np.zeros(n, bool)
    place = np.arange(n)
    for k, step in enumerate(steps):
        rows = (place + step, place + step + 1)
        value, after = (np.where(row < last, log_j[k, np.minimum(row, n - 1)], np.inf) for row in rows)
        best = np.minimum(value, after)
        there = np.isfinite(best)
        total += np.where(there, best, stranger[k])
        met |= there
    return np.where(met, total / max(1, len(steps)), np.inf)
