"""A crowd that talks: the spectrum, the rhythm and the voices of speech."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.demo.phone import white
from classifier.noise.babble import babble
from tests.noise.spectra import RATE, octave_levels_db


@pytest.fixture(scope="module")
def crowd() -> np.ndarray:
    return babble(20 * RATE, RATE, 4)


def test_babble_has_the_spectrum_of_speech(crowd: np.ndarray) -> None:
    """Long-term average speech (Byrne et al. 1994): most between 125 Hz and 1 kHz, falling steadily above."""
    lowest, *_, one, two, four = octave_levels_db(crowd)
    power = np.abs(np.fft.rfft(crowd)) ** 2
    hz = np.fft.rfftfreq(len(crowd), 1 / RATE)
    assert power[(hz > 125) & (hz < 1000)].sum() > 0.6 * power.sum()
    assert power[(hz > 125) & (hz < 8000)].sum() > 0.95 * power.sum()
    assert lowest < -10.0
    assert -16.0 < one < -7.0  # 1 to 2 kHz
    assert -22.0 < two < -11.0
    assert -25.0 < four < -14.0


def modulation_share(noise: np.ndarray, low_hz: float, high_hz: float) -> float:
    """Part of the envelope's fluctuation from 0.5 to 20 Hz that lies between two rates."""
    block = RATE // 100
    envelope = np.abs(noise[: len(noise) // block * block]).reshape(-1, block).mean(axis=1)
    power = np.abs(np.fft.rfft((envelope - envelope.mean()) * np.hanning(len(envelope)))) ** 2
    rate = np.fft.rfftfreq(len(envelope), block / RATE)
    whole = power[(rate >= 0.5) & (rate < 20)].sum()
    return float(power[(rate >= low_hz) & (rate < high_hz)].sum() / whole)


def test_babble_has_the_rhythm_of_syllables(crowd: np.ndarray) -> None:
    assert modulation_share(crowd, 3.0, 6.0) > 0.35
    assert modulation_share(crowd, 3.0, 6.0) > 2.0 * modulation_share(crowd, 6.0, 10.0)
    assert modulation_share(white(len(crowd), 1), 3.0, 6.0) < 0.25  # an even spread would give 3 / 19.5


def test_one_talker_is_voiced_and_pauses() -> None:
    talker = babble(10 * RATE, RATE, 3, n_voices=1)
    frames = talker[: len(talker) // 1024 * 1024].reshape(-1, 1024)
    level = np.sqrt(np.mean(frames**2, axis=1))
    assert 0.03 < np.mean(level < 0.01 * level.max()) < 0.6  # breath
    loud = frames[level > 0.5 * level.max()]
    correlation = np.fft.irfft(np.abs(np.fft.rfft(loud, 2048, axis=1)) ** 2, axis=1)
    pitch_lags = slice(RATE // 400, RATE // 70)
    assert np.median(correlation[:, pitch_lags].max(axis=1) / correlation[:, 0]) > 0.5  # periodic: a voice


@pytest.mark.parametrize("n_voices", [1, 14])
def test_babble_has_rms_1_and_follows_its_seed(n_voices: int) -> None:
    noise = babble(30_001, RATE, 5, n_voices=n_voices)
    assert (noise.shape, noise.dtype) == ((30_001,), np.float32)
    assert np.sqrt(np.mean(np.square(noise, dtype=np.float64))) == pytest.approx(1.0, abs=1e-4)
    np.testing.assert_array_equal(noise, babble(30_001, RATE, 5, n_voices=n_voices))
    other = babble(30_001, RATE, 6, n_voices=n_voices)
    assert abs(np.corrcoef(noise, other)[0, 1]) < 0.1
