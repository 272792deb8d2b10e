"""Segments: packing, joining, writing and mapping must not change a bit."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from classifier.index import arrays
from classifier.index.arrays import mapping_of
from classifier.index.gaussians import quantise
from classifier.index.profile import EXACT, Array, Profile
from classifier.index.segment import Segment, write, write_track
from classifier.mixtures.divergence import Packed
from classifier.mixtures.gmm import collapse, pack_covariances
from tests.search import toys


def built(*seeds: int, **shape: int | bool) -> Segment:
    return Segment.build([(f"t{seed}", 1, toys.model(seed, **shape)) for seed in seeds])


def same(a: Segment, b: Segment) -> None:
    assert a.entries == b.entries
    for name in EXACT.arrays:
        np.testing.assert_array_equal(a.arrays[name], b.arrays[name], err_msg=name, strict=True)


def test_entries_tile_the_arrays():
    models = [
        ("a", 1, toys.model(1, 3, 7)),
        ("b", 4, toys.model(2, 1, 0, n_slots=0)),
        ("c", 1, toys.model(3, 5, 9, n_slots=2)),
    ]
    segment = Segment.build(models)
    assert [e.key for e in segment.entries] == [("a", 1), ("b", 4), ("c", 1)]
    windows = slots = frames = 0
    for entry, (_, _, model) in zip(segment.entries, models, strict=True):
        rows = {"windows": (windows, len(model.silent)), "frames": (frames, len(model.words))}
        rows["slots"] = slots, len(model.slots)
        assert entry.rows == {kind: range(start, start + n) for kind, (start, n) in rows.items()}
        windows, slots, frames = windows + len(model.silent), slots + len(model.slots), frames + len(model.words)
        np.testing.assert_array_equal(segment.words(entry), model.words)
        np.testing.assert_array_equal(segment.words(entry, 2, 5), model.words[2:5])
        np.testing.assert_array_equal(segment.of(entry, "silent"), model.silent)
        np.testing.assert_array_equal(segment.of(entry, "slots"), model.slots)
    assert segment.n_windows == windows == len(segment.arrays["weights"])
    assert (segment.n_rows("slots"), segment.n_rows("frames")) == (slots, frames)
    assert (len(segment.arrays["slots"]), len(segment.arrays["words"])) == (slots, frames)


@pytest.mark.parametrize("diagonal", [False, True])
def test_arrays_hold_what_a_search_needs(diagonal):
    """Slots and words as they are, mixtures rounded, and each window as one Gaussian."""
    model = toys.model(1, 9, diagonal=diagonal)
    segment = Segment.build([("x", 1, model)])
    np.testing.assert_array_equal(segment.arrays["slots"], model.slots, strict=True)
    np.testing.assert_array_equal(segment.arrays["words"], model.words, strict=True)
    np.testing.assert_array_equal(segment.arrays["window_frame"], model.window_frame, strict=True)
    packed = pack_covariances(model.mixtures.covariances, diagonal)
    exact = {"weights": model.mixtures.weights, "means": model.mixtures.means, "covariances": packed}
    for name, array in exact.items():
        np.testing.assert_array_equal(segment.arrays[name], array.astype(np.float16), strict=True)
    rows, terms = quantise(Packed.of(collapse(model.mixtures)))
    np.testing.assert_array_equal(segment.arrays["gaussians"], rows, strict=True)
    np.testing.assert_array_equal(segment.arrays["gaussian_terms"], terms, strict=True)


@pytest.mark.parametrize("split", [[[1, 2, 3, 4]], [[1], [2, 3], [4]], [[1], [2], [3], [4]], [[1, 2, 3], [4]]])
def test_joined_written_and_mapped_is_as_built_at_once(tmp_path, split):
    write(tmp_path / "joined", [built(*part, n_windows=3) for part in split])
    loaded = Segment.load(tmp_path / "joined")
    same(loaded, built(1, 2, 3, 4, n_windows=3))
    assert mapping_of(loaded.arrays["slots"]) is not None
    with pytest.raises(ValueError, match="read-only"):
        loaded.arrays["slots"][0, 0] = 1


def test_joining_leaves_out_the_dead_and_writes_doubles_once(tmp_path):
    write(tmp_path / "joined", [built(1, 2, 3), built(3, 4)], {("t2", 1), ("gone", 1), ("t3", 2)})
    same(Segment.load(tmp_path / "joined"), built(1, 3, 4))
    same(Segment.join([built(1, 2, 3), built(3, 4)], {("t2", 1)}), built(1, 3, 4))


def test_tracks_without_windows_slots_or_frames(tmp_path):
    """A track of 0.4 s has frames but no windows; each kind may stand first or alone."""
    for name, models in {
        "alone": [("a", 1, toys.model(1, 0, 3))],
        "bare": [("a", 1, toys.model(1, 0, 0, n_slots=0))],
        "slots": [("b", 1, toys.model(2, 0, 0)), ("a", 1, toys.model(1, 2, 3, n_slots=0))],
        "first": [("a", 1, toys.model(1, 0, 3)), ("b", 1, toys.model(2, 3, 0))],
        "last": [("b", 1, toys.model(2, 3, 4)), ("a", 1, toys.model(1, 0, 3))],
    }.items():
        segment = Segment.build(models)
        write(tmp_path / name, [Segment.build([m]) for m in models])
        same(Segment.load(tmp_path / name), segment)


@pytest.mark.parametrize(
    "shapes",
    [
        [(5, 7, 6)],
        [(0, 0, 0), (5, 0, 0), (3, 0, 0), (0, 0, 6), (0, 9, 0), (0, 2, 0)],
        [(1, 2, 3), (0, 5, 0), (4, 0, 1)],
        [(0, 0, 0)],
    ],
    ids=["at once", "one kind after another", "mixed", "nothing"],
)
def test_a_track_written_stretch_by_stretch_is_the_same_files(tmp_path, shapes):
    stretches = [toys.model(i, n_windows, n_frames, n_slots=n) for i, (n_windows, n_frames, n) in enumerate(shapes)]
    segment = Segment.single("t", 3, stretches)
    write(tmp_path / "whole", [segment])
    write_track(tmp_path / "stretches", "t", 3, iter(stretches))
    same(Segment.load(tmp_path / "stretches"), segment)
    written = {path.name: path.read_bytes() for path in (tmp_path / "whole").iterdir()}
    assert {path.name: path.read_bytes() for path in (tmp_path / "stretches").iterdir()} == written


def test_mapped_arrays_that_are_copied_in_pieces_are_the_same(tmp_path, monkeypatch):
    """Their memory is given back meanwhile, and they can still be read."""
    parts = [built(1, 2, 3, n_frames=500), built(4, n_frames=90)]
    for name, part in zip("ab", parts, strict=True):
        write(tmp_path / name, [part])
    mapped = [Segment.load(tmp_path / name) for name in "ab"]
    write(tmp_path / "whole", parts)
    monkeypatch.setattr(arrays, "_COPY_BYTES", 100)
    write(tmp_path / "pieces", mapped)
    same(Segment.load(tmp_path / "pieces"), Segment.join(parts))
    for path in (tmp_path / "whole").iterdir():
        assert (tmp_path / "pieces" / path.name).read_bytes() == path.read_bytes(), path.name
    for before, after in zip(parts, mapped, strict=True):
        same(after, before)


def test_all_dead_is_a_segment_of_nothing(tmp_path):
    write(tmp_path / "none", [built(1, 2)], {("t1", 1), ("t2", 1)})
    segment = Segment.load(tmp_path / "none")
    assert segment.entries == ()
    assert segment.n_windows == segment.n_rows("slots") == segment.n_rows("frames") == 0


def test_a_segment_of_another_profile_is_refused_by_name(tmp_path):
    write(tmp_path / "segment", [built(1)])
    with pytest.raises(ValueError, match="profile 'exact', not format 7 and profile 'bars'"):
        Segment.load(tmp_path / "segment", BARS)


def test_a_profile_may_have_other_arrays_and_other_kinds_of_rows(tmp_path):
    """Nothing in a segment knows arrays or kinds by name: tracks may have any number of bars beside their windows."""
    models = [toys.model(seed, n_windows=seed, n_frames=3 * seed) for seed in (2, 1, 3)]
    tracks = [(f"t{len(model.silent)}", 1, model) for model in models]
    write(tmp_path / "segment", [Segment.build(tracks[:2], BARS), Segment.build(tracks[1:], BARS)], {("t1", 1)})
    segment = Segment.load(tmp_path / "segment", BARS)
    assert [(e.track_id, e.rows) for e in segment.entries] == [
        ("t2", {"bars": range(3), "windows": range(2)}),
        ("t3", {"bars": range(3, 7), "windows": range(2, 5)}),
    ]
    for entry, model in zip(segment.entries, (models[0], models[2]), strict=True):
        np.testing.assert_array_equal(segment.of(entry, "level"), _levels(model))
        np.testing.assert_array_equal(segment.of(entry, "silent"), model.silent)


def _levels(model):
    """One bar more than windows, of four bands."""
    return np.arange(4.0 * (1 + len(model.silent))).reshape(-1, 4) + len(model.words)


BARS = Profile(
    "bars",
    {"level": Array("bars", np.dtype(np.float64), ("bands",)), "silent": Array("windows", np.dtype(np.uint8))},
    lambda model: {"level": _levels(model), "silent": model.silent},
)


def test_an_existing_folder_is_never_written_into(tmp_path):
    write(tmp_path / "here", [built(1)])
    with pytest.raises(FileExistsError):
        write(tmp_path / "here", [built(2)])
    same(Segment.load(tmp_path / "here"), built(1))


# --- damage ---------------------------------------------------------------------------------------------------


def missing(folder):
    (folder / "weights.npy").unlink()


def emptied(folder):
    (folder / "gaussians.npy").write_bytes(b"")


def cut_short(folder):
    data = (folder / "words.npy").read_bytes()
    (folder / "words.npy").write_bytes(data[: len(data) // 2])


def cut_in_the_header(folder):
    (folder / "gaussian_terms.npy").write_bytes((folder / "gaussian_terms.npy").read_bytes()[:20])


def header_without_end(folder):
    """NumPy's own reader raises neither ValueError nor OSError for this one."""
    data = (folder / "words.npy").read_bytes()
    (folder / "words.npy").write_bytes(data.replace(b")", b"(", 1))


