"""Labels over HTTP: tags, genre, mood, pictures, models, and the routes of earlier services."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from api_client import Answer, Client, Running, multipart, piece, running, wav
from flask.testing import FlaskClient
from PIL import Image

from app import create_app
from classifier.api import label_schemas
from classifier.demo.songs import Song
from classifier.labels.answers.answer import Answer as Labelled
from classifier.labels.musicnn.extract import TAGS
from classifier.labels.sets import SETS
from classifier.labels.tags import Arousal, TagScore
from classifier.settings import Settings
from tests.library import WEIGHTS

SIX = {"Classical", "Hipop", "Jazz", "Jass", "Metal", "Pop", "Rock"}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Run a service that can label."""
    if not (WEIGHTS / "musicnn-msd" / "manifest.json").exists():
        pytest.skip("the tagging network is not on this machine: run 'earmark models get musicnn-msd'")
    with running(
        tmp_path_factory.mktemp("labels"), weights_dir=WEIGHTS, label_bytes=4_000_000, label_seconds=100
    ) as service:
        yield service


@pytest.fixture
def client(own: Running) -> Client:
    """Return a client of it."""
    return own.client


@pytest.fixture(scope="module")
def song(songs: list[Song]) -> bytes:
    """Return a song as a file."""
    return wav(songs[0].samples, songs[0].sample_rate)


def post(client: Client, path: str, content: bytes, part: str = "snippet", **fields: str) -> Answer:
    parts: list[tuple[str, str | None, bytes]] = [(part, "a song.wav", content)]
    body, kind = multipart([*parts, *((name, None, value.encode()) for name, value in fields.items())])
    return client.ask("POST", path, body, {"Content-Type": kind})


# --- answers --------------------------------------------------------------------------------------------------


def test_tags_are_those_of_the_command_line(client: Client, song: bytes, tmp_path: Path) -> None:
    answer = post(client, "/api/v1/labels/tags", song).json
    assert sorted(tag["tag"] for tag in answer["tags"]) == sorted(TAGS)
    assert answer["series"] == []
    assert answer["duration_s"] == pytest.approx(24.0, abs=0.1)
    raw = client.ask("POST", "/api/v1/labels/tags?every=8", song, {"Content-Type": "audio/wav"}).json
    assert raw["tags"] == answer["tags"]
    assert [part["start_s"] for part in raw["series"]] == [0, 8, 16]


def test_me_says_whether_there_are_labels(client: Client, bare: FlaskClient) -> None:
    assert "labels" in client.get("/api/v1/me").json["features"]
    assert "labels" not in bare.get("/api/v1/me").json["features"]


def test_genre_has_a_distribution_reasons_and_an_explanation(client: Client, song: bytes) -> None:
    answer = post(client, "/api/v1/labels/genre", song).json
    assert {one["label"] for one in answer["distribution"]} == set(SETS["gtzan-10"])
    assert sum(one["p"] for one in answer["distribution"]) == pytest.approx(1, abs=1e-4)
    assert answer["decision"] == ("uncertain" if answer["reasons"] else "certain")
    assert answer["explanation"][0]["label"] == answer["labels"][0] == answer["distribution"][0]["label"]
    six = post(client, "/api/v1/labels/genre?set=mgc-6&several=true&every=8", song).json
    assert {one["label"] for one in six["distribution"]} == set(SETS["mgc-6"])
    assert 1 <= len(six["labels"]) <= 3
    assert len(six["series"]) == 3


def test_mood_is_how_lively_it_is_and_says_that_this_is_experimental(client: Client, song: bytes) -> None:
    answer = post(client, "/api/v1/labels/mood", song).json
    assert {one["label"] for one in answer["distribution"]} == {"calm", "energetic"}
    assert answer["decision"] in ("experimental", "uncertain")


