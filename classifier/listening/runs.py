"""From the path to stretches in which a line sounds: their borders, places in the track, and how certain they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from classifier.listening import borders
from classifier.listening.grid import STEP_S
from classifier.listening.ledger import Run
from classifier.listening.looks import confidence
from classifier.listening.path import State
from classifier.listening.traces import PLACE, Trace

#: Steps without a track in which a track that goes on along the same line is taken to have gone on.
_BRIDGED = 40
#: Steps since which a track that was heard may still be sounding.
_OPEN = 4


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


def runs(
    found: Sequence[Span], track_ids: Sequence[str], powers: np.ndarray, first: int, ready: int, known_prior: float
) -> list[Run]:
    """Return spans as the ledger takes them, from where to where their tracks are audible.

    Parameters
    ----------
    found : sequence of Span
        By start.
    track_ids : sequence of str
        Their tracks.
    powers : np.ndarray, shape (n_zones, ready - first)
        Of the recording.
    first, ready : int
        First step of the horizon, and the one behind its last.
    known_prior : float in (0, 1)
        Share of what is played that is enrolled.
    """
    out = []
    for i, (span, track_id) in enumerate(zip(found, track_ids, strict=True)):
        # A track that is begun anew, or jumps, is audible along one line at a time.
        others = [o for o, name in zip(found, track_ids, strict=True) if name == track_id and o is not span]
        lowest = max((o.stop for o in others if o.start < span.start), default=0)
        highest = min((o.start for o in others if o.start > span.start), default=ready - first)
        out.append(_run(span, track_ids[i], powers, first, ready, known_prior, lowest, highest))
    return out


def _run(
    span: Span, track_id: str, powers: np.ndarray, first: int, ready: int, known_prior: float, lowest: int, highest: int
) -> Run:
    trace, steps, half = span.trace, ready - first, STEP_S / 2
    share = borders.explained(trace.evidence[:, :steps], powers, span.start, span.stop)
    start, before = borders.begin(share, span.start, span.stop, min(lowest, span.start))
    stop, after = borders.end(share, span.start, span.stop, max(highest, span.stop))
    if span.start == 0:  # it reaches into what is settled
        start = 0
    if span.stop >= steps - _OPEN:  # it may go on
        stop = span.stop
    places, speed = trace.evidence[PLACE], trace.line.speed
    return Run(
        trace=trace.id,
        track_id=track_id,
        start_s=(first + start) * STEP_S,
        end_s=(first + stop) * STEP_S,
        start_uncertainty_s=round(STEP_S * before, 3),
        end_uncertainty_s=round(STEP_S * after, 3),
        offset_s=float(places[start]) - half * speed,
        end_offset_s=float(places[stop - 1]) + half * speed,
        speed=speed,
        start_kept_s=_start_kept(span, first),
        end_kept_s=_end_kept(span, first),
        confirmed=tested(span, first),
        confidence=confidence(trace.log10_e, known_prior),
    )


def _start_kept(span: Span, first: int) -> tuple[float, float] | None:
    """Between which moments a start told before stays: of a span that begins where the horizon does, or soon."""
    if first == 0 or span.start >= borders.OUTWARD:
        return None
    earliest_s = (first + span.start - borders.OUTWARD) * STEP_S if span.start else 0.0
    return earliest_s, (first + span.start + borders.INWARD) * STEP_S


def _end_kept(span: Span, first: int) -> tuple[float, float] | None:
    """Between which moments an end told before stays: of a span of which the horizon holds only the last part."""
    if first == 0 or span.start or span.stop >= borders.INWARD + borders.OUTWARD:
        return None
    return (first + span.stop - borders.INWARD) * STEP_S, (first + span.stop + borders.OUTWARD) * STEP_S
