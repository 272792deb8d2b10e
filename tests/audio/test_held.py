"""Recordings kept aside: the same samples as decoded at once, in memory or on disk, and nothing left behind."""

from __future__ import annotations

import contextlib
import os
import resource
from pathlib import Path

import numpy as np
import pytest

from classifier.audio import held, level
from classifier.audio.decoder import Decoder
from classifier.audio.held import hold
from classifier.audio.limits import Limits
from classifier.errors import AudioUnreadable, StoreFull
from tests import data_audio
from tests.data_audio import wav

RATE = 16000


def open_files() -> set[str]:
    """Return what this process has open on disk."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):
            found.add(os.readlink(f"/proc/self/fd/{name}"))
    return found


@pytest.mark.parametrize("most", [2**25, 100_000], ids=["in memory", "on disk"])
@pytest.mark.parametrize("loud", [0.2, 0.001], ids=["loud", "quiet"])
def test_what_is_held_is_what_was_decoded(
    decoder: Decoder, track_limits: Limits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, loud: float
) -> None:
    monkeypatch.setattr(held, "MEMORY_BYTES", most)
    monkeypatch.setattr(held, "_BLOCK", 12_345)
    data = wav(data_audio.noise(9.7, 44100, level=loud))
    audio = decoder.decode(data, track_limits)
    before = open_files()
    with hold(decoder, data, track_limits, RATE, tmp_path / "data") as kept:
        assert (tmp_path / "data").exists() is (most == 100_000)
        assert list(tmp_path.rglob("*.*")) == []  # it has no name
        blocks = list(kept.blocks())
        assert len(blocks) > 2
        np.testing.assert_array_equal(np.concatenate(blocks), level.levelled(audio.samples, audio.loudest))
        np.testing.assert_array_equal(np.concatenate(list(kept.blocks())), np.concatenate(blocks))
        assert kept.info.content_hash == audio.content_hash
        assert level.gain(kept.info.loudest) == (1.0 if loud == 0.2 else 16.0)
    assert open_files() <= before


@pytest.mark.parametrize("most", [2**25, 100_000], ids=["in memory", "on disk"])
def test_errors_pass_through_and_leave_nothing(
    decoder: Decoder, track_limits: Limits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(held, "MEMORY_BYTES", most)
    data = wav(data_audio.noise(9.7, 44100))
    before = open_files()
    with pytest.raises(AudioUnreadable, match="missing"), hold(decoder, data[:500_000], track_limits, RATE, tmp_path):
        pass
    assert open_files() <= before
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said_and_nothing_is_left(
    decoder: Decoder, track_limits: Limits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit on the size of files holds for this process, not for its decoder, which runs already."""
    monkeypatch.setattr(held, "MEMORY_BYTES", 100_000)
    decoder.warm_up()
    data = tmp_path / "track.wav"
    data.write_bytes(wav(data_audio.noise(9.7, 44100)))
    folder = tmp_path / "data"
    before = open_files()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, limits[1]))
    try:
        with (
            pytest.raises(StoreFull, match=r"data folder takes no more than 0 MB.*make room, 230 MB for an hour"),
            hold(decoder, data, track_limits, RATE, folder),
        ):
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert open_files() <= before
    assert list(folder.iterdir()) == []
    with hold(decoder, data, track_limits, RATE, folder) as kept:  # with room again
        assert kept.info.duration_s == pytest.approx(9.7)


def test_a_folder_that_cannot_be_made(
    decoder: Decoder, track_limits: Limits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held, "MEMORY_BYTES", 100_000)
    (tmp_path / "file").write_text("")
    data = wav(data_audio.noise(9.7, 44100))
    with (
        pytest.raises(StoreFull, match="data folder takes no more"),
        hold(decoder, data, track_limits, RATE, tmp_path / "file"),
    ):
        pass
