"""The spool: folders of uploaded files that wait for their jobs, on the machine that received them."""

from __future__ import annotations

import shutil
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from classifier.records.clock import new_id
from classifier.settings import Settings
from classifier.store.base import Store

REMNANT_SECONDS = 3600.0
"""Age from which a folder without a job counts as a remnant."""


@dataclass(frozen=True, slots=True)
class Upload:
    """One file in a spool folder.

    Parameters
    ----------
    name : str
        The client's name for it.
    path : Path
        The file, inside the job's folder.
    size : int
        Bytes.
    """

    name: str
    path: Path
    size: int


class Spool:
    """Folders of uploads, one for each job.

    Parameters
    ----------
    settings : Settings
        ``data_dir`` holds the folders.

    Attributes
    ----------
    root : Path
        The folder of all spool folders.
    name : str
        Distinguishes this spool from those of other machines and other data folders.
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
        """Delete a job's files, if there are any."""
        shutil.rmtree(self.root / job_id, ignore_errors=True)

    def clean(self, store: Store) -> None:
        """Delete remnants: folders whose job is done or was never stored."""
        if not self.root.is_dir():
            return
        for folder in self.root.iterdir():
            try:
                old = time.time() - folder.stat().st_mtime > REMNANT_SECONDS
            except FileNotFoundError:
                continue  # another process has removed it
            job = store.get("jobs", folder.name)
            if (job is None and old) or (job is not None and job["status"] == "done"):
                self.remove(folder.name)
