"""Documents in one SQLite file: a store for a single machine.

Conventions
-----------
- Each collection is one STRICT table: ``_id``; the document without ``_id`` and ``data``, as JSON text; and ``data`` as
  a BLOB. Each indexed field is a virtual column over the JSON text too, so that an index can answer by itself.
- The write-ahead log lets readers and the one writer work without waiting for each other; with ``synchronous=FULL`` a
  commit survives a power cut. Local disks only: the log's shared memory does not work over a network.
- Each thread of each process has its own connection, since a connection is a transaction. No read stays open between
  two calls: it would pin the log and turn a later write of the same thread into a conflict.
- The file carries Earmark's application id; another program's database is never touched.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from errno import EACCES, EDQUOT, ENOSPC, EPERM, EROFS
from pathlib import Path
from typing import Any

from classifier.errors import (
    DuplicateKey,
    EarmarkError,
    InvalidParameter,
    SchemaTooNew,
    StoreCorrupt,
    StoreFailed,
    StoreFull,
    StoreReadOnly,
    StoreUnavailable,
)
from classifier.store.base import COLLECTIONS, SCHEMA_VERSION, Document, Indexes, Where
from classifier.store.documents import (
    apply_changes,
    check_collection,
    check_page,
    checked,
    checked_changes,
    checked_fields,
)
from classifier.store.forks import forget_after_fork, leak
from classifier.store.sql import COLUMNS, expression, json_path, order, where_clause
from classifier.store.upgrades import COLLECTIONS as UPGRADED
from classifier.store.upgrades import lacking

#: ``PRAGMA application_id`` of a store: "Erm1" in ASCII.
APPLICATION_ID = 0x45726D31

_JOURNAL_BYTES = 64 * 2**20
_BATCH_DOCUMENTS = 200
_MAX_FAULTS = 20
_BATCH_BYTES = 8_000_000


class SqliteStore:
    """A :class:`~classifier.store.base.Store` in one file.

    Parameters
    ----------
    path : Path
        The file; it and its folder are created when first needed.
    timeout_s : float
        How long a call waits for another writer before it raises StoreUnavailable, seconds.
    """

    def __init__(self, path: Path, *, timeout_s: float = 10.0) -> None:
        self._path = path.expanduser().absolute()
        self._timeout_s = timeout_s
        self.url = f"sqlite:///{self._path}"
        self._closed = False
        self._forget()
        forget_after_fork(self)

    # ---------------------------------------------------------------- the protocol

    def ensure_schema(self) -> None:
        """Create the tables and indexes; see :meth:`Store.ensure_schema`."""
        self._connection()

    def insert(self, collection: str, documents: Iterable[Document], /) -> None:
        """Add documents; see :meth:`Store.insert`."""
        batch: list[tuple[str, str, bytes | None]] = []
        size = 0
        for document in documents:
            row = _row(checked(collection, document))
            batch.append(row)
            size += len(row[1]) + len(row[2] or b"")
            if len(batch) >= _BATCH_DOCUMENTS or size >= _BATCH_BYTES:
                self._insert(collection, batch)
                batch, size = [], 0
        if batch:
            self._insert(collection, batch)

    def _insert(self, collection: str, rows: list[tuple[str, str, bytes | None]]) -> None:
        duplicate: DuplicateKey | None = None
        with self._translated() as connection, _transaction(connection):
            for row in rows:
                try:
                    connection.execute(f"INSERT INTO {collection} (_id, doc, data) VALUES (?, ?, ?)", row)
                except sqlite3.IntegrityError:
                    duplicate = _duplicate(collection, row[0])
                    break  # the documents before this one stay
        if duplicate:
            raise duplicate

    def get(self, collection: str, document_id: str, /) -> Document | None:
        """Return one document; see :meth:`Store.get`."""
        check_collection(collection)
        with self._translated() as connection:
            row = connection.execute(
                f"SELECT _id, doc, data FROM {collection} WHERE _id = ?", (document_id,)
            ).fetchone()
        return None if row is None else _document(*row)

    def find(
        self,
        collection: str,
        where: Where | None = None,
        /,
        *,
        sort: tuple[str, int] | None = None,
        limit: int | None = None,
        skip: int = 0,
        fields: Iterable[str] | None = None,
    ) -> Iterator[Document]:
        """Iterate over matching documents; see :meth:`Store.find`."""
        check_collection(collection)
        check_page(sort, limit, skip)
        wanted = checked_fields(fields)
        clause, values = where_clause(collection, where)
        with_data = wanted is None or "data" in wanted
        ids_only = wanted == {"_id"}  # the index alone has them: documents on damaged pages are listed too
        columns = "_id" if with_data or ids_only else "_id, doc"
        query = (
            f"SELECT {columns} FROM {collection} WHERE {clause} ORDER BY {order(collection, sort)} "
            f"LIMIT {-1 if limit is None else limit} OFFSET {skip}"
        )
        return self._iterate(collection, query, values, wanted, with_data, ids_only)

    def _iterate(
        self, collection: str, query: str, values: list[Any], wanted: set[str] | None, with_data: bool, ids_only: bool
    ) -> Iterator[Document]:
        with self._translated() as connection:
            rows = connection.execute(query, values).fetchall()
        for row in rows:
            if ids_only:
                yield {"_id": row[0]}
                continue
            document = self.get(collection, row[0]) if with_data else _document(row[0], row[1], None)
            if document is not None:
                yield document if wanted is None else {name: document[name] for name in document if name in wanted}

    def count(self, collection: str, where: Where | None = None, /) -> int:
        """Count matching documents; see :meth:`Store.count`."""
        check_collection(collection)
        clause, values = where_clause(collection, where)
        with self._translated() as connection:
            number: int = connection.execute(f"SELECT count(*) FROM {collection} WHERE {clause}", values).fetchone()[0]
        return number

    def tally(self, collection: str, field: str, where: Where | None = None, /, *, limit: int) -> list[tuple[Any, int]]:
        """Count the values of a field; see :meth:`Store.tally`."""
        check_collection(collection)
        checked_fields([field])
        clause, values = where_clause(collection, where)
        query = (
            f"SELECT {expression(collection, field)} AS value, count(*) AS n FROM {collection} WHERE {clause} "
            f"GROUP BY value ORDER BY n DESC, value LIMIT {int(limit)}"
        )
        with self._translated() as connection:
            return [(value, number) for value, number in connection.execute(query, values)]

    def update(
        self,
        collection: str,
        where: Where,
        /,
        *,
        set: Mapping[str, Any] | None = None,
        inc: Mapping[str, int] | None = None,
        sort: tuple[str, int] | None = None,
    ) -> Document | None:
        """Change the first matching document; see :meth:`Store.update`."""
        check_collection(collection)
        check_page(sort, None, 0)
        changes, additions = checked_changes(collection, set, inc)
        data = changes.pop("data", None)
        clause, values = where_clause(collection, where)
        query = f"SELECT _id, doc FROM {collection} WHERE {clause} ORDER BY {order(collection, sort)} LIMIT 1"
        with self._translated() as connection:
            # Looking first costs little, and spares callers that poll in vain the lock of the one writer.
            if connection.execute(query, values).fetchone() is None:
                return None
            with _transaction(connection):
                row = connection.execute(query, values).fetchone()
                if row is None:
                    return None
                document = _document(row[0], row[1], None)
                apply_changes(document, changes, additions)
                try:
                    connection.execute(f"UPDATE {collection} SET doc = ? WHERE _id = ?", (_row(document)[1], row[0]))
                except sqlite3.IntegrityError:
                    raise _duplicate(collection, row[0]) from None
                if data is not None:
                    connection.execute(f"UPDATE {collection} SET data = ? WHERE _id = ?", (data, row[0]))
        return document

    def put(self, collection: str, document: Document, /) -> None:
        """Insert or replace a document; see :meth:`Store.put`."""
        row = _row(checked(collection, document))
        with self._translated() as connection, _transaction(connection):
            try:
                connection.execute(
                    f"INSERT INTO {collection} (_id, doc, data) VALUES (?, ?, ?) "
                    "ON CONFLICT (_id) DO UPDATE SET doc = excluded.doc, data = excluded.data",
                    row,
                )
            except sqlite3.IntegrityError:
                raise _duplicate(collection, row[0]) from None

    def delete(self, collection: str, where: Where, /) -> int:
        """Delete matching documents; see :meth:`Store.delete`."""
        check_collection(collection)
        clause, values = where_clause(collection, where)
        with self._translated() as connection, _transaction(connection):
            return connection.execute(f"DELETE FROM {collection} WHERE {clause}", values).rowcount

    def ping(self) -> None:
        """Read the file's first page; see :meth:`Store.ping`."""
        with self._translated() as connection:
            connection.execute("PRAGMA user_version").fetchone()

    def faults(self) -> list[str]:
        """Run SQLite's own check of pages, rows and indexes; see :meth:`Store.faults`."""
        try:
            with self._translated() as connection:
                return _faults(connection, str(_MAX_FAULTS))
        except StoreCorrupt:
            pass  # too damaged to be checked as a whole
        found = []
        for collection in COLLECTIONS:
            try:
                with self._translated() as connection:
                    found += _faults(connection, collection)
            except StoreCorrupt:
                found.append(f"SQLite: the table {collection} is damaged")
        return found or ["SQLite: the file is damaged"]

    def close(self) -> None:
        """Close the connections of all threads."""
        self._closed = True
        with self._lock:
            handles = list(self._handles)
        for handle in handles:
            handle.close()

    # ---------------------------------------------------------------- connections

    def _forget(self) -> None:
        self._local = threading.local()
        self._lock = threading.Lock()
        self._handles: weakref.WeakSet[_Handle] = weakref.WeakSet()

    def after_fork(self) -> None:
        """Drop the parent's connections without closing them."""
        for handle in list(self._handles):
            leak(handle)
        leak(self._local)
        self._forget()

    def _connection(self) -> sqlite3.Connection:
        handle: _Handle | None = getattr(self._local, "handle", None)
        if self._closed:
            raise StoreUnavailable("the store was closed")
        if handle is None:
            try:
                handle = _Handle(self._open())
            except (sqlite3.Error, OSError) as error:
                raise self._error(error) from None
            with self._lock:
                self._handles.add(handle)
            self._local.handle = handle
        return handle.connection

    def _open(self) -> sqlite3.Connection:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(OSError):  # it is there, or SQLite will say why it cannot be
            # SQLite would let everybody on the machine read it; log and shared memory get the rights of the file.
            os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        connection = sqlite3.connect(
            self._path, timeout=self._timeout_s, isolation_level=None, check_same_thread=False, cached_statements=200
        )
        try:
            with _transaction(connection, "DEFERRED"):  # read all three at once: another process may create it
                is_current = self._is_current(connection)
            if not is_current:
                self._create(connection)
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten, however SQLite was built
            connection.execute(f"PRAGMA journal_size_limit = {_JOURNAL_BYTES}")
        except BaseException:
            connection.close()
            raise
        return connection

    @staticmethod
    def _is_current(connection: sqlite3.Connection) -> bool:
        """Return whether the schema is current; raise if the file is not a store of ours."""
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        owner = connection.execute("PRAGMA application_id").fetchone()[0]
        is_empty = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0
        if owner != APPLICATION_ID and not (is_empty and owner == 0 and version == 0):
            raise StoreCorrupt("the store's file is a database of another program: name another file")
        if version > SCHEMA_VERSION:
            raise SchemaTooNew(
                f"the store has schema {version}, this Earmark knows up to {SCHEMA_VERSION}: use a newer Earmark"
            )
        return bool(version == SCHEMA_VERSION)

    def _create(self, connection: sqlite3.Connection) -> None:
        # SQLite does not wait when two processes switch a new file to the log at once; the loser tries again.
        deadline = time.monotonic() + self._timeout_s
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                break
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
        with _transaction(connection):
            if self._is_current(connection):
                return
            for collection, indexes in COLLECTIONS.items():
                _create_table(connection, collection, indexes)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    @contextmanager
    def _translated(self) -> Iterator[sqlite3.Connection]:
        """Yield this thread's connection, and turn what SQLite raises into Earmark's errors."""
        try:
            yield self._connection()
        except sqlite3.Error as error:
            raise self._error(error) from None

    def _error(self, error: sqlite3.Error | OSError) -> EarmarkError:
        if isinstance(error, OSError):
            if error.errno in (EROFS, EACCES, EPERM):
                return StoreReadOnly("the store's folder cannot be created: its parent is read-only")
            if error.errno in (ENOSPC, EDQUOT):
                return StoreFull("the disk is full: the store's folder cannot be created")
            return StoreUnavailable(f"the store's folder cannot be created: {error.strerror}")
        code = getattr(error, "sqlite_errorcode", None)
        if code is None:
            return StoreUnavailable("the store was closed") if self._closed else StoreFailed(f"SQLite: {error}")
        primary = code & 0xFF
        if primary == sqlite3.SQLITE_CANTOPEN and self._is_read_only():
            primary = sqlite3.SQLITE_READONLY
        if code in _FULL:
            primary = sqlite3.SQLITE_FULL
        kind, text = _ERRORS.get(primary, (StoreFailed, f"SQLite: {error}"))
        return kind(text.format(timeout=self._timeout_s))

    def _is_read_only(self) -> bool:
        """Return whether the file, or its log, cannot be opened because the place is read-only."""
        if self._path.is_dir() or not self._path.parent.is_dir():
            return False
        return not (
            os.access(self._path.parent, os.W_OK) and (not self._path.exists() or os.access(self._path, os.W_OK))
        )


