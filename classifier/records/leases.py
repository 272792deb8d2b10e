"""Leases: who may do something and until when; locks that expire if their holder dies.

A lease is a document that names its owner and its expiry. Its holder renews it before it expires; once it has expired,
any process may take it. Each acquisition has its own token, so that a process that slept past the expiry notices that
the lease has been taken since, even by the same owner.

The clocks of all machines that share a store must agree to within a small part of a lease's length.
"""

from __future__ import annotations

import os
import socket
import time
import uuid
from types import TracebackType

from classifier.errors import DuplicateKey
from classifier.records.clock import Clock
from classifier.store.base import Store


def new_owner() -> str:
    """Return a unique name for this process: host, process id, random part."""
    return f"{socket.gethostname()}/{os.getpid()}/{uuid.uuid4().hex[:12]}"


class Lease:
    """The right to do what ``name`` stands for, until it expires; released at the end of a ``with`` block.

    Attributes
    ----------
    name, owner : str
        What is leased, and by whom.
    expires : float
        Unix seconds.
    """

    def __init__(
        self, store: Store, name: str, owner: str, seconds: float, token: str, expires: float, now: Clock
    ) -> None:
        self.name = name
        self.owner = owner
        self.expires = expires
        self._store = store
        self._seconds = seconds
        self._token = token
        self._now = now

    @classmethod
    def acquire(cls, store: Store, name: str, owner: str, seconds: float, *, now: Clock = time.time) -> Lease | None:
        """Take the lease if it is free or has expired.

        Parameters
        ----------
        store : Store
            Where leases are kept.
        name : str
            What is leased.
        owner : str
            Who asks; shown to people who look into the store.
        seconds : float > 0
            How long it lasts without renewal.
        now : callable
            Clock, Unix seconds.

        Returns
        -------
        Lease or None
            None if another holds it.
        """
        token = uuid.uuid4().hex
        moment = now()
        expires = moment + seconds
        fields = {"owner": owner, "token": token, "expires": expires}
        if not store.update("leases", {"_id": name, "expires": {"$lt": moment}}, set=fields):
            try:
                store.insert("leases", [{"_id": name, **fields}])
            except DuplicateKey:
                return None
        return cls(store, name, owner, seconds, token, expires, now)

    def renew(self) -> bool:
        """Extend the lease to its full length from now; return False if another has taken it."""
        expires = self._now() + self._seconds
        held = self._store.update("leases", {"_id": self.name, "token": self._token}, set={"expires": expires})
        if held:
            self.expires = expires
        return held is not None

    def release(self) -> None:
        """Give the lease back; does nothing if another has taken it."""
        self._store.delete("leases", {"_id": self.name, "token": self._token})

    def __enter__(self) -> Lease:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()
