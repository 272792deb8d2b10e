"""Request and response models of labels, beside those of :mod:`classifier.api.schemas`.

The models of answers mirror what ``classifier/labels`` returns; a test holds the two together.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from classifier.api.schemas import CatalogueQuery, Strict

# --- requests ---------------------------------------------------------------------------------------------

_EVERY = Field(
    None, ge=3, le=3600, description="Also over time: seconds of a stretch of `series`. Left out: no series."
)


class TagsQuery(Strict):
    """How tags are to be given."""

    every: float | None = _EVERY


class LabelQuery(Strict):
    """How a recording is to be labelled."""

    several: bool = Field(False, description="Up to three labels, each of at least 15 %; else the likeliest.")
    set: str | None = Field(
        None, max_length=100, description="Choose among fewer labels: `mgc-6` has six of ten genres."
    )
    version: str | None = Field(None, max_length=100, description="Of the model. Left out: the active one.")
    every: float | None = _EVERY


class PictureQuery(Strict):
    """How a spectrogram is to be drawn."""

    plain: bool = Field(
        False,
        description="2001 x 128 pixels of grey without axes, 46 s from the second minute on, dark where energy is.",
    )


class TrainQuery(Strict):
    """How a model is to be trained."""

    ungrouped: bool = Field(
        False, description="There is nothing that keeps files together (artist, album, series); the card will say so."
    )
    features: str | None = Field(
        None, max_length=200, description="Features to choose from, comma-separated; as `earmark train --features`."
    )
    family: str | None = Field(
        None, max_length=200, description="Families to choose from, comma-separated; as `earmark train --family`."
    )
    seed: int = Field(0, ge=0, lt=2**32, description="Of all chance; the same files and seed give the same model.")
    activate: bool = Field(False, description="Let the model answer at once.")


class LabelTracks(CatalogueQuery):
    """Which tracks to label, and how."""

    tasks: list[Annotated[str, Field(max_length=40)]] = Field(
        [], max_length=20, description="What to name, such as `genre` or `tags`; none: all that can be."
    )
    again: bool = Field(False, description="Label anew what the same model has labelled before, too.")


# --- tags -------------------------------------------------------------------------------------------------


class SoundTag(BaseModel):
    """One of fifty words for what music sounds like."""

    tag: str
    group: Literal["style", "mood and use", "voice and instrument", "decade"]
    probability: float = Field(description="0 to 1; tags do not add up.")
    lift: float = Field(description="Probability over the tag's mean in music of ten genres; 1 is as in any of it.")


class Arousal(BaseModel):
    """How lively music is."""

    score: float = Field(description="Deviations from the mean of music of ten genres.")
    percentile: float = Field(description="Per cent of that music that is calmer, 0 to 100.")
    experimental: Literal[True]


class TagsPart(BaseModel):
    """A stretch of a recording."""

    start_s: float
    end_s: float
    tags: list[SoundTag]
    arousal: Arousal


class SoundTags(BaseModel):
    """What a recording sounds like."""

    task: Literal["tags"]
    duration_s: float
    patches: int = Field(description="Stretches of three seconds that were heard.")
    tags: list[SoundTag] = Field(description="All fifty, group by group, by falling lift.")
    arousal: Arousal
    remarks: list[str] = Field(description="What is peculiar about the file; as of an identification.")
    series: list[TagsPart]


# --- labels -----------------------------------------------------------------------------------------------


class Likelihood(BaseModel):
    """A label and its probability."""

    label: str
    p: float = Field(description="0 to 1.")


class LabelReason(BaseModel):
    """Why an answer is doubted."""

    name: str = Field(description="Stable: `low_probability`, `foreign`, `short`, `silent`, `narrow_band`, `noisy` ...")
    text: str


class LabelPart(BaseModel):
    """A stretch of a recording."""

    start_s: float
    end_s: float
    labels: list[str]
    distribution: list[Likelihood]


class Labels(BaseModel):
    """What a model calls a recording, how sure it is, and why."""

    task: str
    model: str = Field(description="Version of the model; its card is at `/api/v1/label-models/{task}/{version}`.")
    decision: Literal["certain", "uncertain", "experimental"]
    labels: list[str] = Field(description="What is said, or would be if it were not uncertain.")
    distribution: list[Likelihood] = Field(description="All labels, the most probable first.")
    reasons: list[LabelReason] = Field(description="Why it is uncertain.")
    explanation: list[dict[str, Any]] = Field(description="What each feature adds to the score of each label.")
    nearest: list[dict[str, Any]] = Field(description="Training clips that sound most alike, if the model keeps any.")
    series: list[LabelPart]
    remarks: list[str]


class LabelModel(BaseModel):
    """A model of labels."""

    task: str
    version: str
    active: bool = Field(description="Whether it answers.")
    shipped: bool = Field(description="Whether it came with Earmark.")
    fault: str | None = Field(description="Why it cannot be read, if so; then the following are null.")
    kind: str | None = None
    labels: list[str] | None = None
    family: str | None = None
    view: str | None = None
    extractors: list[str] | None = None
    sha256: str | None = None
    card: dict[str, Any] | None = Field(None, description="What it was trained on, how well it does, what it is for.")


class LabelModels(BaseModel):
    """All models of labels."""

    models: list[LabelModel]
    next: str | None = Field(description="Pass it as `cursor` for the following page; null on the last.")


# --- as earlier services had it ---------------------------------------------------------------------------


class UploadedFile(BaseModel):
    """A file that waits to be asked about."""

    url: str
    name: str = Field(description="At most 20 characters.")
    type: str
    thumbnailUrl: str
    size: int
    deleteUrl: str
    deleteId: str
    deleteType: str


class UploadedFiles(BaseModel):
    """What was uploaded."""

    files: list[UploadedFile]


class UploadQuestion(Strict):
    """Which uploaded file to name the genre of; it is deleted after the answer."""

    file: str = Field(max_length=500, description="`url` of the upload.")
    delete: str | int = Field(description="`deleteId` of the upload.")
