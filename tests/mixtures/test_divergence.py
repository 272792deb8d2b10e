"""Divergences against closed forms, Monte Carlo and their own invariants."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from classifier.mixtures import gmm
from classifier.mixtures.divergence import (
    Packed,
    symmetric_kl_aligned,
    symmetric_kl_gaussian,
    symmetric_kl_monte_carlo,
    symmetric_kl_variational,
)
from classifier.mixtures.gmm import Mixtures
from tests.mixtures.test_gmm import gaussians, start, windows


def mixtures(rng: np.random.Generator, n: int, kind: str = "full") -> Mixtures:
    """Fitted mixtures of n different windows, all from one start."""
    return gmm.fit(windows(rng, n), start(rng, kind), relevance=5.0, max_iterations=3, tolerance=0)


def closed_form(m1, s1, m2, s2) -> float:
    """J of two Gaussians, written out with explicit inverses and determinants, both directions."""

    def one(ma, sa, mb, sb):
        inverse = np.linalg.inv(sb)
        gap = mb - ma
        trace = np.trace(inverse @ sa)
        return 0.5 * (trace + gap @ inverse @ gap - len(ma) + np.log(np.linalg.det(sb) / np.linalg.det(sa)))

    return one(m1, s1, m2, s2) + one(m2, s2, m1, s1)


@pytest.mark.parametrize("kind", ["full", "diag"])
def test_j_equals_the_closed_form(rng, kind):
    x = windows(rng, 6)
    g = gaussians(x, 1e-2, kind == "diag")
    j = symmetric_kl_gaussian(Packed.of(g), Packed.of(g))
    for a in range(6):
        for b in range(6):
            sa, sb = (g.covariances[i, 0] if kind == "full" else np.diag(g.covariances[i, 0]) for i in (a, b))
            assert j[a, b] == pytest.approx(closed_form(g.means[a, 0], sa, g.means[b, 0], sb), abs=1e-10, rel=1e-10)


def test_j_does_not_change_under_an_invertible_linear_map(rng):
    x = windows(rng, 5)
    a, shift = rng.standard_normal((13, 13)) + 3 * np.eye(13), rng.standard_normal(13)
    before, after = (gaussians(y, 1e-300) for y in (x, x @ a.T + shift))
    j, k = (symmetric_kl_gaussian(Packed.of(m), Packed.of(m)) for m in (before, after))
    np.testing.assert_allclose(k, j, atol=1e-7)


def test_small_diagonal_gaussian_by_hand():
    """N(0, 1) against N(1, 4): D = ln 2 + 2/8 - 1/2 and D' = -ln 2 + 5/2 - 1/2, together 1.75 nats."""
    one, two = (
        Packed.of(Mixtures(np.ones((1, 1)), np.full((1, 1, 2), m), np.full((1, 1, 2), v)))
        for m, v in ((0.0, 1.0), (1.0, 4.0))
    )
    assert symmetric_kl_gaussian(one, two)[0, 0] == pytest.approx(2 * 1.75)


@pytest.mark.parametrize("measure", [symmetric_kl_aligned, symmetric_kl_variational])
@pytest.mark.parametrize("kind", ["full", "diag"])
def test_a_mixture_does_not_diverge_from_itself_and_the_measure_is_symmetric(rng, measure, kind):
    m = mixtures(rng, 8, kind)
    a, b = Packed.of(m[:4]), Packed.of(m[4:])
    np.testing.assert_allclose(np.diagonal(measure(a, a)), 0, atol=1e-9)
    np.testing.assert_allclose(measure(a, b), measure(b, a).T, atol=1e-9)
    assert (measure(a, b) > 0).all()


def permuted(m: Mixtures, order: np.ndarray) -> Mixtures:
    return Mixtures(m.weights[:, order], m.means[:, order], m.covariances[:, order])


