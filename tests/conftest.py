"""What every test gets: a clean environment, a data folder of its own, one seeded generator."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from classifier.catalogue import Catalogue
from classifier.demo.songs import Song, catalogue_seeds, compose, write
from tests import library as shelf

pytest_plugins = ["tests.places"]

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

_KEPT = ("EARMARK_REQUIRE_ALL", "EARMARK_TEST_MONGO_URI", "EARMARK_BENCH_CACHE", "EARMARK_DATA")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marks."""
    config.addinivalue_line("markers", "slow: takes more than ten seconds; left out by -m 'not slow'")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Drop all EARMARK_* settings and point the data folder at a temporary one."""
    for name in list(os.environ):
        if name.startswith("EARMARK_") and name not in _KEPT:
            monkeypatch.delenv(name)
    monkeypatch.setenv("EARMARK_DATA_DIR", str(tmp_path / "data"))


@pytest.fixture
def weights_dir(monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder with the weights of the tagging network, and set it for all that the test starts."""
    if not (shelf.WEIGHTS / "musicnn-msd" / "manifest.json").exists():
        pytest.skip("the tagging network is not on this machine: run 'earmark models get musicnn-msd'")
    monkeypatch.setenv("EARMARK_WEIGHTS_DIR", str(shelf.WEIGHTS))
    return shelf.WEIGHTS


@pytest.fixture
def rng() -> np.random.Generator:
    """Return the tests' generator."""
    return np.random.default_rng(440)


@pytest.fixture(scope="session")
def enrolled_songs() -> list[Song]:
    """Return the songs that ``library`` holds, in the order in which they were enrolled."""
    return [compose(seed, duration_s=shelf.SONG_S) for seed in catalogue_seeds(shelf.N_ENROLLED)]


@pytest.fixture(scope="session")
def unknown_songs() -> list[Song]:
    """Return songs that are in no catalogue."""
    seeds = list(catalogue_seeds(shelf.N_ENROLLED + shelf.N_UNKNOWN))[shelf.N_ENROLLED :]
    return [compose(seed, duration_s=shelf.SONG_S) for seed in seeds]


@pytest.fixture(scope="session")
def music_files(tmp_path_factory: pytest.TempPathFactory, enrolled_songs: list[Song]) -> list[Path]:
    """Return the songs of ``library`` as tagged FLAC files; nobody changes them."""
    folder = tmp_path_factory.mktemp("music")
    return [write(song, folder) for song in enrolled_songs]


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory, music_files: list[Path]) -> Iterator[Catalogue]:
    """Return a catalogue with ``enrolled_songs``, for tests that leave it as they found it."""
    settings = shelf.settings_in(tmp_path_factory.mktemp("library"))
    with Catalogue.open(settings=settings) as catalogue:
        for path in music_files:
            catalogue.enroll(path)
        yield catalogue


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """Turn every skip into a failure where all parts must be there."""
    outcome = yield
    report = outcome.get_result()
    if report.skipped and os.environ.get("EARMARK_REQUIRE_ALL") == "1":
        report.outcome = "failed"
        report.longrepr = f"skipped although EARMARK_REQUIRE_ALL=1: {report.longrepr}"
