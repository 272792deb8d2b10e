"""Bad input: a problem document each, nothing kept, and the next good snippet identified."""

from __future__ import annotations

import gzip
import io
import json
import os
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from api_client import Answer, Client, Running, descendants, multipart, piece, running, wav
from data_audio import encode, flac_header, noise, tone, video, wav_header

from classifier.api import bodies
from classifier.api.errors import RequestTimeout
from classifier.api.places import Places
from classifier.demo.songs import Song
from classifier.errors import Busy

RATE = 16000
HEAD = "POST /api/v1/tags HTTP/1.1\r\nHost: localhost\r\nContent-Type: audio/wav\r\nContent-Length: {}\r\n\r\n"


BAD: dict[str, tuple[int, str, Callable[[], bytes]]] = {
    "nothing": (422, "audio_empty", lambda: b""),
    "text": (415, "audio_unreadable", lambda: b"no music here\n" * 50),
    "playlist": (415, "audio_unreadable", lambda: b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n"),
    "random bytes": (415, "audio_unreadable", lambda: np.random.default_rng(1).bytes(20000)),
    "silence": (422, "snippet_silent", lambda: wav(np.zeros(5 * RATE), RATE)),
    "half a second": (
        422,
        "snippet_too_short",
        lambda: wav(0.1 * np.random.default_rng(2).standard_normal(8000), RATE),
    ),
    "cut off": (415, "audio_unreadable", lambda: encode(tone(3.0, 48000), "webm")[:500]),
    "film without sound": (422, "audio_no_stream", lambda: video(2.0)),
    "too many seconds": (413, "audio_too_long", lambda: encode(noise(70.0, 8000, 1), "flac", rate=8000)),
    "lying header": (422, "audio_unsupported", lambda: flac_header(655350, 8)),
    "forty channels": (422, "audio_unsupported", lambda: wav_header(bytes(64000), rate=RATE, channels=40, bits=16)),
    "too many bytes": (413, "audio_too_large", lambda: bytes(10 * 2**20 + 1)),
}
"""What is wrong, and how it is answered."""


@pytest.mark.parametrize("what", BAD)
def test_a_problem_document_each_and_nothing_kept(client: Client, what: str) -> None:
    status, name, made = BAD[what]
    before, started = client.n_tags(), time.monotonic()
    client.tag(made()).problem(status, name)
    assert time.monotonic() - started < 20
    assert client.n_tags() == before


def test_the_next_good_snippet(client: Client, songs: list[Song]) -> None:
    answer = client.tag(wav(piece(songs[0], 3.0, 5.0), songs[0].sample_rate))
    assert answer.json["matches"][0]["title"] == songs[0].title


def test_bodies_of_no_kind(client: Client) -> None:
    client.ask("POST", "/api/v1/tags", b"x", {"Content-Type": "multipart/form-data"}).problem(422, "file_missing")
    client.ask("POST", "/api/v1/tags", b"x", {"Content-Type": "text/plain"}).problem(415, "media_type_unsupported")
    client.ask("POST", "/api/v1/tags", b"x").problem(415, "media_type_unsupported")


@pytest.mark.parametrize("query", ["top=0", "top=many", "method=magic", "speeds=any", "catalog=x"])
def test_bad_parameters(client: Client, query: str) -> None:
    problem = client.tag(b"x", f"?{query}").problem(422, "invalid_parameter")
    assert [error["field"] for error in problem["errors"]] == [query.partition("=")[0]]


def test_unknown_addresses_and_methods(client: Client) -> None:
    client.get("/api/v1/nothing").problem(404, "not_found")
    client.get("/api/v1/tags/nothing").problem(404, "tag_not_found")
    client.get("/api/v1/jobs/nothing").problem(404, "job_not_found")
    client.get("/api/v1/jobs/nothing/events").problem(404, "job_not_found")
    refused = client.ask("PUT", "/api/v1/tags")
    refused.problem(405, "method_not_allowed")
    assert "POST" in refused.headers["allow"]
    client.get("/problems/nothing").problem(404, "not_found")


def test_a_chunked_body_is_bounded_too(client: Client) -> None:
    def chunked(content: Iterator[bytes]) -> Answer:
        return client.ask("POST", "/api/v1/tags", content, {"Content-Type": "audio/wav"})  # type: ignore[arg-type]

    chunked(iter([bytes(2**20)] * 11)).problem(413, "audio_too_large")


# --- on a service of its own, whose limits are low and whose decoders are killed --------------------------------


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory, files: list[tuple[str, bytes]]) -> Iterator[Running]:
    """Run a service with low limits, one worker and a queue of one."""
    limits = {"snippet_bytes": 600_000, "track_bytes": 2_000_000, "workers": 1, "queue": 1, "snippet_decode_seconds": 4}
    with running(tmp_path_factory.mktemp("strict"), **limits) as own:
        own.client.enroll(files[0])
        yield own


