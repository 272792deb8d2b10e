"""The search index: what matching needs of every track, as immutable segments of memory-mapped arrays.

A *segment* holds some tracks, back to back; a *snapshot* is a list of segments and which of their tracks are
live. Nothing is ever changed in place: a query keeps the snapshot that it began with, whatever is enrolled or
removed meanwhile.

Arrays of a segment (N windows, V variants, K components, P statistics, F frames; float32 unless said):

- ``coarse`` (N * V, 2 (P - 1)) int16 and ``coarse_terms`` (N * V, 3): moment Gaussians, as ``coarse.py`` packs them.
- ``pooled`` and ``pooled_terms``: the same of each window and the one ``PAIR`` steps on (or the last) together.
- ``weights`` (N, K) and ``s`` (N, K, P): the clean mixtures, for the variational divergence that is shown.
- ``window_frame`` (N,) int32, ``silent`` (N,) uint8.
- ``words`` (F, 2) uint64: sub-fingerprints.
"""

from __future__ import annotations

import json
import os
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np

from classifier.index.coarse import quantise
from classifier.mixtures.divergence import Packed
from classifier.mixtures.gmm import Mixtures, expected, pooled
from classifier.models.track import TrackModel

#: Type and number of axes of each array.
ARRAYS: dict[str, tuple[np.dtype[Any], int]] = {
    "coarse": (np.dtype(np.int16), 2),
    "coarse_terms": (np.dtype(np.float32), 2),
    "pooled": (np.dtype(np.int16), 2),
    "pooled_terms": (np.dtype(np.float32), 2),
    "weights": (np.dtype(np.float32), 2),
    "s": (np.dtype(np.float32), 3),
    "window_frame": (np.dtype(np.int32), 1),
    "silent": (np.dtype(np.uint8), 1),
    "words": (np.dtype(np.uint64), 2),
}
FORMAT = 4
#: Arrays with a row for each variant of a window.
_BY_VARIANT = ("coarse", "coarse_terms", "pooled", "pooled_terms")

#: Steps between the two windows of a pair: with the default grid they touch, and are ten seconds together.
PAIR = 5

#: What identifies the enrolled audio: a track's id and version.
Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Entry:
    """One track of a segment: its windows and frames as half-open ranges of the segment's arrays."""

    track_id: str
    version: int
    window_start: int
    window_stop: int
    frame_start: int
    frame_stop: int

    @property
    def key(self) -> Key:
        """What identifies the enrolled audio: track and version."""
        return self.track_id, self.version


@dataclass(frozen=True)
class Segment:
    """Some tracks' arrays, by name as the module describes them."""

    entries: tuple[Entry, ...]
    arrays: dict[str, np.ndarray]

    @property
    def n_windows(self) -> int:
        """Windows, silent ones and those of dead tracks included."""
        return len(self.arrays["weights"])

    @property
    def n_variants(self) -> int:
        """Moment Gaussians a window."""
        return len(self.arrays["coarse"]) // max(1, self.n_windows)

    def words(self, entry: Entry) -> np.ndarray:
        """Sub-fingerprints of one track, shape (F, 2), uint64."""
        return self.arrays["words"][entry.frame_start : entry.frame_stop]

    @classmethod
    def build(cls, tracks: Sequence[tuple[str, int, TrackModel]]) -> Segment:
        """Pack models of tracks (id, version, model) into a segment in memory; one track at least."""
        return cls.join([_single(*track) for track in tracks])

    @classmethod
    def join(cls, parts: Sequence[Segment], dead: Container[Key] = frozenset()) -> Segment:
        """Join segments into one in memory, without the tracks in ``dead``; one part at least."""
        chosen, entries = _layout(parts, dead)
        arrays = {
            name: np.concatenate([parts[0].arrays[name][:0], *(p.arrays[name][p.rows(name, e)] for p, e in chosen)])
            for name in ARRAYS
        }
        return cls(tuple(entries), arrays)

    def rows(self, name: str, entry: Entry) -> slice:
        """Rows of one array that belong to a track."""
        if name == "words":
            return slice(entry.frame_start, entry.frame_stop)
        scale = self.n_variants if name in _BY_VARIANT else 1
        return slice(entry.window_start * scale, entry.window_stop * scale)

    @classmethod
    def load(cls, folder: Path) -> Segment:
        """Map what :func:`write` wrote; nothing is read until it is used.

        Raises
        ------
        ValueError, OSError
            If the folder is not a whole segment of this format.
        """
        try:
            table = json.loads((folder / "tracks.json").read_text())
            if table["format"] != FORMAT:
                raise ValueError(f"segment format {table['format']} is not {FORMAT}")
            entries = tuple(Entry(*row) for row in table["tracks"])
            segment = cls(entries, {name: _map(folder / f"{name}.npy") for name in ARRAYS})
        except (KeyError, TypeError, EOFError) as error:  # cut short, or not ours
            raise ValueError(f"not a whole segment: {error!r}") from None
        for name, array in segment.arrays.items():
            if (array.dtype, array.ndim) != ARRAYS[name]:
                raise ValueError(f"{name} holds {array.ndim}-dimensional {array.dtype}")
            rows = segment.rows(name, segment.entries[-1]).stop if segment.entries else 0
            if len(array) != rows:
                raise ValueError(f"{name} has {len(array)} rows, not {rows}")
        return segment


