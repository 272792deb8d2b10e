"""How sure a segment is, when everything has been looked at many times: allowed false alarms are spent over the looks.

A listener looks every ``LOOK_S`` seconds, and each look compares the last seconds with every place of every track at
every speed. If each look were allowed E false alarms, a day would have tens of thousands of times as many. So the false
alarms allowed for a day, A, are spent evenly over its looks, and each look's share evenly over the ``TESTS`` lengths of
sound that it tests: a test confirms if its E-value is at most

    A * LOOK_S / 86400 / TESTS.

By linearity of expectation the expected number of false confirmations in a day is then at most A, however much looks
overlap and whatever was tested before, for the E-value of a test bounds how many chance matches it has on average over
all places, speeds and phases (union bound; spending as in Lan & DeMets 1983, with a constant rate). A track that is
being followed is one of those places, and pays for all of them at each look.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from classifier.listening.grid import LOOK_S
from classifier.search import null
from classifier.search.alignments import Candidate
from classifier.search.significance import OWN_SPEED, Size

DAY_S = 86400.0
#: Lengths of sound that a look tests.
TEST_S = (3.0, 6.0, 12.0)
TESTS = len(TEST_S)
#: Speeds that are told apart, beside those within a per cent of the track's own: 1 % each.
_OTHER_SPEEDS = 16
#: Log10 of the E-value of a look from which a place is followed: shared by a song's quieter passages and by chance.
PERHAPS = -2.5


@dataclass(frozen=True, slots=True)
class Spending:
    """Allowed false alarms, spent over looks at a catalogue of one size.

    Parameters
    ----------
    size : Size
        Of the catalogue.
    false_segments_per_day : float > 0
        False segments that are allowed in 24 hours of listening.
    """

    size: Size
    false_segments_per_day: float = 1.0

    @property
    def limit(self) -> float:
        """Log10 of the E-value from which a test confirms."""
        return math.log10(self.false_segments_per_day * LOOK_S / DAY_S / TESTS)

    def log10_trials(self, n_query_frames: int, speed: float) -> float:
        """Log10 of the places that one look compares: lags and phases of all tracks, at all speeds.

        Four fifths of what is allowed goes to the track's own speed, as in ``search/significance.py``.
        """
        lags = max(1, 2 * (self.size.n_frames + self.size.n_tracks * n_query_frames))
        own = abs(speed - 1) <= 0.01
        return float(np.log10(lags / OWN_SPEED if own else lags * _OTHER_SPEEDS / (1 - OWN_SPEED)))

    def log10_e(self, c: Candidate) -> float:
        """Log10 of the E-value of a place within one look."""
        fingerprint = c.hypothesis.fingerprint
        trials = self.log10_trials(fingerprint.n_frames, c.hypothesis.speed)
        tail = null.null_map().tail(fingerprint.expected)
        return tail.doubted_log10_e(c.alignment.z, trials, c.share, c.overlap_s)


def confidence(log10_e: float, known_prior: float) -> float:
    """Probability that a place with this E-value is what was played."""
    return null.probability(null.null_map().odds(-log10_e, known_prior=known_prior))
