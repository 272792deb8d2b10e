"""The extractor ``musicnn-msd``: fifty tags, the penultimate layer and the pools of sound."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from classifier.labels import weights
from classifier.labels.features import Features, Listening
from classifier.labels.musicnn.logmel import MOST_PATCHES, Patches
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


class Tagging:
    """A recording whose features come from patches at a level of -20 dBFS, and their mean.

    Parameters
    ----------
    network : Network
        From :func:`classifier.labels.weights.load`.
    most : int or None
        As :class:`classifier.labels.musicnn.logmel.Patches` takes it.
    """

    def __init__(self, network: Network, most: int | None) -> None:
        self._network = network
        self._patches = Patches(most)

    def add(self, piece: np.ndarray) -> None:
        """Take the next samples, mono at 16 kHz, float32."""
        self._patches.add(piece)

    def features(self) -> Features:
        """Return the features of the patches, where they begin, and their mean."""
        cut, start_s = self._patches.cut()
        answer = forward(self._network, cut)
        rows = np.hstack([answer.tags, answer.penultimate, answer.mean_pool, answer.max_pool])
        return rows, start_s, rows.mean(axis=0, dtype=np.float64)


def load(models: Path) -> Callable[[], Listening]:
    """Return what begins to hear a recording; see :class:`classifier.labels.features.Extractor`."""
    return partial(Tagging, weights.load("musicnn-msd", models), MOST_PATCHES)
