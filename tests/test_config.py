"""Configurations of catalogues: bounds, round trips, and a hint for whoever mistypes."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, fields, replace

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from classifier.config import PRESETS, FeatureConfig
from classifier.errors import InvalidConfig
from classifier.models.background import builtin_background
from classifier.results import METHODS

BOUNDED = [field for field in fields(FeatureConfig) if "low" in field.metadata]


@pytest.mark.parametrize("field", BOUNDED, ids=lambda f: f.name)
def test_values_out_of_bounds_are_named_with_their_bounds(field):
    low, high = field.metadata["low"], field.metadata["high"]
    step = 1 if field.type == "int" else 1e-9 + 1e-6 * abs(high)
    for value in (low - step, high + step):
        with pytest.raises(InvalidConfig, match=rf"{field.name} is .*must be a number from {low:g} to"):
            FeatureConfig(**{field.name: value})


@pytest.mark.parametrize("field", BOUNDED, ids=lambda f: f.name)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), "16", None, True, [1]], ids=repr)
def test_what_is_no_number_is_refused(field, value):
    with pytest.raises(InvalidConfig, match=field.name):
        FeatureConfig(**{field.name: value})


@pytest.mark.parametrize("field", [f for f in BOUNDED if f.type == "int"], ids=lambda f: f.name)
def test_counts_are_whole(field):
    with pytest.raises(InvalidConfig, match=f"{field.name} is .*whole number"):
        FeatureConfig(**{field.name: getattr(FeatureConfig(), field.name) + 0.5})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"covariance_type": "tied"}, "covariance_type is 'tied': choose full or diag"),
        ({"method": "magic"}, "method is 'magic': choose one of auto, kl, kl-mixture"),
        ({"frame_step": 481}, "frame_step 481 exceeds frame_length 480"),
        ({"f_max": 8001.0}, "do not fit below half the sample rate"),
        ({"f_min": 7000.0}, "do not fit"),
        ({"sample_rate": 8000}, "lower f_max or raise sample_rate"),
        ({"n_mfcc": 13, "n_mels": 12}, "n_mfcc 13 exceeds n_mels 12"),
        ({"window_length": 1.0, "frame_step": 480}, "too few to model"),
        ({"slot_mfcc": 33, "n_mels": 32}, "slot_mfcc 33 exceeds n_mels 32: use more bands or fewer coefficients"),
    ],
)
def test_contradictions_are_explained(values, message):
    with pytest.raises(InvalidConfig, match=message):
        FeatureConfig(**values)


def test_every_parameter_has_a_help_text_and_a_legal_default():
    for field in fields(FeatureConfig):
        assert field.metadata["help"]
    assert FeatureConfig() == FeatureConfig.from_dict({})


def test_a_configuration_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        FeatureConfig().sample_rate = 8000  # type: ignore[misc]


def test_preset_has_synced_fms_parameters():
    preset = PRESETS["synced-fm"]
    assert (preset.em_max_iterations, preset.map_relevance, preset.floor) == (100, 0.0, 0.0)
    assert (preset.sample_rate, preset.frame_length, preset.frame_step) == (16000, 480, 240)
    assert (preset.window_length, preset.window_step, preset.n_components) == (5.0, 1.0, 6)
    assert preset.method == "kl-mixture"
    assert PRESETS["earmark"] == FeatureConfig()
    assert len({preset.hash for preset in PRESETS.values()}) == len(PRESETS)


configs = st.builds(
    FeatureConfig,
    sample_rate=st.sampled_from([16000, 22050, 44100]),
    frame_length=st.integers(300, 1024),
    frame_step=st.integers(100, 300),
    window_length=st.floats(4.0, 10.0),
    window_step=st.floats(0.1, 5.0),
    n_components=st.integers(1, 32),
    em_tolerance=st.floats(0, 1),
    map_relevance=st.one_of(st.integers(0, 10), st.floats(0, 1000)),
    covariance_type=st.sampled_from(["full", "diag"]),
    floor=st.floats(0, 10),
    slot_length=st.floats(0.03, 1.0),
    slot_mfcc=st.integers(2, 40),
    method=st.sampled_from(sorted(METHODS)),
)


@given(configs)
@hypothesis_settings(max_examples=60, deadline=None)
def test_a_configuration_survives_json(config):
    again = FeatureConfig.from_dict(json.loads(json.dumps(config.to_dict())))
    assert again == config
    assert again.hash == config.hash
    assert again.front_end_hash == config.front_end_hash


@given(configs, configs)
@hypothesis_settings(max_examples=60, deadline=None)
def test_equal_hashes_mean_equal_configurations(a, b):
    assert (a.hash == b.hash) == (a == b)


def test_whole_numbers_make_the_same_configuration():
    """JSON does not tell 1 from 1.0: that may not make another catalogue of it."""
    plain = FeatureConfig(window_step=1, f_min=130, floor=0.5, map_relevance=5)
    assert plain == FeatureConfig()
    assert plain.hash == FeatureConfig().hash
    assert plain.front_end_hash == FeatureConfig().front_end_hash
    assert hash(plain) == hash(FeatureConfig())


def test_there_is_one_zero():
    """Minus nought equals nought, so it must hash like it."""
    minus, plain = (FeatureConfig(floor=zero, map_relevance=zero) for zero in (-0.0, 0))
    assert minus == plain
    assert minus.hash == plain.hash
    assert minus.front_end_hash == plain.front_end_hash


@pytest.mark.parametrize(
    ("values", "frames", "seconds"),
    [
        ({}, 8, 0.12),
        ({"slot_length": 0.24}, 16, 0.24),
        ({"slot_length": 0.03}, 2, 0.03),
        ({"sample_rate": 22050, "frame_step": 330, "slot_length": 0.12}, 8, 8 * 330 / 22050),
    ],
)
def test_a_slot_is_a_whole_number_of_frames(values, frames, seconds):
    config = FeatureConfig(**values)
    assert config.slot_frames == frames
    assert config.slot_s == pytest.approx(seconds)


def test_the_built_in_background_serves_the_default_front_end_only():
    shipped = builtin_background().front_end
    for same in (
        {"window_length": 4.0},
        {"window_step": 0.5},
        {"covariance_type": "diag"},
        {"em_max_iterations": 9},
        {"method": "kl"},
        {"slot_length": 0.125},  # as many whole frames
    ):
        assert replace(FeatureConfig(), **same).front_end_hash == shipped
    for other in (
        {"sample_rate": 22050},
        {"frame_length": 512},
        {"frame_step": 160},
        {"n_mfcc": 12},
        {"n_mels": 32},
        {"f_min": 100.0},
        {"f_max": 6000.0},
        {"floor": 1.0},
        {"delta_half_length": 4},
        {"n_components": 4},
        {"slot_length": 0.24},
        {"slot_mfcc": 20},
        {"slot_half_length": 9},
    ):
        assert replace(FeatureConfig(), **other).front_end_hash != shipped


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"windowlength": 5.0}, "unknown parameter 'windowlength': did you mean window_length"),
        ({"n_component": 5}, "did you mean n_components"),
        ({"zzz": 5}, "unknown parameter 'zzz'$"),
        ({"twins": ["pink:3"]}, "unknown parameter 'twins'"),
        ({"slot_size": 0.12}, "did you mean slot_length"),
        ({"sample_rate": "16000"}, "sample_rate is '16000'"),
        ({"covariance_type": ["full"]}, "choose full or diag"),
        ({"method": ["kl"]}, r"method is \['kl'\]: choose one of"),
    ],
)
def test_plain_values_that_do_not_fit(values, message):
    with pytest.raises(InvalidConfig, match=message):
        FeatureConfig.from_dict(values)
