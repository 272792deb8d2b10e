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
from collections.abc import Iterable, Mapping
from typing import Any

from classifier.errors import TracklistNotFound, TrackNotFound
from classifier.records import tracks
from classifier.records.clock import new_id, now
from classifier.records.ordered import Place, order_of, ordered
from classifier.records.tags import ANYONE, Owner
from classifier.store.base import Document, Store
from classifier.text import clean, searched, words

#: Fields by which tracklists are listed.
SORTS = ("created", "file", "duration_s")
#: Most characters of the text in which a tracklist is searched.
_MAX_SEARCHED = 100_000
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
    store: Store,
    catalogue: str,
    *,
    file: str,
    file_hash: str = "",
    job: str | None = None,
    monitor: str = "",
    key_id: str | None = None,
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
    key_id : str or None
        Key whose holder it belongs to; None: to everybody who may read tracklists.
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
        "key": key_id,
        "status": "running",
        "duration_s": 0.0,
        "seconds": {},
        "error": None,
        "corrected": 0,
        "remarks": [],
        "changes": 0,
        "folded": folded(file, monitor),
    }
    store.insert("tracklists", [document])
    return tracklist_id


def folded(file: str, monitor: str, found: Iterable[Mapping[str, Any]] = ()) -> str:
    """Return the text in which a tracklist is searched: what is listened to, and what was heard in it.

    Parameters
    ----------
    file, monitor : str
        As of :func:`create`.
    found : iterable of mapping
        Its segments.
    """
    return searched([clean(file), monitor, *sorted(names_in(found))])[:_MAX_SEARCHED]


def names_in(found: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the titles and artists of segments, each once."""
    return {segment[name] for segment in found for name in ("title", "artist") if segment[name]}


def identify(store: Store, tracklist_id: str, file_hash: str) -> None:
    """Say which file a tracklist is of: the SHA-256 by which a later run finds its corrections.

    Raises
    ------
    TracklistNotFound
        If there is none of that id.
    """
    change(store, tracklist_id, file_hash=file_hash)


def document(store: Store, tracklist_id: str, *, owner: Owner = ANYONE) -> Document:
    """Return a tracklist's own document; ``changes`` counts its updates and those of its segments.

    Parameters
    ----------
    store : Store
        Where it is kept.
    tracklist_id : str
        Which.
    owner : Owner
        Only one that belongs to this owner or to everybody.

    Raises
    ------
    TracklistNotFound
        If there is none of that id, or it is another's.
    """
    found = store.get("tracklists", tracklist_id)
    if found is None or (owner is not ANYONE and found.get("key") not in (None, owner)):
        raise TracklistNotFound(f"no tracklist {tracklist_id!r} is stored")
    return found


def to_dict(found: Document) -> dict[str, Any]:
    """Return the JSON object of a tracklist without its segments."""
    return {"id": found["_id"], **{name: found[name] for name in _SHOWN}}


def get(
    store: Store, tracklist_id: str, *, from_s: float = 0.0, limit: int | None = None, owner: Owner = ANYONE
) -> dict[str, Any]:
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
    owner : Owner
        As of :func:`document`.

    Raises
    ------
    TracklistNotFound
        If there is none of that id, or it is another's.
    """
    return {
        **to_dict(document(store, tracklist_id, owner=owner)),
        "segments": segments(store, tracklist_id, from_s, limit),
    }


def segments(store: Store, tracklist_id: str, from_s: float = 0.0, limit: int | None = None) -> list[dict[str, Any]]:
    """Return the segments of a tracklist by start, as :func:`get` does."""
    where: dict[str, Any] = {"tracklist": tracklist_id, "gone": False}
    if from_s > 0:
        where["start_s"] = {"$gte": from_s}
    return [shown(found) for found in store.find("segments", where, sort=("start_s", 1), limit=limit)]


def segment(store: Store, tracklist_id: str, segment_id: str) -> dict[str, Any]:
    """Return one segment of a tracklist.

    Raises
    ------
    TracklistNotFound
        If there is none.
    """
    found = store.get("segments", f"{tracklist_id}.{segment_id}")
    if found is None or found["tracklist"] != tracklist_id or found["gone"]:
        raise TracklistNotFound(f"tracklist {tracklist_id!r} has no segment {segment_id!r}")
    return shown(found)


def latest(store: Store, tracklist_id: str, most: int) -> list[dict[str, Any]]:
    """Return the last ``most`` segments of a tracklist, by start."""
    where = {"tracklist": tracklist_id, "gone": False}
    return [shown(found) for found in store.find("segments", where, sort=("start_s", -1), limit=most)][::-1]


def shown(found: Document) -> dict[str, Any]:
    """Return what a segment's document says: what was found, and over it what a person set."""
    by_hand = found["by_hand"]
    sure = {"confidence": 1.0} if by_hand else {}
    said = {"labels": {}, **(found["found"] or {}), **(found["hand"] or {})}  # earlier releases asked for no labels
    return {**said, "id": found["segment"], "by_hand": by_hand, **sure}


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
    owner: Owner = ANYONE,
    search: str | None = None,
    sort: str = "-created",
    after: Place | None = None,
    limit: int | None = None,
) -> list[dict[str, Any]]:
    """Return tracklists without their segments, in order.

    Parameters
    ----------
    store : Store
        Where they are kept.
    catalogue, monitor : str or None
        Only tracklists with these.
    owner : Owner
        Only those that belong to this owner or to everybody.
    search : str or None
        Words, each of which must occur in the name of the recording or of the monitor, or in title or artist of what
        was heard; case, accents, quotes and kinds of dashes do not matter (:func:`~classifier.text.fold`).
    sort : str
        One of :data:`SORTS`, with ``-`` before it for the opposite order.
    after : (value, str) or None
        Value of the field and id of the tracklist after which the list begins.
    limit : int or None
        Most tracklists.

    Raises
    ------
    InvalidParameter
        For any other order.
    """
    field, direction = order_of(sort, SORTS, "tracklists")
    # Ids begin with their time, so they order by it, too, and need no index of their own.
    order = ("_id" if field == "created" else field, direction)
    given = {"catalogue": catalogue, "monitor": monitor}
    where: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if owner is not ANYONE:
        where["key"] = {"$in": [None, owner]}
    if wanted := words(search or ""):
        where["folded"] = {"$contains": wanted}
    return [to_dict(found) for found in ordered(store, "tracklists", where, order, after=after, limit=limit)]


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


def change(store: Store, tracklist_id: str, **values: Any) -> None:
    """Set fields of a tracklist, for whoever follows it to see.

    Raises
    ------
    TracklistNotFound
        If it was deleted.
    """
    if store.update("tracklists", {"_id": tracklist_id}, set=values, inc={"changes": 1}) is None:
        raise TracklistNotFound(f"no tracklist {tracklist_id!r} is stored (any more)")


# --- streams ------------------------------------------------------------------------------------------------


def written_since(store: Store, tracklist_id: str, moment: float) -> list[Document]:
    """Return documents of segments that were written at a Unix time or later, withdrawn ones too, by that time."""
    where = {"tracklist": tracklist_id, "written": {"$gte": float(moment)}}
    return list(store.find("segments", where, sort=("written", 1)))


def event_of(found: Document) -> dict[str, Any]:
    """Return the last event of a segment's document as a JSON object."""
    kind = "withdrawn" if found["gone"] else found["event"]
    return {"event": kind, "at_s": found["at_s"], "segment": shown(found)}
