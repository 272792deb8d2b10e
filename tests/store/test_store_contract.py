"""The contract of ``Store``, over every implementation."""

from __future__ import annotations

import os
import threading
import uuid
import warnings
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from classifier.errors import DuplicateKey, InvalidParameter, SchemaTooNew, StoreUnavailable
from classifier.store import SCHEMA_VERSION, Store
from classifier.store.base import MAX_DOCUMENT_BYTES
from tests.places import ATOMIC, KINDS, Place

# What one store does not do is asserted in test_mongo.py, so that a fix is noticed.
STRICT_TYPES = [kind for kind in KINDS if kind != "nx-27017"]


# -------------------------------------------------------------------- writing and reading


def test_what_is_inserted_is_found(store: Store) -> None:
    store.insert("tags", [{"_id": "a", "verdict": "identified"}, {"_id": "b", "data": b"\x00\xff"}])

    assert store.get("tags", "a") == {"_id": "a", "verdict": "identified"}
    assert store.get("tags", "b") == {"_id": "b", "data": b"\x00\xff"}
    assert store.get("tags", "c") is None
    assert store.get("jobs", "a") is None


def test_nothing_is_fine(store: Store) -> None:
    store.insert("tags", [])

    assert list(store.find("tags")) == []
    assert store.count("tags") == 0
    assert store.delete("tags", {}) == 0
    assert store.update("tags", {}, set={"a": 1}) is None


def test_many_documents_from_a_generator(store: Store) -> None:
    store.insert("tags", ({"_id": f"{i:04d}", "n": i} for i in range(700)))

    assert store.count("tags") == 700
    assert [document["n"] for document in store.find("tags")] == list(range(700))


def test_a_taken_id(store: Store) -> None:
    store.insert("tags", [{"_id": "a", "n": 1}])

    with pytest.raises(DuplicateKey):
        store.insert("tags", [{"_id": "before"}, {"_id": "a", "n": 2}, {"_id": "after"}])
    assert store.get("tags", "a") == {"_id": "a", "n": 1}
    assert [document["_id"] for document in store.find("tags")] == ["a", "before"]


def test_a_taken_unique_key(store: Store) -> None:
    store.insert("tracks", [track("a", "x", "1"), track("b", "x", "2"), track("c", "y", "1")])

    with pytest.raises(DuplicateKey):
        store.insert("tracks", [track("before", "z", "1"), track("d", "x", "2"), track("after", "z", "2")])
    with pytest.raises(DuplicateKey):
        store.put("tracks", track("a", "x", "2"))
    assert [document["_id"] for document in store.find("tracks")] == ["a", "b", "before", "c"]


@pytest.mark.stores([kind for kind in KINDS if kind != "nx-27017"])
def test_an_update_cannot_take_a_unique_key(store: Store) -> None:
    store.insert("tracks", [track("a", "x", "1"), track("b", "x", "2")])

    with pytest.raises(DuplicateKey):
        store.update("tracks", {"_id": "a"}, set={"content_hash": "2"})
    assert store.get("tracks", "a") == track("a", "x", "1")


def test_put_replaces_the_whole_document(store: Store) -> None:
    store.put("tags", {"_id": "a", "old": 1, "data": b"1"})
    store.put("tags", {"_id": "a", "new": 2})

    assert store.get("tags", "a") == {"_id": "a", "new": 2}
    assert store.count("tags") == 1


@pytest.mark.stores([kind for kind in KINDS if kind != "nx-27017"])
def test_put_replaces_data(store: Store) -> None:
    store.put("tags", {"_id": "a", "old": 1, "data": b"1"})
    store.put("tags", {"_id": "a", "new": 2, "data": b"2"})

    assert store.get("tags", "a") == {"_id": "a", "new": 2, "data": b"2"}


def test_a_tally_of_values(store: Store) -> None:
    values = ["b", "a", "b", None, "c", "a", "ä"]
    documents = [{"_id": str(i), "verdict": value, "n": i} for i, value in enumerate(values)]
    store.insert("tags", [*documents, {"_id": "7", "n": 7}, {"_id": "8", "n": 8}])

    assert store.tally("tags", "verdict", limit=9) == [(None, 3), ("a", 2), ("b", 2), ("c", 1), ("ä", 1)]
    assert store.tally("tags", "verdict", {"n": {"$lt": 3}}, limit=1) == [("b", 2)]
    assert store.tally("tags", "verdict", {"n": 99}, limit=9) == []
    with pytest.raises(InvalidParameter):
        store.tally("tags", 'a"b', limit=9)


