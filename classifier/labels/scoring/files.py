"""A model on disk: a folder with ``manifest.json`` and ``arrays.npz``, read as if anybody might have written it.

The manifest says everything but the numbers, and of every array its shape and dtype, and of the file of arrays its size
and SHA-256. Nothing is unpickled (:mod:`classifier.labels.arrays`), nothing unpacks to more than the manifest's shapes
take, which are bounded. Names in either file are never used as paths.

A matching hash says that the file is whole, not that it is harmless. So whatever comes after it is checked as well:
shapes and dtypes, that numbers are finite, and that the arrays fit the family, down to every index in them
(:meth:`~classifier.labels.scoring.model.LabelModel.check`).
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import stat
from pathlib import Path
from typing import Any

import numpy as np

from classifier.errors import FileMissing, InvalidModel, StoreFailed
from classifier.labels.arrays import read_arrays, write_arrays
from classifier.labels.scoring.model import LabelModel
from classifier.text import clean

FORMAT = "earmark-labels/1"
MANIFEST, ARRAYS = "manifest.json", "arrays.npz"
MOST_MANIFEST_BYTES, MOST_ARRAY_BYTES = 4_000_000, 256_000_000
_MOST_ARRAYS, _MOST_LABELS, _MOST_COLUMNS, _MOST_CLIPS = 20_000, 1000, 100_000, 100_000
_DTYPES = ("<f8", "<f4", "<i8")
_TASK = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
_HEADER = 256  # bytes of an array's header, more than it takes


def check_task(task: str) -> str:
    """Return the name of a task if it is one.

    Raises
    ------
    InvalidModel
        If it is not of small letters, digits and hyphens, 40 at most.
    """
    if not _TASK.fullmatch(task):
        raise InvalidModel(f"{clean(task, 60)!r} names no task: use up to 40 small letters, digits and hyphens")
    return task


# --- writing ------------------------------------------------------------------------------------------------


def manifest_of(model: LabelModel, arrays: bytes) -> dict[str, Any]:
    """Return the manifest of a model whose arrays lie in these bytes."""
    return {
        "format": FORMAT,
        "task": model.task,
        "kind": model.kind,
        "labels": list(model.labels),
        "family": model.family,
        "view": model.view,
        "extractors": list(model.extractors),
        "columns": list(model.columns),
        "clips": list(model.clips),
        "clip_labels": list(model.clip_labels),
        "foreign_view": model.foreign_view,
        "arrays": {name: [a.dtype.str, list(a.shape)] for name, a in sorted(model.arrays.items())},
        "bytes": len(arrays),
        "sha256": hashlib.sha256(arrays).hexdigest(),
        "card": model.card,
    }


def save(model: LabelModel, folder: Path) -> None:
    """Write a model into a folder that does not exist yet; it appears whole or not at all.

    Parameters
    ----------
    model : LabelModel
        To be written; checked before.
    folder : Path
        Its parent is made where need be.

    Raises
    ------
    InvalidModel
        If the model contradicts itself, or :func:`load` would refuse it.
    StoreFailed
        If the folder is there already or cannot be written.
    """
    model.check()
    arrays = write_arrays(dict(sorted(model.arrays.items())))
    text = json.dumps(manifest_of(model, arrays), indent=1, sort_keys=True, allow_nan=False).encode()
    _parse(text, arrays)
    draft = folder.parent / f".{folder.name}.{os.getpid()}"
    try:
        draft.mkdir(parents=True)
        for name, content in ((MANIFEST, text), (ARRAYS, arrays)):
            with open(draft / name, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        os.rename(draft, folder)
    except OSError as error:
        for name in (MANIFEST, ARRAYS):
            (draft / name).unlink(missing_ok=True)
        if draft.is_dir():
            draft.rmdir()
        raise StoreFailed(f"the model cannot be written as {folder.name!r}: {error.strerror}") from None


# --- reading ------------------------------------------------------------------------------------------------


def load(folder: Path) -> LabelModel:
    """Read a model.

    Raises
    ------
    FileMissing
        If there is none.
    InvalidModel
        If it is damaged, contradicts itself or is not of this format.
    """
    text = _content(folder / MANIFEST, MOST_MANIFEST_BYTES)
    return _parse(text, _content(folder / ARRAYS, MOST_ARRAY_BYTES))


def _content(path: Path, most: int) -> bytes:
    """Return what a regular file of bounded size holds; links are not followed."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise InvalidModel(f"{path.name} of the model is no file")
            if status.st_size > most:
                raise InvalidModel(f"{path.name} of the model has {status.st_size} bytes: at most {most} are read")
            return file.read(most)
    except FileNotFoundError:
        raise FileMissing(f"the model {path.parent.name!r} has no {path.name}") from None
    except OSError as error:
        raise InvalidModel(f"{path.name} of the model cannot be read: {error.strerror}") from None


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a model, checked, without its arrays; errors as :func:`load`."""
    return _manifest(_content(folder / MANIFEST, MOST_MANIFEST_BYTES))


def _manifest(text: bytes) -> dict[str, Any]:
    try:
        values = json.loads(text, parse_constant=_refused_constant)
    except (ValueError, RecursionError):
        raise InvalidModel("the manifest of the model is not JSON") from None
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        found = clean(str(values.get("format")), 60) if isinstance(values, dict) else "no object"
        raise InvalidModel(f"the manifest of the model has the format {found!r}: this Earmark reads {FORMAT!r}")
    for name in ("task", "kind", "family", "view", "foreign_view", "sha256"):
        if not isinstance(values.get(name), str):
            raise InvalidModel(f"{name!r} in the manifest of the model is no text")
    check_task(values["task"])
    most = {"labels": _MOST_LABELS, "extractors": 100, "columns": _MOST_COLUMNS}
    for name, limit in {**most, "clips": _MOST_CLIPS, "clip_labels": _MOST_CLIPS}.items():
        items = values.get(name)
        if not isinstance(items, list) or len(items) > limit or not all(isinstance(item, str) for item in items):
            raise InvalidModel(f"{name!r} in the manifest of the model is no list of up to {limit} texts")
    if not all(label and label == clean(label, 100) for label in values["labels"]):
        raise InvalidModel("a label of the model is empty, longer than 100 characters, or holds what must not be shown")
    if not isinstance(values.get("card"), dict):
        raise InvalidModel("the manifest of the model has no card")
    if not isinstance(values.get("arrays"), dict) or not 0 < len(values["arrays"]) <= _MOST_ARRAYS:
        raise InvalidModel(f"the manifest of the model lists no arrays, or more than {_MOST_ARRAYS}")
    return values


def _refused_constant(name: str) -> float:
    raise ValueError(name)


def _parse(text: bytes, arrays: bytes) -> LabelModel:
    values = _manifest(text)
    if values.get("bytes") != len(arrays):
        raise InvalidModel(f"{ARRAYS} of the model has {len(arrays)} bytes: its manifest says {values.get('bytes')}")
    if hashlib.sha256(arrays).hexdigest() != values["sha256"]:
        raise InvalidModel(f"{ARRAYS} of the model is not the file that its manifest was written for: get it again")
    model = LabelModel(
        task=values["task"],
        kind=values["kind"],
        labels=tuple(values["labels"]),
        family=values["family"],
        view=values["view"],
        extractors=tuple(values["extractors"]),
        columns=tuple(values["columns"]),
        arrays=_arrays(arrays, values["arrays"]),
        clips=tuple(values["clips"]),
        clip_labels=tuple(values["clip_labels"]),
        foreign_view=values["foreign_view"],
        card=values["card"],
    )
    model.check()
    return model


def _arrays(content: bytes, listed: dict[str, Any]) -> dict[str, np.ndarray]:
    """Return the arrays of an npz if they are the listed ones."""
    total = 0
    for name, entry in listed.items():
        if not _is_entry(entry):
            raise InvalidModel(
                f"the manifest of the model gives {clean(name, 60)!r} a dtype or shape that none may have"
            )
        total += math.prod(entry[1]) * np.dtype(entry[0]).itemsize + _HEADER
    if total > 2 * MOST_ARRAY_BYTES:
        raise InvalidModel(f"the arrays of the model would take {total:,} bytes: {2 * MOST_ARRAY_BYTES:,} are allowed")
    arrays = read_arrays(content, total)
    found = {name: [a.dtype.str, list(a.shape)] for name, a in arrays.items()}
    if found != listed:
        wrong = sorted(name for name in {*found, *listed} if found.get(name) != listed.get(name))
        raise InvalidModel(
            f"{ARRAYS} of the model does not hold just what its manifest lists: see {clean(wrong[0], 60)!r}"
        )
    return arrays


def _is_entry(entry: Any) -> bool:
    if not isinstance(entry, list) or len(entry) != 2 or entry[0] not in _DTYPES or not isinstance(entry[1], list):
        return False
    sizes = entry[1]
    return 1 <= len(sizes) <= 2 and all(type(size) is int and 0 < size <= MOST_ARRAY_BYTES for size in sizes)
