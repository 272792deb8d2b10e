"""docs/api.md: its programs run, and it lists every error."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from api_client import ROOT, Client, Running, int16, piece, wav
from scipy.signal import resample_poly

from classifier import errors
from classifier.api import problems
from classifier.demo.songs import Song
from classifier.errors import EarmarkError

GUIDE = (ROOT / "docs" / "api.md").read_text("utf-8")
SERVICE = "http://127.0.0.1:8000"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, songs: list[Song], files: list[tuple[str, bytes]]) -> Path:
    """Return a folder with the files that the guide's programs name."""
    (tmp_path / "snippet.wav").write_bytes(wav(piece(songs[0], 4.0, 6.0), songs[0].sample_rate))
    (tmp_path / "snippet.m4a").write_bytes((tmp_path / "snippet.wav").read_bytes())
    (tmp_path / "piece0.webm").write_bytes((tmp_path / "snippet.wav").read_bytes())
    samples = resample_poly(songs[0].samples, 16000, songs[0].sample_rate)
    (tmp_path / "sound.pcm").write_bytes(int16(samples).astype("<i2").tobytes())
    (tmp_path / "one.mp3").write_bytes(files[0][1])  # the name says nothing: the bytes do
    (tmp_path / "two.flac").write_bytes(files[1][1])
    (tmp_path / "mix.mp3").write_bytes(files[0][1])
    return tmp_path


@pytest.mark.parametrize("number", range(len(blocks("sh"))))
def test_curl(client: Client, folder: Path, number: int) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is missing")
    command = blocks("sh")[number].replace(SERVICE, client.url)
    # Its commands are those of this environment.
    programs = {**os.environ, "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))}
    options = {"cwd": folder, "env": programs, "capture_output": True, "text": True, "check": True}
    done = subprocess.run(["sh", "-ec", command], **options)
    answer = json.loads(done.stdout.splitlines()[-1])
    answer = answer.get("tag") or answer
    segments = [segment["title"] for segment in answer.get("segments", ()) if segment["kind"] == "track"]
    assert answer.get("verdict") == "identified" or answer.get("status") == "queued" or segments, answer


def test_python(client: Client, folder: Path, songs: list[Song]) -> None:
    command = [sys.executable, "-W", "error", "-c", blocks("python")[0].replace(SERVICE, client.url)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"{songs[0].title} by None, 4.0 s into it"


def test_the_receiver_of_webhooks_knows_what_is_genuine() -> None:
    """The program ends with the example of the specification, and with a forgery."""
    (program,) = (block for block in blocks("python") if "webhook-signature" in block)
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=60)


def test_python_says_why_it_failed(service: Running, folder: Path) -> None:
    (folder / "snippet.wav").write_bytes(b"not music")
    program = blocks("python")[0].replace(SERVICE, service.client.url)
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False)
    assert "RuntimeError: audio_unreadable" in done.stderr


def test_every_error_is_listed_with_status_cause_and_cure() -> None:
    known = problems.known()
    assert set(problems.REMEDIES) == set(known)
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| (.+?) \| (.+?) \|$", GUIDE, re.MULTILINE)
    assert rows == [
        (name, str(cls.status), problems.title(cls), problems.REMEDIES[name]) for name, cls in known.items()
    ]


def test_every_error_of_the_library_is_known_to_the_service() -> None:
    def below(cls: type[EarmarkError]) -> set[type[EarmarkError]]:
        return {cls, *(found for child in cls.__subclasses__() for found in below(child))}

    names = {cls.name for cls in below(EarmarkError) if cls.__module__ == errors.__name__}
    assert names <= set(problems.known())


def test_the_example_document_is_what_the_service_says() -> None:
    (example,) = (json.loads(block) for block in blocks("json"))
    cls = problems.known()[example["name"]]
    assert (example["title"], example["status"]) == (problems.title(cls), cls.status)


@pytest.mark.parametrize("route", ["/api/v1/tags/{id}/charts", "/api/v1/tracks/{id}", "/api/v1/catalogues"])
def test_routes_are_mentioned(route: str) -> None:
    assert route in GUIDE
