"""Snapshots: the segments that one query searches, and which of their tracks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from classifier.index.profile import Kind
from classifier.index.segment import Entry, Key, Segment


@dataclass(frozen=True, slots=True)
class Shelf:
    """The live tracks of one segment.

    Parameters
    ----------
    segment : Segment
        The segment that holds them.
    numbers : np.ndarray, shape (n,), int64
        Their numbers in the snapshot.
    bounds : dict of Kind to np.ndarray, shape (n, 2), int64
        First row of each track and one past its last, by kind of row; ``reduced`` ones only if the segment has some.
    by_slot : np.ndarray, shape (n,), int64
        The order in which the tracks lie in the segment, as places in ``numbers``; of tracks that begin at the same
        slot, the one that has slots comes last.
    slots : np.ndarray, shape (n, 2), int64
        ``bounds["slots"]`` in that order.
    """

    segment: Segment
    numbers: np.ndarray
    bounds: dict[Kind, np.ndarray]
    by_slot: np.ndarray
    slots: np.ndarray


@dataclass(frozen=True)
class Snapshot:
    """What a query searches, unaffected by later changes; iterate over it for (segment, entry) pairs.

    Parameters
    ----------
    segments : tuple of Segment
        If several hold the same track, the first one's counts.
    live : frozenset of (str, int)
        Keys of the tracks that count.

    Attributes
    ----------
    items : tuple of (Segment, Entry)
        Live tracks by key: their order does not depend on how the catalogue is divided into segments.
    numbers : dict of (str, int) to int
        Place of each key in ``items``.
    shelves : tuple of Shelf
        The same tracks by segment, for arithmetic on whole segments.
    """

    segments: tuple[Segment, ...]
    live: frozenset[Key]
    items: tuple[tuple[Segment, Entry], ...] = field(init=False)
    numbers: dict[Key, int] = field(init=False)
    shelves: tuple[Shelf, ...] = field(init=False)
    _n_rows: dict[Kind, int] = field(init=False)

    def __post_init__(self) -> None:
        found: dict[Key, tuple[Segment, Entry]] = {}
        for segment in self.segments:
            for entry in segment.entries:
                if entry.key in self.live:
                    found.setdefault(entry.key, (segment, entry))
        items = tuple(found[key] for key in sorted(found))
        by_segment: dict[int, list[int]] = {}
        for number, (segment, _) in enumerate(items):
            by_segment.setdefault(id(segment), []).append(number)
        shelves = tuple(_shelf(items, own) for own in by_segment.values())
        numbers = {entry.key: number for number, (_, entry) in enumerate(items)}
        totals: dict[Kind, int] = {}
        for shelf in shelves:
            for kind, bounds in shelf.bounds.items():
                totals[kind] = totals.get(kind, 0) + int((bounds[:, 1] - bounds[:, 0]).sum())
        made = {"items": items, "numbers": numbers, "shelves": shelves, "_n_rows": totals}
        for name, value in made.items():
            object.__setattr__(self, name, value)

    def __iter__(self) -> Iterator[tuple[Segment, Entry]]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def n_rows(self, kind: Kind) -> int:
        """Rows of a kind that belong to live tracks."""
        return self._n_rows.get(kind, 0)

    @property
    def n_windows(self) -> int:
        """Windows of live tracks."""
        return self.n_rows("windows")

    @property
    def n_frames(self) -> int:
        """Sub-fingerprints of live tracks."""
        return self.n_rows("frames")


def _shelf(items: tuple[tuple[Segment, Entry], ...], numbers: list[int]) -> Shelf:
    segment = items[numbers[0]][0]
    rows = [items[number][1].rows for number in numbers]
    bounds = {
        kind: np.array([(of[kind].start, of[kind].stop) for of in rows], np.int64) for kind in segment.profile.kinds
    }
    if segment.reduced is not None:
        bounds["reduced"] = segment.reduced.bounds(bounds["windows"])
    slots = bounds.get("slots", np.zeros((len(numbers), 2), np.int64))
    by_slot = np.lexsort((slots[:, 1], slots[:, 0]))
    return Shelf(segment, np.array(numbers, np.int64), bounds, by_slot, slots[by_slot])
