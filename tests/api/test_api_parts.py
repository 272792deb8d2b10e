"""Parts of the service on their own: the gate, the watchdog, names, models."""

from __future__ import annotations

import dataclasses
import json
import logging
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from api_client import ROOT, until
from pydantic import BaseModel

from app import create_app
from classifier import results
from classifier.api import schemas, track_schemas
from classifier.api.gate import Gate
from classifier.api.logs import JsonFormatter, PlainFormatter
from classifier.api.requests import client_name
from classifier.api.snippets import RAW_TYPES
from classifier.api.watchdog import Watchdog
from classifier.catalogue import Catalogue
from classifier.errors import Busy
from classifier.records import tracks
from classifier.settings import Settings
from classifier.store import open_store


@pytest.mark.parametrize("model", [schemas.Match, schemas.Near, schemas.Searched, track_schemas.Track])
def test_models_of_answers_mirror_the_results(model: type[BaseModel]) -> None:
    fields = [field.name for field in dataclasses.fields(getattr(results, model.__name__))]
    assert list(model.model_fields) == fields


def test_the_tag_of_the_service_is_the_tag_of_the_library_and_more() -> None:
    fields = {field.name for field in dataclasses.fields(results.Tag)} - {"charts"}
    assert set(schemas.Tag.model_fields) == fields | {
        "id",
        "catalogue",
        "created",
        "file",
        "device",
        "recorded",
        "labels",
        "recordings",
    }


def test_the_gate_lets_in_as_many_as_it_has_places() -> None:
    gate = Gate(workers=2, queue=1)
    with gate.admitted(), gate.admitted(), gate.admitted():
        with pytest.raises(Busy) as refused, gate.admitted():
            pass
        assert refused.value.retry_after_s >= 1
    with gate.admitted():
        pass


def test_places_at_the_cpu_go_first_come_first_served() -> None:
    gate = Gate(workers=1, queue=9)
    order: list[int] = []
    release = threading.Event()

    def work(number: int) -> None:
        with gate.cpu():
            order.append(number)
            release.wait(10)

    threads = []
    for number in range(4):
        threads.append(threading.Thread(target=work, args=(number,)))
        threads[-1].start()
        until(lambda number=number: len(gate._waiting) == number and order)
    release.set()
    for thread in threads:
        thread.join(10)
    assert order == [0, 1, 2, 3]


def test_a_failure_gives_its_place_back() -> None:
    gate = Gate(workers=1, queue=0)
    for _ in range(3):
        with pytest.raises(ValueError, match="x"), gate.admitted(), gate.cpu():
            raise ValueError("x")


def test_the_watchdog_calls_when_overdue_again_when_asked_and_never_when_cancelled() -> None:
    watchdog, calls = Watchdog(), []

    def again() -> float | None:
        calls.append("again")
        return 0.05 if len(calls) < 3 else None

    cancel = watchdog.add(0.1, lambda: calls.append("cancelled"))
    watchdog.add(0.05, again)
    cancel()
    until(lambda: len(calls) == 3)
    time.sleep(0.15)
    assert calls == ["again"] * 3


@pytest.mark.parametrize(
    ("given", "kept"),
    [("a.wav", "a.wav"), ("/etc/passwd", "passwd"), ("C:\\x\\y.mp3", "y.mp3"), ("..", ".."), ("a\0b\x1b[1m", "a b [1m"),
     ("", None), (None, None), ("x/", None), ("é" * 300, "é" * 199 + "…"), ("\u202eevil", "evil")],
)  # fmt: skip
def test_names_that_clients_give(given: str | None, kept: str | None) -> None:
    assert client_name(given) == kept


@pytest.mark.parametrize("kind", ["audio/wav", "audio/x-caf", "audio/3gpp", "video/webm", "application/octet-stream"])
def test_types_of_raw_bodies(kind: str) -> None:
    assert RAW_TYPES.match(kind)
    assert not RAW_TYPES.match(kind + "\n")
    assert not RAW_TYPES.match("text/" + kind)


