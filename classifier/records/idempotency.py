"""Answers by idempotency key: a phone that repeats a request gets the first answer.

A record is kept for 24 hours for each key, caller and route. It is inserted before the work begins, so that only one of
two simultaneous requests is the first. It holds a lease, so that a process that died does not block the key. Of a tag
only the id is remembered, so that deleting the tag deletes everything.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from dataclasses import dataclass
from typing import Any

from classifier.errors import DuplicateKey, IdempotencyInProgress, IdempotencyMismatch
from classifier.store.base import Document, Store

KEEP_SECONDS = 24 * 3600.0
"""How long an answer is remembered."""
LEASE_SECONDS = 120.0
"""Longest time a first request may take before a repeated one does the work itself."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """The first answer under a key.

    Parameters
    ----------
    tag_id : str or None
        The tag that was answered.
    problem : dict or None
        The error that was answered: its ``name``, ``status`` and ``detail``.
    """

    tag_id: str | None
    problem: dict[str, Any] | None


class Record:
    """A request's claim on its key; call either :meth:`keep` or :meth:`forget`, once.

    Parameters
    ----------
    store : Store
        Where the claim is kept.
    record_id, owner : str
        Which key is claimed, and by which request.
    """

    def __init__(self, store: Store, record_id: str, owner: str) -> None:
        self._store = store
        self._where = {"_id": record_id, "owner": owner}

    def keep(self, *, tag_id: str | None = None, problem: dict[str, Any] | None = None) -> None:
        """Remember the answer."""
        kept = {"done": True, "tag_id": tag_id, "problem": None if problem is None else json.dumps(problem)}
        self._store.update("idempotency", self._where, set=kept)

    def forget(self) -> None:
        """Free the key, as if the request had never been made."""
        self._store.delete("idempotency", self._where)


def begin(
    store: Store, key: str, *, caller: str, route: str, content: bytes, parameters: dict[str, Any]
) -> Record | Remembered:
    """Claim ``key`` for a request, or return the answer given under it.

    Parameters
    ----------
    store : Store
        Where answers are remembered.
    key : str
        The client's name for the request.
    caller, route : str
        Who asks, and for what: the same key of another caller is another key.
    content : bytes
        The snippet.
    parameters : dict
        Everything else that decides the answer; JSON values.

    Returns
    -------
    Record or Remembered
        A claim if the work has to be done, else the first answer.

    Raises
    ------
    IdempotencyMismatch
        If the key was used with another snippet or other parameters.
    IdempotencyInProgress
        If the first request is still being worked on.
    """
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
            continue  # forgotten or expired just now
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
        unanswered = {"_id": record_id, "owner": held["owner"], "done": False}
        if store.update("idempotency", unanswered, set=taken) is not None:
            return Record(store, record_id, owner)
    raise IdempotencyInProgress("the first request with this Idempotency-Key is still being worked on")


def clean(store: Store) -> None:
    """Delete expired records."""
    store.delete("idempotency", {"expires": {"$lt": time.time()}})