def one_byte_more(folder):
    with open(folder / "words.npy", "ab") as file:
        file.write(b"x")


def table_without_arrays(folder):
    table = json.loads((folder / "tracks.json").read_text())
    (folder / "tracks.json").write_text(json.dumps({**table, "arrays": {name: [] for name in table["arrays"]}}))


def garbage(folder):
    (folder / "means.npy").write_bytes(b"no array" * 100)


def fewer_rows(folder):
    np.save(folder / "window_frame.npy", np.load(folder / "window_frame.npy")[:-1])


def fewer_slots(folder):
    np.save(folder / "slots.npy", np.load(folder / "slots.npy")[:-1])


def fewer_frames(folder):
    np.save(folder / "words.npy", np.load(folder / "words.npy")[:-1])


def other_type(folder):
    np.save(folder / "weights.npy", np.load(folder / "weights.npy").astype(np.float64))


def another_axis(folder):
    np.save(folder / "weights.npy", np.load(folder / "weights.npy")[:, None])


def components_out_of_step(folder):
    np.save(folder / "weights.npy", np.load(folder / "weights.npy")[:, :-1])


def objects(folder):
    np.save(folder / "weights.npy", np.array([{}], dtype=object), allow_pickle=True)


def no_table(folder):
    (folder / "tracks.json").unlink()


