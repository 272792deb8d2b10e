"""Real songs: what a file sounds like, and the map of a catalogue in step with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from classifier.catalogue import Catalogue
from classifier.demo.songs import Song
from classifier.errors import AudioUnreadable, SnippetSilent, SnippetTooShort, TrackNotFound
from classifier.likeness.library import Likeness
from classifier.records.catalogues import remove_catalogue
from classifier.records.maps import load_map
from classifier.records.tracks import remove
from tests.library import RATE, as_wav, clean_snippet, excerpt, lively_noise, phone_snippet, settings_in


@pytest.fixture(scope="module")
def likeness(library: Catalogue) -> Likeness:
    return Likeness(library)


def test_a_song_sounds_like_itself_and_pieces_of_it_do(likeness: Likeness, enrolled_songs: list[Song]) -> None:
    song = enrolled_songs[4]
    heard = likeness.of_file(as_wav(song.samples, song.sample_rate))
    (track, whole), *others = likeness.nearest(heard.sound, 20)
    assert track.title == song.title
    assert whole.divergence < 0.05 < others[0][1].divergence
    assert len(others) == len(enrolled_songs) - 1
    assert heard.duration_s == pytest.approx(40.0, abs=0.1)
    piece = likeness.of_file(clean_snippet(song, 8.0, 20.0))
    assert song.title in [near.title for near, _ in likeness.nearest(piece.sound, 2)]
    # Sections in another order are the same sound.
    mixed = np.concatenate([excerpt(song, s, 8.0) for s in (24.0, 0.0, 32.0, 16.0, 8.0)])
    ((first, same),) = likeness.nearest(likeness.of_file(as_wav(mixed, song.sample_rate)).sound, 1)
    assert first.title == song.title
    assert same.divergence < others[0][1].divergence / 2
    assert likeness.nearest(likeness.of_file(phone_snippet(song, 8.0, 8.0, snr_db=10.0, seed=1)).sound, 3)


def test_a_track_is_asked_about_by_its_id(likeness: Likeness) -> None:
    track = likeness.catalogue.tracks()[0]
    found = likeness.nearest(likeness.of_track(track.id), 5, leave_out=track.id)
    assert len(found) == 5
    assert track.id not in [near.id for near, _ in found]
    with pytest.raises(TrackNotFound):
        likeness.of_track("nobody")


def test_what_is_nothing_to_go_by_is_refused(likeness: Likeness) -> None:
    with pytest.raises(SnippetTooShort, match=r"0\.50 s"):
        likeness.of_file(as_wav(lively_noise(0.5, 1), RATE))
    with pytest.raises(SnippetSilent, match="silent"):
        likeness.of_file(as_wav(np.zeros(3 * RATE, np.float32), RATE))
    with pytest.raises(AudioUnreadable):
        likeness.of_file(b"no sound" * 100)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Likeness]:
    with Catalogue.open(settings=settings_in(tmp_path)) as catalogue:
        for seed in range(8):
            catalogue.enroll(as_wav(lively_noise(7.0, seed), RATE), title=f"noise {seed}")
        yield Likeness(catalogue)


def test_the_map_follows_the_library(small: Likeness) -> None:
    catalogue = small.catalogue
    before = small.map()
    assert (before.created, before.outgrown, len(before.tracks)) == ("", True, 8)
    small.lay_out()
    drawn = small.map()
    assert drawn.created
    assert not drawn.outgrown
    assert not drawn.placed.any()
    where = {track.id: tuple(place) for track, place in zip(drawn.tracks, drawn.places, strict=True)}
    new = catalogue.enroll(as_wav(lively_noise(7.0, 99), RATE), title="new").track
    remove(catalogue.store, drawn.tracks[0].id)
    later = small.map()
    assert len(later.tracks) == 8
    assert [track.id for track, placed in zip(later.tracks, later.placed, strict=True) if placed] == [new.id]
    for track, place in zip(later.tracks, later.places, strict=True):
        if track.id != new.id:
            assert tuple(place) == where[track.id]
    assert not later.outgrown
    for seed in (100, 101):
        catalogue.enroll(as_wav(lively_noise(7.0, seed), RATE), title=f"newer {seed}")
    assert small.map().outgrown
    # Another process finds the same map, and a catalogue takes its own along when it goes.
    other = Likeness(catalogue).map()
    np.testing.assert_array_equal(other.places, small.map().places)
    remove_catalogue(catalogue.store, catalogue.name)
    assert load_map(catalogue.store, catalogue.id) is None


def test_an_empty_library_has_an_empty_map(tmp_path: Path) -> None:
    with Catalogue.open(settings=settings_in(tmp_path)) as catalogue:
        likeness = Likeness(catalogue)
        assert likeness.map().tracks == []
        likeness.lay_out()
        assert (likeness.map().tracks, likeness.map().outgrown) == ([], False)
        assert likeness.nearest(likeness.of_file(as_wav(lively_noise(4.0, 1), RATE)).sound) == []
