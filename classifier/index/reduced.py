"""Reduced rows: one window in four as a few numbers, so that a large segment is compared roughly by reading little.

Between a snippet's window q and a window r, J_1 = c_q + c_r - <y, x> with x = [theta_r, s_r] and y = [s_q, theta_q]
(``gaussians.py``). With the means x0 and y0 of the segment's own windows, where y0 is x0 with its halves swapped,

    J_1 = [c_q - <y - y0, x0>] + [c_r - <y0, x>] - <y - y0, x - x0>.

The first two terms are kept whole. The last is reduced to a product of :data:`RANK` numbers. If y varies with
covariance L L^T, the product of this rank with the least mean square error follows from the principal components U of
L^T (x - x0):

    <y - y0, x - x0> ~ <U^T L^-1 (y - y0), U^T L^T (x - x0)>.

Snippets are taken to vary as the segment's windows do; both covariances are measured on some thousand of these. The
right-hand side is kept, in units of each component's deviation and with a scale for each row, in 8 bits.

The axes belong to one segment: they are found anew whenever tracks are written or merged. Only segments of
``lists.LISTED`` windows or more have reduced rows; smaller ones are compared as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np

from classifier.mixtures.divergence import Packed

#: Numbers kept of a window, at most.
RANK = 64
#: Windows of a track that one row stands for: the first of them that is audible is reduced.
STEP = 4
#: Names of the arrays, and the types of their numbers.
ARRAYS: dict[str, np.dtype[Any]] = {
    "reduced_rows": np.dtype(np.int8),
    "reduced_terms": np.dtype(np.float32),
    "reduced_axes": np.dtype(np.float64),
}
#: Windows from which the axes are found, evenly from all that are reduced.
_SAMPLE = 20_000
#: Windows reduced at a time.
_CHUNK = 8192
_TOP = 127
#: Least variance in any direction, of the greatest one.
_LEAST = 1e-9


@dataclass(frozen=True, slots=True)
class Reduced:
    """The reduced rows of one segment.

    Parameters
    ----------
    edges : np.ndarray, shape (n_tracks + 1,), int64
        First window of each track of the segment, and the number of all windows.
    rows : np.ndarray, shape (n, k), int8
        Track after track.
    terms : np.ndarray, shape (n, 2), float32
        c_r - <y0, x>, infinite if nothing can be heard; and the scale of the row.
    axes : np.ndarray, shape (1 + k, D), float64
        The mean x0, and what gives a snippet's k numbers: U^T L^-1, times each component's deviation.
    """

    edges: np.ndarray
    rows: np.ndarray
    terms: np.ndarray
    axes: np.ndarray

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what is kept, by the names in ``ARRAYS``."""
        return {"reduced_rows": self.rows, "reduced_terms": self.terms, "reduced_axes": self.axes}

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray], edges: np.ndarray, width: int) -> Reduced:
        """Build from what :meth:`arrays` returned, for a segment with these edges and ``gaussians`` of this width.

        Raises
        ------
        ValueError
            If the arrays do not belong together, or not to the segment.
        """
        found = cls(edges, *(arrays[name] for name in ARRAYS))
        n, rank = int(_row_edges(edges)[-1]), found.rows.shape[-1]
        shapes = [array.shape for array in found.arrays().values()]
        if shapes != [(n, rank), (n, 2), (1 + rank, width)] or not np.isfinite(found.axes).all():
            raise ValueError("the reduced rows do not belong together")
        return found

    def bounds(self, windows: np.ndarray) -> np.ndarray:
        """Return the first row of tracks and one past their last, from the same of their windows, both shape (m, 2)."""
        # Tracks without windows share an edge with others, and have no rows: any of these will do.
        return np.asarray(_row_edges(self.edges)[np.searchsorted(self.edges, windows)])

    def least(self, query: Packed, bounds: np.ndarray) -> np.ndarray:
        """Return about the least J_1 of each of a snippet's windows in some tracks.

        Parameters
        ----------
        query : Packed
            n Gaussians.
        bounds : np.ndarray, shape (m, 2), int64
            Of the tracks, from :meth:`bounds`.

        Returns
        -------
        np.ndarray, shape (n, m), float32
            Nats, with errors that may make them negative; infinite where nothing can be heard.
        """
        theta, s = query.theta[:, 0, :-1], query.s[:, 0, :-1]
        mean, axes = self.axes[0], self.axes[1:]
        y = np.concatenate([s, theta], axis=1) - _swapped(mean)
        out = np.full((len(bounds), len(y)), np.inf, np.float32)
        _least(np.ascontiguousarray(y @ axes.T, np.float32), self.rows, self.terms, bounds, out)
        return out.T + ((theta * s).sum(axis=1) - y @ mean).astype(np.float32)[:, None]


