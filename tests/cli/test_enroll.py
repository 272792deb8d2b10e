"""``earmark enroll``: folders, progress, broken files, and coming back after Ctrl-C and crashes."""

from __future__ import annotations

import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import av
import numpy as np
import pytest

from classifier.catalogue import Catalogue
from classifier.records import doctor
from classifier.store.base import COLLECTIONS
from tests.cli.conftest import ROOT, Earmark
from tests.data_audio import encode, flac_header, video, wav_header
from tests.library import RATE, as_wav, lively_noise, settings_in


def stored(earmark: Earmark) -> dict[str, int]:
    """Return how many documents there are, but for the catalogue itself."""
    store = earmark.store()
    try:
        counts = {name: store.count(name) for name in COLLECTIONS if name != "catalogues"}
    finally:
        store.close()
    return {name: n for name, n in counts.items() if n}


def sources(earmark: Earmark) -> list[str]:
    """Return the sources of all tracks."""
    return sorted(track["source"] for track in earmark("tracks", "list", "--json").objects)


# --- folders and files ----------------------------------------------------------------------------------------


def test_a_folder_is_enrolled_with_what_lies_below(earmark, folder):
    (folder / "cover.jpg").write_bytes(b"\xff\xd8\xff no music")
    (folder / "notes.txt").write_text("no music either")
    done = earmark("enroll", folder)
    assert (done.code, done.out) == (0, "")
    assert done.err == "left out: 1 jpg, 1 txt\n6 enrolled, 0 already there, 0 failed\n"
    assert sources(earmark) == [f"noise {i}" for i in range(6)]


def test_files_are_taken_whatever_their_ending(earmark, folder):
    odd = folder / "take.bin"
    shutil.copy(folder / "noise 0.wav", odd)
    done = earmark("enroll", odd, folder / "noise 1.wav", "--jobs", 1)
    assert (done.code, done.err) == (0, "2 enrolled, 0 already there, 0 failed\n")
    assert sources(earmark) == ["noise 1", "take"]


def test_what_is_peculiar_about_a_file_is_said_and_kept(earmark, folder):
    """Here the channels cancel each other, as a badly wired cable makes them."""
    mono = np.round(lively_noise(8.0, 77) * 20000).astype(np.int16)
    odd = folder / "wired badly.wav"
    odd.write_bytes(encode(np.stack([mono, -mono], axis=1), "wav", rate=RATE))
    done = earmark("enroll", odd, folder / "noise 0.wav")
    assert done.code == 0
    said = [line for line in done.err.splitlines() if line.startswith("remark: ")]
    assert len(said) == 1
    assert said[0].startswith(f"remark: {odd}: the channels cancel each other for 8.0 s")
    tracks = {track["source"]: track for track in earmark("tracks", "list", "--json").objects}
    assert tracks["noise 0"]["remarks"] == []
    (kept,) = tracks["wired badly"]["remarks"]
    assert kept.startswith("channels_cancel: the channels cancel")
    shown = earmark("tracks", "show", tracks["wired badly"]["id"]).out
    assert "the channels cancel each other for 8.0 s" in " ".join(shown.split())
    again = earmark("enroll", odd, folder / "noise 0.wav", "--replace", "--json", "--jobs", 1)
    assert [o["remarks"] for o in again.objects] == [[kept], []]


def test_enrolled_audio_is_skipped(earmark, folder):
    earmark("enroll", folder)
    done = earmark("enroll", folder)
    assert (done.code, done.err) == (0, "0 enrolled, 6 already there, 0 failed\n")
    shutil.copy(folder / "noise 0.wav", folder / "copy.wav")
    assert earmark("enroll", folder).err == "0 enrolled, 7 already there, 0 failed\n"


def test_copies_in_one_folder_are_one_track_whoever_comes_first(earmark, folder):
    for i in range(3):
        shutil.copy(folder / "noise 0.wav", folder / f"a copy {i}.wav")
    done = earmark("enroll", folder, "--jobs", 4)
    assert (done.code, done.err) == (0, "6 enrolled, 3 already there, 0 failed\n")


def test_replace_models_anew(earmark, folder):
    earmark("enroll", folder)
    done = earmark("enroll", folder, "--replace", "--json")
    assert [o["status"] for o in done.objects] == ["enrolled"] * 6
    assert {o["track"]["version"] for o in done.objects} == {2}
    assert stored(earmark)["tracks"] == 6


