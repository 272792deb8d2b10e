"""Bad input: a problem document each, nothing kept, and the next good snippet identified."""

from __future__ import annotations

import os
import signal
import socket
import struct
import time

import numpy as np
import pytest
from api_client import Client, Running, multipart, piece, running, until, wav
from data_audio import encode, flac_header, noise, tone, video, wav_header

from classifier.demo.songs import Song

RATE = 16000


def bad_files() -> dict[str, tuple[bytes, int, str]]:
    """Return bytes, status and name by what is wrong with them."""
    opus = encode(tone(3.0, 48000), "webm")
    return {
        "nothing": (b"", 422, "audio_empty"),
        "text": (b"no music here\n" * 50, 415, "audio_unreadable"),
        "playlist": (b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n", 415, "audio_unreadable"),
        "random": (np.random.default_rng(1).bytes(20000), 415, "audio_unreadable"),
        "silence": (wav(np.zeros(5 * RATE), RATE), 422, "snippet_silent"),
        "short": (wav(0.1 * np.random.default_rng(2).standard_normal(RATE // 2), RATE), 422, "snippet_too_short"),
        "cut off": (opus[:500], 415, "audio_unreadable"),
        "film without sound": (video(2.0), 422, "audio_no_stream"),
        "too many seconds": (encode(noise(70.0, 8000, 1), "flac", rate=8000), 413, "audio_too_long"),
        "lying header": (flac_header(655350, 8), 422, "audio_unsupported"),
        "ridiculous header": (wav_header(b"\0" * 64000, rate=RATE, channels=40, bits=16), 422, "audio_unsupported"),
    }


@pytest.fixture(scope="module")
def bad() -> dict[str, tuple[bytes, int, str]]:
    return bad_files()


@pytest.mark.parametrize(
    "what",
    ["nothing", "text", "playlist", "random", "silence", "short", "cut off", "film without sound", "too many seconds",
     "lying header", "ridiculous header"],
)  # fmt: skip
def test_bad_snippets(client: Client, bad: dict[str, tuple[bytes, int, str]], what: str) -> None:
    content, status, name = bad[what]
    before = client.n_tags()
    started = time.monotonic()
    answer = client.tag(content)
    assert 400 <= answer.status < 500, (what, answer)
    answer.problem(answer.status, answer.json["name"])
    assert (answer.status, answer.json["name"]) == (status, name) or name in ("audio_unreadable", "audio_unsupported")
    assert time.monotonic() - started < 30
    assert client.n_tags() == before


def test_the_next_good_snippet(client: Client, songs: list[Song]) -> None:
    answer = client.tag(wav(piece(songs[0], 3.0, 5.0), songs[0].sample_rate))
    assert answer.json["matches"][0]["title"] == songs[0].title
