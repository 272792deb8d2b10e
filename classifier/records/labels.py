"""What models of labels said of tracks: kept in the tracks' records, searched and counted by label.

Conventions
-----------
- ``labels`` of a record is a dict by task (``genre``, ``mood``, ``tags`` ...), each with ``model`` (its version),
  ``sha256`` (of what the model is), ``decision``, ``labels`` (what is said), ``distribution`` (the likeliest
  labels, ``label`` and ``p``) and ``at`` (when).
- ``label_keys`` is the text that is searched: for every label that is said and not doubted, task, tab and label, each
  between line breaks. Cleaned labels hold neither tabs nor line breaks.
- Labels go with the record: a track that is removed takes them along, one that is modelled anew keeps them. They count
  neither as an edit of a person nor as a change of the catalogue, for no snippet is matched by them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from classifier.errors import InvalidParameter
from classifier.store.base import Document, Store
from classifier.text import clean

#: The field in which labels are searched, and its name as a facet.
KEYS, FACET = "label_keys", "label"
#: Labels of a distribution that are kept.
MOST_KEPT = 10
MOST_WANTED = 10
"""Labels that may be asked for at once."""
_MOST_NAME = 100
_EVERY_VALUE = 2**31 - 1
_TASK = re.compile(r"[a-z0-9-]{1,40}")


def entry(
    model: str, sha256: str, decision: str | None, labels: Iterable[str], ranking: Iterable[tuple[str, float]], at: str
) -> dict[str, Any]:
    """Return what a record keeps of an answer.

    Parameters
    ----------
    model, sha256 : str
        Version of the model, and a hash of what it is.
    decision : str or None
        ``certain``, ``uncertain`` or ``experimental``; None for tags, which are not decided upon.
    labels : iterable of str
        What is said.
    ranking : iterable of (str, float)
        Labels by falling probability; :data:`MOST_KEPT` are kept.
    at : str
        When it was heard, ISO 8601 UTC.
    """
    kept = [{"label": clean(label, _MOST_NAME), "p": round(float(p), 4)} for label, p in ranking][:MOST_KEPT]
    said = [clean(label, _MOST_NAME) for label in labels]
    return {"model": model, "sha256": sha256, "decision": decision, "labels": said, "distribution": kept, "at": at}


def checked(values: Any) -> dict[str, dict[str, Any]]:
    """Return entries by task that came from outside, with nothing else in them.

    Raises
    ------
    ValueError
        If they are of another form.
    """
    found = {}
    for task, said in values.items() if isinstance(values, dict) else [(None, None)]:
        if not isinstance(task, str) or not _TASK.fullmatch(task) or not isinstance(said, dict):
            raise ValueError("labels are not a dict by task")
        texts: list[Any] = [said.get(name) for name in ("model", "sha256", "at")]
        labels, ranking, decision = said.get("labels"), said.get("distribution"), said.get("decision")
        if (
            not all(isinstance(text, str) for text in texts)
            or not isinstance(labels, list)
            or not all(isinstance(label, str) for label in labels)
            or not isinstance(ranking, list)
            or not all(isinstance(one, dict) and isinstance(one.get("label"), str) for one in ranking)
            or not all(isinstance(one.get("p"), int | float) and 0 <= one["p"] <= 1 for one in ranking)
            or decision not in (None, "certain", "uncertain", "experimental")
        ):
            raise ValueError(f"the labels of {task!r} have another form")
        model, sha256, at = (clean(text, _MOST_NAME) for text in texts)
        found[task] = entry(model, sha256, decision, labels[:MOST_KEPT], [(o["label"], o["p"]) for o in ranking], at)
    return found


def keys_of(labels: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the text in which a track's labels are searched: what is said of it and not doubted."""
    lines = [
        f"{task}\t{label}"
        for task, said in sorted(labels.items())
        if said["decision"] != "uncertain"
        for label in said["labels"]
    ]
    return "\n" + "".join(f"{line}\n" for line in lines) if lines else ""


def condition(wanted: Sequence[str]) -> dict[str, Any]:
    """Return the condition that tracks have all these labels: ``genre:jazz``, or ``jazz`` of any task.

    Raises
    ------
    InvalidParameter
        If there are too many, or one is empty.
    """
    if not wanted:
        return {}
    if len(wanted) > MOST_WANTED:
        raise InvalidParameter(f"{len(wanted)} labels are asked for at once; at most {MOST_WANTED} can be")
    return {KEYS: {"$contains": [_key(name) for name in wanted]}}


def _key(name: str) -> str:
    task, colon, rest = name.partition(":")
    has_task = colon and _TASK.fullmatch(task.strip()) is not None
    label = clean(rest if has_task else name, _MOST_NAME)
    if not label:
        raise InvalidParameter(f"{name!r} names no label: write 'jazz', or 'genre:jazz'")
    return f"\n{task.strip()}\t{label}\n" if has_task else f"\t{label}\n"


def tally(store: Store, where: Mapping[str, Any], limit: int) -> list[tuple[str | None, int]]:
    """Return the most frequent labels (``genre:jazz``) of the tracks that match, and how many have each."""
    counts: Counter[str | None] = Counter()
    for keys, number in store.tally("tracks", KEYS, where, limit=_EVERY_VALUE):
        for line in (keys or "").strip("\n").splitlines():
            counts[line.replace("\t", ":", 1)] += number
    return sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))[:limit]


def put(store: Store, track_id: str, found: Mapping[str, Mapping[str, Any]]) -> bool:
    """Keep entries by task with a track, beside those of other tasks; return whether the track is there."""
    while True:
        record = store.get("tracks", track_id)
        if record is None or record["status"] != "ready":
            return False
        labels = {**of_record(record), **{task: dict(said) for task, said in found.items()}}
        unchanged = {"_id": track_id, "status": "ready", KEYS: record.get(KEYS)}
        changes: Document = {f"labels.{task}": dict(said) for task, said in found.items()}
        if "labels" not in record:
            changes = {"labels": labels}
        if store.update("tracks", unchanged, set={**changes, KEYS: keys_of(labels)}) is not None:
            return True


def of_record(record: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the entries of a track's record by task; none of a track that was never labelled."""
    return {task: dict(said) for task, said in record.get("labels", {}).items()}
