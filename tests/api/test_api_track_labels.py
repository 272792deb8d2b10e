"""Labels of tracks over HTTP: at enrollment and as a job, found, counted, labelled anew, and a job that is stopped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from api_client import Client, Running, running, wav

from classifier.demo.songs import Song
from classifier.store import open_store
from classifier.work import jobs, label, tracklist
from tests.library import WEIGHTS


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, songs: list[Song]) -> Iterator[Running]:
    """Run a service that can label, with two files in its music folder."""
    if not (WEIGHTS / "musicnn-msd" / "manifest.json").exists():
        pytest.skip("the tagging network is not on this machine: run 'earmark models get musicnn-msd'")
    folder = tmp_path_factory.mktemp("music")
    for number in (0, 1):
        (folder / f"{number}.wav").write_bytes(file_of(songs[number]))
    data = tmp_path_factory.mktemp("labels")
    with running(data, weights_dir=WEIGHTS, music_folders=folder) as service:
        yield service


@pytest.fixture
def client(own: Running) -> Client:
    """Return a client of it."""
    return own.client


def file_of(song: Song) -> bytes:
    return wav(song.samples[: 8 * song.sample_rate], song.sample_rate)


def labelled(client: Client, **body: Any) -> dict[str, Any]:
    """Label the library, and return the job once it is done."""
    answer = client.send("POST", "/api/v1/tracks/label", body)
    assert answer.status == 202, answer
    return client.finished(answer.headers["location"])


def test_labelled_at_enrollment_and_as_a_job(client: Client, songs: list[Song]) -> None:
    jobs_ = [client.enroll(("0.wav", file_of(songs[0])), query="?label=true")]
    jobs_ += [client.enroll((f"{n}.wav", file_of(songs[n]))) for n in (1, 2)]
    first, second, third = (job["files"][0]["track_id"] for job in jobs_)
    labels = client.get(f"/api/v1/tracks/{first}").json["labels"]
    assert set(labels) == {"genre", "mood", "tags"}
    assert (labels["genre"]["model"], labels["tags"]["decision"]) == ("gtzan-10", None)
    assert client.get(f"/api/v1/tracks/{second}").json["labels"] == {}

    job = labelled(client)  # the first has its labels, the file of the third is nowhere
    assert (job["kind"], job["added"], job["total"], job["failed"]) == ("label", 1, 2, 0)
    assert set(client.get(f"/api/v1/tracks/{second}").json["labels"]) == {"genre", "mood", "tags"}
    assert client.get(f"/api/v1/tracks/{third}").json["labels"] == {}
    assert labelled(client)["added"] == 0

    before = labels["tags"]["at"]
    assert labelled(client, tasks=["tags"], again=True)["added"] == 2  # what was heard is remembered
    after = client.get(f"/api/v1/tracks/{first}").json["labels"]
    assert after["tags"]["at"] > before
    assert {**after, "tags": {**after["tags"], "at": before}} == labels

    every = client.get("/api/v1/tracks?facets=label").json["facets"]["label"]
    assert every
    for facet in every:
        found = client.get(f"/api/v1/tracks?label={facet['value'].replace(' ', '%20')}").json
        assert found["total"] == len(found["tracks"]) == facet["count"]
    task, _, name = every[0]["value"].partition(":")
    assert all(
        name in track["labels"][task]["labels"] for track in client.get(f"/api/v1/tracks?label={name}").json["tracks"]
    )
    assert client.get("/api/v1/tracks?label=genre:none").json["total"] == 0
    client.delete(f"/api/v1/tracks/{first}")
    counted = client.get("/api/v1/tracks?facets=label").json["facets"]["label"]
    assert sum(one["count"] for one in counted) < sum(one["count"] for one in every)


def test_what_cannot_be_labelled_is_refused_at_once(client: Client) -> None:
    client.send("POST", "/api/v1/tracks/label", {"tasks": ["colour"]}).problem(404, "model_not_found")
    client.send("POST", "/api/v1/tracks/label", {"catalogue": "none"}).problem(404, "catalogue_not_found")
    client.send("POST", "/api/v1/tracks/label", {"task": "genre"}).problem(422, "invalid_parameter")


def test_a_job_is_stopped_and_one_that_cannot_be_is_not(own: Running, client: Client, tmp_path: Path) -> None:
    """Jobs of another machine's spool, which no worker here takes, stand for jobs that wait."""
    store = open_store(f"sqlite:///{data_dir(own)}/earmark.sqlite")
    try:
        task = {"catalogue": "default", "tasks": [], "again": False}
        state = {"labelled": 0, "failed": 0, "failures": []}
        waiting = jobs.submit(store, label.KIND, task, state=state, total=0, spool="elsewhere")["_id"]
        path = f"/api/v1/jobs/{waiting}"
        stopped = client.delete(path).json
        assert (stopped["status"], stopped["error"]["name"], stopped["failed"]) == ("done", "conflict", 1)
        assert client.delete(path).json == client.get(path).json == stopped
        recording = jobs.submit(store, tracklist.KIND, {}, state={}, total=0, spool="elsewhere")["_id"]
        client.delete(f"/api/v1/jobs/{recording}").problem(409, "conflict")
        store.delete("jobs", {"_id": recording})
        client.delete("/api/v1/jobs/none").problem(404, "job_not_found")
    finally:
        store.close()


def data_dir(own: Running) -> str:
    entries = Path(f"/proc/{own.process.pid}/environ").read_bytes().split(b"\0")
    return next(e for e in entries if e.startswith(b"EARMARK_DATA_DIR=")).partition(b"=")[2].decode()
