"""Mixes with a known tracklist, and how answers about them are counted."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from bench import mixes, tracklists
from bench.corpus import SAMPLE_RATE, Reference
from bench.measure import tracklist
from bench.mixes import Played
from bench.tracklists import Said
from classifier.listening.options import ListenOptions


def reference(name: str, known: bool = True) -> Reference:
    return Reference(name, Path(name), "toys", 60.0, known)


A, B, U = reference("a"), reference("b"), reference("u", known=False)
PLAYED = (
    Played(A, 0.0, 42.0, 0.0, 40.0, 5.0, 1.0),
    Played(B, 38.0, 80.0, 40.0, 80.0, 0.0, 1.02),
    Played(U, 80.0, 100.0, 80.0, 100.0, 0.0, 1.0),
)
PERFECT = [Said("a", 0.0, 42.0, 5.0, 1.0, 3.0), Said("b", 38.0, 80.0, 0.0, 1.02, 42.0)]


def never(played: Played, said: Said, at_s: float) -> bool:
    return False


def test_a_perfect_answer_has_no_errors():
    s = tracklists.score(PLAYED, PERFECT, 100.0, never)
    assert (s.f1, s.wrong_s, s.missed_s) == (1.0, 0, 0)
    assert (s.asked, s.found, s.said, s.true_said) == (2, 2, 2, 2)
    assert s.borders_s == [0, 0, 0, 0]
    assert s.middles_s == [0, 2, -2, 0]
    assert s.offsets_s == pytest.approx([0, 0])
    assert s.speeds == pytest.approx([0, 0])
    assert s.latency_s == [3.0, 4.0]


def test_no_answer_misses_what_leads():
    s = tracklists.score(PLAYED, [], 100.0, never)
    assert (s.f1, s.right_s, s.missed_s, s.found) == (0.0, 0, 80, 0)


def test_a_name_for_a_stranger_and_a_wrong_name_are_wrong():
    s = tracklists.score(PLAYED, [Said("b", 0.0, 30.0), Said("a", 85.0, 95.0)], 100.0, never)
    assert (s.right_s, s.wrong_s, s.missed_s) == (0, 40, 80)
    assert (s.found, s.true_said) == (0, 0)


def test_the_same_sound_under_another_name_is_right():
    said = [Said("copy", 0.0, 40.0, 9.0, 1.0), PERFECT[1]]
    s = tracklists.score(PLAYED, said, 100.0, lambda p, s, at_s: s.name == "copy")
    assert (s.wrong_s, s.missed_s, s.found) == (0, 0, 2)


def test_half_of_a_track_must_be_covered_by_one_segment():
    s = tracklists.score(PLAYED, [Said("a", 0.0, 20.0), Said("a", 21.0, 40.0)], 100.0, never)
    assert (s.asked, s.found) == (2, 0)
    assert s.right_s == 39


def test_scores_add_up():
    one = tracklists.score(PLAYED, PERFECT, 100.0, never)
    two = one + one
    assert (two.right_s, two.found, len(two.borders_s)) == (2 * one.right_s, 4, 8)


def test_a_mix_is_what_its_seed_says_and_its_truth_is_in_it(cache, songs, material, monkeypatch):
    by_id = {r.id: s for r, s in songs.items()}
    monkeypatch.setattr(mixes.corpus, "samples", lambda r: by_id[r.id])
    references = list(songs)
    mix, again = (mixes.make(references, 60.0, 3, material) for _ in range(2))
    np.testing.assert_array_equal(mix.samples, again.samples)
    played = mix.played()
    assert played == again.played()
    assert len(mix.samples) / SAMPLE_RATE >= 60
    for p in played:
        assert 0 <= p.start_s < p.end_s <= len(mix.samples) / SAMPLE_RATE + 0.1
        assert p.speed in mixes.SPEEDS
        assert p.offset_s >= 0
    for channel in mixes.CHANNELS:
        heard, mix_share = mixes.through(mix.samples, channel, 3, material)
        assert heard.shape == mix.samples.shape
        assert heard.dtype == np.float32
        assert 0.05 < np.abs(heard).max() <= 1
        assert (mix_share is not None) == (channel == "room")
    # Under babble, less of a track is audible, never more.
    for p, q in zip(played, mix.played(mix_share), strict=True):
        assert p.start_s <= q.start_s <= q.end_s <= p.end_s
        assert q.offset_s - p.offset_s == pytest.approx(p.speed * (q.start_s - p.start_s))


def test_a_track_is_audible_where_it_holds_a_tenth_of_what_is_heard():
    share = np.repeat([0.05, 0.2, 0.02, 0.5, 0.05], 20)  # each for a second
    part = mixes.Part(A, 7.0, share, 7.0, 12.0, first_s=30.0, speed=1.04)
    p = part.audible(None)
    assert (p.start_s, p.end_s, p.offset_s) == pytest.approx((8.0, 11.0, 31.04))
    babble = np.ones(20 * 20)
    babble[20 * 8 : 20 * 9] = 0.4
    p = part.audible(babble)
    assert (p.start_s, p.end_s, p.offset_s) == pytest.approx((10.0, 11.0, 33.12))


def test_a_mix_is_listened_to(cache, songs, material, monkeypatch):
    by_id = {r.id: s for r, s in songs.items()}
    monkeypatch.setattr(tracklist.corpus, "samples", lambda r: by_id[r.id])
    known = next(r for r, s in songs.items() if r.known and np.abs(s[:SAMPLE_RATE]).max() > 0)
    view = tracklist.view_of([known])
    said, processor, clock = tracklist.listen(view, by_id[known.id][: 12 * SAMPLE_RATE], ListenOptions())
    assert [s.name for s in said] == [known.id]
    assert said[0].known_at_s is not None
    assert processor > 0
    assert clock > 0


def test_strangers_are_of_all_kinds_and_as_long_as_asked(songs, material, monkeypatch):
    by_id = {r.id: s for r, s in songs.items()}
    monkeypatch.setattr(tracklist.corpus, "samples", lambda r: by_id[r.id])
    monkeypatch.setattr(tracklist, "STRANGE_S", 20.0)
    stretches = [make() for make in tracklist.strangers(120 / 3600, list(songs), material, 1)]
    assert [len(s) / SAMPLE_RATE for s in stretches] == [20.0] * 6
    assert all(s.dtype == np.float32 and np.isfinite(s).all() for s in stretches)


def test_a_score_survives_being_kept_and_shares_have_intervals():
    one = tracklists.score(PLAYED, PERFECT, 100.0, never)
    again = tracklists.Score(**json.loads(json.dumps(asdict(one))))
    assert again == one
    none = tracklists.score(PLAYED, [], 100.0, never)
    row, _ = tracklist.rows({"clean": [one, none], "fm": [none]}, {"clean": np.array([100.0, 2.0, 4.0])})
    assert row["x real time, processor"] == 50
    share, low, high = row["found"]
    assert share == 0.5
    assert 0 < low < 0.5 < high < 1
    assert row["within 3 s"][0] == 1
