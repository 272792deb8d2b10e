"""Mixtures whose components keep time: one Gaussian for each slot of 120 ms, and their symmetric KL divergence.

A stretch of M slots is modelled as a mixture of M Gaussians with equal weights 1/M and one common covariance
kappa^2 I. Component m of one stretch and component m of another carry the same label, their place in time, so the
divergence of the labelled models is exact (docs/mathematics.md, eq. 9)::

    J = 1/M sum_m |q_m / |q| - r_m / |r||^2 / kappa^2 = 2 d / kappa^2 (1 - s),    s = <q, r> / (|q| |r|)

and an upper bound on that of the mixtures. Both stretches are divided by their own deviation |.| (root mean square over
slots and coefficients), because additive noise shrinks the derivatives of log energies by a common factor. A slot that
lies outside the track counts as unrelated, with 2 d / kappa^2, so that the whole snippet counts at every place;
``similarity`` below is s including such slots.

Conventions
-----------
- Slot m covers derivative frames [m n, (m + 1) n) and holds their mean delta-MFCC, scaled for each coefficient.
- Means are stored as integers, ``round(x STEPS)`` within +-127; the rounding changes no ranking.
- A compact catalogue keeps every fourth step, two coefficients in a byte (:func:`packed`): similarity does not depend
  on the scale.
- At lag l the snippet's slot 0 lies over the track's slot l. A snippet has two phases, half a slot apart.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from classifier.config import FeatureConfig
from classifier.instructions import LINE, prefetch
from classifier.mixtures.features import EPSILON, dct_matrix, spline_derivative

#: Integer steps in a unit of the scaled means, whose mean square is 1: +-127 covers four deviations of the coefficient
#: that varies most.
STEPS = 12.0
PHASES = 2
#: Steps between the levels of a packed slot, and the highest of these: the deviation is three of them.
_COARSE, _COARSE_TOP = 4.0, 7
#: Share of the snippet that must lie within the track, and the least number of slots.
_MIN_SHARE, _MIN_SLOTS = 1 / 3, 8
#: Places by which slots are asked for before they are compared: reading from far apart takes longer than comparing.
_AHEAD = 4
#: Products of two numbers of steps whose sum cannot pass 31 bits: 2^16 of at most 127^2.
_EXACT = 1 << 16


def floor_reach(config: FeatureConfig) -> int:
    """Frames on either side, beyond those of the derivative, that a frame's floor depends on.

    Examples
    --------
    >>> floor_reach(FeatureConfig())
    166
    """
    return config.window_frames // 2


def slot_deltas(mel: np.ndarray, config: FeatureConfig, first: int = 0, stop: int | None = None) -> np.ndarray:
    """First time derivative of the MFCCs at each frame, with a floor that moves with time.

    L = log(M + phi * mean(M) + eps), with the mean taken per band over the existing frames within half a window to
    either side; MFCC by DCT; derivative over ``config.slot_half_length`` frames to either side.

    Parameters
    ----------
    mel : np.ndarray, shape (n_frames, n_mels), float32
        Mel power of a stretch.
    config : FeatureConfig
        ``window_frames``, ``floor``, ``slot_mfcc`` and ``slot_half_length``.
    first, stop : int
        Frames, in ``mel``, whose derivatives are wanted; default all that have full support. The frames around them
        only contribute to floor and derivative.

    Returns
    -------
    np.ndarray, shape (stop - first, slot_mfcc), float32
        Per frame, not yet standardised. Empty if there are too few frames.

    Examples
    --------
    >>> import numpy as np
    >>> steady = np.ones((400, 40), np.float32)
    >>> config = FeatureConfig()
    >>> slot_deltas(steady, config).shape == (400 - 2 * config.slot_half_length, config.slot_mfcc)
    True
    """
    half, reach, n = config.slot_half_length, floor_reach(config), len(mel)
    first, stop = max(first, half), min(n - half, n if stop is None else stop)
    if stop <= first:
        return np.zeros((0, config.slot_mfcc), np.float32)
    sums = np.concatenate([np.zeros((1, mel.shape[1])), np.cumsum(mel, axis=0, dtype=np.float64)])
    frame = np.arange(first - half, stop + half)
    low, high = np.maximum(frame - reach, 0), np.minimum(frame + reach + 1, n)
    floor = (config.floor * (sums[high] - sums[low]) / (high - low)[:, None]).astype(np.float32)
    log_mel = np.log(mel[first - half : stop + half] + floor + np.float32(EPSILON))
    return spline_derivative(log_mel @ dct_matrix(config.n_mels, config.slot_mfcc), half)


def slot_means(deltas: np.ndarray, n: int, scale: np.ndarray) -> np.ndarray:
    """Mean of each slot, scaled and rounded.

    Parameters
    ----------
    deltas : np.ndarray, shape (n_frames, d), float32
        As :func:`slot_deltas` gives them.
    n : int > 0
        Frames in a slot; frames that do not fill one are left out.
    scale : np.ndarray, shape (d,)
        Divisor of each coefficient, from the background.

    Returns
    -------
    np.ndarray, shape (n_frames // n, d), int8

    Examples
    --------
    >>> import numpy as np
    >>> slot_means(np.ones((6, 2), np.float32), 3, np.array([1.0, 2.0])).tolist()
    [[12, 6], [12, 6]]
    """
    m = len(deltas) // n
    means = deltas[: m * n].reshape(m, n, deltas.shape[1]).mean(axis=1) / scale
    return np.clip(np.rint(means * STEPS), -127, 127).astype(np.int8)


def packed(slots: np.ndarray) -> np.ndarray:
    """Pack slots into half a byte a coefficient, every fourth step within +-7.

    Parameters
    ----------
    slots : np.ndarray, shape (n, d), int8
        With an even number of coefficients.

    Returns
    -------
    np.ndarray, shape (n, d / 2), uint8
        Coefficient 2 i in the lower half of byte i, as two's complement.

    Examples
    --------
    >>> packed(np.array([[8, -4, 100, 0]], np.int8)).tolist()  # 2 and -1, 7 and 0
    [[242, 7]]
    """
    coarse = np.clip(np.rint(slots / _COARSE), -_COARSE_TOP, _COARSE_TOP).astype(np.int8).view(np.uint8) & 15
    return coarse[:, ::2] | (coarse[:, 1::2] << 4)


def unpacked(slots: np.ndarray) -> np.ndarray:
    """Return slots as numbers, shape (n, d), int8, from what :func:`packed` made; others are returned as they are.

    Examples
    --------
    >>> unpacked(packed(np.array([[8, -4, 100, 0]], np.int8))).tolist()
    [[2, -1, 7, 0]]
    """
    if slots.dtype != np.uint8:
        return slots
    halves = np.stack([slots & 15, slots >> 4], axis=2).reshape(len(slots), 2 * slots.shape[1]).astype(np.int8)
    return np.where(halves > _COARSE_TOP, halves - 16, halves).astype(np.int8)


def snippet_slots(mel: np.ndarray, config: FeatureConfig, scale: np.ndarray) -> np.ndarray:
    """Slots of a snippet in ``PHASES`` phases.

    Parameters
    ----------
    mel : np.ndarray, shape (n_frames, n_mels), float32
        Mel power of the snippet.
    config : FeatureConfig
        The catalogue's.
    scale : np.ndarray, shape (d,)
        From the catalogue's background.

    Returns
    -------
    np.ndarray, shape (PHASES, M, d), int8
        Phase p begins p / PHASES of a slot after the first frame that has a derivative.

    Examples
    --------
    >>> import numpy as np
    >>> config = FeatureConfig()
    >>> snippet_slots(np.ones((400, 40), np.float32), config, np.ones(config.slot_mfcc)).shape
    (2, 46, 24)
    """
    deltas, n = slot_deltas(mel, config), config.slot_frames
    phases = [slot_means(deltas[p * n // PHASES :], n, scale) for p in range(PHASES)]
    m = min(map(len, phases))
    return np.stack([phase[:m] for phase in phases])


def least_slots(n_slots: int) -> int:
    """Slots of a snippet of ``n_slots`` that must lie within a track.

    Examples
    --------
    >>> least_slots(40), least_slots(12), least_slots(5)
    (14, 8, 5)
    """
    return min(n_slots, max(_MIN_SLOTS, int(np.ceil(n_slots * _MIN_SHARE))))


def n_places(snippet: np.ndarray, bounds: np.ndarray) -> int:
    """Places of a snippet, shape (PHASES, M, d), in tracks with these bounds, shape (n, 2), silent ones included.

    Examples
    --------
    >>> import numpy as np
    >>> n_places(np.zeros((2, 40, 24), np.int8), np.array([[0, 100], [100, 105]]))
    226
    """
    m, least = snippet.shape[1], least_slots(snippet.shape[1])
    lengths = bounds[:, 1] - bounds[:, 0]
    return len(snippet) * int((lengths[lengths >= least] - 2 * least + m + 1).sum()) if m else 0


def divergence(similarity: Any, d: int, kappa2: float) -> Any:
    """Symmetric KL divergence, nats, of stretches of this similarity with ``d`` dimensions and variance ``kappa2``.

    Examples
    --------
    >>> divergence(1.0, d=24, kappa2=4.0), divergence(0.0, d=24, kappa2=4.0)
    (0.0, 12.0)
    """
    return 2 * d / kappa2 * (1 - similarity)


def best_places(
    slots: np.ndarray, reference: np.ndarray, bounds: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Most similar place of a snippet in each track.

    Parameters
    ----------
    slots : np.ndarray, shape (PHASES, M, d), int8
        The snippet.
    reference : np.ndarray, shape (S, d), int8, or packed
        Slots of all tracks, back to back.
    bounds : np.ndarray, shape (n, 2), int64
        First slot of each track, and one past its last.

    Returns
    -------
    similarity : np.ndarray, shape (n,), float64
        At the best place, in [-1, 1]; minus infinity if nothing can be compared: the track is too short, or one of the
        two is silent.
    place : np.ndarray, shape (n, 2), int64
        Phase and lag.
    sums : np.ndarray, shape (n, 3), float64
        Number of places compared, and the sums of their similarities and of the squares.

    Examples
    --------
    >>> import numpy as np
    >>> track = np.random.default_rng(1).integers(-100, 100, (80, 24)).astype(np.int8)
    >>> heard = np.stack([track[30:60], track[31:61]])
    >>> similarity, place, _ = best_places(heard, track, np.array([[0, 80]]))
    >>> similarity.tolist(), place.tolist()
    ([1.0], [[0, 30]])
    """
    n = len(bounds)
    similarity, place, sums = np.full(n, -np.inf), np.zeros((n, 2), np.int64), np.zeros((n, 3))
    if slots.shape[1]:
        query = np.ascontiguousarray(slots, np.int16)
        _best(query, _energies(query), reference, bounds, least_slots(slots.shape[1]), similarity, place, sums)
    return similarity, place, sums


def similarities(slots: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Similarity of a snippet with one track at every phase and lag.

    Parameters
    ----------
    slots : np.ndarray, shape (PHASES, M, d), int8
        The snippet.
    reference : np.ndarray, shape (S, d), int8, or packed
        The track.

    Returns
    -------
    np.ndarray, shape (PHASES, n_lags), float64
        Index i is lag ``i + least_slots(M) - M``; minus infinity where one of the two is silent. No lags if the track
        is too short.

    Examples
    --------
    >>> import numpy as np
    >>> track = np.random.default_rng(1).integers(-100, 100, (80, 24)).astype(np.int8)
    >>> heard = np.stack([track[30:60], track[31:61]])
    >>> curve = similarities(heard, track)
    >>> int(curve[0].argmax()) + least_slots(30) - 30
    30
    """
    m, least = slots.shape[1], least_slots(slots.shape[1])
    n_lags = len(reference) - 2 * least + m + 1 if 0 < least <= len(reference) else 0
    out = np.zeros((len(slots), n_lags))
    if n_lags:
        query = np.ascontiguousarray(slots, np.int16)
        _along(query, _energies(query), np.ascontiguousarray(unpacked(reference), np.int16).reshape(-1), least, out)
    return out


def at_places(
    query: np.ndarray, reference: np.ndarray, bounds: np.ndarray, phase: np.ndarray, lag: np.ndarray, least: int
) -> np.ndarray:
    """Similarity of a snippet with some places of some tracks.

    Parameters
    ----------
    query : np.ndarray, shape (PHASES, M, d), int16
        The snippet.
    reference : np.ndarray, shape (S, d), int8, or packed
        Slots of all tracks, back to back.
    bounds : np.ndarray, shape (n, 2), int64
        First slot, and one past the last, of the track of each place.
    phase, lag : np.ndarray, shape (n,), int64
        The places; a lag counts from the beginning of its track.
    least : int
        Slots that must lie within the track, of :func:`least_slots`.

    Returns
    -------
    np.ndarray, shape (n,), float64
        As :func:`best_places` finds it; minus infinity where nothing can be compared.

    Examples
    --------
    >>> import numpy as np
    >>> track = np.random.default_rng(1).integers(-100, 100, (80, 24)).astype(np.int8)
    >>> heard = np.stack([track[30:60], track[31:61]]).astype(np.int16)
    >>> at_places(heard, track, np.array([[0, 80]]), np.array([0]), np.array([30]), 10).tolist()
    [1.0]
    """
    out = np.full(len(bounds), -np.inf)
    if query.shape[1]:
        _at(query, _energies(query), reference, bounds, phase, lag, least, out)
    return out


def per_slot(slots: np.ndarray, reference: np.ndarray, phase: int, lag: int) -> np.ndarray:
    """Share of each slot in the similarity at one place, shape (M,), float64; their mean is the similarity.

    0 for slots outside the track, and for all slots if one of the two is silent.

    Examples
    --------
    >>> import numpy as np
    >>> track = np.full((20, 24), 10, np.int8)
    >>> per_slot(np.full((2, 5, 24), 7, np.int8), track, 0, 17).tolist()  # two slots lie beyond its end
    [1.0, 1.0, 1.0, 0.0, 0.0]
    """
    m = slots.shape[1]
    start, stop = max(0, -lag), min(m, len(reference) - lag)
    out = np.zeros(m)
    if stop <= start:
        return out
    q = slots[phase, start:stop].astype(np.float64)
    r = unpacked(reference[lag + start : lag + stop]).astype(np.float64)
    norm = float(np.sqrt(np.square(q).sum() * np.square(r).sum()))
    if norm > 0:
        out[start:stop] = (q * r).sum(axis=1) / norm * (stop - start)
    return out


def _energies(query: np.ndarray) -> np.ndarray:
    """Running sums of the squares of each phase, shape (PHASES, M + 1), int64."""
    squares = np.square(query.astype(np.int64)).sum(axis=2)
    return np.concatenate([np.zeros((len(query), 1), np.int64), np.cumsum(squares, axis=1)], axis=1)


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _widen(rows: Any, d: Any, out: Any) -> None:  # pragma: no cover - compiled
    """Copy slots of ``d`` coefficients, packed or not, into ``out``, one after another."""
    if rows.shape[1] == d:
        flat = rows.reshape(-1)
        for i in range(flat.shape[0]):
            out[i] = flat[i]
    else:
        # Shifts in 8 bits spread the sign, and are done for many bytes at once.
        pairs = rows.reshape(-1)
        for i in range(pairs.shape[0]):
            out[2 * i] = np.int8(np.uint8(pairs[i] << np.uint8(4))) >> np.int8(4)
            out[2 * i + 1] = np.int8(pairs[i]) >> np.int8(4)


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _product(a: Any, b: Any) -> Any:  # pragma: no cover - compiled
    """Inner product of at most ``_EXACT`` numbers within +-127: in 32 bits, which are several times as fast as 64."""
    total = np.int32(0)
    for k in range(a.shape[0]):
        total = np.int32(total + np.int32(a[k]) * np.int32(b[k]))
    return total


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _long_product(a: Any, b: Any) -> Any:  # pragma: no cover - compiled
    """Inner product of any length."""
    total = np.int64(0)
    for first in range(0, a.shape[0], _EXACT):
        total += _product(a[first : first + _EXACT], b[first : first + _EXACT])
    return total


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _add_products(
    mine: Any, first: Any, last: Any, track: Any, d: Any, least: Any, out: Any
) -> None:  # pragma: no cover - compiled
    """Add the inner products of a phase's slots [first, last) with a track, at each lag, to ``out``.

    A track's slots are contiguous, so that the products at one lag are one pass through memory.
    """
    m, n = mine.shape[0] // d, track.shape[0] // d
    for index in range(out.shape[0]):
        lag = index + least - m
        start, stop = max(first, -lag), min(last, n - lag)
        if start < stop:
            out[index] += _product(mine[start * d : stop * d], track[(lag + start) * d : (lag + stop) * d])


@numba.njit(cache=True, nogil=True, boundscheck=False, error_model="numpy")
def _along(query: Any, energy: Any, track: Any, least: Any, out: Any) -> None:  # pragma: no cover - compiled
    """Fill ``out`` with similarities. Sums of integer products are exact, so no partition of the index changes them."""
    phases, m, d = query.shape
    n = track.shape[0] // d
    own = np.zeros(n + 1, np.int64)
    for i in range(n):
        own[i + 1] = own[i] + _product(track[i * d : (i + 1) * d], track[i * d : (i + 1) * d])
    for p in range(phases):
        out[p] = 0
        for first in range(0, m, _EXACT // d):
            last = min(m, first + _EXACT // d)
            _add_products(query[p].reshape(-1), first, last, track, d, least, out[p])
        for index in range(out.shape[1]):
            lag = index + least - m
            start, stop = max(0, -lag), min(m, n - lag)
            both = float(energy[p, stop] - energy[p, start]) * float(own[lag + stop] - own[lag + start])
            out[p, index] = out[p, index] / np.sqrt(both) * (stop - start) / m if both > 0 else -np.inf


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _best(
    query: Any, energy: Any, reference: Any, bounds: Any, least: Any, similarity: Any, place: Any, sums: Any
) -> None:  # pragma: no cover - compiled
    phases, m, d = query.shape
    for t in range(bounds.shape[0]):
        n = bounds[t, 1] - bounds[t, 0]
        if n < least:
            continue
        n_lags = n - 2 * least + m + 1
        track = np.empty(n * d, np.int16)
        _widen(reference[bounds[t, 0] : bounds[t, 1]], d, track)
        curve = np.empty((phases, n_lags))
        _along(query, energy, track, least, curve)
        for p in range(phases):
            i = int(np.argmax(curve[p]))
            if curve[p, i] > similarity[t]:
                similarity[t], place[t, 0], place[t, 1] = curve[p, i], p, i + least - m
            for value in curve[p]:
                if value > -np.inf:
                    sums[t, 0] += 1
                    sums[t, 1] += value
                    sums[t, 2] += value * value


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _at(
    query: Any, energy: Any, reference: Any, bounds: Any, phase: Any, lag: Any, least: Any, out: Any
) -> None:  # pragma: no cover - compiled
    """As :func:`_along`, at one place of each of many tracks."""
    m, d = query.shape[1:]
    room = np.empty(m * d, np.int16)
    memory, width = reference.ctypes.data, reference.itemsize * reference.shape[1]
    for i in range(bounds.shape[0]):
        coming = min(i + _AHEAD, bounds.shape[0] - 1)
        begin = memory + (bounds[coming, 0] + lag[coming]) * width
        for line in range(0, m * width, LINE):
            prefetch(begin + line)
        p, first = phase[i], bounds[i, 0] + lag[i]
        start, stop = max(0, -lag[i]), min(m, bounds[i, 1] - first)
        if stop - start < least:
            continue
        mine = query[p, start:stop].reshape(-1)
        there = room[: (stop - start) * d]
        _widen(reference[first + start : first + stop], d, there)
        both = float(energy[p, stop] - energy[p, start]) * float(_long_product(there, there))
        out[i] = _long_product(mine, there) / np.sqrt(both) * (stop - start) / m if both > 0 else -np.inf