def test_json_is_one_object_a_file(earmark, folder):
    done = earmark("enroll", folder, "--json")
    assert done.code == 0
    assert sorted(o["file"] for o in done.objects) == sorted(str(p) for p in folder.rglob("*.wav"))
    for o in done.objects:
        assert set(o) == {"file", "status", "track", "remarks"}
        assert o["status"] == "enrolled"
        assert o["track"]["source"] == Path(o["file"]).stem
    again = earmark("--json", "enroll", folder)
    assert [o["status"] for o in again.objects] == ["already_enrolled"] * 6


def test_tags_come_from_the_files(earmark, music_files, enrolled_songs):
    done = earmark("enroll", music_files[0], "--json")
    track = done.objects[0]["track"]
    song = enrolled_songs[0]
    assert (track["title"], track["artist"], track["album"]) == (song.title, song.artist, song.album)


def test_a_catalogue_is_made_when_it_is_enrolled_into(earmark, folder):
    assert earmark("enroll", folder / "noise 0.wav", "--catalogue", "radio").code == 0
    assert [o["name"] for o in earmark("catalogues", "list", "--json").objects] == ["radio"]
    assert earmark("tracks", "list", "--catalogue", "radio", "--json").objects[0]["catalogue"] == "radio"


def test_store_and_catalogue_may_come_from_the_environment(earmark, folder, tmp_path):
    url = f"sqlite:///{tmp_path}/elsewhere.sqlite"
    assert earmark("enroll", folder / "noise 0.wav", EARMARK_STORE=url, EARMARK_CATALOGUE="radio").code == 0
    assert len(earmark("--store", url, "tracks", "list", "--catalogue", "radio", "--json").objects) == 1
    assert not (earmark.data_dir / "earmark.sqlite").exists()


@pytest.mark.parametrize("name", [b"caf\xe9 \xff.wav", "Größe 東京.wav".encode(), b"two\nlines \x1b[31m.wav"])
def test_names_that_are_no_text(earmark, tmp_path, name):
    """The JSON stays one line of valid text, and a failed file is named in one line without escape codes."""
    path = Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name)))
    path.write_bytes(as_wav(lively_noise(3.0, 2), RATE))
    done = earmark("enroll", path, "--json")
    assert done.code == 0
    assert done.objects[0]["file"] == str(path)
    done.out.encode()
    broken = path.with_name("broken " + path.name)
    broken.write_bytes(b"no audio")
    failed = earmark("enroll", broken)
    assert failed.code == 1
    assert len(failed.err.splitlines()) == 2
    assert "\x1b" not in failed.err


# --- progress -------------------------------------------------------------------------------------------------


def on_a_terminal(earmark: Earmark, *arguments: object) -> tuple[int, str]:
    """Run the program with a terminal as standard error; return its exit code and what the terminal saw."""
    ours, theirs = pty.openpty()
    seen: list[bytes] = []

    def read() -> None:
        try:
            while chunk := os.read(ours, 4096):
                seen.append(chunk)
        except OSError:  # the other end is closed
            pass

    reader = threading.Thread(target=read)
    reader.start()
    process = subprocess.run(
        [sys.executable, "-W", "error", "-m", "classifier", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **earmark.environment, "TERM": "xterm-256color", "COLUMNS": "100"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        check=False,
        timeout=300,
    )
    os.close(theirs)
    reader.join()
    os.close(ours)
    return process.returncode, b"".join(seen).decode()


def test_progress_with_time_left_on_a_terminal_and_nowhere_else(earmark, folder):
    code, seen = on_a_terminal(earmark, "enroll", folder, "--jobs", 1)
    assert code == 0
    assert re.search(r"enrolling.*6/6.*\d:\d\d:\d\d", seen)
    assert "6 enrolled" in seen
    code, seen = on_a_terminal(earmark, "enroll", folder, "--quiet")
    assert (code, seen) == (0, "")


# --- what cannot be enrolled ----------------------------------------------------------------------------------


def silent_hours(path: Path, seconds: int) -> None:
    """Write Opus whose every packet is the same 60 ms of silence: an hour is some hundred kilobytes."""
    with av.open(str(path), "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=48000, layout="mono", options={"frame_duration": "60"})
        stream.bit_rate = 6000
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 2880), np.int16), format="s16", layout="mono")
        frame.sample_rate = 48000
        packets = []
        for i in range(8):
            frame.pts = i * 2880
            packets += stream.encode(frame)
        packet, written = bytes(packets[-1]), 0
        for first in packets:
            first.stream = stream
            container.mux(first)
            written += 1
        while written * 0.06 < seconds:
            more = av.Packet(packet)
            more.stream, more.time_base = stream, packets[-1].time_base
            more.pts = more.dts = packets[-1].pts + (written - len(packets) + 1) * packets[-1].duration
            more.duration = packets[-1].duration
            container.mux(more)
            written += 1


