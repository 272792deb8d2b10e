"""The manifest of an index folder: the file that lists the segments in use.

It is replaced atomically by one process at a time, the holder of the lock on a file beside it; the lock ends with the
process. A manifest that is missing, damaged, or of another format or profile lists no segments.

Any process may withdraw a damaged segment at any time: its table is deleted, so that no process maps it again, and the
manifest is touched, so that all processes look again and drop it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import IO

from classifier.index.files import sync, sync_folder
from classifier.index.profile import Profile
from classifier.index.segment import FORMAT, TABLE

log = logging.getLogger("earmark.index")

#: Distinguishes one published manifest from the next: inode and modification time; None if there is no manifest.
Stamp = tuple[int, int] | None


class Manifest:
    """The manifest of one folder; only one thread at a time may acquire, publish and release.

    Parameters
    ----------
    folder : Path
        Created when first locked.
    profile : Profile
        Of the segments.
    """

    def __init__(self, folder: Path, profile: Profile) -> None:
        self.folder, self.profile = folder, profile
        self._path = folder / "manifest.json"
        self._lock_file: IO[str] | None = None

    # --- reading --------------------------------------------------------------------------------------------

    def stamp(self) -> Stamp:
        """Return a value that changes whenever a process publishes."""
        try:
            status = os.stat(self._path)
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns

    def names(self) -> tuple[str, ...]:
        """Return the folder names of the segments in use; none if there is no usable manifest."""
        try:
            values = json.loads(self._path.read_text())
            if (values["format"], values["profile"]) == (FORMAT, self.profile.name):
                return tuple(map(str, values["segments"]))
            log.info("the index in %s has another format or profile: it is rebuilt", self.folder)
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("the manifest of the index in %s is damaged (%r): the index is rebuilt", self.folder, error)
        return ()

    def is_withdrawn(self, name: str) -> bool:
        """Return whether a segment is gone or must not be used."""
        return not (self.folder / name / TABLE).exists()

    # --- writing --------------------------------------------------------------------------------------------

    def acquire(self) -> None:
        """Become the one process that may publish.

        Raises
        ------
        BlockingIOError
            If another process already is.
        OSError
            If the folder cannot be written to.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        file = open(self.folder / "lock", "a")  # noqa: SIM115 - open as long as the lock is held
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            raise
        self._lock_file = file

    def release(self) -> None:
        """Let another process publish; in a forked child, close the file and leave the lock to the parent."""
        if self._lock_file is not None:
            self._lock_file.close()
            self._lock_file = None

    def publish(self, names: Collection[str]) -> None:
        """Put these segments into use and delete all others; call it between acquire and release.

        Raises
        ------
        OSError
            If the disk is full, read-only or failing; the previous manifest stays in place then.
        """
        draft = self.folder / ".manifest"
        with open(draft, "w") as file:
            json.dump({"format": FORMAT, "profile": self.profile.name, "segments": list(names)}, file)
            sync(file)
        sync_folder(self.folder)
        os.replace(draft, self._path)
        sync_folder(self.folder)
        for item in self.folder.iterdir():  # files that are still mapped live on until they are unmapped
            if item.is_dir() and item.name not in names:
                shutil.rmtree(item, ignore_errors=True)

    def withdraw(self, name: str) -> None:
        """Stop all processes from using a segment; needs no lock.

        Raises
        ------
        OSError
            If the folder cannot be written to.
        """
        (self.folder / name / TABLE).unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError):  # nothing has been published yet, or all was deleted
            os.utime(self._path)
