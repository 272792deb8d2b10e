"""What Earmark answers: frozen values that the CLI prints, the API serves and the store keeps.

Track time and snippet time are related by ``track = offset_s + speed * snippet``. All times are in seconds, all
divergences in nats. ``to_dict`` gives the JSON objects of the command line and of the HTTP answers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from classifier.identifiers import IDENTIFIERS

METHODS = {
    "auto": "aligned sub-fingerprints",
    "kl": "symmetric KL divergence of mixtures that keep time",
    "kl-mixture": "symmetric KL divergence of six-component mixtures, order ignored",
}
"""How a snippet can be decided: each method and its criterion."""
METHODS_HELP = "; ".join(f"{name}: {basis}" for name, basis in METHODS.items())
SPEEDS = {
    "narrow": "playback speeds within 5 %, as of a turntable: tempo and pitch together",
    "wide": "also tempo within 20 % and pitch within 3 semitones, independent of each other",
}
"""Speeds that ``auto`` searches if nothing is certain at the snippet's own."""
SPEEDS_HELP = "; ".join(f"{name}: {what}" for name, what in SPEEDS.items())
VERDICTS = ("identified", "ambiguous", "no_match")


@dataclass(frozen=True, slots=True)
class Track:
    """One enrolled recording.

    Parameters
    ----------
    id, catalogue : str
        Its identifier, and its catalogue's name.
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
    remarks : list of str
        What was peculiar about the file, as :attr:`classifier.audio.decoder.AudioFacts.remarks`.
    recording_mbid, release_mbid, artist_mbids, acoustid : str or None
        As :mod:`classifier.identifiers` describes them.
    labels : dict
        What models of labels said of it, by task, as :mod:`classifier.records.labels` describes it; empty if it was not
        labelled, and in an index.
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
    remarks: list[str] = field(default_factory=list)
    recording_mbid: str | None = None
    release_mbid: str | None = None
    artist_mbids: str | None = None
    acoustid: str | None = None
    labels: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def ids(self) -> dict[str, str]:
        """Identifiers that are known, by name."""
        return {name: value for name in IDENTIFIERS if (value := getattr(self, name))}

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Match:
    """A track that may be the answer.

    Parameters
    ----------
    track_id, title, artist, album, source
        The track.
    role : {"match", "part", "candidate"}
        ``match``: the answer; if it is ambiguous, each copy of the recording. ``part``: the snippet also contains some
        of this track, but another explains more of it. ``candidate``: not certain; listed for a closer look.
    recording : int
        Tracks with the same number are copies of one recording, as far as the snippet tells; 0 is the best.
    offset_s : float or None
        Place in the track of the snippet's first sample; may be negative.
    query_start_s, query_end_s : float or None
        Stretch of the snippet that matched.
    speed : float or None
        Tempo of the snippet against the track; 1.02 means the snippet runs 2 % fast.
    pitch : float or None
        Semitones by which the snippet is higher than the track. On a turntable it goes with the speed, as
        12 log2(speed); a stretched or transposed recording has a pitch of its own.
    agreement : float in [-1, 1] or None
        1 - 2 * bit error rate, weighted; 0 is chance.
    z : float or None
        Agreement in standard deviations of the measured null distribution.
    log10_e_value : float or None
        Log10 of the expected number of chance matches this good in the whole catalogue; None under ``kl-mixture``.
    confidence : float in [0, 1] or None
        Calibrated probability that this is the track that was played. Copies of one recording share theirs, so that the
        sum over all matches is at most 1. None if it is not known: for a part, and for all but the first under
        ``kl`` and ``kl-mixture``.
    divergence : float or None
        Symmetric KL divergence at the track's best place, nats: of the mixtures that keep time or, under
        ``kl-mixture``, of the six-component mixtures.
    divergence_variational : float or None
        Symmetric KL divergence of the six-component mixtures at the match's place, variational approximation, nats.
    other_offsets_s : list of float
        Other places in this track that explain the snippet as well.
    ids : dict of str to str
        The track's identifiers that are known, by name (:data:`classifier.identifiers.IDENTIFIERS`).
    """

    track_id: str
    title: str
    artist: str | None
    album: str | None
    source: str
    role: str
    recording: int
    offset_s: float | None
    query_start_s: float | None
    query_end_s: float | None
    speed: float | None
    pitch: float | None
    agreement: float | None
    z: float | None
    log10_e_value: float | None
    confidence: float | None
    divergence: float | None
    divergence_variational: float | None
    other_offsets_s: list[float] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)


def semitones(frequency_ratio: float) -> float:
    """Pitch, in semitones to two decimals, of a ratio of frequencies.

    Examples
    --------
    >>> semitones(2.0), semitones(0.95)
    (12.0, -0.89)
    """
    return round(12 * math.log2(frequency_ratio), 2)


def recordings(matches: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Put the tracks among some matches together that are copies of one recording.

    Parameters
    ----------
    matches : sequence of mapping
        JSON objects of matches, best first.

    Returns
    -------
    list of dict
        One for each recording, best first: ``recording``, its number; ``title``, ``artist`` and ``role`` of its best
        track; ``confidence``, the sum of its tracks', None where it is not known; ``track_ids``.

    Examples
    --------
    >>> one = {"recording": 0, "title": "Song", "artist": None, "role": "match", "confidence": 0.5, "track_id": "a"}
    >>> recordings([one, {**one, "track_id": "b", "confidence": 0.25}])[0]["track_ids"]
    ['a', 'b']
    >>> recordings([one, {**one, "track_id": "b", "confidence": 0.25}])[0]["confidence"]
    0.75
    """
    found: dict[int, dict[str, Any]] = {}
    for match in matches:
        first = {**{name: match[name] for name in ("recording", "title", "artist", "role")}, "confidence": None}
        recording = found.setdefault(match["recording"], {**first, "track_ids": []})
        recording["track_ids"].append(match["track_id"])
        if match["confidence"] is not None:
            recording["confidence"] = min(1.0, (recording["confidence"] or 0.0) + match["confidence"])
    return list(found.values())


