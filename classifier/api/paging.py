"""Pages of lists: how many entries, after which one, which of their fields.

A cursor says after which entry a page begins, by the values that order the list; so entries that come or go on other
pages move nothing. Clients pass it on as they got it.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, Field

from classifier.api.schemas import Strict
from classifier.errors import InvalidParameter
from classifier.text import fold, searched, words

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


class Searched(Paged):
    """A page of a list that is searched and ordered; it has an order ``sort``, too."""

    search: str | None = Field(None, max_length=200, description="Words, each of which occurs in an entry.")


def both_ways(*names: str) -> tuple[str, ...]:
    """Return the orders by these fields: each as it is, and with ``-`` the other way round."""
    return tuple(sign + name for name in names for sign in ("", "-"))


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


def found(
    items: Iterable[dict[str, Any]],
    query: Any,
    *,
    of: str,
    texts: Callable[[dict[str, Any]], Iterable[str | None]],
    value: Callable[[dict[str, Any], str], Any] = dict.get,
) -> dict[str, Any]:
    """Return the answer of a list that is at hand as a whole, searched and in order.

    Parameters
    ----------
    items : iterable of dict
        All entries, each with its ``id``.
    query : Searched
        What is asked for; its ``sort`` is the name of a field, with ``-`` before it for the opposite order. Text is
        ordered without regard to case and accents; an entry without the field comes before all others.
    of : str
        Name of the list.
    texts : callable
        In which texts of an entry words are looked for.
    value : callable
        The value of an entry by which a field orders it.

    Raises
    ------
    InvalidParameter
        As of :func:`page`.
    """
    wanted, field = words(query.search or ""), query.sort.removeprefix("-")

    def place(item: dict[str, Any]) -> tuple[Any, ...]:
        of_order = value(item, field)
        return of_order is not None, fold(of_order) if isinstance(of_order, str) else of_order, item["id"]

    matching = [item for item in items if all(word in searched(texts(item)) for word in wanted)]
    matching.sort(key=place, reverse=query.sort.startswith("-"))
    entries, more = page(matching, lambda item: item["id"], query, order=f"{of} by {query.sort}")
    return {of: entries, "next": more}
