"""Reduced rows: how near they come, which windows they stand for, and that damaged ones are refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from classifier.index import integrity, lists, reduced
from classifier.index.arrays import mapping_of
from classifier.index.files import checksum
from classifier.index.gaussians import divergences, quantise
from classifier.index.profile import COMPACT
from classifier.index.reduced import STEP, Reduced
from classifier.index.segment import Segment, n_bytes, write, write_track
from classifier.index.snapshot import Snapshot
from classifier.mixtures.divergence import Packed
from classifier.mixtures.gmm import collapse
from tests.search import toys

#: What summing in another order and 32 bits may change, in nats.
ROUNDED = 2e-3
#: A row keeps about two digits, and the sums that are compared with theory have some thousand terms.
SHARE = 0.05


@pytest.fixture(autouse=True)
def _small_segments_have_reduced_rows(monkeypatch):
    monkeypatch.setattr(lists, "LISTED", 1)


def windows(rng: np.random.Generator, n: int, d: int, diagonal: bool = False) -> Packed:
    return Packed.of(collapse(toys.mixtures(rng, n, 3, d, diagonal=diagonal)))


def made(packed: Packed, silent: np.ndarray | None = None, edges: list[int] | None = None) -> Reduced:
    n = len(packed)
    edges_ = np.array([0, n] if edges is None else edges)
    return reduced.joined(
        list(reduced.build(edges_, *quantise(packed), np.zeros(n, np.uint8) if silent is None else silent))
    )


def each(few: Reduced, query: Packed) -> np.ndarray:
    """Of every row on its own."""
    rows = np.arange(len(few.rows))
    return few.least(query, np.stack([rows, rows + 1], axis=1))


@pytest.mark.parametrize("diagonal", [False, True])
def test_all_components_give_the_divergence(rng, monkeypatch, diagonal):
    """But for rounding: half a step of the row in each of the snippet's numbers, at most."""
    monkeypatch.setattr(reduced, "STEP", 1)
    query, packed = windows(rng, 5, 3, diagonal), windows(rng, 400, 3, diagonal)
    few, stored = made(packed), quantise(packed)
    assert few.rows.shape == (400, stored[0].shape[1])
    theta, s = query.theta[:, 0, :-1], query.s[:, 0, :-1]
    mean = few.axes[0]
    y = np.concatenate([s, theta], axis=1) - np.roll(mean, len(mean) // 2)
    most = 0.5 * np.abs(y @ few.axes[1:].T).sum(axis=1)[:, None] * few.terms[:, 1]
    assert (np.abs(each(few, query) - divergences(query, *stored)) <= most + ROUNDED).all()


def test_fewer_components_lose_what_the_singular_values_say(rng, monkeypatch):
    """The mean square error of the best product of rank k is the sum of the squares of the others' singular values."""
    monkeypatch.setattr(reduced, "STEP", 1)
    packed = windows(rng, 600, 5)
    stored = quantise(packed)
    theta_s = np.concatenate([packed.theta[:, 0, :-1], packed.s[:, 0, :-1]], axis=1)
    covariance = np.cov(theta_s, rowvar=False, bias=True)
    half = len(covariance) // 2
    value, vector = np.linalg.eigh(covariance)
    root = vector * np.sqrt(np.maximum(value, 0)) @ vector.T
    singular = np.linalg.svd(np.roll(root, half, axis=(0, 1)) @ root, compute_uv=False)
    exact = divergences(packed, *stored)
    errors = []
    for rank in (4, 8, 16):
        monkeypatch.setattr(reduced, "RANK", rank)
        few = made(packed)
        assert few.rows.shape == (600, rank)
        errors.append(float(np.mean((each(few, packed) - exact) ** 2)))
        assert errors[-1] == pytest.approx(float((singular[rank:] ** 2).sum()), rel=SHARE)
    assert errors == sorted(errors, reverse=True)


def test_a_row_stands_for_the_first_of_its_windows_that_can_be_heard(rng):
    """Tracks of any length, none of whose rows reaches into the next; what is silent all through is infinitely far."""
    lengths = [0, 1, 9, 0, 4, 6, 0]
    edges = np.concatenate([[0], np.cumsum(lengths)])
    packed = windows(rng, int(edges[-1]), 2)
    silent = np.zeros(len(packed), np.uint8)
    silent[[1, 2, 9]] = 1  # the third track: the first two of its windows, and the last
    silent[edges[4] : edges[5]] = 1
    few = made(packed, silent, edges.tolist())
    bounds = few.bounds(np.stack([edges[:-1], edges[1:]], axis=1))
    assert (bounds[:, 1] - bounds[:, 0]).tolist() == [-(-n // STEP) for n in lengths]
    assert bounds[-1, 1] == len(few.rows)
    alone = divergences(packed, *quantise(packed))
    heard = [0, 3, 5, None, None, 14, 18]
    found = each(few, packed)
    assert found.shape == (20, len(heard))
    for row, window in enumerate(heard):
        if window is None:
            assert np.isinf(found[:, row]).all()
        else:
            np.testing.assert_allclose(found[:, row], alone[:, window], rtol=SHARE, atol=1.0)
    least = few.least(packed, bounds)
    for track, (first, stop) in enumerate(bounds.tolist()):
        np.testing.assert_array_equal(least[:, track], found[:, first:stop].min(axis=1, initial=np.inf))


def test_nothing_to_hear_at_all(rng):
    packed = windows(rng, 9, 3)
    assert np.isinf(each(made(packed, np.ones(9, np.uint8)), packed)).all()
    assert made(windows(rng, 1, 3)).rows.shape == (1, 18)


def built(*seeds: int) -> Segment:
    return Segment.build([(f"t{seed}", 1, toys.model(seed, 3 + 5 * seed, d=4)) for seed in seeds])


def held(segment: Segment) -> Reduced:
    assert segment.reduced is not None
    return segment.reduced


def test_written_mapped_and_joined_are_the_same(tmp_path, monkeypatch):
    """Also piece by piece, and without the dead."""
    monkeypatch.setattr(reduced, "_CHUNK", 5)
    parts, dead = [built(1, 2, 3), built(3, 4)], {("t2", 1)}
    write(tmp_path / "merged", parts, dead)
    found, wanted = held(Segment.load(tmp_path / "merged")), held(Segment.join(parts, dead))
    assert found.edges.tolist() == wanted.edges.tolist() == [0, 8, 26, 49]
    for name, array in found.arrays().items():
        np.testing.assert_array_equal(array, wanted.arrays()[name], strict=True)
    assert mapping_of(found.rows) is not None
    integrity.check(tmp_path / "merged")
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.npy")) <= n_bytes(parts, dead) + 20_000
    models = [toys.model(seed, 9, d=4) for seed in (5, 6)]
    write_track(tmp_path / "long", "long", 1, models)
    alone = held(Segment.load(tmp_path / "long"))
    assert (alone.edges.tolist(), len(alone.rows)) == ([0, 18], 5)
    integrity.check(tmp_path / "long")


def test_only_large_segments_with_mixtures_have_them(tmp_path, monkeypatch):
    compact = Segment.build([("a", 1, toys.model(1))], COMPACT)
    write(tmp_path / "compact", [compact])
    assert compact.reduced is Segment.load(tmp_path / "compact", COMPACT).reduced is None
    monkeypatch.setattr(lists, "LISTED", 9)
    assert [built(1).reduced is None, built(1, 1).reduced is None] == [True, True]
    assert held(Segment.join([built(1), built(2)])).edges.tolist() == [0, 8, 21]
    write(tmp_path / "small", [built(1)])
    assert Segment.load(tmp_path / "small").reduced is None


def test_a_snapshot_knows_the_rows_of_its_tracks():
    segment = built(1, 2, 3)
    snapshot = Snapshot((segment,), frozenset({("t3", 1), ("t1", 1)}))
    (shelf,) = snapshot.shelves
    assert shelf.bounds["reduced"].tolist() == [[0, 2], [6, 11]]
    assert shelf.bounds["windows"].tolist() == [[0, 8], [21, 39]]


def cut_short(folder):
    path = folder / "reduced_rows.npy"
    path.write_bytes(path.read_bytes()[:-1])


def remove(folder):
    (folder / "reduced_axes.npy").unlink()


def pickled(folder):
    np.save(folder / "reduced_terms.npy", np.array([{"a": 1}], object), allow_pickle=True)


def relabelled(name, shape):
    def damage(folder):
        """As somebody would who writes a file and its table."""
        path, table = folder / f"{name}.npy", json.loads((folder / "tracks.json").read_text())
        np.save(path, np.zeros(shape, np.load(path).dtype))
        table["arrays"][name] = {"shape": shape, "crc32": checksum(path)}
        (folder / "tracks.json").write_text(json.dumps(table))

    return damage


def infinite_axes(folder):
    array = np.load(folder / "reduced_axes.npy")
    array[1, 2] = np.inf
    np.save(folder / "reduced_axes.npy", array)


def not_in_the_table(folder):
    table = json.loads((folder / "tracks.json").read_text())
    del table["arrays"]["reduced_terms"]
    (folder / "tracks.json").write_text(json.dumps(table))


@pytest.mark.parametrize(
    "damage",
    [
        cut_short,
        remove,
        pickled,
        relabelled("reduced_rows", [10, 28]),
        relabelled("reduced_terms", [11, 3]),
        relabelled("reduced_axes", [29, 26]),
        infinite_axes,
        not_in_the_table,
    ],
)
def test_damaged_rows_are_refused(tmp_path, damage):
    write(tmp_path / "segment", [built(1, 2, 3)])
    assert held(Segment.load(tmp_path / "segment")).rows.shape == (11, 28)
    damage(tmp_path / "segment")
    with pytest.raises((ValueError, OSError)):
        Segment.load(tmp_path / "segment")


@pytest.mark.parametrize("name", reduced.ARRAYS)
def test_a_single_bit_is_noticed(tmp_path, name):
    write(tmp_path / "segment", [built(1, 2, 3)])
    path = tmp_path / "segment" / f"{name}.npy"
    damaged = bytearray(path.read_bytes())
    damaged[-3] ^= 4
    path.write_bytes(damaged)
    with pytest.raises(ValueError, match=rf"{name}\.npy"):
        integrity.check(tmp_path / "segment")
