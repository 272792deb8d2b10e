"""Tracks as readers see them: listed, read, edited, removed.

``writing.py`` writes one, and ``track_arrays.py`` reads what is stored of its sound.

A track's ``status`` is ``writing``, ``ready`` or ``removing``; readers see only ``ready`` ones, in the version that the
record names. Removing marks the record, increments the catalogue's revision, deletes the chunks and finally the record,
so that any process can finish a removal that was cut short (``orphans.py``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from classifier.errors import InvalidParameter, StoreCorrupt, TrackNotFound
from classifier.identifiers import IDENTIFIERS
from classifier.records import labels
from classifier.records.catalogues import bump_revision, get_catalogue, mark_removed, purge
from classifier.records.fields import set_fields, text_fields, with_search
from classifier.records.ordered import order_of, ordered
from classifier.results import Track
from classifier.store.base import Document, Store
from classifier.store.upgrades import EDITABLE
from classifier.text import MAX_NAME, MAX_NOTE, words

#: Fields that records of earlier releases lack, and without a value.
LATER = tuple(name for name in IDENTIFIERS if name != "isrc")
#: Fields of a record that make up a :class:`~classifier.results.Track`.
TRACK_FIELDS = (
    "catalogue",
    "title",
    "artist",
    "album",
    "isrc",
    "source",
    "duration_s",
    "n_windows",
    "content_hash",
    "file_hash",
    "created",
    "version",
    "metadata",
    *LATER,
)
#: Further fields, which records of an older Earmark lack.
LATER_FIELDS = ("by_hand", "remarks", "labels")
#: Fields by which tracks are listed.
SORTS = ("title", "artist", "album", "created", "duration_s")
#: Values that a facet shows.
FACET_VALUES = 50
#: Fields that tags in a file may set.
TAGGED = ("title", "artist", "album", *IDENTIFIERS)


# -------------------------------------------------------------------- finding


def get_track(store: Store, track_id: str) -> Track:
    """Return a track; of one that was merged into another, that other.

    Raises
    ------
    TrackNotFound
        If no track has that id, or it is not ready.
    """
    return to_track(ready_record(store, _going_on(store, track_id)))


def _going_on(store: Store, track_id: str) -> str:
    """Return the track that a track was merged into (``merging.py``), if it was, and that one, and so on."""
    seen = {track_id}
    record = store.get("tracks", track_id)
    while record is not None and record["status"] == "merged" and record["merge"]["into"] not in seen:
        track_id = record["merge"]["into"]
        seen.add(track_id)
        record = store.get("tracks", track_id)
    return track_id


def find(
    store: Store,
    catalogue: str,
    *,
    content_hash: str | None = None,
    packet_hash: str | None = None,
    file_hash: str | None = None,
) -> Track | None:
    """Return the track with this hash of its content, packets or file (the first given); else None.

    Raises
    ------
    CatalogueNotFound
        If there is no such catalogue.
    """
    catalogue_id = get_catalogue(store, catalogue).id
    for field, value in (("content_hash", content_hash), ("packet_hash", packet_hash), ("file_hash", file_hash)):
        if value:
            # Only conditions that one index covers; few records have the same hash.
            for record in store.find("tracks", {"catalogue": catalogue, field: value}):
                if record["status"] in ("ready", "merged") and record["catalogue_id"] == catalogue_id:
                    with contextlib.suppress(TrackNotFound):  # it was removed together with the one it was merged into
                        return get_track(store, record["_id"])
            break
    return None


def is_outdated(store: Store, track_id: str) -> bool:
    """Whether an earlier release modelled a track, so that no snippet can match it until it is enrolled again."""
    return any("n_slots" not in record for record in store.find("tracks", {"_id": track_id}, limit=1))


def outdated(store: Store, catalogue: str) -> list[Track]:
    """Return the tracks of a catalogue that an earlier release modelled, by title.

    Raises
    ------
    CatalogueNotFound
        If there is no such catalogue.
    """
    records = store.find("tracks", _of_catalogue(store, catalogue), sort=("title", 1))
    return [to_track(record) for record in records if "n_slots" not in record]


def list_tracks(
    store: Store,
    catalogue: str,
    *,
    search: str | None = None,
    artist: str | None = None,
    album: str | None = None,
    label: Sequence[str] = (),
    sort: str = "title",
    after: tuple[Any, str] | None = None,
    limit: int | None = None,
    skip: int = 0,
) -> list[Track]:
    """Return the tracks of a catalogue in order.

    Parameters
    ----------
    store : Store
        Where they are.
    catalogue : str
        Which catalogue.
    search : str or None
        Words, each of which must occur somewhere in title, artist, album, identifiers or source; case, accents,
        quotes and kinds of dashes do not matter (:func:`~classifier.text.fold`).
    artist, album : str or None
        Exactly these.
    label : sequence of str
        Only tracks with all these labels (:func:`classifier.records.labels.condition`).
    sort : str
        One of :data:`SORTS`, with ``-`` before it for the opposite order; tracks without it come before all others.
    after : tuple of (value, str) or None
        Value of the field and id of the track after which the list begins.
    limit, skip : int or None
        How many to return, and how many to skip before.

    Raises
    ------
    CatalogueNotFound
        If there is no such catalogue.
    """
    order = order_of(sort, SORTS, "tracks")
    where = _of_catalogue(store, catalogue, search, label, artist=artist, album=album)
    page: dict[str, Any] = {"after": after, "limit": limit, "skip": skip, "fields": (*TRACK_FIELDS, *LATER_FIELDS)}
    return [to_track(record) for record in ordered(store, "tracks", where, order, **page)]


def facet(
    store: Store,
    catalogue: str,
    field: str,
    *,
    search: str | None = None,
    artist: str | None = None,
    album: str | None = None,
    label: Sequence[str] = (),
    limit: int = FACET_VALUES,
) -> list[tuple[str | None, int]]:
    """Return the most frequent values of ``artist``, ``album`` or ``label`` among what :func:`list_tracks` would list.

    A label is written ``genre:jazz``; a track has several, and those that were never labelled are not counted.

    Raises
    ------
    CatalogueNotFound
        If there is no such catalogue.
    """
    where = _of_catalogue(store, catalogue, search, label, artist=artist, album=album)
    if field == labels.FACET:
        return labels.tally(store, where, limit)
    return store.tally("tracks", field, where, limit=limit)


def count_tracks(
    store: Store,
    catalogue: str,
    *,
    search: str | None = None,
    artist: str | None = None,
    album: str | None = None,
    label: Sequence[str] = (),
) -> int:
    """Return how many tracks :func:`list_tracks` would list without limit.

    Raises
    ------
    CatalogueNotFound
        If there is no such catalogue.
    """
    return store.count("tracks", _of_catalogue(store, catalogue, search, label, artist=artist, album=album))


def ids_beginning(store: Store, catalogue: str, beginning: str, limit: int = 2) -> list[str]:
    """Return at most ``limit`` ids of tracks that start with ``beginning``.

    Raises
    ------
    CatalogueNotFound
        If there is no such catalogue.
    """
    where = {**_of_catalogue(store, catalogue), "_id": {"$gte": beginning, "$lt": beginning + "\U0010ffff"}}
    return [record["_id"] for record in store.find("tracks", where, limit=limit, fields=[])]


def ready(store: Store, catalogue: str) -> dict[str, int]:
    """Return the version of every track that can be matched, by track id.

    Raises
    ------
    CatalogueNotFound
        If there is no such catalogue.
    """
    return {track_id: version for track_id, (version, _) in stamps(store, catalogue).items()}


def stamps(store: Store, catalogue: str) -> dict[str, tuple[int, int]]:
    """Return (version, edits) of every track that can be matched, by track id.

    The version changes with the audio's models, the number of edits with title, artist and so on.

    Raises
    ------
    CatalogueNotFound
        If there is no such catalogue.
    """
    found = store.find("tracks", _of_catalogue(store, catalogue), fields=["version", "edited"])
    return {record["_id"]: (record["version"], record["edited"]) for record in found}


def _of_catalogue(
    store: Store, name: str, search: str | None = None, label: Sequence[str] = (), **exact: str | None
) -> dict[str, Any]:
    # By id: a leftover track of a removed catalogue must not appear in a new one with the same name.
    where: dict[str, Any] = {"catalogue_id": get_catalogue(store, name).id, "status": "ready"}
    where |= {field: value for field, value in exact.items() if value is not None}
    where |= labels.condition(label)
    wanted = words(search or "")
    return {**where, "folded": {"$contains": wanted}} if wanted else where


def ready_record(store: Store, track_id: str) -> Document:
    """Return the record of a track.

    Raises
    ------
    TrackNotFound
        If there is none of that id, or it is not ready.
    """
    record = store.get("tracks", track_id)
    if record is not None and record["status"] == "merged":
        raise TrackNotFound(f"track {track_id!r} was merged into {record['merge']['into']!r}: name that one")
    if record is None or record["status"] != "ready":
        raise TrackNotFound(f"there is no track {track_id!r}")
    return record


# -------------------------------------------------------------------- changing


def edit(
    store: Store,
    track_id: str,
    *,
    check: Callable[[Track], None] = lambda track: None,
    by_hand: Iterable[str] | None = None,
    **changes: Any,
) -> Track:
    """Change title, artist, album, ISRC or metadata by hand; other processes see it with the next revision.

    Fields changed this way are named in ``by_hand``; tags in files never overwrite them again. If ``by_hand`` is given,
    it names all of them instead: who undoes an edit gives the values and the names that were there before. ``check`` is
    called with the track that is changed, and nobody changes it in between; what it raises keeps it as it is.

    Raises
    ------
    TrackNotFound
        If there is no such track.
    InvalidParameter
        For any other field, an empty title, values of the wrong type or too long.
    """
    hands = None if by_hand is None else list(by_hand)
    for name, value in {**dict.fromkeys(hands or ()), **changes}.items():
        if name not in EDITABLE:
            raise InvalidParameter(f"{name!r} of a track cannot be edited: only {', '.join(EDITABLE)} can")
        texts = [value] if isinstance(value, str) else value.values() if isinstance(value, Mapping) else ()
        most = MAX_NOTE if name == "metadata" else MAX_NAME
        longest = max((len(text) for text in texts if isinstance(text, str)), default=0)
        if longest > most:
            raise InvalidParameter(f"{name} has {longest} characters; the limit is {most}: shorten it")
    fields = set_fields(changes)
    if not fields and hands is None:
        track = get_track(store, track_id)
        check(track)
        return track

    def changed(record: Document) -> Document:
        check(to_track(record))
        return {**fields, "by_hand": set_by_hand(record, fields) if hands is None else set_by_hand({"by_hand": hands})}

    return change(store, track_id, changed)


def new_tags(track: Track, tags: Mapping[str, str]) -> dict[str, str]:
    """Return the file's tags that differ from the track's fields, except fields set by hand.

    Parameters
    ----------
    track : Track
        As it is stored.
    tags : mapping of str to str
        Cleaned tags of the same audio. Missing tags change nothing.
    """
    fields = text_fields({name: tags[name] for name in TAGGED if name in tags and name not in track.by_hand})
    return {name: value for name, value in fields.items() if value and value != getattr(track, name)}


def copy_fields(store: Store, track_id: str, source: Track) -> Track:
    """Give a track what is said of another one, and what of it was set by hand; such as of a catalogue's copy.

    Raises
    ------
    TrackNotFound
        If there is no such track.
    """
    fields = text_fields({name: getattr(source, name) for name in (*EDITABLE, "source")})
    return change(store, track_id, lambda _: {**fields, "by_hand": set_by_hand({"by_hand": source.by_hand})})


def take_tags(store: Store, track_id: str, tags: Mapping[str, str], *, source: str, file_hash: str) -> Track:
    """Apply the :func:`new_tags` of a file, and its name and hash; models stay as they are.

    Raises
    ------
    TrackNotFound
        If there is no such track.
    """
    of_file = {**text_fields({"source": source}), "file_hash": file_hash}
    return change(store, track_id, lambda record: {**new_tags(to_track(record), tags), **of_file})


def set_packet_hash(store: Store, track_id: str, packet_hash: str) -> None:
    """Store the hash of a track's encoded audio if none is known; readers see no change."""
    store.update("tracks", {"_id": track_id, "status": "ready", "packet_hash": ""}, set={"packet_hash": packet_hash})


