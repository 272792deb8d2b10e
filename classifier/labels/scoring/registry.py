"""The models of labels in a user's data folder: versions by task, which of them answers, and the way back.

Layout: ``labels/TASK/VERSION/`` holds a model (:mod:`classifier.labels.scoring.files`), VERSION counting from 1;
``labels/TASK/active.json`` lists the versions that were activated, the one that answers last. Models that ship with
Earmark have their name as version, and belong to every user; they cannot be removed. A task without a choice of the
user's is answered by the shipped model.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from classifier.data import FOLDER
from classifier.errors import EarmarkError, InvalidModel, ModelNotFound, StoreFailed
from classifier.labels import views
from classifier.labels.scoring import files
from classifier.labels.scoring.model import LabelModel

SHIPPED = FOLDER / "labels"
_MOST_HISTORY = 100


@dataclass(frozen=True, slots=True)
class Stored:
    """A model that is there.

    Parameters
    ----------
    task, version : str
        What it names, and which of the task's models it is.
    folder : Path
        Where it lies.
    active : bool
        Whether it answers.
    shipped : bool
        Whether it came with Earmark.
    manifest : dict or None
        None if the model cannot be read.
    fault : str
        Why it cannot be read; else empty.
    """

    task: str
    version: str
    folder: Path
    active: bool
    shipped: bool
    manifest: dict[str, Any] | None
    fault: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object, with the card and without the list of columns and clips."""
        values: dict[str, Any] = {"task": self.task, "version": self.version}
        values |= {"active": self.active, "shipped": self.shipped, "fault": self.fault or None}
        if self.manifest is not None:
            names = ("kind", "labels", "family", "view", "extractors", "sha256", "card")
            values |= {name: self.manifest[name] for name in names}
        return values


