"""Documents in MongoDB, or in a server that speaks its protocol: a store for several machines.

Conventions
-----------
- This relies only on what standalone servers, replica sets and the known emulators have in common: scalars, flat
  lists, binary subtype 0, unique indexes, ``find_one_and_update``. No transactions, pipelines or change streams.
  Validators are an extra safeguard, left out where a server does not support them.
- When a call returns, a majority has acknowledged the write and it is in the journal. Reads go to the primary. The
  driver retries writes where the server supports that (replica sets).
- FerretDB 1 supports all this, but finds and modifies in two steps, so only one thread at a time may write to it.
- Each process has one client, made at its first use. It reconnects by itself.
- Options in the URL override the ones set here. The URL shown has neither password nor options.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import bson.errors
import pymongo
from pymongo import errors
from pymongo.database import Database
from pymongo.uri_parser import parse_uri

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
from classifier.settings import mask_url
from classifier.store.base import COLLECTIONS, SCHEMA_VERSION, Document, Where
from classifier.store.documents import (
    check_collection,
    check_page,
    checked,
    checked_changes,
    checked_fields,
    conditions,
)
from classifier.store.forks import forget_after_fork, leak
from classifier.store.upgrades import COLLECTIONS as UPGRADED
from classifier.store.upgrades import lacking

_DATABASE = re.compile(r'[^/\\. "$*<>:|?\0]{1,63}')

#: Collection that holds the version of the schema.
SCHEMA_COLLECTION = "schema"

_BATCH_DOCUMENTS = 500
_BATCH_BYTES = 8_000_000
_UPGRADE_DOCUMENTS = 100

# Error codes of the server.
_NAMESPACE_EXISTS = 48
_NOT_IMPLEMENTED = (59, 115, 238)
_DUPLICATE = (11000, 11001)
_TYPE_MISMATCH = (14, 28)


class MongoStore:
    """A :class:`~classifier.store.base.Store` in one database of a server.

    Parameters
    ----------
    url : str
        ``mongodb://…/DATABASE`` or ``mongodb+srv://…/DATABASE``.
    selection_timeout_s : float
        How long a call looks for a server, seconds.
    timeout_s : float
        How long the server may take for one answer, seconds.

    Raises
    ------
    InvalidParameter
        If the URL is malformed or does not name a database.
    """

    def __init__(self, url: str, *, selection_timeout_s: float = 3.0, timeout_s: float = 20.0) -> None:
        self.url = mask_url(url).partition("?")[0]
        parts = urlsplit(url)
        self._url = url
        self._name = unquote(parts.path.removeprefix("/"))
        if not _DATABASE.fullmatch(self._name):
            raise InvalidParameter(f"store {self.url!r} names no possible database: use mongodb://HOST/DATABASE")
        given = {name.lower(): value for name, value in parse_qsl(parts.query, keep_blank_values=True)}
        if given.get("w") == "0":
            raise InvalidParameter(f"store {self.url!r} has the option w=0, which would lose documents: leave it out")
        defaults: dict[str, Any] = {
            "appname": "earmark",
            "serverSelectionTimeoutMS": round(1000 * selection_timeout_s),
            "connectTimeoutMS": round(1000 * selection_timeout_s),
            # Not timeoutMS: with it, the driver keeps looking for a lost server until that time is over.
            "socketTimeoutMS": round(1000 * timeout_s),
            "w": "majority",
            "journal": True,
        }
        self._options = {name: value for name, value in defaults.items() if name.lower() not in given}
        try:
            if parts.scheme == "mongodb":  # the other form would ask a name server
                parse_uri(url)
        except (errors.PyMongoError, ValueError):
            # The driver's own message may quote a part of the password.
            raise InvalidParameter(
                f"store {self.url!r} is malformed: check host, port and options, and escape special characters in "
                "user name and password by percent signs"
            ) from None
        self._client: pymongo.MongoClient[Document] | None = None
        self._can_project: bool = True
        self._closed = False
        self._forget()
        forget_after_fork(self)

    # ---------------------------------------------------------------- the protocol

    def ensure_schema(self) -> None:
        """Create collections, validators where possible, and indexes; see :meth:`Store.ensure_schema`."""
        with _translated():
            self._create(self._connect())
            self._is_ready = True

    def insert(self, collection: str, documents: Iterable[Document], /) -> None:
        """Add documents; see :meth:`Store.insert`."""
        check_collection(collection)
        batch: list[Document] = []
        size = 0
        for document in documents:
            plain = checked(collection, document)
            batch.append(plain)
            size += len(plain.get("data", b""))
            if len(batch) >= _BATCH_DOCUMENTS or size >= _BATCH_BYTES:
                self._insert(collection, batch)
                batch, size = [], 0
        if batch:
            self._insert(collection, batch)

    def _insert(self, collection: str, batch: list[Document]) -> None:
        with _translated(collection):
            self._database()[collection].insert_many(batch, ordered=True)

    def get(self, collection: str, document_id: str, /) -> Document | None:
        """Return one document; see :meth:`Store.get`."""
        check_collection(collection)
        with _translated():
            document = self._database()[collection].find_one({"_id": document_id})
        return None if document is None else _plain_document(document)

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
        projection = None if wanted is None else dict.fromkeys(wanted, 1)
        return self._iterate(collection, _filter(where), projection, _order(sort), limit, skip)

    def _iterate(
        self,
        collection: str,
        filter_: dict[str, Any],
        projection: dict[str, int] | None,
        order: list[tuple[str, int]],
        limit: int | None,
        skip: int,
    ) -> Iterator[Document]:
        if limit == 0:  # for MongoDB, 0 is no limit
            return
        with _translated():
            found = self._database()[collection].find(filter_, projection).sort(order).skip(skip).limit(limit or 0)
            with found.allow_disk_use(True) as cursor:
                for document in cursor:
                    yield _plain_document(document)

    def count(self, collection: str, where: Where | None = None, /) -> int:
        """Count matching documents; see :meth:`Store.count`."""
        check_collection(collection)
        filter_ = _filter(where)
        with _translated():
            return self._database()[collection].count_documents(filter_)

    def tally(self, collection: str, field: str, where: Where | None = None, /, *, limit: int) -> list[tuple[Any, int]]:
        """Count the values of a field; see :meth:`Store.tally`."""
        check_collection(collection)
        checked_fields([field])
        steps: list[dict[str, Any]] = [
            {"$match": _filter(where)},
            {"$group": {"_id": f"${field}", "n": {"$sum": 1}}},
            {"$sort": {"n": -1, "_id": 1}},
            {"$limit": limit},
        ]
        with _translated():
            return [(found.get("_id"), int(found["n"])) for found in self._database()[collection].aggregate(steps)]

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
        change = {"$set": changes} if changes else {}
        change |= {"$inc": additions} if additions else {}
        filter_ = _filter(where)
        options: dict[str, Any] = {"return_document": pymongo.ReturnDocument.AFTER, "sort": _order(sort)}
        with _translated(collection):
            documents = self._database()[collection]
            try:
                projection = {"data": 0} if self._can_project else None
                document = documents.find_one_and_update(filter_, change, projection=projection, **options)
            except errors.OperationFailure as error:
                if error.code not in _NOT_IMPLEMENTED:
                    raise
                self._can_project = False  # FerretDB 1
                document = documents.find_one_and_update(filter_, change, **options)
        if document is None:
            return None
        document.pop("data", None)
        return _plain_document(document)

    def put(self, collection: str, document: Document, /) -> None:
        """Insert or replace a document; see :meth:`Store.put`."""
        plain = checked(collection, document)
        with _translated(collection):
            documents = self._database()[collection]
            try:
                documents.replace_one({"_id": plain["_id"]}, plain, upsert=True)
            except errors.DuplicateKeyError:
                # Two processes that insert the same _id at once: for the later one it is a replacement.
                documents.replace_one({"_id": plain["_id"]}, plain, upsert=True)

    def delete(self, collection: str, where: Where, /) -> int:
        """Delete matching documents; see :meth:`Store.delete`."""
        check_collection(collection)
        filter_ = _filter(where)
        with _translated():
            return self._database()[collection].delete_many(filter_).deleted_count

    def ping(self) -> None:
        """Ask the server whether it is there; see :meth:`Store.ping`."""
        with _translated():
            self._connect().command("ping")

    def faults(self) -> list[str]:
        """Return nothing: the server's administrator checks its files."""
        return []

    def close(self) -> None:
        """Close the connections."""
        self._closed = True
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    # ---------------------------------------------------------------- connections

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._client = None
        self._is_ready = False

    def after_fork(self) -> None:
        """Drop the parent's client without closing it."""
        leak(self._client)
        self._forget()

    def _connect(self) -> Database[Document]:
        with self._lock:
            if self._closed:
                raise StoreUnavailable("the store was closed")
            if self._client is None:
                self._client = pymongo.MongoClient(self._url, connect=False, **self._options)
            return self._client[self._name]

    def _database(self) -> Database[Document]:
        database = self._connect()
        if not self._is_ready:  # without the lock, so that threads do not queue up behind a server that does not answer
            if _stored_version(database) != SCHEMA_VERSION:
                self._create(database)
            self._is_ready = True
        return database

    def _create(self, database: Database[Document]) -> None:
        is_older = 0 < _stored_version(database) < SCHEMA_VERSION
        for collection, (unique, plain) in COLLECTIONS.items():
            _create_collection(database, collection, unique)
            if is_older:
                _upgrade(database, collection)
            for keys in (unique, plain):
                for key in keys:  # one at a time: FerretDB 1 crashes on a list with several existing indexes
                    index = pymongo.IndexModel([(field, 1) for field in key], name="_".join(key), unique=keys is unique)
                    database[collection].create_indexes([index])
        version = {"_id": "earmark", "version": SCHEMA_VERSION}
        with suppress(errors.DuplicateKeyError):  # another process was faster
            database[SCHEMA_COLLECTION].replace_one({"_id": "earmark"}, version, upsert=True)


