"""From agreement to verdict: tail probability, E-value, confidence, ambiguity.

The *null map* holds tables, measured over very many alignments of snippets with music they cannot come from: the
probability that chance reaches a given z at one lag. Clear music meets other clear music, in the same key at the same
tempo, more often than a Gaussian tail allows; music under noise does not. So there is a table for each class of
snippets, by how much agreement their bits let expect of a true place. Beyond a table's last entry the tail is
extrapolated as exp(-rate (z^2 - u^2) / 2), the Weibull-type tail of Gaussian-like maxima, with the measured rate. The
*E-value* (after Karlin & Altschul 1990, as BLAST uses it) is that probability times the lags, phases and speeds of the
whole catalogue: how many matches as good as this one chance alone would give.
"""

from __future__ import annotations

import bisect
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from classifier.data import FOLDER

#: Log10 of the E-value down to which shares of strangers could be counted; below, it is extrapolated.
DOUBT = -3.0
#: Seconds compared that ``Tail.least_share`` is for, and the most seconds for which shares have been measured.
SHARE_S, SHARE_MOST_S = 3.0, 10.0


@dataclass(frozen=True, slots=True)
class Tail:
    """z to probability, for one class of snippets.

    Parameters
    ----------
    z : np.ndarray, shape (n,)
        Ascending.
    log10_p : np.ndarray, shape (n,)
        Log10 of the share of foreign lags at or above each z.
    rate : float
        Of the extrapolation beyond z[-1].
    extremal_index : float in (0, 1]
        Independent trials behind each lag, phase and speed.
    least_share : float in [0, 1]
        Share of the expected agreement below which a place of ``SHARE_S`` is doubtful; 0 to doubt none.
    """

    z: np.ndarray
    log10_p: np.ndarray
    rate: float
    extremal_index: float
    least_share: float

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Tail:
        """Build from one class of the shipped file."""
        numbers = (values[name] for name in ("rate", "extremal_index", "least_share"))
        return cls(np.array(values["z"]), np.array(values["log10_p"]), *numbers)

    def log10_tail(self, z: float) -> float:
        """Log10 of the probability that chance reaches ``z`` at one lag."""
        if z > self.z[-1]:
            u = float(self.z[-1])
            return float(self.log10_p[-1]) - self.rate * (z * z - u * u) / 2 / np.log(10)
        return float(np.interp(z, self.z, self.log10_p))

    def log10_e(self, z: float, log10_trials: float) -> float:
        """Log10 of the E-value: expected number of chance matches at or above ``z`` in so many trials.

        Neighbouring lags and phases agree or disagree together; the extremal index says how many of them count as
        one (Leadbetter 1983).
        """
        return float(self.log10_tail(z) + log10_trials + np.log10(self.extremal_index))

    def doubted_log10_e(self, z: float, log10_trials: float, share: float, seconds: float) -> float:
        """Log10 of the E-value of a place that shows this share of the agreement expected of a true one.

        Below ``least_share`` z counts in proportion, as far as that leaves E above ``DOUBT``, down to which E-values
        have been measured: a melody quoted, or two pieces by one hand, can make two recordings agree more than chance
        would, and yet far less than a clear recording agrees with itself. Such likeness comes and goes: the longer two
        places are compared, the less of it is left, by the root of ``seconds``.
        """
        log10_e = self.log10_e(z, log10_trials)
        least = self.share_needed(seconds)
        if share >= least:
            return log10_e
        doubted = self.log10_e(z * max(share, 0.0) / least, log10_trials)
        return max(log10_e, min(DOUBT, doubted))

    def share_needed(self, seconds: float) -> float:
        """Share of the expected agreement below which a place of so many seconds is doubtful."""
        return float(self.least_share * (SHARE_S / min(seconds, SHARE_MOST_S)) ** 0.5)

    def z_for(self, log10_p: float) -> float:
        """Least z whose E-value over one trial is at most 10 ** ``log10_p``."""
        log10_p -= float(np.log10(self.extremal_index))
        if log10_p < self.log10_p[-1]:
            u = float(self.z[-1])
            return float(np.sqrt(u * u + 2 * np.log(10) * (float(self.log10_p[-1]) - log10_p) / self.rate))
        return float(np.interp(-log10_p, -self.log10_p, self.z))


