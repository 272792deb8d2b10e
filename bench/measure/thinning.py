"""What a compact catalogue keeps of tracks that were modelled for an exact one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from classifier.config import COMPACT_STEP, FeatureConfig
from classifier.index.profile import COMPACT
from classifier.index.segment import Segment
from classifier.mixtures import slots
from classifier.models import windows
from classifier.models.track import TrackModel


def thinned(model: TrackModel) -> TrackModel:
    """Return what a compact catalogue keeps of a track's model."""
    none = windows.without(len(model.silent), 0, FeatureConfig())
    return replace(model, mixtures=none, slots=slots.packed(model.slots), words=model.words[::COMPACT_STEP])


def compact(exact: Segment) -> Segment:
    """Return the compact segment of the same tracks."""
    nothing = TrackModel.empty(FeatureConfig())
    words: dict[tuple[str, int], np.ndarray] = {}
    parts = []
    for entry in exact.entries:
        rows: dict[str, Any] = {
            name: np.array(exact.of(entry, name)) for name in ("window_frame", "silent", "slots", "words")
        }
        model = thinned(replace(nothing, **rows))
        words[entry.key] = model.words
        parts.append(Segment.single(*entry.key, [model], COMPACT, lambda track_id, version: words[track_id, version]))
    return Segment.join(parts)
