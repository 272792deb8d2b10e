"""Identifiers: their form, and how they are read from and written into the tags of every container."""

from __future__ import annotations

from pathlib import Path

import mutagen
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutagen.id3 import ID3, TXXX, UFID

from classifier.audio.decoder import Decoder
from classifier.audio.filetags import clean_tags
from classifier.audio.limits import Limits
from classifier.audio.tagwriting import TagsNotWritten, write_tags
from classifier.identifiers import IDENTIFIERS, found_in, normalised, of_tag
from tests.data_audio import FORMATS, encode, noise

UUIDS = [f"8f3471b5-7e6a-48da-86a9-c1c07a0f47a{digit}" for digit in range(5)]
FIELDS = {
    "title": "Waltz № 2",
    "artist": "Ødger & Co",
    "album": "Álbum",
    "isrc": "GBAYE0601498",
    "recording_mbid": UUIDS[0],
    "release_mbid": UUIDS[1],
    "artist_mbids": f"{UUIDS[2]}; {UUIDS[3]}",
    "acoustid": UUIDS[4],
}
#: Kinds whose tags can be written, by the endings of their files; and kinds for which that is refused.
WRITABLE = {"wav": "wav", "aiff": "aiff", "flac": "flac", "alac": "m4a", "mp3": "mp3", "ogg": "ogg", "opus": "opus"}
WRITABLE |= {"m4a": "m4a", "wv": "wv", "wma": "wma"}
REFUSED = {"caf": "caf", "webm": "webm", "amr": "amr", "adts": "aac", "tta": "tta", "mpg": "mpg", "mka": "mka"}


def sound_of(decoder: Decoder, limits: Limits, path: Path) -> str:
    return decoder.decode(path, limits).content_hash


