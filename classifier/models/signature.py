"""Signatures: a snippet's models in a few kilobytes, so that the sound stays where it was recorded.

A signature holds what a :class:`~classifier.models.query.Query` holds, rounded: windows' mixtures, slots and the
fingerprint. No sound can be made from it. The bytes are described one by one in docs/signature.md; a change of any of
them is a new ``VERSION``.

Conventions
-----------
- Frames of the fingerprint are in order of time: frame i belongs to phase i % 2 of the query.
- Weights of bits are as near to the snippet's own as the bytes allow that a signature is given (``thinning.py``).
- Means and Cholesky factors of covariances are multiples of ``STEP``. A factor with a positive diagonal is the factor
  of a positive definite matrix, whatever its other numbers.
- How many frames, slots and windows there are follows from the length of the sound and the configuration.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
import zlib
from bisect import bisect_left
from dataclasses import replace

import numpy as np

from classifier.config import FeatureConfig
from classifier.errors import InvalidSignature, SignatureMismatch
from classifier.fingerprint import bits, reliability
from classifier.fingerprint.bits import Fingerprint
from classifier.mixtures.gmm import Mixtures
from classifier.models import coding, thinning, windows
from classifier.models.background import Background
from classifier.models.numbers import DIAGONAL, Numbers, Shape, kinds_of
from classifier.models.query import Query

MAGIC = b"EMSG"
#: Parameters on which no snippet's models depend.
_OF_TRACKS = ("method", "window_step", "profile")
VERSION = 2
#: Magic, version, number of the reliability network, features, samples, expected agreement.
_HEADER = struct.Struct("<4sBB8sIH")
#: Checksum of all bytes before it.
_CHECK = struct.Struct("<I")
#: Step of means and Cholesky factors, in units of standardised features.
STEP = 2.0**-11
_HIGHEST = 32767
#: Most bytes of a signature for each second of sound; what noisy music needs is half of it.
_BYTES_A_SECOND = 4096
#: Bytes that numbers are given, for each window and each second of sound: 7,975 for five seconds.
_WINDOW_ROOM, _SECOND_ROOM = 900, 1415
#: Sum of a mixture's weights.
_WHOLE = 65535


def is_signature(content: bytes) -> bool:
    """Whether bytes begin like a signature, rather than like sound."""
    return content.startswith(MAGIC)


def most_bytes(seconds: float) -> int:
    """Most bytes of a signature of so many seconds of sound."""
    return _BYTES_A_SECOND * (1 + math.ceil(seconds))


def features_id(config: FeatureConfig, background: Background) -> bytes:
    """First 8 bytes of the SHA-256 of all that a snippet's models depend on.

    Parameters
    ----------
    config : FeatureConfig
        The catalogue's. How snippets are decided, how often a track has a window and what is kept of it do not count.
    background : Background
        The catalogue's.
    """
    values = {name: value for name, value in config.to_dict().items() if name not in _OF_TRACKS}
    text = json.dumps([background.id, values], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).digest()[:8]


# --- writing --------------------------------------------------------------------------------------------------


def encode(query: Query, config: FeatureConfig, background: Background) -> bytes:
    """Write a snippet's models as a signature.

    Parameters
    ----------
    query : Query
        Modelled with ``config`` and ``background``.
    config : FeatureConfig
        The catalogue's.
    background : Background
        The catalogue's.
    """
    shape = Shape.of(round(query.duration_s * config.sample_rate), config)
    numbers = Numbers.empty(shape, config)
    numbers.weights[:] = sum((plane + 1) * _in_time(query.fingerprint.planes[:, :, plane]) for plane in range(2))
    numbers.live[:] = numbers.weights.any(axis=1)
    numbers.signs[:] = _in_time(query.fingerprint.words) & (numbers.weights > 0)
    numbers.slots[:] = query.slots
    rows = np.searchsorted(shape.starts, np.rint(query.start_s * config.sample_rate / config.frame_step))
    numbers.audible[rows] = 1
    numbers.mixtures[rows] = _values(query.mixtures)
    payload = _within(numbers, _WINDOW_ROOM * len(rows) + int(_SECOND_ROOM * query.duration_s), config)
    expected = round(query.fingerprint.expected * 65535)
    head = _HEADER.pack(MAGIC, VERSION, reliability.VERSION, features_id(config, background), shape.n_samples, expected)
    return head + payload + _CHECK.pack(zlib.crc32(head + payload))


def _within(numbers: Numbers, room: int, config: FeatureConfig) -> bytes:
    """Code numbers, the weights of bits as true as so many bytes allow."""
    weights = numbers.weights

    def coded(factor: int) -> bytes:
        data, coder = np.zeros(numbers.most_bytes, np.uint8), coding.writer()
        replace(numbers, weights=thinning.thinned(weights, factor)).code(coder, data, config)
        return data[: coding.finish(coder, data)].tobytes()

    return coded(bisect_left(range(thinning.FACTORS - 1), True, key=lambda factor: len(coded(factor)) <= room))


def _in_time(words: np.ndarray) -> np.ndarray:
    """Bits of words in two phases, shape (2, n, 2), in order of time: shape (2 n, 124), uint8."""
    return bits.signs(words.transpose(1, 0, 2).reshape(-1, 2)).astype(np.uint8)


def _values(mixtures: Mixtures) -> np.ndarray:
    """Values of each window's components, shape (N, K, v), int32."""
    n, k, d = mixtures.means.shape
    if mixtures.diagonal:
        roots = np.sqrt(mixtures.covariances)
    else:
        factors = np.linalg.cholesky(mixtures.covariances.astype(np.float64).reshape(-1, d, d))
        roots = factors[:, *np.tril_indices(d)].reshape(n, k, d * (d + 1) // 2)
    weights = np.maximum(np.rint(mixtures.weights * _WHOLE), 1)
    np.put_along_axis(  # the largest takes what rounding left over
        weights,
        weights.argmax(axis=1)[:, None],
        (weights.max(axis=1) + _WHOLE - weights.sum(axis=1))[:, None],
        axis=1,
    )
    steps = np.clip(np.rint(np.concatenate([mixtures.means, roots], axis=2) / STEP), -_HIGHEST, _HIGHEST)
    return np.concatenate([weights[..., None] - 32768, steps], axis=2).astype(np.int32)


# --- reading --------------------------------------------------------------------------------------------------


def decode(signature: bytes, config: FeatureConfig, background: Background, *, max_seconds: float = 60.0) -> Query:
    """Read a signature.

    Parameters
    ----------
    signature : bytes
        From anyone.
    config : FeatureConfig
        The catalogue's.
    background : Background
        The catalogue's.
    max_seconds : float > 0
        Longest sound.

    Raises
    ------
    SignatureMismatch
        If it is of another version, or was made for other features.
    InvalidSignature
        If it is damaged, too long, or holds numbers that no sound gives.
    """
    if len(signature) > most_bytes(max_seconds):
        raise InvalidSignature(f"the signature has {len(signature):,} bytes; {most_bytes(max_seconds):,} is the limit")
    network, features_of, n_samples, expected = _head(signature)
    if features_of != features_id(config, background):
        raise SignatureMismatch(
            f"the signature was made for features {features_of.hex()}, and this catalogue has "
            f"{features_id(config, background).hex()}: send the sound instead"
        )
    if not 1 <= network <= reliability.VERSION:
        raise SignatureMismatch(
            f"the signature was made with reliability network {network}, and the newest one known here is "
            f"{reliability.VERSION}: send the sound instead, or update the service"
        )
    if n_samples > max_seconds * config.sample_rate:
        raise InvalidSignature(
            f"the signature is of {n_samples / config.sample_rate:.1f} s of sound; the limit is {max_seconds:g} s"
        )
    shape = Shape.of(n_samples, config)
    numbers = Numbers.empty(shape, config)
    payload = np.frombuffer(signature, np.uint8)[_HEADER.size : -_CHECK.size].copy()
    coder = coding.reader(payload)
    numbers.code(coder, payload, config)
    if coding.read(coder) != len(payload):
        raise InvalidSignature(
            f"the signature has {len(payload):,} bytes of numbers, and {n_samples} samples of sound need another count"
        )
    return Query(
        start_s=shape.starts[numbers.audible.astype(bool)] * config.frame_step / config.sample_rate,
        mixtures=_mixtures(numbers.mixtures[numbers.audible.astype(bool)], config),
        slots=_slots(numbers.slots),
        slot_variance=background.slot_variance,
        fingerprint=_fingerprint(numbers, expected / 65535),
        duration_s=n_samples / config.sample_rate,
    )


def n_samples(signature: bytes) -> int:
    """Samples, at the catalogue's rate, of the sound that a signature says it is of; errors as of :func:`decode`."""
    return _head(signature)[2]


def _head(signature: bytes) -> tuple[int, bytes, int, int]:
    """Network, features, samples and expected agreement of a signature whose frame is sound."""
    if len(signature) < _HEADER.size + _CHECK.size or not is_signature(signature):
        raise InvalidSignature("the bytes are no signature: one begins with EMSG (docs/signature.md)")
    _, version, network, features_of, n_samples, expected = _HEADER.unpack_from(signature)
    if version != VERSION:
        raise SignatureMismatch(
            f"the signature has version {version}, and {VERSION} is read here: send the sound instead, or update"
        )
    if zlib.crc32(signature[: -_CHECK.size]) != _CHECK.unpack(signature[-_CHECK.size :])[0]:
        raise InvalidSignature("the signature is damaged: its checksum is another one; send it again")
    return network, features_of, n_samples, expected


def _fingerprint(numbers: Numbers, expected: float) -> Fingerprint:
    live = numbers.live.astype(bool)
    words = bits.pack_signs(numbers.signs.astype(bool), live)
    planes = [bits.pack_signs((numbers.weights & plane) != 0, np.zeros(len(live), bool)) for plane in (1, 2)]
    return Fingerprint(_phases(words), _phases(np.stack(planes, axis=1)), expected)


def _phases(rows: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.stack([rows[0::2], rows[1::2]]))


def _slots(numbers: np.ndarray) -> np.ndarray:
    if numbers.size and numbers.min() < -127:
        raise InvalidSignature("the signature has a slot of -128 steps, which no sound gives: the least is -127")
    return numbers.astype(np.int8)


def _mixtures(values: np.ndarray, config: FeatureConfig) -> Mixtures:
    """Mixtures of values, checked: positive weights, and covariances no narrower than their floor."""
    if not len(values):
        return windows.concatenate([], config)
    d = config.n_mfcc
    weights = values[..., 0] + 32768.0
    roots = values[..., 1 + d :] * STEP
    diagonal = roots[..., kinds_of(config)[1 + d :] == DIAGONAL]
    # A factor whose entries are each off by half a step is off by this at most, in any direction.
    least = math.sqrt(config.covariance_floor) - 0.5 * STEP * math.sqrt(roots.shape[-1])
    if not (weights > 0).all() or (weights.sum(axis=-1) != _WHOLE).any():
        raise InvalidSignature(f"the signature has a mixture whose weights are not positive or do not sum to {_WHOLE}")
    if not (diagonal > 0).all():
        raise InvalidSignature("the signature has a mixture with a deviation of 0 or less")
    if config.covariance_type == "diag":
        covariances, narrowest = np.square(roots), float(diagonal.min())
    else:
        factors = np.zeros((*roots.shape[:-1], d, d))
        factors[..., *np.tril_indices(d)] = roots
        covariances = factors @ np.swapaxes(factors, -1, -2)
        narrowest = float(np.linalg.svd(factors, compute_uv=False).min())
    if narrowest < least:
        raise InvalidSignature(
            f"the signature has a mixture with a deviation of {narrowest:.4f}; the least is {least:.4f}"
        )
    return Mixtures(weights / _WHOLE, values[..., 1 : 1 + d] * STEP, covariances)
