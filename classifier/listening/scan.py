"""Where in the whole catalogue the last seconds may come from: a rough comparison, at many speeds, of every place.

One word of every fourth frame of the last seconds is compared with one word of every second frame of all tracks. That
is an eighth of the bits and a sixteenth of the work of full alignment; it decides nothing but what is worth aligning.
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

#: Seconds of track compared.
SCAN_S = 6.0
#: Speeds compared: each serves one per cent around it.
SPEEDS = (1.0, 0.98, 1.02, 0.96, 1.04, 0.94, 1.06, 0.92, 1.08)
#: Reference frames between those compared, and lags of which only the best one is looked at.
_EVERY, _BLOCK = 2, 1024
_FRAMES = round(SCAN_S / (LAG / 2 / SAMPLE_RATE))
_STEP = LAG // 2 // (512 * _EVERY)


@dataclass(frozen=True, slots=True)
class Hint:
    """A place that may be worth aligning, and by how many standard deviations it stands out among all places."""

    z: float
    line: Line


class Scanner:
    """The catalogue's words, laid out for scanning: 4 kB for each minute of music.

    Parameters
    ----------
    snapshot : Snapshot
        The catalogue.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        words = [np.ascontiguousarray(segment.words(entry)[::_EVERY, 0]) for segment, entry in snapshot]
        # Foreign sound about it: however little is enrolled, most places are wrong, and a place may reach past an end.
        foreign = np.ascontiguousarray(cohort()[::_EVERY, 0])
        half = len(foreign) // 2
        self._words = np.concatenate([foreign[:half], *words, foreign[half:]])
        self._before = half
        self._first = np.concatenate([[0], np.cumsum([len(w) for w in words])]).astype(np.int64)

    def __len__(self) -> int:
        return len(self._words)

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

        def at(speed: float) -> list[Hint]:
            prints, start_s = rough(spectra, stop_frame, _FRAMES, speed, bandwidth_hz)
            z, lags = rough_peaks(prints, self._words, _STEP, _BLOCK)
            best = np.flatnonzero(z >= least_z)
            lines = ((float(z[b]), self._line(int(lags[b]), start_s, speed)) for b in best)
            return [Hint(height, line) for height, line in lines if line is not None]

        hints = sorted((hint for some in pool().map(at, speeds) for hint in some), key=lambda hint: -hint.z)
        kept: list[Hint] = []
        for hint in hints:
            if not any(_same(hint.line, other.line) for other in kept):
                kept.append(hint)
        return kept

    def _line(self, lag: int, start_s: float, speed: float) -> Line | None:
        """Return the line of a lag; None in foreign sound. What begins before a track belongs to it by its middle."""
        lag -= self._before
        number = int(np.searchsorted(self._first, lag + _STEP * _FRAMES // 2, "right")) - 1
        if not 0 <= number < len(self._first) - 1:
            return None
        return Line(number, (lag - int(self._first[number])) * _EVERY * HOP_S, start_s, speed)


def _same(a: Line, b: Line) -> bool:
    """Whether two lines lie within a second of each other in the same track."""
    return a.number == b.number and abs(a.track_at(b.at_s) - b.track_s) < 1.0
