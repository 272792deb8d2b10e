"""Reading a catalogue's archive: every entry is checked before any of it is used.

The format is described in :mod:`classifier.records.archive`. Only entries with exactly its names are read, none beyond
the size that it announces, and each against its checksum.
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from classifier.config import FeatureConfig, hash_of
from classifier.errors import FileMissing, InvalidConfig, InvalidInput, StoreCorrupt
from classifier.models.background import BUILTIN, builtin_background
from classifier.records import chunks, labels
from classifier.records.tracks import LATER
from classifier.store.base import MAX_DOCUMENT_BYTES
from classifier.store.packing import unpack

FORMAT = "earmark-catalogue"
VERSION = 2

_ENTRY = re.compile(
    r"archive\.json|background\.bin|tracks/\d{6,9}/track\.json|tracks/\d{6,9}/(models|slots|subfingerprints)-\d{5}\.bin"
)
INDEX, INDEX_SUM = "index.json", "index.sha256"
_INDEX_BYTES_AN_ENTRY = 512
"""Most bytes of the index for each entry: name (at most 50 letters), size and checksum need 200."""
TEXT_FIELDS = ("title", "artist", "album", "isrc", "source", "content_hash", "file_hash", "created")
#: Fields that tracks in older archives lack.
ADDED_FIELDS: dict[str, Any] = {"by_hand": [], "packet_hash": "", "remarks": [], **dict.fromkeys(LATER)}


class ArchiveUnreadable(InvalidInput):
    """The file is not a catalogue's archive, is damaged, or was written by a newer Earmark."""

    name = "archive_unreadable"


def check_archive(source: Path) -> int:
    """Read an archive from end to end and compare every checksum; return how many tracks it holds.

    Raises
    ------
    FileMissing
        If there is no such file.
    ArchiveUnreadable
        Naming the first entry that is damaged, missing or unexpected.
    """
    with open_archive(source) as reader:
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


class Reader:
    """Entries of an archive, each checked when it is read."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        infos = archive.infolist()
        self._infos = {info.filename: info for info in infos}
        if len(self._infos) != len(infos):
            raise ArchiveUnreadable("the archive has two entries of the same name")
        index = self._raw(INDEX, _INDEX_BYTES_AN_ENTRY * len(infos))
        if self._raw(INDEX_SUM, 64) != hashlib.sha256(index).hexdigest().encode():
            raise ArchiveUnreadable(f"archive entry {INDEX!r} is damaged: its checksum differs")
        entries = _json(INDEX, index, {"entries": dict})["entries"]
        self._sums: dict[str, str] = {}
        for name, about in entries.items():
            if not _ENTRY.fullmatch(name) or not isinstance(about, dict) or not isinstance(about.get("sha256"), str):
                raise ArchiveUnreadable(f"archive entry {name[:80]!r} does not belong into an archive")
            self._sums[name] = about["sha256"]
        for name in self._infos:
            if name not in self._sums and name not in (INDEX, INDEX_SUM):
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
            if about["background"] and not ships(about["background"], config):
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
                about = ADDED_FIELDS | _json(name, self.read(name), _TRACK_FIELDS)
                yield {**_check(name, about, _LATER_TYPES), "labels": _labels(name, about), "folder": folder + slash}

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
def open_archive(source: Path) -> Iterator[Reader]:
    """Open an archive for the length of a ``with`` block; errors as of :func:`check_archive`."""
    if not source.is_file():
        raise FileMissing(f"there is no file {source.name!r}")
    try:
        archive = zipfile.ZipFile(source)
    except (zipfile.BadZipFile, OSError, ValueError, EOFError):
        raise ArchiveUnreadable(f"{source.name!r} is not a catalogue's archive, or is cut short") from None
    with archive:
        yield Reader(archive)


def _config(about: Mapping[str, Any]) -> FeatureConfig:
    """Return a catalogue's configuration; refuse one with which no track could be modelled."""
    try:
        config = FeatureConfig.from_dict(about["config"])
    except InvalidConfig as error:
        raise ArchiveUnreadable(f"this Earmark cannot use the archive's configuration: {error}") from None
    if hash_of(about["config"]) != about["config_hash"]:
        raise ArchiveUnreadable("the archive's configuration does not match its 'config_hash'")
    return config


def ships(background: str, config: FeatureConfig) -> bool:
    """Return whether a background need not be in an archive: it ships, and serves this configuration."""
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


def _labels(name: str, about: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    try:
        return labels.checked(about.get("labels", {}))
    except ValueError as error:
        raise ArchiveUnreadable(f"archive entry {name!r}: {error}") from None


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
