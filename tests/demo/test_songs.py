"""The demo songs are what they claim to be: distinct, repeatable, musical, tagged."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from scipy.fft import irfft, next_fast_len, rfft

from classifier.demo.harmony import PROGRESSIONS, SCALES, Key, voicing
from classifier.demo.instruments import DRUMS, VOICES
from classifier.demo.score import RING_S, write_score
from classifier.demo.songs import Song, catalogue_seeds, compose, compose_catalogue, label, write
from classifier.demo.styles import STYLES, Style
from classifier.demo.synth import SAMPLE_RATE, midi_hz
from classifier.errors import InvalidParameter

CHOSEN = (0, 1, 3, 5, 7, 9, 11, 16)  # of the catalogue: every meter, slow and fast, and one style twice (0 and 16)
DECIMATION = 4
EXCERPT_S = 4.0
MOST_EXCERPT = round(EXCERPT_S * SAMPLE_RATE / DECIMATION)
# Two recordings share nothing: what remains is chance, larger for songs of few steady tones in related keys.
MOST_BETWEEN_SONGS = 0.35
# A bar played again differs in timing, loudness and notes; a loop would give 1.
MOST_BETWEEN_BARS = 0.9
TEMPO_TOLERANCE = 0.015


@pytest.fixture(scope="module")
def songs() -> list[Song]:
    seeds = list(catalogue_seeds(max(CHOSEN) + 1))
    return [compose(seeds[index]) for index in CHOSEN]


def thinned(samples: np.ndarray) -> np.ndarray:
    """Block means: enough bandwidth (2.7 kHz) to tell recordings apart, a fourth of the work."""
    return samples[: len(samples) // DECIMATION * DECIMATION].reshape(-1, DECIMATION).mean(axis=1)


class Recording:
    """A recording that excerpts are searched in by normalised correlation."""

    def __init__(self, samples: np.ndarray) -> None:
        self.n = len(samples)
        self.n_fft = next_fast_len(self.n + MOST_EXCERPT, real=True)
        self.spectrum = rfft(samples, self.n_fft)
        self.energy = np.concatenate([[0.0], np.cumsum(samples.astype(float) ** 2)])

    def correlation(self, excerpt: np.ndarray) -> np.ndarray:
        """Magnitude at every lag at which the excerpt lies within the recording; 1 is a copy."""
        lags = irfft(self.spectrum * np.conj(rfft(excerpt, self.n_fft)), self.n_fft)[: self.n - len(excerpt)]
        local = self.energy[len(excerpt) : -1] - self.energy[: -len(excerpt) - 1]
        return np.abs(lags) / np.sqrt(np.maximum(local, 0.01 * local.max()) * np.sum(excerpt**2))


def test_same_seed_gives_same_samples_in_another_process() -> None:
    code = (
        "import hashlib; from classifier.demo.songs import compose; s = compose(5, duration_s=6);"
        "print(hashlib.sha256(s.samples.tobytes()).hexdigest(), ascii([s.title, s.artist, s.album]))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join(sys.path)}
    there = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    song = compose(5, duration_s=6)
    digest = hashlib.sha256(song.samples.tobytes()).hexdigest()
    assert there.stdout.strip() == f"{digest} {[song.title, song.artist, song.album]!a}"


def test_catalogue_plays_its_seeds_and_grows_at_the_end(songs: list[Song]) -> None:
    first = next(compose_catalogue(1))
    assert first.title == songs[0].title
    np.testing.assert_array_equal(first.samples, songs[0].samples)
    assert list(catalogue_seeds(40))[:32] == list(catalogue_seeds(32))


def test_catalogues_of_other_seeds_share_no_song() -> None:
    assert set(catalogue_seeds(200, seed=0)).isdisjoint(catalogue_seeds(200, seed=1))


def test_no_title_artist_or_album_twice() -> None:
    labels = [label(seed) for seed in catalogue_seeds(200)]
    for values in zip(*labels, strict=True):
        assert len(set(values)) == len(values)
        assert all(value == value.strip() and value[0].isupper() for value in values)


def test_songs_last_60_to_90_s_and_stay_below_full_scale(songs: list[Song]) -> None:
    for song in songs:
        assert 60.0 <= song.duration_s <= 90.0, song.title
        assert song.samples.dtype == np.float32
        assert song.sample_rate == SAMPLE_RATE
        assert np.isfinite(song.samples).all()
        assert 0.3 < np.abs(song.samples).max() < 1.0
        assert 0.1 < np.sqrt(np.mean(song.samples**2)) < 0.3


def test_no_second_is_silent_before_the_ending(songs: list[Song]) -> None:
    for song in songs:
        seconds = song.samples[: int(song.duration_s - 3) * SAMPLE_RATE].reshape(-1, SAMPLE_RATE)
        assert np.sqrt(np.mean(seconds**2, axis=1)).min() > 0.005, song.title


def test_songs_differ_in_meter_tempo_and_key(songs: list[Song]) -> None:
    seeds = list(catalogue_seeds(17))
    assert [(song.title, song.artist, song.album) for song in songs] == [label(seeds[index]) for index in CHOSEN]
    assert all(song.isrc is None for song in songs)
    assert {song.meter for song in songs} == {"4/4", "3/4", "6/8"}
    assert len({song.key for song in songs}) > len(songs) // 2
    assert len({song.tempo_bpm for song in songs}) == len(songs)
    assert min(style.tempo[0] for style in STYLES) == 70
    assert max(style.tempo[1] for style in STYLES) == 170


def test_no_song_correlates_with_another(songs: list[Song]) -> None:
    tracks = [thinned(song.samples) for song in songs]
    for at, track in enumerate(tracks):
        recording = Recording(track)
        for other, source in enumerate(tracks):
            excerpt = source[len(source) // 2 : len(source) // 2 + MOST_EXCERPT]
            best = recording.correlation(excerpt).max()
            if other == at:
                assert best == pytest.approx(1.0, abs=1e-3)  # the measure finds what is there
            else:
                assert best < MOST_BETWEEN_SONGS, (songs[at].title, songs[other].title)


def test_no_bar_repeats_sample_for_sample(songs: list[Song]) -> None:
    for song in songs:
        beats = {"4/4": 4, "3/4": 3, "6/8": 2}[song.meter]
        track = thinned(song.samples)
        bar = round(60.0 / song.tempo_bpm * beats * SAMPLE_RATE / DECIMATION)
        recording = Recording(track)
        for start in range(bar, len(track) - 3 * bar, 7 * bar):
            correlation = recording.correlation(track[start : start + bar])
            correlation[max(0, start - bar // 4) : start + bar // 4] = 0.0  # itself
            assert correlation.max() < MOST_BETWEEN_BARS, (song.title, start / bar)


def test_bars_come_at_the_tempo(songs: list[Song]) -> None:
    for song in songs:
        beats = {"4/4": 4, "3/4": 3, "6/8": 2}[song.meter]
        bar_s = 60.0 / song.tempo_bpm * beats
        hop = 256
        frames = np.lib.stride_tricks.sliding_window_view(song.samples, 1024)[::hop]
        log_power = np.log(np.abs(rfft(frames * np.hanning(1024).astype(np.float32), axis=1)) + 0.1)
        onsets = np.maximum(np.diff(log_power, axis=0), 0.0).sum(axis=1)
        onsets -= onsets.mean()
        spectrum = np.fft.rfft(onsets, 2 * len(onsets))
        regularity = np.fft.irfft(np.abs(spectrum) ** 2)
        four_bars = 4 * bar_s * SAMPLE_RATE / hop  # the finer the unit measured, the sharper the tempo
        near = np.arange(round(0.95 * four_bars), round(1.05 * four_bars))
        best = near[np.argmax(regularity[near])]
        assert best == pytest.approx(four_bars, rel=TEMPO_TOLERANCE), song.title
        assert regularity[best] > 0.15 * regularity[0], song.title


@pytest.mark.parametrize("duration_s", [0.05, 1.5, 200.0])
def test_exact_length_on_request(duration_s: float) -> None:
    song = compose(3, duration_s=duration_s)
    assert len(song.samples) == round(duration_s * SAMPLE_RATE)
    assert np.isfinite(song.samples).all()


@pytest.mark.parametrize("call", [
    lambda: compose(-1),
    lambda: compose(1, duration_s=0.0),
    lambda: compose(1, duration_s=float("nan")),
    lambda: next(compose_catalogue(0)),
    lambda: next(compose_catalogue(1, seed=-1)),
])  # fmt: skip
def test_values_out_of_bounds_are_refused(call) -> None:
    with pytest.raises(InvalidParameter, match="must be"):
        call()


def test_tags_and_samples_survive_the_file(tmp_path: Path) -> None:
    song = replace(compose(4, duration_s=2.3), title="Half a Tëapot / Side?", artist="Zélie Süßkind-Lamp", album="Øre")
    path = write(song, tmp_path / "new" / "folder")
    assert path.parent == tmp_path / "new" / "folder"
    with av.open(str(path)) as container:
        tags = {name.lower(): value for name, value in container.metadata.items()}
        assert {name: tags[name] for name in ("title", "artist", "album")} == {
            "title": song.title, "artist": song.artist, "album": song.album,
        }  # fmt: skip
        stream = container.streams.audio[0]
        assert (stream.rate, stream.layout.name) == (SAMPLE_RATE, "mono")
        pcm = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(stream)])
    np.testing.assert_allclose(pcm / 32767.0, song.samples, atol=0.51 / 32767.0)


def test_a_file_is_replaced_by_the_next_of_that_name(tmp_path: Path) -> None:
    first = compose(4, duration_s=2.0)
    write(first, tmp_path)
    path = write(replace(first, samples=first.samples[:SAMPLE_RATE]), tmp_path)
    assert list(tmp_path.iterdir()) == [path]
    with av.open(str(path)) as container:
        assert container.duration == pytest.approx(1e6, rel=1e-3)


# --------------------------------------------------------------------------------------------- harmony and score


@pytest.mark.parametrize("mode", SCALES)
def test_progressions_avoid_the_diminished_triad(mode: str) -> None:
    key = Key(0, mode)
    for progression in PROGRESSIONS[mode]:
        for root in map(int, progression):
            third, fifth = (key.pitch(note) - key.pitch(root) for note in key.chord(root, 3)[1:])
            assert (third, fifth) in {(3, 7), (4, 7)}, (progression, root)


def test_chords_of_c_major() -> None:
    key = Key(0, "major")
    assert [key.pitch(degree) for degree in (0, 1, 6, 7, -1)] == [60, 62, 71, 72, 59]
    assert voicing(key, 0, 3, 64.0, ()) == (60, 64, 67)
    assert voicing(key, 3, 3, 64.0, (60, 64, 67)) == (60, 65, 69)  # F over C: the nearest inversion
    assert voicing(key, 4, 2, 60.0, ()) in {(55, 62), (62, 67)}
    assert str(Key(2, "dorian")) == "D dorian"


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.name)
def test_style_is_spelt_right(style: Style) -> None:
    for symbols, patterns in (
        ("Xxo.", style.drums.values()),
        ("1358a.-", style.bass_patterns),
        ("Xx.-0123456789", style.chord_patterns + style.extra_patterns),
    ):
        for pattern in patterns:
            assert len(pattern) == style.meter.steps
            assert set(pattern) <= set(symbols)
    assert {*style.bass, *style.chords, *style.extra, *style.lead} <= VOICES.keys()
    assert {*style.drums, "crash", "tom", "kick"} <= DRUMS.keys()
    assert set(style.modes) <= SCALES.keys()


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.name)
def test_score_keeps_to_its_key_and_length(style: Style) -> None:
    score = write_score(np.random.default_rng(11), style)
    scale = {score.key.pitch(degree) % 12 for degree in range(7)}
    for notes in score.parts.values():
        assert {note.midi % 12 for note in notes} <= scale
    last = score.sections[-1]
    assert score.duration_s == pytest.approx((last.first_bar + last.n_bars) * score.bar_s + RING_S)
    assert max(stroke.start_s for stroke in score.strokes) < score.duration_s
    assert {section.kind for section in score.sections} >= {"verse", "chorus", "outro"}
    lead = sorted(note.start_s for note in score.parts["lead"])
    assert np.diff(lead).max() > score.bar_s * 0.4  # phrases breathe
    assert all(28 <= note.midi <= 60 for note in score.parts["bass"])
    assert all(60 <= note.midi <= 92 for note in score.parts["lead"])


# ------------------------------------------------------------------------------------------------------- voices


@pytest.mark.parametrize("name", VOICES)
@pytest.mark.parametrize("midi", [38, 57, 76])
def test_voice_is_in_tune(name: str, midi: int) -> None:
    rng = np.random.default_rng(7)
    hz = midi_hz(midi)
    sound = VOICES[name].draw(rng)(hz, 1.0, rng)
    assert sound.dtype == np.float32
    assert np.isfinite(sound).all()
    assert 0.05 < np.abs(sound).max() < 4.0
    # The strongest partial within a semitone of the fundamental, or of the octave where the fundamental is weak.
    n = 1 << 19
    power = np.abs(np.fft.rfft(sound[:SAMPLE_RATE] * np.hanning(min(len(sound), SAMPLE_RATE)), n)) ** 2
    cents = []
    for partial in (hz, 2 * hz):
        low, high = (round(partial * 2.0 ** (edge / 12.0) * n / SAMPLE_RATE) for edge in (-1, 1))
        peak = low + np.argmax(power[low:high])
        cents.append((power[peak], 1200.0 * np.log2(peak * SAMPLE_RATE / n / partial)))
    assert abs(max(cents)[1]) < 20.0  # the widest detuning in the table is 14 cents, and vibrato smears


@pytest.mark.parametrize("name", DRUMS)
def test_drum_decays_and_no_two_hits_are_equal(name: str) -> None:
    rng = np.random.default_rng(3)
    hit = DRUMS[name].draw(rng)
    first, second = hit(rng), hit(rng)
    assert np.isfinite(first).all()
    assert not np.array_equal(first, second)
    assert 0.05 < np.abs(first).max() < 3.0
    quarter = len(first) // 4
    assert np.mean(first[-quarter:] ** 2) < 0.01 * np.mean(first[:quarter] ** 2)
