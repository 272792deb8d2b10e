"""Answers by idempotency key, over every store: leases and expiry, without waiting for them."""

from __future__ import annotations

import threading
import time

import pytest

from classifier.errors import IdempotencyInProgress, IdempotencyMismatch
from classifier.records import idempotency
from classifier.records.idempotency import Record, Remembered, begin
from classifier.store import Store
from tests.places import ATOMIC


def claim(store: Store, content: bytes = b"a") -> Record | Remembered:
    return begin(store, "k", caller="c", route="r", content=content, parameters={})


def test_a_forgotten_request_leaves_the_key_free(store: Store) -> None:
    first = claim(store)
    assert isinstance(first, Record)
    first.forget()
    assert isinstance(claim(store, b"other"), Record)


def test_a_dead_worker_does_not_block_the_key(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    first = claim(store)
    with pytest.raises(IdempotencyInProgress):
        claim(store)
    moment = time.time() + idempotency.LEASE_SECONDS + 1
    monkeypatch.setattr(idempotency.time, "time", lambda: moment)
    second = claim(store)
    assert isinstance(first, Record)
    assert isinstance(second, Record)
    first.keep(tag_id="late")  # it was not dead after all: the key is not its own any more
    second.keep(tag_id="t")
    assert claim(store) == Remembered("t", None)


def test_after_a_day_the_key_is_free(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    first = claim(store)
    assert isinstance(first, Record)
    first.keep(problem={"name": "snippet_silent", "status": 422, "detail": "d"})
    moment = time.time() + idempotency.KEEP_SECONDS + 1
    monkeypatch.setattr(idempotency.time, "time", lambda: moment)
    assert isinstance(claim(store, b"other"), Record)
    moment += idempotency.KEEP_SECONDS + 1
    idempotency.clean(store)
    assert store.count("idempotency") == 0


def test_keys_of_different_callers_are_different(store: Store) -> None:
    claim(store)
    assert isinstance(begin(store, "k", caller="d", route="r", content=b"b", parameters={}), Record)
    assert isinstance(begin(store, "k", caller="c", route="s", content=b"b", parameters={}), Record)


def test_another_request_under_the_key_is_refused(store: Store) -> None:
    claim(store)
    with pytest.raises(IdempotencyMismatch, match="use a new key"):
        claim(store, b"b")
    with pytest.raises(IdempotencyMismatch):
        begin(store, "k", caller="c", route="r", content=b"a", parameters={"top": 3})


@pytest.mark.stores(ATOMIC)
def test_of_many_at_the_same_moment_one_is_first(store: Store) -> None:
    barrier = threading.Barrier(8)
    claims: list[Record | Remembered | str] = []

    def compete() -> None:
        barrier.wait()
        try:
            claims.append(claim(store))
        except IdempotencyInProgress as error:
            claims.append(error.name)

    threads = [threading.Thread(target=compete) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [type(found) for found in claims].count(Record) == 1
    assert claims.count("idempotency_in_progress") == 7
