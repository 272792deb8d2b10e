"""What the tests of the store share: which stores there are, where one lives, a clock."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from urllib.parse import urlsplit, urlunsplit

import pytest
from servers import Server, ServerMissing

from classifier.store import Store, open_store

# Read once, at import: every test runs with a clean environment.
MONGO_URI = os.environ.get("EARMARK_TEST_MONGO_URI", "")
REQUIRE_ALL = os.environ.get("EARMARK_REQUIRE_ALL") == "1"

#: Stores that any number of processes may write to.
ATOMIC = ["sqlite", "nx-27017", *(["server"] if MONGO_URI else [])]
#: FerretDB 1 finds and modifies in two steps, so that concurrent updates get lost: one writer at a time only.
KINDS = [*ATOMIC, "ferretdb"]


class Place:
    """Where one test's store lives."""

    def __init__(self, kind: str, url: str, server: Server | None = None) -> None:
        self.kind = kind
        self.url = url
        self.server = server
        self._opened: list[Store] = []

    def open(self) -> Store:
        """Open the store once more; closed after the test."""
        store = open_store(self.url)
        self._opened.append(store)
        return store

    def close(self) -> None:
        """Close whatever was opened."""
        for store in self._opened:
            store.close()


def start(server: Server) -> None:
    """Start a server; where it cannot be had, skip aloud, or fail if everything is required."""
    try:
        server.start()
    except ServerMissing as missing:
        if REQUIRE_ALL:
            raise
        pytest.skip(str(missing))


def database_url(uri: str, name: str) -> str:
    """Return the URI with another database; logging in stays as it was."""
    parts = urlsplit(uri)
    query = parts.query
    old = parts.path.removeprefix("/")
    if parts.username and "authsource" not in query.lower():
        query = "&".join(filter(None, [query, f"authSource={old or 'admin'}"]))
    return urlunsplit((parts.scheme, parts.netloc, "/" + name, query, ""))


class Clock:
    """A clock that only moves when told."""

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        self.seconds = start

    def __call__(self) -> float:
        """Return the time."""
        return self.seconds

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += seconds


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Return once the condition holds; fail if it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
