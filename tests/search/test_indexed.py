"""Searching through the index of patches, with the exhaustive search of the same tracks as the oracle."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest

from classifier.index import lists
from classifier.index.segment import Segment
from classifier.index.snapshot import Snapshot
from classifier.mixtures import slots
from classifier.models.query import Recording
from classifier.results import Tag
from classifier.search import alike, candidates, indexed
from classifier.search.alignments import SpeedHypothesis
from classifier.search.candidates import Reading
from classifier.search.ranking import rank
from tests.library import RATE, lively_noise
from tests.search.shelf import CONFIG, Shelf, cut, played, query_of, recording

N_STRANGERS = 30
#: Below any number of windows, and above.
ALWAYS, NEVER = 0, 10**9


@pytest.fixture(scope="module")
def shelf(songs: Shelf, sounds: list[np.ndarray]) -> Shelf:
    """Eight songs, a copy, strangers, and tracks too short for a patch."""
    made = songs.with_copies(copy=0.9 * cut(sounds[0], 0, 30), short=cut(sounds[6], 3, 1.2), silence=np.zeros(9 * RATE))
    for i in range(N_STRANGERS):
        made.put(f"stranger {i}", lively_noise(6.0, seed=700 + i))
    return made


@pytest.fixture(scope="module")
def snapshot(shelf: Shelf, sounds: list[np.ndarray]) -> Snapshot:
    """The shelf in two segments with lists, one of which has a dead track and one without slots, and one without."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lists, "LISTED", 20)
        dead = Shelf()
        dead.put("dead", lively_noise(8.0, seed=1))
        parts = shelf.segments
        empty = Shelf()
        empty.put("too short for slots", cut(sounds[6], 3, 0.4))
        assert not empty.segments[0].n_rows("slots")
        first = [*empty.segments, *parts[:6], *dead.segments]
        made = [Segment.join(first), Segment.join(parts[6:-2]), Segment.join(parts[-2:])]
    assert [part.lists is None for part in made] == [False, False, True]
    shelf.tracks.update(empty.tracks)
    return Snapshot(tuple(made), frozenset(e.key for s in (*parts, *empty.segments) for e in s.entries))


def ask(shelf: Shelf, snapshot: Snapshot, heard: Recording, windows: int, **options: object) -> Tag:
    return shelf.search(heard.query(), snapshot, heard, indexed_windows=windows, **options)


SNIPPETS = {
    "clean": lambda sounds: cut(sounds[2], 7.77, 10),
    "noisy": lambda sounds: cut(sounds[3], 3, 8) + 0.05 * lively_noise(8.0, seed=1),
    "copies": lambda sounds: cut(sounds[0], 11, 5),
    "begins before": lambda sounds: np.concatenate([lively_noise(3.0, seed=2), cut(sounds[4], 0, 5)]),
    "fast": lambda sounds: played(sounds[4], 9, 9, 1.03),
    "slow": lambda sounds: played(sounds[5], 9, 9, 0.97),
}


@pytest.mark.parametrize("name", SNIPPETS)
def test_it_names_what_exhaustive_search_names(shelf, snapshot, sounds, name):
    """To the last digit, E-values and confidence included: all places count as trials, searched or not."""
    heard = recording(SNIPPETS[name](sounds))
    found, wanted = ask(shelf, snapshot, heard, ALWAYS), ask(shelf, snapshot, heard, NEVER)
    assert wanted.verdict != "no_match"
    assert (found.verdict, found.tied) == (wanted.verdict, wanted.tied)
    matched = [m for m in wanted.matches if m.role == "match"]
    assert found.matches[: len(matched)] == matched
    assert found.charts["alignment"] == wanted.charts["alignment"]
    assert (found.searched.complete, wanted.searched.complete) == (False, True)
    assert found.nearest == wanted.nearest
    assert found.searched.nearest_exact
    assert found.searched.windows == wanted.searched.windows == snapshot.n_windows


@pytest.mark.parametrize("seed", [0, 1])
def test_strangers_stay_unknown(shelf, snapshot, seed):
    heard = recording(lively_noise(6.0, seed=9000 + seed))
    tag = ask(shelf, snapshot, heard, ALWAYS)
    assert tag.verdict == "no_match"
    assert not tag.searched.complete
    assert all(m.role == "candidate" for m in tag.matches)


