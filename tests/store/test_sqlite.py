"""What only the SQLite store can get into: full disks, read-only folders, other programs' files."""

from __future__ import annotations

import os
import resource
import sqlite3
import threading
import warnings
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from classifier.errors import EarmarkError, StoreCorrupt, StoreFull, StoreReadOnly, StoreUnavailable
from classifier.records.tracks import SORTS
from classifier.store.sqlite import APPLICATION_ID, SqliteStore

NOBODY = 65534


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite"


@pytest.fixture
def make(path: Path) -> Any:
    made: list[SqliteStore] = []

    def open_at(where: Path = path, **options: Any) -> SqliteStore:
        made.append(SqliteStore(where, **options))
        return made[-1]

    yield open_at
    for store in made:
        store.close()


def pragma(path: Path, name: str) -> Any:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(f"PRAGMA {name}").fetchone()[0]


def test_nothing_is_created_before_the_first_use(make: Any, tmp_path: Path) -> None:
    store = make(tmp_path / "a" / "b" / "store.sqlite")
    assert not (tmp_path / "a").exists()

    store.count("tags")
    assert (tmp_path / "a" / "b" / "store.sqlite").exists()


def test_file_says_what_it_is(make: Any, path: Path) -> None:
    store = make()
    store.ensure_schema()

    assert pragma(path, "journal_mode") == "wal"
    assert pragma(path, "application_id") == APPLICATION_ID
    connection = store._connection()
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    tables = connection.execute(
        "SELECT name, strict FROM pragma_table_list WHERE schema = 'main' AND strict"
    ).fetchall()
    assert ("tracks", 1) in tables


def test_nobody_else_may_read_a_new_store(make: Any, tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        path = tmp_path / "home" / "earmark" / "store.sqlite"
        make(path).insert("tags", [{"_id": "a"}])
        rights = {found.name: found.stat().st_mode & 0o777 for found in (path.parent, *path.parent.iterdir())}
        assert rights == {"earmark": 0o700, "store.sqlite": 0o600, "store.sqlite-wal": 0o600, "store.sqlite-shm": 0o600}

        shared = tmp_path / "shared"  # what is there is left as its owner wants it
        shared.mkdir(mode=0o755)
        (shared / "store.sqlite").touch(mode=0o644)
        make(shared / "store.sqlite").insert("tags", [{"_id": "a"}])
        assert [found.stat().st_mode & 0o777 for found in (shared, shared / "store.sqlite")] == [0o755, 0o644]
    finally:
        os.umask(before)


def test_what_is_deleted_is_overwritten(make: Any, path: Path) -> None:
    store = make()
    # Asked for by every connection, since SQLite need not be built so.
    assert store._connection().execute("PRAGMA secure_delete").fetchone() == (1,)
    secret = "secret" * 1000
    store.insert("tags", [{"_id": "a", "file": secret}, {"_id": "b", "file": "kept" * 1000}])
    store.delete("tags", {"_id": "a"})
    store.close()
    assert b"kept" in path.read_bytes()
    assert b"secret" not in path.read_bytes()


def test_conditions_use_the_indexes(make: Any) -> None:
    store = make()
    seen: list[str] = []
    store._connection().set_trace_callback(seen.append)
    list(store.find("tracks", {"catalogue_id": "c", "status": "ready"}, sort=("title", 1), fields=["title"]))
    store.update("tracks", {"catalogue": "c", "content_hash": "h"}, set={"title": "t"})
    list(store.find("jobs", {"status": "running", "lease_expires": {"$lt": 5.0}}))

    plans = [store._connection().execute("EXPLAIN QUERY PLAN " + query).fetchall()[0][3] for query in seen]
    assert [plan.split("USING ")[1].split(" (")[0] for plan in plans] == [
        "INDEX tracks_catalogue_id_status_title_folded",
        "INDEX tracks_catalogue_content_hash",
        "INDEX jobs_status_lease_expires",
    ]


@pytest.mark.parametrize("field", SORTS)
def test_facets_and_orders_use_the_indexes(make: Any, field: str) -> None:
    store = make()
    seen: list[str] = []
    store._connection().set_trace_callback(seen.append)
    where = {"catalogue_id": "c", "status": "ready"}
    store.tally("tracks", field, where, limit=50)
    store.tally("tracks", field, {**where, "folded": {"$contains": ["an"]}}, limit=50)
    list(store.find("tracks", where, sort=(field, -1), fields=["_id"]))

    plans = [store._connection().execute("EXPLAIN QUERY PLAN " + query).fetchall()[0][3] for query in seen]
    index = f"INDEX tracks_catalogue_id_status_{field}_folded"
    assert [plan.partition("INDEX ")[1] + plan.partition("INDEX ")[2].split(" (")[0] for plan in plans] == [index] * 3


def test_each_thread_has_its_connection_and_loses_it(make: Any) -> None:
    store = make()
    store.ensure_schema()
    connections: list[int] = []
    thread = threading.Thread(target=lambda: connections.append(id(store._connection())))
    thread.start()
    thread.join()

    assert connections[0] != id(store._connection())
    assert len(store._handles) == 1


def test_a_child_process_never_touches_inherited_connections(make: Any) -> None:
    store = make()
    store.insert("tags", [{"_id": "a"}])
    inherited = store._connection()

    def look() -> None:
        assert len(store._handles) == 0
        assert store._connection() is not inherited
        inherited.execute("SELECT 1")  # not even closed

    assert in_child(look) == "no error"
    assert store._connection() is inherited


def test_whoever_comes_while_the_schema_is_made(make: Any, path: Path) -> None:
    """A file that gets its tables between two looks at it must not be taken for another program's."""
    other = make(timeout_s=0.05)

    class Interrupted(SqliteStore):
        @staticmethod
        def _is_current(connection: sqlite3.Connection) -> bool:
            def interrupt(statement: str) -> None:
                if "sqlite_schema" in statement:
                    with suppress(StoreUnavailable):
                        other.ensure_schema()

            connection.set_trace_callback(interrupt)
            try:
                return SqliteStore._is_current(connection)
            finally:
                connection.set_trace_callback(None)

    store = Interrupted(path)
    assert store.count("tags") == 0
    store.close()


def test_no_read_stays_open(make: Any) -> None:
    """An iterator left half-way must neither pin the log nor stand in the way of a later write."""
    store, other = make(), make()
    store.insert("tags", [{"_id": str(i)} for i in range(10)])
    half_way = store.find("tags")
    next(half_way)
    other.insert("tags", [{"_id": "x"}])
    store.insert("tags", [{"_id": "y"}])

    assert other._connection().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0


# -------------------------------------------------------------------- what can go wrong


def test_locked_for_too_long(make: Any, path: Path) -> None:
    store = make(timeout_s=0.1)
    store.insert("tags", [{"_id": "a"}])
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match=r"locked by another process for 0\.1 s: try again"):
            store.insert("tags", [{"_id": "b"}])
        assert store.get("tags", "a") == {"_id": "a"}  # readers do not wait
        assert store.update("tags", {"_id": "none"}, set={"x": 1}) is None  # nor does an update of nothing

    store.insert("tags", [{"_id": "b"}])
    assert store.count("tags") == 2


