"""E-values of one search: how many matches this good chance alone would give in the whole catalogue.

All places in all tracks, at all speeds, count as trials, whether or not they were compared. Most snippets run at the
recording's own speed: four fifths of the allowed false alarms go to it, the rest to all others (weighted multiple
testing: Genovese, Roeder & Wasserman 2006; Holm 1979). In a wide search, the turntable's speeds and the pairs of tempo
and pitch have half of that rest each, and the pairs count as if each of a fine grid had been compared everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from classifier.index.snapshot import Snapshot
from classifier.search import align, null
from classifier.search.align import Alignment
from classifier.search.alignments import Candidate, SpeedHypothesis
from classifier.search.speed import SPEEDS

#: Share of the allowed false alarms that goes to the snippet's own speed.
OWN_SPEED = 0.8
#: Pairs of tempo and pitch that a wide search counts: whole per cents of tempo from -20 to +20, and of frequency from
#: three semitones down (0.84) to three up (1.19). Neighbours are so alike that this is more than can be told apart.
PAIRS = 41 * 36


def allowed_at_look(max_false_alarms: float, look: int) -> float:
    """Return the E-value that the ``look``-th search of a growing recording may have, from 1.

    If each were allowed the false alarms of a snippet, a recording would have as many times more. The shares
    1 / (k (k + 1)) of all looks together make one, however many there are (alpha spending, Lan & DeMets 1983).

    Examples
    --------
    >>> round(sum(allowed_at_look(1e-5, look) for look in range(1, 200)) * 1e5, 2) <= 1
    True
    """
    return max_false_alarms / (look * (look + 1))


@dataclass(frozen=True, slots=True)
class Size:
    """What significance needs to know about a whole catalogue.

    Parameters
    ----------
    n_tracks, n_frames : int
        Live tracks, and their sub-fingerprints.
    """

    n_tracks: int
    n_frames: int

    @classmethod
    def of(cls, snapshot: Snapshot) -> Size:
        """Size of a snapshot."""
        return cls(len(snapshot), snapshot.n_frames)


class Significance:
    """E-values of one search by alignment.

    Parameters
    ----------
    n_query_frames : int
        Sub-fingerprints of the snippet in each phase.
    size : Size
        Everything that could be searched, whether or not it is.
    wide : bool
        Whether tempo and pitch are searched independently of each other as well.
    """

    def __init__(self, n_query_frames: int, size: Size, wide: bool = False) -> None:
        self._map = null.null_map()
        lags = max(1, 2 * (size.n_frames + size.n_tracks * n_query_frames))
        rest = (1 - OWN_SPEED) / 2 if wide else 1 - OWN_SPEED
        self._own = float(np.log10(lags / OWN_SPEED))
        self._other = float(np.log10(lags * len(SPEEDS) / rest))
        self._pair = float(np.log10(lags * PAIRS / rest))
        self._known: dict[int, tuple[Candidate, float]] = {}

    def log10_trials(self, speed: float, stretched: bool = False) -> float:
        """Log10 of the number of trials that a place at this speed counts among.

        ``stretched`` says that tempo and pitch were chosen independently of each other.
        """
        if stretched:
            return self._pair
        return self._own if speed == 1.0 else self._other

    def log10_e(self, c: Candidate) -> float:
        """Log10 of the E-value of a candidate; worked out once, since candidates are sorted by it again and again."""
        known = self._known.get(id(c))
        if known is None:
            expected, speed = c.hypothesis.fingerprint.expected, c.hypothesis.speed
            stretched = c.hypothesis.stretched is not None
            # With the candidate beside it, no other object takes its id.
            known = self._known[id(c)] = c, self.log10_e_at(c.alignment, expected, c.overlap_s, speed, stretched)
        return known[1]

    def log10_e_at(
        self, found: Alignment, expected: float, overlap_s: float, speed: float = 1.0, stretched: bool = False
    ) -> float:
        """Log10 of the E-value of a place.

        Parameters
        ----------
        found : Alignment
            The place.
        expected : float
            Agreement that a true place would show: of the snippet's fingerprint.
        overlap_s : float
            Seconds of the snippet within the track.
        speed, stretched
            At which it was aligned, as for :meth:`log10_trials`.
        """
        tail = self._map.tail(expected)
        trials = self.log10_trials(speed, stretched)
        return tail.doubted_log10_e(found.z, trials, align.share(found, expected), overlap_s)

    def z_for(self, log10_e: float, hypothesis: SpeedHypothesis) -> float:
        """Least z that has this E-value, without doubt."""
        trials = self.log10_trials(hypothesis.speed, hypothesis.stretched is not None)
        return self._tail(hypothesis).z_for(log10_e - trials)

    def threshold(self, c: Candidate, log10_e: float) -> float:
        """Least z that a candidate's place would need for this E-value, doubt included."""
        z = self.z_for(log10_e, c.hypothesis)
        if log10_e >= null.DOUBT or c.alignment.z <= 0:
            return z
        # Doubt asks for z * share / least >= z, and the share itself grows with z.
        least = self._tail(c.hypothesis).share_needed(c.overlap_s) * c.hypothesis.fingerprint.expected
        mean = c.hypothesis.null.mean
        slope = (c.alignment.agreement - mean) / c.alignment.z
        return max(z, float((np.sqrt(mean * mean + 4 * slope * least * z) - mean) / (2 * slope)))

    def _tail(self, hypothesis: SpeedHypothesis) -> null.Tail:
        return self._map.tail(hypothesis.fingerprint.expected)
