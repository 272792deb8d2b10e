"""``/metrics``: all processes together, in a format that Prometheus' own parser reads, and for admins only."""

from __future__ import annotations

import json
import os
import re
import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from api_client import ROOT, Client, Running, piece, running, wav
from prometheus_client.parser import text_string_to_metric_families

from classifier.demo.songs import Song
from classifier.records import keys
from classifier.store import open_store
from tests.waiting import until


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Run two processes with an empty library."""
    os.environ["WEB_CONCURRENCY"] = "2"
    try:
        command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py"]
        with running(tmp_path_factory.mktemp("metrics"), command=command, port=free_port()) as service:
            yield service
    finally:
        del os.environ["WEB_CONCURRENCY"]


def figures(client: Client) -> dict[tuple[str, ...], float]:
    """Return every sample by its name and labels."""
    answer = client.get("/metrics")
    assert answer.status == 200, answer
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, *sorted(f"{name}={value}" for name, value in sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.body.decode())
        for sample in family.samples
    }


def test_processes_count_together(own: Running, songs: list[Song]) -> None:
    client, content = own.client, wav(piece(songs[0], 4.0, 5.0), songs[0].sample_rate)
    for _ in range(6):
        assert client.tag_raw(content, "audio/wav").status == 200
    assert client.tag_raw(b"nonsense", "audio/wav").status == 415
    assert client.get("/nowhere/at/all.txt").status == 404
    found = figures(client)
    assert found["earmark_requests_total", "method=POST", "route=/api/v1/tags", "status=200"] == 6
    assert found["earmark_request_seconds_count", "route=/api/v1/tags"] == 7
    assert found["earmark_verdicts_total", "method=auto", "verdict=no_match"] == 6
    assert found["earmark_stage_seconds_count", "stage=align"] == 6
    assert found["earmark_problems_total", "name=audio_unreadable"] == 1
    assert found["earmark_snippets_in_work",] == found["earmark_recordings_in_work",] == 0
    assert (found["earmark_tracks", "catalogue=default"], found["earmark_tracks_missing",]) == (0, 0)
    assert found["earmark_jobs", "status=queued"] == 0
    assert not [name for name in found if "nowhere" in str(name)]


def test_keys_keep_figures_for_admins(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        client = service.client
        assert client.get("/metrics").status == 200
        with closing(open_store(f"sqlite:///{tmp_path}/earmark.sqlite")) as store:
            secrets = {role: keys.create(store, role, role)[1] for role in ("admin", "tag")}
        until(lambda: client.get("/metrics").status == 401, 10)
        client.get("/metrics").problem(401, "key_missing")
        client.get("/metrics", Authorization=f"Bearer {secrets['tag']}").problem(403, "key_role")
        assert client.get("/metrics", Authorization=f"Bearer {secrets['admin']}").status == 200


def test_the_board_asks_for_figures_that_there_are(own: Running) -> None:
    board = json.loads((ROOT / "deploy" / "grafana.json").read_text())
    queries = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    assert len(queries) >= 8
    there = {str(name[0]) for name in figures(own.client)}
    families = {re.sub(r"_(total|bucket|count|sum|created)$", "", name) for name in there} | there
    for query in queries:
        for name in re.findall(r"earmark_\w+", query):
            assert re.sub(r"_(total|bucket|count|sum)$", "", name) in families, query