def build(edges: np.ndarray, gaussians: np.ndarray, terms: np.ndarray, silent: np.ndarray) -> Iterator[Reduced]:
    """Reduce the windows of tracks, some at a time, so that memory does not grow with them.

    Parameters
    ----------
    edges : np.ndarray, shape (n_tracks + 1,), int64
        First window of each track, and the number n of all.
    gaussians, terms : np.ndarray
        n windows from :func:`~classifier.index.gaussians.quantise`.
    silent : np.ndarray, shape (n,)
        1 for windows that do not count.

    Yields
    ------
    Reduced
        The next rows; the axes are the same each time.
    """
    window = _chosen(edges, silent)
    audible = window[silent[window] == 0]
    some = audible[np.unique(np.linspace(0, max(0, len(audible) - 1), min(len(audible), _SAMPLE)).astype(np.int64))]
    mean, into, axes = _axes(_vectors(gaussians[some], terms[some]))
    for first in range(0, max(1, len(window)), _CHUNK):
        part = window[first : first + _CHUNK]
        x = _vectors(gaussians[part], terms[part])
        values = (x - mean) @ into.T
        scale = np.maximum(np.abs(values).max(axis=1, initial=0.0), 1e-30) / _TOP
        constant = np.where(silent[part], np.inf, terms[part, 0] - x @ _swapped(mean))
        yield Reduced(
            edges,
            np.rint(values / scale[:, None]).astype(np.int8),
            np.stack([constant, scale], axis=1).astype(np.float32),
            np.concatenate([mean[None], axes]),
        )


def n_bytes(n_tracks: int, n_windows: int, width: int) -> int:
    """Return the most that the arrays take for so many tracks and windows, whose ``gaussians`` are so wide."""
    return (n_tracks + n_windows // STEP) * (RANK + 2 * 4) + (1 + RANK) * width * 8


def joined(pieces: Sequence[Reduced]) -> Reduced:
    """Put rows that came one after another together; one piece at least."""
    rows, terms = (np.concatenate([getattr(piece, name) for piece in pieces]) for name in ("rows", "terms"))
    return Reduced(pieces[0].edges, rows, terms, pieces[0].axes)


def _row_edges(edges: np.ndarray) -> np.ndarray:
    """First row of each track, and the number of all rows."""
    return np.concatenate([[0], np.cumsum(-(-np.diff(edges) // STEP))])


def _chosen(edges: np.ndarray, silent: np.ndarray) -> np.ndarray:
    """Return the window of each row: the first audible one of those it stands for, or the first."""
    rows = _row_edges(edges)
    counts = np.diff(rows)
    first = np.repeat(edges[:-1], counts) + STEP * (np.arange(rows[-1]) - np.repeat(rows[:-1], counts))
    last, chosen = np.repeat(edges[1:], counts) - 1, first
    for further in reversed(range(STEP)):
        window = np.minimum(first + further, last)
        chosen = np.where(silent[window] == 0, window, chosen)
    return chosen


def _vectors(gaussians: np.ndarray, terms: np.ndarray) -> np.ndarray:
    """Return [theta, s] of windows, shape (n, D), float64."""
    return np.asarray(gaussians * np.repeat(terms[:, 1:].astype(np.float64), gaussians.shape[1] // 2, axis=1))


def _swapped(vectors: np.ndarray) -> np.ndarray:
    """Return [s, theta] of [theta, s], and the other way round."""
    return np.roll(vectors, vectors.shape[-1] // 2, axis=-1)


def _axes(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the mean of vectors, and what gives the numbers of a window and a snippet's, both shape (k, D)."""
    width = x.shape[1]
    mean = x.mean(axis=0) if len(x) else np.zeros(width)
    covariance = (x - mean).T @ (x - mean) / max(1, len(x))
    variance, axes = np.linalg.eigh(_swapped(_swapped(covariance).T))
    deviation = np.sqrt(np.maximum(variance, max(_LEAST * variance[-1], 1e-30)))
    root = deviation[:, None] * axes.T  # L^T
    spread, components = np.linalg.eigh(root @ covariance @ root.T)
    kept = components[:, ::-1][:, :RANK].T
    unit = np.sqrt(np.maximum(spread[::-1][:RANK], max(_LEAST * spread[-1], 1e-30)))[:, None]
    return mean, kept @ root / unit, unit * (kept @ (axes / deviation).T)


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract"}, boundscheck=False)
def _least(query: Any, rows: Any, terms: Any, bounds: Any, out: Any) -> None:  # pragma: no cover - compiled
    """Lower each entry of ``out`` to the least term less product of a track; sums run over contiguous entries."""
    for track in range(bounds.shape[0]):
        for row in range(bounds[track, 0], bounds[track, 1]):
            for q in range(query.shape[0]):
                product = np.float32(0)
                for k in range(rows.shape[1]):
                    product += query[q, k] * np.float32(rows[row, k])
                out[track, q] = min(out[track, q], terms[row, 0] - product * terms[row, 1])
