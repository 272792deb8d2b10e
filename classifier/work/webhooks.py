"""Jobs of the kind ``webhook``: one event told to one address, again and again until it is taken or a day is over.

What is told follows the Standard Webhooks specification (https://www.standardwebhooks.com): a JSON object ``type``,
``timestamp``, ``data``, and the headers ``webhook-id`` (the job's, the same at every attempt), ``webhook-timestamp``
(Unix seconds) and ``webhook-signature``: ``v1,`` and the base64 of HMAC-SHA256 over ``id.timestamp.body``.

A job remembers what the event is about, not what it says: if a tag was deleted before it was told, it never is. An
event may be told twice, if the worker died in between.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import secrets
import time
from collections.abc import Callable
from typing import Any

from classifier.errors import EarmarkError, NotFound, WebhookNotFound
from classifier.records import tags, tracklists
from classifier.records import webhooks as stored
from classifier.records.clock import iso, now
from classifier.records.webhooks import Webhook
from classifier.settings import Settings
from classifier.store.base import Document, Store
from classifier.work import calling, jobs
from classifier.work.worker import Claim, Later

log = logging.getLogger("earmark.jobs")

KIND = "webhook"
MAX_WAITING = 200
"""Events that may wait for one address; further ones are dropped."""
RETRY_S = (5.0, 60.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0)
"""Seconds before each further attempt to tell an event."""
KEEP_S = 86_400.0
"""Seconds after which an event is told no more."""
PING = "ping"
"""Event of a test."""

#: What an event says, by the word before its dot.
_SUBJECTS: dict[str, Callable[[Store, str], dict[str, Any]]] = {
    "tag": tags.get,
    "tracklist": lambda store, name: tracklists.to_dict(tracklists.document(store, name)),
}


def create(store: Store, settings: Settings, url: str, events: tuple[str, ...] = ()) -> Webhook:
    """Store a webhook whose address may be called.

    Raises
    ------
    InvalidParameter
        As :func:`classifier.work.calling.check_address` and :func:`classifier.records.webhooks.create` do.
    """
    calling.check_address(url, private=settings.webhooks_private)
    return stored.create(store, url, events)


def announce(store: Store, event: str, subject: str) -> None:
    """Have all webhooks told of an event; what happened has happened, whether or not they can be.

    Parameters
    ----------
    store : Store
        Where webhooks and jobs are kept.
    event : str
        One of :data:`classifier.records.webhooks.EVENTS`.
    subject : str
        Id of the tag or tracklist.
    """
    try:
        for webhook in stored.listed(store):
            if event in webhook.events:
                _submit(store, webhook, event, subject)
    except EarmarkError as error:
        log.warning("webhooks were not told of %s: %s: %s", event, error.name, error)


def _submit(store: Store, webhook: Webhook, event: str, subject: str) -> None:
    waiting = {"kind": KIND, "status": "queued", "task.webhook": webhook.id}
    if store.count("jobs", waiting) >= MAX_WAITING:
        stored.drop(store, webhook)
        return
    task = {"webhook": webhook.id, "event": event, "subject": subject, "at": now()}
    jobs.submit(store, KIND, task, state={"attempts": 0}, total=1)


def ping(webhook: Webhook, settings: Settings) -> calling.Outcome:
    """Tell a webhook ``ping``, at once and once."""
    return _tell(webhook, settings, "test_" + secrets.token_hex(8), PING, now(), {"webhook": webhook.id})


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of ``webhook-signature``: HMAC-SHA256 over ``id.timestamp.body``, in base64."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256)
    return "v1," + base64.b64encode(digest).decode()


def _tell(
    webhook: Webhook, settings: Settings, message_id: str, event: str, at: str, data: dict[str, Any]
) -> calling.Outcome:
    said = {"type": event, "timestamp": at, "data": data}
    body = json.dumps(said, ensure_ascii=False, allow_nan=False).encode()
    timestamp = int(time.time())
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(webhook.secret, message_id, timestamp, body),
    }
    return calling.post(webhook.url, body, headers, private=settings.webhooks_private)


def progress_of(document: Document) -> dict[str, Any]:
    """Return the JSON object of a job's document, as of any job: it has no files."""
    failed = int(document["error"] is not None)
    own: dict[str, Any] = {"catalogue": None, "added": 0, "present": 0, "failed": failed, "files": []}
    return {**jobs.to_dict(document), **own}


class Webhooks:
    """Tells webhooks what happened.

    Parameters
    ----------
    store : Store
        Where webhooks are kept, and what events are about.
    settings : Settings
        Whether private addresses may be called.
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings

    def run(self, claim: Claim) -> None:
        """Tell the event, or put it off."""
        task, attempts = claim.task, claim.state["attempts"]
        try:
            webhook = stored.get(self._store, task["webhook"])
        except WebhookNotFound:
            return
        if task["at"] < iso(time.time() - KEEP_S) or attempts > len(RETRY_S):
            stored.drop(self._store, webhook)
            raise EarmarkError(f"the address took nothing for too long: {webhook.last_answer}")
        pause = webhook.retry_at - time.time()
        if pause > 0:  # it failed a moment ago, with another event
            raise Later(pause * _jitter())
        try:
            data = _SUBJECTS[task["event"].partition(".")[0]](self._store, task["subject"])
        except NotFound:
            return  # deleted meanwhile: nobody is told
        outcome = _tell(webhook, self._settings, claim.id, task["event"], task["at"], data)
        stored.note(self._store, webhook, outcome.answer, ok=outcome.ok)
        if not outcome.ok:
            log.info("webhook %s was not told of %s: %s", webhook.id, task["event"], outcome.answer)
            claim.note({"attempts": attempts + 1})
            raise Later(RETRY_S[min(attempts, len(RETRY_S) - 1)] * _jitter())
        claim.advance(1, claim.state)

    def give_up(self, claim: Claim) -> None:
        """Give up the event."""
        raise EarmarkError("the service stopped again and again while it told this event; it is given up")


def _jitter() -> float:
    """Return 1 to 1.2, so that what failed together is not tried together."""
    return 1 + secrets.randbelow(1000) / 5000