@pytest.mark.parametrize("method", ["kl", "kl-mixture"])
def test_divergence_alone_says_that_it_has_not_seen_everything(shelf, snapshot, sounds, monkeypatch, method):
    monkeypatch.setattr(alike, "MOST_WINDOWS", 0)
    heard = recording(cut(sounds[2], 7.77, 8))
    found, wanted = (ask(shelf, snapshot, heard, windows, method=method) for windows in (ALWAYS, NEVER))
    assert found.matches[0].track_id == wanted.matches[0].track_id
    assert found.matches[0].divergence == wanted.matches[0].divergence
    assert found.matches[0].offset_s == wanted.matches[0].offset_s
    assert (found.searched.complete, wanted.searched.complete) == (False, True)


def test_the_threshold_and_the_lists_decide(shelf, snapshot):
    assert indexed.is_indexed(snapshot, snapshot.n_windows - 1)
    assert not indexed.is_indexed(snapshot, snapshot.n_windows)
    assert not indexed.is_indexed(shelf.snapshot, 0)  # without lists


def test_what_it_finds_has_its_exact_similarity(snapshot, sounds, monkeypatch):
    """And reading everything, and taking all of it for hits, finds every track's best place."""
    monkeypatch.setattr(candidates, "_LEAST_HITS", 10**6)
    snippet = query_of(cut(sounds[3], 4.4, 5)).slots
    for share in (0.01, 0.1, 10_000.0):
        places = candidates.find(snippet, snapshot, Reading(share, 10**6))
        assert len(places) == len(np.unique(places.number))
        assert (np.diff(places.similarity) <= 0).all()
        for number, similarity, phase, lag in zip(
            places.number, places.similarity, places.phase, places.lag, strict=True
        ):
            segment, entry = snapshot.items[number]
            every = slots.similarities(snippet, segment.of(entry, "slots"))
            index = lag - slots.least_slots(snippet.shape[1]) + snippet.shape[1]
            assert every[phase, index] == similarity
            if share > 1:
                assert similarity == every.max()
    names = {snapshot.items[number][1].track_id for number in places.number}
    every_one = {entry.track_id for _, entry in snapshot.items}
    # A track with fewer slots than a patch is in no list.
    assert every_one - names == {"short", "silence", "too short for slots"}


@pytest.mark.parametrize("name", ["_LEAST_HITS", "_COMPARED"])
def test_few_hits_or_places_hold_what_was_played(snapshot, sounds, monkeypatch, name):
    """Those of the greatest cosines are kept, with their exact similarity, wherever the track lies."""
    everything = Reading(10_000.0, 10**6)
    for song in (1, 3, 7):
        snippet = query_of(cut(sounds[song], 4.4, 5)).slots
        whole = candidates.find(snippet, snapshot, everything)
        with monkeypatch.context() as patch:
            patch.setattr(candidates, "_LEAST_IN_PIECE", 20)
            patch.setattr(candidates, name, 20)
            few = candidates.find(snippet, snapshot, everything)
        assert len(few) < len(whole)
        assert [part[0] for part in astuple(few)] == [part[0] for part in astuple(whole)]


def test_the_most_similar_tracks_are_those_of_all(snapshot, sounds):
    """However many tracks each piece of the catalogue gives."""
    snippet = query_of(cut(sounds[2], 4.4, 5)).slots
    every = candidates.find(snippet, snapshot, Reading(1.0, 10**6))
    for most in (1, 7):
        few = candidates.find(snippet, snapshot, Reading(1.0, most))
        for part, whole in zip(astuple(few), astuple(every), strict=True):
            np.testing.assert_array_equal(part, whole[:most])


def test_reading_more_finds_no_less(snapshot, sounds):
    snippet = query_of(cut(sounds[5], 4.4, 5) + 0.3 * lively_noise(5.0, seed=4)).slots
    found = [candidates.find(snippet, snapshot, Reading(share, 10**6)) for share in (0.001, 0.1, 1.0)]
    assert len(found[0]) <= len(found[1]) <= len(found[2])
    assert found[1].similarity[0] <= found[2].similarity[0]


