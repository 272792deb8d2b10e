"""Backgrounds: the one that ships, and fitting one of one's own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from classifier.config import PRESETS, FeatureConfig
from classifier.mixtures import features
from classifier.mixtures.slots import STEPS, slot_deltas
from classifier.models import fitting
from classifier.models.background import Background, builtin_background
from tests.library import decoded, lively_noise

CONFIG = FeatureConfig()
BACKGROUND = builtin_background()


# --- the one that ships ---------------------------------------------------------------------------------------


def test_the_shipped_background_is_a_mixture_of_standardised_features():
    mixture = BACKGROUND.mixture
    assert mixture.weights.shape == (1, 6)
    assert mixture.weights.sum() == pytest.approx(1, abs=1e-6)
    assert (np.linalg.eigvalsh(mixture.covariances[0]) > 0).all()
    assert (BACKGROUND.scale > 0).all()
    weights = mixture.weights[0]
    mean = weights @ mixture.means[0]
    second = np.einsum("k,kii->i", weights, mixture.covariances[0]) + weights @ mixture.means[0] ** 2
    np.testing.assert_allclose(mean, 0, atol=0.05)  # a derivative has no mean
    np.testing.assert_allclose(second, 1, atol=0.1)  # it was standardised on what it was fitted on


def test_the_shipped_background_is_of_the_default_front_end():
    assert BACKGROUND.front_end == CONFIG.front_end_hash
    assert BACKGROUND.slot_scale.shape == (CONFIG.slot_mfcc,)
    assert (BACKGROUND.slot_scale > 0).all()


def test_the_shipped_scale_fits_slots_of_music_into_eight_bits(enrolled_songs):
    """Their mean square is about one, so that few means saturate and few are lost in rounding."""
    mel = features.mel_power(features.spectrum(decoded(enrolled_songs[0]), CONFIG), CONFIG)
    means = fitting.whole_slots(mel, CONFIG).mean(axis=1) / BACKGROUND.slot_scale
    assert 0.3 < means.std() < 2
    assert (np.abs(means) > 127 / STEPS).mean() < 0.03
    within = (fitting.whole_slots(mel, CONFIG) / BACKGROUND.slot_scale).var(axis=1).mean()
    assert within == pytest.approx(BACKGROUND.slot_variance, rel=1)


def test_a_background_survives_its_arrays(tmp_path):
    np.savez(tmp_path / "background.npz", **BACKGROUND.to_arrays())
    with np.load(tmp_path / "background.npz", allow_pickle=False) as file:
        again = Background.from_arrays("x", "hash", file)
    assert (again.id, again.front_end) == ("x", "hash")
    for name, array in BACKGROUND.to_arrays().items():
        np.testing.assert_array_equal(again.to_arrays()[name], array, err_msg=name)
    assert again.slot_variance == BACKGROUND.slot_variance


def test_a_background_gives_its_diagonal():
    diagonal = BACKGROUND.start("diag")
    for k in range(6):
        np.testing.assert_array_equal(diagonal.covariances[0, k], np.diag(BACKGROUND.mixture.covariances[0, k]))
    assert BACKGROUND.start("full") is BACKGROUND.mixture


# --- fitting --------------------------------------------------------------------------------------------------


def slots_of(rng: np.random.Generator, n: int, between: np.ndarray, within: np.ndarray) -> np.ndarray:
    """Frames of n slots of eight, with these deviations between slots and within."""
    middle = rng.standard_normal((n, 1, len(between))) * between
    return (middle + rng.standard_normal((n, 8, len(between))) * within).astype(np.float32)


def test_fitting_standardises_and_finds_clusters(rng):
    """Three well separated clusters come back, whatever the units."""
    centres = np.array([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0]])
    label = rng.integers(0, 3, 6000)
    frames = (centres[label] + 0.3 * rng.standard_normal((6000, 2))) * np.array([100.0, 0.01])
    config, slot_frames = replace(CONFIG, n_components=3), slots_of(rng, 50, np.ones(2), np.ones(2))
    found = fitting.fit(frames, slot_frames, config, "clusters", seed=1)
    assert found.id == "clusters"
    np.testing.assert_allclose(found.scale, frames.std(axis=0), rtol=1e-3)
    order = np.lexsort(np.round(found.mixture.means[0]).T)
    wanted = (centres * np.array([100.0, 0.01]) / found.scale)[np.lexsort(np.round(centres).T)]
    np.testing.assert_allclose(found.mixture.means[0][order], wanted, atol=0.05)
    np.testing.assert_allclose(found.mixture.weights, 1 / 3, atol=0.03)


def test_fitting_measures_slots_as_they_were_made(rng):
    """Means of n frames vary by between^2 + within^2 / n, frames about them by within^2 (n - 1) / n.

    Coefficients are divided by the fourth root of their deviation, then all alike, so that their mean square is one.
    """
    between, within = np.array([0.5, 2.0, 30.0]), np.array([0.2, 4.0, 10.0])
    found = fitting.fit(rng.standard_normal((500, 13)), slots_of(rng, 20_000, between, within), CONFIG)
    deviation = np.sqrt(between**2 + within**2 / 8)
    scaled = deviation / found.slot_scale
    assert np.mean(scaled**2) == pytest.approx(1, rel=0.02)
    np.testing.assert_allclose(scaled / scaled[0], (deviation / deviation[0]) ** 0.75, rtol=0.03)
    assert found.slot_variance == pytest.approx(float(np.mean(within**2 * 7 / 8 / found.slot_scale**2)), rel=0.02)


def test_an_id_is_its_content(rng):
    """Equal ids mean equal parameters, whatever they were fitted with; a name that is given stays."""
    frames, slot_frames = rng.standard_normal((800, 13)), slots_of(rng, 50, np.ones(24), np.ones(24))
    plain = fitting.fit(frames, slot_frames, CONFIG)
    assert plain.id.startswith("fitted-")
    assert plain.front_end == CONFIG.front_end_hash
    assert fitting.fit(frames, slot_frames, CONFIG).id == plain.id
    for other in (
        fitting.fit(frames, slot_frames, replace(CONFIG, covariance_floor=0.02)),
        fitting.fit(frames + 0.01 * frames**2, slot_frames, CONFIG),
        fitting.fit(frames, 1.1 * slot_frames, CONFIG),
        fitting.fit(frames, slots_of(rng, 50, np.ones(24), 1.1 * np.ones(24)), CONFIG),
    ):
        assert other.id != plain.id


def test_whole_slots_are_frames_of_their_means():
    mel = features.mel_power(features.spectrum(lively_noise(3.0, seed=9), CONFIG), CONFIG)
    deltas, n = slot_deltas(mel, CONFIG), CONFIG.slot_frames
    found = fitting.whole_slots(mel, CONFIG)
    assert found.shape == (len(deltas) // n, n, CONFIG.slot_mfcc)
    np.testing.assert_array_equal(found[3], deltas[3 * n : 4 * n])
    assert fitting.whole_slots(mel[:20], CONFIG).shape == (0, n, CONFIG.slot_mfcc)


def test_the_demo_songs_give_the_same_background_each_time(monkeypatch):
    """A configuration with another floor of covariances has the same front end, and another background."""
    monkeypatch.setattr(fitting, "_SONGS", 1)
    monkeypatch.setattr(fitting, "EM_STEPS", 3)
    config = PRESETS["synced-fm"]
    first, second = (fitting.fit_on_demo_songs(config) for _ in range(2))
    assert first.id == second.id
    for name, array in first.to_arrays().items():
        np.testing.assert_array_equal(second.to_arrays()[name], array, err_msg=name)
    assert first.front_end == config.front_end_hash != CONFIG.front_end_hash
    other = fitting.fit_on_demo_songs(replace(config, covariance_floor=0.05))
    assert other.front_end == first.front_end
    assert other.id != first.id
