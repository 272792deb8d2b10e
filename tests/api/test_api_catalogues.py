"""Catalogues over HTTP: parameters explained, presets, Synced.fm's JSON, and copies under another configuration."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from api_client import Client, running

from classifier.config import PRESETS, SYNCED_FM, FeatureConfig
from tests.library import RATE, as_wav, lively_noise


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the files of two of the three tracks, one of them under another name, and a broken file."""
    folder = tmp_path_factory.mktemp("music")
    for seed, name in ((0, "noise 0"), (1, "renamed"), (9, "stranger")):
        (folder / f"{name}.wav").write_bytes(as_wav(lively_noise(6.0, seed), RATE))
    (folder / "broken.wav").write_bytes(b"RIFF")
    return folder


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, music: Path) -> Iterator[Client]:
    data = tmp_path_factory.mktemp("catalogues")
    with running(data, music_folders=f"{music},{data / 'none'}") as service:
        files = [(f"noise {seed}.wav", as_wav(lively_noise(6.0, seed), RATE)) for seed in range(3)]
        service.client.enroll(*files)
        yield service.client


def test_every_parameter_is_bounded_and_explained(client: Client) -> None:
    answer = client.get("/api/v1/catalogue-parameters").json
    parameters = answer["parameters"]
    assert {parameter["name"] for parameter in parameters[:9]} == set(SYNCED_FM.values())
    assert {parameter["synced_fm"] for parameter in parameters[:9]} == set(SYNCED_FM)
    assert {p["name"]: p["default"] for p in parameters} == FeatureConfig().to_dict()
    assert answer["presets"] == {name: preset.to_dict() for name, preset in PRESETS.items()}
    for parameter in parameters:
        assert parameter["help"]
        if parameter["kind"] == "choice":
            assert parameter["default"] in parameter["choices"]
            continue
        assert parameter["low"] <= parameter["default"] <= parameter["high"]
        beyond = {parameter["name"]: parameter["high"] + 1}
        refused = client.send("POST", "/api/v1/catalogues/estimate", {"config": beyond}).problem(422, "invalid_config")
        assert parameter["name"] in refused["detail"]


def test_catalogues_start_from_a_preset_another_or_synced_fms_json(client: Client) -> None:
    made = client.send("POST", "/api/v1/catalogues", {"name": "coarse", "config": {"window_step": 2.0}})
    assert (made.status, made.json["config"]) == (201, FeatureConfig(window_step=2.0).to_dict())
    again = {"name": "coarser", "copy_of": "coarse", "config": {"n_components": 4}}
    copied = client.send("POST", "/api/v1/catalogues", again).json
    assert copied["config"] == FeatureConfig(window_step=2.0, n_components=4).to_dict()
    old = {"name": "old", "synced_fm": {"mfcc_step_size": "160", "cv_type": "diag"}}
    assert client.send("POST", "/api/v1/catalogues", old).json["config"] == {
        **PRESETS["synced-fm"].to_dict(),
        "frame_step": 160,
        "covariance_type": "diag",
    }
    client.send("POST", "/api/v1/catalogues", old).problem(409, "catalogue_exists")
    cost = client.send("POST", "/api/v1/catalogues/estimate", {"copy_of": "coarse", "music_s": 36000}).json
    assert (cost["windows"], cost["own_background"]) == (17998, False)
    assert cost["bytes"] > 0
    assert cost["seconds"] > 0
    names = {catalogue["name"] for catalogue in client.get("/api/v1/catalogues").json["catalogues"]}
    assert names == {"default", "coarse", "coarser", "old"}


