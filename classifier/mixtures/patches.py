"""Patches: stretches of 1.3 s of slots as sign bits, so that an inverted file can find where a snippet comes from.

The divergence of two stretches of M slots depends on one inner product (``mixtures/slots.py``)::

    J = 2 d / kappa^2 (1 - <q, r> / (|q| |r|))

so the least divergence is the greatest cosine, and any index of vectors by cosine serves it. A patch is a stretch of
``LENGTH`` slots as one unit vector. Noise changes some directions of it more than others: a linear projection, learned
from pairs of clean and noisy patches (``bench/fit/patches.py``), keeps those that last, and weighs them. A track's
patch is then stored as the signs of its ``BITS`` coordinates, in the list of the cell whose centre is nearest. A
snippet's patch keeps its coordinates as two planes of weights from 0 to ``LEVELS``, so that popcounts compare it with a
stored one.

The codebook ships with Earmark and is the same for all catalogues: lists are merged without fitting anything anew.

Sources: Charikar 2002 (signs of projections keep cosines); Jégou, Douze & Schmid 2011 (inverted files of codes).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from classifier.data import FOLDER

#: Slots of a patch.
LENGTH = 11
#: Coordinates of a patch, and the words that hold their signs.
BITS = 192
WORDS = BITS // 64
#: Weights of a snippet's coordinates.
LEVELS = 3
#: Quantile of the sizes of a patch's coordinates that gets the highest weight, as does everything that rounds to it.
_TOP_QUANTILE = 0.95
#: Patches projected at a time.
_BLOCK = 1024
#: Groups of neighbouring cells, rounds that form them, and those nearest to a patch in which its cell is sought.
_GROUPS, _ROUNDS, _NEAR_GROUPS = 64, 10, 12


@dataclass(frozen=True, slots=True, eq=False)
class Codebook:
    """How patches become signs, and signs lists.

    Parameters
    ----------
    stored : np.ndarray, shape (LENGTH * d, BITS), float32
        Projection of a track's patches.
    heard : np.ndarray, shape (LENGTH * d, BITS), float32
        Projection of a snippet's patches.
    cells : np.ndarray, shape (n_cells, BITS), float32
        Centres, unit vectors.
    """

    stored: np.ndarray
    heard: np.ndarray
    cells: np.ndarray

    @property
    def n_coefficients(self) -> int:
        """Coefficients d of the slots that it can be used with."""
        return len(self.stored) // LENGTH


@dataclass(frozen=True, slots=True)
class Codes:
    """Patches of tracks.

    Parameters
    ----------
    slot : np.ndarray, shape (n,), int64
        First slot of each patch; silent patches are left out.
    cell : np.ndarray, shape (n,), uint16
        Nearest cell.
    signs : np.ndarray, shape (n, WORDS), uint64
        Bit i of the row is 1 where coordinate i is positive.
    """

    slot: np.ndarray
    cell: np.ndarray
    signs: np.ndarray


@dataclass(frozen=True, slots=True)
class Heard:
    """Patches of a snippet.

    Parameters
    ----------
    phase, slot : np.ndarray, shape (n,), int64
        Where each begins.
    vectors : np.ndarray, shape (n, BITS), float32
        Unit vectors.
    signs : np.ndarray, shape (n, WORDS), uint64
        Of their coordinates.
    planes : np.ndarray, shape (n, 2, WORDS), uint64
        Bits of the weights of the coordinates: ones, then twos.
    weight : np.ndarray, shape (n,), float64
        Sum of the weights.
    norm : np.ndarray, shape (n,), float64
        What divides (weight - 2 * weight of the signs that differ) to give a cosine.
    """

    phase: np.ndarray
    slot: np.ndarray
    vectors: np.ndarray
    signs: np.ndarray
    planes: np.ndarray
    weight: np.ndarray
    norm: np.ndarray


@lru_cache(maxsize=1)
def codebook() -> Codebook:
    """Return the codebook that ships with Earmark."""
    with np.load(FOLDER / "patches-1.npz", allow_pickle=False) as file:
        stored, heard = (file[name].astype(np.float32) for name in ("stored", "heard"))
        cells = unit(file["cells"].astype(np.float32))
    return Codebook(stored, heard, cells)


def stretches(slots: np.ndarray, step: int = 1) -> np.ndarray:
    """Return every ``step``-th stretch of ``LENGTH`` slots of a track, shape (n, LENGTH * d), float32."""
    if len(slots) < LENGTH:
        return np.zeros((0, LENGTH * slots.shape[1]), np.float32)
    seen = np.lib.stride_tricks.sliding_window_view(slots, LENGTH, axis=0)[::step]
    return np.ascontiguousarray(seen.transpose(0, 2, 1), np.float32).reshape(len(seen), LENGTH * slots.shape[1])


def unit(vectors: np.ndarray) -> np.ndarray:
    """Divide rows by their lengths; zeros stay."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(length > 0, length, 1)


