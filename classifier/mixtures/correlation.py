"""Similarity of many stretches of slots with every place of every track, through the Fourier transform.

The same cosine as ``slots.py`` has it (docs/mathematics.md, eq. 11), for stretches that lie within a track as a whole.
Correlations of many stretches with one reference share its transform, which makes each about ten times cheaper than
by itself; the price is rounding, so that these values choose places and decide nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.fft

from classifier.mixtures.slots import unpacked

#: Slots of a block that is transformed: one minute.
_BLOCK = 512
#: Slots that are worked on at once, to bound memory.
_CHUNK = 16_384


def best_places(stretches: np.ndarray, reference: np.ndarray, bounds: np.ndarray) -> tuple[np.ndarray, ...]:
    """Most similar place of each stretch in each track.

    Parameters
    ----------
    stretches : np.ndarray, shape (H, M, d), int8
        Stretches of one length, less than ``_BLOCK``.
    reference : np.ndarray, shape (S, d), int8, or packed
        Slots of all tracks, back to back.
    bounds : np.ndarray, shape (n, 2), int64
        First slot of each track, and one past its last.

    Returns
    -------
    similarity : np.ndarray, shape (n, H), float32
        At the best place, in [-1, 1]; minus infinity in tracks shorter than a stretch.
    lag : np.ndarray, shape (n, H), int64
        Slot of the track at which the stretch begins there.
    sums : np.ndarray, shape (n, 3, H), float64
        Places in the track, and the sums of their similarities and of the squares.
    """
    n_stretches, m, _ = stretches.shape
    n = len(bounds)
    similarity, lag = np.full((n, n_stretches), -np.inf, np.float32), np.zeros((n, n_stretches), np.int64)
    sums = np.zeros((n, 3, n_stretches))
    norms = np.sqrt(np.square(stretches.astype(np.float64)).sum(axis=(1, 2)))
    unit = (stretches / np.maximum(norms, 1)[:, None, None]).astype(np.float32)
    patterns = np.conj(scipy.fft.rfft(unit, _BLOCK, axis=1)).transpose(1, 2, 0)
    for chunk in _chunks(bounds, m):
        slots = np.concatenate([unpacked(reference[start:stop]) for start, stop in bounds[chunk]])
        along = _along(patterns, slots, m)
        first = 0
        for track in chunk:
            length = int(bounds[track, 1] - bounds[track, 0])
            there = along[first : first + length - m + 1]
            lag[track] = np.argmax(there, axis=0)
            similarity[track] = np.take_along_axis(there, lag[track][None], axis=0)[0]
            sums[track, 0] = len(there)
            sums[track, 1:] = there.sum(axis=0), np.square(there).sum(axis=0)
            first += length
    return similarity, lag, sums


def _chunks(bounds: np.ndarray, least: int) -> Iterator[list[int]]:
    """Tracks of at least that many slots, about ``_CHUNK`` slots at a time."""
    chunk: list[int] = []
    held = 0
    for track in np.flatnonzero(bounds[:, 1] - bounds[:, 0] >= max(least, 1)):
        chunk.append(int(track))
        held += int(bounds[track, 1] - bounds[track, 0])
        if held >= _CHUNK:
            yield chunk
            chunk, held = [], 0
    if chunk:
        yield chunk


def _along(patterns: np.ndarray, slots: np.ndarray, m: int) -> np.ndarray:
    """Cosine of each pattern with the m slots from each slot on, shape (S - m + 1, H); overlap-save blocks."""
    step, n_lags = _BLOCK - m + 1, len(slots) - m + 1
    n_blocks = -(-n_lags // step)
    padded = np.zeros((n_blocks * step + m - 1, slots.shape[1]), np.float32)
    padded[: len(slots)] = slots
    blocks = np.lib.stride_tricks.sliding_window_view(padded, _BLOCK, axis=0)[::step]
    spectra = scipy.fft.rfft(blocks, axis=2).transpose(2, 0, 1)
    found = scipy.fft.irfft(np.matmul(spectra, patterns), _BLOCK, axis=0)[:step]
    found = found.transpose(1, 0, 2).reshape(n_blocks * step, -1)[:n_lags]
    energy = np.concatenate([[0.0], np.cumsum(np.square(slots.astype(np.float64)).sum(axis=1))])
    norms = np.sqrt(np.maximum(energy[m:] - energy[:n_lags], 1.0)).astype(np.float32)
    return np.asarray(found / norms[:, None])
