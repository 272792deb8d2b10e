"""The whole numbers of a signature: how many there are, in which order they come, and which contexts they share.

Conventions
-----------
- Frames of the fingerprint are in order of time: frame i belongs to phase i % 2 of the query, and pair i // 2.
- A context is what is known already about a number's neighbours: those before it in time and the one below it in
  frequency.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np

from classifier.config import FeatureConfig
from classifier.fingerprint import bits
from classifier.mixtures import features
from classifier.mixtures.slots import PHASES
from classifier.models import coding
from classifier.models.coding import code_bit, code_number, code_plain
from classifier.models.query import WINDOW_STEP_S
from classifier.models.thinning import context

#: Groups of a slot's coefficients whose values share contexts.
_SLOT_GROUPS = 4

# First contexts of each kind of number, and how many there are.
_LIVE = 0
_WEIGHT = _LIVE + 2
_SIGN = _WEIGHT + 64 * 4
_SLOT = _SIGN + 27 * 4
_VALUE = _SLOT + _SLOT_GROUPS * 256
_AUDIBLE = _VALUE + 4 * 256
_N_CONTEXTS = _AUDIBLE + 1
# Kinds of values of a mixture.
WEIGHT, MEAN, DIAGONAL, BELOW = range(4)


@dataclass(frozen=True, slots=True)
class Shape:
    """How much of everything a sound of some length has."""

    n_samples: int
    n_frames: int  # pairs of frames
    n_slots: int
    starts: np.ndarray  # first frame of every window, audible or not

    @classmethod
    def of(cls, n_samples: int, config: FeatureConfig) -> Shape:
        """Follow the frame grids of features and fingerprint."""
        n_mel = max(0, 1 + (n_samples - config.frame_length) // config.frame_step)
        at_16k = -(-n_samples * bits.SAMPLE_RATE // config.sample_rate)
        n_bits = max(0, 1 + (at_16k - bits.FRAME) // bits.QUERY_HOP - bits.LAG // bits.QUERY_HOP)
        n_deltas = max(0, n_mel - 2 * config.slot_half_length)
        n_slots = max(0, n_deltas - config.slot_frames // PHASES) // config.slot_frames
        return cls(n_samples, n_bits // 2, n_slots, features.window_starts(n_mel, config, WINDOW_STEP_S))


# --- numbers of a query ---------------------------------------------------------------------------------------


@dataclass(slots=True)
class Numbers:
    """A signature's whole numbers, in the order in which they are coded.

    Parameters
    ----------
    live : np.ndarray, shape (2 n,), uint8
        1 where a frame has any weight.
    weights : np.ndarray, shape (2 n, 124), uint8
        Of the bits, 0 to 3.
    signs : np.ndarray, shape (2 n, 124), uint8
        Bits; 0 where the weight is 0.
    slots : np.ndarray, shape (PHASES, M, d), int16
        As in the query.
    audible : np.ndarray, shape (n_starts,), uint8
        1 for windows that have a mixture.
    mixtures : np.ndarray, shape (n_starts, K, v), int32
        Weight, means and covariance of each component; 0 for windows without.
    """

    live: np.ndarray
    weights: np.ndarray
    signs: np.ndarray
    slots: np.ndarray
    audible: np.ndarray
    mixtures: np.ndarray

    @classmethod
    def empty(cls, shape: Shape, config: FeatureConfig) -> Numbers:
        """Return zeros of the right shapes, to be filled or read into."""
        n = shape.n_frames
        return cls(
            np.zeros(2 * n, np.uint8),
            np.zeros((2 * n, bits.N_BITS), np.uint8),
            np.zeros((2 * n, bits.N_BITS), np.uint8),
            np.zeros((PHASES, shape.n_slots, config.slot_mfcc), np.int16),
            np.zeros(len(shape.starts), np.uint8),
            np.zeros((len(shape.starts), config.n_components, len(kinds_of(config))), np.int32),
        )

    @property
    def most_bytes(self) -> int:
        """Bytes that coding cannot exceed: no probability is less than 2^-10, so that no bit takes more than ten."""
        n_bits = self.live.size + 2 * self.weights.size + self.signs.size + 8 * self.slots.size
        return 64 + 2 * (n_bits + self.audible.size + 16 * self.mixtures.size)

    def code(self, coder: np.ndarray, data: np.ndarray, config: FeatureConfig) -> None:
        """Write all numbers, or fill them with what is read."""
        model = coding.contexts(_N_CONTEXTS)
        _code_bits(coder, data, model, self.live, self.weights, self.signs)
        _code_slots(coder, data, model, self.slots)
        _code_mixtures(coder, data, model, self.audible, self.mixtures, kinds_of(config))


def kinds_of(config: FeatureConfig) -> np.ndarray:
    """Kind of each of a component's values, shape (v,), int64: the weight, the means, then the covariance.

    A full covariance is its Cholesky factor, the lower triangle row by row; a diagonal one its standard deviations.
    """
    d = config.n_mfcc
    if config.covariance_type == "diag":
        covariance = [DIAGONAL] * d
    else:
        covariance = [DIAGONAL if i == j else BELOW for i in range(d) for j in range(i + 1)]
    return np.array([WEIGHT, *[MEAN] * d, *covariance])


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _code_bits(
    coder: Any, data: Any, model: Any, live: Any, weights: Any, signs: Any
) -> None:  # pragma: no cover - compiled
    """Code the fingerprint: which frames are live, then the weights of each frame, then the signs."""
    before = 0
    for i in range(live.shape[0]):
        live[i] = code_bit(coder, data, model, _LIVE + before, live[i])
        before = live[i]
    n_bits = weights.shape[1]
    for i in range(live.shape[0]):
        for b in range(n_bits):
            if live[i]:
                first = _WEIGHT + 4 * context(weights, i, b)
                weights[i, b] = code_number(coder, data, model, first, 2, weights[i, b])
    for i in range(live.shape[0]):
        for b in range(n_bits):
            weight = weights[i, b]
            if weight == 0:
                continue
            last = _seen(weights, signs, i - 1, b)
            second = _seen(weights, signs, i - 2, b)
            lower = _seen(weights, signs, i, b - 1)
            signs[i, b] = code_bit(
                coder, data, model, _SIGN + weight + 4 * (last + 3 * second + 9 * lower), signs[i, b]
            )


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _seen(weights: Any, signs: Any, i: Any, b: Any) -> Any:  # pragma: no cover - compiled
    """0 for a bit without weight or outside, else 1 plus the bit."""
    if i < 0 or b < 0 or weights[i, b] == 0:
        return 0
    return 1 + signs[i, b]


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _code_slots(coder: Any, data: Any, model: Any, slots: Any) -> None:  # pragma: no cover - compiled
    """Code slots, phases one after another, in two's complement with the sign turned round."""
    phases, m, d = slots.shape
    for p in range(phases):
        for i in range(m):
            for k in range(d):
                first = _SLOT + 256 * (k * _SLOT_GROUPS // d)
                slots[p, i, k] = code_number(coder, data, model, first, 8, slots[p, i, k] + 128) - 128


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _code_mixtures(
    coder: Any, data: Any, model: Any, audible: Any, mixtures: Any, kinds: Any
) -> None:  # pragma: no cover - compiled
    """Code windows: whether each is audible, and the values of those that are, as 16 bits plus 2^15."""
    for i in range(audible.shape[0]):
        audible[i] = code_bit(coder, data, model, _AUDIBLE, audible[i])
        if not audible[i]:
            continue
        for k in range(mixtures.shape[1]):
            for v in range(mixtures.shape[2]):
                value = mixtures[i, k, v] + 32768
                high = code_number(coder, data, model, _VALUE + 256 * kinds[v], 8, value >> 8)
                mixtures[i, k, v] = 256 * high + code_plain(coder, data, 8, value & 255) - 32768
