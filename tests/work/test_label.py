"""Jobs that label tracks: one that is taken over goes on where it was, one that is stopped leaves what it did."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from classifier.audio.decoder import Decoder
from classifier.catalogue import Catalogue
from classifier.errors import Conflict
from classifier.records import tracks
from classifier.settings import Settings
from classifier.store import Store
from classifier.work import jobs, label
from classifier.work.worker import Claim, Interrupted
from tests.cli.test_labels import sound
from tests.library import RATE, as_wav
from tests.waiting import until
from tests.work.conftest import AtWork

N = 4


@pytest.fixture
def settings(tmp_path: Path, weights_dir: Path) -> Settings:
    """Return settings of a service whose music folder holds four files, one of them broken."""
    folder = tmp_path / "music"
    folder.mkdir()
    for number in range(N):
        (folder / f"{number}.wav").write_bytes(as_wav(sound("chords", number), RATE))
    (folder / "broken.wav").write_bytes(b"no sound")
    places = (str(tmp_path / "none"), str(folder))
    return Settings(
        data_dir=str(tmp_path), weights_dir=str(weights_dir), lease_seconds=1.0, music_folders=",".join(places)
    )


class Lender:
    """Lends the catalogue."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store, self._settings = store, settings

    @contextlib.contextmanager
    def __call__(self, name: str) -> Iterator[Catalogue]:
        with Decoder(self._settings) as decoder:
            yield Catalogue.open(name=name, settings=self._settings, store=self._store, decoder=decoder)


@pytest.fixture
def lend(store: Store, settings: Settings) -> Lender:
    """Return what lends a catalogue with a track for each good file."""
    lender = Lender(store, settings)
    with lender("default") as catalogue:
        for path in sorted((Path(settings.data_dir) / "music").glob("[0-9].wav")):
            catalogue.enroll(path)
    return lender


def n_labelled(store: Store) -> int:
    return sum("tags" in track.labels for track in tracks.list_tracks(store, "default"))


def test_a_job_labels_what_it_finds_and_names_what_fails(
    store: Store, settings: Settings, lend: Lender, at_work: AtWork
) -> None:
    job_id = label.submit(store, "default", ["tags"])["_id"]
    with at_work({label.KIND: label.Labels(settings, lend)}, settings):
        until(lambda: jobs.get(store, job_id)["status"] == "done", 60)
    job = label.to_dict(jobs.get(store, job_id))
    assert (job["added"], job["total"], job["error"]) == (N, N, None)
    named = [(file["name"], file["error"]["name"]) for file in job["files"]]
    assert ("none", "file_missing") in named
    assert len(named) == job["failed"]
    assert n_labelled(store) == N


def test_a_job_that_is_stopped_leaves_what_it_did_and_another_goes_on(
    store: Store, settings: Settings, lend: Lender, at_work: AtWork
) -> None:
    first = label.submit(store, "default", ["tags"])["_id"]
    held = store.update("jobs", {"_id": first}, set={"status": "running", "owner": "me", "lease_expires": 0.0})
    assert held is not None
    claim = Stopped(store, held, "me", 60.0, threading.Event())
    with pytest.raises(Interrupted):
        label.Labels(settings, lend).run(claim)
    assert n_labelled(store) == 2
    assert label.to_dict(jobs.get(store, first))["error"]["message"] == "somebody stopped the job"
    second = label.submit(store, "default", ["tags"])["_id"]
    with at_work({label.KIND: label.Labels(settings, lend)}, settings):
        until(lambda: jobs.get(store, second)["status"] == "done", 60)
    assert jobs.get(store, second)["state"]["labelled"] == N - 2


class Stopped(Claim):
    """A claim whose job somebody stops while the second track is recorded."""

    def advance(self, done: int, state: Mapping[str, Any], *, total: int | None = None) -> None:
        if done == 2:
            jobs.stop(self._store, self.id)
        super().advance(done, state, total=total)


def test_kinds_with_a_state_of_their_own_are_not_stopped(store: Store) -> None:
    job_id = jobs.submit(store, "tracklist", {}, state={}, total=0)["_id"]
    with pytest.raises(Conflict, match="'tracklist' is not stopped"):
        jobs.stop(store, job_id)
