"""Sums of outcomes by hand, grids by enumeration, and choices that do not flatter themselves."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from classifier.errors import InvalidParameter
from classifier.experiments import grid, report
from classifier.experiments.asking import Journal, Outcome
from classifier.experiments.summary import summarise
from classifier.metrics import calibration_error
from classifier.svg import shares_svg


def outcome(i: int, *, known: bool = True, right: bool = True, verdict: str = "identified", **more) -> Outcome:
    return Outcome(
        id=f"clean/{i}",
        file=f"{i}.wav",
        condition=more.pop("condition", "clean"),
        track_id=f"t{i}" if known else None,
        track=f"Track {i}" if known else None,
        verdict=verdict,
        named_id=f"t{i}" if right else "other",
        named=f"Track {i}" if right else "<Other>",
        right=right and known,
        **more,
    )


OUTCOMES = [
    outcome(0, error_s=0.01, margin=5.0, confidence=0.9),
    outcome(1, error_s=0.03, margin=7.0, confidence=0.9),
    outcome(2, verdict="no_match", confidence=0.4),
    outcome(3, right=False, confidence=0.9),
    outcome(4, known=False, right=False, verdict="no_match", condition="bar", confidence=0.1),
    outcome(5, known=False, right=False, verdict="identified", condition="bar", confidence=0.8),
    Outcome("clean/6", "6.wav", "clean", fault="it has no bytes"),
]


def test_outcomes_add_up():
    summary = summarise(OUTCOMES)
    everything, clean, bar = summary.rows
    assert (everything.known, everything.unknown) == (4, 2)
    assert (clean.condition, clean.right.value, clean.identified.value, clean.wrong.value) == ("clean", 0.75, 0.5, 0.25)
    assert (bar.known, bar.right.value, bar.false_names.value) == (0, None, 0.5)
    assert (clean.offset_error_s, clean.margin) == (0.02, 6.0)
    assert summary.confused == [("Track 3", "<Other>", 1)]
    assert summary.faults == [("6.wav", "it has no bytes")]
    stated = np.array([0.9, 0.9, 0.4, 0.9, 0.1, 0.8])
    right = np.array([True, True, True, False, False, False])
    assert summary.calibration_error == pytest.approx(calibration_error(stated, right)[0])


def test_nothing_asked_has_no_shares():
    assert summarise([]).rows[0].right.value is None


def test_a_report_is_well_formed_and_escaped():
    page = report.validation("A & B", ["<fact>"], summarise(OUTCOMES))
    assert "&lt;Other&gt;" in page
    assert "<Other>" not in page
    assert "<script" not in page
    for part in page.split("<svg")[1:]:
        ElementTree.fromstring("<svg" + part.split("</svg>")[0] + "</svg>")


def test_a_chart_puts_shares_in_their_place():
    root = ElementTree.fromstring(shares_svg([("a", 0.0, 0.0, 0.1), ("b", 1.0, 0.5, 1.0)], "title"))
    left, right = (float(c.get("cx") or 0) for c in root.iter("{http://www.w3.org/2000/svg}circle"))
    ends = [float(t.get("x") or 0) for t in root.iter("{http://www.w3.org/2000/svg}text") if "%" in (t.text or "")]
    assert (left, right) == (min(ends), sorted(ends)[5])


def test_a_grid_is_every_combination():
    axes = grid.parse(["n_components=4,6", "covariance_type=full,diag"])
    found = grid.cells(axes, {"map_relevance": 0.0})
    assert [tuple(cell.values.values()) for cell in found] == list(itertools.product([4, 6], ["full", "diag"]))
    assert all(cell.config is not None and cell.config.map_relevance == 0.0 for cell in found)


def test_an_overlap_is_a_frame_step_and_what_cannot_be_says_why():
    half, quarter, none = grid.cells({"overlap": [2, 4, 0.5]}, {"frame_length": 1024})
    assert half.config is not None
    assert quarter.config is not None
    assert (half.config.frame_step, quarter.config.frame_step) == (512, 256)
    assert none.config is None
    assert "overlap is 0.5" in none.refused
    (refused,) = grid.cells({"n_components": [99]}, {})
    assert "n_components" in refused.refused


@pytest.mark.parametrize("preset", list(grid.PRESETS))
def test_most_of_each_preset_can_be_run(preset):
    found = grid.cells(grid.PRESETS[preset], grid.SYNCED)
    assert sum(cell.config is not None for cell in found) >= len(found) / 2


@pytest.mark.parametrize("spec", ["n_component=4", "n_components", "n_components=", "n_components=4,,6"])
def test_values_that_cannot_be_read_are_named(spec):
    with pytest.raises(InvalidParameter, match=r"n_component"):
        grid.parse([spec])


def test_choosing_among_coins_flatters_and_nested_selection_does_not():
    """Cells that hit at random are all worth one half; the best of many looks better, the nested figure does not."""
    rng = np.random.default_rng(5)
    queries = [str(i) for i in range(200)]
    hits = {cell: dict(zip(queries, (rng.random(200) < 0.5).tolist(), strict=True)) for cell in range(60)}
    choice = grid.choose(hits, {query: query for query in queries}, seed=0)
    assert choice.flattered > 0.56
    assert abs(choice.nested - 0.5) < 3 * (0.25 / 200) ** 0.5


def test_a_cell_that_is_better_is_chosen_in_every_fold():
    hits = {0: {str(i): i % 2 == 0 for i in range(20)}, 1: {str(i): i != 3 for i in range(20)}}
    choice = grid.choose(hits, {str(i): str(i // 2) for i in range(20)}, seed=1)
    assert (choice.best, set(choice.chosen)) == (1, {1})
    assert choice.flattered == choice.nested == 0.95


def test_a_journal_passes_over_half_a_line(tmp_path):
    path = tmp_path / "outcomes.jsonl"
    Journal(path).add(OUTCOMES[:3])
    with path.open("a") as file:
        file.write('{"id": "half')
    again = Journal(path)
    assert list(again.outcomes.values()) == OUTCOMES[:3]
    again.add(OUTCOMES[3:])
    assert list(Journal(path).outcomes.values()) == OUTCOMES
