"""How well a snippet's sub-fingerprints agree with a track's, at every lag.

Agreement is 1 - 2 * bit error rate over the bits compared, each weighted by its reliability, in [-1, 1]; 0 is chance.
Invalid frames, of either side, do not count.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from classifier.fingerprint.bits import ROUGH_STEP, VALID, Fingerprint
from classifier.fingerprint.mismatches import by_counting, by_looking_up, can_look_up, popcount


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _compare(
    wrong: Any, valid: Any, frame_weight: Any, pad: Any, enough: Any, out: Any, weight: Any
) -> None:  # pragma: no cover - compiled
    """Agreement from the weight of mismatches, and the weight compared, at every lag of one phase."""
    n, n_frames = frame_weight.shape[0], valid.shape[0]
    total = 0
    for t in range(n):
        total += frame_weight[t]
    weight[:] = total
    # Most frames are valid: those that are not are taken off, and those beyond either end.
    backwards = frame_weight[::-1].copy()
    for frame in range(-pad, n_frames + pad):
        if frame < 0 or frame >= n_frames or not valid[frame]:
            first = frame + pad - n + 1
            for i in range(max(0, -first), min(n, weight.shape[0] - first)):
                weight[first + i] -= backwards[i]
    for lag in range(weight.shape[0]):
        if weight[lag] >= enough:
            out[lag] = 1 - 2 * float(wrong[lag]) / weight[lag]
        else:
            out[lag] = weight[lag] = 0


def agreement(query: Fingerprint, words: np.ndarray, min_frames: int) -> tuple[np.ndarray, np.ndarray]:
    """Agreement of a snippet with a track at every lag and phase.

    Parameters
    ----------
    query : Fingerprint
        n frames in two phases.
    words : np.ndarray, shape (F, 2), uint64
        Sub-fingerprints of the track.
    min_frames : int
        Frames that must overlap; lags run from min_frames - n to F - min_frames.

    Returns
    -------
    agreement : np.ndarray, shape (2, n_lags), float32
        1 - 2 * weighted bit error rate; 0 where less than min_frames / n of the phase's weight overlaps.
    weight : np.ndarray, shape (2, n_lags), int32
        Sum of the weights compared. Index i is lag i + min_frames - n, in reference frames.

    Examples
    --------
    >>> import numpy as np
    >>> from classifier.fingerprint.bits import fingerprint, reference_words
    >>> track = np.random.default_rng(1).normal(0, 0.1, 6 * 16000).astype(np.float32)
    >>> heard = fingerprint(track[2 * 16000 : 4 * 16000])
    >>> found, weight = agreement(heard, reference_words(track), heard.n_frames)
    >>> int(found[0].argmax()) * 512 / 16000, bool(found.max() > 0.9)
    (2.016, True)
    """
    n = query.n_frames
    min_frames = min(min_frames, n)
    pad = n - min_frames
    n_lags = len(words) + 2 * pad - n + 1
    if n == 0 or n_lags <= 0:
        return np.zeros((2, 0), np.float32), np.zeros((2, 0), np.int32)
    if can_look_up():
        wrong = by_looking_up(query.tables, words, pad)
    else:
        wrong = by_counting(query.words, query.planes, words, pad)
    frame_weight = query.frame_weight.astype(np.int32)
    valid = (words[:, 1] & VALID) != 0
    found, weight = np.empty((2, n_lags), np.float32), np.empty((2, n_lags), np.int32)
    for phase in range(2):
        enough = max(1.0, min_frames / n * int(frame_weight[phase].sum()))
        _compare(wrong[phase], valid, frame_weight[phase], pad, enough, found[phase], weight[phase])
    return found, weight


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _mismatches(reference: Any, rough: Any, counter: Any) -> None:  # pragma: no cover - compiled
    """Add up trusted bits that differ, at every lag; blocks keep the counters in the first-level cache."""
    for base in range(0, counter.shape[0], 2048):
        stop = min(counter.shape[0], base + 2048)
        counts = counter[base:stop]
        for t in range(rough.shape[0]):
            word, mask = rough[t, 0], rough[t, 1]
            there = reference[base + ROUGH_STEP * t : stop + ROUGH_STEP * t]
            for lag in range(counts.shape[0]):
                counts[lag] += popcount((there[lag] ^ word) & mask)


def rough_z(rough: np.ndarray, words: np.ndarray) -> float:
    """How far the best place of a rough fingerprint in a track stands out from all places, in standard deviations.

    Parameters
    ----------
    rough : np.ndarray, shape (n, 2), uint64
        From :func:`~classifier.fingerprint.bits.rough_fingerprint`.
    words : np.ndarray, shape (F,), uint64
        First words of the track's frames, contiguous. Invalid frames, which hold zeros, agree by chance only.

    Returns
    -------
    float
        0 if nothing can be compared. The snippet may extend beyond either end of the track by half its length.

    Examples
    --------
    >>> import numpy as np
    >>> from classifier.fingerprint.bits import reference_words, rough_fingerprint
    >>> track = np.random.default_rng(1).normal(0, 0.1, 20 * 16000).astype(np.float32)
    >>> words = np.ascontiguousarray(reference_words(track)[:, 0])
    >>> rough_z(rough_fingerprint(track[8 * 16000 : 11 * 16000]), words) > 6
    True
    """
    pad = ROUGH_STEP * len(rough) // 2
    n_lags = len(words) + 2 * pad - ROUGH_STEP * len(rough)
    if n_lags < 1 or not rough[:, 1].any():
        return 0.0
    padded = np.zeros(len(words) + 2 * pad, np.uint64)
    padded[pad : pad + len(words)] = words
    counter = np.zeros(n_lags, np.uint64)
    _mismatches(padded, rough, counter)
    spread = float(counter.std())
    return (float(counter.mean()) - float(counter.min())) / spread if spread > 0 else 0.0


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _mismatch_blocks(
    reference: Any, rough: Any, step: Any, counter: Any, least: Any, at: Any, sums: Any
) -> None:  # pragma: no cover - compiled
    """Add up trusted bits that differ at every lag; keep each block's least, and sums of all and of their squares."""
    n_lags = reference.shape[0] - step * (rough.shape[0] - 1)
    total, squares = 0.0, 0.0
    for block in range(least.shape[0]):
        base = block * counter.shape[0]
        stop = min(n_lags, base + counter.shape[0])
        counts = counter[: stop - base]
        counts[:] = 0
        n, four = stop - base, rough.shape[0] - rough.shape[0] % 4
        for t in range(0, four, 4):  # four at a time: the counters are read and written once for them
            w0, w1, w2, w3 = rough[t, 0], rough[t + 1, 0], rough[t + 2, 0], rough[t + 3, 0]
            m0, m1, m2, m3 = rough[t, 1], rough[t + 1, 1], rough[t + 2, 1], rough[t + 3, 1]
            first = base + step * t
            r0, r1 = reference[first : first + n], reference[first + step : first + step + n]
            r2, r3 = (
                reference[first + 2 * step : first + 2 * step + n],
                reference[first + 3 * step : first + 3 * step + n],
            )
            for lag in range(n):
                counts[lag] += (
                    popcount((r0[lag] ^ w0) & m0) + popcount((r1[lag] ^ w1) & m1)
                    + popcount((r2[lag] ^ w2) & m2) + popcount((r3[lag] ^ w3) & m3)
                )  # fmt: skip
        for t in range(four, rough.shape[0]):
            word, mask = rough[t, 0], rough[t, 1]
            there = reference[base + step * t : stop + step * t]
            for lag in range(n):
                counts[lag] += popcount((there[lag] ^ word) & mask)
        best = 0
        for lag in range(counts.shape[0]):
            count = float(counts[lag])
            total += count
            squares += count * count
            if counts[lag] < counts[best]:
                best = lag
        least[block], at[block] = counts[best], base + best
    sums[0], sums[1] = total, squares


