"""Roles of docstrings, such as ``:func:`~classifier.tracklist``` , as the names that a reader knows."""

from __future__ import annotations

import re

from markdown import Markdown
from markdown.extensions import Extension
from markdown.preprocessors import Preprocessor

_ROLE = re.compile(r":(?:attr|class|data|func|meth|mod):`(~?)([\w.]+)`")


class _Roles(Preprocessor):
    def run(self, lines: list[str]) -> list[str]:
        """Replace roles; a tilde leaves out all but the last part of a name."""
        return [_ROLE.sub(lambda r: f"`{r[2].rpartition('.')[2] if r[1] else r[2]}`", line) for line in lines]


class Roles(Extension):
    """Shows roles as names."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802
        """Take part before anything else reads the text."""
        md.preprocessors.register(_Roles(md), "roles", 200)
