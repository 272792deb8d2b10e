"""Signatures over HTTP: the sound stays where it was recorded, and the answer is the same."""

from __future__ import annotations

import numpy as np
import pytest
from api_client import Client, piece, wav

from classifier.audio.decoded import Audio
from classifier.audio.resample import at_rate
from classifier.config import FeatureConfig
from classifier.demo.songs import Song
from classifier.models import signature
from classifier.models.background import builtin_background
from classifier.models.query import Recording

TYPE = "application/vnd.earmark.signature"
RATE = 16000
CONFIG, BACKGROUND = FeatureConfig(), builtin_background()


def signed(samples: np.ndarray) -> bytes:
    """Return the signature of samples at 16 kHz."""
    audio = Audio.from_samples(samples, RATE)
    return signature.encode(
        Recording(audio.samples, audio.bandwidth_hz, CONFIG, BACKGROUND).query(), CONFIG, BACKGROUND
    )


def heard(song: Song, start_s: float, length_s: float) -> np.ndarray:
    return at_rate(piece(song, start_s, length_s), song.sample_rate, RATE)


def test_a_signature_gets_the_answer_of_its_sound(client: Client, songs: list[Song]) -> None:
    content = signed(heard(songs[0], 5.0, 5.0))
    assert len(content) <= 8000
    by_sound = client.tag(wav(piece(songs[0], 5.0, 5.0), songs[0].sample_rate)).json
    for answer in (client.tag_raw(content, TYPE), client.tag(content, file="memo.sig")):
        assert answer.status == 200, answer
        tag = answer.json
        assert (tag["verdict"], tag["matches"][0]["title"]) == ("identified", songs[0].title)
        assert tag["matches"][0]["offset_s"] == pytest.approx(by_sound["matches"][0]["offset_s"], abs=0.01)
        assert tag["nearest"][0]["title"] == by_sound["nearest"][0]["title"]
        assert tag["duration_s"] == pytest.approx(5.0)
        assert tag["remarks"] == []
        assert client.get(f"/api/v1/tags/{tag['id']}").json == tag
        assert client.get(f"/api/v1/tags/{tag['id']}/charts").json["divergence"]["starts_s"]


@pytest.mark.parametrize("method", ["kl", "kl-mixture"])
def test_by_divergence_alone(client: Client, songs: list[Song], method: str) -> None:
    tag = client.tag_raw(signed(heard(songs[1], 3.0, 8.0)), TYPE, f"?method={method}").json
    assert tag["method"] == method
    assert tag["matches"][0]["title"] == songs[1].title


def test_strangers_stay_strangers_and_other_speeds_are_said_to_be_left_out(client: Client, songs: list[Song]) -> None:
    for query in ("", "?speeds=wide"):
        tag = client.tag_raw(signed(heard(songs[2], 5.0, 5.0)), TYPE, query).json
        assert tag["verdict"] == "no_match"
        assert (tag["searched"]["other_speeds"], tag["searched"]["wide"]) == (False, False)


def test_what_is_no_signature_is_refused(client: Client, songs: list[Song]) -> None:
    content = signed(heard(songs[0], 5.0, 5.0))
    client.tag_raw(b"RIFF" + content[4:], TYPE).problem(422, "invalid_signature")
    client.tag_raw(content[:-1], TYPE).problem(422, "invalid_signature")
    client.tag(content[:60]).problem(422, "invalid_signature")
    client.tag_raw(content[:4] + b"\x09" + content[5:], TYPE).problem(422, "signature_mismatch")
    client.tag_raw(signed(heard(songs[0], 5.0, 0.7)), TYPE).problem(422, "snippet_too_short")
    problem = client.tag_raw(content, TYPE, "?include=tags").problem(422, "invalid_parameter")
    assert "needs the sound" in problem["detail"]


def test_repeated_under_one_key_it_is_one_tag(client: Client, songs: list[Song]) -> None:
    content, key = signed(heard(songs[0], 7.0, 5.0)), {"Idempotency-Key": "a-signature"}
    first, again = (client.tag_raw(content, TYPE, **key) for _ in range(2))
    assert first.json == again.json
    assert again.headers["idempotency-replayed"] == "true"
    client.tag_raw(content[:-1], TYPE, **key).problem(422, "idempotency_mismatch")


def test_a_growing_recording_is_named_by_signatures(client: Client, songs: list[Song]) -> None:
    begun = client.ask("POST", "/api/v1/listens?signatures=true")
    assert begun.status == 201, begun
    path = f"/api/v1/listens/{begun.json['id']}/pieces"

    def send(number: int, content: bytes, query: str = ""):
        return client.ask("POST", f"{path}/{number}{query}", content, {"Content-Type": TYPE})

    for number in range(8):
        answer = send(number, signed(heard(songs[1], 6.0, 0.8 * (number + 1))))
        assert answer.status == 200, answer
        if answer.json["ended"]:
            break
        assert answer.json["heard_s"] == pytest.approx(0.8 * (number + 1), abs=0.001)
        again = send(number, signed(heard(songs[1], 6.0, 0.8 * (number + 1))))
        assert again.json["next"] == number + 1
    assert answer.json["ended"]
    tag = answer.json["tag"]
    assert (tag["verdict"], tag["matches"][0]["title"]) == ("identified", songs[1].title)
    assert tag["matches"][0]["offset_s"] == pytest.approx(6.0, abs=0.05)


def test_a_listen_takes_what_it_was_begun_for(client: Client, songs: list[Song]) -> None:
    content, sound = signed(heard(songs[2], 5.0, 2.0)), wav(piece(songs[2], 5.0, 2.0), songs[2].sample_rate)
    for query, wrong, right in (("?signatures=true", sound, content), ("", content, sound)):
        path = f"/api/v1/listens/{client.ask('POST', f'/api/v1/listens{query}').json['id']}/pieces/0"
        octets = {"Content-Type": "application/octet-stream"}
        client.ask("POST", path, wrong, octets).problem(422, "invalid_parameter")
        answer = client.ask("POST", f"{path}?last=true", right, octets)
        assert (answer.status, answer.json["ended"], answer.json["tag"]["verdict"]) == (200, True, "no_match")


def test_a_damaged_piece_is_said_to_be_so(client: Client, songs: list[Song]) -> None:
    path = f"/api/v1/listens/{client.ask('POST', '/api/v1/listens?signatures=true').json['id']}/pieces/0"
    content = signed(heard(songs[0], 5.0, 3.0))
    client.ask("POST", path, content[:-2], {"Content-Type": TYPE}).problem(422, "invalid_signature")
