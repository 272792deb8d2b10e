"""One service with a small library for all tests that leave the library as they found it.

Tests that change settings, kill things or need several processes start their own.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from api_client import Client, Running, running, wav

from classifier.demo.songs import Song, compose


@pytest.fixture(scope="session")
def songs() -> list[Song]:
    """Return three short songs."""
    return [compose(seed, duration_s=24.0) for seed in (11, 12, 13)]


@pytest.fixture(scope="session")
def files(songs: list[Song]) -> list[tuple[str, bytes]]:
    """Return the songs as files, named after their titles."""
    return [(f"{song.title}.wav", wav(song.samples, song.sample_rate)) for song in songs]


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory, files: list[tuple[str, bytes]]) -> Iterator[Running]:
    """Run a service with the first two songs in its library."""
    with running(tmp_path_factory.mktemp("service")) as own:
        job = own.client.enroll(*files[:2])
        assert [file["status"] for file in job["files"]] == ["added", "added"], job
        yield own


@pytest.fixture
def client(service: Running) -> Client:
    """Return a client of the shared service."""
    return service.client
