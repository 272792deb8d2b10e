"""Several workers and a command line over one store: what one does counts for all, at once and without a stall."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from api_client import ROOT, environment, until
from ops_service import Cluster, cluster, file, heard, snippet, song

from classifier.audio.decoder import Decoder
from classifier.catalogue import Catalogue
from classifier.errors import EarmarkError
from classifier.settings import Settings
from tests.servers import Nx27017

KNOWN = (101, 102, 103)
"""Songs that are in the library before the service starts."""


@pytest.fixture(scope="module", params=["sqlite", "mongodb"])
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Where the store is, and the folder for everything else."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "sqlite":
        yield f"sqlite:///{folder}/store.sqlite", folder
        return
    server = Nx27017(folder / "server")
    server.start()
    yield f"{server.uri}/earmark", folder
    server.kill()


@pytest.fixture(scope="module")
def elsewhere(shared: tuple[str, Path]) -> Iterator[Catalogue]:
    """The same catalogue in this process, which is none of the service's."""
    url, folder = shared
    settings = Settings(store=url, data_dir=str(folder / "elsewhere"), lease_seconds=2)
    with Decoder(settings) as decoder, Catalogue.open(settings=settings, decoder=decoder) as catalogue:
        for seed in KNOWN:
            catalogue.enroll(file(seed), title=song(seed).title)
        yield catalogue


@pytest.fixture(scope="module")
def service(shared: tuple[str, Path], elsewhere: Catalogue) -> Iterator[Cluster]:
    """Three workers."""
    url, folder = shared
    with cluster(folder / "service", 3, store=url, workers=1) as own:
        yield own


def all_hear(service: Cluster, seed: int, expected: tuple[str, str | None]) -> None:
    """The next query of every worker hears what is expected; each is asked once."""
    answers = service.ask_each(snippet(seed))
    assert len(answers) == service.processes
    for answer in answers.values():
        assert heard(answer) == expected


def test_a_change_from_outside_counts_for_the_next_query_of_every_worker(
    service: Cluster, elsewhere: Catalogue
) -> None:
    all_hear(service, KNOWN[0], ("identified", song(KNOWN[0]).title))
    all_hear(service, 110, ("no_match", None))
    track = elsewhere.enroll(file(110), title="First name").track
    all_hear(service, 110, ("identified", "First name"))
    elsewhere.edit(track.id, title="Second name")
    all_hear(service, 110, ("identified", "Second name"))
    again = elsewhere.enroll(file(110), title="Modelled anew", replace=True).track
    assert (again.id, again.version) == (track.id, 2)
    all_hear(service, 110, ("identified", "Modelled anew"))
    elsewhere.remove(track.id)
    all_hear(service, 110, ("no_match", None))
    all_hear(service, KNOWN[0], ("identified", song(KNOWN[0]).title))


def test_a_change_by_one_worker_counts_for_all(service: Cluster) -> None:
    client = service.client
    job = client.enroll(("upload.wav", file(111)), title="Uploaded")
    track_id = job["files"][0]["track_id"]
    all_hear(service, 111, ("identified", "Uploaded"))
    with service.only(service.workers()[0]):
        assert client.send("PATCH", f"/api/v1/tracks/{track_id}", {"title": "Edited"}).status == 200
    all_hear(service, 111, ("identified", "Edited"))
    with service.only(service.workers()[-1]):
        assert client.delete(f"/api/v1/tracks/{track_id}").status == 204
    all_hear(service, 111, ("no_match", None))


def test_the_command_line_counts_while_the_service_runs(
    service: Cluster, shared: tuple[str, Path], tmp_path: Path
) -> None:
    def earmark(*arguments: str) -> str:
        command = [sys.executable, "-m", "classifier", "--store", shared[0], "--json", *arguments]
        own = environment(tmp_path / "data", {})
        return subprocess.run(command, env=own, cwd=ROOT, check=True, capture_output=True, text=True).stdout

    (tmp_path / "By the command line.wav").write_bytes(file(112))
    line = earmark("enroll", str(tmp_path / "By the command line.wav"))
    all_hear(service, 112, ("identified", "By the command line"))
    earmark("tracks", "remove", json.loads(line)["track"]["id"])
    all_hear(service, 112, ("no_match", None))


