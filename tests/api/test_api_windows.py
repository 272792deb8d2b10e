"""Windows of a track over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from api_client import Client, running, wav

from classifier.demo.songs import Song
from classifier.mixtures.divergence import Packed, symmetric_kl_variational
from classifier.mixtures.gmm import Mixtures, unpack_covariances
from classifier.records import merging
from classifier.records.track_arrays import load_models
from classifier.settings import Settings
from classifier.store import open_store
from tests.library import RATE, as_wav, lively_noise

#: What rounding to milliseconds and thousandths of a nat leaves.
ROUNDED = 6e-4


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the service keeps its store."""
    return tmp_path_factory.mktemp("windows")


@pytest.fixture(scope="module")
def client(folder: Path, songs: list[Song]) -> Iterator[Client]:
    """Return a client of a service with one song, and what is half silent."""
    with running(folder) as service:
        half = np.concatenate([lively_noise(8.0, 1), np.zeros(8 * RATE)])
        service.client.enroll(
            ("song.wav", wav(songs[0].samples, songs[0].sample_rate)), ("half.wav", as_wav(half, RATE))
        )
        yield service.client


def track(client: Client, source: str) -> dict:
    return next(one for one in client.get("/api/v1/tracks").json["tracks"] if one["source"] == source)


def test_windows_come_in_pages(client: Client) -> None:
    song = track(client, "song")
    path = f"/api/v1/tracks/{song['id']}/windows"
    whole = client.get(path).json
    assert whole["next"] is None
    listed = whole["windows"]
    assert [window["number"] for window in listed] == list(range(song["n_windows"]))
    assert {tuple(window) for window in listed} == {("number", "start_s", "end_s", "silent")}
    assert [window["start_s"] for window in listed] == pytest.approx(np.arange(len(listed)), abs=0.01)
    assert [window["end_s"] - window["start_s"] for window in listed] == pytest.approx([5.0] * len(listed), abs=0.01)
    first = client.get(f"{path}?limit=7").json
    rest = client.get(f"{path}?limit=1000&cursor={first['next']}").json
    assert first["windows"] + rest["windows"] == listed
    other = client.get(f"/api/v1/tracks/{track(client, 'half')['id']}/windows?limit=2").json["next"]
    client.get(f"{path}?cursor={other}").problem(422, "invalid_parameter")
    client.get(f"{path}?limit=0").problem(422, "invalid_parameter")


def test_a_window_is_compared_with_all_others(client: Client, folder: Path) -> None:
    song = track(client, "song")
    answer = client.get(f"/api/v1/tracks/{song['id']}/windows/12")
    found = answer.json
    store = open_store(Settings(data_dir=str(folder)).store)
    arrays = load_models(store, song["id"], 1)
    store.close()
    mixtures = Mixtures(arrays["weights"], arrays["means"], unpack_covariances(arrays["covariances"], 13))
    wanted = symmetric_kl_variational(Packed.of(mixtures[12:13]), Packed.of(mixtures))[0]
    assert found["along"]["divergence"] == pytest.approx(wanted, abs=ROUNDED)
    apart = np.abs(arrays["window_frame"] - arrays["window_frame"][12]) * 0.015 >= 5.0
    near = int(np.where(apart, wanted, np.inf).argmin())
    assert (found["alike"]["number"], found["number"], found["track_id"]) == (near, 12, song["id"])
    assert found["alike"]["divergence"] == pytest.approx(wanted[near], abs=ROUNDED)
    assert found["along"]["average"] == pytest.approx(wanted[apart].mean(), abs=ROUNDED)
    for drawn, number in ((found["mixture"], 12), (found["alike"], near)):
        assert drawn["start_s"] == found["along"]["offsets_s"][number]
        assert np.array(drawn["means"]) == pytest.approx(mixtures.means[number], abs=ROUNDED)
        assert np.array(drawn["covariances"]) == pytest.approx(arrays["covariances"][number], abs=ROUNDED)
    again = client.get(f"/api/v1/tracks/{song['id']}/windows/12", **{"If-None-Match": answer.headers["etag"]})
    assert again.status == 304


def test_silent_windows_have_nothing_to_compare(client: Client) -> None:
    half = track(client, "half")["id"]
    silent = [w["number"] for w in client.get(f"/api/v1/tracks/{half}/windows").json["windows"] if w["silent"]]
    assert silent
    found = client.get(f"/api/v1/tracks/{half}/windows/{silent[0]}").json
    assert (found["silent"], found["mixture"], found["along"], found["alike"]) == (True, None, None, None)


def test_what_is_not_there_is_said(client: Client) -> None:
    song = track(client, "song")
    for path in ("windows", "windows/0"):
        client.get(f"/api/v1/tracks/nobody/{path}").problem(404, "track_not_found")
    beyond = client.get(f"/api/v1/tracks/{song['id']}/windows/{song['n_windows']}")
    said = beyond.problem(422, "invalid_parameter")["detail"]
    assert f"has windows 0 to {song['n_windows'] - 1}" in said
    client.get(f"/api/v1/tracks/{song['id']}/windows/first").problem(404, "not_found")


def test_a_compact_catalogue_lists_windows_and_compares_none(client: Client) -> None:
    made = client.send("POST", "/api/v1/catalogues", {"name": "small", "config": {"profile": "compact"}})
    assert made.status == 201, made.body
    client.enroll(("noise.wav", as_wav(lively_noise(9.0, 2), RATE)), query="?catalogue=small")
    (noise,) = client.get("/api/v1/tracks?catalogue=small").json["tracks"]
    listed = client.get(f"/api/v1/tracks/{noise['id']}/windows").json["windows"]
    assert len(listed) == noise["n_windows"] == 5
    said = client.get(f"/api/v1/tracks/{noise['id']}/windows/0").problem(422, "invalid_parameter")["detail"]
    assert "catalogue 'small' is compact: it keeps no mixtures" in said
    assert "profile 'exact'" in said


def test_a_merged_track_answers_with_that_which_goes_on(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        files = [(f"{seed}.wav", as_wav(lively_noise(8.0, seed), RATE)) for seed in (1, 2)]
        service.client.enroll(*files)
        into, gone = (track(service.client, name)["id"] for name in ("1", "2"))
        store = open_store(Settings(data_dir=str(tmp_path)).store)
        merging.merge(store, into, gone)
        store.close()
        for path in ("windows", "windows/2"):
            there, here = (service.client.get(f"/api/v1/tracks/{name}/{path}").json for name in (gone, into))
            assert there == here
