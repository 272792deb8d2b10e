"""What listening answers: stretches of a long recording, what each is, and how that came to be known.

Times are seconds of the recording; track and recording time are tied, within a segment, by
``track = offset_s + speed * (recording - start_s)``, so that ``offset_s`` is the place in the track at the segment's
start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

KINDS = ("track", "unknown", "speech_noise", "silence")
"""What a stretch can be: an enrolled track, music that is not enrolled, speech or noise, silence."""
STATES = ("perhaps", "confirmed", "closed")
"""How far a segment is: opened on first evidence, certain, or over and no longer revised."""
EVENTS = ("opened", "confirmed", "revised", "closed", "withdrawn")
"""What can happen to a segment. One that was withdrawn never was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A stretch of a recording.

    Parameters
    ----------
    id : str
        Names it within its recording; revisions keep it.
    start_s, end_s : float
        Where it becomes and ceases to be audible. Segments of two tracks overlap where one fades into the other. The
        end of a segment that is not closed is the last moment at which it was heard.
    start_uncertainty_s, end_uncertainty_s : float
        Standard deviation of these times, seconds.
    kind : str
        One of :data:`KINDS`.
    track_id, title, artist, album, isrc, source : str or None
        The track; None for all other kinds.
    offset_s : float or None
        Place in the track at ``start_s``.
    speed : float or None
        Mean playback speed against the track; 1.02 is 2 % fast.
    confidence : float in [0, 1]
        Probability that the segment is what it is said to be.
    state : str
        One of :data:`STATES`.
    by_hand : bool
        Whether a person set it; the engine never does.
    labels : mapping of str to dict
        What models say of what sounds there, by task (:func:`classifier.records.labels.entry`), if they were asked; the
        engine asks none.
    """

    id: str
    start_s: float
    end_s: float
    start_uncertainty_s: float = 0.0
    end_uncertainty_s: float = 0.0
    kind: str = "unknown"
    track_id: str | None = None
    title: str | None = None
    artist: str | None = None
    album: str | None = None
    isrc: str | None = None
    source: str | None = None
    offset_s: float | None = None
    speed: float | None = None
    confidence: float = 0.0
    state: str = "closed"
    by_hand: bool = False
    labels: Mapping[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.end_s - self.start_s

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Segment:
        """Build from what :meth:`to_dict` gave; other fields are ignored."""
        return cls(**{item.name: values[item.name] for item in fields(cls) if item.name in values})


@dataclass(frozen=True, slots=True)
class Event:
    """What became of a segment at one moment of listening.

    Parameters
    ----------
    kind : str
        One of :data:`EVENTS`.
    at_s : float
        Seconds of the recording that had been heard when it was known.
    segment : Segment
        As it is from then on; of a withdrawn one, as it was.
    """

    kind: str
    at_s: float
    segment: Segment

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {"event": self.kind, "at_s": self.at_s, "segment": self.segment.to_dict()}


@dataclass(frozen=True, slots=True)
class Tracklist:
    """Who played what when in one recording.

    Parameters
    ----------
    file : str
        What was listened to, as it was named.
    duration_s : float
        Length of the recording.
    segments : sequence of Segment
        By start.
    seconds : mapping of str to float
        What each stage took, ``total`` among them.
    """

    file: str
    duration_s: float
    segments: Sequence[Segment]
    seconds: Mapping[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object of the command line and of the HTTP answers."""
        return {
            "file": self.file,
            "duration_s": self.duration_s,
            "segments": [segment.to_dict() for segment in self.segments],
            "seconds": dict(self.seconds),
        }
