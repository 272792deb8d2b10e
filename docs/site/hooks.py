"""What the site adds to the documents of the repository: pages from the code, equations, and the executed tutorial.

MkDocs calls the functions that begin with ``on_``; the rest is in modules beside this one.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT)]

import equations  # noqa: E402
import notebook  # noqa: E402
import reference  # noqa: E402
from roles import Roles  # noqa: E402

#: The documents to begin with; what they link to and the pictures that they show, wherever these lie, are gathered too.
DOCUMENTS = ("*.md", "docs/*.md")
_LINK = re.compile(r"""(?:\]\(|\bsrc(?:set)?=")([^)#\s"]+)""")
TUTORIAL = "docs/tutorial.md"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the reference, and guides that nothing names, into the navigation; show roles of docstrings as names."""
    config.markdown_extensions.append(Roles())
    assert config.nav is not None
    named = str(config.nav)
    for section in config.nav:
        if "Reference" in section:
            section["Reference"] = [{page.title: page.path} for page in reference.pages()]
        if "Guides" in section:
            guides = (path.relative_to(ROOT).as_posix() for path in gathered() if path.suffix == ".md")
            section["Guides"] += [guide for guide in guides if guide not in named]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Gather the documents where they lie in the repository, and make those that are made."""
    for path in gathered():
        name = path.relative_to(ROOT).as_posix()
        if name != TUTORIAL:
            files.append(File.generated(config, name, abs_src_path=str(path)))
    for page in reference.pages():
        files.append(File.generated(config, page.path, content=page.text))
    for name, content in notebook.executed(ROOT / TUTORIAL).items():
        files.append(File.generated(config, f"docs/{name}", content=content))
    return files


def gathered() -> list[Path]:
    """Return the documents and every file of the repository that one of them links to."""
    waiting = [path for pattern in DOCUMENTS for path in ROOT.glob(pattern)]
    found: set[Path] = set()
    while waiting:
        path = waiting.pop()
        if path in found or not path.is_file() or not path.is_relative_to(ROOT):
            continue
        found.add(path)
        if path.suffix == ".md":
            waiting += [(path.parent / link).resolve() for link in _LINK.findall(path.read_text()) if ":" not in link]
    return sorted(found)


def on_page_content(html: str, **_: Any) -> str:
    """Write equations as MathML, which browsers draw without a script."""
    return equations.rendered(html)


def on_page_context(context: dict[str, Any], page: Page, **_: Any) -> dict[str, Any]:
    """Leave out the link to edit a page: there is nothing to edit in a package."""
    page.edit_url = None
    return context
