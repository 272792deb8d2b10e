"""The card of a model: what a reader should know before believing it, as JSON and as text.

It holds no date and no path, so that the same clips give the same model, bit for bit.
"""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from classifier import __version__
from classifier.labels.training.dataset import NO_GROUP, Dataset
from classifier.labels.training.folds import groups_of_each
from classifier.labels.training.selection import FEWEST_GROUPS, Choice

NO_GROUP_WARNING = "No groups were given: clips of one artist, album or series lay on both sides of the splits, "
    "so the figures flatter."


def data_of(dataset: Dataset) -> dict[str, Any]:
    """Return what is said of the clips."""
    counts = Counter(label for clip in dataset.clips for label in clip.labels)
    return {
        "clips": len(dataset.clips),
        "by_label": dict(sorted(counts.items())),
        "grouping": dataset.grouping,
        "groups": len(set(dataset.groups)),
    }


def warnings_of(dataset: Dataset) -> list[str]:
    """Return what makes the figures doubtful."""
    found = [NO_GROUP_WARNING] if dataset.grouping == NO_GROUP else []
    groups = groups_of_each(dataset.targets, dataset.groups)
    few = [f"{label} ({n})" for label, n in zip(dataset.labels, groups.tolist(), strict=True) if n < FEWEST_GROUPS]
    if few:
        found.append(f"Too little to estimate: fewer than {FEWEST_GROUPS} groups have the label {', '.join(few)}.")
    return found


def choice_of(chosen: Choice, shown: int = 10) -> dict[str, Any]:
    """Return what was chosen, and the best of what was tried."""
    return {
        "features": chosen.view,
        "family": chosen.candidate.family,
        "parameters": chosen.candidate.values,
        "log_loss": round(chosen.loss, 6),
        "tried": len(chosen.tried),
        "best": [
            {"features": view, "candidate": name, "log_loss": round(loss, 6)}
            for view, name, loss in chosen.tried[:shown]
        ],
    }


def versions() -> dict[str, str]:
    """Return versions of what a fit depends on."""
    import sklearn

    return {
        "earmark": __version__,
        "numpy": np.__version__,
        "scikit-learn": sklearn.__version__,
        "python": platform.python_version(),
    }


def text(task: str, version: str, manifest: dict[str, Any]) -> list[str]:
    """Return a card as lines for a person; ``manifest`` is that of a model, checked."""
    card = manifest["card"]
    lines = [
        f"{task} {version}: {', '.join(manifest['labels'])}",
        f"{manifest['family']} on {manifest['view']} ({', '.join(manifest['extractors']) or 'a table'}), "
        f"{'one label' if manifest['kind'] == 'exclusive' else 'several labels'} a recording",
    ]
    lines += _strings(card.get("summary"))
    data = card.get("data")
    if isinstance(data, dict):
        lines.append(f"Trained on {data.get('clips')} clips in {data.get('groups')} groups ({data.get('grouping')}).")
    for name, heading in (("honest", "Honest"), ("leaky", "Leaky, for comparison")):
        for protocol in _objects(card.get(name)):
            lines.append(f"{heading}: {_figures_line(protocol)}")
    for name in ("warnings", "weaknesses"):
        lines += [f"- {line}" for line in _strings(card.get(name))]
    return lines


def _figures_line(protocol: dict[str, Any]) -> str:
    """Return the chief figures of a protocol in a line."""
    figures = protocol.get("figures")
    if not isinstance(figures, dict):
        return str(protocol.get("name"))
    parts = []
    for name in ("accuracy", "top3", "exact"):
        value = figures.get(name)
        if isinstance(value, dict):
            parts.append(f"{name} {percent_interval(value)}")
    if figures.get("macro_auc") is not None:
        parts.append(f"mean AUC {figures['macro_auc']}")
    calibration = figures.get("calibration")
    if isinstance(calibration, dict):
        parts.append(f"calibration error {calibration.get('error')}")
    return f"{protocol.get('name')}: {', '.join(parts)}; n = {figures.get('n')}"


def percent_interval(value: dict[str, float]) -> str:
    """Return a share with its interval: ``81.0 % [76-85]``."""
    return f"{100 * value['value']:.1f} % [{100 * value['low']:.0f}-{100 * value['high']:.0f}]"


def _strings(value: Any) -> Sequence[str]:
    if isinstance(value, str):
        return [value]
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
