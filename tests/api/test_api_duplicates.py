"""Copies over HTTP: found by a job, merged, listed, brought back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from api_client import Client, running, wav

from classifier.demo.songs import Song


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, songs: list[Song]) -> Iterator[Client]:
    with running(tmp_path_factory.mktemp("copies")) as service:
        late = songs[0].samples[round(6.0 * songs[0].sample_rate) :]
        service.client.enroll(("whole.wav", wav(songs[0].samples, songs[0].sample_rate)), title="Whole")
        service.client.enroll(("late.wav", wav(late, songs[0].sample_rate)), title="Late", artist="Ann")
        service.client.enroll(("other.wav", wav(songs[1].samples, songs[1].sample_rate)), title="Other")
        yield service.client


def ids(client: Client) -> dict[str, str]:
    return {track["title"]: track["id"] for track in client.get("/api/v1/tracks").json["tracks"]}


def test_a_job_finds_the_pairs(library: Client) -> None:
    taken = library.send("POST", "/api/v1/duplicates", {})
    assert taken.status == 202
    job = library.finished(taken.headers["location"])
    same = library.get(f"/api/v1/jobs/{job['id']}").json
    assert (same["kind"], same["status"], same["done"], same["files"]) == ("duplicates", "done", 1, [])
    enrolled = library.enroll(("whole.wav", b"no audio"))
    library.get(f"/api/v1/duplicates/{enrolled['id']}").problem(404, "job_not_found")
    assert (job["kind"], job["status"], job["found"], job["error"]) == ("duplicates", "done", 1, None)
    (pair,) = job["pairs"]
    assert (pair["relation"], pair["a"]["title"], pair["b"]["title"]) == ("excerpt", "Whole", "Late")
    assert abs(pair["stretches"][0]["a_start_s"] - 6.0) < 0.6
    other = library.send("POST", "/api/v1/duplicates", {"track_ids": [ids(library)["Other"]], "relations": ["copy"]})
    assert library.finished(other.headers["location"])["pairs"] == []
    library.send("POST", "/api/v1/duplicates", {"relations": ["cousin"]}).problem(422, "invalid_parameter")
    library.send("POST", "/api/v1/duplicates", {"catalogue": "none"}).problem(404, "catalogue_not_found")


def test_tracks_are_merged_and_brought_back(library: Client) -> None:
    known = ids(library)
    whole, late = known["Whole"], known["Late"]
    before = library.get(f"/api/v1/tracks/{whole}").json
    merged = library.send("POST", f"/api/v1/tracks/{whole}/merge", {"tracks": [late]}).json
    assert (merged["id"], merged["artist"]) == (whole, "Ann")
    assert sorted(ids(library)) == ["Other", "Whole"]
    assert library.get(f"/api/v1/tracks/{late}").json["id"] == whole
    (entry,) = library.get("/api/v1/merges").json["merges"]
    assert (entry["track"]["id"], entry["into"]) == (late, whole)
    assert library.send("POST", f"/api/v1/tracks/{whole}/merge", {"tracks": [late]}).status == 200
    assert library.delete(f"/api/v1/merges/{late}").json["title"] == "Late"
    assert library.get(f"/api/v1/tracks/{whole}").json == before
    assert library.get("/api/v1/merges").json["merges"] == []
    library.delete(f"/api/v1/merges/{late}").problem(404, "track_not_found")
    library.send("POST", f"/api/v1/tracks/{whole}/merge", {"tracks": [whole]}).problem(422, "invalid_parameter")
    library.send("POST", f"/api/v1/tracks/{whole}/merge", {"tracks": []}).problem(422, "invalid_parameter")
