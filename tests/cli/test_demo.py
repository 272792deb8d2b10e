"""``earmark demo``: the whole product in one command, on a machine without any music."""

from __future__ import annotations

import socket
import subprocess

import pytest

from classifier.cli.demo import LENGTH_S, N_SONGS, START_S
from tests.cli.conftest import ROOT, Earmark


@pytest.mark.slow
def test_the_demo_runs_from_nothing_and_again_from_what_there_is(tmp_path):
    """One run composes 32 songs, enrolls them and identifies one in a noisy bar; the next only asks again."""
    earmark, folder = Earmark(tmp_path / "unused"), tmp_path / "demo"
    first = earmark.process("demo", "--no-serve", "--folder", folder, "--json")
    assert first.code == 0, first.err
    assert len(first.objects) == 1
    answer = first.objects[0]
    assert answer["verdict"] == "identified"
    assert answer["matches"][0]["offset_s"] == pytest.approx(START_S, abs=0.1)
    assert answer["matches"][0]["query_end_s"] == pytest.approx(LENGTH_S, abs=0.2)
    assert f"{N_SONGS} songs enrolled in" in first.err
    assert f"--store sqlite:///{folder}/earmark.sqlite" in first.err
    assert "in a room full of people talking, 5 dB over the crowd" in first.err
    music = sorted((folder / "music").glob("*.flac"))
    assert len(music) == N_SONGS
    assert answer["matches"][0]["source"] in {path.stem for path in music}
    assert (folder / "snippet.wav").stat().st_size > 100_000
    assert not earmark.data_dir.exists()
    written = {path: path.stat().st_mtime_ns for path in music}

    music[0].unlink()  # as if the first run had been cut short
    second = earmark.process("demo", "--no-serve", "--folder", folder)
    assert second.code == 0, second.err
    assert f"{N_SONGS} songs are already enrolled" in second.err
    assert answer["matches"][0]["title"] in second.out
    assert "identified" in second.out
    assert {path: path.stat().st_mtime_ns for path in music[1:]} == {path: written[path] for path in music[1:]}
    assert music[0].exists()
    own = Earmark(folder)
    assert len(own("tracks", "list", "--json").objects) == N_SONGS
    store = own.store()
    assert store.count("tags") == 2
    store.close()


def test_a_port_that_is_taken_is_said_before_the_work(tmp_path):
    earmark, folder = Earmark(tmp_path / "unused"), tmp_path / "demo"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = earmark.process("demo", "--folder", folder, "--port", taken.getsockname()[1])
    assert done.code == 1
    assert "Address already in use" in done.err
    assert "make demo PORT=" in done.err
    assert not folder.exists()


def test_make_hands_the_port_on():
    for given, option in (("PORT=6123", "--port 6123"), ("SERVE=0", "--no-serve")):
        # Without the flags of a make that runs the tests, which would make this one speak of its folder.
        command = ["env", "-u", "MAKEFLAGS", "-u", "MAKELEVEL", "make", "--dry-run", "--always-make", "demo", given]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1].split() == f".venv/bin/earmark demo {option}".split()
