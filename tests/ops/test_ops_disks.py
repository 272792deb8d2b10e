"""Full disks and read-only folders: a clear error, nothing corrupted, and on it goes once there is room."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from api_client import ROOT, environment, multipart
from ops_mounts import own_mounts, remount, small_disk
from ops_service import cluster, file, heard, snippet, song

from classifier.audio.decoder import Decoder
from classifier.catalogue import Catalogue
from classifier.errors import StoreFull
from classifier.records import tracks
from classifier.records.doctor import examine
from classifier.settings import Settings
from classifier.store import open_store


def earmark(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line with its data in ``folder``."""
    command = [sys.executable, "-m", "classifier", "--json", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=environment(folder, {"lease_seconds": 2}), capture_output=True, text=True, timeout=120
    )


def lines(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def check_store(folder: Path, titles: set[str]) -> None:
    """The store holds these tracks, whole, and nothing is wrong with it."""
    store = open_store(f"sqlite:///{folder}/earmark.sqlite")
    try:
        found = tracks.list_tracks(store, "default")
        assert {t.title for t in found} == titles
        assert [f for f in examine(store) if f.severity == "error"] == []
    finally:
        store.close()


def test_a_file_that_may_not_grow_is_a_full_disk(tmp_path: Path) -> None:
    """The limit on the size of files holds for this process, not for its decoder, which runs already."""
    for seed in (501, 502):
        (tmp_path / f"song {seed}.wav").write_bytes(file(seed))
    settings = Settings(data_dir=str(tmp_path / "data"))
    with Decoder(settings) as decoder, Catalogue.open(settings=settings, decoder=decoder) as catalogue:
        catalogue.enroll(tmp_path / "song 501.wav")
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, limits[1]))
        try:
            with pytest.raises(StoreFull, match="full"):
                catalogue.enroll(tmp_path / "song 502.wav")
            assert catalogue.identify(snippet_file(tmp_path, 501)).matches[0].title == "song 501"
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        check_store(tmp_path / "data", {"song 501"})
        assert catalogue.enroll(tmp_path / "song 502.wav").added
        assert catalogue.identify(snippet_file(tmp_path, 502)).matches[0].title == "song 502"
    check_store(tmp_path / "data", {"song 501", "song 502"})


def snippet_file(folder: Path, seed: int) -> Path:
    (folder / "snippet.wav").write_bytes(snippet(seed))
    return folder / "snippet.wav"


# -------------------------------------------------------------------- with a disk of our own


def fill(place: Path) -> Path:
    """Use up what is left of a file system."""
    filler = place / "filler"
    with open(filler, "wb", buffering=0) as target:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while target.write(bytes(size)):
                    pass
            except OSError:
                continue
    return filler


@own_mounts
def test_a_service_on_a_full_disk_says_so_and_recovers(tmp_path: Path) -> None:
    disk = small_disk(tmp_path / "disk", "160m")
    with cluster(disk, 2, workers=1) as service:
        client = service.client
        assert client.enroll(("one.wav", file(510)), title="One")["added"] == 1
        assert heard(client.tag(snippet(510))) == ("identified", "One")
        filler = fill(disk)
        refused = client.tag(snippet(510))
        assert (refused.status, refused.json["name"]) == (507, "store_full"), refused
        body = client.tag_raw(file(511), "audio/wav")  # a snippet is not spooled: the same
        assert body.status == 507
        content, kind = multipart([("file", "two.wav", file(511))])
        upload = client.ask("POST", "/api/v1/tracks", content, {"Content-Type": kind})
        assert upload.status == 507, upload
        assert upload.json["name"] == "store_full"
        assert client.get("/api/v1/tracks").json["total"] == 1
        filler.unlink()
        assert heard(client.tag(snippet(510))) == ("identified", "One")
        assert client.enroll(("two.wav", file(511)), title="Two")["added"] == 1
        for answer in service.ask_each(snippet(511)).values():
            assert heard(answer) == ("identified", "Two")
        errors = {entry["message"].partition(":")[0] for entry in client.entries() if entry["level"] == "ERROR"}
        assert errors == {"store_full"}
    check_store(disk, {"One", "Two"})
    assert not list((disk / "spool").iterdir())


@own_mounts
def test_a_disk_that_runs_full_while_enrolling(tmp_path: Path) -> None:
    disk = small_disk(tmp_path / "disk", "160m")
    music = tmp_path / "music"
    music.mkdir()
    for seed in range(520, 524):
        (music / f"{song(seed).title}.wav").write_bytes(file(seed))
    filler = fill(disk)
    with open(filler, "r+b") as target:
        target.truncate(filler.stat().st_size - 500_000)
    done = earmark(disk, "enroll", "--jobs", "1", str(music))
    assert done.returncode == 1
    outcomes = lines(done)
    assert {line["status"] for line in outcomes} <= {"enrolled", "failed"}
    assert {line["error"] for line in outcomes if line["status"] == "failed"} == {"store_full"}
    assert "Traceback" not in done.stderr
    check_store(disk, {line["track"]["title"] for line in outcomes if line["status"] == "enrolled"})
    filler.unlink()
    done = earmark(disk, "enroll", str(music))
    assert done.returncode == 0, done.stderr
    check_store(disk, {song(seed).title for seed in range(520, 524)})


@own_mounts
def test_a_read_only_disk(tmp_path: Path) -> None:
    disk = small_disk(tmp_path / "disk", "160m")
    (tmp_path / "one.wav").write_bytes(file(530))
    (tmp_path / "two.wav").write_bytes(file(531))
    (tmp_path / "snippet.wav").write_bytes(snippet(530))
    assert earmark(disk, "enroll", str(tmp_path / "one.wav")).returncode == 0
    remount(disk, "ro")
    done = earmark(disk, "enroll", str(tmp_path / "two.wav"))
    assert done.returncode == 1
    assert "read-only" in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    remount(disk, "rw")
    check_store(disk, {"one"})
    assert earmark(disk, "enroll", str(tmp_path / "two.wav")).returncode == 0
    check_store(disk, {"one", "two"})
