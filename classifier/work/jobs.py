"""Jobs: uploaded tracks enrolled after the answer, by whichever process comes to it.

A job is a document with a lease. A worker claims one by compare-and-set, renews the lease while it works and
writes down every file's outcome; if it dies, the lease runs out and another worker goes on with the files
that are left. Doing a file twice does no harm, since a recording is enrolled once per catalogue whatever
happens. The uploads lie in a spool folder on the machine that took them, so only workers that share the
folder claim the job; they are deleted when the job is done.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import secrets
import shutil
import socket
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from classifier.errors import EarmarkError, FileMissing, JobNotFound, TrackBusy, Unavailable
from classifier.records import tracks
from classifier.records.clock import iso, new_id, now
from classifier.results import Track
from classifier.settings import Settings
from classifier.store.base import Document, Store

log = logging.getLogger("earmark.jobs")

MAX_DEATHS = 3
"""Workers that may die on a file before it is given up."""
KEEP_DAYS = 30
"""Days that a finished job can be asked for."""
SPOOL_SECONDS = 3600.0
"""Age at which an upload without a job is taken for a remnant."""


@dataclass(frozen=True, slots=True)
class Upload:
    """One file waiting in a spool folder.

    Parameters
    ----------
    name : str
        As the client called it.
    path : Path
        Where the bytes are; inside the job's spool folder.
    size : int
        Bytes.
    """

    name: str
    path: Path
    size: int


class Spool:
    """Folders of uploads, one a job.

    Parameters
    ----------
    settings : Settings
    """

    def __init__(self, settings: Settings) -> None:
        self.root = Path(settings.data_dir) / "spool"
        self.name = f"{socket.gethostname()}:{self.root.resolve()}"

    def open(self) -> tuple[str, Path]:
        """Make the folder of a new job; return the job's id and the folder."""
        job_id = new_id()
        folder = self.root / job_id
        folder.mkdir(parents=True, mode=0o700)
        return job_id, folder

    def remove(self, job_id: str) -> None:
        """Delete a job's uploads, if there are any."""
        shutil.rmtree(self.root / job_id, ignore_errors=True)

    def clean(self, store: Store) -> None:
        """Delete remnants: folders whose job is done or was never stored, and jobs finished long ago."""
        store.delete("jobs", {"status": "done", "finished": {"$lt": iso(time.time() - KEEP_DAYS * 86400)}})
        if not self.root.is_dir():
            return
        for folder in self.root.iterdir():
            try:
                old = time.time() - folder.stat().st_mtime > SPOOL_SECONDS
            except FileNotFoundError:
                continue  # another worker was faster
            job = store.get("jobs", folder.name)
            if (job is None and old) or (job is not None and job["status"] == "done"):
                self.remove(folder.name)


def submit(
    store: Store,
    spool: Spool,
    job_id: str,
    catalogue: str,
    uploads: list[Upload],
    *,
    facts: dict[str, str] | None = None,
    replace: bool = False,
) -> dict[str, Any]:
    """Store a job that enrolls ``uploads``, which lie in the folder of ``job_id``.

    Returns
    -------
    dict
        The job's JSON object.
    """
    files = [
        {
            "name": u.name,
            "stored": u.path.name,
            "bytes": u.size,
            "status": "waiting",
            "track_id": None,
            "title": None,
            "error": None,
        }
        for u in uploads
    ]
    document: Document = {
        "_id": job_id,
        "kind": "enroll",
        "catalogue": catalogue,
        "status": "queued",
        "created": now(),
        "finished": None,
        "spool": spool.name,
        "owner": None,
        "lease_expires": 0.0,
        "replace": replace,
        "facts": json.dumps(facts or {}, ensure_ascii=False),
        "files": json.dumps(files, ensure_ascii=False),
        "changes": 0,
    }
    store.insert("jobs", [document])
    return to_dict(document)


def to_dict(document: Document) -> dict[str, Any]:
    """Return the JSON object of a job's document."""
    files = [{k: v for k, v in file.items() if k not in ("stored", "deaths")} for file in json.loads(document["files"])]
    states = [file["status"] for file in files]
    counts = {state: states.count(state) for state in ("added", "present", "failed")}
    return {
        "id": document["_id"],
        **{name: document[name] for name in ("kind", "catalogue", "status", "created", "finished")},
        "total": len(files),
        "done": sum(counts.values()),
        **counts,
        "files": files,
    }


def get(store: Store, job_id: str) -> Document:
    """Return a job's document; ``changes`` counts its updates.

    Raises
    ------
    JobNotFound
    """
    document = store.get("jobs", job_id)
    if document is None:
        raise JobNotFound(f"no job {job_id!r} is stored")
    return document


