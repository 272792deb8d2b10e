"""An experiment as one HTML file without scripts: what was asked, figures, charts, and every table as text."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from classifier.experiments.summary import Row, Share, Summary
from classifier.svg import reliability_svg, shares_svg

_STYLE = """
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0 }
th, td { padding: .3rem .7rem; text-align: right; border-bottom: 1px solid #8884 }
td { white-space: nowrap }
th:first-child, td:first-child { text-align: left }
svg { max-width: 100%; height: auto }
.warning { border-left: 4px solid #c80; padding-left: .8rem }
"""
HEADINGS = (
    *("condition", "known", "right first, %", "identified, %", "wrong, %", "unknown", "false names, %"),
    *("offset error, s", "margin"),
)


def cells(row: Row) -> list[str]:
    """Return a row of the table under :data:`HEADINGS`."""
    figures = [row.right, row.identified, row.wrong]
    return [
        row.condition,
        str(row.known),
        *map(str, figures),
        str(row.unknown),
        str(row.false_names),
        "-" if row.offset_error_s is None else f"{row.offset_error_s:.3f}",
        "-" if row.margin is None else f"{row.margin:.1f}",
    ]


#: What :func:`brief` gives: narrow enough for a terminal of 80 columns.
BRIEF = ("condition", "known", "right", "named", "wrong", "other", "false", "off s", "margin")


def brief(row: Row) -> list[str]:
    """Return a row of the table under :data:`BRIEF`: per cent of the known, then of the others, without intervals."""
    condition, known, *_, offset, margin = cells(row)
    shares = [row.right.brief, row.identified.brief, row.wrong.brief]
    return [condition, known, *shares, str(row.unknown), row.false_names.brief, offset, margin]


def page(title: str, parts: Sequence[str]) -> str:
    """Return a whole page around parts that are HTML already."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f"<body><h1>{escape(title)}</h1>{''.join(parts)}</body></html>\n"
    )


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of texts."""
    head = "".join(f"<th>{escape(text)}</th>" for text in headings)
    body = "".join("<tr>" + "".join(f"<td>{escape(text)}</td>" for text in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def chart(rows: Sequence[tuple[str, Share]], title: str) -> str:
    """Return a chart of shares; those of nothing asked are left out."""
    return shares_svg([(n, s.value, s.low or 0.0, s.high or 0.0) for n, s in rows if s.value is not None], title)


def validation(title: str, facts: Sequence[str], summary: Summary) -> str:
    """Return the report of ``earmark validate``."""
    parts = [f"<p>{escape(fact)}</p>" for fact in facts]
    parts += [table(HEADINGS, [cells(row) for row in summary.rows])]
    parts += [
        "<h2>Identified</h2>",
        chart([(r.condition, r.identified) for r in summary.rows], "Identified by condition"),
    ]
    if any(row.unknown for row in summary.rows):
        named = [(row.condition, row.false_names) for row in summary.rows]
        parts += ["<h2>Unknown recordings that got a name</h2>", chart(named, "False names by condition")]
    if summary.calibration_error is not None:
        parts += [
            "<h2>Confidence</h2>",
            reliability_svg([b.to_dict() for b in summary.calibration], summary.calibration_error, "Confidence"),
        ]
    if summary.confused:
        rows = [[truth, named, str(n)] for truth, named, n in summary.confused]
        parts += ["<h2>Taken for another track</h2>", table(("track", "first match", "times"), rows)]
    if summary.faults:
        parts += ["<h2>Without an answer</h2>", table(("file", "reason"), summary.faults)]
    return page(title, parts)
