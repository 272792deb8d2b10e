"""Jobs that listen to long recordings: killed, stopped or spoilt, they end with the tracklist that was to be."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classifier.audio.decoder import Decoder
from classifier.catalogue import Catalogue
from classifier.demo.songs import Song, compose, write
from classifier.listening.engine import Listener
from classifier.records import corrections, tracklists
from classifier.settings import Settings
from classifier.store import Store
from classifier.work import jobs, tracklist
from classifier.work.spool import Spool, Upload
from classifier.work.worker import MAX_DEATHS
from tests.library import as_wav
from tests.waiting import until
from tests.work.conftest import AtWork
from tests.work.listening import handler

ROOT = Path(__file__).parents[2]
#: Seconds of sound between steps, and of the mix.
STEP_S, MIX_S = 8.0, 60.0


@pytest.fixture(scope="module")
def songs() -> list[Song]:
    return [compose(seed, duration_s=24.0) for seed in (21, 22, 23)]


@pytest.fixture(scope="module")
def mix(songs: list[Song]) -> bytes:
    """Return 20 s of each song, the last of which is not enrolled, as a file."""
    rate = songs[0].sample_rate
    return as_wav(np.concatenate([songs[n].samples[2 * rate : 22 * rate] for n in (0, 2, 1)]), rate)


@pytest.fixture
def stocked(settings: Settings, store: Store, songs: list[Song], tmp_path: Path) -> Iterator[Catalogue]:
    """Return a catalogue that holds two of the songs."""
    with Decoder(settings) as decoder, Catalogue.open(settings=settings, store=store, decoder=decoder) as catalogue:
        for song in songs[:2]:
            catalogue.enroll(write(song, tmp_path / "music"))
        yield catalogue


@pytest.fixture
def listening(store: Store, settings: Settings, stocked: Catalogue) -> tracklist.Tracklists:
    return handler(store, settings, stocked.decoder, stocked, STEP_S)


def submit(store: Store, settings: Settings, content: bytes, tasks: Sequence[str] = ()) -> dict[str, Any]:
    spool = Spool(settings)
    job_id, folder = spool.open()
    (folder / "000").write_bytes(content)
    upload = Upload("mix.wav", folder / "000", len(content))
    document = tracklist.submit(store, spool, job_id, "default", upload, tasks)
    shown = tracklist.to_dict(document)
    assert (shown["status"], shown["done"], shown["total"]) == ("queued", 0, 0)
    return shown


def done(store: Store, job: dict[str, Any], seconds: float = 60.0) -> dict[str, Any]:
    """Wait for the end of a job; return its tracklist."""
    until(lambda: jobs.get(store, job["id"])["status"] == "done", seconds)
    return tracklists.get(store, job["tracklist"])


def straight(stocked: Catalogue, mix: bytes) -> list[dict[str, Any]]:
    """Return what a listener finds that hears all of it at once."""
    audio = stocked.decode(mix)
    listener = Listener(stocked.view(), audio.sample_rate)
    listener.hear(audio.samples)
    listener.finish()
    return [segment.to_dict() for segment in listener.segments()]


def titles(kept: dict[str, Any]) -> list[str]:
    return [s["title"] for s in kept["segments"] if s["kind"] == "track"]


def same(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> bool:
    """Whether two runs found the same stretches of the same kinds and tracks, to a tenth of a second."""
    spans = [[(s["kind"], s["track_id"]) for s in each] for each in (found, expected)]
    borders = [np.array([(s["start_s"], s["end_s"]) for s in each]) for each in (found, expected)]
    return spans[0] == spans[1] and bool(np.allclose(*borders, atol=0.1))


def test_a_recording_is_listened_to(
    store: Store, settings: Settings, stocked: Catalogue, listening: Any, mix: bytes, songs: list[Song], at_work: AtWork
) -> None:
    job = submit(store, settings, mix)
    with at_work({tracklist.KIND: listening}):
        kept = done(store, job)
    shown = tracklist.to_dict(jobs.get(store, job["id"]))
    assert (shown["done"], shown["total"], shown["error"]) == (MIX_S, MIX_S, None)
    assert (kept["status"], kept["duration_s"], kept["error"], kept["remarks"]) == ("done", MIX_S, None, [])
    assert kept["seconds"]["total"] > 0
    assert titles(kept) == [songs[0].title, songs[1].title]
    assert same(kept["segments"], straight(stocked, mix))
    assert list(Spool(settings).root.iterdir()) == []


def test_segments_are_labelled_if_that_is_asked_for(
    weights_dir: Path, store: Store, settings: Settings, stocked: Catalogue, mix: bytes, at_work: AtWork, tmp_path: Path
) -> None:
    """Where the network is missing by then, the tracklist is whole all the same, with a remark."""
    for folder in (weights_dir, tmp_path / "none"):
        own = settings.replace(weights_dir=str(folder))
        job = submit(store, own, mix, ["tags"])
        with at_work({tracklist.KIND: handler(store, own, stocked.decoder, stocked, STEP_S)}):
            kept = done(store, job)
        assert (kept["status"], kept["error"]) == ("done", None)
        assert same(kept["segments"], straight(stocked, mix))
        if folder == weights_dir:
            assert [segment["labels"]["tags"]["model"] for segment in kept["segments"]] == ["musicnn-msd"] * 3
            assert kept["remarks"] == []
        else:
            assert all(segment["labels"] == {} for segment in kept["segments"])
            (remark,) = kept["remarks"]
            assert remark.startswith("not_labelled: the segments have no labels (weights_missing): ")


def test_after_kill_9_it_goes_on_from_the_last_step(
    store: Store, settings: Settings, stocked: Catalogue, listening: Any, mix: bytes, at_work: AtWork
) -> None:
    job = submit(store, settings, mix)
    command = [sys.executable, "-m", "tests.work.listening", settings.data_dir, str(STEP_S)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        steps = [float(process.stdout.readline()) for _ in range(3)]
        process.kill()
    left = jobs.get(store, job["id"])
    heard_s = float(left["done"])
    assert left["status"] == "running"
    assert 3 * STEP_S <= heard_s <= steps[-1] + STEP_S + 1 < MIX_S
    half = tracklists.get(store, job["tracklist"])
    assert half["status"] == "running"
    assert titles(half)
    # A person sees the tracklist grow, and corrects what is there already.
    edited = next(s["id"] for s in half["segments"] if s["kind"] == "track")
    corrections.correct(store, job["tracklist"], edited, {"title": "By hand"})

    heard: list[float] = []
    restore = Listener.restore

    def restored(*arguments: Any) -> Listener:
        listener = restore(*arguments)
        heard.append(listener.heard_s)
        return listener

    Listener.restore = restored  # type: ignore[method-assign,assignment]
    try:
        with at_work({tracklist.KIND: listening}):
            kept = done(store, job)
    finally:
        Listener.restore = restore  # type: ignore[method-assign]
    assert [round(s) for s in heard] == [heard_s]  # nothing was listened to twice but the last step
    assert kept["status"] == "done"
    by_hand = [s for s in kept["segments"] if s["by_hand"]]
    assert [(s["id"], s["title"]) for s in by_hand] == [(edited, "By hand")]
    expected = straight(stocked, mix)
    assert same([s for s in kept["segments"] if not s["by_hand"]], [s for s in expected if s["id"] != edited])


def test_a_worker_that_stops_hands_the_rest_to_the_next(
    store: Store, settings: Settings, stocked: Catalogue, mix: bytes, songs: list[Song], at_work: AtWork
) -> None:
    job = submit(store, settings, mix)
    hours = handler(store, settings, stocked.decoder, stocked, 3600.0)  # no step of its own before the end
    seen: list[float] = []
    hear = Listener.hear

    def slowly(self: Listener, samples: np.ndarray) -> Any:
        seen.append(self.heard_s)
        time.sleep(0.1)
        return hear(self, samples)

    Listener.hear = slowly  # type: ignore[method-assign]
    try:
        with at_work({tracklist.KIND: hours}):
            until(lambda: len(seen) > 3, 60)
    finally:
        Listener.hear = hear  # type: ignore[method-assign]
    left = jobs.get(store, job["id"])
    assert (left["status"], left["owner"]) == ("queued", None)
    assert left["state"]["saved"]
    with at_work({tracklist.KIND: hours}):
        kept = done(store, job)
    assert titles(kept) == [songs[0].title, songs[1].title]


def test_what_was_saved_and_cannot_be_read_costs_time_alone(
    store: Store, settings: Settings, stocked: Catalogue, listening: Any, mix: bytes, at_work: AtWork
) -> None:
    job = submit(store, settings, mix)
    (Spool(settings).root / job["id"] / "heard-1").write_bytes(b"spoilt")
    store.update("jobs", {"_id": job["id"]}, set={"state": {"saved": "heard-1", "seconds": 5.0}})
    with at_work({tracklist.KIND: listening}):
        kept = done(store, job)
    assert same(kept["segments"], straight(stocked, mix))
    assert kept["seconds"]["total"] > 5.0


def failing(store: Store, settings: Settings, listening: Any, at_work: AtWork, job: dict[str, Any]) -> tuple[str, str]:
    """Let a job fail; return how its tracklist and the job say so."""
    with at_work({tracklist.KIND: listening}):
        kept = done(store, job)
    error = jobs.get(store, job["id"])["error"]
    assert (kept["status"], kept["error"]) == ("failed", error)
    assert list(Spool(settings).root.iterdir()) == []
    return error["name"], error["message"]


def test_a_recording_that_is_none(store: Store, settings: Settings, listening: Any, at_work: AtWork) -> None:
    job = submit(store, settings, b"no sound" * 1000)
    assert failing(store, settings, listening, at_work, job)[0] == "audio_unreadable"


def test_an_upload_that_is_gone(store: Store, settings: Settings, listening: Any, at_work: AtWork) -> None:
    job = submit(store, settings, b"x")
    (Spool(settings).root / job["id"] / "000").unlink()
    name, message = failing(store, settings, listening, at_work, job)
    assert (name, message) == ("file_missing", "the upload is gone: send it again")


def test_a_recording_that_kills_worker_after_worker_is_given_up(
    store: Store, settings: Settings, listening: Any, at_work: AtWork
) -> None:
    job = submit(store, settings, b"x")
    dead = {"status": "running", "owner": "dead", "lease_expires": time.time() - 1, "deaths": MAX_DEATHS - 1}
    store.update("jobs", {"_id": job["id"]}, set=dead)
    assert "given up" in failing(store, settings, listening, at_work, job)[1]


def test_a_recording_on_which_decoder_after_decoder_is_killed_is_given_up(
    store: Store, settings: Settings, stocked: Catalogue, listening: Any, at_work: AtWork, mix: bytes
) -> None:
    job = submit(store, settings, mix)
    killed: set[int] = set()

    def kill(self: Any, *_: Any) -> Listener:
        """Take the place of the listener's first step: the decoder is at work then."""
        listener = listener_of(self, *_)
        hear = listener.hear

        def heard(samples: np.ndarray) -> Any:
            for pid in stocked.decoder.pids:
                killed.add(pid)
                os.kill(pid, signal.SIGKILL)
            return hear(samples)

        listener.hear = heard  # type: ignore[method-assign]
        return listener

    listener_of = tracklist.Tracklists._listener
    tracklist.Tracklists._listener = kill  # type: ignore[method-assign]
    try:
        assert "given up" in failing(store, settings, listening, at_work, job)[1]
    finally:
        tracklist.Tracklists._listener = listener_of  # type: ignore[method-assign]
    assert len(killed) == MAX_DEATHS


def test_a_recording_that_was_cut_off_is_listed_with_a_remark(
    store: Store, settings: Settings, listening: Any, mix: bytes, at_work: AtWork, songs: list[Song]
) -> None:
    job = submit(store, settings, mix[: len(mix) // 2])
    with at_work({tracklist.KIND: listening}):
        kept = done(store, job)
    assert kept["status"] == "done"
    assert titles(kept) == [songs[0].title]
    assert [remark.partition(":")[0] for remark in kept["remarks"]] == ["cut_off"]


def test_a_tracklist_that_is_deleted_under_way_ends_its_job(
    store: Store, settings: Settings, listening: Any, mix: bytes, at_work: AtWork
) -> None:
    job = submit(store, settings, mix)
    tracklists.delete(store, job["tracklist"])
    with at_work({tracklist.KIND: listening}):
        until(lambda: jobs.get(store, job["id"])["status"] == "done", 60)
    assert jobs.get(store, job["id"])["error"]["name"] == "tracklist_not_found"
    assert list(Spool(settings).root.iterdir()) == []
