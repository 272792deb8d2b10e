"""What aligning a library with itself costs, and whether it finds what is shared::

    python -m bench.measure.overlaps                          # 5,000 tracks of four minutes; a table
    python -m bench.measure.overlaps --tracks 1000 --minutes 3

Tracks are sub-fingerprints from a seed, whose bits keep their value from frame to frame as often as those of music do;
composing 330 hours of songs would take a day, and equal coarse bits of songs by chance (two in 10⁹ pairs of frames)
cost nothing beside reading the frames. A twentieth of the tracks is made of others: copies, excerpts of 20 s, and
medleys of three, a tenth of their bits wrong, as at 32 kbit/s read between two frames. Times are also given as ratios
to those of a quarter of the tracks.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from classifier.config import FeatureConfig
from classifier.fingerprint.bits import HOP_S, N_BITS, VALID
from classifier.index.segment import Segment
from classifier.index.snapshot import Snapshot
from classifier.models.track import TrackModel
from classifier.search.overlap import LEAST_S, overlaps

#: Share of wrong bits in copies, and seconds of an excerpt.
WRONG, EXCERPT_S = 0.1, 20.0
_ALL_BITS = np.array([2**64 - 1, 2 ** (N_BITS - 64) - 1], np.uint64)


def damaged(rng: np.random.Generator, words: np.ndarray) -> np.ndarray:
    """Return words with wrong bits."""
    wrong = np.packbits(rng.random((len(words), 2, 64), np.float32) < WRONG, axis=2, bitorder="little")
    return words ^ (wrong.view("<u8")[..., 0] & _ALL_BITS)


def made(rng: np.random.Generator, n_frames: int) -> np.ndarray:
    """Return the words of a track that shares nothing with any other; an eighth of the bits changes every 32 ms."""
    three = rng.integers(0, 2**64, (3, n_frames, 2), np.uint64) & _ALL_BITS
    three[1:, 0] = three[0, 0]
    return np.bitwise_xor.accumulate(three[0] & three[1] & three[2], axis=0)


def library(n_tracks: int, n_frames: int, seed: int) -> tuple[Snapshot, set[frozenset[str]]]:
    """Return a library and which pairs of it share something."""
    rng = np.random.default_rng(seed)
    excerpt = round(EXCERPT_S / HOP_S)
    n_made = n_tracks // 20
    words = [made(rng, n_frames) for _ in range(n_tracks - n_made)]
    shared: set[frozenset[str]] = set()
    taken: dict[int, list[tuple[int, int, str]]] = {}
    for number in range(n_made):
        sources = rng.choice(n_tracks - n_made, 3 if number % 3 == 2 else 1, replace=False)
        pieces = []
        for source in sources:
            start = int(rng.integers(0, n_frames - excerpt)) if number % 3 else 0
            stop = start + excerpt if number % 3 else n_frames
            name = str(len(words))
            pieces.append(words[source][start:stop])
            # With the track that it was taken from, and with what else was taken there.
            shared.add(frozenset((str(source), name)))
            for low, high, other in taken.setdefault(int(source), []):
                if min(stop, high) - max(start, low) >= LEAST_S / HOP_S:
                    shared.add(frozenset((other, name)))
            taken[int(source)].append((start, stop, name))
        whole = np.concatenate(pieces)
        words.append(damaged(rng, whole))
    empty = TrackModel.empty(FeatureConfig())
    models = []
    for number, own in enumerate(words):
        own[:, 1] |= VALID
        models.append((str(number), 1, TrackModel(empty.window_frame, empty.silent, empty.mixtures, empty.slots, own)))
    segment = Segment.build(models)
    return Snapshot((segment,), frozenset(entry.key for entry in segment.entries)), shared


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracks", type=int, default=5000)
    parser.add_argument("--minutes", type=float, default=4.0, help="Length of a track.")
    parser.add_argument("--seed", type=int, default=440)
    options = parser.parse_args()
    n_frames = round(60 * options.minutes / HOP_S)
    table = Table(box=MARKDOWN)
    for column in ("tracks", "hours", "seconds, clock", "seconds, processor", "ratio", "pairs", "found", "false"):
        table.add_column(column, justify="right")
    first = None
    for n_tracks in (options.tracks // 4, options.tracks // 2, options.tracks):
        snapshot, shared = library(n_tracks, n_frames, options.seed)
        clock, processor = time.perf_counter(), time.process_time()
        found = {frozenset((o.a, o.b)) for o in overlaps(snapshot)}
        clock, processor = time.perf_counter() - clock, time.process_time() - processor
        first = first or processor
        hours = snapshot.n_frames * HOP_S / 3600
        figures = [f"{clock:.1f}", f"{processor:.1f}", f"{processor / first:.1f}", f"{len(shared):,}"]
        table.add_row(f"{n_tracks:,}", f"{hours:.0f}", *figures, f"{len(found & shared):,}", f"{len(found - shared):,}")
    Console(width=120).print(table)
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"memory at most {megabytes:,.0f} MB, the library's own included")


if __name__ == "__main__":
    main()
