"""Olaf (Six 2020): triples of spectral peaks."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import corpus
from bench.corpus import Reference
from bench.peers.peer import Match, Matcher, digest, done, folder, reference_of


@dataclass(frozen=True)
class Olaf:
    """Olaf at its defaults: 16 kHz, six hashes in common.

    Parameters
    ----------
    program : Path
        The command line that it builds.
    """

    program: Path

    @property
    def name(self) -> str:
        """Name of the peer."""
        return "olaf"

    @contextmanager
    def opened(self, references: Sequence[Reference]) -> Iterator[Matcher]:
        """Build or reuse the database and yield a matcher that starts the program for each file."""
        home = folder() / f"{self.name}-{digest(references)}"
        if not home.exists():
            draft = home.with_name(f".{os.getpid()}-{home.name}")
            try:
                _settle(draft, draft)
                store: list[str | Path] = [self.program, "store", *(corpus.wav(item) for item in references)]
                done(f"{self.name} could not enroll the references", store, env={**os.environ, "HOME": str(draft)})
            except BaseException:
                shutil.rmtree(draft, ignore_errors=True)
                raise
            _settle(draft, home)
            draft.rename(home)
        environment = {**os.environ, "HOME": str(home)}

        def match(path: Path) -> Match:
            started = time.perf_counter()
            said = json.loads(done(self.name, [self.program, "query", "--format", "json", path], env=environment))
            seconds = time.perf_counter() - started
            best = max(said["matches"], key=lambda row: row["match_count"], default=None)
            if best is None:
                return Match(None, None, None, False, seconds)
            offset_s = best["reference_start"] - best["query_start"]
            return Match(reference_of(best["path"]), offset_s, best["match_count"], True, seconds)

        yield match


def _settle(folder: Path, home: Path) -> None:
    """Write the configuration of a database that will be used as ``home``: without one, it stores nothing."""
    for name in (".olaf", "db", "cache"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    places = {"db_folder": f"{home / 'db'}/", "cache_folder": f"{home / 'cache'}/", "target_sample_rate": 16000}
    (folder / ".olaf" / "olaf_config.json").write_text(json.dumps(places))