def test_lines_for_people_say_what_was_asked_and_answered() -> None:
    answered = logging.LogRecord("earmark.access", logging.INFO, __file__, 1, "%s %s", ("GET", 404), None)
    answered.route, answered.ms, answered.problem = "/api/v1/tags/<tag_id>", 3.2, "tag_not_found"
    line = PlainFormatter().format(answered)
    assert line[8:] == "  GET 404 /api/v1/tags/<tag_id> 3.2 ms tag_not_found"
    try:
        raise ValueError("x")
    except ValueError as error:
        raised = (ValueError, error, error.__traceback__)
    failed = logging.LogRecord("earmark", logging.ERROR, __file__, 1, "it broke", (), raised)
    first, *rest = PlainFormatter().format(failed).splitlines()
    assert first.endswith("  error: it broke")
    assert rest[-1] == "ValueError: x"


@pytest.mark.parametrize("formatter", [PlainFormatter(), JsonFormatter()])
def test_log_lines_cannot_command_a_terminal(formatter: logging.Formatter) -> None:
    """Names of catalogues and files reach the log, and so do the texts of exceptions."""
    try:
        raise ValueError("\x9b2Aevil\u202e")
    except ValueError as error:
        raised = (ValueError, error, error.__traceback__)
    record = logging.LogRecord("earmark", logging.ERROR, __file__, 1, "%s", ("a\x1b[31m\nb",), raised)
    lines = formatter.format(record).split("\n")
    assert all(line.isprintable() for line in lines)
    assert "x1b[31m" in lines[0] or "u001b[31m" in lines[0]


def test_log_lines_are_json_with_traceback_and_extras() -> None:
    try:
        raise ValueError("x")
    except ValueError as error:
        record = logging.LogRecord(
            "earmark", logging.ERROR, __file__, 1, "it %s", ("broke",), (ValueError, error, None)
        )
    record.status = 500
    entry = json.loads(JsonFormatter().format(record))
    assert (entry["message"], entry["level"], entry["status"]) == ("it broke", "ERROR", 500)
    assert "ValueError: x" in entry["traceback"]


def test_ready_says_how_many_tracks_are_missing(tmp_path: Path, files: list[tuple[str, bytes]]) -> None:
    """A damaged track does not stop the service, and does not go unnoticed either."""
    settings = Settings(data_dir=str(tmp_path))
    with Catalogue.open(settings=settings) as catalogue:
        good, bad = (catalogue.enroll(content).track.id for _, content in files[:2])
    shutil.rmtree(tmp_path / "index", ignore_errors=True)
    store = open_store(settings.store)
    store.update("models", {"track_id": bad}, set={"sha256": "0" * 64})
    for removed, missing in ((None, 1), (bad, 0)):
        if removed is not None:
            tracks.remove(store, removed)
        app = create_app(settings)
        try:
            client = app.test_client()
            answer = until(lambda client=client: (a := client.get("/readyz")).status_code == 200 and a, 60)
            assert answer.json == {
                "ready": True,
                "checks": dict.fromkeys(("store", "index", "decoder"), "ok"),
                "tracks_missing": missing,
            }
        finally:
            app.extensions["earmark"].close()
    assert good in tracks.ready(store, settings.catalogue)
    store.close()


GROWTH = """
import sys, threading
import numpy as np
from classifier.api import memory

if sys.argv[1] == "yes":
    assert memory.give_back()

def work():
    for _ in range(5):  # grows and shrinks, as the arrays of a long snippet do, with something small left in between
        large = [np.ones(n * 1_200_000) for n in range(1, 4)]
        kept.append([bytes(1000) for _ in range(50)])

kept = []
for _ in range(4):
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
print(next(int(line.split()[1]) // 1024 for line in open("/proc/self/status") if line.startswith("RssAnon")))
"""


def test_what_snippets_needed_goes_back_to_the_system() -> None:
    """Four threads at a time hold 58 MB each, again and again: in the end the process holds nothing of it."""
    resident_mb = {}
    for how in ("yes", "no"):
        done = subprocess.run([sys.executable, "-c", GROWTH, how], cwd=ROOT, capture_output=True, text=True, check=True)
        resident_mb[how] = int(done.stdout)
    assert resident_mb["yes"] < 58, resident_mb
    assert resident_mb["yes"] <= resident_mb["no"]
