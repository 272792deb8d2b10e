"""Voices as modulated noise: the moments that the autoregression must have, at any sample rate."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import solve_discrete_lyapunov

from classifier.config import FeatureConfig
from classifier.mixtures import features
from classifier.noise import talk

CONFIG = FeatureConfig()


@pytest.fixture(scope="module")
def companion() -> np.ndarray:
    """The autoregression as one step of a longer state (Lütkepohl 2005, eq. 2.1.8)."""
    transition = talk._model()["transition"]
    order, bands, _ = transition.shape
    below = np.eye((order - 1) * bands, order * bands)
    return np.concatenate([np.concatenate(list(transition), axis=1), below])


def test_the_autoregression_is_stable(companion):
    assert np.abs(np.linalg.eigvals(companion)).max() < 0.999


def test_envelopes_have_the_stationary_moments(companion):
    """The covariance solves P = A P A' + Q: Lyapunov's equation."""
    model = talk._model()
    bands = len(model["mean"])
    noise = np.zeros(companion.shape)
    noise[:bands, :bands] = model["innovation"] @ model["innovation"].T
    expected = solve_discrete_lyapunov(companion, noise)[:bands, :bands]
    made = talk.envelopes(60000, np.random.default_rng(1))
    assert made.shape == (60000, bands)
    spread = np.sqrt(np.diag(expected))
    np.testing.assert_allclose(made.mean(axis=0), model["mean"], atol=0.15 * spread.max())
    np.testing.assert_allclose(made.std(axis=0), spread, rtol=0.1)
    np.testing.assert_allclose(np.corrcoef(made.T), expected / np.outer(spread, spread), atol=0.1)


def test_a_seed_gives_the_same_voices_and_another_seed_others():
    first, again, other = (talk.voices(16000, 16000, np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert abs(np.corrcoef(first, other)[0, 1]) < 0.1


@pytest.mark.parametrize("n", [1, 239, 240, 16001])
def test_voices_are_as_long_as_asked_for(n):
    made = talk.voices(n, 16000, np.random.default_rng(0))
    assert made.shape == (n,)
    assert np.isfinite(made).all()


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100])
def test_voices_lie_below_4_khz_and_come_and_go_at_any_rate(rate):
    made = talk.voices(20 * rate, rate, np.random.default_rng(5))
    power = np.abs(np.fft.rfft(made)) ** 2
    hertz = np.fft.rfftfreq(len(made), 1 / rate)
    assert power[(hertz > 200) & (hertz < 4000)].sum() > 0.7 * power.sum()
    assert power[hertz > 4300].sum() < 0.01 * power.sum()
    loudness = np.log(np.square(made.reshape(-1, rate // 50)).mean(axis=1))
    steady = np.log(np.square(np.random.default_rng(6).standard_normal((1000, rate // 50))).mean(axis=1))
    assert loudness.std() > 4 * steady.std()


def test_what_is_heard_of_them_has_the_levels_of_the_model():
    """Through the features' own bands: log powers of noise lie lower than those of its envelope, all by the same."""
    made = talk.voices(60 * 16000, 16000, np.random.default_rng(7)).astype(np.float32)
    mel = features.mel_power(features.spectrum(made, CONFIG), CONFIG)
    heard = np.log(mel / features.mel_matrix(CONFIG).sum(axis=0)).mean(axis=0)
    below = talk._model()["centre_hz"] < 3500
    difference = (heard - talk._model()["mean"])[below]
    assert np.ptp(difference) < 1.5
