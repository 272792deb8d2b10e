"""Configurations on the command line: presets, copies, Synced.fm's JSON, and what they cost."""

from __future__ import annotations

import json
from pathlib import Path

from classifier.config import PRESETS, FeatureConfig
from tests.cli.conftest import Earmark
from tests.library import RATE, as_wav, lively_noise


def test_a_configuration_starts_from_a_preset_a_catalogue_or_synced_fms_json(earmark: Earmark, tmp_path: Path) -> None:
    earmark("catalogues", "create", "radio", "--set", "window_step=0.5")
    (copy,) = earmark(
        "catalogues", "create", "finer", "--copy-of", "radio", "--set", "n_components=8", "--json"
    ).objects
    assert copy["config"] == FeatureConfig(window_step=0.5, n_components=8).to_dict()
    file = tmp_path / "synced.json"
    file.write_text(json.dumps({"mfcc_step_size": 160, "cv_type": "diag"}))
    (old,) = earmark("catalogues", "create", "old", "--synced-fm", file, "--json").objects
    assert old["config"] == {**PRESETS["synced-fm"].to_dict(), "frame_step": 160, "covariance_type": "diag"}
    whole = {"name": "club", "config": {"mfcc_step_size": "160", "cv_type": "diag"}, "data": [], "status": "trained"}
    file.write_text(json.dumps(whole | {"s3_links": [{"filename": "a.wav"}], "created_at": "2015-03-01"}))
    (again,) = earmark("catalogues", "estimate", "--synced-fm", file, "--json").objects
    assert again["config"] == old["config"], "a training set as Synced.fm stores it"
    assert earmark("catalogues", "create", "x", "--preset", "earmark", "--copy-of", "radio").code == 2
    for content, words in (
        ("[1]", "no JSON object"),
        ("{", "no JSON that can be read"),
        ('{"a": 1}', "no parameter 'a'"),
        ('{"name": "club", "config": [16000]}', "'config' of Synced.fm's training set is no object"),
        ('{"names": "club", "config": {}}', "has no 'names': did you mean name?"),
        ('{"name": "club", "config": {"name": 1}}', "no parameter 'name'"),
    ):
        file.write_text(content)
        done = earmark("catalogues", "create", "x", "--synced-fm", file)
        assert (done.code, words in done.err) == (1, True), done.err
    assert earmark("catalogues", "create", "x", "--copy-of", "none").code == 1
    assert {o["name"] for o in earmark("catalogues", "list", "--json").objects} == {"radio", "finer", "old"}


def test_costs_are_told_before_anything_is_made(earmark: Earmark) -> None:
    (plain,) = earmark("catalogues", "estimate", "--json", "--hours", "10").objects
    (finer,) = earmark("catalogues", "estimate", "--json", "--hours", "10", "--set", "window_step=0.5").objects
    assert plain["config"] == FeatureConfig().to_dict()
    assert (plain["music_s"], plain["windows"]) == (36000.0, 35996)
    assert finer["windows"] > 1.9 * plain["windows"]
    assert finer["bytes"] > plain["bytes"] > 0
    done = earmark("catalogues", "estimate", "--preset", "synced-fm")
    assert "5 s windows each 1 s; 1 h of music: 3,596 windows" in done.out
    assert "one is fitted before the first track" in done.out
    assert earmark("catalogues", "list").out == ""


def test_a_catalogue_is_copied_from_its_files(earmark: Earmark, folder: Path, tmp_path: Path) -> None:
    earmark("enroll", folder)
    tracks = earmark("tracks", "list", "--json").objects
    edited = tracks[2]["id"]
    earmark("tracks", "edit", edited, "--title", "By hand", "--isrc", "GBAYE0601498")
    before = {track["content_hash"]: track for track in earmark("tracks", "list", "--json").objects}
    (folder / "noise 0.wav").rename(tmp_path / "elsewhere.wav")
    (folder / "noise 1.wav").rename(folder / "renamed.wav")
    (folder / "stranger.wav").write_bytes(as_wav(lively_noise(4.0, 999), RATE))
    (folder / "broken.wav").write_bytes(b"RIFF")

    done = earmark("catalogues", "copy", "default", "finer", folder, "--set", "window_step=0.5", "--json")
    assert done.code == 1
    assert "broken.wav" in done.err
    assert [o["title"] for o in done.objects if o["status"] == "missing"] == ["noise 0"]
    copied = {
        track["content_hash"]: track for track in earmark("tracks", "list", "--catalogue", "finer", "--json").objects
    }
    assert len(copied) == 5
    same = ("title", "artist", "isrc", "source", "by_hand", "duration_s", "content_hash")
    for key, track in copied.items():
        assert {name: track[name] for name in same} == {name: before[key][name] for name in same}
        assert track["id"] != before[key]["id"]
    listed = {o["name"]: o for o in earmark("catalogues", "list", "--json").objects}
    assert listed["finer"]["config"] == {**listed["default"]["config"], "window_step": 0.5}

    again = earmark("catalogues", "copy", "default", "finer", tmp_path / "elsewhere.wav", "--set", "window_step=0.5")
    assert again.code == 0
    count = "1 tracks copied to catalogue 'finer', which has 6 now; 0 tracks of 'default' wait for their files"
    assert again.err.splitlines()[-1] == count
    third = earmark("catalogues", "copy", "default", "finer", folder, "--set", "window_step=0.5", "--json")
    assert {o["status"] for o in third.objects} == {"present"}
    assert "0 tracks copied to catalogue 'finer', which has 6 now" in third.err
    itself = earmark("catalogues", "copy", "finer", "finer", folder)
    assert itself.code == 1
    assert "cannot be copied into itself" in itself.err
    assert list(earmark("tracks", "list", "--json").objects) == list(before.values())
    other = earmark("catalogues", "copy", "default", "finer", folder)
    assert other.code == 1
    assert "exists with another configuration" in other.err
