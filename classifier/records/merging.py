"""Merging copies: one track goes on for several, none is lost, and every merge can be undone.

Conventions
-----------
- A track that was merged has the status ``merged`` and a field ``merge``: ``into`` (the track that goes on), ``at``
  (when), and what the merge changed of that track: ``before`` and ``after`` by field, ``by_hand`` as it was.
- Readers and the index do not see it; whoever asks for its id, such as a tag of the history, gets the track that goes
  on, and so does whoever enrolls its audio again. Its models stay, so that undoing needs no file.
- The track that goes on keeps its own values. It takes over what was edited by hand of the other, unless it was edited
  itself, and what it has no value for.
- A merge is written in three steps, each atomic: the intention, the fields taken over, the status. One that was cut
  short shows both tracks, and is finished by merging again.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from classifier.errors import InvalidParameter, TrackBusy, TrackNotFound
from classifier.records.catalogues import bump_revision, get_catalogue
from classifier.records.clock import Clock, iso
from classifier.records.tracks import change, get_track, ready_record, set_by_hand, to_track, track_fields
from classifier.results import Track
from classifier.store.base import Document, Store
from classifier.store.upgrades import EDITABLE


def merge(store: Store, track_id: str, other_id: str, *, now: Clock = time.time) -> Track:
    """Let one track go on for another, too; return it as it is then. Doing so twice does no harm.

    Parameters
    ----------
    store : Store
        Where both are.
    track_id, other_id : str
        The track that goes on, and the one that goes into it.
    now : callable
        Clock, Unix seconds.

    Raises
    ------
    InvalidParameter
        If both are one track, or in two catalogues.
    TrackNotFound
        If there is no such track.
    TrackBusy
        If the other is being modelled anew.
    """
    if track_id == other_id:
        raise InvalidParameter(f"track {track_id!r} cannot be merged into itself: name another")
    while True:
        other = store.get("tracks", other_id)
        if other is not None and other["status"] == "merged" and other["merge"]["into"] == track_id:
            return get_track(store, track_id)
        kept, other = ready_record(store, track_id), ready_record(store, other_id)
        if kept["catalogue_id"] != other["catalogue_id"]:
            raise InvalidParameter(f"tracks {track_id!r} and {other_id!r} are in two catalogues: they cannot be merged")
        if other["lease_token"]:
            raise TrackBusy(f"track {other_id!r} is being modelled anew: try again later")
        where = {"_id": other_id, "status": "ready", "lease_token": ""}
        where |= {"edited": other["edited"], "version": other["version"]}
        begun = other.get("merge") or {}
        if begun.get("into") != track_id:
            begun = {"before": {}, "after": {}, "hands": []}
        # What was cut short may have changed the kept one already, and what was edited since is new.
        taken = _taken(kept, other)
        intended = {
            "into": track_id,
            "at": iso(now()),
            "before": {**taken["before"], **begun["before"]},
            "after": {**begun["after"], **taken["after"]},
            "hands": [*begun["hands"], *taken["hands"]],
        }
        if store.update("tracks", where, set={"merge": intended}) is None:
            continue
        if intended["after"] or intended["hands"]:
            change(store, track_id, partial(_given, merge=intended))
        if store.update("tracks", where, set={"status": "merged"}) is None:
            continue
        bump_revision(store, other["catalogue_id"])
        try:
            ready_record(store, track_id)
        except TrackNotFound:  # merged or removed meanwhile, and nothing may go into nowhere
            undo(store, other_id)
            raise
        return get_track(store, track_id)


def undo(store: Store, other_id: str) -> Track:
    """Bring back a track that was merged, and take back what the other took over, unless it was edited since.

    Raises
    ------
    TrackNotFound
        If it was not merged.
    """
    other = store.get("tracks", other_id)
    if other is None or other["status"] != "merged":
        raise TrackNotFound(f"no track {other_id!r} was merged into another")
    # If the other was removed or merged itself, what it took over stays with it.
    with suppress(TrackNotFound):
        change(store, other["merge"]["into"], partial(_taken_back, merge=other["merge"]))
    if store.update("tracks", {"_id": other_id, "status": "merged"}, set={"status": "ready", "merge": None}) is None:
        raise TrackNotFound(f"no track {other_id!r} was merged into another")
    bump_revision(store, other["catalogue_id"])
    return get_track(store, other_id)


def merged(store: Store, catalogue: str) -> list[tuple[Track, str, str]]:
    """Return a catalogue's tracks that were merged, each with the id of the one that goes on, and when; newest first.

    Raises
    ------
    CatalogueNotFound
        If there is no such catalogue.
    """
    where = {"catalogue_id": get_catalogue(store, catalogue).id, "status": "merged"}
    found = [
        (to_track(record), record["merge"]["into"], record["merge"]["at"]) for record in store.find("tracks", where)
    ]
    return sorted(found, key=lambda item: item[2], reverse=True)


def _taken(kept: Mapping[str, Any], other: Mapping[str, Any]) -> Document:
    """Return what the kept track takes over: values ``before`` and ``after``, and ``hands`` that set more of them."""
    own, theirs = track_fields(kept), track_fields(other)
    hands = [name for name in set_by_hand(other) if name not in set_by_hand(kept)]
    after: Document = {}
    for name in EDITABLE:
        if name == "metadata":
            pairs = [zip(flat[::2], flat[1::2], strict=True) for flat in (theirs[name], own[name])]
            value: Any = [text for item in {**dict(pairs[0]), **dict(pairs[1])}.items() for text in item]
        else:
            missing = own[name] is None and name not in set_by_hand(kept)
            value = theirs[name] if name in hands or missing else own[name]
        if value != own[name]:
            after[name] = value
    return {"before": {name: own[name] for name in after}, "after": after, "hands": hands}


def _given(record: Document, merge: Mapping[str, Any]) -> Document:
    """Return the fields of the kept track that change with a merge; what was edited since it was intended stays."""
    now = track_fields(record)
    fields = {name: value for name, value in merge["after"].items() if now[name] == merge["before"][name]}
    return {**fields, "by_hand": set_by_hand(record, merge["hands"])}


def _taken_back(record: Document, merge: Mapping[str, Any]) -> Document:
    """Return the fields of the kept track that change back; what was edited since the merge stays."""
    now = track_fields(record)
    fields = {name: merge["before"][name] for name, value in merge["after"].items() if now[name] == value}
    edited = [name for name in merge["after"] if name not in fields]
    hands = [name for name in set_by_hand(record) if name not in merge["hands"] or name in edited]
    return {**fields, "by_hand": hands}
