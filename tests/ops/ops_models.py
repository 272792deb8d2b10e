"""Track models for tests of the index: small, quick to make, each different from all others."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from classifier.config import FeatureConfig
from classifier.mixtures.gmm import Mixtures
from classifier.models.background import builtin_background
from classifier.models.track import TrackModel, model_track


@lru_cache(maxsize=1)
def _base() -> TrackModel:
    rng = np.random.default_rng(1)
    samples = rng.standard_normal(9 * 16000) * np.repeat(rng.uniform(0.01, 0.3, 72), 2000)
    return model_track(samples.astype(np.float32), FeatureConfig(), builtin_background())


def model(seed: int, n_windows: int = 4) -> TrackModel:
    """Return the model of a made-up track; the seed can be read from it by :func:`seed_of`."""
    base = _base()
    rng = np.random.default_rng(seed)
    windows = rng.integers(0, len(base.window_frame), n_windows)
    words = rng.integers(0, 2**63, (n_windows * 31, 2)).astype(np.uint64)
    words[:, 0] = seed
    return TrackModel(
        window_frame=np.arange(n_windows, dtype=np.int32) * 67,
        silent=np.zeros(n_windows, np.uint8),
        mixtures=_moved(base.mixtures, windows, rng),
        slots=base.slots[rng.integers(0, len(base.slots), 8 * n_windows)],
        words=words,
    )


def _moved(mixtures: Mixtures, rows: np.ndarray, rng: np.random.Generator) -> Mixtures:
    means = mixtures.means[rows]
    return Mixtures(mixtures.weights[rows], means + 0.1 * rng.standard_normal(means.shape), mixtures.covariances[rows])


def seed_of(words: np.ndarray) -> int:
    """Return the seed that a track's sub-fingerprints were made from."""
    assert len(set(words[:, 0].tolist())) == 1
    return int(words[0, 0])
