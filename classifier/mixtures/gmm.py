"""Gaussian mixtures: batched EM and MAP, moments, background mixtures.

Conventions
-----------
- d is the dimension, K the components of a mixture, N the number of mixtures or windows, T frames.
- Covariances are full, shape (..., d, d), or diagonal, shape (..., d).
- With psi(x) = [x, x_i x_j (i <= j), 1] (diagonal: [x, x^2, 1]) a weighted Gaussian is log-linear:
  log w N(x; mu, S) = theta . psi(x). ``natural`` gives theta, ``expected_statistics`` gives s = E[psi(x)].
  The E-step is Psi @ theta^T, the M-step R^T @ Psi: two matrix products for all windows at once.

Sources: Dempster, Laird & Rubin 1977 (EM); Gauvain & Lee 1994, Reynolds, Quatieri & Dunn 2000 (MAP from a background
mixture).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

_LOG_2PI = float(np.log(2 * np.pi))


@dataclass(frozen=True, slots=True)
class Mixtures:
    """N mixtures of K Gaussians.

    Parameters
    ----------
    weights : np.ndarray, shape (N, K)
        Positive, summing to 1 over K.
    means : np.ndarray, shape (N, K, d)
        In standardised delta-MFCC units.
    covariances : np.ndarray, shape (N, K, d, d) or (N, K, d)
        Positive definite; the second shape is diagonal.
    """

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray

    def __len__(self) -> int:
        return len(self.weights)

    def __getitem__(self, index: slice | np.ndarray) -> Mixtures:
        return Mixtures(self.weights[index], self.means[index], self.covariances[index])

    @property
    def diagonal(self) -> bool:
        """Whether the covariances are diagonal."""
        return self.covariances.ndim == self.means.ndim


@lru_cache(maxsize=8)
def _triangle(d: int) -> tuple[np.ndarray, np.ndarray]:
    return np.triu_indices(d)


def packed_length(d: int, diagonal: bool) -> int:
    """Length of psi(x): 105 for 13 full dimensions, 27 for 13 diagonal ones.

    Examples
    --------
    >>> packed_length(13, diagonal=False), packed_length(13, diagonal=True)
    (105, 27)
    """
    return 2 * d + 1 if diagonal else d + d * (d + 1) // 2 + 1


def psi(x: np.ndarray, diagonal: bool = False) -> np.ndarray:
    """Sufficient statistics of frames.

    Parameters
    ----------
    x : np.ndarray, shape (..., d)
        Frames.
    diagonal : bool
        Leave out cross products.

    Returns
    -------
    np.ndarray, shape (..., packed_length(d, diagonal))
        [x, x_i x_j (i <= j), 1], or [x, x^2, 1]; the dtype of ``x``.

    Examples
    --------
    >>> import numpy as np
    >>> psi(np.array([2.0, 3.0])).tolist()
    [2.0, 3.0, 4.0, 6.0, 9.0, 1.0]
    """
    d = x.shape[-1]
    out = np.empty((*x.shape[:-1], packed_length(d, diagonal)), dtype=x.dtype)
    out[..., :d] = x
    if diagonal:
        np.square(x, out=out[..., d:-1])
    else:
        at = d
        for i in range(d):
            np.multiply(x[..., i : i + 1], x[..., i:], out=out[..., at : at + d - i])
            at += d - i
    out[..., -1] = 1
    return out


def expected_statistics(means: np.ndarray, covariances: np.ndarray) -> np.ndarray:
    """E[psi(x)] of Gaussians.

    Parameters
    ----------
    means : np.ndarray, shape (..., d)
        Means.
    covariances : np.ndarray, shape (..., d, d) or (..., d)
        Covariances.

    Returns
    -------
    np.ndarray, shape (..., packed_length)

    Examples
    --------
    >>> import numpy as np
    >>> expected_statistics(np.array([1.0, 2.0]), np.array([0.5, 0.5])).tolist()
    [1.0, 2.0, 1.5, 4.5, 1.0]
    """
    ones = np.ones_like(means[..., :1])
    if covariances.ndim == means.ndim:
        return np.concatenate([means, covariances + means**2, ones], axis=-1)
    rows, columns = _triangle(means.shape[-1])
    second = covariances[..., rows, columns] + means[..., rows] * means[..., columns]
    return np.concatenate([means, second, ones], axis=-1)


def natural(means: np.ndarray, covariances: np.ndarray, weights: np.ndarray | float = 1.0) -> np.ndarray:
    """Return theta with theta . psi(x) = log(weight * N(x; mean, covariance)).

    Parameters
    ----------
    means : np.ndarray, shape (..., d)
        Means.
    covariances : np.ndarray, shape (..., d, d) or (..., d)
        Covariances.
    weights : np.ndarray, shape (...), or float
        Positive weights.

    Returns
    -------
    np.ndarray, shape (..., packed_length)

    Examples
    --------
    >>> import numpy as np
    >>> theta = natural(np.array([1.0]), np.array([4.0]))
    >>> density = float(np.exp(theta @ psi(np.array([3.0]), diagonal=True)))
    >>> round(density, 4)  # of N(1, 4) at 3: exp(-1/2) / sqrt(8 pi)
    0.121
    """
    d = means.shape[-1]
    if covariances.ndim == means.ndim:
        linear = means / covariances
        quadratic = -0.5 / covariances
        log_det = np.log(covariances).sum(axis=-1)
    else:
        precisions = np.linalg.inv(covariances)
        linear = (precisions @ means[..., None])[..., 0]
        rows, columns = _triangle(d)
        quadratic = np.where(rows == columns, -0.5, -1.0) * precisions[..., rows, columns]
        log_det = np.linalg.slogdet(covariances)[1]
    constant = np.log(weights) - 0.5 * ((means * linear).sum(axis=-1) + log_det + d * _LOG_2PI)
    return np.concatenate([linear, quadratic, constant[..., None]], axis=-1)


def unpack(statistics: np.ndarray, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Means and covariances from sums (or means) of psi.

    Parameters
    ----------
    statistics : np.ndarray, shape (..., packed_length)
        Weighted sums of psi(x); the last entry is the sum of weights.
    d : int
        Dimension; together with the length it tells whether covariances are full or diagonal.

    Returns
    -------
    means : np.ndarray, shape (..., d)
    covariances : np.ndarray, shape (..., d, d) or (..., d)

    Examples
    --------
    >>> import numpy as np
    >>> frames = np.array([[0.0, 0.0], [2.0, 2.0], [0.0, 2.0], [2.0, 0.0]])
    >>> mean, covariance = unpack(psi(frames).sum(axis=0), 2)
    >>> mean.tolist(), covariance.tolist()
    ([1.0, 1.0], [[1.0, 0.0], [0.0, 1.0]])
    """
    statistics = statistics / statistics[..., -1:]
    means = statistics[..., :d]
    if statistics.shape[-1] == packed_length(d, True) != packed_length(d, False):
        return means, statistics[..., d:-1] - means**2
    return means, unpack_covariances(statistics[..., d:-1], d) - means[..., :, None] * means[..., None, :]


