"""Backgrounds: the constants that turn features into models.

A *background* holds the standard deviations that features are divided by, the mixture that every window starts from,
and the spread within a slot. The built-in one serves every configuration with the default front end; others are fitted
once (``fitting.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from classifier.data import FOLDER
from classifier.mixtures.gmm import Mixtures

BUILTIN = "builtin-2"


@dataclass(frozen=True, slots=True)
class Background:
    """What every model of a catalogue starts from; frozen, because a change would void every stored model.

    Parameters
    ----------
    id : str
        Name and version.
    scale : np.ndarray, shape (d,), float32
        Standard deviation of each delta coefficient over varied music, clean and noisy.
    mixture : Mixtures
        One full-covariance mixture of standardised features.
    slot_scale : np.ndarray, shape (slot_mfcc,), float32
        Divisor of each coefficient of a slot (``fitting.py``).
    slot_variance : float > 0
        kappa^2: mean variance of frames within their slot, in units of ``slot_scale``.
    front_end : str
        Hash of the feature parameters that it was fitted on.
    """

    id: str
    scale: np.ndarray
    mixture: Mixtures
    slot_scale: np.ndarray
    slot_variance: float
    front_end: str

    def start(self, covariance_type: str) -> Mixtures:
        """Return the mixture to start EM from, with full or diagonal covariances."""
        if covariance_type == "full":
            return self.mixture
        return replace(self.mixture, covariances=np.einsum("nkii->nki", self.mixture.covariances).copy())

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return the parameters by name, for a file or a store."""
        mixture = self.mixture
        return {
            "scale": self.scale,
            "weights": mixture.weights,
            "means": mixture.means,
            "covariances": mixture.covariances,
            "slot_scale": self.slot_scale,
            "slot_variance": np.array([self.slot_variance]),
        }

    @classmethod
    def from_arrays(cls, name: str, front_end: str, arrays: Mapping[str, np.ndarray]) -> Background:
        """Build from what :meth:`to_arrays` returned."""
        mixture = Mixtures(arrays["weights"], arrays["means"], arrays["covariances"])
        variance = float(arrays["slot_variance"][0])
        return cls(name, arrays["scale"], mixture, arrays["slot_scale"], variance, front_end)


@lru_cache(maxsize=1)
def builtin_background() -> Background:
    """Return the background that ships with Earmark."""
    with np.load(FOLDER / f"background-{BUILTIN}.npz", allow_pickle=False) as file:
        return Background.from_arrays(BUILTIN, str(file["front_end"]), file)
