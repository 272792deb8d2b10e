"""Segments: the arrays of a number of tracks, one after another, in memory or mapped from a folder.

A segment never changes. Joining several, or leaving tracks out, makes a new one. In a folder, each array is a NumPy
file ``NAME.npy``; ``tracks.json`` states the format, the profile, the tracks with their numbers of rows, and the shape
and checksum of each array. A large segment has lists of its patches (``lists.py``) and reduced rows of its windows
(``reduced.py``), too.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from classifier.index import lists, reduced
from classifier.index.arrays import GrowingArrays, map_array, write_array
from classifier.index.files import sync, sync_folder
from classifier.index.lists import Lists
from classifier.index.profile import EXACT, Kind, Profile
from classifier.index.reduced import Reduced
from classifier.mixtures.patches import codebook
from classifier.mixtures.slots import unpacked
from classifier.models.track import TrackModel

#: Version of the format of segments and manifests.
FORMAT = 7
#: What a large segment has besides the arrays of its profile.
FURTHER = (lists.ARRAYS, reduced.ARRAYS)
#: The file that marks a folder as a segment.
TABLE = "tracks.json"

#: Identifies the enrolled audio: a track's id and version.
Key = tuple[str, int]
#: Returns the sub-fingerprints that the store has of a track, shape (n, 2), uint64, by its id and version.
Fetch = Callable[[str, int], np.ndarray]


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
    lists : Lists, optional
        The patches of all tracks; a small segment has none.
    reduced : Reduced, optional
        Its windows in few numbers, if it has mixtures; a small segment has none.
    fetch : callable, optional
        Where sub-fingerprints come from if the profile leaves them in the store.
    """

    profile: Profile
    entries: tuple[Entry, ...]
    arrays: Mapping[str, np.ndarray]
    lists: Lists | None = None
    reduced: Reduced | None = None
    fetch: Fetch | None = None

    @classmethod
    def build(cls, tracks: Iterable[tuple[str, int, TrackModel]], profile: Profile = EXACT) -> Segment:
        """Pack models of tracks (id, version, model) into a segment in memory; at least one track."""
        return cls.join([cls.single(track_id, version, [model], profile) for track_id, version, model in tracks])

    @classmethod
    def single(
        cls,
        track_id: str,
        version: int,
        models: Iterable[TrackModel],
        profile: Profile = EXACT,
        fetch: Fetch | None = None,
    ) -> Segment:
        """Pack the models of one track, stretch by stretch, into a segment in memory; one stretch at least."""
        packed = [_packed(model, profile) for model in models]
        arrays = {name: np.concatenate([stretch[name] for stretch in packed]) for name in profile.arrays}
        rows = {layout.kind: range(len(arrays[name])) for name, layout in profile.arrays.items()}
        return cls(profile, (Entry(track_id, version, rows),), arrays, fetch=fetch)

    @classmethod
    def join(cls, parts: Sequence[Segment], dead: Container[Key] = frozenset()) -> Segment:
        """Join segments of one profile into one in memory, without the tracks in ``dead``; at least one segment."""
        profile, chosen = parts[0].profile, _chosen(parts, dead)
        arrays = {
            name: np.concatenate([parts[0].arrays[name][:0], *(part.of(e, name) for part, e in chosen)])
            for name in profile.arrays
        }
        entries = _tiled(profile, ((*e.key, _lengths(profile, e)) for _, e in chosen))
        pieces = list(_merged_lists(chosen, entries)) if _is_listed(profile, arrays, entries) else []
        few = reduced.joined(list(_reduced(entries, arrays))) if _is_reduced(profile, entries) else None
        return cls(profile, entries, arrays, Lists.joined(pieces) if pieces else None, few, parts[0].fetch)

    @classmethod
    def load(cls, folder: Path, profile: Profile = EXACT, fetch: Fetch | None = None) -> Segment:
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
            dtypes = {name: layout.dtype for name, layout in profile.arrays.items()}
            for further in FURTHER:
                dtypes |= further if table["arrays"].keys() & further.keys() else {}
            shapes = {name: tuple(map(int, table["arrays"][name]["shape"])) for name in dtypes}
        except (KeyError, TypeError, AttributeError, OverflowError) as error:
            raise ValueError(f"{TABLE} is damaged: {error!r}") from None
        arrays = {name: map_array(folder / f"{name}.npy", dtype, shapes[name]) for name, dtype in dtypes.items()}
        own = {name: arrays[name] for name in profile.arrays}
        segment = cls(profile, entries, own, fetch=fetch)
        _check_shapes(segment)
        found = Lists.of(arrays) if arrays.keys() >= lists.ARRAYS.keys() else None
        few = None
        if arrays.keys() >= reduced.ARRAYS.keys():
            few = Reduced.of(arrays, _edges(entries), own["gaussians"].shape[1])
        return replace(segment, lists=found, reduced=few)

    def of(self, entry: Entry, name: str) -> np.ndarray:
        """Rows of one array that belong to a track; a view."""
        rows = entry.rows[self.profile.arrays[name].kind]
        return self.arrays[name][rows.start : rows.stop]

    def words(self, entry: Entry, first: int = 0, stop: int | None = None) -> np.ndarray:
        """Sub-fingerprints of one track, or of its frames [first, stop), shape (n_frames, 2), uint64.

        A view of the index, or made from those that the store has, each repeated for the frames that follow it: these
        overlap with it, so that they agree with it for the most part.

        Parameters
        ----------
        entry : Entry
            The track.
        first, stop : int >= 0
            Frames; those beyond the end are left out. Default: all.

        Raises
        ------
        EarmarkError
            If they are in the store, and it does not answer.
        """
        if "words" in self.arrays:
            return self.of(entry, "words")[first:stop]
        assert self.fetch is not None, f"segments of profile {self.profile.name!r} are opened with a store"
        step = self.profile.words_step
        some = self.fetch(*entry.key)[first // step : None if stop is None else -(-stop // step)]
        return np.repeat(some, step, axis=0)[first % step :][: None if stop is None else stop - first]

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
        arrays[name] = write_array(folder / f"{name}.npy", pieces)
    entries = _tiled(profile, ((*e.key, _lengths(profile, e)) for _, e in chosen))
    if _is_listed(profile, parts[0].arrays, entries):
        arrays |= _write_lists(folder, _merged_lists(chosen, entries))
    if _is_reduced(profile, entries):
        arrays |= _write_reduced(folder, entries, _mapped(folder, profile, arrays))
    _write_table(folder, profile, arrays, [[*e.key, *_lengths(profile, e)] for _, e in chosen])


def write_track(
    folder: Path, track_id: str, version: int, models: Iterable[TrackModel], profile: Profile = EXACT
) -> None:
    """Write one track into a new folder, as a segment, stretch by stretch as they come, and sync it to disk.

    Memory hardly grows with the track's length: if it has lists, they take about 1 MB an hour while they are made.

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
    with GrowingArrays(folder, {name: layout.dtype for name, layout in profile.arrays.items()}) as growing:
        for model in models:
            growing.append(_packed(model, profile))
        arrays = growing.finish()
    n_rows = {layout.kind: arrays[name]["shape"][0] for name, layout in profile.arrays.items()}
    table = [[track_id, version, *(n_rows[kind] for kind in profile.kinds)]]
    entries = _tiled(profile, [(track_id, version, table[0][2:])])
    written = _mapped(folder, profile, arrays)
    if _is_listed(profile, written, entries):
        whole = Segment(profile, entries, written)
        arrays |= _write_lists(folder, _merged_lists([(whole, entries[0])], entries))
    if _is_reduced(profile, entries):
        arrays |= _write_reduced(folder, entries, written)
    _write_table(folder, profile, arrays, table)


def n_bytes(parts: Sequence[Segment], dead: Container[Key] = frozenset()) -> int:
    """Return the most that the arrays that :func:`write` would write can take."""
    chosen = _chosen(parts, dead)
    rows = {kind: sum(len(entry.rows[kind]) for _, entry in chosen) for kind in parts[0].profile.kinds}
    widths = {name: array.itemsize * math.prod(array.shape[1:]) for name, array in parts[0].arrays.items()}
    listed = rows.get("slots", 0) * sum(dtype.itemsize for dtype in lists.ARRAYS.values())
    few = 0
    if parts[0].profile.has_mixtures and rows["windows"] >= lists.LISTED:
        few = reduced.n_bytes(len(chosen), rows["windows"], parts[0].arrays["gaussians"].shape[1])
    return listed + few + sum(rows[layout.kind] * widths[name] for name, layout in parts[0].profile.arrays.items())


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


def _mapped(folder: Path, profile: Profile, arrays: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Map the arrays of a profile that were just written."""
    return {
        name: map_array(folder / f"{name}.npy", layout.dtype, arrays[name]["shape"])
        for name, layout in profile.arrays.items()
    }


def _is_large(profile: Profile, entries: Sequence[Entry]) -> bool:
    """Whether a segment of these tracks is too large to be compared whole."""
    n_windows = entries[-1].rows["windows"].stop if entries and "windows" in profile.kinds else 0
    return n_windows >= lists.LISTED


def _is_reduced(profile: Profile, entries: Sequence[Entry]) -> bool:
    """Whether a segment of these tracks has reduced rows: if it is large, and has something to reduce."""
    return profile.has_mixtures and _is_large(profile, entries)


def _edges(entries: Sequence[Entry]) -> np.ndarray:
    """First window of each track, and the number of all."""
    ranges = [entry.rows["windows"] for entry in entries]
    return np.array([0, *(rows.stop for rows in ranges)], np.int64)


def _reduced(entries: Sequence[Entry], arrays: Mapping[str, np.ndarray]) -> Iterator[Reduced]:
    return reduced.build(_edges(entries), arrays["gaussians"], arrays["gaussian_terms"], arrays["silent"])


def _write_reduced(
    folder: Path, entries: Sequence[Entry], arrays: Mapping[str, np.ndarray]
) -> dict[str, dict[str, Any]]:
    """Reduce the windows of arrays and write their rows; return the new arrays' entries in the table."""
    with GrowingArrays(folder, reduced.ARRAYS) as growing:
        for number, piece in enumerate(_reduced(entries, arrays)):
            growing.append({name: array for name, array in piece.arrays().items() if number == 0 or "axes" not in name})
        return growing.finish()


def _is_listed(profile: Profile, arrays: Mapping[str, np.ndarray], entries: Sequence[Entry]) -> bool:
    """Whether a segment of these tracks has lists: if it is large, and the codebook fits its slots."""
    fits = "slots" in arrays and unpacked(arrays["slots"][:0]).shape[1] == codebook().n_coefficients
    return fits and _is_large(profile, entries)


def _merged_lists(chosen: Sequence[tuple[Segment, Entry]], entries: Sequence[Entry]) -> Iterator[Lists]:
    """Lists of tracks, ``chosen`` from their segments, that become ``entries``; cell after cell."""
    moved: dict[int, tuple[Segment, list[tuple[range, int]]]] = {}
    for (segment, old), new in zip(chosen, entries, strict=True):
        moved.setdefault(id(segment), (segment, []))[1].append((old.rows["slots"], new.rows["slots"].start))
    parts = []
    for segment, tracks in moved.values():
        tracks.sort(key=lambda track: track[0].start)
        first, stop, to = (
            np.array(column, np.int64) for column in zip(*((r.start, r.stop, new) for r, new in tracks), strict=True)
        )
        slots, step = segment.arrays["slots"], segment.profile.patch_step
        own = segment.lists or lists.build(((r.start, slots[r.start : r.stop]) for r, _ in tracks), codebook(), step)
        parts.append((own, first, stop, to))
    return lists.merged(parts)


def _write_lists(folder: Path, pieces: Iterable[Lists]) -> dict[str, dict[str, Any]]:
    """Write lists that come cell after cell; return the arrays' entries in the table."""
    with GrowingArrays(folder, lists.ARRAYS) as growing:
        n, start = 0, np.zeros(1, np.int64)
        growing.append({"list_start": start})
        for piece in pieces:
            growing.append(piece.arrays() | {"list_start": n + piece.start[1:]})
            n += piece.n
        return growing.finish()


def _write_table(folder: Path, profile: Profile, arrays: Mapping[str, Any], tracks: list[list[Any]]) -> None:
    """Write what :func:`read_table` reads: the last file of a segment."""
    table = {"format": FORMAT, "profile": profile.name, "arrays": arrays, "tracks": tracks}
    with open(folder / TABLE, "w") as file:
        json.dump(table, file)
        sync(file)
    sync_folder(folder)


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