def _stored_version(database: Database[Document]) -> int:
    """Return the version of the schema on the server, 0 if there is none."""
    document = database[SCHEMA_COLLECTION].find_one({"_id": "earmark"})
    version = 0 if document is None else int(document["version"])
    if version > SCHEMA_VERSION:
        raise SchemaTooNew(
            f"the store has schema {version}, this Earmark knows up to {SCHEMA_VERSION}: use a newer Earmark"
        )
    return version


def _upgrade(database: Database[Document], collection: str) -> None:
    """Drop indexes that are not wanted any more, and give documents of an older schema what they lack."""
    documents = database[collection]
    wanted = {"_".join(key) for keys in COLLECTIONS[collection] for key in keys}
    for name in documents.index_information().keys() - wanted - {"_id_"}:
        documents.drop_index(name)
    if collection not in UPGRADED:
        return
    # In pages and one by one: FerretDB 1 does not write while a cursor is open, nor many documents at once.
    last = ""
    while page := list(documents.find({"_id": {"$gt": last}}).sort("_id").limit(_UPGRADE_DOCUMENTS)):
        for document in page:
            if fields := lacking(collection, document):
                # Only where still nothing is there: other processes may be writing, or doing the same.
                documents.update_one({"_id": document["_id"], **dict.fromkeys(fields)}, {"$set": fields})
        last = page[-1]["_id"]


