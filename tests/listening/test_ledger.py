"""The book of segments: what becomes of one as the path changes its mind."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from classifier.listening.ledger import CLOSE_S, Ledger, Run
from classifier.results import Track


def lookup(track_id: str) -> Track:
    return Track(track_id, "", track_id.upper(), "Somebody", None, "XX1234567890", track_id, 99.0, 0, "", "", "")


RUN = Run(1, "a", 10.0, 20.0, 0.1, 0.2, 3.0, 13.0, 1.0, None, None, False, 0.7)


@pytest.fixture
def ledger() -> Ledger:
    return Ledger(lookup)


def kinds(events) -> list[str]:
    return [event.kind for event in events]


def test_a_segment_opens_is_confirmed_and_closes(ledger):
    (opened,) = ledger.update([RUN], 20.0, 0.0)
    assert (opened.kind, opened.segment.state, opened.at_s) == ("opened", "perhaps", 20.0)
    assert (opened.segment.title, opened.segment.artist, opened.segment.isrc) == ("A", "Somebody", "XX1234567890")
    assert opened.segment.speed == pytest.approx(1.0)
    longer = replace(RUN, end_s=22.0, end_offset_s=15.0, confirmed=True, confidence=0.99)
    (confirmed,) = ledger.update([longer], 22.0, 0.0)
    assert (confirmed.kind, confirmed.segment.state) == ("confirmed", "confirmed")
    assert confirmed.segment.id == opened.segment.id
    assert ledger.update([longer], 25.0, 0.0) == []
    (closed,) = ledger.update([longer], 22.0 + CLOSE_S, 0.0)
    assert (closed.kind, closed.segment.end_s, closed.segment.confidence) == ("closed", 22.0, 0.99)
    assert ledger.update([], 80.0, 30.0) == []
    assert ledger.done == [closed.segment]
    assert ledger.open_segments() == []


def test_what_is_not_confirmed_is_withdrawn_once(ledger):
    ledger.update([RUN], 20.0, 0.0)
    assert kinds(ledger.update([RUN], 20.0 + CLOSE_S, 0.0)) == ["withdrawn"]
    assert ledger.update([RUN], 30.0, 0.0) == []
    assert ledger.update([], 90.0, 40.0) == []
    assert ledger.done == []


def test_what_the_path_no_longer_says_is_withdrawn_or_ends_where_it_is_settled(ledger):
    sure = replace(RUN, confirmed=True)
    ledger.update([sure], 20.0, 0.0)
    assert kinds(ledger.update([], 21.0, 0.0)) == ["withdrawn"]
    ledger.update([replace(sure, trace=2, start_s=30.0, end_s=60.0)], 60.0, 12.0)
    events = ledger.update([], 90.0, 42.0)
    assert kinds(events) == ["closed"]
    assert (events[0].segment.start_s, events[0].segment.end_s) == (30.0, 42.0)


@pytest.mark.parametrize(("before_s", "kept"), [(4.0, True), (10.0, True), (21.0, True), (22.0, False)])
def test_a_start_that_falls_out_of_the_horizon_stays_as_it_was_told(ledger, before_s, kept):
    sure = replace(RUN, confirmed=True)
    ledger.update([replace(sure, start_s=before_s, end_s=before_s + 15)], 40.0, 0.0)
    late = replace(sure, start_s=15.0, offset_s=8.0, end_s=60.0, end_offset_s=53.0, start_kept_s=(0.0, 21.0))
    ledger.update([late], 60.0, 15.0)
    (segment,) = ledger.open_segments()
    assert segment.end_s == 60.0
    assert (segment.start_s, segment.offset_s) == ((before_s, 3.0) if kept else (15.0, 8.0))


def test_an_end_stays_as_it_was_told_when_little_of_its_track_is_left_in_the_horizon(ledger):
    sure = replace(RUN, confirmed=True, speed=1.02, end_offset_s=3.0 + 10.2)
    ledger.update([sure], 20.0, 0.0)
    last = replace(sure, start_s=15.0, end_s=16.0, end_offset_s=9.12, start_kept_s=(0.0, 18.0), end_kept_s=(12.0, 21.0))
    assert ledger.update([last], 60.0, 15.0)[-1].kind == "closed"
    (segment,) = ledger.open_segments()
    assert (segment.start_s, segment.end_s, segment.end_uncertainty_s) == (10.0, 20.0, 0.2)
    assert segment.speed == pytest.approx(1.02)
    # Its line has left the horizon before its end has.
    assert ledger.update([], 62.0, 17.0) == []
    assert ledger.update([], 66.0, 21.0) == []
    assert [(s.start_s, s.end_s, s.state) for s in ledger.done] == [(10.0, 20.0, "closed")]


def test_another_line_of_the_same_track_keeps_the_name_of_the_segment(ledger):
    sure = replace(RUN, confirmed=True)
    opened, _ = ledger.update([sure], 20.0, 0.0)
    (revised,) = ledger.update([replace(sure, trace=7, start_s=8.0, offset_s=50.0, end_offset_s=62.0)], 21.0, 0.0)
    assert (revised.kind, revised.segment.id, revised.segment.offset_s) == ("revised", opened.segment.id, 50.0)
    (other, _) = ledger.update([replace(sure, trace=7, start_s=8.0), replace(sure, trace=8, track_id="b")], 21.0, 0.0)
    assert other.segment.id != opened.segment.id


def test_a_short_stretch_is_not_told_of(ledger):
    assert ledger.update([replace(RUN, end_s=11.0)], 20.0, 0.0) == []


def test_the_end_closes_everything(ledger):
    ledger.update([replace(RUN, confirmed=True)], 20.0, 0.0)
    assert kinds(ledger.update([replace(RUN, confirmed=True)], 20.5, 0.0, ended=True)) == ["closed"]
    assert [segment.state for segment in ledger.done] == ["closed"]


def test_a_book_that_is_saved_is_the_same(ledger):
    ledger.update([replace(RUN, confirmed=True), replace(RUN, trace=2, track_id="b")], 20.0, 0.0)
    saved = json.loads(json.dumps(ledger.to_dict()))
    other = Ledger(lookup)
    other.restore(saved, {1, 2})
    assert other.to_dict() == ledger.to_dict()
    lost = Ledger(lookup)
    lost.restore(saved, {2})
    assert [(s.track_id, s.state) for s in lost.done] == [("a", "closed")]
    assert [s.track_id for s in lost.open_segments()] == ["b"]
