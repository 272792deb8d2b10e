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
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from classifier.errors import CatalogueExists, StoreCorrupt, TrackNotFound
from classifier.records import chunks, labels
from classifier.records.archive_reading import (
    ADDED_FIELDS,
    FORMAT,
    INDEX,
    INDEX_SUM,
    TEXT_FIELDS,
    VERSION,
    Reader,
    check_archive,
    open_archive,
)
from classifier.records.catalogues import (
    CatalogueRecord,
    create_catalogue,
    get_catalogue,
    load_background,
    set_background,
)
from classifier.records.clock import Clock, iso
from classifier.records.leases import new_owner
from classifier.records.tracks import set_by_hand, track_fields
from classifier.records.writing import AlreadyEnrolled, TrackWriter
from classifier.store.base import Document, Store
from classifier.store.packing import pack

#: Called with how many tracks are done, and how many there are.
Progress = Callable[[int, int], None]

_FIXED_TIME = (1980, 1, 1, 0, 0, 0)


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
        self.add(INDEX, {"entries": dict(self._entries)})
        self.add(INDEX_SUM, self._entries[INDEX]["sha256"].encode())


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
        about |= {
            **{name: track.get(name, empty) for name, empty in ADDED_FIELDS.items()},
            "by_hand": set_by_hand(track),
            "labels": labels.of_record(track),
        }
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
    with open_archive(source) as reader:
        record = _import_catalogue(store, reader, name, now)
        added = 0
        for done, track in enumerate(reader.tracks()):
            added += _import_track(store, reader, track, record, owner, lease_seconds, now)
            if progress:
                progress(done + 1, n_tracks)
    return Imported(get_catalogue(store, record.name), added, n_tracks - added)


def _import_catalogue(store: Store, reader: Reader, name: str | None, now: Clock) -> CatalogueRecord:
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
    reader: Reader,
    track: Mapping[str, Any],
    record: CatalogueRecord,
    owner: str,
    lease_seconds: float,
    now: Clock,
) -> bool:
    flat = track["metadata"]
    fields = {name: track[name] for name in (*TEXT_FIELDS, *ADDED_FIELDS, "duration_s")}
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
    if track["labels"]:
        labels.put(store, writer.track_id, track["labels"])
    return True
