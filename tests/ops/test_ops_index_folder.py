"""The index on disk: who sees what when, what is written how often, and what damage does to it."""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ops_models import model, seed_of
from ops_mounts import own_mounts, remount, small_disk

from classifier.errors import StoreCorrupt, StoreUnavailable, TrackNotFound
from classifier.index import builder, checker, lists
from classifier.index import folder as folders
from classifier.index.arrays import mapping_of
from classifier.index.files import room
from classifier.index.folder import IndexFolder
from classifier.index.integrity import examine
from classifier.index.manifest import Manifest
from classifier.index.profile import EXACT, Profile
from classifier.index.segment import Segment, write
from classifier.index.snapshot import Snapshot
from classifier.models.track import TrackModel

ROOT = Path(__file__).resolve().parents[2]


class Library:
    """A store of made-up tracks: versions by id, lengths, and who loaded what."""

    def __init__(self, n: int = 0, windows: int = 4) -> None:
        self.ready = {f"t{i:04d}": 1 for i in range(n)}
        self.windows = windows
        self.loads: list[tuple[str, int]] = []
        self.open = threading.Event()
        self.open.set()
        self.error: Exception | None = None

    def load(self, track_id: str, version: int) -> list[TrackModel]:
        self.open.wait()
        if self.error is not None:
            raise self.error
        self.loads.append((track_id, version))
        return [model(seed(track_id, version), self.windows)]

    def follow(self, own: IndexFolder) -> None:
        own.look()
        own.follow(dict(self.ready), dict.fromkeys(self.ready, self.windows), own.on_disk())


def seed(track_id: str, version: int) -> int:
    return int(track_id[1:]) * 100 + version


