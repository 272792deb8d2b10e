"""What the phone hears: levels, rooms and a crowd, checked against their definitions."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from classifier.demo.phone import NOISES, mix_at_snr, pink, record, room_impulse, white, write_wav
from classifier.errors import InvalidParameter
from tests.noise.spectra import octave_levels_db

RATE = 22_050
SNR_TOLERANCE_DB = 0.1
RT60_TOLERANCE = 0.15  # the tail is one draw of noise


def rms(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


@pytest.fixture(scope="module")
def song() -> np.ndarray:
    """Bursts of noise twice a second, each of its own loudness: something with onsets, without composing."""
    rng = np.random.default_rng(1)
    beat = RATE // 2
    level = np.repeat(rng.uniform(0.2, 1.0, 20), beat) * np.tile(np.exp(-np.arange(beat) / (0.15 * RATE)), 20)
    return (0.3 * level * rng.standard_normal(20 * beat)).astype(np.float32)


# -------------------------------------------------------------------------------------------------------- noises


@pytest.mark.parametrize("name", NOISES)
def test_noise_has_rms_1_and_follows_its_seed(name: str) -> None:
    make = NOISES[name]
    noise = make(30_001, RATE, 5)
    assert noise.shape == (30_001,)
    assert noise.dtype == np.float32
    assert rms(noise) == pytest.approx(1.0, abs=1e-4)
    np.testing.assert_array_equal(noise, make(30_001, RATE, 5))
    other = make(30_001, RATE, 6)
    assert abs(np.mean(noise * other)) < 0.1


def test_pink_has_equal_octaves_and_white_rises_3_db() -> None:
    assert np.ptp(octave_levels_db(pink(10 * RATE, 2))) < 1.0
    np.testing.assert_allclose(np.diff(octave_levels_db(white(10 * RATE, 2))), 3.01, atol=0.7)


# ---------------------------------------------------------------------------------------------------------- room


@pytest.mark.parametrize("rt60_s", [0.25, 0.6, 1.2])
def test_room_decays_as_asked(rt60_s: float) -> None:
    impulse = room_impulse(3, rt60_s, RATE)
    assert np.sum(impulse.astype(float) ** 2) == pytest.approx(1.0, abs=1e-4)
    middle = sosfilt(butter(2, (500, 2000), "bandpass", fs=RATE, output="sos"), impulse)[round(0.03 * RATE) :]
    decay_db = 10 * np.log10(np.cumsum(middle[::-1] ** 2)[::-1] / np.sum(middle**2))  # Schroeder 1965
    at_5, at_25 = np.argmax(decay_db < -5), np.argmax(decay_db < -25)
    assert 3 * (at_25 - at_5) / RATE == pytest.approx(rt60_s, rel=RT60_TOLERANCE)


def test_rooms_differ_and_repeat() -> None:
    np.testing.assert_array_equal(room_impulse(1, 0.4, RATE), room_impulse(1, 0.4, RATE))
    assert abs(np.sum(room_impulse(1, 0.4, RATE)[50:] * room_impulse(2, 0.4, RATE)[50:])) < 0.2


def test_direct_sound_keeps_its_place() -> None:
    click = np.zeros(3 * RATE, dtype=np.float32)
    click[RATE] = 1.0
    for seed in range(8):
        heard = record(click, RATE, 0.75, 1.0, noise=None, seed=seed)
        first = np.argmax(np.abs(heard) > 0.25 * np.abs(heard).max())
        assert abs(first - RATE // 4) <= 0.002 * RATE


def test_snippet_hears_the_room_ring_from_before_it() -> None:
    click = np.zeros(3 * RATE, dtype=np.float32)
    click[RATE] = 1.0
    assert rms(record(click, RATE, 1.05, 0.2, noise=None)) > 0.01
    assert rms(record(click, RATE, 1.05, 0.2, noise=None, room=False)) == 0.0


def test_a_late_start_hears_what_a_long_recording_hears(song: np.ndarray) -> None:
    whole = record(song, RATE, 0.0, 8.0, noise=None, seed=2)
    part = record(song, RATE, 3.0, 2.0, noise=None, seed=2)
    stretch = whole[3 * RATE : 5 * RATE]
    np.testing.assert_allclose(part / rms(part), stretch / rms(stretch), atol=1e-3)  # up to the automatic gain


# --------------------------------------------------------------------------------------------------------- levels


@pytest.mark.parametrize("snr_db", [-10.0, 0.0, 5.0, 30.0])
def test_mix_has_the_ratio_asked_for(song: np.ndarray, snr_db: float) -> None:
    noise = 7.0 * white(len(song), 3)
    added = mix_at_snr(song, noise, snr_db).astype(float) - song
    assert 20 * np.log10(rms(song) / rms(added)) == pytest.approx(snr_db, abs=SNR_TOLERANCE_DB)


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("snr_db", [0.0, 5.0])
def test_recording_has_the_ratio_asked_for(song: np.ndarray, noise: str, snr_db: float) -> None:
    n = 3 * RATE
    noisy = record(song, RATE, 2.0, 3.0, snr_db=snr_db, noise=noise, seed=9)
    clean = record(song, RATE, 2.0, 3.0, noise=None, seed=9)
    parts = np.stack([clean, NOISES[noise](n, RATE, 9)], axis=1).astype(float)
    gains, *_ = np.linalg.lstsq(parts, noisy.astype(float), rcond=None)
    np.testing.assert_allclose(parts @ gains, noisy, atol=1e-5)  # nothing else is in it
    ratio = 20 * np.log10(gains[0] * rms(parts[:, 0]) / (gains[1] * rms(parts[:, 1])))
    assert ratio == pytest.approx(snr_db, abs=SNR_TOLERANCE_DB)


def test_recording_is_repeatable_finite_and_below_full_scale(song: np.ndarray) -> None:
    first = record(song, RATE, 1.0, 2.5, seed=4)
    np.testing.assert_array_equal(first, record(song, RATE, 1.0, 2.5, seed=4))
    assert not np.array_equal(first, record(song, RATE, 1.0, 2.5, seed=5))
    assert first.shape == (round(2.5 * RATE),)
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
    assert np.abs(first).max() < 1.0


@pytest.mark.parametrize("start_s", [-1.0, 9.0])
def test_recording_may_begin_before_or_end_after_the_song(song: np.ndarray, start_s: float) -> None:
    heard = record(song, RATE, start_s, 2.0, noise=None, room=False)
    outside = heard[:RATE] if start_s < 0 else heard[RATE:]
    inside = heard[RATE:] if start_s < 0 else heard[:RATE]
    assert heard.shape == (2 * RATE,)
    assert rms(outside) == 0.0
    assert rms(inside) > 0.0


def test_silence_without_noise_stays_silence() -> None:
    assert not record(np.zeros(RATE, dtype=np.float32), RATE, 0.0, 0.5, noise=None).any()


@pytest.mark.parametrize("call", [
    lambda: record(np.ones(RATE, dtype=np.float32), RATE, 0.0, 0.5, noise="rain"),
    lambda: record(np.ones(RATE, dtype=np.float32), RATE, 0.0, 0.0),
    lambda: record(np.zeros(RATE, dtype=np.float32), RATE, 0.0, 0.5),
    lambda: mix_at_snr(np.ones(3), np.ones(4), 0.0),
    lambda: mix_at_snr(np.ones(3), np.zeros(3), 0.0),
    lambda: room_impulse(0, 0.0, RATE),
    lambda: room_impulse(0, 0.5, 4000),
])  # fmt: skip
def test_senseless_requests_are_refused(call) -> None:
    with pytest.raises(InvalidParameter, match=r"choose one|nothing to record|silent|equally long|must be"):
        call()


def test_wav_round_trips_and_clips(tmp_path: Path) -> None:
    samples = np.array([0.0, 0.5, -0.5, 1.5, -1.5], dtype=np.float32)
    write_wav(tmp_path / "snippet.wav", samples, 16_000)
    with wave.open(str(tmp_path / "snippet.wav")) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16_000, 1, 2)
        pcm = np.frombuffer(file.readframes(10), dtype="<i2")
    np.testing.assert_array_equal(pcm, [0, 16384, -16384, 32767, -32767])
