"""Tags: stored identifications, newest first.

A tag's ``_id`` begins with its time in milliseconds, so that ids sort by age and the history needs only ids for paging;
its other half is random, so that ids cannot be guessed. The answer is stored as the JSON that was sent; the data of the
charts are stored separately, compressed, and read only for charts.
"""

from __future__ import annotations

import enum
import json
import zlib
from datetime import datetime
from typing import Any

from classifier.errors import StoreCorrupt, TagNotFound
from classifier.records.clock import dated_id, first_id
from classifier.results import Tag, recordings, semitones
from classifier.store.base import Document, Store
from classifier.text import fold, words

#: Most tags that one call looks through for words.
MAX_SEARCHED = 2000
VERDICTS = ("identified", "ambiguous", "no_match")
#: Most devices that are told apart, those with most tags.
MAX_DEVICES = 10_000

_LISTED = ("catalogue", "created", "verdict", "answer")
#: Of compression: a tenth more bytes than the default's, in a fifth of its time, which every answer waits for.
_LEVEL = 2
#: Tags that a sweep deletes at a time, so that it keeps no one from writing for long.
_SWEPT = 500


class _Anyone(enum.Enum):
    ANYONE = "anyone"


ANYONE = _Anyone.ANYONE
Owner = str | None | _Anyone
"""Who made a tag: the id of a key, None for callers without a key, or ``ANYONE``."""


def save(
    store: Store,
    catalogue: str,
    tag: Tag,
    *,
    file: str | None = None,
    key_id: str | None = None,
    device: str | None = None,
    labels: dict[str, Any] | None = None,
    recorded: str | None = None,
) -> dict[str, Any]:
    """Store an identification.

    Parameters
    ----------
    store : Store
    catalogue : str
        Name of the catalogue that was searched.
    tag : Tag
    file : str or None
        Name the client gave the snippet.
    key_id : str or None
        Key that the snippet came with, if any: its holder may read the tag again, and delete it.
    device : str or None
        What the client calls the device that recorded it: of several that share a key.
    labels : dict or None
        What the snippet was labelled with besides, by task.
    recorded : str or None
        When the snippet was recorded, if the client says that: ISO 8601 UTC.

    Returns
    -------
    dict
        The tag's JSON object, with ``id``, ``catalogue``, ``created``, ``file`` and ``device``.
    """
    tag_id, created = dated_id()
    answer = {
        "id": tag_id,
        "catalogue": catalogue,
        "created": created,
        "recorded": recorded,
        "file": file,
        "device": device,
        "labels": labels or {},
        **tag.to_dict(),
    }
    document: Document = {
        "_id": tag_id,
        "catalogue": catalogue,
        "created": created,
        "verdict": tag.verdict,
        "named": " ".join(match.track_id for match in tag.matches[: tag.tied]),
        "key": key_id,
        "device": device,
        "answer": json.dumps(answer, ensure_ascii=False, allow_nan=False),
        "data": zlib.compress(json.dumps(tag.charts, allow_nan=False, separators=(",", ":")).encode(), _LEVEL),
    }
    store.insert("tags", [document])
    return answer


def _answer(document: Document) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = {"tied": None, **json.loads(document["answer"])}
        for place, match in enumerate(answer["matches"]):  # fields that tags of earlier releases lack
            match.setdefault("role", "match" if place == 0 and answer["verdict"] != "no_match" else "candidate")
            match.setdefault("recording", place)
            match.setdefault("ids", {})
            match.setdefault("pitch", match["speed"] and semitones(match["speed"]))
        searched = {"other_speeds": True, "nearest_exact": True, "share": 1.0, "wide": False}
        answer["searched"] = {**searched, **answer["searched"]}
        answer.setdefault("recordings", recordings(answer["matches"]))
    except (KeyError, TypeError, ValueError):
        raise StoreCorrupt(f"tag {document['_id']} cannot be read") from None
    # Tags of earlier releases have neither remarks nor labels nor a device, nor the time of the recording.
    return {"remarks": [], "labels": {}, "device": None, "recorded": None, **answer}


def _whose(tag_id: str, owner: Owner) -> dict[str, Any]:
    return {"_id": tag_id} if owner is ANYONE else {"_id": tag_id, "key": owner}


def _one(store: Store, tag_id: str, fields: tuple[str, ...], owner: Owner) -> Document:
    for document in store.find("tags", _whose(tag_id, owner), limit=1, fields=fields):
        return document
    raise TagNotFound(f"no tag {tag_id!r} is stored")


def get(store: Store, tag_id: str, *, owner: Owner = ANYONE) -> dict[str, Any]:
    """Return a tag's JSON object.

    Parameters
    ----------
    store : Store
    tag_id : str
    owner : Owner
        Only a tag made by this owner.

    Raises
    ------
    TagNotFound
        If there is no such tag, or it is not the owner's.
    """
    return _answer(_one(store, tag_id, _LISTED, owner))


def charts(store: Store, tag_id: str, *, owner: Owner = ANYONE) -> dict[str, Any]:
    """Return the data of a tag's charts: ``tag_id``, ``alignment``, ``nearest`` and others; see :func:`get`.

    Raises
    ------
    TagNotFound
        If there is no such tag, or it is not the owner's.
    """
    document = _one(store, tag_id, ("data",), owner)
    try:
        drawn = json.loads(zlib.decompress(document["data"]))
    except (KeyError, ValueError, zlib.error):
        raise StoreCorrupt(f"the charts of tag {tag_id} cannot be read") from None
    # Charts of earlier releases are fewer.
    absent = dict.fromkeys(("alignment", "divergence", "along", "stripe", "mixtures"))
    return {**absent, "nearest": [], **drawn, "tag_id": tag_id}


