"""The common ground of the stores: what is refused before a store sees it."""

from __future__ import annotations

from typing import Any

import pytest

from classifier.errors import InvalidParameter
from classifier.store.base import MAX_DOCUMENT_BYTES
from classifier.store.documents import apply_changes, check_page, checked, checked_changes, checked_fields, conditions


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({}, "_id None"),
        ({"_id": ""}, "non-empty string"),
        ({"_id": 3}, "non-empty string"),
        ({"_id": "a", "x": float("nan")}, "'tags.x' is nan: only finite"),
        ({"_id": "a", "x": [float("inf")]}, "only finite"),
        ({"_id": "a", "x": 2**63}, "does not fit into 64 bits"),
        ({"_id": "a", "x": {"y": -(2**63) - 1}}, "does not fit into 64 bits"),
        ({"_id": "a", "x": b"bytes"}, "type bytes"),
        ({"_id": "a", "x": {1, 2}}, "type set"),
        ({"_id": "a", "x": object()}, "type object"),
        ({"_id": "a", "x": "\ud800"}, "surrogate"),
        ({"_id": "a", "x": [[1]]}, "a list in a list"),
        ({"_id": "a", "x": {"y": [(1,)]}}, "a list in a list"),
        ({"_id": "a", "x.y": 1}, "without dots"),
        ({"_id": "a", "$x": 1}, "not beginning"),
        ({"_id": "a", "x": {"": 1}}, "not empty"),
        ({"_id": "a", "x": {1: 1}}, "must be text"),
        ({"_id": "a", "x": [{"a\0": 1}]}, "control characters"),
        ({"_id": "a", 'x"': 1}, "quotes"),
        ({"_id": "a", "x\\": 1}, "backslashes"),
        ({"_id": "a", "data": "text"}, "'tags.data' must be bytes, not str"),
        ({"_id": "a", "data": None}, "must be bytes"),
        ({"_id": "a", "x": {"data": b""}}, "type bytes"),
        ({"_id": "a", "data": bytes(MAX_DOCUMENT_BYTES)}, "split it"),
        ({"_id": "a", "x": "é" * (MAX_DOCUMENT_BYTES // 2)}, "split it"),
    ],
)
def test_documents_no_store_could_keep(document: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidParameter, match=words):
        checked("tags", document)


def test_nesting_has_an_end() -> None:
    document: dict[str, Any] = {"_id": "a"}
    deepest = document
    for _ in range(30):
        deepest["x"] = {}
        deepest = deepest["x"]

    with pytest.raises(InvalidParameter, match="nested more than 16 deep"):
        checked("tags", document)


def test_unknown_collection() -> None:
    with pytest.raises(InvalidParameter, match="unknown collection 'songs'"):
        checked("songs", {"_id": "a"})


@pytest.mark.parametrize("document", [{"_id": "a"}, {"_id": "a", "catalogue": "c"}, {"_id": "a", "catalogue": None}])
def test_unique_keys_must_be_there(document: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameter, match=r"lacks '(catalogue|content_hash)', part of a unique key"):
        checked("tracks", document)


def test_what_is_nearly_plain_becomes_plain() -> None:
    document = checked("tags", {"_id": "a", "t": (1, "x"), "zero": -0.0, "data": bytearray(b"x")})

    assert document == {"_id": "a", "t": [1, "x"], "zero": 0.0, "data": b"x"}
    assert (type(document["t"]), str(document["zero"]), type(document["data"])) == (list, "0.0", bytes)


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ({"a": [1]}, "type list"),
        ({"a": b"x"}, "type bytes"),
        ({"a": {}}, "is empty"),
        ({"a": {"$regex": "x"}}, r"operator '\$regex'"),
        ({"a": {"x": 1}}, "operator 'x'"),
        ({"a": {"$in": "xyz"}}, "needs a list"),
        ({"a": {"$in": 3}}, "needs a list"),
        ({"a": {"$contains": "xyz"}}, "needs a list"),
        ({"a": {"$contains": []}}, "needs texts"),
        ({"a": {"$contains": ["x", ""]}}, "needs texts"),
        ({"a": {"$contains": ["x", 1]}}, "needs texts"),
        ({"a": {"$in": [[1]]}}, "type list"),
        ({"a": {"$lt": None}}, "needs a number or text"),
        ({"a": {"$gte": True}}, "needs a number or text"),
        ({"a": float("nan")}, "only finite"),
        ({"$or": []}, "cannot be searched"),
        ({"a'b": 1}, "cannot be searched"),
        ({"a..b": 1}, "cannot be searched"),
        ({"": 1}, "cannot be searched"),
        ({"data": None}, "conditions on data"),
    ],
)
def test_conditions_no_store_could_answer(where: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidParameter, match=words):
        conditions(where)


@pytest.mark.parametrize(
    ("changes", "additions", "words"),
    [
        (None, None, "changes nothing"),
        ({}, {}, "changes nothing"),
        ({"_id": "b"}, None, "_id cannot be changed"),
        ({"a": 1}, {"a": 1}, "changes 'a' twice"),
        ({"a": {}, "a.b": 1}, None, "changes 'a' twice"),
        ({"a.b.c": 1}, {"a.b": 1}, "changes 'a.b' twice"),
        (None, {"a": 1.5}, "use a whole number"),
        (None, {"a": True}, "use a whole number"),
        (None, {"data": 1}, "cannot be incremented"),
        ({"data.x": 1}, None, "nothing lies within"),
        ({"data": "x"}, None, "must be bytes"),
        ({"a": float("inf")}, None, "only finite"),
        ({"a..b": 1}, None, "not empty"),
        ({"content_hash": None}, None, "part of a unique key"),
    ],
)
def test_updates_no_store_could_make(changes: Any, additions: Any, words: str) -> None:
    with pytest.raises(InvalidParameter, match=words):
        checked_changes("tracks", changes, additions)


def test_neighbours_may_be_changed_together() -> None:
    assert checked_changes("tags", {"a.b": 1, "ab": 2, "a.c": 3}, {"a.d": 1}) == (
        {"a.b": 1, "ab": 2, "a.c": 3},
        {"a.d": 1},
    )


def test_changes_are_applied() -> None:
    document: dict[str, Any] = {"_id": "a", "n": 1, "d": {"x": 1}}
    apply_changes(document, {"d.y": 2, "new.z": 3}, {"n": 2, "m": 1})

    assert document == {"_id": "a", "n": 3, "d": {"x": 1, "y": 2}, "new": {"z": 3}, "m": 1}
    with pytest.raises(InvalidParameter, match="leads into 'n', which has no fields"):
        apply_changes(document, {"n.x": 1}, {})
    with pytest.raises(InvalidParameter, match="only a number can be incremented"):
        apply_changes(document, {}, {"d": 1})
    with pytest.raises(InvalidParameter, match="64 bits"):
        apply_changes(document, {}, {"n": 2**63 - 1})


@pytest.mark.parametrize(
    ("sort", "limit", "skip"),
    [
        (("a", 2), None, 0),
        (("a'", 1), None, 0),
        (("data", 1), None, 0),
        (None, -1, 0),
        (None, None, -1),
        (None, 1.0, 0),
    ],
)
def test_pages_out_of_bounds(sort: Any, limit: Any, skip: Any) -> None:
    with pytest.raises(InvalidParameter):
        check_page(sort, limit, skip)


def test_fields() -> None:
    assert checked_fields(None) is None
    assert checked_fields(["a"]) == {"_id", "a"}
    for bad in ("abc", ["a.b"], ["$a"]):
        with pytest.raises(InvalidParameter):
            checked_fields(bad)
