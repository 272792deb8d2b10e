"""Following: a line that was found once is read on and on, cheaply, its place and speed corrected as it drifts.

Every look reads the line at five places 16 ms apart; where agreement, averaged over some seconds, is best says by how
much the line is late. A second-order loop (a phase-locked loop) moves place and speed by a part of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from classifier.fingerprint.bits import HOP_S, N_BITS, QUERY_HOP_S, SPAN_S, VALID
from classifier.listening import lines
from classifier.listening.grid import HORIZON, STEP_S, STEPS
from classifier.listening.lines import DESIGN, Line, frames_between
from classifier.listening.spectra import ZONES_HZ, Spectra
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
N_SHIFTS = len(_SHIFTS)
_MEMORY, _PLACE_GAIN, _SPEED_GAIN = 0.5, 0.3, 0.03
#: Speeds that are listened for.
SLOWEST, FASTEST = 0.90, 1.10
#: Steps in which nothing was heard, going back, before which nothing is looked for.
_LOST = 40
#: Speeds within which two tracks' bits can be compared, and moments of a step at which they are.
_SAME_SPEED, _MOMENTS = 0.03, 8
#: How much more alike than all bits those are that are trusted most.
_TRUSTED_ALIKE = 1.5

_N_ZONES = len(ZONES_HZ)
#: Rows of a trace's evidence: the last ones hold r and n of each zone of frequency.
R, N, UNHEARD, INSIDE, PLACE = range(5)
ZONES_R, ZONES_N = (slice(5 + i * _N_ZONES, 5 + (i + 1) * _N_ZONES) for i in range(2))
N_ROWS = ZONES_N.stop


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
    evidence : np.ndarray, shape (N_ROWS, HORIZON)
        For each step of the horizon: sums of r and n, share of the frames unheard, frames inside the track, the place
        in the track at the step's middle, seconds, and sums of r and n in each zone of frequency.
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
    evidence: np.ndarray = field(default_factory=lambda: np.zeros((N_ROWS, HORIZON)))
    agreement: np.ndarray = field(default_factory=lambda: np.zeros(len(_SHIFTS)))
    log10_e: float = 0.0
    tested: list[tuple[int, int]] = field(default_factory=list)
    born: int = 0
    usual: float = 0.0
    ended: bool = False

    @classmethod
    def found(
        cls,
        number: int,
        line: Line,
        words: np.ndarray,
        bandwidth_hz: float,
        spectra: Spectra,
        first: int,
        ready: int,
        since: int,
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
        since : int
            First step that is read.
        """
        trace = cls(number, line, words, bandwidth_hz, born=ready)
        trace.follow(line, spectra, first, ready, since)
        return trace

    def follow(self, line: Line, spectra: Spectra, first: int, ready: int, since: int) -> None:
        """Read everything anew along another line, both ways from ``line.at_s``; steps as for :meth:`found`."""
        self.evidence[:] = 0
        middle = min(max(int(line.at_s / STEP_S), since), ready)
        self.line, self.agreement = line, np.zeros(len(_SHIFTS))
        for step in range(middle, ready, STEPS):
            self.read(spectra, first, step, min(step + STEPS, ready))
        ahead, heard = self.line, self.agreement
        self.line, self.agreement = line, np.zeros(len(_SHIFTS))
        for step in range(middle, since, -STEPS):
            start = max(step - STEPS, since)
            self.read(spectra, first, start, step, backward=True)
            behind = slice(start - first, start - first + _LOST)
            if middle - start > _LOST and self.evidence[R, behind].sum() < AUDIBLE / 2 * self.evidence[N, behind].sum():
                break
        self.line, self.agreement = ahead, heard

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the arrays as JSON values."""
        names = ("id", "bandwidth_hz", "log10_e", "tested", "born", "usual", "ended")
        return {"line": asdict(self.line), **{name: getattr(self, name) for name in names}}

    @classmethod
    def from_dict(
        cls, values: Mapping[str, Any], number: int, words: np.ndarray, evidence: np.ndarray, agreement: np.ndarray
    ) -> Trace:
        """Build from what :meth:`to_dict` gave, and the arrays; ``number`` is that of its track now."""
        names = ("id", "bandwidth_hz", "log10_e", "born", "usual", "ended")
        tested = [(int(a), int(b)) for a, b in values["tested"]]
        line = Line(**{**values["line"], "number": number})
        own = {name: values[name] for name in names}
        return cls(line=line, words=words, tested=tested, evidence=evidence.copy(), agreement=agreement.copy(), **own)

    def shift(self, steps: int) -> None:
        """Let go of the oldest steps."""
        self.evidence[:, :-steps] = self.evidence[:, steps:]
        self.evidence[:, -steps:] = 0

    def read(self, spectra: Spectra, first: int, start: int, stop: int, *, backward: bool = False) -> None:
        """Read some steps, and correct the line by what was heard."""
        frames = frames_between(self.line, start, stop, len(self.words))
        around = lines.context(spectra, min((stop + 2) * 16, spectra.stop), self.line.speed)
        heard = lines.read(
            spectra, self.line, self.words, frames, around, bandwidth_hz=self.bandwidth_hz, shifts=_SHIFTS
        )
        own = _SHIFTS.index(0)
        at = np.clip(heard.step, start, stop - 1) - start
        columns = slice(start - first, stop - first)
        sums = np.zeros((PLACE + 2 * _N_ZONES, stop - start))
        values = np.stack(
            [heard.r[own], heard.n, heard.unheard, np.ones(len(at)), *heard.zones.reshape(2 * _N_ZONES, len(at))]
        )
        np.add.at(sums.T, at, values.T)
        self.evidence[:PLACE, columns], self.evidence[PLACE + 1 :, columns] = sums[:PLACE], sums[PLACE:]
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

    def gains(self, explained: np.ndarray | float = 0.0) -> np.ndarray:
        """Log-likelihood ratio of sounding, against not, for each step of the horizon, shape (HORIZON,).

        Of r being distributed about h n with variance ``DESIGN`` n, for h = 2 * AUDIBLE against h = 0; what lies above
        ``AUDIBLE`` speaks for the track, what lies below against it.

        Parameters
        ----------
        explained : float or np.ndarray, shape (HORIZON,)
            Part of r that is there because another track sounds: see :func:`likeness`.
        """
        r, n, unheard, inside = self.evidence[:PLACE]
        ratio = 2 * AUDIBLE * (r - explained - AUDIBLE * n) / DESIGN
        silent = _UNHEARD * unheard / np.maximum(inside, 1)
        return np.where(inside > 0, np.clip(ratio, -_MOST, _MOST) - silent, OFF)

    def share(self, steps: int, stop: int) -> float:
        """Share of the agreement of a track that sounds alone, over the steps before ``stop``; 0 without any."""
        some = slice(max(0, stop - steps), stop)
        n = self.evidence[N, some].sum()
        return float(self.evidence[R, some].sum() / n) if n > 0 else 0.0


def likeness(a: Trace, b: Trace, first: int, start: int, stop: int) -> np.ndarray:
    """Agreement of two tracks with each other along their lines, for some steps of the recording; 0 is chance.

    If one of them sounds alone, with agreement r, the other one agrees with the recording by this much of r, whether it
    sounds or not. At speeds far apart, their bands are not the same, and nothing is to be explained.

    Parameters
    ----------
    a, b : Trace
        Two traces.
    first : int
        First step of the horizon.
    start, stop : int
        Steps wanted.

    Returns
    -------
    np.ndarray, shape (stop - start,), float64
        In [0, 1].
    """
    n = stop - start
    if abs(a.line.speed / b.line.speed - 1) > _SAME_SPEED:
        return np.zeros(n)
    columns = slice(start - first, stop - first)
    moments = (np.arange(_MOMENTS) + 0.5) / _MOMENTS * STEP_S - STEP_S / 2 - SPAN_S / 2
    found, inside = [], np.ones((n, _MOMENTS), bool)
    for trace in (a, b):
        places = trace.evidence[PLACE, columns, None] + moments * trace.line.speed
        frames = np.rint(places / HOP_S).astype(int)
        inside &= (frames >= 0) & (frames < len(trace.words)) & (trace.evidence[INSIDE, columns, None] > 0)
        found.append(trace.words[np.clip(frames, 0, len(trace.words) - 1)])
    one, other = found
    inside &= (one[..., 1] & other[..., 1] & VALID) != 0
    differing = np.bitwise_count(one ^ other).sum(axis=2)
    alike = np.where(inside, 1 - 2 * differing / N_BITS, 0.0).sum(axis=1)
    return np.asarray(np.clip(alike / np.maximum(inside.sum(axis=1), 1), 0, 1))


def both(a: Trace, b: Trace, alike: np.ndarray) -> np.ndarray:
    """Log-likelihood ratio of two lines sounding at once, against neither, for each step of the horizon.

    That of either one, and of the other by what the first does not explain, whichever is less.

    Parameters
    ----------
    a, b : Trace
        Two traces.
    alike : np.ndarray, shape (HORIZON,)
        Their :func:`likeness`.
    """
    explained = np.minimum(_TRUSTED_ALIKE * alike, 1)
    first = a.gains() + b.gains(np.maximum(explained * a.evidence[R], 0))
    second = b.gains() + a.gains(np.maximum(explained * b.evidence[R], 0))
    return np.asarray(np.minimum(first, second))
