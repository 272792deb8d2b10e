"""Recordings that their senders asked to be kept: the bytes of a snippet, beside its tag, for some days.

Nothing is kept unless the request asks for it and the settings allow it. A recording goes with its tag, or before it:
once it has expired, nobody gets it, and the next sweep deletes it.
"""

from __future__ import annotations

import time

from classifier.errors import QuotaReached, RecordingNotFound
from classifier.records.clock import iso, now
from classifier.store.base import Store

MAX_BYTES = 14_000_000
"""Most bytes of a recording that can be kept: what fits into a document."""
MAX_KEPT = 100
"""Recordings that are kept of one key, and of all callers without one together."""


def check_room(store: Store, key_id: str | None) -> None:
    """Refuse to keep another recording of a key that has ``MAX_KEPT``.

    Raises
    ------
    QuotaReached
    """
    if store.count("recordings", {"key": key_id, "expires": {"$gt": now()}}) >= MAX_KEPT:
        raise QuotaReached(
            f"{MAX_KEPT} recordings are kept, the most there may be: delete tags, or do not ask to keep it"
        )


def keep(store: Store, tag_id: str, content: bytes, *, key_id: str | None, days: float) -> None:
    """Keep the recording of a tag, of at most ``MAX_BYTES`` bytes, for so many days."""
    expires = iso(time.time() + 86400 * days)
    store.insert("recordings", [{"_id": tag_id, "key": key_id, "expires": expires, "data": content}])


def get(store: Store, tag_id: str) -> bytes:
    """Return the recording of a tag; whether the caller may have the tag has been checked.

    Raises
    ------
    RecordingNotFound
        If it was not kept, or has expired.
    """
    for document in store.find("recordings", {"_id": tag_id, "expires": {"$gt": now()}}, limit=1):
        content: bytes = document["data"]
        return content
    raise RecordingNotFound("the recording of this tag was not kept, or has expired")


def clean(store: Store) -> None:
    """Delete recordings that have expired."""
    store.delete("recordings", {"expires": {"$lte": now()}})
