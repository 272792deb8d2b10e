"""What the documents say follows from the code: tables, dependencies, equations, numbers."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from dataclasses import fields
from itertools import chain
from pathlib import Path
from types import ModuleType

import pytest

from classifier.config import FeatureConfig
from classifier.fingerprint import bits as subfingerprint
from classifier.mixtures import gmm
from classifier.settings import Settings, variable
from tests.docs.test_links import DOCUMENTS, ROOT, prose
from tests.test_imports import LEVEL

MATHEMATICS = (ROOT / "docs" / "mathematics.md").read_text()
EXPERIMENTS = (ROOT / "docs" / "experiments.md").read_text()


@pytest.fixture(scope="module")
def tables() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_tables", ROOT / "docs" / "tables.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# --- tables -------------------------------------------------------------------------------------------------


def test_tables_are_current() -> None:
    run = subprocess.run(
        [sys.executable, ROOT / "docs" / "tables.py", "--check"],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, f"run 'python docs/tables.py': {run.stdout}{run.stderr}"


def test_a_stale_table_is_noticed_and_rewritten_once(tables: ModuleType, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- table settings, written by docs/tables.py -->\nstale words\n<!-- end -->\nafter\n")
    assert tables.stale(tmp_path) == [page]
    page.write_text(tables.current(page.read_text()))
    assert tables.stale(tmp_path) == []
    assert "stale words" not in page.read_text()
    assert page.read_text().endswith("<!-- end -->\nafter\n")


def test_every_setting_is_in_the_operations_guide() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    for setting in fields(Settings):
        assert f"`{variable(setting.name)}`" in text


def test_settings_that_documents_name_exist() -> None:
    variables = {variable(setting.name) for setting in fields(Settings)}
    variables |= {f"{name}_FILE" for name in variables}
    variables |= {"EARMARK_TEST_MONGO_URI", "EARMARK_REQUIRE_ALL", "EARMARK_BENCH_CACHE", "EARMARK_DATA"}
    for path in DOCUMENTS:
        for name in re.findall(r"\bEARMARK_[A-Z_]+[A-Z]\b", path.read_text()):
            assert name in variables, f"{path.name} names {name}"


# --- dependencies -------------------------------------------------------------------------------------------


def required(path: Path) -> list[str]:
    lines = [line.split("#")[0].strip() for line in path.read_text().splitlines()]
    return [re.split(r"[<>=!~\[; ]", line)[0] for line in lines if line]


@pytest.mark.parametrize(
    "name", ["requirements.txt", "tests/requirements.txt", "bench/requirements.txt", "docs/requirements.txt"]
)
def test_every_requirement_has_its_reason(name: str) -> None:
    listed = first_cells(section(f"`{name}`"))
    assert listed == set(required(ROOT / name))


def test_a_package_asks_for_what_is_tested() -> None:
    """The lower bounds of pyproject.toml, extras included, are the pins of requirements.txt without their last part."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = {*project["dependencies"], *chain(*project["optional-dependencies"].values())}
    pins = [line.split("==") for line in (ROOT / "requirements.txt").read_text().splitlines() if "==" in line]
    assert asked >= {f"{name}>={'.'.join(version.split('.')[:2])}" for name, version in pins}


def test_every_package_of_the_page_has_its_reason() -> None:
    package = json.loads((ROOT / "web" / "package.json").read_text())
    assert first_cells(section("`web/package.json`")) == {*package["dependencies"], *package["devDependencies"]}


def section(mark: str) -> str:
    """The section of docs/dependencies.md whose heading holds ``mark``."""
    parts = re.split(r"^## ", (ROOT / "docs" / "dependencies.md").read_text(), flags=re.MULTILINE)
    return next(part for part in parts if f"({mark})" in part.split("\n")[0])


def first_cells(text: str) -> set[str]:
    rows = re.findall(r"^\| ([^|]+) \|", text, re.MULTILINE)
    return {name.strip() for row in rows for name in row.split(",") if name.strip() not in ("package", "---")}


# --- mathematics --------------------------------------------------------------------------------------------


def test_equations_are_numbered_in_order() -> None:
    numbers = [int(n) for n in re.findall(r"\\tag\{(\d+)\}", MATHEMATICS)]
    assert numbers == list(range(1, len(numbers) + 1))


def test_sources_are_numbered_in_order_and_all_cited() -> None:
    body, _, sources = MATHEMATICS.partition("## Sources")
    numbers = [int(n) for n in re.findall(r"^(\d+)\. ", sources, re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1))
    cited = {int(n) for group in re.findall(r"\[(\d+(?:, \d+)*)(?:, eq\. [\d.]+)?\]", body) for n in group.split(", ")}
    assert cited == set(numbers)