_BUSY = (StoreUnavailable, "the store has been locked by another process for {timeout:g} s: try again")
_DAMAGED = (
    StoreCorrupt,
    "the store's file is damaged or not an SQLite database: restore a copy, or name another file",
)
_READ_ONLY = (StoreReadOnly, "the store is read-only: make its file and folder writable")
_ERRORS: dict[int, tuple[type[EarmarkError], str]] = {
    sqlite3.SQLITE_BUSY: _BUSY,
    sqlite3.SQLITE_LOCKED: _BUSY,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_PERM: _READ_ONLY,
    sqlite3.SQLITE_AUTH: _READ_ONLY,
    sqlite3.SQLITE_FULL: (StoreFull, "the disk behind the store is full or over its quota: make room"),
    sqlite3.SQLITE_CANTOPEN: (
        StoreUnavailable,
        "the store's file cannot be opened: is it a folder, or not accessible?",
    ),
    sqlite3.SQLITE_IOERR: (StoreUnavailable, "the disk behind the store fails to read or write"),
    sqlite3.SQLITE_TOOBIG: (InvalidParameter, "the document is too large for SQLite: split it"),
}
#: Writes that failed for lack of room other than ENOSPC: a quota, a limit on the file's size.
_FULL = (sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE)


class _Handle:
    """A connection that closes itself with the thread it belongs to."""

    __slots__ = ("__weakref__", "connection")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def close(self) -> None:
        self.connection.close()

    __del__ = close


