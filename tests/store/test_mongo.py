"""What only a server can get into; and what the emulators do otherwise than MongoDB, so that a fix is noticed."""

from __future__ import annotations

import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pymongo
import pytest

from classifier.errors import StoreFailed, StoreUnavailable
from classifier.records import track_arrays, tracks
from classifier.store import COLLECTIONS, SCHEMA_VERSION, Store, open_store
from classifier.store.mongo import MongoStore
from tests.material import catalogue, enroll
from tests.places import database_url, start
from tests.servers import FerretDB, Nx27017, Server, free_port


@pytest.fixture(params=[Nx27017, FerretDB])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """A server of this test's own, to be killed."""
    own: Server = request.param(tmp_path / "server")
    start(own)
    yield own
    own.kill()


def test_a_server_that_dies_and_comes_back(server: Server) -> None:
    # The driver looks for a lost server twice a second; on a busy machine its look takes a while.
    with closing(MongoStore(f"{server.uri}/test", selection_timeout_s=2, timeout_s=5)) as store:
        catalogue(store)
        track_id = enroll(store, "a")

        server.kill()
        for call in (
            store.ping,
            lambda: store.count("tags"),
            lambda: store.get("tags", "a"),
            lambda: list(store.find("tags")),
            lambda: store.insert("tags", [{"_id": "a"}]),
            lambda: store.put("tags", {"_id": "a"}),
            lambda: store.update("tags", {}, set={"a": 1}),
            lambda: store.delete("tags", {}),
            lambda: track_arrays.load_models(store, track_id, 1),
        ):
            with pytest.raises(StoreUnavailable, match="does not answer: is it running, and is its address right"):
                call()

        server.start()
        store.ping()
        assert len(track_arrays.load_models(store, track_id, 1)["weights"]) == 3
        enroll(store, "b")
        assert tracks.count_tracks(store, "default") == 2


def test_a_server_that_hangs(server: Server) -> None:
    store = MongoStore(f"{server.uri}/test", selection_timeout_s=2, timeout_s=2)
    store.insert("tags", [{"_id": "a"}])
    server.signal(signal.SIGSTOP)
    with pytest.raises(StoreUnavailable):
        store.get("tags", "a")
    server.signal(signal.SIGCONT)
    assert store.get("tags", "a") == {"_id": "a"}
    store.close()


def test_a_ferretdb_whose_file_is_locked_is_busy_and_recovers(tmp_path: Path) -> None:
    """It waits ten seconds by itself, and then answers with an internal error of SQLite's."""
    own = FerretDB(tmp_path / "server")
    start(own)
    store = MongoStore(f"{own.uri}/test")
    try:
        store.insert("tags", [{"_id": "a", "catalogue": "c", "created": "now"}])
        (file,) = own.folder.rglob("test.sqlite")
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreUnavailable, match="busy with another writer: try again"):
                store.update("tags", {"_id": "a"}, set={"verdict": "no_match"})
            other.execute("ROLLBACK")
        changed = store.update("tags", {"_id": "a"}, set={"verdict": "no_match"})
        assert changed is not None
        assert changed["verdict"] == "no_match"
    finally:
        store.close()
        own.kill()


def test_no_server() -> None:
    store = MongoStore(f"mongodb://user:s3cret@127.0.0.1:{free_port()}/test", selection_timeout_s=0.1)
    with pytest.raises(StoreUnavailable) as caught:
        store.ensure_schema()
    assert "s3cret" not in f"{caught.value} {store.url}"
    store.close()


def test_threads_do_not_queue_up_for_a_server_that_is_gone() -> None:
    """Each waits for the selection timeout once, not for all the others' too."""
    store = MongoStore(f"mongodb://127.0.0.1:{free_port()}/test", selection_timeout_s=1)
    waiting = threading.Barrier(9)
    failed: list[bool] = []

    def call() -> None:
        waiting.wait()
        try:
            store.get("tags", "a")
        except StoreUnavailable:
            failed.append(True)

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    waiting.wait()
    started = time.monotonic()
    for thread in threads:
        thread.join()
    assert len(failed) == 8
    assert time.monotonic() - started < 6  # one after the other they would take 8 s
    store.close()


def test_options_of_the_url_win(nx27017: Server) -> None:
    store = open_store(f"{nx27017.uri}/test?socketTimeoutMS=1234&w=1&appname=mine")
    assert isinstance(store, MongoStore)
    assert set(store._options) == {"serverSelectionTimeoutMS", "connectTimeoutMS", "journal"}
    store.ping()
    store.close()


