"""The whole search: verdicts for excerpts, repeats, strangers, ends of tracks; three methods; how it stops early."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from classifier.catalogue import Catalogue
from classifier.demo.songs import Song
from classifier.index.snapshot import Snapshot
from classifier.noise.babble import babble
from classifier.results import METHODS, Tag
from classifier.search import by_fingerprints, null, pipeline, state
from classifier.search.speed import other_speeds
from tests.library import RATE, decoded, lively_noise
from tests.search.shelf import CONFIG, Shelf, cut, played, query_of, tone

#: Offsets of clean excerpts by alignment, and by divergence, whose places lie 60 ms apart.
OFFSET_S, SLOT_OFFSET_S = 0.01, 0.06
#: A matched stretch begins and ends somewhere in frames of 384 ms.
STRETCH_S = 0.4
#: So many that a search may leave some of them out.
N_STRANGERS = 60


@pytest.fixture(scope="module")
def shelf(songs: Shelf, sounds: list[np.ndarray]) -> Shelf:
    """Eight songs, an excerpt of the second, a song with a chorus, a tone, strangers."""
    chorus = lively_noise(6.0, seed=1)
    verses = [lively_noise(9.0, seed=2 + i) for i in range(3)]
    made = songs.with_copies(tone=tone(12.0))
    made.put("excerpt of 1", cut(sounds[1], 8, 12))
    made.put("with chorus", np.concatenate([verses[0], chorus, verses[1], chorus, verses[2], chorus]))
    for i in range(N_STRANGERS):
        made.put(f"stranger {i}", lively_noise(3.0, seed=300 + i))
    return made


def stranger(seed: int) -> np.ndarray:
    """Return five seconds of a talking crowd."""
    return 0.1 * babble(5 * RATE, RATE, seed)


def name_of(tag: Tag) -> str:
    return tag.matches[0].title


# --- one right answer -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("i", [2, 3, 4, 5])
@pytest.mark.parametrize(("start_s", "length_s"), [(3.217, 5.0), (17.0, 5.0), (9.873, 10.0)])
def test_an_excerpt_is_identified_at_its_place(shelf, sounds, i, start_s, length_s):
    tag = shelf.ask(cut(sounds[i], start_s, length_s))
    assert tag.verdict == "identified"
    best = tag.matches[0]
    assert best.title == f"song {i}"
    assert best.offset_s == pytest.approx(start_s, abs=OFFSET_S)
    assert (best.query_start_s, best.query_end_s) == (0.0, pytest.approx(length_s, abs=0.05))
    assert best.speed == 1.0
    assert best.agreement > 0.8
    assert best.log10_e_value < -20
    assert best.confidence > 0.99
    assert (best.role, best.recording) == ("match", 0)
    assert best.divergence < 0.25 * tag.charts["divergence"]["unrelated"]
    assert tag.nearest[0].title == best.title
    assert abs(tag.nearest[0].window_start_s - start_s) < 1.0
    assert tag.duration_s == pytest.approx(length_s)
    assert {m.role for m in tag.matches[1:]} == {"candidate"}


def test_candidates_come_best_first_and_as_many_as_asked(shelf, sounds):
    sample = cut(sounds[2], 5, 5)
    everything = shelf.ask(sample, top=100)
    e = [m.log10_e_value for m in everything.matches]
    assert e == sorted(e)
    assert len({m.track_id for m in everything.matches}) == len(everything.matches)
    assert shelf.ask(sample, top=3).matches == everything.matches[:3]
    assert len(shelf.ask(sample, top=1).matches) == 1
    assert len(everything.nearest) == 10


@pytest.mark.parametrize("i", [0, 1, 2])
def test_a_stranger_is_no_match_but_its_candidates_are_listed(shelf, strange_sounds, i):
    tag = shelf.ask(cut(strange_sounds[i], 11, 5))
    assert tag.verdict == "no_match"
    assert len(tag.matches) == 5
    assert all(m.log10_e_value > -5 for m in tag.matches)
    assert all(m.other_offsets_s == [] for m in tag.matches)
    assert {m.role for m in tag.matches} == {"candidate"}
    assert all(m.confidence < 0.5 for m in tag.matches)


def test_the_limit_on_false_alarms_decides(shelf, sounds):
    noise = np.random.default_rng(2).standard_normal(2 * RATE)
    sample = cut(sounds[3], 11, 2) + 0.3 * np.std(cut(sounds[3], 11, 2)) * noise
    log10_e = shelf.ask(sample).matches[0].log10_e_value
    assert -300 < log10_e < -1
    for limit, verdict in ((log10_e + 0.5, "identified"), (3 * log10_e, "no_match")):
        assert shelf.ask(sample, max_false_alarms=10**limit).verdict == verdict


def test_e_values_grow_with_the_catalogue(shelf, sounds):
    sample = cut(sounds[3], 11, 5)
    large = shelf.ask(sample)
    few = shelf.without(*(f"stranger {i}" for i in range(N_STRANGERS)))
    small = few.ask(sample)
    n = query_of(sample).fingerprint.n_frames
    lags = [sum(len(e.rows["frames"]) + n for _, e in searched.snapshot) for searched in (shelf, few)]
    grown = large.matches[0].log10_e_value - small.matches[0].log10_e_value
    assert grown == pytest.approx(np.log10(lags[0] / lags[1]))


# --- ends of tracks -------------------------------------------------------------------------------------------


def test_a_snippet_that_begins_before_its_track(shelf, sounds):
    before = lively_noise(2.5, seed=500)
    tag = shelf.ask(np.concatenate([before, cut(sounds[4], 0, 5.5)]))
    best = tag.matches[0]
    assert (tag.verdict, best.title) == ("identified", "song 4")
    assert best.offset_s == pytest.approx(-2.5, abs=OFFSET_S)
    assert best.query_start_s == pytest.approx(2.5, abs=STRETCH_S)
    assert best.query_end_s == pytest.approx(8.0, abs=STRETCH_S)


def test_a_snippet_that_runs_past_the_end_of_its_track(shelf, sounds):
    tag = shelf.ask(np.concatenate([cut(sounds[4], 26, 4), lively_noise(4.0, seed=501)]))
    best = tag.matches[0]
    assert (tag.verdict, best.title) == ("identified", "song 4")
    assert best.offset_s == pytest.approx(26, abs=OFFSET_S)
    assert best.query_start_s == pytest.approx(0, abs=STRETCH_S)
    assert best.query_end_s == pytest.approx(4.0, abs=STRETCH_S)


def test_a_snippet_longer_than_its_track(shelf, sounds):
    tag = shelf.without("song 1").ask(cut(sounds[1], 4, 20))
    best = tag.matches[0]
    assert (tag.verdict, best.title) == ("identified", "excerpt of 1")
    assert best.offset_s == pytest.approx(-4, abs=OFFSET_S)
    assert best.query_start_s == pytest.approx(4, abs=STRETCH_S)
    assert best.query_end_s == pytest.approx(16, abs=STRETCH_S)


# --- more than one right answer -------------------------------------------------------------------------------


def test_repeats_within_a_track_are_listed_and_not_ambiguous(shelf):
    tag = shelf.ask(cut(lively_noise(6.0, seed=1), 0.5, 5))
    best = tag.matches[0]
    assert (tag.verdict, best.title) == ("identified", "with chorus")
    places = sorted([best.offset_s, *best.other_offsets_s])
    assert places == pytest.approx([9.5, 24.5, 39.5], abs=OFFSET_S)
    assert best.other_offsets_s == sorted(best.other_offsets_s)


def test_a_place_without_repeats_has_no_other_offsets(shelf):
    tag = shelf.ask(cut(lively_noise(9.0, seed=3), 1.0, 5))
    assert tag.matches[0].title == "with chorus"
    assert tag.matches[0].other_offsets_s == []


def test_all_that_tie_are_named_first_however_few_were_asked_for(sounds):
    """Five copies in slightly different noise: as many candidates are listed, and no other comes between."""
    shelf, noise = Shelf(), np.random.default_rng(5)
    for number in range(5):
        shelf.put(f"copy {number}", sounds[0] + 0.003 * noise.standard_normal(len(sounds[0])))
    shelf.put("another", sounds[2])
    heard = cut(sounds[0], 13.3, 5)
    for top, n_listed in ((2, 5), (6, 6)):
        tag = shelf.ask(heard, top=top)
        assert (tag.verdict, tag.tied, len(tag.matches)) == ("ambiguous", 5, n_listed)
        assert {match.title for match in tag.matches[:5]} == {f"copy {number}" for number in range(5)}


def test_the_number_named_agrees_with_the_verdict(shelf, sounds):
    assert shelf.ask(cut(sounds[2], 5, 5)).tied == 1
    assert shelf.ask(cut(sounds[2], 5, 5), method="kl").tied == 1
    assert shelf.ask(stranger(1)).tied == 0
    assert shelf.ask(stranger(1), method="kl").tied == 0


def test_an_excerpt_in_another_file_is_ambiguous_where_they_share(shelf, sounds):
    shared = shelf.ask(cut(sounds[1], 11, 5))
    assert shared.verdict == "ambiguous"
    offsets = {m.title: m.offset_s for m in shared.matches[:2]}
    assert offsets == pytest.approx({"song 1": 11.0, "excerpt of 1": 3.0}, abs=OFFSET_S)
    alone = shelf.ask(cut(sounds[1], 22, 5))
    assert alone.verdict == "identified"
    assert name_of(alone) == "song 1"


def test_different_songs_are_never_ambiguous(shelf, sounds):
    verdicts = [
        shelf.ask(cut(sounds[i], start_s, 4)).verdict for i in (2, 3, 4, 5) for start_s in np.arange(0.3, 25, 5.1)
    ]
    assert set(verdicts) == {"identified"}


# --- how much is searched -------------------------------------------------------------------------------------


def same_answer(a: Tag, b: Tag) -> None:
    assert a.verdict == b.verdict
    assert a.matches[0] == b.matches[0]
    assert a.nearest == b.nearest


def test_a_small_catalogue_is_searched_to_the_end(shelf, sounds):
    """Tracks of silence and tones offer nothing to align with, and are not left out for that."""
    for sample in (cut(sounds[2], 5, 5), stranger(1)):
        tag = shelf.ask(sample)
        assert tag.searched.complete
        assert tag.searched.windows == shelf.snapshot.n_windows
        assert tag.searched.aligned_tracks == len(shelf.snapshot)


def test_a_large_catalogue_is_left_when_the_answer_is_certain(shelf, sounds, monkeypatch):
    sample = cut(sounds[2], 5, 5)
    whole = shelf.ask(sample)
    monkeypatch.setattr(state, "_EXHAUSTIVE", 0.0)
    early = shelf.ask(sample)
    same_answer(early, whole)
    assert not early.searched.complete
    assert 21 <= early.searched.aligned_tracks < len(shelf.snapshot)
    assert early.searched.windows == whole.searched.windows


def test_a_doubted_match_does_not_end_the_search(shelf, sounds, monkeypatch):
    """However unlikely by chance: where a place shows too little of what is expected, the right one may follow."""
    null_map = null.null_map()
    doubtful = replace(null_map, tails=tuple(replace(tail, least_share=30.0) for tail in null_map.tails))
    monkeypatch.setattr(null, "null_map", lambda: doubtful)
    monkeypatch.setattr(state, "_EXHAUSTIVE", 0.0)
    tag = shelf.ask(cut(sounds[2], 5, 5))
    assert tag.verdict == "no_match"
    assert tag.matches[0].z > 20
    assert tag.matches[0].log10_e_value == pytest.approx(null.DOUBT)
    assert tag.searched.complete
    chart = tag.charts["alignment"]
    assert max(chart["agreement"]) < chart["threshold"]


def test_duplicates_are_found_before_a_large_catalogue_is_left(shelf, sounds, monkeypatch):
    monkeypatch.setattr(state, "_EXHAUSTIVE", 0.0)
    tag = shelf.ask(cut(sounds[1], 11, 5))
    assert tag.verdict == "ambiguous"
    assert not tag.searched.complete


def test_without_a_certain_answer_a_large_catalogue_is_searched_to_the_end(shelf, monkeypatch):
    sample = stranger(1)
    whole = shelf.ask(sample)
    monkeypatch.setattr(state, "_EXHAUSTIVE", 0.0)
    same_answer(shelf.ask(sample), whole)
    assert shelf.ask(sample).searched.complete


def test_time_runs_out(shelf, sounds, monkeypatch):
    """The likeliest track by divergence is aligned first, so even no time at all may be enough."""
    monkeypatch.setattr(state, "_EXHAUSTIVE", 0.0)
    tag = shelf.ask(cut(sounds[2], 5, 5), sweep_seconds=0.0)
    assert not tag.searched.complete
    assert tag.searched.aligned_tracks >= 1
    assert (tag.verdict, name_of(tag)) == ("identified", "song 2")


def test_time_may_run_out_before_all_speeds_were_tried(shelf, monkeypatch):
    assert shelf.ask(stranger(1)).searched.complete
    monkeypatch.setattr(
        by_fingerprints, "other_speeds", lambda recording, items, *_: other_speeds(recording, items, 0.0)
    )
    tag = shelf.ask(stranger(1))
    assert tag.searched.aligned_tracks == len(shelf.snapshot)
    assert not tag.searched.complete


# --- divergence alone -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("i", range(8))
@pytest.mark.parametrize(("start_s", "length_s"), [(5.37, 3.0), (11.05, 5.0), (17.9, 10.0)])
def test_divergence_alone_names_clean_excerpts_and_their_places(shelf, sounds, i, start_s, length_s):
    tag = shelf.ask(cut(sounds[i], start_s, length_s), method="kl", top=7)
    best = tag.matches[0]
    assert (tag.method, tag.verdict, best.title) == ("kl", "identified", f"song {i}")
    assert (best.role, best.recording, best.speed) == ("match", 0, 1.0)
    assert best.offset_s == pytest.approx(start_s, abs=SLOT_OFFSET_S)
    assert best.log10_e_value < -5
    assert best.confidence > 0.5
    assert [m.recording for m in tag.matches] == list(range(7))
    for key in ("divergence", "log10_e_value"):
        values = [getattr(m, key) for m in tag.matches]
        assert values == sorted(values)
    assert all((m.role, m.confidence) == ("candidate", None) for m in tag.matches[1:])
    for match in tag.matches:
        assert (match.z, match.agreement, match.query_start_s, match.query_end_s) == (None,) * 4
        assert match.other_offsets_s == []
        assert match.divergence_variational > 0
    assert (tag.searched.aligned_tracks, tag.searched.complete, tag.searched.other_speeds) == (0, True, True)
    assert tag.searched.windows == shelf.snapshot.n_windows


@pytest.mark.parametrize("speed", [0.95, 0.97, 1.03, 1.05])
@pytest.mark.parametrize("i", [1, 4])
def test_divergence_alone_holds_at_other_speeds(songs, sounds, i, speed):
    """The place is right somewhere along the snippet, whichever of the speeds nearby it was found at."""
    tag = songs.ask(played(sounds[i], 9.0, 8.0, speed), method="kl")
    best = tag.matches[0]
    assert (tag.verdict, best.title) == ("identified", f"song {i}")
    assert best.speed in (0.96, 1.0, 1.04)
    along_s = np.linspace(0, 8, 81)
    assert np.abs(best.offset_s + best.speed * along_s - (9.0 + speed * along_s)).min() < SLOT_OFFSET_S


def test_divergence_alone_skips_other_speeds_without_sound_and_says_so(shelf, sounds, strange_sounds):
    fast = played(sounds[4], 9.0, 8.0, 1.05)
    strict = {"method": "kl", "max_false_alarms": 1e-15}  # nothing is certain at the snippet's own speed
    heard, sent = (shelf.ask(fast, sound=sound, **strict) for sound in (True, False))
    assert (heard.matches[0].speed, heard.searched.other_speeds) == (1.04, True)
    assert (sent.matches[0].speed, sent.searched.other_speeds) == (1.0, False)
    unknown = shelf.ask(cut(strange_sounds[0], 5, 5), method="kl", sound=False)
    assert (unknown.verdict, unknown.searched.other_speeds) == ("no_match", False)
    certain = shelf.ask(cut(sounds[4], 9, 8), method="kl", sound=False)
    assert (certain.verdict, certain.searched.other_speeds) == ("identified", True)


def test_divergence_alone_knows_the_place_of_a_snippet_that_begins_with_silence(shelf, sounds):
    silence = np.zeros(6 * RATE, np.float32)
    tag = shelf.ask(np.concatenate([silence, cut(sounds[2], 15.4, 8)]), method="kl")
    assert name_of(tag) == "song 2"
    assert tag.matches[0].offset_s == pytest.approx(9.4, abs=SLOT_OFFSET_S)


def test_the_limit_on_false_alarms_decides_divergence_alone_too(shelf, sounds):
    sample = cut(sounds[3], 11, 3)
    log10_e = shelf.ask(sample, method="kl").matches[0].log10_e_value
    for limit, verdict in ((log10_e + 0.5, "identified"), (2 * log10_e, "no_match")):
        assert shelf.ask(sample, method="kl", max_false_alarms=10**limit).verdict == verdict


@pytest.mark.parametrize("i", range(8))
@pytest.mark.parametrize(("start_s", "length_s"), [(11.05, 5.0), (3.217, 10.0)])
def test_mixtures_without_order_name_clean_excerpts(songs, sounds, i, start_s, length_s):
    tag = songs.ask(cut(sounds[i], start_s, length_s), method="kl-mixture")
    best = tag.matches[0]
    assert (tag.method, best.title) == ("kl-mixture", f"song {i}")
    assert (tag.verdict == "identified") == (best.confidence >= 0.95) == (best.role == "match")
    assert best.offset_s == pytest.approx(start_s, abs=1.1)  # windows of the track lie a second apart
    values = [m.divergence for m in tag.matches]
    assert values == sorted(values)
    for match in tag.matches:
        assert match.divergence == match.divergence_variational
        assert (match.z, match.agreement, match.speed, match.log10_e_value) == (None,) * 4
    assert all(m.confidence is None for m in tag.matches[1:])
    assert tag.charts["divergence"] is None


def test_mixtures_need_others_to_stand_out_from(songs, sounds):
    few = songs.only("song 0", "song 1", "song 2")
    tag = few.ask(cut(sounds[1], 5, 8), method="kl-mixture")
    assert (tag.verdict, name_of(tag), tag.matches[0].confidence) == ("no_match", "song 1", 0.0)


def test_mixtures_do_not_mind_the_order_of_sections(songs, sounds):
    """Two halves of a snippet exchanged: divergence along time is far, that of bags of frames hardly moves."""
    halves = cut(sounds[2], 5, 6), cut(sounds[2], 11, 6)
    plain, swapped = (songs.ask(np.concatenate(parts), method="kl-mixture") for parts in (halves, halves[::-1]))
    assert name_of(plain) == name_of(swapped) == "song 2"
    assert swapped.matches[0].divergence < swapped.matches[1].divergence / 2
    in_time = [songs.ask(np.concatenate(p), method="kl").matches[0].divergence for p in (halves, halves[::-1])]
    assert in_time[1] > 5 * in_time[0]


@pytest.mark.parametrize("method", METHODS)
def test_no_method_names_strangers(shelf, strange_sounds, method):
    for samples in (*(stranger(i) for i in range(3)), *(cut(s, 11, 5) for s in strange_sounds[:3])):
        tag = shelf.ask(samples, method=method)
        assert tag.verdict == "no_match"
        assert {m.role for m in tag.matches} <= {"candidate"}


# --- nothing to go by -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_where_nothing_can_be_compared_there_is_no_match(shelf, sounds, method):
    """An empty catalogue, silence, a steady tone: the same answer, with nothing listed and nothing drawn."""
    empty = Shelf().ask(cut(sounds[0], 1, 5), method=method)
    silent = shelf.ask(np.zeros(5 * RATE), method=method)
    steady = shelf.ask(tone(5.0), method=method)
    for tag in (empty, silent, steady):
        assert (tag.verdict, tag.matches, tag.nearest) == ("no_match", [], [])
        drawn = ("alignment", "divergence", "along", "stripe", "mixtures")
        assert tag.charts == {**dict.fromkeys(drawn), "nearest": []}
        assert tag.searched.windows == 0
    assert empty.searched.complete


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("seconds", [0.0, 0.1, 0.3, 0.38])
def test_too_short_a_snippet_has_an_answer(shelf, sounds, method, seconds):
    """Less than one sub-fingerprint, or than a derivative needs, has no windows, and none were compared."""
    tag = shelf.ask(cut(sounds[0], 5, seconds), method=method)
    assert tag.verdict == "no_match"
    assert tag.nearest == []
    assert tag.searched.windows == 0
    assert tag.duration_s == pytest.approx(seconds)


@pytest.mark.parametrize("method", METHODS)
def test_a_catalogue_of_silence_has_nobody_to_name(sounds, method):
    made = Shelf()
    for name, samples in {"silence": np.zeros(8 * RATE), "tone": tone(8.0), "nothing": np.zeros(0)}.items():
        made.put(name, samples)
    tag = made.ask(cut(sounds[0], 5, 5), method=method)
    assert (tag.verdict, tag.matches, tag.nearest) == ("no_match", [], [])


# --- what the tag holds ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_a_tag_is_plain_json_without_infinities(shelf, sounds, method):
    for sample in (cut(sounds[0], 1, 5), lively_noise(3.0, seed=420), np.zeros(3 * RATE), lively_noise(0.3, 1)):
        tag = shelf.ask(sample, method=method, top=100)
        json.dumps(tag.to_dict(), allow_nan=False)
        json.dumps(tag.charts, allow_nan=False)
        assert set(tag.seconds) >= {"divergence", "decide"}
        assert all(seconds >= 0 for seconds in tag.seconds.values())


def test_tracks_that_are_not_live_are_not_named(library: Catalogue, enrolled_songs: list[Song]):
    view = library.view()
    query = query_of(cut(decoded(enrolled_songs[7]), 4, 5))
    first = pipeline.identify(query, view.snapshot, view.tracks.__getitem__, CONFIG)
    gone = replace_live(view.snapshot, first.matches[0].track_id)
    second = pipeline.identify(query, gone, view.tracks.__getitem__, CONFIG)
    assert first.verdict == "identified"
    assert second.verdict == "no_match"
    assert first.matches[0].track_id not in {m.track_id for m in second.matches} | {n.track_id for n in second.nearest}
    assert (first.searched.aligned_tracks, second.searched.aligned_tracks) == (12, 11)


def replace_live(snapshot: Snapshot, track_id: str) -> Snapshot:
    return Snapshot(snapshot.segments, frozenset(key for key in snapshot.live if key[0] != track_id))
