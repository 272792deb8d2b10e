"""Jobs of the kind ``train``: uploaded, labelled recordings become a model of labels.

Each recording that is heard is a step, and so is the training. What was heard stays in the data folder, so that a job
that was interrupted loses nothing of it. The fits run in a process of their own (:mod:`classifier.work.aside`).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from classifier.audio.decoder import Decoder
from classifier.audio.limits import Limits
from classifier.errors import EarmarkError, FileMissing, InvalidInput, InvalidParameter
from classifier.labels import views
from classifier.labels.hearing import Ears
from classifier.labels.scoring.files import check_task
from classifier.labels.training.dataset import NO_GROUP
from classifier.labels.training.estimators import candidates
from classifier.labels.training.train import default_views
from classifier.settings import Settings
from classifier.store.base import Document, Store
from classifier.text import clean
from classifier.work import aside, jobs
from classifier.work.jobs import error_of
from classifier.work.spool import Spool, Upload
from classifier.work.worker import Claim

KIND = "train"
TABLE = "labels.csv"


def read_labels(text: str, names: list[str], *, ungrouped: bool) -> list[dict[str, str]]:
    """Return labels and group of each file, in the order of the files.

    Parameters
    ----------
    text : str
        CSV with the columns ``file``, ``labels`` (several joined by ``|``) and ``group``.
    names : list of str
        Of the files, as the client gave them.
    ungrouped : bool
        Whether files may lack a group.

    Raises
    ------
    InvalidParameter
        If a file has no line or several, a line no file, or a group is missing and nobody said that there is none.
    """
    try:
        rows = list(csv.DictReader(io.StringIO(text), strict=True))
    except csv.Error as error:
        raise InvalidParameter(f"'labels' is no CSV: {error}") from None
    if not rows or not {"file", "labels"} <= set(rows[0]):
        raise InvalidParameter("'labels' needs a heading and a line a file: file,labels,group")
    if any(None in row or None in row.values() for row in rows):
        raise InvalidParameter("'labels' has lines with more or fewer fields than its heading")
    by_name = {clean(row["file"], 200): row for row in rows}
    for problem, found in (
        ("has two lines for", {name for name in by_name if sum(clean(r["file"], 200) == name for r in rows) > 1}),
        ("has no line for", set(names) - set(by_name)),
        ("names a file that was not sent,", set(by_name) - set(names)),
    ):
        if found:
            raise InvalidParameter(f"'labels' {problem} {min(found)!r}")
    if len(set(names)) < len(names):
        raise InvalidParameter("two files have the same name: give each its own")
    if not ungrouped and not all(by_name[name].get("group") for name in names):
        raise InvalidParameter(
            "say in the column 'group' which files belong together (artist, album, series), or the model's figures "
            "flatter; if there is nothing of the kind, send ungrouped=true"
        )
    return [{"labels": by_name[name]["labels"], "group": by_name[name].get("group") or ""} for name in names]


def submit(
    store: Store,
    spool: Spool,
    job_id: str,
    task: str,
    uploads: list[Upload],
    labels: list[dict[str, str]],
    *,
    ungrouped: bool = False,
    features: Sequence[str] = (),
    family: Sequence[str] = (),
    seed: int = 0,
    activate: bool = False,
) -> Document:
    """Store a job that trains a model on ``uploads``, which lie in the folder of ``job_id``.

    Parameters
    ----------
    store : Store
        Where jobs are kept.
    spool : Spool
        Where the folder is.
    job_id : str
        As :meth:`Spool.open` gave it.
    task : str
        What the model is to name, such as ``genre``.
    uploads : list of Upload
        The recordings.
    labels : list of dict
        From :func:`read_labels`.
    ungrouped, features, family, seed, activate
        As ``earmark train --group none --features NAME --family NAME --seed N --activate``.

    Returns
    -------
    dict
        The job's document.

    Raises
    ------
    InvalidParameter, InvalidModel
        If there are no such features or families, or ``task`` is no name of one.
    """
    check_task(task)
    for name in features:
        views.view(name)
    candidates(family, len(uploads))
    files: list[dict[str, Any]] = []
    for number, (upload, said) in enumerate(zip(uploads, labels, strict=True)):
        # The name that the model's card and its nearest clips show; unique, and no path.
        stored = f"{number:03d} {upload.name}"
        upload.path.rename(upload.path.with_name(stored))
        files.append(
            {"name": upload.name, "stored": stored, "bytes": upload.size, "status": "waiting", "error": None, **said}
        )
    what = {"task": task, "ungrouped": ungrouped, "features": list(features), "family": list(family)}
    what |= {"seed": seed, "activate": activate}
    state = {"files": files, "version": None}
    return jobs.submit(store, KIND, what, state=state, total=len(files) + 1, job_id=job_id, spool=spool.name)


def to_dict(document: Document) -> dict[str, Any]:
    """Return the JSON object of a job's document."""
    shown = ("name", "bytes", "status", "error")
    files = [
        {"track_id": None, "title": None, "remarks": [], **{name: file[name] for name in shown}}
        for file in document["state"]["files"]
    ]
    failed = sum(file["status"] == "failed" for file in files)
    state = {"added": 0, "present": 0, "failed": failed, "files": files, "version": document["state"]["version"]}
    return {**jobs.to_dict(document), "catalogue": None, "task": document["task"]["task"], **state}


