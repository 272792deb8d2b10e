"""The likeliest story of a stretch of sound: which tracks sounded at each step, or what else did.

A hidden Markov model. Its states are the kinds of what is not enrolled (``BACKGROUND``), each line that is being
followed, and each pair of lines that may sound at once; its emissions are log-likelihood ratios against "no track".
That the place in a track advances at the track's speed is built into lines. The time spent in a state is geometric.
Found by the Viterbi algorithm (Viterbi 1967), in nats.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numba
import numpy as np

from classifier.listening.grid import STEP_S

#: Kinds of what is not enrolled, in the order of their states.
BACKGROUND = ("unknown", "speech_noise", "silence")
#: Mean seconds for which a track, and a kind of background, go on.
TRACK_S, BACKGROUND_S = 180.0, 15.0
#: Nats by which a track beginning is less likely than one ending: there are many it could be.
CHOICE = 4.0
#: Nats a step that two tracks at once must be better than one.
TWO_AT_ONCE = 0.3
#: An emission that rules a state out.
NEVER = -1e4

State = tuple[int, ...]
"""(-1 - kind,) for background, (line,) or (line, line) for tracks."""


def states(n_lines: int, pairs: Sequence[tuple[int, int]]) -> tuple[State, ...]:
    """Return all states: the background's kinds, single lines, and pairs."""
    return (*((-1 - kind,) for kind in range(len(BACKGROUND))), *((i,) for i in range(n_lines)), *pairs)


@lru_cache(maxsize=64)
def transitions(all_states: tuple[State, ...]) -> np.ndarray:
    """Log-probabilities of going from each state to each, up to a constant, shape (n, n)."""
    leave = -math.log(TRACK_S / STEP_S)
    enter = leave - CHOICE
    change = -math.log(BACKGROUND_S / STEP_S)
    n = len(all_states)
    out = np.zeros((n, n))
    lines = [frozenset(line for line in state if line >= 0) for state in all_states]
    for i, a in enumerate(all_states):
        for j, b in enumerate(all_states):
            if a != b:
                cost = enter * len(lines[j] - lines[i]) + leave * len(lines[i] - lines[j])
                out[i, j] = cost if lines[i] != lines[j] else change
    return out


def emissions(gains: np.ndarray, kinds: np.ndarray, both: Sequence[np.ndarray]) -> np.ndarray:
    """Log-likelihood of each step under each state, up to what all states share.

    Parameters
    ----------
    gains : np.ndarray, shape (n_lines, n_steps)
        Log-likelihood ratio of each line sounding, against not.
    kinds : np.ndarray, shape (len(BACKGROUND), n_steps)
        Log-probability of each kind; the likeliest counts as 0.
    both : sequence of np.ndarray, shape (n_steps,)
        Log-likelihood ratio of each pair sounding at once, against neither.
    """
    return np.vstack([kinds - kinds.max(axis=0), gains, *(pair - TWO_AT_ONCE for pair in both)])


def best(emission: np.ndarray, transition: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the likeliest path.

    Parameters
    ----------
    emission : np.ndarray, shape (n_states, n_steps)
        As :func:`emissions` gives it.
    transition : np.ndarray, shape (n_states, n_states)
        As :func:`transitions` gives it.
    start : np.ndarray, shape (n_states,)
        Score of being in each state before the first step.

    Returns
    -------
    path : np.ndarray, shape (n_steps,), int
        State at each step.
    scores : np.ndarray, shape (n_steps, n_states)
        Best score of each state at each step, the best of a step counting as 0.
    """
    n_states, n_steps = emission.shape
    back, scores = np.zeros((n_steps, n_states), np.int64), np.zeros((n_steps, n_states))
    _forward(np.ascontiguousarray(emission.T), np.ascontiguousarray(transition.T), start, back, scores)
    path = np.zeros(n_steps, np.int64)
    state = int(scores[-1].argmax()) if n_steps else 0
    for t in range(n_steps - 1, -1, -1):
        path[t] = state
        state = int(back[t, state])
    return path, scores


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _forward(emission: Any, into: Any, start: Any, back: Any, scores: Any) -> None:  # pragma: no cover - compiled
    """Fill in the best score of each state at each step, and where it came from; ``into`` has a row for each target."""
    n_steps, n_states = emission.shape
    before = start.copy()
    for t in range(n_steps):
        highest = -np.inf
        for state in range(n_states):
            best = 0
            for other in range(n_states):
                if before[other] + into[state, other] > before[best] + into[state, best]:
                    best = other
            back[t, state] = best
            scores[t, state] = before[best] + into[state, best] + emission[t, state]
            highest = max(highest, scores[t, state])
        for state in range(n_states):
            scores[t, state] -= highest
            before[state] = scores[t, state]
