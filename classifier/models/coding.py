"""Adaptive binary arithmetic coding: what a signature's numbers shrink with.

Every number becomes bits, and each bit is coded with the probability that bits in the same *context* had so far. One
function both writes and reads, so that a reader cannot disagree with the writer about the order of contexts.

Conventions
-----------
- A probability is that of a 0, in units of 2^-16. It starts at one half. The bit that comes with n bits seen in its
  context moves it by 1 / (n + 2) of the way, at least by 1 / (LIMIT + 2), and it stays within ``LEAST`` of 0 and 1.
- The interval has 32 bits and grows by whole bytes. The first byte is 0; the last four are those of the interval's
  lower end.

Sources: Rissanen & Langdon 1979, "Arithmetic coding"; Martin 1979, "Range encoding" (the interval in bytes).
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

#: Bits seen in a context from which its probability moves no slower.
LIMIT = 126
#: Least probability, in units of 2^-16.
LEAST = 64
_ONE = 1 << 16
_TOP = 1 << 24
_MASK = (1 << 32) - 1

# Fields of a coder's state.
_LOW, _RANGE, _BYTE, _PENDING, _AT, _WRITING = range(6)


def writer() -> np.ndarray:
    """State of a coder that writes, shape (6,), int64."""
    return np.array([0, _MASK, 0, 1, 0, 1], np.int64)


def reader(data: np.ndarray) -> np.ndarray:
    """State of a coder that reads ``data``, shape (n,), uint8."""
    first = int.from_bytes(data[:5].tobytes().ljust(5, b"\0"), "big") & _MASK
    return np.array([first, _MASK, 0, 0, 5, 0], np.int64)


def contexts(n: int) -> np.ndarray:
    """Probabilities of ``n`` contexts and how many bits each has seen, shape (2, n), int64."""
    return np.stack([np.full(n, _ONE // 2), np.zeros(n, int)])


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _shift(coder: Any, data: Any) -> None:  # pragma: no cover - compiled
    """Write the interval's highest byte; one that a carry may still change waits."""
    low = coder[_LOW]
    if low < 0xFF000000 or low > _MASK:
        carry = low >> 32
        value = coder[_BYTE]
        while coder[_PENDING] > 0:
            data[coder[_AT]] = (value + carry) & 0xFF
            coder[_AT] += 1
            coder[_PENDING] -= 1
            value = 0xFF
        coder[_BYTE] = (low >> 24) & 0xFF
    coder[_PENDING] += 1
    coder[_LOW] = (low & 0x00FFFFFF) << 8


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _narrow(coder: Any, data: Any, bound: Any, bit: Any) -> Any:  # pragma: no cover - compiled
    """Keep the part of the interval that stands for a bit; return the bit."""
    if not coder[_WRITING]:
        bit = 0 if coder[_LOW] < bound else 1
    if bit == 0:
        coder[_RANGE] = bound
    else:
        coder[_LOW] += bound if coder[_WRITING] else -bound
        coder[_RANGE] -= bound
    while coder[_RANGE] < _TOP:
        coder[_RANGE] <<= 8
        if coder[_WRITING]:
            _shift(coder, data)
        else:
            following = data[coder[_AT]] if coder[_AT] < data.shape[0] else 0
            coder[_LOW] = ((coder[_LOW] << 8) | np.int64(following)) & _MASK
            coder[_AT] += 1
    return bit


@numba.njit(cache=True, nogil=True, boundscheck=False)
def code_bit(coder: Any, data: Any, model: Any, context: Any, bit: Any) -> Any:  # pragma: no cover - compiled
    """Write a bit, or read one whatever ``bit`` is; return it.

    Parameters
    ----------
    coder : np.ndarray, shape (6,), int64
        From :func:`writer` or :func:`reader`.
    data : np.ndarray, shape (n,), uint8
        What is written or read.
    model : np.ndarray, shape (2, m), int64
        From :func:`contexts`.
    context : int
        Which of them.
    bit : int
        0 or 1.
    """
    p, seen = model[0, context], model[1, context]
    bit = _narrow(coder, data, (coder[_RANGE] >> 16) * p, bit)
    p += (((0 if bit else _ONE) - p) * (_ONE // (seen + 2))) >> 16
    model[0, context] = min(max(p, LEAST), _ONE - LEAST)
    model[1, context] = min(seen + 1, LIMIT)
    return bit


@numba.njit(cache=True, nogil=True, boundscheck=False)
def code_number(
    coder: Any, data: Any, model: Any, first: Any, n_bits: Any, number: Any
) -> Any:  # pragma: no cover - compiled
    """Write or read a number of ``n_bits`` bits, highest first, in the 2^n_bits contexts from ``first`` on."""
    node = 1
    for i in range(n_bits - 1, -1, -1):
        node = 2 * node + code_bit(coder, data, model, first + node, (number >> i) & 1)
    return node - (1 << n_bits)


@numba.njit(cache=True, nogil=True, boundscheck=False)
def code_plain(coder: Any, data: Any, n_bits: Any, number: Any) -> Any:  # pragma: no cover - compiled
    """Write or read a number of ``n_bits`` bits, all of them equally likely to be 0 or 1."""
    value = 0
    for i in range(n_bits - 1, -1, -1):
        value = 2 * value + _narrow(coder, data, coder[_RANGE] >> 1, (number >> i) & 1)
    return value


@numba.njit(cache=True, nogil=True, boundscheck=False)
def finish(coder: Any, data: Any) -> Any:  # pragma: no cover - compiled
    """Write what is left of the interval; return how many bytes were written."""
    for _ in range(5):
        _shift(coder, data)
    return coder[_AT]


def read(coder: np.ndarray) -> int:
    """How many bytes a coder has read, those beyond the end of its data among them."""
    return int(coder[_AT])
