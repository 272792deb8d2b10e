"""Time in records: ISO 8601 in UTC, and identifiers that sort by age."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime

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
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(8)}"