def test_delete_counts_what_went(store: Store) -> None:
    store.insert("tags", [{"_id": str(i), "n": i} for i in range(5)])

    assert store.delete("tags", {"n": {"$lt": 2}}) == 2
    assert store.delete("tags", {"_id": "4"}) == 1
    assert store.delete("tags", {"_id": "4"}) == 0
    assert [document["_id"] for document in store.find("tags")] == ["2", "3"]


PLAIN: dict[str, Any] = {
    "_id": "ä/1/00001 \"quoted\" 'too' \n\u2028 \U0001f600",
    "small": 1,
    "large": 2**63 - 1,
    "least": -(2**63),
    "beyond_double": 2**53 + 1,
    "whole_float": 5.0,
    "tenth": 0.1,
    "tiny": 5e-324,
    "huge": 1.7976931348623157e308,
    "yes": True,
    "no": False,
    "nothing": None,
    "text": 'Motörhead "Ace" \\ \n\t % $ . 愛',
    "nul": "a\0b",
    "empty": "",
    "list": [1, 2.0, "x", None, True],
    "no_items": [],
    "no_fields": {},
    "deep": {"a": {"b": {"c": [1.5, {"d": [False, 0, ""]}]}}},
    "records": [{"offset_s": 1.0, "other_offsets_s": [1.0, 2.5]}, {"offset_s": None}],
    "name with spaces, äöü and 'quotes'": 1,
}


def test_every_kind_of_value_comes_back_as_it_went(store: Store) -> None:
    store.insert("tags", [PLAIN])

    assert_same(store.get("tags", PLAIN["_id"]), PLAIN)
    assert_same(next(store.find("tags")), PLAIN)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False).map(lambda x: x + 0.0),
    texts,
)
field_names = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters='.$"\\', min_codepoint=32), min_size=1, max_size=8
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.dictionaries(field_names, inner, max_size=4),
        st.lists(inner.filter(lambda x: not isinstance(x, list)), max_size=4),
    ),
    max_leaves=8,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    fields=st.dictionaries(field_names.filter(lambda x: x not in ("_id", "data")), values, max_size=5), data=st.binary()
)
def test_round_trip(store: Store, fields: dict[str, Any], data: bytes) -> None:
    document = {"_id": uuid.uuid4().hex, **fields, "data": data}
    store.put("evaluations", document)

    assert_same(store.get("evaluations", document["_id"]), document)


def test_minus_zero_is_zero(store: Store) -> None:
    store.insert("tags", [{"_id": "a", "x": -0.0}])

    assert str(store.get("tags", "a")["x"]) == "0.0"  # type: ignore[index]


def test_the_largest_document(store: Store) -> None:
    data = os.urandom(MAX_DOCUMENT_BYTES - 1000)
    store.insert("models", [{"_id": "a", "track_id": "t", "data": data}])

    assert store.get("models", "a")["data"] == data  # type: ignore[index]
    with pytest.raises(InvalidParameter, match="15000000 is the most"):
        store.insert("models", [{"_id": "b", "track_id": "t", "data": bytes(MAX_DOCUMENT_BYTES)}])


# -------------------------------------------------------------------- conditions


def matches(document: dict[str, Any], where: dict[str, Any]) -> bool:
    """What the protocol says, in plain words of Python; kinds never mix."""
    for field, wanted in where.items():
        value: Any = document
        for part in field.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        for operator, other in (wanted if isinstance(wanted, dict) else {"$eq": wanted}).items():
            if operator == "$in":
                good = any(same(value, item) for item in other)
            elif operator in ("$eq", "$ne"):
                good = same(value, other) == (operator == "$eq")
            elif operator == "$contains":
                good = isinstance(value, str) and all(text in value for text in other)
            elif kind(value) != kind(other):
                good = False
            else:
                good = {"$lt": value < other, "$lte": value <= other, "$gt": value > other, "$gte": value >= other}[
                    operator
                ]
            if not good:
                return False
    return True


def kind(value: Any) -> str:
    return "number" if type(value) in (int, float) else type(value).__name__


def same(a: Any, b: Any) -> bool:
    return kind(a) == kind(b) and a == b


