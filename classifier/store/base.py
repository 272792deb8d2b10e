"""The ``Store`` protocol: documents in named collections, limited to what every engine can keep.

Conventions
-----------
- A document is a ``dict`` with a non-empty string ``_id``. Values are ``str``, ``int`` (64 bits), ``float``
  (finite), ``bool``, ``None``, a ``dict`` of values, or a list of values other than lists. Names are not empty,
  do not begin with ``$``, and hold no dot, double quote, backslash or control character. One optional top-level
  field, ``data``, holds ``bytes``: packed arrays (``packing.py``). Bytes anywhere else are refused, and so are
  documents over ``MAX_DOCUMENT_BYTES``. The fields of a unique key must be present. ``documents.py`` checks all this
  and raises :class:`~classifier.errors.InvalidParameter`.
- A ``where`` is ``{field: value}`` for equality (``None`` matches a missing field too), or
  ``{field: {op: value}}`` with ``$lt $lte $gt $gte $ne $in``, or with ``$contains`` and a list of texts, each of which
  must occur in the field's text, character for character; several conditions are joined by *and*. Fields may be dotted
  to reach into a ``dict``. A field used in a comparison or for sorting holds values of one kind (text, numbers or
  bools) in every document that has it; text is ordered by its UTF-8 bytes. How a list compares is undefined.
- Every call is atomic for one document and durable when it returns. Nothing here needs transactions, pipelines,
  validators or change streams. What spans several documents (writing a track) is built on top, once for all
  engines, in ``classifier/records``.
- A store connects at its first use, creates what is missing then, and reconnects by itself after a failure. It may be
  used from any thread and on both sides of a fork. Any method may raise StoreUnavailable, StoreFull, StoreReadOnly,
  StoreCorrupt or SchemaTooNew.
- Times are stored as ISO 8601 UTC strings with milliseconds, which sort as text; leases as Unix seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

Document = dict[str, Any]
Where = Mapping[str, Any]

#: Largest document, bytes; MongoDB's own limit is 16 MiB, including names and lengths.
MAX_DOCUMENT_BYTES = 15_000_000

#: Version of collections, of their indexes, and of the fields that ``upgrades.py`` knows: any change of these needs the
#: next one, so that existing stores follow. A store written by a newer one is refused.
SCHEMA_VERSION = 9

#: Unique keys and plain indexes of a collection, each a tuple of field names.
Indexes = tuple[tuple[tuple[str, ...], ...], tuple[tuple[str, ...], ...]]

#: Indexes of each collection. An index that holds all fields of a condition and of an order answers without reading
#: the documents; tracks are listed, counted and searched that way.
COLLECTIONS: dict[str, Indexes] = {
    "catalogues": ((("name",),), ()),
    "tracks": (
        (("catalogue", "content_hash"),),
        (
            ("catalogue", "file_hash"),
            ("catalogue", "packet_hash"),
            ("status", "lease_expires"),
            *(
                ("catalogue_id", "status", field, "folded")
                for field in ("title", "artist", "album", "created", "duration_s")
            ),
        ),
    ),
    "models": ((), (("track_id",),)),
    "slots": ((), (("track_id",),)),
    "chromaprints": ((), (("catalogue", "duration_s"),)),
    "subfingerprints": ((), (("track_id",),)),
    "tags": ((), (("catalogue", "created"), ("created",), ("key",), ("device", "verdict"))),
    "listens": ((), (("caller", "ended", "expires"), ("expires",))),
    "listen_pieces": ((), (("listen",),)),
    "tracklists": ((), (("file_hash",), ("file",), ("duration_s",))),
    "segments": ((), (("tracklist", "start_s"), ("tracklist", "written"))),
    "monitors": ((), ()),
    "maps": ((), ()),
    "jobs": ((), (("status", "lease_expires"), ("created",))),
    "leases": ((), ()),
    "keys": ((("digest",),), ()),
    "allowances": ((), (("full",),)),
    "webhooks": ((), ()),
    "recordings": ((), (("key", "expires"), ("expires",))),
    "idempotency": ((), (("expires",),)),
    "label_models": ((), (("task", "active"),)),
    "evaluations": ((), (("created",),)),
}


class Store(Protocol):
    """Documents that survive a power cut, shared by any number of processes."""

    url: str
    """Where the store lives, passwords masked; safe to print."""

    def ensure_schema(self) -> None:
        """Create collections and indexes, or bring those of an older store up to date.

        The first use of a store does the same; any number of processes may do so at once. What documents of an older
        schema lack: ``upgrades.py``.

        Raises
        ------
        SchemaTooNew
            If a newer Earmark wrote the store.
        """

    def insert(self, collection: str, documents: Iterable[Document], /) -> None:
        """Add documents.

        Raises
        ------
        DuplicateKey
            If an ``_id`` or unique key is taken; documents before it are stored, those after it are not.
        """

    def get(self, collection: str, document_id: str, /) -> Document | None:
        """Return the document with this ``_id``, or None."""

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
        """Iterate over matching documents.

        ``sort`` is (field, 1 or -1), ties by ``_id`` in the same direction; without it the order is that of
        ``_id``. ``fields`` limits the result to these top-level fields and ``_id``. ``data`` is read from disk only
        if it is among them or ``fields`` is None, and then one document at a time. Changes and deletions during the
        iteration may or may not be seen.
        """

    def count(self, collection: str, where: Where | None = None, /) -> int:
        """Count matching documents."""

    def tally(self, collection: str, field: str, where: Where | None = None, /, *, limit: int) -> list[tuple[Any, int]]:
        """Return the most frequent values of a field in matching documents, and how many have each.

        At most ``limit`` of them, equally frequent ones by value. The field holds text or nothing, which counts as
        None, whether it is null or missing.
        """

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
        """Change the first matching document atomically; return it as changed, or None if none matches.

        The match and the change are one step, so a condition in ``where`` is a compare-and-set. Fields may be
        dotted; ``inc`` counts a missing field as 0. The returned document has no ``data``.

        Raises
        ------
        DuplicateKey
            If the change would take a unique key that another document has.
        """

    def put(self, collection: str, document: Document, /) -> None:
        """Insert the document, or replace the one with the same ``_id`` as a whole.

        Raises
        ------
        DuplicateKey
            If another document has one of its unique keys.
        """

    def delete(self, collection: str, where: Where, /) -> int:
        """Delete every matching document; return how many there were."""

    def ping(self) -> None:
        """Return if the store answers.

        Raises
        ------
        StoreUnavailable
            If it does not.
        """

    def faults(self) -> list[str]:
        """Return in words what the engine finds wrong with its own files; empty if nothing, or if it cannot check."""

    def close(self) -> None:
        """Release connections; the store may not be used afterwards."""
