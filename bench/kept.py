"""What a long run has found so far: a file of JSON lines, so that an interrupted run goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Kept:
    """Results by name: a file of JSON lines, or memory alone, in which none is worked out twice.

    Parameters
    ----------
    path : Path or None
        The file, read and added to; None: nothing outlives the run.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        there = path.read_text().splitlines() if path is not None and path.exists() else []
        self._found: dict[str, dict[str, Any]] = dict(json.loads(line) for line in there)

    def __contains__(self, name: str) -> bool:
        return name in self._found

    def __getitem__(self, name: str) -> dict[str, Any]:
        return self._found[name]

    def put(self, name: str, result: dict[str, Any]) -> None:
        """Keep a result."""
        self._found[name] = result
        if self._path is not None:
            with self._path.open("a") as file:
                file.write(json.dumps([name, result]) + "\n")

    def get(self, name: str, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return what is kept under a name, or work it out and keep it."""
        if name not in self:
            self.put(name, work())
        return self[name]
