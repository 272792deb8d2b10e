"""The plugin for beets, run by beets itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from classifier.catalogue import Catalogue
from classifier.demo.songs import compose
from classifier.players import beetsplug
from classifier.settings import Settings
from tests.library import as_wav, phone_snippet

MBID = "8f3471b5-7e6a-48da-86a9-c1c07a0f47ae"


class Beet:
    """``beet`` with a library of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.music = folder / "music"
        self.music.mkdir()
        plugins = beetsplug.__path__[0]
        (folder / "config.yaml").write_text(
            f"directory: {self.music}\nlibrary: {folder / 'library.db'}\nplugins: [earmark]\npluginpath: {plugins}\n"
            "import: {copy: no, write: no, autotag: no, duplicate_action: keep}\n"
            "earmark: {auto: yes, catalogue: records}\n"
        )

    def __call__(self, *arguments: object, fails: bool = False) -> str:
        """Run it; return what it said."""
        done = subprocess.run(
            [sys.executable, "-m", "beets", "--config", str(self.folder / "config.yaml"), *map(str, arguments)],
            env={
                **os.environ,
                "BEETSDIR": str(self.folder),
                "EARMARK_DATA_DIR": str(self.data),
                "PYTHONPATH": str(Path(__file__).parents[2]),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode != 0) is fails, done.stderr
        return done.stderr if fails else done.stdout


SONGS = [compose(seed, duration_s=16.0) for seed in (31, 32, 33)]


@pytest.fixture(scope="module")
def beet(tmp_path_factory: pytest.TempPathFactory) -> Beet:
    """Return beets with a library of two songs, one of them twice; a third is not enrolled."""
    found = Beet(tmp_path_factory.mktemp("beets"))
    for name, song in (("one", SONGS[0]), ("two", SONGS[1]), ("again", SONGS[1])):
        # Another length makes another recording of it.
        samples = song.samples[: -song.sample_rate] if name == "again" else song.samples
        (found.music / f"{name}.wav").write_bytes(as_wav(samples, song.sample_rate))
    found("import", "-q", "-A", "-s", found.music)
    return found


def test_what_is_imported_is_known(beet: Beet, tmp_path: Path) -> None:
    assert len(beet("ls", "earmark_id::.").splitlines()) == 3
    for number, song in enumerate((SONGS[0], SONGS[2])):
        (tmp_path / f"{number}.wav").write_bytes(phone_snippet(song, 6.0, 6.0))
    said = beet("earmark", "identify", tmp_path / "0.wav", tmp_path / "1.wav").splitlines()
    assert "at 6.0 s" in said[0]
    assert "% sure" in said[0]
    assert said[1].endswith("1.wav: not known")
    pairs = beet("earmark", "duplicates")
    assert "two.wav" in pairs
    assert "again.wav" in pairs
    assert "one.wav" not in pairs


def test_edits_in_beets_are_taken_over(beet: Beet) -> None:
    beet("modify", "-y", "-W", "path::one", "title=Renamed", f"mb_trackid={MBID}", "isrc=nonsense")
    beet("earmark", "enroll", "path::one")
    with Catalogue.open(settings=Settings(data_dir=str(beet.data), catalogue="records"), create=False) as catalogue:
        track = next(track for track in catalogue.tracks() if track.source == "one")
        assert (track.recording_mbid, track.isrc) == (MBID, None)


def test_labels(beet: Beet, weights_dir: Path) -> None:
    said = beet("earmark", "label", "path::one")
    genre = beet("ls", "-f", "$earmark_genre", "path::one").strip()
    assert genre
    assert genre in said


def test_what_goes_wrong(beet: Beet, tmp_path: Path) -> None:
    assert "say what to do" in beet("earmark", fails=True)
    assert "name the recordings" in beet("earmark", "identify", fails=True)
    assert "none.wav" in beet("earmark", "identify", tmp_path / "none.wav", fails=True)