def encode(slots: np.ndarray, book: Codebook, step: int = 1) -> Codes:
    """Code the patches of a track.

    Parameters
    ----------
    slots : np.ndarray, shape (n_slots, d), int8
        The track.
    book : Codebook
        For slots of d coefficients.
    step : int >= 1
        Slots from one patch to the next.
    """
    starts = np.arange(0, len(slots) - LENGTH + 1, step)
    n = len(starts)
    cell, signs, sounds = np.zeros(n, np.uint16), np.zeros((n, WORDS), np.uint64), np.zeros(n, bool)
    for start in range(0, n, _BLOCK):
        stop = min(n, start + _BLOCK)
        seen = stretches(slots[starts[start] : starts[stop - 1] + LENGTH], step)
        sounds[start:stop] = seen.any(axis=1)
        vectors = unit(seen) @ book.stored
        cell[start:stop] = cells_of(vectors, book)
        signs[start:stop] = packed(vectors > 0)
    kept = np.flatnonzero(sounds)
    return Codes(starts[kept], cell[kept], signs[kept])


def cells_of(vectors: np.ndarray, book: Codebook) -> np.ndarray:
    """Find the cell of each patch.

    Only cells of the groups nearest to a patch are compared. Where the nearest cell lies in another group, this is one
    that is hardly farther, and a snippet's patch looks into many cells.

    Parameters
    ----------
    vectors : np.ndarray, shape (n, BITS), float32
        Their coordinates.
    book : Codebook
        What defines the cells.

    Returns
    -------
    np.ndarray, shape (n,), uint16
    """
    centres, members = _groups(book)
    n_near = min(_NEAR_GROUPS, len(members))
    near = np.zeros((len(vectors), len(members)), bool)
    order = np.argpartition(-(vectors @ centres.T), n_near - 1, axis=1)[:, :n_near]
    np.put_along_axis(near, order, True, axis=1)
    cell, best = np.zeros(len(vectors), np.uint16), np.full(len(vectors), -np.inf, np.float32)
    for group, own in enumerate(members):
        rows = np.flatnonzero(near[:, group])
        cosine = vectors[rows] @ book.cells[own].T
        at = cosine.argmax(axis=1)
        value = cosine[np.arange(len(rows)), at]
        closer = value > best[rows]
        cell[rows[closer]], best[rows[closer]] = own[at[closer]], value[closer]
    return cell


@lru_cache(maxsize=4)
def _groups(book: Codebook) -> tuple[np.ndarray, list[np.ndarray]]:
    """Divide the cells among groups by k-means; return the groups' centres and their cells, ascending."""
    centres = book.cells[:: max(1, len(book.cells) // _GROUPS)]
    for _ in range(_ROUNDS):
        nearest = (book.cells @ centres.T).argmax(axis=1)
        sums = np.zeros_like(centres)
        np.add.at(sums, nearest, book.cells)
        centres = unit(sums)
    nearest = (book.cells @ centres.T).argmax(axis=1)
    filled = np.unique(nearest)
    return centres[filled], [np.flatnonzero(nearest == group) for group in filled]


def hear(slots: np.ndarray, book: Codebook) -> Heard:
    """Prepare the patches of a snippet.

    Parameters
    ----------
    slots : np.ndarray, shape (PHASES, M, d), int8
        The snippet; fewer than ``LENGTH`` slots make no patch.
    book : Codebook
        For slots of d coefficients.
    """
    seen = [stretches(phase) for phase in slots]
    phase = np.repeat(np.arange(len(seen)), [len(s) for s in seen])
    slot = np.concatenate([np.arange(len(s)) for s in seen])
    whole = np.concatenate(seen)
    sounds = whole.any(axis=1)
    vectors = unit(unit(whole[sounds]) @ book.heard)
    size = np.abs(vectors)
    top = np.quantile(size, _TOP_QUANTILE, axis=1, keepdims=True) if len(size) else np.ones((0, 1))
    levels = np.minimum(np.rint(size / np.maximum(top, 1e-9) * LEVELS), LEVELS).astype(np.int64)
    planes = np.stack([packed((levels & plane) > 0) for plane in (1, 2)], axis=1)
    norm = np.sqrt(BITS * np.square(levels).sum(axis=1, dtype=np.float64))
    weight = levels.sum(axis=1).astype(np.float64)
    return Heard(phase[sounds], slot[sounds], vectors, packed(vectors > 0), planes, weight, np.maximum(norm, 1.0))


def packed(signs: np.ndarray) -> np.ndarray:
    """Pack booleans, shape (n, BITS), into words, shape (n, WORDS), uint64."""
    return np.packbits(signs, axis=1, bitorder="little").view("<u8").astype(np.uint64)
