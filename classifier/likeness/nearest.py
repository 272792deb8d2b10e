"""The tracks that sound most like one, and why: which coefficients of the sound move alike and which do not.

Tracks are ranked by the exact symmetric KL divergence of their Gaussians (:mod:`classifier.likeness.sounds`), or by
mutual proximity (:mod:`classifier.likeness.proximity`) in libraries where that leaves fewer hubs. Which of the two it
is, follows from the library alone.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from classifier.likeness import proximity
from classifier.likeness.proximity import Surroundings, log_proximity
from classifier.likeness.sounds import Sounds, log_divergence, take
from classifier.mixtures.divergence import Packed, coefficient_parts
from classifier.mixtures.gmm import unpack

#: Tracks with which all others are compared, to know how far a track is from others and whether there are hubs.
_COHORT = 500
#: Fewest tracks from which that is learnt.
_LEAST_TRACKS = 40
_CHUNK = 2000


@dataclass(frozen=True, slots=True)
class Coefficient:
    """What one coefficient contributes to a divergence.

    Parameters
    ----------
    coefficient : int
        Its number, from 0.
    name : str
        What of the sound it describes.
    nats : float
        Its part; the parts of all coefficients add up to the divergence.
    spread : float > 0
        How much it moves in the track, relative to what was asked about.
    """

    coefficient: int
    name: str
    nats: float
    spread: float


@dataclass(frozen=True, slots=True)
class Alike:
    """A track that sounds alike.

    Parameters
    ----------
    track_id : str
        The track.
    divergence : float
        Symmetric KL divergence of both sounds as wholes, nats; the sum of ``coefficients``.
    proximity : float or None
        Probability that a random third track is further away from both; None in libraries too small to tell.
    coefficients : list of Coefficient
        What the divergence consists of, most first.
    """

    track_id: str
    divergence: float
    proximity: float | None
    coefficients: list[Coefficient]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """A library ready to be asked what sounds alike.

    Parameters
    ----------
    sounds : Sounds
        Its tracks.
    surroundings : Surroundings or None
        How far each track is from the others; None if there are too few.
    hubness : tuple of (float, float) or None
        Skewness of how often tracks are among the ten nearest: by divergence, and by mutual proximity.
    """

    sounds: Sounds
    surroundings: Surroundings | None
    hubness: tuple[float, float] | None

    @property
    def corrected(self) -> bool:
        """Whether mutual proximity ranks: it leaves fewer hubs in this library."""
        return self.hubness is not None and self.hubness[1] < self.hubness[0]

    @classmethod
    def of(cls, sounds: Sounds) -> Neighbourhood:
        """Measure a library."""
        n = len(sounds)
        if n < _LEAST_TRACKS:
            return cls(sounds, None, None)
        cohort = np.unique(np.linspace(0, n - 1, min(n, _COHORT)).astype(np.int64))
        others = take(sounds.gaussians, cohort)
        parts = []
        for start in range(0, n, _CHUNK):
            rows = np.arange(start, min(n, start + _CHUNK))
            far = log_divergence(take(sounds.gaussians, rows), others)
            far[rows[:, None] == cohort[None]] = np.nan
            parts.append(Surroundings.of(far))
        around = Surroundings(np.concatenate([p.mean for p in parts]), np.concatenate([p.spread for p in parts]))
        among = log_divergence(others, others)
        near = log_proximity(among, around[cohort], around[cohort])
        return cls(sounds, around, (proximity.hubness(among), proximity.hubness(-near)))

    def nearest(self, sound: Packed, top: int, leave_out: str | None = None) -> list[Alike]:
        """Return the tracks that sound most like something, most alike first.

        Parameters
        ----------
        sound : Packed
            One Gaussian.
        top : int >= 1
            How many at most.
        leave_out : str, optional
            Id of a track that is not listed: the one that is asked about.
        """
        ids = self.sounds.ids
        if not ids:
            return []
        far = log_divergence(sound, self.sounds.gaussians)
        others = np.array([track_id != leave_out for track_id in ids])
        near = None
        if self.surroundings is not None:
            own = Surroundings.of(np.where(others, far, np.nan))
            near = log_proximity(far, own, self.surroundings)[0]
        # Ties, such as of proximities near 1, are decided by divergence.
        keys = (far[0],) if near is None or not self.corrected else (far[0], -near)
        order = [int(row) for row in np.lexsort(keys) if others[row]][:top]
        return [self._alike(sound, row, None if near is None else float(np.exp(near[row]))) for row in order]

    def _alike(self, sound: Packed, row: int, near: float | None) -> Alike:
        other = take(self.sounds.gaussians, np.array([row]))
        d = self.sounds.d
        parts = coefficient_parts(sound, other, d)[0]
        spread = _deviations(other, d) / _deviations(sound, d)
        coefficients = [
            Coefficient(int(i), name_of(int(i)), float(parts[i]), float(spread[i])) for i in np.argsort(-parts)
        ]
        return Alike(self.sounds.keys[row][0], float(parts.sum()), near, coefficients)


def name_of(coefficient: int) -> str:
    """Return what of the sound a cepstral coefficient describes; all are changes over time."""
    first = ("loudness", "low against high", "middle against both ends")
    return first[coefficient] if coefficient < len(first) else f"detail {coefficient} of the spectrum"


def _deviations(sound: Packed, d: int) -> np.ndarray:
    covariance = unpack(sound.s[0, 0], d)[1]
    return np.sqrt(covariance if covariance.ndim == 1 else np.diagonal(covariance))
