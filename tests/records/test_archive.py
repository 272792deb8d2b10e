"""Archives: lossless between all stores, and refused when damaged."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classifier.config import hash_of
from classifier.errors import CatalogueExists, CatalogueNotFound, FileMissing, StoreCorrupt
from classifier.models.background import BUILTIN, builtin_background
from classifier.records import track_arrays, tracks
from classifier.records.archive import export_catalogue, import_catalogue
from classifier.records.archive_reading import ArchiveUnreadable, check_archive
from classifier.records.catalogues import (
    create_catalogue,
    get_catalogue,
    list_catalogues,
    load_background,
    set_background,
)
from classifier.records.doctor import examine
from classifier.records.orphans import remove_orphans
from classifier.records.writing import TrackWriter
from classifier.store import Store, open_store
from tests.material import CONFIG, CONFIG_HASH, Crash, DyingStore, enroll, facts, models, same_arrays, slots, words
from tests.places import Clock

BACKGROUND = {name: array.astype(np.float64) for name, array in builtin_background().to_arrays().items()}


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Store]:
    """A second store, in SQLite."""
    store = open_store(f"sqlite:///{tmp_path}/other.sqlite")
    yield store
    store.close()


def fill(store: Store, clock: Clock) -> None:
    """Make a catalogue with three tracks, one of several chunks, one edited, one with nothing in it."""
    create_catalogue(store, "default", CONFIG, CONFIG_HASH, now=clock)
    set_background(store, "default", "own-1", BACKGROUND)
    remarks = ["damaged: 3 of 90 audio packets are damaged and left out"]
    fields = facts("a", title="Zoë", artist="Ä", metadata={"a.b": "c", "$": "\n"}, remarks=remarks)
    with TrackWriter.begin(store, fields, owner="me", now=clock) as writer:
        writer.add_models(models(300, 1))
        writer.add_slots(slots(31_000, 1))
        writer.add_subfingerprints(words(19_000, 1))
        track = writer.commit()
    tracks.edit(store, track.id, album="Späte Ergänzung")
    enroll(store, "b", seed=2, now=clock)
    enroll(store, "b", seed=3, replace=True, now=clock)
    with TrackWriter.begin(store, facts("c"), owner="me", now=clock) as writer:
        writer.commit()


def assert_equal(a: Store, b: Store, name: str = "default") -> None:
    """Two catalogues hold the same, to the last bit."""
    assert [t.to_dict() | {"catalogue": ""} for t in tracks.list_tracks(a, "default")] == [
        t.to_dict() | {"catalogue": ""} for t in tracks.list_tracks(b, name)
    ]
    for track in tracks.list_tracks(a, "default"):
        assert same_arrays(
            track_arrays.load_models(a, track.id, track.version), track_arrays.load_models(b, track.id, track.version)
        )
        for load in (track_arrays.load_slots, track_arrays.load_subfingerprints):
            np.testing.assert_array_equal(
                load(a, track.id, track.version), load(b, track.id, track.version), strict=True
            )


def test_there_and_back(store: Store, other: Store, clock: Clock, tmp_path: Path) -> None:
    fill(store, clock)
    seen: list[tuple[int, int]] = []
    assert export_catalogue(store, "default", tmp_path / "a.zip", now=clock, progress=lambda *n: seen.append(n)) == 3
    assert seen == [(1, 3), (2, 3), (3, 3)]
    done = import_catalogue(other, tmp_path / "a.zip", now=clock)

    assert (done.added, done.known, done.catalogue.name) == (3, 0, "default")
    assert_equal(store, other)
    record, old = get_catalogue(other, "default"), get_catalogue(store, "default")
    assert (record.config, record.config_hash, record.created) == (old.config, old.config_hash, old.created)
    assert record.background == "own-1"
    assert same_arrays(load_background(other, "default") or {}, BACKGROUND)
    assert examine(other, now=clock) == []

    export_catalogue(other, "default", tmp_path / "b.zip", now=clock)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()

    back = import_catalogue(store, tmp_path / "b.zip", name="copy", now=clock)
    assert (back.added, back.catalogue.name) == (3, "copy")
    assert [track.title for track in tracks.list_tracks(store, "copy")] == ["Title of b", "Title of c", "Zoë"]
    assert examine(store, now=clock) == []


def test_an_empty_catalogue(store: Store, other: Store, tmp_path: Path) -> None:
    create_catalogue(store, "empty", {}, hash_of({}), background=BUILTIN)
    assert export_catalogue(store, "empty", tmp_path / "a.zip") == 0
    assert import_catalogue(other, tmp_path / "a.zip").added == 0
    assert get_catalogue(other, "empty").background == BUILTIN


def test_known_tracks_are_left_alone(store: Store, other: Store, clock: Clock, tmp_path: Path) -> None:
    fill(store, clock)
    export_catalogue(store, "default", tmp_path / "a.zip")
    create_catalogue(other, "default", CONFIG, CONFIG_HASH, background="")
    known = enroll(other, "b", seed=9, title="Mine")
    done = import_catalogue(other, tmp_path / "a.zip")

    assert (done.added, done.known) == (2, 1)
    assert tracks.get_track(other, known).title == "Mine"
    again = import_catalogue(other, tmp_path / "a.zip")
    assert (again.added, again.known) == (0, 3)
    assert again.catalogue.revision == done.catalogue.revision


def test_an_import_that_dies_goes_on_where_it_stopped(store: Store, other: Store, clock: Clock, tmp_path: Path) -> None:
    fill(other, clock)
    export_catalogue(other, "default", tmp_path / "a.zip")
    for step in range(1, 100, 3):
        try:
            import_catalogue(DyingStore(store, step, after=True), tmp_path / "a.zip", now=clock)  # type: ignore[arg-type]
        except Crash:
            for record in list_catalogues(store):
                for track in tracks.list_tracks(store, record.name):
                    assert (
                        len(track_arrays.load_models(store, track.id, track.version).get("weights", []))
                        == track.n_windows
                    )
            clock.advance(100)
        else:
            break
    remove_orphans(store, now=clock)

    assert tracks.count_tracks(store, "default") == 3
    assert [finding for finding in examine(store, now=clock) if finding.severity != "info"] == []
    found, expected = tracks.list_tracks(store, "default"), tracks.list_tracks(other, "default")
    for a, b in zip(found, expected, strict=True):
        assert same_arrays(
            track_arrays.load_models(store, a.id, a.version), track_arrays.load_models(other, b.id, b.version)
        )


# -------------------------------------------------------------------- what does not fit


@pytest.fixture
def archive(other: Store, clock: Clock, tmp_path: Path) -> Path:
    """A good archive."""
    fill(other, clock)
    export_catalogue(other, "default", tmp_path / "good.zip")
    return tmp_path / "good.zip"


@pytest.mark.stores(["sqlite"])
def test_catalogues_that_do_not_fit(store: Store, archive: Path) -> None:
    create_catalogue(store, "default", {}, "another configuration")
    create_catalogue(store, "x", CONFIG, CONFIG_HASH, background=BUILTIN)
    with pytest.raises(CatalogueExists, match="another configuration"):
        import_catalogue(store, archive)
    with pytest.raises(CatalogueExists, match=f"background '{BUILTIN}', the archive 'own-1'"):
        import_catalogue(store, archive, name="x")
    assert import_catalogue(store, archive, name="y").added == 3


@pytest.mark.stores(["sqlite"])
def test_what_cannot_be_exported(store: Store, tmp_path: Path) -> None:
    target = tmp_path / "out" / "a.zip"
    target.parent.mkdir()
    with pytest.raises(CatalogueNotFound):
        export_catalogue(store, "none", target)
    create_catalogue(store, "default", CONFIG, CONFIG_HASH)
    track_id = enroll(store, "a")
    store.delete("models", {"track_id": track_id})
    target.write_bytes(b"an older archive")
    with pytest.raises(StoreCorrupt, match="chunk 0 of models is missing"):
        export_catalogue(store, "default", target)
    assert [path.name for path in target.parent.iterdir()] == ["a.zip"]
    assert target.read_bytes() == b"an older archive"


@pytest.mark.stores(["sqlite"])
def test_no_archive(store: Store, archive: Path, tmp_path: Path) -> None:
    with pytest.raises(FileMissing, match=r"no file 'none\.zip'"):
        import_catalogue(store, tmp_path / "none.zip")
    bad = tmp_path / "bad.zip"
    for content in (b"", b"not a zip", archive.read_bytes()[:-30], archive.read_bytes()[:5000]):
        bad.write_bytes(content)
        with pytest.raises(ArchiveUnreadable, match=r"'bad\.zip' is not a catalogue's archive, or is cut short"):
            import_catalogue(store, bad)
    assert list_catalogues(store) == []


def rewrite(source: Path, target: Path, change: Callable[[dict[str, bytes]], None], *, seal: bool = False) -> None:
    """Copy an archive with other entries; with ``seal``, checksums are made to fit."""
    import hashlib

    with zipfile.ZipFile(source) as old:
        entries = {name: old.read(name) for name in old.namelist()}
    change(entries)
    if seal:
        entries.pop("index.json"), entries.pop("index.sha256")
        sums = {n: {"bytes": len(c), "sha256": hashlib.sha256(c).hexdigest()} for n, c in entries.items()}
        entries["index.json"] = json.dumps({"entries": sums}).encode()
        entries["index.sha256"] = hashlib.sha256(entries["index.json"]).hexdigest().encode()
    with zipfile.ZipFile(target, "w") as new:
        for name, content in entries.items():
            new.writestr(name, content)


@pytest.mark.stores(["sqlite"])
def test_every_damaged_entry_is_named(store: Store, archive: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(archive) as good:
        names = good.namelist()
    assert len(names) == 16
    assert check_archive(archive) == 3
    bad = tmp_path / "bad.zip"
    for name in names:

        def flip(entries: dict[str, bytes], name: str = name) -> None:
            middle = len(entries[name]) // 2
            changed = bytes([entries[name][middle] ^ 1])
            entries[name] = entries[name][:middle] + changed + entries[name][middle + 1 :]

        def drop(entries: dict[str, bytes], name: str = name) -> None:
            del entries[name]

        for change, word in ((flip, "damaged"), (drop, "missing")):
            rewrite(archive, bad, change)
            shown = "index.json" if name == "index.sha256" and change is flip else name
            with pytest.raises(ArchiveUnreadable, match=f"'{shown}' is {word}"):
                import_catalogue(store, bad)
    assert list_catalogues(store) == []


@pytest.mark.stores(["sqlite"])
def test_flipped_bits_in_the_file(store: Store, archive: Path, tmp_path: Path) -> None:
    content = archive.read_bytes()
    bad = tmp_path / "bad.zip"
    refused = 0
    for position in range(40, len(content), len(content) // 60):
        bad.write_bytes(content[:position] + bytes([content[position] ^ 4]) + content[position + 1 :])
        try:
            check_archive(bad)
        except ArchiveUnreadable:
            refused += 1
    assert refused >= 60


@pytest.mark.stores(["sqlite"])
@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "/etc/evil",
        "tracks/../../evil",
        "tracks/000000/../x.bin",
        "C:\\evil",
        "tracks/000000/models-00000.bin/x",
    ],
)
def test_entries_that_want_out(store: Store, archive: Path, tmp_path: Path, name: str) -> None:
    bad = tmp_path / "deep" / "bad.zip"
    bad.parent.mkdir()
    rewrite(archive, bad, lambda entries: entries.update({name: b"evil"}), seal=True)
    with pytest.raises(ArchiveUnreadable, match="does not belong into an archive"):
        import_catalogue(store, bad)
    rewrite(archive, bad, lambda entries: entries.update({name: b"evil"}))
    with pytest.raises(ArchiveUnreadable, match="is not in its index"):
        import_catalogue(store, bad)
    assert [path.name for path in bad.parent.iterdir()] == ["bad.zip"]


def change_json(name: str, **fields: Any) -> Callable[[dict[str, bytes]], None]:
    def change(entries: dict[str, bytes]) -> None:
        values = json.loads(entries[name]) | fields
        entries[name] = json.dumps({key: value for key, value in values.items() if value is not ...}).encode()

    return change


def change_catalogue(**fields: Any) -> Callable[[dict[str, bytes]], None]:
    def change(entries: dict[str, bytes]) -> None:
        about = json.loads(entries["archive.json"])["catalogue"] | fields
        if about["background"] != "own-1":
            entries.pop("background.bin"), about.pop("layout")
        change_json("archive.json", catalogue=about)(entries)

    return change


def other_config(**changed: Any) -> Callable[[dict[str, bytes]], None]:
    """Say that the catalogue has another configuration, with the hash that belongs to it."""
    return change_catalogue(config=CONFIG | changed, config_hash=hash_of(CONFIG | changed))


TRACK = "tracks/000000/track.json"


@pytest.mark.stores(["sqlite"])
@pytest.mark.parametrize(
    ("change", "words_"),
    [
        (change_json("archive.json", version=3), "has version 3; this Earmark reads up to 2"),
        (change_json("archive.json", version=1), "has version 1, whose models this Earmark cannot compare: enroll"),
        (change_json("archive.json", format="zip"), "holds 'zip', not 'earmark-catalogue'"),
        (change_json("archive.json", catalogue={}), "'archive.json' lacks 'name'"),
        (change_json(TRACK, title=3), f"'{TRACK}' lacks 'title', or has it in another form"),
        (change_json(TRACK, title=...), f"'{TRACK}' lacks 'title'"),
        (change_json(TRACK, metadata=["odd"]), "lacks 'metadata'"),
        (change_json(TRACK, version=0), "lacks 'version'"),
        (change_json(TRACK, slots=...), f"'{TRACK}' lacks 'slots'"),
        (lambda entries: entries.update({TRACK: b"{"}), "is not JSON"),
        (lambda entries: entries.update({TRACK: b"[]"}), "lacks 'id'"),
        (lambda entries: entries.update({"archive.json": b"[" * 100_000}), "is not JSON"),
        (
            lambda entries: entries.update({"background.bin": b"x"}),
            "'background.bin' is damaged: packed data has 1 bytes",
        ),
        (lambda entries: entries.update({"background.bin": bytes(15_000_001)}), "is too large"),
        (change_catalogue(config_hash="x"), "does not match its 'config_hash'"),
        (other_config(n_windows=1e9), "cannot use the archive's configuration: unknown parameter 'n_windows'"),
        (other_config(n_components=10**400), "cannot use the archive's configuration: n_components is 1000"),
        (other_config(n_components=4), r"no finite 'weights' of shape \(1, 4\)"),
        (other_config(slot_mfcc=9), r"no finite 'slot_scale' of shape \(9,\)"),
        (change_catalogue(layout=["scale <f8 13"]), "'background.bin' is damaged: packed data has"),
        (change_catalogue(layout="scale"), "'archive.json' lacks 'layout'"),
        (change_catalogue(background="own-2"), "background 'own-2' is not in it"),
        (
            change_catalogue(background=BUILTIN, config={"n_mfcc": 9}, config_hash=hash_of({"n_mfcc": 9})),
            f"background '{BUILTIN}' is not in it, and does not ship",
        ),
    ],
)
def test_sealed_but_wrong(
    store: Store, archive: Path, tmp_path: Path, change: Callable[[dict[str, bytes]], None], words_: str
) -> None:
    rewrite(archive, tmp_path / "bad.zip", change, seal=True)
    with pytest.raises(ArchiveUnreadable, match=words_):
        import_catalogue(store, tmp_path / "bad.zip")
    assert list_catalogues(store) == []


@pytest.mark.stores(["sqlite"])
def test_sealed_but_wrong_in_the_bulk(store: Store, archive: Path, tmp_path: Path) -> None:
    """What shows only when a track is put together."""
    with zipfile.ZipFile(archive) as good:
        bulk = next(name for name in good.namelist() if name.endswith("models-00000.bin"))
    rewrite(archive, tmp_path / "bad.zip", lambda entries: entries.update({bulk: entries[bulk][:-8]}), seal=True)
    with pytest.raises(ArchiveUnreadable, match=f"'{bulk}' is damaged: packed data has"):
        import_catalogue(store, tmp_path / "bad.zip")
    assert list_catalogues(store) == []


@pytest.mark.stores(["sqlite"])
@pytest.mark.parametrize(("collection", "array"), [("slots", "means"), ("subfingerprints", "words")])
def test_sealed_but_under_another_name(
    store: Store, archive: Path, tmp_path: Path, collection: str, array: str
) -> None:
    def change(entries: dict[str, bytes]) -> None:
        for track in (name for name in entries if name.endswith("track.json")):
            about = json.loads(entries[track])
            for chunk in about[collection]:
                chunk["layout"] = json.loads(json.dumps(chunk["layout"]).replace(array, "other"))
            entries[track] = json.dumps(about).encode()

    rewrite(archive, tmp_path / "bad.zip", change, seal=True)
    with pytest.raises(ArchiveUnreadable, match=f"does not hold {collection}"):
        import_catalogue(store, tmp_path / "bad.zip")
    assert list_catalogues(store) == []


@pytest.mark.stores(["sqlite"])
def test_a_bomb(store: Store, archive: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.zip"
    with zipfile.ZipFile(bad, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("index.sha256", b"0" * 64)
        made.writestr("index.json", b"0" * 50_000_000)
        made.writestr("archive.json", b"0" * 50_000_000)
    with pytest.raises(ArchiveUnreadable, match=r"'index\.json' is too large"):
        import_catalogue(store, bad)


@pytest.mark.stores(["sqlite"])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_entries_of_one_name(store: Store, archive: Path) -> None:
    with zipfile.ZipFile(archive, "a") as made:
        made.writestr("archive.json", b"{}")
    with pytest.raises(ArchiveUnreadable, match="two entries of the same name"):
        import_catalogue(store, archive)


def test_the_documentation_reads_an_archive(other: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (Path(__file__).parents[2] / "docs" / "archive.md").read_text()
    code = text.split("```python\n")[1].split("```")[0]
    create_catalogue(other, "default", CONFIG, CONFIG_HASH)
    enroll(other, "a")
    export_catalogue(other, "default", tmp_path / "catalogue.zip")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(code, names)
    assert names["track"]["subfingerprints"][0]["rows"] == len(names["words"])
