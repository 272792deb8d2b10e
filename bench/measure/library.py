"""What listing and searching a large library costs: the records alone, without models::

    python -m bench.measure.library                                  # 100,000 tracks in SQLite, a minute; a table
    python -m bench.measure.library --tracks 10000 --store mongodb://HOST/DATABASE

Titles, artists, albums and file names are made of syllables, from a seed. Each search is asked as the page asks it: the
first fifty tracks by title, and how many there are. Beside it stands what counting costs if every record is read and
compared in Python. Milliseconds are processor time; with a store of another process they are what a clock shows.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from classifier.config import FeatureConfig
from classifier.records.catalogues import create_catalogue, remove_catalogue
from classifier.records.fields import with_search
from classifier.records.tracks import count_tracks, list_tracks
from classifier.store import Store, open_store
from classifier.store.base import Document
from classifier.text import words

PAGE = 50
N_REPEATS = 5
_SYLLABLES = (
    "ka",
    "lo",
    "mi",
    "ren",
    "ta",
    "vo",
    "shu",
    "del",
    "or",
    "an",
    "bri",
    "ste",
    "wal",
    "nor",
    "fin",
    "øs",
    "tér",
)
#: What is searched: rare and frequent words, words that nobody has, one letter, nothing.
SEARCHES = ("odger", "ødger’s", "mirenta vo", "shudel", "an", "a", "zzz", "")


def name_of(rng: np.random.Generator, n_words: int) -> str:
    """Return a name of so many words, each of one to four syllables."""
    return " ".join("".join(rng.choice(_SYLLABLES, rng.integers(1, 5))).capitalize() for _ in range(n_words))


def records(n_tracks: int, catalogue: str, catalogue_id: str) -> Iterator[Document]:
    """Yield records of tracks as they are stored; one in 30,000 is by Ødger."""
    rng = np.random.default_rng(440)
    name = partial(name_of, rng)
    for number in range(n_tracks):
        yield with_search(
            {
                "_id": uuid.UUID(bytes=rng.bytes(16)).hex,
                "catalogue": catalogue,
                "catalogue_id": catalogue_id,
                "status": "ready",
                "title": name(3),
                "artist": "Ødger’s Band" if number % 30_000 == 7 else name(2),
                "album": name(3),
                "isrc": None,
                "source": f"{number % 20:02d} {name(2)}",
                "metadata": [],
                "by_hand": [],
                "duration_s": 240.0,
                "n_windows": 236,
                "n_frames": 16_000,
                "n_model_chunks": 1,
                "n_subfingerprint_chunks": 1,
                "content_hash": f"{number:064x}",
                "file_hash": f"{number:064x}",
                "packet_hash": f"{number:064x}",
                "created": "2026-01-01T00:00:00.000Z",
                "version": 1,
                "version_token": uuid.UUID(bytes=rng.bytes(16)).hex,
                "attempts": 1,
                "edited": 0,
                "lease_owner": "",
                "lease_token": "",
                "lease_expires": 0.0,
            }
        )


def milliseconds(work: Callable[[], Any], clock: Callable[[], float], repeats: int) -> str:
    """Return the median time of some runs."""
    times = []
    for _ in range(repeats):
        started = clock()
        work()
        times.append(clock() - started)
    return f"{1000 * float(np.median(times)):,.1f}"


def read_all(store: Store, catalogue_id: str, search: str) -> int:
    """Count the tracks that are found, by reading each."""
    wanted = words(search)
    found = store.find("tracks", {"catalogue_id": catalogue_id, "status": "ready"}, fields=["folded"])
    return sum(all(word in record["folded"] for word in wanted) for record in found)


def measure(store: Store, n_tracks: int) -> Table:
    """Fill a catalogue of its own, ask, remove it again; return the table."""
    name = f"bench-{uuid.uuid4().hex[:8]}"
    config = FeatureConfig()
    clock = time.process_time if store.url.startswith("sqlite:") else time.perf_counter
    catalogue = create_catalogue(store, name, config.to_dict(), config.hash)
    try:
        store.insert("tracks", records(n_tracks, name, catalogue.id))
        table = Table(box=MARKDOWN)
        for column in ("search", "found", "page, ms", "count, ms", "reading all, ms"):
            table.add_column(column, justify="left" if column == "search" else "right")
        for search in SEARCHES:
            found = count_tracks(store, name, search=search)
            page = milliseconds(partial(list_tracks, store, name, search=search, limit=PAGE), clock, N_REPEATS)
            count = milliseconds(partial(count_tracks, store, name, search=search), clock, N_REPEATS)
            reading = milliseconds(partial(read_all, store, catalogue.id, search), clock, 1)
            table.add_row(search or "(all)", f"{found:,}", page, count, reading)
        return table
    finally:
        store.delete("tracks", {"catalogue_id": catalogue.id})
        remove_catalogue(store, name)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Cost of listing and searching a library.")
    parser.add_argument("--tracks", type=int, default=100_000)
    parser.add_argument("--store", help="Store URL; default: a temporary SQLite file.")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(arguments.store or f"sqlite:///{folder}/store.sqlite")
        try:
            Console(width=100).print(measure(store, arguments.tracks))
        finally:
            store.close()


if __name__ == "__main__":
    main()