def pack_covariances(covariances: np.ndarray, diagonal: bool) -> np.ndarray:
    """Return the upper triangles of full covariances, shape (..., d (d + 1) / 2); diagonal ones unchanged.

    Examples
    --------
    >>> import numpy as np
    >>> pack_covariances(np.array([[2.0, 0.5], [0.5, 3.0]]), diagonal=False).tolist()
    [2.0, 0.5, 3.0]
    """
    if diagonal:
        return covariances
    rows, columns = _triangle(covariances.shape[-1])
    return covariances[..., rows, columns]


def unpack_covariances(packed: np.ndarray, d: int) -> np.ndarray:
    """Invert :func:`pack_covariances`.

    Examples
    --------
    >>> import numpy as np
    >>> unpack_covariances(np.array([2.0, 0.5, 3.0]), 2).tolist()
    [[2.0, 0.5], [0.5, 3.0]]
    """
    if packed.shape[-1] == d and d > 1:
        return packed
    rows, columns = _triangle(d)
    full = np.empty((*packed.shape[:-1], d, d), dtype=packed.dtype)
    full[..., rows, columns] = packed
    full[..., columns, rows] = packed
    return full


def add_floor(covariances: np.ndarray, floor: float, diagonal: bool) -> np.ndarray:
    """Add ``floor`` to every variance.

    Examples
    --------
    >>> import numpy as np
    >>> add_floor(np.eye(2), 0.5, diagonal=False).tolist()
    [[1.5, 0.0], [0.0, 1.5]]
    """
    return covariances + (floor if diagonal else floor * np.eye(covariances.shape[-1], dtype=covariances.dtype))


