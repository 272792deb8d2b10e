"""Compiled loops: what ``reliability.py`` says of bits, for pairs of spectra.

A pair is an early and a late spectrum; its differences are those of ``bits.py``. :func:`context`, :func:`odds` and
:func:`weights` say what ``reliability.py`` says of the same pairs, to the rounding of sums, without an array of every
input and every hidden unit, and without NumPy's cost of a call, which at the sizes of listening is most of the time.
``bands`` is the number of bands in each resolution, coarsest first, as for ``reliability.py``.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numba
import numpy as np

from classifier.fingerprint import reliability
from classifier.fingerprint.reliability import SOUNDING, Context

#: Inputs of a bit that differ from pair to pair; the others say which bit it is.
_VARYING = 7
#: Only the order of sums is left to the compiler.
_FAST = {"reassoc", "contract", "nsz"}


@lru_cache(maxsize=4)
def _layout(bands: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Lower band of each bit, shape (n_bits,), and the hidden units' inputs from its place, shape (n_bits, 24)."""
    net = reliability.network()
    band: list[int] = []
    place: list[tuple[float, bool, bool]] = []
    first = 0
    for resolution, count in enumerate(bands):
        band += range(first, first + count - 1)
        place += [(at, resolution == 0, resolution == 1) for at in np.linspace(-1, 1, count - 1)]
        first += count
    own = np.array(place, np.float32) @ net["w_bit"][_VARYING:]
    return np.array(band), np.ascontiguousarray(own)


def odds(
    energy: np.ndarray, early: np.ndarray, late: np.ndarray, around: Context, bands: tuple[int, ...]
) -> np.ndarray:
    """Log-odds that each bit equals the clean recording's.

    Parameters
    ----------
    energy : np.ndarray, shape (n, sum(bands)), float32
        Log energies, nats.
    early, late : np.ndarray, shape (m,), int64
        Rows of the two spectra of each pair.
    around : Context
        What the recording as a whole tells.
    bands : tuple of int
        Bands in each resolution.

    Returns
    -------
    np.ndarray, shape (m, n_bits), float32
        Nats.
    """
    return _outputs(energy, early, late, around, bands, slice(0, 1))[0]


def weights(
    energy: np.ndarray, early: np.ndarray, late: np.ndarray, around: Context, bands: tuple[int, ...]
) -> np.ndarray:
    """Weight of each bit, as :func:`odds`: positive, only ratios mean anything."""
    return _weight(_outputs(energy, early, late, around, bands, slice(1, 2))[0])


