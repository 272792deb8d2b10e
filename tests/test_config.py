"""Configurations and settings: bounds, round trips, and a hint for whoever mistypes."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, fields, replace

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from classifier.config import (
    FOREIGN_VARIABLES,
    NOISE_KINDS,
    PRESETS,
    SETTINGS,
    FeatureConfig,
    NoiseTwin,
    Setting,
    Settings,
    mask_url,
)
from classifier.errors import InvalidConfig
from classifier.models.track import builtin_background

BOUNDED = [field for field in fields(FeatureConfig) if "low" in field.metadata]

# --- feature configurations -----------------------------------------------------------------------------------


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
        ({"frame_step": 481}, "frame_step 481 exceeds frame_length 480"),
        ({"f_max": 8001.0}, "do not fit below half the sample rate"),
        ({"f_min": 7000.0}, "do not fit"),
        ({"sample_rate": 8000}, "lower f_max or raise sample_rate"),
        ({"n_mfcc": 13, "n_mels": 12}, "n_mfcc 13 exceeds n_mels 12"),
        ({"window_length": 1.0, "frame_step": 480}, "too few to model"),
        ({"twins": ("pink:3",)}, "'pink:3' is no NoiseTwin"),
    ],
)
def test_contradictions_are_explained(values, message):
    with pytest.raises(InvalidConfig, match=message):
        FeatureConfig(**values)


def test_every_parameter_has_a_help_text_and_a_legal_default():
    for field in fields(FeatureConfig):
        if field.name != "twins":
            assert field.metadata["help"]
    assert FeatureConfig() == FeatureConfig.from_dict({})


def test_a_configuration_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        FeatureConfig().sample_rate = 8000  # type: ignore[misc]


def test_preset_has_synced_fms_parameters():
    preset = PRESETS["synced-fm"]
    assert (preset.em_max_iterations, preset.map_relevance, preset.floor, preset.twins) == (100, 0.0, 0.0, ())
    assert (preset.sample_rate, preset.frame_length, preset.frame_step) == (16000, 480, 240)
    assert (preset.window_length, preset.window_step, preset.n_components) == (5.0, 1.0, 6)
    assert PRESETS["default"] == FeatureConfig()
    assert len({preset.hash for preset in PRESETS.values()}) == len(PRESETS)


levels = st.floats(-20, 40).map(lambda x: round(x, 9))
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
    twins=st.lists(st.builds(NoiseTwin, st.sampled_from(NOISE_KINDS), levels), max_size=4).map(tuple),
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


def test_whole_numbers_and_lists_make_the_same_configuration():
    """JSON does not tell 1 from 1.0 nor a list from a tuple: neither may make another catalogue of it."""
    plain = FeatureConfig(window_step=1, f_min=130, floor=0.5, map_relevance=5, twins=list(FeatureConfig().twins))
    assert plain == FeatureConfig()
    assert plain.hash == FeatureConfig().hash
    assert plain.front_end_hash == FeatureConfig().front_end_hash
    assert hash(plain) == hash(FeatureConfig())


def test_there_is_one_zero():
    """Minus nought equals nought, so it must hash like it."""
    minus, plain = (FeatureConfig(floor=zero, twins=(NoiseTwin("pink", zero),)) for zero in (-0.0, 0))
    assert minus == plain
    assert minus.hash == plain.hash
    assert minus.front_end_hash == plain.front_end_hash


def test_the_built_in_background_serves_the_default_front_end_only():
    shipped = builtin_background().front_end
    for same in (
        {"window_length": 4.0},
        {"window_step": 0.5},
        {"covariance_type": "diag"},
        {"twins": ()},
        {"em_max_iterations": 9},
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
    ):
        assert replace(FeatureConfig(), **other).front_end_hash != shipped


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"windowlength": 5.0}, "unknown parameter 'windowlength': did you mean window_length"),
        ({"n_component": 5}, "did you mean n_components"),
        ({"zzz": 5}, "unknown parameter 'zzz'$"),
        ({"twins": ["pink"]}, "'pink' is not KIND:SNR_DB"),
        ({"twins": ["pink:loud"]}, "'pink:loud' is not KIND:SNR_DB"),
        ({"twins": ["brown:3"]}, "'brown' is unknown: choose one of pink, babble"),
        ({"twins": ["pink:99"]}, "99.*from -20 to 40"),
        ({"twins": ["pink:nan"]}, "nan"),
        ({"twins": "pink:3"}, "must be a list"),
        ({"twins": None}, "must be a list"),
        ({"sample_rate": "16000"}, "sample_rate is '16000'"),
        ({"covariance_type": ["full"]}, "choose full or diag"),
    ],
)
def test_plain_values_that_do_not_fit(values, message):
    with pytest.raises(InvalidConfig, match=message):
        FeatureConfig.from_dict(values)


# --- settings -------------------------------------------------------------------------------------------------


def test_the_table_has_no_name_twice_and_every_row_explains_itself():
    names = [setting.name for setting in SETTINGS]
    assert len(set(names)) == len(names)
    for setting in SETTINGS:
        assert len(setting.help) > 10
        assert setting.help == setting.help.strip().rstrip(".")
        assert setting.variable == f"EARMARK_{setting.name.upper()}"
        assert (setting.low is None) == (setting.high is None)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda s: s.name)
def test_a_default_is_a_legal_value_and_survives_the_environment(setting):
    assert setting.parse(setting.default) == setting.default
    text = ",".join(setting.default) if isinstance(setting.default, tuple) else str(setting.default)
    assert setting.parse(text) == setting.default


@pytest.mark.parametrize("setting", [s for s in SETTINGS if s.low is not None], ids=lambda s: s.name)
def test_bounds_hold_and_the_message_names_the_variable(setting):
    assert setting.low <= setting.default <= setting.high
    kind = type(setting.default)
    assert setting.parse(str(kind(setting.low))) == setting.low
    assert setting.parse(str(kind(setting.high))) == setting.high
    for value in (kind(setting.low) - 1, kind(setting.high) * 2 + 1):
        with pytest.raises(
            InvalidConfig, match=rf"{setting.variable} is .*must be a number from [\d.e,-]+ to [\d.,]+$"
        ):
            setting.parse(str(value))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("port", "eighty", "EARMARK_PORT is 'eighty': expected a whole number"),
        ("port", "80.5", "expected a whole number"),
        ("port", 80.5, "expected a whole number"),
        ("port", float("inf"), "expected a whole number"),
        ("port", None, "expected a whole number"),
        ("port", "", "expected a whole number"),
        ("max_false_alarms", "few", "expected a number"),
        ("max_false_alarms", "nan", "must be a number"),
        ("open_tagging", "perhaps", "EARMARK_OPEN_TAGGING is 'perhaps': expected true or false"),
        ("method", "magic", "EARMARK_METHOD is 'magic': choose one of auto, kl"),
        ("log_level", "LOUD", "choose one of DEBUG"),
    ],
)
def test_values_of_the_wrong_kind(name, text, message):
    with pytest.raises(InvalidConfig, match=message):
        Settings(**{name: text})


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", True), ("true", True), ("Yes", True), (" on ", True), ("0", False), ("FALSE", False), ("no", False)],
)
def test_words_for_yes_and_no(text, value):
    assert Settings(open_tagging=text).open_tagging is value


def test_lists_are_separated_by_commas():
    assert Settings(allowed_hosts="a.example, b.example,,").allowed_hosts == ("a.example", "b.example")
    assert Settings(allowed_hosts="").allowed_hosts == ()


def test_unknown_names_suggest_the_nearest():
    with pytest.raises(InvalidConfig, match="unknown setting 'max_false_alarm': did you mean max_false_alarms"):
        Settings(max_false_alarm=1)
    with pytest.raises(InvalidConfig, match="unknown setting 'EARMARK_CATALOG': did you mean EARMARK_CATALOGUE"):
        Settings.from_environment({"EARMARK_CATALOG": "x"})
    with pytest.raises(InvalidConfig, match=r"'EARMARK_ZZ_YY'$"):
        Settings.from_environment({"EARMARK_ZZ_YY": "x"})


def test_the_environment_is_what_is_handed_in(monkeypatch):
    monkeypatch.setenv("EARMARK_PORT", "1234")
    assert Settings().port == 8000
    found = Settings.from_environment({"EARMARK_PORT": "81", "PATH": "/bin", "EARMARK_METHOD": "kl"}, port=None)
    assert (found.port, found.method) == (81, "kl")
    assert Settings.from_environment({"EARMARK_PORT": "81"}, port=82).port == 82


def test_variables_of_tests_and_tools_are_no_settings():
    Settings.from_environment(dict.fromkeys(FOREIGN_VARIABLES, "anything"))
    assert not {s.variable for s in SETTINGS} & set(FOREIGN_VARIABLES)


def test_a_value_may_come_from_a_file(tmp_path):
    secret = tmp_path / "store"
    secret.write_text("mongodb://user:pass@host/db\n")
    assert Settings.from_environment({"EARMARK_STORE_FILE": str(secret)}).store == "mongodb://user:pass@host/db"
    with pytest.raises(InvalidConfig, match="EARMARK_STORE_FILE names '/nowhere', which cannot be read"):
        Settings.from_environment({"EARMARK_STORE_FILE": "/nowhere"})
    with pytest.raises(InvalidConfig, match="unknown setting 'EARMARK_STOR_FILE'"):
        Settings.from_environment({"EARMARK_STOR_FILE": str(secret)})


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00secret")
    with pytest.raises(InvalidConfig, match="EARMARK_STORE_FILE"):
        Settings.from_environment({"EARMARK_STORE_FILE": str(tmp_path / "binary")})


def test_a_value_given_twice_is_refused(tmp_path):
    """Which of the two counts would depend on the order of the environment."""
    (tmp_path / "port").write_text("81")
    for environment in (
        {"EARMARK_PORT": "80", "EARMARK_PORT_FILE": str(tmp_path / "port")},
        {"EARMARK_PORT_FILE": str(tmp_path / "port"), "EARMARK_PORT": "80"},
    ):
        with pytest.raises(InvalidConfig, match="EARMARK_PORT and EARMARK_PORT_FILE are both set"):
            Settings.from_environment(environment)


def test_store_and_data_folder_follow_each_other(tmp_path):
    settings = Settings(data_dir=str(tmp_path))
    assert settings.store == f"sqlite:///{tmp_path}/earmark.sqlite"
    assert Settings().data_dir.endswith("earmark")
    assert Settings().replace(store="sqlite:////x.sqlite").store == "sqlite:////x.sqlite"


def test_replace_changes_what_is_given_and_nothing_else():
    before = Settings(port=81, method="kl")
    after = before.replace(port=82, method=None)
    assert (before.port, after.port, after.method) == (81, 82, "kl")
    with pytest.raises(InvalidConfig):
        before.replace(prt=1)
    with pytest.raises(AttributeError):
        before.prt  # noqa: B018


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:////home/me/earmark.sqlite", "sqlite:////home/me/earmark.sqlite"),
        ("mongodb://host/db", "mongodb://host/db"),
        ("mongodb://user:secret@host/db", "mongodb://user:***@host/db"),
        ("mongodb://user:se:cr@et@a,b/db?x=y", "mongodb://user:***@a,b/db?x=y"),
        ("mongodb+srv://user:secret@host/db", "mongodb+srv://user:***@host/db"),
        ("nonsense", "nonsense"),
    ],
)
def test_passwords_are_masked(url, shown):
    assert mask_url(url) == shown
    assert Settings(store=url).shown()["store"] == shown
    assert "secret" not in str(Settings(store=url).shown())
    assert "secret" not in repr(Settings(store=url))


def test_every_setting_is_shown():
    assert list(Settings().shown()) == [setting.name for setting in SETTINGS]


def test_a_setting_is_a_row_not_a_place_to_keep_things():
    with pytest.raises(FrozenInstanceError):
        SETTINGS[0].name = "x"  # type: ignore[misc]
    assert Setting("x_y", 1, "a test", 0, 2).variable == "EARMARK_X_Y"