def table_of_nonsense(folder):
    (folder / "tracks.json").write_text("[1, 2]")


def table_cut_short(folder):
    (folder / "tracks.json").write_text((folder / "tracks.json").read_text()[:-5])


def table_of_another_format(folder):
    table = json.loads((folder / "tracks.json").read_text())
    (folder / "tracks.json").write_text(json.dumps({**table, "format": table["format"] + 1}))


def table_of_another_profile(folder):
    table = json.loads((folder / "tracks.json").read_text())
    (folder / "tracks.json").write_text(json.dumps({**table, "profile": "compact"}))


def table_out_of_step(folder):
    table = json.loads((folder / "tracks.json").read_text())
    table["tracks"][-1][3] += 1
    (folder / "tracks.json").write_text(json.dumps(table))


def table_with_short_rows(folder):
    table = json.loads((folder / "tracks.json").read_text())
    table["tracks"][0] = table["tracks"][0][:3]
    (folder / "tracks.json").write_text(json.dumps(table))


def gone(folder):
    shutil.rmtree(folder)


DAMAGE = [
    header_without_end, one_byte_more, table_without_arrays, missing, emptied, cut_short, cut_in_the_header,
    garbage, fewer_rows, fewer_slots, fewer_frames, other_type, another_axis, objects, no_table, table_of_nonsense,
    table_cut_short, table_of_another_format, table_of_another_profile, table_out_of_step, table_with_short_rows,
    components_out_of_step, gone,
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda f: f.__name__)
def test_a_damaged_segment_is_refused(tmp_path, damage):
    write(tmp_path / "segment", [built(1, 2)])
    damage(tmp_path / "segment")
    with pytest.raises((OSError, ValueError)):
        Segment.load(tmp_path / "segment")
