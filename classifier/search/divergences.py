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
from classifier.divergence import SOFTENING, Packed, symmetric_kl_variational
from classifier.gmm import Mixtures, packed_length, unpack
from classifier.model import QueryModel
from classifier.search.index import Entry, Segment, Snapshot

#: Divergences below this, in nats, are as good as equal; keeps logarithms finite.
_LEAST = 1e-3
#: Places that are refined: the best of all, and at least the best one of so many tracks.
_PLACES, _TRACKS = 400, 100
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


def rank(query: QueryModel, snapshot: Snapshot, config: FeatureConfig) -> list[Ranked]:
    """Rank tracks by divergence from a snippet.

    Parameters
    ----------
    query : QueryModel
        Without windows (silence, too short) nothing can be ranked.
    snapshot : Snapshot
        What is searched.
    config : FeatureConfig
        The catalogue's.

    Returns
    -------
    list of Ranked
        Least divergence first; every track among the best ``_TRACKS``, at least.
    """
    if not len(query.start_s):
        return []
    coarse, fine = Packed.of(query.moments), Packed.of(query.mixtures, SOFTENING)
    steps = np.floor(query.start_s / config.window_step + 1e-9).astype(np.int64)
    rough: list[tuple[float, int, int, Entry]] = []
    logs = []
    for number, segment in enumerate(snapshot.segments):
        log_j1 = np.log(np.maximum(_coarse(coarse, segment), _LEAST))
        logs.append(log_j1)
        score = _along_offsets(log_j1, steps, _last_window(segment))
        for entry in segment.entries:
            if entry.key in snapshot.live and entry.window_stop > entry.window_start:
                window = entry.window_start + int(np.argmin(score[entry.window_start : entry.window_stop]))
                rough.append((float(score[window]), number, window, entry))
    rough.sort(key=lambda item: item[0])
    seconds = config.frame_step / config.sample_rate
    ranked = []
    for _, number, window, entry in rough[:_TRACKS]:
        segment = snapshot.segments[number]
        value, best = _refine(fine, logs[number], steps, segment, entry, window)
        ranked.append(Ranked(segment, entry, value, best, float(segment.arrays["window_frame"][best] * seconds)))
    return sorted(ranked, key=lambda r: r.divergence)


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

    Rows past a track's end count like an average stranger: neither for nor against.
    """
    n = log_j.shape[1]
    finite = np.where(np.isfinite(log_j), log_j, np.nan)
    stranger = np.nan_to_num(np.nanmean(finite, axis=1), nan=0.0) if np.isfinite(log_j).any() else np.zeros(len(log_j))
    total = np.zeros(n)
    place = np.arange(n)
    for k, step in enumerate(steps):
        nearest = np.where(np.isfinite(log_j[k]), log_j[k], stranger[k])
        row, after = place + step, place + step + 1
        value = np.where(row < last, nearest[np.minimum(row, n - 1)], stranger[k])
        value_after = np.where(after < last, nearest[np.minimum(after, n - 1)], stranger[k])
        total += np.minimum(value, value_after)
    return total / max(1, len(steps))


def _refine(
    query: Packed, log_j1: np.ndarray, steps: np.ndarray, segment: Segment, entry: Entry, window: int
) -> tuple[float, int]:
    """Divergence by sqrt(J_1 * J_ub) at the best of the places within two windows of ``window``."""
    low = max(entry.window_start, window - 2)
    high = min(entry.window_stop, window + 3 + int(steps[-1]) + 1)
    rows = slice(low, high)
    a = segment.arrays
    packed = softened_rows(segment, rows)
    n, m = len(query), high - low
    cross = query.weighted_s().reshape(n, -1) @ packed.theta.reshape(m, -1).T
    cross += query.theta.reshape(n, -1) @ packed.weighted_s().reshape(m, -1).T
    log_jub = np.log(np.maximum(query.own[:, None] + a["own"][rows] - cross, _LEAST))
    fused = 0.5 * (log_j1[:, rows] + log_jub)
    score = _along_offsets(fused, steps, np.full(m, m))[: min(5, m)]
    best = int(np.argmin(score))
    return float(np.exp(score[best])), low + best


def softened_rows(segment: Segment, rows: slice) -> Packed:
    """Mixtures of some windows, as ``aligned`` compares them."""
    a = segment.arrays
    s = a["s"][rows].astype(np.float64)
    d = dimension(s.shape[-1])
    squares = _square_positions(d, s.shape[-1])
    s[..., squares] += SOFTENING
    return Packed(a["weights"][rows].astype(np.float64), a["theta"][rows].astype(np.float64), s, a["own"][rows])


def dimension(p: int) -> int:
    """Dimension of the frames whose statistics have length ``p`` (full if any fits, else diagonal)."""
    d = int(round((np.sqrt(8 * p + 1) - 3) / 2))
    return d if packed_length(d, False) == p else (p - 1) // 2


def _square_positions(d: int, p: int) -> np.ndarray:
    """Where x_i^2 stands in psi(x)."""
    if p == packed_length(d, True) != packed_length(d, False):
        return np.arange(d, 2 * d)
    rows, columns = np.triu_indices(d)
    return d + np.flatnonzero(rows == columns)


def variational(query: QueryModel, segment: Segment, entry: Entry, window: int, steps: np.ndarray) -> float:
    """Mean symmetric KL of the mixtures, variational approximation, along one place; for information, nats."""
    rows = np.minimum(window + steps, entry.window_stop - 1)
    s = segment.arrays["s"][rows].astype(np.float64)
    means, covariances = unpack(s, query.mixtures.means.shape[-1])
    reference = Mixtures(segment.arrays["weights"][rows].astype(np.float64), means, covariances)
    return float(np.diagonal(symmetric_kl_variational(Packed.of(query.mixtures), Packed.of(reference))).mean())
