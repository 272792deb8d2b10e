"""The load benchmark runs, counts right answers, and finds the memory that docs/deployment.md states."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from api_client import ROOT

from bench.measure import load


def test_a_short_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "N_SNIPPETS", 2)
    target = tmp_path / "load.json"
    options = ["--seconds", "1", "--long-seconds", "1", "--songs", "1", "--clients", "1", "3", "--queue", "2"]
    assert load.main([*options, "--json", str(target)]) == 0
    result = json.loads(target.read_text())
    one, three = result["rows"]
    assert one["statuses"] == {"200": one["answered"]}
    assert one["right"] == one["answered"] > 0
    assert set(three["statuses"]) <= {"200", "503"}
    assert 0 < one["p50_s"] <= one["p99_s"]
    stated = re.search(r"\| memory \| (\d+) MB a worker process", (ROOT / "docs" / "deployment.md").read_text())
    assert stated is not None
    most_mb = float(stated[1])
    assert most_mb / 4 < one["memory_mb"] < most_mb
    assert result["memory_after_long_mb"] < most_mb
