"""What sounds alike: divergence that ignores order, so that other takes, covers and re-arrangements are near.

Each window of the snippet is compared with every window of a track, whatever its position, by J_1, the exact symmetric
KL divergence of the windows' mixtures, each collapsed to one Gaussian; the least counts. A track's divergence is the
geometric mean over the snippet's windows, in nats. ``method=kl-mixture`` adds a step: for the nearest tracks, it
compares the six-component mixtures of the windows paired this way by the variational approximation (Hershey & Olsen
2007), as Synced.fm did.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from classifier.config import FeatureConfig
from classifier.index.gaussians import divergences
from classifier.index.segment import Entry, Segment
from classifier.index.snapshot import Snapshot
from classifier.mixtures.divergence import Packed, symmetric_kl_variational
from classifier.mixtures.gmm import Mixtures, collapse, unpack_covariances
from classifier.models.query import Query

#: Divergences below this, in nats, count as equal; keeps logarithms finite.
_LEAST = 1e-3
#: Weights too, which the index keeps in 16 bits, where those of components that plain EM starved are nothing.
_LEAST_WEIGHT = 2.0**-24
#: In a large catalogue, every so many windows of each track are compared first, and all of this many tracks then.
_STEP, _CLOSER = 8, 300
#: Nearest tracks whose mixtures are compared by ``kl-mixture``.
SHORTLIST = 30


@dataclass(frozen=True, slots=True)
class Alike:
    """Order-free divergence of a snippet from every track of a snapshot.

    Parameters
    ----------
    divergence : np.ndarray, shape (n,), float64
        Of each of the snapshot's tracks, nats; infinite if nothing can be compared.
    """

    divergence: np.ndarray

    def order(self) -> np.ndarray:
        """Numbers of the tracks that can be compared, nearest first."""
        order = np.argsort(self.divergence, kind="stable")
        return order[np.isfinite(self.divergence[order])]


def compare(query: Query, snapshot: Snapshot) -> Alike:
    """Compare a snippet with every track of a snapshot; without windows, nothing can be compared."""
    log_j = np.full(len(snapshot), np.inf)
    if len(query.start_s):
        gaussians = Packed.of(collapse(query.mixtures))
        for shelf in snapshot.shelves:
            nearest = _nearest(gaussians, shelf.segment, shelf.bounds["windows"])
            # Along contiguous rows NumPy adds in the same order, however many tracks the segment has.
            log_j[shelf.numbers] = np.ascontiguousarray(nearest.T).mean(axis=1)
    return Alike(np.exp(log_j))


def compare_some(query: Query, snapshot: Snapshot) -> Alike:
    """Compare a snippet with the tracks that seem nearest by some of their windows; others count as infinitely far.

    The divergences are exact, but a track whose nearest windows are all between those that are looked at first may be
    missing.
    """
    log_j = np.full(len(snapshot), np.inf)
    if len(query.start_s):
        gaussians = Packed.of(collapse(query.mixtures))
        rough = np.full(len(snapshot), np.inf)
        for shelf in snapshot.shelves:
            rough[shelf.numbers] = _nearest(gaussians, shelf.segment, shelf.bounds["windows"], _STEP).mean(axis=0)
        for number in Alike(rough).order()[:_CLOSER]:
            segment, entry = snapshot.items[number]
            log_j[number] = _log_divergences(gaussians, segment, entry.rows["windows"]).min(axis=1).mean()
    return Alike(np.exp(log_j))


def paired(query: Query, segment: Segment, entry: Entry) -> np.ndarray:
    """Nearest window of a track to each of the snippet's windows, shape (n_windows,), int64."""
    log_j = _log_divergences(Packed.of(collapse(query.mixtures)), segment, entry.rows["windows"])
    return log_j.argmin(axis=1)


def mixture_divergence(query: Query, segment: Segment, entry: Entry, rows: np.ndarray) -> float:
    """Mean symmetric KL divergence between the snippet's mixtures and those of given windows of a track, nats.

    Parameters
    ----------
    query : Query
        With n windows.
    segment, entry
        The track.
    rows : np.ndarray, shape (n,), int
        Window of the track to compare with each of them.
    """
    weights, means, packed = (
        segment.of(entry, name)[rows].astype(np.float64) for name in ("weights", "means", "covariances")
    )
    weights = np.maximum(weights / weights.sum(axis=1, keepdims=True), _LEAST_WEIGHT)
    there = Mixtures(weights, means, unpack_covariances(packed, means.shape[-1]))
    pairs = symmetric_kl_variational(Packed.of(query.mixtures), Packed.of(there))
    return float(np.maximum(np.diagonal(pairs), _LEAST).mean())


def rows_at(query: Query, entry: Entry, offset_s: float, speed: float, config: FeatureConfig) -> np.ndarray:
    """Window of a track closest in time to each of the snippet's, with the snippet's first sample at ``offset_s``."""
    place = np.rint((offset_s + speed * query.start_s) / config.window_step).astype(np.int64)
    return np.clip(place, 0, len(entry.rows["windows"]) - 1)


def _nearest(gaussians: Packed, segment: Segment, bounds: np.ndarray, step: int = 1) -> np.ndarray:
    """Least log J_1 of each of the snippet's windows in each track, shape (n_windows, n_tracks).

    With a step, only every so many of the segment's windows count.
    """
    out = np.full((len(gaussians), len(bounds)), np.inf)
    bounds = -(-bounds // step)
    filled = bounds[:, 1] > bounds[:, 0]
    if filled.any():
        log_j = _log_divergences(gaussians, segment, range(0, segment.n_rows("windows"), step))
        # One more column, so that the last track has an end; every second stretch lies between two tracks.
        padded = np.concatenate([log_j, np.full((len(log_j), 1), np.inf)], axis=1)
        out[:, filled] = np.minimum.reduceat(padded, bounds[filled].reshape(-1), axis=1)[:, ::2]
    return out


def _log_divergences(gaussians: Packed, segment: Segment, rows: range) -> np.ndarray:
    """Log J_1 of the snippet's windows and some of a segment's, shape (n, len(rows)), float32; inf where silent."""
    part = slice(rows.start, rows.stop)
    arrays = segment.arrays
    j = divergences(gaussians, arrays["gaussians"][part], arrays["gaussian_terms"][part], rows.step)
    silent = arrays["silent"][part.start : part.stop : rows.step]
    return np.where(silent.astype(bool), np.inf, np.log(np.maximum(j, _LEAST)))
