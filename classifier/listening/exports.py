"""Tracklists as text for other programs: cue sheet, Audacity labels, CSV, JSPF, WebVTT chapters, JSON.

Pure functions from a :class:`~classifier.listening.segments.Tracklist` to text. Times are seconds of the recording.
Formats that give one name to each moment (cue sheets and chapters) are written from :func:`chapters`; the others have
every segment as it is, overlaps included. Names come from files, people and other libraries: each format's marks in
them are escaped as the format says, or put another way where it has no escape.

Sources: cue sheets, the appendix of the CDRWIN user's guide and
https://wiki.hydrogenaudio.org/index.php?title=Cue_sheet; labels,
https://manual.audacityteam.org/man/importing_and_exporting_labels.html; CSV, RFC 4180, and
https://owasp.org/www-community/attacks/CSV_Injection for what a spreadsheet would run; JSPF,
https://www.xspf.org/jspf; WebVTT, https://www.w3.org/TR/webvtt1, sections 4 and 6.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePath
from typing import Any

from classifier.errors import InvalidParameter
from classifier.listening.segments import Segment, Tracklist
from classifier.text import MAX_NOTE, clean

#: A stretch that is left of a segment after another one ended gets a line of its own from here on, seconds.
_LEAST_S = 1.0
#: Tracks that a cue sheet can hold.
CUE_TRACKS = 99
#: Frames of a cue sheet's second.
_CUE_FRAMES = 75
#: Columns of a CSV export.
COLUMNS = (
    "start_s", "end_s", "start", "end", "kind", "artist", "title", "album", "isrc", "source", "track_id", "offset_s",
    "speed", "confidence", "by_hand",
)  # fmt: skip
#: What a spreadsheet takes for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
#: What a stretch is called that is no track.
KINDS_SHOWN = {"track": "Track", "unknown": "Unknown music", "speech_noise": "Speech or noise", "silence": "Silence"}
_MBID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ISRC = re.compile(r"[A-Z]{2}[A-Z0-9]{3}[0-9]{7}")


@dataclass(frozen=True, slots=True)
class Chapter:
    """A moment's one name: a stretch of the recording and the segment that it is called after.

    Parameters
    ----------
    start_s, end_s : float
        Seconds of the recording, ``start_s < end_s``.
    segment : Segment
        What is heard, or heard best.
    """

    start_s: float
    end_s: float
    segment: Segment


def chapters(tracklist: Tracklist) -> list[Chapter]:
    """Return a recording as stretches that do not overlap, silence left out.

    Where segments overlap, the one that began last has the moment: a cross-fade belongs to the track that comes in, a
    jingle interrupts the track around it, and what is left of that track comes after.

    Parameters
    ----------
    tracklist : Tracklist
        Of any number of segments.

    Returns
    -------
    list of Chapter
        By start.
    """
    heard = [s for s in tracklist.segments if s.kind != "silence" and s.end_s > s.start_s]
    edges = sorted({edge for segment in heard for edge in (segment.start_s, segment.end_s)})
    found: list[Chapter] = []
    for start, end in pairwise(edges):
        audible = [s for s in heard if s.start_s <= start and s.end_s >= end]
        if not audible:
            continue
        latest = max(audible, key=lambda s: (s.start_s, s.kind == "track", s.confidence))
        before = found[-1] if found else None
        joins = before is not None and before.end_s == start
        is_rest = latest.start_s < start and end - start < _LEAST_S
        if before is not None and joins and (before.segment is latest or is_rest):
            found[-1] = Chapter(before.start_s, end, before.segment)
        else:
            found.append(Chapter(start, end, latest))
    return found


def name_of(segment: Segment) -> str:
    """Return what a person calls a segment: ``Artist - Title``, or what it is if it is no track."""
    title = _text(segment.title or segment.source or "")
    if not title:
        return KINDS_SHOWN[segment.kind]
    artist = _text(segment.artist or "")
    return f"{artist} - {title}" if artist else title


def cue(tracklist: Tracklist) -> str:
    """Return a cue sheet; minutes go on beyond 99, as players of long recordings read them.

    A cue sheet has no escape that all readers know: names have two single quotes for a double one, and a slash for a
    backslash.

    Raises
    ------
    InvalidParameter
        If there are more than :data:`CUE_TRACKS` stretches: the format ends there.
    """
    stretches = chapters(tracklist)
    if len(stretches) > CUE_TRACKS:
        raise InvalidParameter(
            f"a cue sheet holds {CUE_TRACKS} tracks at most, and this recording has {len(stretches)} stretches: "
            "export it as csv, jspf or webvtt"
        )
    name = _quoted(PurePath(tracklist.file).name or tracklist.file)
    kind = {"mp3": "MP3", "aif": "AIFF", "aiff": "AIFF"}.get(tracklist.file.rpartition(".")[2].lower(), "WAVE")
    lines = [f"TITLE {name}", f"FILE {name} {kind}"]
    last = -1
    for number, chapter in enumerate(stretches, start=1):
        segment = chapter.segment
        lines.append(f"  TRACK {number:02d} AUDIO")
        lines.append(f"    TITLE {_quoted(segment.title or segment.source or KINDS_SHOWN[segment.kind])}")
        if segment.artist:
            lines.append(f"    PERFORMER {_quoted(segment.artist)}")
        if segment.isrc and _ISRC.fullmatch(segment.isrc):
            lines.append(f"    ISRC {segment.isrc}")
        # Indexes have to grow, however short a stretch is.
        last = max(last + 1, round(chapter.start_s * _CUE_FRAMES))
        seconds, frames = divmod(last, _CUE_FRAMES)
        lines.append(f"    INDEX 01 {seconds // 60:02d}:{seconds % 60:02d}:{frames:02d}")
    return "\n".join(lines) + "\n"


def audacity(tracklist: Tracklist) -> str:
    """Return labels that Audacity imports: start, end and name of every segment that is not silence, a tab between."""
    heard = (segment for segment in tracklist.segments if segment.kind != "silence")
    return "".join(f"{s.start_s:.6f}\t{s.end_s:.6f}\t{name_of(s)}\n" for s in heard)


def comma_separated(tracklist: Tracklist) -> str:
    """Return a table with a heading and a line a segment, all of them, after RFC 4180.

    A text that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    target = io.StringIO(newline="")
    writer = csv.writer(target)
    writer.writerow(COLUMNS)
    for segment in tracklist.segments:
        values = {name: _rounded(value) for name, value in segment.to_dict().items()}
        values |= {"start": clock(segment.start_s), "end": clock(segment.end_s)}
        writer.writerow([cell(values[name]) for name in COLUMNS])
    return target.getvalue()


