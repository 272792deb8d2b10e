"""Kill -9 of workers, enrollers and the store's server, at random moments, while all of them are at work.

What was acknowledged must be there, what was removed must be gone, no half track may ever be seen, every snippet of
a song whose state is known must be answered rightly all the time, and everything must come back by itself.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from api_client import ROOT, descendants, environment, multipart, until
from ops_service import Cluster, cluster, file, heard, parent, snippet

from classifier.errors import CatalogueNotFound, EarmarkError, Unavailable
from classifier.records import track_arrays, tracks
from classifier.records.doctor import examine
from classifier.records.orphans import remove_orphans
from classifier.store import Store, open_store
from tests.servers import Nx27017, Server

#: Rounds over each store; raise it for a long soak.
ROUNDS = int(os.environ.get("OPS_KILL_ROUNDS", "26"))
SEED = int(os.environ.get("OPS_KILL_SEED", "20"))
ANCHORS = (300, 301)
"""Songs that are in the library all the time."""
STRANGER = 399
POOL = tuple(range(302, 322))
"""Songs that come and go."""
LEASE_S = 2
VICTIMS = {"sqlite": {"worker": 4, "enroller": 6}, "mongodb": {"worker": 2, "enroller": 4, "server": 4}}

Problem = (OSError, http.client.HTTPException)


class Enroller:
    """``earmark enroll`` in a process that can be killed."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self._url = url
        self._n = 0
        self._zygote = subprocess.Popen(
            [sys.executable, str(Path(__file__).parent / "ops_zygote.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment(folder / "data", {"lease_seconds": LEASE_S}),
        )
        self.pid = 0
        self.output = folder / "none"

    def start(self, files: list[Path]) -> None:
        """Begin to enroll some files."""
        self._n += 1
        self.output = self._folder / f"output-{self._n}.txt"
        arguments = ["--store", self._url, "--json", "enroll", "--jobs", "1", *map(str, files)]
        assert self._zygote.stdin is not None
        assert self._zygote.stdout is not None
        self._zygote.stdin.write(json.dumps({"arguments": arguments, "output": str(self.output)}) + "\n")
        self._zygote.stdin.flush()
        self.pid = int(self._zygote.stdout.readline())

    def lines(self) -> list[dict[str, Any]]:
        """What it has said so far; a line that is cut off was not said."""
        text = self.output.read_text() if self.output.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n") and line[0] == "{"]

    def alive(self) -> bool:
        return self.pid != 0 and parent(self.pid) == self._zygote.pid

    def close(self) -> None:
        if self.alive():
            os.kill(self.pid, signal.SIGKILL)
        self._zygote.kill()
        self._zygote.communicate()


@dataclass
class Expected:
    """What is known of the songs; ``unsure`` while something is being done to one, or was cut short."""

    states: dict[int, str] = field(default_factory=dict)
    changes: Counter[int] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def set(self, seed: int, state: str) -> None:
        with self.lock:
            self.states[seed] = state
            self.changes[seed] += 1

    def get(self, seed: int) -> tuple[str, int]:
        with self.lock:
            return self.states[seed], self.changes[seed]

    def those(self, state: str) -> list[int]:
        with self.lock:
            return [seed for seed in POOL if self.states[seed] == state]


class Chaos:
    """One service, one enroller, a crowd of listeners, and a hand that kills."""

    def __init__(self, kind: str, url: str, folder: Path, service: Cluster, server: Server | None) -> None:
        self.kind, self.service, self.server = kind, service, server
        self.draw = random.Random(SEED)
        self.expected = Expected()
        self.expected.states = {
            **dict.fromkeys(POOL, "absent"),
            **dict.fromkeys(ANCHORS, "present"),
            STRANGER: "absent",
        }
        self.store: Store = open_store(url)
        self.enroller = Enroller(folder, url)
        self.files: dict[int, Path] = {}
        for seed in (*POOL, *ANCHORS):
            self.files[seed] = folder / f"song {seed}.wav"
            self.files[seed].write_bytes(file(seed))
        self.snippets = {seed: snippet(seed) for seed in (*POOL, *ANCHORS, STRANGER)}
        self.stopping = threading.Event()
        self.failures: list[str] = []
        self.answers: Counter[str] = Counter()
        self.kills: Counter[str] = Counter()
        self.acknowledged: Counter[str] = Counter()
        self.jobs: dict[str, int] = {}
        self.unanswered: set[int] = set()
        """Songs whose upload may have been taken, though the one that took it was killed before it said so."""
        self.at_enroller: set[int] = set()
        self.orphans: set[int] = set()
        self.listeners = [threading.Thread(target=self.listen, args=(i,)) for i in range(2)]

    # --- load -----------------------------------------------------------------------------------------------

    def listen(self, number: int) -> None:
        """Ask about songs whose state is known, all the time; every answer must be right."""
        draw = random.Random(SEED + number)
        while not self.stopping.wait(0.1):
            seed = draw.choice([*POOL, *ANCHORS, STRANGER])
            before = self.expected.get(seed)
            try:
                answer = self.service.client.tag(self.snippets[seed])
            except Problem:
                self.answers["cut off"] += 1  # it was being answered by the one that was killed
                continue
            after = self.expected.get(seed)
            self.answers[str(answer.status)] += 1
            if answer.status != 200:
                if answer.status != 503 or "retry-after" not in answer.headers:
                    self.failures.append(f"song {seed}: {answer}")
                continue
            verdict, title = heard(answer)
            right = verdict != "ambiguous" and title in (None, f"song {seed}")
            if right and before == after and before[0] != "unsure":
                right = (verdict == "identified") == (before[0] == "present")
            if not right:
                self.failures.append(f"song {seed} is {before}, {after}, but the answer is {verdict} {title}")

    def upload(self, seed: int) -> None:
        """Hand in a song over HTTP; if it is taken, it must be there in the end."""
        body, kind = multipart([("file", f"song {seed}.wav", self.files[seed].read_bytes())])
        try:
            answer = self.service.client.ask("POST", "/api/v1/tracks", body, {"Content-Type": kind})
        except Problem:
            self.unanswered.add(seed)
            return
        if answer.status == 202:
            self.jobs[answer.json["id"]] = seed
        elif answer.status != 503:
            self.failures.append(f"upload: {answer}")

    def remove(self, seed: int) -> None:
        """Remove a song over HTTP; once that is acknowledged it must be gone."""
        found = [t.id for t in self.there() if t.title == f"song {seed}"]
        try:
            answer = self.service.client.delete(f"/api/v1/tracks/{found[0]}")
        except Problem:
            return
        if answer.status == 204:
            self.expected.set(seed, "absent")
            self.acknowledged["removed"] += 1
        elif answer.status not in (404, 503):
            self.failures.append(f"removal: {answer}")

    # --- rounds ---------------------------------------------------------------------------------------------

    def there(self) -> list[Any]:
        """Return all tracks that are ready; waits for a server that is starting."""
        while True:
            try:
                return tracks.list_tracks(self.store, "default")
            except Unavailable:
                time.sleep(0.1)

    def round(self) -> None:
        """Set everything to work, kill one of them, see what is left, and that the service goes on by itself."""
        draw = self.draw
        absent, present = self.expected.those("absent"), self.expected.those("present")
        draw.shuffle(absent)
        hands = []
        if not self.enroller.alive():
            self.at_enroller = {absent.pop() for _ in range(min(4, len(absent)))}
            for seed in self.at_enroller:
                self.expected.set(seed, "unsure")
            self.enroller.start([self.files[seed] for seed in self.at_enroller])
        if absent and len(self.jobs) < 3 and draw.random() < 0.4:
            self.expected.set(absent[0], "unsure")
            hands.append(threading.Thread(target=self.upload, args=(absent[0],)))
        if present and draw.random() < (0.4 if len(absent) > 4 else 0.9):
            seed = draw.choice(present)
            self.expected.set(seed, "unsure")
            hands.append(threading.Thread(target=self.remove, args=(seed,)))
        for hand in hands:
            hand.start()
        weights = VICTIMS[self.kind]
        victim = draw.choices(list(weights), list(weights.values()))[0]
        if victim == "enroller":  # after none, one or two of its songs
            said = draw.randrange(3)
            until(lambda: len(self.enroller.lines()) >= said or not self.enroller.alive(), 60)
        time.sleep(draw.random() * (0.2 if victim == "enroller" else 0.8))
        self.kill(victim)
        for hand in hands:
            hand.join()
        self.take_stock()
        answered = self.answers["200"]
        until(lambda: self.answers["200"] > answered or self.failures, 60)

    def kill(self, victim: str) -> None:
        if victim == "enroller" and not self.enroller.alive():
            victim = "worker"
        self.kills[victim] += 1
        if victim == "server":
            assert self.server is not None
            self.server.kill()
            time.sleep(self.draw.random() * 0.5)
            self.server.start()
            return
        pid = self.enroller.pid if victim == "enroller" else self.draw.choice(self.service.workers())
        self.orphans.update(descendants(pid))
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def take_stock(self) -> None:
        """Compare the store with what was acknowledged, and learn what became of the rest."""
        is_enrolling = self.enroller.alive()
        for line in self.enroller.lines():
            seed = int(Path(line["file"]).stem.split()[1])
            if line["status"] == "enrolled" and seed in self.at_enroller:
                self.at_enroller.discard(seed)
                self.expected.set(seed, "present")
                self.acknowledged["enrolled"] += 1
        if not is_enrolling:
            self.at_enroller.clear()
        for job_id, seed in list(self.jobs.items()):
            with contextlib.suppress(*Problem):
                answer = self.service.client.get(f"/api/v1/jobs/{job_id}")
                if answer.status == 200 and answer.json["status"] == "done":
                    (done,) = answer.json["files"]
                    gave_up = done["error"] is not None and "again and again" in done["error"]["message"]
                    if done["status"] not in ("added", "present") and not gave_up:
                        self.failures.append(f"upload of {seed}: {done}")
                    self.acknowledged["given up" if gave_up else "uploaded"] += 1
                    del self.jobs[job_id]
        if not self.patiently(lambda: self.store.count("jobs", {"status": {"$in": ["queued", "running"]}})):
            self.unanswered.clear()
        found = self.there()
        titles = Counter(track.title for track in found)
        assert set(titles.values()) <= {1}, titles
        for track in found:
            whole(self.store, track)
        under_way = {*self.jobs.values(), *self.at_enroller, *self.unanswered}
        for seed in (*POOL, *ANCHORS):
            state, _ = self.expected.get(seed)
            is_there = f"song {seed}" in titles
            assert state == "unsure" or is_there == (state == "present"), (seed, state)
        # Whoever was killed between a change and telling of it is found out with the next change, or after a while.
        anchor = next(track.id for track in found if track.title == f"song {ANCHORS[0]}")
        self.patiently(lambda: tracks.edit(self.store, anchor, artist=str(self.draw.random())))
        for seed in POOL:
            if self.expected.get(seed)[0] == "unsure" and seed not in under_way:
                self.expected.set(seed, "present" if f"song {seed}" in titles else "absent")

    def patiently(self, act: Any) -> Any:
        """Do something as soon as the store answers."""
        deadline = time.monotonic() + 30
        while True:
            try:
                return act()
            except Unavailable:
                assert time.monotonic() < deadline
                time.sleep(0.1)

    def close(self) -> None:
        self.stopping.set()
        for listener in self.listeners:
            if listener.ident is not None:
                listener.join()
        self.enroller.close()
        self.store.close()


def whole(store: Store, track: Any) -> None:
    """Load everything of a track; what it lacks, or has too much of, raises."""
    try:
        arrays = track_arrays.load_models(store, track.id, track.version)
        words = track_arrays.load_subfingerprints(store, track.id, track.version)
    except CatalogueNotFound:
        raise
    except EarmarkError as error:
        if error.status == 404:  # removed meanwhile
            return
        raise
    assert {len(array) for array in arrays.values()} == {track.n_windows}
    assert np.isfinite(arrays["means"]).all()
    assert len(words) > 300


@pytest.fixture(params=["sqlite", "mongodb"])
def chaos(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Chaos]:
    """A service over each store, with two songs in its library."""
    server = None
    url = f"sqlite:///{tmp_path}/store.sqlite"
    if request.param == "mongodb":
        server = Nx27017(tmp_path / "server")
        server.start()
        url = f"{server.uri}/earmark"
    try:
        with cluster(tmp_path / "service", 2, store=url, lease_seconds=LEASE_S, workers=1) as service:
            parts = [(f"song {seed}.wav", file(seed)) for seed in ANCHORS]
            assert service.client.enroll(*parts)["added"] == len(ANCHORS)
            made = Chaos(request.param, url, tmp_path, service, server)
            try:
                yield made
            finally:
                made.close()
    finally:
        if server is not None:
            server.kill()


def test_nothing_is_lost_whoever_is_killed(chaos: Chaos) -> None:
    for listener in chaos.listeners:
        listener.start()
    for number in range(ROUNDS):
        chaos.round()
        assert chaos.failures == [], f"round {number}"
    print(f"{chaos.kind}: killed {dict(chaos.kills)}, {dict(chaos.acknowledged)}, answers {dict(chaos.answers)}")
    assert chaos.answers["200"] > ROUNDS

    # Everything comes back by itself: workers, and the jobs of those that died.
    until(lambda: len(chaos.service.workers()) == 2, 30)
    chaos.service.wait_until_all_are_warm()
    deadline = time.monotonic() + 60
    while chaos.jobs or chaos.unanswered or chaos.enroller.alive():
        assert time.monotonic() < deadline, chaos.jobs
        chaos.take_stock()
        time.sleep(0.2)
    chaos.take_stock()
    chaos.stopping.set()
    assert chaos.failures == []
    for seed in (*POOL, *ANCHORS, STRANGER):
        state, _ = chaos.expected.get(seed)
        expected = ("identified", f"song {seed}") if state == "present" else ("no_match", None)
        for answer in chaos.service.ask_each(chaos.snippets[seed]).values():
            assert heard(answer) == expected, seed

    # What the dead left behind is swept up, and nothing else is wrong.
    time.sleep(LEASE_S)
    chaos.patiently(lambda: remove_orphans(chaos.store))
    assert [finding for finding in examine(chaos.store) if finding.severity != "info"] == []
    mine = set(descendants(os.getpid()))
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in chaos.orphans - mine), 30)
    assert not any("Traceback" in json.dumps(entry) for entry in chaos.service.client.entries())
