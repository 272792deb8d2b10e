"""Charts of an evaluation as SVG: confusion matrix, reliability diagram, shares; drawn by hand, without a library.

Text is escaped; colours suit colour-blind eyes and print; each chart has a title and a description.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape  # nosec B406

import numpy as np

_FONT = "font-family='system-ui, sans-serif'"
_CELL, _LABEL, _TITLE, _SIDE = 44, 110, 70, 360
_NAMES, _SPAN, _ROW = 200, 420, 26


def confusion_svg(counts: np.ndarray, labels: Sequence[str], title: str) -> str:
    """Return a confusion matrix: rows are the truth, columns the answer, colour the share of the row.

    Parameters
    ----------
    counts : np.ndarray, shape (k, k), int
        Clips.
    labels : sequence of str, length k
        Names.
    title : str
        Heading.
    """
    k = len(labels)
    side = k * _CELL
    width, height = _LABEL + side + 70, _TITLE + side + _LABEL
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    right = np.trace(counts) / max(1, counts.sum())
    parts = [
        _text(_LABEL, 24, title, size=15, weight="bold"),
        _text(_LABEL, 44, "columns: the answer; rows: the truth"),
    ]
    for row, label in enumerate(labels):
        y = _TITLE + row * _CELL
        parts.append(_text(_LABEL - 8, y + _CELL / 2 + 4, label, anchor="end"))
        parts.append(_text(_LABEL + side + 8, y + _CELL / 2 + 4, f"n = {counts[row].sum()}"))
        x = _LABEL + row * _CELL + _CELL / 2
        turn = f" transform='rotate(-45 {x:g} {_TITLE + side + 16:g})'"
        parts.append(_text(x, _TITLE + side + 16, label, anchor="end", more=turn))
        for column in range(k):
            share = float(shares[row, column])
            x = _LABEL + column * _CELL
            parts.append(f"<rect x='{x}' y='{y}' width='{_CELL - 1}' height='{_CELL - 1}' fill='{_blue(share)}'/>")
            if counts[row, column]:
                colour = "#fff" if share > 0.55 else "#222"
                middle = x + (_CELL - 1) / 2
                parts.append(_text(middle, y + _CELL / 2 + 4, str(counts[row, column]), anchor="middle", fill=colour))
    about = f"Confusion matrix of {k} labels, {counts.sum()} clips, {100 * right:.1f} per cent right."
    return _document(width, height, title, about, parts)


def reliability_svg(bins: Sequence[Mapping[str, float]], error: float, title: str) -> str:
    """Return a reliability diagram: how often answers of some probability are right, against that probability.

    Parameters
    ----------
    bins : sequence of mapping
        ``share``, ``queries``, ``said`` and ``found`` (:class:`classifier.metrics.CalibrationBin`).
    error : float
        Expected calibration error.
    title : str
        Heading.
    """
    left, top = 60, _TITLE
    parts = [_text(left, 24, title, size=15, weight="bold"), _text(left, 44, f"calibration error {error:.3f}")]
    for step in range(0, 11, 2):
        x, y = left + _SIDE * step / 10, top + _SIDE * (1 - step / 10)
        parts.append(f"<path d='M{left} {y:g}H{left + _SIDE}M{x:g} {top}V{top + _SIDE}' stroke='#ddd' fill='none'/>")
        parts.append(_text(x, top + _SIDE + 18, f"{step / 10:g}", anchor="middle"))
        parts.append(_text(left - 8, y + 4, f"{step / 10:g}", anchor="end"))
    parts.append(f"<path d='M{left} {top + _SIDE}L{left + _SIDE} {top}' stroke='#888' stroke-dasharray='5 4'/>")
    points = [(left + _SIDE * b["said"], top + _SIDE * (1 - b["found"]), b) for b in bins]
    line = "".join(f"{'L' if i else 'M'}{x:.1f} {y:.1f}" for i, (x, y, _) in enumerate(points))
    parts.append(f"<path d='{line}' stroke='#08519c' stroke-width='2' fill='none'/>")
    for x, y, b in points:
        radius = 3 + 12 * float(b["share"]) ** 0.5
        about = f"said {b['said']:.2f}, right {b['found']:.2f}, {b['queries']:.0f} answers"
        parts.append(
            f"<circle cx='{x:.1f}' cy='{y:.1f}' r='{radius:.1f}' fill='#08519c' fill-opacity='.6'>"
            f"<title>{escape(about)}</title></circle>"
        )
    parts.append(_text(left + _SIDE / 2, top + _SIDE + 40, "probability said", anchor="middle"))
    turn = f" transform='rotate(-90 18 {top + _SIDE / 2:g})'"
    parts.append(_text(18, top + _SIDE / 2, "share that is right", anchor="middle", more=turn))
    about = f"Reliability diagram, {len(bins)} bins, calibration error {error:.3f}."
    return _document(left + _SIDE + 30, top + _SIDE + 56, title, about, parts)


def shares_svg(rows: Sequence[tuple[str, float, float, float]], title: str) -> str:
    """Return a line for each share: a dot with its interval, on a scale from 0 to 100 %.

    Parameters
    ----------
    rows : sequence of (str, float, float, float)
        Name, share, and both ends of its interval; fractions of 1.
    title : str
        Heading.
    """
    top, bottom = 46, 46 + _ROW * len(rows)
    parts = [_text(_NAMES, 24, title, size=15, weight="bold")]
    for percent in range(0, 101, 20):
        x = _NAMES + _SPAN * percent / 100
        parts.append(f"<path d='M{x:g} {top}V{bottom}' stroke='#ddd'/>")
        parts.append(_text(x, bottom + 18, f"{percent} %", anchor="middle"))
    for i, (name, share, low, high) in enumerate(rows):
        y = top + _ROW * (i + 0.5)
        at, left, right = (_NAMES + _SPAN * value for value in (share, low, high))
        said = f"{100 * share:.1f} % ({100 * low:.0f}-{100 * high:.0f})"
        parts.append(_text(_NAMES - 10, y + 4, name, anchor="end"))
        parts.append(f"<path d='M{left:.1f} {y:g}H{right:.1f}' stroke='#222' stroke-width='2'/>")
        about = f"<title>{escape(f'{name}: {said}')}</title>"
        parts.append(f"<circle cx='{at:.1f}' cy='{y:g}' r='4.5' fill='#08519c'>{about}</circle>")
        parts.append(_text(_NAMES + _SPAN + 12, y + 4, said))
    about = f"{len(rows)} shares in per cent with their intervals."
    return _document(_NAMES + _SPAN + 130, bottom + 30, title, about, parts)


def _document(width: float, height: float, title: str, about: str, parts: Sequence[str]) -> str:
    head = (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width:g} {height:g}' width='{width:g}' "
        f"height='{height:g}' role='img'><title>{escape(title)}</title><desc>{escape(about)}</desc>"
        f"<rect width='100%' height='100%' fill='#fff'/>"
    )
    return head + "".join(parts) + "</svg>\n"


def _text(
    x: float,
    y: float,
    text: str,
    *,
    size: int = 12,
    anchor: str = "start",
    weight: str = "normal",
    fill: str = "#222",
    more: str = "",
) -> str:
    return (
        f"<text x='{x:g}' y='{y:g}' {_FONT} font-size='{size}' font-weight='{weight}' text-anchor='{anchor}' "
        f"fill='{fill}'{more}>{escape(text)}</text>"
    )


def _blue(share: float) -> str:
    """Return white for none, dark blue for all."""
    low, high = np.array([247, 251, 255]), np.array([8, 48, 107])
    return "#" + "".join(f"{round(c):02x}" for c in low + (high - low) * share)
