"""How much audio a file's header promises, to compare with what can be decoded.

Only what the header really says counts: where FFmpeg guesses a length from a bit rate, or silently corrects a header by
the file's size, the bytes are read here.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from classifier.audio.id3 import tag_end
from classifier.audio.source import Source

if TYPE_CHECKING:
    from typing import Any

#: Data lengths of a WAV from here on are placeholders, written by recorders that cannot seek back.
_UNKNOWN_LENGTH = 0x7FFF0000
#: Demuxers of formats without such a header; FFmpeg's duration is a guess, or the last time stamp found.
_SILENT = frozenset(("aac", "amr", "ac3", "eac3", "dts", "dtshd", "loas", "mlp", "truehd", "mpegts", "mpeg"))
#: Those of them, and of others, whose files are nothing but frames of sound.
STANDING_ALONE = frozenset(("aac", "ac3", "eac3", "dts", "loas", "mlp", "truehd", "mp3"))


def promised_s(container: Any, stream: Any, source: Source) -> float | None:
    """Return the seconds that the header promises, or None if it does not say.

    Parameters
    ----------
    container, stream
        As PyAV opens them.
    source : Source
        The file.
    """
    form = container.format.name
    if form in _SILENT:
        return None
    if form == "mp3":
        return _counted_s(source, stream.codec_context.sample_rate)
    if form == "asf":
        return _asf_s(source)
    seconds = None
    if stream.duration is not None and stream.time_base is not None:
        seconds = float(stream.duration * stream.time_base)
    elif container.duration is not None and not _others(container, stream):
        seconds = container.duration / 1e6 - max(0.0, (container.start_time or 0) / 1e6)
    return seconds if seconds is not None and seconds > 0 else None


def _others(container: Any, stream: Any) -> list[Any]:
    """Return the other streams; the container's length may be that of any of them.

    At the end of an FLV that is cut off, FFmpeg finds streams that do not exist; those have no pictures.
    """
    others = [other for other in container.streams if other is not stream]
    if container.format.name == "flv":
        return [other for other in others if other.type == "video" and other.codec_context.width]
    return others


def _counted_s(source: Source, rate: int) -> float | None:
    """Return the seconds of the frames that an MP3's Xing or VBRI header counts; None if there is no such header.

    FFmpeg's duration is no substitute: if header and file size disagree, it guesses one from the bit rate.
    """
    data = source.at(tag_end(source), 4096)
    for name, offset in ((b"Xing", 8), (b"Info", 8), (b"VBRI", 14)):
        place = data.find(name)
        if place < 0 or len(data) < place + offset + 4:
            continue
        (flags,), (frames,) = (struct.unpack_from(">I", data, place + skip) for skip in (4, offset))
        if name != b"VBRI" and not flags & 1:
            continue
        # MPEG-1 has 1152 samples in a frame, the low rates of MPEG-2 half of that.
        return float(frames * (1152 if rate >= 32000 else 576) / rate) or None
    return None


def _asf_s(source: Source) -> float | None:
    """Return the seconds that an ASF's file properties state; FFmpeg trusts the file's size more than them."""
    head = source.at(0, 1 << 16)
    place = head.find(b"\xa1\xdc\xab\x8c\x47\xa9\xcf\x11\x8e\xe4\x00\xc0\x0c\x20\x53\x65")
    if place < 0 or len(head) < place + 92:
        return None
    play, _, preroll, flags = struct.unpack_from("<QQQI", head, place + 64)
    # Bit 0: a broadcast, whose length was unknown.
    return None if flags & 1 else max(0.0, play / 1e7 - preroll / 1e3) or None


def claimed_share(source: Source, form: str) -> float | None:
    """Return the length that the header claims for its data, divided by the bytes that are there.

    For containers whose claim FFmpeg corrects by the file's size, or fulfils with the data that follow. None if the
    claim holds, or says "unknown".
    """
    claims = {
        "wav": _wav_claim,
        "avi": _avi_claim,
        "caf": _caf_claim,
        "aiff": _aiff_claim,
        "w64": _w64_claim,
        "au": _au_claim,
        "voc": _voc_claim,
    }
    claim = claims[form](source) if form in claims else None
    if claim is None:
        return None
    size, place = claim
    there = source.size - place
    return size / there if 0 < there < size else None


def chunk(source: Source, place: int, form: str, wanted: bytes, *, padded: bool) -> tuple[int, int] | None:
    """Return length and place of a chunk's content; ``form`` is the layout of a chunk's header."""
    layout = struct.Struct(form)
    for _ in range(1000):
        head = source.at(place, layout.size)
        if len(head) < layout.size:
            return None
        name, size = layout.unpack(head)
        place += layout.size
        if name == wanted:
            return size, place
        if size < 0:
            return None
        place += size + (size & 1 if padded else 0)
    return None


def _wav_claim(source: Source) -> tuple[int, int] | None:
    big = source.at(0, 4) in (b"RF64", b"BW64")
    found = chunk(source, 12, "<4sI", b"data", padded=True)
    if found and big and (sizes := chunk(source, 12, "<4sI", b"ds64", padded=True)):
        return int.from_bytes(source.at(sizes[1] + 8, 8), "little"), found[1]
    return found if found and found[0] < _UNKNOWN_LENGTH else None


def _caf_claim(source: Source) -> tuple[int, int] | None:
    found = chunk(source, 8, ">4sq", b"data", padded=False)
    return found if found and found[0] >= 0 else None


def _aiff_claim(source: Source) -> tuple[int, int] | None:
    return chunk(source, 12, ">4sI", b"SSND", padded=True)


def _w64_claim(source: Source) -> tuple[int, int] | None:
    place = 40
    for _ in range(1000):
        head = source.at(place, 24)
        if len(head) < 24:
            return None
        # A chunk's length includes its header, and chunks begin at multiples of eight.
        size = int.from_bytes(head[16:], "little")
        if head.startswith(b"data"):
            return size - 24, place + 24
        if size < 24:
            return None
        place += size + 7 & ~7
    return None


def _au_claim(source: Source) -> tuple[int, int] | None:
    place, size = struct.unpack(">II", source.at(4, 8).rjust(8, b"\0"))
    return None if size == 0xFFFFFFFF else (size, place)


def _avi_claim(source: Source) -> tuple[int, int] | None:
    return int.from_bytes(source.at(4, 4), "little"), 8


def _voc_claim(source: Source) -> tuple[int, int] | None:
    first = place = int.from_bytes(source.at(20, 2), "little")
    # Each block has a byte for its kind and three for its length; kind 0 is the end.
    while len(head := source.at(place, 4)) == 4 and head[0]:
        place += 4 + int.from_bytes(head[1:], "little")
    return place - first, first
