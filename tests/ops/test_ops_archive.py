"""``earmark tracks export`` and ``import``: SQLite to MongoDB's wire protocol and back, nothing lost on the way."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from ops_service import file, snippet

from classifier.audio.decoder import Decoder
from classifier.catalogue import Catalogue
from classifier.cli import main
from classifier.settings import Settings
from tests.servers import Nx27017

SEEDS = (601, 602)


def earmark(*arguments: object, fails: str = "") -> list[dict[str, Any]]:
    """Run the command line in this process; return the objects it prints."""
    done = CliRunner().invoke(main, ["--json", *map(str, arguments)])
    if fails:
        assert done.exit_code == 1
        assert fails in done.stderr, done.stderr
        assert "Traceback" not in done.stderr
    else:
        assert done.exit_code == 0, (done.stderr, done.exception)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a SQLite store of two songs, one of them with everything that can be said of a track."""
    folder = tmp_path_factory.mktemp("home")
    settings = Settings(data_dir=str(folder), store=f"sqlite:///{folder}/first.sqlite")
    with Decoder(settings) as decoder, Catalogue.open(settings=settings, decoder=decoder) as catalogue:
        facts = {"title": "Ümlaut – № 1", "artist": "A", "album": "B", "isrc": "DEA123456789"}
        track = catalogue.enroll(file(SEEDS[0]), **facts, metadata={"label.no": "$1", "": "x"}).track
        catalogue.edit(track.id, album="C")
        catalogue.enroll(file(SEEDS[1]), title="Two")
        catalogue.enroll(file(SEEDS[1]), title="Two again", replace=True)
    return folder


@pytest.fixture(scope="module")
def mongo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An empty store of another kind."""
    server = Nx27017(tmp_path_factory.mktemp("server"))
    server.start()
    yield f"{server.uri}/earmark"
    server.kill()


def hears_all(store: str, folder: Path) -> None:
    """Both songs are identified."""
    settings = Settings(store=store, data_dir=str(folder))
    with Decoder(settings) as decoder, Catalogue.open(settings=settings, decoder=decoder, create=False) as catalogue:
        for seed, title in zip(SEEDS, ("Ümlaut – № 1", "Two again"), strict=True):
            tag = catalogue.identify(snippet(seed))
            assert (tag.verdict, tag.matches[0].title) == ("identified", title)


def content(archive: Path) -> dict[str, bytes]:
    """All entries, but for the time of writing."""
    with zipfile.ZipFile(archive) as opened:
        entries = {name: opened.read(name) for name in opened.namelist() if not name.startswith("index.")}
    head = json.loads(entries["archive.json"])
    del head["created"]
    return {**entries, "archive.json": json.dumps(head).encode()}


def test_there_and_back_again(home: Path, mongo: str, tmp_path: Path) -> None:
    first, last = f"sqlite:///{home}/first.sqlite", f"sqlite:///{tmp_path}/last.sqlite"
    one, two, three = (tmp_path / f"{n}.zip" for n in (1, 2, 3))
    (told,) = earmark("tracks", "export", one, "--store", first)
    assert told == {"file": str(one), "catalogue": "default", "tracks": 2, "bytes": one.stat().st_size}
    (told,) = earmark("tracks", "import", one, "--store", mongo)
    assert told == {"file": str(one), "catalogue": "default", "added": 2, "known": 0}
    hears_all(mongo, tmp_path / "mongo")
    earmark("tracks", "export", two, "--store", mongo)
    earmark("tracks", "import", two, "--store", last)
    earmark("tracks", "export", three, "--store", last)
    assert content(one) == content(two) == content(three)
    listed = [earmark("tracks", "list", "--store", store) for store in (first, mongo, last)]
    assert listed[0] == listed[1] == listed[2]
    assert [(t["album"], t["metadata"]) for t in listed[0]] == [(None, {}), ("C", {"label.no": "$1", "": "x"})]
    hears_all(last, tmp_path / "last")
    (told,) = earmark("tracks", "import", one, "--store", last)
    assert (told["added"], told["known"]) == (0, 2)


def test_names_of_catalogues(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive, store = tmp_path / "a.zip", f"sqlite:///{tmp_path}/s.sqlite"
    earmark("tracks", "export", archive, "--store", f"sqlite:///{home}/first.sqlite")
    assert earmark("tracks", "import", archive, "--store", store, "--catalogue", "copy")[0]["catalogue"] == "copy"
    monkeypatch.setenv("EARMARK_CATALOGUE", "other")
    assert earmark("tracks", "import", archive, "--store", store)[0]["catalogue"] == "other"
    assert [c["name"] for c in earmark("catalogues", "list", "--store", store)] == ["copy", "other"]
    earmark("tracks", "export", archive, "--force", "--store", store)
    monkeypatch.delenv("EARMARK_CATALOGUE")
    assert earmark("tracks", "import", archive, "--store", f"sqlite:///{tmp_path}/t.sqlite")[0]["catalogue"] == "other"


def test_what_goes_wrong_is_said(home: Path, tmp_path: Path) -> None:
    first = f"sqlite:///{home}/first.sqlite"
    archive = tmp_path / "a.zip"
    earmark("tracks", "export", archive, "--store", first)
    earmark("tracks", "export", archive, "--store", first, fails="--force")
    earmark("tracks", "export", tmp_path / "no" / "folder.zip", "--store", first, fails="No such file or directory")
    earmark("tracks", "export", tmp_path / "b.zip", "--store", first, "--catalogue", "none", fails="no catalogue")
    earmark("tracks", "import", tmp_path / "none.zip", "--store", first, fails="there is no file")
    other = f"sqlite:///{tmp_path}/other.sqlite"
    earmark("catalogues", "create", "default", "--set", "n_components=4", "--store", other)
    earmark("tracks", "import", archive, "--store", other, fails="another configuration")
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 1
    archive.write_bytes(content)
    earmark("tracks", "import", archive, "--store", other, "--catalogue", "new", fails="damaged")
    assert [c["name"] for c in earmark("catalogues", "list", "--store", other)] == ["default"]
    assert sorted(path.name for path in tmp_path.iterdir() if ".zip" in path.name) == ["a.zip"]


def test_enrolling_into_a_library_of_others_does_not_load_it(home: Path, tmp_path: Path) -> None:
    """On a machine without an index, one track more is no reason to load all others."""
    first = f"sqlite:///{home}/first.sqlite"
    archive, store = tmp_path / "a.zip", f"sqlite:///{tmp_path}/s.sqlite"
    earmark("tracks", "export", archive, "--store", first)
    earmark("tracks", "import", archive, "--store", store)
    (tmp_path / "one.wav").write_bytes(file(603))
    earmark("enroll", tmp_path / "one.wav", "--store", store)
    index = tmp_path / "data" / "index"
    assert not list(index.rglob("manifest.json"))
    hears_all(store, tmp_path / "data")
    assert len(list(index.rglob("manifest.json"))) == 1
    (tmp_path / "two.wav").write_bytes(file(604))
    (before,) = index.rglob("manifest.json")
    text = before.read_text()
    earmark("enroll", tmp_path / "two.wav", "--store", store)
    assert before.read_text() != text
