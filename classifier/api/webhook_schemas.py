"""Request and response models of webhooks; see :mod:`classifier.api.schemas`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from classifier.api.schemas import Strict
from classifier.records.webhooks import EVENTS
from classifier.work.calling import MAX_URL

Event = Literal[*EVENTS]  # type: ignore[valid-type]
_TOLD = "; ".join(f"`{name}`: {meaning}" for name, meaning in EVENTS.items())


class WebhookCreate(Strict):
    """An address that is to be told of events."""

    url: str = Field(
        min_length=1, max_length=MAX_URL, description="An https:// address of a public host, without a password."
    )
    events: Annotated[list[Event], Field(max_length=len(EVENTS))] = Field(
        [], description=f"What it is told ({_TOLD}). Left out: everything."
    )


class Webhook(BaseModel):
    """An address that is told of events, without its secret."""

    id: str
    url: str
    created: str
    events: list[Event]
    last_tried: str | None = Field(description="When it was last told something, or should have been.")
    last_answer: str | None = Field(description="What came of it: a status, or what went wrong.")
    failures: int = Field(description="Attempts that failed since the last that did not.")
    dropped: int = Field(description="Events that it was never told of.")


class WebhookMade(Webhook):
    """A new webhook with its secret."""

    secret: str = Field(description="Signs what it is told (Standard Webhooks). It can never be read again.")


class Webhooks(BaseModel):
    """A page of the webhooks, oldest first."""

    webhooks: list[Webhook]
    next: str | None = Field(description="Pass it as `cursor` for the following page; null on the last.")


class WebhookTested(BaseModel):
    """What came of telling a webhook `ping`."""

    delivered: bool
    status: int | None = Field(description="HTTP status of the answer; null if there was none.")
    answer: str = Field(description="The status, or what went wrong.")
    seconds: float