def test_what_is_asked_wrongly_is_said(client: Client, song: bytes) -> None:
    post(client, "/api/v1/labels/colour", song).problem(404, "model_not_found")
    post(client, "/api/v1/labels/genre?version=7", song).problem(404, "model_not_found")
    post(client, "/api/v1/labels/genre?set=three", song).problem(422, "invalid_parameter")
    post(client, "/api/v1/labels/tags?every=1", song).problem(422, "invalid_parameter")
    post(client, "/api/v1/labels/tags?top=1", song).problem(422, "invalid_parameter")
    post(client, "/api/v1/labels/tags", b"no sound").problem(415, "audio_unreadable")
    post(client, "/api/v1/labels/tags", b"").problem(422, "audio_empty")
    post(client, "/api/v1/labels/tags", song, "file").problem(422, "file_missing")
    post(client, "/api/v1/labels/tags", bytes(4_100_000)).problem(413, "audio_too_large")
    post(client, "/api/v1/labels/tags", wav(np.zeros(32000), 16000)).problem(422, "snippet_silent")
    long = post(client, "/api/v1/labels/tags", wav(np.random.default_rng(1).uniform(-1, 1, 110 * 8000), 8000))
    assert "label_seconds" in long.problem(413, "audio_too_long")["detail"]


def test_an_upload_leaves_nothing_behind(own: Running, client: Client, song: bytes) -> None:
    post(client, "/api/v1/labels/tags", song)
    post(client, "/predict", song, "file")
    folder = next(Path(p) for p in [_data_dir(own)])
    assert not (folder / "features").exists()
    assert not any((folder / "spool").rglob("recording"))


def _data_dir(own: Running) -> str:
    entries = Path(f"/proc/{own.process.pid}/environ").read_bytes().split(b"\0")
    return next(e for e in entries if e.startswith(b"EARMARK_DATA_DIR=")).partition(b"=")[2].decode()


# --- beside an identification ---------------------------------------------------------------------------------


def test_an_identification_includes_what_was_asked_for(client: Client, songs: list[Song]) -> None:
    snippet = wav(piece(songs[0], 4.0, 6.0), songs[0].sample_rate)
    tag = client.tag(snippet, "?include=tags,genre,mood,colour").json
    assert list(tag["labels"]) == ["tags", "genre", "mood", "colour"]
    assert len(tag["labels"]["tags"]["tags"]) == 50
    assert tag["labels"]["genre"]["model"] == "gtzan-10"
    assert tag["labels"]["colour"]["error"] == "model_not_found"
    assert tag["verdict"] == "no_match"
    assert client.get(f"/api/v1/tags/{tag['id']}").json == tag
    assert client.tag(snippet).json["labels"] == {}
    client.tag(snippet, "?include=Tags!").problem(422, "invalid_parameter")
    client.tag(snippet, "?include=a,b,c,d,e,f").problem(422, "invalid_parameter")


def test_labels_never_keep_a_snippet_waiting(tmp_path: Path, songs: list[Song]) -> None:
    """While every place for labels is taken, labels are refused and snippets answered."""
    settings = Settings(data_dir=str(tmp_path), weights_dir=str(WEIGHTS), label_workers=1, label_queue=0)
    app = create_app(settings)
    client, own = app.test_client(), app.extensions["earmark"]
    snippet = wav(piece(songs[1], 4.0, 6.0), songs[1].sample_rate)
    try:
        client.get("/api/v1/me")  # starts it
        own.opened.wait(60)
        with own.labelling.gate.admitted():
            answer = client.post("/api/v1/labels/tags", data=snippet, content_type="audio/wav")
            assert (answer.status_code, answer.json["name"]) == (503, "busy")
            assert "recordings to be labelled" in answer.json["detail"]
            assert int(answer.headers["Retry-After"]) >= 1
            tag = client.post("/api/v1/tags?include=genre", data=snippet, content_type="audio/wav")
            assert (tag.status_code, tag.json["labels"]["genre"]["error"]) == (200, "busy")
        # And the other way round: a full queue of snippets does not keep labels waiting.
        with contextlib.ExitStack() as stack:
            for _ in range(settings.workers + settings.queue):
                stack.enter_context(own.gate.admitted())
            answer = client.post("/api/v1/spectrogram", data=snippet, content_type="audio/wav")
            assert answer.status_code == 200
    finally:
        own.close()