@pytest.mark.parametrize("kind", sorted(WRITABLE))
def test_identifiers_survive_every_container(decoder: Decoder, track_limits: Limits, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"song.{WRITABLE[kind]}"
    path.write_bytes(encode(noise(2.0, FORMATS[kind].rate), kind, tags={"comment": "kept"}))
    before = decoder.decode(path, track_limits)
    write_tags(path, FIELDS, lambda *_: "")
    after = decoder.decode(path, track_limits)
    assert after.content_hash == before.content_hash
    assert {name: after.tags.get(name) for name in FIELDS} == FIELDS
    assert after.tags.get("comment") == before.tags.get("comment")
    assert decoder.probe(path, track_limits).tags == after.tags
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("kind", sorted(REFUSED))
def test_files_that_cannot_be_tagged_stay_as_they_are(
    decoder: Decoder, track_limits: Limits, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / f"song.{REFUSED[kind]}"
    path.write_bytes(data := encode(noise(1.0, FORMATS[kind].rate, FORMATS[kind].channels), kind))

    def fault(_: Path, after: Path) -> str:
        return "" if decoder.probe(after, track_limits).tags.get("title") == "T" else "it does not hold a title"

    with pytest.raises(TagsNotWritten, match="nothing was changed"):
        write_tags(path, {"title": "T"}, fault)
    assert path.read_bytes() == data
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_fault_or_a_failure_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "song.flac"
    path.write_bytes(data := encode(noise(1.0), "flac", tags={"title": "Old"}))
    with pytest.raises(TagsNotWritten, match="another sound: nothing was changed"):
        write_tags(path, {"artist": "A"}, lambda *_: "another sound")

    def dies(_: Path, after: Path) -> str:
        assert mutagen.File(after).tags["artist"] == ["A"]  # everything was ready to take the file's place
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_tags(path, {"artist": "A"}, dies)

    def meddles(before: Path, _: Path) -> str:
        before.write_bytes(data + b"more")
        return ""

    with pytest.raises(TagsNotWritten, match="changed by somebody else"):
        write_tags(path, {"artist": "A"}, meddles)
    assert path.read_bytes() == data + b"more"
    with pytest.raises(TagsNotWritten, match="gone"):
        write_tags(tmp_path / "absent.flac", {"artist": "A"}, lambda *_: "")
    broken = tmp_path / "broken.flac"
    broken.write_bytes(b"fLaC" + bytes(100))
    with pytest.raises(TagsNotWritten):
        write_tags(broken, {"artist": "A"}, lambda *_: "")
    assert broken.read_bytes() == b"fLaC" + bytes(100)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["broken.flac", "song.flac"]


def test_links_are_followed_and_permissions_kept(tmp_path: Path) -> None:
    path, link = tmp_path / "song.mp3", tmp_path / "link.mp3"
    path.write_bytes(encode(noise(1.0), "mp3"))
    path.chmod(0o640)
    link.symlink_to(path)
    write_tags(link, {"title": "T"}, lambda *_: "")
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640
    assert mutagen.File(path).tags["TIT2"] == "T"


@pytest.mark.parametrize("version", [3, 4])
def test_the_recordings_id_from_id3(decoder: Decoder, track_limits: Limits, tmp_path: Path, version: int) -> None:
    """MusicBrainz writes it into a frame that FFmpeg does not tell of; other owners' frames are none of it."""
    path = tmp_path / "song.mp3"
    path.write_bytes(encode(noise(1.0), "mp3", tags={"title": "t"}))
    tags = ID3(path)
    tags.add(UFID(owner="http://www.cddb.com", data=b"not this"))
    tags.add(UFID(owner="http://musicbrainz.org", data=UUIDS[0].encode()))
    tags.add(TXXX(encoding=1, desc="MusicBrainz Album Id", text=[UUIDS[1]]))
    tags.add(TXXX(encoding=3, desc="MusicBrainz Release Track Id", text=[UUIDS[2]]))
    tags.save(path, v2_version=version)
    found = decoder.probe(path, track_limits).tags
    assert (found["recording_mbid"], found["release_mbid"]) == (UUIDS[0], UUIDS[1])
    assert UUIDS[2] not in [found.get(name) for name in IDENTIFIERS]


def test_the_recordings_id_from_the_oldest_id3(decoder: Decoder, track_limits: Limits) -> None:
    body = b"http://musicbrainz.org\0" + UUIDS[0].encode()
    frame = b"UFI" + len(body).to_bytes(3, "big") + body
    size = bytes((len(frame) >> shift) & 0x7F for shift in (21, 14, 7, 0))
    data = b"ID3\x02\0\0" + size + frame + encode(noise(1.0), "mp3", muxer={"id3v2_version": "0", "write_id3v2": "0"})
    assert decoder.probe(data, track_limits).tags["recording_mbid"] == UUIDS[0]
    for end in range(10, len(frame) + 10):  # cut off anywhere, it harms nobody
        found = decoder.probe(data[:end] + data[len(frame) + 10 :], track_limits).tags.get("recording_mbid")
        assert found in (None, UUIDS[0])


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("TSRC", "isrc"),
        ("WM/ISRC", "isrc"),
        ("MUSICBRAINZ_TRACKID", "recording_mbid"),
        ("----:com.apple.iTunes:MusicBrainz Track Id", "recording_mbid"),
        ("TXXX:MusicBrainz Album Id", "release_mbid"),
        ("MusicBrainz/Artist Id", "artist_mbids"),
        ("ACOUSTID_ID", "acoustid"),
        ("MusicBrainz Release Track Id", None),
        ("MUSICBRAINZ_ALBUMARTISTID", None),
        ("acoustid_fingerprint", None),
        ("title", None),
    ],
)
def test_spellings(name: str, meant: str | None) -> None:
    assert of_tag(name) == meant


def test_form() -> None:
    assert normalised("isrc", " gb-aye-06-01498 ") == "GBAYE0601498"
    assert normalised("isrc", "GBAYE0601498; GBAYE0601499") is None
    assert found_in("isrc", "no code; GBAYE0601499/GBAYE0601498") == "GBAYE0601499"
    assert normalised("isrc", "GBAYE060149") is None
    assert normalised("recording_mbid", f"https://musicbrainz.org/recording/{UUIDS[0]}") == UUIDS[0]
    assert normalised("acoustid", f"https://acoustid.org/track/{UUIDS[0].upper()}") == UUIDS[0]
    assert normalised("recording_mbid", UUIDS[0] + "0") is None
    assert normalised("artist_mbids", f"{UUIDS[0]};{UUIDS[1]} {UUIDS[0]}") == f"{UUIDS[0]}; {UUIDS[1]}"
    assert normalised("artist_mbids", f"{UUIDS[0]}; x") is None
    assert found_in("artist_mbids", f"{UUIDS[0]}; x") == UUIDS[0]
    assert normalised("acoustid", "") is None
    tags = clean_tags({"MUSICBRAINZ_TRACKID": "none", "Acoustid Id": UUIDS[0].upper()})
    assert tags == {"acoustid": UUIDS[0]}


@given(st.sampled_from(sorted(IDENTIFIERS)), st.text() | st.from_regex(r"[A-Z0-9-]{12,40}"))
def test_the_proper_form_is_reached_in_one_step(name: str, text: str) -> None:
    for made in (normalised(name, text), found_in(name, text)):
        assert made is None or (normalised(name, made) == made and found_in(name, made) == made)
