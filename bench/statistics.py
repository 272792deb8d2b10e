"""What a set of outcomes says: shares with intervals, calibration, false alarms, errors of place, seconds.

Pure functions of :class:`bench.outcomes.Outcome`; :func:`document` puts all of it into one JSON object, which is all
that a report needs. Shares are fractions of 1, ``low`` and ``high`` their 95 % limits, errors of place milliseconds.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

import numpy as np

from bench.conditions import CONDITIONS
from bench.outcomes import Outcome
from classifier.metrics import calibration_error, det, interval
from classifier.results import METHODS

Row = dict[str, Any]
EARMARK = tuple(METHODS)
#: E-values whose empirical rate is reported.
NOMINAL = (1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5)
#: Edges of the histogram of errors of place, ms: ten bins a decade.
OFFSET_EDGES_MS = np.logspace(-1, 3, 41)
#: False names that are listed one by one.
LISTED = 60


# --- shares ---------------------------------------------------------------------------------------------------


def cells(outcomes: Sequence[Outcome]) -> list[Row]:
    """One row for each condition, length and identifier: known queries only.

    ``identified``: right, and named. ``top1``: the first match is the right track, whatever the verdict. ``wrong``:
    named, and not right. ``ambiguous``: counted in ``identified`` or ``wrong``, but with a warning.
    """
    rows = []
    for (condition, length_s, by), cell in _grouped((o for o in outcomes if o.known), _cell).items():
        share, low, high = interval([o.right and o.accepted for o in cell], [o.cluster for o in cell])
        errors = [1000 * o.error_s for o in cell if o.error_s is not None]
        middle, far = np.quantile(errors, [0.5, 0.99]).tolist() if errors else (None, None)
        rows.append(
            {"condition": condition, "length_s": length_s, "by": by, "queries": len(cell)}
            | {"identified": share, "low": low, "high": high}
            | {"top1": float(np.mean([o.right_name for o in cell]))}
            | {"wrong": sum(o.accepted and not o.right for o in cell)}
            | {"ambiguous": sum(o.verdict == "ambiguous" for o in cell)}
            | {"offset_ms_median": middle, "offset_ms_p99": far}
        )
    return rows


def rivals(outcomes: Sequence[Outcome]) -> list[Row]:
    """Earmark (``auto``) and each peer on the snippets that both were asked about, known queries, cell by cell.

    ``behind`` marks a cell in which Earmark is not better, unless it is perfect there.
    """
    own = {o.query_id: o for o in outcomes if o.known and o.by == "auto"}
    asked = (o for o in outcomes if o.known and o.by not in EARMARK and o.query_id in own)
    rows = []
    for (condition, length_s, by), cell in _grouped(asked, _cell).items():
        ours = float(np.mean([own[o.query_id].right and own[o.query_id].accepted for o in cell]))
        theirs = float(np.mean([o.right and o.accepted for o in cell]))
        rows.append(
            {"condition": condition, "length_s": length_s, "by": by, "queries": len(cell)}
            | {"earmark": ours, "peer": theirs, "behind": ours <= theirs and ours < 1}
        )
    return rows


def _cell(o: Outcome) -> tuple[int, float, str]:
    return o.condition, o.length_s, o.by  # type: ignore[return-value]


def _grouped(outcomes: Iterable[Outcome], key: Callable[[Outcome], Hashable]) -> dict[Any, list[Outcome]]:
    """Outcomes by key, conditions in the order of the registry, lengths from short to long."""
    order = {name: i for i, name in enumerate(CONDITIONS)}
    groups: dict[Any, list[Outcome]] = defaultdict(list)
    for o in sorted(outcomes, key=lambda o: (order.get(o.condition, len(order)), o.length_s, _rank(o.by))):
        groups[key(o)].append(o)
    return groups


def _rank(by: str) -> tuple[int, str]:
    return (EARMARK.index(by), "") if by in EARMARK else (len(EARMARK), by)


# --- strangers ------------------------------------------------------------------------------------------------


def false_names(outcomes: Sequence[Outcome]) -> list[Row]:
    """Names given to strangers: one row for each condition and identifier, all lengths together."""
    rows = []
    strangers = (o for o in outcomes if not o.known and not o.right)
    for (condition, by), cell in _grouped(strangers, lambda o: (o.condition, o.by)).items():
        share, low, high = interval([o.accepted for o in cell], [o.cluster for o in cell])
        rows.append(
            {"condition": condition, "by": by, "queries": len(cell), "false": sum(o.accepted for o in cell)}
            | {"identified": sum(o.verdict == "identified" for o in cell), "share": share, "low": low, "high": high}
        )
    return rows


def listed(outcomes: Sequence[Outcome]) -> list[Row]:
    """Earmark's wrong names one by one, of strangers and of known tracks, the surest first."""
    wrong = [o for o in outcomes if o.by in EARMARK and o.accepted and not o.right]
    wrong.sort(key=lambda o: (o.known, EARMARK.index(o.by), o.log10_e if o.log10_e is not None else 0.0))
    names = ("query_id", "by", "known", "verdict", "named", "cluster", "log10_e", "z", "speed", "confidence")
    return [{name: getattr(o, name) for name in names} for o in wrong[:LISTED]]