# --- pictures -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("query", "mode", "size"), [("", "RGB", (1356, 452)), ("?plain=true", "L", (2001, 128))])
def test_a_spectrogram(client: Client, song: bytes, query: str, mode: str, size: tuple[int, int]) -> None:
    answer = post(client, f"/api/v1/spectrogram{query}", song)
    assert answer.headers["content-type"] == "image/png"
    with Image.open(io.BytesIO(answer.body)) as image:
        assert (image.mode, image.size) == (mode, size)
    post(client, f"/api/v1/spectrogram{query}", b"no sound").problem(415, "audio_unreadable")


# --- models ---------------------------------------------------------------------------------------------------


def test_models_and_their_cards(client: Client) -> None:
    models = client.get("/api/v1/label-models").json["models"]
    (genre,) = [model for model in models if model["task"] == "genre"]
    assert (genre["version"], genre["active"], genre["shipped"], genre["fault"]) == ("gtzan-10", True, True, None)
    assert genre["card"]
    for path in ("/genre", "/genre/gtzan-10"):
        assert client.get(f"/api/v1/label-models{path}").json == genre
    client.get("/api/v1/label-models/genre/99").problem(404, "model_not_found")
    client.get("/api/v1/label-models/colour").problem(404, "model_not_found")


def test_a_model_is_activated_and_rolled_back(client: Client) -> None:
    client.send("POST", "/api/v1/label-models/genre/rollback", {}).problem(404, "model_not_found")
    assert client.send("POST", "/api/v1/label-models/genre/gtzan-10/activate", {}).json["active"]
    client.send("POST", "/api/v1/label-models/genre/nothing/activate", {}).problem(404, "model_not_found")
    assert client.get("/api/v1/label-models/genre").json["version"] == "gtzan-10"


def training(client: Client, query: str, table: str, files: dict[str, bytes]) -> Answer:
    parts: list[tuple[str, str | None, bytes]] = [("file", name, content) for name, content in files.items()]
    body, kind = multipart([*parts, ("labels", None, table.encode())])
    return client.ask("POST", f"/api/v1/label-models/{query}", body, {"Content-Type": kind})


def tones(seed: int, low: bool) -> bytes:
    """Four seconds of one of two kinds of sound that nobody confuses: a deep hum, or hiss in pulses."""
    rng, t = np.random.default_rng(seed), np.arange(4 * 16000) / 16000
    if low:
        return wav(0.4 * np.sin(2 * np.pi * (60 + 10 * seed) * t) + 0.01 * rng.standard_normal(len(t)), 16000)
    return wav(0.2 * rng.standard_normal(len(t)) * (np.sin(2 * np.pi * 4 * t) > 0), 16000)


def test_a_model_is_trained_activated_asked_and_rolled_back(client: Client) -> None:
    files = {f"{kind} {i}.wav": tones(i, kind == "hum") for kind in ("hum", "hiss") for i in range(6)}
    table = "file,labels,group\n" + "".join(f"{name},{name.split()[0]},{name.split()[1]}\n" for name in files)
    answer = training(client, "noise/train?seed=3&features=tags&family=logistic", table, files)
    assert answer.status == 202, answer
    job = client.finished(answer.headers["location"], 400.0)
    assert (job["error"], job["version"], job["done"], job["task"]) == (None, "1", 13, "noise")
    assert {file["status"] for file in job["files"]} == {"heard"}
    post(client, "/api/v1/labels/noise", tones(9, True)).problem(404, "model_not_found")
    model = client.get("/api/v1/label-models/noise/1").json
    assert (model["active"], model["labels"], model["shipped"]) == (False, ["hiss", "hum"], False)
    for protocol in model["card"]["honest"]:
        counted = [[0, 0], [0, 0]]
        for name, truth, said in protocol["clips"]:
            assert model["labels"][truth] in name
            counted[truth][said] += 1
        assert counted == protocol["figures"]["confusion"]
    assert client.send("POST", "/api/v1/label-models/noise/1/activate", {}).json["active"]
    for low, name in ((True, "hum"), (False, "hiss")):
        assert post(client, "/api/v1/labels/noise", tones(9, low)).json["distribution"][0]["label"] == name
    client.send("POST", "/api/v1/label-models/noise/rollback", {}).problem(404, "model_not_found")