@dataclass(frozen=True, slots=True)
class NullMap:
    """Tails of all classes of snippets, and what an answer's probability depends on.

    Parameters
    ----------
    bounds : tuple of float
        Ascending; expected agreements at which a class ends and the next begins.
    tails : tuple of Tail
        One more than bounds.
    confidence_slope, confidence_offset : float
        Log-odds that the first match is right, at even prior: offset - slope * log10 E.
    divergence : tuple of three float
        Slopes of T-norm and log divergence, and offset, of the log-odds of ``method=kl``.
    """

    bounds: tuple[float, ...]
    tails: tuple[Tail, ...]
    confidence_slope: float
    confidence_offset: float
    divergence: tuple[float, float, float]

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> NullMap:
        """Build from the shipped file's content."""
        return cls(
            tuple(values["bounds"]),
            tuple(Tail.from_dict(tail) for tail in values["tails"]),
            values["confidence_slope"],
            values["confidence_offset"],
            tuple(values["divergence"]),
        )

    def tail(self, expected: float) -> Tail:
        """Return the tail for snippets of which a true place would show this agreement."""
        return self.tails[bisect.bisect(self.bounds, expected)]

    def confidence(self, log10_e: float, known_prior: float) -> float:
        """Probability that a match is right.

        Parameters
        ----------
        log10_e : float
            Log10 of its E-value.
        known_prior : float in (0, 1)
            Share of queries whose track is in the catalogue.

        Returns
        -------
        float in [0, 1]
        """
        odds = self.confidence_offset - self.confidence_slope * log10_e + np.log(known_prior / (1 - known_prior))
        return float(1 / (1 + np.exp(-np.clip(odds, -700, 700))))


@lru_cache(maxsize=1)
def null_map() -> NullMap:
    """Return the map that ships with Earmark."""
    return NullMap.from_dict(json.loads((FOLDER / "null-1.json").read_text()))


#: Confidence from which ``method=kl`` names a track.
DIVERGENCE_CERTAIN = 0.95
#: Tracks behind the best that say how far a stranger is.
_STRANGERS = 30
#: Tracks below which nobody can stand out.
_FEW = 4


def divergence_confidence(log_divergences: np.ndarray, known_prior: float) -> float:
    """Probability that the track of least divergence is right, by how far it stands out.

    T-norm, (mean - best) / spread over the next ``_STRANGERS`` other tracks, and the log divergence itself (what is no
    music is far from everything, and may stand out all the same), in a logistic calibration at even prior
    (docs/mathematics.md, "Divergence alone").

    Parameters
    ----------
    log_divergences : np.ndarray, shape (n,)
        Log of each track's divergence, ascending.
    known_prior : float in (0, 1)
        Share of queries whose track is in the catalogue.

    Returns
    -------
    float in [0, 1]
        0 with fewer than four tracks: there is nobody to stand out from.
    """
    if len(log_divergences) < _FEW:
        return 0.0
    *slopes, offset = null_map().divergence
    odds = offset + np.dot(slopes, stands_out(log_divergences)) + np.log(known_prior / (1 - known_prior))
    return float(1 / (1 + np.exp(-np.clip(odds, -700, 700))))


def stands_out(log_divergences: np.ndarray) -> tuple[float, float]:
    """T-norm of the least of some log divergences (ascending) against the next ones, and itself."""
    best, others = float(log_divergences[0]), log_divergences[1 : 1 + _STRANGERS]
    return float((others.mean() - best) / max(float(others.std()), 1e-3)), best


#: Share of an agreement by which that of a copy may fall short. Copies at 32 kbit/s fall short by up to 9 %, at
#: 16 kbit/s by 20 % in the median (clean snippets of the development set).
_ALIKE = 0.25


def indistinguishable(a: np.ndarray, b: np.ndarray, *, block: int = 16, resamples: int = 200) -> bool:
    """Whether two places explain a snippet equally well.

    Either the mean difference in agreement, frame by frame, is within three standard errors of zero; the standard error
    comes from a moving-block bootstrap (Kunsch 1989), since neighbouring frames share samples. Or it is at most a
    quarter of the better agreement: a clean snippet tells a recording from its own compressed copy, but it is the same.

    Parameters
    ----------
    a, b : np.ndarray, shape (n,)
        Agreement of each frame at the two places, nan where nothing was compared.
    block : int
        Frames in a block: 16 are half a second.
    resamples : int
        Bootstrap resamples, from a fixed seed.

    Returns
    -------
    bool
        False if no frame was compared in both.
    """
    both = np.isfinite(a) & np.isfinite(b)
    difference = (a - b)[both]
    n = len(difference)
    if n == 0:
        return False
    block = min(block, n)
    sums = np.convolve(difference, np.ones(block), mode="valid")
    draws = np.random.default_rng(0).integers(0, len(sums), size=(resamples, -(-n // block)))
    error = float((sums[draws].mean(axis=1) / block).std())
    alike = _ALIKE * max(float(a[both].mean()), float(b[both].mean()))
    return abs(float(difference.mean())) <= max(3 * error, alike) + 1e-9
