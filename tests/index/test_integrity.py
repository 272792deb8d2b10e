"""Checksums: what a check reads, what it finds, and that it can be interrupted."""

from __future__ import annotations

import json

import numpy as np
import pytest

from classifier.index.files import checksum
from classifier.index.integrity import check, examine
from classifier.index.manifest import Manifest
from classifier.index.profile import EXACT
from classifier.index.segment import Segment, write
from tests.search import toys


@pytest.fixture
def segment(tmp_path):
    """Two tracks on disk."""
    write(tmp_path / "segment", [Segment.build([(f"t{seed}", 1, toys.model(seed, 4, 50)) for seed in (1, 2)])])
    return tmp_path / "segment"


def test_what_was_written_passes(segment):
    check(segment)


@pytest.mark.parametrize("name", EXACT.arrays)
def test_a_single_bit_is_noticed(segment, name):
    path = segment / f"{name}.npy"
    whole = path.read_bytes()
    rng = np.random.default_rng(1)
    for place in (0, 127, 128, len(whole) - 1, *rng.integers(0, len(whole), 20)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=rf"{name}\.npy"):
            check(segment)
    path.write_bytes(whole)
    check(segment)


def test_a_checksum_that_is_damaged_itself_is_damage(segment):
    table = json.loads((segment / "tracks.json").read_text())
    table["arrays"]["means"]["crc32"] += 1
    (segment / "tracks.json").write_text(json.dumps(table))
    Segment.load(segment)
    with pytest.raises(ValueError, match=r"means\.npy"):
        check(segment)


def test_a_check_pauses_and_can_be_ended(tmp_path):
    class Enough(Exception):
        pass

    path = tmp_path / "file"
    path.write_bytes(np.random.default_rng(2).bytes(9_000_000))
    pauses = []
    assert checksum(path, lambda: pauses.append(1)) == checksum(path)
    assert len(pauses) == 3  # 4 MiB at a time

    def enough() -> None:
        raise Enough

    with pytest.raises(Enough):
        checksum(path, enough)


def test_examining_names_damaged_segments_that_are_in_use(segment):
    manifest = Manifest(segment.parent, EXACT)
    assert examine(manifest) == {}  # nothing is in use
    manifest.acquire()
    manifest.publish(["segment"])
    manifest.release()
    assert examine(manifest) == {}
    (segment / "silent.npy").unlink()
    assert list(examine(manifest)) == ["segment"]
    before = manifest.stamp()
    manifest.withdraw("segment")
    assert manifest.stamp() != before
    assert examine(manifest) == {}
    with pytest.raises(FileNotFoundError):
        Segment.load(segment)
