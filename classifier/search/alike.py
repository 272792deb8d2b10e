"""What sounds alike: divergence that ignores order, so that other takes, covers and re-arrangements are near.

Each window of the snippet is compared with every window of a track, whatever its position, by J_1, the exact symmetric
KL divergence of the windows' mixtures, each collapsed to one Gaussian; the least counts. A track's divergence is the
geometric mean over the snippet's windows, in nats. ``method=kl-mixture`` adds a step: for the nearest tracks, it
compares the six-component mixtures of the windows paired this way by the variational approximation (Hershey & Olsen
2007), as Synced.fm did.

In a large catalogue that would read too much. There reduced rows (``index/reduced.py``) of all tracks are compared,
some windows of those that seem nearest, and all windows of those that still do. The divergences listed are exact; the
list is approximate, for a track that seems further than it is may be missing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from classifier.config import FeatureConfig
from classifier.index.gaussians import divergences, least
from classifier.index.segment import Entry, Segment
from classifier.index.snapshot import Shelf, Snapshot
from classifier.mixtures.divergence import Packed, symmetric_kl_variational
from classifier.mixtures.gmm import Mixtures, collapse, unpack_covariances
from classifier.models.query import Query

#: Divergences below this, in nats, count as equal; keeps logarithms finite.
_LEAST = 1e-3
#: Weights too, which the index keeps in 16 bits, where those of components that plain EM starved are nothing.
_LEAST_WEIGHT = 2.0**-24
#: In a catalogue of more windows than this, some 1,000 tracks, reduced rows are compared first. Comparing everything
#: takes up to 20 ms here for each of a snippet's windows, and the tracks that seem nearest a third of it alone.
MOST_WINDOWS = 250_000
#: Tracks that are compared by every so many of their windows then, and tracks that are compared by all of them at last:
#: each time those that seem nearest.
_CLOSE, _STEP, CLOSER = 1000, 4, 300
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


def compare(query: Query, snapshot: Snapshot, only: np.ndarray | None = None) -> Alike:
    """Compare a snippet with every track of a snapshot, or with those of some numbers; others are infinitely far.

    Without windows and mixtures, nothing can be compared.
    """
    return Alike(np.exp(_compared(query, snapshot, only)))


def compare_some(query: Query, snapshot: Snapshot) -> Alike:
    """Compare a snippet with the tracks that seem nearest; others count as infinitely far.

    The divergences are exact, but a track that seems further than it is may be missing.
    """
    return compare(query, snapshot, Alike(roughly(query, snapshot)).order()[:CLOSER])


def roughly(query: Query, snapshot: Snapshot) -> np.ndarray:
    """Log of about the divergence from the tracks that seem nearest, shape (n,); infinite for others."""
    rough = _reduced(query, snapshot)
    close = Alike(rough).order()[:_CLOSE]
    some = _compared(query, snapshot, close, _STEP)[close]
    closer = np.full(len(snapshot), np.inf)
    closer[close] = np.where(np.isfinite(some), some, rough[close])  # of the windows that count, none may be audible
    return closer


def _compared(query: Query, snapshot: Snapshot, only: np.ndarray | None = None, step: int = 1) -> np.ndarray:
    """Log of the divergence from every track, or from those of some numbers, by every so many of their windows."""
    log_j = np.full(len(snapshot), np.inf)
    if len(query.start_s):
        gaussians = whole_windows(query)
        for shelf in _with_windows(snapshot):
            chosen = slice(None) if only is None else np.isin(shelf.numbers, only)
            nearest = _nearest(gaussians, shelf.segment, shelf.bounds["windows"][chosen], step)
            # Along contiguous rows NumPy adds in the same order, however many tracks the segment has.
            log_j[shelf.numbers[chosen]] = np.ascontiguousarray(nearest.T).mean(axis=1)
    return log_j


def _reduced(query: Query, snapshot: Snapshot) -> np.ndarray:
    """Log of about the divergence from every track; small segments have no reduced rows, and are compared exactly."""
    rough = np.full(len(snapshot), np.inf)
    if len(query.start_s):
        gaussians = whole_windows(query)
        for shelf in _with_windows(snapshot):
            segment, bounds = shelf.segment, shelf.bounds
            if segment.reduced is None:
                nearest = _nearest(gaussians, segment, bounds["windows"])
            else:
                nearest = np.log(np.maximum(segment.reduced.least(gaussians, bounds["reduced"]), _LEAST))
            rough[shelf.numbers] = nearest.mean(axis=0)
    return rough


def _with_windows(snapshot: Snapshot) -> list[Shelf]:
    """Segments whose windows can be compared: none of a compact catalogue."""
    return [shelf for shelf in snapshot.shelves if shelf.segment.profile.has_mixtures]


def whole_windows(query: Query) -> Packed:
    """Windows of a snippet as one Gaussian each, ready to be compared."""
    return Packed.of(collapse(query.mixtures))


def paired(windows: Packed, segment: Segment, entry: Entry) -> np.ndarray:
    """Nearest window of a track to each of a snippet's :func:`whole_windows`, shape (n_windows,), int64."""
    return _log_divergences(windows, segment, entry.rows["windows"]).argmin(axis=1)


