"""Times and identifiers of records: both sort by age as text."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from classifier.records.clock import dated_id, first_id, iso, new_id, now


def test_times_are_iso_8601_in_utc_whatever_the_machine_s_zone(monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        assert iso(0) == "1970-01-01T00:00:00.000Z"
        assert iso(951_782_400.25) == "2000-02-29T00:00:00.250Z"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_times_sort_as_text():
    moments = [0.0, 0.001, 59.999, 86_400.0, 1e9, 4e9]
    assert sorted(map(iso, moments)) == list(map(iso, moments))


def test_now_is_now():
    before = time.time()
    seconds = datetime.fromisoformat(now()).timestamp()
    assert before - 0.001 <= seconds <= time.time()


def test_identifiers_begin_with_the_time_and_are_never_the_same():
    before = time.time_ns() // 1_000_000
    ids = [new_id() for _ in range(1000)]
    after = time.time_ns() // 1_000_000
    assert all(before <= int(found[:12], 16) <= after for found in ids)
    assert {len(found) for found in ids} == {28}
    assert len({found[12:] for found in ids}) == len(ids)


def test_a_time_s_first_identifier_bounds_what_was_given_that_time():
    for _ in range(300):
        found, written = dated_id()
        moment = datetime.fromisoformat(written)
        assert first_id(moment) <= found < first_id(moment + timedelta(milliseconds=1))
        time.sleep(0.0003)  # through a millisecond, and over its end
