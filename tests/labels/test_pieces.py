"""Recordings that come in pieces: the same features for any cut, held in memory that their length does not change."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest

from classifier.labels.extractors import EXTRACTORS
from classifier.labels.features import Extracted, Opened
from classifier.labels.musicnn.logmel import LEVEL, PATCH_S, SAMPLE_RATE, Patches, logmel
from classifier.labels.pieces import Beginning, Framed, Thinned, blocks
from classifier.labels.quality import Measuring, Quality, measure
from tests.library import lively_noise

#: Products of matrices round differently by their number of rows.
ROUNDING = 2e-4


def cut(samples: np.ndarray, sizes: list[int]) -> Iterator[np.ndarray]:
    """Yield samples in pieces of these lengths, again and again."""
    at, number = 0, 0
    while at < len(samples):
        yield samples[at : at + sizes[number % len(sizes)]]
        at, number = at + sizes[number % len(sizes)], number + 1


def features(extract: Opened, pieces: Iterator[np.ndarray]) -> Extracted:
    listening = extract.begin()
    for piece in pieces:
        listening.add(piece)
    return extract.extracted(listening)


def qualities(pieces: Iterator[np.ndarray]) -> Quality:
    measuring = Measuring(SAMPLE_RATE)
    for piece in pieces:
        measuring.add(piece)
    return measuring.quality()


@pytest.mark.parametrize("name", ["musicnn-msd", "mfcc-stats-104", "timbre-26"])
@pytest.mark.parametrize("seconds", [0.7, 7.3, 41.0])
def test_features_are_the_same_for_any_pieces(name, seconds, weights_dir):
    extract = EXTRACTORS[name].open(weights_dir)
    samples = lively_noise(seconds, 1, extract.extractor.sample_rate)
    whole = extract(samples)
    for sizes in ([131072], [1000, 1, 47872, 333]):
        pieced = features(extract, cut(samples, sizes))
        np.testing.assert_array_equal(pieced.start_s, whole.start_s)
        np.testing.assert_allclose(pieced.patches, whole.patches, rtol=ROUNDING, atol=ROUNDING)


@pytest.mark.parametrize("seconds", [0.01, 0.9, 20.0, 700.0])
def test_quality_is_the_same_for_any_pieces(seconds):
    samples = lively_noise(seconds, 2)
    whole = measure(samples, SAMPLE_RATE)
    for sizes in ([131072], [1000, 1, 40000, 333]):
        pieced = qualities(cut(samples, sizes))
        assert (pieced.occupied_hz, pieced.quiet, pieced.pauses) == (whole.occupied_hz, whole.quiet, whole.pauses)
        assert pieced.movement_db == pytest.approx(whole.movement_db, abs=1e-3)
        assert pieced.modulation == pytest.approx(whole.modulation, rel=1e-6)


def test_of_a_long_recording_the_patches_nearest_to_even_spacing_count():
    """Half an hour, of which every eighth patch is held; the level is that of all of it."""
    samples = lively_noise(60.0, 3)
    patches = Patches(20)
    for number in range(30):
        patches.add(samples * np.float32(0.1 + number / 30))
    found, start_s = patches.cut()
    assert len(found) == len(set(start_s)) == 20
    assert start_s[0] == 0
    even = np.linspace(0, 1800 - PATCH_S, 20)
    np.testing.assert_allclose(start_s, even, atol=8 * PATCH_S)
    assert np.ptp(start_s) == pytest.approx(1800, abs=8 * PATCH_S)
    place = round(start_s[7] * SAMPLE_RATE)
    everything = np.concatenate([samples * np.float32(0.1 + number / 30) for number in range(30)])
    gain = LEVEL / np.sqrt(np.mean(np.square(everything, dtype=np.float64)))
    around = everything[place - 256 : place + 187 * 256] * np.float32(gain)
    np.testing.assert_allclose(found[7], logmel(around)[1:188], rtol=ROUNDING, atol=ROUNDING)


def test_memory_does_not_grow_with_the_recording(weights_dir):
    """What forty minutes need over ten is less than a minute of sound is."""
    extract = EXTRACTORS["musicnn-msd"].open(weights_dir)
    minute = lively_noise(60.0, 4)

    def most(minutes: int) -> int:
        tracemalloc.start()
        listening, measuring = extract.begin(), Measuring(SAMPLE_RATE)
        for _ in range(minutes):
            for piece in cut(minute, [131072]):
                listening.add(piece)
                measuring.add(piece)
        extract.extracted(listening)
        measuring.quality()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    assert most(40) - most(10) < minute.nbytes


def test_frames_are_cut_once_each(rng):
    samples = rng.standard_normal(1000).astype(np.float32)
    framed, found = Framed(64, 24, before=10), []
    for piece in cut(samples, [1, 100, 0, 7]):
        stretch = framed.add(piece)
        found += [stretch[at : at + 64] for at in range(0, len(stretch) - 63, 24)]
    padded = np.concatenate([np.zeros(10, np.float32), samples])
    np.testing.assert_array_equal(found, [padded[at : at + 64] for at in range(0, len(padded) - 63, 24)])


def test_rows_are_thinned_evenly():
    for n in (1, 8, 9, 100):
        thinned = Thinned(8)
        for number in range(n):
            thinned.add(np.array([number]))
        assert [row.item() for row in thinned.rows] == list(range(0, n, thinned.step))
        assert n <= 8 or 4 < len(thinned.rows) <= 8


def test_the_beginning_is_held_alone():
    beginning = Beginning(10)
    for piece in cut(np.arange(100), [4]):
        beginning.add(piece)
    np.testing.assert_array_equal(beginning.samples(), np.arange(10))


def test_blocks_keep_every_sample(rng):
    pieces = [rng.standard_normal(n) for n in (3, 0, 20, 1, 7)]
    found = list(blocks(pieces, 8))
    assert [len(block) for block in found] == [8, 8, 8, 7]
    np.testing.assert_array_equal(np.concatenate(found), np.concatenate(pieces))
    assert [len(block) for block in blocks([np.zeros(16)], 8)] == [8, 8]
    assert list(blocks([], 8)) == []
