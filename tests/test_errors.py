"""The tree of errors: stable names, statuses, and a drawing that shows what is there."""

from __future__ import annotations

import importlib
import pkgutil
import re

import pytest

import classifier
from classifier import errors
from classifier.errors import EarmarkError


def everywhere() -> list[type[EarmarkError]]:
    """Return every error of the program, those of single parts too."""
    for module in pkgutil.walk_packages(classifier.__path__, "classifier."):
        if not module.name.endswith(("__main__", "._decoder")):
            importlib.import_module(module.name)
    found, waiting = [], [EarmarkError]
    while waiting:
        kind = waiting.pop()
        found.append(kind)
        waiting.extend(kind.__subclasses__())
    return sorted(set(found), key=lambda kind: kind.__name__)


ERRORS = everywhere()


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_an_error_has_a_name_a_status_and_a_sentence(kind):
    assert "name" in vars(kind), "a stable name of its own"
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", kind.name)
    assert 400 <= kind.status <= 599
    assert kind.__doc__
    assert kind.__doc__.strip().splitlines()[0].endswith(".")
    if kind is not EarmarkError and kind.__module__ == errors.__name__:
        snake = re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()
        assert kind.name == snake, "class and name say the same"


def test_names_are_unique():
    names = [kind.name for kind in ERRORS]
    assert sorted(names) == sorted(set(names))


def test_the_drawn_tree_is_the_tree():
    """Indentation and order of the module's docstring against the classes."""
    drawn: dict[str, str] = {}
    path: list[tuple[int, list[str]]] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"^( *)[*+\-x] (.+)$", line)
        if not match:
            continue
        depth, names = len(match[1]), re.findall(r"\w+", match[2])
        path = [step for step in path if step[0] < depth]
        for name in names:
            drawn[name] = path[-1][1][-1] if path else ""
        path.append((depth, names))
    classes = {
        name: kind.__bases__[0].__name__
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, EarmarkError)
    }
    assert drawn == {**classes, "EarmarkError": ""}


def test_statuses_say_whose_fault_it_is():
    for kind in ERRORS:
        if issubclass(kind, errors.InvalidInput | errors.NotFound | errors.Conflict):
            assert kind.status < 500, kind
        if issubclass(kind, errors.Unavailable | errors.StoreFailed):
            assert kind.status >= 500, kind
