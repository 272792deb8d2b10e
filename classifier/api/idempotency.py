"""The ``Idempotency-Key`` header: a phone that repeats a request gets the first answer.

A record is kept for 24 hours per key, caller and route. It is inserted before the work begins, so two requests
at the same moment cannot both be the first; it holds a lease, so a worker that died does not block the key. Of
errors only those are remembered that the same snippet always meets with; whatever may pass is forgotten. A tag is
remembered by its id alone: who deletes the tag deletes all of it.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import time
from dataclasses import dataclass
from typing import Any

from classifier.api.errors import IdempotencyInProgress, IdempotencyMismatch, RequestRefused
from classifier.errors import AudioError, DecodeLimit, DuplicateKey, EarmarkError
from classifier.store.base import Document, Store

KEEP_SECONDS = 24 * 3600.0
LEASE_SECONDS = 120.0
"""Longest time a first request may take before a repeated one does the work itself."""

_KEY = re.compile(r"[\x21-\x7e]{1,255}\Z")


@dataclass(frozen=True, slots=True)
class Remembered:
    """The first answer under a key.

    Parameters
    ----------
    tag_id : str or None
        The tag that was answered.
    problem : dict or None
        The error that was: its ``name``, ``status`` and ``detail``.
    """

    tag_id: str | None
    problem: dict[str, Any] | None


class Record:
    """A request's claim on its key: exactly one of :meth:`keep` and :meth:`forget` has to follow.

    Parameters
    ----------
    store : Store
    record_id, owner : str
    """

    def __init__(self, store: Store, record_id: str, owner: str) -> None:
        self._store = store
        self._where = {"_id": record_id, "owner": owner}

    def keep(self, *, tag_id: str | None = None, problem: dict[str, Any] | None = None) -> None:
        """Remember the answer."""
        kept = {"done": True, "tag_id": tag_id, "problem": None if problem is None else json.dumps(problem)}
        self._store.update("idempotency", self._where, set=kept)

    def forget(self) -> None:
        """Free the key, as if the request had never come."""
        self._store.delete("idempotency", self._where)


def begin(
    store: Store, key: str, *, caller: str, route: str, content: bytes, parameters: dict[str, Any]
) -> Record | Remembered:
    """Claim ``key`` for a request, or return what was answered under it.

    Parameters
    ----------
    store : Store
    key : str
        The header's value.
    caller, route : str
        Whose key it is, and for what: the same key of another caller is another key.
    content : bytes
        The snippet.
    parameters : dict
        What else decides the answer.

    Raises
    ------
    RequestRefused
        If the key is not 1 to 255 printable characters.
    IdempotencyMismatch
        If it was used with another snippet or other parameters.
    IdempotencyInProgress
        If the first request is still being worked on.
    """
    if not _KEY.match(key):
        raise RequestRefused("Idempotency-Key must be 1 to 255 printable ASCII characters without spaces")
    record_id = hashlib.sha256(json.dumps([caller, route, key]).encode()).hexdigest()
    digest = hashlib.sha256(json.dumps(parameters, sort_keys=True).encode() + b"\0" + content).hexdigest()
    owner = secrets.token_hex(8)
    moment = time.time()
    fresh: Document = {
        "_id": record_id,
        "digest": digest,
        "owner": owner,
        "done": False,
        "tag_id": None,
        "problem": None,
        "lease_expires": moment + LEASE_SECONDS,
        "expires": moment + KEEP_SECONDS,
    }
    for _ in range(3):
        try:
            store.insert("idempotency", [fresh])
            return Record(store, record_id, owner)
        except DuplicateKey:
            held = store.get("idempotency", record_id)
        if held is None:
            continue  # forgotten or expired this very moment
        if held["expires"] <= moment:
            store.delete("idempotency", {"_id": record_id, "expires": held["expires"]})
            continue
        if held["digest"] != digest:
            raise IdempotencyMismatch(
                "this Idempotency-Key was used with another snippet or other parameters: use a new key"
            )
        if held["done"]:
            return Remembered(held["tag_id"], None if held["problem"] is None else json.loads(held["problem"]))
        if held["lease_expires"] > moment:
            break
        taken = {"owner": owner, "lease_expires": moment + LEASE_SECONDS}
        if (
            store.update("idempotency", {"_id": record_id, "owner": held["owner"], "done": False}, set=taken)
            is not None
        ):
            return Record(store, record_id, owner)
    raise IdempotencyInProgress("the first request with this Idempotency-Key is still being worked on")


def is_lasting(error: EarmarkError) -> bool:
    """Return whether an error would meet the same snippet again: a fault of the audio, never one of the moment.

    A decoder that was slow or was killed says more about the machine than about the file.
    """
    return isinstance(error, AudioError) and not isinstance(error, DecodeLimit)


def clean(store: Store) -> None:
    """Delete what has expired."""
    store.delete("idempotency", {"expires": {"$lt": time.time()}})