def _rounded(value: Any) -> Any:
    """Return a number to a millionth: what comes after that is how floats add up, and fills a reader's column."""
    return round(value, 6) if isinstance(value, float) else value


def jspf(tracklist: Tracklist, musicbrainz: Mapping[str, str] | None = None) -> str:
    """Return a playlist in JSPF: the tracks in the order in which they begin.

    A track's identifiers are the addresses of its recording and of its ISRC at MusicBrainz, where they are known.

    Parameters
    ----------
    tracklist : Tracklist
        Stretches that are no tracks are left out.
    musicbrainz : mapping of str to str, optional
        MusicBrainz recording ids by track id.
    """
    known = musicbrainz or {}
    tracks = []
    for segment in tracklist.segments:
        if segment.kind != "track":
            continue
        track: dict[str, Any] = {"title": _text(segment.title or segment.source or "")}
        for name, value in (("creator", segment.artist), ("album", segment.album)):
            if value and (text := _text(value)):
                track[name] = text
        track["duration"] = max(0, round(1000 * segment.duration_s))
        identifiers = []
        if (recording := known.get(segment.track_id or "", "").lower()) and _MBID.fullmatch(recording):
            identifiers.append(f"https://musicbrainz.org/recording/{recording}")
        if segment.isrc and _ISRC.fullmatch(segment.isrc):
            identifiers.append(f"https://musicbrainz.org/isrc/{segment.isrc}")
        if identifiers:
            track["identifier"] = identifiers
        track["annotation"] = f"{clock(segment.start_s)} to {clock(segment.end_s)}"
        tracks.append(track)
    playlist = {"title": _text(PurePath(tracklist.file).name or tracklist.file), "track": tracks}
    return json.dumps({"playlist": playlist}, ensure_ascii=False, indent=2) + "\n"