Make = Callable[[Library], IndexFolder]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Open the same folder as another process would; closed after the test."""
    opened: list[IndexFolder] = []

    def make_one(library: Library) -> IndexFolder:
        opened.append(IndexFolder(tmp_path / "index", library.load))
        return opened[-1]

    yield make_one
    for own in opened:
        own.close()


def settle(*own: IndexFolder, seconds: float = 20.0) -> None:
    """Wait until nothing is being checked or built."""
    deadline = time.monotonic() + seconds
    while any(one.is_building or one.is_checking for one in own):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    for one in own:
        one.look()


def check(snapshot: Snapshot, expected: dict[str, int]) -> None:
    """The snapshot has exactly these tracks, and every array is the right one."""
    found = {e.track_id: e.version for _, e in snapshot}
    assert found == expected
    for segment, e in snapshot:
        assert seed_of(segment.words(e)) == seed(e.track_id, e.version)
        single = Segment.build([(e.track_id, e.version, model(seed(e.track_id, e.version), len(e.rows["windows"])))])
        for name in segment.profile.arrays:
            np.testing.assert_array_equal(segment.of(e, name), single.arrays[name])


def on_disk(own: IndexFolder) -> list[str]:
    names: list[str] = json.loads((own.folder / "manifest.json").read_text())["segments"]
    assert {item.name for item in own.folder.iterdir()} == {*names, "manifest.json", "lock"}
    return names


def mapped(own: IndexFolder) -> bool:
    return all(mapping_of(array) is not None for s in own.snapshot.segments for array in s.arrays.values())


def test_few_tracks_count_at_once_and_end_up_mapped(make: Make) -> None:
    library = Library(3)
    own = make(library)
    library.follow(own)
    check(own.snapshot, library.ready)
    settle(own)
    check(own.snapshot, library.ready)
    assert mapped(own)
    assert len(on_disk(own)) == 1
    again = make(library)
    library.loads.clear()
    library.follow(again)
    check(again.snapshot, library.ready)
    assert library.loads == []


def test_an_empty_catalogue_writes_nothing(make: Make) -> None:
    own = make(Library())
    own.follow({}, {})
    own.wait()
    assert len(own.snapshot) == 0
    assert not own.folder.exists()


def test_many_tracks_are_built_aside_and_one_more_counts_at_once(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library(2)
    own = make(library)
    library.follow(own)
    settle(own)
    old = own.snapshot
    monkeypatch.setattr(folders, "AT_ONCE", 10)
    library.ready |= {f"t{i:04d}": 1 for i in range(10, 40)}
    slow = {f"t{i:04d}" for i in range(13, 40)}
    library.open.clear()
    load, own._builder._load = own._builder._load, lambda i, v: load(i, v) if i in slow else [model(seed(i, v), 4)]  # type: ignore[method-assign]
    library.follow(own)  # two more tracks fit into what is loaded at once; the slow ones are not waited for
    assert len(own.snapshot) == 4
    assert len(old) == 2
    library.ready["t0099"] = 1
    library.follow(own)
    assert "t0099" in {e.track_id for _, e in own.snapshot}
    with pytest.raises(AssertionError):
        settle(own, seconds=0.05)  # the rest is still being built
    seen: list[tuple[int, int]] = []
    library.open.set()
    own.wait(lambda done, total: seen.append((done, total)))
    check(own.snapshot, library.ready)
    assert seen[-1] == (28, 28)
    settle(own)
    assert mapped(own)


def test_only_one_process_loads_what_all_are_missing(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "AT_ONCE", 0)
    monkeypatch.setattr(builder, "BATCH", 20)
    library = Library(40)
    processes = [make(library) for _ in range(3)]
    for own in processes:
        library.follow(own)
    for own in processes:
        own.wait()
        check(own.snapshot, library.ready)
    settle(*processes)
    assert sorted(library.loads) == sorted(library.ready.items())
    assert all(map(mapped, processes))


def test_removed_and_replaced_tracks(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library(8)
    own = make(library)
    library.follow(own)
    settle(own)
    before = own.snapshot
    del library.ready["t0000"]
    library.follow(own)
    check(own.snapshot, library.ready)
    check(before, {**library.ready, "t0000": 1})  # a query that runs now keeps what it began with
    monkeypatch.setattr(folders, "AT_ONCE", 0)
    library.open.clear()
    library.ready["t0001"] = 2
    library.follow(own)
    check(own.snapshot, {**library.ready, "t0001": 1})  # the old version matches until the new one is there
    library.open.set()
    own.wait()
    check(own.snapshot, library.ready)
    settle(own)
    for i in range(2, 8):
        library.ready.pop(f"t{i:04d}")
    library.follow(own)
    settle(own)
    assert len(on_disk(own)) == 1  # mostly dead segments are written again without the dead
    assert sum(len(e.rows["windows"]) for s in own.snapshot.segments for e in s.entries) == 4
    library.ready.clear()
    library.follow(own)
    settle(own)
    assert on_disk(own) == []
    assert len(own.snapshot) == 0


def test_one_by_one_costs_a_logarithm(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []

    def counted(target: Path, *arguments: object) -> None:
        write(target, *arguments)  # type: ignore[arg-type]
        written.append(sum(file.stat().st_size for file in target.iterdir()))

    monkeypatch.setattr(builder, "write", counted)
    monkeypatch.setattr(os, "fsync", lambda _: None)
    library = Library()
    own = make(library)
    n = 128
    for i in range(n):
        library.ready[f"t{i:04d}"] = 1
        library.follow(own)
        settle(own)
    check(own.snapshot, library.ready)
    total = sum(array.nbytes for s in own.snapshot.segments for array in s.arrays.values())
    assert len(written) == n
    assert len(on_disk(own)) <= 1 + np.log2(n)
    heads = 2000 * n * 2  # of files, which weigh much beside such short tracks
    assert sum(written) <= total * (1 + np.log2(n)) + heads
    assert len(library.loads) == n


def test_a_builder_that_knows_less_throws_nothing_away(make: Make) -> None:
    library = Library(2)
    ahead, behind = make(library), make(library)
    library.follow(behind)
    settle(behind)
    library.ready |= {"t0005": 1, "t0006": 1}
    library.follow(ahead)
    settle(ahead)
    knows = {"t0000": 1, "t0001": 1, "t0009": 1}  # and not the two that the other one has written
    behind.look()
    behind.follow(knows, dict.fromkeys(knows, 4), {("t0000", 1), ("t0001", 1)})
    settle(behind)
    check(behind.snapshot, knows)
    ahead.look()
    check(ahead.snapshot, library.ready)
    library.ready["t0009"] = 1
    library.loads.clear()
    library.follow(ahead)
    check(ahead.snapshot, library.ready)
    assert library.loads == []


def test_what_another_process_threw_away_stays_mapped_while_it_is_needed(make: Make) -> None:
    library = Library(4)
    own, other = make(library), make(library)
    library.follow(own)
    settle(own)
    other.look()
    other.follow({"t0000": 1}, {"t0000": 4}, other.on_disk())  # says that the other three are gone
    settle(other)
    own.look()
    check(own.snapshot, library.ready)
    library.loads.clear()
    library.follow(own)
    settle(own)
    check(own.snapshot, library.ready)
    assert library.loads == []
    assert mapped(own)


def _truncate(folder: Path) -> None:
    os.truncate(folder / "gaussians.npy", 1000)


def _shorten(folder: Path) -> None:
    array = np.load(folder / "weights.npy")
    np.save(folder / "weights.npy", array[:-1])


DAMAGE: dict[str, Callable[[Path], object]] = {
    "truncated": _truncate,
    "short": _shorten,
    "file missing": lambda folder: (folder / "gaussian_terms.npy").unlink(),
    "table missing": lambda folder: (folder / "tracks.json").unlink(),
    "table empty": lambda folder: (folder / "tracks.json").write_text(""),
    "segment missing": shutil.rmtree,
    "manifest garbage": lambda folder: (folder.parent / "manifest.json").write_text("{"),
    "manifest foreign": lambda folder: (folder.parent / "manifest.json").write_text('{"format": 99, "segments": []}'),
    "manifest missing": lambda folder: (folder.parent / "manifest.json").unlink(),
    "all gone": lambda folder: shutil.rmtree(folder.parent),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_mended_from_the_store(make: Make, damage: str) -> None:
    library = Library(5)
    first = make(library)
    library.follow(first)
    settle(first)
    DAMAGE[damage](first.folder / on_disk(first)[0])
    second = make(library)
    library.follow(second)
    check(second.snapshot, library.ready)
    settle(second)
    assert len(on_disk(second)) == 1
    first.look()
    check(first.snapshot, library.ready)


def _overwrite(folder: Path, name: str, how: str) -> None:
    """Damage an array without changing its size, as a failing disk does."""
    path = folder / f"{name}.npy"
    n = path.stat().st_size - 128
    with open(path, "r+b") as file:
        file.seek(128)
        file.write(bytes(n) if how == "zeros" else np.random.default_rng(1).bytes(n))


REDUCED_DAMAGE: dict[str, Callable[[Path], object]] = {
    "truncated": lambda folder: os.truncate(folder / "reduced_rows.npy", 130),
    "missing": lambda folder: (folder / "reduced_axes.npy").unlink(),
    "other numbers": lambda folder: _overwrite(folder, "reduced_terms", "noise"),
    "pickled": lambda folder: np.save(folder / "reduced_terms.npy", np.array([{}], object), allow_pickle=True),
}


@pytest.mark.parametrize("damage", REDUCED_DAMAGE)
def test_damaged_reduced_rows_are_made_anew(make: Make, monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
    """They are found anew from what the store has, and never trusted."""
    monkeypatch.setattr(lists, "LISTED", 1)
    library = Library(5)
    first = make(library)
    library.follow(first)
    settle(first)
    (wanted,) = (segment.reduced for segment in first.snapshot.segments)
    assert wanted is not None
    damaged = on_disk(first)[0]
    whole = {name: array.copy() for name, array in wanted.arrays().items()}
    REDUCED_DAMAGE[damage](first.folder / damaged)
    assert damaged in examine(Manifest(first.folder, EXACT))
    library.loads.clear()
    second = make(library)
    library.follow(second)
    settle(second)
    assert len(library.loads) == 5
    (found,) = (segment.reduced for segment in second.snapshot.segments)
    assert found is not None
    for name, array in found.arrays().items():
        np.testing.assert_array_equal(array, whole[name])
    assert examine(Manifest(second.folder, EXACT)) == {}


@pytest.mark.parametrize("how", ["zeros", "noise"])
@pytest.mark.parametrize("name", EXACT.arrays)
def test_damage_that_keeps_the_size_is_mended_before_the_first_search(make: Make, name: str, how: str) -> None:
    library = Library(5)
    first = make(library)
    library.follow(first)
    settle(first)
    damaged = on_disk(first)[0]
    if not np.load(first.folder / damaged / f"{name}.npy").any() and how == "zeros":
        how = "noise"
    _overwrite(first.folder / damaged, name, how)
    assert examine(Manifest(first.folder, EXACT)) == {damaged: f"{name}.npy is not as it was written"}
    second = make(library)
    library.follow(second)
    second.wait()
    check(second.snapshot, library.ready)
    settle(second)
    assert damaged not in on_disk(second)
    assert examine(Manifest(first.folder, EXACT)) == {}
    library.loads.clear()
    first.look()
    check(first.snapshot, library.ready)
    assert library.loads == []


def test_damage_to_one_segment_leaves_the_others_searched(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a segment is built again, what is in the others counts, and nothing false is found in it."""
    monkeypatch.setattr(folders, "AT_ONCE", 0)
    monkeypatch.setattr(checker, "EAGER_S", 0.0)
    monkeypatch.setattr(checker, "_TRUSTED_S", 0.0)
    library = Library(20)
    own = make(library)
    library.follow(own)
    settle(own)
    large = on_disk(own)[0]
    library.ready["t0077"] = 1
    library.follow(own)
    settle(own)
    assert len(on_disk(own)) == 2
    _overwrite(own.folder / large, "words", "zeros")
    library.open.clear()
    own.suspect()
    assert {e.track_id for _, e in own.snapshot} >= {"t0077"}
    deadline = time.monotonic() + 20
    while len(own.snapshot) > 1:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    check(own.snapshot, {"t0077": 1})
    library.open.set()
    own.wait()
    check(own.snapshot, library.ready)
    settle(own)
    check(own.snapshot, library.ready)
    assert examine(Manifest(own.folder, EXACT)) == {}


