"""The network's weights on disk: there, missing, damaged, or another package than the pinned one."""

from __future__ import annotations

import hashlib
import json
import shutil

import numpy as np
import pytest

from classifier.errors import FileMissing, InvalidModel, InvalidParameter, WeightsMissing
from classifier.labels import weights
from classifier.labels.arrays import read_arrays, write_arrays


@pytest.fixture
def copy(weights_dir, tmp_path):
    """Return a folder of weights that the test may spoil."""
    shutil.copytree(weights_dir / "musicnn-msd", tmp_path / "weights" / "musicnn-msd")
    return tmp_path / "weights"


def test_what_is_there_is_not_fetched_again(weights_dir):
    assert weights.get("musicnn-msd", weights_dir, say=pytest.fail) is False


def test_the_manifest_tells_where_it_comes_from_and_the_notice_its_licence(weights_dir):
    described = weights.manifest("musicnn-msd", weights_dir)
    assert described["package"]["sha256"] == weights.SHA256
    assert described["licence"] == "ISC"
    content = (weights_dir / "musicnn-msd" / "arrays.npz").read_bytes()
    assert hashlib.sha256(content).hexdigest() == described["arrays_sha256"]
    notice = (weights_dir / "musicnn-msd" / "NOTICE.txt").read_text()
    assert "Universitat Pompeu Fabra" in notice
    assert "Permission to use, copy, modify" in notice
    assert "Changed: filters whose kernels are zero were removed" in notice


def test_what_is_missing_says_how_to_get_it(tmp_path):
    with pytest.raises(WeightsMissing, match=r"run 'earmark models get musicnn-msd' once \(29 MB"):
        weights.load("musicnn-msd", tmp_path)
    with pytest.raises(InvalidParameter, match="there are musicnn-msd"):
        weights.load("../../etc", tmp_path)


def test_damage_is_noticed(copy):
    arrays = copy / "musicnn-msd" / "arrays.npz"
    content = bytearray(arrays.read_bytes())
    content[len(content) // 2] ^= 1
    arrays.write_bytes(content)
    with pytest.raises(InvalidModel, match=r"not those that its manifest.*run 'earmark models get"):
        weights.load("musicnn-msd", copy)
    arrays.unlink()
    with pytest.raises(InvalidModel, match="No such file"):
        weights.load("musicnn-msd", copy)
    arrays.write_bytes(bytes(5_000_000))
    with pytest.raises(InvalidModel, match="more than 4,000,000 bytes"):
        weights.load("musicnn-msd", copy)


@pytest.mark.parametrize("text", ["", "[]", "[" * 50_000, '{"format": 2}', '{"format": 1, "name": "x"}', "x" * 200_000])
def test_a_manifest_that_cannot_be_read_is_refused(copy, text):
    (copy / "musicnn-msd" / "manifest.json").write_text(text)
    with pytest.raises(InvalidModel, match="manifest that cannot be read"):
        weights.load("musicnn-msd", copy)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tags": None}, "missing or too many: tags"),
        ({"more": np.zeros(1)}, "missing or too many: more"),
        ({"first": np.zeros((7, 20), np.float32)}, "array 'first' is"),
        ({"tags_bias": np.zeros(50)}, "float64"),
        ({"residual": np.arange(45, 65)}, "channels that there are not"),
        ({"tags_bias": np.array(0.0, np.float32)}, "array 'tags_bias' is"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(copy, change, message):
    """With a manifest that agrees: whoever writes the arrays can write that too."""
    folder = copy / "musicnn-msd"
    arrays = read_arrays((folder / "arrays.npz").read_bytes(), 4_000_000) | change
    content = write_arrays({name: array for name, array in arrays.items() if array is not None})
    (folder / "arrays.npz").write_bytes(content)
    described = json.loads((folder / "manifest.json").read_text())
    described["arrays_sha256"] = hashlib.sha256(content).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(described))
    with pytest.raises(InvalidModel, match=message):
        weights.load("musicnn-msd", copy)


def test_another_package_is_refused_and_leaves_nothing(tmp_path):
    other = tmp_path / "other.whl"
    other.write_bytes(b"PK not the package")
    with pytest.raises(InvalidModel, match=r"'other.whl' has the SHA-256 [0-9a-f]{12}"):
        weights.get("musicnn-msd", tmp_path / "weights", other)
    with pytest.raises(FileMissing, match=r"'none\.whl' cannot be read"):
        weights.get("musicnn-msd", tmp_path / "weights", tmp_path / "none.whl")
    assert list((tmp_path / "weights").iterdir()) == []


def test_without_a_network_the_message_says_what_to_do(tmp_path, monkeypatch):
    """pip is asked for real; its index is a port that nobody listens on."""
    for name, value in (
        ("INDEX_URL", "http://127.0.0.1:9/simple"),
        ("RETRIES", "0"),
        ("FIND_LINKS", ""),
        ("NO_CACHE_DIR", "1"),
    ):
        monkeypatch.setenv(f"PIP_{name}", value)
    said = []
    with pytest.raises(WeightsMissing, match=r"pip could not fetch .*--wheel musicnn-0.1.0-py3-none-any.whl"):
        weights.get("musicnn-msd", tmp_path / "weights", say=said.append)
    assert "29 MB" in said[0]
    assert list((tmp_path / "weights").iterdir()) == []


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidParameter, match="EARMARK_WEIGHTS_DIR"):
        weights.get("musicnn-msd", tmp_path / "file" / "weights")
