"""Request and response models of listens; see :mod:`classifier.api.schemas`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from classifier.api.schemas import Match, Strict, Tag
from classifier.api.tracklist_schemas import Segment


class ListenQuery(Strict):
    """How a recording that arrives in pieces is to be identified."""

    catalogue: str | None = Field(
        None, max_length=100, description="Catalogue to search. Left out: the one of the settings."
    )
    method: Literal["auto", "kl"] | None = Field(
        None, description="How the recording is decided. Left out: as the settings say."
    )
    top: int = Field(5, ge=1, le=50, description="Most entries in the tag's `matches`.")
    rate: int | None = Field(None, ge=4000, le=192_000, description="Pieces are bare PCM of so many samples a second.")
    channels: int = Field(1, ge=1, le=8, description="Channels of bare PCM.")
    signatures: bool = Field(False, description="Pieces are signatures, each of all sound so far.")
    device: str | None = Field(
        None, min_length=1, max_length=100, description="What you call the device that records: kept with the tag."
    )
    continuous: bool = Field(
        False, description="Go on after a track was named, and make a tracklist of all that is heard."
    )


class PieceQuery(Strict):
    """What a piece is."""

    last: bool = Field(False, description="No more will come: decide with what there is.")


class Listen(BaseModel):
    """A recording that arrives in pieces, and what is known of it so far."""

    id: str
    catalogue: str
    created: str
    expires: str = Field(description="When it is forgotten, ended or not.")
    next: int = Field(description="Number of the piece to send next.")
    heard_s: float = Field(description="Seconds of sound so far.")
    wanted_s: float = Field(description="Seconds of sound after which it is decided at the latest.")
    ended: bool = Field(description="Whether it is decided; nothing more is taken then.")
    tag: Tag | None = Field(description="The verdict, once it has ended; kept like any other tag. Null if continuous.")
    perhaps: Match | None = Field(
        description="The best candidate so far, if it is as likely right as not: a guess to show, and no verdict."
    )
    tracklist: str | None = Field(description="The tracklist that a continuous one fills; it stays.")
    segments: list[Segment] = Field(description="The latest twenty segments of that tracklist, by start.")
