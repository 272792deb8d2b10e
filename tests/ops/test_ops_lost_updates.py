"""What ``docs/operations.md`` says of servers that lose updates, with fewer of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.places import start
from tests.servers import FerretDB, Nx27017, Server
from tests.tools.lost_updates import COUNTERS, LOCKINGS, count, lock

INCREASES, LOCKS = 40, 40
KEPT_BY_FERRETDB = {"delete", "insert of an _id"}


@pytest.mark.parametrize("make", [Nx27017, FerretDB])
def test_which_updates_get_lost(make: Callable[[Path], Server], tmp_path: Path) -> None:
    server = make(tmp_path)
    start(server)
    kept = set()
    try:
        for name, act in COUNTERS.items():
            acknowledged, there = count(server.uri, act, INCREASES)
            assert there <= acknowledged
            kept |= {name} if there == acknowledged else set()
        for name, act in LOCKINGS.items():
            takers = lock(server.uri, act, LOCKS)
            assert min(takers) >= 1
            kept |= {name} if max(takers) == 1 else set()
    finally:
        server.kill()
    assert kept == (KEPT_BY_FERRETDB if make is FerretDB else {*COUNTERS, *LOCKINGS})
