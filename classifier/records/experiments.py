"""Experiments that the service ran, with what came of them; they lie in the collection ``evaluations``.

An experiment bears the id of the job that runs it, and stays when the job is forgotten. Results are stored compressed
beside the rest and read only when they are asked for.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from classifier.errors import ExperimentNotFound, StoreCorrupt
from classifier.records.clock import now
from classifier.store.base import Document, Store

_LISTED = ("created", "finished", "kind", "catalogue", "files", "options", "status", "error", "headline")


def create(
    store: Store,
    experiment_id: str,
    *,
    kind: str,
    catalogue: str | None,
    files: Sequence[str],
    options: Mapping[str, Any],
) -> None:
    """Store an experiment that is about to run.

    Parameters
    ----------
    store : Store
    experiment_id : str
        Id of its job.
    kind : {"validate", "sweep"}
    catalogue : str or None
        Name of the catalogue that is asked; None if catalogues are made for it.
    files : sequence of str
        Names of the recordings, as the client gave them.
    options : mapping
        What was asked for, as it is shown.
    """
    document: Document = {
        "_id": experiment_id,
        "created": now(),
        "finished": None,
        "kind": kind,
        "catalogue": catalogue,
        "files": list(files),
        "options": dict(options),
        "status": "running",
        "error": None,
        "headline": {},
    }
    store.insert("evaluations", [document])


def finish(
    store: Store,
    experiment_id: str,
    *,
    headline: Mapping[str, Any] | None = None,
    results: Mapping[str, Any] | None = None,
    error: Mapping[str, str] | None = None,
) -> None:
    """Store results, or why there are none; does nothing if the experiment was deleted.

    Parameters
    ----------
    store : Store
    experiment_id : str
    headline : mapping or None
        Its few figures for a list.
    results : mapping or None
        ``summary``, an object, and each file by its format, as text.
    error : mapping or None
        Name and message.
    """
    values: dict[str, Any] = {"finished": now(), "status": "done" if error is None else "failed"}
    values |= {"error": None if error is None else dict(error), "headline": dict(headline or {})}
    if results is not None:
        values["data"] = zlib.compress(json.dumps(results, ensure_ascii=False).encode())
    store.update("evaluations", {"_id": experiment_id}, set=values)


def to_dict(document: Document) -> dict[str, Any]:
    """Return the JSON object of an experiment, without its results."""
    return {"id": document["_id"], **{name: document[name] for name in _LISTED}}


def get(store: Store, experiment_id: str) -> dict[str, Any]:
    """Return an experiment without its results.

    Raises
    ------
    ExperimentNotFound
        If there is none of that id.
    """
    for document in store.find("evaluations", {"_id": experiment_id}, limit=1, fields=_LISTED):
        return to_dict(document)
    raise ExperimentNotFound(f"no experiment {experiment_id!r} is stored")


def results(store: Store, experiment_id: str) -> dict[str, Any]:
    """Return what came of an experiment; empty while it runs, and if it failed.

    Raises
    ------
    ExperimentNotFound
        If there is none of that id.
    """
    document = store.get("evaluations", experiment_id)
    if document is None:
        raise ExperimentNotFound(f"no experiment {experiment_id!r} is stored")
    if "data" not in document:
        return {}
    try:
        found: dict[str, Any] = json.loads(zlib.decompress(document["data"]))
    except (ValueError, zlib.error):
        raise StoreCorrupt(f"the results of experiment {experiment_id} cannot be read") from None
    return found


def every(store: Store) -> list[dict[str, Any]]:
    """Return all experiments without results, oldest first."""
    return [to_dict(document) for document in store.find("evaluations", sort=("_id", 1), fields=_LISTED)]


def delete(store: Store, experiment_id: str) -> None:
    """Remove an experiment with its results.

    Raises
    ------
    ExperimentNotFound
        If there is none of that id.
    """
    if not store.delete("evaluations", {"_id": experiment_id}):
        raise ExperimentNotFound(f"no experiment {experiment_id!r} is stored")
