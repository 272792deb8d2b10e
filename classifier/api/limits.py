"""How much each caller may ask for and keep, whichever process answers.

A caller is a key or, without a valid one, an address. Requests come out of a bucket in the store
(:mod:`classifier.records.allowances`), which holds what comes back in a minute. A process takes a second's worth at a
time, since a write to the store costs milliseconds: at 60 requests a minute and below that is one, and the limit is
exact; above, a process may hold back as many as it took. A caller who was refused is refused again without asking the
store, until its time has come.

Nothing is limited before keys exist, when only this machine is answered. Keys of role ``admin`` have limits only if
they were given some.
"""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass

from flask import current_app, g

from classifier.api.errors import RateLimited
from classifier.api.service import service
from classifier.errors import QuotaReached, StoreFull, StoreReadOnly
from classifier.records import allowances, tags
from classifier.records.keys import Key
from classifier.settings import Settings
from classifier.store.base import Store

MAX_CALLERS = 10_000
"""Callers that a process remembers; beyond, it forgets all, and asks the store again."""


@dataclass(slots=True)
class _Held:
    """What a process holds of one bucket: requests taken but not used, and until when it is empty."""

    spare: int = 0
    empty_until: float = 0.0


class Limiter:
    """Counts requests for one process; the buckets are in the store."""

    def __init__(self) -> None:
        self._held: dict[str, _Held] = {}
        self._lock = threading.Lock()

    def take(self, store: Store, caller: str, per_minute: int) -> None:
        """Take one request out of a caller's bucket.

        Parameters
        ----------
        store : Store
            Where the buckets are.
        caller : str
            Who asks.
        per_minute : int >= 1
            What the caller may ask a minute.

        Raises
        ------
        RateLimited
            If the bucket is empty; ``retry_after_s`` says when it is not any more.
        """
        with self._lock:
            if len(self._held) >= MAX_CALLERS:
                self._held.clear()
            held = self._held.setdefault(caller, _Held())
            if held.spare:
                held.spare -= 1
                return
            wait = held.empty_until - time.monotonic()
        if wait <= 0:
            wait = self._refill(store, caller, per_minute, held)
        if wait > 0:
            error = RateLimited(f"{per_minute:,} requests a minute are the most here: wait {wait:.1f} s")
            error.retry_after_s = math.ceil(wait)
            raise error

    def _refill(self, store: Store, caller: str, per_minute: int, held: _Held) -> float:
        """Take requests from the store, more than one where many are allowed; return how long to wait if none is left.

        A store that takes no writes does not count: whatever can still be answered is.
        """
        wait = 0.0
        for n in dict.fromkeys((max(1, per_minute // 60), 1)):
            try:
                wait = allowances.take(store, caller, n, per_minute=per_minute, size=per_minute)
            except (StoreFull, StoreReadOnly):
                return 0.0
            if not wait:
                with self._lock:
                    held.spare += n - 1
                return 0.0
        with self._lock:
            held.empty_until = time.monotonic() + wait
        return wait


def per_minute(settings: Settings, key: Key | None) -> int:
    """Return how many requests a minute a key, or an address without one, may make; 0: any number."""
    if key is None:
        return settings.address_requests_per_minute
    if key.requests_per_minute is not None:
        return key.requests_per_minute
    return 0 if key.role == "admin" else settings.key_requests_per_minute


def max_tags(settings: Settings, key: Key | None) -> int:
    """Return how many tags a key may keep; 0: any number. Tags made without a key belong to nobody."""
    if key is None:
        return 0
    if key.max_tags is not None:
        return key.max_tags
    return 0 if key.role == "admin" else settings.key_max_tags


def count_request() -> None:
    """Count the current request against its caller.

    Raises
    ------
    RateLimited
    """
    own = service()
    allowed = per_minute(own.settings, g.key)
    if allowed:
        limiter: Limiter = current_app.extensions["earmark_limiter"]
        limiter.take(own.store, g.caller, allowed)


def check_quota() -> None:
    """Refuse to make a tag for a key that keeps as many as it may; requests at the same moment may exceed it by a few.

    Raises
    ------
    QuotaReached
    """
    own = service()
    most = max_tags(own.settings, g.key)
    if most and tags.count(own.store, g.key.id) >= most:
        raise QuotaReached(f"this key keeps {most:,} tags, the most it may: delete some, or ask for a higher limit")