def write(folder: Path, parts: Sequence[Segment], dead: Container[Key] = frozenset()) -> None:
    """Write some segments into a new folder, as one segment, and sync it to disk.

    Arrays are copied track by track from mapped files, so that memory stays small however large they are. They are
    written as files, not through a mapping: a full disk is then an error, where a mapping would kill the process.

    Parameters
    ----------
    folder : Path
        Must not exist yet.
    parts : sequence of Segment
        What to join; a track that several parts hold is written once.
    dead : container of (str, int)
        Keys to leave out.

    Raises
    ------
    OSError
        If the disk is full, read-only or failing; the folder may be left behind, incomplete.
    """
    chosen, entries = _layout(parts, dead)
    folder.mkdir(parents=True)
    for name in ARRAYS:
        like = parts[0].arrays[name]
        pieces = [part.arrays[name][part.rows(name, e)] for part, e in chosen]
        shape = (sum(len(piece) for piece in pieces), *like.shape[1:])
        head = {"descr": np.lib.format.dtype_to_descr(like.dtype), "fortran_order": False, "shape": shape}
        with open(folder / f"{name}.npy", "wb") as file:
            np.lib.format.write_array_header_1_0(file, head)
            for piece in pieces:
                if piece.size:
                    file.write(np.ascontiguousarray(piece, like.dtype).data)
            sync(file)
    table = [[e.track_id, e.version, e.window_start, e.window_stop, e.frame_start, e.frame_stop] for e in entries]
    with open(folder / "tracks.json", "w") as file:
        json.dump({"format": FORMAT, "tracks": table}, file)
        sync(file)
    sync_folder(folder)


def sync(file: IO[Any]) -> None:
    """Make sure that what was written to a file is on the disk."""
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make sure that the names in a folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _layout(parts: Sequence[Segment], dead: Container[Key]) -> tuple[list[tuple[Segment, Entry]], list[Entry]]:
    """Which tracks of which parts go into a joined segment, and where each will lie in it."""
    chosen, entries, seen = [], [], set()
    window = frame = 0
    for part in parts:
        for e in part.entries:
            if e.key in seen or e.key in dead:
                continue
            seen.add(e.key)
            chosen.append((part, e))
            windows, frames = e.window_stop - e.window_start, e.frame_stop - e.frame_start
            entries.append(Entry(e.track_id, e.version, window, window + windows, frame, frame + frames))
            window, frame = window + windows, frame + frames
    return chosen, entries


def _map(path: Path) -> np.ndarray:
    """Memory-map an array; one without elements cannot be mapped and is read."""
    try:
        mapped: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
        return mapped
    except ValueError:
        array: np.ndarray = np.load(path, allow_pickle=False)
        if array.size:
            raise
        return array


def _single(track_id: str, version: int, model: TrackModel) -> Segment:
    """Pack one track: the only place where covariances are inverted for matching."""
    coarse, coarse_terms = quantise(Packed.of(model.moments))
    pairs, pooled_terms = quantise(Packed.of(_pairs(model)))
    arrays = {
        "coarse": coarse,
        "coarse_terms": coarse_terms,
        "pooled": pairs,
        "pooled_terms": pooled_terms,
        "weights": model.mixtures.weights,
        "s": expected(model.mixtures.means.astype(np.float64), model.mixtures.covariances.astype(np.float64)),
        "window_frame": model.window_frame,
        "silent": model.silent,
        "words": model.words,
    }
    entry = Entry(track_id, version, 0, len(model.window_frame), 0, len(model.words))
    return Segment((entry,), {name: array.astype(ARRAYS[name][0]) for name, array in arrays.items()})


def _pairs(model: TrackModel) -> Mixtures:
    """Moment Gaussians of each window and its partner together, by window and variant."""
    n = len(model.window_frame)
    variants = np.arange(len(model.moments) // max(1, n))
    rows = (np.minimum(np.arange(n) + PAIR, n - 1)[:, None] * len(variants) + variants).reshape(-1)
    return pooled(model.moments, model.moments[rows])


@dataclass(frozen=True)
class Snapshot:
    """What a query searches: segments and their live tracks.

    Parameters
    ----------
    segments : tuple of Segment
        Searched in this order.
    live : frozenset of (str, int)
        Keys of the tracks that count.
    """

    segments: tuple[Segment, ...]
    live: frozenset[Key]
    items: tuple[tuple[Segment, Entry], ...] = field(init=False)

    def __post_init__(self) -> None:
        seen: dict[Key, tuple[Segment, Entry]] = {}
        for segment in self.segments:
            for entry in segment.entries:
                if entry.key in self.live:
                    seen.setdefault(entry.key, (segment, entry))
        object.__setattr__(self, "items", tuple(seen.values()))

    def __iter__(self) -> Iterator[tuple[Segment, Entry]]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    @property
    def n_windows(self) -> int:
        """Windows of live tracks."""
        return sum(e.window_stop - e.window_start for _, e in self.items)

    @property
    def n_frames(self) -> int:
        """Sub-fingerprints of live tracks."""
        return sum(e.frame_stop - e.frame_start for _, e in self.items)
