"""One Gaussian for each window, and its exact symmetric KL divergence J_1 from a snippet's: which windows sound alike.

A comparison reads each Gaussian once and computes little, so memory bandwidth limits its speed. Natural parameters
theta and statistics s are therefore stored as 16-bit integers with a scale for each half of a row; this changes a
divergence above 0.1 nats by less than one per cent.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from classifier.mixtures.divergence import Packed

_TOP = 32767


def quantise(packed: Packed) -> tuple[np.ndarray, np.ndarray]:
    """Pack Gaussians for :func:`divergences`.

    Parameters
    ----------
    packed : Packed
        N Gaussians: mixtures of one component, with P statistics.

    Returns
    -------
    rows : np.ndarray, shape (N, 2 (P - 1)), int16
        Theta and s in units of their scales. The constant entry of s is left out: it cancels in a divergence.
    terms : np.ndarray, shape (N, 3), float32
        Self term <theta, s>, and the scales of both halves.
    """
    theta, s = packed.theta[:, 0, :-1], packed.s[:, 0, :-1]
    scales = [np.maximum(np.abs(half).max(axis=1), 1e-30) / _TOP for half in (theta, s)]
    rows = np.concatenate([half / scale[:, None] for half, scale in zip((theta, s), scales, strict=True)], axis=1)
    terms = np.stack([(theta * s).sum(axis=1), *scales], axis=1)
    return np.rint(rows).astype(np.int16), terms.astype(np.float32)


def divergences(query: Packed, rows: np.ndarray, terms: np.ndarray, step: int = 1) -> np.ndarray:
    """J_1 of every query Gaussian and every window.

    Parameters
    ----------
    query : Packed
        n Gaussians.
    rows, terms : np.ndarray
        N Gaussians from :func:`quantise`.
    step : int >= 1
        Only every so many of these are compared, from the first.

    Returns
    -------
    np.ndarray, shape (n, ceil(N / step)), float32
        Nats.
    """
    theta, s = query.theta[:, 0, :-1], query.s[:, 0, :-1]
    out = np.empty((len(theta), -(-len(rows) // step)), np.float32)
    own_s, own_theta = (np.ascontiguousarray(half, np.float32) for half in (s, theta))
    _divergences(own_s, own_theta, rows, terms, step, out)
    return out + (theta * s).sum(axis=1)[:, None].astype(np.float32)


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract"}, boundscheck=False)
def _divergences(s: Any, theta: Any, rows: Any, terms: Any, step: Any, out: Any) -> None:  # pragma: no cover - compiled
    """Fill ``out``; the sums run over contiguous entries, so that the compiler can vectorise them."""
    size = s.shape[1]
    for column in range(out.shape[1]):
        window = step * column
        for q in range(out.shape[0]):
            first, second = np.float32(0), np.float32(0)
            for k in range(size):
                first += s[q, k] * np.float32(rows[window, k])
            for k in range(size):
                second += theta[q, k] * np.float32(rows[window, size + k])
            out[q, column] = terms[window, 0] - first * terms[window, 1] - second * terms[window, 2]
