"""Tracks in requests and answers: enrolled, edited, listed."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from classifier.api.schemas import FacetValue, Strict
from classifier.store.upgrades import EDITABLE


class EnrollQuery(Strict):
    """Where uploaded tracks go."""

    catalogue: str | None = Field(
        None, max_length=100, description="Catalogue to add to. Left out: the one in the settings."
    )
    replace: bool = Field(
        False,
        description="Model recordings that are already there anew and re-read their tags; what was set by hand stays.",
    )
    like: str | None = Field(
        None,
        max_length=100,
        description="Another catalogue: what is said there of the same audio comes along, and what was set by hand.",
    )
    label: bool = Field(
        False, description="Also name genre, mood, tags and the like; a track that cannot be labelled gets a remark."
    )


class EnrollForm(Strict):
    """What is known of an uploaded track; only with a single file."""

    title: str | None = Field(
        None, min_length=1, max_length=500, description="Left out: from the file's tags, else its name."
    )
    artist: str | None = Field(None, max_length=500)
    album: str | None = Field(None, max_length=500)
    isrc: str | None = Field(None, max_length=20)


class TrackEdit(Strict):
    """What to change by hand, for good. Fields left out stay as they are; null empties a field."""

    title: str = Field(default_factory=str, min_length=1, max_length=500)
    artist: str | None = Field(None, max_length=500)
    album: str | None = Field(None, max_length=500)
    isrc: str | None = Field(None, max_length=20)
    recording_mbid: str | None = Field(None, max_length=100, description="MusicBrainz recording: a UUID.")
    release_mbid: str | None = Field(None, max_length=100, description="MusicBrainz release: a UUID.")
    artist_mbids: str | None = Field(None, max_length=500, description="MusicBrainz artists: UUIDs and semicolons.")
    acoustid: str | None = Field(None, max_length=100, description="AcoustID: a UUID.")
    metadata: dict[str, str] = Field(
        default_factory=dict, max_length=100, description="Free text by name; replaces what was there."
    )
    by_hand: list[Literal[*EDITABLE]] = Field(  # type: ignore[valid-type]
        default_factory=list,
        max_length=20,
        description="All fields that are to count as set by hand; left out: those that do already, and those changed. "
        "An undo sends the values and the names that were there before.",
    )


class TrackLabel(BaseModel):
    """A label of a track, and its probability."""

    label: str
    p: float = Field(description="0 to 1.")


class KeptLabels(BaseModel):
    """What a model said of a track."""

    model: str = Field(description="Version of the model.")
    sha256: str = Field(description="Tells models of the same version apart.")
    decision: Literal["certain", "uncertain", "experimental"] | None = Field(
        description="What is uncertain is neither found nor counted by label. Null: tags are not decided upon."
    )
    labels: list[str] = Field(description="What is said, or would be if it were not uncertain.")
    distribution: list[TrackLabel] = Field(description="The ten most probable.")
    at: str = Field(description="When it was heard.")


class Track(BaseModel):
    """One enrolled recording."""

    id: str
    catalogue: str
    title: str
    artist: str | None
    album: str | None
    isrc: str | None
    source: str = Field(description="Name of the enrolled file without extension.")
    duration_s: float
    n_windows: int
    content_hash: str = Field(description="SHA-256 of the decoded audio.")
    file_hash: str = Field(description="SHA-256 of the file.")
    created: str
    version: int = Field(description="Counts re-enrollments, from 1.")
    metadata: dict[str, str]
    by_hand: list[str] = Field(description="Fields that a person set or edited: tags in files do not overwrite them.")
    remarks: list[str] = Field(
        description="What was peculiar about the file, if anything: each a stable name, a colon and a sentence."
    )
    recording_mbid: str | None = Field(description="MusicBrainz recording, a UUID.")
    release_mbid: str | None = Field(description="MusicBrainz release, a UUID.")
    artist_mbids: str | None = Field(description="MusicBrainz artists, UUIDs joined by semicolons.")
    acoustid: str | None = Field(description="AcoustID, a UUID.")
    labels: dict[str, KeptLabels] = Field(description="What models said of it, by task; empty if it was not labelled.")


class Tracks(BaseModel):
    """A page of a catalogue's tracks."""

    tracks: list[Track]
    total: int = Field(description="Tracks that match, on all pages.")
    limit: int = Field(description="As asked.")
    skip: int = Field(description="As asked.")
    next: str | None = Field(description="Pass it as `cursor` for the following page; null on the last.")
    facets: dict[str, list[FacetValue]] = Field(
        description="By name of a facet that was asked for: its fifty most frequent values among all tracks that match."
    )
