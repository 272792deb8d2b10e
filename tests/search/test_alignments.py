"""Other playback speeds: found, told, and corrected; and how a sweep over many tracks ends."""

from __future__ import annotations

import time

import numpy as np
import pytest

from classifier.config import FeatureConfig
from classifier.demo.songs import Song
from classifier.models.track import QueryModel, at_rate, builtin_background, model_query
from classifier.search import alignments
from classifier.search.alignments import Candidate
from tests.library import RATE, decoded
from tests.search.test_pipeline import Shelf, cut

CONFIG, BACKGROUND = FeatureConfig(), builtin_background()
#: Speeds are refined to half a per cent, then by the drift of the halves.
SPEED = 0.004
#: A speed that is off by half of that moves the end of a snippet by some 20 ms; its middle is where it was found.
OFFSET_S = 0.05


def played(sound: np.ndarray, start_s: float, length_s: float, speed: float) -> np.ndarray:
    """What is heard for ``length_s`` of a record that turns at ``speed``: higher, and over sooner."""
    stretch = cut(sound, start_s, speed * length_s)
    return at_rate(stretch.astype(np.float32), round(1000 * speed), 1000)


@pytest.fixture(scope="module")
def shelf(enrolled_songs: list[Song]) -> Shelf:
    """Six songs, of which one is too quiet to be aligned with."""
    made = Shelf()
    for i, song in enumerate(enrolled_songs[:5]):
        made.put(f"song {i}", cut(decoded(song), 0, 30))
    made.put("silence", np.zeros(10 * RATE))
    return made


def query_of(samples: np.ndarray) -> QueryModel:
    return model_query(samples.astype(np.float32), CONFIG, BACKGROUND)


@pytest.mark.parametrize("speed", [0.95, 0.97, 0.985, 0.99, 1.01, 1.023, 1.03, 1.05])
def test_other_speeds_are_found_and_told(shelf, enrolled_songs, speed):
    samples = played(decoded(enrolled_songs[2]), 9.0, 8.0, speed)
    assert len(samples) == pytest.approx(8 * RATE, abs=2)
    tag = shelf.ask(samples)
    best = tag.matches[0]
    assert (tag.verdict, best.title) == ("identified", "song 2")
    assert best.speed == pytest.approx(speed, abs=SPEED)
    # Track time is offset + speed * snippet time, at the beginning as at the end of the snippet.
    assert best.offset_s == pytest.approx(9.0, abs=OFFSET_S)
    assert best.offset_s + best.speed * 8.0 == pytest.approx(9.0 + speed * 8.0, abs=OFFSET_S)
    assert best.query_start_s == pytest.approx(0, abs=0.2)
    assert best.query_end_s == pytest.approx(8.0, abs=0.2)


def test_another_speed_is_found_though_the_track_is_not_listed_at_the_own(shelf, enrolled_songs, monkeypatch):
    """In a large library a hundred other tracks may agree better by chance, as long as the speed is wrong."""
    monkeypatch.setattr(alignments, "_KEPT", 1)
    samples = played(decoded(enrolled_songs[3]), 17.0, 5.0, 1.05)
    heard = alignments.hear(query_of(samples))
    own, _ = alignments.sweep(heard, list(shelf.snapshot))
    assert own[0].entry.track_id != "song 3"
    tag = shelf.ask(samples)
    assert (tag.verdict, tag.matches[0].title) == ("identified", "song 3")


@pytest.mark.parametrize("speed", [0.966, 1.0, 1.023])
def test_a_copy_is_ambiguous_at_every_speed(enrolled_songs, speed):
    """Whichever of the two the speed was refined for, both are judged at it."""
    made = Shelf()
    for i, song in enumerate(enrolled_songs[:4]):
        made.put(f"song {i}", cut(decoded(song), 0, 30))
    hiss = 1e-3 * np.random.default_rng(1).standard_normal(30 * RATE)
    made.put("copy of 2", np.clip(1.3 * cut(decoded(enrolled_songs[2]), 0, 30) + hiss, -1, 1))
    tag = made.ask(played(decoded(enrolled_songs[2]), 9.0, 6.0, speed))
    assert tag.verdict == "ambiguous"
    assert {m.title for m in tag.matches[:2]} == {"song 2", "copy of 2"}
    assert [m.speed for m in tag.matches[:2]] == pytest.approx([speed, speed], abs=SPEED)


