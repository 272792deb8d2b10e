"""What is stored of a track and made of a snippet: grids, twins, silence, both covariance types, other rates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from classifier.config import PRESETS, FeatureConfig, NoiseTwin
from classifier.fingerprint import bits
from classifier.mixtures import features, gmm
from classifier.models import twins as noise
from classifier.models.fitting import fit
from classifier.models.track import Background, TrackModel, at_rate, builtin_background, model_query, model_track
from tests.library import RATE, lively_noise

CONFIG = FeatureConfig()
BACKGROUND = builtin_background()
#: Single against double precision, on standardised features.
VARIANTS = 1 + len(CONFIG.twins)
FLOAT32 = 2e-3


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    return lively_noise(14.3, seed=31)


@pytest.fixture(scope="module")
def model(sound) -> TrackModel:
    return model_track(sound, CONFIG, BACKGROUND, seed=7)


def test_windows_lie_on_the_grid(model, sound):
    starts = features.window_starts(len(features.spectrum(sound, CONFIG)), CONFIG)
    np.testing.assert_array_equal(model.window_frame, starts)
    np.testing.assert_array_equal(starts, np.round(np.arange(len(starts)) * 16000 / 240))
    assert len(starts) == 1 + int(14.3 - 5)
    np.testing.assert_array_equal(model.words, bits.reference_words(sound))
    assert not model.silent.any()


def window_features(sound: np.ndarray, start: int, config: FeatureConfig = CONFIG) -> np.ndarray:
    """Standardised features of one window, from the samples that it covers and no others."""
    first = start * config.frame_step
    span = (config.window_frames - 1) * config.frame_step + config.frame_length
    mel = features.mel_power(features.spectrum(sound[first : first + span], config), config)
    return features.delta_mfcc(mel[None], config) / BACKGROUND.scale


@pytest.mark.parametrize("kind", ["full", "diag"])
def test_each_window_is_modelled_by_itself(sound, kind):
    config = replace(CONFIG, covariance_type=kind, twins=())
    model = model_track(sound, config, BACKGROUND)
    for k in (0, 4, len(model.window_frame) - 1):
        x = window_features(sound, model.window_frame[k]).astype(np.float64)
        alone = gmm.fit(x, BACKGROUND.start(kind), floor=1e-2, relevance=5.0, max_iterations=1)
        np.testing.assert_allclose(model.mixtures.weights[k], alone.weights[0], atol=FLOAT32)
        np.testing.assert_allclose(model.mixtures.means[k], alone.means[0], atol=FLOAT32)
        np.testing.assert_allclose(model.mixtures.covariances[k], alone.covariances[0], atol=5 * FLOAT32)
        covariance = np.cov(x[0].T, bias=True) + 1e-2 * np.eye(13)
        np.testing.assert_allclose(model.moments.means[k, 0], x[0].mean(axis=0), atol=FLOAT32)
        wanted = covariance if kind == "full" else np.diag(covariance)
        np.testing.assert_allclose(model.moments.covariances[k, 0], wanted, atol=FLOAT32)


def test_moments_stand_by_window_then_variant(model, sound):
    """First the clean window, then its noise twins in the order of the configuration."""
    variants = 1 + len(CONFIG.twins)
    assert len(model.moments) == variants * len(model.window_frame)
    spectra = features.spectrum(sound, CONFIG)
    for v, twin in enumerate(CONFIG.twins, start=1):
        mel = noise.noisy_mel_power(spectra, twin, CONFIG, 7)
        for k in (0, 5):
            start = model.window_frame[k]
            x = features.delta_mfcc(mel[None, start : start + CONFIG.window_frames], CONFIG) / BACKGROUND.scale
            expected = gmm.sample_moments(x, CONFIG.covariance_floor)
            row = k * variants + v
            np.testing.assert_allclose(model.moments.means[row, 0], expected.means[0, 0], atol=FLOAT32)
            np.testing.assert_allclose(model.moments.covariances[row, 0], expected.covariances[0, 0], atol=FLOAT32)


def test_windows_in_batches_are_windows(sound):
    """More windows than a batch holds: nothing shifts where batches meet."""
    config = replace(CONFIG, window_step=0.1, twins=(NoiseTwin("pink", 3.0),))
    many = model_track(sound, config, BACKGROUND, seed=7)
    few = model_track(sound, replace(config, window_step=1.0), BACKGROUND, seed=7)
    assert len(many.window_frame) > 64
    same = np.searchsorted(many.window_frame, few.window_frame)
    np.testing.assert_array_equal(many.window_frame[same], few.window_frame)
    np.testing.assert_allclose(many.mixtures.means[same], few.mixtures.means, atol=FLOAT32)
    np.testing.assert_allclose(many.moments.means[2 * same + 1], few.moments.means[1::2], atol=FLOAT32)


@pytest.mark.parametrize("kind", ["full", "diag"])
def test_what_is_stored_comes_back(sound, kind):
    made = model_track(sound[: 7 * RATE], replace(CONFIG, covariance_type=kind), BACKGROUND)
    arrays = made.to_arrays()
    assert {len(array) for array in arrays.values()} == {len(made.window_frame)}
    again = TrackModel.from_arrays(arrays, made.words)
    for part in ("mixtures", "moments"):
        for name in ("weights", "means", "covariances"):
            before, after = (getattr(getattr(m, part), name) for m in (made, again))
            np.testing.assert_array_equal(after, before.astype(np.float32), err_msg=f"{part} {name}")
    np.testing.assert_array_equal(again.window_frame, made.window_frame)
    np.testing.assert_array_equal(again.silent, made.silent)


def test_silent_windows_are_marked(sound):
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(9 * RATE) / RATE).astype(np.float32)
    for still in (np.zeros(9 * RATE, np.float32), tone):
        model = model_track(np.concatenate([sound[: 9 * RATE], still]), CONFIG, BACKGROUND)
        begins = model.window_frame * CONFIG.frame_step
        assert not model.silent[begins + 5 * RATE < 9 * RATE].any()
        assert model.silent[begins > 9 * RATE].all()
        for part in (model.mixtures, model.moments):
            assert all(np.isfinite(getattr(part, name)).all() for name in ("weights", "means", "covariances"))


@pytest.mark.parametrize(("seconds", "windows"), [(0.0, 0), (0.1, 0), (0.4, 0), (0.6, 1), (4.9, 1), (5.1, 1), (6.0, 2)])
def test_less_than_a_window_is_one_window_of_its_own_length(sound, seconds, windows):
    part = sound[: round(seconds * RATE)]
    model, query = model_track(part, CONFIG, BACKGROUND), model_query(part, CONFIG, BACKGROUND, step_s=1.0)
    assert len(model.window_frame) == len(model.mixtures) == len(query.start_s) == len(query.mixtures) == windows
    assert len(model.moments) == windows * VARIANTS
    assert query.duration_s == pytest.approx(seconds)


@pytest.mark.parametrize("kind", ["full", "diag"])
def test_a_snippet_is_modelled_like_a_track(sound, kind):
    config = replace(CONFIG, covariance_type=kind)
    model = model_track(sound, config, BACKGROUND)
    query = model_query(sound, config, BACKGROUND, step_s=0.5)
    np.testing.assert_allclose(np.diff(query.start_s), 0.5, atol=0.015)
    same = np.isin(np.round(query.start_s * RATE / 240).astype(int), model.window_frame)
    assert same.sum() == len(model.window_frame)
    np.testing.assert_allclose(query.mixtures.means[same], model.mixtures.means, atol=FLOAT32)
    np.testing.assert_allclose(query.moments.means[same], model.moments.means[::VARIANTS], atol=FLOAT32)
    assert query.mixtures.diagonal == query.moments.diagonal == (kind == "diag")


def test_a_silent_snippet_has_no_windows_and_no_valid_frames():
    query = model_query(np.zeros(6 * RATE, np.float32), CONFIG, BACKGROUND)
    assert len(query.start_s) == len(query.mixtures) == len(query.moments) == 0
    assert not query.print.frame_weight.any()


def test_synced_fms_parameters_run_plain_em_to_convergence(sound):
    config = PRESETS["synced-fm"]
    mel = features.mel_power(features.spectrum(sound, config), config)
    own = fit(features.delta_mfcc(mel[None], config)[0], config, "test")
    model = model_track(sound, config, own)
    variants = len(model.moments) // len(model.window_frame)
    assert variants == 1
    x = features.delta_mfcc(features.gather_windows(mel, model.window_frame[:1], 332), config) / own.scale
    slow = gmm.fit(x.astype(np.float64), own.start("full"), floor=1e-2, relevance=0, max_iterations=100, tolerance=1e-3)
    np.testing.assert_allclose(model.mixtures.means[0], slow.means[0], atol=0.05)


# --- background -----------------------------------------------------------------------------------------------


def test_the_shipped_background_is_a_mixture_of_standardised_features():
    mixture = BACKGROUND.mixture
    assert mixture.weights.shape == (1, 6)
    assert mixture.weights.sum() == pytest.approx(1, abs=1e-6)
    assert (np.linalg.eigvalsh(mixture.covariances[0]) > 0).all()
    assert (BACKGROUND.scale > 0).all()
    assert BACKGROUND.front_end == CONFIG.front_end_hash
    weights = mixture.weights[0]
    mean = weights @ mixture.means[0]
    second = np.einsum("k,kii->i", weights, mixture.covariances[0]) + weights @ mixture.means[0] ** 2
    np.testing.assert_allclose(mean, 0, atol=0.05)  # a derivative has no mean
    np.testing.assert_allclose(second, 1, atol=0.1)  # it was standardised on what it was fitted on


def test_a_background_round_trips_and_gives_its_diagonal():
    again = Background.from_arrays("x", "hash", BACKGROUND.to_arrays())
    np.testing.assert_array_equal(again.mixture.means, BACKGROUND.mixture.means)
    diagonal = BACKGROUND.start("diag")
    for k in range(6):
        np.testing.assert_array_equal(diagonal.covariances[0, k], np.diag(BACKGROUND.mixture.covariances[0, k]))
    assert BACKGROUND.start("full") is BACKGROUND.mixture


def test_fitting_a_background_standardises_and_finds_clusters(rng):
    """Three well separated clusters come back, whatever the units."""
    centres = np.array([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0]])
    label = rng.integers(0, 3, 6000)
    frames = (centres[label] + 0.3 * rng.standard_normal((6000, 2))) * np.array([100.0, 0.01])
    config = replace(CONFIG, n_components=3)
    found = fit(frames, config, "clusters", seed=1)
    np.testing.assert_allclose(found.scale, frames.std(axis=0), rtol=1e-3)
    order = np.lexsort(np.round(found.mixture.means[0]).T)
    wanted = (centres * np.array([100.0, 0.01]) / found.scale)[np.lexsort(np.round(centres).T)]
    np.testing.assert_allclose(found.mixture.means[0][order], wanted, atol=0.05)
    np.testing.assert_allclose(found.mixture.weights, 1 / 3, atol=0.03)
    again = fit(frames, config, "clusters", seed=1)
    np.testing.assert_array_equal(again.mixture.means, found.mixture.means)


# --- resampling -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("source", "target"), [(22050, 16000), (16000, 22050), (48000, 16000), (16000, 8000)])
def test_resampling_keeps_pitch_level_and_length(source, target):
    t = np.arange(source) / source
    tone = np.sin(2 * np.pi * 440 * t).astype(np.float32)
    out = at_rate(tone, source, target)
    assert out.dtype == np.float32
    assert len(out) == target
    middle = slice(target // 10, -target // 10)
    np.testing.assert_allclose(out[middle], np.sin(2 * np.pi * 440 * np.arange(target) / target)[middle], atol=0.01)


def test_the_same_rate_is_no_work():
    samples = np.ones(10, np.float32)
    assert at_rate(samples, 16000, 16000) is samples