def judge(
    energy: np.ndarray, early: np.ndarray, late: np.ndarray, around: Context, bands: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """What :func:`odds` and :func:`weights` return, in one pass."""
    log_odds, pull = _outputs(energy, early, late, around, bands, slice(0, 2))
    return log_odds, _weight(pull)


def context(energy: np.ndarray, loud: np.ndarray, lag: int, bands: tuple[int, ...]) -> Context:
    """What a stretch of sound tells about its bits: as :func:`classifier.fingerprint.reliability.context_of`.

    Parameters
    ----------
    energy : np.ndarray, shape (n, sum(bands)), float32
        Log energies, nats; one frame at least.
    loud : np.ndarray, shape (n,), bool
        Whether each frame is loud.
    lag : int
        Rows between the two spectra of a difference.
    bands : tuple of int
        Bands in each resolution.
    """
    n_fine = bands[-1]
    energy = np.ascontiguousarray(energy, np.float32)
    some = energy[loud] if loud.any() else energy
    background = np.empty(energy.shape[1], np.float32)
    _quantiles(some, reliability.BACKGROUND_QUANTILE, background)
    fine = some[:, -n_fine:]
    level = np.log(np.exp(fine).mean(axis=1))
    late = np.flatnonzero(loud[lag:] & loud[:-lag]) + lag
    moves = energy[late, -n_fine:] - energy[late - lag, -n_fine:]
    size = np.log1p(np.abs(moves[:, 1:] - moves[:, :-1]))
    edges = np.array([0, *(round(share * n_fine) for share in reliability.ZONES), n_fine])
    facts = np.zeros((len(edges) - 1, 4), np.float32)
    _facts(np.ascontiguousarray(fine), size, level, background[-n_fine:], edges, facts)
    return Context(background, float(np.median(level)), facts.reshape(-1))


def trusted(
    energy: np.ndarray,
    early: np.ndarray,
    late: np.ndarray,
    around: Context,
    bands: tuple[int, ...],
    counts: np.ndarray,
) -> np.ndarray:
    """Bits of the two upper levels of weight, shape (m, n_bits), bool: as ``reliability.levels`` has them.

    Parameters
    ----------
    energy, early, late, around, bands
        As for :func:`odds`.
    counts : np.ndarray, shape (m, n_bits), bool
        Bits that may have a weight.
    """
    if not counts.any():
        return np.zeros(counts.shape, bool)
    pull = weights(energy, early, late, around, bands)
    some = pull[counts]
    place = reliability.TOP_QUANTILE * (len(some) - 1)
    low, high = int(place), min(int(place) + 1, len(some) - 1)
    ordered = np.partition(some, (low, high))
    top = max(float(ordered[low] + (ordered[high] - ordered[low]) * (place - low)), 1e-6)
    return np.asarray(counts & (pull * reliability.LEVELS >= 1.5 * top))


def _weight(pull: np.ndarray) -> np.ndarray:
    return np.asarray((np.maximum(pull, 0) + np.log1p(np.exp(-np.abs(pull)))) * reliability.network()["factor"])


def _outputs(
    energy: np.ndarray, early: np.ndarray, late: np.ndarray, around: Context, bands: tuple[int, ...], which: slice
) -> np.ndarray:
    """Some outputs of the network for each bit, shape (n_outputs, m, n_bits)."""
    net, n_fine = reliability.network(), bands[-1]
    band, own = _layout(bands)
    energy = np.ascontiguousarray(energy, np.float32)
    fine = energy[:, -n_fine:]
    mean = np.log(np.exp(fine).mean(axis=1))
    sounding = (fine > around.background[-n_fine:] + SOUNDING).mean(axis=1)
    frames = np.stack(
        [np.maximum(mean[early], mean[late]) - around.level, (sounding[early] + sounding[late]) / 2], axis=1
    ).astype(np.float32)
    shift = frames @ net["w_frame"] + (around.facts @ net["w_snippet"] + net["b_hidden"])
    slope = np.log1p(np.abs(energy[:, 1:] - energy[:, :-1]))
    background = around.background.astype(np.float32)
    weights = np.ascontiguousarray(net["w_bit"][:_VARYING]), np.ascontiguousarray(net["w_out"][:, which].T)
    out = np.empty((len(weights[1]), len(early), len(band)), np.float32)
    size = np.log1p(np.abs(differences(energy, early, late, bands)))
    _network(energy, mean, slope, size, early, late, band, background, own, shift, *weights, out)
    out += net["b_out"][which, None, None]
    return out


def differences(energy: np.ndarray, early: np.ndarray, late: np.ndarray, bands: tuple[int, ...]) -> np.ndarray:
    """The differences whose signs are the bits, shape (m, n_bits), float32; arguments as for :func:`odds`."""
    band, _ = _layout(bands)
    out = np.empty((len(early), len(band)), np.float32)
    _differences(np.ascontiguousarray(energy, np.float32), early, late, band, out)
    return out


def agreement(
    energy: np.ndarray,
    early: np.ndarray,
    late: np.ndarray,
    signs: np.ndarray,
    trust: np.ndarray,
    bands: tuple[int, ...],
) -> np.ndarray:
    """Sum of the trust of the bits that agree, less that of those that do not, for each of some shifts.

    Parameters
    ----------
    energy : np.ndarray, shape (n, sum(bands)), float32
        Log energies, nats.
    early, late : np.ndarray, shape (n_shifts, m), int64
        Rows of the two spectra of each pair at each shift.
    signs : np.ndarray, shape (m, n_bits), bool
        The track's bits.
    trust : np.ndarray, shape (m, n_bits), float32
        Trust of each bit.
    bands : tuple of int
        Bands in each resolution.

    Returns
    -------
    np.ndarray, shape (n_shifts, m), float64
    """
    out = np.zeros(early.shape)
    signed = np.where(signs, trust, -trust).astype(np.float32)
    _agreement(np.ascontiguousarray(energy, np.float32), early, late, _layout(bands)[0], signed, out)
    return out


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _quantiles(values: Any, q: float, out: Any) -> None:  # pragma: no cover - compiled
    """Quantiles of columns, between order statistics in proportion; ``q`` is small, so the least are sorted."""
    n = values.shape[0]
    place = q * (n - 1)
    k = int(place)
    share = np.float32(place - k)
    least = np.empty(min(k + 2, n), np.float32)
    for column in range(values.shape[1]):
        held = 0
        for row in range(n):
            x = values[row, column]
            if held == least.shape[0]:
                if x >= least[held - 1]:
                    continue
                at = held - 1
            else:
                at = held
                held += 1
            while at > 0 and least[at - 1] > x:
                least[at] = least[at - 1]
                at -= 1
            least[at] = x
        above = least[min(k + 1, n - 1)]
        out[column] = least[k] + (above - least[k]) * share


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _facts(
    fine: Any, size: Any, level: Any, background: Any, edges: Any, out: Any
) -> None:  # pragma: no cover - compiled
    """Height, change, swing and tilt of each zone of frequency, as ``reliability.context_of`` defines them."""
    n, m = fine.shape[0], size.shape[0]
    tilt = np.empty(n, np.float32)
    for zone in range(out.shape[0]):
        low, high = edges[zone], edges[zone + 1]
        tilt[:] = 0
        height = swing = moves = 0.0
        for band in range(low, high):
            total = squares = 0.0
            for t in range(n):
                total += fine[t, band]
                tilt[t] += fine[t, band]
            mean = total / n
            for t in range(n):
                squares += (fine[t, band] - mean) ** 2
            height += mean - background[band]
            swing += (squares / n) ** 0.5
        last = min(high, size.shape[1])
        for t in range(m):
            for bit in range(low, last):
                moves += size[t, bit]
        for t in range(n):
            tilt[t] = tilt[t] / (high - low) - level[t]
        out[zone, 0] = height / (high - low)
        out[zone, 1] = moves / (m * (last - low)) if m else 0.0
        out[zone, 2] = swing / (high - low)
        out[zone, 3] = np.median(tilt)


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _differences(energy: Any, early: Any, late: Any, band: Any, out: Any) -> None:  # pragma: no cover - compiled
    for i in range(early.shape[0]):
        a, b = energy[early[i]], energy[late[i]]
        for bit in range(band.shape[0]):
            low = band[bit]
            out[i, bit] = (b[low + 1] - b[low]) - (a[low + 1] - a[low])


@numba.njit(cache=True, nogil=True, boundscheck=False, fastmath=_FAST)
def _network(
    energy: Any, mean: Any, slope: Any, size: Any, early: Any, late: Any, band: Any, background: Any, own: Any,
    shift: Any, w_bit: Any, w_out: Any, out: Any,
) -> None:  # fmt: skip  # pragma: no cover - compiled
    """Outputs of the network for every bit of every pair; the inputs are those of ``reliability.facts``."""
    n_outputs, n_hidden = w_out.shape
    hidden = np.empty(n_hidden, np.float32)
    for i in range(early.shape[0]):
        first, second = early[i], late[i]
        a, b = energy[first], energy[second]
        for bit in range(band.shape[0]):
            low = band[bit]
            a0, a1 = a[low] - background[low], a[low + 1] - background[low + 1]
            b0, b1 = b[low] - background[low], b[low + 1] - background[low + 1]
            x0 = size[i, bit]
            x1 = max(max(a0, a1), max(b0, b1))
            x2 = min(min(a0, a1), min(b0, b1))
            x3 = (a0 + a1 + b0 + b1) * np.float32(0.25)
            x4 = max(max(a[low], a[low + 1]) - mean[first], max(b[low], b[low + 1]) - mean[second])
            x5, x6 = slope[second, low], slope[first, low]
            for h in range(n_hidden):
                hidden[h] = (
                    own[bit, h] + shift[i, h] + x0 * w_bit[0, h] + x1 * w_bit[1, h] + x2 * w_bit[2, h]
                    + x3 * w_bit[3, h] + x4 * w_bit[4, h] + x5 * w_bit[5, h] + x6 * w_bit[6, h]
                )  # fmt: skip
            for output in range(n_outputs):
                total = np.float32(0)
                for h in range(n_hidden):
                    total += max(hidden[h], np.float32(0)) * w_out[output, h]
                out[output, i, bit] = total


@numba.njit(cache=True, nogil=True, boundscheck=False, fastmath=_FAST)
def _agreement(
    energy: Any, early: Any, late: Any, band: Any, signed: Any, out: Any
) -> None:  # pragma: no cover - compiled
    for shift in range(early.shape[0]):
        for i in range(early.shape[1]):
            a, b = energy[early[shift, i]], energy[late[shift, i]]
            total = np.float32(0)
            for bit in range(band.shape[0]):
                low = band[bit]
                rises = (b[low + 1] - b[low]) - (a[low + 1] - a[low]) > 0
                total += signed[i, bit] if rises else -signed[i, bit]
            out[shift, i] = total
