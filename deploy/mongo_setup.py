"""Makes a replica set of one and the user that Earmark logs in as; may run any number of times.

Needs nothing but pymongo, and runs to its end beside a server that is still starting. From the environment:
``MONGO_ROOT_PASSWORD``, ``MONGO_PASSWORD``; and ``MONGO_HOST`` (default ``mongo:27017``), by which other services
reach the server. Changing ``MONGO_PASSWORD`` and running it again changes the user's password.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import pymongo
from pymongo.errors import AutoReconnect, OperationFailure

REPLICA_SET = USER = DATABASE = "earmark"
PATIENCE_S = 120.0
_NOT_YET_INITIALIZED, _LOGIN_FAILED, _NO_SUCH_USER = 94, 18, 11


def main(environment: Mapping[str, str]) -> int:
    """Do all of it; return the exit code."""
    host = environment.get("MONGO_HOST", "mongo:27017")
    options: dict[str, Any] = {
        "username": "root",
        "password": environment["MONGO_ROOT_PASSWORD"],
        "directConnection": True,  # there is no replica set to be found yet
        "serverSelectionTimeoutMS": 2000,
    }
    with pymongo.MongoClient(f"mongodb://{host}/admin", **options) as client:
        try:
            patiently(lambda: client.admin.command("ping"))
            make_replica_set(client, host)
            patiently(lambda: wait_for_primary(client))
            patiently(lambda: make_user(client, environment["MONGO_PASSWORD"]))
        except OperationFailure as error:
            if error.code != _LOGIN_FAILED:
                raise
            print("the server refuses MONGO_ROOT_PASSWORD: it is set when its volume is made", file=sys.stderr)
            return 1
    print(f"replica set {REPLICA_SET!r} and user {USER!r} are ready")
    return 0


def patiently(act: Callable[[], Any]) -> Any:
    """Do something as soon as the server answers.

    Raises
    ------
    AutoReconnect
        If it does not for two minutes.
    """
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return act()
        except AutoReconnect:  # no server can be selected, it hung up, or it is no primary yet
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def make_replica_set(client: pymongo.MongoClient[dict[str, Any]], host: str) -> None:
    """Make the server a replica set of its own, if it is in none."""
    try:
        client.admin.command("replSetGetStatus")
    except OperationFailure as error:
        if error.code != _NOT_YET_INITIALIZED:
            raise
        config = {"_id": REPLICA_SET, "members": [{"_id": 0, "host": host}]}
        client.admin.command("replSetInitiate", config)


def wait_for_primary(client: pymongo.MongoClient[dict[str, Any]]) -> None:
    """Return when the server takes writes."""
    if not client.admin.command("hello")["isWritablePrimary"]:
        raise AutoReconnect("the server is not primary yet")


def make_user(client: pymongo.MongoClient[dict[str, Any]], password: str) -> None:
    """Make the user, who may read and write one database, or give it this password."""
    roles = [{"role": "readWrite", "db": DATABASE}]
    try:
        client[DATABASE].command("updateUser", USER, pwd=password, roles=roles)
    except OperationFailure as error:
        if error.code != _NO_SUCH_USER:
            raise
        client[DATABASE].command("createUser", USER, pwd=password, roles=roles)


if __name__ == "__main__":
    sys.exit(main(os.environ))
