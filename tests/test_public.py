"""The public surface: what ``import classifier`` promises."""

from __future__ import annotations

import ast
import doctest
import importlib
import importlib.metadata
import inspect
import operator
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

import classifier
from classifier import stages

sys.path.insert(0, str(Path(__file__).parents[1] / "docs" / "site"))

import reference

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


#: Modules of pure functions that a reader of the reference meets, and of those that any program may use.
SHOWN = sorted(
    {*reference.modules(), "classifier.identifiers", "classifier.metrics", "classifier.records.configurations"}
)


def functions(module: ModuleType) -> dict[str, object]:
    """Return a module's own public functions by name, also those that remember their answers."""
    whole = {name: inspect.unwrap(value) for name, value in vars(module).items() if callable(value)}
    own = {name: value for name, value in whole.items() if inspect.isfunction(value) and name[0] != "_"}
    return {name: f for name, f in own.items() if (f.__module__, f.__name__) == (module.__name__, name)}


@pytest.mark.parametrize("name", SHOWN)
def test_every_function_of_the_reference_has_an_example_that_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    without = []
    for own, value in functions(module).items():
        found = examples(value, own, module)
        without += [] if found else [own]
        for each in found:
            runner.run(each)
    assert without == []
    assert runner.summarize(verbose=False).failed == 0


def test_other_names_are_refused_in_the_usual_way():
    with pytest.raises(AttributeError, match="module 'classifier' has no attribute 'Katalog'"):
        classifier.Katalog  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'Katalog'"):
        exec("from classifier import Katalog")


def test_the_version_is_one():
    assert re.fullmatch(r"\d+\.\d+\.\d+", classifier.__version__)
    assert importlib.metadata.version("earmark") == classifier.__version__