def make_bad_files(folder: Path) -> dict[str, str]:
    """Write one file for everything that can be wrong; return what must be said of each."""
    folder.mkdir()
    pcm = np.round(lively_noise(6.0, 5, 44100) * 32767).astype(np.int16)[:, None]
    (folder / "text.mp3").write_text("This is no music, it is a letter.\n" * 50)
    (folder / "empty.wav").write_bytes(b"")
    for kind in ("wav", "flac", "mp3", "m4a"):
        whole = encode(pcm, kind)
        (folder / f"truncated.{kind}").write_bytes(whole[: len(whole) // 2])
    (folder / "no channels.wav").write_bytes(wav_header(bytes(8000), rate=44100, channels=0, bits=16))
    (folder / "huge header.wav").write_bytes(wav_header(bytes(8000), rate=4_000_000_000, channels=65535, bits=64))
    (folder / "huge header.flac").write_bytes(flac_header(655350, 8, 2**36 - 1))
    (folder / "picture only.mp4").write_bytes(video())
    (folder / "silence.wav").write_bytes(as_wav(np.zeros(5 * RATE), RATE))
    (folder / "blink.wav").write_bytes(as_wav(lively_noise(0.3, 1), RATE))
    silent_hours(folder / "hours.opus", 1200)
    return {
        "text.mp3": "is not audio that Earmark reads",
        "empty.wav": "0 bytes",
        "truncated.wav": "cut off or damaged",
        "truncated.flac": "cut off or damaged",
        "truncated.mp3": "cut off or damaged",
        "truncated.m4a": "damaged",
        "no channels.wav": "",
        "huge header.wav": "",
        "huge header.flac": "",
        "picture only.mp4": "no sound|no audio",
        "silence.wav": "5.0 s of silence",
        "blink.wav": "0.30 s of sound",
        "hours.opus": "600|EARMARK_TRACK_SECONDS",
    }


def test_bad_files_get_one_clear_line_each_and_store_nothing(earmark, tmp_path):
    said = make_bad_files(tmp_path / "bad")
    assert (tmp_path / "bad" / "hours.opus").stat().st_size < 500_000
    done = earmark("enroll", tmp_path / "bad", EARMARK_TRACK_SECONDS="600")
    assert done.code == 1
    *lines, summary = done.err.splitlines()
    assert summary == f"0 enrolled, 0 already there, {len(said)} failed"
    assert len(lines) == len(said)
    for line in lines:
        name = line.removeprefix(f"failed: {tmp_path / 'bad'}/").split(": ")[0]
        reason = line.split(": ", 2)[2]
        assert re.search(said.pop(name), reason), line
        assert 20 < len(reason) < 300
        assert str(tmp_path) not in reason
        assert "Traceback" not in reason
    assert said == {}
    assert stored(earmark) == {}


def test_bad_files_stop_nothing_and_are_named_at_the_end(earmark, folder):
    (folder / "a broken one.mp3").write_text("no music" * 500)
    done = earmark("enroll", folder, "--jobs", 2)
    assert done.code == 1
    first, second = done.err.splitlines()
    assert first.startswith(f"failed: {folder}/a broken one.mp3: ")
    assert second == "6 enrolled, 0 already there, 1 failed"
    in_json = earmark("enroll", folder, "--json", "--quiet")
    assert in_json.code == 1
    failed = [o for o in in_json.objects if o["status"] == "failed"]
    assert [set(o) for o in failed] == [{"file", "status", "error", "detail"}]
    assert failed[0]["error"] == "audio_unreadable"
    assert in_json.err.startswith("failed: ")  # quiet, but not silent about what failed
    assert len(in_json.err.splitlines()) == 1


def test_folders_without_music_and_paths_that_are_missing(earmark, tmp_path, folder):
    (tmp_path / "void").mkdir()
    done = earmark("enroll", tmp_path / "void", tmp_path / "nowhere", folder / "noise 0.wav")
    assert done.code == 1
    void, nowhere, summary = done.err.splitlines()
    assert re.match(rf"failed: {tmp_path}/void: .* holds no audio files", void)
    assert re.match(rf"failed: {tmp_path}/nowhere: .* does not exist", nowhere)
    assert summary == "1 enrolled, 0 already there, 2 failed"
    in_json = earmark("enroll", tmp_path / "void", tmp_path / "nowhere", "x" * 300, "--json")
    assert in_json.code == 1
    assert [(o["status"], o["error"]) for o in in_json.objects] == [("failed", "file_missing")] * 3


def test_pipes_and_devices_are_not_waited_for(earmark, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    done = earmark("enroll", tmp_path / "pipe", "/dev/zero")
    assert done.code == 1
    assert len(done.err.splitlines()) == 3
    assert stored(earmark) == {}


@pytest.mark.parametrize("arguments", [[], ["--jobs", "0", "x"], ["--nonsense", "x"], ["--jobs", "many", "x"]])
def test_wrong_usage_is_2(earmark, arguments):
    done = earmark("enroll", *arguments)
    assert done.code == 2
    assert "Usage:" in done.err
    assert not earmark.data_dir.exists()


# --- interruptions --------------------------------------------------------------------------------------------

N_FILES, SECONDS = 20, 12.0


@pytest.fixture
def long_folder(tmp_path: Path) -> Path:
    """Return a folder that takes long enough to be interrupted in."""
    (tmp_path / "long").mkdir()
    for i in range(N_FILES):
        (tmp_path / "long" / f"{i:02d}.wav").write_bytes(as_wav(lively_noise(SECONDS, 800 + i), RATE))
    return tmp_path / "long"


def whole_tracks(earmark: Earmark) -> int:
    """Check that every track that readers see is whole, by reading all of it; return how many there are."""
    store = earmark.store()
    try:
        errors = [finding.what for finding in doctor.examine(store) if finding.severity == "error"]
    finally:
        store.close()
    assert errors == []
    with Catalogue.open(settings=settings_in(earmark.data_dir)) as catalogue:
        tracks = catalogue.tracks()
        snapshot = catalogue.view().snapshot
        assert len(snapshot) == len(tracks)
        assert {track.n_windows for track in tracks} <= {8}
        assert snapshot.n_windows == 8 * len(tracks)
    return len(tracks)


def after_lines(process: subprocess.Popen[str], n: int) -> list[str]:
    """Wait until the program has printed n lines."""
    return [process.stdout.readline() for _ in range(n)]


def test_ctrl_c_leaves_nothing_half_written_and_the_same_command_completes(earmark, long_folder):
    process = earmark.start("enroll", long_folder, "--json", "--jobs", "2")
    lines = after_lines(process, 2)
    process.send_signal(signal.SIGINT)
    err = process.communicate(timeout=120)[1]
    assert process.returncode == 130
    assert "stopped: the same command goes on from here" in err
    assert "Traceback" not in err
    assert all(lines)
    n = whole_tracks(earmark)
    assert 2 <= n < N_FILES
    counts = stored(earmark)
    assert counts["tracks"] == n
    assert "leases" not in counts
    done = earmark.process("enroll", long_folder)
    assert (done.code, done.err) == (0, f"{N_FILES - n} enrolled, {n} already there, 0 failed\n")
    assert whole_tracks(earmark) == N_FILES


def test_kill_9_again_and_again_leaves_no_half_track_and_the_same_command_completes(earmark, long_folder):
    """The lease of a dead writer is waited for, so that the last run leaves nothing out."""
    lease = {"EARMARK_LEASE_SECONDS": "2"}
    seen = 0
    for round_, pause_s in enumerate((0.0, 0.05)):
        process = earmark.start("enroll", long_folder, "--json", "--jobs", "2", **lease)
        after_lines(process, seen + 1)
        time.sleep(pause_s)
        process.kill()
        process.communicate()
        n = whole_tracks(earmark)
        assert n >= seen, round_
        seen = n
    done = earmark.process("enroll", long_folder, **lease)
    assert done.code == 0, done.err
    assert done.err.endswith(" 0 failed\n")
    assert whole_tracks(earmark) == N_FILES
    again = earmark("enroll", long_folder)
    assert again.err == f"0 enrolled, {N_FILES} already there, 0 failed\n"
    assert earmark("doctor", "--repair").code == 0
    assert stored(earmark)["tracks"] == N_FILES


def test_two_programs_at_once_share_the_work(earmark, long_folder):
    both = [earmark.start("enroll", long_folder, "--jobs", "1", "--quiet") for _ in range(2)]
    for process in both:
        out, err = process.communicate(timeout=300)
        assert (process.returncode, out, err) == (0, "", "")
    assert whole_tracks(earmark) == N_FILES
