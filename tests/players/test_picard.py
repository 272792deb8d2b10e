"""The plugin for MusicBrainz Picard, run by Picard itself without a screen, which asks a real service."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import pytest
from api_client import Running, running

from classifier import players
from classifier.demo.songs import compose
from tests.library import as_wav

pytest.importorskip("picard")
try:
    from PyQt6 import QtMultimedia, QtWidgets  # noqa: F401
except ImportError as missing:
    pytest.skip(f"Qt lacks a library of the system: {missing}", allow_module_level=True)

PLUGIN = Path(players.__path__[0]) / "picardplug" / "earmark"
MBID = "8f3471b5-7e6a-48da-86a9-c1c07a0f47ae"
#: No dialogue for newcomers, whose answer Picard would wait for, and no request of its own.
QUIET = """
[persist]
setup_wizard_completed=true

[setting]
show_new_user_dialog=false
check_for_updates=false
check_for_plugin_updates=false
browser_integration=false
analyze_new_files=false
"""
#: The last is a stranger to the library.
SONGS = [compose(seed, duration_s=40.0) for seed in (41, 42, 43)]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Run a service that knows two songs, the first with its identifiers, and asks for a key."""
    with running(tmp_path_factory.mktemp("service")) as own:
        known = [(f"{song.title}.wav", as_wav(song.samples, song.sample_rate)) for song in SONGS[:2]]
        own.client.enroll(known[0], title="Río", artist="Björk & Co", isrc="GBAYE0601498")
        own.client.enroll(known[1])
        track = own.client.get("/api/v1/tracks?search=rio").json["tracks"][0]["id"]
        own.client.ask(
            "PATCH", f"/api/v1/tracks/{track}", json.dumps({"recording_mbid": MBID}).encode(),
            {"Content-Type": "application/json"},
        )  # fmt: skip
        yield own


class Picard:
    """Picard with a configuration of its own."""

    def __init__(self, folder: Path, service: str, key: str = "") -> None:
        self.config = folder / "Picard.ini"
        self.environment = {
            **os.environ,
            "QT_QPA_PLATFORM": "offscreen",
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
            "PICARD_CACHE_DIR": str(folder / "cache"),
            "PICARD_PLUGIN_DIR": str(folder / "plugins"),
        }
        uuid = tomllib.loads((PLUGIN / "MANIFEST.toml").read_text())["uuid"]
        self._run("picard.cli", "--yes", "plugins", "install", "--no-git", PLUGIN)
        self._run("picard.cli", "plugins", "enable", "earmark")
        with self.config.open("a") as config:
            config.write(f"\n[plugin.{uuid}]\nservice={service}\nkey={key}\n{QUIET}")

    def _run(self, module: str, *arguments: object) -> str:
        first = ["--config-file", self.config] if module == "picard.cli" else [self.config]
        done = subprocess.run(
            [sys.executable, "-m", module, *map(str, first), *map(str, arguments)],
            env=self.environment,
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    def identify(self, kind: str, *files: Path) -> dict[str, Any]:
        """Choose the plugin's action for files or their cluster, and save."""
        said: dict[str, Any] = json.loads(self._run("tests.players.picard_driver", kind, *files).splitlines()[-1])
        return said


def encoded(song: Any, path: Path) -> Path:
    """Write a song without tags in the format that the name says."""
    wave = path.with_suffix(".wav")
    wave.write_bytes(as_wav(song.samples, song.sample_rate))
    with av.open(str(wave)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream("libmp3lame" if path.suffix == ".mp3" else "flac", rate=song.sample_rate)
        for frame in source.decode(audio=0):
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return path


def test_files_are_named_and_saved(service: Running, tmp_path: Path) -> None:
    files = [encoded(SONGS[0], tmp_path / "one.mp3"), encoded(SONGS[1], tmp_path / "two.flac")]
    stranger = encoded(SONGS[2], tmp_path / "stranger.flac")
    found = Picard(tmp_path, service.client.url).identify("file", *files, stranger)
    one, two, none = (found["tags"][str(path)] for path in (*files, stranger))
    assert (one["title"], one["artist"], one["isrc"]) == ("Río", "Björk & Co", "GBAYE0601498")
    assert one["musicbrainz_recordingid"] == MBID
    assert two["title"] == SONGS[1].title
    assert none["title"] == "stranger"  # Picard's own guess, from the file's name
    assert "Earmark: one.mp3: Río, 100 % sure" in found["said"]
    assert "Earmark: stranger.flac: not known" in found["said"]
    with av.open(str(files[0])) as saved:
        assert saved.metadata["title"] == "Río"


def test_a_cluster_and_a_key(service: Running, tmp_path: Path) -> None:
    admin = service.client.ask(
        "POST", "/api/v1/keys", b'{"name": "me", "role": "admin"}', {"Content-Type": "application/json"}
    ).json["key"]
    made = service.client.ask(
        "POST", "/api/v1/keys", b'{"name": "Picard", "role": "tag"}',
        {"Content-Type": "application/json", "Authorization": f"Bearer {admin}"},
    )  # fmt: skip
    path = encoded(SONGS[1], tmp_path / "two.flac")
    (tmp_path / "with").mkdir()
    found = Picard(tmp_path / "with", service.client.url, made.json["key"]).identify("cluster", path)
    assert found["tags"][str(path)]["title"] == SONGS[1].title
    tags = service.client.get("/api/v1/tags?device=Picard", Authorization=f"Bearer {admin}").json["tags"]
    assert [tag["device"] for tag in tags[:1]] == ["Picard"]
    for name, url, key, why in (
        ("wrong", service.client.url, "ek_wrong", "key"),
        ("file", f"file://{path}", "", "it begins with http:// or https://"),
    ):
        (tmp_path / name).mkdir()
        (said,) = Picard(tmp_path / name, url, key).identify("cluster", path)["said"]
        assert said.startswith("Earmark: two.flac: no answer: ")
        assert why in said
