"""One query in progress, what becomes of it, and what is told of a match's place whatever decided."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from classifier.config import FeatureConfig
from classifier.index.segment import Entry, Segment
from classifier.index.snapshot import Snapshot
from classifier.mixtures.divergence import Packed
from classifier.models.query import Query, Recording
from classifier.results import Match, Track
from classifier.search import alike, charts
from classifier.search.alignments import SpeedHypothesis
from classifier.search.indexed import is_indexed
from classifier.search.options import Options
from classifier.search.passes import Passes

#: Up to this many word comparisons, every track is aligned, whatever the first ones show (about half a second).
_EXHAUSTIVE = 1e9


@dataclass(slots=True)
class Search:
    """One query in progress: what its steps share."""

    query: Query
    recording: Recording | None
    snapshot: Snapshot
    lookup: Callable[[str], Track]
    config: FeatureConfig
    options: Options
    passes: Passes
    #: The snippet at its own speed; None if too little of it can be compared, or nothing is aligned.
    hypothesis: SpeedHypothesis | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    #: Numbers of the tracks that sound alike, nearest first.
    alike: list[int] = field(default_factory=list)
    _last: float = field(default_factory=time.perf_counter)
    _mixtures: Packed | None = None

    def lap(self, name: str) -> None:
        """Record the time since the last lap."""
        now = time.perf_counter()
        self.seconds[name], self._last = now - self._last, now

    @property
    def is_indexed(self) -> bool:
        """Whether the catalogue is too large to compare with all of it."""
        return is_indexed(self.snapshot, self.options.indexed_windows)

    @property
    def is_nearest_rough(self) -> bool:
        """Whether so much is searched that the tracks that sound alike are found by reduced rows."""
        return self.is_indexed and self.snapshot.n_windows > alike.MOST_WINDOWS

    def mixtures(self) -> Packed:
        """The snippet's mixtures, ready to be compared: several tracks are."""
        if self._mixtures is None:
            self._mixtures = Packed.of(self.query.mixtures)
        return self._mixtures

    @property
    def is_exhaustive(self) -> bool:
        """Whether every track is aligned, whatever the first ones show."""
        n_comparisons = 4.0 * self.query.fingerprint.n_frames * self.snapshot.n_frames
        return not self.is_indexed and n_comparisons <= _EXHAUSTIVE

    def track(self, number: int) -> Track:
        """Return a track by its number in the snapshot."""
        return self.lookup(self.snapshot.items[number][1].track_id)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a method found: verdict, matches best first, charts by name, and how much was searched."""

    verdict: str
    matches: list[Match]
    charts: dict[str, Any]
    tied: int = 0
    aligned_tracks: int = 0
    complete: bool = True
    other_speeds: bool = True
    wide: bool = False


def drawn_at(
    search: Search, item: tuple[Segment, Entry], offset_s: float, speed: float, frequency_ratio: float | None = None
) -> dict[str, Any]:
    """Return the charts of divergence and of mixtures at a match's place and speed."""
    query, recording = search.query, search.recording
    segment, entry = item
    own = recording is None or (speed == 1.0 and frequency_ratio in (None, 1.0))
    heard = query.slots if recording is None or own else recording.slots(speed, frequency_ratio)
    return {
        "divergence": charts.divergence(heard, query.slot_variance, segment, entry, offset_s, speed, search.config),
        "along": charts.along(heard, query.slot_variance, segment, entry, search.config),
        "mixtures": mixtures_at(search, item, offset_s, speed),
    }


def mixtures_at(search: Search, item: tuple[Segment, Entry], offset_s: float, speed: float) -> dict[str, Any] | None:
    """Return the mixtures at a match's place, beside those of the track that sounds most alike besides."""
    if not item[0].profile.has_mixtures:
        return None
    others = (search.snapshot.items[number] for number in search.alike)
    rival = next((other for other in others if other[1].track_id != item[1].track_id), None)
    return charts.mixtures(search.query, item, rival, offset_s, speed, search.config)


def variational(search: Search, segment: Segment, entry: Entry, offset_s: float, speed: float) -> float | None:
    """Divergence of the six-component mixtures at a match's place, for information; None if there are no windows."""
    if not len(search.query.start_s) or not entry.rows["windows"] or not segment.profile.has_mixtures:
        return None
    rows = alike.rows_at(search.query, entry, offset_s, speed, search.config)
    return alike.mixture_divergence(search.mixtures(), segment, entry, rows)
