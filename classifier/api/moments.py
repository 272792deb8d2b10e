"""Days and times that clients send, as ISO 8601 writes them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BeforeValidator

_WRITTEN = re.compile(r"\d{4}-\d{2}-\d{2}")


def _written(value: Any) -> Any:
    """Refuse numbers, which pydantic would take for seconds since 1970."""
    if isinstance(value, str) and not _WRITTEN.match(value):
        raise ValueError("write it as 2026-01-31 or 2026-01-31T12:00:00Z")
    return value


#: A time with its offset from UTC.
Instant = Annotated[AwareDatetime, BeforeValidator(_written)]
#: A day (UTC) or a time.
Moment = Annotated[AwareDatetime | date, BeforeValidator(_written)]


def instant(moment: date | None) -> datetime | None:
    """Return a time, of a day its beginning, UTC."""
    if moment is None or isinstance(moment, datetime):
        return moment
    return datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
