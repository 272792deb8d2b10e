"""Patches: what is stored of them keeps cosines, in any stretch of a track."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.mixtures import patches
from classifier.mixtures.patches import BITS, LENGTH, Codebook, codebook, encode, hear, packed, stretches, unit

D = 24


def track(seed: int, n: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(-40, 41, (n, D)).astype(np.int8)


@pytest.fixture(scope="module")
def turning() -> Codebook:
    """A codebook that only turns: signs then keep the angles of patches as they are (Charikar 2002)."""
    rng = np.random.default_rng(1)
    projection = rng.standard_normal((LENGTH * D, BITS)).astype(np.float32)
    return Codebook(projection, projection, unit(rng.standard_normal((50, BITS)).astype(np.float32)))


def test_stretches_are_slots_in_order():
    slots = track(1, 30)
    seen = stretches(slots)
    assert seen.shape == (30 - LENGTH + 1, LENGTH * D)
    for i in (0, 7, 19):
        np.testing.assert_array_equal(seen[i], slots[i : i + LENGTH].reshape(-1))
    assert stretches(slots[: LENGTH - 1]).shape == (0, LENGTH * D)


@pytest.mark.parametrize("n", [0, LENGTH - 1, LENGTH, 50])
def test_a_track_is_coded_as_its_stretches_are(n):
    slots, book = track(2, n), codebook()
    codes = encode(slots, book)
    assert codes.slot.tolist() == list(range(max(0, n - LENGTH + 1)))
    for i, slot in enumerate(codes.slot):
        alone = encode(slots[slot : slot + LENGTH], book)
        assert alone.cell[0] == codes.cell[i]
        np.testing.assert_array_equal(alone.signs[0], codes.signs[i])


def test_long_tracks_are_coded_in_blocks(monkeypatch):
    slots = track(3, 100)
    whole = encode(slots, codebook())
    monkeypatch.setattr(patches, "_BLOCK", 7)
    pieces = encode(slots, codebook())
    for name in ("slot", "cell", "signs"):
        np.testing.assert_array_equal(getattr(pieces, name), getattr(whole, name))


def test_silence_makes_no_patch():
    slots = track(4, 40)
    slots[10:30] = 0
    assert set(range(30)) - set(encode(slots, codebook()).slot.tolist()) == set(range(10, 20))
    assert len(hear(np.zeros((2, 20, D), np.int8), codebook()).slot) == 0


def test_signs_are_packed_from_the_first_bit():
    signs = np.zeros((1, BITS), bool)
    signs[0, [0, 5, 64, 191]] = True
    np.testing.assert_array_equal(packed(signs), np.array([[1 + 2**5, 1, 2**63]], np.uint64))


def cosines(heard: patches.Heard, signs: np.ndarray) -> np.ndarray:
    """Cosine of each heard patch with one stored, by the formula in the docstring, bit by bit."""
    every = np.unpackbits(heard.planes.view(np.uint8), axis=-1, bitorder="little").astype(int)
    levels = every[:, 0] + 2 * every[:, 1]
    mine = np.unpackbits(heard.signs.view(np.uint8), axis=-1, bitorder="little")
    there = np.unpackbits(signs.view(np.uint8), axis=-1, bitorder="little")
    wrong = (levels * (mine != there)).sum(axis=1)
    return (heard.weight - 2 * wrong) / heard.norm


def test_stored_cosines_follow_the_exact_ones(turning):
    """For a turned vector, E[sign cosine] grows with the cosine; noise of 192 signs is about 1 / sqrt(192)."""
    rng = np.random.default_rng(5)
    slots = track(6, LENGTH)
    stored = encode(slots, turning).signs
    found = []
    for share in (0.0, 0.5, 1.0, 2.0):
        noisy = np.clip(slots + share * rng.normal(0, slots.std(), slots.shape), -127, 127).astype(np.int8)
        heard = hear(np.stack([noisy, noisy]), turning)
        found.append(cosines(heard, stored)[0])
    # sqrt(2 / pi) is the cosine of a Gaussian vector with its own signs; rounding to levels costs little.
    assert found[0] == pytest.approx(np.sqrt(2 / np.pi), abs=0.12)
    assert found == sorted(found, reverse=True)
    assert abs(cosines(hear(np.stack([track(7, LENGTH)] * 2), turning), stored)[0]) < 4 / np.sqrt(BITS)


def test_both_phases_are_heard():
    slots = np.stack([track(8, 20), track(9, 20)])
    heard = hear(slots, codebook())
    n = 20 - LENGTH + 1
    assert heard.phase.tolist() == [0] * n + [1] * n
    assert heard.slot.tolist() == 2 * list(range(n))
    np.testing.assert_allclose(np.linalg.norm(heard.vectors, axis=1), 1, rtol=1e-5)
    short = hear(slots[:, : LENGTH - 1], codebook())
    assert len(short.slot) == len(short.weight) == 0


def test_the_codebook_that_ships_is_whole():
    book = codebook()
    assert book.n_coefficients == D
    assert book.stored.shape == book.heard.shape == (LENGTH * D, BITS)
    assert len(book.cells) <= 2**16  # cells are numbered in 16 bits
    np.testing.assert_allclose(np.linalg.norm(book.cells, axis=1), 1, rtol=1e-5)
