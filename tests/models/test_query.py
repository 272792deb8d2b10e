"""What is made of a snippet: models without sound, and sound that can be heard at other speeds."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import pytest

from classifier.audio.resample import at_rate
from classifier.config import FeatureConfig
from classifier.fingerprint import bits
from classifier.fingerprint.agreement import agreement
from classifier.mixtures import slots
from classifier.models.background import builtin_background
from classifier.models.query import Query, Recording, model_query
from classifier.models.track import model_track
from tests.library import RATE, lively_noise

CONFIG = FeatureConfig()
BACKGROUND = builtin_background()
#: Single against double precision, on standardised features.
FLOAT32 = 2e-3


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    return lively_noise(14.3, seed=31)


@pytest.mark.parametrize("kind", ["full", "diag"])
def test_a_snippet_is_modelled_like_a_track(sound, kind):
    """Windows every half second, of which every other one is a track's."""
    config = replace(CONFIG, covariance_type=kind)
    model, query = model_track(sound, config, BACKGROUND), model_query(sound, config, BACKGROUND)
    np.testing.assert_allclose(np.diff(query.start_s), 0.5, atol=0.015)
    same = np.isin(np.round(query.start_s * RATE / 240).astype(int), model.window_frame)
    assert same.sum() == len(model.window_frame)
    np.testing.assert_allclose(query.mixtures.means[same], model.mixtures.means, atol=FLOAT32)
    assert query.mixtures.diagonal == (kind == "diag")
    np.testing.assert_array_equal(query.slots[0], model.slots[: query.slots.shape[1]])
    np.testing.assert_array_equal(query.fingerprint.words[0], model.words[: query.fingerprint.n_frames])
    assert query.duration_s == pytest.approx(14.3)
    assert query.slot_variance == BACKGROUND.slot_variance


def test_a_silent_snippet_has_no_windows_and_nothing_that_weighs():
    query = model_query(np.zeros(6 * RATE, np.float32), CONFIG, BACKGROUND)
    assert len(query.start_s) == len(query.mixtures) == 0
    assert not query.slots.any()
    assert not query.fingerprint.frame_weight.any()


def test_windows_that_cannot_be_heard_are_left_out(sound):
    silence = np.zeros(8 * RATE, np.float32)
    query = model_query(np.concatenate([silence, sound[: 6 * RATE]]), CONFIG, BACKGROUND)
    assert len(query.start_s) == len(query.mixtures) > 0
    assert query.start_s.min() > 3.0


def parts(value: Any, name: str = "") -> dict[str, np.ndarray]:
    """Every number that a value is made of, by the path to it."""
    if not is_dataclass(value):
        return {name: np.asarray(value)}
    found = {}
    for field in fields(value):
        found |= parts(getattr(value, field.name), f"{name}.{field.name}")
    return found


def rebuilt(like: Any, arrays: Any, name: str = "") -> Any:
    """Invert :func:`parts`."""
    if not is_dataclass(like):
        return type(like)(arrays[name]) if np.ndim(like) == 0 else arrays[name]
    return type(like)(**{f.name: rebuilt(getattr(like, f.name), arrays, f"{name}.{f.name}") for f in fields(like)})


@pytest.mark.parametrize("seconds", [7.0, 0.1])
def test_a_query_is_arrays_without_sound(tmp_path, sound, seconds):
    """It can be sent as a file without pickles, and nothing in it is as long as the sound."""
    samples = sound[: round(seconds * RATE)]
    query = model_query(samples, CONFIG, BACKGROUND)
    arrays = parts(query)
    np.savez(tmp_path / "query.npz", **arrays)
    with np.load(tmp_path / "query.npz", allow_pickle=False) as file:
        again = rebuilt(query, dict(file))
    assert isinstance(again, Query)
    for name, array in parts(again).items():
        np.testing.assert_array_equal(array, arrays[name], err_msg=name, strict=True)
    assert all(max(array.shape, default=0) < max(len(samples) / 50, 50) for array in arrays.values())


def test_a_recording_gives_the_query_of_its_sound(sound):
    recording = Recording(sound[: 5 * RATE], 3400.0, CONFIG, BACKGROUND)
    plain = model_query(sound[: 5 * RATE], CONFIG, BACKGROUND, bandwidth_hz=3400.0)
    for name, array in parts(recording.query()).items():
        np.testing.assert_array_equal(array, parts(plain)[name], err_msg=name)
    np.testing.assert_array_equal(recording.fingerprint().planes, plain.fingerprint.planes)
    np.testing.assert_array_equal(recording.slots(), plain.slots)


@pytest.mark.parametrize("speed", [0.95, 0.98, 1.0, 1.03, 1.06])
def test_a_recording_at_its_true_speed_is_the_track_again(sound, speed):
    """Played fast it is shorter and higher; brought back, bits and slots are those of the track."""
    fast = at_rate(sound, round(1000 * speed), 1000)
    assert len(fast) == pytest.approx(len(sound) / speed, abs=2)
    recording = Recording(fast, 8000.0, CONFIG, BACKGROUND)
    assert len(recording.at_speed(speed)) == pytest.approx(len(sound), abs=2)
    found, _ = agreement(
        recording.fingerprint(speed), bits.reference_words(sound), recording.fingerprint(speed).n_frames
    )
    assert found.max() > 0.9
    track = model_track(sound, CONFIG, BACKGROUND).slots
    along = slots.similarities(recording.slots(speed), track)
    phase, index = np.unravel_index(np.argmax(along), along.shape)
    assert along[phase, index] > 0.95
    assert index + slots.least_slots(recording.slots(speed).shape[1]) == recording.slots(speed).shape[1]  # lag 0
    assert phase == 0


def test_a_fast_recording_holds_less_of_the_tracks_band(sound):
    """A telephone's 3,400 Hz, brought back from 5 % fast, were 3,238 Hz in the track."""
    recording = Recording(sound[: 5 * RATE], 3400.0, CONFIG, BACKGROUND)
    weights = [recording.fingerprint(speed).planes for speed in (1.0, 1.05)]
    tops = bits.bit_top_hz()
    for planes, limit in zip(weights, (3400.0, 3400.0 / 1.05), strict=True):
        unpacked = np.unpackbits(planes.astype("<u8").view(np.uint8), axis=-1, bitorder="little")
        used = unpacked.reshape(-1, 128)[:, : bits.N_BITS].any(axis=0)
        assert not used[tops > limit].any()
        assert used[tops <= limit].mean() > 0.9


@pytest.mark.parametrize("rate", [22050, 8000])
def test_fingerprints_have_a_rate_of_their_own(sound, rate):
    step = round(0.015 * rate)
    config = FeatureConfig(sample_rate=rate, frame_length=2 * step, frame_step=step, f_max=min(6854.0, rate / 2))
    samples = at_rate(sound[: 4 * RATE], RATE, rate)
    recording = Recording(samples, bits.F_HIGH, config, BACKGROUND)
    assert len(recording.at_speed(1.0)) == pytest.approx(4 * RATE, abs=1)
    wanted = bits.fingerprint(at_rate(samples, rate, bits.SAMPLE_RATE))
    np.testing.assert_array_equal(recording.fingerprint().words, wanted.words)
