"""The public surface: what ``import classifier`` promises."""

from __future__ import annotations

import importlib.metadata
import re

import pytest

import classifier

PUBLIC = [
    "Audio",
    "Catalogue",
    "EarmarkError",
    "Enrolled",
    "FeatureConfig",
    "Listener",
    "Match",
    "Near",
    "Searched",
    "Settings",
    "Tag",
    "Track",
    "Tracklist",
    "open_store",
    "tracklist",
]


def test_the_surface_is_pinned():
    assert classifier.__all__ == PUBLIC
    assert set(PUBLIC) <= set(dir(classifier))


@pytest.mark.parametrize("name", PUBLIC)
def test_every_name_is_there_and_documented(name):
    value = getattr(classifier, name)
    assert value.__name__ == name
    assert value.__doc__
    assert value.__module__.startswith("classifier.")


def test_other_names_are_refused_in_the_usual_way():
    with pytest.raises(AttributeError, match="module 'classifier' has no attribute 'Katalog'"):
        classifier.Katalog  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'Katalog'"):
        exec("from classifier import Katalog")


def test_the_version_is_one():
    assert re.fullmatch(r"\d+\.\d+\.\d+", classifier.__version__)
    assert importlib.metadata.version("earmark") == classifier.__version__