def webvtt(tracklist: Tracklist) -> str:
    """Return chapters in WebVTT, as a video or audio element takes them."""
    blocks = ["WEBVTT\n"]
    for number, chapter in enumerate(chapters(tracklist), start=1):
        start, end = round(1000 * chapter.start_s), round(1000 * chapter.end_s)
        # The end has to lie after the start, also of the shortest stretch.
        times = f"{clock(start / 1000)} --> {clock(max(end, start + 1) / 1000)}"
        name = name_of(chapter.segment).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        blocks.append(f"{number}\n{times}\n{name}\n")
    return "\n".join(blocks)


def plain_json(tracklist: Tracklist) -> str:
    """Return the JSON object of ``earmark tracklist --json``."""
    return json.dumps(tracklist.to_dict(), ensure_ascii=False, indent=2) + "\n"


@dataclass(frozen=True, slots=True)
class Format:
    """A format of exports.

    Parameters
    ----------
    ending : str
        Of files, without the dot.
    media_type : str
        For HTTP.
    shown : str
        What it is, for people.
    write : callable
        ``write(tracklist, musicbrainz)`` returns the text.
    """

    ending: str
    media_type: str
    shown: str
    write: Callable[[Tracklist, Mapping[str, str]], str]


#: Formats by name.
FORMATS = {
    "cue": Format("cue", "application/x-cue", "cue sheet", lambda t, _: cue(t)),
    "audacity": Format("txt", "text/plain", "Audacity labels", lambda t, _: audacity(t)),
    "csv": Format("csv", "text/csv", "table", lambda t, _: comma_separated(t)),
    "jspf": Format("jspf", "application/jspf+json", "playlist", jspf),
    "webvtt": Format("vtt", "text/vtt", "WebVTT chapters", lambda t, _: webvtt(t)),
    "json": Format("json", "application/json", "everything", lambda t, _: plain_json(t)),
}


def export(tracklist: Tracklist, form: str, *, musicbrainz: Mapping[str, str] | None = None) -> str:
    """Return a tracklist in one of :data:`FORMATS`.

    Parameters
    ----------
    tracklist : Tracklist
        What to write.
    form : str
        Name of the format.
    musicbrainz : mapping of str to str, optional
        MusicBrainz recording ids by track id.

    Raises
    ------
    InvalidParameter
        If there is no format of that name, or it cannot hold this tracklist.
    """
    if form not in FORMATS:
        raise InvalidParameter(f"there is no format {form!r}: choose one of {', '.join(FORMATS)}")
    return FORMATS[form].write(tracklist, musicbrainz or {})


def clock(seconds: float) -> str:
    """Return seconds as ``hh:mm:ss.mmm``; hours have two digits or more."""
    thousandths = max(0, round(1000 * seconds))
    minutes, rest = divmod(thousandths, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}"


def _text(value: str) -> str:
    """Return text as one line that holds nothing which a program obeys."""
    return clean(value, MAX_NOTE)


def _quoted(value: str) -> str:
    return '"' + _text(value).replace('"', "''").replace("\\", "/") + '"'


def cell(value: object) -> str:
    """Return a value as a cell of a table that no spreadsheet takes for a formula."""
    if not isinstance(value, str):
        return "" if value is None else str(value)
    text = _text(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
