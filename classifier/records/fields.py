"""What is said of a track, as it is stored: cleaned, checked, and searched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from classifier.errors import InvalidParameter
from classifier.identifiers import IDENTIFIERS, form_of, normalised
from classifier.store.upgrades import SEARCHED
from classifier.text import MAX_NAME, MAX_NOTE, clean, searched


def text_fields(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return title, artist, album, identifiers, source and metadata in stored form: cleaned, None if empty.

    Raises
    ------
    InvalidParameter
        If one of them is not text, or the title is empty.
    """
    fields: dict[str, Any] = {}
    for name, value in values.items():
        if name == "metadata":
            items = {_text(name, key, 100): _text(name, text, MAX_NOTE) for key, text in dict(value or {}).items()}
            fields[name] = [text for item in items.items() for text in item]
        elif name == "source":
            fields[name] = _text(name, value, MAX_NAME)
        else:
            fields[name] = None if value is None and name != "title" else _text(name, value, MAX_NAME) or None
    if "title" in fields and fields["title"] is None:
        raise InvalidParameter("the title of a track must not be empty")
    return fields


def set_fields(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a person says of a track as :func:`text_fields` does, each identifier in its proper form.

    Raises
    ------
    InvalidParameter
        If one of them is not text, the title is empty, or an identifier has another form.
    """
    fields = text_fields(values)
    for name in IDENTIFIERS:
        if text := fields.get(name):
            fields[name] = normalised(name, text)
            if fields[name] is None:
                raise InvalidParameter(f"{name} is {text!r}: it must be {form_of(name)}")
    return fields


def with_search(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a track together with ``folded``, the text in which it is searched."""
    return {**record, "folded": searched(record.get(name) for name in SEARCHED)}


def _text(name: str, value: Any, most: int) -> str:
    if not isinstance(value, str):
        raise InvalidParameter(f"{name} is {value!r}: it must be text")
    return clean(value, most)
