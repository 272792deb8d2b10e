"""Libraries of Gaussians from a seed: groups of tracks that sound alike."""

from __future__ import annotations

import numpy as np

from classifier.likeness.sounds import Sounds
from classifier.mixtures.divergence import Packed
from classifier.mixtures.gmm import Mixtures, expected_statistics


def library(n: int, n_groups: int, d: int = 6, within: float = 0.08, seed: int = 440) -> tuple[Sounds, np.ndarray]:
    """Return n tracks and their groups."""
    rng = np.random.default_rng(seed)
    group = np.arange(n) % n_groups
    centres = np.eye(d) + 0.4 * rng.standard_normal((n_groups, d, d))
    roots = centres[group] + within * rng.standard_normal((n, d, d))
    covariances = roots @ roots.swapaxes(1, 2) + 0.1 * np.eye(d)
    means = within * rng.standard_normal((n, d))
    keys = tuple((f"track {i:05d}", 1) for i in range(n))
    packed = Packed.of(Mixtures(np.ones((n, 1)), means[:, None], covariances[:, None]))
    return Sounds(keys, expected_statistics(means, covariances), packed, d), group