# -------------------------------------------------------------------- tables


def _create_table(connection: sqlite3.Connection, collection: str, indexes: Indexes) -> None:
    """Create a collection's table, columns and indexes, or bring those of an older schema up to date."""
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {collection} (_id TEXT PRIMARY KEY NOT NULL, doc TEXT NOT NULL, data BLOB) STRICT"
    )
    wanted = {
        "_".join((collection, *key)): f"{kind} {'_'.join((collection, *key))} ON {collection} ({', '.join(key)})"
        for kind, keys in zip(("CREATE UNIQUE INDEX", "CREATE INDEX"), indexes, strict=True)
        for key in keys
    }
    found = dict(
        connection.execute(
            "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL",
            (collection,),
        )
    )
    for name in found:
        if wanted.get(name) != found[name]:
            connection.execute(f"DROP INDEX {name}")
    if collection in UPGRADED:
        _upgrade(connection, collection)
    columns = {row[1] for row in connection.execute(f"PRAGMA table_xinfo({collection})")}
    for field in COLUMNS[collection]:
        if field not in columns:
            generated = f"GENERATED ALWAYS AS (json_extract(doc, {json_path(field)})) VIRTUAL"
            connection.execute(f"ALTER TABLE {collection} ADD COLUMN {field} ANY {generated}")
    for name, sql in wanted.items():
        if found.get(name) != sql:
            connection.execute(sql)


