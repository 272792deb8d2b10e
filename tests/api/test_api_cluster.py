"""A service whose searches several machines make: what its callers get while they are there, and while they are not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from api_client import Client, running, until

from classifier.demo.songs import Song
from tests.cluster.processes import Cluster
from tests.library import phone_snippet


@pytest.fixture
def cluster(tmp_path) -> Iterator[Cluster]:
    with Cluster(tmp_path / "cluster", f"sqlite:///{tmp_path}/store.sqlite") as cluster:
        yield cluster


def test_without_a_scheduler_callers_are_told_to_come_back(cluster, tmp_path, songs: list[Song], files):
    """503 with Retry-After within seconds, readiness says why, and all is well by itself once it is back."""
    cluster.start_workers(1)
    snippet = phone_snippet(songs[0], 6.0, 5.0, snr_db=10.0, seed=1)
    settings = {"store": cluster.store, "scheduler": cluster.url, "shards": 2}
    with running(tmp_path / "data", **settings) as service:
        client: Client = service.client
        client.enroll(*files[:2])
        named = client.tag(snippet).json
        assert (named["verdict"], named["matches"][0]["title"]) == ("identified", songs[0].title)
        assert named["searched"]["share"] == 1.0
        assert client.get("/readyz").json["checks"]["workers"] == "ok"
        cluster.scheduler.kill()
        refused = until(lambda: (found := client.tag(snippet)).status == 503 and found)
        refused.problem(503, "cluster_unavailable")
        assert int(refused.headers["retry-after"]) >= 1
        ready = client.get("/readyz")
        assert (ready.status, ready.json["checks"]["workers"]) == (503, "cluster_unavailable")
        cluster.start_scheduler()
        again = until(lambda: (found := client.tag(snippet)).status == 200 and found.json, 60.0)
        assert again["matches"] == named["matches"]
        until(lambda: client.get("/readyz").status == 200, 60.0)
