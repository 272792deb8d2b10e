"""Following: a line that was found once is read on and on, cheaply, its place and speed corrected as it drifts.

Every look reads the line at five places 16 ms apart; where agreement, averaged over some seconds, is best says by how
much the line is late. A second-order loop (a phase-locked loop) moves place and speed by a part of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from classifier.fingerprint.bits import HOP_S, N_BITS, QUERY_HOP_S, SPAN_S, VALID, signs
from classifier.listening import lines
from classifier.listening.grid import HORIZON, STEP_S, STEPS
from classifier.listening.lines import DESIGN, Line, frames_between
from classifier.listening.spectra import Spectra
from classifier.search.align import vertex

#: Share of the agreement of a place that sounds alone from which a track counts as audible.
AUDIBLE = 0.1
#: Nats that a step is worth at most, either way: evidence is never quite as independent as it is taken to be.
_MOST = 6.0
#: Nats against a line for a step in which the track has something to say and the recording is silent.
_UNHEARD = 1.0
#: Nats of a step in which a line cannot sound.
OFF = -30.0
#: Shifts that are read, what is left of their agreement after a look, and the loop's gains for place and speed.
_SHIFTS = (-2, -1, 0, 1, 2)
_MEMORY, _PLACE_GAIN, _SPEED_GAIN = 0.75, 0.25, 0.02
#: Speeds that are listened for.
SLOWEST, FASTEST = 0.90, 1.10
#: Steps in which nothing was heard, going back, before which nothing is looked for.
_LOST = 40
#: Agreement, over chance, from which two tracks along two lines are the same sound.
_SAME_SOUND = 0.2

#: Rows of a trace's evidence.
R, N, UNHEARD, INSIDE, PLACE = range(5)


@dataclass(slots=True)
class Trace:
    """A line, and what was heard along it within the horizon.

    Parameters
    ----------
    id : int
        Names it within its listener.
    line : Line
        As it runs on from the last step read.
    words : np.ndarray, shape (n_words, 2), uint64
        The track's sub-fingerprints.
    bandwidth_hz : float
        Highest frequency that the recording can hold.
    evidence : np.ndarray, shape (5, HORIZON)
        For each step of the horizon: sums of r and n, share of the frames unheard, frames inside the track, and the
        place in the track at the step's middle, seconds.
    agreement : np.ndarray, shape (5,)
        Recent agreement at each shift.
    log10_e : float
        Least E-value of any test.
    tested : list of (int, int)
        Steps, first and behind the last, of tests that confirmed.
    born : int
        Step behind the last one read when it was found.
    usual : float
        Largest share of the agreement so far, over some seconds.
    ended : bool
        Whether it is no longer read on.
    """

    id: int
    line: Line
    words: np.ndarray
    bandwidth_hz: float
    evidence: np.ndarray = field(default_factory=lambda: np.zeros((5, HORIZON)))
    agreement: np.ndarray = field(default_factory=lambda: np.zeros(len(_SHIFTS)))
    log10_e: float = 0.0
    tested: list[tuple[int, int]] = field(default_factory=list)
    born: int = 0
    usual: float = 0.0
    ended: bool = False

    @classmethod
    def found(
        cls, number: int, line: Line, words: np.ndarray, bandwidth_hz: float, spectra: Spectra, first: int, ready: int
    ) -> Trace:
        """Follow a line that was found about ``line.at_s``, forward to the last step and backward as far as it leads.

        Parameters
        ----------
        number : int
            Id of the trace.
        line, words, bandwidth_hz
            See :class:`Trace`.
        spectra : Spectra
            The recording.
        first, ready : int
            First step of the horizon, and the one behind the last that can be read.
        """
        trace = cls(number, line, words, bandwidth_hz, born=ready)
        middle = min(max(int(line.at_s / STEP_S), first), ready)
        for step in range(middle, ready, STEPS):
            trace.read(spectra, first, step, min(step + STEPS, ready))
        ahead, heard = trace.line, trace.agreement
        trace.line, trace.agreement = line, np.zeros(len(_SHIFTS))
        for step in range(middle, first, -STEPS):
            trace.read(spectra, first, max(step - STEPS, first), step, backward=True)
            behind = slice(max(step - STEPS, first) - first, max(step - STEPS, first) - first + _LOST)
            if middle - step > _LOST and trace.evidence[R, behind].sum() < AUDIBLE / 2 * trace.evidence[N, behind].sum():
                break
        trace.line, trace.agreement = ahead, heard
        return trace

    def shift(self, steps: int) -> None:
        """Let go of the oldest steps."""
        self.evidence[:, :-steps] = self.evidence[:, steps:]
        self.evidence[:, -steps:] = 0

    def read(self, spectra: Spectra, first: int, start: int, stop: int, *, backward: bool = False) -> None:
        """Read some steps, and correct the line by what was heard."""
        frames = frames_between(self.line, start, stop, len(self.words))
        level = lines.background(spectra, min((stop + 2) * 16, spectra.stop), self.line.speed)
        heard = lines.read(
            spectra, self.line, self.words, frames, level, bandwidth_hz=self.bandwidth_hz, shifts=_SHIFTS
        )
        own = _SHIFTS.index(0)
        at = np.clip(heard.step, start, stop - 1) - first
        columns = slice(start - first, stop - first)
        for row, values in ((R, heard.r[own]), (N, heard.n), (UNHEARD, heard.unheard.astype(float)), (INSIDE, 1.0)):
            sums = np.zeros(HORIZON)
            np.add.at(sums, at, values)
            self.evidence[row, columns] = sums[columns]
        middles = (np.arange(start, stop) + 0.5) * STEP_S
        self.evidence[PLACE, columns] = [self.line.track_at(at_s) for at_s in middles]
        self._correct(heard, middles[-1] if not backward else middles[0], backward)

    def _correct(self, heard: lines.Reading, at_s: float, backward: bool) -> None:
        self.agreement = _MEMORY * self.agreement + heard.r.sum(axis=1)
        best = int(np.argmax(self.agreement))
        if self.agreement[best] <= 0 or heard.r[best].sum() < AUDIBLE * heard.n.sum() or not heard.n.any():
            return
        late_s = (_SHIFTS[best] + vertex(self.agreement, best)) * QUERY_HOP_S
        line = self.line.moved(at_s)
        slower = _SPEED_GAIN * late_s / (STEPS * STEP_S) * (-1 if backward else 1)
        speed = float(np.clip(line.speed * (1 - slower), SLOWEST, FASTEST))
        self.line = Line(line.number, line.track_s, at_s + _PLACE_GAIN * late_s, speed)

    def gains(self) -> np.ndarray:
        """Log-likelihood ratio of sounding, against not, for each step of the horizon, shape (HORIZON,).

        Of r being distributed about h n with variance ``DESIGN`` n, for h = 2 * AUDIBLE against h = 0; what lies above
        ``AUDIBLE`` speaks for the track, what lies below against it.
        """
        r, n, unheard, inside, _ = self.evidence
        ratio = 2 * AUDIBLE * (r - AUDIBLE * n) / DESIGN
        silent = _UNHEARD * unheard / np.maximum(inside, 1)
        return np.where(inside > 0, np.clip(ratio, -_MOST, _MOST) - silent, OFF)

    def share(self, steps: int, stop: int) -> float:
        """Share of the agreement of a track that sounds alone, over the steps before ``stop``; 0 if nothing was heard."""
        some = slice(max(0, stop - steps), stop)
        n = self.evidence[N, some].sum()
        return float(self.evidence[R, some].sum() / n) if n > 0 else 0.0


def same_sound(a: Trace, b: Trace, at_s: float, seconds: float) -> bool:
    """Whether two tracks, along two lines, hold the same sound in the seconds before a moment."""
    if abs(a.line.speed / b.line.speed - 1) > 0.012:
        return False
    start, stop = int((at_s - seconds) / STEP_S), int(at_s / STEP_S)
    frames = frames_between(a.line, start, stop, len(a.words), every=2)
    moments = a.line.at_s + (frames * HOP_S + SPAN_S / 2 - a.line.track_s) / a.line.speed
    there = np.rint((b.line.track_s + (moments - b.line.at_s) * b.line.speed - SPAN_S / 2) / HOP_S).astype(int)
    inside = (there >= 0) & (there < len(b.words))
    one, other = a.words[frames[inside]], b.words[there[inside]]
    both = (one[:, 1] & other[:, 1] & VALID) != 0
    if not both.any():
        return False
    differing = (signs(one[both]) != signs(other[both])).sum() / (both.sum() * N_BITS)
    return bool(1 - 2 * differing > _SAME_SOUND)
