"""Both ways to add up what differs, against each other; bit by bit, ``test_agreement.py`` does it."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.fingerprint import mismatches as mm
from tests.fingerprint.test_agreement import random_query, random_words

needs_lookups = pytest.mark.skipif(not mm.can_look_up(), reason="this processor has no lookups of 32 bytes")


@needs_lookups
@pytest.mark.parametrize(
    ("n", "n_words", "pad"),
    [(1, 1, 0), (6, 400, 5), (150, 700, 120), (31, 513, 0), (400, 300, 250)],
    ids=["a frame", "short", "five seconds", "a frame into the next block", "longer than the track"],
)
@pytest.mark.parametrize("top", [0, 1, 3])
def test_looking_up_finds_what_counting_finds(n, n_words, pad, top):
    rng = np.random.default_rng(n + top)
    query, words = random_query(rng, n, 0.8, top), random_words(rng, n_words, 0.8)
    found = mm.by_looking_up(query.tables, words, pad)
    np.testing.assert_array_equal(found, mm.by_counting(query.words, query.planes, words, pad))


@needs_lookups
def test_sums_of_a_minute_that_agrees_in_nothing_overflow_nothing():
    rng = np.random.default_rng(3)
    words = random_words(rng, 1900, 1.0)
    full = np.full((2, 1900, 2, 2), np.uint64(2**64 - 1))
    full[..., 1] = np.uint64(2**60 - 1)
    found = mm.by_looking_up(mm.Tables.of(np.stack([~words, ~words]), full), words, 3)
    assert found[:, 3].tolist() == [1900 * 124 * 3] * 2
    np.testing.assert_array_equal(found, mm.by_counting(np.stack([~words, ~words]), full, words, 3))
