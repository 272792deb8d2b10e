"""What is stored of a track: windows, slots and words, the same in however many pieces its samples come."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier.audio.resample import at_rate
from classifier.config import PRESETS, FeatureConfig
from classifier.fingerprint import bits
from classifier.mixtures import features, gmm, slots
from classifier.models import track, windows
from classifier.models.background import builtin_background
from classifier.models.fitting import fit, whole_slots
from classifier.models.query import model_query
from classifier.models.track import TrackModel, TrackModeller, model_track
from tests.library import RATE, lively_noise

CONFIG = FeatureConfig()
BACKGROUND = builtin_background()
#: Single against double precision, on standardised features.
FLOAT32 = 2e-3
#: A mean that lies between two steps may be rounded to either.
ONE_STEP = 1


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    return lively_noise(14.3, seed=31)


@pytest.fixture(scope="module")
def model(sound) -> TrackModel:
    return model_track(sound, CONFIG, BACKGROUND)


@pytest.fixture
def small_blocks(monkeypatch) -> None:
    """Blocks of six and five seconds, so that half a minute has many."""
    monkeypatch.setattr(track, "_BLOCK_FRAMES", 400)
    monkeypatch.setattr(track, "_BLOCK_WORDS", 150)
    monkeypatch.setattr(track, "_BATCH", 3)


def equal(a: TrackModel, b: TrackModel) -> None:
    """Compare two models, bit for bit."""
    for name in ("window_frame", "silent", "slots", "words"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name, strict=True)
    for name in ("weights", "means", "covariances"):
        one, two = getattr(a.mixtures, name), getattr(b.mixtures, name)
        np.testing.assert_array_equal(one, two, err_msg=name, strict=True)


def pushed(samples: np.ndarray, cuts: list[int], config: FeatureConfig = CONFIG, own=BACKGROUND) -> TrackModel:
    """Model a track whose samples are cut at these places."""
    modeller = TrackModeller(config, own)
    pieces = np.split(samples, sorted(min(cut, len(samples)) for cut in cuts))
    return TrackModel.join([*map(modeller.push, pieces), modeller.finish()], config)


# --- windows, slots and words ---------------------------------------------------------------------------------


def test_windows_lie_on_the_grid(model, sound):
    starts = features.window_starts(len(features.spectrum(sound, CONFIG)), CONFIG)
    np.testing.assert_array_equal(model.window_frame, starts)
    np.testing.assert_array_equal(starts, np.round(np.arange(len(starts)) * 16000 / 240))
    assert len(starts) == 1 + int(14.3 - 5)
    assert not model.silent.any()


def test_words_are_those_of_the_whole(model, sound):
    np.testing.assert_array_equal(model.words, bits.reference_words(sound))


def test_slots_are_those_of_the_whole(model, sound):
    mel = features.mel_power(features.spectrum(sound, CONFIG), CONFIG)
    whole = slots.slot_means(slots.slot_deltas(mel, CONFIG), CONFIG.slot_frames, BACKGROUND.slot_scale)
    np.testing.assert_array_equal(model.slots, whole)


def window_features(sound: np.ndarray, start: int, config: FeatureConfig = CONFIG) -> np.ndarray:
    """Standardised features of one window, from the samples that it covers and no others."""
    first = start * config.frame_step
    span = (config.window_frames - 1) * config.frame_step + config.frame_length
    mel = features.mel_power(features.spectrum(sound[first : first + span], config), config)
    return features.delta_mfcc(mel[None], config) / BACKGROUND.scale


@pytest.mark.parametrize("kind", ["full", "diag"])
def test_each_window_is_modelled_by_itself(sound, kind):
    config = replace(CONFIG, covariance_type=kind)
    model = model_track(sound, config, BACKGROUND)
    for k in (0, 4, len(model.window_frame) - 1):
        x = window_features(sound, model.window_frame[k]).astype(np.float64)
        alone = gmm.fit(x, BACKGROUND.start(kind), floor=1e-2, relevance=5.0, max_iterations=1)
        np.testing.assert_allclose(model.mixtures.weights[k], alone.weights[0], atol=FLOAT32)
        np.testing.assert_allclose(model.mixtures.means[k], alone.means[0], atol=FLOAT32)
        np.testing.assert_allclose(model.mixtures.covariances[k], alone.covariances[0], atol=5 * FLOAT32)


def test_silent_windows_are_marked(sound):
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(9 * RATE) / RATE).astype(np.float32)
    for still in (np.zeros(9 * RATE, np.float32), tone):
        model = model_track(np.concatenate([sound[: 9 * RATE], still]), CONFIG, BACKGROUND)
        begins = model.window_frame * CONFIG.frame_step
        assert not model.silent[begins + 5 * RATE < 9 * RATE].any()
        assert model.silent[begins > 9 * RATE].all()
        assert all(np.isfinite(getattr(model.mixtures, name)).all() for name in ("weights", "means", "covariances"))
        assert not model.slots[-50:].any()  # six seconds


def test_synced_fms_parameters_run_plain_em_to_convergence(sound):
    config = PRESETS["synced-fm"]
    mel = features.mel_power(features.spectrum(sound, config), config)
    own = fit(features.delta_mfcc(mel[None], config)[0], whole_slots(mel, config), config, "test")
    model = model_track(sound, config, own)
    x = features.delta_mfcc(features.gather_windows(mel, model.window_frame[:1], 332), config) / own.scale
    slow = gmm.fit(x.astype(np.float64), own.start("full"), floor=1e-2, relevance=0, max_iterations=100, tolerance=1e-3)
    np.testing.assert_allclose(model.mixtures.means[0], slow.means[0], atol=0.05)


# --- what is stored -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["full", "diag"])
@pytest.mark.parametrize("seconds", [7.0, 0.2])
def test_what_is_stored_comes_back(sound, kind, seconds):
    config = replace(CONFIG, covariance_type=kind)
    made = model_track(sound[: round(seconds * RATE)], config, BACKGROUND)
    arrays = made.window_arrays()
    assert {len(array) for array in arrays.values()} == {len(made.window_frame)}
    again = TrackModel.from_arrays(arrays, made.slots, made.words)
    for name in ("weights", "means", "covariances"):
        before, after = (getattr(m.mixtures, name) for m in (made, again))
        np.testing.assert_array_equal(after, before.astype(np.float32), err_msg=name)
    for name in ("window_frame", "silent", "slots", "words"):
        np.testing.assert_array_equal(getattr(again, name), getattr(made, name), strict=True)


@pytest.mark.parametrize("kind", ["full", "diag"])
def test_no_mixtures_join_too(kind):
    config = replace(CONFIG, covariance_type=kind)
    none = windows.concatenate([], config)
    assert len(none) == 0
    assert none.diagonal == (kind == "diag")
    x = np.random.default_rng(1).standard_normal((2, 50, 13)).astype(np.float32)
    some = windows.fit(x, config, BACKGROUND)
    joined = windows.concatenate([none, some, none], config)
    np.testing.assert_array_equal(joined.covariances, some.covariances)


# --- piece by piece -------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 24 * RATE), max_size=12), st.integers(0, 24 * RATE))
@settings(max_examples=12, deadline=None)
def test_no_cut_changes_a_bit(cuts, n):
    """Whatever the pieces, none and single samples included, and wherever the track ends."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(track, "_BLOCK_FRAMES", 400)
        patch.setattr(track, "_BLOCK_WORDS", 150)
        samples = lively_noise(24.0, seed=32)[:n]
        twice = [*cuts, *(cut + 1 for cut in cuts[:3])]
        equal(pushed(samples, twice), model_track(samples, CONFIG, BACKGROUND))


