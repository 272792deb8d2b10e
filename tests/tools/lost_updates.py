"""Which updates a server that speaks MongoDB's protocol loses when several clients make them at once.

    python tests/tools/lost_updates.py [nx-27017 | ferretdb | mongodb://…]

Prints one line for each kind of update. Counters are increased by all clients at once, and every increase that was
acknowledged should be there in the end. Locks are taken by all clients at once, again and again, and each should have
exactly one taker. The updates are those that the store makes (``classifier/store``), and what could replace them.
"""

from __future__ import annotations

import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pymongo
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.servers import FerretDB, Nx27017

CLIENTS = 8
INCREASES = 100
"""By each client."""
LOCKS = 200

Documents = Collection[dict[str, Any]]
Act = Callable[[Documents, int], bool]


def find_and_increase(documents: Documents, _: int) -> bool:
    """``findAndModify`` with ``$inc``: what ``Store.update`` does."""
    return documents.find_one_and_update({"_id": "n"}, {"$inc": {"n": 1}}) is not None


def increase(documents: Documents, _: int) -> bool:
    """``update`` with ``$inc``."""
    return documents.update_one({"_id": "n"}, {"$inc": {"n": 1}}).modified_count == 1


def read_and_compare(documents: Documents, _: int) -> bool:
    """``findAndModify`` on condition that the counter is what was read."""
    found = documents.find_one({"_id": "n"})
    assert found is not None
    change = {"$set": {"n": found["n"] + 1}}
    return documents.find_one_and_update({"_id": "n", "n": found["n"]}, change) is not None


def find_and_claim(documents: Documents, lock: int) -> bool:
    """``findAndModify`` on condition that the lock is free: what leases and jobs do."""
    return documents.find_one_and_update({"_id": lock, "free": True}, {"$set": {"free": False}}) is not None


def claim(documents: Documents, lock: int) -> bool:
    """``update`` on condition that the lock is free."""
    return documents.update_one({"_id": lock, "free": True}, {"$set": {"free": False}}).modified_count == 1


def find_and_delete(documents: Documents, lock: int) -> bool:
    """``findAndModify`` that removes: the lock is whoever's removed it."""
    return documents.find_one_and_delete({"_id": lock}) is not None


def delete(documents: Documents, lock: int) -> bool:
    """``delete``: the lock is whoever's removed it."""
    return documents.delete_one({"_id": lock}).deleted_count == 1


def insert(documents: Documents, lock: int) -> bool:
    """``insert`` of an ``_id``: the lock is whoever's inserted it."""
    try:
        documents.insert_one({"_id": f"new {lock}"})
    except DuplicateKeyError:
        return False
    return True


COUNTERS: dict[str, Act] = {
    "findAndModify, $inc": find_and_increase,
    "update, $inc": increase,
    "findAndModify, if still as read": read_and_compare,
}
LOCKINGS: dict[str, Act] = {
    "findAndModify, if free": find_and_claim,
    "update, if free": claim,
    "findAndModify, remove": find_and_delete,
    "delete": delete,
    "insert of an _id": insert,
}


def connect(uri: str) -> pymongo.MongoClient[dict[str, Any]]:
    """Return a client of its own."""
    return pymongo.MongoClient(uri)


def at_once(uri: str, act: Callable[[Documents, threading.Barrier], None]) -> None:
    """Let every client act, each over a connection of its own."""
    barrier = threading.Barrier(CLIENTS)
    failures: list[BaseException] = []

    def one() -> None:
        try:
            with connect(uri) as client:
                act(client["lost"]["updates"], barrier)
        except BaseException as failure:
            barrier.abort()
            failures.append(failure)

    threads = [threading.Thread(target=one) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def count(uri: str, increase: Act, increases: int) -> tuple[int, int]:
    """Return how many increases were acknowledged, and how many of them are there."""
    acknowledged: list[int] = []
    with connect(uri) as client:
        client["lost"]["updates"].drop()
        client["lost"]["updates"].insert_one({"_id": "n", "n": 0})

        def act(documents: Documents, barrier: threading.Barrier) -> None:
            barrier.wait()
            acknowledged.append(sum(increase(documents, 0) for _ in range(increases)))

        at_once(uri, act)
        found = client["lost"]["updates"].find_one({"_id": "n"})
        assert found is not None
        return sum(acknowledged), found["n"]


def lock(uri: str, take: Act, locks: int) -> list[int]:
    """Return how many clients took each lock."""
    takers: list[int] = []
    with connect(uri) as client:
        client["lost"]["updates"].drop()
        client["lost"]["updates"].insert_many([{"_id": number, "free": True} for number in range(locks)])

        def act(documents: Documents, barrier: threading.Barrier) -> None:
            for number in range(locks):
                barrier.wait()
                if take(documents, number):
                    takers.append(number)

        at_once(uri, act)
    return [takers.count(number) for number in range(locks)]


def main(which: str) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        server = {"nx-27017": Nx27017, "ferretdb": FerretDB}.get(which)
        running = None if server is None else server(Path(folder))
        if running is not None:
            running.start()
        uri = which if running is None else running.uri
        try:
            for name, act in COUNTERS.items():
                acknowledged, there = count(uri, act, INCREASES)
                print(f"{name}: {acknowledged - there} of {acknowledged} acknowledged increases lost", flush=True)
            for name, act in LOCKINGS.items():
                takers = lock(uri, act, LOCKS)
                print(
                    f"{name}: {sum(n > 1 for n in takers)} of {len(takers)} locks taken more than once, "
                    f"{takers.count(0)} never",
                    flush=True,
                )
        finally:
            if running is not None:
                running.kill()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "ferretdb")
