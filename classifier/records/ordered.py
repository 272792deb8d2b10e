"""Stored documents in an order, from a place in it on: how lists go on after their last entry.

Equal values are ordered by id, and no value comes before all others, as the store does it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from classifier.errors import InvalidParameter
from classifier.store.base import Document, Store, Where

#: Value of the field that orders a list, and the id that decides between equal ones.
Place = tuple[Any, str]


def order_of(sort: str, sorts: Sequence[str], things: str) -> tuple[str, int]:
    """Return field and direction of an order.

    Parameters
    ----------
    sort : str
        One of ``sorts``, with ``-`` before it for the opposite order.
    sorts : sequence of str
        Fields by which the documents may be ordered.
    things : str
        What they are, in the plural, for the message.

    Raises
    ------
    InvalidParameter
        For any other field.
    """
    field = sort.removeprefix("-")
    if field not in sorts:
        raise InvalidParameter(f"{things} are not sorted by {sort!r}: choose one of {', '.join(sorts)}")
    return field, -1 if sort.startswith("-") else 1


def ordered(
    store: Store,
    collection: str,
    where: Where,
    order: tuple[str, int],
    *,
    after: Place | None = None,
    limit: int | None = None,
    skip: int = 0,
    fields: Iterable[str] | None = None,
) -> list[Document]:
    """Return the documents that match, in an order, after a place in it.

    Parameters
    ----------
    store : Store
    collection : str
    where : mapping
        Which documents, as of :meth:`Store.find`; not by ``_id`` or the field of the order, except its exact value.
    order : (str, int)
        Field and direction, as of :func:`order_of`; or ``_id``.
    after : (value, str) or None
        Value of the field and id of the document after which the list begins; None: its beginning.
    limit, skip : int or None
        How many to return, and how many to skip before.
    fields : iterable of str or None
        As of :meth:`Store.find`.
    """
    found: list[Document] = []
    for part in _parts_after(*order, after, is_fixed=order[0] in ("_id", *where)):
        left = None if limit is None else limit - len(found)
        if left == 0:
            break
        those = {**where, **part}
        page = list(store.find(collection, those, sort=order, limit=left, skip=skip, fields=fields))
        skip = 0 if page or not skip else max(0, skip - store.count(collection, those))
        found += page
    return found


def _parts_after(field: str, direction: int, after: Place | None, *, is_fixed: bool) -> list[dict[str, Any]]:
    """Return conditions that together hold for what comes after a place in an order, one part after the other.

    ``is_fixed``: all have the same value.
    """
    if after is None:
        return [{}]
    value, last = after
    beyond = "$gt" if direction == 1 else "$lt"
    same = {"_id": {beyond: last}}
    if is_fixed:
        return [same]
    if value is None:
        return [{field: None, **same}, *([{field: {"$gte": ""}}] if direction == 1 else [])]
    return [{field: value, **same}, {field: {beyond: value}}, *([{field: None}] if direction == -1 else [])]
