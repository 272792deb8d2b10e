"""Titles and identifiers written into files that lack them: only what is known, never over a tag or into the sound."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from classifier.catalogue import Catalogue
from classifier.demo.songs import Song
from tests.cli.conftest import Earmark
from tests.cli.test_retagging import listed, tagged
from tests.data_audio import encode
from tests.library import RATE, as_wav, decoded


def pcm(path: Path) -> np.ndarray:
    """All samples of a file as FFmpeg decodes them, in this process: nothing of Earmark has part in it."""
    with av.open(str(path)) as container:
        return np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)


def untagged(song: Song, path: Path, kind: str = "mp3", **tags: str) -> Path:
    samples = np.round(np.clip(decoded(song), -1, 1) * 32767).astype(np.int16)
    path.write_bytes(encode(samples[:, None], kind, rate=RATE, tags=tags))
    return path


def test_files_are_recognised_and_tagged(stocked: Earmark, enrolled_songs: list[Song], tmp_path: Path) -> None:
    song = enrolled_songs[3]
    path = untagged(song, tmp_path / "take 3.mp3", artist="Theirs")
    data, sound = path.read_bytes(), pcm(path)
    dry = stocked("tag-files", path)
    assert dry.code == 0
    assert f"title: {song.title}" in dry.out
    assert "artist:" not in dry.out
    assert "1 files would be tagged" in dry.err
    assert path.read_bytes() == data
    (done,) = stocked("tag-files", path, "--write", "--json").objects
    assert (done["status"], done["known_by"]) == ("written", "identified")
    assert done["fields"] == {"title": song.title, "album": song.album}
    assert np.array_equal(pcm(path), sound)
    with av.open(str(path)) as container:
        said = {name.lower(): text for name, text in container.metadata.items()}
    assert (said["title"], said["artist"], said["album"]) == (song.title, "Theirs", song.album)
    after = path.read_bytes()
    assert stocked("tag-files", path, "--write").err.startswith("0 files tagged, 1 lack nothing")
    assert path.read_bytes() == after
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_what_is_not_one_known_recording_is_left_alone(
    stocked: Earmark, enrolled_songs: list[Song], unknown_songs: list[Song], tmp_path: Path
) -> None:
    medley = tmp_path / "medley.wav"
    medley.write_bytes(as_wav(np.concatenate([decoded(song)[: 20 * RATE] for song in enrolled_songs[:3]]), RATE))
    stretched = tmp_path / "cut.wav"  # one track, but with a piece taken out of its middle
    sound = decoded(enrolled_songs[5])
    stretched.write_bytes(as_wav(np.concatenate([sound[: 14 * RATE], sound[20 * RATE :]]), RATE))
    unknown = untagged(unknown_songs[0], tmp_path / "unknown.flac", "flac")
    before = {path: path.read_bytes() for path in (medley, stretched, unknown)}
    done = stocked("tag-files", *before, "--write", "--json")
    assert [o["status"] for o in done.objects] == ["unknown"] * 3
    assert {path: path.read_bytes() for path in before} == before


def test_a_file_of_the_library_gets_what_was_corrected_there(earmark: Earmark, tmp_path: Path) -> None:
    song = tagged(tmp_path / "music" / "song 7.flac")
    earmark("enroll", song)
    (track,) = listed(earmark)
    assert track["title"] == "song 7"
    (nothing,) = earmark("tag-files", song, "--json").objects
    assert (nothing["status"], nothing["known_by"]) == ("complete", "audio")  # the file's name is nobody's title
    earmark("tracks", "edit", track["id"], "--title", "Song Seven", "--isrc", "GBAYE0601498")
    assert earmark("tag-files", tmp_path / "music", "--write").code == 0
    assert earmark("enroll", song).err == "0 enrolled, 1 already there, 0 failed\n"
    (again,) = earmark("tag-files", song, "--json").objects
    assert again["status"] == "complete"


@pytest.mark.parametrize("kind", ["webm", "caf"])
def test_kinds_without_tags_fail_and_stay(earmark: Earmark, tmp_path: Path, kind: str) -> None:
    song = tagged(tmp_path / f"song.{kind}")
    earmark("enroll", song)
    (track,) = listed(earmark)
    earmark("tracks", "edit", track["id"], "--artist", "Ann")
    before = song.read_bytes()
    done = earmark("tag-files", song, tmp_path / "absent.mp3", "--write")
    assert done.code == 1
    assert "cannot be written: nothing was changed" in done.err
    assert "0 files tagged, 0 lack nothing, 0 unknown, 2 failed" in done.err
    assert song.read_bytes() == before


def test_copies_that_contradict_each_other_say_nothing(library: Catalogue) -> None:
    from dataclasses import replace

    from classifier.care.tagfiles import lacking

    one = library.tracks(limit=1)[0]
    two = replace(one, title="Another title", artist=one.artist, album=None)
    assert lacking([one, two], {}) == {"artist": one.artist, "album": one.album}
    assert lacking([one], {"artist": "x"}) == {"title": one.title, "album": one.album}
    assert lacking([], {}) == {}
