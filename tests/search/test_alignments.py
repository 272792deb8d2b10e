"""Aligning with many tracks: best first, until certain or out of time; what overlaps, and how much of it agrees."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest

from classifier.fingerprint.bits import HOP_S
from classifier.search import align, alignments
from classifier.search.alignments import Candidate, SpeedHypothesis, align_many
from tests.library import RATE
from tests.search.shelf import Shelf, cut, query_of, tone


@pytest.fixture(scope="module")
def shelf(songs) -> Shelf:
    """Five songs, and one that is too quiet to be aligned with."""
    return songs.only(*(f"song {i}" for i in range(5))).with_copies(silence=np.zeros(10 * RATE))


def hypothesis_of(samples: np.ndarray) -> SpeedHypothesis:
    found = SpeedHypothesis.of(query_of(samples).fingerprint)
    assert found is not None
    return found


def test_all_tracks_are_looked_at_and_sorted(shelf, sounds):
    hypothesis = hypothesis_of(cut(sounds[1], 5, 5))
    found, n_tried = align_many(hypothesis, shelf.snapshot, deadline=time.perf_counter() + 60)
    assert n_tried == 6
    assert len(found) == 5  # silence aligns with nothing
    assert found[0].entry.track_id == "song 1"
    z = [c.alignment.z for c in found]
    assert z == sorted(z, reverse=True)
    assert all(isinstance(c, Candidate) and c.hypothesis is hypothesis for c in found)


def test_a_candidate_is_the_alignment_of_its_track(shelf, sounds):
    hypothesis = hypothesis_of(cut(sounds[1], 5, 5))
    for c in align_many(hypothesis, shelf.snapshot)[0]:
        alone = align.align(hypothesis.fingerprint, c.segment.words(c.entry), hypothesis.null)
        assert (c.alignment.z, c.alignment.offset_s, c.alignment.lag) == (alone.z, alone.offset_s, alone.lag)
        np.testing.assert_array_equal(c.alignment.curve, alone.curve)
        assert c.item == (c.segment, c.entry)
        frames = c.frames()
        weights = hypothesis.fingerprint.frame_weight[c.alignment.phase] * np.isfinite(frames)
        assert (weights * np.nan_to_num(frames)).sum() / weights.sum() == pytest.approx(c.alignment.agreement, abs=1e-5)
        assert c.share == pytest.approx(c.alignment.agreement / hypothesis.fingerprint.expected)


@pytest.mark.parametrize(("start_s", "overlap_s"), [(5.0, 5.0), (-3.0, 2.0), (28.0, 2.0)])
def test_only_what_lies_within_the_track_overlaps(shelf, sounds, strange_sounds, start_s, overlap_s):
    """Of a snippet that begins before the track, or ends after it, the seconds in it are compared."""
    around = np.concatenate([cut(strange_sounds[0], 0, 5), cut(sounds[1], 0, 30), cut(strange_sounds[1], 0, 5)])
    best = align_many(hypothesis_of(cut(around, 5 + start_s, 5)), shelf.snapshot)[0][0]
    assert best.entry.track_id == "song 1"
    assert best.alignment.offset_s == pytest.approx(start_s, abs=0.02)
    assert best.overlap_s == pytest.approx(overlap_s, abs=0.05)
    frames = np.flatnonzero(np.isfinite(best.frames()))
    assert frames[0] * HOP_S >= max(0, -start_s) - 0.1
    assert frames[-1] * HOP_S <= min(5, 30 - start_s)


def test_it_ends_when_it_is_certain_or_out_of_time(shelf, sounds, monkeypatch):
    monkeypatch.setattr(alignments, "BATCH", 1)
    hypothesis = hypothesis_of(cut(sounds[0], 5, 5))
    later = time.perf_counter() + 60
    items = list(shelf.snapshot)  # silence first, then the right one
    assert [entry.track_id for _, entry in items[:2]] == ["silence", "song 0"]
    assert align_many(hypothesis, items, certain=lambda c: c.alignment.z >= 20, after=2, deadline=later)[1] == 4
    assert align_many(hypothesis, items, certain=lambda c: c.alignment.z >= 1e6, after=2, deadline=later)[1] == 6
    assert align_many(hypothesis, items, deadline=0.0)[1] == 1
    assert align_many(hypothesis, [], deadline=later) == ([], 0)


def test_only_the_best_are_kept(shelf, sounds, monkeypatch):
    hypothesis = hypothesis_of(cut(sounds[3], 5, 5))
    everything, _ = align_many(hypothesis, shelf.snapshot)
    monkeypatch.setattr(alignments, "_KEPT", 2)
    monkeypatch.setattr(alignments, "BATCH", 2)
    kept, n_tried = align_many(hypothesis, shelf.snapshot)
    assert n_tried == 6
    assert [c.entry for c in kept] == [c.entry for c in everything[:2]]


@pytest.mark.parametrize("samples", [np.zeros(5 * RATE), np.zeros(100), np.zeros(0), tone(5.0)])
def test_without_valid_frames_there_is_no_hypothesis(samples):
    assert SpeedHypothesis.of(query_of(samples).fingerprint) is None


def test_a_child_process_has_threads_of_its_own():
    """Those of its parent did not come along."""
    assert list(alignments.pool().map(abs, [-1])) == [1]
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, str(list(alignments.pool().map(abs, [-2]))).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        assert answer.read() == "[2]"
    os.waitpid(child, 0)
