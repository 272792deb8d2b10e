"""The manifest of an index folder: the file that says which of its segments count.

It is replaced atomically, by one process at a time: whoever holds the lock on a file beside it, which dies with the
process. A manifest that is missing, damaged, or of another format or profile names no segments.

A damaged segment may be withdrawn by any process, at any time: its table is deleted, so that nobody maps it again, and
the manifest is touched, so that all processes look again and let go of it.
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

#: What tells one published manifest from the next: inode and time of change; None if there is none.
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
        """Return what changes whenever any process publishes."""
        try:
            status = os.stat(self._path)
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns

    def names(self) -> tuple[str, ...]:
        """Return the folders of the segments that count; none if there is no manifest that can be used."""
        try:
            values = json.loads(self._path.read_text())
            if (values["format"], values["profile"]) == (FORMAT, self.profile.name):
                return tuple(map(str, values["segments"]))
            log.info("the index in %s has another format or profile: it is built again", self.folder)
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("the manifest of the index in %s is damaged (%r): it is built again", self.folder, error)
        return ()

    def is_withdrawn(self, name: str) -> bool:
        """Return whether a segment is there no more, or must not be used."""
        return not (self.folder / name / TABLE).exists()

    # --- writing --------------------------------------------------------------------------------------------

    def acquire(self) -> None:
        """Become the one process that may publish.

        Raises
        ------
        BlockingIOError
            If another process is.
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
        """Let these segments count, and delete all others; call it between acquire and release.

        Raises
        ------
        OSError
            If the disk is full, read-only or failing; the manifest before stays then.
        """
        draft = self.folder / ".manifest"
        with open(draft, "w") as file:
            json.dump({"format": FORMAT, "profile": self.profile.name, "segments": list(names)}, file)
            sync(file)
        sync_folder(self.folder)
        os.replace(draft, self._path)
        sync_folder(self.folder)
        for item in self.folder.iterdir():  # what a mapping still uses stays alive until it is let go
            if item.is_dir() and item.name not in names:
                shutil.rmtree(item, ignore_errors=True)

    def withdraw(self, name: str) -> None:
        """Keep all processes from using a segment; this needs no lock.

        Raises
        ------
        OSError
            If the folder cannot be written to.
        """
        (self.folder / name / TABLE).unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError):  # nobody has published yet, or all was deleted
            os.utime(self._path)