def test_equations_and_sections_that_the_code_refers_to_exist() -> None:
    headings = set(re.findall(r"^#+ (.+)$", MATHEMATICS, re.MULTILINE))
    n_equations = len(re.findall(r"\\tag\{", MATHEMATICS))
    referred = re.compile(r"docs/mathematics\.md,\s+(?:eq\. (\d+)|\"([^\"]+)\")")
    found = 0
    for path in [*(ROOT / "classifier").rglob("*.py"), *(ROOT / "bench").rglob("*.py")]:
        for number, heading in referred.findall(path.read_text()):
            found += 1
            assert not number or int(number) <= n_equations, f"{path.name}: equation {number}"
            assert not heading or heading in headings, f"{path.name}: section {heading}"
    assert found >= 3


def test_the_aligned_divergence_is_equation_nine() -> None:
    assert re.search(r"J_\{ub\}.*?\\tag\{9\}", MATHEMATICS, re.DOTALL)


def test_numbers_in_the_mathematics_are_those_of_the_code() -> None:
    config = FeatureConfig()
    frames, half, d, k = config.window_frames, config.delta_half_length, config.n_mfcc, config.n_components
    p = gmm.packed_length(d, diagonal=False)
    assert f"{frames - 2 * half} of a window's {frames}" in MATHEMATICS
    assert f"{p} numbers (diagonal: {gmm.packed_length(d, diagonal=True)})" in MATHEMATICS
    assert f"{2 * (p - 1)} numbers long" in MATHEMATICS
    assert f"2·{k}·{p} = {2 * k * p:,} numbers" in MATHEMATICS
    bits = " + ".join(str(n - 1) for n in subfingerprint.BANDS)
    assert f"{bits} = {subfingerprint.N_BITS} bits" in MATHEMATICS
    low, high = subfingerprint.F_LOW, subfingerprint.F_HIGH
    lag = 1000 * subfingerprint.LAG // subfingerprint.SAMPLE_RATE
    few, some, many = subfingerprint.BANDS
    assert f"banks of {few}, {some} and {many} logarithmic bands each cover {low:g} to {high:,.0f}" in MATHEMATICS
    assert rf"\Lambda = {lag}\ \text{{ms}}" in MATHEMATICS
    row = f"| {few} + {some} + {many} (chosen) | {low:g} to {high:,.0f} | {lag} | {subfingerprint.N_BITS} |"
    assert row in EXPERIMENTS


def test_every_experiment_has_its_date_and_commit() -> None:
    """One line of origin stands between a heading and its first table, and every later origin begins a paragraph."""
    for part in re.split(r"^## ", EXPERIMENTS, flags=re.MULTILINE)[2:]:
        heading, _, text = part.partition("\n")
        before_tables = text.partition("\n|")[0]
        assert re.match(r"\n\*\d{1,2} \w+ \d{4}, commit [0-9a-f]{7}\.\* ", before_tables), heading


def test_sizes_in_the_operations_guide_follow_from_the_defaults() -> None:
    config = FeatureConfig()
    d, k = config.n_mfcc, config.n_components
    triangle = d * (d + 1) // 2
    by_window = 3600 / config.window_step
    rows = {
        4 * k * (1 + d + triangle): by_window,  # mixtures in the store
        2 * (gmm.packed_length(d, diagonal=False) - 1) * 2 + 3 * 4: by_window,  # a Gaussian in the index
        2 * k * (1 + d + triangle): by_window,  # mixtures in the index
    }
    text = (ROOT / "docs" / "operations.md").read_text()
    for size, times in rows.items():
        assert f"| {size:,} | {size * times / 1e6:.1f} |" in text
    assert f"| {16 / subfingerprint.HOP_S * 3600 / 1e6:.1f} |" in text
    assert f"| {config.slot_mfcc / config.slot_s * 3600 / 1e6:.1f} |" in text


# --- the house ----------------------------------------------------------------------------------------------


def test_the_map_of_the_house_has_every_folder_from_the_ground_up() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    rows = section_of(text, "The house, from the ground up")
    shown = re.findall(r"`(\w+)/`", "\n".join(re.findall(r"^\| ([^|]+) \|", rows, re.MULTILINE)))
    folders = {path.parent.name for path in (ROOT / "classifier").glob("*/__init__.py")}
    assert set(shown) == folders
    assert [LEVEL[name] for name in shown] == sorted(LEVEL[name] for name in shown)


def section_of(text: str, heading: str) -> str:
    """The text below a heading of the second level."""
    return re.split(r"^## ", text.partition(f"## {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


# --- what does not belong here ------------------------------------------------------------------------------


def test_documents_hold_no_unfinished_business() -> None:
    for path in DOCUMENTS:
        assert not re.search(r"\b(TODO|TBD|FIXME|XXX|lorem)\b", prose(path), re.IGNORECASE), path.name
