"""``earmark listen``: a line a change, from files, pipes, stations and microphones, to whoever is to know."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classifier.audio import microphone
from classifier.catalogue import Catalogue
from classifier.cli.announcing import Command, NowPlaying, variables
from classifier.demo.songs import Song
from classifier.errors import FileMissing, InvalidParameter, Unavailable
from classifier.listening.playing import Playing
from classifier.listening.segments import Event, Segment
from classifier.records import monitors, tracklists
from tests.audio.broadcast import Station, on_air
from tests.cli.conftest import ROOT, Earmark
from tests.data_audio import encode
from tests.library import as_wav
from tests.waiting import until

EVENT_KEYS = ["event", "at_s", "segment", "time"]


@pytest.fixture(scope="module")
def mix(enrolled_songs: list[Song]) -> np.ndarray:
    """Return 20 s of one song and 20 s of another, at the songs' rate."""
    first, second = enrolled_songs[0], enrolled_songs[4]
    rate = first.sample_rate
    return np.concatenate([first.samples[5 * rate : 25 * rate], second.samples[: 20 * rate]])


@pytest.fixture(scope="module")
def rate(enrolled_songs: list[Song]) -> int:
    return enrolled_songs[0].sample_rate


@pytest.fixture
def mix_file(tmp_path: Path, mix: np.ndarray, rate: int) -> Path:
    path = tmp_path / "mix.wav"
    path.write_bytes(as_wav(mix, rate))
    return path


def titles(lines: list[dict[str, Any]], event: str = "confirmed") -> list[str]:
    """Return which tracks became certain, each once, in order."""
    return list(dict.fromkeys(line["segment"]["title"] for line in lines if line["event"] == event))


def wanted(songs: list[Song]) -> list[str]:
    return [songs[0].title, songs[4].title]


def event(kind: str, number: int, *, state: str = "confirmed", **more: Any) -> Event:
    values: dict[str, Any] = {"kind": "track", "title": f"T{number}", "artist": "A", "track_id": f"t{number}", **more}
    return Event(kind, 10.0, Segment(id=str(number), start_s=float(number), end_s=10.0, state=state, **values))


# --- sources ------------------------------------------------------------------------------------------------


def test_a_file_is_heard_and_everybody_is_told(
    stocked: Earmark, mix_file: Path, tmp_path: Path, enrolled_songs: list[Song]
) -> None:
    overlay, told = tmp_path / "now.txt", tmp_path / "told.txt"
    script = tmp_path / "tell.py"
    script.write_text(
        "import os, pathlib, sys\n"
        f"with open({str(told)!r}, 'a') as file:\n"
        "    print(os.environ['HEARD_EVENT'], os.environ['HEARD_TITLE'], sys.argv[1:], file=file)\n"
    )
    command = f"{sys.executable} {script} 'two words' $(id)"
    done = stocked("listen", mix_file, "--json", "--now-playing", overlay, "--exec", command)
    assert done.code == 0
    lines = done.objects
    assert titles(lines) == wanted(enrolled_songs)
    assert all(list(line) == EVENT_KEYS for line in lines)
    assert lines[0]["event"] == "opened"
    assert lines[0]["segment"]["state"] in ("perhaps", "confirmed")
    ended = {line["segment"]["id"] for line in lines if line["event"] in ("closed", "withdrawn")}
    assert ended == {line["segment"]["id"] for line in lines}
    # One call a change, in order, and nothing that a shell would have made of it.
    words = "['two words', '$(id)']"
    assert told.read_text().splitlines() == [f"{li['event']} {li['segment']['title']} {words}" for li in lines]
    assert overlay.read_text() == ""


def test_people_read_a_line_a_change(stocked: Earmark, mix_file: Path, enrolled_songs: list[Song]) -> None:
    done = stocked("listen", mix_file, "--quiet")
    lines = done.out.splitlines()
    assert done.err == ""
    for word in ("perhaps", "playing", "ended"):
        assert any(f"  {word} " in line and enrolled_songs[0].title in line for line in lines), done.out
    assert "> 99.9 % sure" in next(line for line in lines if "playing" in line)


