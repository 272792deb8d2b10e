"""Segments: the arrays of a number of tracks, one after another, in memory or mapped from a folder.

A segment never changes. Joining several, or leaving tracks out, makes a new one. In a folder, each array is a NumPy
file ``NAME.npy``; ``tracks.json`` states the format, the profile, the tracks with their numbers of rows, and the shape
and checksum of each array.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import mmap
import os
import zlib
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from classifier.index.files import checksum, sync, sync_folder
from classifier.index.profile import EXACT, Kind, Profile
from classifier.models.track import TrackModel

#: Version of the format of segments and manifests.
FORMAT = 5
#: The file that marks a folder as a segment.
TABLE = "tracks.json"
#: Bytes copied from mapped arrays before their memory is given back.
_COPY_BYTES = 2**24

#: Identifies the enrolled audio: a track's id and version.
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
        """Identifies the enrolled audio: track id and version."""
        return self.track_id, self.version


@dataclass(frozen=True, slots=True)
class Segment:
    """The arrays of a number of tracks.

    Parameters
    ----------
    profile : Profile
        Which arrays it holds.
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
        """Pack models of tracks (id, version, model) into a segment in memory; at least one track."""
        return cls.join([cls.single(track_id, version, [model], profile) for track_id, version, model in tracks])

    @classmethod
    def single(cls, track_id: str, version: int, models: Iterable[TrackModel], profile: Profile = EXACT) -> Segment:
        """Pack the models of one track, stretch by stretch, into a segment in memory; one stretch at least."""
        packed = [_packed(model, profile) for model in models]
        arrays = {name: np.concatenate([stretch[name] for stretch in packed]) for name in profile.arrays}
        rows = {layout.kind: range(len(arrays[name])) for name, layout in profile.arrays.items()}
        return cls(profile, (Entry(track_id, version, rows),), arrays)

    @classmethod
    def join(cls, parts: Sequence[Segment], dead: Container[Key] = frozenset()) -> Segment:
        """Join segments of one profile into one in memory, without the tracks in ``dead``; at least one segment."""
        profile, chosen = parts[0].profile, _chosen(parts, dead)
        arrays = {
            name: np.concatenate([parts[0].arrays[name][:0], *(part.of(e, name) for part, e in chosen)])
            for name in profile.arrays
        }
        return cls(profile, _tiled(profile, ((*e.key, _lengths(profile, e)) for _, e in chosen)), arrays)

    @classmethod
    def load(cls, folder: Path, profile: Profile = EXACT) -> Segment:
        """Map what :func:`write` wrote; the arrays are not read until they are used.

        Raises
        ------
        ValueError, OSError
            If the folder is not a complete segment of this format and profile; the content of the arrays is not
            checked.
        """
        table = read_table(folder, profile)
        try:
            entries = _tiled(profile, ((track_id, version, rows) for track_id, version, *rows in table["tracks"]))
            shapes = {name: tuple(map(int, table["arrays"][name]["shape"])) for name in profile.arrays}
        except (KeyError, TypeError, AttributeError, OverflowError) as error:
            raise ValueError(f"{TABLE} is damaged: {error!r}") from None
        arrays = {
            name: _map(folder / f"{name}.npy", layout.dtype, shapes[name]) for name, layout in profile.arrays.items()
        }
        segment = cls(profile, entries, arrays)
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
    """Write segments as one segment into a new folder, and sync it to disk.

    Arrays are copied track by track from mapped files, so that memory use stays small however large they are. They are
    written as files, not through a mapping: a full disk then raises an error, where a mapping would kill the process.

    Parameters
    ----------
    folder : Path
        Must not exist yet.
    parts : sequence of Segment
        Segments of one profile; a track that several of them hold is written once.
    dead : container of (str, int)
        Keys to leave out.

    Raises
    ------
    OSError
        If the disk is full, read-only or failing; the folder may be left behind, incomplete.
    """
    profile, chosen = parts[0].profile, _chosen(parts, dead)
    folder.mkdir(parents=True)
    arrays = {}
    for name in profile.arrays:
        pieces = [parts[0].arrays[name][:0], *(part.of(entry, name) for part, entry in chosen)]
        arrays[name] = _write_array(folder / f"{name}.npy", pieces)
    _write_table(folder, profile, arrays, [[*e.key, *_lengths(profile, e)] for _, e in chosen])


def write_track(
    folder: Path, track_id: str, version: int, models: Iterable[TrackModel], profile: Profile = EXACT
) -> None:
    """Write one track into a new folder, as a segment, stretch by stretch as they come, and sync it to disk.

    Memory does not grow with the track's length.

    Parameters
    ----------
    folder : Path
        Must not exist yet.
    track_id, version
        The track.
    models : iterable of TrackModel
        Consecutive stretches of it; one at least.
    profile : Profile
        Which arrays there are.

    Raises
    ------
    OSError
        If the disk is full, read-only or failing; the folder may be left behind, incomplete.
    """
    folder.mkdir(parents=True)
    shapes: dict[str, tuple[int, ...]] = {}
    with contextlib.ExitStack() as stack:
        files = {name: stack.enter_context(open(folder / f"{name}.npy", "w+b")) for name in profile.arrays}
        for model in models:
            for name, array in _packed(model, profile).items():
                if name not in shapes:  # numpy leaves room in a header for as many rows as will come
                    shapes[name] = (0, *array.shape[1:])
                    files[name].write(_header(array.dtype, shapes[name]))
                if array.size:
                    files[name].write(array.data)
                shapes[name] = (shapes[name][0] + len(array), *shapes[name][1:])
        for name, file in files.items():
            file.seek(0)
            file.write(_header(profile.arrays[name].dtype, shapes[name]))
            sync(file)
    arrays = {name: {"shape": shape, "crc32": checksum(folder / f"{name}.npy")} for name, shape in shapes.items()}
    n_rows = {layout.kind: shapes[name][0] for name, layout in profile.arrays.items()}
    _write_table(folder, profile, arrays, [[track_id, version, *(n_rows[kind] for kind in profile.kinds)]])


