"""The extractor ``musicnn-msd``: fifty tags, the penultimate layer and the pools of sound."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from classifier.labels import weights
from classifier.labels.features import Compute
from classifier.labels.musicnn.logmel import MOST_PATCHES, levelled, patches
from classifier.labels.musicnn.network import N_PENULTIMATE, Network, forward

#: What the network was trained to say, as its authors spell it, in the order of its outputs.
TAGS = (
    *("rock", "pop", "alternative", "indie", "electronic", "female vocalists", "dance", "00s", "alternative rock"),
    *("jazz", "beautiful", "metal", "chillout", "male vocalists", "classic rock", "soul", "indie rock", "Mellow"),
    *("electronica", "80s", "folk", "90s", "chill", "instrumental", "punk", "oldies", "blues", "hard rock", "ambient"),
    *("acoustic", "experimental", "female vocalist", "guitar", "Hip-Hop", "70s", "party", "country", "easy listening"),
    *("sexy", "catchy", "funk", "electro", "heavy metal", "Progressive rock", "60s", "rnb", "indie pop", "sad"),
    *("House", "happy"),
)
#: Channels of the pools that are alive in the published weights.
N_POOLED = 212
NAMES = (
    *(f"tag.{tag}" for tag in TAGS),
    *(f"penultimate.{i}" for i in range(N_PENULTIMATE)),
    *(f"mean.{i}" for i in range(N_POOLED)),
    *(f"max.{i}" for i in range(N_POOLED)),
)


def load(models: Path) -> Compute:
    """Return the function from sound at 16 kHz to features; see :class:`classifier.labels.features.Extractor`."""
    network = weights.load("musicnn-msd", models)

    def compute(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return features(network, samples, MOST_PATCHES)

    return compute


def features(network: Network, samples: np.ndarray, most: int | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return features of the patches, where they begin, and their mean, at a level of -20 dBFS.

    Parameters
    ----------
    network : Network
        From :func:`classifier.labels.weights.load`.
    samples : np.ndarray, shape (n,), float32
        Mono at 16 kHz, n >= 1.
    most : int or None
        As :func:`classifier.labels.musicnn.logmel.patches` takes it.
    """
    cut, start_s = patches(levelled(samples), most)
    answer = forward(network, cut)
    rows = np.hstack([answer.tags, answer.penultimate, answer.mean_pool, answer.max_pool])
    return rows, start_s, rows.mean(axis=0, dtype=np.float64)
