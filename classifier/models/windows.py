"""Mixtures of windows, for tracks and snippets alike: standardised delta-MFCC, fitted from a background."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from classifier.config import FeatureConfig
from classifier.mixtures import features, gmm
from classifier.mixtures.gmm import Mixtures
from classifier.models.background import Background

#: Mean variance, over coefficients, of a window's standardised features below which it is silent.
_SILENT_VARIANCE = 1e-3


def standardised(
    mel: np.ndarray, starts: np.ndarray, n: int, config: FeatureConfig, background: Background
) -> tuple[np.ndarray, np.ndarray]:
    """Features of windows, and which of the windows are audible.

    Parameters
    ----------
    mel : np.ndarray, shape (n_frames, n_mels), float32
        Mel power.
    starts : np.ndarray, shape (n_windows,), int
        First frame of each window.
    n : int
        Frames in a window.
    config : FeatureConfig
    background : Background

    Returns
    -------
    x : np.ndarray, shape (n_windows, n - 2 * delta_half_length, d), float32
    audible : np.ndarray, shape (n_windows,), bool
        False where features vary too little to be compared.
    """
    x = features.delta_mfcc(features.gather_windows(mel, starts, n), config) / background.scale
    return x, x.var(axis=1).mean(axis=1) >= _SILENT_VARIANCE


def fit(x: np.ndarray, config: FeatureConfig, background: Background) -> Mixtures:
    """Fit one mixture to each window's features, with the configuration's parameters."""
    return gmm.fit(
        x,
        background.start(config.covariance_type),
        floor=config.covariance_floor,
        relevance=config.map_relevance,
        max_iterations=config.em_max_iterations,
        tolerance=config.em_tolerance,
    )


def without(n: int, k: int, config: FeatureConfig) -> Mixtures:
    """Return ``n`` mixtures of ``k`` components, of which one is 0: no mixtures, or mixtures without content."""
    d = config.n_mfcc
    shape = (n, k, d, d) if config.covariance_type == "full" else (n, k, d)
    return Mixtures(np.zeros((n, k)), np.zeros((n, k, d)), np.zeros(shape))


def concatenate(parts: Sequence[Mixtures], config: FeatureConfig) -> Mixtures:
    """Join mixtures of one configuration; ``parts`` may be empty."""
    none = without(0, config.n_components, config) if not parts else parts[0][:0]
    names = ("weights", "means", "covariances")
    return Mixtures(*(np.concatenate([getattr(part, name) for part in (none, *parts)]) for name in names))
