"""The report is one file: well-formed charts with words for those who do not see them, and nothing from elsewhere."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from bench import statistics
from bench.measure import charts, report
from bench.outcomes import ROOT
from tests.bench.outcomes_made import PEERS, made

FACTS = {"date": "1 January 2027", "processes": "2", "corpus": "<made up> & more"}


class Page(HTMLParser):
    """Collects tags, ids and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        values = dict(attrs)
        self.ids += [values["id"]] if values.get("id") else []
        self.links += [v for name in ("src", "href", "xlink:href") if (v := values.get(name))]


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return json.loads(json.dumps(statistics.document(made(), 59, FACTS)))


@pytest.fixture(scope="module")
def page(document: dict[str, Any]) -> str:
    return report.page(document)


def test_page_needs_nothing_from_elsewhere(page: str) -> None:
    read = Page(page)
    assert not {"script", "link", "img", "iframe"} & set(read.tags)
    assert all(link.startswith("#") for link in read.links)
    assert {link[1:] for link in read.links} <= set(read.ids)
    assert not re.search(r"url\((?!#)|@import", page)
    assert len(read.ids) == len(set(read.ids))


def test_every_chart_is_well_formed_and_has_words(page: str) -> None:
    drawings = re.findall(r"<svg .*?</svg>", page, flags=re.DOTALL)
    assert len(drawings) == 6
    for drawing in drawings:
        root = ElementTree.fromstring(drawing)
        assert root.get("role") == "img"
        assert len(root.get("aria-label", "")) > 60
        assert "".join(root.itertext()).strip()


@pytest.mark.parametrize(
    "axis",
    [
        "music over noise, dB",
        "identified, %",
        "confidence, %",
        "strangers named, %",
        "error of the place, ms",
        "seconds:",
    ],
)
def test_axes_are_named_with_units(page: str, axis: str) -> None:
    assert axis in page


def test_colours_are_the_pages_own(page: str) -> None:
    assert "#010203" not in page
    assert "#0a0b0" not in page
    drawn = "".join(re.findall(r"<svg .*?</svg>", page, flags=re.DOTALL))
    assert "currentColor" in drawn
    assert not re.findall(r"(?:fill|stroke): #(?!ffffff)[0-9a-f]{6}", drawn)
    for i in range(1, 7):
        assert page.count(f"--s{i}:") == 3  # light, dark, print


def test_facts_are_escaped_and_cells_in_which_a_rival_wins_are_marked(page: str, document: dict[str, Any]) -> None:
    assert "&lt;made up&gt; &amp; more" in page
    marks = page.count("▲ ") - 1  # one in the sentence that explains it
    assert marks == sum(row["behind"] for row in document["rivals"]) > 0
    for by in PEERS:
        assert charts.label(by) in page


def test_the_same_document_gives_the_same_page(document: dict[str, Any], page: str) -> None:
    assert report.page(document) == page


def test_shares_are_never_rounded_to_all_or_nothing() -> None:
    assert [report.percent(v) for v in (0.0, 1.0, 0.5, 0.9999, 0.0001)] == ["0.0", "100.0", "50.0", ">99.9", "<0.1"]


def test_a_run_of_a_single_kind_has_a_report_too() -> None:
    outcomes = [o for o in made(2, (5.0,)) if o.by == "auto"]
    for kept in ([o for o in outcomes if o.known and o.condition == "clean"], [o for o in outcomes if not o.known], []):
        assert "Earmark benchmark" in report.page(statistics.document(kept, 59, FACTS))


def test_a_peer_that_says_nothing_is_no_error() -> None:
    silent = {"verdict": "no_match", "named": None, "right": False, "right_name": False, "error_s": None, "score": None}
    outcomes = [replace(o, **silent) if o.by == "chromaprint" else o for o in made(2, (5.0,))]
    document = statistics.document(outcomes, 59, FACTS)
    assert "chromaprint" not in {curve["by"] for curve in document["det"]}
    assert "Chromaprint" in report.page(document)


def test_saved_results_become_a_report(document: dict[str, Any], page: str, tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(json.dumps(document))
    command = [
        sys.executable,
        "-m",
        "bench.measure.report",
        str(tmp_path / "results.json"),
        "-o",
        str(tmp_path / "page.html"),
    ]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    assert (tmp_path / "page.html").read_text() == page
    (tmp_path / "results.json").write_text("{}")
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "gives no report" in done.stderr
