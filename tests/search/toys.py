"""Small models for the tests of the index: random, but of the right shapes and positive definite."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from classifier.fingerprint.bits import N_BITS, pack
from classifier.index.segment import Entry, Segment
from classifier.index.snapshot import Snapshot
from classifier.mixtures.gmm import Mixtures
from classifier.models.track import TrackModel


def mixtures(rng: np.random.Generator, n: int, k: int, d: int, *, diagonal: bool = False) -> Mixtures:
    """Return n mixtures of k Gaussians in d dimensions, float32 as the store gives them."""
    roots = rng.standard_normal((n, k, d, d)) * 0.3 + np.eye(d)
    covariances = roots @ roots.swapaxes(-1, -2)
    if diagonal:
        covariances = np.einsum("nkii->nki", covariances).copy()
    parts = (rng.dirichlet(np.full(k, 3.0), n), rng.standard_normal((n, k, d)), covariances)
    return Mixtures(*(part.astype(np.float32) for part in parts))


def model(
    seed: int,
    n_windows: int = 2,
    n_frames: int = 5,
    *,
    n_slots: int = 6,
    k: int = 2,
    d: int = 3,
    diagonal: bool = False,
) -> TrackModel:
    """Return the model of a track that never sounded."""
    rng = np.random.default_rng(seed)
    return TrackModel(
        window_frame=(67 * np.arange(n_windows)).astype(np.int32),
        silent=(rng.random(n_windows) < 0.2).astype(np.uint8),
        mixtures=mixtures(rng, n_windows, k, d, diagonal=diagonal),
        slots=rng.integers(-127, 128, (n_slots, 4), np.int8),
        words=pack(rng.standard_normal((n_frames, N_BITS)), rng.random(n_frames) < 0.9),
    )


def arrays_of(segment: Segment, entry: Entry) -> dict[str, np.ndarray]:
    """Return copies of one track's rows of every array."""
    return {name: np.array(segment.of(entry, name)) for name in segment.profile.arrays}


def content(tracks: Snapshot | Iterable[tuple[Segment, Entry]]) -> dict[tuple[str, int], dict[str, np.ndarray]]:
    """Return every track's arrays by its key: all that matching can see."""
    return {entry.key: arrays_of(segment, entry) for segment, entry in tracks}


def expected(models: dict[tuple[str, int], TrackModel]) -> dict[tuple[str, int], dict[str, np.ndarray]]:
    """Return what ``content`` must give for these models, each packed on its own."""
    found = {}
    for (track_id, version), made in models.items():
        segment = Segment.build([(track_id, version, made)])
        found |= content([(segment, segment.entries[0])])
    return found


def assert_same(found: dict, wanted: dict) -> None:
    """Compare two contents, bit for bit."""
    assert set(found) == set(wanted)
    for key, arrays in wanted.items():
        for name, array in arrays.items():
            np.testing.assert_array_equal(found[key][name], array, err_msg=f"{key} {name}", strict=True)
