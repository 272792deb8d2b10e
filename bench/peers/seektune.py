"""seek-tune: pairs of spectral peaks, without a threshold; its places are not those of the snippet, and not judged."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import corpus
from bench.corpus import Reference
from bench.peers.peer import DRIVERS, Matcher, digest, done, driven, folder


@dataclass(frozen=True)
class SeekTune:
    """seek-tune with SQLite.

    Parameters
    ----------
    checkout : Path
        Folder that holds its ``server``; it is built from there, and nothing is written to it.
    """

    checkout: Path

    @property
    def name(self) -> str:
        """Name of the peer."""
        return "seek-tune"

    @contextmanager
    def opened(self, references: Sequence[Reference]) -> Iterator[Matcher]:
        """Build program and database, or reuse them, start the driver and yield its matcher."""
        home = folder() / f"{self.name}-{digest(references)}"
        if not home.exists():
            draft = home.with_name(f".{os.getpid()}-{home.name}")
            (draft / "db").mkdir(parents=True)
            try:
                self._build(draft / "driver")
                wavs = [str(corpus.wav(item)) for item in references]
                done(f"{self.name} could not enroll the references", [draft / "driver", "store", *wavs], cwd=draft)
            except BaseException:
                shutil.rmtree(draft, ignore_errors=True)
                raise
            draft.rename(home)
        with driven(self.name, [home / "driver"], cwd=home) as match:
            yield match

    def _build(self, program: Path) -> None:
        """Compile the driver as a package of the checkout, which it is laid over and not written into."""
        server = self.checkout / "server"
        with tempfile.NamedTemporaryFile("w", suffix=".json") as overlay:
            places = {str(server / "ask" / "main.go"): str(DRIVERS / "seektune_driver.go")}
            json.dump({"Replace": places}, overlay)
            overlay.flush()
            command = ["go", "build", "-overlay", overlay.name, "-o", str(program), "./ask"]
            done(f"{self.name} could not be built", command, cwd=server)
