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


def divergences(query: Packed, rows: np.ndarray, terms: np.ndarray) -> np.ndarray:
    """J_1 of every query Gaussian and every window.

    Parameters
    ----------
    query : Packed
        n Gaussians.
    rows, terms : np.ndarray
        N Gaussians from :func:`quantise`.

    Returns
    -------
    np.ndarray, shape (n, N), float32
        Nats.
    """
    each = np.arange(len(rows))
    return least(query, rows, terms, np.zeros(len(rows), np.uint8), np.stack([each, each + 1], axis=1))


def least(
    query: Packed, rows: np.ndarray, terms: np.ndarray, silent: np.ndarray, bounds: np.ndarray, step: int = 1
) -> np.ndarray:
    """Least J_1 of every query Gaussian within some ranges of windows.

    Parameters
    ----------
    query : Packed
        n Gaussians.
    rows, terms : np.ndarray
        N Gaussians from :func:`quantise`.
    silent : np.ndarray, shape (N,), uint8
        1 for windows that do not count.
    bounds : np.ndarray, shape (m, 2), int64
        First window of each range and one past its last.
    step : int >= 1
        Only every so many windows of a range count, from its first.

    Returns
    -------
    np.ndarray, shape (n, m), float32
        Nats; infinite where no window counts.
    """
    theta, s = query.theta[:, 0, :-1], query.s[:, 0, :-1]
    out = np.full((len(bounds), len(theta)), np.inf, np.float32)
    own_s, own_theta = (np.ascontiguousarray(half, np.float32) for half in (s, theta))
    _least(own_s, own_theta, rows, terms, silent, bounds, step, out)
    return np.asarray((out + (theta * s).sum(axis=1).astype(np.float32)).T)


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract"}, boundscheck=False)
def _least(
    s: Any, theta: Any, rows: Any, terms: Any, silent: Any, bounds: Any, step: Any, out: Any
) -> None:  # pragma: no cover - compiled
    """Lower each entry of ``out``; the sums run over contiguous entries, so that the compiler can vectorise them."""
    size = s.shape[1]
    for track in range(bounds.shape[0]):
        for window in range(bounds[track, 0], bounds[track, 1], step):
            if silent[window]:
                continue
            for q in range(s.shape[0]):
                first, second = np.float32(0), np.float32(0)
                for k in range(size):
                    first += s[q, k] * np.float32(rows[window, k])
                for k in range(size):
                    second += theta[q, k] * np.float32(rows[window, size + k])
                j = terms[window, 0] - first * terms[window, 1] - second * terms[window, 2]
                out[track, q] = min(out[track, q], j)