def test_a_copy_takes_what_is_still_there_and_lists_what_is_missing(client: Client) -> None:
    tracks = {track["title"]: track for track in client.get("/api/v1/tracks").json["tracks"]}
    edited = {"title": "By hand", "isrc": "GBAYE0601498"}
    client.send("PATCH", f"/api/v1/tracks/{tracks['noise 1']['id']}", edited)
    client.send("PATCH", f"/api/v1/tracks/{tracks['noise 2']['id']}", {"artist": "Nobody"})
    wanted = {"source": "default", "name": "finer", "config": {"window_step": 0.5}}
    taken = client.send("POST", "/api/v1/copies", wanted)
    assert taken.status == 202
    job = client.finished(taken.headers["location"])
    assert (job["source"], job["catalogue"], job["error"]) == ("default", "finer", None)
    assert (job["total"], job["done"], job["copied"], job["failed"]) == (4, 4, 2, 2)
    assert {failure["file"] for failure in job["failures"]} == {"broken.wav", "folder 2"}
    assert "/" not in str(job["failures"])
    assert (job["missing"], [track["title"] for track in job["missing_tracks"]]) == (1, ["noise 2"])
    same = client.get(f"/api/v1/jobs/{job['id']}").json
    assert (same["kind"], same["added"], same["failed"], same["files"]) == ("copy", 2, 2, [])
    copies = {track["title"]: track for track in client.get("/api/v1/tracks?catalogue=finer").json["tracks"]}
    assert set(copies) == {"noise 0", "By hand"}
    assert copies["By hand"]["isrc"] == "GBAYE0601498"
    assert copies["By hand"]["by_hand"] == ["title", "isrc"]
    assert copies["By hand"]["source"] == "noise 1"
    assert copies["By hand"]["n_windows"] > tracks["noise 1"]["n_windows"]

    upload = ("other name.wav", as_wav(lively_noise(6.0, 2), RATE))
    client.enroll(upload, query="?catalogue=finer&like=default")
    copies = {track["title"]: track for track in client.get("/api/v1/tracks?catalogue=finer").json["tracks"]}
    assert (copies["noise 2"]["artist"], copies["noise 2"]["by_hand"]) == ("Nobody", ["artist"])
    again = client.finished(client.send("POST", "/api/v1/copies", wanted).headers["location"])
    assert (again["copied"], again["missing"]) == (2, 0)

    other = {**wanted, "config": {"window_step": 0.25}}
    client.send("POST", "/api/v1/copies", other).problem(409, "catalogue_exists")
    itself = {"source": "default", "name": "default", "config": {}}
    client.send("POST", "/api/v1/copies", itself).problem(422, "invalid_parameter")
    client.send("POST", "/api/v1/copies", {**wanted, "source": "none"}).problem(404, "catalogue_not_found")
    client.send("POST", "/api/v1/copies", {**wanted, "name": "bad", "config": {"n_mels": 3}}).problem(
        422, "invalid_config"
    )
    enrolled = client.enroll(("x.wav", b"no audio"))
    client.get(f"/api/v1/copies/{enrolled['id']}").problem(404, "job_not_found")


def test_a_catalogue_is_removed_in_two_steps(client: Client) -> None:
    name = "to be / removed"
    path = "/api/v1/catalogues/to%20be%20%2F%20removed"
    made = client.send("POST", "/api/v1/catalogues", {"name": name}).json
    client.enroll(("noise 0.wav", as_wav(lively_noise(6.0, 0), RATE)), query="?catalogue=to%20be%20/%20removed")
    seen = client.get(path).json
    assert (seen["name"], seen["tracks"]) == (name, 1)
    assert seen["revision"] > made["revision"]
    client.ask("DELETE", path).problem(422, "invalid_parameter")  # which state of it is meant has to be said
    client.ask("DELETE", f"{path}?revision={made['revision']}").problem(409, "catalogue_changed")
    gone = client.ask("DELETE", f"{path}?revision={seen['revision']}")
    assert (gone.status, gone.json) == (200, {"name": name, "tracks": 1, "jobs": 1, "revision": seen["revision"]})
    client.get(path).problem(404, "catalogue_not_found")
    client.ask("DELETE", f"{path}?revision={seen['revision']}").problem(404, "catalogue_not_found")
    client.get("/api/v1/tracks?catalogue=to%20be%20/%20removed").problem(404, "catalogue_not_found")
    default = client.get("/api/v1/catalogues/default").json
    refused = client.ask("DELETE", f"/api/v1/catalogues/default?revision={default['revision']}")
    assert "is not removed" in refused.problem(422, "invalid_parameter")["detail"]
    assert client.get("/api/v1/catalogues/default").json == default
