"""Measured behaviour of chance: tail probabilities, E-values, and the odds that an answer is right.

The *null map* holds tables, measured over very many alignments of snippets with music they cannot come from: the
probability that chance reaches a given z at one lag. Clear music agrees with other clear music, in the same key at the
same tempo, more often than a Gaussian tail allows; music under noise does not. There is therefore a table for each
class of snippets, by the agreement that a true place would show. Beyond a table's last entry the tail is extrapolated
as exp(-rate (z^2 - u^2) / 2), the Weibull-type tail of Gaussian-like maxima, with the measured rate. The *E-value*
(after Karlin & Altschul 1990, as in BLAST) is that probability times the lags, phases and speeds of the whole
catalogue: the expected number of matches this good by chance alone.
"""

from __future__ import annotations

import bisect
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from classifier.data import FOLDER

#: Log10 of the E-value down to which false matches could be counted; below, E-values are extrapolated.
DOUBT = -3.0
#: Seconds compared to which ``Tail.least_share`` applies, and the most seconds for which shares have been measured.
SHARE_S, SHARE_MOST_S = 3.0, 10.0


@dataclass(frozen=True, slots=True)
class Tail:
    """z to probability, for one class of snippets.

    Parameters
    ----------
    z : np.ndarray, shape (n,)
        Ascending.
    log10_p : np.ndarray, shape (n,)
        Log10 of the share of unrelated lags at or above each z.
    rate : float
        Of the extrapolation beyond z[-1].
    extremal_index : float in (0, 1]
        Independent trials for each lag, phase and speed.
    least_share : float in [0, 1]
        Share of the expected agreement below which a place of ``SHARE_S`` is doubtful; 0 turns doubt off.
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
        """Log10 of the E-value: expected number of chance matches at or above ``z`` in that many trials.

        Neighbouring lags and phases are correlated; the extremal index says how many of them count as one (Leadbetter
        1983).
        """
        return float(self.log10_tail(z) + log10_trials + np.log10(self.extremal_index))

    def doubted_log10_e(self, z: float, log10_trials: float, share: float, seconds: float) -> float:
        """Log10 of the E-value of a place that shows this share of the agreement expected of a true one.

        Below ``least_share``, z is reduced in proportion, but not so far that E rises above ``DOUBT``, down to which
        E-values have been measured. The reason: a quoted melody, or two pieces by one composer, can make two recordings
        agree more than by chance, yet far less than a clear recording agrees with itself. Such likeness is local: over
        a longer comparison less of it remains, in proportion to the root of ``seconds``.
        """
        log10_e = self.log10_e(z, log10_trials)
        least = self.share_needed(seconds)
        if share >= least:
            return log10_e
        doubted = self.log10_e(z * max(share, 0.0) / least, log10_trials)
        return max(log10_e, min(DOUBT, doubted))

    def share_needed(self, seconds: float) -> float:
        """Share of the expected agreement below which a place of that many seconds is doubtful."""
        return float(self.least_share * (SHARE_S / min(seconds, SHARE_MOST_S)) ** 0.5)

    def z_for(self, log10_p: float) -> float:
        """Least z whose E-value over one trial is at most 10 ** ``log10_p``."""
        log10_p -= float(np.log10(self.extremal_index))
        if log10_p < self.log10_p[-1]:
            u = float(self.z[-1])
            return float(np.sqrt(u * u + 2 * np.log(10) * (float(self.log10_p[-1]) - log10_p) / self.rate))
        return float(np.interp(-log10_p, -self.log10_p, self.z))


@dataclass(frozen=True, slots=True)
class Odds:
    """Log-odds that an answer is right, at even prior: ``offset`` plus the facts times their slopes.

    Parameters
    ----------
    slopes : tuple of float
        One for each fact.
    offset : float
        Nats.
    """

    slopes: tuple[float, ...]
    offset: float

    def __call__(self, *facts: float, known_prior: float = 0.5) -> float:
        """Log-odds for given facts, if ``known_prior`` (in (0, 1)) is the share of queries whose track is known."""
        return self.offset + float(np.dot(self.slopes, facts)) + math.log(known_prior / (1 - known_prior))


@dataclass(frozen=True, slots=True)
class NullMap:
    """Tails of all classes of snippets, and the odds that answers are right.

    Parameters
    ----------
    bounds : tuple of float
        Ascending; expected agreements at which a class ends and the next begins.
    tails : tuple of Tail
        One more than bounds.
    odds : Odds
        Of a match by alignment; fact: -log10 E.
    slot_bounds : tuple of int
        Ascending; slots of a snippet at which a class ends and the next begins.
    slot_tails : tuple of Tail
        For z of the divergence that keeps time, one more than bounds: relative to their spread, long stretches of music
        are alike more often.
    slot_odds : Odds
        Of the first track of ``method=kl``; fact: -log10 E.
    mixture_odds : Odds
        Of the first track of ``method=kl-mixture``; facts: T-norm, and the mean log divergence of the tracks behind it.
    """

    bounds: tuple[float, ...]
    tails: tuple[Tail, ...]
    odds: Odds
    slot_bounds: tuple[int, ...]
    slot_tails: tuple[Tail, ...]
    slot_odds: Odds
    mixture_odds: Odds

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> NullMap:
        """Build from the shipped file's content."""
        odds = {
            name: Odds(tuple(values[name][:-1]), values[name][-1]) for name in ("odds", "slot_odds", "mixture_odds")
        }
        return cls(
            bounds=tuple(values["bounds"]),
            tails=tuple(Tail.from_dict(tail) for tail in values["tails"]),
            slot_bounds=tuple(values["slot_bounds"]),
            slot_tails=tuple(Tail.from_dict(tail) for tail in values["slot_tails"]),
            **odds,
        )

    def tail(self, expected: float) -> Tail:
        """Return the tail for snippets whose true place would show this agreement."""
        return self.tails[bisect.bisect(self.bounds, expected)]

    def slot_tail(self, n_slots: int) -> Tail:
        """Return the tail of divergence for snippets with that many slots."""
        return self.slot_tails[bisect.bisect(self.slot_bounds, n_slots)]


