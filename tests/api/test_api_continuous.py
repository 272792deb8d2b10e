"""Continuous listens: a tracklist that grows with the sound, whoever hears it and whatever happens to pieces."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from api_client import Answer, Client, Running, int16, running
from data_audio import encode
from scipy.signal import resample_poly

from classifier.demo.songs import Song
from tests.waiting import until

RATE = 16000
PIECE_S = 4.0


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, files: list[tuple[str, bytes]]) -> Iterator[Running]:
    """Run a service with two processes, which take turns at random."""
    with running(tmp_path_factory.mktemp("continuous"), "--processes", "2") as service:
        job = service.client.enroll(*files[:2])
        assert job["added"] == 2, job
        yield service


@pytest.fixture(scope="module")
def sound(songs: list[Song]) -> np.ndarray:
    """Two songs, one after the other, at 16 kHz."""
    both = np.concatenate([songs[0].samples, songs[1].samples])
    return int16(resample_poly(both, RATE, songs[0].sample_rate))


def begin(client: Client, query: str) -> dict[str, Any]:
    answer = client.ask("POST", f"/api/v1/listens?continuous=true&{query}")
    assert answer.status == 201, answer
    return answer.json


def send(client: Client, listen: str, number: int, content: bytes, query: str = "", kind: str = "audio/pcm") -> Answer:
    path = f"/api/v1/listens/{listen}/pieces/{number}{query}"
    return client.ask("POST", path, content, {"Content-Type": kind})


def cut(content: bytes, size: int) -> list[bytes]:
    return [content[at : at + size] for at in range(0, len(content), size)]


def check(client: Client, tracklist: str, songs: list[Song]) -> None:
    """Check that the tracklist has both songs, where they were played."""
    found = client.get(f"/api/v1/tracklists/{tracklist}").json
    assert (found["status"], found["duration_s"]) == ("done", pytest.approx(48.0, abs=0.3))
    tracks = [segment for segment in found["segments"] if segment["kind"] == "track"]
    assert [track["title"] for track in tracks] == [songs[0].title, songs[1].title]
    assert [track["state"] for track in tracks] == ["closed", "closed"]
    assert [track["start_s"] for track in tracks] == pytest.approx([0.0, 24.0], abs=1.5)
    assert [track["end_s"] for track in tracks] == pytest.approx([24.0, 48.0], abs=1.5)


def test_pcm_with_pieces_that_are_doubled_lost_late_and_a_process_that_dies(
    own: Running, sound: np.ndarray, songs: list[Song]
) -> None:
    client = own.client
    begun = begin(client, f"rate={RATE}")
    assert (begun["tag"], begun["segments"], begun["wanted_s"]) == (None, [], 43200.0)
    # An odd size: samples lie across pieces.
    pieces = cut(sound.astype("<i2").tobytes(), round(2 * PIECE_S * RATE) + 1)
    for number, content in enumerate(pieces[:-1]):
        if number == 7:
            victims = [pid for pid in own.children() if _is_worker(own, pid)]
            os.kill(victims[0], signal.SIGKILL)
            until(lambda: client.get("/readyz").status == 200, 60)
        answer = send(client, begun["id"], number, content)
        assert answer.status == 200, answer
        assert (answer.json["next"], answer.json["ended"]) == (number + 1, False)
        if number == 3:
            assert send(client, begun["id"], 0, pieces[0]).json["next"] == 4
            lost = send(client, begun["id"], 6, pieces[6]).problem(409, "piece_out_of_order")
            assert "piece 4" in lost["detail"]
    playing = [segment["title"] for segment in answer.json["segments"] if segment["kind"] == "track"]
    assert songs[0].title in playing
    last = send(client, begun["id"], len(pieces) - 1, pieces[-1], "?last=true")
    assert (last.status, last.json["ended"], last.json["tag"]) == (200, True, None)
    assert last.json["tracklist"] == begun["tracklist"]
    check(client, begun["tracklist"], songs)
    late = send(client, begun["id"], len(pieces), pieces[0])
    assert late.json == {**last.json, "heard_s": late.json["heard_s"]}
    assert client.delete(f"/api/v1/listens/{begun['id']}").status == 204
    check(client, begun["tracklist"], songs)


def _is_worker(own: Running, pid: int) -> bool:
    """Whether a process is a child of the first one: the others are decoders."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]) == own.process.pid


def test_what_a_recorder_gives_out_bit_by_bit(own: Running, sound: np.ndarray, songs: list[Song]) -> None:
    file = encode(np.repeat(int16(resample_poly(sound[:, 0] / 32768.0, 3, 1)), 2, axis=1), "live")
    begun = begin(own.client, "")
    pieces = cut(file, len(file) // 8)
    for number, content in enumerate(pieces):
        last = "?last=true" if number == len(pieces) - 1 else ""
        answer = send(own.client, begun["id"], number, content, last, "audio/webm")
        assert answer.status == 200, answer
    assert answer.json["ended"]
    check(own.client, begun["tracklist"], songs)


def test_one_that_is_left_or_given_up_keeps_what_it_found(own: Running, sound: np.ndarray, songs: list[Song]) -> None:
    begun = begin(own.client, f"rate={RATE}")
    answer = send(own.client, begun["id"], 0, sound[: 20 * RATE].astype("<i2").tobytes())
    assert answer.json["heard_s"] == 20.0
    assert own.client.delete(f"/api/v1/listens/{begun['id']}").status == 204
    found = own.client.get(f"/api/v1/tracklists/{begun['tracklist']}").json
    assert found["status"] == "done"
    assert [(s["title"], s["state"]) for s in found["segments"] if s["kind"] == "track"] == [(songs[0].title, "closed")]


def test_what_cannot_be_heard(own: Running) -> None:
    problem = own.client.ask("POST", "/api/v1/listens?continuous=true&rate=44101").problem(422, "invalid_parameter")
    assert "44101" in problem["detail"]
    begun = begin(own.client, "")
    assert send(own.client, begun["id"], 0, b"no audio at all", kind="audio/webm").json["segments"] == []
    send(own.client, begun["id"], 1, b"none here", "?last=true", "audio/webm").problem(415, "audio_unreadable")
    found = own.client.get(f"/api/v1/tracklists/{begun['tracklist']}").json
    assert (found["status"], found["error"]["name"]) == ("failed", "audio_unreadable")
    begun = begin(own.client, f"rate={RATE}")
    assert own.client.delete(f"/api/v1/tracklists/{begun['tracklist']}").status == 204
    send(own.client, begun["id"], 0, bytes(2 * RATE)).problem(404, "tracklist_not_found")
    assert own.client.get(f"/api/v1/listens/{begun['id']}").json["ended"]
