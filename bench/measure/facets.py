"""What counting and ordering the tracks of a large library cost a store in SQLite, by its indexes::

    python -m bench.measure.facets                # 5,000 tracks: some seconds
    python -m bench.measure.facets --tracks 50000

Two stores hold the same records of tracks, without models: one has the indexes of this release, one lacks those by
artist and album. They are asked in turn; processor time of this process.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from bench.measure.library import name_of
from classifier.store.base import COLLECTIONS, Document, Store
from classifier.store.sqlite import SqliteStore
from classifier.text import searched

N_REPEATS = 20
_WHERE = {"catalogue_id": "c", "status": "ready"}
_FOUND = {**_WHERE, "folded": {"$contains": ["an"]}}
QUESTIONS: dict[str, Callable[[Store], object]] = {
    "facets of artist and album": lambda store: [
        store.tally("tracks", field, _WHERE, limit=50) for field in ("artist", "album")
    ],
    "facets of a search": lambda store: [
        store.tally("tracks", field, _FOUND, limit=50) for field in ("artist", "album")
    ],
    "fifty by artist, from the 2,000th": lambda store: list(
        store.find("tracks", _WHERE, sort=("artist", 1), skip=2000, limit=50)
    ),
    "fifty newest, from the 2,000th": lambda store: list(
        store.find("tracks", _WHERE, sort=("created", -1), skip=2000, limit=50)
    ),
    "fifty longest of a search": lambda store: list(store.find("tracks", _FOUND, sort=("duration_s", -1), limit=50)),
    "fifty by title": lambda store: list(store.find("tracks", _WHERE, sort=("title", 1), limit=50)),
}


def records(n_tracks: int) -> Iterator[Document]:
    """Yield records of tracks whose names are made of syllables, twelve tracks an artist."""
    rng = np.random.default_rng(441)
    artists = [name_of(rng, 2) for _ in range(max(1, n_tracks // 12))]
    for number in range(n_tracks):
        artist = artists[int(rng.integers(len(artists)))]
        names = {"title": name_of(rng, 3), "artist": artist, "album": f"{artist} {rng.integers(1, 4)}"}
        hashes = dict.fromkeys(("content_hash", "file_hash", "packet_hash"), f"{number:064x}")
        length_s, day = round(float(rng.uniform(60, 480)), 1), int(rng.integers(1, 29))
        facts = {"metadata": {"genre": "rock", "date": "2026"}, "duration_s": length_s, "n_windows": int(length_s)}
        facts |= {"created": f"2026-05-{day:02}T12:00:{number % 60:02}.000Z", "source": "file"}
        folded = {"folded": searched([*names.values(), "file"])}
        leases = {"lease_owner": "", "lease_token": "", "lease_expires": 0.0}
        own = {"_id": f"{number:024x}", "catalogue": "default", **_WHERE}
        yield {**own, **names, **hashes, **facts, **folded, **leases}


@contextmanager
def without_indexes() -> Iterator[None]:
    """Let stores be made without the indexes by anything but the title."""
    unique, plain = COLLECTIONS["tracks"]
    COLLECTIONS["tracks"] = (unique, tuple(key for key in plain if "folded" not in key or "title" in key))
    try:
        yield
    finally:
        COLLECTIONS["tracks"] = (unique, plain)


def processor_ms(question: Callable[[Store], object], store: Store) -> float:
    """Processor time of a question, ms."""
    began = time.process_time()
    question(store)
    return 1000 * (time.process_time() - began)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracks", type=int, default=5000, help="tracks in the stores (5,000)")
    options = parser.parse_args(arguments)
    table = Table(box=MARKDOWN)
    for column in ("request", "without, ms", "with, ms"):
        table.add_column(column, justify="left" if column == "request" else "right")
    with tempfile.TemporaryDirectory() as folder:
        bare, full = (SqliteStore(Path(folder) / f"{name}.sqlite") for name in ("bare", "full"))
        with without_indexes():
            bare.ensure_schema()
        for store in (bare, full):
            store.insert("tracks", records(options.tracks))
        for name, question in QUESTIONS.items():
            took = [[processor_ms(question, store) for store in (bare, full)] for _ in range(N_REPEATS)]
            table.add_row(name, *(f"{value:.1f}" for value in np.median(took, axis=0)))
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
