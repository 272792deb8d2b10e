"""Batched EM against scikit-learn's, and the algebra of packed statistics."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from classifier.mixtures import gmm
from classifier.mixtures.gmm import Mixtures

FLOOR = 1e-2


def windows(rng: np.random.Generator, n: int, t: int = 316, d: int = 13) -> np.ndarray:
    """Frames drawn from a few overlapping clusters, different in each window."""
    centres = rng.standard_normal((n, 4, d)) * 1.5
    shape = rng.standard_normal((n, 4, d, d)) * 0.4 + np.eye(d)
    label = rng.integers(0, 4, (n, t))
    noise = rng.standard_normal((n, t, d))
    pick = np.arange(n)[:, None]
    return centres[pick, label] + np.einsum("ntij,ntj->nti", shape[pick, label], noise)


def start(rng: np.random.Generator, kind: str, k: int = 6, d: int = 13) -> Mixtures:
    weights = rng.dirichlet(np.full(k, 5.0))[None]
    means = rng.standard_normal((1, k, d))
    roots = rng.standard_normal((1, k, d, d)) * 0.2 + np.eye(d)
    covariances = roots @ roots.swapaxes(-1, -2)
    return Mixtures(weights, means, covariances if kind == "full" else np.einsum("nkii->nki", covariances).copy())


@pytest.mark.parametrize("kind", ["full", "diag"])
@pytest.mark.parametrize("steps", [1, 3, 10])
def test_em_agrees_with_scikit_learn(rng, kind, steps):
    """From the same start, after the same number of iterations: parameters to 1e-4 relative."""
    x, begin = windows(rng, 3), start(rng, kind)
    ours = gmm.fit(x, begin, floor=FLOOR, relevance=0, max_iterations=steps, tolerance=0)
    precisions = np.linalg.inv(begin.covariances[0]) if kind == "full" else 1 / begin.covariances[0]
    for i in range(len(x)):
        theirs = GaussianMixture(
            6,
            covariance_type=kind,
            tol=0,
            reg_covar=FLOOR,
            max_iter=steps,
            weights_init=begin.weights[0],
            means_init=begin.means[0],
            precisions_init=precisions,
        )
        with pytest.warns(ConvergenceWarning):
            theirs.fit(x[i])
        np.testing.assert_allclose(ours.weights[i], theirs.weights_, rtol=1e-4)
        np.testing.assert_allclose(ours.means[i], theirs.means_, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(ours.covariances[i], theirs.covariances_, rtol=1e-4, atol=1e-6)


def test_float32_is_close_to_float64(rng):
    x, begin = windows(rng, 4), start(rng, "full")
    exact, fast = (gmm.fit(x.astype(t), begin, floor=FLOOR) for t in (np.float64, np.float32))
    np.testing.assert_allclose(fast.means, exact.means, atol=2e-4)
    np.testing.assert_allclose(fast.covariances, exact.covariances, atol=2e-3)


def test_a_batch_is_its_windows_one_by_one(rng):
    x, begin = windows(rng, 5), start(rng, "full")
    together = gmm.fit(x, begin, floor=FLOOR, relevance=0, max_iterations=25, tolerance=1e-2)
    for i in range(5):
        alone = gmm.fit(x[i : i + 1], begin, floor=FLOOR, relevance=0, max_iterations=25, tolerance=1e-2)
        np.testing.assert_allclose(together.means[i], alone.means[0], atol=1e-9)


def test_likelihood_never_falls(rng):
    x, begin = windows(rng, 2), start(rng, "full")
    last = -np.inf
    for steps in range(1, 8):
        fitted = gmm.fit(x, begin, floor=1e-9, relevance=0, max_iterations=steps, tolerance=0)
        theta = gmm.natural(fitted.means, fitted.covariances, fitted.weights)
        likelihood = gmm.log_sum_exp(gmm.psi(x) @ theta.swapaxes(-1, -2)).mean()
        assert likelihood >= last - 1e-9
        last = likelihood


def test_map_stays_at_the_background_without_evidence_and_leaves_it_with_much(rng):
    x, begin = windows(rng, 1), start(rng, "full")
    strong = gmm.fit(x, begin, floor=1e-12, relevance=1e9)
    np.testing.assert_allclose(strong.means[0], begin.means[0], atol=1e-4)
    np.testing.assert_allclose(strong.covariances[0], begin.covariances[0], atol=1e-3)
    weak, none = (gmm.fit(x, begin, floor=FLOOR, relevance=r) for r in (1e-9, 0))
    np.testing.assert_allclose(weak.means, none.means, atol=1e-6)


def test_a_component_that_loses_all_frames_stays_finite(rng):
    x = np.zeros((1, 50, 3)) + rng.standard_normal((1, 50, 3)) * 1e-3
    begin = Mixtures(np.array([[0.5, 0.5]]), np.array([[[0.0] * 3, [1e3] * 3]]), np.tile(np.eye(3), (1, 2, 1, 1)))
    fitted = gmm.fit(x, begin, floor=FLOOR, relevance=0, max_iterations=5, tolerance=0)
    assert np.isfinite(fitted.means).all()
    assert np.isfinite(fitted.covariances).all()


@given(st.integers(1, 6), st.booleans(), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_natural_parameters_give_the_log_density(d, diagonal, seed):
    """theta . psi(x) = log w N(x; mu, S), against scipy."""
    from scipy.stats import multivariate_normal

    rng = np.random.default_rng(seed)
    mean, root = rng.standard_normal(d), rng.standard_normal((d, d)) + 2 * np.eye(d)
    covariance = root @ root.T
    if diagonal and d > 1:
        covariance = np.diag(np.diag(covariance))
    x = rng.standard_normal((7, d))
    packed = np.diag(covariance) if diagonal and d > 1 else covariance
    theta = gmm.natural(mean, packed, 0.3)
    expected = np.log(0.3) + multivariate_normal(mean, covariance).logpdf(x)
    np.testing.assert_allclose(gmm.psi(x, diagonal and d > 1) @ theta, expected, atol=1e-8)


@given(st.integers(2, 6), st.booleans(), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_expected_statistics_unpack_to_what_made_them(d, diagonal, seed):
    rng = np.random.default_rng(seed)
    mean, root = rng.standard_normal((3, d)), rng.standard_normal((3, d, d))
    full = root @ root.swapaxes(1, 2) + np.eye(d)
    covariance = np.einsum("nii->ni", full) if diagonal else full
    m, c = gmm.unpack(5 * gmm.expected_statistics(mean, covariance), d)
    np.testing.assert_allclose(m, mean, atol=1e-10)
    np.testing.assert_allclose(c, covariance, atol=1e-9)
    again = gmm.unpack_covariances(gmm.pack_covariances(covariance, diagonal), d)
    np.testing.assert_array_equal(again, covariance)


def gaussians(x: np.ndarray, floor: float, diagonal: bool = False) -> Mixtures:
    """One Gaussian for each window, of its frames' own mean and covariance, by NumPy."""
    covariances = np.stack([np.cov(window.T, bias=True) for window in x]) + floor * np.eye(x.shape[-1])
    if diagonal:
        covariances = np.einsum("nii->ni", covariances).copy()
    return Mixtures(np.ones((len(x), 1)), x.mean(axis=1)[:, None], covariances[:, None])


