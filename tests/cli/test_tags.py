"""``earmark tags``, ``earmark spectrogram`` and ``earmark models get``."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from classifier.labels.musicnn.extract import TAGS


def test_tags_for_people(earmark, weights_dir, music_files):
    done = earmark("tags", music_files[0])
    assert (done.code, done.err) == (0, "")
    for word in ("style", "mood and use", "voice and instrument", "decade", "lift", "of 100 recordings"):
        assert word in done.out


def test_tags_as_json_are_all_fifty(earmark, weights_dir, music_files):
    done = earmark("tags", "--json", *music_files[:2])
    assert done.code == 0
    assert [answer["file"] for answer in done.objects] == [str(path) for path in music_files[:2]]
    for answer in done.objects:
        assert sorted(tag["tag"] for tag in answer["tags"]) == sorted(TAGS)
        assert all(0 <= tag["probability"] <= 1 and tag["lift"] >= 0 for tag in answer["tags"])
        assert answer["arousal"]["experimental"] is True
        assert answer["patches"] == 13


def test_a_series_has_a_line_a_stretch(earmark, weights_dir, music_files):
    done = earmark("tags", "--series", "--every", "10", "--json", music_files[0])
    assert done.code == 0
    assert [line["start_s"] for line in done.objects] == [0, 10, 20, 30]
    assert all(len(line["tags"]) == 50 for line in done.objects)
    assert done.objects[-1]["end_s"] <= 40.1
    assert "energy" in earmark("tags", "--series", music_files[0]).out


def test_what_fails_is_named_and_the_rest_answered(earmark, weights_dir, music_files, tmp_path):
    (tmp_path / "text.wav").write_text("no audio")
    done = earmark("tags", "--json", tmp_path / "text.wav", music_files[0])
    assert done.code == 1
    assert done.objects[0]["error"] == "audio_unreadable"
    assert "tags" in done.objects[1]
    assert "failed" in done.err


def test_without_the_network_it_says_how_to_get_it(earmark, music_files):
    done = earmark("tags", music_files[0])
    assert done.code == 1
    assert "run 'earmark models get musicnn-msd' once" in done.err


def test_models_get_knows_what_is_there(earmark, weights_dir, tmp_path):
    done = earmark("models", "get", "musicnn-msd", "--json")
    assert done.objects[0]["made"] is False
    assert done.objects[0]["licence"] == "ISC"
    assert "there already" in earmark("models", "get", "musicnn-msd").out
    (tmp_path / "x.whl").write_text("x")
    refused = earmark("models", "get", "musicnn-msd", "--wheel", tmp_path / "x.whl", EARMARK_WEIGHTS_DIR=str(tmp_path))
    assert refused.code == 1
    assert "SHA-256" in refused.err
    assert earmark("models", "get", "other").code == 2


@pytest.mark.parametrize(("options", "size"), [([], (1356, 452)), (["--plain"], (2001, 128))])
def test_a_spectrogram_is_drawn_once(earmark, music_files, tmp_path, options, size):
    target = tmp_path / "song.png"
    done = earmark("spectrogram", *options, music_files[0], target)
    assert (done.code, done.err) == (0, "")
    with Image.open(target) as image:
        assert image.size == size
        assert np.asarray(image).std() > 1
    target.write_text("somebody's own")
    again = earmark("spectrogram", *options, music_files[0], target)
    assert again.code == 1
    assert "--replace" in again.err
    assert target.read_text() == "somebody's own"
    assert earmark("spectrogram", *options, "--replace", "--json", music_files[0], target).objects[0]["bytes"] > 1000
    assert [path.name for path in tmp_path.glob("*.png")] == ["song.png"]
    nowhere = earmark("spectrogram", *options, music_files[0], tmp_path / "none" / "song.png")
    assert nowhere.code == 1
    assert "cannot be written" in nowhere.err
