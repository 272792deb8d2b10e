"""A recording in pieces, over HTTP: named as soon as possible, by every recorder, whatever happens to pieces."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from api_client import Client, int16, piece, wav
from data_audio import FORMATS, encode
from scipy.signal import resample_poly

from classifier.api.listens import GUESS, _guess
from classifier.demo.songs import Song
from classifier.results import Match, Searched, Tag

RATE = 16000


def pcm(song: Song, start_s: float, length_s: float) -> bytes:
    """Return a piece of a song as bare 16-bit PCM at 16 kHz."""
    samples = resample_poly(piece(song, start_s, length_s), RATE, song.sample_rate)
    return int16(samples).astype("<i2").tobytes()


def begin(client: Client, query: str = "") -> str:
    answer = client.ask("POST", f"/api/v1/listens{query}")
    assert answer.status == 201, answer
    assert (answer.json["next"], answer.json["ended"], answer.json["tag"]) == (0, False, None)
    return str(answer.json["id"])


def send(client: Client, listen: str, number: int, content: bytes, query: str = "", kind: str = "audio/pcm"):
    path = f"/api/v1/listens/{listen}/pieces/{number}{query}"
    return client.ask("POST", path, content, {"Content-Type": kind})


def test_pcm_is_named_before_all_of_it_was_sent(client: Client, songs: list[Song]) -> None:
    listen, sound = begin(client, f"?rate={RATE}"), pcm(songs[0], 5.0, 10.0)
    step = RATE  # half a second of 16 bits
    for number in range(20):
        answer = send(client, listen, number, sound[number * step : (number + 1) * step])
        assert answer.status == 200, answer
        if answer.json["ended"]:
            break
        assert answer.json["next"] == number + 1
    assert answer.json["ended"]
    assert answer.json["heard_s"] < 6.0
    tag = answer.json["tag"]
    assert (tag["verdict"], tag["matches"][0]["title"]) == ("identified", songs[0].title)
    assert tag["matches"][0]["offset_s"] == pytest.approx(5.0, abs=0.15)
    assert client.get(f"/api/v1/tags/{tag['id']}").json == tag
    late = send(client, listen, number + 1, sound[:step])
    assert late.json["tag"] == tag
    assert client.get(f"/api/v1/listens/{listen}").json["tag"] == tag


@pytest.mark.parametrize(("kind", "mime"), [("live", "audio/webm"), ("fragmented", "video/mp4"), ("opus", "audio/ogg")])
def test_what_a_recorder_gives_out_bit_by_bit(client: Client, songs: list[Song], kind: str, mime: str) -> None:
    form = FORMATS[kind]
    samples = resample_poly(piece(songs[1], 3.0, 9.0), form.rate, songs[1].sample_rate)
    file = encode(np.repeat(int16(samples), form.channels, axis=1), kind)
    listen, size = begin(client), max(1, len(file) // 9)
    for number, start in enumerate(range(0, len(file), size)):
        last = "?last=true" if start + size >= len(file) else ""
        answer = send(client, listen, number, file[start : start + size], last, mime)
        assert answer.status == 200, answer
        if answer.json["ended"]:
            break
    tag = answer.json["tag"]
    assert (tag["verdict"], tag["matches"][0]["title"]) == ("identified", songs[1].title)
    assert not [remark for remark in tag["remarks"] if remark.startswith("cut_off")]


def test_unknown_music_ends_at_the_limit_without_a_name(client: Client, songs: list[Song]) -> None:
    listen, sound = begin(client, f"?rate={RATE}"), pcm(songs[2], 2.0, 14.0)
    for number in range(7):
        answer = send(client, listen, number, sound[number * 4 * RATE : (number + 1) * 4 * RATE])
        assert answer.json["perhaps"] is None
        if answer.json["ended"]:
            break
    assert answer.json["ended"]
    assert (answer.json["heard_s"], answer.json["wanted_s"]) == (12.0, 0.0)
    assert answer.json["tag"]["verdict"] == "no_match"


def test_doubled_lost_and_foreign_pieces(client: Client, songs: list[Song]) -> None:
    listen, sound = begin(client, f"?rate={RATE}"), pcm(songs[0], 1.0, 1.0)
    first = send(client, listen, 0, sound[:RATE])
    assert send(client, listen, 0, sound[:RATE]).json["next"] == first.json["next"] == 1
    send(client, listen, 0, sound[RATE:]).problem(409, "piece_out_of_order")
    lost = send(client, listen, 2, sound[RATE:]).problem(409, "piece_out_of_order")
    assert "piece 1" in lost["detail"]
    assert client.ask("DELETE", f"/api/v1/listens/{listen}").status == 204
    send(client, listen, 1, sound[RATE:]).problem(404, "listen_not_found")


def test_silence_and_nonsense_end_with_their_fault(client: Client) -> None:
    silent = begin(client, f"?rate={RATE}")
    assert send(client, silent, 0, bytes(4 * RATE)).json["perhaps"] is None
    send(client, silent, 1, bytes(4 * RATE), "?last=true").problem(422, "snippet_silent")
    nonsense = begin(client)
    assert not send(client, nonsense, 0, b"no audio at all", kind="audio/webm").json["ended"]
    send(client, nonsense, 1, b"none here", "?last=true", "audio/webm").problem(415, "audio_unreadable")
    assert client.get(f"/api/v1/listens/{nonsense}").json["ended"]


def test_a_whole_file_as_one_piece(client: Client, songs: list[Song]) -> None:
    content = wav(piece(songs[0], 4.0, 6.0), songs[0].sample_rate)
    tag = send(client, begin(client), 0, content, "?last=true", "audio/wav").json["tag"]
    assert (tag["verdict"], tag["matches"][0]["title"]) == ("identified", songs[0].title)


def test_a_guess_is_worth_showing() -> None:
    """The least unlikely of many tracks is no guess."""
    match = Match("t", "Title", *[None] * 2, "file", "candidate", 0, *[None] * 11)
    tag = Tag("no_match", "auto", [match], [], Searched(0, 0, True), {})
    for confidence, shown in ((None, False), (GUESS - 0.01, False), (GUESS, True)):
        guess = _guess(replace(tag, matches=[replace(match, confidence=confidence)]))
        assert (guess is not None) == shown
    assert _guess(None) is None
    assert _guess(replace(tag, matches=[])) is None
