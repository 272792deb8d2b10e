"""Webhooks: addresses that are told of events, with the secret that signs what they are told.

A secret is 32 random bytes in the form of the Standard Webhooks specification, ``whsec_`` and base64. Unlike that of a
key it has to be stored as it is, since it signs.
"""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from classifier.errors import InvalidParameter, WebhookNotFound
from classifier.records.clock import new_id, now
from classifier.store.base import Document, Store
from classifier.text import clean

EVENTS = {
    "tag.created": "a snippet was identified, whatever the verdict",
    "tracklist.finished": "a recording was listened to as a whole, or cannot be",
}
"""What is told, by name."""
MAX_WEBHOOKS = 20
"""Webhooks of a store."""
MAX_PAUSE_S = 60.0
"""Longest time for which an address that failed is left alone."""
_PAUSE_S = 5.0


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that is told of events.

    Parameters
    ----------
    id, url, created : str
        Its name, where it is, and when it was made.
    events : tuple of str
        What it is told; keys of :data:`EVENTS`.
    secret : str
        Signs what it is told.
    last_tried : str or None
        When it was last told something, or should have been.
    last_answer : str or None
        What came of it: a status, or what went wrong.
    failures : int >= 0
        Attempts that failed since the last that did not.
    dropped : int >= 0
        Events that it was never told of, because too many waited or it did not answer for too long.
    retry_at : float
        Unix seconds before which it is left alone.
    """

    id: str
    url: str
    created: str
    events: tuple[str, ...]
    secret: str = field(repr=False)
    last_tried: str | None
    last_answer: str | None
    failures: int
    dropped: int
    retry_at: float

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object, without the secret."""
        shown = ("id", "url", "created", "events", "last_tried", "last_answer", "failures", "dropped")
        return {name: getattr(self, name) for name in shown} | {"events": list(self.events)}


def create(store: Store, url: str, events: Sequence[str] = ()) -> Webhook:
    """Store a webhook; its address has been checked (:func:`classifier.work.calling.check_address`).

    Parameters
    ----------
    store : Store
        Where webhooks are kept.
    url : str
        Where it is.
    events : sequence of str
        What it is told; none: everything.

    Raises
    ------
    InvalidParameter
        If an event is unknown, or there are ``MAX_WEBHOOKS`` already.
    """
    for event in events:
        if event not in EVENTS:
            raise InvalidParameter(f"event {event!r} is unknown: choose among {', '.join(EVENTS)}")
    if store.count("webhooks") >= MAX_WEBHOOKS:
        raise InvalidParameter(f"there are {MAX_WEBHOOKS} webhooks, the most there may be: delete one first")
    document: Document = {
        "_id": new_id(),
        "url": url,
        "created": now(),
        "events": list(dict.fromkeys(events or EVENTS)),
        "secret": "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode(),
        "last_tried": None,
        "last_answer": None,
        "failures": 0,
        "dropped": 0,
        "retry_at": 0.0,
    }
    store.insert("webhooks", [document])
    return _webhook(document)


def listed(store: Store) -> list[Webhook]:
    """Return every webhook, oldest first."""
    return [_webhook(document) for document in store.find("webhooks")]


def get(store: Store, webhook_id: str) -> Webhook:
    """Return a webhook.

    Raises
    ------
    WebhookNotFound
    """
    document = store.get("webhooks", webhook_id)
    if document is None:
        raise WebhookNotFound(f"no webhook {webhook_id!r} is stored")
    return _webhook(document)


def delete(store: Store, webhook_id: str) -> None:
    """Delete a webhook; events that wait for it are dropped.

    Raises
    ------
    WebhookNotFound
    """
    if not store.delete("webhooks", {"_id": webhook_id}):
        raise WebhookNotFound(f"no webhook {webhook_id!r} is stored")


def note(store: Store, webhook: Webhook, answer: str, *, ok: bool) -> None:
    """Note what came of an attempt. After one that failed, the address is left alone for a while."""
    failures = 0 if ok else webhook.failures + 1
    values = {
        "last_tried": now(),
        "last_answer": clean(answer, 300),
        "failures": failures,
        "retry_at": 0.0 if ok else time.time() + min(MAX_PAUSE_S, failures * _PAUSE_S),
    }
    store.update("webhooks", {"_id": webhook.id}, set=values)


def drop(store: Store, webhook: Webhook) -> None:
    """Count an event that the webhook is not told of."""
    store.update("webhooks", {"_id": webhook.id}, inc={"dropped": 1})


def _webhook(document: Document) -> Webhook:
    values = {name: document[name] for name in Webhook.__slots__ if name not in ("id", "events")}
    return Webhook(id=document["_id"], events=tuple(document["events"]), **values)
