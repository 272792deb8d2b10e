"""What documents and conditions may be: the same checks for every engine.

Each engine accepts a little more than the others (one takes NaN, one lists in lists, one dots in names). The rules
of ``base.py`` are what they have in common. They are enforced here, so that documents can move from any store to any
other.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from classifier.errors import InvalidParameter
from classifier.store.base import COLLECTIONS, MAX_DOCUMENT_BYTES, Document, Where

OPERATORS = ("$lt", "$lte", "$gt", "$gte", "$ne", "$in", "$contains")
_MAX_DEPTH = 16
_INT64 = range(-(2**63), 2**63)
_FORBIDDEN = re.compile(r'[."\\\x00-\x1f]')
_SEARCHABLE = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")


class Condition(NamedTuple):
    """One part of a ``where``: ``field`` (dotted), ``operator`` (``$eq`` or one of :data:`OPERATORS`), ``value``."""

    field: str
    operator: str
    value: Any


def check_collection(collection: str) -> str:
    """Return the name if it is one of ``COLLECTIONS``; else raise InvalidParameter."""
    if collection not in COLLECTIONS:
        raise InvalidParameter(f"unknown collection {collection!r}")
    return collection


def checked(collection: str, document: Mapping[str, Any]) -> Document:
    """Return a plain copy of a document: lists for tuples, ``bytes`` for other buffers, 0.0 for -0.0.

    Raises
    ------
    InvalidParameter
        If a field cannot be kept by every engine; the message names it.
    """
    document_id = document.get("_id")
    if not isinstance(document_id, str) or not document_id:
        raise InvalidParameter(f"document in {collection} has the _id {document_id!r}: it must be a non-empty string")
    plain: Document = {}
    size = 0
    for name, value in document.items():
        _check_name(collection, name)
        plain[name], field_bytes = _field(f"{collection}.{name}", name, value)
        size += field_bytes
    for key in COLLECTIONS[check_collection(collection)][0]:
        for name in key:
            if plain.get(name) is None:
                raise InvalidParameter(f"document {document_id!r} in {collection} lacks {name!r}, part of a unique key")
    if size > MAX_DOCUMENT_BYTES:
        raise InvalidParameter(
            f"document {document_id!r} in {collection} has {size} bytes: split it, {MAX_DOCUMENT_BYTES} is the most"
        )
    return plain


def checked_changes(
    collection: str, set: Mapping[str, Any] | None, inc: Mapping[str, int] | None
) -> tuple[Document, dict[str, int]]:
    """Return plain copies of what an update sets and adds; fields may be dotted.

    Raises
    ------
    InvalidParameter
        If nothing is changed, a field is changed twice, ``_id`` is changed, or a value cannot be kept.
    """
    changes: Document = {}
    additions: dict[str, int] = {}
    for field, value in (set or {}).items():
        if check_field(field).startswith("data."):
            raise InvalidParameter("data is bytes: nothing lies within it")
        changes[field], size = _field(f"{collection}.{field}", field, value)
        if value is None and any(field in key for key in COLLECTIONS[collection][0]):
            raise InvalidParameter(f"{collection}.{field} is part of a unique key: it cannot be None")
        if size > MAX_DOCUMENT_BYTES:
            raise InvalidParameter(f"{collection}.{field} has {size} bytes: {MAX_DOCUMENT_BYTES} is the most")
    for field, number in (inc or {}).items():
        if check_field(field).split(".")[0] == "data" or isinstance(number, bool) or not isinstance(number, int):
            raise InvalidParameter(f"{collection}.{field} cannot be incremented by {number!r}: use a whole number")
        additions[field] = number
    fields = [*changes, *additions]
    if not fields:
        raise InvalidParameter(f"an update of {collection} changes nothing: give set or inc")
    for field in fields:
        if field == "_id":
            raise InvalidParameter("an _id cannot be changed")
        if sum((other + ".").startswith(field + ".") for other in fields) > 1:
            raise InvalidParameter(f"an update of {collection} changes {field!r} twice")
    return changes, additions


def check_field(field: str) -> str:
    """Return a (dotted) field name if it is well formed; else raise InvalidParameter."""
    if not isinstance(field, str) or not field:
        raise InvalidParameter(f"field name {field!r} is empty or not a string")
    for part in field.split("."):
        _check_name(field, part)
    return field


def check_searchable(field: str) -> str:
    """Return a field name that conditions and sorting may use, of letters, digits, ``_``, ``-`` and dots."""
    if not isinstance(field, str) or not _SEARCHABLE.fullmatch(field):
        raise InvalidParameter(f"field name {field!r} cannot be searched: use letters, digits, underscores, dots")
    return field


def conditions(where: Where | None) -> list[Condition]:
    """Return the parts of a ``where``, all of which must hold.

    Raises
    ------
    InvalidParameter
        For an unknown operator, a condition on ``data``, or a value that is not a scalar.
    """
    parts: list[Condition] = []
    for field, wanted in (where or {}).items():
        check_searchable(field)
        if field.split(".")[0] == "data":
            raise InvalidParameter("conditions on data are not possible")
        if not isinstance(wanted, Mapping):
            parts.append(Condition(field, "$eq", _scalar(field, wanted)))
            continue
        if not wanted:
            raise InvalidParameter(f"condition on {field!r} is empty")
        for operator, value in wanted.items():
            if operator not in OPERATORS:
                raise InvalidParameter(
                    f"condition on {field!r} has the operator {operator!r}: use {', '.join(OPERATORS)}"
                )
            if operator in ("$in", "$contains"):
                if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
                    raise InvalidParameter(f"{operator} on {field!r} needs a list")
                value = [_scalar(field, item) for item in value]
                if operator == "$contains" and not (value and all(isinstance(item, str) and item for item in value)):
                    raise InvalidParameter(f"$contains on {field!r} needs texts, none of them empty")
            else:
                value = _scalar(field, value)
                if operator != "$ne" and (value is None or isinstance(value, bool)):
                    raise InvalidParameter(f"{operator} on {field!r} needs a number or text, not {value!r}")
            parts.append(Condition(field, operator, value))
    return parts


def checked_fields(fields: Iterable[str] | None) -> set[str] | None:
    """Return the top-level fields that a ``find`` returns, including ``_id``, or None for all."""
    if fields is None:
        return None
    if isinstance(fields, str):
        raise InvalidParameter(f"fields is {fields!r}: it must be a list of names")
    wanted = {"_id", *fields}
    for name in wanted:
        _check_name("fields", name)
    return wanted


def check_page(sort: tuple[str, int] | None, limit: int | None, skip: int) -> None:
    """Raise InvalidParameter unless the parameters of a ``find`` are within bounds."""
    if sort is not None and (
        len(sort) != 2 or sort[1] not in (1, -1) or check_searchable(sort[0]).split(".")[0] == "data"
    ):
        raise InvalidParameter(f"sort is {sort!r}: it must be (field, 1) or (field, -1)")
    for name, value in (("limit", limit), ("skip", skip)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31):
            raise InvalidParameter(f"{name} is {value!r}: it must be a whole number >= 0")


def _check_name(path: str, name: Any) -> None:
    if not isinstance(name, str) or not name or name[0] == "$" or _FORBIDDEN.search(name) or not _encodable(name):
        raise InvalidParameter(
            f"{path!r}: the name {name!r} must be text, not empty, not beginning with $, without dots, double quotes, "
            "backslashes and control characters"
        )


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _scalar(path: str, value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        if not _encodable(value):
            raise InvalidParameter(f"{path!r} holds half of a surrogate pair, which is not text")
        return str(value)
    if isinstance(value, int):
        if value not in _INT64:
            raise InvalidParameter(f"{path!r} is {value}, which does not fit into 64 bits")
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidParameter(f"{path!r} is {value}: only finite numbers are stored")
        return float(value) + 0.0
    raise InvalidParameter(f"{path!r} has the type {type(value).__name__}, which cannot be stored here")


def _field(path: str, name: str, value: Any) -> tuple[Any, int]:
    """Return the plain form of a top-level value and about how many bytes it takes."""
    if name != "data":
        return _value(path, value, 0)
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise InvalidParameter(f"{path!r} must be bytes, not {type(value).__name__}")
    return bytes(value), len(value)


def _value(path: str, value: Any, depth: int) -> tuple[Any, int]:
    if depth > _MAX_DEPTH:
        raise InvalidParameter(f"{path!r} is nested more than {_MAX_DEPTH} deep")
    size = 16
    if isinstance(value, Mapping):
        made: dict[str, Any] = {}
        for key, item in value.items():
            _check_name(path, key)
            made[key], item_bytes = _value(path, item, depth + 1)
            size += len(key) + item_bytes
        return made, size
    if isinstance(value, (list, tuple)):
        items = []
        for item in value:
            if isinstance(item, (list, tuple)):
                raise InvalidParameter(f"{path!r} holds a list in a list: pack it, or flatten it")
            plain, item_bytes = _value(path, item, depth + 1)
            items.append(plain)
            size += item_bytes
        return items, size
    plain = _scalar(path, value)
    return plain, size + (len(plain.encode()) if isinstance(plain, str) else 0)


def apply_changes(document: Document, changes: Mapping[str, Any], additions: Mapping[str, int]) -> None:
    """Apply an update to a document in place, for engines without update operators.

    Raises
    ------
    InvalidParameter
        If a dotted field leads into a value other than a ``dict``, or the value to increment is not a number.
    """
    for field, value in changes.items():
        parent, name = _reach(document, field)
        parent[name] = value
    for field, number in additions.items():
        parent, name = _reach(document, field)
        before = parent.get(name, 0)
        if isinstance(before, bool) or not isinstance(before, (int, float)):
            raise InvalidParameter(f"{field!r} is {before!r}: only a number can be incremented")
        parent[name] = _scalar(field, before + number)


def _reach(document: Document, field: str) -> tuple[dict[str, Any], str]:
    *path, name = field.split(".")
    place: Any = document
    for part in path:
        place = place.setdefault(part, {})
        if not isinstance(place, dict):
            raise InvalidParameter(f"{field!r} leads into {part!r}, which has no fields")
    return place, name