DOCUMENTS: list[dict[str, Any]] = [
    {"_id": "a", "n": 1, "s": "x", "b": True, "d": {"e": {"f": 1}}},
    {"_id": "b", "n": 2.0, "s": "X", "b": False, "d": {"e": {"f": 2}}},
    {"_id": "c", "n": 2.5, "s": "é", "b": True, "d": {"e": {}}},
    {"_id": "d", "n": None, "s": None, "b": None, "d": {}},
    {"_id": "e", "n": -1, "s": "", "b": False},
    {"_id": "f", "n": 0, "s": "10", "b": True, "d": {"e": None}},
    {"_id": "g"},
]
CONDITIONS: list[dict[str, Any]] = [
    {},
    {"n": 1},
    {"n": 2},
    {"n": 2.0},
    {"n": None},
    {"n": 0},
    {"s": "x"},
    {"s": ""},
    {"s": None},
    {"b": True},
    {"b": False},
    {"b": None},
    {"missing": None},
    {"missing": 1},
    {"missing": {"$ne": 1}},
    {"n": {"$ne": 1}},
    {"s": {"$ne": "x"}},
    {"b": {"$ne": True}},
    {"n": {"$lt": 2}},
    {"n": {"$lte": 2}},
    {"n": {"$gt": 2}},
    {"n": {"$gte": 2}},
    {"n": {"$gt": -1, "$lt": 2.5}},
    {"s": {"$lt": "x"}},
    {"s": {"$gte": "x"}},
    {"s": {"$gt": ""}},
    {"n": {"$in": [1, 2, 99]}},
    {"n": {"$in": [None, 1]}},
    {"n": {"$in": []}},
    {"s": {"$in": ["x", "é", "nothing"]}},
    {"b": {"$in": [True]}},
    {"_id": "c"},
    {"_id": {"$in": ["a", "c", "z"]}},
    {"_id": {"$gt": "c"}},
    {"_id": {"$ne": "c"}},
    {"d.e.f": 1},
    {"d.e.f": None},
    {"d.e.f": {"$gt": 1}},
    {"n": {"$gte": 1}, "b": True},
    {"s": "x", "n": 2},
    {"s": {"$contains": ["x"]}},
    {"s": {"$contains": ["1", "0"]}},
    {"s": {"$contains": ["é"]}, "n": 2.5},
    {"s": {"$contains": ["."]}},
    {"s": {"$contains": ["x", "X"]}},
    {"missing": {"$contains": ["1"]}},
]
#: Conditions that tell a missing field, or a number, from others in a way that not every emulator knows.
ABSENT: list[dict[str, Any]] = [{"n": {"$ne": None}}, {"missing": {"$ne": None}}, {"n": {"$contains": ["1"]}}]
MIXED: list[dict[str, Any]] = [
    {"_id": f"{i:02d}", **({} if value == "missing" else {"v": value})}
    for i, value in enumerate([1, 2, 2.5, "1", "b", None, True, False, "missing", 0, ""])
]
ORDERING = ("$lt", "$lte", "$gt", "$gte", "$ne")
MIXED_CONDITIONS: list[dict[str, Any]] = [
    *({"v": wanted} for wanted in (0, 1, 2.5, "1", "b", True, False, None)),
    *({"v": {operator: value}} for operator in ORDERING for value in (1, "1", "")),
    *({"v": wanted} for wanted in ({"$ne": True}, {"$ne": None}, {"$in": [1, "b"]}, {"$in": [True, None, ""]})),
]


def test_conditions(store: Store) -> None:
    store.insert("tags", DOCUMENTS)

    for where in CONDITIONS:
        expected = [document["_id"] for document in DOCUMENTS if matches(document, where)]
        assert [document["_id"] for document in store.find("tags", where)] == expected, where


@pytest.mark.stores(STRICT_TYPES)
@pytest.mark.parametrize(("documents", "wheres"), [(MIXED, MIXED_CONDITIONS), (DOCUMENTS, CONDITIONS + ABSENT)])
def test_conditions_on_fields_of_several_kinds(
    store: Store, documents: list[dict[str, Any]], wheres: list[dict[str, Any]]
) -> None:
    store.insert("tags", documents)

    for where in wheres:
        expected = [document["_id"] for document in documents if matches(document, where)]
        assert [document["_id"] for document in store.find("tags", where)] == expected, where
        assert store.count("tags", where) == len(expected), where


