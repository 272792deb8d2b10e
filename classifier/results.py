"""What Earmark answers: frozen values that the CLI prints, the API serves and the store keeps.

Track time and snippet time are tied by ``track = offset_s + speed * snippet``. All times are seconds, all
divergences nats. ``to_dict`` gives the JSON objects of the command line and of the HTTP answers.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

VERDICTS = ("identified", "ambiguous", "no_match")


@dataclass(frozen=True, slots=True)
class Track:
    """One enrolled recording.

    Parameters
    ----------
    id, catalogue : str
        Its identifier, and the catalogue it is in.
    title, artist, album, isrc : str or None
        As read from the file or given at enrollment.
    source : str
        Name of the enrolled file without folder and extension.
    duration_s : float
        Seconds of decoded audio.
    n_windows : int
        Windows modelled, silent ones included.
    content_hash, file_hash : str
        SHA-256 of the decoded PCM and of the file.
    created : str
        ISO 8601 UTC.
    version : int
        Counts re-enrollments, from 1.
    metadata : dict
        Free text by name.
    by_hand : list of str
        Fields that a person set or edited; tags in files do not overwrite them.
    """

    id: str
    catalogue: str
    title: str
    artist: str | None
    album: str | None
    isrc: str | None
    source: str
    duration_s: float
    n_windows: int
    content_hash: str
    file_hash: str
    created: str
    version: int = 1
    metadata: dict[str, str] = field(default_factory=dict)
    by_hand: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Match:
    """A candidate track, aligned with the snippet.

    Parameters
    ----------
    track_id, title, artist, album, source
        The track.
    offset_s : float or None
        Place in the track of the snippet's first sample; may be negative.
    query_start_s, query_end_s : float or None
        Stretch of the snippet that matched.
    speed : float or None
        Playback speed of the snippet against the track; 1.02 means the snippet runs 2 % fast.
    agreement : float in [-1, 1] or None
        1 - 2 * bit error rate, weighted; 0 is chance.
    z : float or None
        Agreement in standard deviations of the measured null distribution.
    log10_e_value : float or None
        Log10 of the expected number of chance matches this good in the whole catalogue.
    confidence : float in [0, 1] or None
        Calibrated probability that this match is right.
    divergence : float or None
        Symmetric KL divergence that ranks, nats.
    divergence_variational : float or None
        Symmetric KL divergence of the mixtures, variational approximation, nats; for information.
    other_offsets_s : list of float
        Other places in this track that explain the snippet as well.
    """

    track_id: str
    title: str
    artist: str | None
    album: str | None
    source: str
    offset_s: float | None
    query_start_s: float | None
    query_end_s: float | None
    speed: float | None
    agreement: float | None
    z: float | None
    log10_e_value: float | None
    confidence: float | None
    divergence: float | None
    divergence_variational: float | None
    other_offsets_s: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Near:
    """A track that sounds alike: least symmetric KL divergence, whatever the verdict."""

    track_id: str
    title: str
    artist: str | None
    source: str
    divergence: float
    window_start_s: float


@dataclass(frozen=True, slots=True)
class Searched:
    """How much of the catalogue was looked at.

    Parameters
    ----------
    windows : int
        Windows compared by divergence.
    aligned_tracks : int
        Tracks aligned with the snippet.
    complete : bool
        Whether no track could have been missed.
    """

    windows: int
    aligned_tracks: int
    complete: bool


@dataclass(frozen=True, slots=True)
class Tag:
    """One identification: verdict, matches, what sounds alike, how much was searched, seconds per stage.

    ``charts`` holds what the dashboard draws: ``{"alignment": {"track_id", "lags_s": [...], "agreement":
    [...], "threshold": float} or None, "nearest": [...]}``, lags being offsets in the first match's track.
    """

    verdict: str
    method: str
    matches: list[Match]
    nearest: list[Near]
    searched: Searched
    seconds: dict[str, float]
    duration_s: float = 0.0
    charts: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object of the contract, without the charts."""
        values = asdict(self)
        del values["charts"]
        return values
