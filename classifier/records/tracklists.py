"""Tracklists as they are kept: a document for each recording, and one for each of its segments.

A segment's document holds what was ``found``, as the listener said it last, and what a person set by ``hand``, which
nothing that is found ever overwrites; what is shown is the second over the first. Whoever runs the same recording
through again finds the corrections in the new tracklist too: the recording is known by the hash of its file.

Segments are JSON objects, the fields of :class:`classifier.listening.segments.Segment`. ``written`` is the Unix time of
a document's last change: streams of events ask for what was written since. A segment that was withdrawn is ``gone``: it
is shown to nobody, but streams tell of it.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from classifier.errors import InvalidParameter, TracklistNotFound, TrackNotFound
from classifier.records import tracks
from classifier.records.clock import new_id, now
from classifier.store.base import Document, Store
from classifier.text import MAX_NAME, clean

#: What a person may say of a segment.
CORRECTABLE = ("kind", "track_id", "title", "artist", "album", "isrc", "start_s", "end_s")
KINDS = ("track", "unknown", "speech_noise", "silence")
#: All that a correction settles.
_SETTLED = (*CORRECTABLE, "source", "offset_s", "speed")
_NAMES = ("title", "artist", "album", "isrc")
#: Share of the shorter of two stretches that must overlap for one to be about the other.
_ABOUT = 0.5
#: Fields of a tracklist that are shown as they are.
_SHOWN = (
    "catalogue",
    "created",
    "file",
    "monitor",
    "job",
    "status",
    "duration_s",
    "seconds",
    "error",
    "corrected",
    "remarks",
)


# --- tracklists ---------------------------------------------------------------------------------------------


def create(
    store: Store, catalogue: str, *, file: str, file_hash: str = "", job: str | None = None, monitor: str = ""
) -> str:
    """Begin a tracklist; return its id.

    Parameters
    ----------
    store : Store
        Where it is kept.
    catalogue : str
        Name of the catalogue that is listened for.
    file : str
        What is listened to, as people call it.
    file_hash : str
        SHA-256 of the file, by which a later run finds the corrections of this one; empty for what is no file.
    job : str or None
        The job that fills it.
    monitor : str
        The running listener that fills it; empty if it is none.
    """
    tracklist_id = new_id()
    document: Document = {
        "_id": tracklist_id,
        "catalogue": catalogue,
        "created": now(),
        "file": clean(file),
        "file_hash": file_hash,
        "job": job,
        "monitor": monitor,
        "status": "running",
        "duration_s": 0.0,
        "seconds": {},
        "error": None,
        "corrected": 0,
        "remarks": [],
        "changes": 0,
    }
    store.insert("tracklists", [document])
    return tracklist_id


def identify(store: Store, tracklist_id: str, file_hash: str) -> None:
    """Say which file a tracklist is of: the SHA-256 by which a later run finds its corrections.

    Raises
    ------
    TracklistNotFound
        If there is none of that id.
    """
    _change(store, tracklist_id, file_hash=file_hash)


def document(store: Store, tracklist_id: str) -> Document:
    """Return a tracklist's own document; ``changes`` counts its updates and those of its segments.

    Raises
    ------
    TracklistNotFound
        If there is none of that id.
    """
    found = store.get("tracklists", tracklist_id)
    if found is None:
        raise TracklistNotFound(f"no tracklist {tracklist_id!r} is stored")
    return found


def to_dict(found: Document) -> dict[str, Any]:
    """Return the JSON object of a tracklist without its segments."""
    return {"id": found["_id"], **{name: found[name] for name in _SHOWN}}


def get(store: Store, tracklist_id: str, *, from_s: float = 0.0, limit: int | None = None) -> dict[str, Any]:
    """Return a tracklist's JSON object with its segments by start.

    Parameters
    ----------
    store : Store
        Where it is kept.
    tracklist_id : str
        Which.
    from_s : float
        Only segments that begin then or later, seconds of the recording.
    limit : int or None
        Most segments.

    Raises
    ------
    TracklistNotFound
        If there is none of that id.
    """
    return {**to_dict(document(store, tracklist_id)), "segments": segments(store, tracklist_id, from_s, limit)}


def segments(store: Store, tracklist_id: str, from_s: float = 0.0, limit: int | None = None) -> list[dict[str, Any]]:
    """Return the segments of a tracklist by start, as :func:`get` does."""
    where: dict[str, Any] = {"tracklist": tracklist_id, "gone": False}
    if from_s > 0:
        where["start_s"] = {"$gte": from_s}
    return [shown(found) for found in store.find("segments", where, sort=("start_s", 1), limit=limit)]


def shown(found: Document) -> dict[str, Any]:
    """Return what a segment's document says: what was found, and over it what a person set."""
    by_hand = found["by_hand"]
    sure = {"confidence": 1.0} if by_hand else {}
    return {**(found["found"] or {}), **(found["hand"] or {}), "id": found["segment"], "by_hand": by_hand, **sure}


