"""Cards of models as text for a person; files that may be anybody's hold them, so nothing in them is relied on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


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
            # Without groups even the figures that stand for honest ones come from random clips.
            flatters = name == "honest" and protocol.get("leaky") is True
            lines.append(f"{'Leaky, for no groups were given' if flatters else heading}: {_figures_line(protocol)}")
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
        share = percent_interval(figures.get(name))
        if share:
            parts.append(f"{name} {share}")
    if figures.get("macro_auc") is not None:
        parts.append(f"mean AUC {figures['macro_auc']}")
    calibration = figures.get("calibration")
    if isinstance(calibration, dict):
        parts.append(f"calibration error {calibration.get('error')}")
    return f"{protocol.get('name')}: {', '.join(parts)}; n = {figures.get('n')}"


def percent_interval(value: Any) -> str:
    """Return a share with its interval: ``81.0 % [76-85]``; nothing if it is none."""
    try:
        low, middle, high = (100 * float(value[name]) for name in ("low", "value", "high"))
    except (TypeError, LookupError, ValueError):
        return ""
    return f"{middle:.1f} % [{low:.0f}-{high:.0f}]"


def _strings(value: Any) -> Sequence[str]:
    if isinstance(value, str):
        return [value]
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
