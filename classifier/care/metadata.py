"""What a list says of tracks, taken over: which track each row means, what would change, what stays as it was set.

A row means the track of its id; else of an identifier that only one recording has; else of its file's name; else of its
title and artist. The first of these that a row states and that any track has decides, and it has to be one track alone.
Values that a person set by hand stay, unless the list is to go over them. What is taken over counts as set by hand:
tags of files do not undo it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote

from classifier.care.tables import FIELDS, Row
from classifier.errors import EarmarkError
from classifier.identifiers import UNIQUE, normalised
from classifier.records.fields import set_fields
from classifier.results import Track
from classifier.text import MAX_NOTE, clean, fold

#: What tells tracks apart, in this order; ``None`` in an answer means that nothing did.
WAYS = ("id", *UNIQUE, "file", "title")


@dataclass(frozen=True, slots=True)
class Change:
    """What one row would do.

    Parameters
    ----------
    row : Row
        The row.
    track : Track or None
        What it means; None if no track, or more than one.
    way : str
        By what it is known, one of :data:`WAYS`; empty without a track.
    fields : dict
        New values by field of a track, as :meth:`~classifier.catalogue.Catalogue.edit` takes them; empty if all is as
        the row says already.
    kept : dict of str to str
        What the row says otherwise than a person did by hand, which stays.
    refused : list of str
        Why something is not taken over, in words.
    """

    row: Row
    track: Track | None
    way: str
    fields: dict[str, object] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)

    @property
    def status(self) -> str:
        """``unmatched``, ``failed``, ``changed``, ``kept`` (by hand) or ``unchanged``."""
        if self.track is None:
            return "unmatched"
        if self.fields:
            return "changed"
        return "failed" if self.refused else "kept" if self.kept else "unchanged"


class Matcher:
    """Tells which track a row means.

    Parameters
    ----------
    tracks : iterable of Track
        All tracks of a catalogue.
    """

    def __init__(self, tracks: Iterable[Track]) -> None:
        self._by: dict[str, dict[str, list[Track]]] = {way: {} for way in WAYS}
        for track in tracks:
            for way, key in _keys_of_track(track).items():
                self._by[way].setdefault(key, []).append(track)

    def track(self, row: Row) -> tuple[Track | None, str, str]:
        """Return the track, by what it is known, and without one the reason in words."""
        for way, key in _keys_of_row(row).items():
            found = self._by[way].get(key, [])
            if way == "file" and not found:  # some players escape the paths of an M3U
                found = self._by[way].get(fold(clean(unquote(row.file))), [])
            if len(found) == 1:
                return found[0], way, ""
            if found:
                return None, "", f"{len(found)} tracks have this {way}"
        return None, "", "no track is known by it"


def _keys_of_track(track: Track) -> dict[str, str]:
    keys = {"id": track.id, **{name: value for name, value in track.ids.items() if name in UNIQUE}}
    return keys | {"file": fold(track.source), "title": _named(track.title, track.artist)}


def _keys_of_row(row: Row) -> dict[str, str]:
    keys = {"id": row.track_id}
    keys |= {name: normalised(name, row.fields.get(name, "")) or "" for name in UNIQUE}
    title = row.fields.get("title")
    keys |= {"file": fold(clean(row.file)), "title": _named(title, row.fields.get("artist")) if title else ""}
    return {way: key for way, key in keys.items() if key}


def _named(title: str, artist: str | None) -> str:
    return fold(clean(title)) + "\n" + fold(clean(artist or ""))


def plan(rows: Iterable[Row], tracks: Iterable[Track], *, over_hand: bool = False) -> list[Change]:
    """Return what each row would do; of several rows that mean one track, the first counts.

    Parameters
    ----------
    rows : iterable of Row
        The list.
    tracks : iterable of Track
        All tracks of the catalogue.
    over_hand : bool
        Whether values that were set by hand are replaced, too.
    """
    matcher = Matcher(tracks)
    seen: dict[str, str] = {}
    changes = []
    for row in rows:
        track, way, reason = matcher.track(row)
        if track is not None and track.id in seen:
            reason = f"{seen[track.id]} means the same track already"
        if track is None or track.id in seen:
            changes.append(Change(row, None, "", refused=[reason]))
        else:
            seen[track.id] = row.place
            changes.append(_change(row, track, way, over_hand))
    return changes


def _change(row: Row, track: Track, way: str, over_hand: bool) -> Change:
    wanted: dict[str, object] = {}
    refused = []
    for name, text in row.fields.items():
        try:
            wanted |= set_fields({name: text})
        except EarmarkError as error:
            refused.append(str(error))
    if row.notes:
        notes = {clean(name, 100): clean(text, MAX_NOTE) for name, text in row.notes.items()}
        wanted["metadata"] = {**track.metadata, **notes}
    new = {name: value for name, value in wanted.items() if value and value != getattr(track, name)}
    kept = {} if over_hand else {name: str(value) for name, value in new.items() if name in track.by_hand}
    fields = {name: new[name] for name in (*FIELDS, "metadata") if name in new and name not in kept}
    return Change(row, track, way, fields, kept, refused)


def apply(
    changes: Iterable[Change], edit: Callable[..., Track], current: Callable[[str], Track], *, over_hand: bool = False
) -> Iterator[tuple[Change, Track | EarmarkError | None]]:
    """Carry out a plan, track by track, and yield each change with the track as it is then, or what went wrong.

    Parameters
    ----------
    changes : iterable of Change
        As :func:`plan` made them; a track that was edited since is looked at again.
    edit : callable
        ``edit(track_id, **fields)``: :meth:`~classifier.catalogue.Catalogue.edit`.
    current : callable
        ``current(track_id)``: :meth:`~classifier.catalogue.Catalogue.track`.
    over_hand : bool
        As for the plan.
    """
    for change in changes:
        if change.track is None or not change.fields:
            yield change, change.track
            continue
        try:
            now = current(change.track.id)
            again = change if now == change.track else _change(change.row, now, change.way, over_hand)
            yield again, edit(now.id, **again.fields) if again.fields else now
        except EarmarkError as error:
            yield change, error
