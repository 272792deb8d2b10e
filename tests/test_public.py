"""The public surface: what ``import classifier`` promises."""

from __future__ import annotations

import ast
import doctest
import importlib
import importlib.metadata
import operator
import re
from pathlib import Path
from types import ModuleType

import pytest

import classifier
from classifier import stages

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
    "stages",
    "tracklist",
]
#: What a reader calls; answers are only read.
CALLED = ["Audio", "Catalogue", "FeatureConfig", "Listener", "Settings", "open_store", "tracklist"]


def test_the_surface_is_pinned():
    assert classifier.__all__ == PUBLIC
    assert set(PUBLIC) <= set(dir(classifier))


@pytest.mark.parametrize("name", PUBLIC)
def test_every_name_is_there_and_documented(name):
    value = getattr(classifier, name)
    assert value.__name__.removeprefix("classifier.") == name
    assert value.__doc__
    if name == "stages":
        return
    assert value.__module__.startswith("classifier.")


def test_type_checkers_see_what_is_loaded_later():
    """The imports for type checkers name the same objects, each from the module that defines it."""
    tree = ast.parse(Path(classifier.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.name: f"{line.module}" for line in block.body for alias in line.names}
    assert seen == {"stages": "classifier"} | {n: f"classifier.{home}" for n, home in classifier._HOMES.items()}
    for name, module in seen.items():
        assert getattr(classifier, name).__module__ == module if name != "stages" else True


def examples(value: object, name: str, module: ModuleType) -> list[doctest.DocTest]:
    return [t for t in doctest.DocTestFinder(recurse=True).find(value, name, module) if t.examples]


@pytest.mark.parametrize("name", [*CALLED, *(f"stages.{name}" for name in stages.__all__)])
def test_everything_that_is_called_has_an_example_that_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    value = operator.attrgetter(name)(classifier)
    found = examples(value, name, importlib.import_module(value.__module__))
    assert found, f"{name} has no example"
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for each in found:
        runner.run(each)
    assert runner.summarize(verbose=False).failed == 0


def test_other_names_are_refused_in_the_usual_way():
    with pytest.raises(AttributeError, match="module 'classifier' has no attribute 'Katalog'"):
        classifier.Katalog  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'Katalog'"):
        exec("from classifier import Katalog")


def test_the_version_is_one():
    assert re.fullmatch(r"\d+\.\d+\.\d+", classifier.__version__)
    assert importlib.metadata.version("earmark") == classifier.__version__
