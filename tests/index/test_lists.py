"""Lists: made from slots, merged, written and mapped, they say the same; they find what reading everything finds."""

from __future__ import annotations

import json
from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier.config import FeatureConfig
from classifier.index import integrity, lists
from classifier.index.arrays import mapping_of
from classifier.index.lists import Lists, build, read, runs
from classifier.index.profile import COMPACT
from classifier.index.segment import Segment, n_bytes, write, write_track
from classifier.mixtures import slots
from classifier.mixtures.gmm import Mixtures
from classifier.mixtures.patches import codebook, encode, hear
from classifier.models.track import TrackModel
from tests.search import toys

D = FeatureConfig().slot_mfcc


@pytest.fixture(autouse=True)
def _small_segments_have_lists(monkeypatch):
    monkeypatch.setattr(lists, "LISTED", 1)


def model(seed: int, n_slots: int = 60) -> TrackModel:
    made = toys.model(seed, 3, 9, d=13)
    means = np.random.default_rng(seed).integers(-40, 41, (n_slots, D)).astype(np.int8)
    return TrackModel(made.window_frame, made.silent, made.mixtures, means, made.words)


def built(*seeds: int) -> Segment:
    return Segment.build([(f"t{seed}", 1, model(seed, 40 + 7 * seed)) for seed in seeds])


def content(segment: Segment) -> list[tuple[int, int, tuple[int, ...]]]:
    """Cell, first slot and signs of every patch."""
    found = segment.lists
    assert found is not None
    cell = np.repeat(np.arange(len(found.start) - 1), np.diff(found.start))
    return [
        (int(c), int(s), tuple(int(word) for word in words))
        for c, s, words in zip(cell, found.slot, np.stack(found.signs, axis=1), strict=True)
    ]


def wanted(segment: Segment) -> list[tuple[int, int, tuple[int, ...]]]:
    """The same from the slots of each track, without lists."""
    found = []
    for entry in segment.entries:
        codes = encode(np.asarray(segment.of(entry, "slots")), codebook())
        first = entry.rows["slots"].start
        for cell, slot, words in zip(codes.cell, codes.slot, codes.signs, strict=True):
            found.append((int(cell), first + int(slot), tuple(int(word) for word in words)))
    return sorted(found)


def test_lists_hold_every_patch_of_every_track_once():
    segment = built(1, 2, 3)
    assert content(segment) == wanted(segment)
    assert segment.lists is not None
    assert segment.lists.n == len(wanted(segment)) > 100


@pytest.mark.parametrize("split", [[[1, 2, 3, 4]], [[2, 4], [1, 3]], [[4], [3], [2], [1]]])
def test_merging_gives_what_building_at_once_gives(tmp_path, split):
    parts = [built(*part) for part in split]
    write(tmp_path / "merged", parts)
    merged = Segment.load(tmp_path / "merged")
    assert content(merged) == wanted(merged) == content(Segment.join(parts))
    assert mapping_of(merged.lists.slot) is not None  # type: ignore[union-attr]
    integrity.check(tmp_path / "merged")
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.npy")) <= n_bytes(parts) + 200_000


def test_merging_leaves_out_the_dead_and_doubles(tmp_path):
    write(tmp_path / "merged", [built(1, 2, 3), built(3, 4)], {("t2", 1)})
    merged = Segment.load(tmp_path / "merged")
    assert [e.track_id for e in merged.entries] == ["t1", "t3", "t4"]
    assert content(merged) == wanted(merged)


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_any_division_and_any_deaths(data):
    seeds = data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=5, unique=True))
    cut = data.draw(st.integers(0, len(seeds)))
    dead = {(f"t{seed}", 1) for seed in data.draw(st.sets(st.sampled_from(seeds), max_size=len(seeds) - 1))}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lists, "LISTED", 1)
        joined = Segment.join([built(*part) for part in (seeds[:cut], seeds[cut:]) if part], dead)
        assert content(joined) == wanted(joined)


def test_a_part_without_lists_gets_them_when_it_is_merged(tmp_path, monkeypatch):
    """So an index of small segments, or one whose lists are new, is completed from its slots."""
    monkeypatch.setattr(lists, "LISTED", 10)
    small = [built(1), built(2), built(3, 4)]
    assert [part.lists for part in small] == [None, None, None]
    write(tmp_path / "merged", small)
    merged = Segment.load(tmp_path / "merged")
    assert content(merged) == wanted(merged)


def test_a_long_track_has_lists(tmp_path):
    write_track(tmp_path / "long", "long", 1, [model(1), model(2)])
    found = Segment.load(tmp_path / "long")
    assert content(found) == wanted(found)
    integrity.check(tmp_path / "long")


def test_slots_of_another_kind_have_no_lists(tmp_path):
    write(tmp_path / "other", [Segment.build([("a", 1, toys.model(1))])])
    assert Segment.load(tmp_path / "other").lists is None


