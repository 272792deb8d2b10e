"""What crosses between machines, as plain values: numbers, texts, bytes, lists and mappings of them.

Arrays are ``[type, shape, bytes]``, little-endian and in C order. Floats keep every digit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from classifier.audio.decoded import AudioInfo
from classifier.fingerprint.bits import Fingerprint
from classifier.mixtures.gmm import Mixtures
from classifier.models.query import Query
from classifier.models.track import TrackModel
from classifier.search.align import Null
from classifier.search.alignments import SpeedHypothesis

#: Types of arrays that are read.
_TYPES = frozenset({"<f8", "<f4", "<f2", "<i8", "<i4", "<u8", "<u4", "|i1", "|u1", "|b1"})

Values = Mapping[str, Any]


def packed(array: np.ndarray) -> list[Any]:
    """Return an array as plain values."""
    array = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return [array.dtype.str, list(array.shape), array.tobytes()]


def unpacked(value: Any) -> np.ndarray:
    """Return the array of what :func:`packed` returned.

    Raises
    ------
    ValueError
        If it is none.
    """
    try:
        dtype, shape, data = value
        if dtype not in _TYPES or not all(isinstance(n, int) and n >= 0 for n in shape):
            raise ValueError
        if len(data) != math.prod(shape) * np.dtype(dtype).itemsize:
            raise ValueError
        return np.frombuffer(bytes(data), dtype).reshape(shape)
    except (TypeError, ValueError):
        raise ValueError("what came is no array") from None


def from_query(query: Query) -> dict[str, Any]:
    """Return a snippet's models as plain values."""
    return {
        "start_s": packed(query.start_s),
        "weights": packed(query.mixtures.weights),
        "means": packed(query.mixtures.means),
        "covariances": packed(query.mixtures.covariances),
        "slots": packed(query.slots),
        "slot_variance": float(query.slot_variance),
        "fingerprint": from_fingerprint(query.fingerprint),
        "duration_s": float(query.duration_s),
    }


def to_query(values: Values) -> Query:
    """Return the models of what :func:`from_query` returned."""
    mixtures = Mixtures(*(unpacked(values[name]) for name in ("weights", "means", "covariances")))
    return Query(
        start_s=unpacked(values["start_s"]),
        mixtures=mixtures,
        slots=unpacked(values["slots"]),
        slot_variance=values["slot_variance"],
        fingerprint=to_fingerprint(values["fingerprint"]),
        duration_s=values["duration_s"],
    )


def from_fingerprint(fingerprint: Fingerprint) -> dict[str, Any]:
    """Return a fingerprint as plain values."""
    return {
        "words": packed(fingerprint.words),
        "planes": packed(fingerprint.planes),
        "expected": float(fingerprint.expected),
    }


def to_fingerprint(values: Values) -> Fingerprint:
    """Return the fingerprint of what :func:`from_fingerprint` returned."""
    return Fingerprint(unpacked(values["words"]), unpacked(values["planes"]), values["expected"])


def from_hypothesis(hypothesis: SpeedHypothesis) -> dict[str, Any]:
    """Return a snippet at an assumed speed as plain values."""
    null = hypothesis.null
    return {
        "speed": float(hypothesis.speed),
        "fingerprint": from_fingerprint(hypothesis.fingerprint),
        "null": [float(null.mean), float(null.spread), float(null.weight)],
    }


def to_hypothesis(values: Values) -> SpeedHypothesis:
    """Return the snippet of what :func:`from_hypothesis` returned."""
    return SpeedHypothesis(values["speed"], to_fingerprint(values["fingerprint"]), Null(*values["null"]))


def from_model(model: TrackModel) -> dict[str, Any]:
    """Return a stretch of a track's models as plain values."""
    arrays = {**model.window_arrays(), "slots": model.slots, "words": model.words}
    return {name: packed(array) for name, array in arrays.items()}


def to_model(values: Values) -> TrackModel:
    """Return the models of what :func:`from_model` returned."""
    arrays = {name: unpacked(value) for name, value in values.items()}
    return TrackModel.from_arrays(arrays, arrays.pop("slots"), arrays.pop("words"))


def from_info(info: AudioInfo) -> dict[str, Any]:
    """Return what is known of a decoded file as plain values."""
    return {item.name: getattr(info, item.name) for item in fields(AudioInfo)}


def to_info(values: Values) -> AudioInfo:
    """Return what :func:`from_info` was given."""
    return AudioInfo(**{**values, "tags": dict(values["tags"]), "remarks": list(values["remarks"])})
