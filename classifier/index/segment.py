"""Segments: some tracks' arrays, back to back, in memory or mapped from a folder.

A segment is never changed. Joining some of them, or leaving tracks out, makes a new one. In a folder, each array is a
NumPy file ``NAME.npy``; ``tracks.json`` names the format, the profile, the tracks with their numbers of rows, and a
checksum of each file.
"""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from classifier.index.files import sync, sync_folder
from classifier.index.profile import EXACT, Kind, Profile
from classifier.models.track import TrackModel

#: Version of how segments and manifests are written.
FORMAT = 5
_TABLE = "tracks.json"

#: What identifies the enrolled audio: a track's id and version.
Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Entry:
    """One track of a segment.

    Parameters
    ----------
    track_id : str
        The track.
    version : int
        Which of its models.
    rows : mapping of Kind to range
        Its rows in the segment's arrays of each kind.
    """

    track_id: str
    version: int
    rows: Mapping[Kind, range]

    @property
    def key(self) -> Key:
        """What identifies the enrolled audio: track and version."""
        return self.track_id, self.version


@dataclass(frozen=True, slots=True)
class Segment:
    """Some tracks' arrays.

    Parameters
    ----------
    profile : Profile
        Which arrays there are.
    entries : tuple of Entry
        The tracks, in the order of their rows, which leave no gaps.
    arrays : mapping of str to np.ndarray
        By the names of the profile.
    """

    profile: Profile
    entries: tuple[Entry, ...]
    arrays: Mapping[str, np.ndarray]

    @classmethod
    def build(cls, tracks: Iterable[tuple[str, int, TrackModel]], profile: Profile = EXACT) -> Segment:
        """Pack models of tracks (id, version, model) into a segment in memory; one track at least."""
        return cls.join([_single(track_id, version, model, profile) for track_id, version, model in tracks])

    @classmethod
    def join(cls, parts: Sequence[Segment], dead: Container[Key] = frozenset()) -> Segment:
        """Join segments of one profile into one in memory, without the tracks in ``dead``; one part at least."""
        profile, chosen = parts[0].profile, _chosen(parts, dead)
        arrays = {
            name: np.concatenate([parts[0].arrays[name][:0], *(part.of(e, name) for part, e in chosen)])
            for name in profile.arrays
        }
        return cls(profile, _tiled(profile, ((*e.key, _lengths(profile, e)) for _, e in chosen)), arrays)

    @classmethod
    def load(cls, folder: Path, profile: Profile = EXACT) -> Segment:
        """Map what :func:`write` wrote; nothing of the arrays is read until it is used.

        Raises
        ------
        ValueError, OSError
            If the folder is not a whole segment of this format and profile; what it contains is not looked at.
        """
        try:
            table = json.loads((folder / _TABLE).read_text())
            if (table["format"], table["profile"]) != (FORMAT, profile.name):
                raise ValueError(
                    f"it has format {table['format']} and profile {table['profile']!r}, "
                    f"not format {FORMAT} and profile {profile.name!r}"
                )
            entries = _tiled(profile, ((track_id, version, rows) for track_id, version, *rows in table["tracks"]))
            segment = cls(profile, entries, {name: _map(folder / f"{name}.npy") for name in profile.arrays})
        except (KeyError, TypeError, EOFError) as error:  # cut short, or not ours
            raise ValueError(f"it is not a whole segment: {error!r}") from None
        _check_shapes(segment)
        return segment

    def of(self, entry: Entry, name: str) -> np.ndarray:
        """Rows of one array that belong to a track; a view."""
        rows = entry.rows[self.profile.arrays[name].kind]
        return self.arrays[name][rows.start : rows.stop]

    def words(self, entry: Entry) -> np.ndarray:
        """Sub-fingerprints of one track, shape (n_frames, 2), uint64; a view."""
        return self.of(entry, "words")

    def n_rows(self, kind: Kind) -> int:
        """Rows of a kind, those of dead tracks included."""
        return self.entries[-1].rows[kind].stop if self.entries else 0

    @property
    def n_windows(self) -> int:
        """Windows, silent ones and those of dead tracks included."""
        return self.n_rows("windows")


