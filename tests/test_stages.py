"""The stages, put together by hand, do what the program does."""

from __future__ import annotations

import numpy as np
import pytest

from classifier import stages
from classifier.config import FeatureConfig
from classifier.errors import InvalidModel, InvalidParameter
from classifier.labels.scoring.registry import Registry
from classifier.models.background import builtin_background
from classifier.models.track import model_track
from tests import library as shelf

#: Single precision, after sums over frames.
CLOSE = 1e-5


def test_mixtures_are_those_that_are_stored_of_a_track(enrolled_songs):
    samples = shelf.decoded(enrolled_songs[0])[: 20 * shelf.RATE]
    stored = model_track(samples, FeatureConfig(), builtin_background())
    mine = stages.mixtures(stages.features(samples))
    np.testing.assert_allclose(mine.means, stored.mixtures.means, atol=CLOSE)
    np.testing.assert_allclose(mine.covariances, stored.mixtures.covariances, atol=CLOSE)
    np.testing.assert_array_equal(stages.reference(samples), stored.words)


def test_alignment_and_e_value_are_those_of_an_identification(library, enrolled_songs):
    song, start_s = enrolled_songs[3], 12.0
    file = shelf.phone_snippet(song, start_s, 6.0, snr_db=10.0, seed=5)
    best = library.identify(file).matches[0]
    audio = stages.decode(file)
    snippet = stages.fingerprint(audio.samples, audio.bandwidth_hz)
    words = stages.reference(shelf.decoded(song))
    found = stages.alignment(snippet, words)
    assert best.title == song.title
    assert abs(found.offset_s - best.offset_s) < 0.02
    snapshot = library.view().snapshot
    log10_e = stages.significance(found, snippet, len(words), n_tracks=len(snapshot), n_frames=snapshot.n_frames)
    # The program then refines the speed, and keeps the better of both.
    assert best.log10_e_value <= log10_e + 0.5
    assert log10_e < -5
    assert abs(log10_e - best.log10_e_value) < 0.3 * abs(best.log10_e_value)


def test_more_searched_is_less_significant(enrolled_songs):
    samples = shelf.decoded(enrolled_songs[0])
    snippet, words = stages.fingerprint(samples[: 5 * shelf.RATE]), stages.reference(samples)
    found = stages.alignment(snippet, words)
    alone = stages.significance(found, snippet, len(words))
    many = stages.significance(found, snippet, len(words), n_tracks=1000, n_frames=1000 * len(words))
    assert many - alone == pytest.approx(3.0)


def test_a_tracklist_names_what_is_played_and_leaves_out_what_is_not(enrolled_songs, unknown_songs):
    first, second = (shelf.decoded(song)[: 15 * shelf.RATE] for song in enrolled_songs[:2])
    tracks = {"first": stages.reference(first), "second": stages.reference(second)}
    stranger = shelf.decoded(unknown_songs[0])[: 15 * shelf.RATE]
    found = stages.tracklist(np.concatenate([second, stranger, first]), tracks)
    assert [s.title for s in found if s.kind == "track"] == ["second", "first"]
    assert [round(s.start_s / 15) for s in found if s.kind == "track"] == [0, 2]


def test_labels_are_those_of_the_model(tmp_path):
    names = stages.extractor("musicnn-msd").names
    said = np.random.default_rng(3).uniform(0.01, 0.4, len(names))
    model = Registry(tmp_path).load("genre", "gtzan-10")
    tags = np.flatnonzero([name.startswith("tag.") for name in names])
    expected = model.probabilities(said[tags][None])[0]
    assert stages.labels({"musicnn-msd": said}) == pytest.approx(dict(zip(model.labels, expected, strict=True)))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: stages.features(np.zeros((2, 16000))), r"shape \(2, 16000\): hand in one channel"),
        (lambda: stages.features(np.zeros(16000), FeatureConfig(n_mfcc=20)), "another front end"),
        (lambda: stages.mixtures(np.zeros((2, 296, 12))), r"must be of shape \(windows, frames, 13\)"),
        (lambda: stages.divergence(*2 * [stages.mixtures(np.ones((1, 296, 13)))], kind="js"), "kind is 'js'"),
        (lambda: stages.tracklist(np.zeros(16000), {}), "no tracks to listen for"),
        (lambda: stages.labels({"timbre-57": np.zeros(57)}), "needs descriptors of musicnn-msd"),
        (lambda: stages.descriptors(np.zeros(16000), 16000, "mfcc"), "no extractor 'mfcc'"),
    ],
)
def test_bad_input_is_named_with_its_cure(call, said):
    with pytest.raises(InvalidParameter, match=said):
        call()


def test_too_little_sound_gives_nothing_rather_than_an_error():
    assert stages.features(np.zeros(100)).shape == (0, 0, 13)
    assert stages.alignment(stages.fingerprint(np.zeros(16000)), np.zeros((100, 2), np.uint64)) is None


def test_a_model_of_other_features_is_refused(tmp_path):
    import dataclasses

    model = dataclasses.replace(Registry(tmp_path).load("genre", "gtzan-10"), extractors=("musicnn-msd/0",))
    with pytest.raises(InvalidModel, match="train it again"):
        stages.labels({}, model)