def test_variational_ignores_the_order_of_components_aligned_a_joint_one(rng):
    m, order = mixtures(rng, 6), rng.permutation(6)
    a, b = Packed.of(m[:3]), Packed.of(m[3:])
    pa, pb = Packed.of(permuted(m[:3], order)), Packed.of(permuted(m[3:], order))
    np.testing.assert_allclose(symmetric_kl_variational(pa, b), symmetric_kl_variational(a, b), atol=1e-9)
    np.testing.assert_allclose(symmetric_kl_aligned(pa, pb), symmetric_kl_aligned(a, b), atol=1e-9)
    assert not np.allclose(symmetric_kl_aligned(pa, b), symmetric_kl_aligned(a, b), rtol=1e-3)


def test_variational_ranks_like_monte_carlo(rng):
    """Spearman at least .98 over 150 seeded pairs of fitted mixtures."""
    m = mixtures(rng, 300)
    scale = np.linspace(0.05, 1.0, 150)  # pairs from near to far: the second half drifts away from the first
    second = Mixtures(
        m.weights[150:],
        m.means[:150] + scale[:, None, None] * (m.means[150:] - m.means[:150]),
        m.covariances[:150] + scale[:, None, None, None] * (m.covariances[150:] - m.covariances[:150]),
    )
    truth, _ = symmetric_kl_monte_carlo(m[:150], second, 4000, rng)
    ours = np.diagonal(symmetric_kl_variational(Packed.of(m[:150]), Packed.of(second)))
    assert spearmanr(ours, truth).statistic >= 0.98


def test_aligned_is_never_below_monte_carlo(rng):
    m = mixtures(rng, 80)
    truth, error = symmetric_kl_monte_carlo(m[:40], m[40:], 3000, rng)
    bound = np.diagonal(symmetric_kl_aligned(Packed.of(m[:40]), Packed.of(m[40:])))
    assert (bound >= truth - 4 * error).all()


def test_monte_carlo_agrees_with_the_closed_form_for_one_component(rng):
    g = gaussians(windows(rng, 8), 1e-2)
    exact = np.diagonal(symmetric_kl_gaussian(Packed.of(g[:4]), Packed.of(g[4:])))
    estimate, error = symmetric_kl_monte_carlo(g[:4], g[4:], 20000, rng)
    assert (np.abs(estimate - exact) < 5 * error).all()
    np.testing.assert_allclose(
        np.diagonal(symmetric_kl_variational(Packed.of(g[:4]), Packed.of(g[4:]))), exact, rtol=1e-9
    )


def test_aligned_equals_its_definition_written_out(rng):
    m = mixtures(rng, 4)
    a, b = m[:2], m[2:]
    j = symmetric_kl_aligned(Packed.of(a), Packed.of(b))
    for i in range(2):
        total = 0.0
        for k in range(6):
            w, v = a.weights[i, k], b.weights[i, k]
            pa = Mixtures(np.ones((1, 1)), a.means[i : i + 1, k : k + 1], a.covariances[i : i + 1, k : k + 1])
            pb = Mixtures(np.ones((1, 1)), b.means[i : i + 1, k : k + 1], b.covariances[i : i + 1, k : k + 1])
            ab, ba = _directed(pa, pb), _directed(pb, pa)
            total += (w - v) * np.log(w / v) + w * ab + v * ba
        assert j[i, i] == pytest.approx(total, rel=1e-9)


def _directed(a: Mixtures, b: Mixtures) -> float:
    """D(a || b) of two Gaussians by the textbook formula."""
    sa, sb, gap = a.covariances[0, 0], b.covariances[0, 0], b.means[0, 0] - a.means[0, 0]
    inverse = np.linalg.inv(sb)
    log_ratio = np.linalg.slogdet(sb)[1] - np.linalg.slogdet(sa)[1]
    return 0.5 * (np.trace(inverse @ sa) + gap @ inverse @ gap - len(gap) + log_ratio)
