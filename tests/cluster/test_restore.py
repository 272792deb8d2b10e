"""A store that is copied, changed and put back answers as it did; indexes and shards follow, from wherever they are."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pymongo
import pytest

from classifier.catalogue import Catalogue
from classifier.index.follower import Follower, Part
from classifier.records.catalogues import get_catalogue
from classifier.results import Tag
from tests.library import phone_snippet, settings_in
from tests.places import ATOMIC, Place

SHARDS = 2


def copied(place: Place, folder: Path) -> Callable[[], None]:
    """Copy a store as its administrator would, and return what puts the copy in its place."""
    if place.kind == "sqlite":
        path, copy = Path(place.url.removeprefix("sqlite:///")), folder / "backup.sqlite"
        with sqlite3.connect(path) as source, sqlite3.connect(copy) as target:
            source.backup(target)

        def restore() -> None:
            for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
                path.with_name(name).unlink(missing_ok=True)
            path.write_bytes(copy.read_bytes())

        return restore
    with pymongo.MongoClient(place.url) as client:
        database = client.get_default_database()
        dumped: dict[str, list[dict[str, Any]]] = {
            name: list(database[name].find()) for name in database.list_collection_names()
        }

    def put_back() -> None:
        with pymongo.MongoClient(place.url) as client:
            database = client.get_default_database()
            for name in database.list_collection_names():
                database[name].delete_many({})
            for name, documents in dumped.items():
                if documents:
                    database[name].insert_many(documents)

    return put_back


def held(catalogue: Catalogue, data: Path) -> set[tuple[str, int]]:
    """Return the tracks that all shards hold, opened from a folder."""
    found = set()
    for number in range(SHARDS):
        record = get_catalogue(catalogue.store, catalogue.name)
        follower = Follower(catalogue.store, record, data, 0.0, Part(number, SHARDS))
        own = set(follower.view().snapshot.live)
        assert not own & found
        found |= own
        follower.close()
    return found


@pytest.mark.stores(ATOMIC)
def test_a_restored_store_answers_as_it_did(place: Place, tmp_path, music_files, enrolled_songs):
    settings = settings_in(tmp_path / "head", store=place.url)
    snippets = [phone_snippet(song, 7.0, 5.0, snr_db=10.0, seed=3) for song in enrolled_songs[:3]]

    def answers(catalogue: Catalogue) -> list[Tag]:
        return [replace(catalogue.identify(snippet), seconds={}) for snippet in snippets]

    with Catalogue.open(settings=settings) as catalogue:
        tracks = [catalogue.enroll(path).track for path in music_files[:2]]
        before, keys = answers(catalogue), held(catalogue, tmp_path / "shards")
    restore = copied(place, tmp_path)
    with Catalogue.open(settings=settings) as catalogue:
        catalogue.remove(tracks[0].id)
        catalogue.enroll(music_files[2])
        changed = answers(catalogue)
        assert held(catalogue, tmp_path / "shards") != keys
    assert [tag.verdict for tag in before] == ["identified", "identified", "no_match"]
    assert [tag.verdict for tag in changed] == ["no_match", "identified", "identified"]
    restore()
    for name in ("head", "new"):  # with the indexes that have seen what came after the copy, and without any
        folder = tmp_path / ("shards" if name == "head" else "new-shards")
        with Catalogue.open(settings=settings.replace(data_dir=str(tmp_path / name))) as catalogue:
            assert answers(catalogue) == before
            assert held(catalogue, folder) == keys
