"""Bad input: a problem document each, nothing kept, and the next good snippet identified."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from api_client import Answer, Client, Running, descendants, multipart, piece, running, until, wav
from data_audio import encode, flac_header, noise, tone, video, wav_header

from classifier.demo.songs import Song

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


def test_bad_forms(client: Client) -> None:
    body, kind = multipart([("snippet", None, b"text")])
    client.ask("POST", "/api/v1/tags", body, {"Content-Type": kind}).problem(422, "file_missing")
    body, kind = multipart([("recording", "a", b"x")])
    client.ask("POST", "/api/v1/tags", body, {"Content-Type": kind}).problem(422, "file_missing")
    client.ask("POST", "/api/v1/tags", b"x", {"Content-Type": "multipart/form-data"}).problem(422, "file_missing")
    client.ask("POST", "/api/v1/tags", b"x", {"Content-Type": "text/plain"}).problem(415, "media_type_unsupported")
    client.ask("POST", "/api/v1/tags", b"x").problem(415, "media_type_unsupported")
    body, kind = multipart([("snippet", None, bytes(600_000))])  # a text field, not a file
    client.ask("POST", "/api/v1/tags", body, {"Content-Type": kind}).problem(413, "audio_too_large")


@pytest.mark.parametrize("query", ["top=0", "top=many", "method=magic", "catalog=x"])
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

    before, key = client.n_tags(), {"Idempotency-Key": secrets.token_hex()}
    snippet = wav(piece(songs[0], 3.0, 5.0), songs[0].sample_rate)
    killer = threading.Thread(target=kill)
    killer.start()
    try:
        answer = client.tag(snippet, **key)
    finally:
        stop.set()
        killer.join()
    answer.problem(503, "decoder_unavailable")
    assert client.n_tags() == before
    # As the kernel does when memory is short: nothing that is remembered against the file.
    answer = client.tag(snippet, **key)
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
    thread = threading.Thread(target=lambda: stuck.append(client.tag(snippet)))
    thread.start()
    try:
        time.sleep(0.3)
        for _ in range(2):
            assert client.tag(snippet).json["verdict"] == "identified"
        assert stuck == []
    finally:
        thread.join(30)
    stuck[0].problem(503, "decoder_unavailable")
    assert client.tag(snippet).status == 200


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


def test_slow_uploads_hold_up_nobody(strict: Running, songs: list[Song]) -> None:
    client = strict.client
    head = HEAD.format(500_000)
    slow = [socket.create_connection((client.host, client.port)) for _ in range(40)]
    try:
        for connection in slow[:36]:
            connection.sendall(head.encode() + bytes(1000))
        for connection in slow[36:]:
            connection.sendall(b"POST /api")  # not even the headers
        until(lambda: client.tag_raw(b"x", "audio/wav").json["name"] == "busy")  # all places for uploads are taken …
        assert client.get("/api/v1/tracks").status == 200  # … but not those of other questions
        for connection in slow[:10]:
            connection.close()
        answer = until(
            lambda: (a := client.tag(wav(piece(songs[0], 3.0, 5.0), songs[0].sample_rate))).status == 200 and a
        )
        assert answer.json["verdict"] == "identified"
    finally:
        for connection in slow:
            connection.close()
    until(lambda: client.tag_raw(b"x", "audio/wav").json["name"] == "audio_unreadable")


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
    from classifier.api import uploads
    from classifier.api.errors import RequestTimeout

    monkeypatch.setattr(uploads, "GRACE_SECONDS", 0.2)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"abc")
        body = uploads.TimedInput(ours.makefile("rb"), 100, ours)  # type: ignore[arg-type]
        with pytest.raises(RequestTimeout, match="too slow"):
            body.read()
        body.close()
