"""A store, settings with a short lease, and workers on them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from classifier.settings import Settings
from classifier.store import Store, open_store
from classifier.work.spool import Spool
from classifier.work.worker import Handler, Worker

AtWork = Callable[..., contextlib.AbstractContextManager[Worker]]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=str(tmp_path), lease_seconds=1.0)


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    store = open_store(settings.store)
    yield store
    store.close()


@pytest.fixture
def at_work(store: Store, settings: Settings) -> AtWork:
    """Return what keeps a worker with these handlers at work for the length of a block."""

    @contextlib.contextmanager
    def start(handlers: Mapping[str, Handler], settings: Settings = settings) -> Iterator[Worker]:
        worker = Worker(store, Spool(settings), settings, handlers, poll_seconds=0.05)
        worker.start()
        try:
            yield worker
        finally:
            worker.stop(10)

    return start
