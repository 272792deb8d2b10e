"""Lists: the inverted file of a segment's patches, which says where in it a snippet may come from.

The patches of all tracks of a segment (``mixtures/patches.py``), cell after cell: for each its first slot, as a row of
the segment's ``slots``, and the signs of its coordinates. Lists are made from the slots alone, which the segment has
anyway, and lists of several segments are merged by joining their runs cell by cell. Only segments of ``LISTED`` windows
or more have lists; smaller ones are compared whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np

from classifier.instructions import popcount
from classifier.mixtures.patches import WORDS, Codebook, Heard, encode
from classifier.mixtures.slots import unpacked

#: Least number of windows of a segment with lists: an hour.
LISTED = 4096
#: Cells merged at a time.
_CELLS = 64
#: Names of the arrays, and the types of their numbers.
ARRAYS: dict[str, np.dtype[Any]] = {
    "list_start": np.dtype(np.int64),
    "list_slot": np.dtype(np.uint32),
    **{f"list_signs{word}": np.dtype(np.uint64) for word in range(WORDS)},
}


@dataclass(frozen=True, slots=True)
class Lists:
    """The patches of one segment.

    Parameters
    ----------
    start : np.ndarray, shape (n_cells + 1,), int64
        First patch of each cell, and the number of all.
    slot : np.ndarray, shape (n,), uint32
        Row of each patch's first slot; within a cell in ascending order.
    signs : tuple of WORDS np.ndarray, shape (n,), uint64
        Signs of its coordinates.
    """

    start: np.ndarray
    slot: np.ndarray
    signs: tuple[np.ndarray, ...]

    @property
    def n(self) -> int:
        """Patches."""
        return len(self.slot)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return everything by the names in ``ARRAYS``."""
        signs = {f"list_signs{word}": array for word, array in enumerate(self.signs)}
        return {"list_start": self.start, "list_slot": self.slot, **signs}

    @classmethod
    def joined(cls, pieces: Sequence[Lists]) -> Lists:
        """Put lists that came cell after cell together; one piece at least."""
        stops = np.concatenate([np.diff(piece.start) for piece in pieces]).cumsum()
        signs = (np.concatenate([piece.signs[word] for piece in pieces]) for word in range(WORDS))
        slot = np.concatenate([piece.slot for piece in pieces])
        return cls(np.concatenate([[0], stops]), slot, tuple(signs))

    @classmethod
    def of(cls, arrays: dict[str, np.ndarray]) -> Lists:
        """Build from what :meth:`arrays` returned.

        Raises
        ------
        ValueError
            If the arrays do not belong together.
        """
        lists = cls(
            arrays["list_start"],
            arrays["list_slot"],
            tuple(arrays[f"list_signs{word}"] for word in range(WORDS)),
        )
        start = lists.start
        whole = len(start) > 1 and start[0] == 0 and start[-1] == lists.n and (np.diff(start) >= 0).all()
        if not whole or any(array.shape != (lists.n,) for array in lists.signs):
            raise ValueError("the lists of patches do not belong together")
        return lists


def build(tracks: Iterable[tuple[int, np.ndarray]], book: Codebook, step: int = 1) -> Lists:
    """Make the lists of tracks.

    Parameters
    ----------
    tracks : iterable of (int, np.ndarray)
        First row of each track in the segment, ascending, and its slots, shape (n, d), int8, or packed.
    book : Codebook
        For slots of d coefficients.
    step : int >= 1
        Slots from one patch to the next.
    """
    found = [(first, encode(unpacked(slots), book, step)) for first, slots in tracks]
    cell = np.concatenate([np.zeros(0, np.uint16), *(codes.cell for _, codes in found)])
    slot = np.concatenate([np.zeros(0, np.uint32), *((first + codes.slot).astype(np.uint32) for first, codes in found)])
    signs = np.concatenate([np.zeros((0, WORDS), np.uint64), *(codes.signs for _, codes in found)])
    order = np.argsort(cell, kind="stable")
    start = np.concatenate([[0], np.cumsum(np.bincount(cell, minlength=len(book.cells)))])
    return Lists(start, slot[order], tuple(np.ascontiguousarray(signs[order, word]) for word in range(WORDS)))


def merged(parts: Sequence[tuple[Lists, np.ndarray, np.ndarray, np.ndarray]]) -> Iterator[Lists]:
    """Join lists, some cells at a time, so that memory does not grow with them.

    Parameters
    ----------
    parts : sequence of (Lists, np.ndarray, np.ndarray, np.ndarray)
        Lists of the same codebook, and for each the tracks that stay: their first rows, ascending, one past their last,
        and their new first rows.

    Yields
    ------
    Lists
        The next cells; ``start`` begins at 0 each time.
    """
    n_cells = len(parts[0][0].start) - 1
    for low in range(0, n_cells, _CELLS):
        high = min(n_cells, low + _CELLS)
        cells, slots, signs = [], [], []
        for lists, first, stop, moved in parts:
            run = slice(int(lists.start[low]), int(lists.start[high]))
            cell = np.repeat(np.arange(low, high), np.diff(lists.start[low : high + 1]))
            slot = lists.slot[run].astype(np.int64)
            track = np.searchsorted(first, slot, side="right") - 1
            stays = np.flatnonzero((track >= 0) & (slot < (stop[track] if len(stop) else -1)))
            cells.append(cell[stays])
            slots.append(slot[stays] + (moved - first)[track[stays]])
            signs.append(np.stack([words[run][stays] for words in lists.signs], axis=1))
        cell, slot = np.concatenate(cells), np.concatenate(slots)
        order = np.lexsort((slot, cell))
        every = np.concatenate(signs)[order]
        start = np.concatenate([[0], np.cumsum(np.bincount(cell - low, minlength=high - low))])
        columns = tuple(np.ascontiguousarray(every[:, word]) for word in range(WORDS))
        yield Lists(start, slot[order].astype(np.uint32), columns)


