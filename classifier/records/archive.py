"""A whole catalogue as one file: to move it between stores, to back it up, to pass it on.

The format, version 2, is a zip file that any tool opens (``docs/archive.md`` describes it for users):

- ``archive.json``: ``{"format": "earmark-catalogue", "version": 2, "created", "catalogue": {…}}``; the catalogue's
  ``name``, ``config``, ``config_hash``, ``background``, ``created``, and ``layout`` if ``background.bin`` is there.
- ``background.bin``: packed arrays of the catalogue's own background mixture, if it has one.
- ``tracks/000000/track.json``: ``id`` and the fields of a track, and under ``models``, ``slots`` and
  ``subfingerprints`` one ``{"rows", "layout"}`` for each packed chunk, in order.
- ``tracks/000000/models-00000.bin``, ``tracks/000000/slots-00000.bin`` and
  ``tracks/000000/subfingerprints-00000.bin``: the packed arrays, as ``packing.py`` describes them: little-endian,
  nothing pickled.
- ``index.json``: ``{"entries": {name: {"bytes", "sha256"}}}`` for every other entry; ``index.sha256``: the SHA-256 of
  ``index.json`` in hexadecimal. Both come last.

Nothing is ever unpacked to disk, and only entries with exactly these names are read, so that an archive cannot
write anywhere. An archive is checked from end to end before any of it is stored.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
import uuid
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from classifier.config import FeatureConfig, hash_of
from classifier.errors import CatalogueExists, FileMissing, InvalidConfig, InvalidInput, StoreCorrupt, TrackNotFound
from classifier.models.background import BUILTIN, builtin_background
from classifier.records import chunks
from classifier.records.catalogues import (
    CatalogueRecord,
    create_catalogue,
    get_catalogue,
    load_background,
    set_background,
)
from classifier.records.clock import Clock, iso
from classifier.records.leases import new_owner
from classifier.records.tracks import LATER, set_by_hand, track_fields
from classifier.records.writing import AlreadyEnrolled, TrackWriter
from classifier.store.base import MAX_DOCUMENT_BYTES, Document, Store
from classifier.store.packing import pack, unpack

FORMAT = "earmark-catalogue"
VERSION = 2

#: Called with how many tracks are done, and how many there are.
Progress = Callable[[int, int], None]

_ENTRY = re.compile(
    r"archive\.json|background\.bin|tracks/\d{6,9}/track\.json|tracks/\d{6,9}/(models|slots|subfingerprints)-\d{5}\.bin"
)
_INDEX, _INDEX_SUM = "index.json", "index.sha256"
_INDEX_BYTES_AN_ENTRY = 512
"""Most bytes of the index for each entry: name (at most 50 letters), size and checksum need 200."""
_FIXED_TIME = (1980, 1, 1, 0, 0, 0)
_TEXT_FIELDS = ("title", "artist", "album", "isrc", "source", "content_hash", "file_hash", "created")
#: Fields that tracks in older archives lack.
_LATER: dict[str, Any] = {"by_hand": [], "packet_hash": "", "remarks": [], **dict.fromkeys(LATER)}


class ArchiveUnreadable(InvalidInput):
    """The file is not a catalogue's archive, is damaged, or was written by a newer Earmark."""

    name = "archive_unreadable"


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did.

    Parameters
    ----------
    catalogue : CatalogueRecord
        The catalogue that has the tracks now.
    added, known : int
        Tracks that were added, and tracks whose audio was already there.
    """

    catalogue: CatalogueRecord
    added: int
    known: int


# -------------------------------------------------------------------- out


def export_catalogue(
    store: Store, name: str, target: Path, *, now: Clock = time.time, progress: Progress | None = None
) -> int:
    """Write a catalogue with all its tracks to a file, which appears only when it is complete.

    Tracks that are added or removed meanwhile may be missing.

    Parameters
    ----------
    store : Store
        Where the catalogue is.
    name : str
        Which catalogue.
    target : Path
        File to write; an existing one is replaced.
    now : callable
        Clock for the time of writing, Unix seconds.
    progress : callable or None
        Called after every track.

    Returns
    -------
    int
        Tracks written.

    Raises
    ------
    CatalogueNotFound
        If there is no such catalogue.
    StoreCorrupt
        If a track is damaged; nothing is written then.
    OSError
        If the file cannot be written.
    """
    record = get_catalogue(store, name)
    where = {"catalogue": name, "catalogue_id": record.id, "status": "ready"}
    ids = [found["_id"] for found in store.find("tracks", where, fields=[])]
    part = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.part")
    n_tracks = 0
    try:
        with open(part, "xb") as file:
            with zipfile.ZipFile(file, "w") as archive:
                writer = _Writer(archive)
                _write_catalogue(writer, store, record, iso(now()))
                for done, track_id in enumerate(ids):
                    n_tracks += _write_track(writer, store, track_id, n_tracks)
                    if progress:
                        progress(done + 1, len(ids))
                writer.finish()
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)
    return n_tracks


class _Writer:
    """Adds entries and remembers their checksums."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._entries: dict[str, dict[str, Any]] = {}

    def add(self, name: str, content: bytes | dict[str, Any]) -> None:
        """Add an entry: bytes uncompressed, because packed floats do not shrink; objects as compressed JSON."""
        info = zipfile.ZipInfo(name, _FIXED_TIME)
        info.external_attr = 0o644 << 16
        if isinstance(content, dict):
            info.compress_type = zipfile.ZIP_DEFLATED
            content = json.dumps(content, ensure_ascii=False, allow_nan=False, indent=1).encode()
        self._archive.writestr(info, content)
        self._entries[name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}

    def finish(self) -> None:
        """Add the index."""
        self.add(_INDEX, {"entries": dict(self._entries)})
        self.add(_INDEX_SUM, self._entries[_INDEX]["sha256"].encode())