def musicbrainz(store: Store, found: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the MusicBrainz recording ids, where they are known, of tracks that segments name."""
    ids = {}
    for track_id in {segment["track_id"] for segment in found if segment["track_id"]}:
        with contextlib.suppress(TrackNotFound):
            if known := tracks.get_track(store, track_id).recording_mbid:
                ids[track_id] = known
    return ids


def history(
    store: Store,
    *,
    catalogue: str | None = None,
    monitor: str | None = None,
    limit: int = 20,
    cursor: str | None = None,
) -> tuple[list[dict[str, Any]], str | None]:
    """Return tracklists without their segments, newest first, and the cursor of the next page, if there is one.

    Parameters
    ----------
    store : Store
        Where they are kept.
    catalogue, monitor : str or None
        Only tracklists with these.
    limit : int >= 1
        Most tracklists.
    cursor : str or None
        What the previous call returned, to go on after it.
    """
    given = {"catalogue": catalogue, "monitor": monitor}
    where: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if cursor is not None:
        where["_id"] = {"$lt": cursor}
    found = list(store.find("tracklists", where, sort=("_id", -1), limit=limit + 1))
    more = found[limit - 1]["_id"] if len(found) > limit else None
    return [to_dict(each) for each in found[:limit]], more


def delete(store: Store, tracklist_id: str) -> None:
    """Remove a tracklist with its segments, corrections among them.

    Raises
    ------
    TracklistNotFound
        If there is none of that id.
    """
    if not store.delete("tracklists", {"_id": tracklist_id}):
        raise TracklistNotFound(f"no tracklist {tracklist_id!r} is stored")
    store.delete("segments", {"tracklist": tracklist_id})


def _change(store: Store, tracklist_id: str, **values: Any) -> None:
    if store.update("tracklists", {"_id": tracklist_id}, set=values, inc={"changes": 1}) is None:
        raise TracklistNotFound(f"no tracklist {tracklist_id!r} is stored (any more)")


# --- what is found ------------------------------------------------------------------------------------------


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
        _change(self._store, self.id, duration_s=float(heard_s))

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
        _change(self._store, self.id, duration_s=float(heard_s))

    def heard(self, heard_s: float) -> None:
        """Write down how far the listener is.

        Raises
        ------
        TracklistNotFound
            If the tracklist was deleted meanwhile.
        """
        _change(self._store, self.id, duration_s=float(heard_s))

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
        _take_over(self._store, document(self._store, self.id))
        status = "done" if error is None else "failed"
        _change(
            self._store,
            self.id,
            status=status,
            seconds=dict(seconds or {}),
            error=None if error is None else dict(error),
            remarks=list(remarks),
            corrected=_n_corrected(self._store, self.id),
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


# --- what a person sets -------------------------------------------------------------------------------------


def correct(store: Store, tracklist_id: str, segment_id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Correct a segment by hand; return its JSON object.

    Parameters
    ----------
    store : Store
        Where it is kept.
    tracklist_id, segment_id : str
        Which.
    fields : mapping
        Of :data:`CORRECTABLE`. A ``track_id`` brings the track's names along; names alone make it a track that is not
        enrolled; any other ``kind`` than ``track`` has none. ``by_hand`` false undoes the correction instead.

    Raises
    ------
    TracklistNotFound
        If there is no such tracklist or segment.
    TrackNotFound
        If there is no such track.
    InvalidParameter
        If the fields contradict each other.
    """
    own = document(store, tracklist_id)
    key = f"{tracklist_id}.{segment_id}"
    stored = store.get("segments", key)
    if stored is None or stored["tracklist"] != tracklist_id or stored["gone"]:
        raise TracklistNotFound(f"tracklist {tracklist_id!r} has no segment {segment_id!r}")
    if fields.get("by_hand") is False:
        if len(fields) > 1:
            raise InvalidParameter("by_hand: false undoes a correction: send nothing else with it")
        result = _undo(store, stored)
    else:
        before = shown(stored)
        hand = _corrected(store, before, fields)
        result = {**before, **hand}
        if own["status"] != "running":
            _check_borders(result, own["duration_s"])
        values = {"hand": hand, "by_hand": True, "start_s": hand["start_s"], "event": "revised", "written": time.time()}
        if store.update("segments", {"_id": key}, set=values) is None:
            raise TracklistNotFound(f"tracklist {tracklist_id!r} has no segment {segment_id!r} (any more)")
        result = {**result, "by_hand": True, "confidence": 1.0}
    _change(store, tracklist_id, corrected=_n_corrected(store, tracklist_id))
    return result


def _undo(store: Store, stored: Document) -> dict[str, Any]:
    if stored["found"] is None:
        # Nothing was ever found there: without the correction, there is no segment.
        store.update(
            "segments", {"_id": stored["_id"]}, set={"gone": True, "event": "withdrawn", "written": time.time()}
        )
        return shown(stored)
    values = {
        "hand": None,
        "by_hand": False,
        "start_s": float(stored["found"]["start_s"]),
        "event": "revised",
        "written": time.time(),
    }
    store.update("segments", {"_id": stored["_id"]}, set=values)
    return shown({**stored, "hand": None, "by_hand": False})


def _corrected(store: Store, before: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return all that a correction settles."""
    hand: dict[str, Any] = {name: before.get(name) for name in _SETTLED}
    hand |= {name: value for name, value in fields.items() if name in CORRECTABLE}
    hand |= {name: (clean(hand[name], MAX_NAME) or None) if hand[name] else None for name in _NAMES}
    kind = fields.get("kind")
    if kind not in (None, *KINDS):
        raise InvalidParameter(f"kind is {kind!r}: choose one of {', '.join(KINDS)}")
    given = [name for name in ("track_id", *_NAMES) if fields.get(name)]
    if kind not in (None, "track") and given:
        raise InvalidParameter(f"kind is {kind!r}, which has no {given[0]}: leave one of them out")
    if fields.get("track_id"):
        track = tracks.get_track(store, str(fields["track_id"]))
        hand.update({name: getattr(track, name) for name in (*_NAMES, "source")}, kind="track")
    elif given:
        hand.update(kind="track", track_id=None, source=None)
    elif kind not in (None, "track") or "track_id" in fields:
        hand.update(dict.fromkeys((*_NAMES, "track_id", "source")), kind=kind or "unknown")
    if hand["kind"] == "track" and not (hand["title"] or hand["track_id"]):
        raise InvalidParameter("a segment of kind 'track' needs a track_id or a title")
    if hand["track_id"] is None or hand["track_id"] != before.get("track_id"):
        hand.update(offset_s=None, speed=None)
    elif hand["offset_s"] is not None:
        # The place in the track moves with the segment's start.
        moved = float(hand["start_s"]) - float(before["start_s"])
        hand["offset_s"] = float(hand["offset_s"]) + (hand["speed"] or 1.0) * moved
    start, end = hand["start_s"], hand["end_s"]
    if not all(isinstance(at, (int, float)) and math.isfinite(at) for at in (start, end)) or not 0 <= start < end:
        raise InvalidParameter(
            f"the segment would last from {start} to {end} s: it has to begin at 0 or later, and to end after that"
        )
    hand.update(start_s=float(start), end_s=float(end))
    return hand


def _check_borders(segment: Mapping[str, Any], duration_s: float) -> None:
    # Times are rounded on their way to people and back.
    if segment["end_s"] > duration_s + 1.0:
        raise InvalidParameter(f"the segment would end at {segment['end_s']:g} s of a recording of {duration_s:g} s")


def _n_corrected(store: Store, tracklist_id: str) -> int:
    return store.count("segments", {"tracklist": tracklist_id, "gone": False, "by_hand": True})


# --- earlier runs -------------------------------------------------------------------------------------------


def _take_over(store: Store, own: Document) -> None:
    """Bring the corrections of the last run that has some into this one."""
    if not own["file_hash"]:
        return
    same = {"file_hash": own["file_hash"], "catalogue": own["catalogue"], "_id": {"$lt": own["_id"]}}
    for earlier in store.find("tracklists", same, sort=("_id", -1)):
        if not earlier["corrected"]:
            continue
        mine = list(store.find("segments", {"tracklist": own["_id"], "gone": False}))
        for change in carried(mine, _by_hand(store, earlier["_id"]), own["_id"]):
            store.put("segments", {**change, "written": time.time()})
        return


def _by_hand(store: Store, tracklist_id: str) -> Iterator[Document]:
    return store.find("segments", {"tracklist": tracklist_id, "gone": False, "by_hand": True})


def carried(mine: Iterable[Document], corrections: Iterable[Document], tracklist_id: str) -> list[Document]:
    """Return how documents of segments change by the corrections of an earlier run.

    A correction goes to the segment that overlaps it most; others that lie in it for the most part go. Where nothing
    was found this time, it stands alone. What was corrected in this run already stays as it is.

    Parameters
    ----------
    mine, corrections : iterable of dict
        Documents of segments: of this run, and those by hand of the earlier one.
    tracklist_id : str
        This run's tracklist.
    """
    left = [document for document in mine if not document["by_hand"]]
    taken = [document for document in mine if document["by_hand"]]
    changed: list[Document] = []
    for correction in corrections:
        hand = correction["hand"]
        span = (hand["start_s"], hand["end_s"])
        if any(_share(span, _span(shown(other))) >= _ABOUT for other in taken):
            continue
        about = sorted(
            (other for other in left if _share(span, _span(other["found"])) >= _ABOUT),
            key=lambda other: -_overlap(span, _span(other["found"])),
        )
        new = {"hand": hand, "by_hand": True, "start_s": hand["start_s"], "event": "revised", "gone": False}
        if about:
            changed.append({**about[0], **new})
        else:
            name = f"hand-{correction['segment']}"[:64]
            alone = {"_id": f"{tracklist_id}.{name}", "tracklist": tracklist_id, "segment": name, "found": None}
            state = {"state": "closed", "start_uncertainty_s": 0.0, "end_uncertainty_s": 0.0}
            changed.append({**alone, **new, "hand": {**hand, **state}, "at_s": hand["end_s"]})
        changed += [{**other, "gone": True, "event": "withdrawn"} for other in about[1:]]
        left = [other for other in left if other not in about]
    return changed


def _span(segment: Mapping[str, Any]) -> tuple[float, float]:
    return segment["start_s"], segment["end_s"]


def _overlap(a: tuple[float, float], b: tuple[float, float]) -> float:
    return max(0.0, min(a[1], b[1]) - max(a[0], b[0]))


def _share(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Overlap of two stretches as a share of the shorter one."""
    shorter = min(a[1] - a[0], b[1] - b[0])
    return _overlap(a, b) / shorter if shorter > 0 else 0.0


# --- streams ------------------------------------------------------------------------------------------------


def written_since(store: Store, tracklist_id: str, moment: float) -> list[Document]:
    """Return documents of segments that were written at a Unix time or later, withdrawn ones too, by that time."""
    where = {"tracklist": tracklist_id, "written": {"$gte": float(moment)}}
    return list(store.find("segments", where, sort=("written", 1)))


def event_of(found: Document) -> dict[str, Any]:
    """Return the last event of a segment's document as a JSON object."""
    kind = "withdrawn" if found["gone"] else found["event"]
    return {"event": kind, "at_s": found["at_s"], "segment": shown(found)}
