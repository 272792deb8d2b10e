"""Compact catalogues: the same answers in a fraction of the space, in every store; what is not kept is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from classifier.catalogue import Catalogue
from classifier.config import COMPACT_STEP, FeatureConfig
from classifier.errors import InvalidConfig, InvalidParameter, StoreUnavailable
from classifier.fingerprint.bits import HOP_S
from classifier.index.words import StoredWords
from classifier.likeness.library import Likeness
from classifier.models.background import builtin_background
from classifier.models.track import TrackModel, TrackModeller, model_track
from classifier.players import acoustid
from classifier.records import chromaprints
from classifier.records.track_arrays import load_models, load_slots, load_subfingerprints
from classifier.search.overlap import overlaps
from tests.library import RATE, as_wav, decoded, phone_snippet, settings_in
from tests.places import Place

EXACT, COMPACT = FeatureConfig(), FeatureConfig(profile="compact")
#: A sub-fingerprint stands for the frames that follow it, too.
OFFSET_S = 0.1 + COMPACT_STEP * HOP_S


def opened(folder: Path, url: str, profile: str) -> Catalogue:
    settings = settings_in(folder).replace(store=url)
    return Catalogue.open(settings=settings, name=profile, config=FeatureConfig(profile=profile))


@pytest.mark.parametrize("method", ["auto", "kl"])
def test_compact_answers_like_exact_in_every_store(place: Place, tmp_path, enrolled_songs, music_files, method):
    with opened(tmp_path, place.url, "exact") as exact, opened(tmp_path, place.url, "compact") as compact:
        for path in music_files[:4]:
            for catalogue in (exact, compact):
                catalogue.enroll(path)
        for i, song in enumerate(enrolled_songs[:4]):
            snippet = phone_snippet(song, 4.0 + i, 5.0, noise="babble", snr_db=8.0, seed=i)
            wanted, tag = (catalogue.identify(snippet, method=method) for catalogue in (exact, compact))
            assert (tag.verdict, tag.matches[0].title) == (wanted.verdict, song.title)
            assert tag.matches[0].offset_s == pytest.approx(4.0 + i, abs=OFFSET_S)
            assert tag.matches[0].divergence == pytest.approx(wanted.matches[0].divergence, rel=0.4)
            assert (tag.matches[0].divergence_variational, tag.nearest) == (None, [])


def test_what_a_compact_catalogue_does_not_keep_is_said(tmp_path, music_files, enrolled_songs):
    snippet = phone_snippet(enrolled_songs[0], 4.0, 5.0, seed=1)
    with opened(tmp_path, f"sqlite:///{tmp_path}/store.sqlite", "compact") as catalogue:
        track = catalogue.enroll(music_files[0]).track
        with pytest.raises(InvalidParameter, match="compact"):
            catalogue.identify(snippet, method="kl-mixture")
        with pytest.raises(InvalidParameter, match="compact"):
            Likeness(catalogue).of_track(track.id)
        with pytest.raises(InvalidParameter, match="compact"):
            acoustid.lookup(catalogue.store, "compact", np.zeros(100, np.uint32), 30.0)
        assert not chromaprints.has(catalogue.store, track.id)


def test_copies_are_found_in_a_compact_catalogue_too(tmp_path, enrolled_songs):
    """An excerpt whose frames fall between those of the whole."""
    whole = decoded(enrolled_songs[0])
    with opened(tmp_path, f"sqlite:///{tmp_path}/store.sqlite", "compact") as catalogue:
        for name, samples in (("whole", whole), ("part", whole[5 * RATE + 512 :])):
            path = tmp_path / f"{name}.wav"
            path.write_bytes(as_wav(samples, RATE))
            catalogue.enroll(path)
        (found,) = overlaps(catalogue.view().snapshot)
        assert found.shared_s > len(whole) / RATE - 8


# --- what is stored -----------------------------------------------------------------------------------------------


def test_a_compact_model_is_what_an_exact_one_has_thinned(enrolled_songs):
    samples = decoded(enrolled_songs[0])
    exact, compact = (model_track(samples, config, builtin_background()) for config in (EXACT, COMPACT))
    np.testing.assert_array_equal(compact.words, exact.words[::COMPACT_STEP])
    np.testing.assert_array_equal(compact.silent, exact.silent)
    assert compact.mixtures.means.shape == (len(exact.silent), 0, EXACT.n_mfcc)
    assert compact.slots.nbytes == exact.slots.nbytes // 2
    modeller = TrackModeller(COMPACT, builtin_background())
    pieces = [modeller.push(piece) for piece in np.array_split(samples, 7)]
    joined = TrackModel.join([*pieces, modeller.finish()], COMPACT)
    for name in ("words", "slots", "silent", "window_frame"):
        np.testing.assert_array_equal(getattr(joined, name), getattr(compact, name), err_msg=name)


def test_a_store_has_no_mixtures_and_half_of_the_words(tmp_path, music_files):
    with opened(tmp_path, f"sqlite:///{tmp_path}/store.sqlite", "compact") as catalogue:
        track = catalogue.enroll(music_files[0]).track
        models = load_models(catalogue.store, track.id, 1)
        assert {name for name, array in models.items() if array.nbytes} == {"window_frame", "silent"}
        assert load_slots(catalogue.store, track.id, 1).dtype == np.uint8
        segment, entry = catalogue.view().snapshot.items[0]
        words = load_subfingerprints(catalogue.store, track.id, 1)
        every = np.repeat(words, COMPACT_STEP, axis=0)
        np.testing.assert_array_equal(segment.words(entry), every)
        n = len(every)
        for first, stop in ((0, 7), (3, 8), (10, 10), (n - 3, n + 9), (n + 5, n + 9)):
            np.testing.assert_array_equal(segment.words(entry, first, stop), every[first:stop])
        assert len(segment.words(entry)) == len(entry.rows["frames"])
        assert sum(array.nbytes for array in segment.arrays.values()) * 3600 / track.duration_s < 0.4e6


def test_a_track_that_was_removed_meanwhile_agrees_with_nothing(tmp_path, music_files, enrolled_songs):
    with opened(tmp_path, f"sqlite:///{tmp_path}/store.sqlite", "compact") as catalogue:
        track = catalogue.enroll(music_files[0]).track
        segment, entry = catalogue.view().snapshot.items[0]
        catalogue.remove(track.id)
        assert len(segment.words(entry)) == 0
        assert catalogue.identify(phone_snippet(enrolled_songs[0], 4.0, 5.0, seed=1)).verdict == "no_match"


@pytest.mark.parametrize(
    ("values", "said"),
    [({"profile": "tiny"}, "exact, compact"), ({"method": "kl-mixture"}, "no mixtures"), ({"slot_mfcc": 13}, "even")],
)
def test_configurations_that_cannot_be_compact(values, said):
    with pytest.raises(InvalidConfig, match=said):
        FeatureConfig(**{"profile": "compact", **values})


def test_catalogues_from_before_there_were_profiles_are_exact():
    older = {name: value for name, value in EXACT.to_dict().items() if name != "profile"}
    assert FeatureConfig.from_dict(older) == EXACT
    assert FeatureConfig.from_dict(older).hash == EXACT.hash != COMPACT.hash


# --- words that stay in the store ---------------------------------------------------------------------------------


def test_words_are_read_once_and_the_longest_unused_are_forgotten(monkeypatch):
    reads = []

    def read(track_id: str, version: int) -> np.ndarray:
        reads.append((track_id, version))
        return np.full((4, 2), version, np.uint64)

    monkeypatch.setattr("classifier.index.words._REMEMBERED", 150)
    words = StoredWords(read)
    for key in [("a", 1), ("b", 2), ("a", 1), ("c", 3), ("a", 1), ("b", 2)]:
        np.testing.assert_array_equal(words(*key), np.full((4, 2), key[1]))
    assert reads == [("a", 1), ("b", 2), ("c", 3), ("b", 2)]


def test_a_store_that_does_not_answer_is_an_error_and_not_a_track_without_words():
    def read(track_id: str, version: int) -> np.ndarray:
        raise StoreUnavailable("the store does not answer")

    with pytest.raises(StoreUnavailable):
        StoredWords(read)("a", 1)
