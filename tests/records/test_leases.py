"""Leases over every store, by a clock that only moves when told."""

from __future__ import annotations

import threading

import pytest

from classifier.records.leases import Lease, new_owner
from classifier.store import Store
from tests.places import ATOMIC, Clock


def test_one_at_a_time(store: Store, clock: Clock) -> None:
    mine = Lease.acquire(store, "index", "me", 10, now=clock)

    assert mine is not None
    assert (mine.name, mine.owner, mine.expires) == ("index", "me", clock() + 10)
    assert Lease.acquire(store, "index", "you", 10, now=clock) is None
    assert Lease.acquire(store, "index", "me", 10, now=clock) is None
    assert Lease.acquire(store, "other", "you", 10, now=clock) is not None

    mine.release()
    assert Lease.acquire(store, "index", "you", 10, now=clock) is not None


def test_expiry_and_takeover(store: Store, clock: Clock) -> None:
    mine = Lease.acquire(store, "index", "me", 10, now=clock)
    assert mine is not None
    clock.advance(10)
    assert Lease.acquire(store, "index", "you", 10, now=clock) is None  # not yet
    clock.advance(0.1)
    yours = Lease.acquire(store, "index", "you", 10, now=clock)
    assert yours is not None

    assert not mine.renew()
    mine.release()  # of what is not mine any more
    assert yours.renew()
    assert Lease.acquire(store, "index", "they", 10, now=clock) is None


def test_the_same_owner_is_not_the_same_lease(store: Store, clock: Clock) -> None:
    slept = Lease.acquire(store, "index", "me", 10, now=clock)
    clock.advance(11)
    fresh = Lease.acquire(store, "index", "me", 10, now=clock)

    assert slept is not None
    assert fresh is not None
    assert not slept.renew()
    assert fresh.renew()


def test_renewing_holds_it(store: Store, clock: Clock) -> None:
    mine = Lease.acquire(store, "index", "me", 10, now=clock)
    assert mine is not None
    for _ in range(5):
        clock.advance(9)
        assert mine.renew()
        assert mine.expires == clock() + 10
    assert Lease.acquire(store, "index", "you", 10, now=clock) is None


def test_an_expired_lease_that_nobody_took_can_be_renewed(store: Store, clock: Clock) -> None:
    mine = Lease.acquire(store, "index", "me", 10, now=clock)
    assert mine is not None
    clock.advance(100)
    assert mine.renew()


def test_released_whatever_happens(store: Store, clock: Clock) -> None:
    with pytest.raises(ZeroDivisionError), Lease.acquire(store, "index", "me", 10, now=clock):  # type: ignore[union-attr]
        raise ZeroDivisionError
    assert store.count("leases") == 0


@pytest.mark.stores(ATOMIC)
@pytest.mark.parametrize("is_expired", [False, True])
def test_of_many_threads_one_wins(store: Store, clock: Clock, is_expired: bool) -> None:
    if is_expired:
        Lease.acquire(store, "index", "dead", 10, now=clock)
        clock.advance(20)
    barrier = threading.Barrier(8)
    won: list[Lease] = []

    def compete(i: int) -> None:
        barrier.wait()
        if lease := Lease.acquire(store, "index", str(i), 10, now=clock):
            won.append(lease)

    threads = [threading.Thread(target=compete, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert won[0].renew()


def test_owners_differ() -> None:
    assert new_owner() != new_owner()