class Worker:
    """A thread that works on jobs, one at a time.

    Parameters
    ----------
    store : Store
    spool : Spool
    settings : Settings
        ``lease_seconds`` is how long a worker may be silent before others take over.
    catalogue : callable
        ``catalogue(name)`` is a context manager that lends the :class:`~classifier.catalogue.Catalogue` to enroll into.
    poll_seconds : float
        Time between looks for jobs that other processes took in.
    """

    def __init__(
        self,
        store: Store,
        spool: Spool,
        settings: Settings,
        catalogue: Callable[[str], AbstractContextManager[Any]],
        *,
        poll_seconds: float = 1.0,
    ) -> None:
        self._store = store
        self._spool = spool
        self._lease = settings.lease_seconds
        self._catalogue = catalogue
        self._poll = poll_seconds
        self._owner = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)

    def start(self) -> None:
        """Begin to look for jobs."""
        self._thread.start()

    def notify(self) -> None:
        """Look for jobs now."""
        self._wake.set()

    def stop(self, seconds: float) -> None:
        """Finish the file at hand, within ``seconds``; what is left is another worker's, or the next start's."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(seconds)

    def _run(self) -> None:
        pause = self._poll
        while not self._stopping.is_set():
            try:
                job = self._claim()
                if job is not None:
                    self._work(job)
                    pause = self._poll
                    continue
                pause = self._poll
            except Unavailable as error:
                pause = min(30.0, pause * 2)
                log.warning("jobs wait %.0f s: %s", pause, error)
            except Exception:
                pause = min(30.0, pause * 2)
                log.exception("a job could not be worked on; next look in %.0f s", pause)
            # Workers that were started together should not look together for ever.
            self._wake.wait(pause * (0.75 + secrets.randbelow(500) / 1000))
            self._wake.clear()

    def _claim(self) -> Document | None:
        taken = {"status": "running", "owner": self._owner, "lease_expires": time.time() + self._lease}
        mine = {"spool": self._spool.name}
        queued = self._store.update(
            "jobs", {**mine, "status": "queued"}, set=taken, inc={"changes": 1}, sort=("created", 1)
        )
        if queued is not None:
            return queued
        expired = {**mine, "status": "running", "lease_expires": {"$lt": time.time()}}
        return self._store.update("jobs", expired, set=taken, inc={"changes": 1}, sort=("created", 1))

    def _update(self, job_id: str, **values: Any) -> bool:
        """Change the job if it is still ours."""
        held = {"_id": job_id, "owner": self._owner, "status": "running"}
        return (
            self._store.update(
                "jobs", held, set={**values, "lease_expires": time.time() + self._lease}, inc={"changes": 1}
            )
            is not None
        )

    def _work(self, job: Document) -> None:
        files: list[dict[str, Any]] = json.loads(job["files"])
        lost = threading.Event()
        finished = threading.Event()

        def renew() -> None:
            while not finished.wait(self._lease / 3):
                try:
                    held = {"_id": job["_id"], "owner": self._owner, "status": "running"}
                    if self._store.update("jobs", held, set={"lease_expires": time.time() + self._lease}) is None:
                        lost.set()
                        return
                except EarmarkError as error:
                    log.warning("the lease of job %s could not be renewed: %s", job["_id"], error)

        renewer = threading.Thread(target=renew, name="job-lease", daemon=True)
        renewer.start()
        try:
            for file in files:
                if self._stopping.is_set() or lost.is_set():
                    break
                if file["status"] not in ("waiting", "working"):
                    continue
                file["deaths"] = file.get("deaths", 0) + (file["status"] == "working")
                file["status"] = "working"
                if not self._update(job["_id"], files=json.dumps(files, ensure_ascii=False)):
                    return
                self._one(job, file, lost)
                if not self._update(job["_id"], files=json.dumps(files, ensure_ascii=False)):
                    return
        finally:
            finished.set()
            renewer.join()
        if all(file["status"] in ("added", "present", "failed") for file in files):
            if self._update(job["_id"], status="done", finished=now()):
                self._spool.remove(job["_id"])
        elif not lost.is_set():
            self._update(job["_id"], status="queued", owner=None)

    def _one(self, job: Document, file: dict[str, Any], lost: threading.Event) -> None:
        """Enroll one file and write its outcome into ``file``."""
        deaths = file.pop("deaths")
        act = self._give_up if deaths >= MAX_DEATHS else self._enroll
        try:
            path = self._spool.root / job["_id"] / file["stored"]
            if not path.is_file():
                raise FileMissing("the upload is gone: send it again")
            track, added = self._patiently(lambda: act(job, file, path), lost)
            file.update(status="added" if added else "present", track_id=track.id, title=track.title, error=None)
        except _Interrupted:
            file.update(status="waiting", deaths=deaths)
        except EarmarkError as error:
            log.info("job %s: %s failed: %s", job["_id"], error.name, error)
            file.update(status="failed", error={"name": error.name, "message": str(error)})
        except Exception:
            log.exception("job %s: a file failed unexpectedly", job["_id"])
            file.update(
                status="failed",
                error={"name": EarmarkError.name, "message": "unexpected error; the service's log has it"},
            )

    def _enroll(self, job: Document, file: dict[str, Any], path: Path) -> tuple[Track, bool]:
        """Return the file's track, and whether it is new."""
        with self._catalogue(job["catalogue"]) as catalogue:
            enrolled = catalogue.enroll(
                path,
                source_name=Path(file["name"]).stem or file["name"],
                replace=job["replace"],
                **json.loads(job["facts"]),
            )
            return enrolled.track, enrolled.added

    def _give_up(self, job: Document, _: dict[str, Any], path: Path) -> tuple[Track, bool]:
        """Return the file's track after all, if one of those that died on it had stored it already.

        It is known by the file's bytes, since decoding it may be what kills. Where a track was to be replaced, nothing
        tells the new version from the old, and the client is better told to look.
        """
        if not job["replace"]:
            with open(path, "rb") as upload:
                digest = hashlib.file_digest(upload, "sha256").hexdigest()
            track = tracks.find(self._store, job["catalogue"], file_hash=digest)
            if track is not None:
                return track, False
        raise EarmarkError("the service stopped on this file again and again; it is given up")

    def _patiently(self, act: Callable[[], tuple[Track, bool]], lost: threading.Event) -> tuple[Track, bool]:
        """Do something, waiting while another process writes this very track or a part does not answer."""
        deadline = time.monotonic() + 3 * self._lease + 30
        wait = 0.2
        while True:
            try:
                return act()
            except (TrackBusy, Unavailable):
                if time.monotonic() > deadline:
                    raise
            if lost.is_set() or self._stopping.wait(wait):
                raise _Interrupted
            wait = min(5.0, wait * 2)


class _Interrupted(Exception):
    """The worker stops, or lost the job, before the file was done."""
