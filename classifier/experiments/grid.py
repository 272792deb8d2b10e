"""Grids over the parameters of a catalogue, and choosing among their cells without fooling oneself.

The best of many cells on some snippets is better there than it is: the luck of those snippets was chosen too. *Nested*
selection chooses a cell on all tracks but some, and counts it on those only.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from classifier.bounds import did_you_mean
from classifier.config import FeatureConfig
from classifier.errors import InvalidConfig, InvalidParameter
from classifier.experiments.asking import Outcome

#: Synced.fm compared mixtures regardless of order, fitted by EM alone.
SYNCED = {"method": "kl-mixture", "map_relevance": 0.0}
#: Its three experiments: values of each parameter. ``overlap`` is frame length over frame step.
PRESETS: dict[str, dict[str, list[Any]]] = {
    "components-iterations-block": {
        "n_components": [4, 6, 8, 12],
        "em_max_iterations": [50, 100, 200],
        "frame_length": [256, 512, 1024, 2048],
    },
    "components-block-overlap": {
        "n_components": [4, 6, 8, 12],
        "frame_length": [256, 512, 1024, 2048],
        "overlap": [2, 4],
    },
    "covariance": {"covariance_type": ["full", "diag"]},
}
FOLDS = 5


@dataclass(frozen=True, slots=True)
class Cell:
    """One configuration of a grid: the values that vary, and all of it; or why it is none."""

    values: dict[str, Any]
    config: FeatureConfig | None
    refused: str = ""

    @property
    def name(self) -> str:
        """The values that vary, in words."""
        return ", ".join(f"{name} {value}" for name, value in self.values.items())


def parse(specs: Iterable[str]) -> dict[str, list[Any]]:
    """Read values such as ``n_components=4,6,8``.

    Raises
    ------
    InvalidParameter
        Naming what cannot be read, or no parameter of catalogues.
    """
    known = {item.name for item in fields(FeatureConfig)} | {"overlap"}
    found: dict[str, list[Any]] = {}
    for spec in specs:
        name, equals, values = spec.partition("=")
        if name not in known:
            raise InvalidParameter(f"unknown parameter {name!r}{did_you_mean(name, known)}")
        if not equals or not all(part.strip() for part in values.split(",")):
            raise InvalidParameter(f"{spec!r} names no values: write them as in n_components=4,6,8")
        found[name] = [_value(part.strip()) for part in values.split(",")]
    return found


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def cells(axes: Mapping[str, Sequence[Any]], base: Mapping[str, Any]) -> list[Cell]:
    """Return every combination of values, over a base configuration; what cannot be is there with its reason."""
    found = []
    for combination in itertools.product(*axes.values()):
        values = dict(zip(axes, combination, strict=True))
        try:
            config = FeatureConfig.from_dict(_resolved({**base, **values}))
        except (InvalidConfig, TypeError) as error:
            found.append(Cell(values, None, str(error)))
        else:
            found.append(Cell(values, config))
    return found


def _resolved(values: dict[str, Any]) -> dict[str, Any]:
    """Turn an overlap into a frame step; a frame length alone keeps its overlap of two, as Synced.fm had it."""
    overlap = values.pop("overlap", None)
    length = values.get("frame_length")
    if overlap is not None:
        if not isinstance(overlap, int | float) or overlap < 1:
            raise InvalidConfig(f"overlap is {overlap!r}: it must be a number of at least 1")
        values["frame_step"] = max(1, round((length or FeatureConfig().frame_length) / overlap))
    elif isinstance(length, int) and "frame_step" not in values:
        values["frame_step"] = max(1, length // 2)
    return values


@dataclass(frozen=True, slots=True)
class Choice:
    """The best cell, and what choosing it is worth.

    Parameters
    ----------
    best : int
        Cell with the most snippets identified.
    flattered : float
        Its share on the snippets that it was chosen by.
    nested : float
        Share on tracks that took no part in the choice, over all folds.
    chosen : list of int
        Cell chosen in each fold.
    """

    best: int
    flattered: float
    nested: float
    chosen: list[int]


def choose(hits: Mapping[int, Mapping[str, bool]], groups: Mapping[str, str], seed: int, folds: int = FOLDS) -> Choice:
    """Choose among cells by the share of hits, and say how good the choice is on tracks that it has not seen.

    Parameters
    ----------
    hits : mapping of int to mapping of str to bool
        For each cell, whether each query succeeded; the same queries in each.
    groups : mapping of str to str
        Track of each query: all snippets of one are in one fold. Two tracks at least.
    seed : int
        Of the folds.
    folds : int
        At most; never more than tracks.
    """
    names = np.unique(list(groups.values()))
    place = np.random.default_rng([seed, 61]).permutation(len(names)) % min(folds, len(names))
    fold = dict(zip(names.tolist(), place.tolist(), strict=True))

    def share(cell: int, ids: Sequence[str]) -> float:
        return float(np.mean([hits[cell][i] for i in ids]))

    everything = sorted(groups)
    best = max(hits, key=lambda cell: (share(cell, everything), -cell))
    chosen, found = [], []
    for number in range(min(folds, len(names))):
        inside = [i for i in everything if fold[groups[i]] == number]
        outside = [i for i in everything if fold[groups[i]] != number]
        picked = max(hits, key=lambda cell: (share(cell, outside), -cell))
        chosen.append(picked)
        found += [hits[picked][i] for i in inside]
    return Choice(best, share(best, everything), float(np.mean(found)), chosen)


def known_hits(outcomes: Iterable[Outcome], *, by_verdict: bool) -> dict[str, bool]:
    """Return for each query about a known track whether the first match is right (and, if asked, named)."""
    return {
        o.id: o.right and (not by_verdict or o.verdict in ("identified", "ambiguous"))
        for o in outcomes
        if o.track_id is not None
    }