@pytest.mark.stores(["nx-27017", "ferretdb"])
def test_collections_and_indexes(store: Store, place: Any) -> None:
    store.ensure_schema()
    with pymongo.MongoClient(place.url) as client:
        database = client.get_default_database()
        assert database["schema"].find_one() == {"_id": "earmark", "version": SCHEMA_VERSION}
        for collection, (unique, plain) in COLLECTIONS.items():
            indexes = database[collection].index_information().values()
            made = {tuple(field for field, _ in index["key"]): bool(index.get("unique")) for index in indexes}
            assert made.items() >= {**dict.fromkeys(plain, False), **dict.fromkeys(unique, True)}.items()


# -------------------------------------------------------------------- deviations, each to be noticed when it goes


@pytest.mark.stores(["nx-27017"])
class TestNx27017:
    """What nx-27017 0.8.1 does otherwise than MongoDB."""

    def test_an_update_that_takes_a_unique_key_is_silently_dropped(self, store: Store) -> None:
        store.insert("keys", [{"_id": "a", "digest": "1"}, {"_id": "b", "digest": "2"}])
        assert store.update("keys", {"_id": "a"}, set={"digest": "2"}) is None
        assert store.get("keys", "a") == {"_id": "a", "digest": "1"}

    def test_adding_to_text_is_silently_dropped(self, store: Store) -> None:
        store.insert("tags", [{"_id": "a", "s": "x"}])
        assert store.update("tags", {"_id": "a"}, inc={"s": 1}) is None

    def test_an_update_turns_bools_into_numbers(self, store: Store) -> None:
        store.insert("tags", [{"_id": "a"}])
        changed = store.update("tags", {"_id": "a"}, set={"b": True})
        assert changed is not None
        assert type(changed["b"]) is int

    def test_data_of_an_existing_document_cannot_be_replaced(self, store: Store) -> None:
        store.put("tags", {"_id": "a", "data": b"1"})
        with pytest.raises(StoreFailed, match="code 8"):
            store.put("tags", {"_id": "a", "data": b"2"})

    def test_counting_leaves_out_missing_fields(self, store: Store) -> None:
        store.insert("tags", [{"_id": "a", "n": None}, {"_id": "b"}])
        assert len(list(store.find("tags", {"n": None}))) == 2
        assert store.count("tags", {"n": None}) == 1

    def test_a_missing_field_is_not_none_to_not_equal(self, store: Store) -> None:
        store.insert("tags", [{"_id": "a"}])
        assert len(list(store.find("tags", {"n": {"$ne": None}}))) == 1

    def test_nothing_is_none_beside_a_range_of_ids(self, store: Store) -> None:
        store.insert("tags", [{"_id": "a", "n": None}, {"_id": "b", "n": None}])
        assert list(store.find("tags", {"n": None, "_id": {"$gt": "a"}})) == []

    def test_kinds_are_mixed_up(self, store: Store) -> None:
        store.insert("tags", [{"_id": "a", "v": True}, {"_id": "b", "v": "1"}])
        assert [document["_id"] for document in store.find("tags", {"v": 1})] == ["a"]
        assert [document["_id"] for document in store.find("tags", {"v": {"$gt": 5}})] == ["b"]


@pytest.mark.stores(["ferretdb"])
class TestFerretDB:
    """What FerretDB 1.24.2 does otherwise than MongoDB."""

    def test_find_and_modify_knows_no_projection(self, store: Store) -> None:
        assert isinstance(store, MongoStore)
        store.insert("tags", [{"_id": "a", "data": b"1"}])
        assert store.update("tags", {"_id": "a"}, set={"n": 1}) == {"_id": "a", "n": 1}
        assert not store._can_project

    def test_concurrent_updates_get_lost(self, store: Store) -> None:
        """Why FerretDB 1 is no store for more than one writer."""
        for _ in range(20):
            store.put("leases", {"_id": "counter", "n": 0})

            def work() -> None:
                for _ in range(20):
                    store.update("leases", {"_id": "counter"}, inc={"n": 1})

            threads = [threading.Thread(target=work) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            if store.get("leases", "counter") != {"_id": "counter", "n": 160}:
                return
        raise AssertionError("no update was lost: FerretDB may join the stores that any number may write to")

    def test_validators_are_not_implemented(self, place: Any) -> None:
        validator = {"$jsonSchema": {"bsonType": "object"}}
        with (
            pymongo.MongoClient(database_url(place.url, "validators")) as client,
            pytest.raises(pymongo.errors.OperationFailure, match="validator"),
        ):
            client.get_default_database().create_collection("x", validator=validator)