def test_standard_input_takes_containers_and_bare_samples(
    stocked: Earmark, mix: np.ndarray, rate: int, enrolled_songs: list[Song]
) -> None:
    pcm = (mix * 32767).clip(-32768, 32767).astype("<i2")
    for data, more in ((encode(pcm[:, None], "flac", rate=rate), ()), (pcm.tobytes(), ("--raw", f"{rate}:s16le:1"))):
        process = subprocess.run(
            [sys.executable, "-m", "classifier", "listen", "-", "--json", "--quiet", *more],
            input=data,
            capture_output=True,
            cwd=ROOT,
            env={**os.environ, **stocked.environment},
            timeout=120,
            check=False,
        )
        assert (process.returncode, process.stderr) == (0, b"")
        assert titles([json.loads(line) for line in process.stdout.splitlines()]) == wanted(enrolled_songs)


def test_a_named_pipe_and_the_first_seconds_alone(stocked: Earmark, mix_file: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["sh", "-c", 'exec cat "$1" > "$2"', "sh", str(mix_file), str(pipe)]):
        done = stocked("listen", pipe, "--json", "--for", 12)
    assert len(titles(done.objects)) == 1
    assert max(line["at_s"] for line in done.objects) <= 12.5


def test_a_station_that_breaks_off_and_comes_back(
    stocked: Earmark, mix: np.ndarray, rate: int, enrolled_songs: list[Song]
) -> None:
    half = len(mix) // 2
    pcm = (mix * 32767).clip(-32768, 32767).astype(np.int16)[:, None]
    parts = [encode(pcm[:half], "mp3", rate=rate), None, encode(pcm[half:], "mp3", rate=rate)]
    with on_air(Station(lambda n: parts[n] if n < len(parts) else None)) as station:
        done = stocked("listen", f"{station.url}/live", "--json", "--patience", 2)
    assert done.code == 1
    assert titles(done.objects) == wanted(enrolled_songs)
    assert "broke off" in done.err
    assert "the stream is back" in done.err
    assert done.err.splitlines()[-1].startswith("Error: the stream broke off after")
    # Each segment was closed before the end, though the end was an error.
    assert {li["segment"]["id"] for li in done.objects if li["event"] in ("closed", "withdrawn")} == {
        li["segment"]["id"] for li in done.objects
    }


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_order(stocked: Earmark, mix: np.ndarray, rate: int, tmp_path: Path, number: int) -> None:
    """The overlay is emptied and every segment closed, though the sound goes on."""
    pipe, overlay = tmp_path / "pipe", tmp_path / "now.json"
    os.mkfifo(pipe)
    arguments = ("listen", pipe, "--json", "--quiet", "--raw", f"{rate}:f32le:1", "--now-playing", overlay)
    process = stocked.start(*arguments)
    try:
        with pipe.open("wb") as writer:
            writer.write(mix[: 20 * rate].astype("<f4").tobytes())
            writer.flush()
            until(lambda: overlay.exists() and json.loads(overlay.read_text()).get("title"), 60)
            process.send_signal(number)
            out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, err) == (0, "")
    assert json.loads(out.splitlines()[-1])["event"] == "closed"
    assert json.loads(overlay.read_text()) == {}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("/no/such/file",), "there is no file '/no/such/file'"),
        (("ftp://me:secret@host/x",), "begins with http:// or https://"),
        (("http://host/", "--raw", "44100:s16le:1"), "--raw is of a pipe"),
        (("-", "--device", "1"), "--device is of the microphone"),
        (("-", "--raw", "x"), "RATE:FORMAT:CHANNELS"),
        ((__file__, "--exec", "no-such-program-here"), "there is no program 'no-such-program-here'"),
        ((__file__, "--exec", "'"), "the command is"),
        ((__file__, "--now-playing", "/no/such/folder/x"), "cannot be written"),
        ((__file__, "--mqtt", "mqtt://me:secret@/"), "the broker is 'mqtt://me:***@/'"),
        ((__file__,), "is not audio"),
    ],
)
def test_what_cannot_be_is_said_at_once(stocked: Earmark, arguments: tuple[str, ...], says: str) -> None:
    done = stocked("listen", *arguments)
    assert done.code == 1
    assert says in done.err
    assert "secret" not in done.err


