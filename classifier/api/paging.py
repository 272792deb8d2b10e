"""Pages of lists: how many entries, after which one, which of their fields.

A cursor says after which entry a page begins, by the values that order the list; so entries that come or go on other
pages move nothing. Clients pass it on as they got it.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, Field

from classifier.api.schemas import Strict
from classifier.errors import InvalidParameter

Item = TypeVar("Item")
#: Text or number that orders a list, and the id that decides between equal ones.
Place = tuple[str | float | None, str]

_MAX_CURSOR = 4000


class Paged(Strict):
    """A page of a list."""

    limit: int = Field(200, ge=1, le=1000, description="Most entries in the answer.")
    cursor: str | None = Field(
        None,
        min_length=1,
        max_length=_MAX_CURSOR,
        description="`next` of the previous answer; left out: the first page.",
    )


def fields_of(model: type[BaseModel]) -> Any:
    """Return the parameter ``fields`` of a route that answers a ``model``, or a list of them."""
    names = "|".join(model.model_fields)
    return Field(
        None,
        max_length=1000,
        pattern=f"^({names})(,({names})){{0,40}}$",
        description=f"Names of fields of {model.__name__}, comma-separated: the answer leaves out all others.",
    )


def cursor_of(order: str, place: Place) -> str:
    """Return the cursor of the page that begins after a place in an order."""
    return base64.urlsafe_b64encode(json.dumps([order, *place]).encode()).decode().rstrip("=")


def place_of(order: str, cursor: str | None) -> Place | None:
    """Return where a page begins; None at the beginning.

    Raises
    ------
    InvalidParameter
        If the cursor is none of this order.
    """
    if cursor is None:
        return None
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        of, value, last = json.loads(text)
    except (ValueError, TypeError, RecursionError, binascii.Error):
        of, value, last = None, None, None
    is_value = value is None or isinstance(value, str) or (isinstance(value, float | int) and abs(value) < 1e15)
    if of != order or not is_value or not isinstance(last, str):
        raise InvalidParameter(f"cursor is {cursor[:50]!r}: pass `next` of the last answer to the same question")
    return value, last


def page(
    items: Sequence[Item], key: Callable[[Item], str], query: Paged, *, order: str
) -> tuple[list[Item], str | None]:
    """Return a page of a list that is at hand as a whole, and the cursor of the next one, if there is one.

    Parameters
    ----------
    items : sequence
        The whole list.
    key : callable
        What names an entry in the list, and no other.
    query : Paged
        Which page.
    order : str
        Name of the list.

    Raises
    ------
    InvalidParameter
        If the cursor is of another list, or its entry is gone.
    """
    place, start = place_of(order, query.cursor), 0
    if place is not None:
        keys = [key(item) for item in items]
        if place[1] not in keys:
            raise InvalidParameter("the entry that the cursor names is gone: begin with the first page again")
        start = keys.index(place[1]) + 1
    found = list(items[start : start + query.limit])
    more = start + query.limit < len(items)
    return found, cursor_of(order, (None, key(found[-1]))) if more else None
