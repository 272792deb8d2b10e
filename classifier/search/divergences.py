"""Ranking tracks by symmetric KL divergence: coarse on every window, refined on the best, summed over the snippet.

A snippet has several windows. Each is compared with every window of every track by J_1 (exact, between moment
Gaussians; least over the noise variants). For each place in a track the snippet's windows are then averaged along
the common offset, in the logarithm, so that the result is a geometric mean. The best places are compared again by
J_ub (component-labelled mixtures); what ranks, and is shown, is the geometric mean over windows of
sqrt(J_1 * J_ub), in nats.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from classifier.config import FeatureConfig
from classifier.divergence import SOFTENING, Packed, symmetric_kl_aligned, symmetric_kl_variational
from classifier.gmm import Mixtures, unpack
from classifier.model import QueryModel
from classifier.search.index import Entry, Segment, Snapshot

#: Divergences below this, in nats, are as good as equal; keeps logarithms finite.
_LEAST = 1e-3
#: Tracks that are refined, best first by the coarse divergence.
_TRACKS = 100
_CHUNK = 16384


@dataclass(frozen=True, slots=True)
class Ranked:
    """A track by its best place.

    Parameters
    ----------
    segment, entry
        The track.
    divergence : float
        Geometric mean over the snippet's windows of sqrt(J_1 * J_ub), nats.
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
    """Divergence of one snippet from every track of a snapshot: rough for all, refined where asked.

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
        self._fine = Packed.of(query.mixtures, SOFTENING)
        self._squares = _square_positions(query.mixtures.means.shape[-1], query.mixtures.diagonal)
        self._steps = np.floor(query.start_s / config.window_step + 1e-9).astype(np.int64)
        self._seconds = config.frame_step / config.sample_rate
        self._log_j1: dict[int, np.ndarray] = {}
        self._place: dict[tuple[str, int], int] = {}
        rough: list[tuple[float, Segment, Entry]] = []
        if len(query.start_s):
            coarse = Packed.of(query.moments)
            scores = {}
            for segment in snapshot.segments:
                self._log_j1[id(segment)] = np.log(np.maximum(_coarse(coarse, segment), _LEAST))
                scores[id(segment)] = _along_offsets(self._log_j1[id(segment)], self._steps, _last_window(segment))
            for segment, entry in snapshot:
                if entry.window_stop > entry.window_start:
                    score = scores[id(segment)]
                    window = entry.window_start + int(np.argmin(score[entry.window_start : entry.window_stop]))
                    if np.isfinite(score[window]):
                        self._place[entry.key] = window
                        rough.append((float(score[window]), segment, entry))
            rough.sort(key=lambda item: item[0])
        refined = [self.refine(segment, entry) for _, segment, entry in rough[:_TRACKS]]
        self.nearest: list[Ranked] = sorted((r for r in refined if r is not None), key=lambda r: r.divergence)
        """The best ``_TRACKS`` tracks, least divergence first."""
        self.rest: list[tuple[Segment, Entry]] = [(segment, entry) for _, segment, entry in rough[_TRACKS:]]
        """All other tracks with windows, in order of the coarse divergence."""

    def refine(self, segment: Segment, entry: Entry) -> Ranked | None:
        """Rank one track, or return None if it or the snippet has no windows but silent ones."""
        if entry.key not in self._place:
            return None
        window = self._place[entry.key]
        log_j1 = self._log_j1[id(segment)]
        value, best = _refine(self._fine, self._squares, log_j1, self._steps, segment, entry, window)
        start_s = float(segment.arrays["window_frame"][best] * self._seconds)
        return Ranked(segment, entry, value, best, start_s)

    def variational(self, ranked: Ranked) -> float:
        """Mean symmetric KL of the mixtures by the variational approximation, nats; for information."""
        rows = np.minimum(ranked.window + self._steps, ranked.entry.window_stop - 1)
        arrays = ranked.segment.arrays
        means, covariances = unpack(arrays["s"][rows].astype(np.float64), self._query.mixtures.means.shape[-1])
        reference = Packed.of(Mixtures(arrays["weights"][rows].astype(np.float64), means, covariances))
        return float(np.diagonal(symmetric_kl_variational(Packed.of(self._query.mixtures), reference)).mean())


def _coarse(query: Packed, segment: Segment) -> np.ndarray:
    """J_1 of every query window and segment window, least over variants, shape (n, N); inf where silent."""
    theta, s = query.theta[:, 0, :-1], query.s[:, 0, :-1]
    vectors = np.concatenate([s, theta], axis=1).astype(np.float32)
    own = (theta * s).sum(axis=1)[:, None].astype(np.float32)
    variants, n = segment.n_variants, segment.n_windows
    out = np.empty((len(vectors), n), np.float32)
    rows, reference_own = segment.arrays["coarse"], segment.arrays["coarse_own"]
    for start in range(0, n, _CHUNK):
        stop = min(n, start + _CHUNK)
        block = slice(start * variants, stop * variants)
        j = own + reference_own[block] - vectors @ rows[block].T
        out[:, start:stop] = j.reshape(len(vectors), stop - start, variants).min(axis=2)
    out[:, segment.arrays["silent"].astype(bool)] = np.inf
    return out


def _last_window(segment: Segment) -> np.ndarray:
    """For each window of a segment, the row behind the last window of its track."""
    last = np.zeros(segment.n_windows, np.int64)
    for entry in segment.entries:
        last[entry.window_start : entry.window_stop] = entry.window_stop
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


def _refine(
    query: Packed,
    squares: np.ndarray,
    log_j1: np.ndarray,
    steps: np.ndarray,
    segment: Segment,
    entry: Entry,
    window: int,
) -> tuple[float, int]:
    """Divergence by sqrt(J_1 * J_ub) at the best of the places within two windows of ``window``."""
    low = max(entry.window_start, window - 2)
    high = min(entry.window_stop, window + 3 + int(steps[-1]) + 1)
    rows = slice(low, high)
    j_aligned = symmetric_kl_aligned(query, _softened_rows(segment, rows, squares))
    fused = 0.5 * (log_j1[:, rows] + np.log(np.maximum(j_aligned, _LEAST)))
    score = _along_offsets(fused, steps, np.full(high - low, high - low))[: window + 3 - low]
    best = int(np.argmin(score))
    value = float(np.exp(score[best]))
    # A place is the stretch from one row to the next: report the end of it that the snippet's first window is nearer.
    if best + 1 < high - low and fused[0, best + 1] < fused[0, best]:
        best += 1
    return value, low + best


def _softened_rows(segment: Segment, rows: slice, squares: np.ndarray) -> Packed:
    """Mixtures of some windows, as ``aligned`` compares them."""
    a = segment.arrays
    s = a["s"][rows].astype(np.float64)
    s[..., squares] += SOFTENING
    return Packed(a["weights"][rows].astype(np.float64), a["theta"][rows].astype(np.float64), s, a["own"][rows])


def _square_positions(d: int, diagonal: bool) -> np.ndarray:
    """Where x_i^2 stands in psi(x)."""
    if diagonal:
        return np.arange(d, 2 * d)
    rows, columns = np.triu_indices(d)
    return d + np.flatnonzero(rows == columns)
