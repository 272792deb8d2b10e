"""The library over HTTP: what is added, edited or removed, by whomever, counts for the next snippet."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from api_client import Answer, Client, Running, environment, multipart, piece, running, wav

from classifier.demo.songs import Song, compose

OTHER_PROCESS = """
import sys
from pathlib import Path
from classifier.catalogue import Catalogue
from classifier.settings import Settings
import os
with Catalogue.open(settings=Settings.from_environment(os.environ)) as catalogue:
    if sys.argv[1] == "add":
        print(catalogue.enroll(Path(sys.argv[2]), title="From elsewhere").track.id)
    elif sys.argv[1] == "edit":
        catalogue.edit(sys.argv[2], title="Renamed elsewhere")
    else:
        catalogue.remove(sys.argv[2])
"""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Path]]:
    """Run a service of this module's own, since its library changes."""
    folder = tmp_path_factory.mktemp("library")
    with running(folder) as service:
        yield service, folder


@pytest.fixture
def library(own: tuple[Running, Path]) -> Client:
    return own[0].client


def heard(client: Client, song: Song) -> tuple[str, str | None]:
    """Return verdict and title for a piece of a song."""
    tag = client.tag(wav(piece(song, 7.0, 5.0), song.sample_rate)).json
    return tag["verdict"], tag["matches"][0]["title"] if tag["verdict"] != "no_match" else None


def post(client: Client, parts: list[tuple[str, str | None, bytes]], query: str = "") -> Answer:
    body, kind = multipart(parts)
    return client.ask("POST", f"/api/v1/tracks{query}", body, {"Content-Type": kind})


def test_a_track_added_edited_and_removed(library: Client, songs: list[Song], files: list[tuple[str, bytes]]) -> None:
    assert heard(library, songs[0]) == ("no_match", None)
    job = library.enroll(("one.wav", files[0][1]), title="  My title ", artist="Me")
    (file,) = job["files"]
    assert (file["status"], file["title"], file["error"]) == ("added", "My title", None)
    assert (job["status"], job["total"], job["done"], job["added"]) == ("done", 1, 1, 1)
    assert job["finished"]
    assert heard(library, songs[0]) == ("identified", "My title")

    path = f"/api/v1/tracks/{file['track_id']}"
    track = library.get(path).json
    assert (track["title"], track["artist"], track["source"], track["version"]) == ("My title", "Me", "one", 1)
    assert track["by_hand"] == ["title", "artist"]
    edited = library.send("PATCH", path, {"title": "Another", "artist": None, "metadata": {"a.b": "c"}}).json
    assert (edited["title"], edited["artist"], edited["metadata"]) == ("Another", None, {"a.b": "c"})
    assert edited["by_hand"] == ["title", "artist", "metadata"]
    assert heard(library, songs[0]) == ("identified", "Another")

    former = {name: track[name] for name in ("title", "artist", "metadata", "by_hand")}
    assert library.send("PATCH", path, former).json == track
    assert library.send("PATCH", path, {"by_hand": []}).json["by_hand"] == []
    library.send("PATCH", path, {"by_hand": ["source"]}).problem(422, "invalid_parameter")
    library.send("PATCH", path, {"by_hand": None}).problem(422, "invalid_parameter")

    again = library.enroll(("copy.wav", files[0][1]))
    assert [f["status"] for f in again["files"]] == ["present"]
    assert again["files"][0]["track_id"] == file["track_id"]

    assert library.delete(path).status == 204
    assert heard(library, songs[0]) == ("no_match", None)
    library.get(path).problem(404, "track_not_found")
    library.delete(path).problem(404, "track_not_found")


