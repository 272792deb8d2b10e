"""Request and response models of parameters and copies of catalogues; see :mod:`classifier.api.schemas`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from classifier.api.job_schemas import JobError
from classifier.api.schemas import Strict


class Parameter(BaseModel):
    """A parameter of catalogues."""

    name: str
    synced_fm: str | None = Field(description="What Synced.fm called it; null if it has no such parameter.")
    kind: Literal["whole", "number", "choice"]
    default: Any
    low: float | None = Field(description="Least value; null of a choice.")
    high: float | None = Field(description="Greatest value; null of a choice.")
    choices: list[str] | None
    help: str = Field(description="What it means, with its unit.")


class Parameters(BaseModel):
    """The parameters of catalogues: Synced.fm's nine first."""

    parameters: list[Parameter]
    presets: dict[str, dict[str, Any]] = Field(description="Values of all of them, by name of the preset.")


class RemoveCatalogue(Strict):
    """Which state of a catalogue is to go."""

    revision: int = Field(ge=0, le=2**53, description="`revision` of the catalogue as it was read.")


class Removed(BaseModel):
    """What went with a catalogue."""

    name: str
    tracks: int
    jobs: int = Field(description="Jobs that had worked on it.")
    revision: int = Field(description="Where it stood.")


class CopyCatalogue(Strict):
    """A copy of a catalogue under another configuration."""

    source: str = Field(max_length=100, description="Catalogue to copy.")
    name: str = Field(min_length=1, max_length=100, description="Of the copy: 1 to 100 printable characters.")
    config: dict[str, Any] = Field({}, description="Parameters that differ from the source's.")


class CopyFailure(BaseModel):
    """A file that could not be read."""

    file: str = Field(description="Its name, without its folder.")
    name: str
    message: str


class MissingTrack(BaseModel):
    """A track whose file was not found."""

    track_id: str
    title: str
    artist: str | None
    source: str = Field(description="Name of the file that was enrolled, without extension.")


class Copied(BaseModel):
    """How far a copy is."""

    id: str
    kind: str
    source: str
    catalogue: str = Field(description="The copy.")
    status: Literal["queued", "running", "done"]
    created: str
    finished: str | None
    total: int = Field(description="Files found; 0 while they are looked for.")
    done: int = Field(description="Files looked at.")
    error: JobError | None = Field(description="Why the job failed, if it did.")
    copied: int = Field(description="Files whose tracks the copy holds.")
    failed: int
    failures: list[CopyFailure] = Field(description="The first 1,000 files or folders that could not be read.")
    missing: int = Field(description="Tracks whose files were not found, once the job is done.")
    missing_tracks: list[MissingTrack] = Field(description="The first 1,000 of them, by title.")
