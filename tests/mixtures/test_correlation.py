"""Correlation through the Fourier transform against the plain sum of products."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.mixtures import correlation, slots

#: float32 transforms of 512 points.
ROUNDING = 1e-5


@pytest.fixture(scope="module")
def reference() -> tuple[np.ndarray, np.ndarray]:
    """Tracks of many lengths, one of them longer than a block, with a gap between two of them."""
    rng = np.random.default_rng(5)
    lengths = [300, 20, 0, 1300, 45, 46, 700]
    edges = np.concatenate([[0], np.cumsum(lengths)])
    bounds = np.stack([edges[:-1], edges[1:]], axis=1)
    bounds[4:] += 7
    return rng.integers(-127, 128, (edges[-1] + 7, 24)).astype(np.int8), bounds


def test_every_stretch_has_the_place_that_plain_products_find(reference, monkeypatch):
    words, bounds = reference
    rng = np.random.default_rng(6)
    stretches = rng.integers(-60, 61, (4, 46, 24)).astype(np.int8)
    stretches[1] = words[bounds[3, 0] + 1200 : bounds[3, 0] + 1246]
    for chunk in (correlation._CHUNK, 500):
        monkeypatch.setattr(correlation, "_CHUNK", chunk)
        similarity, lag, sums = correlation.best_places(stretches, words, bounds)
        for h, stretch in enumerate(stretches):
            for track, (start, stop) in enumerate(bounds):
                if stop - start < 46:
                    assert similarity[track, h] == -np.inf
                    assert not sums[track].any()
                    continue
                first = 46 - slots.least_slots(46)  # lags before it lie partly before the track
                along = slots.similarities(stretch[None], words[start:stop])[0][first : first + stop - start - 45]
                assert lag[track, h] == np.argmax(along)
                assert similarity[track, h] == pytest.approx(along.max(), abs=ROUNDING)
                wanted = [len(along), along.sum(), np.square(along).sum()]
                np.testing.assert_allclose(sums[track, :, h], wanted, atol=ROUNDING * len(along))
    assert (similarity[3, 1], lag[3, 1]) == (pytest.approx(1.0, abs=ROUNDING), 1200)


def test_silence_is_like_nothing():
    tracks = np.zeros((200, 24), np.int8)
    similarity, _, _ = correlation.best_places(np.ones((1, 30, 24), np.int8), tracks, np.array([[0, 200]]))
    assert similarity[0, 0] == pytest.approx(0, abs=ROUNDING)
    tracks[:] = np.random.default_rng(1).integers(-9, 9, tracks.shape)
    similarity, _, _ = correlation.best_places(np.zeros((1, 30, 24), np.int8), tracks, np.array([[0, 200]]))
    assert similarity[0, 0] == pytest.approx(0, abs=ROUNDING)


def test_slots_of_half_a_byte_are_read(reference):
    words, bounds = reference
    stretches = words[None, 400:440]
    packed = slots.packed(words)
    for found, wanted in zip(
        correlation.best_places(stretches, packed, bounds),
        correlation.best_places(stretches, slots.unpacked(packed), bounds),
        strict=True,
    ):
        np.testing.assert_array_equal(found, wanted)
