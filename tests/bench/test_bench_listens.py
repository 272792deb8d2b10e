"""How much sound a growing recording takes, and what strangers would be named for: the tables."""

from __future__ import annotations

import math

from bench.measure.listens import Heard, allowances, rows


def test_recordings_are_counted_by_when_they_were_named():
    heard = [Heard("clean", True, seconds, True) for seconds in (1.0, 1.8, 2.6)]
    heard += [Heard("clean", True, math.inf, False), Heard("clean", True, 1.0, False)]
    (row, strangers) = rows(heard)
    assert row[:2] == ["clean", "5"]
    assert row[2] == "2.6"  # the third of five; what is never named, or wrongly, comes last
    assert row[5:] == ["40", "60", "60", "60", "1"]
    assert strangers[1] == "0"


def test_strangers_are_counted_by_the_false_alarms_that_would_name_them():
    needed = [0.5, -0.2, -0.9, -1.0, -2.3, math.inf]
    table = allowances([Heard("clean", False, math.inf, False, log10_allowed) for log10_allowed in needed])
    assert [row[-1] for row in table] == ["4", "2", "1", "0", "0", "0"]
    assert table[1][:2] == ["0.1", "9.52"]
    assert table[1][2].startswith("33.3 (")
    assert allowances([Heard("clean", True, 1.0, True)]) == []
