"""What outcomes add up to: shares with intervals, margins, calibration, and who was taken for whom.

Shares are fractions of 1; intervals cover 95 % and count all snippets of one file together. *Right* is a first match
that is the track; *identified* is right and named by the verdict; *wrong* is any other name that the verdict gives.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from classifier.experiments.asking import Outcome
from classifier.metrics import CalibrationBin, calibration_error, interval

_MOST_CONFUSED = 20


@dataclass(frozen=True, slots=True)
class Share:
    """A share with its interval; all None where nothing was asked."""

    value: float | None = None
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, hits: Sequence[bool], outcomes: Sequence[Outcome]) -> Share:
        """Count."""
        return cls(*interval(hits, [outcome.file for outcome in outcomes])) if hits else cls()

    @property
    def brief(self) -> str:
        """Per cent without the interval."""
        return "-" if self.value is None else f"{100 * self.value:.1f}"

    def __str__(self) -> str:
        if self.value is None or self.low is None or self.high is None:
            return "-"
        return f"{100 * self.value:.1f} ({100 * self.low:.0f}-{100 * self.high:.0f})"


@dataclass(frozen=True, slots=True)
class Row:
    """Figures of one condition.

    Parameters
    ----------
    condition : str
        Its name; ``all`` for all together.
    known, unknown : int
        Answers about tracks of the catalogue, and about others.
    right, identified, wrong : Share
        Of the known ones.
    false_names : Share
        Of the unknown ones: named anyway.
    offset_error_s : float or None
        Median of the right ones.
    margin : float or None
        Median of the right ones; see :class:`classifier.experiments.asking.Outcome`.
    log10_e_right, log10_e_other : float or None
        Median of the first match: where it is right, and of unknown recordings.
    """

    condition: str
    known: int
    unknown: int
    right: Share
    identified: Share
    wrong: Share
    false_names: Share
    offset_error_s: float | None
    margin: float | None
    log10_e_right: float | None
    log10_e_other: float | None


@dataclass(frozen=True, slots=True)
class Summary:
    """All figures of an experiment.

    Parameters
    ----------
    rows : list of Row
        All together first, then by condition, in the order asked.
    calibration_error : float or None
        Expected error of the confidence; None where none is stated.
    calibration : list of CalibrationBin
        What it sums over.
    confused : list of (str, str, int)
        Track, what it was taken for, and how often, whatever the verdict; the most frequent first.
    faults : list of (str, str)
        Files without an answer, and why.
    """

    rows: list[Row]
    calibration_error: float | None
    calibration: list[CalibrationBin]
    confused: list[tuple[str, str, int]]
    faults: list[tuple[str, str]]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return asdict(self)


def summarise(outcomes: Sequence[Outcome]) -> Summary:
    """Add up outcomes."""
    answered = [outcome for outcome in outcomes if outcome.fault is None]
    names = list(dict.fromkeys(outcome.condition for outcome in answered))
    rows = [_row("all", answered)] + [_row(name, [o for o in answered if o.condition == name]) for name in names]
    stated = [outcome for outcome in answered if outcome.confidence is not None]
    error: float | None = None
    bins: list[CalibrationBin] = []
    if stated:
        confidence = np.array([outcome.confidence for outcome in stated])
        error, bins = calibration_error(confidence, np.array([outcome.right for outcome in stated]))
    confused = Counter(
        (o.track or "", o.named or "")
        for o in answered
        if o.track_id is not None and o.named_id is not None and not o.right
    )
    faults = list(dict.fromkeys((outcome.file, outcome.fault) for outcome in outcomes if outcome.fault is not None))
    return Summary(rows, error, bins, [(*pair, n) for pair, n in confused.most_common(_MOST_CONFUSED)], faults)


def _row(name: str, outcomes: Sequence[Outcome]) -> Row:
    known = [outcome for outcome in outcomes if outcome.track_id is not None]
    unknown = [outcome for outcome in outcomes if outcome.track_id is None]
    right = [outcome for outcome in known if outcome.right]
    return Row(
        condition=name,
        known=len(known),
        unknown=len(unknown),
        right=Share.of([o.right for o in known], known),
        identified=Share.of([o.right and _names(o) for o in known], known),
        wrong=Share.of([not o.right and _names(o) for o in known], known),
        false_names=Share.of([_names(o) for o in unknown], unknown),
        offset_error_s=_median([o.error_s for o in right]),
        margin=_median([o.margin for o in right]),
        log10_e_right=_median([o.log10_e for o in right]),
        log10_e_other=_median([o.log10_e for o in unknown]),
    )


def _names(outcome: Outcome) -> bool:
    return outcome.verdict in ("identified", "ambiguous")


def _median(values: Sequence[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return round(float(np.median(there)), 4) if there else None