def write(folder: Path, parts: Sequence[Segment], dead: Container[Key] = frozenset()) -> None:
    """Write some segments into a new folder, as one segment, and sync it to disk.

    Arrays are copied track by track from mapped files, so that memory stays small however large they are. They are
    written as files, not through a mapping: a full disk is then an error, where a mapping would kill the process.

    Parameters
    ----------
    folder : Path
        Must not exist yet.
    parts : sequence of Segment
        What to join, of one profile; a track that several parts hold is written once.
    dead : container of (str, int)
        Keys to leave out.

    Raises
    ------
    OSError
        If the disk is full, read-only or failing; the folder may be left behind, incomplete.
    """
    profile, chosen = parts[0].profile, _chosen(parts, dead)
    folder.mkdir(parents=True)
    checksums = {}
    for name in profile.arrays:
        pieces = [parts[0].arrays[name][:0], *(part.of(entry, name) for part, entry in chosen)]
        checksums[name] = _write_array(folder / f"{name}.npy", pieces)
    table = {
        "format": FORMAT,
        "profile": profile.name,
        "checksums": checksums,
        "tracks": [[*e.key, *_lengths(profile, e)] for _, e in chosen],
    }
    with open(folder / _TABLE, "w") as file:
        json.dump(table, file)
        sync(file)
    sync_folder(folder)


def _write_array(path: Path, pieces: Sequence[np.ndarray]) -> int:
    """Write arrays as one NumPy file, and sync it; return the CRC-32 of the file."""
    like = pieces[0]
    head = {
        "descr": np.lib.format.dtype_to_descr(like.dtype),
        "fortran_order": False,
        "shape": (sum(map(len, pieces)), *like.shape[1:]),
    }
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, head)
    blocks = (np.ascontiguousarray(piece, like.dtype).data for piece in pieces if piece.size)
    checksum = 0
    with open(path, "wb") as file:
        for block in chain((header.getbuffer(),), blocks):
            file.write(block)
            checksum = zlib.crc32(block, checksum)
        sync(file)
    return checksum


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


def _check_shapes(segment: Segment) -> None:
    """Raise ValueError if an array is not laid out as the profile says, or does not fit to the others."""
    sizes: dict[str, int] = {kind: segment.n_rows(kind) for kind in segment.profile.kinds}
    for name, layout in segment.profile.arrays.items():
        array, axes = segment.arrays[name], (layout.kind, *layout.axes)
        if array.dtype != layout.dtype or array.ndim != len(axes):
            raise ValueError(f"{name} holds {array.ndim}-dimensional {array.dtype}")
        for axis, size in zip(axes, array.shape, strict=True):
            if size != sizes.setdefault(axis, size):
                raise ValueError(f"{name} has {size} {axis}, not {sizes[axis]}")


def _single(track_id: str, version: int, model: TrackModel, profile: Profile) -> Segment:
    packed = profile.pack(model)
    arrays = {name: packed[name].astype(layout.dtype) for name, layout in profile.arrays.items()}
    rows = {layout.kind: range(len(arrays[name])) for name, layout in profile.arrays.items()}
    return Segment(profile, (Entry(track_id, version, rows),), arrays)


def _chosen(parts: Sequence[Segment], dead: Container[Key]) -> list[tuple[Segment, Entry]]:
    """Tracks of some parts that go into a joined segment, each once."""
    chosen: dict[Key, tuple[Segment, Entry]] = {}
    for part in parts:
        for entry in part.entries:
            if entry.key not in dead:
                chosen.setdefault(entry.key, (part, entry))
    return list(chosen.values())


def _lengths(profile: Profile, entry: Entry) -> list[int]:
    """Number of rows of each kind."""
    return [len(entry.rows[kind]) for kind in profile.kinds]


def _tiled(profile: Profile, tracks: Iterable[tuple[str, int, Iterable[int]]]) -> tuple[Entry, ...]:
    """Entries of tracks (id, version, number of rows of each kind) that lie back to back."""
    stops = dict.fromkeys(profile.kinds, 0)
    entries = []
    for track_id, version, lengths in tracks:
        starts = stops.copy()
        for kind, length in zip(profile.kinds, lengths, strict=True):
            stops[kind] += length
        rows = {kind: range(starts[kind], stops[kind]) for kind in profile.kinds}
        entries.append(Entry(str(track_id), int(version), rows))
    return tuple(entries)
