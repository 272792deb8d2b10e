"""The doctor over every store: finds each kind of damage, repairs what is safe, touches nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classifier.errors import StoreCorrupt
from classifier.records import track_arrays, tracks
from classifier.records.catalogues import create_catalogue
from classifier.records.doctor import Finding, examine, mend
from classifier.records.leases import Lease
from classifier.records.writing import TrackWriter
from classifier.store import Store
from tests.material import catalogue, enroll, facts, models, same_arrays
from tests.places import Clock, Place


def test_nothing_to_find(store: Store, clock: Clock) -> None:
    assert examine(store, now=clock) == []
    catalogue(store)
    enroll(store, "a", n_windows=300)
    writer = TrackWriter.begin(store, facts("b"), owner="me", now=clock)
    writer.add_models(models(300))
    again = TrackWriter.begin(store, facts("a"), owner="me", replace=True, now=clock)
    again.add_models(models(3))
    Lease.acquire(store, "index", "me", 10, now=clock)

    assert examine(store, now=clock) == []
    assert sum(mend(store, now=clock).values()) == 0
    assert (writer.commit().n_windows, again.commit().n_windows) == (300, 3)


def test_an_empty_catalogue_is_worth_knowing(store: Store) -> None:
    catalogue(store)
    assert examine(store) == [Finding("info", "catalogue 'default' has no tracks", False)]


Damage = Callable[[Store, str, Clock], Any]


def damage_data(store: Store, track_id: str, clock: Clock) -> None:
    chunk = store.get("models", f"{track_id}/1/00001")
    assert chunk is not None
    store.update("models", {"_id": chunk["_id"]}, set={"data": chunk["data"][:-1] + b"?"})


ERRORS: dict[str, tuple[Damage, str]] = {
    "missing chunk": (
        lambda store, t, clock: store.delete("models", {"_id": f"{t}/1/00001"}),
        "chunk 1 of models is missing",
    ),
    "no bits": (
        lambda store, t, clock: store.delete("subfingerprints", {"track_id": t}),
        "chunk 0 of subfingerprints is missing",
    ),
    "damaged data": (damage_data, "chunk 1 of models is damaged: its checksum differs"),
    "wrong start": (
        lambda store, t, clock: store.update("models", {"_id": f"{t}/1/00001"}, set={"start": 7}),
        "chunk 1 of models contradicts itself: start",
    ),
    "wrong count": (
        lambda store, t, clock: store.update("tracks", {"_id": t}, set={"n_windows": 299}),
        "models have 300 rows, but the track should have 299",
    ),
    "too many chunks": (
        lambda store, t, clock: store.update("tracks", {"_id": t}, set={"n_model_chunks": 1, "n_windows": 256}),
        "chunk 1 of models is not in the record",
    ),
    "damaged record": (
        lambda store, t, clock: store.update("tracks", {"_id": t}, set={"metadata": ["odd"]}),
        "the record is damaged",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_damage(store: Store, clock: Clock, name: str) -> None:
    catalogue(store)
    good, bad = enroll(store, "a"), enroll(store, "b", n_windows=300)
    harm, words = ERRORS[name]
    harm(store, bad, clock)

    found = examine(store, now=clock)
    assert found
    assert {(finding.severity, finding.repairable) for finding in found} == {("error", False)}
    assert any(f"track {bad}" in finding.what and words in finding.what for finding in found)
    assert all("enroll it anew, or remove it" in finding.what for finding in found)
    assert mend(store, found, now=clock) == {}
    mend(store, now=clock)
    assert examine(store, now=clock) == found  # a damaged track is not thrown away
    assert same_arrays(track_arrays.load_models(store, good, 1), models(3))

    if name != "damaged record":
        tracks.remove(store, bad)
        assert examine(store, now=clock) == []


def test_missing_chunks_are_found_without_reading_all(store: Store, clock: Clock) -> None:
    catalogue(store)
    track_id = enroll(store, "a", n_windows=300)
    damage_data(store, track_id, clock)
    assert examine(store, now=clock, deep=False) == []
    store.delete("models", {"_id": f"{track_id}/1/00001"})
    assert "chunk 1 of models is missing" in examine(store, now=clock, deep=False)[0].what


def abandoned(store: Store, track_id: str, clock: Clock) -> None:
    TrackWriter.begin(store, facts("b"), owner="gone", lease_seconds=5, now=clock).add_models(models(3))


def abandoned_replacement(store: Store, track_id: str, clock: Clock) -> None:
    TrackWriter.begin(store, facts("a"), owner="gone", lease_seconds=5, replace=True, now=clock).add_models(models(3))


def half_removed(store: Store, track_id: str, clock: Clock) -> None:
    other = enroll(store, "b")
    store.update("tracks", {"_id": other}, set={"status": "removing"})


def homeless(store: Store, track_id: str, clock: Clock) -> None:
    create_catalogue(store, "other", {}, "h")
    enroll(store, "b", catalogue="other")
    store.delete("catalogues", {"name": "other"})


def half_removed_catalogue(store: Store, track_id: str, clock: Clock) -> None:
    create_catalogue(store, "other", {}, "h")
    enroll(store, "b", catalogue="other")
    store.update("catalogues", {"name": "other"}, set={"status": "removing"})


def stray_chunks(store: Store, track_id: str, clock: Clock) -> None:
    other = enroll(store, "b")
    store.delete("tracks", {"_id": other})


def expired_lease(store: Store, track_id: str, clock: Clock) -> None:
    Lease.acquire(store, "index", "gone", 5, now=clock)


REMAINS: dict[str, tuple[Damage, str, str]] = {
    "abandoned": (abandoned, "warning", "was never finished by gone"),
    "abandoned replacement": (abandoned_replacement, "warning", "the replacement of track"),
    "half removed": (half_removed, "warning", "the removal of track"),
    "homeless": (homeless, "warning", "belongs to a catalogue that is gone"),
    "half removed catalogue": (half_removed_catalogue, "warning", "the removal of catalogue 'other' was cut short"),
    "stray chunks": (stray_chunks, "warning", "1 chunks of models belong to no track"),
    "expired lease": (expired_lease, "info", "1 leases have expired"),
}


@pytest.mark.parametrize("name", REMAINS)
def test_remains_are_found_and_removed(store: Store, clock: Clock, name: str) -> None:
    catalogue(store)
    track_id = enroll(store, "a", seed=4)
    leave, severity, words = REMAINS[name]
    leave(store, track_id, clock)
    clock.advance(6)

    found = examine(store, now=clock)
    assert any(
        words in finding.what and (finding.severity, finding.repairable) == (severity, True) for finding in found
    )
    assert all(finding.repairable and finding.severity == severity for finding in found)
    assert sum(mend(store, found, now=clock).values()) > 0
    assert examine(store, now=clock) == []
    assert tracks.ready(store, "default") == {track_id: 1}
    assert same_arrays(track_arrays.load_models(store, track_id, 1), models(3, 4))


def test_a_damaged_background(store: Store, clock: Clock) -> None:
    catalogue(store)
    enroll(store, "a")
    store.update("catalogues", {"name": "default"}, set={"layout": ["weights <f4 6"], "data": b"123"})
    found = examine(store, now=clock)
    assert len(found) == 1
    assert "the background of catalogue 'default' is damaged" in found[0].what


@pytest.mark.stores(["sqlite"])
@pytest.mark.parametrize("seed", range(6))
def test_tracks_on_damaged_pages_are_named_and_nothing_is_repaired(place: Place, store: Store, seed: int) -> None:
    """Pages of the file overwritten: every track that this hits is named, and nothing is removed."""
    catalogue(store)
    ids = [enroll(store, f"c{n}", n_windows=300, seed=n) for n in range(8)]
    tracks.remove(store, enroll(store, "stray"))
    store.close()
    path = Path(place.url.removeprefix("sqlite:///"))
    rng = np.random.default_rng(seed)
    whole = path.read_bytes()
    hit: set[str] = set()
    for _ in range(20):  # where pages lie is chance: some are free, and without the list of tracks none can be named
        content = bytearray(whole)
        for page in rng.choice(np.arange(20, len(content) // 4096), 3, replace=False):
            content[page * 4096 : (page + 1) * 4096] = rng.bytes(4096)
        path.write_bytes(content)
        store = place.open()
        hit = {track_id for track_id in ids if not readable(store, track_id)}
        if hit and is_listed(store, ids):
            break
        store.close()
    assert hit
    found = examine(store)
    assert found[0].severity == "error"
    assert "SQLite" in found[0].what
    assert {track_id for track_id in ids if any(track_id in finding.what for finding in found)} >= hit
    assert not any(finding.repairable for finding in found)
    assert mend(store, found) == mend(store) == {}
    assert {track_id for track_id in ids if not readable(store, track_id)} == hit


def is_listed(store: Store, ids: list[str]) -> bool:
    try:
        return {record["_id"] for record in store.find("tracks", fields=[])} >= set(ids)
    except StoreCorrupt:
        return False


def readable(store: Store, track_id: str) -> bool:
    try:
        track = tracks.get_track(store, track_id)
        track_arrays.load_models(store, track_id, track.version)
        track_arrays.load_subfingerprints(store, track_id, track.version)
    except StoreCorrupt:
        return False
    return True


def test_worst_first(store: Store, clock: Clock) -> None:
    catalogue(store)
    create_catalogue(store, "empty", {}, "h")
    track_id = enroll(store, "a")
    abandoned(store, track_id, clock)
    store.delete("models", {"track_id": track_id})
    clock.advance(6)
    assert [finding.severity for finding in examine(store, now=clock)] == ["error", "error", "warning", "info"]