class Registry:
    """The models of one data folder.

    Parameters
    ----------
    data_dir : Path
        The user's data folder; nothing is made in it before something is added.
    """

    def __init__(self, data_dir: Path) -> None:
        self._folder = Path(data_dir) / "labels"

    # --- looking ------------------------------------------------------------------------------------------

    def tasks(self) -> list[str]:
        """Return the names of the tasks that have a model."""
        found = {path.name for path in (*_folders(SHIPPED), *_folders(self._folder))}
        return sorted(task for task in found if _is_task(task) and self._versions(task))

    def listed(self, task: str | None = None) -> list[Stored]:
        """Return the models of a task, or of all; a damaged one is listed with its fault."""
        found = []
        for name in self.tasks() if task is None else [files.check_task(task)]:
            active = self.active_version(name)
            for version in self._versions(name):
                found.append(self._stored(name, version, active == version))
        return found

    def _stored(self, task: str, version: str, active: bool) -> Stored:
        folder, shipped = self._place(task, version)
        try:
            manifest, fault = files.read_manifest(folder), ""
            if manifest["task"] != task:
                raise InvalidModel(f"the model is of the task {manifest['task']!r}")
        except EarmarkError as error:
            manifest, fault = None, str(error)
        return Stored(task, version, folder, active, shipped, manifest, fault)

    def find(self, task: str, version: str | None = None) -> Stored:
        """Return a model: of that version, or the one that answers.

        Raises
        ------
        ModelNotFound
            If there is none, naming those that there are.
        InvalidModel
            If the name is none of a task.
        """
        versions = self._versions(files.check_task(task))
        active = self.active_version(task)
        version = version or active
        if version not in versions:
            if not versions:
                tasks = ", ".join(self.tasks()) or "none yet"
                raise ModelNotFound(f"no model for {task!r} (tasks: {tasks}): train one, 'earmark train {task} FOLDER'")
            if version is None:
                raise ModelNotFound(
                    f"no model of {task!r} answers yet: 'earmark models activate {task} {versions[-1]}'"
                )
            raise ModelNotFound(f"no version {version!r} of {task}: there are {', '.join(versions)}")
        return self._stored(task, version, version == active)

    def load(self, task: str, version: str | None = None) -> LabelModel:
        """Return a model with its arrays, checked; errors as :meth:`find` and :func:`files.load`."""
        stored = self.find(task, version)
        model = files.load(stored.folder)
        if model.task != task:
            raise InvalidModel(f"the model in {stored.version!r} of {task!r} is of the task {model.task!r}")
        return model

    def active_version(self, task: str) -> str | None:
        """Return the version that answers for a task; None if it has none."""
        versions = self._versions(task)
        chosen = [version for version in self._history(task) if version in versions]
        if chosen:
            return chosen[-1]
        return next(iter(versions), None) if (SHIPPED / task).is_dir() else None

    # --- changing -----------------------------------------------------------------------------------------

    def add(self, model: LabelModel) -> str:
        """Keep a model as the next version of its task, which does not answer yet; returns the version.

        Raises
        ------
        InvalidModel, StoreFailed
            As :func:`files.save`.
        """
        task = files.check_task(model.task)
        with self._locked(task) as folder:
            numbers = [int(path.name) for path in _folders(folder) if path.name.isdecimal()]
            version = str(max(numbers, default=0) + 1)
            files.save(model, folder / version)
        return version

    def activate(self, task: str, version: str) -> Stored:
        """Let a version answer, if it can be read and hears recordings; errors as :meth:`load`."""
        model = self.load(task, version)
        views.check_served(model.view, model.extractors, model.columns)
        with self._locked(task):
            history = [*self._history(task), version]
            self._write(task, history)
        return self.find(task, version)

    def rollback(self, task: str) -> Stored:
        """Let the version answer that did before.

        Raises
        ------
        ModelNotFound
            If none did.
        """
        files.check_task(task)
        with self._locked(task):
            versions, history = self._versions(task), self._history(task)
            current = self.active_version(task)
            while history and (history[-1] == current or history[-1] not in versions):
                history.pop()
            shipped = [version for version in versions if self._place(task, version)[1]]
            if not history and (not shipped or shipped[0] == current):
                raise ModelNotFound(
                    f"no other version of {task!r} answered before: activate one, "
                    f"'earmark models activate {task} VERSION'"
                )
            self._write(task, history)
        return self.find(task)

    # --- the folder ---------------------------------------------------------------------------------------

    def _versions(self, task: str) -> list[str]:
        """Return the versions of a task: shipped ones first, then by number."""
        own = sorted((path.name for path in _folders(self._folder / task) if path.name.isdecimal()), key=int)
        return [*sorted(path.name for path in _folders(SHIPPED / task)), *own]

    def _place(self, task: str, version: str) -> tuple[Path, bool]:
        shipped = SHIPPED / task / version
        is_shipped = not version.isdecimal()
        return (shipped if is_shipped else self._folder / task / version), is_shipped

    def _history(self, task: str) -> list[str]:
        try:
            values = json.loads((self._folder / task / "active.json").read_text("utf-8"))
            return [str(version) for version in values["activated"]][-_MOST_HISTORY:]
        except (OSError, ValueError, KeyError, TypeError):
            return []

    def _write(self, task: str, history: list[str]) -> None:
        path = self._folder / task / "active.json"
        draft = path.with_name(f".active.{os.getpid()}")
        try:
            draft.write_text(json.dumps({"activated": history[-_MOST_HISTORY:]}), "utf-8")
            os.replace(draft, path)
        except OSError as error:
            raise StoreFailed(f"which model answers for {task} cannot be written: {error.strerror}") from None

    @contextlib.contextmanager
    def _locked(self, task: str) -> Iterator[Path]:
        """Be the only process that changes a task's models."""
        folder = self._folder / task
        try:
            folder.mkdir(parents=True, exist_ok=True)
            file = open(folder / ".lock", "a")  # noqa: SIM115 - open as long as the lock is held
        except OSError as error:
            raise StoreFailed(f"the folder of the models of {task} cannot be written: {error.strerror}") from None
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield folder


def _folders(path: Path) -> list[Path]:
    try:
        return [entry for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith(".")]
    except OSError:
        return []


def _is_task(name: str) -> bool:
    try:
        files.check_task(name)
    except InvalidModel:
        return False
    return True
