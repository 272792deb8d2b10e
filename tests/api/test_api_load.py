"""The load benchmark runs, and counts right answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.measure import load


def test_a_short_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "N_SNIPPETS", 2)
    target = tmp_path / "load.json"
    status = load.main(["--seconds", "1", "--songs", "1", "--clients", "1", "3", "--queue", "0", "--json", str(target)])
    assert status == 0
    one, three = json.loads(target.read_text())["rows"]
    assert one["statuses"] == {"200": one["answered"]}
    assert one["right"] == one["answered"] > 0
    assert set(three["statuses"]) <= {"200", "503"}
    assert 0 < one["p50_s"] <= one["p99_s"]