def test_no_cut_changes_a_bit_of_a_long_track():
    """Over a minute, blocks as they are."""
    samples = lively_noise(70.0, seed=33)
    wanted = model_track(samples, CONFIG, BACKGROUND)
    equal(pushed(samples, list(range(0, len(samples), 33_333))), wanted)
    assert len(wanted.window_frame) == 66
    assert len(wanted.words) == 1 + (len(samples) - bits.LAG - bits.FRAME) // bits.HOP


def test_blocks_leave_no_seams(sound, model, small_blocks):
    """Rows where blocks and batches meet are those of a single block."""
    samples = np.concatenate([sound, lively_noise(16.0, seed=34)])
    parts = model_track(samples, CONFIG, BACKGROUND)
    mel = features.mel_power(features.spectrum(samples, CONFIG), CONFIG)
    whole = slots.slot_means(slots.slot_deltas(mel, CONFIG), CONFIG.slot_frames, BACKGROUND.slot_scale)
    assert parts.slots.shape == whole.shape
    assert np.abs(parts.slots.astype(int) - whole).max() <= ONE_STEP
    np.testing.assert_array_equal(parts.words, bits.reference_words(samples))
    np.testing.assert_array_equal(parts.window_frame, features.window_starts(len(mel), CONFIG))
    np.testing.assert_allclose(parts.mixtures.means[: len(model.mixtures)], model.mixtures.means, atol=FLOAT32)
    for k in range(len(parts.window_frame)):
        alone = windows.fit(window_features(samples, parts.window_frame[k]), CONFIG, BACKGROUND)
        np.testing.assert_allclose(parts.mixtures.means[k], alone.means[0], atol=FLOAT32)


