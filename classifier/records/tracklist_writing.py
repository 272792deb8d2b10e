"""Writing down what a listener finds: segments as they open, are confirmed, revised, closed and withdrawn.

What people corrected stays (:mod:`classifier.records.corrections`).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from classifier.records import corrections
from classifier.records.tracklists import change, document, folded, names_in, segments
from classifier.store.base import Store


class Writer:
    """Writes down what a listener finds, and only what is new of it.

    Parameters
    ----------
    store : Store
        Where the tracklist is.
    tracklist_id : str
        Which; what it holds already is known to the writer, also after the process that wrote it died.
    """

    def __init__(self, store: Store, tracklist_id: str) -> None:
        self._store = store
        self.id = tracklist_id
        own = document(store, tracklist_id)
        self._of = own["file"], own["monitor"]
        #: Names that the tracklist is found by; None: not known.
        self._names: set[str] | None = None
        where = {"tracklist": tracklist_id, "gone": False}
        self._known = {found["segment"]: found["found"] for found in store.find("segments", where) if found["found"]}

    def take(self, event: Mapping[str, Any], heard_s: float) -> None:
        """Write one event down.

        Parameters
        ----------
        event : mapping
            ``event``, ``at_s`` and ``segment``, as :meth:`classifier.listening.segments.Event.to_dict` gives them.
        heard_s : float
            Seconds heard so far.

        Raises
        ------
        TracklistNotFound
            If the tracklist was deleted meanwhile.
        """
        self._put(event["segment"], event["event"], event["at_s"])
        self.heard(heard_s)

    def sync(self, found: Iterable[Mapping[str, Any]], heard_s: float) -> None:
        """Write down all that a listener holds; what it does not hold any more is withdrawn.

        Parameters
        ----------
        found : iterable of mapping
            Segments as JSON objects.
        heard_s : float
            Seconds heard so far.

        Raises
        ------
        TracklistNotFound
            If the tracklist was deleted meanwhile.
        """
        words = {"perhaps": "opened", "confirmed": "confirmed", "closed": "closed"}
        left = dict(self._known)
        for segment in found:
            before = left.pop(segment["id"], None)
            if before != segment:
                is_revised = before is not None and before["state"] == segment["state"]
                self._put(segment, "revised" if is_revised else words[segment["state"]], heard_s)
        for segment in left.values():
            self._put(segment, "withdrawn", heard_s)
        self.heard(heard_s)

    def heard(self, heard_s: float) -> None:
        """Write down how far the listener is, and what the tracklist is found by since then.

        Raises
        ------
        TracklistNotFound
            If the tracklist was deleted meanwhile.
        """
        names = names_in(self._known.values())
        # Folding takes long with hundreds of segments, and names seldom change.
        changed = {} if names == self._names else {"folded": folded(*self._of, self._known.values())}
        change(self._store, self.id, duration_s=float(heard_s), **changed)
        self._names = names

    def finish(
        self,
        *,
        seconds: Mapping[str, float] | None = None,
        error: Mapping[str, str] | None = None,
        remarks: Iterable[str] = (),
    ) -> None:
        """End the tracklist, and take over what people corrected in earlier runs of the same recording.

        Parameters
        ----------
        seconds : mapping of str to float, optional
            What each stage took.
        error : mapping, optional
            ``name`` and ``message`` of what ended it before its time.
        remarks : iterable of str
            What is peculiar about the recording.

        Raises
        ------
        TracklistNotFound
            If the tracklist was deleted meanwhile.
        """
        corrections.take_over(self._store, document(self._store, self.id))
        status = "done" if error is None else "failed"
        change(
            self._store,
            self.id,
            status=status,
            seconds=dict(seconds or {}),
            error=None if error is None else dict(error),
            remarks=list(remarks),
            corrected=corrections.count(self._store, self.id),
            folded=folded(*self._of, segments(self._store, self.id)),
        )

    def _put(self, segment: Mapping[str, Any], event: str, at_s: float) -> None:
        found = dict(segment)
        self._write(found, event, at_s)
        # Only what was written is known: whatever a store that was away missed is written by the next sync.
        if event == "withdrawn":
            self._known.pop(found["id"], None)
        else:
            self._known[found["id"]] = found

    def _write(self, found: dict[str, Any], event: str, at_s: float) -> None:
        is_gone = event == "withdrawn"
        values = {"found": found, "event": event, "at_s": float(at_s), "written": time.time()}
        by_id = {"_id": f"{self.id}.{found['id']}"}
        # A person's borders stay, and what a person corrected is never withdrawn.
        moved = {"gone": is_gone, "start_s": float(found["start_s"])}
        for where, more in (({"by_hand": False}, moved), ({"by_hand": True}, {})):
            if self._store.update("segments", {**by_id, **where}, set={**values, **more}) is not None:
                return
        if not is_gone:
            names = {"tracklist": self.id, "segment": found["id"], "hand": None, "by_hand": False}
            self._store.put("segments", {**by_id, **names, **moved, **values})
