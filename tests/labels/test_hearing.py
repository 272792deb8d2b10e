"""Files to features: the same whatever the file is like, remembered, and refused where there is nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from classifier.audio.decoder import Decoder
from classifier.audio.limits import Limits
from classifier.audio.resample import at_rate
from classifier.errors import AudioUnreadable, FileMissing, InvalidParameter, SnippetSilent, SnippetTooShort
from classifier.labels.extractors import DEFAULT
from classifier.labels.hearing import Ears, Heard, stretch_of, stretches
from classifier.labels.musicnn.logmel import MOST_PATCHES, PATCH_S
from classifier.settings import Settings
from tests.data_audio import wav
from tests.library import as_wav, lively_noise

#: Tags of the same music from another file: 40 dB below, 16 bits are few; resampling moves a tag by 10^-4.
SAME = 0.01


@pytest.fixture
def ears(tmp_path, weights_dir):
    settings = Settings(data_dir=str(tmp_path / "data"), weights_dir=str(weights_dir))
    with Decoder(settings) as decoder:
        yield Ears(settings, decoder, Limits.for_track(settings))


@pytest.fixture(scope="module")
def clean(enrolled_songs) -> np.ndarray:
    """Return twelve seconds of a song at 22,050 Hz."""
    song = enrolled_songs[0]
    return at_rate(song.samples[: 12 * song.sample_rate], song.sample_rate, 22050)


def tags(heard: Heard) -> np.ndarray:
    return heard.extracted.vector[heard.extracted.columns(["tag"])]


def test_the_same_music_has_the_same_tags_whatever_the_file(ears, clean):
    expected = tags(ears.hear(as_wav(clean, 22050)))
    high = at_rate(clean, 22050, 44100)
    left_right = np.stack([0.7 * high, 0.3 * high], axis=1)
    stereo = wav(np.round(left_right * 32767).astype(np.int16), 44100)
    quiet = as_wav(0.01 * clean, 22050)
    for file in (stereo, quiet):
        np.testing.assert_allclose(tags(ears.hear(file)), expected, atol=SAME)
    # Band-limited to 4 kHz it is other sound; what is left of it still points the same way.
    narrow = tags(ears.hear(as_wav(at_rate(clean, 22050, 8000), 8000)))
    assert np.corrcoef(np.log(narrow), np.log(expected))[0, 1] > 0.9


def test_what_was_heard_is_known(ears, clean):
    sound = ears.hear(as_wav(clean, 22050)).sound
    assert sound.duration_s == pytest.approx(12.0, abs=1e-3)
    assert (sound.source_rate, sound.channels) == (22050, 1)
    assert sound.bandwidth_hz == pytest.approx(0.46 * 22050)
    assert -30 < sound.level_db < 0


@pytest.mark.parametrize("name", ["musicnn-msd", "mfcc-stats-104"])
def test_features_are_remembered_by_the_file_and_the_extractor(ears, clean, name, tmp_path):
    file = tmp_path / "clip.wav"
    file.write_bytes(as_wav(clean, 22050))
    first = ears.hear(file, name)
    (entry,) = (tmp_path / "data" / "features").rglob("*.npz")
    entry.write_bytes(entry.read_bytes())  # as another process would have left it
    for again in (ears.hear(file, name), ears.hear(file.read_bytes(), name)):
        assert again.sound == first.sound
        assert again.extracted.names == first.extracted.names
        for part in ("patches", "start_s", "vector"):
            np.testing.assert_array_equal(getattr(again.extracted, part), getattr(first.extracted, part))
    entry.write_bytes(entry.read_bytes()[:-20])
    np.testing.assert_array_equal(ears.hear(file, name).extracted.vector, first.extracted.vector)
    assert len(entry.read_bytes()) > 1000
    file.write_bytes(as_wav(clean[::-1], 22050))
    assert not np.array_equal(ears.hear(file, name).extracted.vector, first.extracted.vector)


def test_the_cache_is_bounded(ears, clean, monkeypatch, tmp_path):
    monkeypatch.setattr("classifier.labels.cache.MOST_ENTRIES", 2)
    folder = tmp_path / "data" / "features" / "mfcc-stats-104-1"
    for i in range(60):
        ears.hear(as_wav(clean[i : 22050 + i], 22050), "mfcc-stats-104")
    assert all(len(list(part.iterdir())) <= 2 for part in folder.iterdir())


def test_a_cache_that_cannot_be_written_to_does_no_harm(ears, clean, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "features").write_text("in the way")
    assert ears.hear(as_wav(clean, 22050)).extracted.vector.any()


def test_a_stretch_is_heard_as_a_recording_by_itself(ears):
    """The second minute of two; borders within a patch move no patch; where nothing was heard, nothing is."""
    rate, minute_s = 16000, MOST_PATCHES * PATCH_S
    samples = np.concatenate([lively_noise(2 * minute_s, 3), np.zeros(int(20 * rate), np.float32)])
    whole = ears.series(as_wav(samples, rate))
    at = round(minute_s * rate)
    alone = ears.series(as_wav(samples[at : 2 * at], rate))
    stretch = stretch_of(whole, minute_s + 1.0, 2 * minute_s - 1.0)
    assert stretch is not None
    heard = ears.hear(stretch)
    np.testing.assert_allclose(heard.extracted.vector, alone.extracted.vector, atol=1e-4)
    assert heard.sound.duration_s == pytest.approx(minute_s - 2.0)
    assert stretch_of(whole, 2 * minute_s + 5.0, 2 * minute_s + 15.0) is None
    with pytest.raises(InvalidParameter, match=f"'timbre-26'.*use one that hears by '{DEFAULT}'"):
        ears.hear(stretch, "timbre-26")
    with pytest.raises(FileMissing):
        ears.series(stretch)


def test_nothing_to_hear_is_refused(ears, tmp_path):
    with pytest.raises(SnippetSilent):
        ears.hear(as_wav(np.zeros(5 * 16000), 16000))
    with pytest.raises(SnippetSilent):
        ears.series(as_wav(np.zeros(5 * 16000), 16000))
    with pytest.raises(SnippetTooShort, match=r"0.50 s; at least 1 s"):
        ears.hear(as_wav(lively_noise(0.5, 1), 16000))
    with pytest.raises(AudioUnreadable):
        ears.hear(b"no audio at all")
    with pytest.raises(FileMissing):
        ears.hear(tmp_path / "none.wav")
    with pytest.raises(FileMissing):
        ears.hear(tmp_path)


def test_a_series_is_what_is_heard_of_each_part(ears, enrolled_songs):
    song = enrolled_songs[1]
    sound = np.tile(at_rate(song.samples, song.sample_rate, 16000), 3)[: 110 * 16000]
    heard = ears.series(as_wav(sound, 16000))
    extracted = heard.extracted
    assert heard.sound.duration_s == pytest.approx(110.0)
    np.testing.assert_allclose(np.diff(extracted.start_s)[:-1], PATCH_S)
    assert extracted.start_s[-1] + PATCH_S > 108
    minute = round(20 * PATCH_S * 16000)
    # 16 bits are all that a file keeps; that moves a tag by a little.
    alone = ears.series(as_wav(sound[minute:], 16000)).extracted
    np.testing.assert_allclose(alone.patches[:, :50], extracted.patches[20:, :50], atol=1e-3)
    np.testing.assert_allclose(alone.start_s + 20 * PATCH_S, extracted.start_s[20:])


def test_silence_in_a_series_is_left_out(ears, enrolled_songs):
    song = enrolled_songs[1]
    music = at_rate(song.samples, song.sample_rate, 16000)[: 30 * 16000]
    minute = round(20 * PATCH_S * 16000)
    sound = np.concatenate([np.zeros(minute), music])
    extracted = ears.series(as_wav(sound, 16000)).extracted
    assert extracted.start_s[0] == pytest.approx(20 * PATCH_S)
    (first, *_), places = list(stretches(extracted, 15.0)), list(stretches(extracted, 5.0))
    assert first[:2] == (45.0, 60.0)
    assert sum(end - start for start, end, _ in places) == pytest.approx(5.0 * len(places))
    with pytest.raises(InvalidParameter, match=r"shorter than the 2\.992 s"):
        list(stretches(extracted, 2.0))


def test_classic_extractors_need_no_weights(tmp_path, clean):
    settings = Settings(data_dir=str(tmp_path))
    with Decoder(settings) as decoder:
        ears = Ears(settings, decoder, Limits.for_track(settings), cached=False)
        assert ears.hear(as_wav(clean, 22050), "mfcc-stats-104").extracted.extractor == "mfcc-stats-104/1"
    assert list(Path(tmp_path).iterdir()) == []
