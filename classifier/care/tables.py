"""Lists of tracks as files: CSV, JSON, M3U, XSPF and JSPF, read into rows and written from tracks.

Conventions
-----------
- A row names a track (by id, identifier, file, or title and artist) and says what is known of it. Empty values say
  nothing. Columns and keys are those of ``earmark tracks list --json``; others are left out and counted.
- What is read is text from outside: cleaned where it is stored, and never obeyed. XML with a document type is refused,
  since that is where entities are declared.
- In CSV, a text that a spreadsheet would take for a formula has an apostrophe in front, which reading takes away.

Sources: RFC 4180 (CSV); xspf.org, "XSPF Version 1" and "JSPF Draft".
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from dataclasses import fields as dataclass_fields
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any
from urllib.parse import quote, unquote, urlsplit
from xml.etree import ElementTree  # nosec B405

from classifier.errors import InvalidInput
from classifier.identifiers import IDENTIFIERS
from classifier.results import Track

#: Fields of a track that a row may state.
FIELDS = ("title", "artist", "album", *IDENTIFIERS)
#: Ending of a file for each format.
FORMATS = ("csv", "json", "jspf", "m3u", "m3u8", "xspf")
MAX_BYTES = 200_000_000

#: Columns that name a track's id, and those that name its file.
_ID, _FILE = ("id", "track_id"), ("source", "file", "path", "filename", "location")
#: Other words for fields.
_ALIASES = {"creator": "artist", "name": "title", "artists": "artist", "release": "album"}
#: What Earmark writes beside, and nobody can change.
_OURS = frozenset(item.name for item in dataclass_fields(Track)) | {"duration"}
_NOTE = "metadata."
#: Columns of what models of labels said, a task each; several labels are joined by ``|``.
_LABEL = "label."
_XSPF = "http://xspf.org/ns/0/"
_FORMULA = re.compile(r"'*[=+\-@\t\r]")


class TableUnreadable(InvalidInput):
    """A list of tracks is of no known format, or damaged."""

    name = "table_unreadable"


@dataclass(frozen=True, slots=True)
class Row:
    """One entry of a list.

    Parameters
    ----------
    place : str
        Where it stands, for messages: ``row 3``.
    track_id, file : str
        Id of a track, and name of its file without folder and ending; empty if unknown.
    fields : dict of str to str
        Some of :data:`FIELDS`, none empty.
    notes : dict of str to str
        Free text by name.
    """

    place: str
    track_id: str = ""
    file: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Table:
    """What was read: rows, and how often columns or keys occurred that mean nothing here."""

    rows: list[Row]
    left_out: Counter[str]


# -------------------------------------------------------------------- in


def read_table(data: bytes, kind: str) -> Table:
    """Read a list of tracks.

    Parameters
    ----------
    data : bytes
        Of the file: UTF-8, UTF-16 with its mark, or Windows code page 1252.
    kind : str
        One of :data:`FORMATS`.

    Raises
    ------
    TableUnreadable
        If it is not of that format, too large, or names no column that is known.
    """
    if kind not in _READERS:
        raise TableUnreadable(f"lists of the format {kind!r} are not read: use one of {', '.join(FORMATS)}")
    if len(data) > MAX_BYTES:
        raise TableUnreadable(f"the list has {len(data):,} bytes; at most {MAX_BYTES:,} are read: split it")
    left_out: Counter[str] = Counter()
    return Table(_READERS[kind](_text(data), left_out), left_out)


def _text(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _from_csv(text: str, left_out: Counter[str]) -> list[Row]:
    heading = text.partition("\n")[0]
    delimiter = max(",;\t", key=heading.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        names = [name.strip() for name in next(reader, [])]
        if not any(_known(name) for name in names):
            raise TableUnreadable(
                f"the first line names no column that is known: {', '.join((*_ID[:1], *_FILE[:1], *FIELDS))} are"
            )
        rows = []
        for cells in reader:
            values = {name: _plain(cell) for name, cell in zip(names, cells, strict=False)}
            if any(values.values()):
                rows.append(_row(f"line {reader.line_num}", values, left_out))
        return rows
    except csv.Error as error:
        raise TableUnreadable(f"line {reader.line_num} is no CSV: {error}") from None


def _plain(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell, 1) else cell


def _from_json(text: str, left_out: Counter[str]) -> list[Row]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        values = _lines(text)
    if isinstance(values, dict):
        if isinstance(values.get("playlist"), dict):
            return _of_playlist(values["playlist"], left_out)
        values = values["tracks"] if isinstance(values.get("tracks"), list) else [values]
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise TableUnreadable("the JSON is no list of objects, such as 'earmark tracks list --json' prints")
    return [_row(f"entry {number}", value, left_out) for number, value in enumerate(values, start=1)]


def _lines(text: str) -> list[Any]:
    values = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                values.append(json.loads(line))
            except (ValueError, RecursionError):
                raise TableUnreadable(f"line {number} is no JSON") from None
    return values


def _of_playlist(playlist: Mapping[str, Any], left_out: Counter[str]) -> list[Row]:
    tracks = playlist.get("track")
    if not isinstance(tracks, list) or not all(isinstance(track, dict) for track in tracks):
        raise TableUnreadable("the playlist has no list of objects under 'track'")
    rows = []
    for number, track in enumerate(tracks, start=1):
        ids, locations = _list(track.get("identifier")), _list(track.get("location"))
        plain = {name: value for name, value in track.items() if name not in ("identifier", "location")}
        rows.append(_of_addresses(f"entry {number}", plain, ids, locations, left_out))
    return rows


def _list(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [text for text in values if isinstance(text, str)]


def _from_xspf(text: str, left_out: Counter[str]) -> list[Row]:
    if re.search(r"<!(DOCTYPE|ENTITY)", text, re.IGNORECASE):
        raise TableUnreadable("the XSPF declares a document type, which no playlist needs: it is not read")
    try:
        root = ElementTree.fromstring(re.sub(r"^\s*<\?xml[^>]*\?>", "", text))  # nosec B314
    except ElementTree.ParseError as error:
        raise TableUnreadable(f"the XSPF is no XML: {error}") from None
    rows = []
    for number, track in enumerate(root.iter(f"{{{_XSPF}}}track"), start=1):
        found: dict[str, list[str]] = {}
        for child in track:
            found.setdefault(str(child.tag).rpartition("}")[2], []).append((child.text or "").strip())
        ids, locations = found.pop("identifier", []), found.pop("location", [])
        plain = {name: values[0] for name, values in found.items()}
        rows.append(_of_addresses(f"entry {number}", plain, ids, locations, left_out))
    if not rows:
        raise TableUnreadable(f"the XSPF holds no track of the namespace {_XSPF}")
    return rows


def _of_addresses(
    place: str, values: dict[str, Any], identifiers: list[str], locations: list[str], left_out: Counter[str]
) -> Row:
    """Return the row of a playlist's entry, whose identifiers are addresses."""
    for address in identifiers:
        kind, _, rest = address.removeprefix("urn:").partition(":")
        if kind == "earmark":
            values["id"] = rest
        elif kind == "isrc":
            values["isrc"] = rest
        else:
            for name, part in (("recording_mbid", "musicbrainz.org/recording/"), ("acoustid", "acoustid.org/")):
                if part in address:
                    values.setdefault(name, address)
    if locations:
        first = locations[0]  # an address, if only relative to the playlist
        values["location"] = first if "://" in first else unquote(first)
    return _row(place, values, left_out)


