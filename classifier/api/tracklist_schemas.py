"""Request and response models of tracklists and monitors; see :mod:`classifier.api.schemas`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from classifier.api.job_schemas import JobError
from classifier.api.schemas import INCLUDE, Strict
from classifier.api.track_schemas import KeptLabels
from classifier.listening.exports import FORMATS

#: Most segments in an answer.
MAX_SEGMENTS = 10_000


class TracklistQuery(Strict):
    """What a recording is compared with."""

    catalogue: str | None = Field(
        None, max_length=100, description="Catalogue whose tracks are listened for. Left out: the one of the settings."
    )
    include: str | None = Field(
        None,
        max_length=200,
        pattern=INCLUDE,
        description="What else to say of each segment of music, in `labels`: `tags`, `genre`, `mood`, or what there is "
        "a model for, comma-separated. The recording is heard once more for that.",
    )


class SegmentsQuery(Strict):
    """Which segments of a tracklist to return."""

    from_s: float = Field(0.0, ge=0, description="Only segments that begin at this second of the recording or later.")
    limit: int = Field(MAX_SEGMENTS, ge=1, le=MAX_SEGMENTS, description="Most segments in the answer.")


class ExportQuery(Strict):
    """How a tracklist is written."""

    format: Literal[*FORMATS] = Field(  # type: ignore[valid-type]
        description="; ".join(f"`{name}`: {form.shown}" for name, form in FORMATS.items()) + "."
    )


class SegmentEdit(Strict):
    """What a person says of a segment; names left out stay as they are.

    `track_id` brings the track's names along. Names without it make the segment a track that is not enrolled. Another
    `kind` than `track` has no names. `by_hand: false` alone undoes the correction.
    """

    kind: Literal["track", "unknown", "speech_noise", "silence"] = Field("track")
    track_id: str | None = Field(None, max_length=64)
    title: str | None = Field(None, max_length=500)
    artist: str | None = Field(None, max_length=500)
    album: str | None = Field(None, max_length=500)
    isrc: str | None = Field(None, max_length=20)
    start_s: float = Field(0.0, ge=0, allow_inf_nan=False)
    end_s: float = Field(0.0, ge=0, allow_inf_nan=False)
    by_hand: Literal[False] = Field(False)


class Segment(BaseModel):
    """A stretch of a recording: track time = offset_s + speed * (recording time - start_s)."""

    id: str = Field(description="Names it within its recording.")
    start_s: float = Field(description="Where it becomes audible; tracks overlap where one fades into the other.")
    end_s: float = Field(description="Where it ceases to be audible, or was last heard.")
    start_uncertainty_s: float = Field(description="Standard deviation of `start_s`.")
    end_uncertainty_s: float = Field(description="Standard deviation of `end_s`.")
    kind: Literal["track", "unknown", "speech_noise", "silence"] = Field(
        description="An enrolled track, music that is not enrolled, speech or noise, silence."
    )
    track_id: str | None
    title: str | None
    artist: str | None
    album: str | None
    isrc: str | None
    source: str | None = Field(description="Name of the enrolled file without extension.")
    offset_s: float | None = Field(description="Place in the track at `start_s`.")
    speed: float | None = Field(description="Mean speed against the track; 1.02 is 2 % fast.")
    confidence: float = Field(description="Probability that the segment is what it is said to be; 1 if by hand.")
    state: Literal["perhaps", "confirmed", "closed"] = Field(description="Opened on first evidence; certain; over.")
    by_hand: bool = Field(description="Whether a person corrected it: nothing that is found later changes it.")
    labels: dict[str, KeptLabels] = Field(description="What models said of what sounds there, by task, if asked for.")


class TracklistEntry(BaseModel):
    """A tracklist without its segments."""

    id: str
    catalogue: str
    created: str
    file: str = Field(description="Name of the recording, or what a monitor listens to.")
    monitor: str = Field(description="The monitor that fills or filled it; empty if it is of a file.")
    job: str | None = Field(description="The job that fills or filled it.")
    status: Literal["running", "done", "failed"]
    duration_s: float = Field(description="Seconds heard.")
    seconds: dict[str, float] = Field(description="Seconds that it took.")
    error: JobError | None
    corrected: int = Field(description="Segments that a person corrected.")
    remarks: list[str] = Field(description="What is peculiar about the recording, as in tags.")


class Tracklist(TracklistEntry):
    """Who played what when in a recording."""

    segments: list[Segment] = Field(description="By start.")


class Tracklists(BaseModel):
    """A page of the tracklists."""

    tracklists: list[TracklistEntry]
    next: str | None = Field(description="Pass it as `cursor` for the following page; null on the last.")


class Monitor(BaseModel):
    """A listener that runs, or ran last, under this name."""

    id: str = Field(description="Name: what `earmark listen --store-as` was given.")
    catalogue: str
    source: str = Field(description="What it listens to, without a password.")
    created: str = Field(description="When it began.")
    running: bool = Field(description="Whether it has given a sign of life within half a minute.")
    heard_s: float
    tracklist: str = Field(description="Where what it hears is kept.")
    playing: list[Segment] = Field(description="Tracks that sound now, the latest first.")


class Monitors(BaseModel):
    """Every monitor, by name."""

    monitors: list[Monitor]
    next: str | None = Field(description="Pass it as `cursor` for the following page; null on the last.")