def test_reading_in_steps_reads_all_of_it_once(snapshot, sounds, monkeypatch):
    """Each step gives what is new; together they find what one reading finds, and no step reads a cell again."""
    monkeypatch.setattr(candidates, "_LEAST_HITS", 10**6)
    read: list[set[tuple[int, int]]] = []
    pairs = candidates._pairs

    def noted(*given: object) -> tuple[np.ndarray, np.ndarray]:
        patch, cell = pairs(*given)
        read.append(set(zip(patch.tolist(), cell.tolist(), strict=True)))
        return patch, cell

    monkeypatch.setattr(candidates, "_pairs", noted)
    snippet = query_of(cut(sounds[3], 4.4, 5)).slots
    every = [(0.0, 0.1), (0.1, 0.3), (0.3, 1.0)]
    steps = [candidates.find(snippet, snapshot, Reading(share, 10**6, before)) for before, share in every]
    whole = candidates.find(snippet, snapshot, Reading(1.0, 10**6))
    *parts, at_once = read
    assert all(parts)
    assert set.union(*parts) == at_once
    assert sum(map(len, parts)) == len(at_once)
    best = dict(zip(whole.number, whole.similarity, strict=True))
    found = [dict(zip(step.number, step.similarity, strict=True)) for step in steps]
    assert set().union(*found) == set(best)
    for number, similarity in best.items():
        assert max(step.get(number, -1.0) for step in found) == similarity
    unlisted = {number for number in best if snapshot.items[number][0].lists is None}
    assert unlisted
    assert unlisted <= set(found[0])
    assert not unlisted & (set(found[1]) | set(found[2]))


def test_a_snippet_shorter_than_a_patch_finds_only_what_is_compared_whole(snapshot, sounds):
    snippet = query_of(cut(sounds[2], 5, 1.2)).slots
    assert 0 < snippet.shape[1] < 11
    places = candidates.find(snippet, snapshot, Reading(1.0, 10**6))
    assert {id(snapshot.items[number][0]) for number in places.number} == {id(snapshot.segments[2])}


def test_ranking_some_gives_the_divergence_of_ranking_all(snapshot, sounds, monkeypatch):
    query = query_of(cut(sounds[3], 4.4, 5))
    everything = rank(query, snapshot, CONFIG)
    some = rank(query, snapshot, CONFIG, only=np.array([3, 11]))  # fewer tracks than the sample has: all are compared
    np.testing.assert_array_equal(some.divergence, everything.divergence)
    np.testing.assert_array_equal(some.z, everything.z)
    assert (
        everything.n_places
        <= some.n_places
        == slots.n_places(query.slots, np.array([[0, len(e.rows["slots"])] for _, e in snapshot.items]))
    )
    monkeypatch.setattr("classifier.search.ranking._SAMPLE", 5)
    some = rank(query, snapshot, CONFIG, only=np.array([3, 11]))
    compared = np.flatnonzero(np.isfinite(some.divergence))
    assert {3, 11} <= set(compared.tolist())
    assert len(compared) <= 7
    np.testing.assert_array_equal(some.divergence[compared], everything.divergence[compared])
    np.testing.assert_array_equal(some.place[compared], everything.place[compared])


def test_alignment_near_a_place_is_that_along_the_track(snapshot, sounds):
    hypothesis = SpeedHypothesis.of(query_of(cut(sounds[3], 4.4, 5)).fingerprint)
    assert hypothesis is not None
    item = next(item for item in snapshot.items if item[1].track_id == "song 3")
    whole = hypothesis.align(item)
    assert whole is not None
    z = whole.alignment.z * whole.alignment.widening
    assert hypothesis.z_near(item, 4.4 + 0.06) == pytest.approx(z, rel=1e-6)
    assert hypothesis.z_near(item, 14.4) < z / 2
    assert hypothesis.z_near(item, 900.0) == -np.inf


@pytest.mark.parametrize("method", ["auto", "kl-mixture"])
def test_a_large_catalogue_says_that_its_nearest_are_approximate(shelf, snapshot, sounds, monkeypatch, method):
    """They are the exact ones all the same: no more tracks are there than are compared exactly in the end."""
    heard = recording(cut(sounds[2], 7.77, 8))
    wanted = ask(shelf, snapshot, heard, NEVER, method=method)
    monkeypatch.setattr(alike, "MOST_WINDOWS", snapshot.n_windows)
    assert ask(shelf, snapshot, heard, ALWAYS, method=method).searched.nearest_exact
    monkeypatch.setattr(alike, "MOST_WINDOWS", snapshot.n_windows - 1)
    found = ask(shelf, snapshot, heard, ALWAYS, method=method)
    assert not found.searched.nearest_exact
    assert ask(shelf, snapshot, heard, NEVER, method=method).searched.nearest_exact  # nor is anything else left out
    assert [n.track_id for n in found.nearest] == [n.track_id for n in wanted.nearest]
    np.testing.assert_allclose([n.divergence for n in found.nearest], [n.divergence for n in wanted.nearest], rtol=1e-6)
    assert found.searched.complete is False
    assert found.charts["mixtures"] == wanted.charts["mixtures"]
