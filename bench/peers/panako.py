"""Panako 2 (Six 2021): triples of spectral peaks in a constant-Q transform, made for other speeds and pitches."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import corpus
from bench.corpus import Reference
from bench.peers.peer import DRIVERS, Matcher, digest, done, driven, folder

_OPEN = ("--add-opens=java.base/java.nio=ALL-UNNAMED", "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED")
#: Matches shorter than five seconds are dropped by default, and so every short snippet is.
_SETTINGS = (
    "STRATEGY=PANAKO",
    "PANAKO_MIN_MATCH_DURATION=1",
    "PANAKO_CACHE_TO_FILE=FALSE",
    "PANAKO_USE_CACHED_PRINTS=FALSE",
)


@dataclass(frozen=True)
class Panako:
    """Panako with its strategy of that name.

    Parameters
    ----------
    class_path : str
        Its classes, resources and libraries, as ``java -cp`` takes them.
    """

    class_path: str

    @property
    def name(self) -> str:
        """Name of the peer."""
        return "panako"

    @contextmanager
    def opened(self, references: Sequence[Reference]) -> Iterator[Matcher]:
        """Build or reuse the database, start the driver and yield its matcher."""
        home = folder() / f"{self.name}-{digest(references)}"
        java = ["java", *_OPEN, "-cp", self.class_path]
        if not home.exists():
            draft = home.with_name(f".{os.getpid()}-{home.name}")
            draft.mkdir()
            try:
                wavs = [str(corpus.wav(item)) for item in references]
                store = [*java, "be.panako.cli.Panako", "store", *_settings(draft), *wavs]
                done(f"{self.name} could not enroll the references", store, cwd=draft)
            except BaseException:
                shutil.rmtree(draft, ignore_errors=True)
                raise
            draft.rename(home)
        with driven(self.name, [*java, DRIVERS / "PanakoDriver.java", *_settings(home)], cwd=home) as match:
            yield match


def _settings(home: Path) -> list[str]:
    return [*_SETTINGS, f"PANAKO_LMDB_FOLDER={home / 'db'}", f"PANAKO_CACHE_FOLDER={home / 'cache'}"]
