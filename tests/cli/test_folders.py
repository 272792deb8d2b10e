"""What ``earmark enroll`` takes from a folder, and how it accounts for the rest."""

from __future__ import annotations

import os
import shutil
import warnings
from collections import Counter
from pathlib import Path

import pytest

from classifier.care import folders
from classifier.errors import FileMissing
from tests.cli.conftest import Earmark

SUMMARY = "{} enrolled, {} already there, {} failed"


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def names(found: folders.Found, folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in found.files]


def test_everything_in_a_folder_is_taken_or_counted(tmp_path: Path) -> None:
    touch(tmp_path, "a.flac", "b/C.MP3", "b/d.xyz", "b/e.XYZ", "cover.jpg", "README", "01 Mr. Brightside", "x.flac.bak")
    touch(tmp_path, "._a.flac", "b/._C.MP3", "Thumbs.db", "b/@eaDir/C.MP3/SYNO.flac", "__MACOSX/._a.flac", ".DS_Store")
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "gone.flac").symlink_to(tmp_path / "nowhere.flac")
    found = folders.search(tmp_path)

    assert names(found, tmp_path) == ["a.flac", "b/C.MP3"]
    assert found.unreadable == []
    assert found.left_out == {
        "xyz": 2,
        "jpg": 1,
        "bak": 1,
        folders.ENDLESS: 2,
        folders.COMPANION: 6,
        folders.SPECIAL: 1,
        folders.BROKEN: 1,
    }
    # Everything that lies there, but for folders that are searched and what lies in those that are not.
    n_there = sum(len(files) for _, _, files in os.walk(tmp_path)) - 2 + 2
    assert len(found.files) + found.left_out.total() == n_there


def test_links_are_followed_and_loops_are_not(tmp_path: Path) -> None:
    music, elsewhere = tmp_path / "music", tmp_path / "elsewhere"
    touch(music, "a.flac", "below/b.flac")
    touch(elsewhere, "c.flac", "deep/d.flac", "deep/d.xyz")
    (music / "away").symlink_to(elsewhere)
    (music / "z.flac").symlink_to(elsewhere / "c.flac")
    (music / "below" / "loop").symlink_to(music)
    (elsewhere / "deep" / "back").symlink_to(music / "below")
    (elsewhere / "deep" / "self").symlink_to(".")
    (music / "again").symlink_to(elsewhere / "deep")
    (music / "endless").symlink_to("endless")
    found = folders.search(music)

    assert len(found.files) == len({path.resolve() for path in found.files}) + 1  # z.flac is c.flac
    assert sorted(path.name for path in found.files) == ["a.flac", "b.flac", "c.flac", "d.flac", "z.flac"]
    assert found.left_out == {"xyz": 1, folders.REPEATED: 3, folders.BROKEN: 1}


def test_a_folder_is_found_under_its_own_name_rather_than_a_links(tmp_path: Path) -> None:
    touch(tmp_path, "z real/a.flac")
    (tmp_path / "a link").symlink_to(tmp_path / "z real")
    found = folders.search(tmp_path)
    assert names(found, tmp_path) == ["z real/a.flac"]
    assert found.left_out == {folders.REPEATED: 1}


def test_a_folder_may_itself_be_a_link(tmp_path: Path) -> None:
    touch(tmp_path / "real", "a.flac")
    (tmp_path / "link").symlink_to("real")
    assert folders.search(tmp_path / "link").files == [tmp_path / "link" / "a.flac"]


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({"wv": 3, "wma": 9, folders.BROKEN: 1}, "9 wma, 3 wv, 1 broken link"),
        (
            {folders.REPEATED: 2, folders.ENDLESS: 1},
            "2 repeated folders, 1 file without an ending",
        ),
        ({f"x{i:02d}": 20 - i for i in range(11)}, None),
    ],
)
def test_counts_in_words(counts: dict[str, int], words: str | None) -> None:
    said = folders.sentence(Counter(counts))
    if words is None:
        assert said.startswith("20 x00, 19 x01, ")
        assert said.endswith("13 x07, 33 of 3 other kinds")
    else:
        assert said == words


def test_a_folder_without_audio_says_what_it_holds(tmp_path: Path) -> None:
    touch(tmp_path, "a.xyz", "b.xyz", "._c.flac")
    said = r"holds no audio files, only 2 xyz, 1 file-system companion; Earmark reads \.\w"
    with pytest.raises(FileMissing, match=said):
        folders.search(tmp_path)


# --- through the command --------------------------------------------------------------------------------------


def test_what_is_left_out_is_said_and_spoils_nothing(earmark: Earmark, folder: Path) -> None:
    touch(folder, "a.xyz", "below/b.xyz", "cover.jpg", "._noise 0.wav", "below/._noise 5.wav")
    (folder / "link").symlink_to(folder / "below")
    done = earmark("enroll", folder)
    assert done.code == 0
    left_out, summary = done.err.splitlines()
    assert left_out == ("left out: 2 file-system companions, 2 xyz, 1 jpg, 1 repeated folder")
    assert summary == SUMMARY.format(6, 0, 0)
    assert earmark("enroll", folder, "--quiet").err == ""

    in_json = earmark("enroll", folder, "--json")
    counts = {"xyz": 2, "jpg": 1, "file-system companion": 2, "repeated folder": 1}
    assert [o for o in in_json.objects if o["status"] == "left_out"] == [
        {"folder": str(folder), "status": "left_out", "left_out": counts}
    ]
    assert len(in_json.objects) == 7


def test_linked_music_is_enrolled(earmark: Earmark, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "shelf").mkdir()
    (tmp_path / "shelf" / "music").symlink_to(folder)
    done = earmark("enroll", tmp_path / "shelf")
    assert (done.code, done.err) == (0, SUMMARY.format(6, 0, 0) + "\n")


def test_a_companion_that_is_named_is_tried(earmark: Earmark, folder: Path) -> None:
    odd = folder / "._odd.wav"
    shutil.copy(folder / "noise 0.wav", odd)
    assert earmark("enroll", odd).err == SUMMARY.format(1, 0, 0) + "\n"


def test_a_folder_that_cannot_be_read_is_told_from_an_empty_one(tmp_path: Path) -> None:
    touch(tmp_path, "open/a.flac", "closed/b.flac")
    tmp_path.chmod(0o755)
    (tmp_path / "closed").chmod(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # other threads do not matter to the child
        child = os.fork()
    if child == 0:
        status = 1
        try:
            os.chdir(tmp_path)  # the folders above are not everybody's
            if os.getuid() == 0:  # who may read everything
                os.setuid(65534)
            found = folders.search(Path("."))
            closed = [(str(path), "cannot be read" in str(error)) for path, error in found.unreadable]
            status = [str(path) for path in found.files] != ["open/a.flac"] or closed != [("closed", True)]
        finally:
            os._exit(status)
    status = os.waitpid(child, 0)[1]
    (tmp_path / "closed").chmod(0o755)
    assert status == 0
