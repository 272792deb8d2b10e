"""Request and response models of copies, versions and merges; see :mod:`classifier.api.schemas`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from classifier.api.job_schemas import JobError
from classifier.api.schemas import CatalogueQuery, Identifier, Strict
from classifier.api.track_schemas import Track


class DuplicatesQuery(CatalogueQuery):
    """Which tracks to align with all others."""

    track_ids: list[Identifier] = Field([], max_length=1000, description="Only pairs with one of these; none: all.")
    relations: list[Literal["copy", "excerpt", "edit", "part"]] = Field(
        [], max_length=4, description="Only pairs so related; none: all."
    )


class MergeTracks(Strict):
    """Tracks that go into another."""

    tracks: list[Identifier] = Field(min_length=1, max_length=100, description="Their ids.")


class MergedTrack(BaseModel):
    """A track that was merged into another."""

    track: Track
    into: str = Field(description="Id of the track that goes on for it.")
    merged: str = Field(description="When.")


class Merged(BaseModel):
    """Tracks that were merged into others, newest first."""

    merges: list[MergedTrack]
    next: str | None = Field(description="Pass it as `cursor` for the following page; null on the last.")


class Sharing(BaseModel):
    """One of two tracks that share sound."""

    track_id: str
    title: str
    artist: str | None
    album: str | None
    source: str = Field(description="Name of the enrolled file without extension.")
    duration_s: float
    share: float = Field(description="Share of it that the other has too, 0 to 1.")


class Stretch(BaseModel):
    """Sound that two tracks share."""

    a_start_s: float = Field(description="Where it begins in `a`, seconds.")
    b_start_s: float = Field(description="Where it begins in `b`, seconds.")
    length_s: float
    agreement: float = Field(description="Agreement of the fingerprints' bits, -1 to 1; 0 is chance.")


class Pair(BaseModel):
    """Two tracks that share sound."""

    relation: Literal["copy", "excerpt", "edit", "part"] = Field(
        description="`copy`: both are shared as a whole. `excerpt`: `b` is, as one piece of `a`. `edit`: `b` is, in "
        "several pieces, or half of both and more. `part`: less, such as a medley, a loop or a jingle."
    )
    a: Sharing = Field(description="The longer one.")
    b: Sharing
    shared_s: float
    agreement: float
    stretches: list[Stretch]


class Duplicates(BaseModel):
    """A catalogue aligned with itself, once the job is done."""

    id: str
    kind: str
    catalogue: str
    status: Literal["queued", "running", "done"]
    created: str
    finished: str | None
    total: int
    done: int
    error: JobError | None = Field(description="Why the job failed, if it did.")
    found: int = Field(description="Pairs of tracks that share sound.")
    pairs: list[Pair] = Field(description="The first 1,000 of them, closest first.")