def change(store: Store, track_id: str, changes: Callable[[Document], Document]) -> Track:
    """Change fields of a track that follow from its record; start again if another process changed it meanwhile."""
    while True:
        record = ready_record(store, track_id)
        fields = changes(record)
        folded = with_search({**record, **fields})["folded"]
        where = {"_id": track_id, "status": "ready", "edited": record["edited"], "version": record["version"]}
        changed = store.update("tracks", where, set={**fields, "folded": folded}, inc={"edited": 1})
        if changed is not None:
            bump_revision(store, changed["catalogue_id"])
            return to_track(changed)


def remove(store: Store, track_id: str) -> None:
    """Remove a track, and with it those that were merged into it.

    Raises
    ------
    TrackNotFound
        If there is no such track.
    """
    record = ready_record(store, track_id)
    if not mark_removed(store, track_id, status="ready"):
        raise TrackNotFound(f"there is no track {track_id!r}")
    bump_revision(store, record["catalogue_id"])
    purge(store, track_id)
    remove_merged(store, track_id)


def remove_merged(store: Store, track_id: str) -> None:
    """Remove what was merged into a track that is gone."""
    for record in list(store.find("tracks", {"status": "merged", "merge.into": track_id}, fields=[])):
        if mark_removed(store, record["_id"], status="merged"):
            purge(store, record["_id"])
            remove_merged(store, record["_id"])


