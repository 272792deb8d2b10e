"""Judging features and families on labelled clips: by every protocol they allow, and under worse conditions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from classifier.audio.decoder import Decoder
from classifier.demo.phone import mix_at_snr
from classifier.labels import views
from classifier.labels.scoring.model import LabelModel
from classifier.labels.training import extraction
from classifier.labels.training.dataset import Dataset
from classifier.labels.training.figures import figures
from classifier.labels.training.protocols import most_honest, protocols, run
from classifier.labels.training.selection import (
    Tick,
    choose,
    fit_arrays,
    inner_splits,
)
from classifier.labels.training.train import Prepared
from classifier.noise.babble import babble
from classifier.settings import Settings
from classifier.svg import confusion_svg, reliability_svg

#: Lengths, seconds, and levels of music over a talking crowd, dB, at which a model is tried.
LENGTHS_S, SNR_DB = (3.0, 5.0, 10.0), (20.0, 10.0, 5.0)
_CROWDS, _CROWD_S = 3, 12
_HELD_OUT = 0.1


def evaluate(dataset: Dataset, prepared: Prepared, seed: int, tick: Tick = lambda: None) -> list[dict[str, Any]]:
    """Return the figures of every protocol, leaky ones first.

    Parameters
    ----------
    dataset, prepared
        Clips, and as numbers.
    seed : int
        Of folds, fits and intervals.
    tick : callable
        Called after each fit.
    """
    return [
        run(protocol, prepared.problem, prepared.tried, dataset.labels, seed, tick)[1]
        for protocol in protocols(dataset, seed)
    ]


# --- worse conditions ---------------------------------------------------------------------------------------


def conditions(
    settings: Settings,
    decoder: Decoder,
    dataset: Dataset,
    prepared: Prepared,
    done: extraction.Done,
    lengths_s: Sequence[float] = LENGTHS_S,
    snr_db: Sequence[float] = SNR_DB,
) -> dict[str, dict[str, np.ndarray]]:
    """Return the features of all clips, shortened and under talk: by condition and view, shape (n, d).

    Parameters
    ----------
    settings, decoder
        For the recordings.
    dataset, prepared
        Clips, and as numbers; a table has no conditions.
    done : callable
        Told how many recordings of all conditions are done.
    lengths_s, snr_db : sequence of float
        Seconds from the middle; level over a talking crowd, dB.
    """
    paths = [clip.path for clip in dataset.clips if clip.path is not None]
    if not paths:
        return {}
    chosen = [views.VIEWS[name] for name in prepared.problem.rows]
    needs = list(dict.fromkeys(name for view in chosen for name in view.needs))
    changes: dict[str, extraction.Change] = {f"{length:g} s": _middle(length) for length in lengths_s}
    crowds = _Crowds(seed=7)
    changes |= {f"talk at {level:g} dB": crowds.over(level) for level in snr_db}
    found = {}
    for number, (name, change) in enumerate(changes.items()):
        told = _after(done, number * len(paths))
        vectors = extraction.changed_vectors(settings, decoder, paths, needs, change, told)
        found[name] = {view.name: view.rows(vectors) for view in chosen}
    return found


def _after(done: extraction.Done, before: int) -> extraction.Done:
    return lambda count: done(before + count)


def n_conditions() -> int:
    """Return how many conditions there are."""
    return len(LENGTHS_S) + len(SNR_DB)


def _middle(length_s: float) -> extraction.Change:
    def change(samples: np.ndarray, rate: int) -> np.ndarray:
        size = round(length_s * rate)
        start = max(0, (len(samples) - size) // 2)
        return samples[start : start + size]

    return change


class _Crowds:
    """A few talking crowds, made when first needed; clip after clip gets the next one."""

    def __init__(self, seed: int) -> None:
        self._seed, self._count = seed, 0
        self._made: dict[tuple[int, int], np.ndarray] = {}

    def over(self, snr_db: float) -> extraction.Change:
        """Return what puts music above a crowd by so many dB."""

        def change(samples: np.ndarray, rate: int) -> np.ndarray:
            key = (rate, self._count % _CROWDS)
            self._count += 1
            if key not in self._made:
                self._made[key] = babble(_CROWD_S * rate, rate, self._seed + key[1])
            return mix_at_snr(samples, np.resize(self._made[key], len(samples)), snr_db)

        return change


def under_conditions(
    dataset: Dataset,
    prepared: Prepared,
    changed: dict[str, dict[str, np.ndarray]],
    seed: int,
    tick: Tick = lambda: None,
) -> list[dict[str, Any]]:
    """Return figures under each condition, by the most honest protocol, of models trained on the clips as they are."""
    protocol = most_honest(dataset, seed)
    problem = prepared.problem
    parts: dict[str, list[np.ndarray]] = {name: [] for name in changed}
    for number, (train, test) in enumerate(protocol.splits):
        inner = problem.part(train)
        splits = inner_splits(inner.targets, [protocol.units[i] for i in train], seed + number)
        chosen = choose(inner, prepared.tried, splits, seed, tick)
        arrays = fit_arrays(inner, chosen.view, chosen.candidate, seed) | {"temperature": chosen.temperature}
        tick()
        model = LabelModel(
            task="evaluation",
            kind=problem.kind,
            labels=dataset.labels,
            family=chosen.candidate.family,
            view=chosen.view,
            extractors=prepared.extractors[chosen.view],
            columns=prepared.columns[chosen.view],
            arrays=arrays,
        )
        for name, rows in changed.items():
            parts[name].append(model.probabilities(rows[chosen.view][test]))
    clips = np.concatenate([test for _, test in protocol.splits])
    groups = [problem.groups[i] for i in clips]
    found = []
    for name, each in parts.items():
        p = np.concatenate(each)
        values = figures(p, problem.targets[clips], groups, dataset.labels, problem.kind, seed)
        found.append({"name": name, "protocol": protocol.name, "figures": values})
    return found


def write_charts(
    found: list[dict[str, Any]], labels: Sequence[str], folder: Path, what: Callable[[str], str]
) -> list[Path]:
    """Write a confusion matrix and a reliability diagram of each protocol into a folder; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for number, one in enumerate(found, start=1):
        values = one["figures"]
        charts = {
            "reliability": reliability_svg(
                values["calibration"]["bins"], values["calibration"]["error"], what(one["name"])
            )
        }
        if "confusion" in values:
            charts["confusion"] = confusion_svg(np.array(values["confusion"]), labels, what(one["name"]))
        for kind, text in charts.items():
            path = folder / f"{number}-{kind}.svg"
            path.write_text(text, "utf-8")
            written.append(path)
    return written
