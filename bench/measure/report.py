"""A benchmark's JSON as one HTML file that needs nothing else: tables, charts, and what they were measured on.

    python -m bench.measure.report results.json -o report.html

It works without scripts and without a network, in light and dark, and in print.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from rich.console import Console

from bench.measure import charts
from bench.measure.charts import label, names, stage_label, stages
from bench.statistics import EARMARK

TEMPLATE = "report.html.jinja"
#: E-values whose rates are tabled; the chart has more.
E_VALUES = (1e-1, 1e-2, 1e-3)
Row = dict[str, Any]


def page(document: Row) -> str:
    """Return the report.

    Parameters
    ----------
    document : dict
        From :func:`bench.statistics.document`, or its JSON read again.
    """
    folder = Path(__file__).parent
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "figures": figures, "label": label}
    return environment.get_template(TEMPLATE).render(
        document,
        names=names(document),
        earmark=EARMARK,
        charts=charts.drawn(document),
        conditions=known(document),
        cells_of=lambda by: [row for row in document["cells"] if row["by"] == by],
        strangers=strangers(document),
        e_values=E_VALUES,
        timed=[row | {"label": stage_label(row)} for row in stages(document)],
    )


def known(document: Row) -> dict[str, list[Row]]:
    """Cells of known tracks by condition: a row for each length, its cells by identifier, with ``behind``."""
    marked = {(r["condition"], r["length_s"], r["by"]): r["behind"] for r in document["rivals"]}
    table: dict[str, dict[float, Row]] = {}
    for cell in document["cells"]:
        row = table.setdefault(cell["condition"], {}).setdefault(cell["length_s"], {})
        row[cell["by"]] = cell | {"behind": marked.get((cell["condition"], cell["length_s"], cell["by"]), False)}
    return {
        condition: [{"length_s": length_s, "cells": cells} for length_s, cells in rows.items() if "auto" in cells]
        for condition, rows in table.items()
    }


def percent(share: float) -> str:
    """A share in per cent, one decimal, but never rounded to all or nothing."""
    text = f"{100 * share:.1f}"
    return ">99.9" if text == "100.0" and share < 1 else "<0.1" if text == "0.0" and share > 0 else text


def figures(value: float | None, digits: int = 3) -> str:
    """A number with so many significant digits; a dash for none."""
    return "–" if value is None else f"{value:.{digits}g}"


def strangers(document: Row) -> list[Row]:
    """False names: a row for each condition, its cells by identifier; the last row is their sum."""
    table: dict[str, dict[str, Row]] = {}
    for row in document["false_names"]:
        table.setdefault(row["condition"], {})[row["by"]] = row
    total: dict[str, Row] = {}
    for row in document["false_names"]:
        held = total.setdefault(row["by"], {"queries": 0, "false": 0, "identified": 0})
        for name in held:
            held[name] += row[name]
    rows = [{"condition": condition, "cells": cells} for condition, cells in table.items()]
    return [*rows, {"condition": "all", "cells": total}] if rows else []


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.measure.report", description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, help="the JSON that python -m bench.measure.identify --json wrote")
    parser.add_argument("-o", "--out", type=Path, default=Path("report.html"), help="default: %(default)s")
    arguments = parser.parse_args()
    try:
        document = json.loads(arguments.results.read_text())
        arguments.out.write_text(page(document))
    except (OSError, json.JSONDecodeError, KeyError) as error:
        sys.exit(f"error: {arguments.results} gives no report: {error!r}")
    Console(stderr=True).print(f"wrote {arguments.out}")


if __name__ == "__main__":
    main()
