"""Weights of bits in fewer bytes: moved by a level where that saves more than it spoils.

Four levels of weight for every bit take more of a signature than all else. Each is therefore chosen anew, in the order
in which it is coded: of the levels above 0 the one with the least squared error plus ``factor`` / 256 times its cost,
in bits, where it stands. Costs are those that the true weights have in each context. A bit that counts keeps counting,
one that does not stays without weight.

All arithmetic is in whole numbers, so that every program that writes signatures chooses the same weights. Source: rate
and distortion weighed against each other by a Lagrange multiplier, Shoham & Gersho 1988, "Efficient bit allocation for
an arbitrary set of quantizers".
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

#: Factors from 0, which leaves weights as they are, to the one that saves the most.
FACTORS = 256
#: Parts of a bit in which costs are counted.
_PARTS = 64
_LEVELS, _CONTEXTS = 4, 64


def thinned(weights: np.ndarray, factor: int) -> np.ndarray:
    """Choose cheaper weights.

    Parameters
    ----------
    weights : np.ndarray, shape (n, n_bits), uint8
        From 0 to 3, of frames in order of time.
    factor : int
        From 0 to ``FACTORS`` - 1.

    Returns
    -------
    np.ndarray, shape (n, n_bits), uint8
    """
    if factor == 0:
        return weights
    counts = np.ones((_CONTEXTS, _LEVELS))
    _count(weights, counts)
    costs = np.rint(_PARTS * np.log2(counts.sum(axis=1, keepdims=True) / counts)).astype(np.int64)
    out = np.zeros_like(weights)
    _choose(weights, factor * costs, out)
    return out


@numba.njit(cache=True, nogil=True, boundscheck=False)
def context(weights: Any, frame: Any, bit: Any) -> Any:  # pragma: no cover - compiled
    """Return what is known of a weight before it is coded, from 0 to 63.

    The weights of the same bit in the frame before and in the one before that, four levels each, and of the bit below;
    0 for what is outside.
    """
    last = weights[frame - 1, bit] if frame > 0 else 0
    second = weights[frame - 2, bit] if frame > 1 else 0
    lower = weights[frame, bit - 1] if bit > 0 else 0
    return np.int64(last) + 4 * np.int64(second) + 16 * np.int64(lower)


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _count(weights: Any, counts: Any) -> None:  # pragma: no cover - compiled
    """Count each weight in its context, in all frames that have any."""
    for frame in range(weights.shape[0]):
        if not weights[frame].any():
            continue
        for bit in range(weights.shape[1]):
            counts[context(weights, frame, bit), weights[frame, bit]] += 1


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _choose(weights: Any, costs: Any, out: Any) -> None:  # pragma: no cover - compiled
    """Fill ``out`` with the weights of least error and cost, the lowest of those that are equally good."""
    for frame in range(weights.shape[0]):
        for bit in range(weights.shape[1]):
            weight = np.int64(weights[frame, bit])
            if weight == 0:
                continue
            here, least = context(out, frame, bit), np.int64(-1)
            for level in range(1, _LEVELS):
                loss = _PARTS * FACTORS * (weight - level) ** 2 + costs[here, level]
                if least < 0 or loss < least:
                    out[frame, bit], least = level, loss
