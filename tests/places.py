"""Every store there is, as fixtures: ``place`` says where a test's store lives; ``store`` is that store, opened."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pymongo
import pytest

from classifier.store import Store, open_store
from tests.servers import FerretDB, Nx27017, Server, ServerMissing

ROOT = Path(__file__).parents[1]

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


# --- fixtures -------------------------------------------------------------------------------------------------


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for a place over every store, or over the kinds its mark ``stores`` names."""
    if "place" in metafunc.fixturenames:
        mark = metafunc.definition.get_closest_marker("stores")
        metafunc.parametrize("place", mark.args[0] if mark else KINDS, indirect=True)


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark."""
    config.addinivalue_line("markers", "stores(kinds): run over these kinds of store only")


@pytest.fixture(scope="session")
def nx27017(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One nx-27017 for all tests."""
    yield from _running(Nx27017(tmp_path_factory.mktemp("nx")))


@pytest.fixture(scope="session")
def ferretdb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One FerretDB for all tests."""
    yield from _running(FerretDB(tmp_path_factory.mktemp("ferretdb")))


def _running(server: Server) -> Iterator[Server]:
    start(server)
    yield server
    server.kill()


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Where the store of this test lives; nobody else uses it."""
    kind = request.param
    if kind == "sqlite":
        made = Place(kind, f"sqlite:///{tmp_path}/folder/store.sqlite")
        yield made
        made.close()
        return
    if kind == "server":
        server, uri = None, MONGO_URI
    else:
        server = request.getfixturevalue(kind.replace("-", ""))
        uri = server.uri
    name = f"earmark_{uuid.uuid4().hex[:12]}"
    made = Place(kind, database_url(uri, name), server)
    yield made
    made.close()
    with pymongo.MongoClient(uri) as client:
        client.drop_database(name)


@pytest.fixture
def store(place: Place) -> Store:
    """The store, opened."""
    return place.open()


@pytest.fixture
def clock() -> Clock:
    """Return a clock of this test's own."""
    return Clock()


Run = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def run() -> Iterator[Run]:
    """Start ``tests.store_workers ACTION ARGUMENTS…`` in a process of its own; it does not outlive the test."""
    processes: list[subprocess.Popen[str]] = []

    def start_worker(*arguments: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "tests.store_workers", *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield start_worker
    for process in processes:
        process.kill()
        process.communicate()
