"""The whole search: verdicts for excerpts, duplicates, repeats, strangers, ends of tracks, and how it stops early."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from classifier.catalogue import Catalogue
from classifier.config import FeatureConfig
from classifier.demo.songs import Song
from classifier.index.segment import Segment
from classifier.index.snapshot import Snapshot
from classifier.models.track import builtin_background, model_query, model_track
from classifier.noise.babble import babble
from classifier.results import Tag, Track
from classifier.search import null, pipeline
from classifier.search.alignments import other_speeds
from classifier.search.pipeline import Options
from tests.library import RATE, decoded, lively_noise

CONFIG = FeatureConfig()
BACKGROUND = builtin_background()
#: Offsets of clean excerpts.
OFFSET_S = 0.01
#: A matched stretch begins and ends somewhere in frames of 384 ms.
STRETCH_S = 0.4
#: So many that a search may leave some of them out.
N_STRANGERS = 60


class Shelf:
    """Tracks to search, made of plain samples."""

    def __init__(self) -> None:
        self.segments: list[Segment] = []
        self.tracks: dict[str, Track] = {}

    def put(self, name: str, samples: np.ndarray) -> None:
        """Add a track; its name is its id and title."""
        model = model_track(samples.astype(np.float32), CONFIG, BACKGROUND)
        self.segments.append(Segment.build([(name, 1, model)]))
        seconds, windows = len(samples) / RATE, len(model.window_frame)
        self.tracks[name] = Track(name, "shelf", name, None, None, None, name, seconds, windows, name, name, "")

    @property
    def snapshot(self) -> Snapshot:
        """Everything."""
        return Snapshot(tuple(self.segments), frozenset(e.key for s in self.segments for e in s.entries))

    def without(self, *names: str) -> Shelf:
        """Return a shelf that lacks some tracks."""
        other = Shelf()
        other.segments = [s for s in self.segments if s.entries[0].track_id not in names]
        other.tracks = self.tracks
        return other

    def ask(self, samples: np.ndarray, **options: object) -> Tag:
        """Identify samples at 16 kHz."""
        query = model_query(samples.astype(np.float32), CONFIG, BACKGROUND)
        return pipeline.identify(query, self.snapshot, self.tracks.__getitem__, CONFIG, Options(**options))


def cut(samples: np.ndarray, start_s: float, length_s: float) -> np.ndarray:
    return samples[round(start_s * RATE) : round((start_s + length_s) * RATE)]


@pytest.fixture(scope="module")
def sounds(enrolled_songs: list[Song]) -> list[np.ndarray]:
    """Samples of six songs."""
    return [decoded(song) for song in enrolled_songs[:6]]


@pytest.fixture(scope="module")
def shelf(sounds: list[np.ndarray]) -> Shelf:
    """Six songs, a louder copy of the first, an excerpt of the second, a song with a chorus, a tone, strangers."""
    made = Shelf()
    for i, sound in enumerate(sounds):
        made.put(f"song {i}", cut(sound, 0, 30))
    hiss = 1e-3 * np.random.default_rng(1).standard_normal(30 * RATE)
    made.put("copy of 0", np.clip(1.3 * cut(sounds[0], 0, 30) + hiss, -1, 1))
    made.put("excerpt of 1", cut(sounds[1], 8, 12))
    chorus = lively_noise(6.0, seed=1)
    verses = [lively_noise(9.0, seed=2 + i) for i in range(3)]
    made.put("with chorus", np.concatenate([verses[0], chorus, verses[1], chorus, verses[2], chorus]))
    made.put("tone", 0.3 * np.sin(2 * np.pi * 440 * np.arange(12 * RATE) / RATE))
    for i in range(N_STRANGERS):
        made.put(f"stranger {i}", lively_noise(5.5, seed=300 + i))
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
    assert tag.nearest[0].title == best.title
    assert tag.nearest[0].divergence == best.divergence
    assert abs(tag.nearest[0].window_start_s - start_s) < 1.0
    assert tag.duration_s == pytest.approx(length_s)


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
def test_a_stranger_is_no_match_but_its_candidates_are_listed(shelf, unknown_songs, i):
    tag = shelf.ask(cut(decoded(unknown_songs[i]), 11, 5))
    assert tag.verdict == "no_match"
    assert len(tag.matches) == 5
    assert all(m.log10_e_value > -5 for m in tag.matches)
    assert all(m.other_offsets_s == [] for m in tag.matches)


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
    n = model_query(sample, CONFIG, BACKGROUND).print.n_frames
    lags = [sum(len(e.rows["frames"]) + n for _, e in searched.snapshot) for searched in (shelf, few)]
    grown = large.matches[0].log10_e_value - small.matches[0].log10_e_value
    # By less than the catalogue: divergence ranks the place among the first in either.
    assert 0 < grown < np.log10(lags[0] / lags[1])


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


@pytest.mark.parametrize("first_s", [3.0, 5.0, 7.0])
def test_a_snippet_that_spans_two_tracks(shelf, sounds, first_s):
    """Both are named with the stretch that is theirs; two songs are no duplicates of each other."""
    second_s = 10.0 - first_s
    tag = shelf.ask(np.concatenate([cut(sounds[2], 10, first_s), cut(sounds[5], 3, second_s)]))
    assert tag.verdict == "identified"
    by_name = {m.title: m for m in tag.matches[:2]}
    assert set(by_name) == {"song 2", "song 5"}
    one, two = by_name["song 2"], by_name["song 5"]
    assert one.offset_s == pytest.approx(10, abs=OFFSET_S)
    assert two.offset_s == pytest.approx(3 - first_s, abs=OFFSET_S)
    assert (one.query_start_s, one.query_end_s) == pytest.approx((0, first_s), abs=STRETCH_S)
    assert (two.query_start_s, two.query_end_s) == pytest.approx((first_s, 10), abs=STRETCH_S)


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


@pytest.mark.parametrize("start_s", [2.0, 13.3, 24.0])
def test_a_copy_makes_it_ambiguous_and_both_are_named(shelf, sounds, start_s):
    tag = shelf.ask(cut(sounds[0], start_s, 5) + 0.01 * np.random.default_rng(3).standard_normal(5 * RATE))
    assert tag.verdict == "ambiguous"
    assert {m.title for m in tag.matches[:2]} == {"song 0", "copy of 0"}
    for match in tag.matches[:2]:
        assert match.offset_s == pytest.approx(start_s, abs=2 * OFFSET_S)


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
    monkeypatch.setattr(pipeline, "_EXHAUSTIVE", 0.0)
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
    monkeypatch.setattr(pipeline, "_EXHAUSTIVE", 0.0)
    tag = shelf.ask(cut(sounds[2], 5, 5))
    assert tag.verdict == "no_match"
    assert tag.matches[0].z > 20
    assert tag.matches[0].log10_e_value == pytest.approx(null.DOUBT)
    assert tag.searched.complete
    chart = tag.charts["alignment"]
    assert max(chart["agreement"]) < chart["threshold"]


def test_duplicates_are_found_before_a_large_catalogue_is_left(shelf, sounds, monkeypatch):
    monkeypatch.setattr(pipeline, "_EXHAUSTIVE", 0.0)
    tag = shelf.ask(cut(sounds[0], 13.3, 5))
    assert tag.verdict == "ambiguous"
    assert not tag.searched.complete


def test_without_a_certain_answer_a_large_catalogue_is_searched_to_the_end(shelf, monkeypatch):
    sample = stranger(1)
    whole = shelf.ask(sample)
    monkeypatch.setattr(pipeline, "_EXHAUSTIVE", 0.0)
    same_answer(shelf.ask(sample), whole)
    assert shelf.ask(sample).searched.complete


def test_time_runs_out(shelf, sounds, monkeypatch):
    """The likeliest track by divergence is aligned first, so even no time at all may be enough."""
    monkeypatch.setattr(pipeline, "_EXHAUSTIVE", 0.0)
    tag = shelf.ask(cut(sounds[2], 5, 5), sweep_seconds=0.0)
    assert not tag.searched.complete
    assert tag.searched.aligned_tracks >= 1
    assert (tag.verdict, name_of(tag)) == ("identified", "song 2")


def test_time_may_run_out_before_all_speeds_were_tried(shelf, monkeypatch):
    assert shelf.ask(stranger(1)).searched.complete
    monkeypatch.setattr(pipeline, "other_speeds", lambda query, items, deadline: other_speeds(query, items, 0.0))
    tag = shelf.ask(stranger(1))
    assert tag.searched.aligned_tracks == len(shelf.snapshot)
    assert not tag.searched.complete


# --- divergence alone -----------------------------------------------------------------------------------------


def test_divergence_alone_names_the_nearest_and_leaves_alignment_out(shelf, sounds):
    tag = shelf.ask(cut(sounds[2], 5.4, 8), method="kl", top=7)
    assert tag.method == "kl"
    assert [m.title for m in tag.matches] == [n.title for n in tag.nearest[:7]]
    assert name_of(tag) == "song 2"
    best = tag.matches[0]
    assert best.divergence == min(m.divergence for m in tag.matches)
    assert abs(best.offset_s - 5.4) < 1.0
    for match in tag.matches:
        assert (match.z, match.agreement, match.log10_e_value, match.speed) == (None,) * 4
        assert (match.query_start_s, match.query_end_s, match.other_offsets_s) == (None, None, [])
    assert tag.searched.aligned_tracks == 0
    assert tag.searched.complete


def test_divergence_alone_knows_the_place_of_a_snippet_that_begins_with_silence(shelf, sounds):
    silence = np.zeros(6 * RATE, np.float32)
    tag = shelf.ask(np.concatenate([silence, cut(sounds[2], 15.4, 8)]), method="kl")
    assert name_of(tag) == "song 2"
    assert tag.matches[0].offset_s == pytest.approx(9.4, abs=1.0)
    # The first window that is not silent is in the track, though the snippet's first sample is not from it.
    assert tag.matches[0].offset_s < tag.nearest[0].window_start_s <= 15.4


def test_divergence_alone_does_not_name_strangers(shelf):
    assert all(shelf.ask(stranger(i), method="kl").verdict == "no_match" for i in range(5))


# --- nothing to go by -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["auto", "kl"])
def test_an_empty_catalogue_and_a_silent_snippet_are_no_match(shelf, sounds, method):
    empty = Shelf().ask(cut(sounds[0], 1, 5), method=method)
    silent = shelf.ask(np.zeros(5 * RATE), method=method)
    tone = shelf.ask(0.2 * np.sin(np.arange(5 * RATE)), method=method)
    for tag in (empty, silent, tone):
        assert (tag.verdict, tag.matches, tag.nearest) == ("no_match", [], [])
        assert tag.charts == {"alignment": None, "nearest": []}
    assert empty.searched.complete


# --- what the tag holds ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["auto", "kl"])
def test_a_tag_is_plain_json_without_infinities(shelf, sounds, method):
    for sample in (cut(sounds[0], 1, 5), lively_noise(3.0, seed=420), np.zeros(3 * RATE), lively_noise(0.3, 1)):
        tag = shelf.ask(sample, method=method, top=100)
        json.dumps(tag.to_dict(), allow_nan=False)
        json.dumps(tag.charts, allow_nan=False)
        assert set(tag.seconds) >= {"divergence", "decide"}
        assert all(seconds >= 0 for seconds in tag.seconds.values())


def test_the_chart_shows_the_peak_of_the_first_match(shelf, sounds):
    tag = shelf.ask(cut(sounds[4], 12, 5))
    chart = tag.charts["alignment"]
    assert chart["track_id"] == tag.matches[0].track_id
    assert len(chart["lags_s"]) == len(chart["agreement"]) <= 600
    assert chart["lags_s"] == sorted(chart["lags_s"])
    peak = int(np.argmax(chart["agreement"]))
    assert chart["lags_s"][peak] == pytest.approx(12, abs=0.02)
    assert chart["agreement"][peak] == pytest.approx(tag.matches[0].agreement, abs=1e-3)
    assert np.median(chart["agreement"]) < chart["threshold"] < chart["agreement"][peak]
    assert [n["title"] for n in tag.charts["nearest"]] == [n.title for n in tag.nearest]


def test_tracks_that_are_not_live_are_not_named(library: Catalogue, enrolled_songs: list[Song]):
    view = library.view()
    query = model_query(cut(decoded(enrolled_songs[7]), 4, 5), CONFIG, BACKGROUND)
    first = pipeline.identify(query, view.snapshot, view.tracks.__getitem__, CONFIG)
    gone = replace_live(view.snapshot, first.matches[0].track_id)
    second = pipeline.identify(query, gone, view.tracks.__getitem__, CONFIG)
    assert first.verdict == "identified"
    assert second.verdict == "no_match"
    assert first.matches[0].track_id not in {m.track_id for m in second.matches} | {n.track_id for n in second.nearest}
    assert replace(first.searched, windows=0, aligned_tracks=11) == replace(second.searched, windows=0)


def replace_live(snapshot: Snapshot, track_id: str) -> Snapshot:
    return Snapshot(snapshot.segments, frozenset(key for key in snapshot.live if key[0] != track_id))
