"""Tags that would take forever: cut short where they can be, given up where not."""

from __future__ import annotations

import struct
from dataclasses import replace

from classifier import errors
from classifier.audio.decoder import Decoder
from classifier.audio.id3 import MAX_FRAMES
from classifier.audio.limits import Limits
from classifier.settings import Settings
from tests.audio.conftest import refused
from tests.data_audio import encode, tone

FLOOD = 200_000


def synchsafe(value: int) -> bytes:
    return bytes((value >> shift) & 0x7F for shift in (21, 14, 7, 0))


def frame(name: bytes, content: bytes, version: int = 4) -> bytes:
    if version == 2:
        return name[:3] + len(content).to_bytes(3, "big") + content
    size = synchsafe(len(content)) if version == 4 else struct.pack(">I", len(content))
    return name + size + b"\0\0" + content


def tag(frames: list[bytes], version: int = 4) -> bytes:
    body = b"".join(frames)
    return b"ID3" + bytes([version, 0, 0]) + synchsafe(len(body)) + body


def text(number: int, version: int = 4) -> bytes:
    return frame(b"TXXX" if version > 2 else b"TXX", b"\0k%d\0v" % number, version)


def bare_mp3() -> bytes:
    data = encode(tone(1.0), "mp3")
    return data[data.index(b"\xff\xfb") :]


def test_frames_past_the_thousandth_are_not_read(decoder: Decoder, limits: Limits) -> None:
    sound = bare_mp3()
    for version, title in ((4, b"TIT2"), (3, b"TIT2"), (2, b"TT2")):
        first = frame(title, b"\0Known", version)
        some = [text(number, version) for number in range(20)]
        flood = [text(number, version) for number in range(FLOOD // 4)]
        late = [frame(title, b"\0Late", version)]
        for frames, expected in (
            ([first, *some], "Known"),
            ([*some, *late], "Late"),
            ([first, *flood], "Known"),
            ([*flood, *late], None),
            ([*flood[: MAX_FRAMES - 1], *late, *flood], "Late"),
        ):
            audio = decoder.decode(tag(frames, version) + sound, limits)
            assert audio.tags.get("title") == expected
            assert abs(audio.duration_s - 1.0) < 0.1


def test_a_title_after_a_large_picture_is_read(decoder: Decoder, limits: Limits) -> None:
    picture = frame(b"APIC", b"\0image/jpeg\0\x03\0" + b"\xff\xd8" + bytes(range(256)) * 8000, 3)
    audio = decoder.decode(tag([picture, frame(b"TIT2", b"\0Behind", 3)], 3) + bare_mp3(), limits)
    assert audio.tags["title"] == "Behind"


def test_floods_of_tags_elsewhere_end_the_decoder_early(limits: Limits) -> None:
    flood = tag([text(number) for number in range(FLOOD)])
    wave = encode(tone(1.0), "wav")[12:] + b"id3 " + struct.pack("<I", len(flood)) + flood
    data = b"RIFF" + struct.pack("<I", 4 + len(wave)) + b"WAVE" + wave
    with Decoder(Settings()) as decoder:
        # Processor time is what counts, which a busy machine gives in small pieces.
        message = refused(decoder, data, replace(limits, wall_s=120.0), errors.DecodeLimit)
        assert "tags and headers take too long" in message
        assert decoder.decode(encode(tone(1.0), "wav"), limits).duration_s == 1.0
