"""What every test gets: a clean environment, a data folder of its own, one seeded generator."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

_KEPT = ("EARMARK_REQUIRE_ALL", "EARMARK_TEST_MONGO_URI", "EARMARK_BENCH_CACHE")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Drop all EARMARK_* settings and point the data folder at a temporary one."""
    for name in list(os.environ):
        if name.startswith("EARMARK_") and name not in _KEPT:
            monkeypatch.delenv(name)
    monkeypatch.setenv("EARMARK_DATA_DIR", str(tmp_path / "data"))


@pytest.fixture
def rng() -> np.random.Generator:
    """Return the tests' generator."""
    return np.random.default_rng(440)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):  # noqa: ANN201, ARG001
    """Turn every skip into a failure where all parts must be there."""
    outcome = yield
    report = outcome.get_result()
    if report.skipped and os.environ.get("EARMARK_REQUIRE_ALL") == "1" and not item.get_closest_marker("optional"):
        report.outcome = "failed"
        report.longrepr = f"skipped although EARMARK_REQUIRE_ALL=1: {report.longrepr}"
