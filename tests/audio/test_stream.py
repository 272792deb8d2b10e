"""Decoding block by block: the same samples, the same facts, and memory that does not grow with the length."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from classifier import errors
from classifier.audio.decoder import AudioInfo, Decoder
from classifier.audio.limits import Limits
from classifier.audio.wire import MAX_BLOCK
from classifier.settings import Settings
from tests import data_audio
from tests.data_audio import FORMATS, encode, tone, wav, wav_header

#: Bytes that half an hour of samples takes, and the most that decoding it may need beside the interpreters.
HOURS = 0.5
SIZE = round(HOURS * 3600 * 16000) * 4
FLAT = SIZE // 4


@pytest.mark.parametrize("kind", ["wav", "flac", "mp3", "opus", "ts"])
def test_blocks_are_the_whole(kind: str, decoder: Decoder, track_limits: Limits) -> None:
    data = encode(data_audio.noise(9.0, FORMATS[kind].rate), kind, tags={"title": "t"})
    audio = decoder.decode(data, track_limits)
    with decoder.stream(data, track_limits) as stream:
        with pytest.raises(errors.InvalidParameter, match="not been decoded to its end"):
            _ = stream.info
        blocks = list(stream)
        info = stream.info
    assert len(blocks) > 2
    assert all(block.dtype == np.float32 and 0 < len(block) <= MAX_BLOCK for block in blocks)
    np.testing.assert_array_equal(np.concatenate(blocks), audio.samples)
    assert type(info) is AudioInfo
    assert info.n_samples == len(audio.samples)
    assert info.loudest == pytest.approx(audio.loudest, rel=1e-12)
    for name in ("content_hash", "file_hash", "tags", "step", "remarks", "bandwidth_hz", "duration_s"):
        assert getattr(info, name) == getattr(audio, name)


def test_a_stream_left_early_costs_its_child_and_nothing_else(decoder: Decoder, track_limits: Limits) -> None:
    data = wav(data_audio.noise(60.0, 44100))
    with decoder.stream(data, track_limits) as stream:
        first = next(iter(stream))
        assert len(first)
    with decoder.stream(data, track_limits):
        pass
    assert decoder.decode(wav(tone(0.5)), track_limits).duration_s == 0.5


def test_an_error_of_the_receiver_passes_through(decoder: Decoder, track_limits: Limits) -> None:
    def receive() -> None:
        with decoder.stream(wav(data_audio.noise(60.0, 44100)), track_limits) as stream:
            for _ in stream:
                raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        receive()
    assert decoder.decode(wav(tone(0.5)), track_limits).duration_s == 0.5


def test_a_finished_stream_keeps_its_child(track_limits: Limits) -> None:
    with Decoder(Settings()) as decoder:
        decoder.warm_up()
        before = decoder.pids
        for _ in range(2):
            with decoder.stream(wav(tone(3.0)), track_limits) as stream:
                assert sum(map(len, stream)) == 48000
        assert decoder.pids == before


def test_an_error_comes_while_blocks_are_taken(decoder: Decoder, track_limits: Limits) -> None:
    taken: list[np.ndarray] = []

    def receive() -> None:
        data = wav(data_audio.noise(8.0, 44100))
        with decoder.stream(data, replace(track_limits, max_seconds=5.0)) as stream:
            taken.extend(stream)

    with pytest.raises(errors.AudioTooLong):
        receive()


def test_the_clock_stands_still_while_blocks_are_worked_on(track_limits: Limits) -> None:
    data = wav(data_audio.noise(60.0, 16000), 16000)
    hurried = replace(track_limits, wall_s=3.0, wall_per_hour_s=0.0)
    with Decoder(Settings()) as decoder:
        decoder.warm_up()
        n_samples = 0
        with decoder.stream(data, hurried) as stream:
            for number, block in enumerate(stream):
                # Slower than the limit in all, with more of the file still to come than the socket holds.
                time.sleep(0.7 if number < 6 else 0)
                n_samples += len(block)
        assert n_samples == 60 * 16000


MEASURE = """
import os, sys
from dataclasses import replace
from pathlib import Path
from classifier.audio.decoder import Decoder
from classifier.audio.limits import Limits
from classifier.settings import Settings

def peak(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024

limits = replace(Limits.for_track(Settings()).of(Path(sys.argv[1])), max_seconds=13 * 3600.0)
with Decoder(Settings()) as decoder:
    decoder.warm_up()
    before = peak(os.getpid()) + peak(decoder.pids[0])
    with decoder.stream(Path(sys.argv[1]), limits) as stream:
        for block in stream:
            pass
        print(stream.info.n_samples, peak(os.getpid()) + peak(decoder.pids[0]) - before, before)
"""


def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    path = tmp_path / "hours.wav"
    size = SIZE // 4
    with path.open("wb") as file:
        file.write(wav_header(b"", rate=8000, channels=1, bits=16, claimed=size))
        file.truncate(44 + size)
    root = str(Path(__file__).resolve().parents[2])
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path)], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    n_samples, grown, _ = map(int, done.stdout.split())
    assert n_samples == SIZE // 4
    assert grown < FLAT