def _from_m3u(text: str, left_out: Counter[str]) -> list[Row]:
    rows: list[Row] = []
    facts: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()
        if line.startswith("#EXTINF:"):
            shown = line.partition(",")[2].strip()
            artist, dash, title = shown.partition(" - ")
            facts |= {"artist": artist, "title": title} if dash else {"title": shown}
        elif line.startswith(("#EXTALB:", "#EXTART:")):
            facts["album" if line.startswith("#EXTALB") else "artist"] = line.partition(":")[2].strip()
        elif line and not line.startswith("#"):
            rows.append(_row(f"line {number}", {**facts, "location": line}, left_out))
            facts = {}
    return rows


def _row(place: str, values: Mapping[str, Any], left_out: Counter[str]) -> Row:
    fields: dict[str, str] = {}
    notes: dict[str, str] = {}
    track_id = file = ""
    for raw, value in values.items():
        name = _known(str(raw))
        if name == "metadata" and isinstance(value, dict):
            notes |= {str(key): text for key, text in value.items() if isinstance(text, str) and text}
            continue
        text = value.strip() if isinstance(value, str) else ""
        if not name and (str(raw) in _OURS or str(raw).startswith(_LABEL)):
            continue
        if not name:
            left_out[str(raw)] += 1
        elif not text:
            continue
        elif name == "id":
            track_id = text
        elif name == "file":
            file = file or stem(text)
        elif name.startswith(_NOTE):
            notes[name.removeprefix(_NOTE)] = text
        else:
            fields[name] = text
    return Row(place, track_id, file, fields, notes)


def _known(name: str) -> str:
    """Return what a column or key means: ``id``, ``file``, ``metadata``, a note or a field; empty if nothing here."""
    name = name.strip()
    if name.lower().startswith(_NOTE) and len(name) > len(_NOTE):
        return _NOTE + name[len(_NOTE) :]
    name = name.lower().replace(" ", "_")
    if name in _ID:
        return "id"
    if name in _FILE:
        return "file"
    name = _ALIASES.get(name, name)
    return name if name in (*FIELDS, "metadata") else ""


def stem(location: str) -> str:
    """Return the name of a file without folder and ending, from a path of any system or an address."""
    parts = urlsplit(location) if "://" in location else None
    path = unquote(parts.path) if parts is not None else location
    name = PureWindowsPath(path).name if "\\" in path else PurePosixPath(path).name
    # What is a title with a dot in it, has no ending: "Vol. 2".
    return re.sub(r"(?<=.)\.[A-Za-z0-9]{1,5}$", "", name)