def _write_catalogue(writer: _Writer, store: Store, record: CatalogueRecord, created: str) -> None:
    fields = ("name", "config", "config_hash", "background", "created")
    about: dict[str, Any] = {name: getattr(record, name) for name in fields}
    arrays = load_background(store, record.name)
    if arrays is not None:
        data, about["layout"] = pack(arrays)
        writer.add("background.bin", data)
    writer.add("archive.json", {"format": FORMAT, "version": VERSION, "created": created, "catalogue": about})


def _write_track(writer: _Writer, store: Store, track_id: str, number: int) -> bool:
    """Write a complete track, or nothing if it is gone."""
    folder = f"tracks/{number:06d}/"
    for _ in range(5):
        track = store.get("tracks", track_id)
        if track is None or track["status"] != "ready":
            return False
        about = {"id": track_id, **track_fields(track)}
        del about["catalogue"]
        about |= {**{name: track.get(name, empty) for name, empty in _LATER.items()}, "by_hand": set_by_hand(track)}
        try:
            blobs = list(_read_chunks(store, track, about))
        except StoreCorrupt:
            again = store.get("tracks", track_id)
            if again is not None and (again["status"], again["version"]) == ("ready", track["version"]):
                raise
            continue  # replaced or removed while being read
        writer.add(folder + "track.json", about)
        for name, data in blobs:
            writer.add(folder + name, data)
        return True
    raise TrackNotFound(f"track {track_id!r} keeps being replaced: try again later")


