"""Links in the documents lead somewhere, pictures are there, and headings that are named exist."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "bench" / "README.md", ROOT / "web" / "README.md"]
)

_FENCE = re.compile(r"^ *```.*?^ *```", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)|(?:src|srcset)=\"([^\"]+)\"")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)


def prose(path: Path) -> str:
    """A document without its code blocks."""
    return _FENCE.sub("", path.read_text())


def anchors(path: Path) -> set[str]:
    """What a heading can be linked by, as GitHub makes it."""
    found = set()
    for heading in _HEADING.findall(prose(path)):
        text = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        found.add(re.sub(r"[^\w\- ]", "", text).replace(" ", "-"))
    return found


def links(path: Path) -> list[str]:
    return ["".join(groups) for groups in _LINK.findall(prose(path))]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_resolve(path: Path) -> None:
    for link in links(path):
        if re.match(r"https?://|mailto:", link):
            continue
        target, _, anchor = link.partition("#")
        there = (path.parent / target).resolve() if target else path
        assert there.exists(), f"{path.name} links to {link}, which does not exist"
        if anchor:
            assert anchor in anchors(there), f"{path.name} links to {link}, but there is no such heading"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_is_linked_is_in_the_repository(path: Path) -> None:
    """A file that only lies on this disk does not resolve in anybody else's clone."""
    tracked = subprocess.run(["git", "ls-files", "--cached"], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode:
        pytest.skip("not a clone: what is tracked cannot be told")
    files = set(tracked.stdout.splitlines())
    for link in links(path):
        target = link.partition("#")[0]
        if not target or re.match(r"https?://|mailto:", target):
            continue
        there = (path.parent / target).resolve().relative_to(ROOT)
        if (ROOT / there).is_file():
            assert str(there) in files, f"{path.name} links to {there}, which is not committed"


def test_every_document_is_linked_from_the_readme() -> None:
    linked = {(ROOT / link.partition("#")[0]).resolve() for link in links(ROOT / "README.md")}
    assert {path for path in DOCUMENTS if path != ROOT / "README.md"} <= linked


def test_paths_that_the_documents_name_exist() -> None:
    """Files and modules in backquotes, as far as they are ours."""
    named = re.compile(r"`((?:classifier|bench|tests|docs|web|static)/[\w./\-]+\.\w+)`")
    for path in DOCUMENTS:
        for name in named.findall(prose(path)):
            assert (ROOT / name).exists(), f"{path.name} names {name}, which does not exist"


def test_anchors_are_made_as_github_makes_them(tmp_path: Path) -> None:
    document = tmp_path / "a.md"
    document.write_text("# Noise and the floor\n## `kl`, alone?\n```\n# no heading\n```\n### A – b\n")
    assert anchors(document) == {"noise-and-the-floor", "kl-alone", "a--b"}
