"""The list of what is read, held against FFmpeg and against the files that the tests make."""

from __future__ import annotations

import io

import av
import pytest
from av.format import formats_available

from classifier.audio.formats import CODECS, CONTAINERS, DEMUXERS, ENDINGS, is_read
from tests.data_audio import FORMATS, encode, tone

#: Containers that nothing here can write; files of their kinds were tried by hand.
UNWRITTEN = {"Monkey's Audio", "TAK", "Musepack"}
#: Demuxers that open what a file names: other files, hosts, devices.
REACHING = (
    "applehttp", "hls", "concat", "dash", "imf", "image2", "sdp", "rtsp", "rtp", "sap", "mpegtsraw",
    "webm_dash_manifest", "alsa", "lavfi", "video4linux2,v4l2", "x11grab", "iamf",
)  # fmt: skip


def test_names_are_those_of_ffmpeg() -> None:
    aliases = {name for joined in formats_available for name in joined.split(",")}
    assert set(DEMUXERS) <= aliases
    assert len(set(DEMUXERS)) == len(DEMUXERS)
    unknown = {name for name in CODECS if name not in av.codecs_available}
    # Decoders that another build of FFmpeg may have in place of its own.
    assert unknown <= {"libvorbis"}
    assert all(av.Codec(name, "r").type == "audio" for name in set(CODECS) - unknown)


def test_no_demuxer_reaches_out() -> None:
    assert not set(DEMUXERS) & set(REACHING)
    assert not is_read("h264")
    assert not is_read("wavesynth")


def test_endings() -> None:
    assert all(ending == ending.lower() and ending.startswith(".") for ending in ENDINGS)
    listed = [ending for container in CONTAINERS for ending in container.endings]
    assert len(set(listed)) == len(listed)
    assert {".wav", ".mp3", ".wma", ".wv", ".mkv", ".mov", ".m4v", ".ts", ".ape", ".opus"} <= ENDINGS
    assert not {".m3u", ".m3u8", ".pls", ".cue", ".txt", ".jpg", ".mid"} & ENDINGS


def test_every_container_has_a_file_in_the_tests() -> None:
    """Each row of the documented table but the unwritten is proved by a file that is decoded."""
    opened = set()
    for kind, form in FORMATS.items():
        with av.open(io.BytesIO(encode(tone(1.0, form.rate), kind))) as container:
            opened |= set(container.format.name.split(","))
    proved = {container.name for container in CONTAINERS if set(container.demuxers) & opened}
    assert {container.name for container in CONTAINERS} - proved == UNWRITTEN


@pytest.mark.parametrize("name", ["pcm_s16le", "pcm_alaw", "pcm_f64be", "wmav2", "ape"])
def test_what_is_read(name: str) -> None:
    assert is_read(name)
