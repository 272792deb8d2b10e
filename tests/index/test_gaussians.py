"""Gaussians in sixteen bits: their divergences are those of the exact ones, to one per cent."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.index.gaussians import divergences, least, quantise
from classifier.mixtures.divergence import Packed, symmetric_kl_gaussian
from classifier.mixtures.gmm import Mixtures, collapse
from tests.search import toys

#: Rounding to 32,767 steps on either side: less than a hundredth of any divergence above a tenth of a nat.
SHARE, NATS = 1e-2, 1e-3


def gaussians(rng: np.random.Generator, n: int, d: int, diagonal: bool, spread: float = 1.0) -> Mixtures:
    found = collapse(toys.mixtures(rng, n, 3, d, diagonal=diagonal))
    return Mixtures(found.weights, spread * found.means, found.covariances)


@pytest.mark.parametrize("diagonal", [False, True])
@pytest.mark.parametrize("d", [2, 13])
@pytest.mark.parametrize("spread", [0.0, 0.05, 1.0, 3.0])
def test_divergences_are_exact_to_one_per_cent(rng, d, diagonal, spread):
    """From Gaussians that differ in their covariances alone to some that are very far apart."""
    ours, theirs = (Packed.of(gaussians(rng, n, d, diagonal, spread)) for n in (5, 40))
    exact, found = symmetric_kl_gaussian(ours, theirs), divergences(ours, *quantise(theirs))
    assert (found.shape, found.dtype) == ((5, 40), np.float32)
    np.testing.assert_allclose(found, exact, rtol=SHARE, atol=NATS)


@pytest.mark.parametrize("diagonal", [False, True])
def test_a_gaussian_is_its_own_nearest(rng, diagonal):
    packed = Packed.of(gaussians(rng, 12, 13, diagonal))
    found = divergences(packed, *quantise(packed))
    np.testing.assert_allclose(np.diagonal(found), 0, atol=10 * NATS)
    np.testing.assert_array_equal(found.argmin(axis=1), np.arange(12))


def test_rows_are_integers_at_the_scale_of_each_half(rng):
    packed = Packed.of(gaussians(rng, 7, 4, False))
    rows, terms = quantise(packed)
    size = packed.s.shape[2] - 1
    assert (rows.shape, rows.dtype) == ((7, 2 * size), np.int16)
    assert (terms.shape, terms.dtype) == ((7, 3), np.float32)
    for half, part in enumerate((packed.theta, packed.s)):
        exact = part[:, 0, :-1]
        stored = rows[:, half * size : (half + 1) * size] * terms[:, 1 + half, None]
        assert (np.abs(stored - exact) <= 0.51 * terms[:, 1 + half, None]).all()
    assert (np.abs(rows).reshape(7, 2, size).max(axis=2) == 32767).all()


def test_a_window_does_not_depend_on_its_neighbours(rng):
    """To the last digit: a segment may be cut anywhere."""
    query, packed = Packed.of(gaussians(rng, 4, 13, False)), Packed.of(gaussians(rng, 50, 13, False))
    rows, terms = quantise(packed)
    together = divergences(query, rows, terms)
    for part in (slice(0, 1), slice(7, 20), slice(49, 50), slice(3, 3)):
        np.testing.assert_array_equal(divergences(query, rows[part], terms[part]), together[:, part])
    for one in range(4):
        alone = Packed(*(getattr(query, name)[one : one + 1] for name in ("weights", "theta", "s", "own")))
        np.testing.assert_array_equal(divergences(alone, rows, terms)[0], together[one])


def test_the_least_of_a_range_is_that_of_its_windows_that_count(rng):
    """Ranges may overlap, be empty, or hold nothing that counts."""
    query, packed = Packed.of(gaussians(rng, 4, 5, False)), Packed.of(gaussians(rng, 30, 5, False))
    silent = (rng.random(30) < 0.3).astype(np.uint8)
    silent[20:24] = 1
    bounds = np.array([[0, 7], [7, 7], [3, 30], [20, 24], [29, 30]])
    found = least(query, *quantise(packed), silent, bounds)
    each = np.where(silent == 1, np.inf, divergences(query, *quantise(packed)))
    for column, (first, stop) in enumerate(bounds.tolist()):
        np.testing.assert_array_equal(found[:, column], each[:, first:stop].min(axis=1, initial=np.inf))
        some = least(query, *quantise(packed), silent, bounds, 4)[:, column]
        np.testing.assert_array_equal(some, each[:, first:stop:4].min(axis=1, initial=np.inf))
