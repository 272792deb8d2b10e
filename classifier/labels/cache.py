"""Features that were computed before, by the file's SHA-256 and the extractor's name and version.

A file of the cache that is damaged or of another version counts as not there; the cache may be deleted at any time. It
is bounded: when one of its folders is full, the entries that were longest unused go.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from classifier.errors import InvalidModel
from classifier.labels.arrays import read_arrays, write_arrays
from classifier.labels.features import Extracted, Extractor

#: Entries of a folder, of which there are 256 an extractor; some kilobytes each.
MOST_ENTRIES = 200
_MOST_BYTES = 64_000_000


class FeatureCache:
    """A folder of features; safe to share between threads and processes.

    Parameters
    ----------
    folder : Path
        Made when something is first kept. A folder that cannot be written to keeps nothing, and does no harm.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, file_hash: str, extractor: Extractor) -> tuple[Extracted, dict[str, Any]] | None:
        """Return what is kept of a file, features and facts; None if there is nothing.

        Parameters
        ----------
        file_hash : str
            SHA-256 of the file's bytes.
        extractor : Extractor
            Its name, version and columns must be those of the entry.
        """
        path = self._path(file_hash, extractor)
        try:
            arrays = read_arrays(path.read_bytes(), _MOST_BYTES)
            patches, start_s, vector = (arrays[name] for name in ("patches", "start_s", "vector"))
            facts = json.loads(str(arrays["facts"]))
        except (OSError, InvalidModel, KeyError, ValueError, RecursionError):
            return None
        d = len(extractor.names)
        if patches.ndim != 2 or patches.shape[1] != d or vector.shape != (d,) or start_s.shape != (len(patches),):
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return Extracted(extractor.id, extractor.names, patches, start_s, vector), facts

    def put(self, file_hash: str, extractor: Extractor, extracted: Extracted, facts: dict[str, Any]) -> None:
        """Keep features and facts (JSON) of a file."""
        path = self._path(file_hash, extractor)
        content = write_arrays(
            {
                "patches": extracted.patches,
                "start_s": extracted.start_s,
                "vector": extracted.vector,
                "facts": np.array(json.dumps(facts)),
            }
        )
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor, draft = tempfile.mkstemp(prefix=".draft-", dir=path.parent)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(content)
                os.replace(draft, path)
            except BaseException:
                os.unlink(draft)
                raise
            self._make_room(path.parent)

    def _path(self, file_hash: str, extractor: Extractor) -> Path:
        return self._folder / extractor.id.replace("/", "-") / file_hash[:2] / f"{file_hash}.npz"

    @staticmethod
    def _make_room(folder: Path) -> None:
        """Remove what is too much, drafts of processes that died among it: the longest unused first."""
        entries = list(folder.iterdir())
        if len(entries) > MOST_ENTRIES:
            for entry in sorted(entries, key=lambda entry: entry.stat().st_mtime)[: len(entries) - MOST_ENTRIES]:
                entry.unlink(missing_ok=True)
