"""Request and response models of what sounds alike, and of the map; see :mod:`classifier.api.schemas`."""

from __future__ import annotations

from pydantic import BaseModel, Field

from classifier.api.job_schemas import JobError
from classifier.api.schemas import CatalogueQuery, DrawnMixture, Strict


class AlikeQuery(Strict):
    """How many tracks to list."""

    top: int = Field(10, ge=1, le=100, description="Most tracks in the answer.")


class AlikeUploadQuery(CatalogueQuery):
    """What a recording is to be compared with."""

    top: int = Field(10, ge=1, le=100, description="Most tracks in the answer.")


class Coefficient(BaseModel):
    """What one cepstral coefficient contributes to a divergence."""

    coefficient: int
    name: str = Field(description="What of the sound it describes; all are changes over time.")
    nats: float = Field(description="Its part: those of all coefficients add up to the divergence. May be negative.")
    spread: float = Field(description="How much it moves in the track, relative to what was asked about.")


class AlikeTrack(BaseModel):
    """A track that sounds alike, taken as a whole and whatever the order of its sounds."""

    track_id: str
    title: str
    artist: str | None
    source: str
    divergence: float = Field(description="Symmetric KL divergence, nats.")
    proximity: float | None = Field(
        description="Mutual proximity: probability that a random third track is further away from both; null in "
        "small libraries."
    )
    coefficients: list[Coefficient] = Field(description="What the divergence consists of, most first.")


class Hubness(BaseModel):
    """How much some tracks are near to everything: skewness of how often tracks are among the ten nearest."""

    divergence: float
    proximity: float = Field(description="The same by mutual proximity, which ranks if it is less.")


class AlikeAnswer(BaseModel):
    """Tracks that sound alike."""

    tracks: list[AlikeTrack] = Field(description="Most alike first.")
    searched: int = Field(description="Tracks that were compared.")
    ranked_by: str = Field(description="`divergence` or `proximity`: what leaves fewer hubs in this library.")
    hubness: Hubness | None = Field(description="Null in small libraries.")
    duration_s: float | None = Field(description="Of the recording that was sent; null of a track.")
    remarks: list[str] = Field(description="What is wrong with that recording; as of a tag.")


class TrackWindow(BaseModel):
    """A stretch of a track that is modelled by a mixture of its own."""

    number: int = Field(description="Its place among the track's windows, from 0.")
    start_s: float
    end_s: float
    silent: bool = Field(description="Whether it varies too little to be compared.")


class TrackWindows(BaseModel):
    """A page of a track's windows, in order."""

    windows: list[TrackWindow] = Field(description="The windows.")
    next: str | None


class WindowAlong(BaseModel):
    """Divergence of one window along its own track."""

    offsets_s: list[float] = Field(description="Where a window begins in the track, seconds.")
    divergence: list[float] = Field(
        description="Symmetric KL divergence of the window there, nats; 0 at the one that was asked for."
    )
    average: float | None = Field(
        description="Average over the windows that do not overlap it, nats; null if there are none."
    )


class AlikeWindow(DrawnMixture):
    """The window of the same track that is most alike and shares no sound."""

    number: int = Field(description="Its place among the track's windows, from 0.")
    divergence: float


class WindowDetail(TrackWindow):
    """A window of a track, and the other windows of the track as they sound beside it."""

    track_id: str
    mixture: DrawnMixture | None = Field(description="Null of a silent window, which cannot be compared.")
    along: WindowAlong | None = Field(
        description="Every window that is not silent; of more than 600, the local minima. Null of a silent window."
    )
    alike: AlikeWindow | None = Field(
        description="Of those that do not overlap it the one of least divergence: where the track repeats itself. Null "
        "if there is none."
    )


class MapPoint(BaseModel):
    """A track on the map."""

    track_id: str
    title: str
    artist: str | None
    x: float
    y: float
    placed: bool = Field(description="Whether it came after the map was laid out.")


class MapAnswer(BaseModel):
    """The map of a catalogue: tracks that sound alike lie side by side. Distances between far points mean nothing."""

    catalogue: str
    created: str | None = Field(description="When it was laid out; null if never: all points are in one place.")
    outgrown: bool = Field(description="Whether it should be laid out anew: `POST` does.")
    total: int = Field(description="Tracks on the map.")
    points: list[MapPoint] = Field(description="By title; at most 20,000.")


class MapJob(BaseModel):
    """The map being laid out; it can be followed under `/jobs`."""

    id: str
    kind: str
    catalogue: str
    status: str
    created: str
    finished: str | None
    total: int
    done: int
    failed: int
    error: JobError | None
