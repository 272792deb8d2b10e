"""The listener: samples in, revised segments out; one engine for files, streams and microphones.

Samples are cut into blocks at fixed places of the recording, whatever pieces they come in. After each block, everything
is looked at once: lines that are followed are read on (``traces.py``), others are looked for (``search.py``), the
likeliest story of the last ``HORIZON`` steps is found (``path.py``), and the book of segments is brought up to date
(``ledger.py``). Memory is that of the horizon: of what lies before it, only the segments are kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace

import numpy as np

from classifier.audio.resample import Resampler
from classifier.errors import InvalidParameter
from classifier.fingerprint.bits import FRAME, QUERY_HOP, SAMPLE_RATE
from classifier.index.follower import View
from classifier.listening import path, runs, saving
from classifier.listening.backdrop import Backdrop
from classifier.listening.grid import BLOCK, HORIZON, LOOK_S, STEP_S, STEPS
from classifier.listening.indexed import IndexedScanner, Lists
from classifier.listening.ledger import Ledger, Run
from classifier.listening.lines import Line
from classifier.listening.looks import Spending
from classifier.listening.options import ListenOptions
from classifier.listening.runs import Span
from classifier.listening.scan import SCAN_S, SPEEDS, Scanner
from classifier.listening.search import Found, Searcher
from classifier.listening.segments import Event, Segment
from classifier.listening.spectra import Spectra
from classifier.listening.traces import INSIDE, N_ROWS, N_SHIFTS, Trace, both, likeness
from classifier.search.indexed import is_indexed
from classifier.search.significance import Size

#: Samples of a block, and of what its frames span.
_BLOCK_SAMPLES = BLOCK * QUERY_HOP
_SPAN = (BLOCK - 1) * QUERY_HOP + FRAME
#: Blocks whose spectra are kept: the horizon, and what its first frames need.
_KEPT = HORIZON // STEPS + 4
#: How much rarer searches are while a track is clearly heard, and looks from which the first is made.
_RELAXED, _FIRST = 2, 3
#: A track is clearly heard if its share of the agreement, over so many steps, is this, and this much of its usual
#: share.
_CLEAR_STEPS, _CLEAR, _OF_USUAL = 8, 0.35, 0.7
#: Steps in which a trace may be unheard before it is no longer read on, and traces that are read at a time.
_PATIENCE, _MOST_TRACES = 40, 5
#: Steps since which a line that is not certain may have ceased to sound, and is tested all the same.
_JUST = 12
#: Likeness, over so many steps, from which a track is the same sound as one that is followed, and share of the
#: agreement by which it must then be better.
_RIVAL, _RIVAL_STEPS, _BETTER = 0.15, 24, 0.05
#: Looks after which the speed of a line that was found is found anew, and change of speed from which it is read anew.
_SHARPENED, _SHARPER = (3, 6), 0.002
#: Steps over which likeness is averaged.
_SMOOTH = 9


class Listener:
    """Listens to one recording; hand in samples with :meth:`hear`, and :meth:`finish` at its end.

    Parameters
    ----------
    view : View
        The tracks to listen for: of ``Catalogue.view()``; it never changes.
    sample_rate : int
        Of the samples that will be handed in, Hz; a catalogue's own.
    options : ListenOptions, optional
        How to listen.
    lists : Lists, optional
        What it needs to read a large catalogue through its lists of patches; default: all of it is compared.

    Examples
    --------
    >>> from classifier import stages
    >>> from classifier.demo.songs import compose
    >>> from classifier.listening.files import words_view
    >>> song = stages.resample(compose(1, duration_s=12).samples, 22050)
    >>> listener = Listener(words_view({"Song": stages.reference(song)}))
    >>> for second in range(12):  # as a microphone would give it
    ...     events = listener.hear(song[16000 * second : 16000 * (second + 1)])
    >>> events = listener.finish()
    >>> [part.title for part in listener.segments()]
    ['Song']
    """

    def __init__(
        self,
        view: View,
        sample_rate: int = SAMPLE_RATE,
        options: ListenOptions | None = None,
        lists: Lists | None = None,
    ) -> None:
        self.options = options or ListenOptions()
        self._view = view
        self._resampler = Resampler(sample_rate, SAMPLE_RATE)
        self._rate = sample_rate
        self._samples = np.zeros(0, np.float32)
        #: Samples heard, at their own rate.
        self.n_samples = 0
        self._spectra = Spectra(_KEPT)
        #: The last samples, from which the spectra can be made again.
        self._recent: list[np.ndarray] = []
        self._spending = Spending(Size.of(view.snapshot), self.options.false_segments_per_day)
        through = lists is not None and is_indexed(view.snapshot, lists.least_windows)
        scanner = IndexedScanner(view.snapshot, lists, self._last) if lists and through else Scanner(view.snapshot)
        often = SPEEDS[:1] if self.options.search_every > 1 else ()
        self._search = Searcher(view.snapshot, self._spending, self.options.bandwidth_hz, scanner, often)
        self._ledger = Ledger(view.tracks.__getitem__)
        self._backdrop = Backdrop()
        self._traces: list[Trace] = []
        self._next_trace = 1
        #: Likeness of each two traces, by their ids.
        self._alike: dict[tuple[int, int], np.ndarray] = {}
        #: Looks made, steps read, and the first step of the horizon.
        self._looks = self._ready = self._first = 0
        self._scores: dict[path.State, float] = {}
        self._states: list[path.State] = list(path.states(0, []))
        self._path, self._path_scores = np.zeros(0, np.int64), np.zeros((0, len(self._states)))
        self._ended = False

    @property
    def heard_s(self) -> float:
        """Seconds heard."""
        return self.n_samples / self._rate

    def hear(self, samples: np.ndarray) -> list[Event]:
        """Take further samples; return what became known by them.

        Parameters
        ----------
        samples : np.ndarray, shape (n,), float32
            Mono, full scale +-1, at the listener's rate; any number of them.
        """
        if self._ended:
            raise InvalidParameter("the recording was finished: make another listener for another recording")
        samples = np.asarray(samples, np.float32)
        if samples.ndim != 1:
            raise InvalidParameter(f"samples have shape {samples.shape}: hand in one channel, of shape (n,)")
        self.n_samples += len(samples)
        return self._take(self._resampler.push(samples))

    def finish(self) -> list[Event]:
        """End the recording: all segments are closed; return what became known."""
        if self._ended:
            return []
        events = self._take(self._resampler.finish(np.zeros(0, np.float32)))
        self._ended = True
        self._search.often = SPEEDS  # what has just begun has no later turn
        # Silence up to the end of a block, and one more: the last steps can be read.
        events += self._take(np.zeros(2 * _BLOCK_SAMPLES + FRAME, np.float32))
        events += self._ledger.update(self._runs(), self.heard_s, self._first * STEP_S, ended=True)
        # What was heard of the silence behind the end is no part of the recording.
        return [replace(event, segment=_within(event.segment, self.heard_s)) for event in events]

    def segments(self) -> list[Segment]:
        """What the recording holds as far as it was heard, by start; tracks not certain yet are ``perhaps``."""
        if not self._looks:
            return []  # no block is full yet
        tracks = [
            _within(segment, self.heard_s)
            for segment in (*self._ledger.done, *self._ledger.open_segments())
            if segment.start_s < self.heard_s
        ]
        by_start = sorted(tracks, key=lambda s: (s.start_s, s.end_s))
        return self._backdrop.fill(by_start, self._first, self._kinds_of(self._path), self.heard_s)

    # --- saved and restored -------------------------------------------------------------------------------------

    def save(self) -> bytes:
        """Everything that listening goes on from, as the bytes of a file: a few megabytes.

        Restored by :meth:`restore`, the listener goes on as if nothing had happened, with sample ``n_samples`` next.
        """
        held, before = self._resampler.state()
        values = {
            "options": asdict(self.options),
            "rate": self._rate,
            "n_samples": self.n_samples,
            "before": before,
            "looks": self._looks,
            "ready": self._ready,
            "first": self._first,
            "next_trace": self._next_trace,
            "ended": self._ended,
            "scores": [[list(state), score] for state, score in self._scores.items()],
            "states": [list(state) for state in self._states],
            "traces": [{**trace.to_dict(), "track": self._key(trace.line)} for trace in self._traces],
            "alike": [list(pair) for pair in self._alike],
            "refused": [[asdict(line), self._key(line), look, whole] for line, look, whole in self._search.refused],
            "ledger": self._ledger.to_dict(),
        }
        arrays = {f"backdrop_{name}": array for name, array in self._backdrop.arrays().items()}
        return saving.to_bytes(
            arrays
            | {
                "values": np.frombuffer(json.dumps(values).encode(), np.uint8),
                "held": held,
                "samples": self._samples,
                "recent": np.concatenate([np.zeros(0, np.float32), *self._recent]),
                "path": self._path,
                "path_scores": self._path_scores,
                "evidence": np.array([t.evidence for t in self._traces]).reshape(-1, N_ROWS, HORIZON),
                "agreement": np.array([t.agreement for t in self._traces]).reshape(-1, N_SHIFTS),
                "alike": np.array(list(self._alike.values())).reshape(-1, HORIZON),
            }
        )

    @classmethod
    def restore(cls, view: View, data: bytes, sample_rate: int = SAMPLE_RATE, lists: Lists | None = None) -> Listener:
        """Return a listener that goes on where :meth:`save` was called.

        A track that is not in the view any more is no longer followed; segments that named it keep its name.

        Parameters
        ----------
        view : View
            The tracks to listen for.
        data : bytes
            What :meth:`save` gave.
        sample_rate : int
            Of the samples that will be handed in, Hz.
        lists : Lists, optional
            As for a new listener.

        Raises
        ------
        InvalidParameter
            If the bytes are not what a listener of this release saved, at this rate.
        """
        arrays = saving.from_bytes(data)
        try:
            return cls._restored(view, arrays, sample_rate, lists)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise InvalidParameter(f"what was saved of this listener is damaged ({error!r}): begin anew") from None

    @classmethod
    def _restored(cls, view: View, arrays: Mapping[str, np.ndarray], sample_rate: int, lists: Lists | None) -> Listener:
        values = json.loads(arrays["values"].tobytes())
        if values["rate"] != sample_rate:
            raise InvalidParameter(f"the listener was saved at {values['rate']} samples a second, not {sample_rate}")
        listener = cls(view, values["rate"], ListenOptions(**values["options"]), lists)
        listener._resampler.restore(arrays["held"], values["before"])
        for name in ("n_samples", "looks", "ready", "first", "next_trace", "ended"):
            setattr(listener, name if name == "n_samples" else f"_{name}", values[name])
        listener._samples = arrays["samples"]
        recent = arrays["recent"]
        listener._recent = [recent[at : at + _BLOCK_SAMPLES] for at in range(0, len(recent), _BLOCK_SAMPLES)]
        n_blocks = len(listener._recent)
        listener._spectra = Spectra(_KEPT, (listener._looks - n_blocks) * BLOCK)
        sound = np.concatenate([recent, listener._samples])
        for at in range(0, n_blocks * _BLOCK_SAMPLES, _BLOCK_SAMPLES):
            listener._spectra.add(sound[at : at + _SPAN])
        listener._scores = {tuple(state): score for state, score in values["scores"]}
        listener._states = [tuple(state) for state in values["states"]]
        listener._path, listener._path_scores = arrays["path"], arrays["path_scores"]
        numbers = view.snapshot.numbers
        for i, saved in enumerate(values["traces"]):
            key = (str(saved["track"][0]), int(saved["track"][1]))
            if key in numbers:
                words = listener._words(numbers[key])
                trace = Trace.from_dict(saved, numbers[key], words, arrays["evidence"][i], arrays["agreement"][i])
                listener._traces.append(trace)
        ids = {trace.id for trace in listener._traces}
        pairs = zip(values["alike"], arrays["alike"], strict=True)
        listener._alike = {(a, b): alike.copy() for (a, b), alike in pairs if ids.issuperset((a, b))}
        for line, key, look, whole in values["refused"]:
            if tuple(key) in numbers:
                listener._search.refused.append((Line(**{**line, "number": numbers[tuple(key)]}), look, whole))
        listener._ledger.restore(values["ledger"], ids)
        listener._backdrop.restore(
            {n.removeprefix("backdrop_"): a for n, a in arrays.items() if n.startswith("backdrop_")}
        )
        return listener

    def _key(self, line: Line) -> list[str | int]:
        return list(self._view.snapshot.items[line.number][1].key)

    # --- one look -----------------------------------------------------------------------------------------------

    def _take(self, samples: np.ndarray) -> list[Event]:
        self._samples = np.concatenate([self._samples, samples])
        events: list[Event] = []
        while len(self._samples) >= _SPAN:
            self._recent = [*self._recent[1 - _KEPT :], self._samples[:_BLOCK_SAMPLES]]
            self._spectra.add(self._samples[:_SPAN])
            self._samples = self._samples[_BLOCK_SAMPLES:]
            events += self._look()
        return events

    def _look(self) -> list[Event]:
        self._looks += 1
        self._backdrop.hear(self._spectra)
        before, self._ready = self._ready, STEPS * self._looks - 1
        self._slide()
        for trace in self._traces:
            if not trace.ended:
                trace.read(self._spectra, self._first, before, self._ready)
                if (self._ready - trace.born) // STEPS in _SHARPENED:
                    self._sharpen(trace)
        self._compare(before)
        clear = self._clear()
        every = 1 if self._ended else self.options.search_every
        apart = every * (_RELAXED if clear else 1)
        if self._looks >= _FIRST and self._looks % apart == 0:
            self._find(self._looks // apart - _FIRST // apart)
        self._follow_path()
        self._confirm()
        events = self._ledger.update(self._runs(), min(self._looks * LOOK_S, self.heard_s), self._first * STEP_S)
        self._forget()
        return events

    def _slide(self) -> None:
        """Move the horizon on; what falls out of it is settled."""
        excess = self._ready - self._first - HORIZON
        if excess <= 0:
            return
        self._scores = {state: float(self._path_scores[excess - 1, i]) for i, state in enumerate(self._states)}
        self._backdrop.settle(self._first, self._kinds_of(self._path[:excess]))
        self._first += excess
        for trace in self._traces:
            trace.shift(excess)
            trace.tested = [(a, b) for a, b in trace.tested if b > self._first]
        for alike in self._alike.values():
            alike[:-excess] = alike[excess:]
            alike[-excess:] = 0
        self._path = self._path[excess:]

    def _clear(self) -> bool:
        """Whether a track is heard so clearly that nothing else need be looked for."""
        for trace in self._traces:
            trace.usual = max(trace.usual, self._recent_share(trace, 4 * _CLEAR_STEPS))
        return any(
            not trace.ended and self._recent_share(trace, _CLEAR_STEPS) >= max(_CLEAR, _OF_USUAL * trace.usual)
            for trace in self._traces
        )

    def _recent_share(self, trace: Trace, steps: int) -> float:
        return trace.share(steps, self._ready - self._first)

    def _find(self, turn: int) -> None:
        live = [trace for trace in self._traces if not trace.ended]
        sounding = {t.line.number for t in live if self._recent_share(t, _CLEAR_STEPS) >= _CLEAR}
        lines = [trace.line for trace in live]
        for found in self._search.look(self._spectra, self._looks, turn, self._ready, lines, sounding):
            recent = max(self._first, self._ready - _RIVAL_STEPS)
            heard = self._spectra, self._first, self._ready
            words = self._words(found.line.number)
            trace = Trace.found(self._next_trace, found.line, words, self.options.bandwidth_hz, *heard, recent)
            self._take_test(trace, found)
            share = self._recent_share(trace, _RIVAL_STEPS)
            rivals = (t for t in live if likeness(t, trace, self._first, recent, self._ready).mean() > _RIVAL)
            if any(share < self._recent_share(rival, _RIVAL_STEPS) + _BETTER for rival in rivals):
                self._search.refuse(found.line, self._looks, whole_track=True)
                continue
            trace.follow(found.line, *heard, self._first)
            self._next_trace += 1
            self._traces.append(trace)
            live.append(trace)
            for other in self._traces[:-1]:
                alike = np.zeros(HORIZON)
                alike[: self._ready - self._first] = likeness(other, trace, self._first, self._first, self._ready)
                self._alike[other.id, trace.id] = alike

    def _sharpen(self, trace: Trace) -> None:
        """Find the speed of a line anew, now that more of it was heard; read it again if that was wrong."""
        line = self._search.refined(self._spectra, trace.line, self._ready)
        if abs(line.speed / trace.line.speed - 1) > _SHARPER:
            trace.follow(line, self._spectra, self._first, self._ready, self._first)
            for (a, b), alike in self._alike.items():
                if trace.id in (a, b):
                    one, other = (next(t for t in self._traces if t.id == number) for number in (a, b))
                    alike[: self._ready - self._first] = likeness(one, other, self._first, self._first, self._ready)

    def _compare(self, before: int) -> None:
        """Compare the tracks along all lines with each other, in the steps that are new."""
        traces = {trace.id: trace for trace in self._traces}
        for (a, b), alike in self._alike.items():
            new = likeness(traces[a], traces[b], self._first, before, self._ready)
            alike[before - self._first : self._ready - self._first] = new

    def _follow_path(self) -> None:
        """Find the likeliest story of the horizon."""
        ids = [trace.id for trace in self._traces]
        n = len(ids)
        # A track does not sound together with itself: a passage that returns in it would explain itself twice.
        numbers = [trace.line.number for trace in self._traces]
        pairs = [(i, j) for i in range(n) for j in range(i + 1, n) if numbers[i] != numbers[j]]
        shapes = path.states(n, pairs)
        self._states = [tuple(ids[i] if i >= 0 else i for i in state) for state in shapes]
        steps = self._ready - self._first
        gains = np.array([trace.gains()[:steps] for trace in self._traces]).reshape(n, steps)
        at_once = [
            both(self._traces[i], self._traces[j], _smooth(self._alike[ids[i], ids[j]]))[:steps] for i, j in pairs
        ]
        emission = path.emissions(gains, self._backdrop.kinds(self._first, steps), at_once)
        start = np.array([self._scores.get(state, path.NEVER if self._scores else 0.0) for state in self._states])
        self._path, self._path_scores = path.best(emission, path.transitions(shapes), start)

    def _confirm(self) -> None:
        """Test lines that sound now and are not certain yet."""
        for run in self._spans():
            trace = run.trace
            start, stop = self._first + run.start, self._first + run.stop
            if stop >= self._ready - _JUST and not trace.ended and not runs.tested(run, self._first):
                found = self._search.test(self._spectra, trace.line, stop, start * STEP_S)
                if found is not None:
                    self._take_test(trace, found)

    def _take_test(self, trace: Trace, found: Found) -> None:
        trace.log10_e = min(trace.log10_e, found.log10_e)
        if found.log10_e <= self._spending.limit:
            trace.tested.append(found.steps)

    def _forget(self) -> None:
        """Stop reading lines on which nothing is heard, and drop those that the story does not need."""
        steps = self._ready - self._first
        in_path = {trace_id: at for at, state in enumerate(self._path) for trace_id in self._states[state]}
        for trace in self._traces:
            silent = steps - 1 - max(in_path.get(trace.id, -1), trace.born - self._first)
            beyond = trace.evidence[INSIDE, max(0, steps - STEPS) : steps].sum() == 0
            trace.ended = bool(trace.ended or silent > _PATIENCE or (beyond and silent > STEPS))
        live = sorted((t for t in self._traces if not t.ended), key=lambda t: -self._recent_share(t, 4 * _CLEAR_STEPS))
        for trace in live[_MOST_TRACES:]:
            trace.ended = True
        self._traces = [t for t in self._traces if not t.ended or t.id in in_path]
        ids = {trace.id for trace in self._traces}
        self._alike = {pair: alike for pair, alike in self._alike.items() if ids.issuperset(pair)}

    def _last(self) -> tuple[np.ndarray, float]:
        """The last seconds at 16 kHz, and when they end."""
        return np.concatenate(self._recent[-round(SCAN_S / LOOK_S) - 1 :]), self._looks * LOOK_S

    def _words(self, number: int) -> np.ndarray:
        segment, entry = self._view.snapshot.items[number]
        return segment.words(entry)

    # --- from the path to segments ------------------------------------------------------------------------------

    def _kinds_of(self, states: np.ndarray) -> np.ndarray:
        """Kind of background at some steps; -1 where a track sounds."""
        kind = np.array([-1 - state[0] if state[0] < 0 else -1 for state in self._states])
        return np.asarray(kind[states])

    def _spans(self) -> list[Span]:
        return runs.spans(self._traces, self._states, self._path)

    def _runs(self) -> list[Run]:
        found = self._spans()
        ids = [self._track_id(span.trace) for span in found]
        powers = self._spectra.powers(self._first, self._ready)
        return runs.runs(found, ids, powers, self._first, self._ready, self.options.known_prior)

    def _track_id(self, trace: Trace) -> str:
        return self._view.snapshot.items[trace.line.number][1].track_id


def _smooth(values: np.ndarray) -> np.ndarray:
    return np.convolve(values, np.full(_SMOOTH, 1 / _SMOOTH), "same")


def _within(segment: Segment, end_s: float) -> Segment:
    return segment if segment.end_s <= end_s else replace(segment, end_s=end_s)
