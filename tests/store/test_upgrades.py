"""A store of an older schema, opened by this Earmark: nothing is lost, and everything is found."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pymongo

from classifier.records import tracklists, tracks
from classifier.records.catalogues import create_catalogue
from classifier.records.tracklist_writing import Writer
from classifier.store import SCHEMA_VERSION
from classifier.store.base import COLLECTIONS
from classifier.store.sqlite import APPLICATION_ID
from classifier.store.upgrades import COLLECTIONS as UPGRADED
from classifier.store.upgrades import lacking
from tests.places import Place

#: A track's document as schema 1 had it, without ``_id``.
TRACK: dict[str, Any] = {
    "status": "ready",
    "version": 1,
    "version_token": "t",
    "attempts": 1,
    "edited": 0,
    "n_windows": 0,
    "n_frames": 0,
    "n_model_chunks": 0,
    "n_subfingerprint_chunks": 0,
    "created": "2026-01-01T00:00:00.000Z",
    "artist": None,
    "album": "Älbum",
    "isrc": None,
    "metadata": ["key", "value"],
    "catalogue": "default",
    "catalogue_id": "the id",
    "source": "file",
    "duration_s": 3.0,
    "lease_owner": "",
    "lease_token": "",
    "lease_expires": 0.0,
}


def documents(n: int) -> list[dict[str, Any]]:
    made = [
        {**TRACK, "_id": f"{i:04d}", "title": f"Ødger {i}", "content_hash": f"c{i}", "file_hash": f"f{i}"}
        for i in range(n)
    ]
    made[3] |= {"title": "Don’t", "edited": 2}
    made[4] |= {"status": "writing"}
    return made


CATALOGUE = {
    "_id": "the id",
    "name": "default",
    "status": "ready",
    "config": {"sample_rate": 16000},
    "config_hash": "hash",
    "background": "",
    "created": "2026-01-01T00:00:00.000Z",
    "revision": 7,
}


def write_schema_1(place: Place, n: int) -> None:
    """Write a store as schema 1 laid it out."""
    contents = {"catalogues": [CATALOGUE], "tracks": documents(n)}
    if place.kind != "sqlite":
        with pymongo.MongoClient(place.url) as client:
            database = client.get_default_database()
            for collection, made in contents.items():
                database[collection].insert_many(made)
            database["tracks"].create_index([("catalogue", 1), ("status", 1)], name="catalogue_status")
            database["schema"].insert_one({"_id": "earmark", "version": 1})
        return
    path = Path(place.url.removeprefix("sqlite:///"))
    path.parent.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        for collection, made in contents.items():
            connection.execute(
                f"CREATE TABLE {collection} (_id TEXT PRIMARY KEY NOT NULL, doc TEXT NOT NULL, data BLOB) STRICT"
            )
            rows = [
                (document["_id"], json.dumps({name: document[name] for name in document if name != "_id"}))
                for document in made
            ]
            connection.executemany(f"INSERT INTO {collection} (_id, doc) VALUES (?, ?)", rows)
        expression = "json_extract(doc, '$.\"{}\"')".format
        connection.execute(
            f"CREATE INDEX tracks_catalogue_status ON tracks ({expression('catalogue')}, {expression('status')})"
        )
        connection.execute(
            "CREATE UNIQUE INDEX tracks_catalogue_content_hash ON tracks "
            f"({expression('catalogue')}, {expression('content_hash')})"
        )
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 1")


def test_tracks_of_schema_1_are_all_there_and_found(place: Place) -> None:
    n = 203 if place.kind == "sqlite" else 103  # more than are read or written at a time
    write_schema_1(place, n)
    store = place.open()

    assert tracks.count_tracks(store, "default") == n - 1
    assert tracks.count_tracks(store, "default", search="odger") == n - 2
    assert [track.id for track in tracks.list_tracks(store, "default", search="DON'T album")] == ["0003"]
    assert tracks.get_track(store, "0002").by_hand == []
    edited = ["title", "artist", "album", "isrc", "metadata"]  # nobody knows which; more there was not then
    assert tracks.get_track(store, "0003").by_hand == edited
    assert tracks.find(store, "default", file_hash="f2") == tracks.get_track(store, "0002")
    kept = store.get("tracks", "0002")
    assert kept is not None
    assert kept.items() >= documents(n)[2].items()
    assert tracks.edit(store, "0002", title="Neu").by_hand == ["title"]
    assert store.faults() == []


def test_an_unfinished_schema_2_is_brought_up_to_date(place: Place) -> None:
    """Development versions marked stores with 2 that had neither folded texts in all tracks nor an index of keys."""
    if place.kind == "sqlite":
        Path(place.url.removeprefix("sqlite:///")).parent.mkdir(exist_ok=True)
    store = place.open()
    catalogue = create_catalogue(store, "default", {}, "hash")
    made = [{**document, "catalogue_id": catalogue.id, "folded": "odger", "by_hand": []} for document in documents(7)]
    for document in made[:4]:
        del document["folded"], document["by_hand"]
    store.insert("tracks", [{**document, "packet_hash": ""} for document in made])
    store.insert("tags", [{"_id": f"{i}", "catalogue": "default", "created": "2026", "key": "k"} for i in range(3)])
    place.close()
    if place.kind != "sqlite":
        with pymongo.MongoClient(place.url) as client:
            database = client.get_default_database()
            database["schema"].update_one({"_id": "earmark"}, {"$set": {"version": 2}})
            database["tags"].drop_index("key")
    else:
        with closing(sqlite3.connect(place.url.removeprefix("sqlite:///"))) as connection:
            connection.execute("DROP INDEX tags_key")
            connection.execute("ALTER TABLE tags DROP COLUMN key")
            connection.execute("PRAGMA user_version = 2")
            connection.commit()

    store = place.open()
    assert [track.id for track in tracks.list_tracks(store, "default", search="don't album")] == ["0003"]
    assert tracks.count_tracks(store, "default", search="odger") == 5  # one is being written
    assert tracks.get_track(store, "0003").by_hand == ["title", "artist", "album", "isrc", "metadata"]
    assert store.count("tags", {"key": "k"}) == 3
    assert store.faults() == []
    if place.kind != "sqlite":
        with pymongo.MongoClient(place.url) as client:
            indexes = client.get_default_database()["tags"].index_information().values()
            assert [("key", 1)] in [index["key"] for index in indexes]


def test_tracklists_of_schema_8_are_found_by_name(place: Place) -> None:
    if place.kind == "sqlite":
        Path(place.url.removeprefix("sqlite:///")).parent.mkdir(exist_ok=True)
    store = place.open()
    made = [tracklists.create(store, "default", file=file) for file in ("Ämter.flac", "b.flac")]
    for tracklist_id in made:
        kept = store.get("tracklists", tracklist_id)
        assert kept is not None
        store.put("tracklists", {name: kept[name] for name in kept if name != "folded"})
    place.close()
    if place.kind != "sqlite":
        with pymongo.MongoClient(place.url) as client:
            client.get_default_database()["schema"].update_one({"_id": "earmark"}, {"$set": {"version": 8}})
    else:
        with closing(sqlite3.connect(place.url.removeprefix("sqlite:///"))) as connection:
            connection.execute("PRAGMA user_version = 8")

    store = place.open()
    assert [found["id"] for found in tracklists.history(store, search="amter")] == made[:1]
    assert [found["id"] for found in tracklists.history(store, sort="-file")] == made
    Writer(store, made[1]).heard(3.0)


def test_a_change_of_the_schema_needs_the_next_version() -> None:
    """Whoever changes collections, indexes or what documents lack raises ``SCHEMA_VERSION``, then writes it here."""
    described = json.dumps([COLLECTIONS, {collection: sorted(lacking(collection, {})) for collection in UPGRADED}])
    known = {"f2afb51c6038d121": 3, "00645b7e48a93d19": 4, "ad94149e902821e8": 5, "54b24dbaffb8af2c": 6}
    known |= {"8263bada1386df7e": 7, "49dcf6d8dd8a32eb": 8, "3f1ffe8362a367cc": 9}
    assert known.get(hashlib.sha256(described.encode()).hexdigest()[:16]) == SCHEMA_VERSION


def test_an_upgraded_store_is_laid_out_like_a_new_one(place: Place, tmp_path: Path) -> None:
    write_schema_1(place, 5)
    store = place.open()
    create_catalogue(store, "other", {}, "hash")
    store.ensure_schema()

    if place.kind != "sqlite":
        with pymongo.MongoClient(place.url) as client:
            database = client.get_default_database()
            assert database["schema"].find_one() == {"_id": "earmark", "version": SCHEMA_VERSION}
            assert "catalogue_status" not in database["tracks"].index_information()
        return
    new = Place("sqlite", f"sqlite:///{tmp_path}/new.sqlite")
    new.open().ensure_schema()
    layouts = []
    for url in (place.url, new.url):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            indexes = "SELECT name, sql FROM sqlite_schema WHERE type = 'index' ORDER BY name"
            layouts.append(
                (
                    connection.execute("PRAGMA user_version").fetchone(),
                    connection.execute(indexes).fetchall(),
                    [row[1] for row in connection.execute("PRAGMA table_xinfo(tracks)")],
                )
            )
    new.close()
    assert layouts[0] == layouts[1]
    assert layouts[0][0] == (SCHEMA_VERSION,)
