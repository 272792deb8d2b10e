"""Snapshots: which segments, and which of their tracks, one query searches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from classifier.index.profile import Kind
from classifier.index.segment import Entry, Key, Segment


@dataclass(frozen=True)
class Snapshot:
    """What a query searches, whatever is enrolled or removed meanwhile; iterate over it for (segment, entry) pairs.

    Parameters
    ----------
    segments : tuple of Segment
        Searched in this order; a track that several of them hold counts in the first.
    live : frozenset of (str, int)
        Keys of the tracks that count.
    """

    segments: tuple[Segment, ...]
    live: frozenset[Key]
    items: tuple[tuple[Segment, Entry], ...] = field(init=False)

    def __post_init__(self) -> None:
        seen: dict[Key, tuple[Segment, Entry]] = {}
        for segment in self.segments:
            for entry in segment.entries:
                if entry.key in self.live:
                    seen.setdefault(entry.key, (segment, entry))
        object.__setattr__(self, "items", tuple(seen.values()))

    def __iter__(self) -> Iterator[tuple[Segment, Entry]]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def n_rows(self, kind: Kind) -> int:
        """Rows of a kind that belong to live tracks."""
        return sum(len(entry.rows[kind]) for _, entry in self.items)

    @property
    def n_windows(self) -> int:
        """Windows of live tracks."""
        return self.n_rows("windows")

    @property
    def n_frames(self) -> int:
        """Sub-fingerprints of live tracks."""
        return self.n_rows("frames")