def test_count_and_delete_use_the_same_conditions(store: Store) -> None:
    store.insert("tags", DOCUMENTS)

    assert store.count("tags", {"n": {"$gte": 1}}) == 3
    assert store.count("tags", {"s": {"$in": ["x", "X"]}}) == 2
    assert store.delete("tags", {"d.e.f": {"$gte": 1}}) == 2
    assert store.delete("tags", {"n": None}) == 2
    assert [document["_id"] for document in store.find("tags")] == ["c", "e", "f"]


def test_conditions_on_indexed_fields(store: Store) -> None:
    store.insert("tracks", [{**track(str(i), "xy"[i % 2], str(i)), "status": "ready"} for i in range(6)])
    store.update("tracks", {"_id": "3"}, set={"status": "writing"})

    found = store.find("tracks", {"catalogue": "y", "status": "ready"}, fields=["content_hash"])
    assert list(found) == [{"_id": "1", "content_hash": "1"}, {"_id": "5", "content_hash": "5"}]


# -------------------------------------------------------------------- order, pages, fields


def test_order(store: Store) -> None:
    store.insert("tags", [{"_id": i, "n": n} for i, n in zip("cabed", [2, 1, 2.5, 1, None], strict=True)])

    def ids(**options: Any) -> str:
        return "".join(document["_id"] for document in store.find("tags", **options))

    assert ids() == "abcde"
    assert ids(sort=("_id", -1)) == "edcba"
    assert ids(sort=("n", 1)) == "daecb"
    assert ids(sort=("n", -1)) == "bcead"
    assert ids(sort=("n", 1), skip=1, limit=2) == "ae"
    assert ids(skip=3) == "de"
    assert ids(limit=0) == ""
    assert ids(limit=99, skip=99) == ""


def test_text_is_ordered_by_its_bytes(store: Store) -> None:
    texts = ["", "A", "B", "a", "b", "z", "ä", "愛", "\U0001f600"]
    store.insert("tags", [{"_id": str(i), "t": text} for i, text in enumerate(reversed(texts))])

    assert [document["t"] for document in store.find("tags", sort=("t", 1))] == texts


def test_fields(store: Store) -> None:
    store.insert("models", [{"_id": "a", "track_id": "t", "count": 3, "data": b"1"}, {"_id": "b", "track_id": "t"}])

    assert list(store.find("models", fields=[])) == [{"_id": "a"}, {"_id": "b"}]
    assert list(store.find("models", fields=["count"])) == [{"_id": "a", "count": 3}, {"_id": "b"}]
    assert list(store.find("models", fields=["data"])) == [{"_id": "a", "data": b"1"}, {"_id": "b"}]
    assert list(store.find("models", limit=1)) == [{"_id": "a", "track_id": "t", "count": 3, "data": b"1"}]


def test_what_is_found_may_be_changed_on_the_way(store: Store) -> None:
    store.insert("models", [{"_id": f"{i:02d}", "track_id": "t", "n": 0, "data": b"x"} for i in range(30)])

    for document in store.find("models", {"track_id": "t"}):
        store.update("models", {"_id": document["_id"]}, inc={"n": 1})
    for document in store.find("models", fields=["n"]):
        assert document["n"] == 1
        store.delete("models", {"_id": document["_id"]})
    assert store.count("models") == 0


# -------------------------------------------------------------------- updates


def test_update_returns_the_document_as_it_is_afterwards(store: Store) -> None:
    store.insert("tags", [{"_id": "a", "n": 1, "keep": "x", "deep": {"x": 1, "y": 2}, "data": b"123"}])

    changed = store.update(
        "tags", {"_id": "a", "n": 1}, set={"s": "t", "deep.x": 5, "new.field": "z"}, inc={"n": 2, "m": 1}
    )
    expected = {"_id": "a", "n": 3, "keep": "x", "deep": {"x": 5, "y": 2}, "s": "t", "new": {"field": "z"}, "m": 1}
    assert changed == expected
    assert store.get("tags", "a") == {**expected, "data": b"123"}


def test_update_compares_and_sets(store: Store) -> None:
    store.insert("tags", [{"_id": "a", "owner": "me"}])

    assert store.update("tags", {"_id": "a", "owner": "you"}, set={"owner": "they"}) is None
    assert store.update("tags", {"_id": "b"}, set={"owner": "they"}) is None
    assert store.get("tags", "a") == {"_id": "a", "owner": "me"}
    assert store.count("tags") == 1