def _create_collection(database: Database[Document], collection: str, unique: tuple[tuple[str, ...], ...]) -> None:
    validator = {
        "$jsonSchema": {
            "bsonType": "object",
            "required": ["_id", *sorted({field for key in unique for field in key})],
            "properties": {"_id": {"bsonType": "string"}, "data": {"bsonType": "binData"}},
        }
    }
    try:
        try:
            database.create_collection(collection, validator=validator, check_exists=False)
        except errors.OperationFailure as error:
            if error.code != _NAMESPACE_EXISTS:
                raise
            database.command("collMod", collection, validator=validator)
    except errors.OperationFailure as error:
        if isinstance(error, errors.ExecutionTimeout) or error.code in (13, 18):
            raise
        # The server does not support validators; its first index or document creates the collection.


# -------------------------------------------------------------------- conditions and documents


def _filter(where: Where | None) -> dict[str, Any]:
    filter_: dict[str, Any] = {}
    for field, operator, value in conditions(where):
        if operator == "$contains":
            filter_.setdefault("$and", []).extend({field: {"$regex": re.escape(text)}} for text in value)
        elif operator == "$eq":
            filter_[field] = value
        else:
            filter_.setdefault(field, {})[operator] = value
    return filter_


def _order(sort: tuple[str, int] | None) -> list[tuple[str, int]]:
    field, direction = sort or ("_id", 1)
    return [(field, direction)] if field == "_id" else [(field, direction), ("_id", direction)]