# -------------------------------------------------------------------- records


def to_track(record: Mapping[str, Any]) -> Track:
    """Return the track of a record.

    Raises
    ------
    StoreCorrupt
        If the record lacks a field.
    """
    try:
        values = track_fields(record)
        # A flat list, because names in metadata come from files and may hold dots and dollar signs.
        flat = values.pop("metadata")
        metadata = dict(zip(flat[::2], flat[1::2], strict=True))
        by_hand, remarks = set_by_hand(record), list(record.get("remarks", ()))
        said = labels.of_record(record)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise StoreCorrupt(f"track {record.get('_id')}: the record is damaged: {error}") from None
    return Track(id=record["_id"], **values, metadata=metadata, by_hand=by_hand, remarks=remarks, labels=said)


def track_fields(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return :data:`TRACK_FIELDS` of a record of this or an earlier release; KeyError if it lacks another."""
    whole = {**dict.fromkeys(LATER), **record}
    return {name: whole[name] for name in TRACK_FIELDS}


def set_by_hand(record: Mapping[str, Any], more: Iterable[str] = ()) -> list[str]:
    """Return which fields of a record a person set, including ``more``, in a fixed order."""
    names = {*record.get("by_hand", ()), *more}  # an older Earmark that is still running does not write it
    return [name for name in EDITABLE if name in names]
