"""The OpenAPI document: every name has its words, every number its unit, every time its form."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from api_client import ROOT

from app import create_app
from classifier.api.glossary import DIMENSIONLESS, TIMES, UNITS, WORDS
from classifier.settings import Settings

GUIDE = (ROOT / "docs" / "api.md").read_text("utf-8")
#: Times of models have these endings and names; all else that is text is no time.
TIME = re.compile(r"(created|finished|merged|expires|last_used|_at)\Z")


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return dict(create_app(Settings(data_dir=str(tmp_path_factory.mktemp("spec")))).spec)


def properties(spec: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for model, schema in spec["components"]["schemas"].items():
        for name, field in schema.get("properties", {}).items():
            yield model, name, field


def operations(spec: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in spec["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def kinds(field: dict[str, Any]) -> set[str]:
    return {choice["type"] for choice in (field, *field.get("anyOf", ())) if "type" in choice}


def test_every_property_and_parameter_has_words(spec: dict[str, Any]) -> None:
    """What the models do not describe is in ``classifier/api/glossary.py``."""
    bare = [f"{model}.{name}" for model, name, field in properties(spec) if not field.get("description")]
    for path, method, operation in operations(spec):
        named = operation.get("parameters", [])
        bare += [f"{method} {path} {each['name']}" for each in named if not each.get("description")]
    assert bare == []


def test_every_operation_has_words_and_a_name_of_its_own(spec: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, _, operation in operations(spec)]
    assert len(set(ids)) == len(ids)
    assert all(operation["summary"] for _, _, operation in operations(spec))


def test_the_glossary_has_no_word_too_many(spec: dict[str, Any]) -> None:
    used = {name for _, name, _ in properties(spec)} | {f"{model}.{name}" for model, name, _ in properties(spec)}
    used |= {each["name"] for _, _, operation in operations(spec) for each in operation.get("parameters", [])}
    assert set(WORDS) - used == set()


def test_numbers_name_their_unit(spec: dict[str, Any]) -> None:
    bare = {f"{m}.{n}" for m, n, field in properties(spec) if "number" in kinds(field) and n not in DIMENSIONLESS}
    assert {name for name in bare if not name.endswith(UNITS)} == set()


def test_times_are_said_to_be_times(spec: dict[str, Any]) -> None:
    for model, name, field in properties(spec):
        if TIME.search(name) and "string" in kinds(field):
            formats = {choice.get("format") for choice in (field, *field.get("anyOf", ()))}
            assert "date-time" in formats, f"{model}.{name} is missing in TIMES of the glossary"
    assert TIMES


def test_fields_in_programs_of_the_guide_exist(spec: dict[str, Any]) -> None:
    """Of the languages that the tests cannot run."""
    (kotlin,), (swift,) = (re.findall(rf"```{name}\n(.*?)```", GUIDE, re.DOTALL) for name in ("kotlin", "swift"))
    known = {model: schema.get("properties", {}) for model, schema in spec["components"]["schemas"].items()}
    asked = set(re.findall(r'\.get\w+\("(\w+)"\)', kotlin))
    assert asked == {"name", "detail", "matches", "verdict", "title", "offset_s"}
    assert asked <= set(known["Problem"]) | set(known["Tag"]) | set(known["Match"])
    structs = re.findall(r"struct (\w+): Decodable.*?\{\n(.*?)\n\}", swift, re.DOTALL)
    assert [name for name, _ in structs] == ["Match", "Tag", "Problem"]
    for model, body in structs:
        for field, optional in re.findall(r"let (\w+): [\w\[\]]+(\??)", body):
            assert field in known[model]
            assert optional or "null" not in kinds(known[model][field]), (model, field)


def test_every_route_is_in_the_guide(spec: dict[str, Any]) -> None:
    """By its last fixed part: the guide names some routes by what they add to another."""
    for path, _, operation in operations(spec):
        if operation["tags"] == ["Operation"] and not path.startswith("/api/"):
            continue  # for whoever runs the service: docs/operations.md
        fixed = [part for part in path.removeprefix("/api/v1").split("/") if part and not part.startswith("{")]
        assert f"/{fixed[-1]}" in GUIDE or f"`{fixed[-1]}`" in GUIDE, path