def test_what_another_process_does_counts_too(
    own: tuple[Running, Path], songs: list[Song], files: list[tuple[str, bytes]], tmp_path: Path
) -> None:
    service, folder = own
    (tmp_path / "song.wav").write_bytes(files[1][1])

    def elsewhere(*arguments: str) -> str:
        command = [sys.executable, "-c", OTHER_PROCESS, *arguments]
        return subprocess.run(command, env=environment(folder, {}), check=True, capture_output=True, text=True).stdout

    track_id = elsewhere("add", str(tmp_path / "song.wav")).strip()
    assert heard(service.client, songs[1]) == ("identified", "From elsewhere")
    elsewhere("edit", track_id)
    assert heard(service.client, songs[1]) == ("identified", "Renamed elsewhere")
    elsewhere("remove", track_id)
    assert heard(service.client, songs[1]) == ("no_match", None)


def test_several_files_each_with_its_own_outcome(own: tuple[Running, Path], files: list[tuple[str, bytes]]) -> None:
    service, folder = own
    library = service.client
    job = library.enroll(files[2], ("notes.txt", b"not music"), files[2], ("nothing.mp3", b""))
    assert [file["status"] for file in job["files"]] == ["added", "failed", "present", "failed"]
    errors = [file["error"]["name"] for file in job["files"] if file["error"]]
    assert errors == ["audio_unreadable", "audio_empty"]
    assert (job["done"], job["added"], job["present"], job["failed"]) == (4, 1, 1, 2)
    assert library.get(f"/api/v1/jobs/{job['id']}").json == job
    assert list((folder / "spool").iterdir()) == []


def test_listing_and_search(library: Client) -> None:
    made = compose(21, duration_s=8.0)
    library.enroll(("zz one.wav", wav(made.samples, made.sample_rate)), title="Zebra crossing", artist="Ülküm")
    found = library.get("/api/v1/tracks?search=zebra").json
    assert [track["title"] for track in found["tracks"]] == ["Zebra crossing"]
    assert found["total"] == 1
    everything = library.get("/api/v1/tracks").json
    page = library.get(f"/api/v1/tracks?limit=1&skip={everything['total'] - 1}").json
    assert page["tracks"] == everything["tracks"][-1:]
    assert page["total"] == everything["total"]
    for search in ("%C3%BClk%C3%BCm", "ULKUM", "%E2%80%9Czebra%E2%80%9D%20ulku"):
        assert library.get(f"/api/v1/tracks?search={search}").json["total"] == 1, search


def test_text_that_would_command_a_terminal_or_turn_the_page(library: Client) -> None:
    made = compose(22, duration_s=8.0)
    hostile, cleaned = "evil\x1b[31m\nnext\u202egnp", "evil [31m nextgnp"
    # A line feed in a header would end it: of the texts only the form's fields can hold one.
    name = hostile.replace("\n", " ")
    upload = (f"{name}.wav", wav(made.samples, made.sample_rate))
    (file,) = library.enroll(upload, title=hostile, album="\x1b\x07")["files"]
    assert file["title"] == cleaned
    path = f"/api/v1/tracks/{file['track_id']}"
    track = library.get(path).json
    assert (track["title"], track["album"], track["by_hand"]) == (cleaned, None, ["title"])
    edited = library.send("PATCH", path, {"artist": hostile, "metadata": {"k\0": hostile}}).json
    assert (edited["artist"], edited["metadata"]) == (cleaned, {"k": cleaned})
    library.send("PATCH", path, {"title": "\u202e\x1b"}).problem(422, "invalid_parameter")
    library.send("PATCH", path, {"metadata": {"k": "x" * 5001}}).problem(422, "invalid_parameter")
    assert library.get(path).json == edited
    assert library.delete(path).status == 204