def test_update_takes_the_first_in_order(store: Store) -> None:
    store.insert("jobs", [{"_id": i, "status": "new", "created": c} for i, c in zip("abc", "213", strict=True)])

    taken = [
        store.update("jobs", {"status": "new"}, set={"status": "taken"}, sort=("created", direction))
        for direction in (1, -1, 1, 1)
    ]
    assert [document and document["_id"] for document in taken] == ["b", "c", "a", None]


def test_update_of_data(store: Store) -> None:
    store.insert("tags", [{"_id": "a"}])

    assert store.update("tags", {"_id": "a"}, set={"data": b"new", "n": 1}) == {"_id": "a", "n": 1}
    assert store.get("tags", "a") == {"_id": "a", "n": 1, "data": b"new"}


@pytest.mark.stores(STRICT_TYPES)
def test_update_keeps_bools(store: Store) -> None:
    store.insert("label_models", [{"_id": "a", "active": False}])

    assert_same(store.update("label_models", {"active": False}, set={"active": True}), {"_id": "a", "active": True})
    assert_same(store.get("label_models", "a"), {"_id": "a", "active": True})


@pytest.mark.stores(STRICT_TYPES)
def test_update_refuses_to_add_to_what_is_no_number(store: Store) -> None:
    store.insert("tags", [{"_id": "a", "s": "x"}])

    with pytest.raises(InvalidParameter):
        store.update("tags", {"_id": "a"}, inc={"s": 1})
    with pytest.raises(InvalidParameter):
        store.update("tags", {"_id": "a"}, set={"s.t": 1})
    assert store.get("tags", "a") == {"_id": "a", "s": "x"}


def in_threads(n: int, work: Any) -> None:
    errors: list[BaseException] = []

    def guarded(i: int) -> None:
        try:
            work(i)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(i,)) for i in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors


@pytest.mark.stores(ATOMIC)
def test_no_increment_is_lost_among_threads(store: Store) -> None:
    store.insert("leases", [{"_id": "counter", "n": 0}])
    seen: list[int] = []

    def work(_: int) -> None:
        for _ in range(20):
            document = store.update("leases", {"_id": "counter"}, inc={"n": 1})
            assert document is not None
            seen.append(document["n"])

    in_threads(8, work)
    assert sorted(seen) == list(range(1, 161))


@pytest.mark.stores(ATOMIC)
def test_every_job_is_claimed_once(store: Store) -> None:
    store.insert("jobs", [{"_id": f"{i:02d}", "status": "new", "created": str(i)} for i in range(40)])
    claimed: list[str] = []

    def work(i: int) -> None:
        while job := store.update("jobs", {"status": "new"}, set={"status": "taken", "by": i}, sort=("created", 1)):
            claimed.append(job["_id"])

    in_threads(8, work)
    assert sorted(claimed) == [f"{i:02d}" for i in range(40)]


def test_of_many_equal_keys_one_wins(store: Store) -> None:
    won: list[int] = []

    def work(i: int) -> None:
        for j in range(5):
            try:
                store.insert("keys", [{"_id": f"{i}-{j}", "digest": str(j)}])
                won.append(j)
            except DuplicateKey:
                pass

    in_threads(8, work)
    assert sorted(won) == list(range(5))


# -------------------------------------------------------------------- lives of a store


def test_what_was_written_is_there_after_reopening(place: Place) -> None:
    first = place.open()
    first.insert("tags", [{"_id": "a", "data": b"1"}])
    first.close()

    assert place.open().get("tags", "a") == {"_id": "a", "data": b"1"}


def test_a_closed_store_says_so(store: Store) -> None:
    store.ping()
    store.close()
    store.close()

    with pytest.raises(StoreUnavailable, match="was closed"):
        store.get("tags", "a")


#: What SQL and regular expressions might take for something else than a character.
PECULIAR = ".*+?^$()[]{}|\\/%_'\"-#&~ \n\t0Aé東😀"