def test_a_catalogue_that_is_not_there(earmark: Earmark) -> None:
    done = earmark("listen", __file__)
    assert (done.code, "there is no catalogue" in done.err) == (1, True)


# --- storing ------------------------------------------------------------------------------------------------


def test_what_is_heard_is_stored_under_a_name(
    stocked: Earmark, mix: np.ndarray, rate: int, tmp_path: Path, enrolled_songs: list[Song], library: Catalogue
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    arguments = ("listen", pipe, "--quiet", "--raw", f"{rate}:f32le:1", "--store-as", "bar")
    process = stocked.start(*arguments)
    try:
        with pipe.open("wb") as writer:
            writer.write(mix[: 20 * rate].astype("<f4").tobytes())
            writer.flush()
            until(lambda: [m for m in monitors.every(library.store) if m["playing"]], 120)
            (running,) = monitors.every(library.store)
            assert running["running"]
            assert running["playing"][0]["title"] == enrolled_songs[0].title
            assert "'bar' runs already" in stocked("listen", __file__, "--store-as", "bar").err
            writer.write(mix[20 * rate :].astype("<f4").tobytes())
        process.communicate(timeout=120)
    finally:
        process.kill()
        process.wait()
    (ended,) = monitors.every(library.store)
    assert (process.returncode, ended["running"]) == (0, False)
    kept = tracklists.get(library.store, ended["tracklist"])
    assert (kept["status"], kept["monitor"], round(kept["duration_s"])) == ("done", "bar", 40)
    named = [s["title"] for s in kept["segments"] if s["kind"] == "track"]
    assert list(dict.fromkeys(named)) == wanted(enrolled_songs)
    tracklists.delete(library.store, ended["tracklist"])  # the library is as it was


# --- the microphone -----------------------------------------------------------------------------------------


class Device(types.ModuleType):
    """Stands in for the package sounddevice and a sound card, which tests do not have: plays samples in stereo."""

    class PortAudioError(Exception):
        """As the package's."""

    def __init__(self, samples: np.ndarray, rate: int) -> None:
        super().__init__("sounddevice")
        self.samples, self.rate, self.opened = samples, rate, {}

    def query_devices(self, device: int | str | None, kind: str) -> dict[str, Any]:
        if device == "none":
            raise ValueError("No input device matching 'none'")
        return {"default_samplerate": float(self.rate), "max_input_channels": 2}

    def InputStream(self, **options: Any) -> Any:
        self.opened = options
        return self

    def __enter__(self) -> None:
        size = self.opened["blocksize"]
        for start in range(0, len(self.samples) - size + 1, size):
            block = self.samples[start : start + size]
            self.opened["callback"](np.stack([1.5 * block, 0.5 * block], axis=1).astype(np.float32), size, None, None)

    def __exit__(self, *_: object) -> None:
        pass


def test_a_microphone_is_heard(
    stocked: Earmark, mix: np.ndarray, rate: int, enrolled_songs: list[Song], monkeypatch: pytest.MonkeyPatch
) -> None:
    device = Device(mix, rate)
    monkeypatch.setitem(sys.modules, "sounddevice", device)
    done = stocked("listen", "--json", "--for", 38, "--device", "3")
    assert done.code == 0, done.err
    assert titles(done.objects) == wanted(enrolled_songs)
    assert (device.opened["device"], device.opened["samplerate"], device.opened["channels"]) == (3, rate, 2)
    assert "listening to the microphone" in done.err


def test_a_microphone_that_goes_away(monkeypatch: pytest.MonkeyPatch, mix: np.ndarray, rate: int) -> None:
    monkeypatch.setattr(microphone, "_GONE_S", 0.05)
    monkeypatch.setattr(microphone, "_WAITING_S", 1.0)
    monkeypatch.setitem(sys.modules, "sounddevice", Device(mix, rate))
    notes: list[str] = []
    blocks = microphone.from_microphone(16000, note=notes.append)
    with pytest.raises(Unavailable, match="still connected"):
        list(blocks)
    assert notes == ["some sound was left out: the machine does not keep up"]


def test_what_a_microphone_lacks_is_named(stocked: Earmark, monkeypatch: pytest.MonkeyPatch, rate: int) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", Device(np.zeros(0), rate))
    assert "no microphone can be opened (No input device" in stocked("listen", "--device", "none").err
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    assert "pip install 'earmark[microphone]'" in stocked("listen").err

    class Lacking:
        """Finds the package, whose import fails as it does without PortAudio."""

        def find_spec(self, name: str, *_: object) -> None:
            if name == "sounddevice":
                raise OSError("PortAudio library not found")

    monkeypatch.delitem(sys.modules, "sounddevice")
    monkeypatch.setattr(sys, "meta_path", [Lacking(), *sys.meta_path])
    assert "install libportaudio2" in stocked("listen").err


# --- what is playing ----------------------------------------------------------------------------------------


def test_the_latest_certain_track_is_playing() -> None:
    playing = Playing()
    assert not playing.take(event("opened", 1, state="perhaps"))
    assert playing.take(event("confirmed", 1))
    assert not playing.take(event("revised", 1))
    assert playing.take(event("confirmed", 2))
    assert playing.current is not None
    assert playing.current.title == "T2"
    assert playing.take(event("withdrawn", 2))
    assert playing.current.title == "T1"
    assert playing.take(event("revised", 1, title="Another"))
    assert not playing.take(event("closed", 9, state="closed"))
    assert playing.take(event("revised", 1, state="closed"))
    assert playing.current is None


def test_an_overlay_never_holds_half_a_name(tmp_path: Path) -> None:
    path = tmp_path / "now.txt"
    overlay = NowPlaying(path)
    assert path.read_text() == ""
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    with path.open() as reader:
        overlay.take(event("confirmed", 1, title="é" * 20000))
        assert reader.read() == ""  # whoever had the file open reads what it was
    assert path.read_text().startswith("A - ééé")
    assert path.read_text().count("\n") == 1
    overlay.close()
    assert os.listdir(tmp_path) == ["now.txt"]
    assert path.read_text() == ""


def test_an_overlay_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "now.txt").mkdir()
    with pytest.raises(FileMissing, match="cannot be written"):
        NowPlaying(tmp_path / "now.txt")
    assert os.listdir(tmp_path) == ["now.txt"]


