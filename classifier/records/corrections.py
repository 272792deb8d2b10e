"""What people correct in tracklists, and how that is carried over to later runs of the same recording.

A correction lies beside what was found, and is shown over it (:mod:`classifier.records.tracklists`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from classifier.errors import InvalidParameter, TracklistNotFound
from classifier.records import tracks
from classifier.records.fields import set_fields
from classifier.records.tracklists import change, document, folded, segments, shown
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


def correct(
    store: Store,
    tracklist_id: str,
    segment_id: str,
    fields: Mapping[str, Any],
    *,
    check: Callable[[dict[str, Any]], None] = lambda segment: None,
) -> dict[str, Any]:
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
    check : callable
        Called with the segment that is corrected; what it raises keeps it as it is.

    Raises
    ------
    TracklistNotFound
        If there is no such tracklist or segment.
    TrackNotFound
        If there is no such track.
    InvalidParameter
        If the fields contradict each other, or the ISRC is none.
    """
    own = document(store, tracklist_id)
    key = f"{tracklist_id}.{segment_id}"
    stored = store.get("segments", key)
    if stored is None or stored["tracklist"] != tracklist_id or stored["gone"]:
        raise TracklistNotFound(f"tracklist {tracklist_id!r} has no segment {segment_id!r}")
    check(shown(stored))
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
    known = folded(own["file"], own["monitor"], segments(store, tracklist_id))
    change(store, tracklist_id, corrected=count(store, tracklist_id), folded=known)
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
    hand |= set_fields({name: hand[name] for name in ("isrc",) if fields.get(name)})
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


def count(store: Store, tracklist_id: str) -> int:
    """Return how many segments of a tracklist a person corrected."""
    return store.count("segments", {"tracklist": tracklist_id, "gone": False, "by_hand": True})


# --- earlier runs -------------------------------------------------------------------------------------------


def take_over(store: Store, own: Document) -> None:
    """Bring the corrections of the last run that has some into this one."""
    if not own["file_hash"]:
        return
    same = {"file_hash": own["file_hash"], "catalogue": own["catalogue"], "_id": {"$lt": own["_id"]}}
    for earlier in store.find("tracklists", same, sort=("_id", -1)):
        if not earlier["corrected"]:
            continue
        mine = list(store.find("segments", {"tracklist": own["_id"], "gone": False}))
        for corrected in carried(mine, _by_hand(store, earlier["_id"]), own["_id"]):
            store.put("segments", {**corrected, "written": time.time()})
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