def _plain_document(document: Document) -> Document:
    return {name: _plain(value) for name, value in document.items()}


def _plain(value: Any) -> Any:
    """Return the value without the driver's own types."""
    if type(value) is dict:
        return {name: _plain(item) for name, item in value.items()}
    if type(value) is list:
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else value


# -------------------------------------------------------------------- errors


@contextmanager
def _translated(collection: str = "") -> Iterator[None]:
    """Turn what the driver raises into Earmark's errors."""
    try:
        yield
    except (errors.PyMongoError, bson.errors.BSONError) as error:
        raise _error(error, collection) from None


def _error(error: Exception, collection: str) -> EarmarkError:
    if isinstance(error, errors.BulkWriteError):
        failed = (error.details.get("writeErrors") or [{}])[0]
        code, message = failed.get("code"), str(failed.get("errmsg"))
    else:
        code, message = getattr(error, "code", None), str(error)
    if code in _DUPLICATE or "E11000" in message or "UNIQUE constraint failed" in message:
        return DuplicateKey(f"the key of a document is already taken in {collection}")
    if isinstance(error, (errors.DocumentTooLarge, bson.errors.BSONError)):
        return InvalidParameter("the document is too large for MongoDB, or holds what it cannot keep: split it")
    if code in _TYPE_MISMATCH:
        return InvalidParameter(
            f"an update of {collection} increments something other than a number, or leads into a value without fields"
        )
    if "SQLITE_BUSY" in message or "database is locked" in message:  # FerretDB 1
        return StoreUnavailable("the store's server is busy with another writer: try again")
    if code in _BY_CODE:
        kind, text = _BY_CODE[code]
        return kind(text)
    if isinstance(error, errors.ConfigurationError):
        return InvalidParameter("the store's URL has options that do not go together, or its name is not known")
    if isinstance(error, errors.PyMongoError) and (error.timeout or isinstance(error, _PASSING)):
        return StoreUnavailable("the store's server does not answer: is it running, and is its address right?")
    name = (getattr(error, "details", None) or {}).get("codeName", type(error).__name__)
    return StoreFailed(f"the store's server refused: {name} (code {code})")


_PASSING = (errors.ConnectionFailure, errors.WriteConcernError, errors.CursorNotFound, errors.WaitQueueTimeoutError)
_LOGIN = "the store's server refused the login: check user name, password and authSource"
_BY_CODE: dict[Any, tuple[type[EarmarkError], str]] = {
    18: (StoreUnavailable, _LOGIN),
    8000: (StoreUnavailable, _LOGIN),
    13: (StoreReadOnly, "the store's user may not do this: give it the role readWrite"),
    14031: (StoreFull, "the disk behind the store's server is full: make room"),
    85: (StoreCorrupt, "the store has an index of this name over other fields: drop it"),
    86: (StoreCorrupt, "the store has an index of this name over other fields: drop it"),
}
