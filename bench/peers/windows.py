"""A long recording as a tagger of snippets hears it: in windows, each asked on its own, and joined where they agree.

Windows of 10 s begin every 5 s. Each answer that passes the tagger's own gate speaks for the 5 s in the middle of its
window, the first and the last also for what lies before and behind. Answers become one segment if they name the same
track and its place advances with the recording, at a speed within 10 % of its own; one window between them may be
silent.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench import corpus
from bench.corpus import SAMPLE_RATE
from bench.peers.peer import Match, Matcher
from bench.tracklists import Said

WINDOW_S, HOP_S = 10.0, 5.0
#: Windows from one answer to the next of its segment, at most.
_APART = 2
#: What places may be off by, in proportion to the time between them, and in any case, seconds.
_STRAY, _STRAY_S = 0.1, 0.5


def said(match: Matcher, samples: np.ndarray) -> list[Said]:
    """Ask for every window; return the segments.

    Parameters
    ----------
    match : callable
        A peer's matcher.
    samples : np.ndarray, shape (n,), float32
        The recording, at ``SAMPLE_RATE``.
    """
    n, hop = round(WINDOW_S * SAMPLE_RATE), round(HOP_S * SAMPLE_RATE)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "window.wav"
        answers = []
        for at in range(0, max(len(samples) - n, 0) + 1, hop):
            corpus.write_wav(path, samples[at : at + n])
            answers.append(match(path))
    return joined(answers, len(samples) / SAMPLE_RATE)


def joined(answers: Sequence[Match], seconds: float) -> list[Said]:
    """Return the segments that the answers for all windows of a recording of some seconds make."""
    found: list[Said] = []
    first = latest = (0, Match(None, None, None, False, 0.0))
    for i, answer in enumerate(answers):
        if not answer.accepted or answer.reference_id is None:
            continue
        end_s = i * HOP_S + (WINDOW_S + HOP_S) / 2 if i < len(answers) - 1 else seconds
        if _goes_on(*latest, i, answer):
            found[-1] = replace(found[-1], end_s=end_s, speed=_speed(*first, i, answer))
        else:
            first = i, answer
            before_s = (WINDOW_S - HOP_S) / 2 if i else 0.0
            place_s = None if answer.offset_s is None else answer.offset_s + before_s
            speed = None if answer.offset_s is None else 1.0
            start_s, known_s = i * HOP_S + before_s, i * HOP_S + WINDOW_S
            found.append(Said(answer.reference_id, start_s, end_s, place_s, speed, known_s))
        latest = i, answer
    return found


def _goes_on(before: int, earlier: Match, now: int, later: Match) -> bool:
    if now - before > _APART or earlier.reference_id != later.reference_id:
        return False
    if earlier.offset_s is None or later.offset_s is None:
        return True
    passed_s = (now - before) * HOP_S
    return abs(later.offset_s - earlier.offset_s - passed_s) <= _STRAY * passed_s + _STRAY_S


def _speed(before: int, earlier: Match, now: int, later: Match) -> float | None:
    if earlier.offset_s is None or later.offset_s is None:
        return None
    return (later.offset_s - earlier.offset_s) / ((now - before) * HOP_S)