def test_the_right_speed_is_left_alone(shelf, enrolled_songs):
    for start_s in (3.0, 12.3):
        assert shelf.ask(cut(decoded(enrolled_songs[3]), start_s, 6)).matches[0].speed == 1.0


@pytest.mark.parametrize("length_s", [0.7, 1.0, 1.3])
def test_the_speed_of_a_short_match_is_not_guessed(shelf, enrolled_songs, length_s):
    """The halves of a second hold too little to tell how fast it runs."""
    for start_s in (2.0, 7.0, 16.0):
        query = query_of(cut(decoded(enrolled_songs[3]), start_s, length_s))
        candidates, _ = alignments.sweep(alignments.hear(query), list(shelf.snapshot))
        assert candidates
        for candidate in candidates:
            assert abs(alignments.true_speed(query, candidate).heard.speed - 1) <= 0.06


def test_strangers_are_strangers_at_every_speed(shelf, unknown_songs):
    tag = shelf.ask(played(decoded(unknown_songs[0]), 9.0, 6.0, 1.03))
    assert tag.verdict == "no_match"
    assert all(0.94 <= m.speed <= 1.06 for m in tag.matches)
    assert len({m.track_id for m in tag.matches}) == len(tag.matches)


def test_a_sweep_looks_at_all_tracks_and_sorts_them(shelf, enrolled_songs):
    heard = alignments.hear(query_of(cut(decoded(enrolled_songs[1]), 5, 5)))
    found, n_tried = alignments.sweep(heard, shelf.snapshot, deadline=time.perf_counter() + 60)
    assert n_tried == 6
    assert len(found) == 5  # silence aligns with nothing
    assert found[0].entry.track_id == "song 1"
    z = [c.alignment.z for c in found]
    assert z == sorted(z, reverse=True)
    assert all(isinstance(c, Candidate) and c.heard is heard for c in found)


@pytest.mark.parametrize(("start_s", "overlap_s"), [(5.0, 5.0), (-3.0, 2.0), (28.0, 2.0)])
def test_only_what_lies_within_the_track_overlaps(shelf, enrolled_songs, unknown_songs, start_s, overlap_s):
    """Of a snippet that begins before the track, or ends after it, the seconds in it are compared."""
    before, track, after = (
        cut(decoded(song), 0, s) for song, s in ((unknown_songs[0], 5), (enrolled_songs[1], 30), (unknown_songs[1], 5))
    )
    heard = alignments.hear(query_of(cut(np.concatenate([before, track, after]), 5 + start_s, 5)))
    best = alignments.sweep(heard, list(shelf.snapshot))[0][0]
    assert best.entry.track_id == "song 1"
    assert best.alignment.offset_s == pytest.approx(start_s, abs=0.02)
    assert best.overlap_s == pytest.approx(overlap_s, abs=0.05)


def test_a_sweep_ends_when_it_is_certain_or_out_of_time(shelf, enrolled_songs, monkeypatch):
    monkeypatch.setattr(alignments, "_BATCH", 1)
    heard = alignments.hear(query_of(cut(decoded(enrolled_songs[0]), 5, 5)))
    later = time.perf_counter() + 60
    items = list(shelf.snapshot)  # the right one first
    assert alignments.sweep(heard, items, certain=lambda c: c.alignment.z >= 20, after=2, deadline=later)[1] == 3
    assert alignments.sweep(heard, items, certain=lambda c: c.alignment.z >= 1e6, after=2, deadline=later)[1] == 6
    assert alignments.sweep(heard, items, deadline=0.0)[1] == 1
    assert alignments.sweep(heard, [], deadline=later) == ([], 0)


def test_without_valid_frames_nothing_is_heard():
    assert alignments.hear(query_of(np.zeros(5 * RATE))) is None
    assert alignments.hear(query_of(np.zeros(100))) is None
    assert alignments.other_speeds(query_of(np.zeros(5 * RATE)), [], 0.0) == ([], True)
