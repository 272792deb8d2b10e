"""The ``Store`` protocol: documents in named collections, in the subset every back-end can keep.

Conventions
-----------
- A document is a flat ``dict`` with a string ``_id``. Values are ``str``, ``int``, ``float`` (finite),
  ``bool``, ``None``, lists of those, or a ``dict`` of those. One optional top-level field, ``data``, holds
  ``bytes``: packed arrays (``packing.py``). Binary anywhere else is refused.
- A ``where`` is ``{field: value}`` for equality (``None`` matches a missing field too), or
  ``{field: {op: value}}`` with ``$lt $lte $gt $gte $ne $in``; several conditions are joined by *and*.
  Fields may be dotted to reach into a ``dict``.
- Every call is atomic for one document and durable when it returns. Nothing here needs transactions,
  pipelines, validators or change streams: what needs several documents (writing a track) is built on
  top, once for all stores, in ``tracks.py``.
- Times are stored as ISO 8601 UTC strings with milliseconds, which sort as text; leases as Unix seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

Document = dict[str, Any]
Where = Mapping[str, Any]

#: collection -> (unique keys, plain indexes), each a tuple of field names.
COLLECTIONS: dict[str, tuple[tuple[tuple[str, ...], ...], tuple[tuple[str, ...], ...]]] = {
    "catalogues": ((("name",),), ()),
    "tracks": (
        (("catalogue", "content_hash"),),
        (("catalogue", "status"), ("catalogue", "file_hash"), ("status", "lease_expires"), ("catalogue", "title")),
    ),
    "models": ((), (("track_id",),)),
    "subfingerprints": ((), (("track_id",),)),
    "tags": ((), (("catalogue", "created"), ("created",))),
    "tracklists": ((), (("created",),)),
    "jobs": ((), (("status", "lease_expires"), ("created",))),
    "leases": ((), ()),
    "keys": ((("digest",),), ()),
    "idempotency": ((), (("expires",),)),
    "label_models": ((), (("task", "active"),)),
    "evaluations": ((), (("created",),)),
}


class Store(Protocol):
    """Documents that survive a power cut, shared by any number of processes."""

    url: str
    """Where the store lives, passwords masked; safe to print."""

    def ensure_schema(self) -> None:
        """Create collections and indexes; idempotent and safe to run from many processes at once.

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
            If an ``_id`` or unique key is taken; documents before it stay stored.
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
        ``_id``. ``fields`` limits what is returned (``_id`` always comes along); ``data`` is only read from
        disk if it is asked for or ``fields`` is None.
        """

    def count(self, collection: str, where: Where | None = None, /) -> int:
        """Count matching documents."""

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
        """Change the first matching document atomically; return it as it is afterwards, or None if none matched.

        The match and the change are one step, so a condition in ``where`` is a compare-and-set. The
        returned document is without ``data``.
        """

    def put(self, collection: str, document: Document, /) -> None:
        """Insert the document, or replace the whole one with the same ``_id``."""

    def delete(self, collection: str, where: Where, /) -> int:
        """Delete every matching document; return how many went."""

    def ping(self) -> None:
        """Return if the store answers.

        Raises
        ------
        StoreUnavailable
            If it does not.
        """

    def close(self) -> None:
        """Release connections; the store may not be used afterwards."""
