"""Models on disk: what is written is read, and whatever else lies there is refused."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classifier.errors import EarmarkError, FileMissing, InvalidModel, StoreFailed
from classifier.labels.scoring import files
from classifier.labels.training import estimators
from classifier.labels.training.estimators import GRID
from tests.labels.clips import blobs, fitted

EVERY = [candidates[0] for candidates in GRID.values()]


@pytest.fixture(autouse=True)
def small_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let networks be small: nothing here depends on their width."""
    monkeypatch.setattr(estimators, "HIDDEN", (8, 4))


@pytest.mark.parametrize("kind", ["exclusive", "multiple"])
@pytest.mark.parametrize("chosen", EVERY, ids=str)
def test_a_model_comes_back_as_it_was(tmp_path, chosen, kind):
    model = fitted(chosen, kind=kind)
    files.save(model, tmp_path / "model")
    found = files.load(tmp_path / "model")
    rows, _ = blobs(20, 5, 3, seed=9)
    assert np.array_equal(found.probabilities(rows), model.probabilities(rows))
    assert (found.labels, found.family, found.card) == (model.labels, model.family, model.card)
    p = found.probabilities(rows)
    assert (p >= 0).all()
    assert (p <= 1).all()
    assert kind == "multiple" or p.sum(axis=1) == pytest.approx(np.ones(20))


def test_the_same_model_gives_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        files.save(fitted(GRID["logistic"][0]), tmp_path / name)
    for name in (files.MANIFEST, files.ARRAYS):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_nothing_is_written_over(tmp_path):
    files.save(fitted(GRID["logistic"][0]), tmp_path / "model")
    before = (tmp_path / "model" / files.ARRAYS).read_bytes()
    with pytest.raises(StoreFailed):
        files.save(fitted(GRID["logistic"][0], seed=1), tmp_path / "model")
    assert (tmp_path / "model" / files.ARRAYS).read_bytes() == before
    assert os.listdir(tmp_path) == ["model"]


class Hostile:
    """A model in a folder, to be changed as an attacker would: size and hash are put right again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        files.save(fitted(GRID["logistic"][0]), folder)
        self.manifest: dict[str, Any] = json.loads((folder / files.MANIFEST).read_text())

    def write(self, content: bytes | None = None, **changes: Any) -> None:
        if content is not None:
            (self.folder / files.ARRAYS).write_bytes(content)
            changes = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest(), **changes}
        (self.folder / files.MANIFEST).write_text(json.dumps(self.manifest | changes))

    def members(self) -> dict[str, bytes]:
        with zipfile.ZipFile(self.folder / files.ARRAYS) as file:
            return {name: file.read(name) for name in file.namelist()}

    def replace(self, **members: bytes) -> None:
        content = self.members() | {name.replace("__", "/"): body for name, body in members.items()}
        self.write(zipped(content))

    def refused(self, match: str = ".") -> None:
        with pytest.raises(InvalidModel, match=match):
            files.load(self.folder)


def zipped(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as file:
        for name, body in members.items():
            file.writestr(name, body)
    return out.getvalue()


def npy(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=array.dtype.hasobject)
    return out.getvalue()


@pytest.fixture
def hostile(tmp_path: Path) -> Hostile:
    return Hostile(tmp_path / "model")


class Bomb:
    """Unpickling it would leave a trace."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return (os.mkdir, (str(self.trace),))


def test_pickles_are_not_unpickled(hostile, tmp_path):
    trace = tmp_path / "trace"
    for body in (npy(np.array([Bomb(trace)], object)), pickle.dumps(Bomb(trace))):
        hostile.replace(**{"coef.npy": body})
        hostile.refused("coef")
    hostile.write(pickle.dumps(Bomb(trace)))
    hostile.refused("cannot be read")
    assert not trace.exists()


def test_zip_bombs_are_not_unpacked(hostile):
    huge = npy(np.zeros((1, 3_000_000)))
    bomb = zipped(hostile.members() | {"coef.npy": huge}, zipfile.ZIP_DEFLATED)
    assert len(bomb) < 100_000
    hostile.write(bomb)
    hostile.refused("would take")
    hostile.write(bomb, arrays=hostile.manifest["arrays"] | {"coef": ["<f8", [1, 256_000_000]]})
    hostile.refused("would take")


