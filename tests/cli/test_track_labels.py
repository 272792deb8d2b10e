"""Tracks labelled from their files, found by label, labelled anew by another model, and taken along."""

from __future__ import annotations

import csv
import io
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Earmark
from tests.cli.test_labels import FAST, sound, write_clips
from tests.library import RATE, as_wav

THREE = {"one": "beats", "two": "chords", "three": "wind"}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of labelled recordings to train on."""
    return write_clips(tmp_path_factory.mktemp("labelled") / "clips")


@pytest.fixture
def music(earmark: Earmark, clips: Path, tmp_path: Path) -> Path:
    """Enroll three recordings, train a model of their textures, and return their folder."""
    folder = tmp_path / "music"
    folder.mkdir()
    for number, (name, label) in enumerate(THREE.items()):
        (folder / f"{name}.wav").write_bytes(as_wav(sound(label, 70 + number), RATE))
    assert earmark("enroll", folder).code == 0
    assert earmark("train", "texture", clips, "--group", "none", *FAST, "--activate").code == 0
    return folder


def test_labelled_found_counted_and_written(earmark: Earmark, music: Path, tmp_path: Path) -> None:
    done = earmark("tracks", "label", music, "--task", "texture", "--json")
    assert done.code == 0, done.err
    assert {one["title"]: one["labels"]["texture"]["labels"] for one in done.objects} == {
        name: [label] for name, label in THREE.items()
    }
    assert {one["status"] for one in done.objects} == {"labelled"}
    sure = [one for one in done.objects if one["labels"]["texture"]["decision"] == "certain"]
    assert sure  # what follows would otherwise show nothing
    counted = earmark("tracks", "list", "--count", "label", "--json").objects
    assert sorted(one["value"] for one in counted) == sorted(f"texture:{THREE[one['title']]}" for one in sure)
    for one in sure:
        listed = earmark("tracks", "list", "--label", f"texture:{THREE[one['title']]}", "--json").objects
        assert [track["title"] for track in listed] == [one["title"]]
        assert listed[0]["labels"] == one["labels"]
    table = earmark("tracks", "export-metadata", "-", "--format", "csv").out
    rows = {row["title"]: row["label.texture"] for row in csv.DictReader(io.StringIO(table))}
    assert rows == THREE
    (tmp_path / "back.csv").write_text(table)
    back = earmark("tracks", "import-metadata", tmp_path / "back.csv")
    assert "3 are so already" in back.err
    assert "mean nothing here" not in back.err


def test_what_a_model_has_labelled_is_left_alone_and_another_needs_no_files(
    earmark: Earmark, music: Path, clips: Path
) -> None:
    label = ("tracks", "label", music, "--task", "texture")
    assert len(earmark(*label, "--json").objects) == 3
    assert earmark(*label, "--json").objects == []
    assert len(earmark(*label, "--again", "--json").objects) == 3
    assert earmark("train", "texture", clips, "--group", "none", *FAST, "--seed", "1", "--activate").code == 0
    shutil.rmtree(music)
    done = earmark("tracks", "label", "--task", "texture", "--json")
    assert [one["labels"]["texture"]["model"] for one in done.objects] == ["2", "2", "2"]
    assert [one["file"] for one in done.objects] == [None] * 3
    assert earmark("models", "rollback", "texture").code == 0
    done = earmark("tracks", "label", "--task", "texture", "--json")
    assert [one["labels"]["texture"]["model"] for one in done.objects] == ["1", "1", "1"]


def test_a_file_is_known_by_its_sound_and_what_is_missing_is_said(earmark: Earmark, music: Path) -> None:
    (music / "one.wav").rename(music / "renamed.wav")
    (music / "two.wav").unlink()
    (music / "broken.wav").write_bytes(b"no sound")
    (music / "strange.wav").write_bytes(as_wav(sound("wind", 123), RATE))
    done = earmark("tracks", "label", music, "--task", "texture", "--json")
    assert done.code == 1
    by_status = {status: [one["title"] for one in done.objects if one["status"] == status] for status in ("labelled",)}
    assert sorted(by_status["labelled"]) == ["one", "three"]
    assert [Path(one["file"]).name for one in done.objects if one["status"] == "failed"] == ["broken.wav"]
    assert "1 track without labels: their files are not among these files" in done.err


def test_enrolled_and_labelled_in_one_go(earmark: Earmark, clips: Path, tmp_path: Path, weights_dir: Path) -> None:
    path = tmp_path / "new.wav"
    path.write_bytes(as_wav(sound("chords", 5), RATE))
    assert earmark("enroll", path, "--label").code == 0
    labels = earmark("tracks", "list", "--json").objects[0]["labels"]
    assert set(labels) == {"genre", "mood", "tags"}
    assert labels["tags"]["decision"] is None
    assert len(labels["tags"]["distribution"]) == 10
    assert labels["genre"]["model"] == "gtzan-10"


def test_a_task_without_a_model_is_refused(earmark: Earmark, music: Path) -> None:
    done = earmark("tracks", "label", music, "--task", "colour")
    assert done.code == 1
    assert "no model for 'colour'" in done.err
