"""Whether a signature gets the verdict of its sound, and how many bytes it takes.

Every snippet is searched with its sound and by its signature, as ``POST /api/v1/tags`` does with either::

    python -m bench.measure.signatures                            # 1,000 snippets, some minutes
    python -m bench.measure.signatures --per-cell 20 --javascript # the signatures of web/signature, built before
    python -m bench.measure.signatures --kept DONE                # goes on, after an interruption, where it was

Snippets are asked in an order drawn by lot, so that the first hundred stand for all.

Snippets are files of 16 bits. A verdict is the same if its word and the track that it names are. Other playback speeds
are searched only with sound: verdicts that are due to that are counted apart.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track as progress
from rich.table import Table

from bench import corpus, queries
from bench.asking import Catalogue, catalogues, searched
from bench.kept import Kept
from bench.measure.identify import MUSIC_FREE
from bench.queries import Query
from classifier.audio import level
from classifier.config import FeatureConfig
from classifier.models import signature
from classifier.models.background import builtin_background
from classifier.models.query import Recording
from classifier.results import Tag
from classifier.search.pipeline import identify

CONDITIONS = "clean,room,room+babble10,room+babble5,room+babble0,room+pink10,room+pink5,room+pink0"
LENGTH_S, _SEED = 5.0, 2047
#: What the service takes the bandwidth of a file to be, as a share of its rate.
_BANDWIDTH = 0.46
MODULE = Path(__file__).parents[2] / "web" / "signature"


@dataclass(frozen=True, slots=True)
class Compared:
    """One snippet: both verdicts with the track they name, and the signature's bytes."""

    condition: str
    by_sound: tuple[str, str | None]
    by_signature: tuple[str, str | None]
    at_speed: bool  # the sound was named at another speed than its own
    apart_s: float
    n_bytes: int

    @property
    def same(self) -> bool:
        """Whether both verdicts are one."""
        return self.by_sound == self.by_signature


def compare(query: Query, catalogue: Catalogue, javascript: bool) -> Compared:
    """Search a snippet twice."""
    config, background = FeatureConfig(), builtin_background()
    content = corpus.wav_bytes(queries.render(query))
    samples = np.frombuffer(content[44:], "<i2").astype(np.float32) / 32768
    levelled = level.levelled(samples, level.loudest(samples, config.sample_rate))
    recording = Recording(levelled, _BANDWIDTH * config.sample_rate, config, background)
    own = recording.query()
    signed = _by_module(content) if javascript else signature.encode(own, config, background)
    snapshot, lookup = searched(catalogue)
    sound = identify(own, snapshot, lookup, config, recording=recording)
    read = identify(signature.decode(signed, config, background), snapshot, lookup, config)
    named = [_named(tag) for tag in (sound, read)]
    both = sound.matches and read.matches and named[0] == named[1] and named[0][1] is not None
    apart_s = abs((sound.matches[0].offset_s or 0.0) - (read.matches[0].offset_s or 0.0)) if both else float("nan")
    at_speed = sound.verdict != "no_match" and sound.matches[0].speed != 1.0
    return Compared(query.condition if query.known else "strangers", named[0], named[1], at_speed, apart_s, len(signed))


def _named(tag: Tag) -> tuple[str, str | None]:
    return tag.verdict, tag.matches[0].track_id if tag.verdict == "identified" else None


def _by_module(content: bytes) -> bytes:
    """Return the signature that the JavaScript module gives a WAV file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "snippet.wav")
        path.write_bytes(content)
        subprocess.run(["node", str(MODULE / "tools" / "sign.mjs"), str(path)], check=True)
        return path.with_suffix(".sig").read_bytes()


def rows(compared: Sequence[Compared]) -> list[list[str]]:
    """Return a row for each condition, one for strangers, and one for all."""
    found = []
    for name in (*dict.fromkeys(c.condition for c in compared), "all"):
        here = [c for c in compared if name in (c.condition, "all")]
        lost = sum(not c.same and c.by_sound[0] != "no_match" and not c.at_speed for c in here)
        at_speed = sum(not c.same and c.at_speed for c in here)
        gained = sum(not c.same and c.by_sound[0] == "no_match" for c in here)
        apart = [c.apart_s for c in here if np.isfinite(c.apart_s)]
        found.append(
            [
                name,
                str(len(here)),
                f"{100 * np.mean([c.same for c in here]):.1f}",
                str(lost),
                str(at_speed),
                str(gained),
                f"{1000 * np.quantile(apart, 0.9):.0f}" if apart else "-",
                f"{np.mean([c.n_bytes for c in here]):.0f}",
                str(max(c.n_bytes for c in here)),
            ]
        )
    return found


def _compared(values: dict[str, Any]) -> Compared:
    """Return what was kept of a snippet."""
    return Compared(**{**values, **{name: tuple(values[name]) for name in ("by_sound", "by_signature")}})


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--conditions", default=CONDITIONS, help="names, comma-separated")
    parser.add_argument("--per-cell", type=int, default=100, help="snippets a condition (100)")
    parser.add_argument(
        "--strangers", type=int, default=10, help="of each condition, and of each kind without music (10)"
    )
    parser.add_argument("--javascript", action="store_true", help="signatures of web/signature instead of Python's")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--json", type=Path, help="write what came of each snippet here")
    parser.add_argument("--kept", type=Path, help="file of what has been found so far, read and added to")
    arguments = parser.parse_args()
    names = arguments.conditions.split(",")
    references = corpus.evaluation()
    known, unknown = ([r for r in references if r.known == flag] for flag in (True, False))
    catalogue = catalogues(known, (), ())[0]
    planned = queries.plan(known, names, [LENGTH_S], arguments.per_cell, _SEED)
    planned += queries.plan(unknown, names, [LENGTH_S], arguments.strangers, _SEED + 1)
    planned += queries.plan([], MUSIC_FREE, [LENGTH_S], arguments.strangers, _SEED + 2)
    kept = Kept(arguments.kept)
    left = [query for query in planned if query.id not in kept]
    np.random.default_rng(_SEED).shuffle(left)
    # Modelling the catalogue leaves threads behind, which a forked process would wait for.
    with ProcessPoolExecutor(arguments.jobs, multiprocessing.get_context("spawn")) as pool:
        asked = pool.map(partial(compare, catalogue=catalogue, javascript=arguments.javascript), left, chunksize=4)
        for query, one in zip(left, progress(asked, "snippets", total=len(left)), strict=True):
            kept.put(query.id, asdict(one))
    compared = [_compared(kept[query.id]) for query in planned]
    table = Table(
        "condition", "n", "same, %", "lost", "lost at other speeds", "gained", "90 % within, ms", "bytes", "most bytes"
    )
    for row in rows(compared):
        table.add_row(*row)
    Console().print(table)
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(c) for c in compared], indent=1) + "\n")


if __name__ == "__main__":
    main()