@pytest.mark.parametrize("diagonal", [False, True])
def test_a_collapsed_mixture_is_the_gaussian_of_all_its_frames(rng, diagonal):
    """Frames fall into unequal groups; the groups' Gaussians, weighed by size, collapse to that of all frames."""
    sizes = (50, 120, 30)
    groups = [
        rng.standard_normal((4, n, 3)) @ rng.standard_normal((3, 3)) + 2 * rng.standard_normal((4, 1, 3)) for n in sizes
    ]
    parts = [gaussians(group, 0.0, diagonal) for group in groups]
    mixtures = Mixtures(
        np.tile(np.array(sizes) / sum(sizes), (4, 1)),
        np.concatenate([part.means for part in parts], axis=1),
        np.concatenate([part.covariances for part in parts], axis=1),
    )
    found, wanted = gmm.collapse(mixtures), gaussians(np.concatenate(groups, axis=1), 0.0, diagonal)
    assert found.diagonal == diagonal
    for name in ("weights", "means", "covariances"):
        np.testing.assert_allclose(getattr(found, name), getattr(wanted, name), atol=1e-9)
        assert getattr(found, name).dtype == np.float64


def test_a_single_gaussian_collapses_to_itself(rng):
    one = gaussians(windows(rng, 3), FLOOR)
    for name in ("weights", "means", "covariances"):
        np.testing.assert_allclose(getattr(gmm.collapse(one), name), getattr(one, name), atol=1e-12)
    assert len(gmm.collapse(one[np.zeros(0, int)])) == 0
