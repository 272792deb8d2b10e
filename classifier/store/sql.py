"""Conditions and orders of a find as SQL, over documents that are JSON text beside columns of their indexed fields.

Values are always bound, never written into the text; names of fields are checked before (``documents.py``).
"""

from __future__ import annotations

import json
from typing import Any

from classifier.store.base import COLLECTIONS, Where
from classifier.store.documents import Condition, conditions

#: collection -> its indexed fields, which are columns.
COLUMNS = {
    collection: sorted({field for keys in indexes for key in keys for field in key} - {"_id"})
    for collection, indexes in COLLECTIONS.items()
}

#: SQL, and the values to bind.
Clause = tuple[str, list[Any]]


def json_path(field: str) -> str:
    """Return where a field lies in a document's JSON text, as an SQL literal."""
    return "'$" + "".join(f'."{part}"' for part in field.split(".")) + "'"


def expression(collection: str, field: str) -> str:
    """Return a field of a document: a column if it is indexed."""
    return field if field == "_id" or field in COLUMNS[collection] else f"json_extract(doc, {json_path(field)})"


def order(collection: str, sort: tuple[str, int] | None) -> str:
    """Return what follows ORDER BY: the field of ``sort`` in its direction, ties by ``_id``."""
    field, direction = sort or ("_id", 1)
    word = "ASC" if direction == 1 else "DESC"
    return f"_id {word}" if field == "_id" else f"{expression(collection, field)} {word}, _id {word}"


def where_clause(collection: str, where: Where | None) -> Clause:
    """Return what follows WHERE, and the values to bind."""
    clauses = ["TRUE"]
    values: list[Any] = []
    for condition in conditions(where):
        clause, more = _CLAUSES[condition.operator](collection, condition)
        clauses.append(clause)
        values += more
    return " AND ".join(clauses), values


def _kind(collection: str, field: str, value: Any) -> str:
    """Condition that the stored value is of the same kind as ``value``: JSON's true is 1 for SQLite, a list text.

    Of indexed fields the kind is known; asking for it would mean reading the document.
    """
    if field == "_id":
        return "TRUE" if isinstance(value, str) else "FALSE"
    if field in COLUMNS[collection]:
        return "TRUE"
    kinds = "('text')" if isinstance(value, str) else "('integer', 'real')"
    return f"json_type(doc, {json_path(field)}) IN {kinds}"


def _equal(collection: str, condition: Condition) -> Clause:
    field, _, value = condition
    if value is None:
        return f"{expression(collection, field)} IS NULL", []
    if isinstance(value, bool):
        return "FALSE" if field == "_id" else f"json_type(doc, {json_path(field)}) = '{str(value).lower()}'", []
    return f"({expression(collection, field)} = ? AND {_kind(collection, field, value)})", [value]


def _not_equal(collection: str, condition: Condition) -> Clause:
    clause, values = _equal(collection, condition)
    return f"({clause}) IS NOT TRUE", values


def _in(collection: str, condition: Condition) -> Clause:
    clauses = ["FALSE"]
    values: list[Any] = []
    texts = [value for value in condition.value if isinstance(value, str)]
    if texts:  # as one JSON parameter, since SQLite limits their number
        field = condition.field
        listed = f"{expression(collection, field)} IN (SELECT value FROM json_each(?))"
        clauses.append(f"({listed} AND {_kind(collection, field, '')})")
        values.append(json.dumps(texts, ensure_ascii=False))
    for value in condition.value:
        if not isinstance(value, str):
            clause, more = _equal(collection, Condition(condition.field, "$eq", value))
            clauses.append(clause)
            values += more
    return "(" + " OR ".join(clauses) + ")", values


def _contains(collection: str, condition: Condition) -> Clause:
    field, _, texts = condition
    found = f"instr({expression(collection, field)}, ?) > 0"
    return " AND ".join([_kind(collection, field, ""), *[found] * len(texts)]), list(texts)


def _compare(sign: str) -> Any:
    def clause(collection: str, condition: Condition) -> Clause:
        field, _, value = condition
        return f"({expression(collection, field)} {sign} ? AND {_kind(collection, field, value)})", [value]

    return clause


_CLAUSES: dict[str, Any] = {
    "$eq": _equal,
    "$ne": _not_equal,
    "$in": _in,
    "$contains": _contains,
    "$lt": _compare("<"),
    "$lte": _compare("<="),
    "$gt": _compare(">"),
    "$gte": _compare(">="),
}
