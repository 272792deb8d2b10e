"""Every store there is, as one fixture: ``place`` says where it lives, ``store`` is it, opened."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pymongo
import pytest

from classifier.store import Store

sys.path.insert(0, str(Path(__file__).parent))
from places import KINDS, MONGO_URI, Clock, Place, database_url, start
from servers import FerretDB, Nx27017, Server

ROOT = Path(__file__).parents[2]


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
    """Start ``workers.py ACTION ARGUMENTS…`` in a process of its own; killed after the test if still running."""
    processes: list[subprocess.Popen[str]] = []

    def start_worker(*arguments: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-W", "error", str(Path(__file__).parent / "workers.py"), *map(str, arguments)],
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