def test_arrays_are_as_the_manifest_says(hostile):
    intact = (hostile.folder / files.ARRAYS).read_bytes()
    for array in (np.zeros((5, 3)), np.zeros((3, 5), np.float32), np.zeros((3, 5), complex), np.zeros(15)):
        hostile.replace(**{"coef.npy": npy(array)})
        hostile.refused("coef")
    hostile.write(intact)
    hostile.replace(**{"more.npy": npy(np.zeros(3))})
    hostile.refused("more")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused(hostile, value):
    for name, shape in (("coef", (3, 5)), ("temperature", (1,)), ("scale", (5,))):
        hostile.replace(**{f"{name}.npy": npy(np.full(shape, value))})
        hostile.refused("finite")


def test_scales_and_temperatures_are_above_zero(hostile):
    for name, shape in (("temperature", (1,)), ("scale", (5,))):
        fresh = Hostile(hostile.folder.parent / f"model of {name}")
        fresh.replace(**{f"{name}.npy": npy(np.zeros(shape))})
        fresh.refused("above 0")


def test_hashes_and_sizes_are_compared(hostile):
    content = bytearray((hostile.folder / files.ARRAYS).read_bytes())
    content[-30] ^= 1
    (hostile.folder / files.ARRAYS).write_bytes(bytes(content))
    hostile.refused("not the file")
    (hostile.folder / files.ARRAYS).write_bytes(bytes(content[:-1]))
    hostile.refused("bytes")


@pytest.mark.parametrize("name", ["../coef.npy", "/tmp/coef.npy", "coef.npy/../coef.npy", "C:\\coef.npy", "coef"])
def test_names_in_the_file_lead_nowhere(hostile, name):
    members = hostile.members()
    members[name] = members.pop("coef.npy")
    listed = hostile.manifest["arrays"]
    listed = {(name.removesuffix(".npy") if key == "coef" else key): value for key, value in listed.items()}
    hostile.write(zipped(members), arrays=listed)
    hostile.refused()


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "earmark-labels/2"},
        {"task": "../genre"},
        {"task": "genre/../../x"},
        {"task": ""},
        {"kind": "fuzzy"},
        {"family": "forest"},
        {"labels": ["a", "b", "b"]},
        {"labels": ["a"]},
        {"labels": ["a", "b", "c\x1b[2J"]},
        {"labels": [1, 2, 3]},
        {"labels": "abc"},
        {"columns": ["x"]},
        {"clips": ["a.wav"]},
        {"card": []},
        {"arrays": {}},
        {"arrays": {"coef": ["|O", [3, 5]]}},
        {"arrays": {"coef": ["<f8", [3, -5]]}},
        {"arrays": {"coef": ["<f8", [True, 5]]}},
        {"sha256": None},
        {"bytes": "many"},
    ],
    ids=str,
)
def test_manifests_are_checked(hostile, changes):
    hostile.write(**changes)
    hostile.refused()


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000, '{"format": NaN}', "\xff"])
def test_manifests_that_are_no_json_object_are_refused(hostile, text):
    (hostile.folder / files.MANIFEST).write_bytes(text.encode("latin-1"))
    hostile.refused()


def test_links_and_pipes_are_not_followed(hostile, tmp_path):
    path = hostile.folder / files.ARRAYS
    path.rename(tmp_path / "elsewhere.npz")
    path.symlink_to(tmp_path / "elsewhere.npz")
    hostile.refused()
    path.unlink()
    os.mkfifo(path)
    hostile.refused("no file")


def test_files_that_are_too_large_are_not_read(hostile, monkeypatch):
    monkeypatch.setattr(files, "MOST_ARRAY_BYTES", 1000)
    hostile.refused("at most 1000")


def test_a_missing_model_is_missing(tmp_path):
    with pytest.raises(FileMissing):
        files.load(tmp_path / "none")


def test_any_damage_is_refused_or_harmless(hostile):
    """Whatever byte of the arrays changes, with the hash put right: a clear error, or numbers."""
    content = (hostile.folder / files.ARRAYS).read_bytes()
    draw = np.random.default_rng(4)
    for _ in range(300):
        spoiled = bytearray(content)
        for place in draw.integers(0, len(content), 3):
            spoiled[place] = draw.integers(0, 256)
        hostile.write(bytes(spoiled))
        try:
            model = files.load(hostile.folder)
        except EarmarkError:
            continue
        assert np.isfinite(model.arrays["coef"]).all()
