"""Removing catalogues: all of one goes and nothing of another, and never what somebody works on."""

from __future__ import annotations

import pytest

from classifier.errors import CatalogueBusy, CatalogueChanged, CatalogueNotFound, InvalidParameter
from classifier.records import tracks
from classifier.records.catalogues import create_catalogue, get_catalogue
from classifier.records.writing import TrackWriter
from classifier.store import Store
from classifier.store.base import COLLECTIONS
from classifier.work import copy, jobs, removal
from tests.material import catalogue, enroll, facts
from tests.places import ATOMIC

pytestmark = pytest.mark.stores(ATOMIC)


def _ended(store: Store, job: str) -> None:
    store.update("jobs", {"_id": job}, set={"status": "done", "finished": "2026-01-01T00:00:00.000Z"})


@pytest.fixture
def radio(store: Store) -> removal.Holdings:
    """Return what a catalogue beside the default holds: two tracks, and two jobs of which one wrote to another."""
    catalogue(store)
    create_catalogue(store, "radio", {"a": 1}, "h2")
    enroll(store, "a")
    for content in ("a", "b"):
        enroll(store, content, catalogue="radio")
    _ended(store, jobs.submit(store, "map", {"catalogue": "radio"}, state={}, total=1)["_id"])
    _ended(store, copy.submit(store, "radio", "default")["_id"])
    _ended(store, jobs.submit(store, "map", {"catalogue": "default"}, state={}, total=1)["_id"])
    return removal.holdings(store, "radio")


def test_all_of_it_goes_and_nothing_else(store: Store, radio: removal.Holdings) -> None:
    assert (radio.name, radio.tracks, radio.jobs) == ("radio", 2, 2)
    store.insert("tags", [{"_id": "t", "catalogue": "radio"}])
    before = {name: store.count(name) for name in COLLECTIONS}
    others = [track["_id"] for track in store.find("tracks", {"catalogue": "default"})]
    assert removal.remove(store, "radio", default="default", revision=radio.revision) == radio
    after = {name: store.count(name) for name in COLLECTIONS}
    changed = {name: before[name] - after[name] for name in COLLECTIONS if before[name] != after[name]}
    chunks = {name: changed.pop(name) for name in ("models", "slots", "subfingerprints")}
    assert changed == {"catalogues": 1, "tracks": 2, "jobs": 2}
    # Of three tracks alike, two are gone, with all that they had.
    assert chunks == {name: 2 * after[name] for name in chunks}
    assert [track["_id"] for track in store.find("tracks")] == others
    assert store.count("jobs", {"task.catalogue": "default"}) == 1
    with pytest.raises(CatalogueNotFound):
        removal.holdings(store, "radio")


def test_what_is_not_as_it_was_seen_stays(store: Store, radio: removal.Holdings) -> None:
    enroll(store, "c", catalogue="radio")
    with pytest.raises(CatalogueChanged, match="look again"):
        removal.remove(store, "radio", default="default", revision=radio.revision)
    assert removal.holdings(store, "radio").tracks == 3


def test_the_default_stays(store: Store, radio: removal.Holdings) -> None:
    with pytest.raises(InvalidParameter, match="is not removed"):
        removal.remove(store, "radio", default="radio", revision=radio.revision)
    assert removal.holdings(store, "radio") == radio


@pytest.mark.parametrize("status", ["queued", "running"])
@pytest.mark.parametrize("role", ["catalogue", "source"])
def test_nothing_goes_while_a_job_works_on_it(store: Store, radio: removal.Holdings, status: str, role: str) -> None:
    source, target = ("radio", "default") if role == "source" else ("default", "radio")
    job = copy.submit(store, source, target)["_id"]
    store.update("jobs", {"_id": job}, set={"status": status})
    with pytest.raises(CatalogueBusy, match=job):
        removal.remove(store, "radio", default="default", revision=radio.revision)
    assert removal.holdings(store, "radio").tracks == 2
    _ended(store, job)
    removal.remove(store, "radio", default="default", revision=radio.revision)


def test_nothing_goes_while_a_track_is_written(store: Store, radio: removal.Holdings) -> None:
    writer = TrackWriter.begin(store, facts("c", catalogue="radio"), owner="me")
    with pytest.raises(CatalogueBusy, match="being written"):
        removal.remove(store, "radio", default="default", revision=radio.revision)
    assert tracks.count_tracks(store, "radio") == 2
    writer.abort()
    removal.remove(store, "radio", default="default", revision=radio.revision)
    assert get_catalogue(store, "default").revision > 0
