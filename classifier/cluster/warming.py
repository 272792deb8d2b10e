"""Loading what the first search would otherwise wait for: compiled functions, and tables that ship."""

from __future__ import annotations

import numpy as np

from classifier.cluster import asks
from classifier.config import FeatureConfig
from classifier.fingerprint.bits import F_HIGH, rough_fingerprint
from classifier.index.segment import Segment
from classifier.index.snapshot import Snapshot
from classifier.models.background import builtin_background
from classifier.models.query import Recording
from classifier.models.track import model_track
from classifier.search.alignments import SpeedHypothesis
from classifier.search.indexed import EVERYTHING
from classifier.search.speed import SPEEDS

#: Seconds of sound that are searched in themselves.
_SECONDS = 4


def warm_up() -> None:
    """Ask a track of noise everything once."""
    config, background = FeatureConfig(), builtin_background()
    noise = np.random.default_rng(1).standard_normal(_SECONDS * config.sample_rate)
    samples = (0.1 * noise * np.linspace(0.2, 1.0, len(noise))).astype(np.float32)
    segment = Segment.build([("noise", 1, model_track(samples, config, background))])
    snapshot = Snapshot((segment,), frozenset(entry.key for entry in segment.entries))
    recording = Recording(samples, F_HIGH, config, background)
    query = recording.query()
    hypothesis = SpeedHypothesis.of(query.fingerprint)
    heard = [rough_fingerprint(recording.at_speed(speed), F_HIGH) for speed in SPEEDS]
    wanted = [asks.compare(query, some=some) for some in (False, True)]
    wanted += [asks.rank(query.slots), asks.near(query.slots, EVERYTHING, hypothesis), asks.rough(heard, 60.0)]
    if hypothesis is not None:
        wanted.append(asks.align(hypothesis, None))
    for one in wanted:
        asks.answer(snapshot, config, np.zeros(0, np.int64), one)
