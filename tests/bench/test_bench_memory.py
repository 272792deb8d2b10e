"""Memory of an enrollment and of an identification, measured: it does not grow with the file."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from bench.measure import memory

#: Samples of the longer file beyond those of the shorter, MB; whoever keeps a third of them grows.
MORE_MB = 1.2 * 3600 * memory.RATE * 4 / 1e6
#: What the documentation promises of any length.
MOST_MB = 400


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    target = tmp_path / "memory.json"
    assert memory.main(["--hours", "0.3", "1.5", "--json", str(target)]) == 0
    short, long = json.loads(target.read_text())["rows"]
    for command, status in (("enroll", 0), ("identify", 1)):  # no snippet is as long
        assert (short[command]["status"], long[command]["status"]) == (status, status)
        for who in ("command_mb", "decoder_mb"):
            assert 20 < long[command][who] < MOST_MB
            assert long[command][who] - short[command][who] < MORE_MB / 3, (command, who)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_listing_a_recording_is_measured(tmp_path: Path) -> None:
    target = tmp_path / "memory.json"
    assert memory.main(["--listed", "--hours", "0.02", "--json", str(target)]) == 0
    (row,) = json.loads(target.read_text())["rows"]
    assert row["tracklist"]["status"] == 0
    assert 20 < row["tracklist"]["command_mb"] < 1000


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_naming_a_genre_does_not_grow_with_the_length(tmp_path: Path, weights_dir: Path) -> None:
    target = tmp_path / "memory.json"
    assert memory.main(["--labelled", "--hours", "0.3", "1.5", "--json", str(target)]) == 0
    short, long = (row["genre"] for row in json.loads(target.read_text())["rows"])
    assert (short["status"], long["status"]) == (0, 0)
    assert long["command_mb"] - short["command_mb"] < MORE_MB / 3