def test_waits_for_a_short_lock(make: Any, path: Path) -> None:
    store = make()
    store.ensure_schema()
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        timer = threading.Timer(0.2, lambda: other.execute("COMMIT"))
        timer.start()
        store.insert("tags", [{"_id": "a"}])
        timer.join()
    assert store.count("tags") == 1


@pytest.mark.parametrize("content", [b"ID3 this is an mp3" * 100, b"SQLite format 3\0" + bytes(range(256)) * 40])
def test_not_a_database(make: Any, path: Path, content: bytes) -> None:
    path.write_bytes(content)

    with pytest.raises(StoreCorrupt, match="damaged or not an SQLite database"):
        make().count("tags")
    assert path.read_bytes() == content


def test_another_programs_database_is_left_alone(make: Any, path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE bookmarks (url)")
    before = path.read_bytes()

    with pytest.raises(StoreCorrupt, match="a database of another program: name another file"):
        make().ensure_schema()
    assert path.read_bytes() == before


def test_an_empty_file_becomes_a_store(make: Any, path: Path) -> None:
    path.touch()
    make().insert("tags", [{"_id": "a"}])
    assert make().count("tags") == 1


def test_damage_is_found(make: Any, path: Path) -> None:
    store = make()
    store.insert("models", [{"_id": f"{i:03d}", "track_id": "t", "data": os.urandom(3000)} for i in range(100)])
    assert store.faults() == []
    store.close()
    with open(path, "r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(size // 2)
        file.write(os.urandom(20_000))

    faults = make().faults()
    assert faults
    assert all(isinstance(fault, str) for fault in faults)


def test_a_damaged_document_is_named(make: Any, path: Path) -> None:
    store = make()
    store.insert("leases", [{"_id": "a", "n": 1}])
    store._connection().execute("UPDATE leases SET doc = ?", ('{"n":',))

    with pytest.raises(StoreCorrupt, match="document 'a' is damaged"):
        store.get("leases", "a")


def test_a_folder_in_place_of_the_file(make: Any, path: Path) -> None:
    path.mkdir()
    with pytest.raises(StoreUnavailable, match="cannot be opened: is it a folder"):
        make().ping()


def test_a_file_in_place_of_the_folder(make: Any, path: Path) -> None:
    path.touch()
    with pytest.raises(StoreUnavailable, match="folder cannot be created"):
        make(path / "store.sqlite").ping()


def test_full_by_its_own_limit(make: Any) -> None:
    store = make()
    store.insert("models", [{"_id": "a", "track_id": "t", "data": bytes(100_000)}])
    connection = store._connection()
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages + 20}")

    with pytest.raises(StoreFull, match="is full or over its quota: make room"):
        store.insert("models", [{"_id": c, "track_id": "t", "data": bytes(50_000)} for c in "bcd"])
    assert [document["_id"] for document in store.find("models")] == ["a"]  # nothing was changed
    with pytest.raises(StoreFull):
        store.put("models", {"_id": "a", "track_id": "t", "data": bytes(400_000)})
    assert store.get("models", "a") == {"_id": "a", "track_id": "t", "data": bytes(100_000)}

    store.insert("tags", [{"_id": "small"}])  # what fits still goes in
    connection.execute("PRAGMA max_page_count = 1000000")
    store.insert("models", [{"_id": "b", "track_id": "t", "data": bytes(500_000)}])
    assert store.faults() == []


def in_child(work: Callable[[], None]) -> str:
    """Run in a forked process, which may do to itself what cannot be undone; return the error's name and text."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # other threads of this process do not matter to the child
        child = os.fork()
    if child == 0:
        try:
            work()
            text = "no error"
        except EarmarkError as error:
            text = f"{type(error).__name__}: {error}"
        except BaseException as error:
            text = f"unexpected {error!r}"
        os.write(writing, text.encode())
        os._exit(0)
    os.close(writing)
    with open(reading) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return text


def test_full_by_the_systems_limit(make: Any, path: Path) -> None:
    store = make()
    store.insert("tags", [{"_id": "a"}])

    def fill() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
        store.insert("models", [{"_id": "b", "track_id": "t", "data": bytes(2_000_000)}])

    assert in_child(fill).startswith("StoreFull: the disk behind the store is full")
    assert store.count("models") == 0
    store.insert("models", [{"_id": "b", "track_id": "t", "data": bytes(2_000_000)}])
    assert store.faults() == []


def test_read_only_connection(make: Any) -> None:
    store = make()
    store.insert("tags", [{"_id": "a"}])
    store._connection().execute("PRAGMA query_only = 1")

    for write in (
        lambda: store.insert("tags", [{"_id": "b"}]),
        lambda: store.put("tags", {"_id": "a", "n": 1}),
        lambda: store.update("tags", {"_id": "a"}, set={"n": 1}),
        lambda: store.delete("tags", {}),
    ):
        with pytest.raises(StoreReadOnly, match="read-only: make its file and folder writable"):
            write()
    assert list(store.find("tags")) == [{"_id": "a"}]


def as_nobody(work: Callable[[], None]) -> str:
    """Run without root's power to write anywhere."""

    def drop() -> None:
        if os.getuid() == 0:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        work()

    return in_child(drop)


@pytest.fixture
def public(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A folder that everybody may enter, unlike those of tmp_path."""
    import shutil
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="earmark-"))
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def test_read_only_folder(public: Path) -> None:
    store = SqliteStore(public / "store.sqlite")
    store.insert("tags", [{"_id": "a"}])
    store.close()
    public.chmod(0o555)
    (public / "store.sqlite").chmod(0o444)

    def write() -> None:
        SqliteStore(public / "store.sqlite").insert("tags", [{"_id": "b"}])

    assert as_nobody(write).startswith("StoreReadOnly: the store is read-only")


def test_folder_that_may_not_be_created(public: Path) -> None:
    public.chmod(0o555)

    answer = as_nobody(lambda: SqliteStore(public / "new" / "store.sqlite").ensure_schema())
    assert answer == "StoreReadOnly: the store's folder cannot be created: its parent is read-only"
    answer = as_nobody(lambda: SqliteStore(public / "store.sqlite").ensure_schema())
    assert answer.startswith("StoreReadOnly")


def test_messages_hold_no_path(make: Any, path: Path, public: Path) -> None:
    path.write_bytes(b"no database at all" * 10)
    with pytest.raises(StoreCorrupt) as caught:
        make().ping()
    assert str(path.parent) not in str(caught.value)
