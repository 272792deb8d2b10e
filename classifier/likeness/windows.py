"""One window of a track among all of its windows: how far each is from it, and which is most like it.

Windows are compared as their mixtures, by the variational approximation of the symmetric KL divergence (Hershey & Olsen
2007), in nats. Windows that overlap share sound and are alike for that alone, so they count neither as most alike nor
in the average. Mixtures are read from the store, chunk by chunk: memory does not grow with the length of the track, and
no index is needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from classifier.config import FeatureConfig
from classifier.errors import InvalidParameter
from classifier.mixtures.divergence import symmetric_kl_variational
from classifier.records.track_arrays import each_chunk
from classifier.records.tracks import is_outdated
from classifier.results import Track
from classifier.search import alike, charts
from classifier.store.base import Store


@dataclass(frozen=True, slots=True)
class Window:
    """A window of a track.

    Parameters
    ----------
    number : int >= 0
        Its place among the track's windows.
    start_s, end_s : float
        Where it lies in the track, seconds.
    silent : bool
        Whether it varies too little to be compared.
    """

    number: int
    start_s: float
    end_s: float
    silent: bool

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, times to milliseconds."""
        return {
            "number": self.number,
            "start_s": round(self.start_s, 3),
            "end_s": round(self.end_s, 3),
            "silent": self.silent,
        }


@dataclass(frozen=True, slots=True)
class Compared:
    """A window, and how far every window of the same track is from it.

    Parameters
    ----------
    track_id : str
        The track.
    windows : list of Window
        All n windows of the track.
    number : int
        Which of them was chosen.
    divergence : np.ndarray, shape (n,), float64
        Symmetric KL divergence from the chosen one, nats, >= 0; infinite where one of the two is silent.
    apart : list of int
        Windows that do not overlap the chosen one, and are as little silent.
    mixtures : dict of int to dict of str to np.ndarray
        Weights, means and packed covariances as they are stored, of the chosen window and of the nearest.
    """

    track_id: str
    windows: list[Window]
    number: int
    divergence: np.ndarray
    apart: list[int]
    mixtures: Mapping[int, Mapping[str, np.ndarray]]

    @property
    def nearest(self) -> int | None:
        """Of those apart the one of least divergence: where the track repeats itself; None if there is none."""
        return min(self.apart, key=lambda number: float(self.divergence[number]), default=None)

    @property
    def average(self) -> float | None:
        """Average divergence of those apart, nats; None if there are none."""
        return float(self.divergence[self.apart].mean()) if self.apart else None

    def to_dict(self) -> dict[str, Any]:
        """Return what is drawn of it; of a silent window, nothing is."""
        chosen, near, average = self.windows[self.number], self.nearest, self.average
        found: dict[str, Any] = {
            **chosen.to_dict(),
            "track_id": self.track_id,
            "mixture": None,
            "along": None,
            "alike": None,
        }
        if chosen.silent:
            return found
        starts = np.array([window.start_s for window in self.windows])
        found["mixture"] = self._drawn(self.number)
        found["along"] = {
            **charts.dips(starts, self.divergence),
            "average": None if average is None else round(average, 3),
        }
        if near is not None:
            found["alike"] = {
                "number": near,
                "divergence": round(float(self.divergence[near]), 3),
                **self._drawn(near),
            }
        return found

    def _drawn(self, number: int) -> dict[str, Any]:
        return charts.drawn(self.track_id, self.windows[number].start_s, **self.mixtures[number])


def of_track(store: Store, track: Track, config: FeatureConfig) -> list[Window]:
    """Return the windows of a track, in order; compact catalogues know them, too.

    Parameters
    ----------
    store : Store
        Where the track is.
    track : Track
        The track.
    config : FeatureConfig
        Its catalogue's.

    Raises
    ------
    InvalidParameter
        If an earlier release modelled the track.
    TrackNotFound
        If it is gone or was modelled anew meanwhile.
    StoreCorrupt
        If something of it is missing or damaged.
    """
    found: list[Window] = []
    for parts in _chunks(store, track):
        starts = parts["window_frame"] * (config.frame_step / config.sample_rate)
        for start_s, silent in zip(starts.tolist(), parts["silent"].tolist(), strict=True):
            end_s = min(start_s + config.window_length, track.duration_s)
            found.append(Window(len(found), start_s, end_s, bool(silent)))
    return found


def compare(store: Store, track: Track, config: FeatureConfig, number: int) -> Compared:
    """Compare one window of a track with all of its windows.

    Parameters
    ----------
    store, track, config
        As of :func:`of_track`.
    number : int
        The window, from 0.

    Raises
    ------
    InvalidParameter
        If the track has no such window, in a compact catalogue, or if an earlier release modelled the track.
    TrackNotFound, StoreCorrupt
        As :func:`of_track`.
    """
    if config.is_compact:
        raise InvalidParameter(
            f"catalogue {track.catalogue!r} is compact: it keeps no mixtures, which windows are compared by; copy it "
            "under a configuration with the profile 'exact'"
        )
    windows = of_track(store, track, config)
    if not 0 <= number < len(windows):
        has = f"has windows 0 to {len(windows) - 1}" if windows else "is too short to have windows"
        raise InvalidParameter(f"window is {number}: track {track.id!r} {has}")
    divergence = np.full(len(windows), np.inf)
    if windows[number].silent:
        return Compared(track.id, windows, number, divergence, [], {})
    own = _row(store, track, number)
    one = alike.as_kept(*(array[None] for array in own.values()))
    first = 0
    for parts in _chunks(store, track):
        heard = np.flatnonzero(parts["silent"] == 0)
        others = alike.as_kept(*(array[heard] for array in _mixtures(parts).values()))
        divergence[first + heard] = np.maximum(symmetric_kl_variational(one, others)[0], 0.0)
        first += len(parts["silent"])
    apart = [window.number for window in windows if not window.silent and _apart(windows[number], window)]
    found = Compared(track.id, windows, number, divergence, apart, {number: own})
    near = found.nearest
    return found if near is None else replace(found, mixtures={number: own, near: _row(store, track, near)})


def _apart(one: Window, other: Window) -> bool:
    return other.start_s >= one.end_s or one.start_s >= other.end_s


def _chunks(store: Store, track: Track) -> Iterator[dict[str, np.ndarray]]:
    if is_outdated(store, track.id):
        raise InvalidParameter(
            f"an earlier release modelled track {track.id!r}: enroll its file again, or renew the whole catalogue with "
            f"'earmark catalogues renew {track.catalogue} FOLDER'"
        )
    return each_chunk(store, "models", track.id, track.version)


def _row(store: Store, track: Track, number: int) -> dict[str, np.ndarray]:
    """Mixture of one window as it is stored."""
    first = 0
    for parts in _chunks(store, track):
        if number < first + len(parts["silent"]):
            return {name: array[number - first] for name, array in _mixtures(parts).items()}
        first += len(parts["silent"])
    raise AssertionError(f"window {number} was there a moment ago")  # each_chunk counts the rows


def _mixtures(parts: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: parts[name] for name in ("weights", "means", "covariances")}
