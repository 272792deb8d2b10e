"""Whole tracks as Gaussians: the same as from all windows, in whatever order; parts of coefficients add up."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.index.segment import Segment
from classifier.index.snapshot import Snapshot
from classifier.likeness.sounds import Sounds, log_divergence, of_windows, take
from classifier.mixtures.divergence import Packed, coefficient_parts, symmetric_kl_gaussian, symmetric_kl_monte_carlo
from classifier.mixtures.gmm import Mixtures, collapse
from classifier.models.track import TrackModel
from tests.search.toys import mixtures, model

#: What sixteen bits change of a divergence that is not small.
ROUNDED = 2e-2


def pooled(made: TrackModel) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of everything that can be heard in a track, by the law of total covariance."""
    audible = ~made.silent.astype(bool)
    weights = (made.mixtures.weights[audible] / audible.sum()).ravel().astype(np.float64)
    means = made.mixtures.means[audible].reshape(len(weights), -1).astype(np.float64)
    covariances = made.mixtures.covariances[audible].reshape(len(weights), means.shape[1], -1).astype(np.float64)
    if made.mixtures.diagonal:
        covariances = np.stack([np.diag(c.ravel()) for c in covariances])
    mean = weights @ means
    apart = means - mean
    return mean, np.einsum("k,kij->ij", weights, covariances) + np.einsum("k,ki,kj->ij", weights, apart, apart)


def snapshot_of(**models: TrackModel) -> Snapshot:
    segment = Segment.build([(name, 1, made) for name, made in models.items()])
    return Snapshot((segment,), frozenset(e.key for e in segment.entries))


def test_a_track_is_the_gaussian_of_all_its_windows() -> None:
    models = {f"t{seed}": model(seed, n_windows=5) for seed in range(4)}
    d = models["t0"].mixtures.means.shape[-1]
    sounds = Sounds.of(snapshot_of(**models), d)
    assert sounds.ids == sorted(models)
    truth = [pooled(made) for _, made in sorted(models.items())]
    means, covariances = np.array([m for m, _ in truth]), np.array([c for _, c in truth])
    exact = Packed.of(Mixtures(np.ones((4, 1)), means[:, None], covariances[:, None]))
    wanted = symmetric_kl_gaussian(exact, exact)
    found = np.exp(log_divergence(sounds.gaussians, sounds.gaussians))
    apart = ~np.eye(4, dtype=bool)
    np.testing.assert_allclose(found[apart], wanted[apart], rtol=ROUNDED)
    for made, (mean, _) in zip((models[name] for name in sorted(models)), truth, strict=True):
        own = of_windows(made.mixtures, ~made.silent.astype(bool))
        assert own is not None
        np.testing.assert_allclose(own.s[0, 0, :d], mean, atol=1e-6)


def test_what_is_silent_counts_nowhere() -> None:
    loud, quiet = model(1, n_windows=4), model(2, n_windows=3)
    quiet.silent[:] = 1
    sounds = Sounds.of(snapshot_of(loud=loud, quiet=quiet), loud.mixtures.means.shape[-1])
    assert sounds.ids == ["loud"]
    assert of_windows(quiet.mixtures, np.zeros(3, bool)) is None
    empty = Sounds.of(Snapshot((), frozenset()), 13)
    assert (len(empty), empty.ids) == (0, [])


def test_what_has_not_changed_is_taken_over() -> None:
    models = {f"t{seed}": model(seed, n_windows=3) for seed in range(3)}
    d = models["t0"].mixtures.means.shape[-1]
    before = Sounds.of(snapshot_of(t0=models["t0"], t1=models["t1"]), d)
    before.statistics[:] += 0.25  # a mark: what is computed anew does not bear it
    after = Sounds.of(snapshot_of(**models), d, before)
    fresh = Sounds.of(snapshot_of(**models), d)
    np.testing.assert_array_equal(after.statistics[:2], fresh.statistics[:2] + 0.25)
    np.testing.assert_array_equal(after.statistics[2], fresh.statistics[2])


@pytest.mark.parametrize("diagonal", [False, True])
def test_parts_add_up_and_are_those_of_the_closed_form(rng: np.random.Generator, diagonal: bool) -> None:
    d, n = 5, 6
    a, b = (collapse(mixtures(rng, n, 1, d, diagonal=diagonal)) for _ in range(2))
    parts = coefficient_parts(Packed.of(a), Packed.of(b), d)
    whole = np.diagonal(symmetric_kl_gaussian(Packed.of(a), Packed.of(b)))
    np.testing.assert_allclose(parts.sum(axis=1), whole, rtol=1e-9)
    for i in range(n):
        one, two = (np.diag(m.covariances[i, 0]) if diagonal else m.covariances[i, 0] for m in (a, b))
        delta = a.means[i, 0] - b.means[i, 0]
        inverses = np.linalg.inv(one) + np.linalg.inv(two)
        traces = np.diag(np.linalg.solve(one, two) + np.linalg.solve(two, one))
        wanted = [traces[j] / 2 - 1 + delta[j] * sum(inverses[j] * delta) / 2 for j in range(d)]
        np.testing.assert_allclose(parts[i], wanted, rtol=1e-6, atol=1e-9)
    moved = Mixtures(a.weights, a.means + 3.0, a.covariances), Mixtures(b.weights, b.means + 3.0, b.covariances)
    np.testing.assert_allclose(coefficient_parts(*map(Packed.of, moved), d), parts, rtol=1e-6, atol=1e-9)
    estimate, error = symmetric_kl_monte_carlo(a, b, 20_000, rng)
    assert (np.abs(estimate - whole) < 5 * error + 1e-6).all()


def test_one_coefficient_that_differs_has_all_of_it() -> None:
    covariances = np.stack([np.eye(4), np.diag([1.0, 1.0, 4.0, 1.0])])
    packed = Packed.of(Mixtures(np.ones((2, 1)), np.zeros((2, 1, 4)), covariances[:, None]))
    parts = coefficient_parts(take(packed, slice(0, 1)), take(packed, slice(1, 2)), 4)[0]
    np.testing.assert_allclose(parts, [0, 0, (4 + 1 / 4) / 2 - 1, 0], atol=1e-12)
