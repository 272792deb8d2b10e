"""Optional packages that are missing are named, with the cure; other faults stay what they are."""

from __future__ import annotations

import importlib

import pytest

from classifier.errors import InvalidConfig
from classifier.extras import check_extra, needing


def test_a_missing_package_is_named_with_its_extra():
    with pytest.raises(InvalidConfig) as caught, needing("listen", "a microphone"):
        importlib.import_module("no_such_package")
    assert str(caught.value) == "a microphone needs the package 'no_such_package': pip install 'earmark[listen]'"


def test_what_is_installed_passes():
    with needing("listen", "a microphone"):
        importlib.import_module("json")


def test_packages_are_looked_for_without_being_imported():
    check_extra("labels", "training", "json", "antigravity")  # importing the second would open a browser
    with pytest.raises(InvalidConfig, match=r"training needs the package 'no_such_package': .*earmark\[labels\]"):
        check_extra("labels", "training", "json", "no_such_package")


def test_a_fault_within_a_package_is_no_missing_package():
    with pytest.raises(ImportError, match="no_such_name"), needing("listen", "a microphone"):
        exec("from json import no_such_name")