def false_alarms(outcomes: Sequence[Outcome]) -> list[Row]:
    """How often chance reaches an E-value, against what the E-value says, for each size of catalogue.

    An E-value is an expected count: chance reaches E <= x in a share 1 - exp(-x) of searches. ``factor`` is the
    observed share over that. ``sound`` tells strangers that are music from those that are not.
    """
    rows = []
    asked = [o for o in outcomes if not o.known and not o.right and o.by == "auto"]
    for (tracks, music), group in sorted(_grouped(asked, lambda o: (o.tracks, not _music_free(o))).items()):
        for nominal in NOMINAL:
            hits = [o.log10_e is not None and o.log10_e <= math.log10(nominal) for o in group]
            share, low, high = interval(hits, [o.cluster for o in group])
            expected = float(-np.expm1(-nominal))
            rows.append(
                {"tracks": tracks, "sound": "music" if music else "no music", "queries": len(group)}
                | {"e_value": nominal, "expected": expected, "count": sum(hits)}
                | {"share": share, "low": low, "high": high, "factor": share / expected}
            )
    return rows


def _music_free(o: Outcome) -> bool:
    return CONDITIONS[o.condition].music_free


def sureness(o: Outcome) -> float:
    """How sure an answer is, in its own unit, higher being surer; minus infinity without an answer."""
    if o.log10_e is not None:
        return -o.log10_e
    known = o.confidence if o.confidence is not None else o.score
    return -np.inf if known is None else known


def det_curves(outcomes: Sequence[Outcome]) -> list[Row]:
    """A DET curve for each identifier and length."""
    curves = []
    for (length_s, by), group in _grouped(outcomes, lambda o: (o.length_s, o.by)).items():
        right = [sureness(o) if o.right else -np.inf for o in group if o.known]
        strangers = [sureness(o) for o in group if not o.known and not o.right]
        points = det(right, strangers) if right and strangers else []
        if points:  # none, for instance, where snippets are too short for any fingerprint
            curves.append(
                {"length_s": length_s, "by": by, "known": len(right), "strangers": len(strangers)} | {"points": points}
            )
    return curves


# --- confidence, places, time ---------------------------------------------------------------------------------