@pytest.mark.parametrize(("length", "step"), [(1.0, 0.1), (3.0, 0.7), (5.0, 7.3), (9.0, 1.0)])
def test_other_windows_are_not_lost_between_blocks(sound, small_blocks, length, step):
    """Windows that overlap a hundredfold, that leave gaps, that are longer than a block."""
    config = replace(CONFIG, window_length=length, window_step=step, delta_half_length=8)
    n_frames = len(features.spectrum(sound, config))
    model = pushed(sound, [5000, 100_000], config)
    np.testing.assert_array_equal(model.window_frame, features.window_starts(n_frames, config))
    k = len(model.window_frame) - 1
    first = model.window_frame[k] * config.frame_step
    alone = windows.fit(window_features(sound, first // config.frame_step, config), config, BACKGROUND)
    np.testing.assert_allclose(model.mixtures.means[k], alone.means[0], atol=FLOAT32)


@pytest.mark.parametrize(("seconds", "n"), [(0.0, 0), (0.1, 0), (0.4, 0), (0.6, 1), (4.9, 1), (5.1, 1), (6.0, 2)])
@pytest.mark.parametrize("cut", [0, 700])
def test_less_than_a_window_is_one_window_of_its_own_length(sound, seconds, n, cut):
    part = sound[: round(seconds * RATE)]
    model, query = pushed(part, [cut]), model_query(part, CONFIG, BACKGROUND)
    assert len(model.window_frame) == len(model.silent) == len(model.mixtures) == n
    assert (len(query.start_s) > 0) == (n > 0)
    n_frames = len(features.spectrum(part, CONFIG))
    assert len(model.slots) == max(0, n_frames - 2 * CONFIG.slot_half_length) // CONFIG.slot_frames
    assert len(model.words) == max(0, 1 + (len(part) - bits.LAG - bits.FRAME) // bits.HOP)


@pytest.mark.parametrize("rate", [22050, 8000])
def test_words_at_other_rates_are_those_of_the_resampled_whole(sound, rate):
    """Features keep the catalogue's rate; sub-fingerprints have their own."""
    step = round(0.015 * rate)
    config = FeatureConfig(sample_rate=rate, frame_length=2 * step, frame_step=step, f_max=min(6854.0, rate / 2))
    rng = np.random.default_rng(1)
    own = fit(rng.standard_normal((900, 13)), rng.standard_normal((90, config.slot_frames, 24)), config, "test")
    samples = at_rate(sound, RATE, rate)
    model = pushed(samples, [1, 7_777, 50_000, 50_001], config, own)
    equal(model, model_track(samples, config, own))
    words = bits.reference_words(at_rate(samples, rate, bits.SAMPLE_RATE))
    assert model.words.shape == words.shape
    assert np.bitwise_count(model.words ^ words).sum() <= 1e-4 * 124 * len(words)


def test_memory_does_not_grow_with_length(small_blocks):
    """What is held after a minute is what is held after a quarter of one, to a block or so."""
    modeller, piece = TrackModeller(CONFIG, BACKGROUND), lively_noise(1.3, seed=35)
    held = []
    tracemalloc.start()
    try:
        for _ in range(60):
            modeller.push(piece)
            held.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    block = 400 * CONFIG.frame_step * 4
    assert max(held[30:]) < max(held[:15]) + block
    assert max(held) < 20 * block
