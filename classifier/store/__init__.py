"""Where documents are stored: one protocol (``base.py``) and two engines, chosen by URL.

``open_store`` imports only what a URL needs: pymongo only for ``mongodb://``.
"""

from __future__ import annotations

from pathlib import Path

from classifier.errors import InvalidParameter
from classifier.extras import needing
from classifier.settings import mask_url
from classifier.store.base import COLLECTIONS, SCHEMA_VERSION, Document, Store, Where

__all__ = ["COLLECTIONS", "SCHEMA_VERSION", "Document", "Store", "Where", "open_store"]


def open_store(url: str) -> Store:
    """Return the store that ``url`` names; nothing is read or created before its first use.

    Parameters
    ----------
    url : str
        ``sqlite:///PATH``, the path taken literally, relative to the working folder unless it begins with ``/`` or
        ``~``; or ``mongodb://HOST/DATABASE`` (``mongodb+srv://`` too) with MongoDB's options.

    Returns
    -------
    Store
        Close it after use.

    Raises
    ------
    InvalidParameter
        If ``url`` does not name a store.
    InvalidConfig
        If the packages for MongoDB are not installed.

    Examples
    --------
    >>> store = open_store("sqlite:///music.sqlite")
    >>> store.ensure_schema()
    >>> store.close()
    """
    scheme = url.partition("://")[0]
    if scheme == "sqlite":
        return _open_sqlite(url)
    if scheme in ("mongodb", "mongodb+srv"):
        with needing("mongo", "a MongoDB store"):
            from classifier.store.mongo import MongoStore

        return MongoStore(url)
    raise InvalidParameter(
        f"store {mask_url(url)!r} is not the URL of a store: use sqlite:///PATH or mongodb://HOST/DATABASE"
    )


def _open_sqlite(url: str) -> Store:
    from classifier.store.sqlite import SqliteStore

    path = url.removeprefix("sqlite:///")
    if path == url:
        raise InvalidParameter(f"store {url!r} names a host: a file needs three slashes, sqlite:///PATH")
    if path in ("", ":memory:") or path.endswith("/") or "\0" in path:
        raise InvalidParameter(f"store {url!r} does not name a file: use sqlite:///PATH")
    return SqliteStore(Path(path))
