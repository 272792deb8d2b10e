"""Monitors: listeners that run for long under a name, each with the tracklist that it fills now.

A monitor says every few seconds that it lives; one that has been silent for :data:`SILENT_S` is taken to have ended.
"""

from __future__ import annotations

import re
import secrets
import time
from typing import Any

from classifier.errors import DuplicateKey, InvalidParameter, MonitorBusy, MonitorNotFound
from classifier.records import tracklists
from classifier.records.clock import now
from classifier.records.tracklist_writing import Writer
from classifier.store.base import Document, Store

SILENT_S = 30.0
"""Seconds without a word after which a monitor is taken to have ended."""
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Monitor:
    """A listener's place among the monitors, for as long as it runs; made by :func:`begin`.

    Attributes
    ----------
    writer : Writer
        Writes its tracklist.
    """

    def __init__(self, store: Store, name: str, token: str, writer: Writer) -> None:
        self._store = store
        self._held = {"_id": name, "token": token}
        self.writer = writer

    def alive(self, heard_s: float) -> None:
        """Say that it goes on.

        Raises
        ------
        MonitorBusy
            If another one has taken the name meanwhile.
        TracklistNotFound
            If its tracklist was deleted.
        """
        self._say(time.time())
        self.writer.heard(heard_s)

    def end(self) -> None:
        """Close the tracklist, and give the name back."""
        self.writer.finish()
        self._say(0.0)

    def _say(self, moment: float) -> None:
        if self._store.update("monitors", self._held, set={"alive": moment}) is None:
            raise MonitorBusy(f"another listener has taken the name {self._held['_id']!r} meanwhile")


def begin(store: Store, name: str, *, catalogue: str, source: str) -> Monitor:
    """Take a name, and begin a tracklist under it.

    Parameters
    ----------
    store : Store
        Where both are kept.
    name : str
        1 to 64 letters, digits, ``_`` or ``-``.
    catalogue : str
        That is listened for.
    source : str
        What is listened to, as people may read it.

    Raises
    ------
    InvalidParameter
        If it is no name.
    MonitorBusy
        If a listener of this name runs.
    """
    if not _NAME.fullmatch(name):
        raise InvalidParameter(f"the name is {name!r}: 1 to 64 letters, digits, _ or - make one")
    token = secrets.token_hex(8)
    taken: Document = {"token": token, "alive": time.time(), "catalogue": catalogue, "source": source, "created": now()}
    silent = {"_id": name, "alive": {"$lt": time.time() - SILENT_S}}
    if store.update("monitors", silent, set=taken) is None:
        try:
            store.insert("monitors", [{"_id": name, "tracklist": None, **taken}])
        except DuplicateKey:
            raise MonitorBusy(f"a listener named {name!r} runs already: choose another name, or end it") from None
    tracklist_id = tracklists.create(store, catalogue, file=source, monitor=name)
    store.update("monitors", {"_id": name, "token": token}, set={"tracklist": tracklist_id})
    return Monitor(store, name, token, Writer(store, tracklist_id))


def get(store: Store, name: str) -> Document:
    """Return a monitor's document.

    Raises
    ------
    MonitorNotFound
        If none of that name was ever begun, or its tracklist was deleted.
    """
    found = store.get("monitors", name)
    if found is None or found["tracklist"] is None or store.get("tracklists", found["tracklist"]) is None:
        raise MonitorNotFound(f"no monitor {name!r} is stored: `earmark listen --store-as {name}` makes one")
    return found


def to_dict(store: Store, found: Document) -> dict[str, Any]:
    """Return a monitor's JSON object."""
    tracklist = tracklists.document(store, found["tracklist"])
    is_running = time.time() - found["alive"] < SILENT_S
    return {
        "id": found["_id"],
        "catalogue": found["catalogue"],
        "source": found["source"],
        "created": found["created"],
        "running": is_running,
        "heard_s": tracklist["duration_s"],
        "tracklist": found["tracklist"],
        "playing": playing(store, found["tracklist"]) if is_running else [],
    }


def playing(store: Store, tracklist_id: str) -> list[dict[str, Any]]:
    """Return the segments that are certain and have not ended, the latest first."""
    where = {"tracklist": tracklist_id, "gone": False, "found.state": "confirmed"}
    return [tracklists.shown(found) for found in store.find("segments", where, sort=("start_s", -1), limit=10)]


def every(store: Store) -> list[dict[str, Any]]:
    """Return all monitors by name, also those that have ended."""
    found = store.find("monitors", sort=("_id", 1))
    known = [each for each in found if each["tracklist"] and store.get("tracklists", each["tracklist"]) is not None]
    return [to_dict(store, each) for each in known]
