"""Charts as SVG text, without scripts and without a library: shares with intervals, and the reliability diagram.

Colours are those of the reader's page (``currentColor``); every mark has a title that says its value.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from classifier.metrics import CalibrationBin

_LEFT, _RIGHT, _ROW, _TOP = 190, 120, 26, 28
_WIDTH = 760
_SIDE = 300


def shares(rows: Sequence[tuple[str, float, float, float]], title: str) -> str:
    """Return one line for each (name, share, low, high): a dot with its interval on a scale from 0 to 100 %."""
    height = _TOP + _ROW * len(rows) + 24
    span = _WIDTH - _LEFT - _RIGHT

    def place(share: float) -> float:
        return _LEFT + span * share

    parts = []
    for percent in range(0, 101, 20):
        x = place(percent / 100)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 8}" y2="{height - 22}" class="grid"/>')
        parts.append(f'<text x="{x:.1f}" y="{height - 6}" text-anchor="middle">{percent} %</text>')
    for i, (name, share, low, high) in enumerate(rows):
        y = _TOP + _ROW * i + 6
        said = f"{100 * share:.1f} % ({100 * low:.0f}-{100 * high:.0f})"
        parts.append(f'<text x="{_LEFT - 10}" y="{y + 4}" text-anchor="end">{escape(name)}</text>')
        parts.append(f'<line x1="{place(low):.1f}" x2="{place(high):.1f}" y1="{y}" y2="{y}" class="interval"/>')
        parts.append(f'<circle cx="{place(share):.1f}" cy="{y}" r="4.5"><title>{escape(name)}: {said}</title></circle>')
        parts.append(f'<text x="{_WIDTH - _RIGHT + 12}" y="{y + 4}">{said}</text>')
    return _figure(_WIDTH, height, title, parts)


def reliability(bins: Sequence[CalibrationBin], title: str) -> str:
    """Return stated confidence against the share of right answers: dots on the diagonal are honest, area is number."""
    left, top = 60, 20

    def x(share: float) -> float:
        return left + _SIDE * share

    def y(share: float) -> float:
        return top + _SIDE * (1 - share)

    parts = [
        f'<rect x="{left}" y="{top}" width="{_SIDE}" height="{_SIDE}" class="frame"/>',
        f'<line x1="{x(0)}" y1="{y(0)}" x2="{x(1)}" y2="{y(1)}" class="grid"/>',
        f'<text x="{x(0.5)}" y="{top + _SIDE + 36}" text-anchor="middle">confidence stated</text>',
        f'<text transform="translate(16 {y(0.5)}) rotate(-90)" text-anchor="middle">share right</text>',
    ]
    for percent in (0, 50, 100):
        parts.append(f'<text x="{x(percent / 100)}" y="{top + _SIDE + 18}" text-anchor="middle">{percent} %</text>')
        parts.append(f'<text x="{left - 8}" y="{y(percent / 100) + 4}" text-anchor="end">{percent} %</text>')
    for b in bins:
        said = f"{b.queries} answers: {100 * b.said:.0f} % stated, {100 * b.found:.0f} % right"
        radius = 3 + 12 * b.share**0.5
        parts.append(
            f'<circle cx="{x(b.said):.1f}" cy="{y(b.found):.1f}" r="{radius:.1f}"><title>{said}</title></circle>'
        )
    return _figure(left + _SIDE + 20, top + _SIDE + 46, title, parts)


def _figure(width: float, height: float, title: str, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" role="img" '
        f'xmlns="http://www.w3.org/2000/svg"><title>{escape(title)}</title>{"".join(parts)}</svg>'
    )
