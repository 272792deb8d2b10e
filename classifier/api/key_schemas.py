"""Request and response models of keys; see :mod:`classifier.api.schemas`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from classifier.api.schemas import Strict
from classifier.records.keys import MAX_PER_MINUTE, MAX_TAGS, ROLES


class KeyCreate(Strict):
    """A new key."""

    name: str = Field(min_length=1, max_length=100, description="Whose it is, such as a device: `Anna's phone`.")
    role: Literal[*ROLES] = Field(  # type: ignore[valid-type]
        "tag", description="`tag`: identify snippets, and see and delete the tags made with it; `admin`: everything."
    )
    requests_per_minute: int | None = Field(
        None, ge=1, le=MAX_PER_MINUTE, description="Limit of its own. Left out: as the settings say for its role."
    )
    max_tags: int | None = Field(
        None, ge=1, le=MAX_TAGS, description="Tags it may keep. Left out: as the settings say for its role."
    )


class Key(BaseModel):
    """A key without its secret."""

    id: str
    name: str
    role: Literal[*ROLES]  # type: ignore[valid-type]
    prefix: str = Field(description="How its secret begins, to tell keys apart.")
    created: str
    last_used: str | None = Field(description="To the minute or so; null if it has not been used.")
    requests_per_minute: int | None = Field(description="Limit of its own, if it has one.")
    max_tags: int | None = Field(description="Limit of its own, if it has one.")


class KeyMade(Key):
    """A new key with its secret."""

    key: str = Field(description="The secret: what `Authorization: Bearer` takes. It can never be read again.")


class Keys(BaseModel):
    """A page of the keys, oldest first."""

    keys: list[Key]
    next: str | None = Field(description="Pass it as `cursor` for the following page; null on the last.")