def _upgrade(connection: sqlite3.Connection, collection: str) -> None:
    """Give documents of an older schema what they lack."""
    last = ""
    page = f"SELECT _id, doc FROM {collection} WHERE _id > ? ORDER BY _id LIMIT {_BATCH_DOCUMENTS}"
    while rows := connection.execute(page, (last,)).fetchall():
        changed = []
        for document_id, text in rows:
            document = _document(document_id, text, None)
            if fields := lacking(collection, document):
                changed.append((_row(document | fields)[1], document_id))
        connection.executemany(f"UPDATE {collection} SET doc = ? WHERE _id = ?", changed)
        last = rows[-1][0]


def _faults(connection: sqlite3.Connection, of: str) -> list[str]:
    rows = connection.execute(f"PRAGMA integrity_check({of})").fetchall()
    lines = [line for row in rows for line in str(row[0]).splitlines()]
    return [] if lines == ["ok"] else [f"SQLite: {line}" for line in lines if not line.startswith("***")]


# -------------------------------------------------------------------- rows and documents


def _row(document: Document) -> tuple[str, str, bytes | None]:
    body = {name: value for name, value in document.items() if name not in ("_id", "data")}
    return (
        document["_id"],
        json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")),
        document.get("data"),
    )


def _document(document_id: str, text: str, data: bytes | None) -> Document:
    try:
        document: Document = {"_id": document_id, **json.loads(text)}
    except (ValueError, TypeError):
        raise StoreCorrupt(f"the document {document_id!r} is damaged") from None
    if data is not None:
        document["data"] = data
    return document


def _duplicate(collection: str, document_id: str) -> DuplicateKey:
    return DuplicateKey(f"the key of document {document_id!r} is already taken in {collection}")


@contextmanager
def _transaction(connection: sqlite3.Connection, kind: str = "IMMEDIATE") -> Iterator[None]:
    connection.execute(f"BEGIN {kind}")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
