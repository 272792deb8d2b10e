"""Settings: the environment, limits, passwords, and a hint for whoever mistypes."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest

from classifier.errors import InvalidConfig
from classifier.results import METHODS
from classifier.settings import FOREIGN_VARIABLES, Settings, mask_url, variable

ROOT = Path(__file__).resolve().parents[1]
FIELDS = fields(Settings)
BOUNDED = [item for item in FIELDS if "low" in item.metadata]


def given(name, text):
    """Return what a setting is when its environment variable holds ``text``."""
    return getattr(Settings.from_environment({variable(name): text}), name)


def test_every_setting_explains_itself():
    for item in FIELDS:
        text = item.metadata["help"]
        assert len(text) > 10
        assert text == text.strip().rstrip(".")
        assert variable(item.name) == f"EARMARK_{item.name.upper()}"
        assert ("low" in item.metadata) == ("high" in item.metadata)


def test_every_number_has_bounds():
    assert {item.name for item in BOUNDED} == {item.name for item in FIELDS if item.type in ("int", "float")}


@pytest.mark.parametrize("item", FIELDS, ids=lambda item: item.name)
def test_a_default_is_a_legal_value_of_its_type_and_survives_the_environment(item):
    assert type(item.default).__name__ == item.type.partition("[")[0]
    text = ",".join(item.default) if isinstance(item.default, tuple) else str(item.default)
    expected = getattr(Settings(), item.name)
    assert given(item.name, text) == expected
    assert item.default in (expected, "")  # empty: worked out from other values


@pytest.mark.parametrize("item", BOUNDED, ids=lambda item: item.name)
def test_bounds_hold_and_the_message_names_the_variable(item):
    low, high, kind = item.metadata["low"], item.metadata["high"], type(item.default)
    assert low <= item.default <= high
    for bound in (low, high):
        found = given(item.name, str(kind(bound)))
        assert (found, type(found)) == (bound, kind)
    message = rf"{variable(item.name)} is .*must be a number from [\d.e,-]+ to [\d.,]+$"
    for value in (kind(low) - 1, kind(high) * 2 + 1):
        with pytest.raises(InvalidConfig, match=message):
            given(item.name, str(value))
        with pytest.raises(InvalidConfig, match=message):
            Settings(**{item.name: value})


def test_whole_numbers_become_the_type_of_the_setting():
    assert repr(Settings(lease_seconds=2).lease_seconds) == "2.0"
    assert repr(Settings(port=81.0).port) == "81"


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


@pytest.mark.parametrize("method", METHODS)
def test_every_method_can_be_set(method):
    assert given("method", method) == method


def test_unknown_names_suggest_the_nearest():
    for unknown in (Settings().replace, lambda **values: Settings.from_environment({}, **values)):
        with pytest.raises(InvalidConfig, match="unknown setting 'max_false_alarm': did you mean max_false_alarms"):
            unknown(max_false_alarm=1)
    with pytest.raises(TypeError, match="max_false_alarm"):
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


def test_variables_of_tests_and_tools_are_ignored():
    Settings.from_environment(dict.fromkeys(FOREIGN_VARIABLES, "anything"))
    assert not {variable(item.name) for item in FIELDS} & set(FOREIGN_VARIABLES)


def test_a_value_may_come_from_a_file(tmp_path):
    secret = tmp_path / "store"
    secret.write_text("mongodb://user:pass@host/db\n")
    assert Settings.from_environment({"EARMARK_STORE_FILE": str(secret)}).store == "mongodb://user:pass@host/db"
    with pytest.raises(InvalidConfig, match="EARMARK_STORE_FILE names '/nowhere', which cannot be read"):
        Settings.from_environment({"EARMARK_STORE_FILE": "/nowhere"})
    with pytest.raises(InvalidConfig, match="unknown setting 'EARMARK_STOR_FILE'"):
        Settings.from_environment({"EARMARK_STOR_FILE": str(secret)})


def test_a_file_that_is_not_text_is_refused(tmp_path):
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00secret")
    with pytest.raises(InvalidConfig, match=r"EARMARK_STORE_FILE names .*, which is not a text file"):
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
    assert list(Settings().shown()) == [item.name for item in FIELDS]


def test_settings_are_values():
    with pytest.raises(FrozenInstanceError):
        Settings().port = 81  # type: ignore[misc]
    assert Settings(port=81) == Settings().replace(port=81) != Settings()


def test_mypy_notices_a_misspelt_setting(tmp_path):
    """Attributes have types, so that neither a wrong name nor a wrong use needs a run to be found."""
    program = tmp_path / "program.py"
    program.write_text(
        "from classifier.settings import Settings\nprint(Settings().lease_second, Settings().port.upper())\n"
    )
    options = ["--strict", "--config-file=", "--follow-imports=silent", "--cache-dir", tmp_path / "cache"]
    run = subprocess.run(
        [sys.executable, "-m", "mypy", *options, program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert '"Settings" has no attribute "lease_second"' in run.stdout, run.stdout + run.stderr
    assert '"int" has no attribute "upper"' in run.stdout
    assert "Found 2 errors in 1 file" in run.stdout