def mixture_divergence(mixtures: Packed, segment: Segment, entry: Entry, rows: np.ndarray) -> float:
    """Mean symmetric KL divergence between a snippet's mixtures and those of given windows of a track, nats.

    Parameters
    ----------
    mixtures : Packed
        Those of the snippet's n windows.
    segment, entry
        The track.
    rows : np.ndarray, shape (n,), int
        Window of the track to compare with each of them.
    """
    there = as_kept(*(segment.of(entry, name)[rows] for name in ("weights", "means", "covariances")))
    pairs = symmetric_kl_variational(mixtures, there)
    return float(np.maximum(np.diagonal(pairs), _LEAST).mean())


def as_kept(weights: np.ndarray, means: np.ndarray, packed: np.ndarray) -> Packed:
    """Mixtures as index and store keep them, in few digits, ready to be compared.

    Parameters
    ----------
    weights : np.ndarray, shape (n, K)
        Of sum 1 but for rounding; those of starved components may be 0.
    means : np.ndarray, shape (n, K, d)
        In standardised delta-MFCC units.
    packed : np.ndarray, shape (n, K, d * (d + 1) / 2) or (n, K, d)
        Covariances as :func:`~classifier.mixtures.gmm.pack_covariances` packs them.
    """
    weights, means, packed = (array.astype(np.float64) for array in (weights, means, packed))
    weights = np.maximum(weights / weights.sum(axis=1, keepdims=True), _LEAST_WEIGHT)
    return Packed.of(Mixtures(weights, means, unpack_covariances(packed, means.shape[-1])))


def rows_at(query: Query, entry: Entry, offset_s: float, speed: float, config: FeatureConfig) -> np.ndarray:
    """Window of a track closest in time to each of the snippet's, with the snippet's first sample at ``offset_s``."""
    place = np.rint((offset_s + speed * query.start_s) / config.window_step).astype(np.int64)
    return np.clip(place, 0, len(entry.rows["windows"]) - 1)


def _nearest(gaussians: Packed, segment: Segment, bounds: np.ndarray, step: int = 1) -> np.ndarray:
    """Least log J_1 of each of the snippet's windows in each track, shape (n_windows, n_tracks), float64."""
    arrays = segment.arrays
    found = least(gaussians, arrays["gaussians"], arrays["gaussian_terms"], arrays["silent"], bounds, step)
    return np.log(np.maximum(found, _LEAST)).astype(np.float64)


def _log_divergences(gaussians: Packed, segment: Segment, rows: range) -> np.ndarray:
    """Log J_1 of the snippet's windows and some of a segment's, shape (n, len(rows)), float32; inf where silent."""
    part = slice(rows.start, rows.stop)
    arrays = segment.arrays
    j = divergences(gaussians, arrays["gaussians"][part], arrays["gaussian_terms"][part])
    return np.where(arrays["silent"][part].astype(bool), np.inf, np.log(np.maximum(j, _LEAST)))
