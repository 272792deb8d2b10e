"""Charts of a benchmark's document as SVG for a page that is light or dark.

Colours are names until the page gives them values: matplotlib draws with placeholders, which become ``currentColor``
and the page's ``--s1`` to ``--s6``. Identifiers also differ by marker and by dashes. Text stays text.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator
from scipy.stats import norm

Row = dict[str, Any]

_TEXT = "#010203"
_SERIES = tuple(f"#0a0b0{i}" for i in range(1, 7))
_PAGE_COLOURS = {_TEXT: "currentColor"} | {colour: f"var(--s{i})" for i, colour in enumerate(_SERIES, 1)}
_MARKERS = "osD^vP"
_DASHES: tuple[Any, ...] = ("-", (0, (6, 2)), (0, (3, 1.5)), (0, (1, 1.2)), (0, (5, 1, 1, 1)), (0, (2, 3)))
_STYLE: Any = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.18,
    "grid.color": _TEXT,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.5,
} | dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), _TEXT)
#: Where "no noise" stands on an axis of decibels.
_NO_NOISE_DB = 15.0
_PROBABILITIES = (1e-4, 1e-3, 1e-2, 0.05, 0.2, 0.5, 0.8, 0.95)


def names(document: Row) -> list[str]:
    """Who answered, in the order of their colours."""
    return list(dict.fromkeys(row["by"] for row in (*document["cells"], *document["false_names"])))


def label(by: str) -> str:
    """How an identifier is called in charts and tables."""
    peers = {"auto": "Earmark", "kl": "Earmark, kl", "chromaprint": "Chromaprint", "olaf": "Olaf", "panako": "Panako"}
    return peers.get(by) or re.sub(r"^audfprint-(\d+)-(\d+)$", r"audfprint \1/\2", by)


def svg(figure: Figure, name: str, text: str) -> Markup:
    """Return a figure as an inline SVG element with a text alternative; ``name`` keeps its ids apart from others."""
    buffer = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    drawn = re.sub(r"<metadata>.*?</metadata>", "", buffer.getvalue(), flags=re.DOTALL)
    # What is below a hundredth of a point cannot be seen; neither can the space between elements.
    drawn = re.sub(r"<[^>]+>", lambda tag: re.sub(r"(\.\d\d)\d+", r"\1", tag[0]), drawn[drawn.index("<svg") :])
    drawn = re.sub(r"\s*\n\s*", "\n", drawn)
    for colour, there in _PAGE_COLOURS.items():
        drawn = drawn.replace(colour, there)
    drawn = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", drawn)
    return Markup(drawn.replace("<svg ", f'<svg role="img" aria-label="{escape(text)}" ', 1))


def _figure(panels: int, width: float, height: float, columns: int = 0) -> tuple[Figure, list[Axes]]:
    columns = columns or max(1, panels)
    rows = max(1, -(-panels // columns))
    figure = Figure((width, height), layout="constrained")
    return figure, list(figure.subplots(rows, columns, squeeze=False).flat)


def _look(by: str, order: Sequence[str]) -> Row:
    i = order.index(by) % len(_SERIES)
    return {"color": _SERIES[i], "marker": _MARKERS[i], "linestyle": _DASHES[i], "label": label(by)}


def _legend(figure: Figure, axes: Sequence[Axes]) -> None:
    held = {text: handle for ax in axes for handle, text in zip(*ax.get_legend_handles_labels(), strict=True)}
    if held:
        figure.legend(
            list(held.values()), list(held), loc="outside lower center", ncols=max(1, int(figure.get_figwidth() // 1.6))
        )


# --- accuracy -------------------------------------------------------------------------------------------------


def accuracy(document: Row) -> Markup | None:
    """Share identified against signal-to-noise ratio, a panel for each noise and length."""
    rows = [dict(row, snr=snr, noise=noise) for row in document["cells"] for noise, snr in _levels(row["condition"])]
    lengths = sorted({row["length_s"] for row in rows if row["snr"] < _NO_NOISE_DB})
    if not lengths:
        return None
    order = names(document)
    figure, axes = _figure(2 * len(lengths), max(6.0, 2.3 * len(lengths) + 0.7), 5.2, len(lengths))
    for ax, (noise, length_s) in zip(axes, ((n, v) for n in ("babble", "pink") for v in lengths), strict=True):
        for i, by in enumerate(order):
            line = [r for r in rows if (r["by"], r["noise"], r["length_s"]) == (by, noise, length_s)]
            if line:
                line.sort(key=lambda r: r["snr"])
                # Side by side, or the intervals of identifiers that are equally good would hide each other.
                x = np.array([r["snr"] for r in line]) + 0.35 * (i - (len(order) - 1) / 2)
                y, low, high = (100 * np.array([r[name] for r in line]) for name in ("identified", "low", "high"))
                ax.errorbar(x, y, np.array([y - low, high - y]), capsize=0, elinewidth=0.9, **_look(by, order))
        ax.set(xlim=(-2, _NO_NOISE_DB + 2), ylim=(-3, 103), xticks=(0, 5, 10, _NO_NOISE_DB))
        ax.set_xticklabels(("0", "5", "10", "no\nnoise"))
        ax.set_title(f"{noise}, {length_s:g} s", fontsize=9)
    for ax in axes[:: len(lengths)]:
        ax.set_ylabel("identified, %")
    for ax in axes[len(lengths) :]:
        ax.set_xlabel("music over noise, dB")
    _legend(figure, axes)
    text = "Share of snippets identified in a room against the ratio of music to babble and to pink noise, by length. "
    hardest = (r for r in rows if r["snr"] == min(q["snr"] for q in rows))
    said = [f"{label(r['by'])} {100 * r['identified']:.0f} % at {r['length_s']:g} s, {r['condition']}" for r in hardest]
    return svg(figure, "accuracy", text + "Hardest: " + "; ".join(said) + ".")


def _levels(condition: str) -> list[tuple[str, float]]:
    """Noise and dB of a condition that is a room with or without noise and nothing else."""
    if condition == "room":
        return [("babble", _NO_NOISE_DB), ("pink", _NO_NOISE_DB)]
    found = re.fullmatch(r"room\+(babble|pink)(\d+)", condition)
    return [(found[1], float(found[2]))] if found else []


# --- certainty ------------------------------------------------------------------------------------------------


def reliability(document: Row) -> Markup | None:
    """Share of right answers against ``confidence``, and how many answers say so."""
    held = {by: v for by, v in document["calibration"].items() if v["bins"]}
    if not held:
        return None
    order = names(document)
    figure = Figure((4.6, 4.6), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    upper.plot([0, 100], [0, 100], color=_TEXT, linewidth=0.8, alpha=0.5)
    for i, (by, value) in enumerate(held.items()):
        said, found = (np.array([100 * b[name] for b in value["bins"]]) for name in ("said", "found"))
        look = _look(by, order)
        upper.plot(said, found, **look)
        places = np.minimum(np.floor(said / 10), 9) * 10 + 3 + 4 * i
        lower.bar(places, [b["queries"] for b in value["bins"]], 3.6, color=look["color"])
    upper.set(ylabel="right, %", xlim=(0, 100), ylim=(-3, 103))
    lower.set(xlabel="confidence, %", ylabel="answers", yscale="log")
    lower.yaxis.set_minor_locator(NullLocator())
    upper.legend(loc="upper left")
    errors = ", ".join(f"{label(by)} {v['error']:.3f}" for by, v in held.items())
    return svg(
        figure, "reliability", f"Share of right answers against confidence. Expected calibration error: {errors}."
    )


def det(document: Row) -> Markup | None:
    """Misses against false alarms, both on the scale of normal deviates, a panel for each length."""
    lengths = sorted({curve["length_s"] for curve in document["det"]})
    if not lengths:
        return None
    order = names(document)
    columns = min(3, len(lengths))
    rows = -(-len(lengths) // columns)
    figure, axes = _figure(len(lengths), max(4.6, 3.3 * columns), 3.3 * rows + 0.7, columns)
    low, high = norm.ppf(_PROBABILITIES[0] / 2), norm.ppf(0.97)
    for ax, length_s in zip(axes, lengths, strict=False):
        for curve in (c for c in document["det"] if c["length_s"] == length_s):
            falses, misses = np.array(curve["points"])[:, 1:].T
            x, y = (np.clip(norm.ppf(np.clip(v, 1e-9, 1 - 1e-9)), low, high) for v in (falses, misses))
            look = _look(curve["by"], order) | {"marker": ""}
            ax.plot(x, y, drawstyle="steps-post", **look)
        ticks = norm.ppf(_PROBABILITIES)
        said = [f"{100 * p:g}" for p in _PROBABILITIES]
        ax.set(xlim=(low, high), ylim=(low, high), xlabel="strangers named, %", ylabel="not named rightly, %")
        ax.set_xticks(ticks, said)
        ax.set_yticks(ticks, said)
        ax.set_title(f"{length_s:g} s", fontsize=9)
    for ax in axes[len(lengths) :]:
        ax.set_axis_off()
    _legend(figure, axes)
    parts = []
    for curve in document["det"]:
        free = [misses for _, falses, misses in curve["points"] if falses == 0]
        best = f"{100 * min(free):.1f} %" if free else "all"
        parts.append(f"{label(curve['by'])} at {curve['length_s']:g} s misses {best} before the first false alarm")
    return svg(figure, "det", "Detection error trade-off. " + "; ".join(parts) + ".")


def false_alarms(document: Row) -> Markup | None:
    """Empirical share of strangers at or below an E-value against what it should be, by size of catalogue."""
    rows = document["false_alarms"]
    if not rows:
        return None
    sounds = sorted({row["sound"] for row in rows})
    figure, axes = _figure(len(sounds), 3.6 * max(1, len(sounds)), 3.8)
    grid = np.logspace(-5.3, 0, 40)
    sizes = sorted({row["tracks"] for row in rows})
    for ax, sound in zip(axes, sounds, strict=True):
        ax.plot(grid, -np.expm1(-grid), color=_TEXT, linewidth=0.9, alpha=0.6, label="nominal")
        ax.fill_between(grid, -np.expm1(-grid) / 3, np.minimum(1, -np.expm1(-grid) * 3), color=_TEXT, alpha=0.1, lw=0)
        for i, tracks in enumerate(sizes):
            line = [r for r in rows if (r["tracks"], r["sound"]) == (tracks, sound) and r["count"]]
            if line:
                x, y, low, high = (np.array([r[n] for r in line]) for n in ("e_value", "share", "low", "high"))
                look = {"color": _SERIES[i % 6], "marker": _MARKERS[i % 6], "linestyle": _DASHES[i % 6]}
                shifted = x * 1.06 ** (i - (len(sizes) - 1) / 2)
                errors = np.array([y - low, high - y])
                ax.errorbar(shifted, y, errors, elinewidth=0.9, label=f"{tracks} tracks", **look)
        ax.set(xscale="log", yscale="log", xlabel="E-value (expected chance matches)", xlim=(1.6, 5e-6))
        ax.set(ylabel="share of strangers at or below", ylim=(3e-6, 1.3))
        ax.set_title("unknown music" if sound == "music" else "no music", fontsize=9)
    _legend(figure, axes)
    parts = (f"E {r['e_value']:g}, {r['tracks']} tracks, {r['sound']}: {r['count']} of {r['queries']}" for r in rows)
    return svg(figure, "alarms", "Strangers that reach an E-value, against its nominal rate. " + "; ".join(parts) + ".")


# --- places and time ------------------------------------------------------------------------------------------


def offsets(document: Row) -> Markup | None:
    """Histogram of errors of place, right answers, without and with a room."""
    rows = document["offsets"]
    if not rows:
        return None
    order, edges = names(document), np.array(document["offset_edges_ms"])
    rooms = sorted({row["room"] for row in rows})
    figure, axes = _figure(len(rooms), 3.9 * len(rooms), 3.6)
    for ax, room in zip(axes, rooms, strict=True):
        for row in (r for r in rows if r["room"] is room):
            look = {k: v for k, v in _look(row["by"], order).items() if k != "marker"}
            ax.stairs(100 * np.array(row["counts"]) / row["answers"], edges, linewidth=1.5, **look)
        ax.set(xscale="log", xlabel="error of the place, ms", ylabel="right answers, %")
        ax.set_ylim(bottom=0)
        ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
        ax.set_title("in rooms" if room else "without a room", fontsize=9)
    _legend(figure, axes)
    parts = (
        f"{label(r['by'])} {'in rooms' if r['room'] else 'without a room'}: median {r['median_ms']:.1f} ms, "
        f"99 % {r['p99_ms']:.1f} ms"
        for r in rows
    )
    return svg(figure, "offsets", "Errors of the place found. " + "; ".join(parts) + ".")


def seconds(document: Row) -> Markup | None:
    """Median, 95th percentile and worst seconds of each of Earmark's stages and of each peer, 5-s snippets."""
    rows = stages(document)
    if not rows:
        return None
    order = names(document)
    figure, (ax,) = _figure(1, 6.4, 0.75 + 0.3 * len(rows))
    for y, row in enumerate(reversed(rows)):
        colour = _SERIES[order.index(row["by"]) % 6]
        ax.plot([row["median"], row["max"]], [y, y], color=colour, linewidth=1)
        ax.plot([row["median"], row["p95"]], [y, y], color=colour, linewidth=3.5)
        ax.plot([row["median"]], [y], "o", color=colour)
        ax.plot([row["max"]], [y], "|", color=colour, markersize=8)
    ax.set(xscale="log", xlabel="seconds: median (dot), 95 % (thick), worst (stroke)")
    ax.set_yticks(range(len(rows)), [stage_label(row) for row in reversed(rows)])
    ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
    parts = (f"{stage_label(r)}: median {r['median']:.3g} s, worst {r['max']:.3g} s" for r in rows)
    return svg(figure, "seconds", "Seconds by stage. " + "; ".join(parts) + ".")


def stages(document: Row) -> list[Row]:
    """Rows of 5-s snippets (or of the length nearest to it), without ``kl``, whose stages are part of ``auto``'s."""
    rows = [row for row in document["seconds"] if row["by"] != "kl"]
    near = min((row["length_s"] for row in rows), key=lambda length_s: abs(length_s - 5), default=None)
    return [row for row in rows if row["length_s"] == near]


def stage_label(row: Row) -> str:
    """What a row of seconds is about."""
    stage = f": {row['stage']}" if row["by"] == "auto" else ""
    return f"{label(row['by'])}{stage}, {'known' if row['known'] else 'stranger'}"


def drawn(document: Row) -> dict[str, Markup | None]:
    """Every chart by name; None where the document holds nothing to draw."""
    charts = (accuracy, reliability, det, false_alarms, offsets, seconds)
    with mpl.rc_context(_STYLE):
        return {chart.__name__: chart(document) for chart in charts}