def test_limits_are_settings(strict: Running, songs: list[Song], files: list[tuple[str, bytes]]) -> None:
    client = strict.client
    assert client.tag(wav(piece(songs[0], 3.0, 5.0), songs[0].sample_rate)).status == 200
    problem = client.tag_raw(bytes(600_001), "audio/wav").problem(413, "audio_too_large")
    assert "600,000" in problem["detail"]
    body, kind = multipart([("file", "a.wav", files[0][1]), ("file", "big.wav", bytes(2_000_001))])
    client.ask("POST", "/api/v1/tracks", body, {"Content-Type": kind}).problem(413, "audio_too_large")


def test_a_decoder_killed_from_outside(strict: Running, songs: list[Song]) -> None:
    client = strict.client
    snippet = wav(piece(songs[0], 3.0, 5.0), songs[0].sample_rate)
    assert client.tag(snippet).status == 200
    worker = descendants(strict.process.pid)[0]
    decoders = descendants(worker)
    assert decoders
    for pid in decoders:
        os.kill(pid, signal.SIGKILL)
    answer = client.tag(snippet)
    assert (answer.status, answer.json["matches"][0]["title"]) == (200, songs[0].title), answer


def test_a_decoder_killed_at_work(strict: Running, songs: list[Song]) -> None:
    client, stop = strict.client, threading.Event()
    worker = descendants(strict.process.pid)[0]

    def kill() -> None:
        while not stop.is_set():
            for pid in descendants(worker):
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)

    snippet = wav(piece(songs[0], 3.0, 5.0), songs[0].sample_rate)
    before, n_answers = client.n_tags(), 1
    killer = threading.Thread(target=kill)
    killer.start()
    try:
        while (answer := client.tag(snippet)).status == 200:  # it was faster
            n_answers += 1
    finally:
        stop.set()
        killer.join()
    answer.problem(503, "decoder_unavailable")
    assert client.n_tags() == before + n_answers - 1
    answer = client.tag(wav(piece(songs[0], 3.0, 5.0), songs[0].sample_rate))
    assert answer.status == 200
    assert answer.json["matches"][0]["title"] == songs[0].title


def test_a_slow_decoding_holds_up_nobody(strict: Running, songs: list[Song]) -> None:
    client = strict.client
    worker = descendants(strict.process.pid)[0]
    for pid in descendants(worker):
        os.kill(pid, signal.SIGKILL)
    snippet = wav(piece(songs[0], 3.0, 5.0), songs[0].sample_rate)
    assert client.tag(snippet).status == 200
    (decoder,) = descendants(worker)
    os.kill(decoder, signal.SIGSTOP)
    stuck: list[Answer] = []
    key = {"Idempotency-Key": secrets.token_hex()}
    thread = threading.Thread(target=lambda: stuck.append(client.tag(snippet, **key)))
    thread.start()
    try:
        time.sleep(0.3)
        for _ in range(2):
            assert client.tag(snippet).json["verdict"] == "identified"
        assert stuck == []
    finally:
        thread.join(30)
    stuck[0].problem(503, "decoder_unavailable")
    again = client.tag(snippet, **key)  # the trouble has passed, and is not remembered
    assert (again.status, again.json["verdict"]) == (200, "identified"), again


