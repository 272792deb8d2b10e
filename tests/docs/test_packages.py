"""Source archive and wheel: whole, and the same bytes however often they are built."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import classifier
from tests.docs.test_links import ROOT

DATE = "1700000000"
_TAKEN = ("pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", "NOTICE", ".gitignore", "classifier", "static")
WHEEL, SOURCE = f"earmark-{classifier.__version__}-py3-none-any.whl", f"earmark-{classifier.__version__}.tar.gz"


def build(tree: Path, out: Path, *options: str) -> Path:
    """Build as a release is built, without a network."""
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), *options, str(tree)],
        env={**os.environ, "SOURCE_DATE_EPOCH": DATE},
        check=True,
        capture_output=True,
    )
    return out


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a package is made of, with a small site in the place of the built one, and dates of today."""
    folder = tmp_path_factory.mktemp("tree")
    for name in _TAKEN:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, copy_function=shutil.copy)
        else:
            shutil.copy(ROOT / name, folder / name)
    (folder / "site" / "docs").mkdir(parents=True)
    (folder / "site" / "index.html").write_text("<h1>Earmark</h1>")
    (folder / "site" / "docs" / "guide.html").write_text("<h1>User guide</h1>")
    return folder


@pytest.fixture(scope="module")
def dist(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tree, tmp_path_factory.mktemp("dist"))


def test_building_twice_gives_the_same_bytes(tree, dist, tmp_path):
    again = tmp_path / "tree"
    shutil.copytree(tree, again, copy_function=shutil.copy)
    for path in again.rglob("*"):
        os.utime(path, (1.1e9, 1.1e9))
        path.chmod(path.stat().st_mode | 0o020)  # as another umask would have it
    assert digests(build(again, tmp_path / "out")) == digests(dist)
    assert set(digests(dist)) == {WHEEL, SOURCE}


def test_the_source_archive_builds_the_same_wheel(dist, tmp_path):
    with tarfile.open(dist / SOURCE) as archive:
        archive.extractall(tmp_path, filter="data")
    out = build(tmp_path / SOURCE.removesuffix(".tar.gz"), tmp_path / "out", "--wheel")
    assert digests(out)[WHEEL] == digests(dist)[WHEEL]


def test_the_wheel_holds_all_that_a_stranger_needs(dist):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    with zipfile.ZipFile(dist / WHEEL) as wheel:
        names = set(wheel.namelist())
        info = f"earmark-{classifier.__version__}.dist-info"
        metadata = wheel.read(f"{info}/METADATA").decode()
        assert "earmark = classifier.cli:main" in wheel.read(f"{info}/entry_points.txt").decode()
        dates = {entry.date_time for entry in wheel.infolist()}
    moved = project["tool"]["hatch"]["build"]["targets"]["wheel"]["sources"]
    for path in (ROOT / "classifier").rglob("*"):
        name = path.relative_to(ROOT).as_posix()
        for source, place in moved.items():
            name = name.replace(f"{source}/", f"{place}/") if name.startswith(f"{source}/") else name
        assert name in names or path.is_dir() or "__pycache__" in path.parts, name
    assert {"classifier/static/index.html", "classifier/site/docs/guide.html", "classifier/py.typed"} <= names
    assert not [name for name in names if name.startswith(("tests/", "bench/", "static/", "site/"))]
    assert f"\nVersion: {classifier.__version__}\n" in metadata
    assert len(dates) == 1, "every file carries the date of the release"
    for extra in project["project"]["optional-dependencies"]:
        assert f"\nProvides-Extra: {extra}\n" in metadata


def bill_of(wheel: Path) -> str:
    command = [sys.executable, "deploy/bill.py", "--wheel", str(wheel), "--page", "web/package-lock.json"]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "SOURCE_DATE_EPOCH": DATE}, check=True, capture_output=True, text=True
    )
    return done.stdout


def test_the_bill_of_materials_names_all_that_the_wheel_needs(dist):
    text = bill_of(dist / WHEEL)
    bill = json.loads(text)
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    assert bill["metadata"]["timestamp"] == "2023-11-14T22:13:20+00:00"
    root = bill["metadata"]["component"]
    assert root["purl"] == f"pkg:pypi/earmark@{classifier.__version__}"
    assert root["hashes"] == [{"alg": "SHA-256", "content": digests(dist)[WHEEL]}]
    parts = {part["bom-ref"]: part for part in bill["components"]}
    assert len(parts) == len(bill["components"])
    # What is pinned for running is there, in the versions of this environment.
    pinned = re.findall(r"^([A-Za-z0-9_.-]+)==", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert len(pinned) > 10
    for name in pinned:
        assert f"pkg:pypi/{name.lower().replace('_', '-')}@{importlib.metadata.version(name)}" in parts
    # The page's own libraries are there; those that only build it are not.
    lock = json.loads((ROOT / "web" / "package-lock.json").read_text())["packages"]
    for name in json.loads((ROOT / "web" / "package.json").read_text())["dependencies"]:
        assert parts[f"pkg:npm/{name.replace('@', '%40')}@{lock[f'node_modules/{name}']['version']}"]["licenses"]
    assert not [ref for ref in parts if ref.startswith("pkg:npm/typescript@")]
    with zipfile.ZipFile(dist / WHEEL) as wheel:
        data = [name for name in wheel.namelist() if re.match(r"classifier/data/.*\.(npz|json)$", name)]
        hashes = {name: hashlib.sha256(wheel.read(name)).hexdigest() for name in data}
    assert hashes == {ref: part["hashes"][0]["content"] for ref, part in parts.items() if part["type"] == "data"}
    # Every reference leads to a part, and every part is reached from the root.
    edges = {each["ref"]: each["dependsOn"] for each in bill["dependencies"]}
    reached, waiting = set(), [root["bom-ref"]]
    while waiting:
        ref = waiting.pop()
        if ref not in reached:
            reached.add(ref)
            waiting += edges.get(ref, [])
    assert reached == {root["bom-ref"], *parts}
    assert bill_of(dist / WHEEL) == text


def test_the_version_stands_in_one_place():
    """Wherever else it occurs, it is an example that a test would notice when it is out of date."""
    assert "version" not in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for document in (ROOT / "README.md", ROOT / "docs" / "install.md"):
        assert f"earmark-{classifier.__version__}-py3" in document.read_text()
