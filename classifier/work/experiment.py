"""Jobs of the kind ``experiment``: a catalogue, or a grid of them, answers recordings whose track is known.

``earmark validate`` or ``earmark sweep`` does the work, in a process of its own. It keeps every answer in the job's
folder as it comes; whoever goes on after a death loses none of them, and their number is the job's progress.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from classifier.audio.formats import ENDINGS
from classifier.errors import EarmarkError, FileMissing, InvalidParameter
from classifier.experiments import grid, plan
from classifier.records import experiments
from classifier.settings import Settings
from classifier.store.base import Document, Store
from classifier.work import aside, jobs
from classifier.work.jobs import error_of
from classifier.work.spool import Spool, Upload
from classifier.work.worker import PASSING, Claim

KIND = "experiment"
#: Most questions of one experiment: conditions, snippets and cells multiplied.
MAX_QUESTIONS = 20_000
#: Files that the command writes, by the format that they are asked for.
RESULTS = {"csv": "outcomes.csv", "html": "report.html", "cells": "cells.csv"}
SOUND, OUT, TABLE, SUMMARY = "sound", "out", "table.csv", "summary.json"


def submit(
    store: Store,
    spool: Spool,
    job_id: str,
    uploads: Sequence[Upload],
    *,
    kind: str,
    catalogue: str,
    table: str = "",
    cut: int | None = None,
    conditions: str = plan.DEFAULT_CONDITIONS,
    length: float = 5.0,
    method: str | None = None,
    preset: str | None = None,
    axes: str = "",
    unknown: int = 8,
    seed: int = 0,
) -> Document:
    """Store an experiment and the job that runs it on ``uploads``, which lie in the folder of ``job_id``.

    Parameters
    ----------
    store : Store
        Where both are kept.
    spool : Spool
        Where the folder is.
    job_id : str
        As :meth:`Spool.open` gave it.
    uploads : sequence of Upload
        Recordings, or songs that snippets are cut from.
    kind : {"validate", "sweep"}
    catalogue : str
        Name of the catalogue that is validated.
    table : str
        Of a validation without ``cut``: CSV with the columns ``file``, ``track`` and perhaps ``condition``.
    axes : str
        Of a sweep: values of parameters, ``n_components=4,6;window_length=3,5``.
    cut, conditions, length, method, preset, unknown, seed
        As ``earmark validate`` and ``earmark sweep`` have them; without ``cut``, whole recordings are asked.

    Returns
    -------
    dict
        The job's document.

    Raises
    ------
    InvalidParameter
        If the parts do not make an experiment.
    """
    root = spool.root / job_id
    files = _arranged(root / SOUND, uploads)
    words = ["--seed", str(seed), "--length", f"{length:g}", "--conditions", conditions, "--jobs", "1"]
    words += [word for name, value in (("--method", method), ("--preset", preset)) if value for word in (name, value)]
    kinds = plan.conditions(conditions)
    options: dict[str, Any] = {"seed": seed, "method": method, "cut": cut}
    cells = [""]
    if kind == "sweep":
        cut = cut or 40
        found = _cells(axes, preset, method, len(files), unknown)
        cells = [cell.name for cell in found if cell.config is not None]
        options |= {"preset": preset, "grid": axes or None, "unknown": unknown, "cut": cut, "cells": len(cells)}
        words += [word for spec in _specs(axes) for word in ("--grid", spec)]
        words += ["--unknown", str(unknown)]
    if cut:
        options |= {"conditions": conditions, "length_s": length}
        words += ["--cut", str(cut)]
    else:
        _write_table(root / TABLE, table, files)
    total = len(cells) * (len(kinds) * cut if cut else len(files))
    if total > MAX_QUESTIONS:
        raise InvalidParameter(f"that is {total:,} questions, and {MAX_QUESTIONS:,} are the most: ask fewer of each")
    names = [upload.name for upload in uploads]
    own = None if kind == "sweep" else catalogue
    experiments.create(store, job_id, kind=kind, catalogue=own, files=names, options=options)
    task = {"catalogue": own, "words": words, "kind": kind, "cells": cells}
    return jobs.submit(store, KIND, task, state={"stage": ""}, total=total, job_id=job_id, spool=spool.name)


def _arranged(folder: Path, uploads: Sequence[Upload]) -> dict[str, str]:
    """Move uploads to where the command looks for them; return the name there by the client's name."""
    folder.mkdir()
    found: dict[str, str] = {}
    for number, upload in enumerate(uploads):
        ending = Path(upload.name).suffix.lower()
        if ending not in ENDINGS:
            raise InvalidParameter(f"{upload.name!r} has no ending of a sound file: Earmark tells them by it")
        if upload.name in found:
            raise InvalidParameter(f"two files are called {upload.name!r}: give each its own name")
        # The number keeps names apart that a file system takes for one, and hides none that begins with a dot.
        found[upload.name] = f"{number:03d} {Path(upload.name).stem[:50]}{ending}"
        upload.path.rename(folder / found[upload.name])
    return found


def _specs(axes: str) -> list[str]:
    return [spec.strip() for spec in axes.split(";") if spec.strip()]


