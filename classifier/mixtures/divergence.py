"""Symmetric Kullback-Leibler divergence between Gaussian mixtures, as matrix products.

Conventions
-----------
- All divergences are symmetric, D(p||q) + D(q||p), in nats.
- Between single Gaussians the closed form is exact and an inner product: with theta and s of ``gmm.py``,
  D(a||b) = <theta_a - theta_b, s_a>, hence J(a, b) = c_a + c_b - <theta_a, s_b> - <theta_b, s_a>, c = <theta, s>.
- Mixtures have no closed form. ``symmetric_kl_aligned`` is exact for mixtures whose components carry labels (ours do:
  component k descends from the background's component k) and an upper bound otherwise; ``symmetric_kl_variational``
  (Hershey & Olsen 2007, eq. 18) is close to the truth; ``symmetric_kl_monte_carlo`` converges to it.

Derivations: docs/mathematics.md, "Divergence".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from classifier.mixtures.gmm import Mixtures, expected_statistics, log_sum_exp, natural, psi, unpack


@dataclass(frozen=True, slots=True)
class Packed:
    """N mixtures ready to be compared.

    Parameters
    ----------
    weights : np.ndarray, shape (N, K)
        Mixture weights.
    theta : np.ndarray, shape (N, K, P)
        Natural parameters with the log weight inside.
    s : np.ndarray, shape (N, K, P)
        Expected sufficient statistics.
    own : np.ndarray, shape (N,)
        Self terms sum_k w_k <theta_k, s_k>.
    """

    weights: np.ndarray
    theta: np.ndarray
    s: np.ndarray
    own: np.ndarray

    def __len__(self) -> int:
        return len(self.weights)

    @classmethod
    def of(cls, mixtures: Mixtures) -> Packed:
        """Pack mixtures, in float64."""
        arrays = (mixtures.weights, mixtures.means, mixtures.covariances)
        weights, means, covariances = (a.astype(np.float64) for a in arrays)
        theta, s = natural(means, covariances, weights), expected_statistics(means, covariances)
        return cls(weights, theta, s, (weights * (theta * s).sum(axis=-1)).sum(axis=1))

    def weighted_s(self) -> np.ndarray:
        """Return w_k s_k, shape (N, K, P)."""
        return self.weights[..., None] * self.s


def symmetric_kl_gaussian(a: Packed, b: Packed) -> np.ndarray:
    """J between every Gaussian of ``a`` and of ``b`` (K = 1): exact.

    Parameters
    ----------
    a, b : Packed
        m and n mixtures of one component.

    Returns
    -------
    np.ndarray, shape (m, n), float64
        Nats, >= 0.

    Examples
    --------
    >>> import numpy as np
    >>> a, b = (Packed.of(Mixtures(np.ones((1, 1)), np.array([[[m]]]), np.ones((1, 1, 1)))) for m in (0.0, 2.0))
    >>> round(float(symmetric_kl_gaussian(a, b)[0, 0]), 6)  # (2 - 0)^2 / 1
    4.0
    """
    return np.maximum(symmetric_kl_aligned(a, b), 0.0)


def coefficient_parts(a: Packed, b: Packed, d: int) -> np.ndarray:
    """Part of each coefficient in J between paired Gaussians (K = 1): exact, the parts add up to J.

    J = tr(A^-1 B + B^-1 A) / 2 - d + delta^T (A^-1 + B^-1) delta / 2, with covariances A and B and the difference of
    the means delta, is a sum over the diagonal and over the entries of delta (docs/mathematics.md, "Divergence").

    Parameters
    ----------
    a, b : Packed
        n mixtures of one component each, or one of them 1.
    d : int
        Dimension.

    Returns
    -------
    np.ndarray, shape (n, d), float64
        Nats. A part may be negative where coefficients depend on each other.

    Examples
    --------
    >>> import numpy as np
    >>> mean, far = np.array([[[0.0, 0.0]]]), np.array([[[2.0, 1.0]]])
    >>> a, b = (Packed.of(Mixtures(np.ones((1, 1)), m, np.ones((1, 1, 2)))) for m in (mean, far))
    >>> np.round(coefficient_parts(a, b, 2), 6).tolist()
    [[4.0, 1.0]]
    """
    (mean_a, one), (mean_b, two) = unpack(a.s[:, 0], d), unpack(b.s[:, 0], d)
    delta = mean_a - mean_b
    if one.ndim == 2:
        return (one / two + two / one) / 2 - 1 + delta**2 * (1 / one + 1 / two) / 2
    inverse_one, inverse_two = np.linalg.inv(one), np.linalg.inv(two)
    traces = (inverse_one * two + inverse_two * one).sum(axis=2)  # all of these are symmetric
    return traces / 2 - 1 + delta * ((inverse_one + inverse_two) @ delta[..., None])[..., 0] / 2


def symmetric_kl_aligned(a: Packed, b: Packed) -> np.ndarray:
    """J between component-labelled mixtures: an upper bound on J between the mixtures.

    J = sum_k (w_k - v_k)(log w_k - log v_k) + sum_k [w_k D(f_k||g_k) + v_k D(g_k||f_k)]
      = sum_k <theta_k^f - theta_k^g, w_k s_k^f - v_k s_k^g> (docs/mathematics.md, eq. 9).

    Parameters
    ----------
    a, b : Packed
        m and n mixtures with the same K and d.

    Returns
    -------
    np.ndarray, shape (m, n), float64
        Nats, >= 0 up to rounding; invariant when the components of both are permuted alike.

    Examples
    --------
    >>> import numpy as np
    >>> means = np.array([[[-3.0], [3.0]]])
    >>> a, b = (Packed.of(Mixtures(np.full((1, 2), 0.5), means + shift, np.ones((1, 2, 1)))) for shift in (0.0, 1.0))
    >>> round(float(symmetric_kl_aligned(a, b)[0, 0]), 6)
    1.0
    """
    m, n = len(a), len(b)
    cross = a.weighted_s().reshape(m, -1) @ b.theta.reshape(n, -1).T
    cross += a.theta.reshape(m, -1) @ b.weighted_s().reshape(n, -1).T
    return a.own[:, None] + b.own[None, :] - cross


def symmetric_kl_variational(a: Packed, b: Packed) -> np.ndarray:
    """J between mixtures by the variational approximation (Hershey & Olsen 2007, eq. 18), both directions added.

    With A_ij = <theta_j^g, s_i^f> the entropies of the components cancel:
    D(f||g) ~ sum_i w_i [lse_j A^ff_ij - lse_j A^fg_ij].

    Parameters
    ----------
    a, b : Packed
        m and n mixtures in the same dimension.

    Returns
    -------
    np.ndarray, shape (m, n), float64
        Nats; 0 for equal mixtures, exact for one component each; may fall slightly below 0.

    Examples
    --------
    >>> import numpy as np
    >>> means = np.array([[[-3.0], [3.0]]])
    >>> a, b = (Packed.of(Mixtures(np.full((1, 2), 0.5), means + shift, np.ones((1, 2, 1)))) for shift in (0.0, 1.0))
    >>> bool(abs(symmetric_kl_variational(a, a)[0, 0]) < 1e-9)
    True
    >>> bool(symmetric_kl_variational(a, b)[0, 0] <= symmetric_kl_aligned(a, b)[0, 0])
    True
    """
    m, k, p = a.theta.shape
    n, j, _ = b.theta.shape
    ab = (a.s.reshape(-1, p) @ b.theta.reshape(-1, p).T).reshape(m, k, n, j)
    ba = (a.theta.reshape(-1, p) @ b.s.reshape(-1, p).T).reshape(m, k, n, j).transpose(0, 3, 2, 1)
    forward = np.einsum("mk,mkn->mn", a.weights, log_sum_exp(ab))
    backward = np.einsum("nj,mjn->mn", b.weights, log_sum_exp(ba))
    return _variational_self(a)[:, None] + _variational_self(b)[None, :] - forward - backward


def _variational_self(x: Packed) -> np.ndarray:
    return (x.weights * log_sum_exp(x.s @ np.swapaxes(x.theta, 1, 2))).sum(axis=1)


def symmetric_kl_monte_carlo(
    a: Mixtures, b: Mixtures, n_samples: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """J between paired mixtures by sampling: unbiased, and the oracle of the tests.

    Parameters
    ----------
    a, b : Mixtures
        N mixtures each, compared pairwise (0 with 0, 1 with 1, ...).
    n_samples : int > 1
        Samples for each direction.
    rng : np.random.Generator
        Source of randomness.

    Returns
    -------
    estimate, standard_error : np.ndarray, shape (N,)
        Nats.

    Examples
    --------
    >>> import numpy as np
    >>> a, b = (Mixtures(np.ones((1, 1)), np.array([[[m]]]), np.ones((1, 1, 1))) for m in (0.0, 2.0))
    >>> estimate, error = symmetric_kl_monte_carlo(a, b, 20000, np.random.default_rng(1))
    >>> bool(abs(estimate[0] - 4.0) < 4 * error[0])
    True
    """
    estimate, error = np.empty(len(a)), np.empty(len(a))
    for i in range(len(a)):
        ratios = []
        for p, q in ((a, b), (b, a)):
            x = sample(p[i : i + 1], n_samples, rng)
            ratios.append(log_density(p[i : i + 1], x) - log_density(q[i : i + 1], x))
        estimate[i] = sum(r.mean() for r in ratios)
        error[i] = np.sqrt(sum(r.var(ddof=1) / n_samples for r in ratios))
    return estimate, error


def sample(mixture: Mixtures, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw ``n`` frames from one mixture, shape (n, d).

    Examples
    --------
    >>> import numpy as np
    >>> one = Mixtures(np.ones((1, 1)), np.array([[[5.0]]]), np.ones((1, 1, 1)))
    >>> frames = sample(one, 10000, np.random.default_rng(1))
    >>> frames.shape, round(float(frames.mean()))
    ((10000, 1), 5)
    """
    component = rng.choice(mixture.weights.shape[1], size=n, p=mixture.weights[0] / mixture.weights[0].sum())
    normal = rng.standard_normal((n, mixture.means.shape[-1]))
    if mixture.diagonal:
        return mixture.means[0, component] + normal * np.sqrt(mixture.covariances[0, component])
    roots = np.linalg.cholesky(mixture.covariances[0])
    return mixture.means[0, component] + (roots[component] @ normal[..., None])[..., 0]


def log_density(mixture: Mixtures, x: np.ndarray) -> np.ndarray:
    """Log density of frames ``x``, shape (n, d), under one mixture; shape (n,), nats.

    Examples
    --------
    >>> import numpy as np
    >>> one = Mixtures(np.ones((1, 1)), np.array([[[0.0]]]), np.ones((1, 1, 1)))
    >>> np.round(log_density(one, np.array([[0.0], [1.0]])), 4).tolist()  # -log(2 pi) / 2, and 1/2 less
    [-0.9189, -1.4189]
    """
    theta = natural(mixture.means[0], mixture.covariances[0], mixture.weights[0])
    return log_sum_exp(psi(x, mixture.diagonal) @ theta.T)
