"""Equations as MathML, from the TeX that GitHub and other viewers draw by themselves."""

from __future__ import annotations

import re
from html import unescape

from latex2mathml.converter import convert

_BLOCK = re.compile(r'<div class="arithmatex">\\\[(.*?)\\\]</div>', re.DOTALL)
_INLINE = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', re.DOTALL)
_TAG = re.compile(r"\\tag\{(\w+)\}")
#: Delimiters that the converter knows by themselves, but not after a command of size.
_DELIMITERS = {r"\langle": "⟨", r"\rangle": "⟩"}
_UNKNOWN = re.compile(r"<m[iot][^>]*>\\\w+")


def rendered(html: str) -> str:
    """Return a page with its equations as MathML; numbers stand at the right.

    Raises
    ------
    ValueError
        If an equation holds a command that is not known.
    """
    html = _BLOCK.sub(lambda found: _equation(unescape(found[1])), html)
    return _INLINE.sub(lambda found: _mathml(unescape(found[1]), "inline"), html)


def _equation(tex: str) -> str:
    number = _TAG.search(tex)
    shown = f"<span>({number[1]})</span>" if number else ""
    return f'<div class="equation">{_mathml(_TAG.sub("", tex), "block")}{shown}</div>'


def _mathml(tex: str, display: str) -> str:
    for command, character in _DELIMITERS.items():
        tex = tex.replace(command, character)
    mathml = convert(tex.strip(), display=display)
    if left := _UNKNOWN.search(mathml):
        raise ValueError(f"the equation {tex.strip()!r} holds what cannot be drawn: {left[0]}")
    return str(mathml)
