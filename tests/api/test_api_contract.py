"""The OpenAPI document against the running service: what it says holds, and clients can be made of it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from api_client import ROOT, Running, piece, running, wav

from classifier.demo.songs import Song

#: Seconds of generated requests; what they are is decided by the seed.
SECONDS = 18
SEED = 20261128
PHASES = "coverage,fuzzing,stateful"
#: Of content types that the generator does not know, which are all bytes.
GENERATOR = """
post_hooks: []
content_type_overrides:
  application/vnd.earmark.signature: application/octet-stream
  audio/*: application/octet-stream
  video/mp4: application/octet-stream
  video/webm: application/octet-stream
  image/png: application/octet-stream
"""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, files: list[tuple[str, bytes]]) -> Iterator[Running]:
    """Run a service that anything may be done to."""
    with running(tmp_path_factory.mktemp("contract")) as service:
        service.client.enroll(*files[:2])
        yield service


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "default"}


def test_a_python_client_is_generated_and_works(own: Running, tmp_path: Path, songs: list[Song]) -> None:
    (tmp_path / "config.yaml").write_text(GENERATOR)
    (tmp_path / "openapi.json").write_bytes(own.client.get("/api/v1/openapi.json").body)
    (tmp_path / "snippet.wav").write_bytes(wav(piece(songs[0], 4.0, 6.0), songs[0].sample_rate))
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--path", "openapi.json", "--meta", "none"]
    command += ["--output-path", "earmark_client", "--config", "config.yaml", "--fail-on-warning"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    program = f"""
import datetime, io
from earmark_client import Client
from earmark_client.api.tags import create_tag, list_tags
from earmark_client.api.library import edit_track, list_tracks
from earmark_client.models import CreateTagFilesBody, Problem, TrackEdit
from earmark_client.types import File

with Client(base_url={own.client.url!r}, raise_on_unexpected_status=True) as client:
    snippet = File(payload=io.BytesIO(open("snippet.wav", "rb").read()), file_name="snippet.wav")
    tag = create_tag.sync(client=client, body=CreateTagFilesBody(snippet=snippet), idempotency_key="once")
    assert tag.created.tzinfo is not None and tag.created > datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    assert list_tags.sync(client=client, verdict="identified").tags[0].id == tag.id
    track = list_tracks.sync(client=client, search=tag.matches[0].title).tracks[0]
    assert edit_track.sync(track.id, client=client, body=TrackEdit(album="Made by hand")).album == "Made by hand"
    bad = File(payload=io.BytesIO(b"no audio"), file_name="snippet.wav")
    problem = create_tag.sync(client=client, body=CreateTagFilesBody(snippet=bad))
    assert isinstance(problem, Problem) and problem.name.value == "audio_unreadable"
    print(tag.verdict.value, tag.matches[0].title)
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False)
    assert done.stdout.strip() == f"identified {songs[0].title}", done.stderr


def test_generated_requests_find_nothing(own: Running, tmp_path: Path) -> None:
    """Schemathesis: what is valid, at every limit and beyond, and what one answer says used in the next request."""
    configuration = Path(__file__).with_name("schemathesis.toml")
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(configuration), "run"]
    command += [f"{own.client.url}/api/v1/openapi.json", "--phases", PHASES, "--seed", str(SEED)]
    command += ["--max-time", str(SECONDS), "--max-examples", "3", "--continue-on-failure", "--no-shrink"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr
    assert [entry for entry in own.client.entries() if entry["level"] == "ERROR"] == []
