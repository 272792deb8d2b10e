"""Keys: who may tag, and who may change the library.

A key is 32 random bytes. The store holds its SHA-256, and its first characters for people to tell keys apart. A slow
hash would gain nothing against guessing 256 bits and would invite denial of service.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import asdict, dataclass
from typing import Any

from classifier.errors import InvalidParameter, NotFound
from classifier.records.clock import new_id, now
from classifier.store.base import Document, Store
from classifier.text import clean

ROLES = ("tag", "admin")
"""What a key allows, each role including those before it."""
_MARK = "ek_"


@dataclass(frozen=True, slots=True)
class Key:
    """A stored key, without its secret.

    Parameters
    ----------
    id, name, role, prefix, created : str
        ``prefix`` is the beginning of the secret.
    """

    id: str
    name: str
    role: str
    prefix: str
    created: str

    def allows(self, role: str) -> bool:
        """Return whether this key covers ``role``."""
        return ROLES.index(self.role) >= ROLES.index(role)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return asdict(self)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _key(document: Document) -> Key:
    return Key(document["_id"], *(document[name] for name in ("name", "role", "prefix", "created")))


def create(store: Store, name: str, role: str) -> tuple[Key, str]:
    """Store a new key; return it and the secret, which can never be read again.

    Raises
    ------
    InvalidParameter
        For an unknown role, or a name that is empty or longer than 100 characters.
    """
    if role not in ROLES:
        raise InvalidParameter(f"role {role!r} is unknown: choose {' or '.join(ROLES)}")
    name = clean(name)
    if not 0 < len(name) <= 100:
        raise InvalidParameter("a key's name has 1 to 100 characters")
    secret = _MARK + secrets.token_urlsafe(32)
    document: Document = {
        "_id": new_id(),
        "name": name,
        "role": role,
        "prefix": secret[: len(_MARK) + 8],
        "digest": _digest(secret),
        "created": now(),
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
    NotFound
        If there is none, or several keys have the prefix.
    """
    found = [key for key in listed(store) if which in (key.id, key.prefix)]
    if len(found) != 1:
        raise NotFound(f"{len(found)} keys have the id or prefix {which!r}")
    store.delete("keys", {"_id": found[0].id})
    return found[0]


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
