"""Processes that die at the worst moment, and processes that all want the same."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from classifier.errors import CatalogueNotFound, TrackNotFound
from classifier.records import track_arrays, tracks
from classifier.records.catalogues import create_catalogue, list_catalogues, remove_catalogue, revision
from classifier.records.doctor import examine
from classifier.records.orphans import remove_orphans
from classifier.records.writing import AlreadyEnrolled
from classifier.store import Store
from tests.material import Crash, DyingStore, catalogue, enroll, models, same_arrays, words
from tests.places import ATOMIC, KINDS, Clock, Place

# -------------------------------------------------------------------- death between any two calls of the store

Act = Callable[[Any, Clock], Any]

ACTS: dict[str, Act] = {
    "enroll": lambda store, clock: enroll(store, "new", seed=5, lease_seconds=10, now=clock),
    "replace": lambda store, clock: enroll(store, "old", seed=5, lease_seconds=10, replace=True, now=clock),
    "remove": lambda store, clock: tracks.remove(store, "old"),
    "edit": lambda store, clock: tracks.edit(store, "old", title="Edited"),
    "remove catalogue": lambda store, clock: remove_catalogue(store, "default"),
}


@pytest.mark.stores(["sqlite"])
@pytest.mark.parametrize("after", [False, True], ids=["before the call", "after the call"])
@pytest.mark.parametrize("act", ACTS)
def test_death_at_every_step(store: Store, clock: Clock, act: str, after: bool) -> None:
    die_at_every_step(store, clock, act, after)


@pytest.mark.stores([kind for kind in KINDS if kind != "sqlite"])
@pytest.mark.parametrize("act", ["enroll", "replace"])
def test_death_at_every_step_elsewhere(store: Store, clock: Clock, act: str) -> None:
    die_at_every_step(store, clock, act, after=True)


def die_at_every_step(store: Store, clock: Clock, act: str, after: bool) -> None:
    for step in range(1, 60):
        catalogue(store)
        enroll(store, "old", seed=1, track_id="old", now=clock)
        bystander = enroll(store, "bystander", seed=2, now=clock)
        before = revision(store, "default")
        try:
            ACTS[act](DyingStore(store, step, after=after), clock)
            died = False
        except Crash:
            died = True
        check_what_readers_see(store, bystander, before, catalogue_may_go=act == "remove catalogue")

        clock.advance(11)
        # Only chunks of a version that was replaced are found by nothing but a look at all chunks.
        remove_orphans(store, now=clock, thorough=act == "replace")
        check_what_readers_see(store, bystander, before, catalogue_may_go=act == "remove catalogue")
        assert [finding for finding in examine(store, now=clock) if finding.severity != "info"] == []

        if died:  # doing it again works
            catalogue(store)
            try:
                ACTS[act](store, clock)
            except (AlreadyEnrolled, TrackNotFound):
                assert act in ("enroll", "remove", "edit")  # it had been done before death
            check_what_readers_see(store, bystander, before, catalogue_may_go=True)
        for record in list_catalogues(store):
            remove_catalogue(store, record.name)
        assert all(store.count(kind) == 0 for kind in ("catalogues", "tracks", "models", "subfingerprints"))
        if not died:
            return
    raise AssertionError("the act never came to its end")


def check_what_readers_see(store: Store, bystander: str, before: int, *, catalogue_may_go: bool) -> None:
    """Every track there is, is whole; a change that can be seen was told by the revision, or will be found anyway."""
    try:
        found = tracks.ready(store, "default")
    except CatalogueNotFound:
        assert catalogue_may_go
        return
    assert catalogue_may_go or bystander in found
    assert revision(store, "default") >= (0 if catalogue_may_go else before)
    for track_id, version in found.items():
        seed = {("old", 1): 1, (bystander, 1): 2}.get((track_id, version), 5)
        assert same_arrays(track_arrays.load_models(store, track_id, version), models(3, seed))
        np.testing.assert_array_equal(track_arrays.load_subfingerprints(store, track_id, version), words(21, seed))


# -------------------------------------------------------------------- kill -9


@pytest.mark.stores(ATOMIC)
def test_kill_leaves_no_half_track(place: Place, run: Any) -> None:
    store = place.open()
    catalogue(store)
    draw = random.Random(7)
    for round_ in range(8 if place.kind == "sqlite" else 4):
        writer = run("write", place.url, 100 * round_)
        assert writer.stdout.readline() == "ready\n"
        writer.stdin.write("\n")
        writer.stdin.flush()
        for _ in range(draw.randrange(1, 25)):
            assert writer.stdout.readline() != ""
        time.sleep(draw.random() * 0.01)
        writer.kill()
        writer.wait()

        check_whole(store)
    in_a_minute = Clock(time.time() + 60)
    remove_orphans(store, now=in_a_minute)
    check_whole(store)
    assert [finding for finding in examine(store, now=in_a_minute) if finding.severity != "info"] == []
    enroll(store, "0", replace=True)


def check_whole(store: Store) -> None:
    for track_id, version in tracks.ready(store, "default").items():
        part = models(40, version)
        whole = {name: np.concatenate([array] * 3) for name, array in part.items()}
        assert same_arrays(track_arrays.load_models(store, track_id, version), whole)
        np.testing.assert_array_equal(track_arrays.load_subfingerprints(store, track_id, version), words(500, version))


# -------------------------------------------------------------------- at the same time


@pytest.mark.stores(ATOMIC)
def test_simultaneous_enrollments_make_one_track(place: Place, run: Any) -> None:
    store = place.open()
    create_catalogue(store, "default", {}, "h")
    processes = [run("enroll", place.url, "the same") for _ in range(4)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    answers = {process.stdout.readline().strip() for process in processes}

    found = tracks.list_tracks(store, "default")
    assert len(found) == 1
    assert answers <= {found[0].id, "busy"}
    assert examine(store, now=time.time) == []


@pytest.mark.stores(ATOMIC)
def test_readers_see_whole_tracks_while_others_write(place: Place, run: Any) -> None:
    store = place.open()
    catalogue(store)
    writers = [run("write", place.url, first) for first in (0, 1000)]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("\n")
        writer.stdin.flush()
    seen: set[tuple[str, int]] = set()
    deadline = time.monotonic() + 20
    while len(seen) < 12:
        assert time.monotonic() < deadline
        for track_id, version in list(tracks.ready(store, "default").items())[-3:]:
            try:
                found = track_arrays.load_models(store, track_id, version)
            except TrackNotFound:
                continue  # removed or replaced meanwhile
            assert len(found["weights"]) == 120
            assert np.array_equal(found["weights"][:40], models(40, version)["weights"])
            seen.add((track_id, version))
