"""ID3v2 tags at the beginning of a file: where they end, and how much of them is read.

For each text frame FFmpeg searches all earlier ones, so its time grows with the square of their number: a few hundred
thousand frames in nine megabytes occupy a processor for ten seconds. Frames after the thousandth therefore read as
padding.
Source: id3.org, "ID3 tag version 2.4.0 - Main Structure".
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from classifier.audio.source import Source

_HEAD = 10
#: Frames read; real tags have a few dozen, those of audio books one more for each chapter.
MAX_FRAMES = 1000
#: Bytes read of a unique file identifier: its owner, and 64 bytes at the most.
_MAX_UFID = 128


def tag_end(source: Source, start: int = 0) -> int:
    """Return where the tags that begin at ``start`` end, in bytes; ``start`` itself if there are none."""
    while True:
        head = source.at(start, _HEAD)
        if len(head) < _HEAD or head[:3] != b"ID3":
            return start
        # The length is without the header and the optional footer.
        start += _HEAD + _synchsafe(head[6:]) + (_HEAD if head[5] & 0x10 else 0)


def surplus(source: Source) -> tuple[int, int]:
    """Return the stretch of the first tag that follows its first :data:`MAX_FRAMES` frames; it may be empty."""
    for number, (_, place, size) in enumerate(_frames(source, 0), start=1):
        if number == MAX_FRAMES:
            start, end = place + size, _HEAD + _synchsafe(source.at(6, 4))
            return (start, end) if start < end else (0, 0)
    return 0, 0


def musicbrainz_id(source: Source, start: int = 0) -> str:
    """Return the id that MusicBrainz gave the recording, from the tag that begins at ``start``; empty if it has none.

    It stands in a frame of its own, "unique file identifier" (``UFID``), of which FFmpeg tells nothing.
    """
    for name, place, size in islice(_frames(source, start), MAX_FRAMES):
        if name in (b"UFI", b"UFID"):
            owner, _, identifier = source.at(place, min(size, _MAX_UFID)).partition(b"\0")
            if owner.endswith(b"http://musicbrainz.org"):  # a length may stand before it
                return identifier.decode("ascii", "replace")
    return ""


def _frames(source: Source, start: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, place and size of each frame of the tag that begins at ``start``."""
    head = source.at(start, _HEAD)
    if len(head) < _HEAD or head[:3] != b"ID3":
        return
    version, end = head[3], start + _HEAD + _synchsafe(head[6:])
    n_name, n_size = (3, 3) if version == 2 else (4, 4)
    place = start + _HEAD
    if version > 2 and head[5] & 0x40:
        size = source.at(place, 4)
        # Version 2.4 counts the four bytes of the length itself, 2.3 does not.
        place += _synchsafe(size) if version == 4 else 4 + int.from_bytes(size, "big")
    while place < end:
        frame = source.at(place, n_name + n_size + (0 if version == 2 else 2))
        if not frame.strip(b"\0"):
            return
        size_bytes = frame[n_name : n_name + n_size]
        size_of = _synchsafe(size_bytes) if version == 4 else int.from_bytes(size_bytes, "big")
        place += len(frame)
        yield frame[:n_name], place, size_of
        place += size_of


def _synchsafe(data: bytes) -> int:
    """Return the integer that is stored with seven bits in each byte."""
    value = 0
    for byte in data:
        value = value << 7 | byte & 0x7F
    return value
