"""Time in records: ISO 8601 in UTC, and identifiers that sort by age."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

#: Returns the time as Unix seconds; ``time.time`` except in tests.
Clock = Callable[[], float]


def iso(seconds: float) -> str:
    """Return Unix seconds as ISO 8601 UTC with milliseconds, which sorts as text."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def now() -> str:
    """Return the time as ISO 8601 UTC with milliseconds."""
    return iso(time.time())


def new_id() -> str:
    """Return an identifier that sorts by time and cannot be guessed."""
    return dated_id()[0]


def dated_id() -> tuple[str, str]:
    """Return a new identifier, and the time that it begins with, as ``now`` gives it."""
    milliseconds = time.time_ns() // 1_000_000
    return f"{milliseconds:012x}{secrets.token_hex(8)}", iso(milliseconds / 1000)


def first_id(moment: datetime) -> str:
    """Return what is not above any identifier of this time (with its offset) or later."""
    return f"{max(0, (moment - _EPOCH) // timedelta(milliseconds=1)):012x}"
