"""Weight of the bits that differ between a snippet and a track, at every lag: what alignment spends its time on.

Two compiled ways give the same whole numbers. :func:`by_counting` masks, and counts bits, word by word. Where the
processor can look up many bytes at once (``pshufb``: every x86 processor since 2013), :func:`by_looking_up` takes a
quarter of the time. It keeps the track in *nibbles*, four bits of every frame side by side, and turns each nibble of
the snippet into a table: for each of the 16 values that the track may have there, the weight of the bits that differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import llvmlite.ir as ll
import numba
import numpy as np
from numba.core import cgutils as untyped_cgutils
from numba.core.registry import cpu_target

from classifier.instructions import popcount

cgutils: Any = untyped_cgutils
#: Nibbles of a sub-fingerprint: 124 bits. The last one of its words holds the flag.
_NIBBLES = 31
#: Nibble of a frame that is invalid or beyond either end: a lookup there gives 0.
_NONE = 128
#: Frames split at a time.
_BLOCK = 512
#: Lags looked up at a time: four vectors of 32 bytes.
_LAGS, _VECTOR, _TABLE = 128, 32, 16
#: Phases of a snippet: they are looked up together, since they read the same nibbles.
_PHASES = 2
#: Lookups that fit into a byte (each gives at most 4 bits times weight 3), and sums of these into 16 bits.
_BYTE, _SUMS = 21, 256


@lru_cache(maxsize=1)
def can_look_up() -> bool:
    """Whether compiled code may look up 32 bytes at once."""
    return "+avx2" in getattr(cpu_target.target_context.codegen(), "_tm_features", "")


def _looked_up_loop(_typing: Any, _tables: Any, _places: Any, _n: Any, _nibbles: Any, _sums: Any) -> Any:
    """Look up :data:`_LAGS` nibbles from each of n places in two tables, one a phase; write sums, which fit bytes."""
    byte, word = ll.IntType(8), ll.IntType(64)
    vector, table = ll.VectorType(byte, _VECTOR), ll.VectorType(byte, _TABLE)
    twice = ll.Constant(ll.VectorType(ll.IntType(32), _VECTOR), [i % _TABLE for i in range(_VECTOR)])

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        tables, places, n, nibbles, sums = arguments
        shuffle = cgutils.get_or_insert_function(
            builder.module, ll.FunctionType(vector, [vector, vector]), "llvm.x86.avx2.pshuf.b"
        )

        def at(address: Any, offset: Any, kind: Any) -> Any:
            return builder.inttoptr(builder.add(address, offset), kind.as_pointer())

        n_parts = _LAGS // _VECTOR
        totals = [cgutils.alloca_once_value(builder, ll.Constant(vector, None)) for _ in range(_PHASES * n_parts)]
        with cgutils.for_range(builder, n, intp=word) as loop:
            wide = []
            for phase in range(_PHASES):
                number = builder.add(builder.mul(loop.index, ll.Constant(word, _PHASES)), ll.Constant(word, phase))
                content = builder.load(at(tables, builder.mul(number, ll.Constant(word, _TABLE)), table), align=1)
                wide.append(builder.shuffle_vector(content, content, twice))
            place = builder.load(at(places, builder.mul(loop.index, ll.Constant(word, 8)), word))
            for part in range(n_parts):
                offset = builder.add(place, ll.Constant(word, _VECTOR * part))
                nibble = builder.load(at(nibbles, offset, vector), align=1)
                for phase in range(_PHASES):
                    total = totals[phase * n_parts + part]
                    found = builder.call(shuffle, [wide[phase], nibble])
                    builder.store(builder.add(builder.load(total), found), total)
        for number, total in enumerate(totals):
            builder.store(builder.load(total), at(sums, ll.Constant(word, _VECTOR * number), vector), align=1)
        return cgutils.get_null_value(ll.IntType(8).as_pointer())

    address = numba.types.uintp
    return numba.types.none(address, address, numba.types.intp, address, address), generate


_looked_up: Any = numba.extending.intrinsic(_looked_up_loop)


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _nibbles(words: Any, pad: Any, out: Any) -> None:  # pragma: no cover - compiled
    """Split words, shape (F, 2), into nibbles, shape (31, at least pad + F), in blocks that stay in the cache."""
    four, low, n_frames = np.uint64(4), np.uint64(15), words.shape[0]
    columns, none = np.empty((2, _BLOCK), np.uint64), np.empty(_BLOCK, np.uint8)
    out[:, :pad] = _NONE
    out[:, pad + n_frames :] = _NONE
    for start in range(0, n_frames, _BLOCK):
        n = min(_BLOCK, n_frames - start)
        for i in range(n):
            columns[0, i], columns[1, i] = words[start + i, 0], words[start + i, 1]
            none[i] = np.uint8((~words[start + i, 1] >> np.uint64(63)) << np.uint64(7))
        for nibble in range(_NIBBLES):
            column, shift = columns[nibble // 16], np.uint64(nibble % 16) * four
            row = out[nibble, pad + start :]
            for i in range(n):
                row[i] = np.uint8((column[i] >> shift) & low) | none[i]


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _tables(words: Any, planes: Any, tables: Any, at: Any) -> int:  # pragma: no cover - compiled
    """Make the tables of every nibble of a snippet that has weight, and say where it is; return their number."""
    one, low, n = np.uint64(1), np.uint64(15), 0
    for t in range(words.shape[1]):
        for nibble in range(_NIBBLES):
            column, first = nibble // 16, np.uint64(4 * (nibble % 16))
            weighs = np.uint64(0)
            for phase in range(_PHASES):
                own = words[phase, t, column] >> first
                ones, twos = planes[phase, t, 0, column] >> first, planes[phase, t, 1, column] >> first
                weighs |= (ones | twos) & low
                for value in range(_TABLE):
                    wrong = np.uint64(value) ^ own
                    total = np.uint64(0)
                    for bit in range(4):
                        b = np.uint64(bit)
                        total += ((wrong >> b) & one) * (((ones >> b) & one) + (((twos >> b) & one) << one))
                    tables[n, phase, value] = np.uint8(total)
            if weighs:
                at[0, n], at[1, n] = t, nibble
                n += 1
    return n


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _look_up(nibbles: Any, tables: Any, places: Any, wrong: Any) -> None:  # pragma: no cover - compiled
    """Add up what the tables say at every lag."""
    n, n_lags = places.shape[0], wrong.shape[1]
    sums, wider = np.empty((_PHASES, _LAGS), np.uint8), np.empty((_PHASES, _LAGS), np.uint16)
    table, place, first, into = tables.ctypes.data, places.ctypes.data, nibbles.ctypes.data, sums.ctypes.data
    for base in range(0, n_lags, _LAGS):
        for begin in range(0, n, _BYTE * _SUMS):
            wider[:] = 0
            for i in range(begin, min(n, begin + _BYTE * _SUMS), _BYTE):
                _looked_up(table + _PHASES * _TABLE * i, place + 8 * i, min(_BYTE, n - i), first + base, into)
                for phase in range(_PHASES):
                    for lag in range(_LAGS):
                        wider[phase, lag] += sums[phase, lag]
            for phase in range(_PHASES):
                for lag in range(min(_LAGS, n_lags - base)):
                    wrong[phase, base + lag] += wider[phase, lag]


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _count(r0: Any, r1: Any, words: Any, planes: Any, wrong: Any) -> None:  # pragma: no cover - compiled
    """Add up the weight of mismatches at every lag.

    Lags run in the inner loop over contiguous words and all lanes are 64 bits wide, so that the compiler uses
    vector popcounts where the machine has them; blocks keep the counters in the first-level cache.
    """
    zero, one, shift = np.uint64(0), np.uint64(1), np.uint64(63)
    for base in range(0, wrong.shape[0], 1024):
        stop = min(wrong.shape[0], base + 1024)
        for t in range(words.shape[0]):
            q0, q1 = words[t, 0], words[t, 1]
            a0, a1, b0, b1 = planes[t, 0, 0], planes[t, 0, 1], planes[t, 1, 0], planes[t, 1, 1]
            if not a0 | a1 | b0 | b1:
                continue
            words0, words1 = r0[base + t : stop + t], r1[base + t : stop + t]
            counts = wrong[base:stop]
            for lag in range(counts.shape[0]):
                word = words1[lag]
                keep = zero - (word >> shift)
                x0, x1 = (words0[lag] ^ q0) & keep, (word ^ q1) & keep
                ones = popcount(x0 & a0) + popcount(x1 & a1)
                twos = popcount(x0 & b0) + popcount(x1 & b1)
                counts[lag] += ones + (twos << one)


@dataclass(frozen=True, slots=True)
class Tables:
    """What differing from a snippet weighs, four bits at a time.

    Parameters
    ----------
    weights : np.ndarray, shape (m, 2, 16), uint8
        For each nibble with any weight and each phase, the weight of the bits that differ from each value.
    frame, nibble : np.ndarray, shape (m,), int64
        Which nibbles these are: frame of the snippet, and number within it.
    n_frames : int
        Frames of the snippet in each phase.
    """

    weights: np.ndarray
    frame: np.ndarray
    nibble: np.ndarray
    n_frames: int

    @classmethod
    def of(cls, words: np.ndarray, planes: np.ndarray) -> Tables:
        """Make the tables of a snippet; arguments as for :func:`by_counting`.

        Examples
        --------
        >>> import numpy as np
        >>> full = np.full((2, 1, 2, 2), 2**60 - 1, np.uint64)  # the first 60 bits of each word weigh 3
        >>> made = Tables.of(np.zeros((2, 1, 2), np.uint64), full)
        >>> len(made.weights), made.weights[0, 0, [0, 1, 15]].tolist()
        (30, [0, 3, 12])
        """
        n = words.shape[1]
        # One more than there are, for what is found to weigh nothing.
        weights = np.empty((n * _NIBBLES + 1, _PHASES, _TABLE), np.uint8)
        at = np.empty((2, n * _NIBBLES), np.int64)
        m = _tables(words, planes, weights, at)
        return cls(weights[:m].copy(), at[0, :m].copy(), at[1, :m].copy(), n)


def by_looking_up(tables: Tables, reference: np.ndarray, pad: int) -> np.ndarray:
    """Weight of the bits of a snippet that differ from a track's, at every lag.

    Parameters
    ----------
    tables : Tables
        The snippet's.
    reference : np.ndarray, shape (F, 2), uint64
        The track's words; at least n_frames - 2 * pad. Invalid frames differ in nothing.
    pad : int >= 0
        Frames that the snippet may reach beyond either end.

    Returns
    -------
    np.ndarray, shape (2, F + 2 * pad - n_frames + 1), uint32
        For each phase; index i is the lag i - pad, in reference frames.

    Examples
    --------
    >>> import numpy as np
    >>> from classifier.fingerprint.bits import fingerprint, reference_words
    >>> track = np.random.default_rng(1).normal(0, 0.1, 6 * 16000).astype(np.float32)
    >>> heard = fingerprint(track[2 * 16000 : 4 * 16000])
    >>> found = by_looking_up(heard.tables, reference_words(track), 0)
    >>> int(found[0].argmin()) * 512 / 16000
    2.016
    """
    # Lookups of the last lags run beyond the end.
    stride = len(reference) + 2 * pad + _LAGS
    nibbles = np.empty((_NIBBLES, stride), np.uint8)
    _nibbles(reference, pad, nibbles)
    wrong = np.zeros((_PHASES, len(reference) + 2 * pad - tables.n_frames + 1), np.uint32)
    _look_up(nibbles, tables.weights, tables.nibble * stride + tables.frame, wrong)
    return wrong


def by_counting(words: np.ndarray, planes: np.ndarray, reference: np.ndarray, pad: int) -> np.ndarray:
    """As :func:`by_looking_up`, with any processor.

    Parameters
    ----------
    words : np.ndarray, shape (2, n, 2), uint64
        The snippet's, in two phases.
    planes : np.ndarray, shape (2, n, 2, 2), uint64
        Its weights, as :class:`~classifier.fingerprint.bits.Fingerprint` has them.
    reference, pad
        As for :func:`by_looking_up`.
    """
    padded = np.zeros((2, len(reference) + 2 * pad), np.uint64)
    padded[:, pad : pad + len(reference)] = reference.T
    wrong = np.zeros((2, padded.shape[1] - words.shape[1] + 1), np.uint64)
    for phase in range(2):
        _count(padded[0], padded[1], words[phase], planes[phase], wrong[phase])
    return wrong
