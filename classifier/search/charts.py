"""Data of an answer's charts: agreement along the track, divergence along the snippet."""

from __future__ import annotations

from typing import Any

import numpy as np

from classifier.config import FeatureConfig
from classifier.fingerprint.bits import QUERY_HOP_S
from classifier.index.segment import Entry, Segment
from classifier.mixtures import slots
from classifier.search.alignments import Candidate

#: Most points in the chart of agreement against lag.
_POINTS = 600


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
    step = max(1, -(-len(curve) // _POINTS))
    bins = [curve[i : i + step] for i in range(0, len(curve), step)]
    tops = [i * step + int(np.argmax(b)) for i, b in enumerate(bins)]
    z = np.where(np.isfinite(curve[tops]), curve[tops], 0.0)
    return {
        "track_id": best.entry.track_id,
        "lags_s": [round(alignment.first_s + i * QUERY_HOP_S, 3) for i in tops],
        "agreement": [round(null.agreement(float(v) * alignment.widening), 5) for v in z],
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
        "starts_s": [round((first_s + i * config.slot_s) / speed, 3) for i in range(len(shares))],
        "divergence": [round(float(v), 3) for v in slots.divergence(shares, d, slot_variance)],
        "unrelated": round(float(slots.divergence(0.0, d, slot_variance)), 3),
    }
