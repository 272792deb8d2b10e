"""The ``Idempotency-Key``: the first answer comes back, and nothing is kept twice."""

from __future__ import annotations

import secrets
import threading

import pytest
from api_client import Answer, Client, piece, wav

from classifier.api.idempotency import is_lasting
from classifier.api.problems import known
from classifier.demo.songs import Song


@pytest.fixture
def snippet(songs: list[Song]) -> bytes:
    return wav(piece(songs[0], 2.0, 5.0), songs[0].sample_rate)


def test_the_same_tag_comes_back(client: Client, snippet: bytes) -> None:
    key = {"Idempotency-Key": secrets.token_hex()}
    first = client.tag(snippet, **key)
    before = client.n_tags()
    again = client.tag_raw(snippet, "audio/wav", **key)  # another boundary, or none, is not another snippet
    assert (first.status, again.status) == (200, 200)
    assert again.json == first.json
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert client.n_tags() == before


def test_another_snippet_or_parameter_under_the_key_is_refused(client: Client, snippet: bytes) -> None:
    key = {"Idempotency-Key": secrets.token_hex()}
    assert client.tag(snippet, **key).status == 200
    client.tag(snippet + b"\0\0", **key).problem(422, "idempotency_mismatch")
    client.tag(snippet, "?top=3", **key).problem(422, "idempotency_mismatch")


def test_a_refusal_is_remembered_too(client: Client) -> None:
    key = {"Idempotency-Key": secrets.token_hex()}
    first = client.tag(b"no audio", **key).problem(415, "audio_unreadable")
    again = client.tag(b"no audio", **key).problem(415, "audio_unreadable")
    assert again["detail"] == first["detail"]


def test_a_deleted_tag_does_not_come_back(client: Client, snippet: bytes) -> None:
    key = {"Idempotency-Key": secrets.token_hex()}
    client.delete(f"/api/v1/tags/{client.tag(snippet, **key).json['id']}")
    client.tag(snippet, **key).problem(404, "tag_not_found")


def test_two_at_the_same_moment_make_one_tag(client: Client, snippet: bytes) -> None:
    key = {"Idempotency-Key": secrets.token_hex()}
    before = client.n_tags()
    answers: list[Answer] = []
    threads = [threading.Thread(target=lambda: answers.append(client.tag(snippet, **key))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for answer in answers:
        if answer.status != 200:
            answer.problem(409, "idempotency_in_progress")
            assert answer.headers["retry-after"] == "1"
    assert len({answer.json["id"] for answer in answers if answer.status == 200}) == 1
    assert client.n_tags() == before + 1


@pytest.mark.parametrize("name", sorted(known()))
def test_only_faults_of_the_audio_are_remembered(name: str) -> None:
    """A snippet that is bad stays bad; everything else may be different the next time."""
    lasting = {"audio_error", "audio_empty", "audio_unreadable", "audio_no_stream", "audio_unsupported",
               "audio_too_large", "audio_too_long", "snippet_too_short", "snippet_silent",
               "invalid_signature"}  # fmt: skip
    assert is_lasting(known()[name]("x")) == (name in lasting)


@pytest.mark.parametrize("key", ["", "x" * 256, "with space", "ümlaut"])
def test_impossible_keys(client: Client, key: str) -> None:
    client.tag(b"x", **{"Idempotency-Key": key}).problem(400, "bad_request")
