"""Tempo and pitch by themselves: found at their place, told apart, and no stranger named for them."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from bench.stretching import change_tempo
from classifier.audio.resample import at_rate
from classifier.results import semitones
from classifier.search.alignments import SpeedHypothesis
from classifier.search.stretched import retimed, stretched
from tests.library import RATE
from tests.search.shelf import CONFIG, Shelf, cut, played, recording

#: Tempo is refined to a quarter of a per cent, and frequency to half of one, of sound whose place wavers.
TEMPO, SEMITONES = 0.012, 0.25
OFFSET_S = 0.08


def key_locked(samples: np.ndarray, start_s: float, length_s: float, tempo: float, pitch: float) -> np.ndarray:
    """What is heard for ``length_s`` of a stretched and transposed record, ``pitch`` in semitones."""
    ratio = round(2 ** (pitch / 12), 3)
    stretch = cut(samples, start_s, tempo * length_s + 0.3).astype(np.float32)
    heard = change_tempo(at_rate(stretch, round(1000 * ratio), 1000), tempo / ratio)
    return heard[: round(length_s * RATE)]


@pytest.fixture(scope="module")
def shelf(songs) -> Shelf:
    """Five songs, one that is silent, and one that is shorter than a snippet."""
    few = songs.only(*(f"song {i}" for i in range(5)))
    return few.with_copies(silence=np.zeros(10 * RATE), jingle=0.1 * np.random.default_rng(4).standard_normal(2 * RATE))


@pytest.mark.parametrize(
    ("tempo", "pitch"), [(0.8, 0.0), (1.2, 0.0), (1.1, 0.0), (1.0, -3.0), (1.0, 3.0), (1.0, 1.0), (0.85, 2.0)]
)
def test_tempo_and_pitch_are_found_and_told(shelf, sounds, tempo, pitch):
    samples = key_locked(sounds[2], 9.0, 6.0, tempo, pitch)
    tag = shelf.ask(samples, speeds="wide")
    best = tag.matches[0]
    assert (tag.verdict, best.title) == ("identified", "song 2")
    assert tag.searched.wide
    assert best.speed == pytest.approx(tempo, abs=TEMPO)
    assert best.pitch == pytest.approx(pitch, abs=SEMITONES)
    assert best.offset_s == pytest.approx(9.0, abs=OFFSET_S)
    assert best.offset_s + best.speed * 6.0 == pytest.approx(9.0 + tempo * 6.0, abs=OFFSET_S)
    assert best.query_end_s == pytest.approx(6.0, abs=0.3)
    assert len({m.track_id for m in tag.matches}) == len(tag.matches)


@pytest.mark.parametrize("speed", [0.9, 1.12])
def test_a_turntable_beyond_the_usual_speeds_is_found(shelf, sounds, speed):
    best = shelf.ask(played(sounds[3], 7.0, 6.0, speed), speeds="wide").matches[0]
    assert (best.title, best.role) == ("song 3", "match")
    assert best.speed == pytest.approx(speed, abs=TEMPO)
    assert best.pitch == pytest.approx(semitones(speed), abs=SEMITONES)
    assert best.offset_s == pytest.approx(7.0, abs=OFFSET_S)


def test_it_is_searched_if_asked_for_and_said(shelf, sounds):
    samples = key_locked(sounds[2], 9.0, 6.0, 1.2, 0.0)
    narrow = shelf.ask(samples)
    assert (narrow.verdict, narrow.searched.wide) == ("no_match", False)
    sent = shelf.ask(samples, sound=False, speeds="wide")
    assert (sent.verdict, sent.searched.wide) == ("no_match", False)
    certain = shelf.ask(cut(sounds[2], 9, 6), sound=False, speeds="wide")
    assert (certain.verdict, certain.searched.wide) == ("identified", True)  # nothing was left out that was needed


def test_a_wide_search_changes_no_certain_answer(shelf, sounds):
    samples = cut(sounds[1], 4.0, 6.0)
    for narrow, wide in zip(shelf.ask(samples).matches[:1], shelf.ask(samples, speeds="wide").matches, strict=False):
        assert narrow == wide
        assert (wide.speed, wide.pitch) == (1.0, 0.0)


def test_a_certain_match_is_aligned_anew_if_its_tempo_is_another(shelf, sounds):
    heard = recording(key_locked(sounds[2], 9.0, 6.0, 1.1, 0.0))
    item = next(item for item in shelf.snapshot if item[1].track_id == "song 2")
    own = SpeedHypothesis.of(heard.fingerprint()).align(item)
    middle_s = own.alignment.offset_s + 3.0
    placed = replace(own, alignment=replace(own.alignment, offset_s=own.alignment.offset_s + 9.0 + 3.3 - middle_s))
    (other,) = retimed(heard, placed)
    assert other.alignment.z > 2 * own.alignment.z
    assert other.hypothesis.speed == pytest.approx(1.1, abs=TEMPO)
    assert other.alignment.offset_s == pytest.approx(9.0, abs=OFFSET_S)
    assert retimed(heard, other) == []


def test_copies_are_ambiguous_stretched_too(songs, sounds):
    hiss = 1e-3 * np.random.default_rng(1).standard_normal(30 * RATE)
    made = songs.with_copies(copy=np.clip(1.3 * cut(sounds[2], 0, 30) + hiss, -1, 1))
    tag = made.ask(key_locked(sounds[2], 9.0, 6.0, 1.12, -1.0), speeds="wide")
    assert tag.verdict == "ambiguous"
    assert {m.title for m in tag.matches[:2]} == {"song 2", "copy"}


@pytest.mark.parametrize(("tempo", "pitch"), [(1.0, 0.0), (1.15, 0.0), (0.9, -2.0)])
def test_strangers_stay_strangers(shelf, strange_sounds, tempo, pitch):
    for sound in strange_sounds[:2]:
        tag = shelf.ask(key_locked(sound, 9.0, 6.0, tempo, pitch), speeds="wide")
        assert tag.verdict == "no_match"
        assert tag.searched.wide
        assert min(m.log10_e_value for m in tag.matches) > -4


def test_nothing_to_hear_and_no_time_are_no_candidates(shelf, sounds):
    later = time.perf_counter() + 60
    silence, music = (recording(x) for x in (np.zeros(5 * RATE), cut(sounds[0], 3, 5)))
    assert stretched(silence, shelf.snapshot, CONFIG, False, later) == ([], True)
    assert stretched(recording(np.zeros(100)), shelf.snapshot, CONFIG, False, later) == ([], True)
    assert stretched(music, Shelf().snapshot, CONFIG, False, later) == ([], True)
    assert stretched(music, shelf.snapshot, CONFIG, False, 0.0) == ([], False)


def test_a_large_catalogue_is_searched_through_its_lists(shelf, sounds):
    samples = key_locked(sounds[2], 9.0, 6.0, 1.15, 0.0)
    (best, *_), complete = stretched(recording(samples), shelf.snapshot, CONFIG, True, time.perf_counter() + 60)
    assert complete
    assert best.entry.track_id == "song 2"
    assert best.alignment.offset_s == pytest.approx(9.0, abs=OFFSET_S)
