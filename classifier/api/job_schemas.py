"""Jobs in answers: work that goes on after the answer."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

#: What jobs do.
JobKind = Literal["copy", "duplicates", "enroll", "experiment", "label", "map", "tracklist", "train", "webhook"]


class JobError(BaseModel):
    """Why a file failed; the names are those of problem documents."""

    name: str
    message: str


class JobFile(BaseModel):
    """One file of a job."""

    name: str
    bytes: int
    status: Literal["waiting", "working", "added", "present", "failed", "heard"] = Field(
        description="`present`: the same recording was already in the catalogue. `heard`: ready to be trained on."
    )
    track_id: str | None
    title: str | None
    remarks: list[str] = Field(
        description="What is peculiar about the file, if anything: each a stable name, a colon and a sentence."
    )
    error: JobError | None


class Job(BaseModel):
    """Work that continues after the answer."""

    id: str
    kind: JobKind
    catalogue: str | None = Field(description="That is enrolled into, listened for or validated; else null.")
    task: str | None = Field(None, description="What the model is to name, of a training.")
    version: str | None = Field(None, description="Of the model that was trained, once it is.")
    status: Literal["queued", "running", "done"] = Field(
        description="`done` also if it failed: see `files`, and `error` of a tracklist or a training."
    )
    created: str
    finished: str | None
    total: int = Field(
        description="Files; of a tracklist, seconds of the recording, 0 while that is not known; of an experiment, "
        "questions; of labels, tracks."
    )
    done: int = Field(description="Files finished, failed ones included; of a tracklist, seconds heard.")
    added: int = Field(description="Tracks that were enrolled, or labelled.")
    present: int
    failed: int
    files: list[JobFile] = Field(description="Of the kind `enroll`; of the kind `label`, those that failed.")
    tracklist: str | None = Field(description="The tracklist that the job fills.")
    error: JobError | None = Field(description="Why the job failed as a whole, or that it was stopped.")


class JobEntry(BaseModel):
    """A job in a list."""

    id: str
    kind: JobKind
    catalogue: str | None = Field(description="That it works on; null if none.")
    status: Literal["queued", "running"]
    created: str
    total: int = Field(description="As of the job itself.")
    done: int = Field(description="As of the job itself.")
    stoppable: bool = Field(description="Whether `DELETE /jobs/{job_id}` ends it.")


class Jobs(BaseModel):
    """Jobs that wait or run, newest first."""

    jobs: list[JobEntry] = Field(description="The jobs.")
    next: str | None = Field(description="Pass it as `cursor` for the following page; null on the last.")