def test_workers_keep_up_while_nobody_asks(service: Cluster, elsewhere: Catalogue) -> None:
    """What comes in between queries is loaded then, and the query itself finds next to nothing to do."""
    made = [elsewhere.enroll(file(seed), title=str(seed)).track for seed in range(120, 124)]
    time.sleep(1.0)
    for answer in service.ask_each(snippet(123)).values():
        assert heard(answer) == ("identified", "123")
        assert answer.json["seconds"]["index"] < 0.2
    for track in made:
        elsewhere.remove(track.id)


def test_removing_what_is_being_matched_is_safe(service: Cluster, elsewhere: Catalogue) -> None:
    stop = threading.Event()
    answers: list[tuple[str, str | None]] = []
    failures: list[BaseException] = []

    def listen() -> None:
        try:
            while not stop.is_set():
                answers.append(heard(service.client.tag(snippet(130))))
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=listen) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(6):
            track = elsewhere.enroll(file(130), title="Now here, now gone").track
            time.sleep(0.4)
            elsewhere.remove(track.id)
            time.sleep(0.2)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failures == []
    assert set(answers) == {("identified", "Now here, now gone"), ("no_match", None)}
    assert not any(entry["level"] == "ERROR" for entry in service.client.entries())


def test_two_enrollments_of_the_same_file_make_one_track(service: Cluster, elsewhere: Catalogue) -> None:
    outcomes: list[object] = []

    def outside() -> None:
        try:
            outcomes.append(elsewhere.enroll(file(131)).track.id)
        except EarmarkError as error:
            outcomes.append(error.name)

    def inside() -> None:
        (done,) = service.client.enroll(("same.wav", file(131)))["files"]
        assert done["status"] in ("added", "present"), done
        outcomes.append(done["track_id"])

    threads = [threading.Thread(target=target) for target in (outside, inside, inside)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = [t for t in elsewhere.tracks() if t.id in outcomes]
    assert len(found) == 1
    assert set(outcomes) <= {found[0].id, "track_busy"}
    elsewhere.remove(found[0].id)


# -------------------------------------------------------------------- memory


def maps(pid: int, under: Path) -> dict[str, dict[str, int]]:
    """Return what a process has mapped of the files below a folder: kB by kind, and whether it is private."""
    found: dict[str, dict[str, int]] = {}
    here: dict[str, int] | None = None
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        head = line.split(maxsplit=5)
        if "-" in head[0] and not head[0].endswith(":"):
            here = None
            if len(head) == 6 and head[5].startswith(str(under)):
                here = found.setdefault(head[5], {})
                assert head[1] == "r--s", line
        elif here is not None and head[-1] == "kB":
            here[head[0][:-1]] = here.get(head[0][:-1], 0) + int(head[1])
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_workers_share_the_memory_of_the_index(service: Cluster, shared: tuple[str, Path]) -> None:
    for seed in KNOWN:
        all_hear(service, seed, ("identified", song(seed).title))
    index = shared[1] / "service" / "index"

    def all_mapped() -> list[dict[str, dict[str, int]]] | None:
        mapped = [maps(pid, index) for pid in service.workers()]
        same = all(own.keys() == mapped[0].keys() for own in mapped)
        return mapped if same and mapped[0] and not any("deleted" in name for name in mapped[0]) else None

    mapped = until(all_mapped, 30)
    files = {str(path) for path in index.rglob("*.npy")}
    assert mapped[0].keys() == files
    resident = proportional = 0
    for own in mapped:
        for kinds in own.values():
            assert kinds["Private_Dirty"] == kinds["Anonymous"] == 0
            resident += kinds["Rss"]
            proportional += kinds["Pss"]
    # Three workers, one copy: each carries a third of what it sees.
    assert resident > 0
    assert proportional < 0.5 * resident