@dataclass(frozen=True, slots=True)
class Near:
    """A track that sounds alike, whatever the verdict: least symmetric KL divergence of windows in any order, nats."""

    track_id: str
    title: str
    artist: str | None
    source: str
    divergence: float
    window_start_s: float


@dataclass(frozen=True, slots=True)
class Searched:
    """How much of the catalogue was searched.

    Parameters
    ----------
    windows : int
        Windows compared by divergence; 0 if the snippet has none.
    aligned_tracks : int
        Tracks aligned with the snippet.
    complete : bool
        Whether no track could have been missed at the speeds searched.
    other_speeds : bool
        Whether playback speeds other than the snippet's own were searched, or did not need to be because a match is
        certain; False if only a signature was sent, which has no sound to resample.
    nearest_exact : bool
        Whether ``nearest`` are the tracks of least divergence; False in large catalogues, where they are found by an
        approximation and some of them may be missing, and if machines were lost.
    share : float in [0, 1]
        Share of the catalogue's windows that could be searched; below 1 only if machines that hold some were lost.
    wide : bool
        As ``other_speeds``, for tempo and pitch that are independent of each other; False if it was not asked for, or
        if several machines search.
    """

    windows: int
    aligned_tracks: int
    complete: bool
    other_speeds: bool = True
    nearest_exact: bool = True
    share: float = 1.0
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Tag:
    """One identification: verdict, matches, what sounds alike, how much was searched, seconds per stage.

    ``tied`` is how many tracks the verdict names: 0 for ``no_match``, 1 for ``identified``, and for ``ambiguous`` all
    copies of the recording. They come first in ``matches``.

    ``remarks`` say what is wrong with the recording, such as ``"cut_off: the file ends in the middle of a page"``:
    a stable name (``cut_off``, ``damaged``, ``channels_cancel``, ``silent_stream``), a colon and a sentence.

    ``charts`` holds the data of the charts: ``{"alignment": {"track_id", "lags_s": [...], "agreement": [...],
    "threshold": float} or None, "divergence": {"track_id", "starts_s": [...], "divergence": [...], "unrelated": float}
    or None, "nearest": [...]}``. Lags are offsets in the first match's track. Divergence is given for each slot of the
    snippet at the first match's place; ``unrelated`` is the average divergence of unrelated sound.
    """

    verdict: str
    method: str
    matches: list[Match]
    nearest: list[Near]
    searched: Searched
    seconds: dict[str, float]
    duration_s: float = 0.0
    charts: dict[str, Any] = field(default_factory=dict)
    tied: int = 0
    remarks: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object of the contract, without the charts, and with :func:`recordings`."""
        values = asdict(replace(self, charts={}))  # copying thousands of points takes longer than aligning a track
        del values["charts"]
        return {**values, "recordings": recordings(values["matches"])}
