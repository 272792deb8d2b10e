"""Workers that die are replaced by warm ones: right answers all the time, and none that had to load something first."""

from __future__ import annotations

import http.client
import os
import signal
import threading
from collections import Counter
from pathlib import Path

from api_client import until
from ops_service import cluster, file, heard, snippet

from tests.servers import free_port

KNOWN = (601, 602)
STRANGER = 699
ROUNDS = 3


def test_a_new_worker_is_warm_before_it_answers(tmp_path: Path) -> None:
    with cluster(tmp_path, 2, workers=1) as service:
        client = service.client
        assert client.enroll(*((f"{seed}.wav", file(seed)) for seed in KNOWN))["added"] == len(KNOWN)
        expected = {seed: ("identified", str(seed)) for seed in KNOWN} | {STRANGER: ("no_match", None)}
        for _ in range(ROUNDS):
            victim, other = service.workers()
            os.kill(victim, signal.SIGKILL)
            (new,) = until(lambda known=(victim, other): set(service.workers()) - set(known))
            with service.only(new):
                assert client.get("/readyz").status == 200  # the first thing that it is asked
                for seed, right in expected.items():
                    assert heard(client.tag(snippet(seed))) == right


def test_answers_keep_coming_while_workers_die(tmp_path: Path) -> None:
    stop = threading.Event()
    outcomes: Counter[str] = Counter()
    wrong: list[object] = []
    with cluster(tmp_path, 2, workers=1) as service:
        client = service.client
        assert client.enroll(*((f"{seed}.wav", file(seed)) for seed in KNOWN))["added"] == len(KNOWN)

        def listen(seed: int, right: tuple[str, str | None]) -> None:
            content = snippet(seed)
            while not stop.is_set():
                try:
                    answer = client.tag(content)
                except (OSError, http.client.HTTPException):
                    outcomes["cut off"] += 1
                    continue
                if answer.status != 200 or heard(answer) != right:
                    wrong.append(answer)
                outcomes["answered"] += 1

        listeners = [
            threading.Thread(target=listen, args=(KNOWN[0], ("identified", str(KNOWN[0])))),
            threading.Thread(target=listen, args=(STRANGER, ("no_match", None))),
        ]
        for listener in listeners:
            listener.start()
        try:
            for _ in range(ROUNDS):
                before = service.workers()
                os.kill(before[0], signal.SIGKILL)
                until(lambda known=before: set(service.workers()) - set(known))
                answered = outcomes["answered"]
                until(lambda known=answered: outcomes["answered"] > known + 10, 60)
        finally:
            stop.set()
            for listener in listeners:
                listener.join()
        assert wrong == []
        assert outcomes["cut off"] <= ROUNDS * len(listeners)  # what the dead were answering, and nothing else
        service.wait_until_all_are_warm()


def test_a_worker_without_a_store_serves_and_says_so(tmp_path: Path) -> None:
    with cluster(tmp_path, 1, warm=False, store=f"mongodb://127.0.0.1:{free_port()}/none") as service:
        assert service.client.get("/healthz").status == 200
        problem = service.client.get("/readyz").problem(503, "not_ready")
        assert problem["checks"]["store"] != "ok"
        service.client.tag(snippet(KNOWN[0])).problem(503, "store_unavailable")