def runs(
    lists: Lists, patch: np.ndarray, cell: np.ndarray, first: int, stop: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find what some cells hold of a stretch of the segment.

    Parameters
    ----------
    lists : Lists
        Where to look.
    patch, cell : np.ndarray, shape (n,), int64
        Which of a snippet's patches is to be compared with which cell.
    first, stop : int
        The stretch, in slots.

    Returns
    -------
    patch, start, stop : np.ndarray, shape (m,), int64
        Patches of the snippet, and the stored patches, [start, stop), that each is to be compared with; none are empty.
    """
    found = np.empty((2, len(cell)), np.int64)
    _cut(lists.start, lists.slot, cell, first, found[0])
    _cut(lists.start, lists.slot, cell, stop, found[1])
    some = found[1] > found[0]
    return patch[some], found[0, some], found[1, some]


def read(
    lists: Lists, heard: Heard, patch: np.ndarray, start: np.ndarray, stop: np.ndarray, limit: np.ndarray, room: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compare patches of a snippet with stored ones.

    Parameters
    ----------
    lists : Lists
        Where to look.
    heard : Heard
        The snippet.
    patch, start, stop : np.ndarray, shape (n,), int64
        Which of its patches is compared with which stored ones, as :func:`runs` gives them.
    limit : np.ndarray, shape (len(heard.slot),), int64
        Greatest weight of differing signs that makes a hit, for each patch of the snippet.
    room : int
        Most hits; the rest is left out then.

    Returns
    -------
    slot, of, wrong : np.ndarray, shape (n_hits,), int64
        First slot of each stored patch that was hit, the snippet's patch, and the weight of signs that differ.
    """
    longest = int((stop - start).max(initial=1))
    slot, of, wrong = (np.empty(room, np.int64) for _ in range(3))
    counter = np.empty(longest, np.uint64)
    stored, mine = (lists.slot, *lists.signs), (heard.signs, heard.planes, limit)
    n = int(_scan(*stored, patch, start, stop, *mine, counter, slot, of, wrong))  # type: ignore[call-arg]
    return slot[:n], of[:n], wrong[:n]


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _cut(start: Any, slot: Any, cell: Any, least: Any, out: Any) -> None:  # pragma: no cover - compiled
    """Find the first stored patch of each cell that does not begin before a slot."""
    for i in range(cell.shape[0]):
        low, high = start[cell[i]], start[cell[i] + 1]
        while low < high:
            middle = (low + high) // 2
            if slot[middle] < least:
                low = middle + 1
            else:
                high = middle
        out[i] = low


@numba.njit(cache=True, nogil=True, boundscheck=False)
def _scan(
    row: Any, signs0: Any, signs1: Any, signs2: Any, patch: Any, start: Any, stop: Any, mine: Any, planes: Any,
    limit: Any, counter: Any, slot: Any, of: Any, wrong: Any,
) -> int:  # fmt: skip  # pragma: no cover - compiled
    """Note the stored patches that differ by no more than the limit; stop when the room for them is full."""
    n, one = 0, np.uint64(1)
    for i in range(patch.shape[0]):
        p = patch[i]
        low, high = start[i], stop[i]
        q0, q1, q2 = mine[p, 0], mine[p, 1], mine[p, 2]
        a0, a1, a2 = planes[p, 0, 0], planes[p, 0, 1], planes[p, 0, 2]
        b0, b1, b2 = planes[p, 1, 0], planes[p, 1, 1], planes[p, 1, 2]
        s0, s1, s2 = signs0[low:high], signs1[low:high], signs2[low:high]
        counts = counter[: high - low]
        for k in range(counts.shape[0]):
            x0, x1, x2 = s0[k] ^ q0, s1[k] ^ q1, s2[k] ^ q2
            ones = popcount(x0 & a0) + popcount(x1 & a1) + popcount(x2 & a2)
            twos = popcount(x0 & b0) + popcount(x1 & b1) + popcount(x2 & b2)
            counts[k] = ones + (twos << one)
        most = np.uint64(max(limit[p], 0))
        for k in range(counts.shape[0]):
            if counts[k] <= most:
                if n == slot.shape[0]:
                    return n
                slot[n], of[n], wrong[n] = row[low + k], p, counts[k]
                n += 1
    return n
