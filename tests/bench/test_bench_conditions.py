"""Degradations: deterministic, at the stated level and speed, and never out of place."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import hilbert

from bench import conditions, noises, phones
from bench.conditions import CONDITIONS, Condition, degrade, source_length
from bench.corpus import SAMPLE_RATE
from bench.material import HALL, Material, impulse_pool, rms
from bench.noises import MUSIC_FREE
from bench.phones import CODECS

LENGTH = 2 * SAMPLE_RATE
PREROLL = SAMPLE_RATE
LEVEL_TOLERANCE_DB = 0.01  # float32 sums
LINE_TOLERANCE_HZ = 0.5  # one bin of a two-second spectrum


@pytest.fixture(scope="module")
def song() -> np.ndarray:
    """Four seconds of quiet noise below 3 kHz, so that no peak needs scaling and every codec carries it."""
    rng = np.random.default_rng(440)
    spectrum = np.fft.rfft(rng.standard_normal(4 * SAMPLE_RATE))
    spectrum[3000 * 4 :] = 0
    audio = np.fft.irfft(spectrum)
    return (0.05 * audio / audio.std()).astype(np.float32)


def _need(module: str) -> None:
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed")


def _degraded(song: np.ndarray, name: str | Condition, material: Material, seed: int = 1) -> np.ndarray:
    condition = CONDITIONS[name] if isinstance(name, str) else name
    return degrade(song, condition, seed, length=LENGTH, preroll=PREROLL, material=material)


@pytest.mark.parametrize("name", CONDITIONS)
def test_every_condition_is_deterministic_and_within_full_scale(
    name: str, song: np.ndarray, material: Material
) -> None:
    if CONDITIONS[name].phone:
        _need({"webrtc": "webrtc_noise_gain", "rnnoise": "pyrnnoise"}[str(CONDITIONS[name].phone)])
    first = _degraded(song, name, material)
    assert first.shape == (LENGTH,)
    assert first.dtype == np.float32
    assert np.all(np.isfinite(first))
    assert 0 < np.max(np.abs(first)) <= 0.99 + 1e-6
    assert np.array_equal(first, _degraded(song, name, material))


@pytest.mark.parametrize(
    "name",
    [
        "room+babble5",
        "room+pink0",
        "room+voices5",
        "room+talker0",
        "room+car-6",
        "room+wow",
        *(f"only-{source}" for source in MUSIC_FREE),
    ],
)
def test_another_seed_gives_another_sound(name: str, song: np.ndarray, material: Material) -> None:
    assert not np.array_equal(_degraded(song, name, material, seed=1), _degraded(song, name, material, seed=2))


def test_clean_is_the_excerpt_itself(song: np.ndarray, material: Material) -> None:
    assert np.array_equal(_degraded(song, "clean", material), song[PREROLL : PREROLL + LENGTH])


@pytest.mark.parametrize("noise", ["babble", "pink"])
@pytest.mark.parametrize("snr_db", [10, 5, 0])
def test_snr_is_that_of_rms_over_the_snippet_after_the_room(
    noise: str, snr_db: int, song: np.ndarray, material: Material
) -> None:
    music = _degraded(song, "room", material)
    added = _degraded(song, f"room+{noise}{snr_db}", material) - music
    measured = 20 * np.log10(rms(music) / rms(added))
    assert measured == pytest.approx(snr_db, abs=LEVEL_TOLERANCE_DB)


def test_levels_share_room_and_noise(song: np.ndarray, material: Material) -> None:
    music = _degraded(song, "room", material)
    loud, soft = (_degraded(song, f"room+babble{snr}", material) - music for snr in (0, 10))
    assert np.allclose(loud, soft * 10 ** (10 / 20), atol=1e-5)


def test_noise_of_silence_is_silence() -> None:
    silence = np.zeros(100, dtype=np.float32)
    assert np.array_equal(conditions.mix(silence, np.ones(100, dtype=np.float32), 0.0), silence)
    assert np.array_equal(conditions.mix(np.ones(100), silence, 0.0), np.ones(100))


def test_room_hears_what_was_played_before_the_snippet(song: np.ndarray, material: Material) -> None:
    wall = replace(material, impulses=material.impulses[:1])  # direct sound, and half of it 0.5 s later
    heard = _degraded(song, "room", wall)
    expected = song[PREROLL : PREROLL + LENGTH] + 0.5 * song[PREROLL - 8000 : PREROLL - 8000 + LENGTH]
    assert np.allclose(heard, expected, atol=1e-6)


@pytest.mark.parametrize("percent", [-5, -3, -1, 1, 3, 5])
def test_speed_moves_frequency_and_time_by_its_factor(percent: int, material: Material) -> None:
    condition = CONDITIONS[f"clean+speed{percent:+d}"]
    assert condition.speed == pytest.approx(1 + percent / 100)
    needed = PREROLL + source_length(condition, LENGTH)
    t = np.arange(needed) / SAMPLE_RATE
    tone = (0.5 * np.sin(2 * np.pi * 1000 * t)).astype(np.float32)
    spectrum = np.abs(np.fft.rfft(_degraded(tone, condition, material)))
    assert np.argmax(spectrum) * SAMPLE_RATE / LENGTH == pytest.approx(1000 * condition.speed, abs=LINE_TOLERANCE_HZ)
    pulse = np.zeros(needed, dtype=np.float32)
    pulse[PREROLL + SAMPLE_RATE] = 1.0  # one second of track time after the snippet's first sample
    at = np.argmax(np.abs(_degraded(pulse, condition, material)))
    assert at == pytest.approx(SAMPLE_RATE / condition.speed, abs=1.0)


@pytest.mark.parametrize(
    ("name", "tempo", "ratio"), [("tempo-20", 0.8, 1), ("tempo+10", 1.1, 1), ("pitch+3", 1, 2**0.25)]
)
def test_tempo_and_pitch_move_by_themselves(name: str, tempo: float, ratio: float, material: Material) -> None:
    """A tone tells the pitch; bursts of noise, half a second apart, tell the tempo, within a piece of the stretch."""
    condition = CONDITIONS[f"clean+{name}"]
    assert condition.speed == pytest.approx(tempo)
    needed = PREROLL + source_length(condition, LENGTH)
    tone = (0.5 * np.sin(2 * np.pi * 1000 * np.arange(needed) / SAMPLE_RATE)).astype(np.float32)
    spectrum = np.abs(np.fft.rfft(_degraded(tone, condition, material)))
    assert np.argmax(spectrum) * SAMPLE_RATE / LENGTH == pytest.approx(1000 * ratio, rel=0.003)
    bursts = np.zeros(needed, np.float32)
    starts = np.arange(PREROLL + 8000, needed - 4000, 8000)
    for start in starts:
        bursts[start : start + 800] = 0.3 * np.random.default_rng(1).standard_normal(800)
    heard = _degraded(bursts, condition, material)
    for start in starts:
        at = round((start - PREROLL) / tempo)
        if at + 2400 < LENGTH:
            assert rms(heard[max(0, at - 1000) : at + 1800]) > 3 * rms(heard[at + 2400 : at + 4800])


def test_clipping_leaves_a_tenth_of_the_samples_at_full_scale(song: np.ndarray, material: Material) -> None:
    clipped = np.abs(_degraded(song, "clipped", material))
    assert np.mean(clipped >= clipped.max() - 1e-6) == pytest.approx(0.1, abs=0.001)


@pytest.mark.parametrize("codec", CODECS)
def test_codecs_stay_in_place_and_near_their_rate(codec: str, song: np.ndarray) -> None:
    decoded = phones.recode(song, codec)
    assert decoded.shape == song.shape
    spectrum = np.fft.rfft(decoded, 2 * len(song)) * np.conj(np.fft.rfft(song, 2 * len(song)))
    lag = int(np.argmax(np.fft.irfft(spectrum)))
    assert min(lag, 2 * len(song) - lag) <= 2  # speech at 6 kbit/s is sampled at half the rate
    n_bytes = len(phones.encode(song, codec))
    wanted = CODECS[codec].bit_rate * len(song) / SAMPLE_RATE / 8
    assert 0.5 * wanted < n_bytes < 1.5 * wanted
    assert not np.array_equal(decoded, song)


def test_amr_carries_nothing_above_four_kilohertz(material: Material) -> None:
    white = (0.1 * np.random.default_rng(1).standard_normal(4 * SAMPLE_RATE)).astype(np.float32)
    power = np.abs(np.fft.rfft(phones.recode(white, "amrnb"))) ** 2
    half = len(power) // 2  # 4 kHz
    assert power[half + 400 :].sum() < 1e-4 * power[:half].sum()


@pytest.mark.parametrize("source", MUSIC_FREE)
def test_music_free_queries_need_no_music(source: str, material: Material) -> None:
    condition = CONDITIONS[f"only-{source}"]
    assert condition.music_free
    heard = degrade(np.zeros(0, dtype=np.float32), condition, 3, length=LENGTH, material=material)
    if source != "clicks":  # its few peaks are brought below full scale
        assert 20 * np.log10(rms(heard)) == pytest.approx(-20, abs=0.5)


def test_pink_noise_has_equal_power_in_octaves() -> None:
    power = np.abs(np.fft.rfft(noises.pink(30 * SAMPLE_RATE, 1))) ** 2
    hz = np.arange(len(power)) / 30
    octaves = [power[(hz >= low) & (hz < 2 * low)].sum() for low in (125, 250, 500, 1000, 2000, 4000)]
    assert np.ptp(10 * np.log10(octaves)) < 0.5
    assert power[hz < 19.9].sum() < 1e-9 * power.sum()


def test_short_excerpts_and_noise_without_level_are_refused(song: np.ndarray, material: Material) -> None:
    with pytest.raises(ValueError, match="excerpt has 64000 samples; condition clean needs 64001"):
        degrade(song, CONDITIONS["clean"], 1, length=len(song) - PREROLL + 1, preroll=PREROLL, material=material)
    with pytest.raises(ValueError, match="names no snr_db"):
        _degraded(song, Condition("odd", noise="pink"), material)


def test_without_codec_changes_nothing_else() -> None:
    condition = CONDITIONS["room+babble10+amrnb"]
    assert conditions.without_codec(condition) == replace(condition, codec=None)


def test_simulated_rooms_begin_with_the_direct_sound(cache: Path) -> None:
    _need("pyroomacoustics")
    rooms = impulse_pool(2, 7)
    assert all(len(room) <= SAMPLE_RATE and np.abs(room[0]) > 0.05 for room in rooms)
    assert all(np.linalg.norm(room) == pytest.approx(1.0, abs=1e-5) for room in rooms)
    assert not np.array_equal(rooms[0][:1000], rooms[1][:1000])
    again = impulse_pool(2, 7)  # now from the cache
    assert all(np.array_equal(a, b) for a, b in zip(rooms, again, strict=True))


def test_halls_are_other_rooms_that_sound_for_longer(cache: Path) -> None:
    _need("pyroomacoustics")
    hall, room = impulse_pool(1, 7, HALL)[0], impulse_pool(1, 7)[0]

    def late(impulse: np.ndarray) -> float:
        return float(np.square(impulse[SAMPLE_RATE // 4 :]).sum())

    assert late(hall) > 3 * late(room)
    assert not np.array_equal(hall[:500], room[:500])


@pytest.mark.parametrize("name", ["webrtc", "rnnoise"])
def test_suppression_takes_noise_away_and_stays_in_place(name: str) -> None:
    """Voiced sound with pauses, in steady noise: the pauses grow quieter, and what is left lies where it lay."""
    _need({"webrtc": "webrtc_noise_gain", "rnnoise": "pyrnnoise"}[name])
    rng = np.random.default_rng(3)
    t = np.arange(5 * SAMPLE_RATE) / SAMPLE_RATE
    phase = 2 * np.pi * np.cumsum(140 + 30 * np.sin(2 * np.pi * 0.7 * t)) / SAMPLE_RATE
    talks = np.sin(2 * np.pi * 2 * t) > 0
    voiced = np.sum([np.sin(k * phase) / k for k in range(1, 25)], axis=0) * talks
    voice = (0.1 * voiced / voiced.std()).astype(np.float32)
    noise = (0.02 * rng.standard_normal(len(voice))).astype(np.float32)
    heard = phones.SUPPRESSORS[name](voice + noise)
    assert heard.shape == voice.shape
    assert heard.dtype == np.float32
    size = 2 * len(voice)
    cross = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(voice, size)))
    lag = int(np.argmax(cross))
    assert min(lag, size - lag) <= SAMPLE_RATE // 1000
    late = t > 2  # both learn what the noise is
    before = rms(noise[late & ~talks]) / rms((voice + noise)[late & talks])
    assert rms(heard[late & ~talks]) / rms(heard[late & talks]) < 0.7 * before


def test_wow_and_flutter_move_the_pitch_and_keep_the_place() -> None:
    t = np.arange(4 * SAMPLE_RATE) / SAMPLE_RATE
    tone = np.sin(2 * np.pi * 1000 * t).astype(np.float32)
    heard = conditions.waver(tone, 5)
    assert heard.shape == tone.shape
    inside = slice(2000, -2000)  # an analytic signal is no good at its ends
    lead_s = np.unwrap(np.angle(hilbert(heard) * np.conj(hilbert(tone))))[inside] / (2 * np.pi * 1000)
    depth = conditions.WOW[1] + conditions.FLUTTER[1]
    speed = np.diff(lead_s) * SAMPLE_RATE
    assert 0.5 * depth < np.max(np.abs(speed - speed.mean())) < 1.5 * depth
    assert np.max(np.abs(lead_s[[0, -1]])) < depth * 2000 / SAMPLE_RATE
    assert 5e-4 < np.max(np.abs(lead_s)) < 2.5e-3


def test_a_small_loudspeaker_has_a_band_and_rounds_peaks_off() -> None:
    t = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    deep, middle = (np.sin(2 * np.pi * hz * t) for hz in (50, 1000))
    spectrum = np.abs(np.fft.rfft(conditions.small_speaker(deep + middle)[SAMPLE_RATE:]))  # a bin is one hertz
    assert spectrum[50] < 0.1 * spectrum[1000]
    assert 0.03 < spectrum[3000] / spectrum[1000] < 0.3  # a clipped sine has odd harmonics
    assert not np.any(conditions.small_speaker(np.zeros(100, np.float32)))


def test_a_car_is_loudest_where_no_phone_hears_well() -> None:
    power = np.abs(np.fft.rfft(noises.car(20 * SAMPLE_RATE, 1))) ** 2
    hz = np.arange(len(power)) / 20
    assert power[hz < 300].sum() > 0.8 * power.sum()
    assert power[hz > 2000].sum() > 1e-6 * power.sum()


def test_a_talker_is_one_voice_and_a_crowd_has_many(material: Material) -> None:
    steady = np.full(SAMPLE_RATE, 0.1, np.float32)
    assert np.allclose(noises.talker(1000, 1, replace(material, voices=[[steady]])), 1.0)
    crowd = noises.voices(1000, 1, replace(material, voices=[[steady]] * 12))
    assert 6 * 10 ** (-3 / 20) <= crowd[0] <= 12 * 10 ** (3 / 20)
