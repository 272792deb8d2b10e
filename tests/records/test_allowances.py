"""Buckets of requests over every store: by a clock that only moves when told, and by many at once."""

from __future__ import annotations

import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from classifier.records import allowances
from classifier.records.clock import new_id
from classifier.store import Store
from tests.places import ATOMIC, Clock


def test_a_bucket_holds_so_many_and_fills_at_its_rate(store: Store, clock: Clock) -> None:
    def take(n: int = 1, caller: str = "anna") -> float:
        return allowances.take(store, caller, n, per_minute=60, size=10, now=clock)

    assert [take() for _ in range(10)] == [0.0] * 10
    assert take() == 1.0  # one comes back in a second
    assert take(4) == 4.0
    assert take(caller="bert") == 0.0
    clock.advance(0.999)
    assert 0 < take() <= 0.001
    clock.advance(0.001)
    assert take() == 0.0
    clock.advance(3600)
    assert [take() for _ in range(11)] == [0.0] * 10 + [1.0]  # no more than it holds, however long one waits


def test_full_buckets_are_deleted(store: Store, clock: Clock) -> None:
    allowances.take(store, "anna", 1, per_minute=60, size=10, now=clock)
    allowances.take(store, "bert", 10, per_minute=60, size=10, now=clock)
    clock.advance(2)
    allowances.clean(store, now=clock)
    assert store.get("allowances", "anna") is None
    assert allowances.take(store, "bert", 3, per_minute=60, size=10, now=clock) == 1.0


@pytest.mark.stores(ATOMIC)
def test_many_at_once_get_no_more_than_one_would(store: Store, clock: Clock) -> None:
    taken: list[float] = []

    def ask() -> None:
        taken.extend(allowances.take(store, "anna", 1, per_minute=60, size=25, now=clock) for _ in range(10))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert taken.count(0.0) == 25
    assert len(taken) == 60


@pytest.mark.stores(["sqlite"])
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.floats(0, 30), st.integers(1, 5)), max_size=12), st.integers(1, 200), st.integers(5, 20))
def test_it_is_the_bucket_that_one_would_draw(
    store: Store, steps: list[tuple[float, int]], rate: int, size: int
) -> None:
    """A bucket with a level, filled as time goes by: the same requests are served."""
    caller, clock, level = new_id(), Clock(), float(size)
    for wait, n in steps:
        clock.advance(wait)
        level = min(size, level + wait * rate / 60)
        served = allowances.take(store, caller, n, per_minute=rate, size=size, now=clock) == 0.0
        if abs(level - n) > 1e-3:  # at the edge, the rounding to microseconds decides
            assert served == (level >= n)
        level -= n * served
