"""The documentation site: built without a warning, whole, and readable from files without a network."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import nbformat
import pytest

from classifier.cli import main
from tests.docs.test_links import DOCUMENTS, ROOT

#: Bytes that a wheel can carry without being a burden.
MOST_BYTES = 12_000_000
_ATTRIBUTE = re.compile(
    r"<(?:script|link|img|iframe|source)\b[^>]*?\b(?:src|href)=\"?(https?:[^\">\s]+)", re.IGNORECASE
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", "docs/site/mkdocs.yml", "-d", str(folder)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)
    assert run.returncode == 0, run.stderr[-4000:]
    assert "WARNING -" not in run.stderr
    return folder


def page(site: Path, document: Path) -> Path:
    name = document.relative_to(ROOT).with_suffix(".html")
    return site / (name.with_name("index.html") if name.stem == "README" else name)


def test_every_document_is_a_page(site):
    for document in DOCUMENTS:
        assert "<h1" in page(site, document).read_text(), document.name


def test_documents_show_the_same_on_the_site_as_in_a_plain_viewer(site):
    """Every table, code block and item of a list is one there: no dialect of Markdown loses any."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark").enable("table")
    for document in DOCUMENTS:
        if document.name == "tutorial.md":
            continue  # what its cells print comes in between
        tokens = parser.parse(document.read_text())
        flat = [*tokens, *(child for token in tokens for child in token.children or ())]
        article = re.search(r"<article.*?</article>", page(site, document).read_text(), re.DOTALL)
        assert article is not None
        for token, shown in (
            ("table_open", r"<table[ >]"),
            ("fence", r'<div class="[^"]*highlight'),
            ("list_item_open", r"<li[ >]"),
            ("strong_open", r"<strong>"),
        ):
            wanted = sum(t.type == token for t in flat)
            assert len(re.findall(shown, article[0])) == wanted, f"{document.name}: {token}"


def test_nothing_is_fetched(site):
    """Pages, styles and scripts name no file elsewhere; links that a reader follows may."""
    for path in site.rglob("*.html"):
        assert _ATTRIBUTE.findall(path.read_text()) == [], path.name
    for path in site.rglob("*.css"):
        assert not re.search(r"url\(\"?https?:", path.read_text()), path.name


def test_the_search_knows_every_page(site):
    index = json.loads((site / "search" / "search_index.json").read_text())
    places = {entry["location"].partition("#")[0] for entry in index["docs"]}
    pages = {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    pages -= {"404.html", *(name for name in pages if name.startswith("docs/gallery/"))}
    assert pages <= {place or "index.html" for place in places}


def test_equations_are_drawn_without_a_script(site):
    text = (site / "docs" / "mathematics.html").read_text()
    written = (ROOT / "docs" / "mathematics.md").read_text().count("$$") // 2
    assert text.count("<math") >= written > 20
    assert "arithmatex" not in text
    for number in re.findall(r"\\tag\{(\w+)\}", (ROOT / "docs" / "mathematics.md").read_text()):
        assert f"<span>({number})</span>" in text


def commands(command: click.Command, words: tuple[str, ...] = ("earmark",)) -> Iterator[str]:
    yield " ".join(words)
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            child = command.get_command(click.Context(command), name)
            assert child is not None
            yield from commands(child, (*words, name))


def test_every_command_is_in_the_reference(site):
    text = (site / "reference" / "commands.html").read_text()
    names = list(commands(main))
    assert len(names) > 40
    for name in names:
        assert f"<code>{name}</code>" in text


def test_every_public_function_is_in_the_reference(site):
    from classifier import stages

    text = (site / "reference" / "stages.html").read_text()
    for name in stages.__all__:
        assert f'id="classifier.stages.{name}"' in text


def test_the_tutorial_was_executed(site):
    text = (site / "docs" / "tutorial.html").read_text()
    made = nbformat.read(site / "docs" / "tutorial.ipynb", as_version=4)
    cells = [cell for cell in made.cells if cell.cell_type == "code"]
    assert len(cells) > 8
    for cell in cells:
        ast.parse(cell.source)
        assert cell.execution_count
        assert not any(output.output_type == "error" for output in cell.outputs)
    drawn = sum("image/png" in output.get("data", {}) for cell in cells for output in cell.outputs)
    assert drawn == len(re.findall(r'<img alt="[^"]{20,}" src="tutorial-\d+\.png"', text)) >= 5
    assert "identified" in text


def test_it_is_small_enough_to_be_carried(site):
    assert sum(path.stat().st_size for path in site.rglob("*") if path.is_file()) < MOST_BYTES


def test_the_search_works_on_files_without_a_network(site):
    """Chromium, offline, with the pages opened as files: a word of one page is found from another."""
    from playwright.sync_api import sync_playwright

    from tests.browser.harness import CHROMIUM, launch

    if not CHROMIUM:
        pytest.skip("no chromium: install Debian's package, or set CHROMIUM")
    with sync_playwright() as playwright:
        browser = launch(playwright)
        view = browser.new_context(offline=True).new_page()
        wanted: list[str] = []
        view.on("request", lambda request: wanted.append(request.url))
        view.goto((site / "docs" / "guide.html").as_uri())
        query = view.locator("[data-md-component=search-query]")
        query.click()
        query.press_sequentially("idempotency")
        view.locator(".md-search-result__item a[href*='docs/api.html']").first.wait_for(state="attached")
        browser.close()
    assert [url for url in wanted if not url.startswith(("file:", "data:"))] == []