def _read_chunks(store: Store, track: Document, about: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    for collection, (n_chunks, _) in chunks.COUNTS.items():
        row = 0
        about[collection] = []
        for number in range(track[n_chunks]):
            chunk = store.get(collection, chunks.chunk_id(track["_id"], track["version"], number))
            chunks.open_chunk(collection, track["_id"], track["version"], number, chunk, row)
            assert chunk is not None  # open_chunk has checked that
            about[collection].append({"rows": chunk["count"], "layout": chunk["layout"]})
            row += chunk["count"]
            yield f"{collection}-{number:05d}.bin", chunk["data"]


# -------------------------------------------------------------------- in


def check_archive(source: Path) -> int:
    """Read an archive from end to end and compare every checksum; return how many tracks it holds.

    Raises
    ------
    FileMissing
        If there is no such file.
    ArchiveUnreadable
        Naming the first entry that is damaged, missing or unexpected.
    """
    with _open(source) as reader:
        reader.catalogue()
        n_tracks = 0
        for track in reader.tracks():
            for collection in chunks.MAX_ROWS:
                for _ in reader.arrays(track, collection):
                    pass
            n_tracks += 1
        for name in list(reader.unread):
            reader.read(name)
        return n_tracks


def import_catalogue(
    store: Store,
    source: Path,
    *,
    name: str | None = None,
    owner: str | None = None,
    lease_seconds: float = 60.0,
    now: Clock = time.time,
    progress: Progress | None = None,
) -> Imported:
    """Add the tracks of an archive to a catalogue, which is created if it does not exist.

    Each track is added completely or not at all. Tracks whose audio is already there stay as they are, so that an
    interrupted import can be resumed.

    Parameters
    ----------
    store : Store
        The store to add to.
    source : Path
        The archive.
    name : str or None
        Catalogue to add to; None: the one named in the archive.
    owner : str or None
        Who writes; shown to people who look into the store.
    lease_seconds : float
        As :meth:`TrackWriter.begin`.
    now : callable
        Clock, Unix seconds.
    progress : callable or None
        Called after every track.

    Returns
    -------
    Imported
        The catalogue, and how many tracks were added.

    Raises
    ------
    FileMissing
        If there is no such file.
    ArchiveUnreadable
        Naming the first entry that is damaged; nothing is stored then.
    CatalogueExists
        If the catalogue exists with another configuration or background.
    TrackBusy
        If another process is writing one of the tracks.
    """
    n_tracks = check_archive(source)
    owner = owner or new_owner()
    with _open(source) as reader:
        record = _import_catalogue(store, reader, name, now)
        added = 0
        for done, track in enumerate(reader.tracks()):
            added += _import_track(store, reader, track, record, owner, lease_seconds, now)
            if progress:
                progress(done + 1, n_tracks)
    return Imported(get_catalogue(store, record.name), added, n_tracks - added)


def _import_catalogue(store: Store, reader: _Reader, name: str | None, now: Clock) -> CatalogueRecord:
    about, arrays = reader.catalogue()
    record = create_catalogue(
        store,
        name or about["name"],
        about["config"],
        about["config_hash"],
        background="" if arrays is not None else about["background"],
        created=about["created"],
        now=now,
    )
    if arrays is not None:
        record = set_background(store, record.name, about["background"], arrays)
    if record.background != about["background"]:
        raise CatalogueExists(
            f"catalogue {record.name!r} has the background {record.background!r}, the archive {about['background']!r}: "
            "their models cannot be compared; import into another catalogue"
        )
    return record


def _import_track(
    store: Store,
    reader: _Reader,
    track: Mapping[str, Any],
    record: CatalogueRecord,
    owner: str,
    lease_seconds: float,
    now: Clock,
) -> bool:
    flat = track["metadata"]
    fields = {name: track[name] for name in (*_TEXT_FIELDS, *_LATER, "duration_s")}
    fields |= {
        "catalogue": record.name,
        "catalogue_id": record.id,
        "metadata": dict(zip(flat[::2], flat[1::2], strict=True)),
    }
    try:
        writer = TrackWriter.begin(
            store,
            fields,
            owner=owner,
            lease_seconds=lease_seconds,
            track_id=track["id"],
            first_version=track["version"],
            now=now,
        )
    except AlreadyEnrolled:
        return False
    with writer:
        for arrays in reader.arrays(track, "models"):
            writer.add_models(arrays)
        for arrays in reader.arrays(track, "slots"):
            writer.add_slots(arrays[chunks.MEANS])
        for arrays in reader.arrays(track, "subfingerprints"):
            writer.add_subfingerprints(arrays[chunks.WORDS])
        writer.commit()
    return True


class _Reader:
    """Entries of an archive, each checked when it is read."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        infos = archive.infolist()
        self._infos = {info.filename: info for info in infos}
        if len(self._infos) != len(infos):
            raise ArchiveUnreadable("the archive has two entries of the same name")
        index = self._raw(_INDEX, _INDEX_BYTES_AN_ENTRY * len(infos))
        if self._raw(_INDEX_SUM, 64) != hashlib.sha256(index).hexdigest().encode():
            raise ArchiveUnreadable(f"archive entry {_INDEX!r} is damaged: its checksum differs")
        entries = _json(_INDEX, index, {"entries": dict})["entries"]
        self._sums: dict[str, str] = {}
        for name, about in entries.items():
            if not _ENTRY.fullmatch(name) or not isinstance(about, dict) or not isinstance(about.get("sha256"), str):
                raise ArchiveUnreadable(f"archive entry {name[:80]!r} does not belong into an archive")
            self._sums[name] = about["sha256"]
        for name in self._infos:
            if name not in self._sums and name not in (_INDEX, _INDEX_SUM):
                raise ArchiveUnreadable(f"archive entry {name[:80]!r} is not in its index")
        self.names = list(self._sums)
        self.unread = dict.fromkeys(self.names)

    def read(self, name: str) -> bytes:
        """Return the content of an entry, after comparing its checksum."""
        if name not in self._sums:
            raise ArchiveUnreadable(f"archive entry {name!r} is missing")
        content = self._raw(name, MAX_DOCUMENT_BYTES)
        if hashlib.sha256(content).hexdigest() != self._sums[name]:
            raise ArchiveUnreadable(f"archive entry {name!r} is damaged: its checksum differs")
        self.unread.pop(name, None)
        return content

    def _raw(self, name: str, most: int) -> bytes:
        info = self._infos.get(name)
        if info is None:
            raise ArchiveUnreadable(f"archive entry {name!r} is missing")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or info.file_size > most:
            raise ArchiveUnreadable(f"archive entry {name!r} is too large, or compressed in an unknown way")
        try:
            with self._archive.open(info) as entry:
                content = entry.read(most + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, OSError) as error:
            raise ArchiveUnreadable(f"archive entry {name!r} is damaged: {error}") from None
        if len(content) > most:
            raise ArchiveUnreadable(f"archive entry {name!r} is larger than it says")
        return content

    def catalogue(self) -> tuple[dict[str, Any], dict[str, np.ndarray] | None]:
        """Return the catalogue's description, and the arrays of its background if it has its own."""
        head = _json("archive.json", self.read("archive.json"), {"format": str, "version": int, "catalogue": dict})
        if head["format"] != FORMAT:
            raise ArchiveUnreadable(f"the archive holds {head['format'][:80]!r}, not {FORMAT!r}")
        if head["version"] > VERSION:
            raise ArchiveUnreadable(f"the archive has version {head['version']}; this Earmark reads up to {VERSION}")
        if head["version"] < VERSION:
            raise ArchiveUnreadable(
                f"the archive has version {head['version']}, whose models this Earmark cannot compare: enroll the "
                "tracks from their files"
            )
        about: dict[str, Any] = head["catalogue"]
        _check("archive.json", about, _CATALOGUE_FIELDS)
        config = _config(about)
        if "layout" not in about:
            if about["background"] and not _ships(about["background"], config):
                raise ArchiveUnreadable(
                    f"the archive's background {about['background'][:80]!r} is not in it, and does not ship with this "
                    "Earmark for its configuration"
                )
            return about, None
        _check("archive.json", about, {"layout": list})
        arrays = _unpack("background.bin", self.read("background.bin"), about["layout"])
        _check_background(arrays, config)
        return about, arrays

    def tracks(self) -> Iterator[dict[str, Any]]:
        """Iterate over the tracks' descriptions; ``folder`` is where a track's chunks are."""
        for name in self.names:
            folder, slash, last = name.rpartition("/")
            if last == "track.json":
                about = _LATER | _json(name, self.read(name), _TRACK_FIELDS)
                yield {**_check(name, about, _LATER_TYPES), "folder": folder + slash}

    def arrays(self, track: Mapping[str, Any], collection: str) -> Iterator[dict[str, np.ndarray]]:
        """Iterate over the arrays of a track's chunks."""
        for number, about in enumerate(track[collection]):
            name = f"{track['folder']}{collection}-{number:05d}.bin"
            _check(track["folder"] + "track.json", about, {"rows": int, "layout": list})
            arrays = _unpack(name, self.read(name), about["layout"])
            if not arrays or any(array.shape[:1] != (about["rows"],) for array in arrays.values()):
                raise ArchiveUnreadable(f"archive entry {name!r} does not have {about['rows']} rows")
            only = {"slots": chunks.MEANS, "subfingerprints": chunks.WORDS}.get(collection)
            if only is not None and list(arrays) != [only]:
                raise ArchiveUnreadable(f"archive entry {name!r} does not hold {collection}")
            yield arrays


@contextmanager
def _open(source: Path) -> Iterator[_Reader]:
    if not source.is_file():
        raise FileMissing(f"there is no file {source.name!r}")
    try:
        archive = zipfile.ZipFile(source)
    except (zipfile.BadZipFile, OSError, ValueError, EOFError):
        raise ArchiveUnreadable(f"{source.name!r} is not a catalogue's archive, or is cut short") from None
    with archive:
        yield _Reader(archive)


def _config(about: Mapping[str, Any]) -> FeatureConfig:
    """Return a catalogue's configuration; refuse one with which no track could be modelled."""
    try:
        config = FeatureConfig.from_dict(about["config"])
    except InvalidConfig as error:
        raise ArchiveUnreadable(f"this Earmark cannot use the archive's configuration: {error}") from None
    if hash_of(about["config"]) != about["config_hash"]:
        raise ArchiveUnreadable("the archive's configuration does not match its 'config_hash'")
    return config


def _ships(background: str, config: FeatureConfig) -> bool:
    return background == BUILTIN and config.front_end_hash == builtin_background().front_end


def _check_background(arrays: Mapping[str, np.ndarray], config: FeatureConfig) -> None:
    """Refuse a background from which mixtures of this configuration could not start."""
    k, d = config.n_components, config.n_mfcc
    shapes = {
        "scale": (d,),
        "weights": (1, k),
        "means": (1, k, d),
        "covariances": (1, k, d, d),
        "slot_scale": (config.slot_mfcc,),
        "slot_variance": (1,),
    }
    for name, shape in shapes.items():
        array = arrays.get(name)
        if array is None or array.shape != shape or array.dtype.kind != "f" or not np.isfinite(array).all():
            raise ArchiveUnreadable(f"the archive's background has no finite {name!r} of shape {shape}")


_CATALOGUE_FIELDS: dict[str, Any] = {"name": str, "config": dict, "config_hash": str, "background": str, "created": str}
_OPTIONAL_TEXT = (str, type(None))
_LATER_TYPES: dict[str, Any] = {
    **{"by_hand": list, "packet_hash": str, "remarks": list},
    **dict.fromkeys(LATER, _OPTIONAL_TEXT),
}
_TRACK_FIELDS: dict[str, Any] = {
    **dict.fromkeys(("id", "title", "source", "content_hash", "file_hash", "created"), str),
    **dict.fromkeys(("artist", "album", "isrc"), _OPTIONAL_TEXT),
    "duration_s": (int, float),
    "version": int,
    "metadata": list,
    **dict.fromkeys(chunks.COUNTS, list),
}


def _json(name: str, content: bytes, fields: Mapping[str, Any]) -> dict[str, Any]:
    try:
        values = json.loads(content)
    except (ValueError, RecursionError):
        raise ArchiveUnreadable(f"archive entry {name!r} is not JSON") from None
    return _check(name, values, fields)


def _check(name: str, values: Any, fields: Mapping[str, Any]) -> dict[str, Any]:
    wrong = [field for field, kind in fields.items() if not isinstance(values, dict) or not _is(values, field, kind)]
    if wrong:
        raise ArchiveUnreadable(f"archive entry {name!r} lacks {wrong[0]!r}, or has it in another form")
    return dict(values)


def _is(values: Mapping[str, Any], field: str, kind: Any) -> bool:
    value = values.get(field)
    if field in ("metadata", "by_hand", "remarks") and not all(isinstance(text, str) for text in value or ()):
        return False
    if field == "metadata" and len(value or ()) % 2:
        return False
    return field in values and isinstance(value, kind) and (field != "version" or value >= 1)


def _unpack(name: str, data: bytes, layout: list[str]) -> dict[str, np.ndarray]:
    try:
        return unpack(data, layout)
    except StoreCorrupt as error:
        raise ArchiveUnreadable(f"archive entry {name!r} is damaged: {error}") from None
