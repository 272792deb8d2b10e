r"""Concatenated files: where each of them begins.

Radio dumps, recorders that restart and ``cat`` make them. Only chained Ogg is standardised (RFC 3533, section 4), but
some players play others to the end. FFmpeg reads most of them up to the first join only, or takes the second header
for sound, so each link is opened separately. Formats of independent frames (MP3, ADTS, AC-3, DTS, MPEG streams) need no
such care: their demuxers continue.

A link is recognised by the first bytes of a file of the same kind as the first link. The patterns are long enough (six
bytes at least, seven or more for most) that music does not contain them by chance.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from classifier.audio.id3 import tag_end
from classifier.audio.ogg import PAGE_HEAD, page_length
from classifier.audio.source import Source

#: Bytes read at a time, and the most that a pattern may cover.
_PIECE, _REACH = 1 << 20, 96


@dataclass(frozen=True, slots=True)
class Beginning:
    """How a kind of file begins.

    Parameters
    ----------
    needle : bytes
        Bytes to look for.
    before : int
        Bytes of the file before them.
    pattern : re.Pattern
        What the file's first bytes must match.
    """

    needle: bytes
    before: int
    pattern: re.Pattern[bytes]

    def opens(self, head: bytes) -> bool:
        """Return whether a file of this kind may begin with these bytes."""
        return head.startswith(self.needle, self.before) and self.pattern.match(head) is not None


def _beginning(needle: bytes, before: int, pattern: bytes) -> Beginning:
    return Beginning(needle, before, re.compile(pattern, re.DOTALL))


#: Bytes whose bit 3 is set.
_BIT_3 = b"[" + b"".join(re.escape(bytes([value])) for value in range(256) if value & 8) + b"]"
_OGG = _beginning(b"OggS\0\x02", 0, rb"OggS\0\x02.{20}[\x01-\xff]")
BEGINNINGS = (
    _OGG,
    _beginning(b"WAVE", 8, rb"(?:RIFF|RIFX|RF64|BW64).{4}WAVE[ -~]{4}"),
    _beginning(b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\0\0", 0, rb"riff"),
    _beginning(b"FORM", 0, rb"FORM.{4}AIF[FC][ -~]{4}"),
    _beginning(b"caff\0\1\0\0desc", 0, rb"caff"),
    _beginning(b"ftyp", 4, rb"\0\0[\0-\3].ftyp[ -~]{4}"),
    _beginning(b"fLaC", 0, rb"fLaC[\0\x80]\0\0\x22"),
    _beginning(b"\x1a\x45\xdf\xa3", 0, rb"\x1a\x45\xdf\xa3.{1,60}?\x42\x82.{1,8}?(?:webm|matroska)"),
    _beginning(b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\0\xaa\0\x62\xce\x6c", 0, rb"\x30"),
    _beginning(b"FLV\x01", 0, rb"FLV\x01[\1\4\5]\0\0\0\x09\0{4}"),
    _beginning(b"TTA1", 0, rb"TTA1[\1-\3]\0[\1-\x10]\0[\x08\x10\x18\x20]\0"),
    # The first block of a file is number 0 and opens a frame (flag 11).
    _beginning(b"wvpk", 0, rb"wvpk.{6}\0.{5}\0{4}.{5}" + _BIT_3),
    _beginning(b".snd\0\0", 0, rb"\.snd\0\0.{6}\0{3}[\1-\x1d]\0.{3}\0{3}[\1-\x10]"),
    _beginning(b"#!AMR", 0, rb"#!AMR(?:-WB)?\n"),
    _beginning(b"MAC ", 0, rb"MAC .\x0f\0\0\x34\0{3}"),
    _beginning(b"Creative Voice File\x1a", 0, rb"C"),
)


def survey(source: Source) -> tuple[str, list[int]]:
    """Read a file once; return its hash and the starts of its links.

    Parameters
    ----------
    source : Source
        All of the file.

    Returns
    -------
    sha256 : str
        Of all bytes, 64 hexadecimal digits.
    starts : list of int
        Where each link begins; the first is 0.
    """
    digest = hashlib.sha256()
    first = tag_end(source)
    head = source.at(first, _REACH)
    kind = next((kind for kind in BEGINNINGS if kind.opens(head)), None)
    starts = []
    for start in range(0, source.size, _PIECE):
        data = source.at(start, _PIECE + _REACH)
        digest.update(memoryview(data)[:_PIECE])
        if kind is None:
            continue
        place = data.find(kind.needle)
        while 0 <= place < _PIECE:
            starts.append(start + place - kind.before)
            place = data.find(kind.needle, place + 1)
    starts = [start for start in starts if start > first and kind and kind.opens(source.at(start, _REACH))]
    return digest.hexdigest(), [0, *(_without_companions(source, first, starts) if kind is _OGG else starts)]


def _without_companions(source: Source, first: int, starts: list[int]) -> list[int]:
    """Leave out pages that directly follow another stream's first page: they belong to the same link."""
    kept, end = [], _page_end(source, first)
    for start in starts:
        if start != end:
            kept.append(start)
        end = _page_end(source, start)
    return kept


def _page_end(source: Source, start: int) -> int:
    head = source.at(start, PAGE_HEAD)
    return start + page_length(head) if len(head) == PAGE_HEAD else source.size
