"""From the path to stretches in which a line sounds: their borders, places in the track, and how certain they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from classifier.listening.grid import STEP_S
from classifier.listening.ledger import Run
from classifier.listening.looks import confidence
from classifier.listening.path import State
from classifier.listening.traces import PLACE, Trace

#: Steps without a track in which a track that goes on along the same line is taken to have gone on.
_BRIDGED = 40
#: Steps of evidence that count as one when a border's uncertainty is told: they go together.
_TOGETHER = 4.0
#: How far from a border its uncertainty is looked for, steps.
_ABOUT = 40


@dataclass(frozen=True, slots=True)
class Span:
    """Steps of the horizon, from the first to behind the last, in which a line sounds."""

    trace: Trace
    start: int
    stop: int


def spans(traces: Sequence[Trace], states: Sequence[State], steps: np.ndarray) -> list[Span]:
    """Stretches in which each line sounds, by start; a gap in which nothing else does is bridged.

    Parameters
    ----------
    traces : sequence of Trace
        The lines.
    states : sequence of tuple of int
        Ids of the traces that sound in each state; negative ones for background.
    steps : np.ndarray, shape (n_steps,), int
        State at each step of the horizon.
    """
    members = [frozenset(state) for state in states]
    none = np.array([state[0] < 0 for state in states])[steps]
    found: list[Span] = []
    for trace in traces:
        on = np.array([trace.id in some for some in members])[steps]
        edges = np.flatnonzero(np.diff(np.concatenate([[False], on, [False]]).astype(int)))
        own: list[Span] = []
        for start, stop in edges.reshape(-1, 2).tolist():
            if own and start - own[-1].stop <= _BRIDGED and none[own[-1].stop : start].all():
                own[-1] = Span(trace, own[-1].start, stop)
            else:
                own.append(Span(trace, start, stop))
        found += own
    return sorted(found, key=lambda span: (span.start, span.trace.id))


def tested(span: Span, first: int) -> bool:
    """Whether a test within a span confirmed its track; ``first`` is the first step of the horizon."""
    start, stop = first + span.start, first + span.stop
    return any(a < stop and start < b for a, b in span.trace.tested)


def run(span: Span, track_id: str, first: int, ready: int, known_prior: float) -> Run:
    """Return a span as the ledger takes it.

    Parameters
    ----------
    span : Span
        The span.
    track_id : str
        Its track.
    first, ready : int
        First step of the horizon, and the one behind its last.
    known_prior : float in (0, 1)
        Share of what is played that is enrolled.
    """
    trace, steps, half = span.trace, ready - first, STEP_S / 2
    places, gains, speed = trace.evidence[PLACE], trace.gains()[:steps], trace.line.speed
    return Run(
        trace=trace.id,
        track_id=track_id,
        start_s=(first + span.start) * STEP_S,
        end_s=(first + span.stop) * STEP_S,
        start_uncertainty_s=_uncertainty(gains, span.start),
        end_uncertainty_s=_uncertainty(gains[::-1], steps - span.stop),
        offset_s=float(places[span.start]) - half * speed,
        end_offset_s=float(places[span.stop - 1]) + half * speed,
        settled=span.start == 0 and first > 0,
        confirmed=tested(span, first),
        confidence=confidence(trace.log10_e, known_prior),
    )


def _uncertainty(gains: np.ndarray, border: int) -> float:
    """Standard deviation of where a line begins to sound, seconds, from the gains of the steps about it."""
    low, high = max(0, border - _ABOUT), min(len(gains), border + _ABOUT)
    about = gains[low:high]
    total = np.concatenate([np.cumsum(about[::-1])[::-1], [0.0]]) / _TOGETHER
    weight = np.exp(total - total.max())
    at = np.arange(len(weight))
    mean = float(np.average(at, weights=weight))
    variance = float(np.average(np.square(at - mean), weights=weight))
    return round(STEP_S * (variance + 1 / 12) ** 0.5, 3)