def log_sum_exp(x: np.ndarray) -> np.ndarray:
    """Log of the sum of exponentials over the last axis, with the maximum subtracted first.

    Examples
    --------
    >>> import numpy as np
    >>> round(float(log_sum_exp(np.array([1000.0, 1000.0]))), 4)  # 1000 + log 2
    1000.6931
    """
    top = x.max(axis=-1, keepdims=True)
    return np.log(np.exp(x - top).sum(axis=-1)) + top[..., 0]


def em_step(
    statistics: np.ndarray, theta: np.ndarray, d: int, floor: float, prior: np.ndarray | float = 0.0
) -> tuple[Mixtures, np.ndarray]:
    """One EM (or, with a prior, MAP) step for many windows.

    Parameters
    ----------
    statistics : np.ndarray, shape (N, T, P)
        psi of every frame.
    theta : np.ndarray, shape (N, K, P) or (K, P)
        Natural parameters of the current mixtures, weights included.
    d : int
        Dimension of the frames.
    floor : float > 0
        Added to every variance.
    prior : np.ndarray, shape (K, P), or 0
        Sums of psi that the prior adds, as if seen before.

    Returns
    -------
    mixtures : Mixtures
        N mixtures after the step, float64.
    log_likelihood : np.ndarray, shape (N,)
        Mean over frames, nats, *before* the step.

    Examples
    --------
    >>> import numpy as np
    >>> frames = np.random.default_rng(1).normal(2.0, 1.0, (1, 500, 1))
    >>> start = natural(np.array([[0.0]]), np.array([[1.0]]), np.ones(1))
    >>> after, likelihood = em_step(psi(frames, diagonal=True), start, 1, 0.01)
    >>> bool(np.isclose(after.means[0, 0, 0], frames.mean())), likelihood.shape
    (True, (1,))
    """
    scores = statistics @ np.swapaxes(theta, -1, -2).astype(statistics.dtype)
    top = scores.max(axis=-1, keepdims=True)
    responsibilities = np.exp(scores - top)
    total = responsibilities.sum(axis=-1, keepdims=True)
    responsibilities /= total
    log_likelihood = (np.log(total[..., 0]) + top[..., 0]).mean(axis=-1, dtype=np.float64)
    sums = (np.swapaxes(responsibilities, -1, -2) @ statistics).astype(np.float64) + prior
    # A component that loses all its frames keeps a trace of one, so that its parameters stay finite.
    sums[..., -1] = np.maximum(sums[..., -1], 10 * np.finfo(np.float64).eps)
    means, covariances = unpack(sums, d)
    weights = sums[..., -1] / sums[..., -1].sum(axis=-1, keepdims=True)
    return Mixtures(weights, means, add_floor(covariances, floor, covariances.ndim == means.ndim)), log_likelihood