@pytest.mark.parametrize(
    ("query", "table", "message"),
    [
        ("", "", "needs a heading"),
        ("", "file,labels,group\na.wav,x,1\n", "no line for 'b.wav'"),
        ("", "file,labels,group\na.wav,x,1\nb.wav,y,2\nc.wav,y,3\n", "was not sent, 'c.wav'"),
        ("", "file,labels,group\na.wav,x,1\nb.wav,y,2\nb.wav,y,3\n", "two lines for 'b.wav'"),
        ("", "file,labels,group\na.wav,x,1\nb.wav,y,\n", "ungrouped=true"),
        ("?ungrouped=true", "file,labels\na.wav,x\nb.wav\n", "more or fewer fields"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(client: Client, query: str, table: str, message: str) -> None:
    answer = training(client, f"noise/train{query}", table, {"a.wav": b"a", "b.wav": b"b"})
    assert message in answer.problem(422, "invalid_parameter")["detail"]


@pytest.mark.parametrize(("query", "message"), [("features=tag", "mean tags"), ("family=forest", "no family 'forest'")])
def test_what_cannot_be_chosen_from_is_refused(client: Client, query: str, message: str) -> None:
    table = "file,labels\na.wav,x\nb.wav,y\n"
    answer = training(client, f"noise/train?ungrouped=1&{query}", table, {"a.wav": b"a", "b.wav": b"b"})
    assert message in answer.problem(422, "invalid_parameter")["detail"]


def test_a_training_that_fails_says_why(client: Client) -> None:
    files = {"a.wav": tones(1, True), "b.wav": b"no sound"}
    table = "file,labels\na.wav,x\nb.wav,y\n"
    job = client.finished(training(client, "noise/train?ungrouped=1", table, files).headers["location"])
    assert "'b.wav' cannot be heard" in job["error"]["message"]
    assert [file["status"] for file in job["files"]] == ["heard", "failed"]
    few = {"a.wav": tones(1, True), "b.wav": tones(1, False)}
    job = client.finished(training(client, "noise/train?ungrouped=1", table, few).headers["location"], 200.0)
    assert "3 clips a label are the least" in job["error"]["message"]
    assert job["version"] is None


# --- earlier services -----------------------------------------------------------------------------------------


def test_predict_answers_ten_genres_by_name(client: Client, song: bytes) -> None:
    answer = post(client, "/predict", song, "file").json
    assert [one["genre"] for one in answer] == sorted(SETS["gtzan-10"])
    assert all(one["certainty"] == round(one["certainty"], 2) for one in answer)
    assert sum(one["certainty"] for one in answer) == pytest.approx(1, abs=0.06)
    post(client, "/predict", b"no sound", "file").problem(415, "audio_unreadable")
    post(client, "/predict", song).problem(422, "file_missing")
    post(client, "/predict", wav(np.zeros(80000), 16000), "file").problem(422, "snippet_silent")


@pytest.mark.parametrize("prefix", ["", "/upload"])
def test_an_upload_is_asked_about_once(client: Client, song: bytes, prefix: str) -> None:
    (file,) = post(client, f"{prefix}/musicUpload/", song, "file", csrfmiddlewaretoken="x").json["files"]
    names = ["url", "name", "type", "thumbnailUrl", "size", "deleteUrl", "deleteId", "deleteType"]
    assert list(file) == names
    assert (file["name"], file["size"]) == ("a song.wav", len(song))
    question = {"file": file["url"], "delete": file["deleteId"]}
    answer = client.send("POST", f"{prefix}/svm/", question)
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.body.decode() in SIX - {"Jass"}
    client.send("POST", f"{prefix}/svm/", question).problem(422, "file_missing")
    (file,) = post(client, f"{prefix}/musicUpload/", song, "file").json["files"]
    question = {"file": client.url + file["url"], "delete": file["deleteId"]}
    genres = client.send("POST", f"{prefix}/multisvm/", question).body.decode().split(", ")
    assert 1 <= len(genres) <= 3
    assert set(genres) <= SIX - {"Jazz"}


def test_an_upload_is_deleted(client: Client, song: bytes) -> None:
    (file,) = post(client, "/upload/musicUpload/", song, "file").json["files"]
    assert client.delete(file["deleteUrl"]).json is True
    client.delete(file["deleteUrl"]).problem(422, "file_missing")


@pytest.mark.parametrize(
    "question",
    [
        {"file": "/upload/file/../../earmark.sqlite", "delete": "../../earmark.sqlite"},
        {"file": "/etc/passwd", "delete": "/etc/passwd"},
        {"file": "/upload/file/aaaaaaaaaaaaaaaaaaaaaaaa", "delete": "bbbbbbbbbbbbbbbbbbbbbbbb"},
        {"file": "/upload/file/aaaaaaaaaaaaaaaaaaaaaaaa", "delete": 7},
    ],
)
def test_no_other_file_is_read_or_deleted(own: Running, client: Client, question: dict[str, Any]) -> None:
    client.send("POST", "/upload/svm/", question).problem(422, "file_missing")
    client.delete("/upload/delete/..%2Fearmark.sqlite")
    client.delete("/upload/delete/earmark.sqlite").problem(422, "file_missing")
    assert Path(_data_dir(own), "earmark.sqlite").exists()
    client.send("POST", "/upload/svm/", {"file": "x"}).problem(422, "invalid_parameter")


# --- without a network ----------------------------------------------------------------------------------------


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[FlaskClient]:
    """Return a client of a service in this process whose weights are missing."""
    app = create_app(Settings(data_dir=str(tmp_path)))
    yield app.test_client()
    app.extensions["earmark"].close()


def test_without_weights_it_says_how_to_get_them(bare: FlaskClient, song: bytes) -> None:
    for path in ("tags", "genre", "mood"):
        answer = bare.post(f"/api/v1/labels/{path}", data=song, content_type="audio/wav")
        assert (answer.status_code, answer.json["name"]) == (503, "weights_missing")
        assert "earmark models get musicnn-msd" in answer.json["detail"]
    assert bare.post("/api/v1/spectrogram", data=song, content_type="audio/wav").status_code == 200


def test_the_models_of_answers_mirror_the_library() -> None:
    assert list(label_schemas.SoundTag.model_fields) == list(TagScore.__dataclass_fields__)
    assert list(label_schemas.Arousal.model_fields) == [*Arousal.__dataclass_fields__, "experimental"]
    answer = Labelled("genre", "1", "exclusive", "certain", [], [], [])
    assert set(label_schemas.Labels.model_fields) == set(answer.to_dict())


def test_only_administrators_choose_models(tmp_path: Path) -> None:
    from classifier.records import keys
    from classifier.store import open_store

    settings = Settings(data_dir=str(tmp_path))
    store = open_store(settings.store)
    _, secret = keys.create(store, "anna", "tag")
    store.close()
    app = create_app(settings)
    client = app.test_client()
    try:
        header = {"Authorization": f"Bearer {secret}"}
        assert client.get("/api/v1/label-models", headers=header).status_code == 200
        for path in ("genre/gtzan-10/activate", "genre/rollback"):
            answer = client.post(f"/api/v1/label-models/{path}", headers=header)
            assert (answer.status_code, json.loads(answer.data)["name"]) == (403, "key_role")
        assert client.post("/predict", headers={"Origin": "https://elsewhere.example"}).status_code == 403
    finally:
        app.extensions["earmark"].close()