class Train:
    """Trains models.

    Parameters
    ----------
    settings : Settings
        Of the process: where models, features and weights lie.
    spool : Spool
        Where the recordings lie.
    """

    def __init__(self, settings: Settings, spool: Spool) -> None:
        self._settings = settings
        self._spool = spool

    def run(self, claim: Claim) -> None:
        """Hear the recordings that are left, and train."""
        folder, files = self._spool.root / claim.id, claim.state["files"]
        chosen = claim.task["features"] or default_views(claim.task["task"], Path(self._settings.weights_dir))[0]
        needs = list(dict.fromkeys(name for view in chosen for name in views.view(view).needs))
        with Decoder(self._settings) as decoder:
            ears = Ears(self._settings, decoder, Limits.for_track(self._settings))
            for number, file in enumerate(files, start=1):
                if file["status"] != "heard":
                    claim.check()
                    self._hear(ears, folder / file["stored"], needs, file, claim)
                    claim.advance(number, claim.state)
        if claim.state["version"] is None:
            claim.state["version"] = self._train(claim, folder)
        claim.advance(len(files) + 1, claim.state)

    def give_up(self, claim: Claim) -> None:
        """Give the whole job up."""
        raise EarmarkError("the service stopped again and again while it trained; it is given up")

    @staticmethod
    def _hear(ears: Ears, path: Path, needs: list[str], file: dict[str, Any], claim: Claim) -> None:
        """Extract what the training needs; a recording that cannot be heard fails the whole job, by its name."""
        try:
            if not path.is_file():
                raise FileMissing("the upload is gone: send it again")
            for name in needs:
                ears.hear(path, name)
            file["status"] = "heard"
        except EarmarkError as error:
            file.update(status="failed", error=error_of(error))
            claim.note(claim.state)
            raise InvalidInput(f"{file['name']!r} cannot be heard ({error}): send the others without it") from None

    def _train(self, claim: Claim, folder: Path) -> str:
        """Let another process train, and return the version of the model."""
        files, task = claim.state["files"], claim.task
        with open(folder / TABLE, "w", encoding="utf-8", newline="") as table:
            writer = csv.writer(table)
            writer.writerow(["file", "labels", "group"])
            writer.writerows([file["stored"], file["labels"], file["group"]] for file in files)
        words = ["train", task["task"], str(folder / TABLE), "--seed", str(task["seed"])]
        words += ["--group", NO_GROUP if task["ungrouped"] else "group"]
        for option in ("features", "family"):
            words += [word for name in task[option] for word in (f"--{option}", name)]
        words += ["--activate"] if task["activate"] else []
        return str(aside.run(words, self._settings, folder, claim)["version"])
