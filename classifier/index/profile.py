"""Profiles: which arrays an index keeps of every track.

A segment is a set of arrays in which the tracks lie back to back. Arrays differ in what a row of theirs stands for, its
*kind*: a window, a variant of a window, a frame. A track has a range of rows for each kind, which holds for all arrays
of that kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from classifier.index.coarse import quantise
from classifier.mixtures.divergence import Packed
from classifier.mixtures.gmm import Mixtures, expected, pooled
from classifier.models.track import TrackModel

#: What a row stands for. Variants of a window follow each other, V rows a window.
Kind = Literal["windows", "variants", "frames"]

#: Steps between the two windows of a pair: with the default grid they touch, and are ten seconds together.
PAIR = 5


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
        Further axes. Axes of one name are equally long in all arrays of a segment.
    """

    kind: Kind
    dtype: np.dtype[Any]
    axes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Profile:
    """Which arrays a segment holds, and how they are made.

    Parameters
    ----------
    name : str
        What manifests and segments are marked with; a segment of another profile is refused.
    arrays : mapping of str to Array
        Every array, by name.
    pack : callable
        Makes these arrays of one track's model, in any dtype that casts to theirs.
    """

    name: str
    arrays: Mapping[str, Array]
    pack: Callable[[TrackModel], Mapping[str, np.ndarray]]

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """Every kind of row that there is, in the order of the arrays."""
        return tuple(dict.fromkeys(array.kind for array in self.arrays.values()))


def _pack_exact(model: TrackModel) -> dict[str, np.ndarray]:
    """Pack one track: the only place where covariances are inverted for matching."""
    coarse, coarse_terms = quantise(Packed.of(model.moments))
    pairs, pooled_terms = quantise(Packed.of(_pairs(model)))
    return {
        "coarse": coarse,
        "coarse_terms": coarse_terms,
        "pooled": pairs,
        "pooled_terms": pooled_terms,
        "weights": model.mixtures.weights,
        "s": expected(model.mixtures.means.astype(np.float64), model.mixtures.covariances.astype(np.float64)),
        "window_frame": model.window_frame,
        "silent": model.silent,
        "words": model.words,
    }


def _pairs(model: TrackModel) -> Mixtures:
    """Moment Gaussians of each window and its partner together, by window and variant."""
    n = len(model.window_frame)
    variants = np.arange(len(model.moments) // max(1, n))
    rows = (np.minimum(np.arange(n) + PAIR, n - 1)[:, None] * len(variants) + variants).reshape(-1)
    return pooled(model.moments, model.moments[rows])


_INT16, _FLOAT32 = np.dtype(np.int16), np.dtype(np.float32)

#: Everything that a search can use:
#:
#: - ``coarse`` and ``coarse_terms``: moment Gaussians, as :func:`~classifier.index.coarse.quantise` packs them.
#: - ``pooled`` and ``pooled_terms``: the same of each window and the one ``PAIR`` steps on (or the last) together.
#: - ``weights`` and ``s``: the clean mixtures, for the variational divergence that is shown.
#: - ``window_frame``: first MFCC frame of each window; ``silent``: 1 where a window has too little variation.
#: - ``words``: sub-fingerprints.
EXACT = Profile(
    "exact",
    {
        "coarse": Array("variants", _INT16, ("halves",)),
        "coarse_terms": Array("variants", _FLOAT32, ("terms",)),
        "pooled": Array("variants", _INT16, ("halves",)),
        "pooled_terms": Array("variants", _FLOAT32, ("terms",)),
        "weights": Array("windows", _FLOAT32, ("components",)),
        "s": Array("windows", _FLOAT32, ("components", "statistics")),
        "window_frame": Array("windows", np.dtype(np.int32)),
        "silent": Array("windows", np.dtype(np.uint8)),
        "words": Array("frames", np.dtype(np.uint64), ("words",)),
    },
    _pack_exact,
)
