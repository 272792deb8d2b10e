"""audfprint (Ellis 2014): pairs of spectral peaks."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench import corpus
from bench.corpus import Reference
from bench.peers.peer import DRIVERS, Matcher, PeerError, digest, done, driven, folder

#: Density and fan-out: its defaults, and the best that its documentation names.
SETTINGS = ((20, 3), (70, 8))
FRAME_S = 256 / 11025


@dataclass(frozen=True)
class Audfprint:
    """audfprint at one setting.

    Parameters
    ----------
    checkout : Path
        Folder that holds audfprint.py.
    density, fanout : int
        Its ``--density`` and ``--fanout``, the same for references and queries.
    """

    checkout: Path
    density: int
    fanout: int

    @classmethod
    def found(cls, checkout: Path) -> list[Audfprint]:
        """Return it at all settings.

        Raises
        ------
        PeerError
            If that is no checkout of it.
        """
        if not (checkout / "audfprint.py").is_file():
            raise PeerError(f"{checkout} is not an audfprint checkout: it has no audfprint.py")
        return [cls(checkout, density, fanout) for density, fanout in SETTINGS]

    @property
    def name(self) -> str:
        """Name with the setting."""
        return f"audfprint-{self.density}-{self.fanout}"

    @contextmanager
    def opened(self, references: Sequence[Reference]) -> Iterator[Matcher]:
        """Build or reuse the database, start the driver and yield its matcher."""
        python = os.environ.get("AUDFPRINT_PYTHON", sys.executable)
        database = folder() / f"{self.name}-{digest(references)}.pklz"
        if not database.exists():
            self._build(python, database, references)
        setting = (str(self.density), str(self.fanout))
        command = (python, DRIVERS / "audfprint_driver.py", self.checkout, database, *setting)
        with driven(self.name, command) as match:
            yield match

    def _build(self, python: str, database: Path, references: Sequence[Reference]) -> None:
        """Enroll into a new database, with time bits for the longest track: by default times wrap at 380 s."""
        longest = max(item.duration_s for item in references)
        bits = max(14, int(np.ceil(np.log2(longest / FRAME_S + 1))))
        draft = database.with_name(f".{os.getpid()}-{database.name}")
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as listing:
            listing.write("\n".join(str(corpus.wav(item)) for item in references) + "\n")
            listing.flush()
            command = [python, str(self.checkout / "audfprint.py"), "new", "-d", str(draft), "-l", listing.name]
            command += ["-n", str(self.density), "-F", str(self.fanout), "-u", str(bits)]
            try:
                done(f"{self.name} could not enroll the references", command)
            except PeerError:
                draft.unlink(missing_ok=True)
                raise
        draft.replace(database)
