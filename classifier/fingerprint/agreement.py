"""How well a snippet's sub-fingerprints agree with a track's, at every lag.

Agreement is 1 - 2 * bit error rate over the bits compared, each weighted by its reliability, in [-1, 1]; 0 is chance.
Invalid frames, of either side, do not count.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from classifier.fingerprint.bits import ROUGH_STEP, VALID, Fingerprint
from classifier.fingerprint.mismatches import by_counting, by_looking_up, can_look_up
from classifier.instructions import popcount


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
def _add_mismatches(
    reference: Any, words: Any, masks: Any, at: Any, base: Any, counts: Any
) -> None:  # pragma: no cover - compiled
    """Add trusted bits that differ from some words, at the lags of a block; ``at`` is where each lies at lag 0."""
    n, four = counts.shape[0], len(words) - len(words) % 4
    for t in range(0, four, 4):  # four at a time: the counters are read and written once for them
        w0, w1, w2, w3 = words[t], words[t + 1], words[t + 2], words[t + 3]
        m0, m1, m2, m3 = masks[t], masks[t + 1], masks[t + 2], masks[t + 3]
        r0, r1 = reference[base + at[t] :][:n], reference[base + at[t + 1] :][:n]
        r2, r3 = reference[base + at[t + 2] :][:n], reference[base + at[t + 3] :][:n]
        for lag in range(n):
            counts[lag] += (
                popcount((r0[lag] ^ w0) & m0) + popcount((r1[lag] ^ w1) & m1)
                + popcount((r2[lag] ^ w2) & m2) + popcount((r3[lag] ^ w3) & m3)
            )  # fmt: skip
    for t in range(four, len(words)):
        word, mask, there = words[t], masks[t], reference[base + at[t] :][:n]
        for lag in range(n):
            counts[lag] += popcount((there[lag] ^ word) & mask)


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _mismatch_blocks(
    reference: Any,
    words: Any,
    masks: Any,
    places: Any,
    recent: Any,
    n_lags: Any,
    counter: Any,
    least: Any,
    at: Any,
    sums: Any,
) -> None:  # pragma: no cover - compiled
    """Of all words, and of the last: each block's least count, its lag, and sums of counts and of their squares."""
    size, cut = counter.shape[0], len(words) - recent
    for block in range(least.shape[1]):
        base = block * size
        counts = counter[: min(size, n_lags - base)]
        counts[:] = 0
        for i in (1, 0):
            first, stop = (cut, len(words)) if i else (0, cut)
            _add_mismatches(reference, words[first:stop], masks[first:stop], places[first:stop], base, counts)
            best, total, squares = 0, 0.0, 0.0
            for lag in range(counts.shape[0]):
                count = float(counts[lag])
                total += count
                squares += count * count
                if counts[lag] < counts[best]:
                    best = lag
            least[i, block], at[i, block] = counts[best], base + best
            sums[i, 0] += total
            sums[i, 1] += squares


def rough_peaks(
    rough: np.ndarray, reference: np.ndarray, step: int, block: int, recent: int
) -> tuple[np.ndarray, np.ndarray]:
    """Where a rough fingerprint agrees best within each stretch of a long reference, and how far that stands out.

    Parameters
    ----------
    rough : np.ndarray, shape (n, 2, 2), uint64
        Of each frame, its two words and the mask of each.
    reference : np.ndarray, shape (2, F), uint64
        First and second words of frames, contiguous. Invalid frames, which hold zeros, agree by chance only.
    step : int
        Reference frames between frames of the rough fingerprint.
    block : int
        Lags of a stretch.
    recent : int
        Frames at the fingerprint's end of which both words are compared, and which are compared on their own as well:
        what has just begun is in them. Of the frames before, the second word is compared.

    Returns
    -------
    z : np.ndarray, shape (2, n_blocks), float64
        By all frames, and by the last ones: standard deviations, over all lags, that the best lag of each block lies
        above the mean.
    at : np.ndarray, shape (2, n_blocks), int64
        These lags: reference frames of the rough fingerprint's first.

    Examples
    --------
    >>> import numpy as np
    >>> reference = np.random.default_rng(1).integers(0, 2**63, (2, 500), dtype=np.uint64)
    >>> heard = reference[:, 200:240:2].T
    >>> z, at = rough_peaks(np.stack([heard, np.full_like(heard, 2**63 - 1)], axis=2), reference, 2, 100, 8)
    >>> at[:, 2].tolist(), bool((z[:, 2] > 6).all())
    ([200, 200], True)
    """
    n_frames, n_words = len(rough), reference.shape[1]
    n_lags = n_words - step * (n_frames - 1)
    if n_lags < 1 or not rough[..., 1].any():
        return np.zeros((2, 0)), np.zeros((2, 0), np.int64)
    old, new = np.arange(n_frames - recent), np.arange(n_frames - recent, n_frames)
    frame, which = np.concatenate([old, new, new]), np.repeat([1, 0, 1], [len(old), recent, recent])
    words, masks = np.ascontiguousarray(rough[frame, which].T)
    n_blocks = -(-n_lags // block)
    least, at, sums = np.zeros((2, n_blocks)), np.zeros((2, n_blocks), np.int64), np.zeros((2, 2))
    counter = np.zeros(min(block, n_lags), np.uint64)
    places = which * n_words + step * frame
    _mismatch_blocks(reference.reshape(-1), words, masks, places, 2 * recent, n_lags, counter, least, at, sums)
    mean = sums[:, :1] / n_lags
    spread = np.sqrt(np.maximum(sums[:, 1:] / n_lags - mean * mean, 0))
    return np.where(spread > 0, (mean - least) / np.maximum(spread, 1e-9), 0.0), at