def calibration(outcomes: Sequence[Outcome], bins: int = 10) -> tuple[float, list[Row]]:
    """Expected calibration error of ``confidence`` and its bins, known and unknown queries weighing alike.

    Parameters
    ----------
    outcomes : sequence of Outcome
        Of one method; those without a confidence are left out.
    bins : int
        Of equal width.

    Returns
    -------
    float
        As :func:`~classifier.metrics.calibration_error` defines it.
    list of dict
        For each bin that is not empty: its ``share`` of the weight, ``queries``, what was ``said`` and ``found``.
    """
    groups = [[o for o in outcomes if o.known is known and o.confidence is not None] for known in (True, False)]
    groups = [group for group in groups if group]
    if not groups:
        return 0.0, []
    weight = np.concatenate([np.full(len(g), 1 / len(g) / len(groups)) for g in groups])
    confidence = np.array([o.confidence for g in groups for o in g], float)
    right = np.array([o.right for g in groups for o in g], bool)
    error, rows = calibration_error(confidence, right, weight, bins)
    return error, [row.to_dict() for row in rows]


def offsets(outcomes: Sequence[Outcome]) -> list[Row]:
    """Errors of place of right, named answers, with and without a room: counts between ``OFFSET_EDGES_MS``."""
    rows = []
    groups = _grouped(_placed(outcomes), lambda o: (CONDITIONS[o.condition].room, o.by))
    for (room, by), group in sorted(groups.items(), key=lambda item: (item[0][0], _rank(item[0][1]))):
        errors = np.array([1000 * o.error_s for o in group if o.error_s is not None])
        inside = np.clip(errors, OFFSET_EDGES_MS[0], OFFSET_EDGES_MS[-1])
        rows.append(
            {"room": room, "by": by, "answers": len(errors)}
            | {"median_ms": float(np.median(errors)), "p99_ms": float(np.quantile(errors, 0.99))}
            | {"max_ms": float(errors.max()), "counts": np.histogram(inside, OFFSET_EDGES_MS)[0].tolist()}
        )
    return rows


def _placed(outcomes: Sequence[Outcome]) -> list[Outcome]:
    return [o for o in outcomes if o.known and o.accepted and o.right and o.error_s is not None]


def seconds(outcomes: Sequence[Outcome]) -> list[Row]:
    """Seconds by identifier, length, known or not, and stage: median, 95 %, worst; ``total`` is the stages' sum."""
    rows = []
    for (length_s, by, known), group in _grouped(outcomes, lambda o: (o.length_s, o.by, o.known)).items():
        stages: dict[str, list[float]] = defaultdict(list)
        for o in group:
            for stage, value in o.seconds.items():
                stages[stage].append(value)
            if "total" not in o.seconds:  # a peer's only stage
                stages["total"].append(sum(o.seconds.values()))
        for stage, values in stages.items():
            middle, slow = np.quantile(values, [0.5, 0.95]).tolist()
            rows.append(
                {"length_s": length_s, "by": by, "known": known, "stage": stage, "queries": len(values)}
                | {"median": middle, "p95": slow, "max": max(values)}
            )
    return rows


# --- all together ---------------------------------------------------------------------------------------------


def document(outcomes: Sequence[Outcome], tracks: int, facts: Row) -> Row:
    """Return everything as one JSON object.

    Parameters
    ----------
    outcomes : sequence of Outcome
        All there are.
    tracks : int
        Size of the catalogue proper; outcomes of others enter the check of false-alarm rates only.
    facts : dict
        What the reader must know: date, versions, corpus, machine, command.
    """
    main = [o for o in outcomes if o.tracks == tracks]
    confidences = {by: calibration([o for o in main if o.by == by]) for by in EARMARK}
    return {
        "facts": facts,
        "cells": cells(main),
        "rivals": rivals(main),
        "false_names": false_names(main),
        "listed": listed(main),
        "false_alarms": false_alarms(outcomes),
        "det": det_curves(main),
        "calibration": {by: {"error": error, "bins": bins} for by, (error, bins) in confidences.items()},
        "offset_edges_ms": OFFSET_EDGES_MS.tolist(),
        "offsets": offsets(main),
        "seconds": seconds(main),
    }
