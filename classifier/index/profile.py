"""Profiles: which arrays an index keeps of every track.

A segment is a set of arrays that hold the tracks one after another. Each array has a *kind*: what one of its rows
stands for, a window, a slot or a frame. A track has one range of rows for each kind, the same in all arrays of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from classifier.config import COMPACT_STEP
from classifier.index.gaussians import quantise
from classifier.mixtures.divergence import Packed
from classifier.mixtures.gmm import collapse, pack_covariances
from classifier.models.track import TrackModel

#: What a row stands for; ``reduced``: some windows (``reduced.py``), in arrays that no profile has.
Kind = Literal["windows", "slots", "frames", "reduced"]


@dataclass(frozen=True, slots=True)
class Array:
    """How one array of a segment is laid out.

    Parameters
    ----------
    kind : Kind
        What a row, the first axis, stands for.
    dtype : np.dtype
        Type of its numbers.
    axes : tuple of str
        Further axes. Axes with the same name have the same length in all arrays of a segment.
    """

    kind: Kind
    dtype: np.dtype[Any]
    axes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Profile:
    """Which arrays a segment holds, and how they are made.

    Parameters
    ----------
    name : str
        Written into manifests and segments; a segment of another profile is refused.
    arrays : mapping of str to Array
        Every array, by name.
    pack : callable
        Makes these arrays from a track's model, in any dtype that casts to theirs.
    words_step : int
        Frames from one sub-fingerprint that is kept to the next.
    patch_step : int
        Slots from one patch in the lists to the next.
    """

    name: str
    arrays: Mapping[str, Array]
    pack: Callable[[TrackModel], Mapping[str, np.ndarray]]
    words_step: int = 1
    patch_step: int = 1

    @cached_property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds of rows, in the order of the arrays."""
        return tuple(dict.fromkeys(array.kind for array in self.arrays.values()))

    @property
    def has_mixtures(self) -> bool:
        """Whether windows can be compared: what sounds alike, ``kl-mixture``, the variational divergence."""
        return "gaussians" in self.arrays


def _pack_exact(model: TrackModel) -> dict[str, np.ndarray]:
    """Pack one track: the only place where covariances are inverted for matching."""
    gaussians, terms = quantise(Packed.of(collapse(model.mixtures)))
    return {
        "slots": model.slots,
        "words": model.words,
        "window_frame": model.window_frame,
        "silent": model.silent,
        "gaussians": gaussians,
        "gaussian_terms": terms,
        "weights": model.mixtures.weights,
        "means": model.mixtures.means,
        "covariances": pack_covariances(model.mixtures.covariances, model.mixtures.diagonal),
    }


def _pack_compact(model: TrackModel) -> dict[str, np.ndarray]:
    n_frames = COMPACT_STEP * len(model.words)
    return {"slots": model.slots, "frames": np.zeros((n_frames, 0), np.uint8), "silent": model.silent}


#: Everything that a search can use:
#:
#: - ``slots``: slot means, which rank tracks by divergence; ``words``: sub-fingerprints.
#: - ``window_frame``: first MFCC frame of each window; ``silent``: 1 where a window has too little variation.
#: - ``gaussians`` and ``gaussian_terms``: each window's mixture collapsed to one Gaussian
#:   (:func:`~classifier.index.gaussians.quantise`), for what sounds alike.
#: - ``weights``, ``means`` and ``covariances`` (packed): the mixtures themselves.
EXACT = Profile(
    "exact",
    {
        "slots": Array("slots", np.dtype(np.int8), ("coefficients",)),
        "words": Array("frames", np.dtype(np.uint64), ("words",)),
        "window_frame": Array("windows", np.dtype(np.int32)),
        "silent": Array("windows", np.dtype(np.uint8)),
        "gaussians": Array("windows", np.dtype(np.int16), ("halves",)),
        "gaussian_terms": Array("windows", np.dtype(np.float32), ("terms",)),
        "weights": Array("windows", np.dtype(np.float16), ("components",)),
        "means": Array("windows", np.dtype(np.float16), ("components", "dimensions")),
        "covariances": Array("windows", np.dtype(np.float16), ("components", "packed")),
    },
    _pack_exact,
)

#: What names tracks, in as little space as possible; sub-fingerprints stay in the store, and are read from there:
#:
#: - ``slots``: slot means of half a byte; ``silent`` as above.
#: - ``frames``: nothing, but of as many rows as the track has frames.
COMPACT = Profile(
    "compact",
    {
        "slots": Array("slots", np.dtype(np.uint8), ("pairs",)),
        "frames": Array("frames", np.dtype(np.uint8), ("nothing",)),
        "silent": Array("windows", np.dtype(np.uint8)),
    },
    _pack_compact,
    words_step=COMPACT_STEP,
    patch_step=3,
)

#: By name, as configurations name them.
PROFILES = {profile.name: profile for profile in (EXACT, COMPACT)}