# --- commands -----------------------------------------------------------------------------------------------


def test_variables_are_plain_text() -> None:
    made = variables(event("confirmed", 1, title='x\0"; rm -rf ~\n', isrc=None, by_hand=True, confidence=0.5))
    assert made["HEARD_TITLE"] == 'x "; rm -rf ~'
    assert (made["HEARD_ISRC"], made["HEARD_BY_HAND"], made["HEARD_CONFIDENCE"]) == ("", "1", "0.5")
    assert (made["HEARD_EVENT"], made["HEARD_NAME"]) == ("confirmed", 'A - x "; rm -rf ~')
    assert not any(name.startswith("EARMARK_") for name in made)


def test_a_command_that_fails_is_remarked_and_the_next_change_is_told() -> None:
    notes: list[str] = []
    command = Command("false", notes.append)
    command.take(event("opened", 1))
    command.take(event("confirmed", 1))
    command.close()
    assert notes == ["false ended with status 1 at a change"] * 2


def test_commands_that_are_none() -> None:
    with pytest.raises(InvalidParameter, match="empty"):
        Command("  ", lambda text: None)
    with pytest.raises(InvalidParameter, match="No closing quotation"):
        Command("a 'b", lambda text: None)


def test_what_a_command_prints_is_kept_from_standard_output() -> None:
    program = (
        "from classifier.cli.announcing import Command\n"
        "from classifier.listening.segments import Event, Segment\n"
        "command = Command('echo loud', print)\n"
        "command.take(Event('opened', 1.0, Segment(id='1', start_s=0, end_s=1)))\n"
        "command.close()\n"
    )
    command = [sys.executable, "-c", program]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert (process.stdout, process.stderr) == ("", "loud\n")
