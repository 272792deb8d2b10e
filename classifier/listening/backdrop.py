"""What sounds where no track does: unknown music, speech or noise, silence.

Music holds its notes: the fine shape of its spectrum lasts. Speech glides and pauses, and noise has no shape that
lasts. Six numbers a step say so; averaged over three seconds, a logistic function of them gives the probability of
music. It was fitted on development material (``bench/fit/kinds.py``). Silence is what is too quiet for bits to mean
anything.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from classifier.data import FOLDER
from classifier.fingerprint.bits import BANDS
from classifier.listening import path
from classifier.listening.grid import BLOCK, HORIZON, STEP, STEP_S, STEPS
from classifier.listening.segments import Segment
from classifier.listening.spectra import Spectra

#: Frames between those looked at, and between two whose shapes are compared: 32 ms, 256 ms.
_EVERY, _LAG = 2, 16
#: Steps over which numbers are averaged.
WINDOW = 13
#: Weight of a step's log-probabilities: neighbouring steps share most of their window.
_SHARED = 0.3
#: Shortest stretch of one kind that is told of, seconds.
_SHORTEST_S = 2.0
#: A frame's part of the loudest frames' level below which it is a pause.
_PAUSE = float(np.log(0.1))
_UNKNOWN, _SPEECH_NOISE, _SILENCE = range(3)


def step_numbers(energy: np.ndarray, loud: np.ndarray) -> np.ndarray:
    """Six numbers for each of some steps.

    Parameters
    ----------
    energy : np.ndarray, shape (8 + 8 n, bands), float32
        Log energies of every second frame, from 256 ms before the first step.
    loud : np.ndarray, shape (8 + 8 n,), bool
        Whether these frames are loud.

    Returns
    -------
    np.ndarray, shape (n, 6), float64
        How much the fine shape stands out, how much of it lasts for 256 ms, how much it changes, mean level and its
        spread (nats), and share of loud frames.
    """
    lag, per_step = _LAG // _EVERY, STEP // _EVERY
    fine = energy[:, -BANDS[-1] :].astype(np.float64)
    shape = fine[:, 1:-1] - (fine[:, 2:] + fine[:, :-2]) / 2
    size = np.sqrt(np.square(shape).mean(axis=1)) + 1e-3
    lasting = (shape[lag:] * shape[:-lag]).mean(axis=1) / (size[lag:] * size[:-lag])
    change = np.abs(fine[lag:] - fine[:-lag]).mean(axis=1)
    level = np.log(np.exp(fine).mean(axis=1))[lag:]

    def steps(x: np.ndarray) -> np.ndarray:
        return x.reshape(-1, per_step)

    return np.stack(
        [
            steps(size[lag:]).mean(axis=1),
            steps(lasting).mean(axis=1),
            steps(change).mean(axis=1),
            steps(level).mean(axis=1),
            steps(level).std(axis=1),
            steps(loud[lag:].astype(float)).mean(axis=1),
        ],
        axis=1,
    )


def window_numbers(numbers: np.ndarray) -> np.ndarray:
    """Turn the numbers of steps into what the logistic function takes, for a window about each step.

    Parameters
    ----------
    numbers : np.ndarray, shape (n, 6)
        As :func:`step_numbers` gives them.

    Returns
    -------
    np.ndarray, shape (n, 6), float64
        Means of the first three, spread of the level from step to step and within them, and share of pauses.
    """
    half = WINDOW // 2
    padded = np.pad(numbers, ((half, half), (0, 0)), "edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW, axis=0)
    level = windows[:, 3]
    pauses = (level < level.max(axis=1, keepdims=True) + _PAUSE).mean(axis=1)
    means = windows.mean(axis=2)
    return np.column_stack([means[:, :3], level.std(axis=1), means[:, 4], pauses])


@lru_cache(maxsize=1)
def _logistic() -> dict[str, np.ndarray]:
    values = json.loads((FOLDER / "kinds-1.json").read_text())
    return {name: np.array(values[name]) for name in ("mean", "scale", "slopes", "offset")}


def music_log_odds(windows: np.ndarray) -> np.ndarray:
    """Log-odds, at even prior, that windows hold music rather than speech or noise, shape (n,)."""
    fit = _logistic()
    return np.asarray((windows - fit["mean"]) / fit["scale"] @ fit["slopes"] + fit["offset"])


class Backdrop:
    """The kind of every step of a recording: two bytes a step, and the numbers of the horizon."""

    def __init__(self) -> None:
        self._numbers = np.zeros((0, 6))
        #: Log-odds of music at each step; those of the last half window change once more is heard.
        self._music = np.zeros(0)
        self._stop = 0  # step behind the last of the numbers
        self._kinds, self._odds = bytearray(), bytearray()

    def hear(self, spectra: Spectra) -> None:
        """Take the block that was added last."""
        frames = np.arange(spectra.stop - BLOCK - _LAG, spectra.stop, _EVERY)
        new = step_numbers(*spectra.energies(frames, 1.0))
        kept = HORIZON + WINDOW + 2 * STEPS
        self._numbers = np.concatenate([self._numbers, new])[-kept:]
        about = window_numbers(self._numbers[-(STEPS + 2 * WINDOW) :])
        fresh = min(STEPS + WINDOW, len(self._numbers))
        settled = self._music[: max(len(self._music) + STEPS - fresh, 0)]
        self._music = np.concatenate([settled, music_log_odds(about[-fresh:])])[-kept:]
        self._stop += STEPS

    def kinds(self, first: int, steps: int) -> np.ndarray:
        """Log-probabilities of the kinds of background at some steps of the horizon, shape (3, steps)."""
        low = self._stop - len(self._numbers)
        rows = slice(first - low, first - low + steps)
        odds = np.clip(self._music[rows], -8, 8)
        silent = self._numbers[rows, 5] < 0.5
        out = np.stack([-np.logaddexp(0, -odds), -np.logaddexp(0, odds), np.full(steps, -8.0)])
        out[:, silent] = np.array([[-8.0], [-8.0], [0.0]])
        return out * _SHARED

    def settle(self, first: int, kinds: np.ndarray) -> None:
        """Keep the kinds of the oldest steps of the horizon; -1, where a track sounds, becomes the likeliest."""
        logs = self.kinds(first, len(kinds)) / _SHARED
        chosen = np.where(kinds >= 0, kinds, logs.argmax(axis=0))
        sure = np.exp(logs)[chosen, np.arange(len(chosen))]
        self._kinds += chosen.astype(np.uint8).tobytes()
        self._odds += np.rint(255 * sure).astype(np.uint8).tobytes()

    def fill(self, tracks: Sequence[Segment], first: int, kinds: np.ndarray, end_s: float) -> list[Segment]:
        """Put what sounds where no track does between tracks.

        Parameters
        ----------
        tracks : sequence of Segment
            By start; they may overlap.
        first : int
            First step of the horizon.
        kinds : np.ndarray, shape (n,), int
            Kinds of its steps; -1 where a track sounds.
        end_s : float
            End of the recording so far.
        """
        book = Backdrop()
        book._numbers, book._music, book._stop = self._numbers, self._music, self._stop
        book._kinds, book._odds = bytearray(self._kinds), bytearray(self._odds)
        book.settle(first, kinds)
        steps = np.frombuffer(bytes(book._kinds), np.uint8), np.frombuffer(bytes(book._odds), np.uint8)
        out, at_s = list(tracks), 0.0
        for track in (*tracks, Segment(id="", start_s=end_s, end_s=end_s)):
            out += _stretches(*steps, at_s, track.start_s)
            at_s = max(at_s, track.end_s)
        return sorted(out, key=lambda segment: (segment.start_s, segment.end_s))

    # --- saved and restored -------------------------------------------------------------------------------------

    def arrays(self) -> dict[str, np.ndarray]:
        """Return everything as arrays."""
        kinds, odds = (np.frombuffer(bytes(b), np.uint8) for b in (self._kinds, self._odds))
        return {"numbers": self._numbers, "stop": np.array(self._stop), "kinds": kinds, "odds": odds}

    def restore(self, arrays: Mapping[str, Any]) -> None:
        """Become what :meth:`arrays` gave."""
        self._numbers, self._stop = arrays["numbers"], int(arrays["stop"])
        self._music = music_log_odds(window_numbers(self._numbers)) if len(self._numbers) else np.zeros(0)
        self._kinds, self._odds = bytearray(arrays["kinds"].tobytes()), bytearray(arrays["odds"].tobytes())


def _stretches(kinds: np.ndarray, odds: np.ndarray, start_s: float, end_s: float) -> list[Segment]:
    """Segments of one kind each that fill a gap between tracks; what is short goes with what it follows."""
    if end_s - start_s < _SHORTEST_S or not len(kinds):
        return []
    low, high = min(int(start_s / STEP_S), len(kinds) - 1), min(round(end_s / STEP_S), len(kinds))
    some = kinds[low : max(high, low + 1)]
    edges = [0, *(np.flatnonzero(np.diff(some)) + 1).tolist(), len(some)]
    merged: list[tuple[int, int, int]] = []
    for a, b in pairwise(edges):
        if merged and ((b - a) * STEP_S < _SHORTEST_S or merged[-1][2] == some[a]):
            merged[-1] = (merged[-1][0], b, merged[-1][2])
        else:
            merged.append((a, b, int(some[a])))
    out = []
    for i, (a, b, kind) in enumerate(merged):
        begin_s = start_s if i == 0 else (low + a) * STEP_S
        stop_s = end_s if i == len(merged) - 1 else (low + b) * STEP_S
        sure = float(odds[low + a : low + b].mean()) / 255
        uncertain = round(STEP_S * WINDOW / 12**0.5, 3)
        out.append(
            Segment(
                id=f"b{low + a}",
                start_s=begin_s,
                end_s=stop_s,
                start_uncertainty_s=uncertain,
                end_uncertainty_s=uncertain,
                kind=path.BACKGROUND[kind],
                confidence=round(sure, 3),
            )
        )
    return out