@pytest.mark.parametrize(("collection", "field"), [("tracks", "folded"), ("tags", "file")])
@pytest.mark.parametrize("where", [{}, {"catalogue": "c"}], ids=["alone", "with another condition"])
def test_texts_that_contain_texts(store: Store, collection: str, field: str, where: dict[str, Any]) -> None:
    """Character for character, anywhere, all of them; in a field that is indexed and in one that is not."""
    text = "\n".join(PECULIAR)
    store.insert(collection, [{**track("1", "c", "1"), field: text}, {**track("2", "c", "2"), field: "odger"}])
    store.insert(collection, [track("3", "c", "3"), {**track("4", "c", "4"), field: None}])

    def found(*texts: str) -> list[str]:
        wanted = {**where, field: {"$contains": list(texts)}}
        ids = [document["_id"] for document in store.find(collection, wanted, fields=[])]
        assert store.count(collection, wanted) == len(ids)
        return ids

    for character in PECULIAR:
        assert found(character) == ["1"], character
        assert found(character, "x" + character) == []
    assert found(text[3:9]) == found(text) == ["1"]
    assert found("odger") == found("o", "dg", "er", "od") == ["2"]
    assert found("Odger") == found("odgers") == found(".dger") == []


def test_the_schema_can_be_created_again(store: Store) -> None:
    store.ensure_schema()
    store.insert("tags", [{"_id": "a"}])
    store.ensure_schema()

    assert store.count("tags") == 1
    assert store.faults() == []


def test_a_newer_schema_is_left_alone(place: Place) -> None:
    place.open().ensure_schema()
    make_newer(place)

    with pytest.raises(SchemaTooNew, match=f"has schema {SCHEMA_VERSION + 1}.*use a newer Earmark"):
        place.open().count("tags")
    with pytest.raises(SchemaTooNew):
        place.open().ensure_schema()


def make_newer(place: Place) -> None:
    if place.kind == "sqlite":
        import sqlite3

        connection = sqlite3.connect(place.url.removeprefix("sqlite:///"))
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
        connection.close()
    else:
        import pymongo

        with pymongo.MongoClient(place.url) as client:
            client.get_default_database()["schema"].update_one(
                {"_id": "earmark"}, {"$set": {"version": SCHEMA_VERSION + 1}}
            )


def test_many_processes_open_a_new_store_at_once(place: Place, run: Any) -> None:
    processes = [run("schema", place.url) for _ in range(4)]
    go(processes)

    assert [process.stdout.readline() for process in processes] == ["done\n"] * 4
    store = place.open()
    store.insert("keys", [{"_id": "a", "digest": "1"}])
    with pytest.raises(DuplicateKey):
        store.insert("keys", [{"_id": "b", "digest": "1"}])


@pytest.mark.stores(ATOMIC)
def test_no_increment_is_lost_among_processes(place: Place, run: Any) -> None:
    store = place.open()
    store.insert("leases", [{"_id": "counter", "n": 0}])
    processes = [run("count", place.url, 25) for _ in range(3)]
    go(processes)

    assert [process.stdout.readline() for process in processes] == ["done\n"] * 3
    assert store.get("leases", "counter") == {"_id": "counter", "n": 75}


def test_unique_keys_hold_among_processes(place: Place, run: Any) -> None:
    processes = [run("claim", place.url, name) for name in "abc"]
    go(processes)

    assert sum(int(process.stdout.readline()) for process in processes) == 30
    assert sorted(int(key["digest"]) for key in place.open().find("keys")) == list(range(30))


def go(processes: list[Any]) -> None:
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()


def test_both_sides_of_a_fork(store: Store) -> None:
    store.insert("leases", [{"_id": "parent"}])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # other threads of this process do not matter to the child
        child = os.fork()
    if child == 0:
        code = 1
        try:
            store.insert("leases", [{"_id": "child", "saw": store.count("leases")}])
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert store.get("leases", "child") == {"_id": "child", "saw": 1}
    store.insert("leases", [{"_id": "parent again"}])
    assert store.faults() == []


def track(track_id: str, catalogue: str, content_hash: str) -> dict[str, Any]:
    return {"_id": track_id, "catalogue": catalogue, "content_hash": content_hash}


def assert_same(found: Any, expected: Any) -> None:
    """Equal in value and in kind: 1, 1.0 and True differ."""
    assert typed(found) == typed(expected)


def typed(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: typed(item) for name, item in value.items()}
    if isinstance(value, list):
        return [typed(item) for item in value]
    return type(value).__name__, value