@lru_cache(maxsize=1)
def null_map() -> NullMap:
    """Return the map that ships with Earmark.

    Examples
    --------
    >>> tail = null_map().tail(expected=0.5)
    >>> tail.log10_e(9.0, log10_trials=6.0) < tail.log10_e(6.0, log10_trials=6.0)
    True
    """
    return NullMap.from_dict(json.loads((FOLDER / "null-3.json").read_text()))


def probability(log_odds: float) -> float:
    """Logistic of log-odds.

    Examples
    --------
    >>> probability(0.0), round(probability(3.0), 3)
    (0.5, 0.953)
    """
    return float(1 / (1 + np.exp(-np.clip(log_odds, -700, 700))))


#: Tracks after the best that serve as the measure of unrelated ones.
_STRANGERS = 30
#: With fewer tracks than this, none can stand out.
FEW = 4


def stands_out(log_divergences: np.ndarray) -> tuple[float, float]:
    """T-norm of the least of several log divergences (ascending, at least two) against the next ones, and their mean.

    T-norm is (mean - best) / spread over the next ``_STRANGERS`` tracks. Their mean says how far the snippet is from
    music that it does not come from, whatever the best track; the best track's own divergence in its place could make a
    better match count for less.

    Examples
    --------
    >>> import numpy as np
    >>> t_norm, mean = stands_out(np.array([1.0, 3.0, 3.0, 5.0, 5.0]))
    >>> t_norm, mean
    (3.0, 4.0)
    """
    best, others = float(log_divergences[0]), log_divergences[1 : 1 + _STRANGERS]
    mean = float(others.mean())
    return (mean - best) / max(float(others.std()), 1e-3), mean
