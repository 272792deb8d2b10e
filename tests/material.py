"""Tracks to store in tests: arrays of the shapes that Earmark stores, from a seed."""

from __future__ import annotations

from typing import Any

import numpy as np

from classifier.config import hash_of
from classifier.records.catalogues import create_catalogue
from classifier.records.writing import TrackWriter
from classifier.store import Store

CONFIG = {"sample_rate": 16000, "window_length": 5.0, "slot_mfcc": 24}
CONFIG_HASH = hash_of(CONFIG)


def models(n_windows: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Arrays with one row a window, of several dtypes and shapes but few numbers."""
    return _models(n_windows, seed, {"weights": (6,), "means": (6, 3)})


def full_models(n_windows: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Mixtures of 6 components in 13 dimensions, one row a window."""
    return _models(n_windows, seed, {"weights": (6,), "means": (6, 13), "covariances": (6, 91)})


def _models(n_windows: int, seed: int, shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)
    arrays = {name: draw.standard_normal((n_windows, *shape), np.float32) for name, shape in shapes.items()}
    return {**arrays, "silent": draw.random(n_windows) < 0.1, "first_sample": np.arange(n_windows) * 16000}


def slots(n_slots: int, seed: int = 0) -> np.ndarray:
    """Slot means."""
    return np.random.default_rng(seed).integers(-127, 128, (n_slots, 24), np.int8)


def words(n_frames: int, seed: int = 0) -> np.ndarray:
    """Sub-fingerprints."""
    return np.random.default_rng(seed).integers(0, 2**64, (n_frames, 2), np.uint64)


def facts(content: str, catalogue: str = "default", **more: Any) -> dict[str, Any]:
    """Fields of a track."""
    return {
        "catalogue": catalogue,
        "content_hash": content,
        "file_hash": "file of " + content,
        "title": "Title of " + content,
        "source": content,
        "duration_s": 180.5,
        **more,
    }


def catalogue(store: Store, name: str = "default") -> None:
    """Create a catalogue."""
    create_catalogue(store, name, CONFIG, "hash of " + name)


def enroll(store: Store, content: str, *, seed: int = 0, n_windows: int = 3, **options: Any) -> str:
    """Write a small track and return its id."""
    fields = facts(content, **{name: options.pop(name) for name in list(options) if name not in OPTIONS})
    with TrackWriter.begin(store, fields, **{"owner": "test", **options}) as writer:
        writer.add_models(models(n_windows, seed))
        writer.add_slots(slots(4 * n_windows, seed))
        writer.add_subfingerprints(words(7 * n_windows, seed))
        return writer.commit().id


OPTIONS = ("owner", "lease_seconds", "replace", "track_id", "first_version", "now")


def same_arrays(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> bool:
    """Equal in names, dtypes, shapes and every value."""
    return list(found) == list(expected) and all(
        found[name].dtype == expected[name].dtype and np.array_equal(found[name], expected[name]) for name in expected
    )


class Crash(BaseException):
    """The process is dead."""


class DyingStore:
    """Passes ``alive`` calls on to a store and then dies, before or after the last of them took effect.

    Whoever uses it is dead from then on, as if killed: nothing it does in ``finally`` reaches the store.
    """

    def __init__(self, store: Store, alive: int, *, after: bool) -> None:
        self._store = store
        self._alive = alive
        self._after = after
        self.url = store.url

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)

        def call(*arguments: Any, **options: Any) -> Any:
            self._alive -= 1
            if self._alive < 0 or (self._alive == 0 and not self._after):
                raise Crash
            answer = method(*arguments, **options)
            if name == "find":
                answer = iter(list(answer))
            if self._alive == 0:
                raise Crash
            return answer

        return call