_READERS: dict[str, Callable[[str, Counter[str]], list[Row]]] = {
    "csv": _from_csv,
    "json": _from_json,
    "jspf": _from_json,
    "m3u": _from_m3u,
    "m3u8": _from_m3u,
    "xspf": _from_xspf,
}

# -------------------------------------------------------------------- out


def write_table(tracks: Iterable[Track], kind: str, locations: Mapping[str, str] | None = None) -> str:
    """Return a list of tracks as text.

    Parameters
    ----------
    tracks : iterable of Track
        What is listed, in this order.
    kind : str
        One of :data:`FORMATS`.
    locations : mapping of str to str, optional
        Path of a track's file, by track id; playlists name the file without it.

    Raises
    ------
    TableUnreadable
        If the format is unknown.
    """
    if kind not in _WRITERS:
        raise TableUnreadable(f"lists of the format {kind!r} are not written: use one of {', '.join(FORMATS)}")
    return _WRITERS[kind](list(tracks), locations or {})


def _to_csv(tracks: list[Track], _: Mapping[str, str]) -> str:
    notes = sorted({name for track in tracks for name in track.metadata})
    tasks = sorted({task for track in tracks for task in track.labels})
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    columns = [*(_LABEL + task for task in tasks), *(_NOTE + name for name in notes)]
    writer.writerow(["id", *FIELDS, "source", "duration_s", *columns])
    for track in tracks:
        texts = [getattr(track, name) or "" for name in FIELDS]
        cells = [track.id, *texts, track.source, f"{track.duration_s:.2f}"]
        cells += ["|".join(track.labels[task]["labels"]) if task in track.labels else "" for task in tasks]
        writer.writerow([_no_formula(cell) for cell in [*cells, *(track.metadata.get(name, "") for name in notes)]])
    return out.getvalue()


def _no_formula(cell: str) -> str:
    return "'" + cell if _FORMULA.match(cell) else cell


def _to_json(tracks: list[Track], _: Mapping[str, str]) -> str:
    return json.dumps([track.to_dict() for track in tracks], ensure_ascii=False, indent=1) + "\n"


def _addresses(track: Track) -> list[str]:
    found = [f"earmark:{track.id}"]
    if track.isrc:
        found.append(f"isrc:{track.isrc}")
    if track.recording_mbid:
        found.append(f"https://musicbrainz.org/recording/{track.recording_mbid}")
    if track.acoustid:
        found.append(f"https://acoustid.org/track/{track.acoustid}")
    return found


def _address(track: Track, locations: Mapping[str, str]) -> str:
    """Return where a track's file is, as an address; of a name alone, relative to wherever the playlist is."""
    place = locations.get(track.id)
    return quote(track.source, safe="") if place is None else Path(place).absolute().as_uri()


def _to_jspf(tracks: list[Track], locations: Mapping[str, str]) -> str:
    entries = []
    for track in tracks:
        entry: dict[str, Any] = {"identifier": _addresses(track), "title": track.title}
        entry |= {name: text for name, text in (("creator", track.artist), ("album", track.album)) if text}
        entries.append({**entry, "duration": round(1000 * track.duration_s), "location": [_address(track, locations)]})
    playlist = {"title": tracks[0].catalogue if tracks else "", "track": entries}
    return json.dumps({"playlist": playlist}, ensure_ascii=False, indent=1) + "\n"


def _to_xspf(tracks: list[Track], locations: Mapping[str, str]) -> str:
    root = ElementTree.Element("playlist", {"version": "1", "xmlns": _XSPF})
    entries = ElementTree.SubElement(root, "trackList")
    for track in tracks:
        entry = ElementTree.SubElement(entries, "track")
        ElementTree.SubElement(entry, "location").text = _address(track, locations)
        for address in _addresses(track):
            ElementTree.SubElement(entry, "identifier").text = address
        for name, text in (("title", track.title), ("creator", track.artist), ("album", track.album)):
            if text:
                ElementTree.SubElement(entry, name).text = text
        ElementTree.SubElement(entry, "duration").text = str(round(1000 * track.duration_s))
    ElementTree.indent(root, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, "unicode") + "\n"


def _to_m3u(tracks: list[Track], locations: Mapping[str, str]) -> str:
    lines = ["#EXTM3U"]
    for track in tracks:
        shown = f"{track.artist} - {track.title}" if track.artist else track.title
        lines += [f"#EXTINF:{round(track.duration_s)},{shown}"]
        lines += [f"#EXTALB:{track.album}"] if track.album else []
        # A name that begins like a comment would be taken for one.
        place = locations.get(track.id, track.source)
        lines.append(f"./{place}" if place.startswith("#") else place)
    return "\n".join(lines) + "\n"


_WRITERS: dict[str, Callable[[list[Track], Mapping[str, str]], str]] = {
    "csv": _to_csv,
    "json": _to_json,
    "jspf": _to_jspf,
    "m3u": _to_m3u,
    "m3u8": _to_m3u,
    "xspf": _to_xspf,
}