def _cells(axes: str, preset: str | None, method: str | None, n_files: int, unknown: int) -> list[grid.Cell]:
    """Return the cells of a sweep, as the command will make them."""
    values = {**(grid.PRESETS[preset] if preset else {}), **grid.parse(_specs(axes))}
    if not values:
        raise InvalidParameter("there is nothing to vary: send a preset, or grid=NAME=A,B")
    kept = n_files - (n_files // unknown if unknown else 0)
    if kept < 2:
        raise InvalidParameter(f"{n_files} files, {kept} of them enrolled: at least two are needed to tell apart")
    base = {**(grid.SYNCED if preset else {}), **({"method": method} if method else {})}
    found = grid.cells(values, base)
    if not any(cell.config for cell in found):
        raise InvalidParameter(f"no combination makes a catalogue: {found[0].refused}")
    return found


def _write_table(path: Path, text: str, files: Mapping[str, str]) -> None:
    """Write a table with the files' names in the job's folder."""
    if not text.strip():
        raise InvalidParameter(
            "say of which track each recording is: a text field 'table', CSV with the columns file and track; or send "
            "songs and cut=N"
        )
    path.write_text(text, encoding="utf-8")
    try:
        rows = plan.read_table(path)
    except InvalidParameter as error:
        raise InvalidParameter(str(error).replace(str(path), "the table")) from None
    if set(files) - set(rows):
        raise InvalidParameter(f"the table has no row for {min(set(files) - set(rows))!r}")
    if set(rows) - set(files):
        raise InvalidParameter(f"the table names a file that was not sent, {min(set(rows) - set(files))!r}")
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "track", "condition"])
        writer.writerows([files[name], row["track"], row.get("condition", "")] for name, row in rows.items())


def to_dict(document: Document) -> dict[str, Any]:
    """Return the JSON object of a job's document; ``total`` and ``done`` are questions."""
    return {**jobs.to_dict(document), "catalogue": document["task"]["catalogue"]}


def progress(store: Store, experiment: Mapping[str, Any]) -> dict[str, Any]:
    """Return how far an experiment is: ``total``, ``done`` and ``stage``; nulls once its job is forgotten."""
    document = store.get("jobs", str(experiment["id"]))
    if document is None:
        return {"total": None, "done": None, "stage": None}
    stage = document["state"]["stage"] if document["status"] == "running" else ""
    return {"total": document["total"], "done": document["done"], "stage": stage or None}


def delete(store: Store, spool: Spool, experiment_id: str) -> None:
    """Remove an experiment; if it runs, it ends.

    Raises
    ------
    ExperimentNotFound
        If there is none of that id.
    """
    experiments.delete(store, experiment_id)
    if store.delete("jobs", {"_id": experiment_id}):
        spool.remove(experiment_id)


class Experiments:
    """Runs experiments.

    Parameters
    ----------
    store : Store
        Where they are kept.
    settings : Settings
        Of the process.
    spool : Spool
        Where the recordings lie.
    """

    def __init__(self, store: Store, settings: Settings, spool: Spool) -> None:
        self._store = store
        self._settings = settings
        self._spool = spool

    def run(self, claim: Claim) -> None:
        """Run what is left of an experiment, and keep its results."""
        try:
            self._run(claim)
        except PASSING:
            raise
        except EarmarkError as error:
            experiments.finish(self._store, claim.id, error=error_of(error))
            raise

    def give_up(self, claim: Claim) -> None:
        """Say that the experiment failed."""
        error = EarmarkError("the service stopped again and again while it ran the experiment; it is given up")
        experiments.finish(self._store, claim.id, error=error_of(error))
        raise error

    def _run(self, claim: Claim) -> None:
        folder = self._spool.root / claim.id
        out = folder / OUT
        if not (folder / SOUND).is_dir():
            raise FileMissing("the uploads are gone: send them again")
        task, table = claim.task, folder / TABLE
        what = [task["kind"], *([task["catalogue"]] if task["catalogue"] else [])]
        words = [*what, str(folder / SOUND), *task["words"], "--out", str(out)]
        words += ["--labels", str(table)] if table.exists() else []
        last = -1

        def look() -> None:
            nonlocal last
            done, stage = _answered(out, task["cells"])
            if done != last or stage != claim.state["stage"]:
                claim.state["stage"], last = stage, done
                claim.advance(done, claim.state)

        aside.run(words, self._settings, folder, claim, with_store=True, look=look)
        look()
        summary = json.loads((out / SUMMARY).read_text("utf-8"))
        results = {"summary": summary} | {
            form: (out / name).read_text("utf-8") for form, name in RESULTS.items() if (out / name).exists()
        }
        experiments.finish(self._store, claim.id, headline=_headline(summary), results=results)


def _answered(out: Path, cells: Sequence[str]) -> tuple[int, str]:
    """Return how many questions are answered, and what is being done, for people."""
    journals = sorted(out.glob("*outcomes.jsonl"))
    done = 0
    for journal in journals:
        with open(journal, "rb") as file:
            done += sum(line.endswith(b"\n") for line in file)
    begun = sorted(path.name for path in out.glob("cell-*") if path.is_dir())
    if not begun:
        return done, ""
    number = len({path.name[:8] for path in [*journals, *out.glob("cell-*")]})
    doing = "asking" if (out / f"{begun[-1]}-outcomes.jsonl").exists() else "enrolling"
    return done, f"{doing}, {number} of {len(cells)}: {cells[min(number, len(cells)) - 1]}"


def _headline(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a list shows of results: shares of all questions, or of the best cell."""
    if "cells" not in summary:
        row = summary["rows"][0]
    else:
        rows = [cell["summary"]["rows"][0] for cell in summary["cells"]]
        row = max(rows, key=lambda row: (row["identified"]["value"] or 0.0, row["right"]["value"] or 0.0))
    shares = {name: row[name]["value"] for name in ("right", "identified", "wrong", "false_names")}
    return {"known": row["known"], "unknown": row["unknown"], **shares}