def n_bytes(parts: Sequence[Segment], dead: Container[Key] = frozenset()) -> int:
    """Return the size of the arrays that :func:`write` would write."""
    chosen = _chosen(parts, dead)
    rows = {kind: sum(len(entry.rows[kind]) for _, entry in chosen) for kind in parts[0].profile.kinds}
    widths = {name: array.itemsize * math.prod(array.shape[1:]) for name, array in parts[0].arrays.items()}
    return sum(rows[layout.kind] * widths[name] for name, layout in parts[0].profile.arrays.items())


def read_table(folder: Path, profile: Profile) -> dict[str, Any]:
    """Return a segment's table: its ``tracks``, and ``shape`` and ``crc32`` of each array's file.

    Raises
    ------
    ValueError, OSError
        If there is no valid table, or it has another format or profile.
    """
    table = json.loads((folder / TABLE).read_text())
    try:
        found = table["format"], table["profile"]
    except (KeyError, TypeError) as error:
        raise ValueError(f"{TABLE} is not a table of tracks: {error!r}") from None
    if found != (FORMAT, profile.name):
        raise ValueError(
            "it has format {} and profile {!r}, not format {} and profile {!r}".format(*found, FORMAT, profile.name)
        )
    return cast(dict[str, Any], table)


def _packed(model: TrackModel, profile: Profile) -> dict[str, np.ndarray]:
    packed = profile.pack(model)
    return {name: np.ascontiguousarray(packed[name], layout.dtype) for name, layout in profile.arrays.items()}


def _write_table(folder: Path, profile: Profile, arrays: Mapping[str, Any], tracks: list[list[Any]]) -> None:
    """Write what :func:`read_table` reads: the last file of a segment."""
    table = {"format": FORMAT, "profile": profile.name, "arrays": arrays, "tracks": tracks}
    with open(folder / TABLE, "w") as file:
        json.dump(table, file)
        sync(file)
    sync_folder(folder)


def _header(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    """Return the header of the NumPy file of an array."""
    header = io.BytesIO()
    fields = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, fields)
    return header.getvalue()


def _write_array(path: Path, pieces: Sequence[np.ndarray]) -> dict[str, Any]:
    """Write arrays as one NumPy file and sync it; return its entry in the table."""
    dtype, shape = pieces[0].dtype, (sum(map(len, pieces)), *pieces[0].shape[1:])
    header = _header(dtype, shape)
    total = zlib.crc32(header)
    with open(path, "wb") as file:
        file.write(header)
        unseen = 0
        for piece in pieces:
            step = max(1, _COPY_BYTES * len(piece) // max(1, piece.nbytes))
            for first in range(0, len(piece), step):
                data = np.ascontiguousarray(piece[first : first + step], dtype).data
                file.write(data)
                total = zlib.crc32(data, total)
                unseen += data.nbytes
                if unseen >= _COPY_BYTES:
                    _let_go(piece)
                    unseen = 0
        sync(file)
    return {"shape": shape, "crc32": total}


def _let_go(array: np.ndarray) -> None:
    """Give back the memory of a mapped array, which it takes again from the file when it is next read."""
    base: object = array
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, mmap.mmap):
        base.madvise(mmap.MADV_DONTNEED)


def _map(path: Path, dtype: np.dtype[Any], shape: tuple[int, ...]) -> np.ndarray:
    """Memory-map an array; an empty one, which cannot be mapped, is made.

    The header is compared, not interpreted, because a damaged one may say anything.
    """
    header = _header(dtype, shape)
    with open(path, "rb") as file:
        start, size = file.read(len(header)), os.fstat(file.fileno()).st_size
    wanted = len(header) + dtype.itemsize * math.prod(shape)
    if start != header or size != wanted:
        raise ValueError(f"{path.name} does not hold {dtype} of shape {shape} in {wanted} bytes")
    return np.memmap(path, dtype, "r", len(header), shape) if math.prod(shape) else np.empty(shape, dtype)


def _check_shapes(segment: Segment) -> None:
    """Raise ValueError if an array's axes are not the profile's, or their lengths differ between arrays."""
    sizes: dict[str, int] = {kind: segment.n_rows(kind) for kind in segment.profile.kinds}
    for name, layout in segment.profile.arrays.items():
        axes, shape = (layout.kind, *layout.axes), segment.arrays[name].shape
        if len(shape) != len(axes):
            raise ValueError(f"{name} has {len(shape)} axes, not {len(axes)}")
        for axis, size in zip(axes, shape, strict=True):
            if size != sizes.setdefault(axis, size):
                raise ValueError(f"{name} has {size} {axis}, not {sizes[axis]}")


def _chosen(parts: Sequence[Segment], dead: Container[Key]) -> list[tuple[Segment, Entry]]:
    """Return the tracks that go into a joined segment, each once."""
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
    """Return the entries of consecutive tracks, given as (id, version, number of rows of each kind)."""
    stops = dict.fromkeys(profile.kinds, 0)
    entries = []
    for track_id, version, lengths in tracks:
        starts = stops.copy()
        for kind, length in zip(profile.kinds, lengths, strict=True):
            stops[kind] += length
        rows = {kind: range(starts[kind], stops[kind]) for kind in profile.kinds}
        entries.append(Entry(str(track_id), int(version), rows))
    return tuple(entries)