def history(
    store: Store,
    *,
    catalogue: str | None = None,
    verdict: str | None = None,
    track: str | None = None,
    device: str | None = None,
    owner: Owner = ANYONE,
    search: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 20,
    cursor: str | None = None,
) -> tuple[list[dict[str, Any]], str | None]:
    """Return tags, newest first.

    Parameters
    ----------
    store : Store
    catalogue, verdict, device : str or None
        Only tags with these.
    track : str or None
        Only tags that name this track; those of releases before schema 5 do not count.
    owner : Owner
        Only tags made by this owner.
    search : str or None
        Only tags of which title, artist, album or file hold all these words. ``MAX_SEARCHED`` tags are searched at a
        time, so that there may be few, and a cursor.
    since, until : datetime or None
        Only tags made from this time on, and before that time.
    limit : int >= 1
        Most tags.
    cursor : str or None
        From the previous call, to continue after it.

    Returns
    -------
    list of dict, str or None
        The tags' JSON objects, and the cursor of the next page, if there is one.
    """
    where = _which(catalogue, verdict, track, device, owner)
    # Ids begin with their time, so they bound it too.
    before = [bound for bound in (cursor, None if until is None else first_id(until)) if bound is not None]
    bounds = {"$lt": min(before)} if before else {}
    if since is not None:
        bounds["$gte"] = first_id(since)
    if bounds:
        where["_id"] = bounds
    wanted = words(search or "")
    most = MAX_SEARCHED if wanted else limit
    found: list[dict[str, Any]] = []
    seen, last = 0, ""
    for document in store.find("tags", where, sort=("_id", -1), limit=most + 1, fields=_LISTED):
        if len(found) == limit or seen == most:
            return found, last
        seen, last = seen + 1, document["_id"]
        answer = _answer(document)
        if all(word in _searched(answer) for word in wanted):
            found.append(answer)
    return found, None


def _searched(answer: dict[str, Any]) -> str:
    """Return what a tag is searched by: names of what it names, and of its file."""
    named = answer["matches"][: answer["tied"] if answer["tied"] is not None else 1]
    names = [match.get(name) for match in named for name in ("title", "artist", "album")]
    return fold(" ".join(filter(None, [answer["file"], *names])))


def facet(
    store: Store,
    field: str,
    *,
    catalogue: str | None = None,
    verdict: str | None = None,
    track: str | None = None,
    device: str | None = None,
    owner: Owner = ANYONE,
    limit: int = 50,
) -> list[tuple[str, int]]:
    """Return the most frequent values of ``catalogue`` or ``verdict`` among the tags that :func:`history` lists."""
    return store.tally("tags", field, _which(catalogue, verdict, track, device, owner), limit=limit)


def devices(
    store: Store, *, owner: Owner = ANYONE, after: str = "", limit: int
) -> tuple[list[dict[str, Any]], str | None]:
    """Return the devices that tags name, by name.

    Parameters
    ----------
    store : Store
    owner : Owner
        Only devices of tags made by this owner, and only these tags.
    after : str
        Only devices whose names follow this one.
    limit : int >= 1
        Most devices.

    Returns
    -------
    list of dict, str or None
        ``device``; ``tags``, how many; ``verdicts``, how many have each; ``latest``, when the newest was made, ISO
        8601 UTC; and the name that the next page begins after, if there is one.
    """
    counted = store.tally("tags", "device", _which(None, None, None, None, owner), limit=MAX_DEVICES)
    names = sorted(name for name, _ in counted if name is not None and name > after)
    found = []
    for name in names[:limit]:
        where = _which(None, None, None, name, owner)
        for newest in store.find("tags", where, sort=("_id", -1), limit=1, fields=("created",)):
            counts = dict(store.tally("tags", "verdict", where, limit=len(VERDICTS)))
            verdicts = {verdict: counts.get(verdict, 0) for verdict in VERDICTS}
            facts = {"tags": sum(counts.values()), "verdicts": verdicts, "latest": newest["created"]}
            found.append({"device": name, **facts})
    return found, names[limit - 1] if len(names) > limit else None


def _which(
    catalogue: str | None, verdict: str | None, track: str | None, device: str | None, owner: Owner
) -> dict[str, Any]:
    given = {"catalogue": catalogue, "verdict": verdict, "device": device}
    where: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if track is not None:
        where["named"] = {"$contains": [track]}
    return where if owner is ANYONE else {**where, "key": owner}


def count(store: Store, owner: Owner) -> int:
    """Return how many tags an owner keeps."""
    return store.count("tags", {} if owner is ANYONE else {"key": owner})


def delete(store: Store, tag_id: str, *, owner: Owner = ANYONE) -> None:
    """Remove a tag with its charts, and its recording if that was kept.

    Raises
    ------
    TagNotFound
        If there is no such tag, or it is not the owner's.
    """
    if not store.delete("tags", _whose(tag_id, owner)):
        raise TagNotFound(f"no tag {tag_id!r} is stored")
    store.delete("recordings", {"_id": tag_id})


def clean(store: Store, before: str) -> int:
    """Delete tags made before a moment, ISO 8601 UTC, some hundred at a time; return how many there were."""
    deleted = 0
    while old := [tag["_id"] for tag in store.find("tags", {"created": {"$lt": before}}, limit=_SWEPT, fields=())]:
        deleted += store.delete("tags", {"_id": {"$in": old}})
        store.delete("recordings", {"_id": {"$in": old}})
    return deleted
