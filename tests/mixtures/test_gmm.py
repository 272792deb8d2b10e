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
    m, c = gmm.unpack(5 * gmm.expected(mean, covariance), d)
    np.testing.assert_allclose(m, mean, atol=1e-10)
    np.testing.assert_allclose(c, covariance, atol=1e-9)
    again = gmm.unpack_covariances(gmm.pack_covariances(covariance, diagonal), d)
    np.testing.assert_array_equal(again, covariance)


@pytest.mark.parametrize("diagonal", [False, True])
def test_sample_moments_are_numpys(rng, diagonal):
    x = windows(rng, 3)
    moments = gmm.sample_moments(x, FLOOR, diagonal)
    for i in range(3):
        covariance = np.cov(x[i].T, bias=True) + FLOOR * np.eye(13)
        np.testing.assert_allclose(moments.means[i, 0], x[i].mean(axis=0), atol=1e-12)
        np.testing.assert_allclose(
            moments.covariances[i, 0], np.diag(covariance) if diagonal else covariance, atol=1e-10
        )


@pytest.mark.parametrize("diagonal", [False, True])
def test_pooled_gaussians_are_those_of_the_frames_together(rng, diagonal):
    """Two windows of equally many frames: moments of each, pooled, equal the moments of all frames."""
    a, b = rng.standard_normal((3, 200, 4)), 2 + 3 * rng.standard_normal((3, 200, 4))
    floor = 1e-3
    apart = [gmm.sample_moments(x, floor, diagonal) for x in (a, b)]
    whole = gmm.sample_moments(np.concatenate([a, b], axis=1), floor, diagonal)
    together = gmm.pooled(*apart)
    np.testing.assert_allclose(together.means, whole.means, atol=1e-9)
    np.testing.assert_allclose(together.covariances, whole.covariances, atol=1e-9)
    assert together.diagonal == diagonal
    assert (together.weights == 1).all()
