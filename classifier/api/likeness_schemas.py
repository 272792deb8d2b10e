"""Request and response models of what sounds alike, and of the map; see :mod:`classifier.api.schemas`."""

from __future__ import annotations

from pydantic import BaseModel, Field

from classifier.api.job_schemas import JobError
from classifier.api.schemas import CatalogueQuery, Strict


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
