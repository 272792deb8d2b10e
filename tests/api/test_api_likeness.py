"""What sounds alike, and the map, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from api_client import Client, multipart, piece, running, wav

from classifier.demo.songs import Song
from tests.library import RATE, as_wav, lively_noise


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, songs: list[Song]) -> Iterator[Client]:
    with running(tmp_path_factory.mktemp("alike")) as service:
        files = [(f"{song.title}.wav", wav(song.samples, song.sample_rate)) for song in songs]
        files += [(f"noise {seed}.wav", as_wav(lively_noise(7.0, seed), RATE)) for seed in range(4)]
        service.client.enroll(*files)
        yield service.client


def ids(client: Client) -> dict[str, str]:
    return {track["title"]: track["id"] for track in client.get("/api/v1/tracks").json["tracks"]}


def ask(client: Client, content: bytes, query: str = "") -> dict:
    body, kind = multipart([("snippet", "snippet.wav", content)])
    return client.ask("POST", f"/api/v1/alike{query}", body, {"Content-Type": kind}).json


def test_tracks_and_recordings_are_compared(library: Client, songs: list[Song]) -> None:
    known = ids(library)
    found = library.get(f"/api/v1/tracks/{known[songs[0].title]}/alike?top=3").json
    assert (len(found["tracks"]), found["searched"], found["duration_s"]) == (3, 6, None)
    assert (found["ranked_by"], found["hubness"]) == ("divergence", None)
    assert {track["title"] for track in found["tracks"][:2]} == {songs[1].title, songs[2].title}
    for track in found["tracks"]:
        assert sum(part["nats"] for part in track["coefficients"]) == pytest.approx(track["divergence"])
    heard = ask(library, wav(piece(songs[1], 3.0, 15.0), songs[1].sample_rate), "?top=1")
    assert heard["tracks"][0]["title"] == songs[1].title
    assert heard["duration_s"] == pytest.approx(15.0, abs=0.1)
    assert heard["searched"] == 7
    library.get("/api/v1/tracks/nobody/alike").problem(404, "track_not_found")
    library.get(f"/api/v1/tracks/{known[songs[0].title]}/alike?top=0").problem(422, "invalid_parameter")
    body, kind = multipart([("snippet", "x.wav", b"no music" * 50)])
    library.ask("POST", "/api/v1/alike", body, {"Content-Type": kind}).problem(415, "audio_unreadable")
    library.ask("POST", "/api/v1/alike?catalogue=none", body, {"Content-Type": kind}).problem(
        404, "catalogue_not_found"
    )


def test_the_tags_that_named_a_track_are_listed(library: Client, songs: list[Song]) -> None:
    known = ids(library)
    tags = [library.tag(wav(piece(songs[i], 4.0, 6.0), songs[i].sample_rate)).json["id"] for i in (0, 1, 0)]
    found = library.get(f"/api/v1/tags?track={known[songs[0].title]}").json["tags"]
    assert [tag["id"] for tag in found] == [tags[2], tags[0]]
    assert library.get(f"/api/v1/tags?track={known['noise 0']}").json["tags"] == []


def test_the_map_is_made_by_a_job_and_follows_the_library(library: Client) -> None:
    before = library.get("/api/v1/map").json
    assert (before["created"], before["outgrown"], before["total"]) == (None, True, 7)
    taken = library.ask("POST", "/api/v1/map")
    assert taken.status == 202
    job = library.finished(taken.headers["location"])
    assert (job["kind"], job["failed"], job["error"], job["catalogue"]) == ("map", 0, None, "default")
    drawn = library.get("/api/v1/map").json
    assert drawn["created"]
    assert not drawn["outgrown"]
    assert [point["title"] for point in drawn["points"]] == sorted(ids(library))
    assert all(0 <= point["x"] <= 1 and 0 <= point["y"] <= 1 and not point["placed"] for point in drawn["points"])
    library.enroll(("later.wav", as_wav(lively_noise(7.0, 50), RATE)))
    later = library.get("/api/v1/map").json
    assert [point["title"] for point in later["points"] if point["placed"]] == ["later"]
    assert [point for point in later["points"] if not point["placed"]] == drawn["points"]
    library.ask("POST", "/api/v1/map?catalogue=none").problem(404, "catalogue_not_found")
