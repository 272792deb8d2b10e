"""Tracks to search, made of plain samples, and ways to cut and to play these."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from classifier.audio.resample import at_rate
from classifier.config import FeatureConfig
from classifier.index.segment import Segment
from classifier.index.snapshot import Snapshot
from classifier.models.background import builtin_background
from classifier.models.query import Query, Recording
from classifier.models.track import model_track
from classifier.results import Tag, Track
from classifier.search import pipeline
from classifier.search.options import Options
from tests.library import RATE

CONFIG = FeatureConfig()
BACKGROUND = builtin_background()


@dataclass
class Shelf:
    """Some tracks, each in a segment of its own."""

    segments: list[Segment] = field(default_factory=list)
    tracks: dict[str, Track] = field(default_factory=dict)

    def put(self, name: str, samples: np.ndarray) -> None:
        """Add a track; its name is its id and title."""
        model = model_track(samples.astype(np.float32), CONFIG, BACKGROUND)
        self.segments.append(Segment.build([(name, 1, model)]))
        seconds, windows = len(samples) / RATE, len(model.window_frame)
        self.tracks[name] = Track(name, "shelf", name, None, None, None, name, seconds, windows, name, name, "")

    @property
    def snapshot(self) -> Snapshot:
        """Everything."""
        return Snapshot(tuple(self.segments), frozenset(e.key for s in self.segments for e in s.entries))

    def only(self, *names: str) -> Shelf:
        """Return a shelf that has some of the tracks."""
        return Shelf([s for s in self.segments if s.entries[0].track_id in names], self.tracks)

    def without(self, *names: str) -> Shelf:
        """Return a shelf that lacks some tracks."""
        return self.only(*(s.entries[0].track_id for s in self.segments if s.entries[0].track_id not in names))

    def with_copies(self, **sounds: np.ndarray) -> Shelf:
        """Return a shelf that has further tracks."""
        other = Shelf(list(self.segments), dict(self.tracks))
        for name, samples in sounds.items():
            other.put(name, samples)
        return other

    def ask(self, samples: np.ndarray, *, sound: bool = True, **options: object) -> Tag:
        """Identify samples at 16 kHz; without ``sound``, by their models alone."""
        heard = recording(samples)
        return self.search(heard.query(), self.snapshot, heard if sound else None, **options)

    def search(self, query: Query, snapshot: Snapshot, heard: Recording | None = None, **options: object) -> Tag:
        """Identify models in a snapshot of these tracks."""
        return pipeline.identify(query, snapshot, self.tracks.__getitem__, CONFIG, Options(**options), heard)


def recording(samples: np.ndarray) -> Recording:
    """What was recorded, at full bandwidth."""
    return Recording(samples.astype(np.float32), 1e9, CONFIG, BACKGROUND)


def query_of(samples: np.ndarray) -> Query:
    """Model a snippet at 16 kHz."""
    return recording(samples).query()


def cut(samples: np.ndarray, start_s: float, length_s: float) -> np.ndarray:
    """Cut a stretch out of samples at 16 kHz."""
    return samples[round(start_s * RATE) : round((start_s + length_s) * RATE)]


def played(samples: np.ndarray, start_s: float, length_s: float, speed: float) -> np.ndarray:
    """What is heard for ``length_s`` of a record that turns at ``speed``: higher, and over sooner."""
    stretch = cut(samples, start_s, speed * length_s)
    return at_rate(stretch.astype(np.float32), round(1000 * speed), 1000)


def tone(seconds: float) -> np.ndarray:
    """Return a steady sine: loud, and nothing to go by."""
    return 0.3 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * RATE)) / RATE)
