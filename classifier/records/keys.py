"""Keys: who may tag, and who may change the library.

A key is 32 random bytes. The store holds its SHA-256, and its first characters for people to tell keys apart. A slow
hash would gain nothing against guessing 256 bits and would invite denial of service.

``last_used`` is written at most once in ``NOTED_S``, so that a key in use costs no write for every request. A key may
have limits of its own; where it has none, the settings hold.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from dataclasses import asdict, dataclass
from typing import Any

from classifier.errors import InvalidParameter, KeyNotFound, StoreFull, StoreReadOnly
from classifier.records.clock import iso, new_id, now
from classifier.store.base import Document, Store
from classifier.text import clean

ROLES = ("tag", "admin")
"""What a key allows, each role including those before it."""
NOTED_S = 60.0
"""Seconds between two notes of when a key was last used."""
MAX_PER_MINUTE = 1_000_000
"""Most requests a minute that a key may be given."""
MAX_TAGS = 100_000_000
"""Most tags that a key may be allowed to keep."""
_MARK = "ek_"


@dataclass(frozen=True, slots=True)
class Key:
    """A stored key, without its secret.

    Parameters
    ----------
    id, name, role, prefix, created : str
        ``prefix`` is the beginning of the secret; ``name`` says whose it is, such as a device.
    last_used : str or None
        ISO 8601 UTC, to the minute or so; None if it has not been used.
    requests_per_minute, max_tags : int >= 1 or None
        Limits of its own: requests, and tags kept. None: as the settings say for its role.
    """

    id: str
    name: str
    role: str
    prefix: str
    created: str
    last_used: str | None = None
    requests_per_minute: int | None = None
    max_tags: int | None = None

    def allows(self, role: str) -> bool:
        """Return whether this key covers ``role``."""
        return ROLES.index(self.role) >= ROLES.index(role)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return asdict(self)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _key(document: Document) -> Key:
    certain = (document[name] for name in ("name", "role", "prefix", "created"))
    later = (document.get(name) for name in ("last_used", "requests_per_minute", "max_tags"))  # since schema 5
    return Key(document["_id"], *certain, *later)


def create(
    store: Store, name: str, role: str, *, requests_per_minute: int | None = None, max_tags: int | None = None
) -> tuple[Key, str]:
    """Store a new key; return it and the secret, which can never be read again.

    Parameters
    ----------
    store : Store
        Where keys are kept.
    name : str
        Whose it is.
    role : {"tag", "admin"}
        What it allows.
    requests_per_minute, max_tags : int >= 1 or None
        As of :class:`Key`.

    Raises
    ------
    InvalidParameter
        For an unknown role, a name that is empty or longer than 100 characters, or a limit out of bounds.
    """
    if role not in ROLES:
        raise InvalidParameter(f"role {role!r} is unknown: choose {' or '.join(ROLES)}")
    name = clean(name)
    if not 0 < len(name) <= 100:
        raise InvalidParameter("a key's name has 1 to 100 characters")
    limits = (("requests_per_minute", requests_per_minute, MAX_PER_MINUTE), ("max_tags", max_tags, MAX_TAGS))
    for what, value, most in limits:
        if value is not None and not 1 <= value <= most:
            raise InvalidParameter(f"{what} is {value}: expected 1 to {most:,}, or none")
    secret = _MARK + secrets.token_urlsafe(32)
    document: Document = {
        "_id": new_id(),
        "name": name,
        "role": role,
        "prefix": secret[: len(_MARK) + 8],
        "digest": _digest(secret),
        "created": now(),
        "last_used": None,
        "requests_per_minute": requests_per_minute,
        "max_tags": max_tags,
    }
    store.insert("keys", [document])
    return _key(document), secret


def listed(store: Store) -> list[Key]:
    """Return every key, oldest first."""
    return [_key(document) for document in store.find("keys", sort=("_id", 1))]


def revoke(store: Store, which: str) -> Key:
    """Delete the key with this id or prefix.

    Raises
    ------
    KeyNotFound
        If there is none, or several keys have the prefix.
    """
    found = [key for key in listed(store) if which in (key.id, key.prefix)]
    if len(found) != 1:
        raise KeyNotFound(f"{len(found)} keys have the id or prefix {which!r}")
    store.delete("keys", {"_id": found[0].id})
    return found[0]


def use(store: Store, key: Key) -> None:
    """Note that a key is used; a store that takes no writes is no reason to refuse it."""
    moment = time.time()
    if key.last_used is not None and key.last_used > iso(moment - NOTED_S):
        return
    try:
        store.update("keys", {"_id": key.id}, set={"last_used": iso(moment)})
    except (StoreFull, StoreReadOnly):
        return


def verify(store: Store, secret: str) -> Key | None:
    """Return the key with this secret, or None."""
    digest = _digest(secret)
    for document in store.find("keys", {"digest": digest}, limit=1):
        if hmac.compare_digest(document["digest"], digest):
            return _key(document)
    return None


def exist(store: Store, role: str | None = None) -> bool:
    """Return whether any key is stored, or any with ``role``."""
    return store.count("keys", {} if role is None else {"role": role}) > 0
