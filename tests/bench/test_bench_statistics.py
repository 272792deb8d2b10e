"""Statistics of a benchmark against analytic values, other implementations and counting by hand."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from bench import statistics
from bench.outcomes import Outcome
from tests.bench.outcomes_made import PEERS, made

BASE = Outcome("q", "clean", 5.0, True, "a", "auto", 59, "identified", "a", True, True)
STRANGER = replace(BASE, known=False, right=False, right_name=False, verdict="no_match")


def numbered(outcomes: list[Outcome]) -> list[Outcome]:
    return [replace(o, query_id=str(i)) for i, o in enumerate(outcomes)]


def test_cells_count_what_they_say():
    right = [replace(BASE, error_s=e, cluster=c) for e, c in ((0.001, "a"), (0.002, "b"), (0.009, "c"))]
    below = replace(BASE, verdict="no_match", error_s=0.003)
    wrong = replace(BASE, right=False, right_name=False, verdict="ambiguous")
    misplaced = replace(BASE, right=False)
    (row,) = statistics.cells(numbered([*right, below, wrong, misplaced, STRANGER]))
    assert (row["queries"], row["wrong"], row["ambiguous"]) == (6, 2, 1)
    assert (row["identified"], row["top1"]) == (pytest.approx(3 / 6), pytest.approx(5 / 6))
    assert row["offset_ms_median"] == pytest.approx(2.5)
    (counted,) = statistics.offsets([*right, below, wrong])
    assert (counted["answers"], sum(counted["counts"]), counted["max_ms"]) == (3, 3, pytest.approx(9.0))


def test_rivals_meet_on_the_same_snippets():
    own = numbered([BASE, BASE, replace(BASE, right=False), replace(BASE, right=False)])
    theirs = [replace(o, by="peer", right=i == 1) for i, o in enumerate(own[:3])]
    (row,) = statistics.rivals([*own, *theirs])
    assert (row["queries"], row["earmark"], row["peer"]) == (3, pytest.approx(2 / 3), pytest.approx(1 / 3))
    assert not row["behind"]
    (row,) = statistics.rivals([*own, *(replace(o, by="peer", right=i < 2) for i, o in enumerate(own[:3]))])
    assert row["behind"]
    (row,) = statistics.rivals([*own, *(replace(o, by="peer") for o in own[:2])])
    assert not row["behind"]  # both miss nothing


def test_calibration_by_hand():
    known = [replace(BASE, confidence=0.95), replace(BASE, confidence=0.85, right=False)]
    strangers = [replace(STRANGER, confidence=v) for v in (0.05, 0.05, 0.95, 0.15)]
    error, bins = statistics.calibration([*known, *strangers, replace(STRANGER, confidence=None)])
    # Weights: a quarter for each known one, an eighth for each stranger.
    assert [b["queries"] for b in bins] == [2, 1, 1, 2]
    assert [b["share"] for b in bins] == pytest.approx([1 / 4, 1 / 8, 1 / 4, 3 / 8])
    assert error == pytest.approx(0.25 * 0.05 + 0.125 * 0.15 + 0.25 * 0.85 + 0.375 * abs(0.95 - 2 / 3))


def test_confidence_that_is_true_has_no_error():
    rng = np.random.default_rng(440)
    said = rng.uniform(size=20000)
    outcomes = [replace(BASE, confidence=float(c), right=bool(rng.uniform() < c)) for c in said]
    assert statistics.calibration(outcomes)[0] < 0.015  # ten bins, each within three standard errors


def test_false_alarms_of_true_e_values_are_nominal():
    # If chance reaches E <= x in a share 1 - exp(-x) of searches, E is -log(1 - u) for uniform u.
    u = (np.arange(100_000) + 0.5) / 100_000
    outcomes = [
        replace(STRANGER, query_id=str(i), cluster=str(i % 50), tracks=10, log10_e=float(np.log10(-np.log1p(-v))))
        for i, v in enumerate(u)
    ]
    rows = statistics.false_alarms([*outcomes, replace(STRANGER, condition="only-hum", log10_e=None)])
    music = [row for row in rows if row["sound"] == "music"]
    assert [row["e_value"] for row in music] == list(statistics.NOMINAL)
    for row in music[:-1]:
        assert row["factor"] == pytest.approx(1, abs=0.06)
        assert row["tracks"] == 10
    assert all(row["count"] == 0 for row in rows if row["sound"] == "no music")


def test_seconds_add_up_and_peers_have_one_stage():
    timed = [replace(BASE, seconds={"model": v, "align": 2 * v}) for v in (1.0, 2.0, 4.0)]
    rows = statistics.seconds([*timed, replace(BASE, by="peer", seconds={"total": 7.0})])
    found = {(r["by"], r["stage"]): (r["queries"], r["median"], r["max"]) for r in rows}
    assert found["auto", "total"] == (3, 6.0, 12.0)
    assert found["auto", "align"] == (3, 4.0, 8.0)
    assert found["peer", "total"] == (1, 7.0, 7.0)
    assert len(found) == 4


def test_wrong_names_are_listed_strangers_and_the_surest_first():
    wrong = [replace(STRANGER, verdict="identified", log10_e=v) for v in (-6.0, -9.0)]
    misplaced = replace(BASE, right=False, log10_e=-20.0)
    rows = statistics.listed(numbered([BASE, misplaced, *wrong, STRANGER]))
    assert [row["log10_e"] for row in rows] == [-9.0, -6.0, -20.0]


def test_document_is_json_and_keeps_other_catalogues_out_of_the_tables():
    outcomes = made(4)
    small = [replace(o, tracks=10) for o in outcomes if not o.known and o.by == "auto"]
    document = statistics.document([*outcomes, *small], 59, {"date": "today"})
    assert json.loads(json.dumps(document, allow_nan=False)) == json.loads(json.dumps(document))
    assert document["cells"] == statistics.document(outcomes, 59, {})["cells"]
    assert {row["tracks"] for row in document["false_alarms"]} == {10, 59}
    assert {row["by"] for row in document["rivals"]} == set(PEERS)
