"""A map: tracks as points of a plane, those that sound alike side by side.

The plane is laid out by t-SNE (van der Maaten & Hinton, JMLR 9, 2008) from each track's nearest neighbours by symmetric
KL divergence, which stands in the place of the squared distance. It starts from two principal components and uses no
chance, so that the same tracks make the same map. It shows neighbourhoods; distances between far points mean nothing.

Tracks that come later are placed among their nearest neighbours, and no other point moves for them.
"""

from __future__ import annotations

import numpy as np

from classifier.extras import needing
from classifier.likeness.sounds import Sounds, log_divergence, take
from classifier.mixtures.divergence import Packed
from classifier.mixtures.gmm import unpack

#: Most tracks that are laid out by t-SNE: in larger libraries these are spread evenly, and the others placed.
MOST = 5000
#: Neighbours that count, about: t-SNE's perplexity.
_PERPLEXITY = 30.0
#: Neighbours among which a later track is placed.
_PLACED_AMONG = 5
_STEPS = 500
_CHUNK = 1000


def lay_out(sounds: Sounds) -> np.ndarray:
    """Lay tracks out.

    Parameters
    ----------
    sounds : Sounds
        n tracks, n <= :data:`MOST`.

    Returns
    -------
    np.ndarray, shape (n, 2), float64
        Coordinates from 0 to 1, the larger extent filling all of it.

    Raises
    ------
    InvalidConfig
        Without scikit-learn.
    """
    n = len(sounds)
    start = _principal(sounds)
    if n < 5:  # no neighbourhoods to keep
        return _framed(start)
    with needing("labels", "the map of a library"):
        from scipy.sparse import csr_matrix
        from sklearn.manifold import TSNE
    perplexity = min(_PERPLEXITY, (n - 1) / 3)
    k = min(n - 1, int(3 * perplexity) + 1)
    columns, distances = np.empty((n, k + 1), np.int64), np.empty((n, k + 1))
    for first in range(0, n, _CHUNK):
        block = np.arange(first, min(n, first + _CHUNK))
        far = log_divergence(take(sounds.gaussians, block), sounds.gaussians)
        far[np.arange(len(block)), block] = -np.inf  # a track itself comes first, at no distance
        nearest = np.argpartition(far, k, axis=1)[:, : k + 1]
        near = np.take_along_axis(far, nearest, axis=1)
        order = np.lexsort((nearest, near), axis=1)
        columns[block] = np.take_along_axis(nearest, order, axis=1)
        # t-SNE squares the distances that it is given.
        distances[block] = np.exp(np.take_along_axis(near, order, axis=1) / 2)
    graph = csr_matrix((distances.ravel(), columns.ravel(), np.arange(0, n * (k + 1) + 1, k + 1)), shape=(n, n))
    spread = start.std(axis=0)
    tsne = TSNE(
        metric="precomputed",
        init=(1e-4 * start / max(float(spread[0]), 1e-12)).astype(np.float32),
        perplexity=perplexity,
        max_iter=_STEPS,
        random_state=0,
        n_jobs=1,
    )
    return _framed(tsne.fit_transform(graph).astype(np.float64))


def place(new: Packed, known: Packed, places: np.ndarray) -> np.ndarray:
    """Place tracks on a map that exists: at the mean of their nearest neighbours, the nearer the heavier.

    Parameters
    ----------
    new : Packed
        m tracks.
    known : Packed
        n >= 1 tracks of the map.
    places : np.ndarray, shape (n, 2)
        Where these are.

    Returns
    -------
    np.ndarray, shape (m, 2)
    """
    k = min(_PLACED_AMONG, len(known))
    out = np.empty((len(new), 2))
    for first in range(0, len(new), _CHUNK):
        block = slice(first, min(len(new), first + _CHUNK))
        far = log_divergence(take(new, block), known)
        nearest = np.sort(np.argpartition(far, k - 1, axis=1)[:, :k], axis=1)
        weights = np.exp(-np.take_along_axis(far, nearest, axis=1))
        out[block] = np.einsum("mk,mkc->mc", weights / weights.sum(axis=1, keepdims=True), places[nearest])
    return out


def _principal(sounds: Sounds) -> np.ndarray:
    """First two principal components of means and logarithms of deviations, shape (n, 2); signs are fixed."""
    means, covariances = unpack(sounds.gaussians.s[:, 0], sounds.d)
    variances = covariances if covariances.ndim == 2 else np.diagonal(covariances, axis1=1, axis2=2)
    values = np.concatenate([means, np.log(variances)], axis=1)
    if len(values) < 2:
        return np.zeros((len(values), 2))
    values = values - values.mean(axis=0)
    left, size, axes = np.linalg.svd(values, full_matrices=False)
    signs = np.sign(axes[np.arange(2), np.abs(axes[:2]).argmax(axis=1)])
    return np.asarray(left[:, :2] * size[:2] * np.where(signs == 0, 1.0, signs))


def _framed(points: np.ndarray) -> np.ndarray:
    """Move and scale points so that the larger extent reaches from 0 to 1, and the other lies in the middle."""
    if not len(points):
        return points
    low, high = points.min(axis=0), points.max(axis=0)
    extent = float((high - low).max())
    return np.clip((points - (low + high) / 2) / (extent if extent > 0 else 1.0) + 0.5, 0.0, 1.0)