def rough_peaks(rough: np.ndarray, reference: np.ndarray, step: int, block: int) -> tuple[np.ndarray, np.ndarray]:
    """Where a rough fingerprint agrees best within each stretch of a long reference, and how far that stands out.

    Parameters
    ----------
    rough : np.ndarray, shape (n, 2), uint64
        Words and masks, as :func:`~classifier.fingerprint.bits.rough_fingerprint` gives them.
    reference : np.ndarray, shape (F,), uint64
        First words of frames, contiguous. Invalid frames, which hold zeros, agree by chance only.
    step : int
        Reference frames between frames of the rough fingerprint.
    block : int
        Lags of a stretch.

    Returns
    -------
    z : np.ndarray, shape (n_blocks,), float64
        Standard deviations, over all lags, that the best lag of each block lies above the mean.
    at : np.ndarray, shape (n_blocks,), int64
        These lags: reference frames of the rough fingerprint's first.

    Examples
    --------
    >>> import numpy as np
    >>> from classifier.fingerprint.bits import reference_words, rough_fingerprint
    >>> track = np.random.default_rng(1).normal(0, 0.1, 20 * 16000).astype(np.float32)
    >>> words = np.ascontiguousarray(reference_words(track)[:, 0])
    >>> z, at = rough_peaks(rough_fingerprint(track[8 * 16000 : 11 * 16000]), words, ROUGH_STEP, 200)
    >>> int(at[z.argmax()]) * 512 / 16000
    8.0
    """
    n_lags = len(reference) - step * (len(rough) - 1)
    if n_lags < 1 or not rough[:, 1].any():
        return np.zeros(0), np.zeros(0, np.int64)
    n_blocks = -(-n_lags // block)
    least, at, sums = np.zeros(n_blocks), np.zeros(n_blocks, np.int64), np.zeros(2)
    _mismatch_blocks(reference, rough, step, np.zeros(min(block, n_lags), np.uint64), least, at, sums)
    mean = sums[0] / n_lags
    spread = max(sums[1] / n_lags - mean * mean, 0.0) ** 0.5
    return ((mean - least) / spread if spread > 0 else np.zeros(n_blocks)), at
