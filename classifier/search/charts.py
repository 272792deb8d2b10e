"""Data of an answer's charts: agreement and divergence along the track and the snippet, and what they compare."""

from __future__ import annotations

from typing import Any

import numpy as np

from classifier.config import FeatureConfig
from classifier.fingerprint.bits import HOP_S, QUERY_HOP_S
from classifier.index.segment import Entry, Segment
from classifier.mixtures import slots
from classifier.mixtures.gmm import Mixtures, pack_covariances, unpack_covariances
from classifier.models.query import Query
from classifier.search import align, alike
from classifier.search.alignments import Candidate

#: Most points in the chart of agreement against lag.
_POINTS = 600
#: Places on either side of the best one whose agreement is drawn frame by frame.
_REACH = 24
#: Agreement 0 to 1 as one character; a full stop where nothing is compared.
_LEVELS, _NOTHING = np.frombuffer(b"0123456789", np.uint8), ord(".")


def agreement(best: Candidate, threshold: float) -> dict[str, Any]:
    """Agreement against offset in a candidate's track, thinned to its local maxima.

    Parameters
    ----------
    best : Candidate
        The first match.
    threshold : float
        z that its place would need to be named.
    """
    alignment, null = best.alignment, best.hypothesis.null
    curve = alignment.curve
    tops = _tops(curve)
    z = np.where(np.isfinite(curve[tops]), curve[tops], 0.0).astype(np.float64)
    return {
        "track_id": best.entry.track_id,
        "lags_s": _listed(alignment.first_s + tops * QUERY_HOP_S, 3),
        "agreement": _listed(null.agreement(z * alignment.widening), 5),
        "threshold": round(null.agreement(threshold * alignment.widening), 5),
    }


