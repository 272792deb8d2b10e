"""Where in the whole catalogue the last seconds may come from: a rough comparison, at many speeds, of every place.

Every fourth frame of the last seconds is compared with every second frame of all tracks, by the bits of it that are
trusted. That is a tenth of the work of full alignment; it decides nothing but what is worth aligning. The last half of
these seconds is compared on its own as well, for what has just begun, which the sound before it would drown. Before it,
only the second words are compared, which hold the upper fine bands: rooms spare them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from classifier.fingerprint.agreement import rough_peaks
from classifier.fingerprint.bits import HOP_S, LAG, SAMPLE_RATE
from classifier.index.snapshot import Snapshot
from classifier.listening.lines import Line, rough
from classifier.listening.spectra import Spectra
from classifier.search.align import cohort
from classifier.search.alignments import pool

#: Seconds of track compared, and the last of them that are compared on their own as well.
SCAN_S, RECENT_S = 6.0, 3.0
#: Speeds compared: each serves one per cent around it.
SPEEDS = (1.0, 0.98, 1.02, 0.96, 1.04, 0.94, 1.06, 0.92, 1.08)
#: Reference frames between those compared, and lags of which only the best one is looked at.
EVERY, _BLOCK = 2, 1024
FRAMES, RECENT = (round(seconds / (LAG / 2 / SAMPLE_RATE)) for seconds in (SCAN_S, RECENT_S))
#: Frame in the middle of either comparison.
_MIDDLES = (FRAMES // 2, FRAMES - RECENT // 2)
STEP = LAG // 2 // (512 * EVERY)


@dataclass(frozen=True, slots=True)
class Hint:
    """A place that may be worth aligning, and by how many standard deviations it stands out among all places."""

    z: float
    line: Line


class Scanner:
    """The catalogue's words, laid out for scanning: 15 kB for each minute of music.

    Parameters
    ----------
    snapshot : Snapshot
        The catalogue.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        words = [segment.words(entry)[::EVERY] for segment, entry in snapshot]
        # Foreign sound about it: however little is enrolled, most places are wrong, and a place may reach past an end.
        foreign = cohort()[::EVERY]
        half = len(foreign) // 2
        self._words = np.ascontiguousarray(np.concatenate([foreign[:half], *words, foreign[half:]]).T)
        self._before = half
        self._first = np.concatenate([[0], np.cumsum([len(w) for w in words])]).astype(np.int64)

    def __len__(self) -> int:
        return self._words.shape[1]

    def scan(
        self, spectra: Spectra, stop_frame: int, speeds: Sequence[float], least_z: float, bandwidth_hz: float
    ) -> list[Hint]:
        """Compare the seconds before a frame with every place of every track.

        Parameters
        ----------
        spectra : Spectra
            The recording.
        stop_frame : int
            Its frame behind the last one compared.
        speeds : sequence of float
            Speeds to assume.
        least_z : float
            Places that stand out less are left out.
        bandwidth_hz : float
            Highest frequency that the recording can hold.

        Returns
        -------
        list of Hint
            Highest first; the best speed only of places that are the same.
        """
        heard = [rough(spectra, stop_frame, FRAMES, speed, bandwidth_hz) for speed in speeds]
        peaks = pool().map(lambda some: rough_peaks(some[0], self._words, STEP, _BLOCK, RECENT), heard)
        found: list[Hint] = []
        for speed, (_, start_s), (z, lags) in zip(speeds, heard, peaks, strict=True):
            for which, block in np.argwhere(z >= least_z):
                line = self._line(int(lags[which, block]), _MIDDLES[which], start_s, speed)
                if line is not None:
                    found.append(Hint(float(z[which, block]), line))
        return distinct(found)

    def _line(self, lag: int, middle: int, start_s: float, speed: float) -> Line | None:
        """Return the line of a lag; None in foreign sound. What begins before a track belongs to it by its middle."""
        lag -= self._before
        number = int(np.searchsorted(self._first, lag + STEP * middle, "right")) - 1
        if not 0 <= number < len(self._first) - 1:
            return None
        return Line(number, (lag - int(self._first[number])) * EVERY * HOP_S, start_s, speed)


def distinct(hints: Sequence[Hint]) -> list[Hint]:
    """Highest first; of hints at the same place, the highest only."""
    kept: list[Hint] = []
    for hint in sorted(hints, key=lambda hint: -hint.z):
        if not any(_same(hint.line, other.line) for other in kept):
            kept.append(hint)
    return kept


def _same(a: Line, b: Line) -> bool:
    """Whether two lines lie within a second of each other in the same track."""
    return a.number == b.number and abs(a.track_at(b.at_s) - b.track_s) < 1.0