def test_damage_while_a_process_runs_is_found_once_an_hour(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library(5)
    own = make(library)
    library.follow(own)
    settle(own)
    library.follow(own)
    settle(own)
    (damaged,) = on_disk(own)
    _overwrite(own.folder / damaged, "gaussians", "noise")
    library.follow(own)
    assert not own.is_checking  # it was written just now
    monkeypatch.setattr(checker, "_INTERVAL_S", 0.5)
    deadline = time.monotonic() + 20
    while (own.folder / damaged).exists():
        library.follow(own)
        assert time.monotonic() < deadline
        time.sleep(0.05)
    monkeypatch.setattr(checker, "_INTERVAL_S", 3600.0)
    settle(own)
    check(own.snapshot, library.ready)


def test_damage_is_never_merged_into_a_segment_that_is_whole(make: Make) -> None:
    library = Library(5)
    own = make(library)
    library.follow(own)
    settle(own)
    (damaged,) = on_disk(own)
    _overwrite(own.folder / damaged, "means", "noise")
    library.ready |= {f"t{i:04d}": 1 for i in range(10, 20)}
    library.follow(own)  # the new tracks are joined with the five before
    settle(own)
    own.wait()
    settle(own)
    check(own.snapshot, library.ready)
    assert damaged not in on_disk(own)
    assert examine(Manifest(own.folder, EXACT)) == {}


def test_a_segment_that_was_withdrawn_is_dropped_by_all_processes(make: Make) -> None:
    library = Library(5)
    processes = [make(library) for _ in range(3)]
    for own in processes:
        library.follow(own)
        settle(own)
    assert all(map(mapped, processes))
    (damaged,) = on_disk(processes[0])
    _overwrite(processes[0].folder / damaged, "words", "noise")
    Manifest(processes[0].folder, EXACT).withdraw(damaged)
    library.loads.clear()
    for own in processes:
        own.look()
        own.wait()
        check(own.snapshot, library.ready)
    settle(*processes)
    for own in processes:
        own.look()
        check(own.snapshot, library.ready)
    assert damaged not in on_disk(processes[0])
    assert all(map(mapped, processes))


@own_mounts
def test_damage_on_a_read_only_disk(tmp_path: Path) -> None:
    small = small_disk(tmp_path / "small", "20m")
    library = Library(5)
    writer = IndexFolder(small / "index", library.load)
    library.follow(writer)
    settle(writer)
    (damaged,) = on_disk(writer)
    writer.close()
    _overwrite(writer.folder / damaged, "words", "zeros")
    remount(small, "ro")
    own = IndexFolder(small / "index", library.load)
    for _ in range(2):
        library.follow(own)
        own.wait()
        settle(own)
        check(own.snapshot, library.ready)
    own.close()


def test_an_index_of_another_profile_is_built_again(make: Make) -> None:
    library = Library(5)
    first = make(library)
    library.follow(first)
    settle(first)
    library.loads.clear()
    bare = {name: EXACT.arrays[name] for name in ("window_frame", "silent", "words")}
    other = IndexFolder(first.folder, library.load, Profile("bare", bare, EXACT.pack))
    library.follow(other)
    settle(other)
    assert sorted(library.loads) == sorted(library.ready.items())
    assert {path.name for path in first.folder.rglob("*.npy")} == {f"{name}.npy" for name in bare}
    assert {seed_of(segment.words(e)) for segment, e in other.snapshot} == {seed(*key) for key in library.ready.items()}
    other.close()


def test_tracks_that_cannot_be_loaded_are_left_out(make: Make) -> None:
    library = Library(4)
    own = make(library)

    def load(track_id: str, version: int) -> list[TrackModel]:
        if track_id == "t0002":
            raise TrackNotFound("gone")
        return library.load(track_id, version)

    own._builder._load = load  # type: ignore[method-assign]
    library.follow(own)
    settle(own)
    check(own.snapshot, {i: v for i, v in library.ready.items() if i != "t0002"})
    own._builder._load = library.load  # type: ignore[method-assign]
    library.follow(own)
    check(own.snapshot, library.ready)


def test_a_store_that_does_not_answer(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library(3)
    own = make(library)
    library.follow(own)
    settle(own)
    library.ready["t0007"] = 1
    library.error = StoreUnavailable("gone fishing")
    with pytest.raises(StoreUnavailable):
        library.follow(own)
    assert len(own.snapshot) == 3
    monkeypatch.setattr(folders, "AT_ONCE", 0)
    monkeypatch.setattr(builder, "_BACKOFF_S", (0.01, 0.1))
    library.follow(own)
    with pytest.raises(StoreUnavailable):
        own.wait()
    library.error = None
    deadline = time.monotonic() + 20
    while len(own.snapshot) < 4:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    own.wait()
    check(own.snapshot, library.ready)


def test_a_surprise_while_building_is_told_not_waited_for(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "AT_ONCE", 0)
    monkeypatch.setattr(builder, "_BACKOFF_S", (0.01, 0.1))
    library = Library(2)
    library.error = ZeroDivisionError("a bug")
    own = make(library)
    library.follow(own)
    with pytest.raises(Exception, match="could not be built"):
        own.wait()
    library.error = None
    deadline = time.monotonic() + 20
    while len(own.snapshot) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.01)


# -------------------------------------------------------------------- disks


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")
def test_full_disk_keeps_the_index_in_memory_and_leaves_nothing_behind(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = Library(2)
    own = make(library)
    library.follow(own)
    settle(own)
    names = on_disk(own)
    monkeypatch.setattr(builder, "_RETRY_S", 0.2)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
        library.ready |= {f"t{i:04d}": 1 for i in range(10, 30)}
        library.follow(own)
        check(own.snapshot, library.ready)
        settle(own)
        check(own.snapshot, library.ready)
        assert on_disk(own) == names
        library.ready["t0050"] = 1
        library.follow(own)
        check(own.snapshot, library.ready)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    time.sleep(0.25)
    library.follow(own)
    settle(own)
    check(own.snapshot, library.ready)
    assert mapped(own)
    assert on_disk(own) != names


@own_mounts
def test_a_small_disk_runs_full_without_killing_anybody(tmp_path: Path) -> None:
    """On a file system that is full, writing through a mapping would be a bus error."""
    small = small_disk(tmp_path / "small", "256k")
    library = Library(40)
    own = IndexFolder(small / "index", library.load)
    library.follow(own)
    settle(own)
    check(own.snapshot, library.ready)
    assert not list(small.glob("index/*/"))
    own.close()


@own_mounts
def test_a_disk_that_is_nearly_full_is_not_filled(tmp_path: Path) -> None:
    """What others need on the disk is left to them; once there is room, the index is written."""
    small = small_disk(tmp_path / "small", "10m")
    (small / "filler").write_bytes(bytes(room(small) - 300_000))
    least, begun, original = [], [], builder.write
    library = Library(40)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(builder, "_RETRY_S", 0.1)
        patch.setattr(builder, "write", lambda *arguments: begun.append(arguments) or original(*arguments))
        own = IndexFolder(small / "index", library.load)
        for i in range(40, 46):
            library.ready[f"t{i:04d}"] = 1
            library.follow(own)
            settle(own)
            least.append(room(small))
            time.sleep(0.15)
        check(own.snapshot, library.ready)
        assert begun == []
        assert min(least) == max(least) > 0
        (small / "filler").unlink()
        library.follow(own)
        settle(own)
        check(own.snapshot, library.ready)
        assert mapped(own)
        own.close()


@own_mounts
def test_where_there_is_no_room_to_merge_new_segments_are_written_alone(tmp_path: Path) -> None:
    small = small_disk(tmp_path / "small", "16m")
    library = Library(60)
    own = IndexFolder(small / "index", library.load)
    library.follow(own)
    settle(own)
    (large,) = on_disk(own)
    size = sum(path.stat().st_size for path in (own.folder / large).iterdir())
    (small / "filler").write_bytes(bytes(room(small) - size))
    library.ready |= {f"t{i:04d}": 1 for i in range(100, 140)}  # would be joined with the large one
    library.follow(own)
    settle(own)
    check(own.snapshot, library.ready)
    assert large in on_disk(own)
    assert len(on_disk(own)) == 2
    assert mapped(own)
    own.close()


def test_long_tracks_are_written_while_they_are_loaded(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """None of them is ever in memory as a whole; one that is damaged half-way leaves nothing."""
    monkeypatch.setattr(builder, "BATCH", 3)
    monkeypatch.setattr(folders, "AT_ONCE", 3)
    library = Library(4)
    own = make(library)
    whole, kept = library.load, []

    def load(track_id: str, version: int) -> Iterator[TrackModel]:
        (track,) = whole(track_id, version)
        for first in range(0, library.windows, 2):
            yield replace(
                track,
                window_frame=track.window_frame[first : first + 2],
                silent=track.silent[first : first + 2],
                mixtures=track.mixtures[first : first + 2],
                slots=track.slots[: 0 if first else None],
                words=track.words[: 0 if first else None],
            )
            if track_id == "t0002" and first == 0:
                raise StoreCorrupt("half of it is gone")

    monkeypatch.setattr(own._builder, "_load", load)
    monkeypatch.setattr(own._builder, "_keep", kept.append)
    library.follow(own)
    settle(own)
    assert [part for part in kept if part is not None] == []
    assert not list(own.folder.glob(".*"))
    del library.ready["t0002"]
    check(own.snapshot, library.ready)
    assert len(on_disk(own)) == 3
    reopened = make(library)
    library.follow(reopened)
    check(reopened.snapshot, library.ready)


def test_long_tracks_are_kept_in_memory_where_nothing_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builder, "BATCH", 3)
    monkeypatch.setattr(folders, "AT_ONCE", 3)
    (tmp_path / "file").write_text("")
    library = Library(4)
    own = IndexFolder(tmp_path / "file" / "index", library.load)
    library.follow(own)
    settle(own)
    check(own.snapshot, library.ready)
    own.close()


def test_where_nothing_can_be_written_the_index_is_kept_in_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    library = Library()
    own = IndexFolder(tmp_path / "file" / "index", library.load)
    for i in range(40):
        library.ready[f"t{i:04d}"] = 1
        library.follow(own)
    settle(own)
    check(own.snapshot, library.ready)
    assert len(own.snapshot.segments) <= 8  # joined as they pile up
    assert len([r for r in caplog.records if "kept in memory" in r.message]) == 1
    own.close()


def test_a_reader_that_may_not_write_uses_what_others_wrote(tmp_path: Path) -> None:
    library = Library(6)
    writer = IndexFolder(tmp_path / "index", library.load)
    library.follow(writer)
    settle(writer)
    for path in (writer.folder, *writer.folder.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    program = """
import mmap, os, sys
sys.path[:0] = sys.argv[2:]
from test_ops_index_folder import *
library = Library(6)
library.load("t0000", 1)
library.loads = []
if os.geteuid() == 0:
    os.setresuid(65534, 65534, 65534)
own = IndexFolder(Path(sys.argv[1]), library.load)
library.follow(own)
check(own.snapshot, library.ready)
assert library.loads == [] and mapped(own)
library.ready["t0042"] = 1
library.follow(own)
settle(own)
check(own.snapshot, library.ready)
assert library.loads == [("t0042", 1)]
own.close()
print("fine")
"""
    for parent in (tmp_path, *list(tmp_path.parents)[:3]):
        if parent.stat().st_uid == os.getuid() and parent != Path("/tmp"):
            parent.chmod(parent.stat().st_mode | 0o055)
    done = subprocess.run(
        [sys.executable, "-c", program, str(writer.folder), str(ROOT), str(Path(__file__).parent)],
        capture_output=True,
        text=True,
    )
    assert done.stdout == "fine\n", done.stderr
    writer.folder.chmod(0o755)
    writer.close()


# -------------------------------------------------------------------- processes


def test_a_forked_child_goes_on_by_itself(make: Make) -> None:
    library = Library(3)
    own = make(library)
    library.follow(own)
    settle(own)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            own.after_fork()
            library.ready["t0008"] = 1
            library.follow(own)
            check(own.snapshot, library.ready)
            own.close()
            os.write(write, b"fine")
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(write)
    assert os.read(read, 4) == b"fine"
    os.close(read)
    own.look()
    library.ready["t0008"] = 1
    library.loads.clear()
    library.follow(own)
    check(own.snapshot, library.ready)
    assert library.loads == []  # the child has written it


def _build_without_end(folder: Path, first: int) -> None:
    library = Library()
    own = IndexFolder(folder, library.load)
    for i in range(first, first + 100_000):
        library.ready[f"t{i:04d}"] = 1
        if i % 3 == 2:
            library.ready.pop(f"t{i - 1:04d}")
        library.follow(own)
        settle(own)


def test_builders_that_are_killed_leave_a_whole_index(tmp_path: Path) -> None:
    draw = np.random.default_rng(5)
    context = multiprocessing.get_context("fork")
    folder = tmp_path / "index"
    for round_ in range(12):
        processes = [context.Process(target=_build_without_end, args=(folder, 1000 * i)) for i in range(2)]
        for process in processes:
            process.start()
        time.sleep(0.1 + 0.3 * draw.random())
        for process in processes:
            process.kill()
            process.join()
            process.close()
        library = Library()
        reader = IndexFolder(folder, library.load)
        reader.look()
        there = dict(reader.on_disk())
        assert there or round_ == 0
        reader.follow(there, dict.fromkeys(there, 4), reader.on_disk())
        check(reader.snapshot, there)
        reader.close()
        assert library.loads == []