def fit(
    x: np.ndarray,
    start: Mixtures,
    *,
    floor: float = 1e-2,
    relevance: float = 5.0,
    max_iterations: int = 1,
    tolerance: float = 1e-3,
) -> Mixtures:
    """Fit one mixture to each window, all from the same start.

    Parameters
    ----------
    x : np.ndarray, shape (N, T, d)
        Standardised frames of N windows; float64 for exactness, float32 for speed.
    start : Mixtures
        One mixture (N = 1): the background. Its covariance type is that of the result.
    floor : float > 0
        Added to every variance.
    relevance : float >= 0
        Component k starts with relevance * K * w_k pseudo-frames of the background, second moments included (eq. 6;
        Reynolds et al. 2000 give every component the same count); 0 is maximum likelihood.
    max_iterations : int >= 1
        Most steps taken.
    tolerance : float >= 0
        A window stops when a step changes its likelihood by less than this, in nats a frame.

    Returns
    -------
    Mixtures
        N mixtures, float64; component k descends from component k of ``start``.

    Examples
    --------
    >>> import numpy as np
    >>> start = Mixtures(np.full((1, 2), 0.5), np.array([[[-1.0, 0.0], [1.0, 0.0]]]), np.ones((1, 2, 2)))
    >>> rng = np.random.default_rng(1)
    >>> frames = np.concatenate([rng.normal(-4, 1, (1, 300, 2)), rng.normal(4, 1, (1, 300, 2))], axis=1)
    >>> fitted = fit(frames, start, relevance=0.0, max_iterations=50)
    >>> np.rint(fitted.means[0, :, 0]).tolist(), np.round(fitted.weights[0], 1).tolist()
    ([-4.0, 4.0], [0.5, 0.5])
    """
    n, _, d = x.shape
    k = start.weights.shape[1]
    statistics = psi(x, start.diagonal)
    prior: np.ndarray | float = 0.0
    if relevance:
        prior = (relevance * k * start.weights[0])[:, None] * expected_statistics(start.means[0], start.covariances[0])
    theta = natural(start.means[0], start.covariances[0], start.weights[0])
    result = Mixtures(
        *(np.repeat(a.astype(np.float64), n, axis=0) for a in (start.weights, start.means, start.covariances))
    )
    active = np.arange(n)
    previous = np.full(n, -np.inf)
    for iteration in range(max_iterations):
        step, likelihood = em_step(statistics[active] if len(active) < n else statistics, theta, d, floor, prior)
        result.weights[active], result.means[active], result.covariances[active] = (
            step.weights,
            step.means,
            step.covariances,
        )
        going = np.abs(likelihood - previous[active]) >= tolerance
        previous[active] = likelihood
        active = active[going]
        if iteration + 1 == max_iterations or not len(active):
            break
        theta = natural(result.means[active], result.covariances[active], result.weights[active])
    return result


def collapse(mixtures: Mixtures) -> Mixtures:
    """Collapse each mixture to the one Gaussian that has its mean and covariance.

    Parameters
    ----------
    mixtures : Mixtures
        N mixtures of K components in d dimensions.

    Returns
    -------
    Mixtures
        N mixtures of one component, float64, full or diagonal as ``mixtures``.

    Examples
    --------
    >>> import numpy as np
    >>> two = Mixtures(np.array([[0.5, 0.5]]), np.array([[[-1.0], [1.0]]]), np.ones((1, 2, 1)))
    >>> one = collapse(two)
    >>> float(one.means[0, 0, 0]), float(one.covariances[0, 0, 0])
    (0.0, 2.0)
    """
    weights, means = mixtures.weights.astype(np.float64), mixtures.means.astype(np.float64)
    mean = np.einsum("nk,nki->ni", weights, means)
    apart = means - mean[:, None]
    if mixtures.diagonal:
        covariances = np.einsum("nk,nki->ni", weights, mixtures.covariances + np.square(apart))
    else:
        covariances = np.einsum("nk,nkij->nij", weights, mixtures.covariances)
        covariances += np.einsum("nk,nki,nkj->nij", weights, apart, apart)
    return Mixtures(np.ones((len(mean), 1)), mean[:, None], covariances[:, None])
