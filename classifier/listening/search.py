"""Looking for tracks in the last seconds: hints of the scan, aligned as a snippet is, become lines or are forgotten."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from classifier.fingerprint.bits import HOP_S, QUERY_HOP_S, SPAN_S
from classifier.index.snapshot import Snapshot
from classifier.listening import lines
from classifier.listening.grid import STEP, STEP_S
from classifier.listening.indexed import IndexedScanner
from classifier.listening.lines import Line
from classifier.listening.looks import PERHAPS, TEST_S, Spending
from classifier.listening.scan import SCAN_S, SPEEDS, Scanner
from classifier.listening.spectra import Spectra
from classifier.listening.traces import AUDIBLE, FASTEST, SLOWEST
from classifier.search.alignments import Candidate, SpeedHypothesis

#: Standard deviations from which a place is worth aligning: chance reaches it in one look of twenty or so.
_WORTH = 5.5
#: Turns in which all speeds have had theirs.
_TURNS = 3
#: Places aligned in one look, and looks for which one that came to nothing is left alone, or a whole track: a place at
#: which a track is just beginning comes to something soon.
_ALIGNED, _LEFT, _LEFT_WHOLE = 2, 2, 5
#: Changes of speed tried one after the other about the best so far, and shifts (16 ms) about its place.
_ABOUT = ((-0.015, 0.0, 0.015), (-0.0075, 0.0075), (-0.00375, 0.00375))
_SHIFTS = tuple(range(-4, 5))


@dataclass(frozen=True, slots=True)
class Found:
    """A line, log10 of the E-value of a test along it, and the steps tested, first and behind the last."""

    line: Line
    log10_e: float
    steps: tuple[int, int]


@dataclass(slots=True)
class Searcher:
    """Looks for lines that are not followed yet.

    Parameters
    ----------
    snapshot : Snapshot
        The catalogue.
    spending : Spending
        What an E-value is worth.
    bandwidth_hz : float
        Highest frequency that the recording can hold.
    scanner : Scanner or IndexedScanner
        Where in the catalogue the last seconds may come from.
    often : tuple of float
        Of ``SPEEDS``, those that are searched for at every look: where looks are few, a short piece would not wait for
        the turn of its speed.
    refused : list of (Line, int, bool)
        Places that came to nothing, the look at which, and whether their whole track did.
    """

    snapshot: Snapshot
    spending: Spending
    bandwidth_hz: float
    scanner: Scanner | IndexedScanner
    often: tuple[float, ...] = ()
    refused: list[tuple[Line, int, bool]] = field(default_factory=list)

    def look(
        self, spectra: Spectra, look: int, turn: int, ready: int, followed: list[Line], sounding: set[int]
    ) -> list[Found]:
        """Search the last seconds.

        Parameters
        ----------
        spectra : Spectra
            The recording.
        look : int
            Which look this is.
        turn : int
            Speeds take turns: in any three that follow each other, all have theirs.
        ready : int
            Step behind the last that can be read.
        followed : list of Line
            Lines that are followed already.
        sounding : set of int
            Tracks that are clearly heard along one of them: another place of the same track must stand out more.
        """
        self.refused = [r for r in self.refused if look - r[1] < (_LEFT_WHOLE if r[2] else _LEFT)]
        # Lines of tracks that are heard are found again, and what stands out no more than they do is told by that.
        own = {min(SPEEDS, key=lambda s: abs(s - f.speed)) for f in followed if f.number in sounding}
        speeds = sorted({*SPEEDS[turn % _TURNS :: _TURNS], *own, *self.often})
        now_s = ready * STEP_S
        hints = self.scanner.scan(spectra, spectra.stop, speeds, _WORTH, self.bandwidth_hz)
        own_z = {
            number: max(
                (h.z for h in hints if any(_same(h.line, f, now_s) for f in followed if f.number == number)), default=0
            )
            for number in sounding
        }
        found: list[Found] = []
        n_aligned = 0
        for hint in hints:
            if n_aligned == _ALIGNED:
                break
            known = [*followed, *(line for line, _, _ in self.refused), *(f.line for f in found)]
            spent = {line.number for line, _, whole in self.refused if whole}
            if any(_same(hint.line, other, now_s) for other in known) or hint.z <= own_z.get(hint.line.number, 0):
                continue
            if hint.line.number in spent:
                continue
            n_aligned += 1
            line = self.refined(spectra, hint.line, ready)
            if self._share(spectra, line, ready) < AUDIBLE:
                self.refuse(hint.line, look)
                continue
            stop = min(ready, max(int(line.moment(len(self._words(line)) * HOP_S) / STEP_S), 1))
            tested = self.test(spectra, line, stop, self._since(spectra, line, stop), anywhere=True)
            if tested is None or tested.log10_e > PERHAPS or any(_same(tested.line, other, now_s) for other in known):
                self.refuse(hint.line, look)
            else:
                found.append(tested)
        return found

    def refuse(self, line: Line, look: int, *, whole_track: bool = False) -> None:
        """Leave a place alone for some looks, or all of its track."""
        self.refused.append((line, look, whole_track))

    def test(self, spectra: Spectra, line: Line, stop: int, since_s: float, *, anywhere: bool = False) -> Found | None:
        """Align the seconds before a step with a line's track, as a snippet; None where too little can be compared.

        Parameters
        ----------
        spectra : Spectra
            The recording.
        line : Line
            Track, place and speed.
        stop : int
            Step behind the last one tested.
        since_s : float
            Moment since which the track may sound: the longest of ``TEST_S`` that this allows is tested.
        anywhere : bool
            Whether another place of the same track may be found instead.
        """
        stop_s = stop * STEP_S
        length_s = max((test_s for test_s in TEST_S if test_s <= stop_s - since_s), default=TEST_S[0])
        first_s = stop_s - length_s
        prints = lines.fingerprint(spectra, first_s, stop_s, line.speed, self.bandwidth_hz)
        item = self.snapshot.items[line.number]
        hypothesis = SpeedHypothesis.of(prints, line.speed, item[0].profile.words_step)
        candidate = None if hypothesis is None else hypothesis.align(item)
        if candidate is None:
            return None
        offset_s = line.track_at(first_s)
        if abs(candidate.alignment.offset_s - offset_s) > 2 * HOP_S:
            if anywhere:
                line = Line(line.number, candidate.alignment.offset_s, first_s, line.speed)
            else:
                candidate = _at(candidate, offset_s)
        steps = stop - round(length_s / STEP_S), stop
        return Found(line.moved(stop_s - length_s / 2), self.spending.log10_e(candidate), steps)

    def refined(self, spectra: Spectra, line: Line, ready: int) -> Line:
        """Move a line to where the last seconds agree best, at the best of some speeds about its own."""
        stop, start = ready, ready - round(SCAN_S / line.speed / STEP_S)
        words = self._words(line)
        middle = best = line.moved((start + stop) / 2 * STEP_S)
        around = lines.context(spectra, spectra.stop, line.speed)
        highest = -np.inf
        for changes in _ABOUT:
            about = best.speed
            for by in changes:
                other = replace(middle, speed=min(max(about + by, SLOWEST), FASTEST))
                frames = lines.frames_between(other, start, stop, len(words), every=2)
                heard = lines.read(
                    spectra, other, words, frames, around, bandwidth_hz=self.bandwidth_hz, shifts=_SHIFTS
                )
                agreement = heard.r.sum(axis=1) / max(float(heard.n.sum()) ** 0.5, 1e-6)
                i = int(np.argmax(agreement))
                if agreement[i] > highest:
                    best, highest = other.shifted(_SHIFTS[i] * QUERY_HOP_S), float(agreement[i])
        return best

    def _share(self, spectra: Spectra, line: Line, ready: int) -> float:
        """Share of the agreement of a track that sounds alone, over the last seconds."""
        start, words = ready - round(SCAN_S / 2 / STEP_S), self._words(line)
        frames = lines.frames_between(line, start, ready, len(words), every=4)
        around = lines.context(spectra, spectra.stop, line.speed)
        heard = lines.read(spectra, line, words, frames, around, bandwidth_hz=self.bandwidth_hz)
        return float(heard.r.sum() / max(float(heard.n.sum()), 1e-6))

    def _since(self, spectra: Spectra, line: Line, ready: int) -> float:
        """Moment, within the longest test, since which the track sounds up to now."""
        words = self._words(line)
        start = max(ready - round(TEST_S[-1] / STEP_S), -(-spectra.start // STEP))
        frames = lines.frames_between(line, start, ready, len(words), every=4)
        around = lines.context(spectra, spectra.stop, line.speed)
        heard = lines.read(spectra, line, words, frames, around, bandwidth_hz=self.bandwidth_hz)
        gain = (heard.r[0] - 2 * AUDIBLE * heard.n)[::-1]
        if not len(gain):
            return start * STEP_S
        first = int(np.argmax(np.cumsum(gain)))
        return line.moment(float(frames[::-1][first]) * HOP_S + SPAN_S / 2)

    def _words(self, line: Line) -> np.ndarray:
        segment, entry = self.snapshot.items[line.number]
        return segment.words(entry)


def _same(a: Line, b: Line, at_s: float) -> bool:
    """Whether two lines lead to the same place of the same track at a moment, within a third of a second."""
    return a.number == b.number and abs(a.track_at(at_s) - b.track_at(at_s)) < 0.35


def _at(candidate: Candidate, offset_s: float) -> Candidate:
    """Return the candidate with the best agreement near one offset instead of that of the whole track."""
    alignment = candidate.alignment
    i = round((offset_s - alignment.first_s) / QUERY_HOP_S)
    low, high = max(0, i - 4), min(len(alignment.curve), i + 5)
    if high <= low:
        return replace(candidate, alignment=replace(alignment, z=0.0, agreement=0.0))
    best = low + int(np.argmax(alignment.curve[low:high]))
    z = float(alignment.curve[best])
    agreement = candidate.hypothesis.null.agreement(z * alignment.widening)
    first_lag = round((alignment.first_s + QUERY_HOP_S) / HOP_S)
    near = replace(alignment, z=z, agreement=agreement, phase=1 - best % 2, lag=first_lag + best // 2)
    return replace(candidate, alignment=near)