def test_busy_at_once_with_retry_after(strict: Running, songs: list[Song]) -> None:
    client = strict.client
    snippet = wav(piece(songs[0], 3.0, 5.0), songs[0].sample_rate)
    answers: list[Answer] = []
    threads = [threading.Thread(target=lambda: answers.append(client.tag(snippet))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status for answer in answers} == {200, 503}
    for answer in answers:
        if answer.status == 503:
            answer.problem(503, "busy")
            assert int(answer.headers["retry-after"]) >= 1
    assert client.tag(snippet).status == 200


def test_an_upload_that_breaks_off_is_no_snippet(strict: Running, songs: list[Song]) -> None:
    client = strict.client
    before = client.n_tags()
    snippet = wav(piece(songs[0], 3.0, 5.0), songs[0].sample_rate)
    head = HEAD.format(len(snippet))
    with socket.create_connection((client.host, client.port)) as connection:
        connection.sendall(head.encode() + snippet[: len(snippet) // 2])
        connection.shutdown(socket.SHUT_WR)
        assert b"400" in connection.recv(4096)[:20]
    assert client.n_tags() == before


def test_too_slow_a_body_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "GRACE_SECONDS", 0.2)
    ours, theirs = socket.socketpair()
    places = Places(1)
    with ours, theirs, ours.makefile("rb") as stream:
        theirs.sendall(b"abc")
        environ = {"CONTENT_LENGTH": "100", "wsgi.input": stream, "gunicorn.socket": ours, bodies.CALLER: "me"}
        body = bodies.TimedInput(environ, places)
        with pytest.raises(RequestTimeout, match="too slow"):
            body.read()
        with pytest.raises(Busy):
            places.take("you")
        body.finish()
        places.take("you")


def test_a_body_gives_its_place_back_with_its_last_byte() -> None:
    places = Places(1)
    body = bodies.TimedInput({"CONTENT_LENGTH": "3", "wsgi.input": io.BytesIO(b"abcdef")}, places)
    assert body.read(2) == b"ab"
    with pytest.raises(Busy):
        places.take("you")
    assert body.read(9) == b"c"
    places.take("you")


# --- what is not understood is refused by name, never passed over -----------------------------------------------


def test_encoded_bodies(client: Client, songs: list[Song]) -> None:
    snippet = wav(piece(songs[0], 3.0, 5.0), songs[0].sample_rate)
    for coding in ("gzip", "br", "gzip, identity"):
        answer = client.tag_raw(gzip.compress(snippet), "audio/wav", **{"Content-Encoding": coding})
        answer.problem(415, "encoding_unsupported")
        assert answer.headers["accept-encoding"] == "identity"
    assert client.tag_raw(snippet, "audio/wav", **{"Content-Encoding": "identity"}).status == 200
    body, kind = multipart([("snippet", "a.wav", b"x")])
    for field in (b"Content-Transfer-Encoding: base64", b"Content-Encoding: gzip"):
        encoded = body.replace(b"\r\n\r\n", b"\r\n" + field + b"\r\n\r\n", 1)
        client.ask("POST", "/api/v1/tags", encoded, {"Content-Type": kind}).problem(415, "encoding_unsupported")


FORMS: dict[str, tuple[list[tuple[str, str | None, bytes]], int, str, str]] = {
    "two snippets": ([("snippet", "a", b"x"), ("snippet", "b", b"y")], 422, "invalid_parameter", "2 parts 'snippet'"),
    "another file": ([("snippet", "a", b"x"), ("other", "b", b"y")], 422, "invalid_parameter", "file part 'other'"),
    "a parameter": ([("snippet", "a", b"x"), ("top", None, b"3")], 422, "invalid_parameter", "text field 'top'"),
    "many parts": ([("snippet", "a", b"x")] * 101, 413, "request_too_large", "more than 100 parts"),
    "much text": ([("snippet", "a", b"x"), ("t", None, bytes(500_001))], 413, "request_too_large", "500,000 bytes"),
    "text for a file": ([("snippet", None, bytes(600_000))], 413, "request_too_large", "a file part 'snippet'"),
    "no file": ([("recording", "a", b"x")], 422, "file_missing", "the form has none"),
    "a short text for a file": ([("snippet", None, b"text")], 422, "file_missing", "send it as a file"),
    "too large": ([("snippet", "a", bytes(10_000_001))], 413, "audio_too_large", "10,000,001 bytes"),
}
"""The parts of a form; status, name and a piece of the sentence by which they are refused."""


@pytest.mark.parametrize("what", FORMS)
def test_forms_that_are_not_taken(client: Client, what: str) -> None:
    parts, status, name, words = FORMS[what]
    body, kind = multipart(parts)
    for content in (body, iter([body])):  # of announced length, and in chunks
        problem = client.ask("POST", "/api/v1/tags", content, {"Content-Type": kind}).problem(status, name)  # type: ignore[arg-type]
        assert words in problem["detail"] or (what == "too large" and content is not body)


def test_forms_of_tracks_that_are_not_taken(client: Client, files: list[tuple[str, bytes]]) -> None:
    title: tuple[str, str | None, bytes] = ("title", None, b"x")
    for more in ([("titles", None, b"x")], [title, title], [("cover", "c.jpg", b"x")]):
        body, kind = multipart([("file", *files[0]), *more])
        client.ask("POST", "/api/v1/tracks", body, {"Content-Type": kind}).problem(422, "invalid_parameter")


def test_a_parameter_twice(client: Client) -> None:
    problem = client.get("/api/v1/tracks?limit=2&limit=3").problem(422, "invalid_parameter")
    assert "'limit' comes 2 times" in problem["detail"]


JSONS: dict[str, tuple[bytes, int, str]] = {
    "large": (b'{"name": "' + b"x" * 66_000 + b'"}', 413, "request_too_large"),
    "larger": (b" " * 20_000_000, 413, "request_too_large"),
    "deep": (b"[" * 60_000, 400, "bad_request"),
    "deep inside": (b'{"name": "x", "config": ' + b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b"}", 400, "bad_request"),
    "broken": (b'{"name": ', 400, "bad_request"),
    "no text": (b"\xff\xfe", 400, "bad_request"),
    "a huge number": (b'{"name": ' + b"1" * 6000 + b"}", 400, "bad_request"),
    "half a character": (b'{"name": "\\ud800"}', 422, "invalid_parameter"),
    "no object": (b"[1, 2]", 422, "invalid_parameter"),
    "not a number": (b'{"name": "n", "config": {"n_components": NaN}}', 422, "invalid_config"),
}
"""Bodies of ``POST /catalogues``, and how they are refused."""


@pytest.mark.parametrize("what", JSONS)
def test_json_that_is_not_taken(client: Client, what: str) -> None:
    body, status, name = JSONS[what]
    for content in (body, iter([body])):
        answer = client.ask("POST", "/api/v1/catalogues", content, {"Content-Type": "application/json"})  # type: ignore[arg-type]
        assert "_schema" not in answer.problem(status, name)["detail"]  # a name of a library
    assert [c["name"] for c in client.get("/api/v1/catalogues").json["catalogues"]] == ["default"]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_json_has_to_be_declared(client: Client, kind: str) -> None:
    """A page of another site may send these types without asking first."""
    body = json.dumps({"name": "sneaked in"}).encode()
    client.ask("POST", "/api/v1/catalogues", body, {"Content-Type": kind}).problem(415, "media_type_unsupported")
    path = f"/api/v1/tracks/{client.get('/api/v1/tracks').json['tracks'][0]['id']}"
    client.ask("PATCH", path, b'{"title": "x"}', {"Content-Type": kind}).problem(415, "media_type_unsupported")
