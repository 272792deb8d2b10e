"""Other playback speeds: found, told, and corrected; left alone where nothing is certain to gain."""

from __future__ import annotations

import time

import numpy as np
import pytest

from classifier.search import alignments
from classifier.search.alignments import SpeedHypothesis, align_many
from classifier.search.speed import SPEEDS, at_speed_of, other_speeds, true_speed
from tests.library import RATE
from tests.search.shelf import Shelf, cut, played, recording

#: Speeds are refined to half a per cent, then by the drift of the halves.
SPEED = 0.004
#: A speed that is off by half of that moves the end of a snippet by some 20 ms; its middle is where it was found.
OFFSET_S = 0.05


@pytest.fixture(scope="module")
def shelf(songs) -> Shelf:
    """Five songs, and one that is too quiet to be aligned with."""
    return songs.only(*(f"song {i}" for i in range(5))).with_copies(silence=np.zeros(10 * RATE))


@pytest.mark.parametrize("speed", [0.95, 0.97, 0.985, 0.99, 1.01, 1.023, 1.03, 1.05])
def test_other_speeds_are_found_and_told(shelf, sounds, speed):
    samples = played(sounds[2], 9.0, 8.0, speed)
    assert len(samples) == pytest.approx(8 * RATE, abs=2)
    tag = shelf.ask(samples)
    best = tag.matches[0]
    assert (tag.verdict, best.title) == ("identified", "song 2")
    assert tag.searched.other_speeds
    assert best.speed == pytest.approx(speed, abs=SPEED)
    # Track time is offset + speed * snippet time, at the beginning as at the end of the snippet.
    assert best.offset_s == pytest.approx(9.0, abs=OFFSET_S)
    assert best.offset_s + best.speed * 8.0 == pytest.approx(9.0 + speed * 8.0, abs=OFFSET_S)
    assert best.query_start_s == pytest.approx(0, abs=0.2)
    assert best.query_end_s == pytest.approx(8.0, abs=0.2)


def test_without_sound_other_speeds_are_not_searched_and_that_is_said(shelf, sounds):
    samples = played(sounds[2], 9.0, 8.0, 1.05)
    tag = shelf.ask(samples, sound=False)
    assert tag.verdict == "no_match"
    assert not tag.searched.other_speeds
    assert all(m.speed == 1.0 for m in tag.matches)
    certain = shelf.ask(cut(sounds[2], 9, 8), sound=False)
    assert certain.verdict == "identified"
    assert certain.searched.other_speeds  # nothing was left out that was needed


def test_another_speed_is_found_though_the_track_is_not_listed_at_the_own(shelf, sounds, monkeypatch):
    """In a large library a hundred other tracks may agree better by chance, as long as the speed is wrong."""
    monkeypatch.setattr(alignments, "_KEPT", 1)
    samples = played(sounds[3], 17.0, 5.0, 1.05)
    own, _ = align_many(SpeedHypothesis.of(recording(samples).fingerprint()), shelf.snapshot)
    assert own[0].entry.track_id != "song 3"
    tag = shelf.ask(samples)
    assert (tag.verdict, tag.matches[0].title) == ("identified", "song 3")


@pytest.mark.parametrize("speed", [0.966, 1.0, 1.023])
def test_a_copy_is_ambiguous_at_every_speed(songs, sounds, speed):
    """Whichever of the two the speed was refined for, both are judged at it."""
    hiss = 1e-3 * np.random.default_rng(1).standard_normal(30 * RATE)
    made = songs.with_copies(copy=np.clip(1.3 * cut(sounds[2], 0, 30) + hiss, -1, 1))
    tag = made.ask(played(sounds[2], 9.0, 6.0, speed))
    assert tag.verdict == "ambiguous"
    assert {m.title for m in tag.matches[:2]} == {"song 2", "copy"}
    assert [m.speed for m in tag.matches[:2]] == pytest.approx([speed, speed], abs=SPEED)


def test_the_right_speed_is_left_alone(shelf, sounds):
    for start_s in (3.0, 12.3):
        assert shelf.ask(cut(sounds[3], start_s, 6)).matches[0].speed == 1.0


@pytest.mark.parametrize("length_s", [0.7, 1.0, 1.3])
def test_the_speed_of_a_short_match_is_not_guessed(shelf, sounds, length_s):
    """The halves of a second hold too little to tell how fast it runs."""
    for start_s in (2.0, 7.0, 16.0):
        heard = recording(cut(sounds[3], start_s, length_s))
        candidates, _ = align_many(SpeedHypothesis.of(heard.fingerprint()), shelf.snapshot)
        assert candidates
        for candidate in candidates:
            assert abs(true_speed(heard, candidate).hypothesis.speed - 1) <= 0.06


def test_drift_corrects_the_speed_and_never_for_the_worse(shelf, sounds):
    heard = recording(played(sounds[1], 6.0, 10.0, 1.008))  # the halves lie 40 ms apart
    best = align_many(SpeedHypothesis.of(heard.fingerprint()), shelf.snapshot)[0][0]
    corrected = true_speed(heard, best)
    assert corrected.entry == best.entry
    assert corrected.hypothesis.speed == pytest.approx(1.008, abs=0.002)
    assert corrected.alignment.z > best.alignment.z


def test_another_track_is_judged_at_the_speed_of_the_best(shelf, sounds):
    heard = recording(played(sounds[1], 6.0, 6.0, 1.03))
    own = {c.entry.track_id: c for c in align_many(SpeedHypothesis.of(heard.fingerprint()), shelf.snapshot)[0]}
    (best, *_), complete = other_speeds(heard, list(shelf.snapshot), time.perf_counter() + 60)
    assert complete
    assert best.entry.track_id == "song 1"
    other = at_speed_of(best, own["song 2"])
    assert other.entry.track_id == "song 2"
    assert other.hypothesis is best.hypothesis
    assert at_speed_of(best, best) is best


def test_strangers_are_strangers_at_every_speed(shelf, strange_sounds):
    tag = shelf.ask(played(strange_sounds[0], 9.0, 6.0, 1.03))
    assert tag.verdict == "no_match"
    assert tag.searched.other_speeds
    assert all(0.94 <= m.speed <= 1.06 for m in tag.matches)
    assert len({m.track_id for m in tag.matches}) == len(tag.matches)


def test_nothing_to_hear_and_no_time_are_no_candidates(shelf, sounds):
    later, items = time.perf_counter() + 60, list(shelf.snapshot)
    assert other_speeds(recording(np.zeros(5 * RATE)), items, later) == ([], True)
    assert other_speeds(recording(cut(sounds[0], 3, 5)), [], later) == ([], True)
    assert other_speeds(recording(cut(sounds[0], 3, 5)), items, 0.0) == ([], False)


def test_speeds_are_whole_per_cents_to_either_side():
    assert sorted(SPEEDS) == pytest.approx([0.95, 0.96, 0.97, 0.98, 0.99, 1.01, 1.02, 1.03, 1.04, 1.05])