def test_catalogues(library: Client, songs: list[Song], files: list[tuple[str, bytes]]) -> None:
    made = library.send("POST", "/api/v1/catalogues", {"name": "small", "config": {"window_step": 2.0}})
    assert made.status == 201
    assert made.json["config"]["window_step"] == 2.0
    assert made.json["tracks"] == 0
    library.send("POST", "/api/v1/catalogues", {"name": "small"}).problem(409, "catalogue_exists")
    library.send("POST", "/api/v1/catalogues", {"name": "bad", "config": {"window_stp": 1}}).problem(
        422, "invalid_config"
    )
    library.send("POST", "/api/v1/catalogues", {"name": ""}).problem(422, "invalid_parameter")
    half, whole = (
        library.send("POST", "/api/v1/catalogues/estimate", {"copy_of": "small", "music_s": hours * 3600}).json
        for hours in (1, 2)
    )
    assert half["config"] == made.json["config"]
    assert (half["windows"], whole["windows"]) == (1798, 3598)
    assert whole["bytes"] == pytest.approx(2 * half["bytes"])
    synced = library.send("POST", "/api/v1/catalogues", {"name": "old", "synced_fm": {"cv_type": "diag"}}).json
    assert (synced["config"]["covariance_type"], synced["config"]["method"]) == ("diag", "kl-mixture")
    library.send("POST", "/api/v1/catalogues/estimate", {"synced_fm": {"em": 1}}).problem(422, "invalid_config")
    library.send("POST", "/api/v1/catalogues/estimate", {"copy_of": "none"}).problem(404, "catalogue_not_found")
    assert "new" not in {c["name"] for c in library.get("/api/v1/catalogues").json["catalogues"]}
    library.enroll(files[0], query="?catalogue=small")
    assert [c["tracks"] for c in library.get("/api/v1/catalogues").json["catalogues"] if c["name"] == "small"] == [1]
    tag = library.tag(wav(piece(songs[0], 3.0, 5.0), songs[0].sample_rate), "?catalogue=small").json
    assert (tag["catalogue"], tag["verdict"]) == ("small", "identified")
    library.tag(b"x", "?catalogue=none").problem(404, "catalogue_not_found")
    library.get("/api/v1/tracks?catalogue=none").problem(404, "catalogue_not_found")
    post(library, [("file", "a.wav", b"x")], "?catalogue=none").problem(404, "catalogue_not_found")


def test_bad_requests(library: Client, own: tuple[Running, Path]) -> None:
    post(library, [("other", "a.wav", b"x")]).problem(422, "file_missing")
    post(library, [("file", None, b"x")]).problem(422, "file_missing")
    post(library, [("file", "a", b"x"), ("file", "b", b"x"), ("title", None, b"t")]).problem(422, "invalid_parameter")
    wrong = post(library, [("file", "a", b"x"), ("isrc", None, b"GB-AYE-06")]).problem(422, "invalid_parameter")
    assert "isrc is 'GB-AYE-06': it must be two letters" in wrong["detail"]
    post(library, [("file", "a", b"x"), ("heading", None, b"t")]).problem(422, "invalid_parameter")
    library.ask("POST", "/api/v1/tracks", b"x", {"Content-Type": "audio/wav"}).problem(415, "media_type_unsupported")
    assert list((own[1] / "spool").iterdir()) == []  # a refused upload leaves nothing behind
    track = library.get("/api/v1/tracks?limit=1").json["tracks"][0]
    path = f"/api/v1/tracks/{track['id']}"
    for wrong in ({"title": ""}, {"title": None}, {"heading": "x"}, {"duration_s": 1}, [], "x", {"metadata": {"a": 1}}):
        library.send("PATCH", path, wrong).problem(422, "invalid_parameter")
    library.ask("PATCH", path, b"{", {"Content-Type": "application/json"}).problem(400, "bad_request")
    assert library.get(path).json == track
    for query in ("limit=0", "limit=x", "skip=-1", "find=x"):
        problem = library.get(f"/api/v1/tracks?{query}").problem(422, "invalid_parameter")
        assert problem["errors"][0]["field"] == query.partition("=")[0]


def test_replace(library: Client, files: list[tuple[str, bytes]]) -> None:
    first = library.enroll(files[1])["files"][0]
    library.send("PATCH", f"/api/v1/tracks/{first['track_id']}", {"title": "By hand"})
    second = library.enroll(files[1], query="?replace=true")["files"][0]
    assert (second["status"], second["track_id"]) == ("added", first["track_id"])
    replaced = library.get(f"/api/v1/tracks/{first['track_id']}").json
    assert (replaced["version"], replaced["title"], replaced["by_hand"]) == (2, "By hand", ["title"])
