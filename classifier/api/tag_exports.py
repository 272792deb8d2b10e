"""The history as a file: a table for spreadsheets, or JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from typing import Any

from classifier.listening.exports import cell
from classifier.records import tags as stored
from classifier.store.base import Store

#: Most tags in a file.
MAX_TAGS = 10_000
_PAGE = 200
_OF_TAG = ("id", "created", "catalogue", "file", "verdict", "method", "duration_s")
_OF_MATCH = ("track_id", "title", "artist", "album", "offset_s", "speed", "confidence", "log10_e_value", "divergence")
Tags = Sequence[dict[str, Any]]


def chosen(store: Store, owner: stored.Owner, ids: Sequence[str], asked: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the tags of these ids, or the newest that are asked for.

    Parameters
    ----------
    store : Store
    owner : Owner
        Whose tags.
    ids : sequence of str
        Empty ones are passed over; none: by ``asked``.
    asked : dict
        As :func:`classifier.records.tags.history`.

    Raises
    ------
    TagNotFound
        If one of the ids is not there, or not the owner's.
    """
    named = [tag_id for tag_id in ids if tag_id]
    if named:
        return [stored.get(store, tag_id, owner=owner) for tag_id in named]
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while len(found) < MAX_TAGS:
        page, cursor = stored.history(store, owner=owner, limit=_PAGE, cursor=cursor, **asked)
        found += page
        if cursor is None:
            break
    return found[:MAX_TAGS]


def _table(tags: Tags) -> tuple[str, str]:
    """A line a tag, with what it names first; empty where it names nothing."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([*_OF_TAG, "named", *_OF_MATCH])
    for tag in tags:
        tied = tag["tied"] if tag["tied"] is not None else int(tag["verdict"] != "no_match")
        first = tag["matches"][0] if tied and tag["matches"] else {}
        writer.writerow([*(cell(tag[name]) for name in _OF_TAG), tied, *(cell(first.get(name)) for name in _OF_MATCH)])
    return text.getvalue(), "text/csv"


def _json(tags: Tags) -> tuple[str, str]:
    return json.dumps({"tags": tags}, ensure_ascii=False), "application/json"


FORMATS: dict[str, Callable[[Tags], tuple[str, str]]] = {"csv": _table, "json": _json}
"""Text and media type of a file, by the name of its format."""