def damage_start(folder):
    with open(folder / "list_start.npy", "r+b") as file:
        file.seek(-8, 2)
        file.write(b"\x01" + bytes(7))


def drop_array(folder):
    table = json.loads((folder / "tracks.json").read_text())
    del table["arrays"]["list_slot"]
    (folder / "tracks.json").write_text(json.dumps(table))


def cut_short(folder):
    path = folder / "list_signs1.npy"
    path.write_bytes(path.read_bytes()[:-8])


@pytest.mark.parametrize("damage", [damage_start, drop_array, cut_short])
def test_damaged_lists_are_refused(tmp_path, damage):
    write(tmp_path / "a", [built(1, 2)])
    damage(tmp_path / "a")
    with pytest.raises(ValueError, match=r"list|damaged"):
        Segment.load(tmp_path / "a")


def test_flipped_bits_are_found_by_the_checker(tmp_path):
    write(tmp_path / "a", [built(1, 2)])
    path = tmp_path / "a" / "list_signs2.npy"
    data = bytearray(path.read_bytes())
    data[-3] ^= 4
    path.write_bytes(data)
    Segment.load(tmp_path / "a")
    with pytest.raises(ValueError, match=r"list_signs2\.npy"):
        integrity.check(tmp_path / "a")


def test_reading_finds_exactly_what_lies_within_the_limit():
    """Against a loop over all patches, bit by bit."""
    segment = built(1, 2)
    assert segment.lists is not None
    snippet = np.asarray(segment.arrays["slots"][20:38])
    heard = hear(np.stack([snippet, snippet[::-1]]), codebook())
    patch, cell = np.divmod(np.arange(len(heard.slot) * len(codebook().cells)), len(codebook().cells))
    limit = np.full(len(heard.slot), 60)
    n_rows = segment.n_rows("slots")
    every = runs(segment.lists, patch, cell, 0, n_rows)
    found = sorted(zip(*(column.tolist() for column in read(segment.lists, heard, *every, limit, 10**5)), strict=True))
    levels = np.unpackbits(heard.planes.view(np.uint8), axis=-1, bitorder="little").astype(int)
    mine = np.unpackbits(heard.signs.view(np.uint8), axis=-1, bitorder="little")
    expected = []
    for _, slot, words in content(segment):
        there = np.unpackbits(np.array(words, np.uint64).view(np.uint8), bitorder="little")
        wrong = ((levels[:, 0] + 2 * levels[:, 1]) * (mine != there)).sum(axis=1)
        expected += [(slot, int(p), int(wrong[p])) for p in np.flatnonzero(wrong <= 60)]
    assert found == sorted(expected)
    assert {(20 + i, i) for i in range(8)} <= {(slot, p) for slot, p, _ in found}
    few = read(segment.lists, heard, *every, np.full(len(heard.slot), 10**6), 50)
    assert len(few[0]) == 50
    for first, stop in ((0, 29), (29, 60), (60, n_rows)):
        some = runs(segment.lists, patch, cell, first, stop)
        assert (some[2] > some[1]).all()
        columns = (column.tolist() for column in read(segment.lists, heard, *some, limit, 10**5))
        assert sorted(zip(*columns, strict=True)) == [hit for hit in found if first <= hit[0] < stop]


def test_arrays_that_do_not_belong_together():
    whole = build([(0, model(1).slots)], codebook()).arrays()
    with pytest.raises(ValueError, match="do not belong together"):
        Lists.of({**whole, "list_slot": whole["list_slot"][:-1]})


def test_a_compact_index_lists_every_third_patch(tmp_path):
    """Of the slots as it keeps them; whether merged from disk or built at once."""
    made = []
    for seed in (1, 2, 3):
        whole = model(seed, 40 + 7 * seed)
        mixtures = Mixtures(*(array[:, :0] for array in astuple(whole.mixtures)))
        packed = slots.packed(whole.slots)
        made.append((f"t{seed}", 1, TrackModel(whole.window_frame, whole.silent, mixtures, packed, whole.words)))
    parts = [Segment.build(some, COMPACT) for some in (made[:1], made[1:])]
    write(tmp_path / "merged", parts)
    merged = Segment.load(tmp_path / "merged", COMPACT)
    integrity.check(tmp_path / "merged", COMPACT)
    found = []
    for entry in merged.entries:
        numbers = slots.unpacked(np.asarray(merged.of(entry, "slots")))
        codes, first = encode(numbers, codebook()), entry.rows["slots"].start
        kept = codes.slot % 3 == 0
        for cell, slot, words in zip(codes.cell[kept], codes.slot[kept], codes.signs[kept], strict=True):
            found.append((int(cell), first + int(slot), tuple(int(word) for word in words)))
    assert content(merged) == sorted(found) == content(Segment.build(made, COMPACT))
