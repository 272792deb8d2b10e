"""Allowances: how much each caller may still ask for, in buckets that all processes of a store share.

A bucket fills at a constant rate up to its size, and each request takes from it. All that is stored of one is the
moment at which it would be full again, in microseconds: the generic cell rate algorithm (ITU-T I.371), which needs one
conditional update a request. A bucket that is full again is as good as none, and is deleted.

The clocks of all machines that share a store must agree, as they must for leases.
"""

from __future__ import annotations

import time

from classifier.errors import DuplicateKey
from classifier.records.clock import Clock
from classifier.store.base import Store

_SECOND = 1_000_000


def take(store: Store, caller: str, n: int, *, per_minute: int, size: int, now: Clock = time.time) -> float:
    """Take ``n`` out of a caller's bucket if it holds as many.

    Parameters
    ----------
    store : Store
        Where buckets are kept.
    caller : str
        Whose bucket.
    n : int >= 1
        How many; at most ``size``.
    per_minute : int >= 1
        How many come back in a minute.
    size : int >= 1
        How many the bucket holds.
    now : callable
        Clock, Unix seconds.

    Returns
    -------
    float
        0.0 if they were taken; else seconds until the bucket holds them, > 0.
    """
    cost = n * (60 * _SECOND // per_minute)
    room = size * (60 * _SECOND // per_minute) - cost
    while True:
        moment = round(now() * _SECOND)
        fresh = {"full": moment + cost}
        by_id = {"_id": caller}
        if store.update("allowances", {**by_id, "full": {"$gt": moment, "$lte": moment + room}}, inc={"full": cost}):
            return 0.0
        if store.update("allowances", {**by_id, "full": {"$lte": moment}}, set=fresh):
            return 0.0
        bucket = store.get("allowances", caller)
        if bucket is not None and bucket["full"] > moment + room:
            return float(bucket["full"] - moment - room) / _SECOND
        if bucket is None:
            try:
                store.insert("allowances", [{**by_id, **fresh}])
                return 0.0
            except DuplicateKey:
                continue  # another process was faster


def clean(store: Store, *, now: Clock = time.time) -> None:
    """Delete buckets that are full."""
    store.delete("allowances", {"full": {"$lt": round(now() * _SECOND)}})
