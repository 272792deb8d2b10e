"""The spool: folders wait for as long as their jobs do."""

from __future__ import annotations

import time

import pytest

from classifier.settings import Settings
from classifier.store import Store
from classifier.work import enroll, spool
from classifier.work.spool import Spool, Upload


def test_remnants_are_deleted(store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    own = Spool(settings)
    (waiting, kept), (finished, done), (_, abandoned) = (own.open() for _ in range(3))
    for job_id, folder in ((waiting, kept), (finished, done)):
        (folder / "000").write_bytes(b"x")
        enroll.submit(store, own, job_id, "default", [Upload("a", folder / "000", 1)])
    store.update("jobs", {"_id": finished}, set={"status": "done"})
    own.clean(store)
    assert sorted(own.root.iterdir()) == sorted([kept, abandoned])  # a job of the last may be on its way
    moment = time.time() + spool.REMNANT_SECONDS + 1
    monkeypatch.setattr(spool.time, "time", lambda: moment)
    own.clean(store)
    assert list(own.root.iterdir()) == [kept]
    assert [file.name for file in kept.iterdir()] == ["000"]


def test_without_a_folder_there_is_nothing_to_clean(store: Store, settings: Settings) -> None:
    Spool(settings).clean(store)
    assert not Spool(settings).root.exists()