def divergence(
    snippet: np.ndarray,
    slot_variance: float,
    segment: Segment,
    entry: Entry,
    offset_s: float,
    speed: float,
    config: FeatureConfig,
) -> dict[str, Any] | None:
    """Divergence of each slot of a snippet from a track; None if the snippet has no slots.

    Parameters
    ----------
    snippet : np.ndarray, shape (2, M, slot_mfcc), int8
        Slots of the snippet, converted to the track's speed.
    slot_variance : float > 0
        Variance of frames within a slot.
    segment, entry
        The track.
    offset_s : float
        Place in the track of the snippet's first sample.
    speed : float
        Snippet against track; slots are drawn at the snippet's own times.
    config : FeatureConfig
        The catalogue's.
    """
    d = snippet.shape[2]
    if not snippet.shape[1]:
        return None
    half_slots = round(offset_s / config.slot_s * slots.PHASES)
    lag = -(-half_slots // slots.PHASES)
    phase = lag * slots.PHASES - half_slots
    shares = slots.per_slot(snippet, segment.of(entry, "slots"), phase, lag)
    first_s = config.slot_half_length * config.frame_step / config.sample_rate + phase / slots.PHASES * config.slot_s
    return {
        "track_id": entry.track_id,
        "starts_s": _listed((first_s + np.arange(len(shares)) * config.slot_s) / speed, 3),
        "divergence": _listed(slots.divergence(shares, d, slot_variance), 3),
        "unrelated": round(float(slots.divergence(0.0, d, slot_variance)), 3),
    }


def along(
    snippet: np.ndarray, slot_variance: float, segment: Segment, entry: Entry, config: FeatureConfig
) -> dict[str, Any] | None:
    """Divergence of a snippet from a track against the place where it would begin, thinned to its local minima.

    Parameters
    ----------
    snippet, slot_variance, segment, entry, config
        As of :func:`divergence`.

    Returns
    -------
    dict or None
        None if one of the two has too few slots.
    """
    m, d = snippet.shape[1:]
    similarity = slots.similarities(snippet, segment.of(entry, "slots"))
    if not similarity.shape[1]:
        return None
    lags = np.arange(similarity.shape[1]) + slots.least_slots(m) - m
    offsets = (lags[None, :] - np.arange(slots.PHASES)[:, None] / slots.PHASES) * config.slot_s
    order = np.argsort(offsets, axis=None, kind="stable")
    offsets, values = offsets.ravel()[order], slots.divergence(similarity, d, slot_variance).ravel()[order]
    return {
        "track_id": entry.track_id,
        **dips(offsets, values),
        "unrelated": round(float(slots.divergence(0.0, d, slot_variance)), 3),
    }


def dips(offsets_s: np.ndarray, divergence: np.ndarray) -> dict[str, Any]:
    """Divergence against the place in a track, thinned to its local minima.

    Parameters
    ----------
    offsets_s : np.ndarray, shape (n,), float64
        Places in the track, ascending, seconds.
    divergence : np.ndarray, shape (n,), float64
        Nats; places where it is infinite are left out.
    """
    there = np.isfinite(divergence)
    offsets_s, divergence = offsets_s[there], divergence[there]
    lowest = _tops(-divergence)
    return {"offsets_s": _listed(offsets_s[lowest], 3), "divergence": _listed(divergence[lowest], 3)}


def stripe(best: Candidate) -> dict[str, Any]:
    """Agreement of each frame of a snippet at the best place and at those beside it: the true one shows as a stripe.

    Parameters
    ----------
    best : Candidate
        The first match.
    """
    words, alignment = best.segment.words(best.entry), best.alignment
    found = align.frame_agreements(best.hypothesis.fingerprint, words, alignment.lag, alignment.phase, _REACH)
    levels = np.rint(np.clip(np.nan_to_num(found), 0.0, 1.0) * (len(_LEVELS) - 1)).astype(int)
    shown = np.where(np.isnan(found), np.uint8(_NOTHING), _LEVELS[levels])
    return {
        "track_id": best.entry.track_id,
        "shifts_s": _listed(np.arange(-_REACH, _REACH + 1) * HOP_S, 3),
        "hop_s": round(HOP_S / best.hypothesis.speed, 4),
        "rows": [row.tobytes().decode() for row in shown],
    }


def mixtures(
    query: Query,
    best: tuple[Segment, Entry],
    rival: tuple[Segment, Entry] | None,
    offset_s: float,
    speed: float,
    config: FeatureConfig,
) -> dict[str, Any] | None:
    """Mixtures of the snippet's first window, of the track's window there, and of a rival's nearest window.

    Parameters
    ----------
    query : Query
        The snippet.
    best, rival : tuple of Segment and Entry
        The first match, and another track that sounds alike, if there is one.
    offset_s, speed : float
        Of the match.
    config : FeatureConfig
        The catalogue's.

    Returns
    -------
    dict or None
        None if one of snippet and track has no window.
    """
    if not len(query.start_s) or not best[1].rows["windows"]:
        return None
    frame_s = config.frame_step / config.sample_rate
    there = int(alike.rows_at(query, best[1], offset_s, speed, config)[0])

    def of_track(item: tuple[Segment, Entry], row: int) -> dict[str, Any]:
        segment, entry = item
        weights, means, packed = (segment.of(entry, name)[row] for name in ("weights", "means", "covariances"))
        start_s = float(segment.of(entry, "window_frame")[row]) * frame_s
        return drawn(entry.track_id, start_s, weights, means, packed)

    first: Mixtures = query.mixtures
    packed = pack_covariances(first.covariances[0], first.diagonal)
    return {
        "window_s": config.window_length,
        "snippet": drawn(None, float(query.start_s[0]), first.weights[0], first.means[0], packed),
        "track": of_track(best, there),
        "rival": None
        if rival is None or not rival[1].rows["windows"]
        else of_track(rival, int(alike.paired(alike.whole_windows(query), *rival)[0])),
    }


def drawn(
    track_id: str | None, start_s: float, weights: np.ndarray, means: np.ndarray, covariances: np.ndarray
) -> dict[str, Any]:
    """Return the mixture of one window as lists.

    Parameters
    ----------
    track_id : str or None
        The track that it is of; None for a snippet.
    start_s : float
        Start of the window, seconds.
    weights : np.ndarray, shape (K,)
        Of sum 1 but for rounding.
    means : np.ndarray, shape (K, d)
        In standardised delta-MFCC units.
    covariances : np.ndarray, shape (K, d * (d + 1) / 2) or (K, d)
        Packed; they are listed as upper triangles, row by row.
    """
    d = means.shape[-1]
    full = unpack_covariances(covariances, d)
    full = full if full.ndim == 3 else full[:, None, :] * np.eye(d)
    upper = np.triu_indices(d)
    return {
        "track_id": track_id,
        "start_s": round(start_s, 3),
        "weights": _listed(weights / weights.sum(), 4),
        "means": _listed(means, 3),
        "covariances": _listed(full[:, *upper], 4),
    }


def _tops(curve: np.ndarray) -> np.ndarray:
    """Places of the greatest values of a curve's stretches, of which there are ``_POINTS`` at most."""
    step = max(1, -(-len(curve) // _POINTS))
    padded = np.pad(curve, (0, -len(curve) % step), constant_values=-np.inf).reshape(-1, step)
    return np.arange(len(padded)) * step + padded.argmax(axis=1)


def _listed(values: np.ndarray, digits: int) -> list[Any]:
    """Rounded numbers as lists."""
    rounded: list[Any] = np.round(np.asarray(values, np.float64), digits).tolist()
    return rounded
